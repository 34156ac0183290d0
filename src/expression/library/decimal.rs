//! `System.Decimal` beside what its own crate does.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromStr as _;

/// A literal without its suffix.
pub(crate) fn parse_literal(digits: &str) -> Option<Decimal> {
    if digits.contains('e') { Decimal::from_scientific(digits).ok() } else { Decimal::from_str(digits).ok() }
}

/// As .NET converts: 15 significant digits of a double, 7 of a float, no trailing zeros.
pub(crate) fn from_double(value: f64, single: bool) -> Option<Decimal> {
    if !value.is_finite() || value.abs() >= 7.922_816_251_426_434e28 {
        return None;
    }
    let digits = if single { 6 } else { 14 };
    let text = format!("{value:.digits$e}");
    let parsed = Decimal::from_scientific(&text).or_else(|_| {
        // Scales beyond 28 are rounded away.
        Decimal::from_str(&format!("{value:.28}"))
    });
    parsed.ok().map(|value| value.normalize())
}

/// Text as .NET writes it: the scale is kept.
pub(crate) fn text(value: Decimal) -> String {
    let text = value.to_string();
    match text.strip_prefix('-') {
        Some(rest) if value.is_zero() => rest.to_owned(),
        _ => text,
    }
}
