//! What the members of the catalogue do: one file for each .NET type or family, each a static table of name and function.
//!
//! A key is `Type.Name(parameter types)` as the catalogue writes it, or `Type.Name` for all overloads that have no entry of their own.
//! A member without an entry is not emulated, and says so when it is compiled.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::heap::{Key, KeyRule, Object};
use super::machine::{Args, Fault, Machine, Outcome};
use super::text::Text;
use super::types::{Type, known};
use super::value::Value;

pub(crate) mod addresses;
pub(crate) mod basics;
pub(crate) mod characters;
pub(crate) mod collections;
pub(crate) mod convert;
pub(crate) mod crypto;
pub(crate) mod dates;
pub(crate) mod decimal;
pub(crate) mod encoding;
pub(crate) mod exceptions;
pub(crate) mod format;
pub(crate) mod guid;
pub(crate) mod host;
pub(crate) mod json;
pub(crate) mod jwt;
pub(crate) mod linq;
pub(crate) mod math;
pub(crate) mod numbers;
pub(crate) mod readers;
pub(crate) mod regex;
pub(crate) mod strings;
pub(crate) mod uri;
pub(crate) mod xml;
pub(crate) mod zones;

/// A function of the library.
pub(crate) type Native = for<'m, 'a> fn(&mut Machine<'m>, Args<'a>) -> Outcome;

/// One table.
pub(crate) type Members = &'static [(&'static str, Native)];

static TABLES: &[Members] = &[
    addresses::MEMBERS,
    basics::MEMBERS,
    characters::MEMBERS,
    collections::MEMBERS,
    collections::arrays::MEMBERS,
    collections::interfaces::ENUMERATORS,
    collections::interfaces::MEMBERS,
    collections::lists::MEMBERS,
    collections::tables::MEMBERS,
    convert::MEMBERS,
    convert::changing::MEMBERS,
    crypto::certificates::MEMBERS,
    crypto::ciphers::MEMBERS,
    crypto::hashes::MEMBERS,
    crypto::keys::MEMBERS,
    crypto::names::ENCRYPTIONS,
    crypto::names::HASH_NAMES,
    crypto::names::MEMBERS,
    crypto::names::SIGNATURES,
    dates::MEMBERS,
    dates::offsets::MEMBERS,
    dates::reading::MEMBERS,
    dates::spans::MEMBERS,
    encoding::MEMBERS,
    exceptions::MEMBERS,
    guid::MEMBERS,
    host::MEMBERS,
    json::MEMBERS,
    json::conversions::MEMBERS,
    json::members::MEMBERS,
    json::tree::MEMBERS,
    jwt::MEMBERS,
    linq::members::MEMBERS,
    linq::recent::MEMBERS,
    math::MEMBERS,
    numbers::MEMBERS,
    numbers::REALS,
    numbers::decimals::MEMBERS,
    readers::MEMBERS,
    readers::STRING_READER,
    readers::TEXT_READER,
    regex::MEMBERS,
    strings::MEMBERS,
    strings::builder::MEMBERS,
    strings::normal::MEMBERS,
    strings::scanning::MEMBERS,
    uri::MEMBERS,
    uri::relations::MEMBERS,
    xml::conversions::ATTRIBUTES,
    xml::conversions::ELEMENTS,
    xml::elements::MEMBERS,
    xml::members::MEMBERS,
    xml::names::MEMBERS,
    zones::MEMBERS,
];

static INDEX: LazyLock<HashMap<&'static str, Native>> = LazyLock::new(|| {
    TABLES.iter().flat_map(|table| table.iter()).chain(numbers::tables()).chain(crypto::hashes::tables()).copied().collect()
});

/// The function behind a key.
pub(crate) fn native(key: &str) -> Option<Native> {
    if let Some(found) = INDEX.get(key) {
        return Some(*found);
    }
    let setter = key.ends_with('=');
    let name = key.split(['(', '<']).next().unwrap_or(key);
    if setter && !name.ends_with('=') {
        return INDEX.get(format!("{name}=").as_str()).copied();
    }
    INDEX.get(name).copied()
}

impl<'a> Args<'a> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn get(&self, index: usize) -> &'a Value {
        static NULL: Value = Value::Null;
        self.values.get(index).unwrap_or(&NULL)
    }

    pub(crate) fn int(&self, index: usize) -> i32 {
        self.get(index).integer() as i32
    }

    pub(crate) fn truth(&self, index: usize) -> bool {
        self.get(index).truth()
    }

    /// A string, or nothing for null.
    pub(crate) fn text(&self, index: usize) -> Option<Arc<Text>> {
        match self.get(index) {
            Value::Text(text) => Some(Arc::clone(text)),
            _ => None,
        }
    }

    pub(crate) fn ty(&self, index: usize) -> Type {
        self.types.get(index).copied().unwrap_or(known().object)
    }
}

impl Machine<'_> {
    /// A string argument that may not be null.
    pub(crate) fn string(&mut self, args: Args<'_>, index: usize, name: &str) -> Outcome<Arc<Text>> {
        args.text(index).ok_or_else(|| self.argument_null(name))
    }

    /// The string that a method is called on.
    pub(crate) fn this(&mut self, args: Args<'_>) -> Outcome<Arc<Text>> {
        args.text(0).ok_or_else(|| self.null_reference())
    }

    /// The bytes of a `byte[]`.
    pub(crate) fn bytes(&mut self, value: &Value, name: &str) -> Outcome<Vec<u8>> {
        let Value::Object(handle) = value else { return Err(self.argument_null(name)) };
        match self.heap.get(*handle) {
            Object::Array(_, items) | Object::List(_, items) => Ok(items.iter().map(|item| item.integer() as u8).collect()),
            _ => Err(self.argument_null(name)),
        }
    }

    /// A new `byte[]`.
    pub(crate) fn byte_array(&mut self, bytes: &[u8]) -> Outcome {
        self.array(known().byte, bytes.iter().map(|byte| Value::Byte(*byte)).collect())
    }

    /// A new array.
    pub(crate) fn array(&mut self, element: Type, items: Vec<Value>) -> Outcome {
        self.allocate(items.len() * 24)?;
        Ok(self.object(Object::Array(super::types::array(element), items)))
    }

    /// A new `string[]`.
    pub(crate) fn text_array(&mut self, items: Vec<Text>) -> Outcome {
        let size: usize = items.iter().map(Text::len).sum();
        self.allocate(size)?;
        self.array(known().string, items.into_iter().map(Value::from).collect())
    }

    /// The heap object of a value that may not be null.
    pub(crate) fn object_of(&mut self, value: &Value) -> Outcome<&Object> {
        match value {
            Value::Object(handle) => Ok(self.heap.get(*handle)),
            _ => Err(self.null_reference()),
        }
    }

    pub(crate) fn out_of_range(&mut self, parameter: &str, message: &str) -> Fault {
        self.throw("ArgumentOutOfRangeException", &format!("{message}\nParameter name: {parameter}"))
    }
}

/// `ToString()`, with the invariant culture where one matters. Null gives the empty string.
pub(crate) fn to_text(machine: &mut Machine<'_>, value: &Value) -> Outcome<Text> {
    machine.charge(4)?;
    Ok(match value {
        Value::Null => Text::from(""),
        Value::Text(text) => (**text).clone(),
        Value::Boolean(value) => Text::from(if *value { "True" } else { "False" }),
        Value::Char(unit) => Text::from([*unit].as_slice()),
        Value::DateTime(date) => Text::from(dates::format(&dates::Parts::of(*date), "G").unwrap_or_default()),
        Value::Offset(date) => Text::from(dates::format(&dates::Parts::of_offset(*date), "").unwrap_or_default()),
        Value::Span(ticks) => Text::from(dates::span_text(*ticks)),
        Value::Guid(bytes) => Text::from(guid::text(bytes, 'D')),
        Value::Enum(ty, number) => Text::from(basics::enum_text(*ty, *number)),
        Value::Host(object) => host::text(machine, *object),
        Value::TypeToken(ty) => Text::from(ty.display_name()),
        Value::Object(handle) => match machine.heap.get(*handle) {
            Object::Json(_) => return json::write::to_string(machine, *handle),
            Object::Xml(_) => return xml::write::to_text(machine, *handle, true),
            Object::Builder(units, _) => Text::from(units.as_slice()),
            Object::Regex(pattern) => Text::from(pattern.source.as_str()),
            Object::Match(data) => data.group_text(0),
            Object::Group(data, index) => data.group_text(*index),
            Object::Exception(_) => return exceptions::to_string(machine, value),
            Object::Record(ty, fields) => {
                let (ty, fields) = (*ty, fields.clone());
                return basics::record_text(machine, ty, &fields);
            }
            Object::Opaque(ty, fields) if ty.is("Uri") => match fields.first() {
                Some(Value::Text(text)) => Text::from(uri::display(&text.to_str())),
                // A relative one is as it was written.
                _ => match fields.get(1) {
                    Some(Value::Text(text)) => (**text).clone(),
                    _ => Text::from(""),
                },
            },
            Object::Opaque(ty, _) if ty.is("X509Certificate2") => match crypto::certificates::to_text(machine, value)? {
                Some(text) => text,
                None => Text::from(machine.heap.type_of(value).display_name()),
            },
            Object::Opaque(ty, fields) if ty.is("TimeZoneInfo") => zones::text(fields),
            Object::Opaque(ty, fields) if ty.is("XDeclaration") => {
                let fields = fields.clone();
                return xml::members::declaration_text(machine, &fields);
            }
            Object::Opaque(ty, fields) if has_value(*ty) => match fields.first() {
                Some(Value::Text(text)) => (**text).clone(),
                _ => Text::from(""),
            },
            Object::Opaque(ty, fields) if ty.is("StringWriter") => match fields.first() {
                Some(builder) => {
                    let builder = builder.clone();
                    return to_text(machine, &builder);
                }
                None => Text::from(""),
            },
            Object::Opaque(ty, fields) if ty.is("IPAddress") => match fields.first() {
                Some(Value::Text(text)) => (**text).clone(),
                _ => Text::from(""),
            },
            _ => Text::from(machine.heap.type_of(value).display_name()),
        },
        number => Text::from(format::general(number)),
    })
}

/// Whether objects of the type are equal when their first field, a text, is; and are written as that text.
fn has_value(ty: Type) -> bool {
    const NAMES: [&str; 7] =
        ["Uri", "XName", "XNamespace", "IPAddress", "HashAlgorithmName", "RSASignaturePadding", "RSAEncryptionPadding"];
    ty.definition().is_some_and(|definition| NAMES.contains(&definition.name))
}

/// `Equals`: by value where the type says so, else by identity.
pub(crate) fn equals(machine: &mut Machine<'_>, left: &Value, right: &Value) -> Outcome<bool> {
    if left.is_null() || right.is_null() {
        return Ok(left.is_null() && right.is_null());
    }
    machine.charge(2)?;
    if let (Value::Double(one), Value::Double(two)) = (left, right) {
        return Ok(one == two || one.is_nan() && two.is_nan());
    }
    if let (Value::Object(one), Value::Object(two)) = (left, right) {
        if one == two {
            return Ok(true);
        }
        if let (Object::Json(_), Object::Json(_)) = (machine.heap.get(*one), machine.heap.get(*two)) {
            return Ok(json::value_equals(machine, *one, *two));
        }
    }
    let (one, two) = (key(machine, left, KeyRule::Default)?, key(machine, right, KeyRule::Default)?);
    Ok(one == two)
}

/// A value as a key of a hash table.
pub(crate) fn key(machine: &mut Machine<'_>, value: &Value, rule: KeyRule) -> Outcome<Key> {
    machine.charge(1)?;
    Ok(match value {
        Value::Null => Key::Null,
        Value::Text(text) if rule == KeyRule::IgnoreCase => Key::Text(text.map_units(super::text::upper_unit)),
        Value::Text(text) => Key::Text((**text).clone()),
        Value::Boolean(value) => Key::Integer(1, i64::from(*value)),
        Value::SByte(_) => Key::Integer(2, value.integer()),
        Value::Byte(_) => Key::Integer(3, value.integer()),
        Value::Int16(_) => Key::Integer(4, value.integer()),
        Value::UInt16(_) => Key::Integer(5, value.integer()),
        Value::Int32(_) => Key::Integer(6, value.integer()),
        Value::UInt32(_) => Key::Integer(7, value.integer()),
        Value::Int64(_) => Key::Integer(8, value.integer()),
        Value::UInt64(_) => Key::Integer(9, value.integer()),
        Value::Char(_) => Key::Integer(10, value.integer()),
        Value::Single(value) => Key::Integer(11, i64::from((value + 0.0).to_bits())),
        Value::Double(value) => Key::Integer(12, (value + 0.0).to_bits() as i64),
        Value::Decimal(value) => Key::Many(vec![Key::Integer(13, 0), Key::Bytes(value.normalize().serialize().to_vec())]),
        Value::DateTime(date) => Key::Integer(14, date.ticks),
        Value::Offset(date) => Key::Integer(15, date.utc_ticks()),
        Value::Span(ticks) => Key::Integer(16, *ticks),
        Value::Guid(bytes) => Key::Bytes(bytes.to_vec()),
        Value::Enum(ty, number) => Key::Many(vec![Key::Type(*ty), Key::Integer(0, *number)]),
        Value::TypeToken(ty) => Key::Type(*ty),
        Value::Host(host) => Key::Many(vec![Key::Type(host.kind.ty()), Key::Integer(0, i64::from(host.id))]),
        Value::Object(handle) => match machine.heap.get(*handle) {
            Object::Record(ty, fields) => {
                let (ty, fields) = (*ty, fields.clone());
                let mut list = vec![Key::Type(ty)];
                for field in &fields {
                    list.push(key(machine, field, KeyRule::Default)?);
                }
                Key::Many(list)
            }
            Object::Json(json) if json.is_value() => json::key(json, *handle),
            // Two of one code page are equal.
            Object::Opaque(ty, fields) if ty.is("Encoding") => {
                Key::Many(vec![Key::Type(*ty), Key::Integer(0, fields.first().map_or(0, Value::integer))])
            }
            Object::Opaque(ty, fields) if has_value(*ty) => match fields.first() {
                Some(Value::Text(text)) => Key::Many(vec![Key::Type(*ty), Key::Text((**text).clone())]),
                _ => Key::Object(*handle),
            },
            _ => Key::Object(*handle),
        },
    })
}

/// `GetHashCode()` of a value.
pub(crate) fn hash_of(machine: &mut Machine<'_>, value: &Value) -> Outcome {
    basics::hash_code(machine, Args { values: std::slice::from_ref(value), types: &[] })
}

/// Ordering of `IComparable`: negative, zero or positive.
pub(crate) fn compare(machine: &mut Machine<'_>, left: &Value, right: &Value) -> Outcome<i32> {
    use std::cmp::Ordering;
    let sign = |order: Ordering| order as i32;
    machine.charge(2)?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => 0,
        // The default comparison does not look at one and the same object.
        (Value::Host(one), Value::Host(two)) if one == two => 0,
        (Value::Object(_), Value::Object(_)) if basics::same(machine, left, right) => 0,
        (Value::Null, _) => -1,
        (_, Value::Null) => 1,
        (Value::Text(one), Value::Text(two)) => strings::compare_culture(one, two, false),
        (Value::Double(one), Value::Double(two)) => sign(one.partial_cmp(two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan()))),
        (Value::Single(one), Value::Single(two)) => sign(one.partial_cmp(two).unwrap_or_else(|| two.is_nan().cmp(&one.is_nan()))),
        (Value::Decimal(one), Value::Decimal(two)) => sign(one.cmp(two)),
        (Value::UInt64(one), Value::UInt64(two)) => sign(one.cmp(two)),
        (Value::DateTime(one), Value::DateTime(two)) => sign(one.ticks.cmp(&two.ticks)),
        (Value::Offset(one), Value::Offset(two)) => sign(one.utc_ticks().cmp(&two.utc_ticks())),
        (Value::Guid(one), Value::Guid(two)) => sign(guid::ordered(one).cmp(&guid::ordered(two))),
        (Value::Object(one), Value::Object(two)) => {
            if json::values::held(machine, left).is_some() {
                return json::values::compare(machine, left, right);
            }
            if json::values::held(machine, right).is_some() {
                return json::values::compare(machine, right, left).map(|order| -order);
            }
            if let (Object::Record(_, one), Object::Record(ty, two)) = (machine.heap.get(*one), machine.heap.get(*two))
                && (matches!(ty.shape(), super::types::Shape::Tuple(_)) || ty.is("Tuple"))
            {
                let pairs: Vec<(Value, Value)> = one.iter().cloned().zip(two.iter().cloned()).collect();
                for (one, two) in pairs {
                    let order = compare(machine, &one, &two)?;
                    if order != 0 {
                        return Ok(order);
                    }
                }
                return Ok(0);
            }
            return Err(machine.throw("ArgumentException", "At least one object must implement IComparable."));
        }
        (Value::Object(_), _) if json::values::held(machine, left).is_some() => json::values::compare(machine, left, right)?,
        // The first says how it is compared, and knows nothing of tokens.
        (_, Value::Object(_)) if json::values::held(machine, right).is_some() && !matches!(left, Value::Host(_) | Value::TypeToken(_)) => {
            let own = machine.heap.type_of(left).display_name();
            let own = own.rsplit('.').next().unwrap_or_default().to_owned();
            return Err(machine.throw("ArgumentException", &format!("Object must be of type {own}.")));
        }
        (_, Value::Object(_)) if json::values::held(machine, right).is_some() => -json::values::compare(machine, right, left)?,
        (left, right)
            if std::mem::discriminant(left) == std::mem::discriminant(right) && !matches!(left, Value::Host(_) | Value::TypeToken(_)) =>
        {
            sign(left.integer().cmp(&right.integer()))
        }
        _ => return Err(machine.throw("ArgumentException", "At least one object must implement IComparable.")),
    })
}
