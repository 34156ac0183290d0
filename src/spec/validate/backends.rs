//! Backends, circuit breakers, pools.

use std::collections::{BTreeMap, BTreeSet};

use super::tiers;
use super::{Advise, Rules, is_full_id};
use crate::spec::codes;
use crate::spec::model::{Backend, CircuitBreaker, CircuitBreakerRule, Pool, PoolMember, Sku};
use crate::spec::tree::join;
use crate::support::duration::parse_iso8601;
use crate::support::finding::Kind;

pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, backend) in &rules.spec.backends {
        let pointer = join("/backends", name);
        target(rules, name, backend, &pointer);
        if let Some(account) = &backend.open_ai {
            rules.refer("openAI", "Azure OpenAI account", account, &format!("{pointer}/openAI"));
        }
        if let Some(breaker) = &backend.circuit_breaker {
            circuit_breaker(rules, name, backend, breaker, &format!("{pointer}/circuitBreaker"));
        }
        if let Some(pool) = &backend.pool {
            members(rules, name, pool, &format!("{pointer}/pool/services"));
            traps(rules, name, backend, pool, &pointer);
        }
    }
}

fn target(rules: &mut Rules<'_>, name: &str, backend: &Backend, pointer: &str) {
    let targets = [("url", backend.url.is_some()), ("openAI", backend.open_ai.is_some()), ("pool", backend.pool.is_some())];
    let given: Vec<&str> = targets.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    let broken = targets.iter().any(|(key, _)| rules.is_broken(&format!("{pointer}/{key}")));
    if given.len() != 1 && !broken {
        let message = match given.as_slice() {
            [] => format!("the backend `{name}` leads nowhere"),
            _ => {
                format!("the backend `{name}` has {} at once", given.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and "))
            }
        };
        rules.error_at_key(codes::BACKEND_TARGET, Kind::Place, pointer, message).advise("give it one of `url`, `openAI` and `pool`");
    }
    if let Some(url) = backend.url.as_deref().filter(|url| !url.contains("{{")) {
        let lower = url.to_ascii_lowercase();
        let rest = ["https://", "http://", "wss://", "ws://"].iter().find_map(|scheme| lower.strip_prefix(scheme));
        if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
            let message = format!("the address of the backend `{name}` is not a full one");
            rules.error(codes::BAD_FORM, Kind::Type, &format!("{pointer}/url"), message).advise("it begins with `https://` and a host");
        }
    }
    if backend.pool.is_some() {
        // `url` and `protocol` in a pool give 400 (azure-docs issue 122455); the others have no meaning for it.
        for key in ["protocol", "credentials", "tls", "proxy", "resourceId"] {
            if rules.locator.contains(&format!("{pointer}/{key}")) {
                let message = format!("a pool cannot have `{key}`");
                rules.error_at_key(codes::POOL, Kind::Place, &format!("{pointer}/{key}"), message).advise("give it to the members");
            }
        }
    }
}

fn circuit_breaker(rules: &mut Rules<'_>, name: &str, backend: &Backend, breaker: &CircuitBreaker, pointer: &str) {
    if backend.pool.is_some() {
        let message = format!("the pool `{name}` cannot have a circuit breaker of its own");
        rules.error_at_key(codes::BREAKER, Kind::Place, pointer, message).advise("give one to each member");
    }
    if let Some(tier) = rules.spec.service.sku.as_ref().map(Sku::name).and_then(tiers::find).filter(|tier| !tier.breakers) {
        let message = format!("the tier `{}` has no circuit breakers", tier.name);
        rules
            .error_at_key(codes::SKU_FEATURE, Kind::Place, pointer, message)
            .advise(format!("tiers that have: {}", tiers::with(|tier| tier.breakers)));
    }
    let Some(written) = breaker.rules() else { return };
    if written.len() > 1 {
        // The schema allows 15; the service takes one (azure-docs issue 123514).
        let message = format!("the service takes one circuit breaker rule, not {}", written.len());
        rules.error(codes::BREAKER, Kind::Place, &format!("{pointer}/rules/1"), message);
    }
    for (index, rule) in written.iter().enumerate() {
        breaker_rule(rules, rule, &format!("{pointer}/rules/{index}"));
    }
}

fn breaker_rule(rules: &mut Rules<'_>, rule: &CircuitBreakerRule, pointer: &str) {
    let condition = &rule.failure_condition;
    let at = format!("{pointer}/failureCondition");
    if condition.count.is_some() == condition.percentage.is_some() {
        let message = if condition.count.is_some() {
            "`count` and `percentage` are alternatives"
        } else {
            "a failure condition needs `count` or `percentage`"
        };
        rules.error_at_key(codes::BREAKER, Kind::Place, &at, message);
    }
    match &condition.interval {
        Some(interval) => duration(rules, interval, &format!("{at}/interval")),
        None => {
            rules.error_at_key(codes::BREAKER, Kind::Place, &at, "a failure condition needs `interval`").advise("for instance `PT1M`");
        }
    }
    duration(rules, &rule.trip_duration, &format!("{pointer}/tripDuration"));
    let codes_given = condition.status_code_ranges.as_ref().is_some_and(|ranges| !ranges.is_empty());
    let reasons_given = condition.error_reasons.as_ref().is_some_and(|reasons| !reasons.is_empty());
    if !codes_given && !reasons_given {
        let message = "without `statusCodeRanges` and `errorReasons`, nothing counts as a failure";
        rules
            .trap(codes::BREAKER, &at, message)
            .advise("for instance `statusCodeRanges: [ { min: 429, max: 429 }, { min: 500, max: 599 } ]`");
    }
    for (index, range) in condition.status_code_ranges.iter().flatten().enumerate() {
        if range.min > range.max {
            let message = format!("the range from {} to {} is empty", range.min, range.max);
            rules.error(codes::BREAKER, Kind::Type, &format!("{at}/statusCodeRanges/{index}"), message);
        }
    }
}

/// Finds fault with what is not a duration of some length.
pub(super) fn duration(rules: &mut Rules<'_>, text: &str, pointer: &str) {
    if parse_iso8601(text).is_none_or(|duration| duration.is_zero()) {
        let message = format!("`{text}` is not a duration");
        rules.error(codes::BAD_DURATION, Kind::Type, pointer, message).advise("write an ISO 8601 duration: `PT30S`, `PT1M`, `PT1H`, `P1D`");
    }
}

/// The name of a pool's member, if it is one of this specification's backends.
pub(super) fn member_name(member: &PoolMember) -> Option<&str> {
    if is_full_id(&member.id) {
        return None;
    }
    Some(member.id.strip_prefix("/backends/").unwrap_or(&member.id))
}

fn members(rules: &mut Rules<'_>, pool_name: &str, pool: &Pool, pointer: &str) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, member) in pool.services.iter().enumerate() {
        let place = format!("{pointer}/{index}/id");
        let last = member.id.rsplit('/').next().unwrap_or(&member.id).to_lowercase();
        if let Some(first) = seen.insert(last, index) {
            let message = format!("the member `{}` stands twice in the pool `{pool_name}`", member.id);
            let first = rules.locator.value(&format!("{pointer}/{first}/id"));
            let finding =
                rules.error(codes::POOL, Kind::Place, &place, message).advise("give it a higher `weight` if it is to get more requests");
            if let Some(first) = first {
                finding.labels.push((first, "first here".to_owned()));
            }
        }
        let Some(name) = member_name(member) else { continue };
        if name == pool_name {
            let message = format!("the pool `{pool_name}` is a member of itself");
            rules.error(codes::POOL, Kind::Place, &place, message).advise("members are backends with `url` or `openAI`");
        } else if rules.refer("backends", "backend", name, &place)
            && rules.spec.backends.get(name).is_some_and(|backend| backend.pool.is_some())
        {
            let message = format!("`{name}` is a pool, and a pool cannot be a member of a pool");
            rules.error(codes::POOL, Kind::Place, &place, message).advise("name the members of that pool");
        }
    }
}

fn traps(rules: &mut Rules<'_>, name: &str, backend: &Backend, pool: &Pool, pointer: &str) {
    let priorities: BTreeSet<u32> = pool.services.iter().filter_map(|member| member.priority).collect();
    let described = backend.description.as_deref().unwrap_or("").to_lowercase().replace(['-', ' '], "");
    let failover_is_meant = ["failover", "fallback", "spill", "overflow"].iter().any(|word| described.contains(word));
    if priorities.len() > 1 && !failover_is_meant {
        let first = priorities.first().copied().unwrap_or_default();
        let message = format!("in the pool `{name}` all requests go to the members of priority {first} until those are tripped");
        let finding = rules.trap(codes::ROUND_ROBIN_WITH_PRIORITIES, &format!("{pointer}/pool"), message);
        finding.advise(
            "give the members one priority if they are to take turns; if failover is meant, say `failover` in the pool's `description`",
        );
    }
    let names: Vec<&str> = pool.services.iter().filter_map(member_name).collect();
    if names.iter().any(|name| rules.is_broken(&format!("{}/circuitBreaker", join("/backends", name)))) {
        return;
    }
    let known: Vec<&Backend> = names.into_iter().filter_map(|name| rules.spec.backends.get(name)).collect();
    let all_known = known.len() == pool.services.len();
    let none_trips = |backend: &&Backend| backend.circuit_breaker.is_none() && !backend.properties.contains_key("circuitBreaker");
    if all_known && !known.is_empty() && known.iter().all(none_trips) {
        let message = format!("no member of the pool `{name}` has a circuit breaker, so a failing one is never left out");
        rules.trap(codes::POOL_WITHOUT_BREAKER, &format!("{pointer}/pool"), message).advise("add `circuitBreaker: default` to the members");
    }
}
