//! The steps of a plan, and what each of them waits for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::arm::{ResourceId, catalogue};
use crate::deploy::deployment::Deployment;
use crate::deploy::error::DeployError;
use crate::deploy::graph::{Graph, Stage};
use crate::deploy::live::ServiceState;
use crate::deploy::plan::{Action, Change, Plan, is_container, is_role_assignment, rank};
use crate::deploy::resource::{DesiredId, DesiredResource};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Takes the lease and writes the manifest.
    Manifest,
    /// Carries out the change of this index.
    Change(usize),
    /// The change of this index happens by the deletion of what it lies in.
    Implied(usize),
    /// Nothing; deletions of one rank wait for it, and it for all that may refer to them.
    Barrier,
}

/// Steps and their order.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub graph: Graph,
    pub tasks: Vec<Task>,
    /// Steps of one group never run at the same time.
    pub groups: Vec<Option<ResourceId>>,
}

impl Schedule {
    fn add(&mut self, task: Task, label: &str, group: Option<ResourceId>) -> usize {
        self.tasks.push(task);
        self.groups.push(group);
        self.graph.add(label)
    }
}

/// Whether the manifest has a say in a change: everything but the service and group themselves.
pub(super) fn concerns_manifest(change: &Change) -> bool {
    change.target.as_ref().is_none_or(|id| !is_container(id))
}

/// Builds the schedule of `plan`.
///
/// # Errors
/// Resources that wait for each other in a circle.
pub(super) fn schedule(deployment: &Deployment, plan: &Plan) -> Result<Schedule, DeployError> {
    let mut schedule = Schedule::default();
    let doing: Vec<(usize, &Change)> = plan.changes.iter().enumerate().filter(|(_, change)| change.action != Action::None).collect();
    let deleted: BTreeSet<&ResourceId> =
        doing.iter().filter(|(_, change)| change.action == Action::Delete).filter_map(|(_, change)| change.target.as_ref()).collect();

    let mut made: BTreeMap<&ResourceId, usize> = BTreeMap::new();
    let mut writes: Vec<(usize, &Change)> = Vec::new();
    let mut deletes: Vec<(usize, &Change)> = Vec::new();
    let mut implied: Vec<(usize, &Change)> = Vec::new();
    for (index, change) in &doing {
        let group = change.target.as_ref().and_then(catalogue::serial_group);
        if change.action != Action::Delete {
            let step = schedule.add(Task::Change(*index), &change.id, group);
            made.extend(change.target.as_ref().map(|id| (id, step)));
            writes.push((step, *change));
        } else if change.target.as_ref().is_some_and(|id| falls_with(id, &deleted)) {
            let step = schedule.add(Task::Implied(*index), &change.id, None);
            implied.push((step, *change));
        } else {
            let step = schedule.add(Task::Change(*index), &change.id, group);
            deletes.push((step, *change));
        }
    }
    for (step, change) in &writes {
        let Some(resource) = change.desired.and_then(|index| deployment.desired.resources.get(index)) else { continue };
        write_order(&mut schedule.graph, *step, resource, &made);
    }
    let gone: BTreeMap<&ResourceId, usize> = deletes.iter().filter_map(|(step, change)| Some((change.target.as_ref()?, *step))).collect();
    for (step, change) in &implied {
        let Some(id) = &change.target else { continue };
        for parent in ancestors(id).filter_map(|ancestor| gone.get(&ancestor).copied()) {
            schedule.graph.wait_for(*step, parent, Stage::Finished);
        }
    }
    delete_order(&mut schedule, deployment, plan, &writes, &deletes);
    manifest_order(&mut schedule, deployment, plan, &made);
    schedule.graph.order()?;
    Ok(schedule)
}

/// Whether the deletion of something around it takes a resource away. A group's deletion would too, yet what is ours in it is
/// deleted first and by name; a role assignment outlives its scope.
fn falls_with(id: &ResourceId, deleted: &BTreeSet<&ResourceId>) -> bool {
    !is_role_assignment(id)
        && ancestors(id).any(|ancestor| !ancestor.is_type("Microsoft.Resources/resourceGroups") && deleted.contains(&ancestor))
}

fn ancestors(id: &ResourceId) -> impl Iterator<Item = ResourceId> {
    std::iter::successors(id.parent(), ResourceId::parent)
}

fn write_order(graph: &mut Graph, step: usize, resource: &DesiredResource, made: &BTreeMap<&ResourceId, usize>) {
    // A role assignment needs the principal, which the first answer to the service's PUT already holds.
    let principal = match &resource.id {
        DesiredId::RoleAssignment { principal, .. } => Some(&principal.id),
        DesiredId::Known(_) => None,
    };
    let stage = |id: &ResourceId| if principal == Some(id) { Stage::Accepted } else { Stage::Finished };
    let parents = std::iter::successors(resource.id.parent(), ResourceId::parent);
    let holes = resource.body.holes.iter().map(|hole| hole.source.id.clone());
    for id in parents.chain(resource.depends_on.iter().cloned()).chain(holes).chain(principal.cloned()) {
        if let Some(other) = made.get(&id) {
            graph.wait_for(step, *other, stage(&id));
        }
    }
}

/// Deletions come last, what refers before what is referred to, except where something new needs the place of something old.
fn delete_order(schedule: &mut Schedule, deployment: &Deployment, plan: &Plan, writes: &[(usize, &Change)], deletes: &[(usize, &Change)]) {
    let mut successors = Vec::new();
    for (step, change) in writes {
        let Some(resource) = change.desired.and_then(|index| deployment.desired.resources.get(index)) else { continue };
        for (old, deletion) in deletes {
            if takes_the_place_of(resource, change, deletion, plan) {
                schedule.graph.wait_for(*step, *old, Stage::Finished);
                successors.push(*step);
            }
        }
    }
    let late = followers(&schedule.graph, successors);
    let rank_of = |change: &Change| change.target.as_ref().map_or(0, rank);
    let ranks: BTreeSet<usize> = deletes.iter().map(|(_, change)| rank_of(change)).collect();
    for level in ranks {
        let barrier = schedule.add(Task::Barrier, "deletions", None);
        for (step, change) in writes {
            // A role assignment whose name is not known yet refers to nothing that is deleted.
            if change.target.is_some() && rank_of(change) > level && !late.contains(step) {
                schedule.graph.wait_for(barrier, *step, Stage::Finished);
            }
        }
        for (step, change) in deletes {
            match rank_of(change).cmp(&level) {
                std::cmp::Ordering::Greater => schedule.graph.wait_for(barrier, *step, Stage::Finished),
                std::cmp::Ordering::Equal => schedule.graph.wait_for(*step, barrier, Stage::Finished),
                std::cmp::Ordering::Less => {}
            }
        }
    }
}

/// The service refuses two APIs with one path, and two named values with one display name.
fn takes_the_place_of(resource: &DesiredResource, change: &Change, deletion: &Change, plan: &Plan) -> bool {
    let pointer = if change.kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/apis") {
        "/properties/path"
    } else if change.kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service/namedValues") {
        "/properties/displayName"
    } else {
        return false;
    };
    if !deletion.kind.eq_ignore_ascii_case(&change.kind) {
        return false;
    }
    let text = |body: &Value| body.pointer(pointer).and_then(Value::as_str).map(|text| text.trim_matches('/').to_ascii_lowercase());
    let old = deletion.target.as_ref().and_then(|id| plan.live.get(id)).and_then(|found| text(&found.body));
    old.is_some() && old == text(&resource.body.value)
}

/// The steps that wait for any of `from`, and those themselves.
fn followers(graph: &Graph, from: Vec<usize>) -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = from.into_iter().collect();
    loop {
        let more: Vec<usize> =
            (0..graph.len()).filter(|step| !found.contains(step) && graph.waits(*step).any(|(other, _)| found.contains(&other))).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Nothing in the service is written before the manifest names it; while there is no service, there is nowhere to write it.
fn manifest_order(schedule: &mut Schedule, deployment: &Deployment, plan: &Plan, made: &BTreeMap<&ResourceId, usize>) {
    let Some(service) = &deployment.desired.service else { return };
    let there = plan.live.service != ServiceState::Absent;
    let concerned = plan.changes.iter().any(|change| change.action != Action::None && (there || concerns_manifest(change)));
    let will_be = there || made.contains_key(service);
    if !concerned || !will_be {
        return;
    }
    let manifest = schedule.add(Task::Manifest, "manifest", None);
    if !there && let Some(creation) = made.get(service) {
        schedule.graph.wait_for(manifest, *creation, Stage::Finished);
    }
    for step in 0..schedule.tasks.len() {
        let Some(Task::Change(index) | Task::Implied(index)) = schedule.tasks.get(step) else { continue };
        let Some(change) = plan.changes.get(*index) else { continue };
        let inside = change.target.as_ref().is_some_and(|id| id.is_below(service)) || change.action == Action::Delete;
        if there || inside {
            schedule.graph.wait_for(step, manifest, Stage::Finished);
        }
    }
}
