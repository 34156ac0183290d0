//! When callers call.

use std::time::Duration;

use crate::support::random::Random;

/// Most requests of one replay.
pub const MOST_REQUESTS: f64 = 500_000.0;
/// Longest replay.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// A part of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phase {
    /// How long it is.
    pub length: Duration,
    /// Requests a second at its beginning.
    pub from: f64,
    /// Requests a second at its end; in between the rate goes straight from one to the other.
    pub to: f64,
}

/// How requests are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrivals {
    /// As many callers who know nothing of each other: a Poisson process.
    #[default]
    Poisson,
    /// At even distances.
    Even,
}

/// How long a load is.
#[must_use]
pub fn length(phases: &[Phase]) -> Duration {
    phases.iter().fold(Duration::ZERO, |sum, phase| sum.saturating_add(phase.length))
}

/// How many requests a load has, on the average.
#[must_use]
pub fn expected(phases: &[Phase]) -> f64 {
    phases.iter().map(|phase| (phase.from + phase.to) / 2.0 * phase.length.as_secs_f64()).sum()
}

/// When each request comes, in order.
#[must_use]
pub fn times(phases: &[Phase], arrivals: Arrivals, random: &dyn Random) -> Vec<Duration> {
    let mut times = Vec::new();
    let (mut begin, mut due) = (0.0, first(arrivals, random));
    for phase in phases {
        let length = phase.length.as_secs_f64();
        // Requests that are due count in expected requests since the phase's beginning: that makes one process of both kinds.
        let total = (phase.from + phase.to) / 2.0 * length;
        while due < total && (times.len() as f64) < MOST_REQUESTS * 2.0 {
            let at = begin + instant(phase, length, due);
            times.push(Duration::try_from_secs_f64(at).unwrap_or_default());
            due += gap(arrivals, random);
        }
        due -= total;
        begin += length;
    }
    times
}

/// When `due` requests of a phase have come: the rate's integral, backwards.
fn instant(phase: &Phase, length: f64, due: f64) -> f64 {
    let slope = (phase.to - phase.from) / length;
    if slope.abs() < 1e-12 {
        return due / phase.from;
    }
    // from·t + slope·t²/2 = due; this form of the root is exact for small slopes too.
    let root = (phase.from * phase.from + 2.0 * slope * due).max(0.0).sqrt();
    (2.0 * due / (phase.from + root)).clamp(0.0, length)
}

fn first(arrivals: Arrivals, random: &dyn Random) -> f64 {
    match arrivals {
        Arrivals::Poisson => gap(arrivals, random),
        // The middle of the first interval: so does a rate of one a second not begin at the fault's own second.
        Arrivals::Even => 0.5,
    }
}

/// Expected requests up to the next one.
fn gap(arrivals: Arrivals, random: &dyn Random) -> f64 {
    match arrivals {
        // 1 − u lies in (0, 1].
        Arrivals::Poisson => -(1.0 - fraction(random)).ln(),
        Arrivals::Even => 1.0,
    }
}

/// From 0 up to, not including, 1.
pub(super) fn fraction(random: &dyn Random) -> f64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    // 53 bits are what a double holds.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A whole number from `low` to `high`, both included.
pub(super) fn between(random: &dyn Random, (low, high): (u32, u32)) -> u32 {
    low + (fraction(random) * (f64::from(high.saturating_sub(low)) + 1.0)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::support::random::SeededRandom;

    fn phase(seconds: u64, from: f64, to: f64) -> Phase {
        Phase { length: Duration::from_secs(seconds), from, to }
    }

    #[test]
    fn even_arrivals_are_even_and_ramps_are_straight() {
        let times = times(&[phase(2, 2.0, 2.0), phase(10, 0.0, 10.0)], Arrivals::Even, &SeededRandom::new(1));
        let seconds: Vec<f64> = times.iter().take(4).map(Duration::as_secs_f64).collect();
        assert_eq!(seconds, [0.25, 0.75, 1.25, 1.75]);
        assert_eq!(times.len(), 4 + 50);
        // A quarter of a straight ramp's requests lies in its first half.
        let early = times.iter().filter(|at| (2.0..7.0).contains(&at.as_secs_f64())).count();
        assert!((12..=13).contains(&early), "{early}");
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_one() {
        let times = times(&[phase(1_000, 20.0, 20.0)], Arrivals::Poisson, &SeededRandom::new(7));
        // Three standard errors of a Poisson count of 20,000.
        assert!((times.len() as f64 - 20_000.0).abs() < 3.0 * 20_000_f64.sqrt(), "{}", times.len());
        let gaps: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Gaps of a Poisson process are exponential: their deviation is their mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    proptest! {
        #[test]
        fn times_are_in_order_and_within_the_load(
            parts in proptest::collection::vec((1_u64..100, 0.0..20.0_f64, 0.0..20.0_f64), 1..5), even: bool, seed: u64,
        ) {
            let phases: Vec<Phase> = parts.iter().map(|(seconds, from, to)| phase(*seconds, *from, *to)).collect();
            let arrivals = if even { Arrivals::Even } else { Arrivals::Poisson };
            let times = times(&phases, arrivals, &SeededRandom::new(seed));
            prop_assert!(times.is_sorted());
            prop_assert!(times.last().is_none_or(|last| *last <= length(&phases) + Duration::from_millis(1)));
            if even {
                prop_assert!((times.len() as f64 - expected(&phases)).abs() <= 1.0);
            }
        }
    }
}
