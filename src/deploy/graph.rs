//! What must wait for what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::error::DeployError;

/// How far a step must be before another one may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// ARM has accepted it and answered with a body (a service's principal id is in it).
    Accepted,
    /// It is finished.
    Finished,
}

/// Steps by number, and what each waits for.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    labels: Vec<String>,
    /// For each step: the steps that it waits for.
    waits: Vec<BTreeMap<usize, Stage>>,
}

impl Graph {
    /// Adds a step; its label is for the report of a circle.
    pub(super) fn add(&mut self, label: impl Into<String>) -> usize {
        self.labels.push(label.into());
        self.waits.push(BTreeMap::new());
        self.labels.len() - 1
    }

    /// How many steps there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// `step` starts only after `other` has reached `stage`.
    pub(super) fn wait_for(&mut self, step: usize, other: usize, stage: Stage) {
        if step == other {
            return;
        }
        if let Some(waits) = self.waits.get_mut(step) {
            let known = waits.entry(other).or_insert(stage);
            *known = stage.max(*known);
        }
    }

    /// What `step` waits for.
    pub(super) fn waits(&self, step: usize) -> impl Iterator<Item = (usize, Stage)> {
        self.waits.get(step).into_iter().flatten().map(|(other, stage)| (*other, *stage))
    }

    /// An order in which every step comes after what it waits for (Kahn's algorithm; equal steps keep their order).
    ///
    /// # Errors
    /// Steps that wait for each other, named in a circle.
    pub(super) fn order(&self) -> Result<Vec<usize>, DeployError> {
        let mut missing: Vec<usize> = self.waits.iter().map(BTreeMap::len).collect();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); self.len()];
        for (step, waits) in self.waits.iter().enumerate() {
            for other in waits.keys() {
                if let Some(list) = followers.get_mut(*other) {
                    list.push(step);
                }
            }
        }
        let mut ready: VecDeque<usize> = missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(step, _)| step).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(step) = ready.pop_front() {
            order.push(step);
            for follower in followers.get(step).into_iter().flatten() {
                if let Some(count) = missing.get_mut(*follower) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push_back(*follower);
                    }
                }
            }
        }
        if order.len() == self.len() { Ok(order) } else { Err(DeployError::Cycle(self.circle(&order))) }
    }

    /// One circle among the steps that are not in `done`: each of them waits for another of them, so walking back must repeat.
    fn circle(&self, done: &[usize]) -> Vec<String> {
        let done: BTreeSet<usize> = done.iter().copied().collect();
        let mut path: Vec<usize> = Vec::new();
        let mut step = (0..self.len()).find(|step| !done.contains(step));
        while let Some(here) = step {
            if let Some(start) = path.iter().position(|seen| *seen == here) {
                path.push(here);
                return path.iter().skip(start).filter_map(|step| self.labels.get(*step).cloned()).collect();
            }
            path.push(here);
            step = self.waits(here).map(|(other, _)| other).find(|other| !done.contains(other));
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(count: usize, edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        for number in 0..count {
            graph.add(number.to_string());
        }
        for (step, other) in edges {
            graph.wait_for(*step, *other, Stage::Finished);
        }
        graph
    }

    #[test]
    fn a_circle_is_named_from_end_to_end() {
        let error = graph(4, &[(1, 2), (2, 3), (3, 1)]).order().unwrap_err();
        assert_eq!(error.to_string(), "these resources depend on each other in a circle: 1 → 2 → 3 → 1");
    }

    #[test]
    fn the_later_stage_wins() {
        let mut graph = graph(2, &[]);
        graph.wait_for(1, 0, Stage::Finished);
        graph.wait_for(1, 0, Stage::Accepted);
        assert_eq!(graph.waits(1).collect::<Vec<_>>(), [(0, Stage::Finished)]);
    }

    proptest! {
        #[test]
        fn every_step_comes_after_what_it_waits_for(edges in prop::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let acyclic: Vec<(usize, usize)> = edges.into_iter().filter(|(step, other)| step > other).collect();
            let graph = graph(12, &acyclic);
            let order = graph.order().unwrap();
            prop_assert_eq!(order.len(), 12);
            for (step, other) in acyclic {
                let place = |wanted: usize| order.iter().position(|step| *step == wanted);
                prop_assert!(place(other) < place(step));
            }
        }
    }
}
