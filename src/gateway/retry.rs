//! How long `retry` waits.

use std::time::Duration;

/// The evaluated numbers of one `retry`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waits {
    /// Seconds.
    pub interval: f64,
    /// Seconds, no wait is longer.
    pub max_interval: Option<f64>,
    /// Seconds.
    pub delta: Option<f64>,
    /// The first retry does not wait.
    pub first_fast_retry: bool,
    /// The exponent of the first retry is 1 (the page's text) instead of 0 (its example).
    pub exponent_from_one: bool,
}

impl Waits {
    /// The wait before retry `number`, counted from 1. `draw` is uniform in 0..1 and only asked for where the formula has randomness.
    ///
    /// Formulas: retry page. `interval` alone is fixed; with `delta` it is linear; with `delta` and `max-interval` exponential. `interval` and
    /// `max-interval` without `delta` are not described: fixed (assumed).
    pub fn before(&self, number: u32, draw: impl FnOnce() -> f64) -> Duration {
        if self.first_fast_retry && number == 1 {
            return Duration::ZERO;
        }
        let earlier = f64::from(number.saturating_sub(1));
        let seconds = match (self.delta, self.max_interval) {
            (Some(delta), Some(most)) => {
                let exponent = if self.exponent_from_one { f64::from(number) } else { earlier };
                let factor = 0.8 + 0.4 * draw();
                ((exponent.exp2() - 1.0).mul_add(delta * factor, self.interval)).min(most)
            }
            (Some(delta), None) => delta.mul_add(earlier, self.interval),
            (None, most) => most.map_or(self.interval, |most| self.interval.min(most)),
        };
        Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXED: Waits = Waits { interval: 10.0, max_interval: None, delta: None, first_fast_retry: false, exponent_from_one: false };

    fn seconds(waits: Waits, draw: f64) -> Vec<f64> {
        (1..=5).map(|number| waits.before(number, || draw).as_secs_f64()).collect()
    }

    #[test]
    fn the_three_formulas_of_the_page() {
        assert_eq!(seconds(FIXED, 0.5), [10.0; 5]);
        assert_eq!(seconds(Waits { delta: Some(10.0), ..FIXED }, 0.5), [10.0, 20.0, 30.0, 40.0, 50.0]);
        // The page's example: interval 10, delta 10, max-interval 100.
        let exponential = Waits { delta: Some(10.0), max_interval: Some(100.0), ..FIXED };
        assert_eq!(seconds(exponential, 0.5), [10.0, 20.0, 40.0, 80.0, 100.0]);
        assert_eq!(seconds(Waits { exponent_from_one: true, ..exponential }, 0.5), [20.0, 40.0, 80.0, 100.0, 100.0]);
        assert_eq!(seconds(exponential, 0.0)[1], 18.0);
        assert_eq!(seconds(exponential, 1.0)[1], 22.0);
    }

    #[test]
    fn the_first_fast_retry_does_not_wait_and_shifts_nothing() {
        assert_eq!(seconds(Waits { delta: Some(10.0), first_fast_retry: true, ..FIXED }, 0.5), [0.0, 20.0, 30.0, 40.0, 50.0]);
    }
}
