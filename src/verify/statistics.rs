//! How many of so many requests a member should answer, and how far from that is still chance.

use std::collections::BTreeMap;

use super::outcome::{Distribution, Share};

/// How many standard errors a share may be off: a fair draw is farther off in 27 of 10,000 runs.
const ERRORS: f64 = 3.0;

/// A member's share of all requests; 0 for one of a group that is not in use.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    /// Member, or members that answers cannot tell apart.
    pub(super) member: String,
    /// From 0 to 1.
    pub(super) share: f64,
}

/// What counts came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) distribution: Distribution,
    /// Every count is within one request of its share: what taking turns comes to, and chance hardly ever.
    pub(super) is_exact: bool,
    /// Every count is within three standard errors of its share.
    pub(super) is_within: bool,
    /// Members of a share that never answered.
    pub(super) silent: Vec<String>,
    /// Members without a share that answered.
    pub(super) unwanted: Vec<String>,
    /// Answers of nobody that is known.
    pub(super) strangers: u64,
}

/// Compares counts with shares. `counts` may name others than `expected`: strangers.
pub(super) fn judge(pool: &str, counts: &BTreeMap<String, u64>, expected: &[Expected]) -> Judgement {
    let count = |member: &str| counts.get(member).copied().unwrap_or(0);
    let total: u64 = counts.values().sum();
    let shares: Vec<Share> = expected
        .iter()
        .map(|expected| {
            let share = expected.share.clamp(0.0, 1.0);
            let mean = total as f64 * share;
            Share {
                member: expected.member.clone(),
                requests: count(&expected.member),
                expected: mean,
                tolerance: ERRORS * (mean * (1.0 - share)).sqrt(),
            }
        })
        .collect();
    let known: u64 = shares.iter().map(|share| share.requests).sum();
    let strangers = total - known;
    let off = |share: &Share| (share.requests as f64 - share.expected).abs();
    Judgement {
        is_exact: strangers == 0 && shares.iter().all(|share| off(share) <= if share.expected == 0.0 { 0.0 } else { 1.0 }),
        is_within: strangers == 0 && shares.iter().all(|share| off(share) <= share.tolerance),
        silent: shares.iter().filter(|share| share.requests == 0 && share.expected > 0.0).map(|share| share.member.clone()).collect(),
        unwanted: shares.iter().filter(|share| share.requests > 0 && share.expected == 0.0).map(|share| share.member.clone()).collect(),
        strangers,
        distribution: Distribution { pool: pool.to_owned(), requests: total, shares },
    }
}

impl Judgement {
    /// `a 50 (50 ± 15), b 50 (50 ± 15)`.
    pub(super) fn words(&self) -> String {
        let mut parts: Vec<String> = self
            .distribution
            .shares
            .iter()
            .map(|share| {
                if share.expected == 0.0 {
                    format!("{} {} (0)", share.member, share.requests)
                } else {
                    format!("{} {} ({:.0} ± {:.1})", share.member, share.requests, share.expected, share.tolerance)
                }
            })
            .collect();
        if self.strangers > 0 {
            parts.push(format!("others {}", self.strangers));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(shares: &[(&str, f64)]) -> Vec<Expected> {
        shares.iter().map(|(member, share)| Expected { member: (*member).to_owned(), share: *share }).collect()
    }

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(member, count)| ((*member).to_owned(), *count)).collect()
    }

    #[test]
    fn turns_are_exact_and_chance_is_within_three_standard_errors() {
        let half = expected(&[("a", 0.5), ("b", 0.5)]);
        let turns = judge("p", &counts(&[("a", 51), ("b", 50)]), &half);
        assert!(turns.is_exact && turns.is_within);
        // √(100 · ½ · ½) = 5.
        let chance = judge("p", &counts(&[("a", 64), ("b", 36)]), &half);
        assert!(!chance.is_exact && chance.is_within);
        let unfair = judge("p", &counts(&[("a", 66), ("b", 34)]), &half);
        assert!(!unfair.is_within);
        assert_eq!(unfair.words(), "a 66 (50 ± 15.0), b 34 (50 ± 15.0)");
    }

    #[test]
    fn whoever_has_no_share_may_answer_nothing_and_strangers_are_told() {
        let first = expected(&[("a", 1.0), ("b", 0.0)]);
        assert!(judge("p", &counts(&[("a", 40)]), &first).is_exact);
        let leak = judge("p", &counts(&[("a", 39), ("b", 1)]), &first);
        assert!(!leak.is_exact && !leak.is_within);
        assert_eq!(leak.unwanted, ["b"]);
        let stranger = judge("p", &counts(&[("a", 39), ("?", 1)]), &first);
        assert_eq!((stranger.strangers, stranger.is_within), (1, false));
        assert_eq!(judge("p", &counts(&[("a", 10)]), &expected(&[("a", 0.5), ("b", 0.5)])).silent, ["b"]);
    }

    #[test]
    fn weights_are_held_against_a_fair_draw() {
        let shares = expected(&[("a", 0.8), ("b", 0.2)]);
        // √(400 · 0.8 · 0.2) = 8.
        assert!(judge("p", &counts(&[("a", 343), ("b", 57)]), &shares).is_within);
        assert!(!judge("p", &counts(&[("a", 345), ("b", 55)]), &shares).is_within);
    }
}
