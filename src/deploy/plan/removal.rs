//! What is ours and no longer wanted.

use std::collections::BTreeSet;

use super::{Action, Change, Standing};
use crate::arm::{ResourceId, catalogue};
use crate::deploy::deployment::Deployment;
use crate::deploy::desired::role_name;
use crate::deploy::live::Live;
use crate::deploy::plan::build::{SUBSCRIPTION, is_role_assignment};

pub(super) const KEYS_DIE: &str = "its keys die: whoever calls with them is refused from then on";

/// The order of creation by type; deletion is the reverse. A type refers to types of lower rank only.
const ORDER: [&str; 26] = [
    "Microsoft.Resources/resourceGroups",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Insights/components",
    "Microsoft.ApiManagement/service",
    "Microsoft.ApiManagement/service/namedValues",
    "Microsoft.ApiManagement/service/loggers",
    "Microsoft.ApiManagement/service/backends",
    "Microsoft.ApiManagement/service/policyFragments",
    "Microsoft.ApiManagement/service/apiVersionSets",
    "Microsoft.ApiManagement/service/groups",
    "Microsoft.ApiManagement/service/users",
    "Microsoft.ApiManagement/service/groups/users",
    "Microsoft.ApiManagement/service/apis",
    "Microsoft.ApiManagement/service/apis/operations",
    "Microsoft.ApiManagement/service/products",
    "Microsoft.ApiManagement/service/products/groups",
    "Microsoft.ApiManagement/service/products/apis",
    "Microsoft.ApiManagement/service/policies",
    "Microsoft.ApiManagement/service/products/policies",
    "Microsoft.ApiManagement/service/apis/policies",
    "Microsoft.ApiManagement/service/apis/operations/policies",
    "Microsoft.ApiManagement/service/diagnostics",
    "Microsoft.ApiManagement/service/apis/diagnostics",
    "Microsoft.ApiManagement/service/subscriptions",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/actionGroups",
];
/// What refers to nothing that refers to it: alerts and role assignments come last, and go first.
const LAST: usize = 1000;
/// Types that only `resources:` can name: after what the service has of its own, before what may refer to them.
const UNKNOWN: usize = 7;

/// Where a type stands in the order of creation.
pub(in crate::deploy) fn rank(id: &ResourceId) -> usize {
    let kind = id.resource_type();
    if is_role_assignment(id)
        || ["Microsoft.Insights/metricAlerts", "Microsoft.Insights/scheduledQueryRules"].iter().any(|last| kind.eq_ignore_ascii_case(last))
    {
        return LAST;
    }
    ORDER.iter().position(|known| kind.eq_ignore_ascii_case(known)).unwrap_or(UNKNOWN)
}

impl Deployment {
    /// Deletions of what the manifest owns and the specification no longer names, last created first.
    pub(super) fn removals(&self, live: &Live, kept: &BTreeSet<ResourceId>, notes: &mut Vec<String>) -> Vec<Change> {
        let Some(manifest) = live.manifest(&self.desired.owner) else { return Vec::new() };
        let mut gone: Vec<&ResourceId> = manifest.resources.iter().filter(|id| !kept.contains(*id) && live.get(id).is_some()).collect();
        if !self.manages_roles() {
            let before = gone.len();
            gone.retain(|id| !is_role_assignment(id));
            let left = before - gone.len();
            if left > 0 {
                notes.push(format!("{left} role assignments are no longer needed; they are left to whoever manages them"));
            }
        }
        gone.sort_by_key(|id| (std::cmp::Reverse(rank(id)), (*id).clone()));
        let reason = |id: &ResourceId| match is_role_assignment(id) {
            true => "no identity of the specification needs it any more",
            false => "it is no longer in the specification",
        };
        gone.into_iter().map(|id| deletion(id, live, reason(id))).collect()
    }
}

/// A deletion.
pub(in crate::deploy) fn deletion(id: &ResourceId, live: &Live, reason: &str) -> Change {
    let kind = id.resource_type();
    let entry = catalogue::find(&kind);
    let note = id.is_type(SUBSCRIPTION).then(|| KEYS_DIE.to_owned());
    Change {
        action: Action::Delete,
        kind: entry.map_or(kind, |entry| entry.name.to_owned()),
        label: entry.map_or("resource", |entry| entry.label),
        id: id.to_string(),
        role: live
            .get(id)
            .and_then(|found| found.body.pointer("/properties/roleDefinitionId")?.as_str())
            .map(|definition| role_name(definition.rsplit('/').next().unwrap_or(definition)).to_owned()),
        properties: Vec::new(),
        reason: Some(reason.to_owned()),
        note,
        span: None,
        desired: None,
        target: Some(id.clone()),
        standing: Standing::Ours,
    }
}
