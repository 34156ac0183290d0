//! How many: a number, bounds, or a share of all.

/// How many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many.
    Exactly(u64),
    /// Not fewer than the first, not more than the second.
    Between(Option<u64>, Option<u64>),
    /// This share of all, from 0 to 1.
    Share(f64, Tolerance),
}

/// How far a share may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// By this much: 0.02 lets 0.8 be anything from 0.78 to 0.82.
    Absolute(f64),
    /// By so many standard errors of as many independent fair draws.
    StandardErrors(f64),
}

impl Tolerance {
    /// How far `share` of `total` draws may be off.
    #[must_use]
    pub fn width(self, share: f64, total: u64) -> f64 {
        match self {
            Self::Absolute(width) => width,
            Self::StandardErrors(_) if total == 0 => 0.0,
            Self::StandardErrors(errors) => errors * (share * (1.0 - share) / total as f64).sqrt(),
        }
    }
}

impl Amount {
    /// Whether `count` of `total` is right.
    #[must_use]
    pub fn holds(self, count: u64, total: u64) -> bool {
        match self {
            Self::Exactly(number) => count == number,
            Self::Between(least, most) => least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most),
            Self::Share(share, tolerance) => {
                // A count is a whole number: half of one is allowed for what rounding takes away from a tolerance of nothing.
                let off = (count as f64 - share * total as f64).abs();
                off <= tolerance.width(share, total) * total as f64 + 0.5
            }
        }
    }

    /// Whether `count` of `total` could be right for some count: a share that no number of so few comes near to is impossible.
    #[must_use]
    pub const fn can_hold(self, total: u64) -> bool {
        match self {
            Self::Exactly(number) => number <= total,
            Self::Between(least, most) => match (least, most) {
                (Some(least), Some(most)) => least <= most && least <= total,
                (Some(least), None) => least <= total,
                _ => true,
            },
            Self::Share(..) => true,
        }
    }

    /// In words: `exactly 3`, `800 (80%) ± 38`.
    #[must_use]
    pub fn words(self, total: u64) -> String {
        match self {
            Self::Exactly(number) => number.to_string(),
            Self::Between(Some(least), Some(most)) => format!("from {least} to {most}"),
            Self::Between(Some(least), None) => format!("at least {least}"),
            Self::Between(None, Some(most)) => format!("at most {most}"),
            Self::Between(None, None) => "any number".to_owned(),
            Self::Share(share, tolerance) => {
                let width = tolerance.width(share, total) * total as f64;
                let mean = share * total as f64;
                let errors = match tolerance {
                    Tolerance::Absolute(_) => String::new(),
                    Tolerance::StandardErrors(errors) => format!(", {errors} standard errors"),
                };
                format!("{}% of {total}: {mean:.0} ± {width:.0}{errors}", share * 100.0)
            }
        }
    }
}
