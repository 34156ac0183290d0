//! What waits for what must not go round in a circle.

use std::collections::HashMap;

use super::codes;
use crate::arm::ResourceId;
use crate::deploy::resource::DesiredResource;
use crate::support::finding::{Finding, Kind};

/// Reports each circle, and cuts it so that what is left has an order.
pub(super) fn cut_circles(resources: &mut [DesiredResource]) -> Vec<Finding> {
    let mut findings = Vec::new();
    while let Some(circle) = circle(resources) {
        let Some((&first, &last)) = circle.first().zip(circle.last()) else { break };
        let names: Vec<String> = circle.iter().filter_map(|index| resources.get(*index)).map(name).collect();
        let Some(closing) = resources.get(first).and_then(|resource| resource.id.known().cloned()) else { break };
        let Some(cut) = resources.get_mut(last) else { break };
        let message = format!("these wait for each other, so none of them can be made first: {}", names.join(" → "));
        findings.push(Finding::error(codes::CIRCLE, Kind::Place, message).at(cut.span).help("take one of the references away"));
        let before = cut.depends_on.len();
        cut.depends_on.retain(|id| *id != closing);
        if cut.depends_on.len() == before {
            // The circle closes over a parent; nothing of ours can be cut.
            break;
        }
    }
    findings
}

fn name(resource: &DesiredResource) -> String {
    let label = resource.entry().map_or("resource", |entry| entry.label);
    format!("{label} `{}`", resource.id.known().map_or("", ResourceId::name))
}

/// Indices of resources each of which waits for the next, and the last for the first.
fn circle(resources: &[DesiredResource]) -> Option<Vec<usize>> {
    let index: HashMap<&ResourceId, usize> =
        resources.iter().enumerate().filter_map(|(index, resource)| Some((resource.id.known()?, index))).collect();
    let waits: Vec<Vec<usize>> = resources
        .iter()
        .map(|resource| {
            let parent = resource.id.parent();
            resource.depends_on.iter().chain(&parent).filter_map(|id| index.get(id).copied()).collect()
        })
        .collect();
    // Takes away, again and again, what waits for nothing that is left.
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut wanted_by: Vec<Vec<usize>> = vec![Vec::new(); resources.len()];
    for (own, others) in waits.iter().enumerate() {
        for other in others {
            if let Some(list) = wanted_by.get_mut(*other) {
                list.push(own);
            }
        }
    }
    let mut free: Vec<usize> = left.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
    while let Some(done) = free.pop() {
        for waiting in wanted_by.get(done).into_iter().flatten() {
            if let Some(count) = left.get_mut(*waiting) {
                *count -= 1;
                if *count == 0 {
                    free.push(*waiting);
                }
            }
        }
    }
    // Whoever is left waits for somebody who is left: following them comes back to where it has been.
    let is_left = |index: usize| left.get(index).is_some_and(|count| *count > 0);
    let mut path = vec![(0..resources.len()).find(|index| is_left(*index))?];
    loop {
        let next = waits.get(*path.last()?)?.iter().copied().find(|other| is_left(*other))?;
        if let Some(start) = path.iter().position(|index| *index == next) {
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}
