//! Changes that cannot be made in place, and changes that take something away for good.

use serde_json::Value;

/// Why a change of `pointer` needs the resource to be made anew, if it does; and what it takes away although it does not.
pub(super) fn of(
    kind: &str,
    segments: &[String],
    before: Option<&Value>,
    after: Option<&Value>,
) -> (Option<&'static str>, Option<&'static str>) {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    match (kind, segments.as_slice()) {
        (_, ["location"]) => (Some("a resource cannot move to another region"), None),
        ("Microsoft.ApiManagement/service", ["sku", "name"]) => tier(&text(before), &text(after)),
        ("Microsoft.ApiManagement/service", ["properties", "additionalLocations", ..]) if after.is_none() => {
            (None, Some("the gateway of a region is taken away"))
        }
        ("Microsoft.ApiManagement/service/apis", ["properties", "type"]) => (Some("the type of an API is fixed when it is made"), None),
        ("Microsoft.Authorization/roleAssignments", ["properties", "roleDefinitionId" | "principalId"]) => {
            (Some("role, principal and scope of a role assignment are fixed"), None)
        }
        _ => (None, None),
    }
}

/// Tiers of one family can be changed in place; a lower one takes features and capacity away. Between the families, and to or
/// from Consumption, there is no way (the tier comparison pages of the reference).
fn tier(before: &str, after: &str) -> (Option<&'static str>, Option<&'static str>) {
    const CLASSIC: [&str; 4] = ["developer", "basic", "standard", "premium"];
    const NEWER: [&str; 3] = ["basicv2", "standardv2", "premiumv2"];
    let family = |tier: &str| {
        let rank = |all: &[&str]| all.iter().position(|own| *own == tier);
        rank(&CLASSIC).map(|rank| (0, rank)).or_else(|| rank(&NEWER).map(|rank| (1, rank)))
    };
    match (family(before), family(after)) {
        (Some((one, from)), Some((other, to))) if one == other => {
            (None, (to < from).then_some("a lower tier takes regions, zones, networks and capacity away"))
        }
        _ => (Some("a service cannot change between Consumption, the classic tiers and the v2 tiers"), None),
    }
}
