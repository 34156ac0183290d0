//! Quotas: fixed windows on the calendar.

use time::{Date, Duration, Month, OffsetDateTime, Time};
use tokio::time::Instant;

use super::Fades;

/// `token-quota-period`: a window that begins at the UTC time cut to the unit (llm-token-limit page).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// `Hourly`.
    Hour,
    /// `Daily`.
    Day,
    /// `Weekly`, from Monday (assumed; the page does not name the day).
    Week,
    /// `Monthly`.
    Month,
    /// `Yearly`.
    Year,
    /// Seconds from a first instant: `renewal-period` of `quota` and `quota-by-key`.
    Every {
        /// The first period's start.
        first: OffsetDateTime,
        /// Length in seconds; 0 never ends.
        seconds: u64,
    },
}

impl Period {
    /// By the attribute's value, not case-sensitive.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [("Hourly", Self::Hour), ("Daily", Self::Day), ("Weekly", Self::Week), ("Monthly", Self::Month), ("Yearly", Self::Year)]
            .into_iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name.trim()))
            .map(|(_, period)| period)
    }
}

/// When a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodEnd {
    /// Then.
    At(OffsetDateTime),
    /// Never.
    Never,
}

/// Start and end of the window that `now` lies in.
#[must_use]
pub fn period_of(period: Period, now: OffsetDateTime) -> (OffsetDateTime, PeriodEnd) {
    let midnight = |date: Date| date.with_time(Time::MIDNIGHT).assume_utc();
    let bounded = |start: OffsetDateTime, end: Option<OffsetDateTime>| (start, end.map_or(PeriodEnd::Never, PeriodEnd::At));
    let date = now.date();
    match period {
        Period::Hour => {
            let start = now.replace_time(Time::from_hms(now.hour(), 0, 0).unwrap_or(Time::MIDNIGHT));
            bounded(start, start.checked_add(Duration::HOUR))
        }
        Period::Day => bounded(midnight(date), midnight(date).checked_add(Duration::DAY)),
        Period::Week => {
            let days = i64::from(date.weekday().number_days_from_monday());
            let start = midnight(date).checked_sub(Duration::days(days)).unwrap_or(midnight(date));
            bounded(start, start.checked_add(Duration::WEEK))
        }
        Period::Month => {
            let first = date.replace_day(1).unwrap_or(date);
            let next = match first.month() {
                Month::December => Date::from_calendar_date(first.year() + 1, Month::January, 1),
                month => Date::from_calendar_date(first.year(), month.next(), 1),
            };
            bounded(midnight(first), next.ok().map(midnight))
        }
        Period::Year => {
            let first = Date::from_calendar_date(date.year(), Month::January, 1).unwrap_or(date);
            bounded(midnight(first), Date::from_calendar_date(date.year() + 1, Month::January, 1).ok().map(midnight))
        }
        Period::Every { first, seconds: 0 } => (first, PeriodEnd::Never),
        Period::Every { first, seconds } => {
            let length = i64::try_from(seconds).unwrap_or(i64::MAX);
            let passed = (now - first).whole_seconds().max(0) / length;
            let start = first.checked_add(Duration::seconds(passed.saturating_mul(length))).unwrap_or(first);
            bounded(start, start.checked_add(Duration::seconds(length)))
        }
    }
}

/// What was used of a quota in its window.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuotaCounter {
    start: Option<OffsetDateTime>,
    used: u64,
}

impl QuotaCounter {
    /// What was used in the window that begins at `start`; an older window's use is forgotten.
    pub fn used(&mut self, start: OffsetDateTime) -> u64 {
        if self.start != Some(start) {
            *self = Self { start: Some(start), used: 0 };
        }
        self.used
    }

    /// Uses `amount` if less than `limit` was used, in one step: two workers cannot both take the last. `own` of it was used by this request
    /// itself, and does not refuse it.
    pub fn take(&mut self, start: OffsetDateTime, amount: u64, limit: u64, own: u64) -> bool {
        let free = self.used(start).saturating_sub(own) < limit;
        if free {
            self.used = self.used.saturating_add(amount);
        }
        free
    }

    /// Uses `amount`.
    pub fn add(&mut self, start: OffsetDateTime, amount: u64) {
        self.used = self.used(start).saturating_add(amount);
    }
}

impl Fades for QuotaCounter {
    /// Quotas may last for ever, so they are never thrown away.
    fn is_gone(&self, _now: Instant) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn windows_begin_at_the_unit() {
        let now = datetime!(2026-12-31 23:59:59.5 UTC);
        let cases = [
            (Period::Hour, datetime!(2026-12-31 23:00 UTC), datetime!(2027-01-01 00:00 UTC)),
            (Period::Day, datetime!(2026-12-31 00:00 UTC), datetime!(2027-01-01 00:00 UTC)),
            (Period::Week, datetime!(2026-12-28 00:00 UTC), datetime!(2027-01-04 00:00 UTC)),
            (Period::Month, datetime!(2026-12-01 00:00 UTC), datetime!(2027-01-01 00:00 UTC)),
            (Period::Year, datetime!(2026-01-01 00:00 UTC), datetime!(2027-01-01 00:00 UTC)),
            (
                Period::Every { first: datetime!(2026-12-31 00:30 UTC), seconds: 3_600 },
                datetime!(2026-12-31 23:30 UTC),
                datetime!(2027-01-01 00:30 UTC),
            ),
        ];
        for (period, start, end) in cases {
            assert_eq!(period_of(period, now), (start, PeriodEnd::At(end)), "{period:?}");
        }
        let forever = Period::Every { first: datetime!(2026-01-01 00:00 UTC), seconds: 0 };
        assert_eq!(period_of(forever, now).1, PeriodEnd::Never);
    }

    #[test]
    fn a_new_window_starts_from_nothing() {
        let mut counter = QuotaCounter::default();
        counter.add(datetime!(2026-01-01 00:00 UTC), 5);
        counter.add(datetime!(2026-01-01 00:00 UTC), 5);
        assert_eq!(counter.used(datetime!(2026-01-01 00:00 UTC)), 10);
        assert_eq!(counter.used(datetime!(2026-01-02 00:00 UTC)), 0);
    }

    #[test]
    fn the_last_of_a_quota_is_taken_once() {
        let mut counter = QuotaCounter::default();
        let start = datetime!(2026-01-01 00:00 UTC);
        assert!(counter.take(start, 1, 2, 0) && counter.take(start, 1, 2, 0));
        assert!(!counter.take(start, 1, 2, 0));
        assert!(counter.take(start, 0, 2, 1), "what the request used itself does not refuse it");
        assert_eq!(counter.used(start), 2);
    }
}
