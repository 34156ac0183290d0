//! Backends, breakers and pools as they stand: for programs, for people, and by hand.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::gateway::Gateway;
use crate::gateway::backend::breaker::{Change, Condition, Event, Rule, State, View};
use crate::gateway::backend::{Kind, Pool, Single};
use crate::gateway::counters::escaped;
use crate::gateway::snapshot::Snapshot;

fn shown(time: Option<OffsetDateTime>) -> Value {
    time.and_then(|time| time.format(&Rfc3339).ok()).map_or(Value::Null, Value::from)
}

const fn state(view: &View) -> &'static str {
    match view.state {
        State::Closed => "closed",
        State::Tripped => "tripped",
    }
}

/// What trips it, in a few words.
fn condition(rule: &Rule) -> String {
    let within = rule.interval.as_secs();
    match rule.condition {
        Condition::Count(count) => format!("{count} in {within} s"),
        Condition::Percentage { percent, .. } => format!("{percent}% in {within} s"),
        Condition::Never => "never".to_owned(),
    }
}

fn breaker(single: &Single) -> Value {
    let view = single.breaker.view(single.rule.as_ref());
    let mut shown_breaker = json!({
        "state": state(&view),
        "since": shown(view.since),
        "until": shown(view.until),
        "byHand": view.by_hand,
        "trips": view.trips,
    });
    if let (Some(rule), Value::Object(fields)) = (&single.rule, &mut shown_breaker) {
        fields.insert(
            "rule".to_owned(),
            json!({ "name": &*rule.name, "condition": condition(rule), "tripSeconds": rule.trip.as_secs_f64() }),
        );
        fields.insert("failures".to_owned(), json!(view.failures));
        if rule.counts_all() {
            fields.insert("calls".to_owned(), json!(view.calls));
        }
    }
    shown_breaker
}

/// The members of a pool, the best priority first; the members that serve now are those of the first group that has one available.
fn members(snapshot: &Snapshot, pool: &Pool) -> Vec<Value> {
    let mut found = false;
    let mut out = Vec::new();
    for group in &pool.groups {
        let standing = |member: &crate::gateway::backend::Member| -> (Option<&str>, bool, Value) {
            let backend = snapshot.backend(member.backend);
            let (available, until) = match backend.map(|backend| &backend.kind) {
                Some(Kind::Single(single)) => {
                    let view = single.breaker.view(single.rule.as_ref());
                    (view.state == State::Closed, shown(view.until))
                }
                Some(Kind::Pool(_) | Kind::Unusable(_)) | None => (false, Value::Null),
            };
            (backend.map(|backend| backend.name.as_str()), available, until)
        };
        let serves = !found && group.members.iter().any(|member| standing(member).1);
        found |= serves;
        for member in &group.members {
            let (name, available, until) = standing(member);
            out.push(json!({
                "backend": name,
                "priority": member.priority,
                "weight": member.weight,
                "available": available,
                "until": until,
                "inTurn": serves && available,
            }));
        }
    }
    out
}

fn event(snapshot: &Snapshot, event: &Event) -> Value {
    let named = snapshot.backends.iter().find(|backend| backend.id.as_str().eq_ignore_ascii_case(&event.backend));
    let mut fields = Map::new();
    fields.insert("time".to_owned(), shown(Some(event.at)));
    fields.insert("backend".to_owned(), named.map_or_else(|| Value::from(&*event.backend), |backend| Value::from(backend.name.as_str())));
    match event.change {
        Change::Tripped { time, failures } => {
            fields.insert("change".to_owned(), json!("tripped"));
            fields.insert("seconds".to_owned(), json!(time.as_secs_f64()));
            fields.insert("failures".to_owned(), json!(failures));
        }
        Change::Closed => {
            fields.insert("change".to_owned(), json!("closed"));
        }
    }
    fields.insert("byHand".to_owned(), json!(event.by_hand));
    Value::Object(fields)
}

/// All of it.
pub(super) fn json(gateway: &Gateway) -> Value {
    let (state, snapshot) = (gateway.state(), gateway.snapshot());
    let backends: Vec<Value> = snapshot
        .backends
        .iter()
        .filter_map(|backend| match &backend.kind {
            Kind::Single(single) => Some(json!({ "name": backend.name, "url": single.base.to_string(), "breaker": breaker(single) })),
            Kind::Unusable(reason) => Some(json!({ "name": backend.name, "unusable": &**reason })),
            Kind::Pool(_) => None,
        })
        .collect();
    let pools: Vec<Value> = snapshot
        .backends
        .iter()
        .filter_map(|backend| match &backend.kind {
            Kind::Pool(pool) => Some(json!({
                "name": backend.name,
                "sessionAffinity": pool.affinity.is_some(),
                "members": members(&snapshot, pool),
            })),
            Kind::Single(_) | Kind::Unusable(_) => None,
        })
        .collect();
    let not_served: Vec<Value> = snapshot
        .documents
        .iter()
        .filter_map(|document| Some(json!({ "policy": document.id.as_str(), "reason": &**document.poison.as_ref()? })))
        .collect();
    // Looked at last: a breaker whose time is over is noticed by whoever looks.
    let events: Vec<Value> = state.journal.events().iter().map(|one| event(&snapshot, one)).collect();
    json!({
        "time": shown(Some(state.clock.utc())),
        "service": snapshot.service.name,
        "revision": snapshot.revision,
        "apis": snapshot.apis.len(),
        "operations": snapshot.operations.len(),
        "notServed": not_served,
        "backends": backends,
        "pools": pools,
        "breakerEvents": events,
        "customMetrics": { "series": state.metrics.all().len(), "dropped": state.metrics.dropped() },
    })
}

/// The same for people: one line a backend and a member.
pub(super) fn text(gateway: &Gateway) -> String {
    let whole = json(gateway);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut out = format!("{}  {}\n\nbackends\n", text(&whole, "service"), text(&whole, "time"));
    for backend in list(&whole, "backends") {
        let name = text(&backend, "name");
        let Some(breaker) = backend.get("breaker") else {
            let _ = writeln!(out, "  {name:<32} cannot be used: {}", text(&backend, "unusable"));
            continue;
        };
        let _ = write!(out, "  {name:<32} {:<8}", text(breaker, "state"));
        match breaker.get("rule") {
            Some(rule) => {
                let _ = write!(out, " {} of {}", breaker.get("failures").unwrap_or(&Value::Null), text(rule, "condition"));
            }
            None => out.push_str(" no breaker rule"),
        }
        for (name, words) in [("since", "since"), ("until", "until")] {
            if let Some(time) = breaker.get(name).and_then(Value::as_str) {
                let _ = write!(out, "  {words} {time}");
            }
        }
        if breaker.get("byHand") == Some(&Value::Bool(true)) {
            out.push_str("  by hand");
        }
        out.push('\n');
    }
    for pool in list(&whole, "pools") {
        let _ = writeln!(out, "\npool {}", text(&pool, "name"));
        for member in list(&pool, "members") {
            let flag = |name: &str| member.get(name) == Some(&Value::Bool(true));
            let word = if flag("inTurn") {
                "in turn"
            } else if flag("available") {
                "waits"
            } else {
                "out"
            };
            let number = |name: &str| member.get(name).cloned().unwrap_or_default();
            let _ = write!(out, "  {:<32} {word:<8} priority {} weight {}", text(&member, "backend"), number("priority"), number("weight"));
            if let Some(until) = member.get("until").and_then(Value::as_str) {
                let _ = write!(out, "  until {until}");
            }
            out.push('\n');
        }
    }
    let events = list(&whole, "breakerEvents");
    if !events.is_empty() {
        out.push_str("\nbreakers\n");
    }
    for event in events {
        let _ = write!(out, "  {}  {} {}", text(&event, "time"), text(&event, "backend"), text(&event, "change"));
        if let Some(seconds) = event.get("seconds") {
            let _ = write!(out, " for {seconds} s");
        }
        out.push_str(if event.get("byHand") == Some(&Value::Bool(true)) { " by hand\n" } else { "\n" });
    }
    out
}

/// What [`by_hand`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// Trips the breaker; for as long as its rule says, if no time is given.
    Trip(Option<Duration>),
    /// Closes it.
    Reset,
}

/// Where no rule says for how long: the minute of the documentation's examples.
const UNSAID: Duration = Duration::from_secs(60);

/// Trips or closes the breaker of a backend, also of one without a rule. Answers how it stands then, or what is wrong.
pub(super) fn by_hand(gateway: &Gateway, name: &str, hand: Hand) -> Result<Value, String> {
    let snapshot = gateway.snapshot();
    let backend =
        snapshot.backend_named(name).and_then(|index| snapshot.backend(index)).ok_or_else(|| format!("there is no backend `{name}`"))?;
    let single = match &backend.kind {
        Kind::Single(single) => single,
        Kind::Pool(_) => return Err(format!("`{}` is a pool: its members have breakers of their own", backend.name)),
        Kind::Unusable(reason) => return Err(reason.to_string()),
    };
    match hand {
        Hand::Reset => single.breaker.reset(),
        Hand::Trip(time) => single.breaker.trip(time.or_else(|| single.rule.as_ref().map(|rule| rule.trip)).unwrap_or(UNSAID)),
    }
    Ok(json!({ "name": backend.name, "breaker": breaker(single) }))
}

/// As Prometheus gauges and counters.
pub(super) fn prometheus(gateway: &Gateway) -> String {
    let snapshot = gateway.snapshot();
    let mut available = String::from(
        "# HELP apimctl_backend_available Whether the backend's circuit breaker lets requests through.\n# TYPE apimctl_backend_available gauge\n",
    );
    let mut trips = String::from(
        "# HELP apimctl_breaker_trips_total Times that the circuit breaker tripped.\n# TYPE apimctl_breaker_trips_total counter\n",
    );
    let mut pools = String::from(
        "# HELP apimctl_pool_members_available Members of the pool that are not tripped.\n# TYPE apimctl_pool_members_available gauge\n",
    );
    for backend in &snapshot.backends {
        let name = escaped(&backend.name);
        match &backend.kind {
            Kind::Single(single) => {
                let closed = u8::from(single.breaker.tripped().is_none());
                let _ = writeln!(available, "apimctl_backend_available{{backend=\"{name}\"}} {closed}");
                let _ = writeln!(trips, "apimctl_breaker_trips_total{{backend=\"{name}\"}} {}", single.breaker.trips());
            }
            Kind::Pool(pool) => {
                let count = pool
                    .members()
                    .filter(|member| match snapshot.backend(member.backend).map(|backend| &backend.kind) {
                        Some(Kind::Single(single)) => single.breaker.tripped().is_none(),
                        _ => false,
                    })
                    .count();
                let _ = writeln!(pools, "apimctl_pool_members_available{{pool=\"{name}\"}} {count}");
            }
            Kind::Unusable(_) => {}
        }
    }
    available + &trips + &pools
}
