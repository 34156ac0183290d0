use proptest::prelude::*;

use super::*;
use crate::support::clock::VirtualClock;

const MINUTE: Duration = Duration::from_secs(60);

fn rule(condition: Condition) -> Rule {
    Rule {
        name: "rule".into(),
        condition,
        interval: MINUTE,
        statuses: Box::new([429..=429, 500..=599]),
        errors: false,
        trip: Duration::from_secs(30),
        accept_retry_after: false,
        failure_status: None,
        window: Window::Sliding,
    }
}

fn breaker() -> (Breaker, Arc<Journal>) {
    let journal = Arc::new(Journal::default());
    let clock = VirtualClock::starting_at(time::macros::datetime!(2026-11-01 12:00:00 UTC));
    (Breaker::new("/backends/a", Arc::new(clock), journal.clone()), journal)
}

const fn status(status: u16) -> Outcome {
    Outcome::Status { status, retry_after: None }
}

async fn pass(seconds: f64) {
    tokio::time::advance(Duration::from_secs_f64(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn the_count_th_failure_trips_and_the_trip_time_closes() {
    let (breaker, journal) = breaker();
    let rule = rule(Condition::Count(3));
    assert_eq!(breaker.record(&rule, status(500)), None);
    assert_eq!(breaker.record(&rule, status(200)), None);
    assert_eq!(breaker.record(&rule, status(404)), None);
    assert_eq!(breaker.record(&rule, status(429)), None);
    assert_eq!(breaker.tripped(), None);
    assert!(breaker.record(&rule, status(599)).is_some());
    assert!(breaker.tripped().is_some());
    let view = breaker.view(Some(&rule));
    assert_eq!((view.state, view.trips, view.by_hand), (State::Tripped, 1, false));
    assert_eq!(view.since, Some(time::macros::datetime!(2026-11-01 12:00:00 UTC)));
    assert_eq!(view.until, Some(time::macros::datetime!(2026-11-01 12:00:30 UTC)));
    pass(29.9).await;
    assert!(breaker.tripped().is_some());
    pass(5.1).await;
    assert_eq!(breaker.tripped(), None);
    // Dated to the end of the trip time, though it was noticed later; and all failures are forgotten.
    let view = breaker.view(Some(&rule));
    assert_eq!((view.state, view.failures), (State::Closed, 0));
    assert_eq!(view.since, Some(time::macros::datetime!(2026-11-01 12:00:30 UTC)));
    let changes: Vec<_> = journal.events().into_iter().map(|event| event.change).collect();
    assert_eq!(changes, [Change::Tripped { time: Duration::from_secs(30), failures: 3 }, Change::Closed]);
}

#[tokio::test(start_paused = true)]
async fn failures_count_within_the_interval_only() {
    let (breaker, _) = breaker();
    let sliding = rule(Condition::Count(2));
    breaker.record(&sliding, status(500));
    pass(60.0).await;
    assert_eq!(breaker.record(&sliding, status(500)), None);
    pass(59.9).await;
    assert!(breaker.record(&sliding, status(500)).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_fixed_window_begins_anew() {
    let (breaker, _) = breaker();
    let fixed = Rule { window: Window::Fixed, ..rule(Condition::Count(2)) };
    breaker.record(&fixed, status(500));
    pass(61.0).await;
    assert_eq!(breaker.record(&fixed, status(500)), None);
    pass(59.0).await;
    assert!(breaker.record(&fixed, status(500)).is_some());
    // The same calls: three failures within a minute, of which one lies in the window before.
    for (window, trips) in [(Window::Fixed, false), (Window::Sliding, true)] {
        let (breaker, _) = super::tests::breaker();
        let rule = Rule { window, ..rule(Condition::Count(3)) };
        breaker.record(&rule, status(500));
        pass(50.0).await;
        breaker.record(&rule, status(500));
        pass(11.0).await;
        assert_eq!(breaker.record(&rule, status(500)), None, "{window:?}");
        pass(1.0).await;
        assert_eq!(breaker.record(&rule, status(500)).is_some(), trips, "{window:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_percentage_is_taken_of_the_calls_in_the_interval() {
    let (breaker, _) = breaker();
    let rule = rule(Condition::Percentage { percent: 50, calls: 4 });
    for answer in [500, 500, 500] {
        assert_eq!(breaker.record(&rule, status(answer)), None, "too few calls");
    }
    // A good answer completes the number, but only a failure trips.
    assert_eq!(breaker.record(&rule, status(200)), None);
    assert!(breaker.record(&rule, status(503)).is_some());
    let (breaker, _) = super::tests::breaker();
    for _ in 0..3 {
        assert_eq!(breaker.record(&rule, status(200)), None);
    }
    assert_eq!(breaker.record(&rule, status(500)), None);
    assert_eq!(breaker.record(&rule, status(500)), None);
    assert!(breaker.record(&rule, status(500)).is_some());
}

#[tokio::test(start_paused = true)]
async fn retry_after_takes_the_place_of_the_trip_time_if_it_is_accepted() {
    let limited = |seconds| Outcome::Status { status: 429, retry_after: Some(Duration::from_secs(seconds)) };
    for (accept, seconds, open) in [(true, 7, 7.0), (true, 90, 90.0), (true, 0, 30.0), (false, 7, 30.0)] {
        let (breaker, _) = breaker();
        let rule = Rule { accept_retry_after: accept, ..rule(Condition::Count(1)) };
        assert!(breaker.record(&rule, limited(seconds)).is_some());
        pass(open - 0.1).await;
        assert!(breaker.tripped().is_some(), "{accept} {seconds}");
        pass(0.1).await;
        assert!(breaker.tripped().is_none(), "{accept} {seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn transport_failures_count_for_rules_with_error_reasons() {
    let (breaker, _) = breaker();
    assert_eq!(breaker.record(&rule(Condition::Count(1)), Outcome::Failed), None);
    let with_reasons = Rule { errors: true, ..rule(Condition::Count(1)) };
    assert!(breaker.record(&with_reasons, Outcome::Failed).is_some());
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_when_it_tripped_do_not_make_it_longer() {
    let (breaker, journal) = breaker();
    let rule = rule(Condition::Count(1));
    breaker.record(&rule, status(500));
    pass(20.0).await;
    assert_eq!(breaker.record(&rule, status(500)), None);
    pass(10.0).await;
    assert_eq!(breaker.tripped(), None);
    assert_eq!(journal.events().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn by_hand() {
    let (breaker, journal) = breaker();
    breaker.trip(MINUTE);
    assert!(breaker.tripped().is_some());
    assert!(breaker.view(None).by_hand);
    breaker.reset();
    assert_eq!(breaker.tripped(), None);
    assert_eq!(breaker.view(None).state, State::Closed);
    let rule = rule(Condition::Count(2));
    breaker.record(&rule, status(500));
    breaker.reset();
    assert_eq!(breaker.record(&rule, status(500)), None, "a reset forgets failures");
    assert!(journal.events().iter().all(|event| event.by_hand));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_counts_to_millions_keeps_little() {
    let (breaker, _) = breaker();
    let rule = rule(Condition::Count(100_000));
    for _ in 0..99_999 {
        assert_eq!(breaker.record(&rule, status(500)), None);
    }
    assert!(breaker.memory().moments.len() <= 2 * EXACT);
    assert!(breaker.record(&rule, status(500)).is_some());
}

/// What a breaker does, by the words of its page: every failure is kept, and all are looked at anew each time.
#[derive(Default)]
struct Model {
    failures: Vec<u64>,
    open_until: Option<u64>,
}

impl Model {
    fn is_open(&mut self, now: u64) -> bool {
        if self.open_until.is_some_and(|until| now >= until) {
            self.open_until = None;
            self.failures.clear();
        }
        self.open_until.is_some()
    }

    fn call(&mut self, now: u64, status: u16, count: usize, interval: u64, trip: u64) -> bool {
        if self.is_open(now) || !(status == 429 || status >= 500) {
            return false;
        }
        self.failures.push(now);
        if self.failures.iter().filter(|at| now - **at < interval).count() < count {
            return false;
        }
        self.open_until = Some(now + trip);
        true
    }
}

proptest! {
    #[test]
    fn behaves_as_the_model(
        count in 1_u32..5,
        interval in 1_u64..20,
        trip in 1_u64..20,
        steps in proptest::collection::vec((0_u64..6, prop_oneof![Just(200_u16), Just(429), Just(500), Just(404)]), 1..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (breaker, _) = breaker();
            let rule = Rule {
                interval: Duration::from_secs(interval),
                trip: Duration::from_secs(trip),
                ..rule(Condition::Count(count))
            };
            let mut model = Model::default();
            let mut now = 0;
            let mut trips = 0;
            for (wait, answer) in steps {
                pass(wait as f64).await;
                now += wait;
                let open = model.is_open(now);
                prop_assert_eq!(breaker.tripped().is_some(), open);
                if !open {
                    let tripped = breaker.record(&rule, status(answer)).is_some();
                    prop_assert_eq!(tripped, model.call(now, answer, count as usize, interval, trip));
                    trips += u64::from(tripped);
                }
            }
            prop_assert_eq!(breaker.trips(), trips);
            Ok(())
        })?;
    }
}
