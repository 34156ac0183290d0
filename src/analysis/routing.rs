//! Pools, breakers and attempts.

use super::codes;
use super::resources::{PolicyDocument, Resource, Resources, elements, has_breaker, is_pool, replaces, scope_of, service_of};
use crate::arm::ResourceId;
use crate::policy::{Document, Element, Scope, Section, references};
use crate::support::finding::{Finding, Kind};

pub(super) fn check(resources: &Resources<'_>, findings: &mut Vec<Finding>) {
    for pool in resources.of("backends").filter(|backend| is_pool(backend)) {
        priorities(resources, pool, findings);
    }
    for backend in resources.of("backends").filter(|backend| !is_pool(backend) && has_breaker(backend)) {
        lonely_breaker(resources, backend, findings);
    }
    for policy in resources.policies() {
        if matches!(scope_of(policy.id), Some(Scope::Api | Scope::Operation)) {
            attempts(resources, policy, findings);
        }
    }
}

/// Lowest priority number first; the next group is used only while every member of the better one is tripped (documented),
/// so without a breaker it never is.
fn priorities(resources: &Resources<'_>, pool: &Resource<'_>, findings: &mut Vec<Finding>) {
    let (members, count) = resources.members(pool);
    if members.is_empty() || members.len() < count {
        return;
    }
    let name = pool.id.name();
    let last = members.iter().map(|(_, priority)| *priority).max().unwrap_or_default();
    let unprotected = members.iter().find(|(member, priority)| *priority < last && !has_breaker(member));
    if let Some((member, priority)) = unprotected {
        findings.push(
            Finding::warning(
                codes::IDLE_MEMBERS,
                Kind::Trap,
                format!("all traffic of the pool `{name}` goes to the members with priority {priority}: `{}` has no circuit breaker, so the others never get any", member.id.name()),
            )
            .at(pool.span)
            .help("give all members one priority for round robin, or a circuit breaker to each member of the better group for failover"),
        );
    }
    if count > 1 && !members.iter().any(|(member, _)| has_breaker(member)) {
        findings.push(
            Finding::warning(
                codes::NO_BREAKER,
                Kind::Trap,
                format!("no member of the pool `{name}` has a circuit breaker, so that a failing one keeps getting its share"),
            )
            .at(pool.span)
            .help("add `circuitBreaker: default` to each member"),
        );
    }
}

/// A tripped backend is left out of a pool's choice; one that stands alone answers 503 at once. Unless some policy that uses it knows
/// another way, its breaker only turns one failure into another.
fn lonely_breaker(resources: &Resources<'_>, backend: &Resource<'_>, findings: &mut Vec<Finding>) {
    let shared = resources.of("backends").filter(|pool| is_pool(pool)).any(|pool| {
        let (members, count) = resources.members(pool);
        count > 1 && members.iter().any(|(member, _)| member.id == backend.id)
    });
    let Some(service) = service_of(backend.id).filter(|_| !shared) else { return };
    let mut used = None;
    for policy in resources.policies() {
        let documents = resources.with_fragments(policy);
        let choices: Vec<&Element> = documents.iter().flat_map(|document| elements(document, "set-backend-service")).collect();
        let is_this = |element: &Element| {
            let named = element.literal("backend-id").map(str::trim).filter(|name| !name.contains("{{"));
            named.and_then(|name| resources.backend(&service, name)).is_some_and(|named| named.id == backend.id)
        };
        if !choices.iter().any(|element| is_this(element)) {
            continue;
        }
        if choices.iter().any(|element| !is_this(element)) {
            return;
        }
        let own = elements(policy.document, "set-backend-service").into_iter().find(|element| is_this(element));
        used = used.or(own.map(|element| policy.document.span(&element.name_range)));
    }
    if let Some(used) = used {
        findings.push(
            Finding::warning(
                codes::LONELY_BREAKER,
                Kind::Trap,
                format!("no policy can profit from the circuit breaker of `{}`: while it is open, callers get a 503", backend.id.name()),
            )
            .at(backend.span.or(Some(used)))
            .label(used, "the only backend of this policy")
            .help("put it into a pool with another backend, or choose another one in the policy when it answers 503"),
        );
    }
}

/// The retry around `forward-request` in a backend section, if there is one.
fn retry(document: &Document) -> Option<&Element> {
    let section = document.section(Section::Backend)?;
    elements(document, "retry").into_iter().find(|retry| {
        section.range.contains(&retry.range.start) && elements_of(retry).iter().any(|element| element.name == "forward-request")
    })
}

fn elements_of(element: &Element) -> Vec<&Element> {
    let mut found: Vec<&Element> = element.elements().collect();
    let mut next = 0;
    while let Some(element) = found.get(next).copied() {
        next += 1;
        found.extend(element.elements());
    }
    found
}

fn attempts(resources: &Resources<'_>, policy: &PolicyDocument<'_>, findings: &mut Vec<Finding>) {
    let Some(service) = service_of(policy.id) else { return };
    let references = references(policy.document);
    let pools: Vec<_> = references
        .backends
        .iter()
        .filter(|reference| reference.policy == "set-backend-service")
        .filter_map(|reference| Some((reference, resources.backend(&service, &reference.name).filter(|backend| is_pool(backend))?)))
        .collect();
    // With several pools, the largest one decides: the attempts are counted in one place.
    let Some((reference, pool)) = pools.iter().max_by_key(|(_, pool)| resources.members(pool).1) else { return };
    let (members, count) = resources.members(pool);
    let owner = backend_section(resources, policy, &service);
    // The global policy that a new service brings only forwards.
    if owner.is_none() && !resources.is_closed() {
        return;
    }
    match owner.and_then(|document| Some((document, retry(document)?))) {
        Some((document, retry)) => {
            let Some(attempts) = retry.literal("count").and_then(|text| text.trim().parse::<usize>().ok()).map(|count| count + 1) else {
                return;
            };
            if attempts > count {
                let place = retry.attribute("count").map(|attribute| document.span(&attribute.value_range));
                findings.push(
                    Finding::warning(
                        codes::TOO_MANY_ATTEMPTS,
                        Kind::Trap,
                        format!("{attempts} attempts on the pool `{}` of {count}: the ones beyond meet members that have just failed, or an exhausted pool", pool.id.name()),
                    )
                    .at(place)
                    .help(format!("write `count=\"{}\"`: as many attempts as members (`count` is the number of retries)", count.saturating_sub(1).max(1))),
                );
            }
        }
        None if count > 1 && members.iter().any(|(member, _)| has_breaker(member)) => findings.push(
            Finding::warning(
                codes::NO_RETRY,
                Kind::Trap,
                format!("the pool `{}` never sends a request again by itself: the one that meets a failing member fails", pool.id.name()),
            )
            .at(reference.span)
            .help("put `<retry>` around `<forward-request buffer-request-body=\"true\" />` in `<backend>`"),
        ),
        None => {}
    }
}

/// The document whose `<backend>` runs for this one: its own, or the nearest wider one that does not only say `<base />`.
/// `None` when it is not among the resources.
pub(super) fn backend_section<'a>(resources: &Resources<'a>, policy: &PolicyDocument<'a>, service: &ResourceId) -> Option<&'a Document> {
    let mut owner = policy.id.parent();
    let mut current = Some(*policy);
    loop {
        if let Some(policy) = current
            && replaces(policy.document, Section::Backend)
        {
            return Some(policy.document);
        }
        let id = owner.filter(|id| id != service)?;
        owner = id.parent();
        current = owner.as_ref().and_then(|owner| resources.policy_of(owner)).copied();
    }
}
