//! What only `Double` and `Single` have.

use super::real;
use crate::expression::library::Members;
use crate::expression::value::Value;

macro_rules! kinds {
    ($($name:literal: $smallest:expr),*) => {
        &[$(
            (concat!($name, ".IsFinite"), |_, a| Ok(Value::Boolean(real(a.get(0)).is_finite()))),
            (concat!($name, ".IsNegative"), |_, a| Ok(Value::Boolean(real(a.get(0)).is_sign_negative()))),
            (concat!($name, ".IsPositiveInfinity"), |_, a| Ok(Value::Boolean(real(a.get(0)) == f64::INFINITY))),
            (concat!($name, ".IsNegativeInfinity"), |_, a| Ok(Value::Boolean(real(a.get(0)) == f64::NEG_INFINITY))),
            (concat!($name, ".IsNormal"), |_, a| {
                let value = real(a.get(0)).abs();
                Ok(Value::Boolean(value.is_finite() && value >= $smallest))
            }),
            (concat!($name, ".IsSubnormal"), |_, a| {
                let value = real(a.get(0)).abs();
                Ok(Value::Boolean(value > 0.0 && value < $smallest))
            })
        ),*]
    };
}

pub(in crate::expression::library) const MEMBERS: Members = kinds!("Double": f64::MIN_POSITIVE, "Single": f64::from(f32::MIN_POSITIVE));
