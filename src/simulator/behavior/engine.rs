//! Which rule a request or a connection falls under.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use tokio::time::Instant;

use super::{Action, Behavior, Connection, Latency, Matching, Rule, Which};
use crate::simulator::route::Route;
use crate::support::random::{Random, SeededRandom};

/// A behavior at work.
pub(in crate::simulator) struct Engine {
    behavior: Behavior,
    start: Instant,
    /// For each rule: requests and connections that reached it.
    counters: Vec<(AtomicU64, AtomicU64)>,
    random: SeededRandom,
}

/// A request, as rules see it.
pub(in crate::simulator) struct Occasion<'a> {
    pub(in crate::simulator) account: &'a str,
    pub(in crate::simulator) route: Option<&'a Route>,
    pub(in crate::simulator) parts: &'a Parts,
    pub(in crate::simulator) body: &'a Bytes,
}

impl Engine {
    pub(in crate::simulator) fn new(behavior: Behavior, start: Instant) -> Self {
        let counters = behavior.rules.iter().map(|_| Default::default()).collect();
        Self { random: SeededRandom::new(behavior.seed), behavior, start, counters }
    }

    pub(in crate::simulator) const fn behavior(&self) -> &Behavior {
        &self.behavior
    }

    pub(in crate::simulator) const fn latency(&self) -> Latency {
        self.behavior.latency
    }

    /// A rule's name, or its place.
    pub(in crate::simulator) fn name(&self, rule: usize) -> String {
        let name = self.behavior.rules.get(rule).and_then(|rule| rule.name.clone());
        name.unwrap_or_else(|| format!("rule {}", rule + 1))
    }

    /// The rule that a request falls under.
    pub(in crate::simulator) fn decide(&self, occasion: &Occasion<'_>, now: Instant) -> Option<(usize, &Action)> {
        let elapsed = now.saturating_duration_since(self.start);
        for (index, (rule, (requests, _))) in self.behavior.rules.iter().zip(&self.counters).enumerate() {
            // Rules of single connections were asked when the connection was made.
            if rule.action.connection.is_some() && rule.which != Which::All {
                continue;
            }
            if on_time(rule, elapsed) && fits(rule, occasion) && self.is_turn(rule.which, requests) {
                return Some((index, &rule.action));
            }
        }
        None
    }

    /// What a new connection meets.
    pub(in crate::simulator) fn connect(&self, account: &str, now: Instant) -> Option<Connection> {
        let elapsed = now.saturating_duration_since(self.start);
        for (rule, (_, connections)) in self.behavior.rules.iter().zip(&self.counters) {
            let Some(connection) = rule.action.connection else { continue };
            if on_time(rule, elapsed) && named(&rule.accounts, Some(account)) && self.is_turn(rule.which, connections) {
                return Some(connection);
            }
        }
        None
    }

    fn is_turn(&self, which: Which, counter: &AtomicU64) -> bool {
        let count = || counter.fetch_add(1, Ordering::Relaxed) + 1;
        match which {
            Which::All => true,
            Which::Nth(nth) => count() == nth,
            Which::First(first) => count() <= first,
            Which::Every(every) => count().is_multiple_of(every.max(1)),
            Which::Probability(probability) => {
                let mut bytes = [0; 8];
                self.random.fill(&mut bytes);
                // 53 bits are what a double holds.
                ((u64::from_le_bytes(bytes) >> 11) as f64) < probability * (1_u64 << 53) as f64
            }
        }
    }
}

fn on_time(rule: &Rule, elapsed: Duration) -> bool {
    elapsed >= rule.from && rule.lasting.is_none_or(|lasting| elapsed < rule.from.saturating_add(lasting))
}

fn fits(rule: &Rule, occasion: &Occasion<'_>) -> bool {
    let deployment = occasion.route.and_then(|route| route.deployment.as_deref());
    named(&rule.accounts, Some(occasion.account))
        && named(&rule.deployments, deployment)
        && (rule.operations.is_empty() || occasion.route.is_some_and(|route| rule.operations.contains(&route.operation)))
        && matches(&rule.matching, occasion)
}

fn named(names: &[String], name: Option<&str>) -> bool {
    names.is_empty() || name.is_some_and(|name| names.iter().any(|pattern| like(pattern, name)))
}

/// Whether `text` is like `pattern`, in which `*` stands for any text; case is ignored.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn matches(matching: &Matching, occasion: &Occasion<'_>) -> bool {
    let Parts { method, uri, headers, .. } = occasion.parts;
    let holds = |text: &[u8], wanted: &str| wanted.is_empty() || memchr::memmem::find(text, wanted.as_bytes()).is_some();
    matching.method.as_ref().is_none_or(|wanted| wanted == method)
        && matching.path.as_ref().is_none_or(|wanted| holds(uri.path_and_query().map_or("", |target| target.as_str()).as_bytes(), wanted))
        && matching.headers.iter().all(|(name, wanted)| headers.get_all(name).iter().any(|value| holds(value.as_bytes(), wanted)))
        && matching.body.as_ref().is_none_or(|wanted| holds(occasion.body, wanted))
        && matching.stream.is_none_or(|wanted| asks_for_stream(occasion.body) == wanted)
}

/// Whether the body has `"stream": true`.
fn asks_for_stream(body: &Bytes) -> bool {
    #[derive(serde::Deserialize)]
    struct Asked {
        #[serde(default)]
        stream: Option<bool>,
    }
    serde_json::from_slice::<Asked>(body).is_ok_and(|asked| asked.stream == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("a", "A", true),
            ("a", "ab", false),
            ("*", "", true),
            ("gpt-*", "gpt-4o", true),
            ("*-mini", "gpt-4o-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
