//! Casts of tokens, `Value<T>` and `ToObject<T>`.

use std::sync::Arc;

use super::{Node, children, kind, node, plain, scalar, token};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::library::convert::changing;
use crate::expression::library::{Members, key, to_text};
use crate::expression::machine::{Args, Machine, Outcome, arithmetic};
use crate::expression::types::{Primitive, Type, known};
use crate::expression::value::{Handle, Value};

macro_rules! cast {
    ($to:literal, $name:literal) => {
        (concat!("JToken.op_Explicit(JToken):", $to), |m, a| explicit(m, a, $name, false))
    };
    ($to:literal, $name:literal, nullable) => {
        (concat!("JToken.op_Explicit(JToken):", $to), |m, a| explicit(m, a, $name, true))
    };
}

pub(crate) const MEMBERS: Members = &[
    ("JToken.op_Implicit(string):JToken", |m, a| Ok(Value::Object(scalar(m, kind::STRING, a.get(0).clone())))),
    ("JToken.op_Implicit", |m, a| token(m, a.get(0)).map(Value::Object)),
    cast!("bool", "Boolean"),
    cast!("bool?", "Boolean", nullable),
    cast!("int", "Int32"),
    cast!("int?", "Int32", nullable),
    cast!("long", "Int64"),
    cast!("long?", "Int64", nullable),
    cast!("short", "Int16"),
    cast!("short?", "Int16", nullable),
    cast!("byte", "Byte"),
    cast!("byte?", "Byte", nullable),
    cast!("sbyte", "SByte"),
    cast!("sbyte?", "SByte", nullable),
    cast!("ushort", "UInt16"),
    cast!("ushort?", "UInt16", nullable),
    cast!("uint", "UInt32"),
    cast!("uint?", "UInt32", nullable),
    cast!("ulong", "UInt64"),
    cast!("ulong?", "UInt64", nullable),
    cast!("char", "Char"),
    cast!("char?", "Char", nullable),
    cast!("double", "Double"),
    cast!("double?", "Double", nullable),
    cast!("float", "Single"),
    cast!("float?", "Single", nullable),
    cast!("decimal", "Decimal"),
    cast!("decimal?", "Decimal", nullable),
    cast!("string", "String", nullable),
    cast!("DateTime", "DateTime"),
    cast!("DateTime?", "DateTime", nullable),
    cast!("DateTimeOffset", "DateTimeOffset"),
    cast!("DateTimeOffset?", "DateTimeOffset", nullable),
    cast!("TimeSpan", "TimeSpan"),
    cast!("TimeSpan?", "TimeSpan", nullable),
    cast!("Guid", "Guid"),
    cast!("Guid?", "Guid", nullable),
];

fn kind_name(kind: i64) -> &'static str {
    match kind {
        kind::OBJECT => "Object",
        kind::ARRAY => "Array",
        kind::PROPERTY => "Property",
        kind::INTEGER => "Integer",
        kind::FLOAT => "Float",
        kind::STRING => "String",
        kind::BOOLEAN => "Boolean",
        kind::NULL => "Null",
        kind::UNDEFINED => "Undefined",
        kind::DATE => "Date",
        kind::BYTES => "Bytes",
        kind::GUID => "Guid",
        kind::URI => "Uri",
        kind::TIMESPAN => "TimeSpan",
        kind::RAW => "Raw",
        _ => "None",
    }
}

pub(super) fn explicit(m: &mut Machine<'_>, a: Args<'_>, to: &'static str, nullable: bool) -> Outcome {
    let Value::Object(mut handle) = *a.get(0) else {
        return if nullable { Ok(Value::Null) } else { Err(m.argument_null("value")) };
    };
    if let Some(Node::Property(_, Some(value))) = node(m, handle).map(|json| &json.node) {
        handle = *value;
    }
    let (kind, value) = match node(m, handle).map(|json| (json.kind(), &json.node)) {
        Some((kind, Node::Value(_, value))) => (kind, Some(value.clone())),
        Some((kind, _)) => (kind, None),
        None => (0, None),
    };
    let numeric = matches!(kind, kind::INTEGER | kind::FLOAT | kind::STRING | kind::COMMENT | kind::RAW | kind::BOOLEAN);
    let fits = match to {
        "String" => value.is_some(),
        "DateTime" | "DateTimeOffset" => matches!(kind, kind::DATE | kind::STRING | kind::COMMENT | kind::RAW),
        "TimeSpan" => matches!(kind, kind::STRING | kind::TIMESPAN | kind::COMMENT | kind::RAW),
        "Guid" => matches!(kind, kind::STRING | kind::GUID | kind::BYTES | kind::COMMENT | kind::RAW),
        "Char" => matches!(kind, kind::INTEGER | kind::FLOAT | kind::STRING | kind::COMMENT | kind::RAW),
        _ => numeric,
    } || nullable && matches!(kind, kind::NULL | kind::UNDEFINED);
    let Some(value) = value.filter(|_| fits) else {
        return Err(m.throw("ArgumentException", &format!("Can not convert {} to {to}.", kind_name(kind))));
    };
    if value.is_null() && nullable {
        return Ok(Value::Null);
    }
    convert(m, &value, to)
}

/// `Convert.ToXxx(value, invariant)`.
fn convert(m: &mut Machine<'_>, value: &Value, to: &str) -> Outcome {
    let library = |name: &'static str| crate::expression::library::native(name);
    match to {
        "String" => match value {
            Value::Object(_) if m.bytes(value, "value").is_ok() => {
                let Some(native) = library("Convert.ToBase64String(byte[])") else { return Ok(Value::Null) };
                native(m, Args { values: std::slice::from_ref(value), types: &[] })
            }
            _ => {
                let text = to_text(m, value)?;
                m.text(text)
            }
        },
        "DateTime" | "DateTimeOffset" => {
            let date = match value {
                Value::DateTime(_) | Value::Offset(_) => value.clone(),
                other => {
                    let text = to_text(m, other)?;
                    crate::expression::library::dates::parse_or_throw(m, &text.to_str())?
                }
            };
            Ok(match (&date, to) {
                (Value::DateTime(date), "DateTimeOffset") => {
                    Value::Offset(crate::expression::value::DateTimeOffset { ticks: date.ticks, offset: 0 })
                }
                (Value::Offset(date), "DateTime") => Value::DateTime(crate::expression::value::DateTime {
                    ticks: date.ticks - i64::from(date.offset) * 600_000_000,
                    kind: 2,
                }),
                _ => date,
            })
        }
        "TimeSpan" | "Guid" => match value {
            Value::Span(_) | Value::Guid(_) => Ok(value.clone()),
            other => {
                let text = Value::from(to_text(m, other)?);
                let Some(native) = library(if to == "Guid" { "Guid.new(string)" } else { "TimeSpan.Parse(string)" }) else {
                    return Ok(Value::Null);
                };
                native(m, Args { values: &[text], types: &[] })
            }
        },
        _ => {
            let name = match to {
                "Boolean" => "Convert.ToBoolean",
                "Int32" => "Convert.ToInt32",
                "Int64" => "Convert.ToInt64",
                "Int16" => "Convert.ToInt16",
                "Byte" => "Convert.ToByte",
                "SByte" => "Convert.ToSByte",
                "UInt16" => "Convert.ToUInt16",
                "UInt32" => "Convert.ToUInt32",
                "UInt64" => "Convert.ToUInt64",
                "Char" => "Convert.ToChar",
                "Single" => "Convert.ToSingle",
                "Decimal" => "Convert.ToDecimal",
                _ => "Convert.ToDouble",
            };
            let Some(native) = library(name) else { return Ok(Value::Null) };
            native(m, Args { values: std::slice::from_ref(value), types: &[] })
        }
    }
}

/// `Value<T>()`: a token as `T`.
pub(crate) fn to_type(m: &mut Machine<'_>, token: Option<Handle>, to: Type) -> Outcome {
    let Some(handle) = token else { return Ok(Value::default_of(to)) };
    let whole = Value::Object(handle);
    if m.is(&whole, to) {
        return Ok(whole);
    }
    let Some(value) = plain(m, handle) else {
        let own = m.heap.type_of(&whole).full_name();
        return Err(m.throw("InvalidCastException", &format!("Cannot cast {own} to {}.", to.full_name())));
    };
    if m.is(&value, to) {
        return Ok(value);
    }
    if value.is_null() {
        if to.is_reference() || to.nullable_of().is_some() {
            return Ok(Value::Null);
        }
        return Err(m.throw("InvalidCastException", "Null object cannot be converted to a value type."));
    }
    changing::changed(m, &value, to.stripped())
}

/// `ToObject<T>()`: a cast where there is one from a token to `T`, else what the deserialiser makes.
pub(crate) fn as_object(m: &mut Machine<'_>, handle: Handle, to: Type) -> Outcome {
    const CAST: [&str; 18] = [
        "Boolean",
        "Char",
        "SByte",
        "Byte",
        "Int16",
        "UInt16",
        "Int32",
        "UInt32",
        "Int64",
        "UInt64",
        "Single",
        "Double",
        "Decimal",
        "DateTime",
        "DateTimeOffset",
        "TimeSpan",
        "Guid",
        "String",
    ];
    let base = to.stripped();
    let whole = Value::Object(handle);
    if let Some(name) = CAST.iter().find(|name| base.is(name)) {
        let nullable = to.nullable_of().is_some() || *name == "String";
        return explicit(m, Args { values: std::slice::from_ref(&whole), types: &[] }, name, nullable);
    }
    to_object(m, handle, to, 0)
}

/// Whether it is a class of tokens.
pub(super) fn is_token(ty: Type) -> bool {
    ty.bases().iter().any(|base| base.is("JToken"))
}

/// `ToObject<T>()`.
pub(crate) fn to_object(m: &mut Machine<'_>, handle: Handle, to: Type, depth: usize) -> Outcome {
    m.allocate(32)?;
    if depth > 64 {
        return Err(m.throw("JsonSerializationException", "The object is nested too deep."));
    }
    let whole = Value::Object(handle);
    if is_token(to) {
        if m.is(&whole, to) {
            return Ok(whole);
        }
        let own = m.heap.type_of(&whole).full_name();
        return Err(m.throw("InvalidCastException", &format!("Unable to cast object of type '{own}' to type '{}'.", to.full_name())));
    }
    if to == known().object {
        return Ok(plain(m, handle).unwrap_or(whole));
    }
    let element = to.element().or_else(|| {
        let name = to.definition()?.name;
        matches!(name, "List" | "IList" | "ICollection" | "IEnumerable" | "IReadOnlyList" | "IReadOnlyCollection" | "HashSet" | "ISet")
            .then(|| to.arguments().first().copied())
            .flatten()
    });
    let is_array = matches!(node(m, handle).map(|json| &json.node), Some(Node::Array(_)));
    let is_null = plain(m, handle).is_some_and(|value| value.is_null());
    if is_null && (to.is_reference() || to.nullable_of().is_some()) {
        return Ok(Value::Null);
    }
    if let Some(element) = element
        && is_array
    {
        let mut items = Vec::new();
        for child in children(m, handle) {
            items.push(to_object(m, child, element, depth + 1)?);
        }
        if to.element().is_some() {
            return m.array(element, items);
        }
        if to.is("HashSet") || to.is("ISet") {
            let mut table = Table::new(KeyRule::Default);
            for item in items {
                let hashed = key(m, &item, KeyRule::Default)?;
                table.set(hashed, item, Value::Null);
            }
            let ty = crate::expression::types::generic("HashSet", &[element]);
            return Ok(m.object(Object::Dictionary(ty, table)));
        }
        let ty = crate::expression::types::generic("List", &[element]);
        return Ok(m.object(Object::List(ty, items)));
    }
    if (to.is("Dictionary") || to.is("IDictionary") || to.is("IReadOnlyDictionary"))
        && let Some(Node::Object(members)) = node(m, handle).map(|json| json.node.clone())
        && let [key_type, value_type] = to.arguments()
    {
        let mut table = Table::new(KeyRule::Default);
        for (name, property) in members {
            let Some(value) = super::value_of(m, property) else { continue };
            let value = to_object(m, value, *value_type, depth + 1)?;
            let name = if *key_type == known().string {
                Value::Text(Arc::clone(&name))
            } else {
                changing::changed(m, &Value::Text(Arc::clone(&name)), *key_type)?
            };
            let hashed = key(m, &name, KeyRule::Default)?;
            table.set(hashed, name, value);
        }
        let ty = crate::expression::types::generic("Dictionary", &[*key_type, *value_type]);
        return Ok(m.object(Object::Dictionary(ty, table)));
    }
    let Some(value) = plain(m, handle) else {
        let message =
            format!("Deserialising a JSON {} into {} is not emulated.", if is_array { "array" } else { "object" }, to.full_name());
        return Err(m.throw("JsonSerializationException", &message));
    };
    let base = to.stripped();
    if m.is(&value, base) {
        return Ok(value);
    }
    if value.is_null() {
        return Err(m.throw("JsonSerializationException", &format!("Error converting value {{null}} to type '{}'.", to.full_name())));
    }
    if base.is_enum() && matches!(value, Value::Int64(_)) {
        return Ok(Value::Enum(base, value.integer()));
    }
    if base.is_enum() {
        let shown = to_text(m, &value)?.to_str().into_owned();
        return Err(m.throw("JsonSerializationException", &format!("Error converting value {shown} to type '{}'.", to.full_name())));
    }
    if let (Some(primitive), Value::Int64(_) | Value::Double(_)) = (base.primitive(), &value)
        && primitive != Primitive::Boolean
        && let Some(converted) = arithmetic::convert(&value, primitive, true)
    {
        return Ok(converted);
    }
    let name = base.definition().map_or("", |definition| definition.name);
    if base.primitive().is_some() || matches!(name, "String" | "DateTime" | "DateTimeOffset" | "TimeSpan" | "Guid") {
        return convert(m, &value, name);
    }
    Err(m.throw("JsonSerializationException", &format!("Deserialising into {} is not emulated.", to.full_name())))
}
