//! `Math`.

use rust_decimal::{Decimal, RoundingStrategy};

use super::numbers::{as_decimal, real};
use super::{Members, compare};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::Value;

macro_rules! real {
    ($name:literal, $work:expr) => {
        (concat!("Math.", $name, "(double)"), |_, a| {
            let work: fn(f64) -> f64 = $work;
            Ok(Value::Double(work(real(a.get(0)))))
        })
    };
}

pub(super) const MEMBERS: Members = &[
    ("Math.PI", |_, _| Ok(Value::Double(std::f64::consts::PI))),
    ("Math.E", |_, _| Ok(Value::Double(std::f64::consts::E))),
    real!("Sqrt", f64::sqrt),
    real!("Sin", f64::sin),
    real!("Cos", f64::cos),
    real!("Tan", f64::tan),
    real!("Asin", f64::asin),
    real!("Acos", f64::acos),
    real!("Atan", f64::atan),
    real!("Sinh", f64::sinh),
    real!("Cosh", f64::cosh),
    real!("Tanh", f64::tanh),
    real!("Exp", f64::exp),
    real!("Log", f64::ln),
    real!("Log10", f64::log10),
    real!("Floor", f64::floor),
    real!("Ceiling", f64::ceil),
    real!("Truncate", f64::trunc),
    ("Math.Floor(decimal)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).floor()))),
    ("Math.Ceiling(decimal)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).ceil()))),
    ("Math.Truncate(decimal)", |_, a| Ok(Value::Decimal(as_decimal(a.get(0)).trunc()))),
    ("Math.Log(double,double)", |_, a| {
        let (value, base) = (real(a.get(0)), real(a.get(1)));
        if base == 1.0 || value != 1.0 && (base == 0.0 || base == f64::INFINITY) {
            return Ok(Value::Double(f64::NAN));
        }
        Ok(Value::Double(value.ln() / base.ln()))
    }),
    ("Math.Pow", |_, a| Ok(Value::Double(real(a.get(0)).powf(real(a.get(1)))))),
    ("Math.Atan2", |_, a| Ok(Value::Double(real(a.get(0)).atan2(real(a.get(1)))))),
    ("Math.IEEERemainder", |_, a| {
        let (one, two) = (real(a.get(0)), real(a.get(1)));
        let quotient = (one / two).round_ties_even();
        Ok(Value::Double(one - two * quotient))
    }),
    ("Math.Max", |m, a| pick(m, a, 1)),
    ("Math.Min", |m, a| pick(m, a, -1)),
    ("Math.Abs", |m, a| abs(m, a)),
    ("Math.Sign", |m, a| sign(m, a)),
    ("Math.Clamp", |m, a| clamp(m, a)),
    real!("Acosh", f64::acosh),
    real!("Asinh", f64::asinh),
    real!("Atanh", f64::atanh),
    real!("Cbrt", f64::cbrt),
    real!("Log2", f64::log2),
    real!("BitDecrement", f64::next_down),
    real!("BitIncrement", f64::next_up),
    ("Math.CopySign", |_, a| Ok(Value::Double(real(a.get(0)).copysign(real(a.get(1)))))),
    ("Math.FusedMultiplyAdd", |_, a| Ok(Value::Double(real(a.get(0)).mul_add(real(a.get(1)), real(a.get(2)))))),
    ("Math.ILogB", |_, a| {
        let value = real(a.get(0));
        Ok(Value::Int32(if value == 0.0 {
            i32::MIN
        } else if value.is_nan() || value.is_infinite() {
            i32::MAX
        } else {
            exponent(value)
        }))
    }),
    ("Math.ScaleB", |_, a| {
        // In two steps, so that neither leaves the range that the result is in.
        let half = a.int(1).clamp(-3_000, 3_000) / 2;
        let rest = a.int(1).clamp(-3_000, 3_000) - half;
        Ok(Value::Double(real(a.get(0)) * 2f64.powi(half) * 2f64.powi(rest)))
    }),
    ("Math.MaxMagnitude", |_, a| Ok(Value::Double(magnitude(real(a.get(0)), real(a.get(1)), true)))),
    ("Math.MinMagnitude", |_, a| Ok(Value::Double(magnitude(real(a.get(0)), real(a.get(1)), false)))),
    ("Math.Round", |m, a| round(m, a)),
    ("Math.BigMul", |_, a| Ok(Value::Int64(a.get(0).integer() * a.get(1).integer()))),
    ("Math.DivRem(int,int,int)", |m, a| {
        if a.int(1) == 0 {
            return Err(m.throw("DivideByZeroException", "Attempted to divide by zero."));
        }
        m.set_cell(a.get(2), Value::Int32(a.int(0).wrapping_rem(a.int(1))));
        Ok(Value::Int32(a.int(0).wrapping_div(a.int(1))))
    }),
    ("Math.DivRem(long,long,long)", |m, a| {
        let (one, two) = (a.get(0).integer(), a.get(1).integer());
        if two == 0 {
            return Err(m.throw("DivideByZeroException", "Attempted to divide by zero."));
        }
        m.set_cell(a.get(2), Value::Int64(one.wrapping_rem(two)));
        Ok(Value::Int64(one.wrapping_div(two)))
    }),
];

/// The power of two of a finite number that is not zero.
fn exponent(value: f64) -> i32 {
    let bits = (value.to_bits() >> 52 & 0x7ff) as i32;
    if bits == 0 { exponent(value * 2f64.powi(64)) - 64 } else { bits - 1_023 }
}

fn magnitude(one: f64, two: f64, larger: bool) -> f64 {
    if one.is_nan() || two.is_nan() {
        return f64::NAN;
    }
    if one.abs() == two.abs() {
        return if larger == one.is_sign_positive() { one } else { two };
    }
    if (one.abs() > two.abs()) == larger { one } else { two }
}

/// The absolute value; the least integer has none.
pub(super) fn abs(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let overflow = "Negating the minimum value of a twos complement number is invalid.";
    Ok(match a.get(0) {
        Value::Double(value) => Value::Double(value.abs()),
        Value::Single(value) => Value::Single(value.abs()),
        Value::Decimal(value) => Value::Decimal(value.abs()),
        Value::Int32(value) => Value::Int32(value.checked_abs().ok_or_else(|| m.throw("OverflowException", overflow))?),
        Value::Int64(value) => Value::Int64(value.checked_abs().ok_or_else(|| m.throw("OverflowException", overflow))?),
        Value::Int16(value) => Value::Int16(value.checked_abs().ok_or_else(|| m.throw("OverflowException", overflow))?),
        Value::SByte(value) => Value::SByte(value.checked_abs().ok_or_else(|| m.throw("OverflowException", overflow))?),
        other => other.clone(),
    })
}

/// -1, 0 or 1.
pub(super) fn sign(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.get(0) {
        value @ (Value::Double(_) | Value::Single(_)) if real(value).is_nan() => {
            Err(m.throw("ArithmeticException", "Function does not accept floating point Not-a-Number values."))
        }
        Value::Double(value) => Ok(Value::Int32(i32::from(*value > 0.0) - i32::from(*value < 0.0))),
        Value::Single(value) => Ok(Value::Int32(i32::from(*value > 0.0) - i32::from(*value < 0.0))),
        Value::Decimal(value) => Ok(Value::Int32(i32::from(*value > Decimal::ZERO) - i32::from(*value < Decimal::ZERO))),
        Value::UInt64(value) => Ok(Value::Int32(i32::from(*value > 0))),
        other => Ok(Value::Int32(other.integer().signum() as i32)),
    }
}

/// `Clamp(value, min, max)`.
pub(super) fn clamp(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    // Nothing is greater than what is no number.
    let ordered = !real(a.get(1)).is_nan() && !real(a.get(2)).is_nan();
    if ordered && compare(m, a.get(1), a.get(2))? > 0 {
        let (least, most) = (super::to_text(m, a.get(1))?, super::to_text(m, a.get(2))?);
        return Err(m.throw("ArgumentException", &format!("'{}' cannot be greater than {}.", least.to_str(), most.to_str())));
    }
    if real(a.get(0)).is_nan() {
        return Ok(a.get(0).clone());
    }
    if !real(a.get(1)).is_nan() && compare(m, a.get(0), a.get(1))? < 0 {
        return Ok(a.get(1).clone());
    }
    if !real(a.get(2)).is_nan() && compare(m, a.get(0), a.get(2))? > 0 {
        return Ok(a.get(2).clone());
    }
    Ok(a.get(0).clone())
}

pub(super) fn pick(m: &mut Machine<'_>, a: Args<'_>, wanted: i32) -> Outcome {
    let (one, two) = (a.get(0), a.get(1));
    for value in [one, two] {
        if real(value).is_nan() {
            return Ok(value.clone());
        }
    }
    let order = compare(m, one, two)?;
    Ok(if order * wanted >= 0 { one.clone() } else { two.clone() })
}

/// `Round` of doubles and decimals, to even unless asked otherwise.
pub(super) fn round(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let mut digits = 0;
    let mut away = false;
    for value in &a.values[1..] {
        match value {
            Value::Int32(value) => digits = *value,
            Value::Enum(_, number) => match number {
                0 => away = false,
                1 => away = true,
                _ => return Err(m.throw("ArgumentException", "The rounding mode is not emulated.")),
            },
            _ => {}
        }
    }
    match a.get(0) {
        Value::Decimal(value) => {
            if !(0..=28).contains(&digits) {
                return Err(m.out_of_range("decimals", "Decimal can only round to between 0 and 28 digits of precision."));
            }
            let strategy = if away { RoundingStrategy::MidpointAwayFromZero } else { RoundingStrategy::MidpointNearestEven };
            Ok(Value::Decimal(value.round_dp_with_strategy(u32::try_from(digits).unwrap_or(0), strategy)))
        }
        value => {
            if !(0..=15).contains(&digits) {
                return Err(m.out_of_range("digits", "Rounding digits must be between 0 and 15, inclusive."));
            }
            let value = real(value);
            if value.abs() >= 1e16 {
                return Ok(Value::Double(value));
            }
            let power = 10f64.powi(digits);
            let scaled = value * power;
            let rounded = if away {
                scaled.trunc() + f64::from(i32::from(scaled.fract().abs() >= 0.5)) * scaled.signum()
            } else {
                scaled.round_ties_even()
            };
            Ok(Value::Double(rounded / power))
        }
    }
}
