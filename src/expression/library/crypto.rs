//! Hashes, HMAC, AES, RSA and certificates.

use std::sync::Arc;

use super::{Args, Machine, Members, Native, Outcome};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

pub(crate) mod certificates;
pub(crate) mod ciphers;
pub(crate) mod der;
pub(crate) mod hashes;
pub(crate) mod keys;
mod md5;
pub(crate) mod names;

/// An object of a helper class with its fields.
fn opaque(m: &mut Machine<'_>, name: &str, fields: Vec<Value>) -> Value {
    let ty = types::named(name);
    m.object(Object::Opaque(ty, fields))
}

/// A field of such an object.
fn field(m: &mut Machine<'_>, value: &Value, index: usize) -> Outcome {
    match m.object_of(value)? {
        Object::Opaque(_, fields) => Ok(fields.get(index).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }
}

fn set_field(m: &mut Machine<'_>, value: &Value, index: usize, fresh: Value) -> Outcome<()> {
    if let Value::Object(handle) = value
        && let Some(Object::Opaque(_, fields)) = m.heap.get_mut(*handle)
    {
        if fields.len() <= index {
            fields.resize(index + 1, Value::Null);
        }
        fields[index] = fresh;
        return Ok(());
    }
    Err(m.null_reference())
}

/// A string field.
fn text_field(m: &mut Machine<'_>, value: &Value, index: usize) -> Outcome<Arc<Text>> {
    match field(m, value, index)? {
        Value::Text(text) => Ok(text),
        _ => Err(m.null_reference()),
    }
}

/// A part of a `byte[]` argument.
fn part(m: &mut Machine<'_>, a: Args<'_>, at: usize, name: &str) -> Outcome<Vec<u8>> {
    let bytes = m.bytes(a.get(at), name)?;
    if a.int(at + 1) < 0 {
        return Err(m.out_of_range("inputOffset", "Non-negative number required."));
    }
    let start = usize::try_from(a.int(at + 1)).unwrap_or(usize::MAX);
    let end = usize::try_from(a.int(at + 2)).ok().and_then(|count| start.checked_add(count)).filter(|end| *end <= bytes.len());
    match end {
        Some(end) => Ok(bytes[start..end].to_vec()),
        None => Err(m.throw("ArgumentException", "Value was invalid.")),
    }
}

/// Writes bytes into a `byte[]` from an index.
fn fill(m: &mut Machine<'_>, array: &Value, at: usize, bytes: &[u8]) -> Outcome<()> {
    let room = match array {
        Value::Object(handle) => match m.heap.get_mut(*handle) {
            Some(Object::Array(_, items)) => items.get_mut(at..at.saturating_add(bytes.len())),
            _ => None,
        },
        _ => return Ok(()),
    };
    match room {
        Some(room) => {
            for (place, byte) in room.iter_mut().zip(bytes) {
                *place = Value::Byte(*byte);
            }
            Ok(())
        }
        None => Err(m.throw("ArgumentException", "Value was invalid.")),
    }
}

fn cryptographic(m: &mut Machine<'_>, message: &str) -> crate::expression::machine::Fault {
    m.throw("CryptographicException", message)
}
