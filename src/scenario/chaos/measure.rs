//! What came of a replay, in numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Thresholds;
use crate::scenario::answer::Attempt;

/// One request and what came of it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When it was sent, since the beginning.
    pub at: Duration,
    /// The answer, or why there is none.
    pub answered: Result<Answered, String>,
    /// Every time the gateway sent it to a backend.
    pub attempts: Vec<Attempt>,
    /// Prompt and completion tokens.
    pub usage: Option<(u64, u64)>,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Status.
    pub status: u16,
    /// Whether its body came to its end.
    pub whole: bool,
    /// Until its head.
    pub head: Duration,
    /// Until its last byte.
    pub elapsed: Duration,
}

/// A breaker was tripped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trip {
    /// From when.
    pub from: Duration,
    /// Until when nothing was to be sent.
    pub to: Duration,
    /// The backend.
    pub backend: String,
}

impl Sent {
    /// Whether the caller got what it asked for: a status of 2xx, and the whole body.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.answered.as_ref().is_ok_and(|answered| (200..300).contains(&answered.status) && answered.whole)
    }

    /// How it ended, for tables: `200`, `503`, `200, cut`, `no answer in time`.
    #[must_use]
    pub fn ending(&self) -> String {
        match &self.answered {
            Ok(answered) if answered.whole => answered.status.to_string(),
            Ok(answered) => format!("{}, cut", answered.status),
            Err(reason) => reason.clone(),
        }
    }

    /// What the gateway added to the answer of the backend that served it: attempts before that one, and waits between them.
    #[must_use]
    pub fn added(&self) -> Option<Duration> {
        let answered = self.answered.as_ref().ok()?;
        Some(self.attempts.last().map_or(answered.head, |last| answered.head.saturating_sub(last.elapsed)))
    }
}

/// Percentiles of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Of these times, in any order.
    #[must_use]
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The least time that so many percent do not exceed (nearest rank); `None` if there are none.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let rank = (percent / 100.0 * self.0.len() as f64).ceil().max(1.0) as usize;
        self.0.get(rank.min(self.0.len()).checked_sub(1)?).copied()
    }
}

/// What was sent to one backend.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendCounts {
    /// Attempts.
    pub attempts: u64,
    /// Attempts by status or reason of the failure.
    pub outcomes: BTreeMap<String, u64>,
    /// Requests whose answer came from it.
    pub served: u64,
    /// Prompt tokens of these.
    pub prompt_tokens: u64,
    /// Completion tokens of these.
    pub completion_tokens: u64,
    /// How often its breaker tripped.
    pub trips: u64,
}

/// A slice of the timeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Requests sent in it.
    pub requests: u64,
    /// Those that were not answered well.
    pub failed: u64,
    /// Attempts by backend, in the order of [`Measured::backends`].
    pub attempts: Vec<u64>,
    /// Time to the head of good answers.
    pub head: Times,
}

/// What came of a replay.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// The variant.
    pub name: String,
    /// How long the load was.
    pub length: Duration,
    /// Each request, in order.
    pub sent: Vec<Sent>,
    /// Tripped breakers, in order.
    pub trips: Vec<Trip>,
    /// How requests ended.
    pub endings: BTreeMap<String, u64>,
    /// Requests that ended well.
    pub good: u64,
    /// Time to the head of good answers.
    pub head: Times,
    /// Time to the last byte of good answers.
    pub elapsed: Times,
    /// What the gateway added to good answers.
    pub added: Times,
    /// By backend.
    pub backends: BTreeMap<String, BackendCounts>,
    /// The width of a slice.
    pub slice: Duration,
    /// The timeline.
    pub slices: Vec<Slice>,
}

/// About how many slices a timeline has.
const SLICES: f64 = 120.0;
/// Widths of slices, in seconds.
const WIDTHS: [f64; 13] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 7_200.0];

impl Measured {
    /// Counts.
    #[must_use]
    pub fn new(name: &str, length: Duration, sent: Vec<Sent>, trips: Vec<Trip>) -> Self {
        let mut measured = Self { name: name.to_owned(), length, trips, ..Self::default() };
        let seconds = length.as_secs_f64();
        let width = WIDTHS.into_iter().find(|width| seconds / width <= SLICES).unwrap_or(seconds / SLICES);
        measured.slice = Duration::from_secs_f64(width);
        for trip in &measured.trips {
            measured.backends.entry(trip.backend.clone()).or_default().trips += 1;
        }
        for sent in &sent {
            *measured.endings.entry(sent.ending()).or_insert(0) += 1;
            measured.good += u64::from(sent.is_good());
            measured.count_attempts(sent);
        }
        let good = || sent.iter().filter(|sent| sent.is_good());
        let answered = || good().filter_map(|sent| sent.answered.as_ref().ok());
        measured.head = Times::of(answered().map(|answered| answered.head).collect());
        measured.elapsed = Times::of(answered().map(|answered| answered.elapsed).collect());
        measured.added = Times::of(good().filter_map(Sent::added).collect());
        measured.slices = measured.cut(&sent);
        measured.sent = sent;
        measured
    }

    fn count_attempts(&mut self, sent: &Sent) {
        for attempt in &sent.attempts {
            let counts = self.backends.entry(attempt.backend.clone()).or_default();
            counts.attempts += 1;
            let outcome = attempt.outcome.as_ref().map_or_else(Clone::clone, u16::to_string);
            *counts.outcomes.entry(outcome).or_insert(0) += 1;
        }
        if let (Ok(_), Some(last)) = (&sent.answered, sent.attempts.last().filter(|last| last.outcome.is_ok())) {
            let counts = self.backends.entry(last.backend.clone()).or_default();
            counts.served += 1;
            let (prompt, completion) = sent.usage.unwrap_or_default();
            counts.prompt_tokens += prompt;
            counts.completion_tokens += completion;
        }
    }

    fn cut(&self, sent: &[Sent]) -> Vec<Slice> {
        let width = self.slice.as_secs_f64().max(f64::MIN_POSITIVE);
        let number = (self.length.as_secs_f64() / width).ceil().max(1.0) as usize;
        let index = |at: Duration| ((at.as_secs_f64() / width) as usize).min(number - 1);
        let mut slices = vec![Slice { attempts: vec![0; self.backends.len()], ..Slice::default() }; number];
        let mut heads: Vec<Vec<Duration>> = vec![Vec::new(); number];
        for sent in sent {
            let own = index(sent.at);
            if let (Some(slice), Some(heads)) = (slices.get_mut(own), heads.get_mut(own)) {
                slice.requests += 1;
                slice.failed += u64::from(!sent.is_good());
                heads.extend(sent.answered.as_ref().ok().filter(|_| sent.is_good()).map(|answered| answered.head));
            }
            for attempt in &sent.attempts {
                let place = self.backends.keys().position(|name| *name == attempt.backend);
                if let (Some(slice), Some(place)) = (slices.get_mut(index(sent.at + attempt.after)), place)
                    && let Some(count) = slice.attempts.get_mut(place)
                {
                    *count += 1;
                }
            }
        }
        for (slice, heads) in slices.iter_mut().zip(heads) {
            slice.head = Times::of(heads);
        }
        slices
    }

    /// Share of requests that ended well; 1 if there were none.
    #[must_use]
    pub fn availability(&self) -> f64 {
        if self.sent.is_empty() { 1.0 } else { self.good as f64 / self.sent.len() as f64 }
    }

    /// Attempts at backends altogether.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.backends.values().map(|counts| counts.attempts).sum()
    }

    /// Tokens altogether.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.backends.values().map(|counts| counts.prompt_tokens + counts.completion_tokens).sum()
    }

    /// Thresholds that are not kept, one sentence each.
    #[must_use]
    pub fn misses(&self, thresholds: &Thresholds) -> Vec<String> {
        self.judged(thresholds).into_iter().filter_map(|(_, miss)| miss).collect()
    }

    /// Each threshold in words, and how it is missed, if it is.
    #[must_use]
    pub fn judged(&self, thresholds: &Thresholds) -> Vec<(String, Option<String>)> {
        let mut judged = Vec::new();
        if let Some(least) = thresholds.availability {
            let missed = self.availability() < least;
            let text = || format!("the availability is {}, expected at least {}", percent(self.availability()), percent(least));
            judged.push((format!("availability is at least {}", percent(least)), missed.then(text)));
        }
        let times = [("latency", &thresholds.latency, &self.head), ("added latency", &thresholds.added_latency, &self.added)];
        for (what, limits, times) in times {
            for (percentile, limit) in limits {
                let name = format!("the {what} of {percentile} % of good answers is at most {}", shown(*limit));
                let miss = match times.percentile(*percentile) {
                    Some(time) if time <= *limit => None,
                    Some(time) => Some(format!("the {what} at {percentile} % is {}, expected at most {}", shown(time), shown(*limit))),
                    None => Some("there was no good answer".to_owned()),
                };
                judged.push((name, miss));
            }
        }
        judged
    }
}

/// `99.95 %`, cut off, so that only everything is 100.
#[must_use]
pub fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-9).floor();
    format!("{} %", hundredths / 100.0)
}

/// `120 ms`, `1.5 s`.
#[must_use]
pub fn shown(time: Duration) -> String {
    let milliseconds = (time.as_secs_f64() * 1_000.0).round();
    if milliseconds < 1_000.0 { format!("{milliseconds} ms") } else { format!("{} s", milliseconds / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(at: u64, status: Result<u16, &str>, attempts: &[(&str, Result<u16, &str>, u64, u64)]) -> Sent {
        let end = attempts.last().map_or(0, |(_, _, after, elapsed)| after + elapsed);
        let head = Duration::from_millis(end);
        let answered = status.map(|status| Answered { status, whole: true, head, elapsed: head * 2 }).map_err(str::to_owned);
        let attempts = attempts.iter().map(|(backend, outcome, after, elapsed)| Attempt {
            backend: (*backend).to_owned(),
            outcome: outcome.map_err(str::to_owned),
            after: Duration::from_millis(*after),
            elapsed: Duration::from_millis(*elapsed),
            tripped: None,
        });
        Sent { at: Duration::from_millis(at), answered, attempts: attempts.collect(), usage: Some((10, 5)) }
    }

    #[test]
    fn what_the_gateway_adds_is_what_lies_before_the_last_attempt() {
        let all = vec![
            sent(0, Ok(200), &[("a", Ok(200), 0, 100)]),
            sent(10, Ok(200), &[("a", Ok(503), 0, 40), ("b", Ok(200), 1_040, 100)]),
            sent(20, Ok(429), &[("a", Err("ConnectionFailure"), 0, 5), ("b", Ok(429), 5, 5)]),
            sent(30, Err("no answer in time"), &[]),
        ];
        let trip = Trip { from: Duration::from_millis(50), to: Duration::from_millis(60_050), backend: "a".to_owned() };
        let measured = Measured::new("x", Duration::from_secs(1), all, vec![trip]);
        assert_eq!((measured.good, measured.availability(), measured.attempts(), measured.tokens()), (2, 0.5, 5, 45));
        assert_eq!(measured.added.percentile(50.0), Some(Duration::ZERO));
        assert_eq!(measured.added.percentile(99.0), Some(Duration::from_millis(1_040)));
        assert_eq!(measured.endings.keys().map(String::as_str).collect::<Vec<_>>(), ["200", "429", "no answer in time"]);
        let a = &measured.backends["a"];
        assert_eq!((a.attempts, a.served, a.trips, a.outcomes.len()), (3, 1, 1, 3));
        assert_eq!(measured.backends["b"].served, 2);
        let of_slices: u64 = measured.slices.iter().map(|slice| slice.requests).sum();
        assert_eq!((of_slices, measured.slices[0].failed), (4, 2));

        let thresholds = Thresholds {
            availability: Some(0.5),
            latency: vec![(50.0, Duration::from_millis(100))],
            added_latency: vec![(99.0, Duration::from_secs(1))],
            at: None,
        };
        assert_eq!(measured.misses(&thresholds), ["the added latency at 99 % is 1.04 s, expected at most 1 s"]);
        let strict = Thresholds { availability: Some(0.5001), ..Thresholds::default() };
        assert_eq!(measured.misses(&strict), ["the availability is 50 %, expected at least 50.01 %"]);
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis).collect());
        let at = |percent| times.percentile(percent).map(|time| time.as_millis());
        assert_eq!([at(0.0), at(50.0), at(99.0), at(99.5), at(100.0)], [Some(1), Some(100), Some(198), Some(199), Some(200)]);
        assert_eq!(Times::default().percentile(50.0), None);
        assert_eq!([percent(0.99999), percent(1.0), percent(0.07)], ["99.99 %", "100 %", "7 %"]);
    }
}
