//! `IPAddress`, as far as the list allows it. An address keeps its text first, by which it is equal to others.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::basics::{instance_equals, instance_text};
use super::{Machine, Members, Outcome};
use crate::expression::heap::Object;
use crate::expression::types;
use crate::expression::value::Value;

pub(super) const MEMBERS: Members = &[
    ("IPAddress.Parse", |m, a| {
        let text = m.string(a, 0, "ipString")?;
        match parse(&text.to_str()) {
            Some(address) => make(m, address),
            None => Err(m.throw("FormatException", "An invalid IP address was specified.")),
        }
    }),
    ("IPAddress.TryParse", |m, a| {
        let found = a.text(0).and_then(|text| parse(&text.to_str()));
        let there = found.is_some();
        let made = match found {
            Some(address) => make(m, address)?,
            None => Value::Null,
        };
        m.set_cell(a.get(1), made);
        Ok(Value::Boolean(there))
    }),
    ("IPAddress.ToString()", |m, a| instance_text(m, a)),
    ("IPAddress.Equals", |m, a| instance_equals(m, a)),
    ("IPAddress.AddressFamily", |m, a| {
        let family = if bytes(m, a.get(0))?.len() == 4 { 2 } else { 23 };
        Ok(Value::Enum(types::named("AddressFamily"), family))
    }),
    ("IPAddress.GetAddressBytes()", |m, a| {
        let bytes = bytes(m, a.get(0))?;
        m.byte_array(&bytes)
    }),
    ("IPAddress.IsLoopback", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("address"));
        }
        let bytes = bytes(m, a.get(0))?;
        let loopback = match bytes.as_slice() {
            [first, _, _, _] => *first == 127,
            bytes => bytes.last() == Some(&1) && bytes.iter().rev().skip(1).all(|byte| *byte == 0),
        };
        Ok(Value::Boolean(loopback))
    }),
];

/// An address with its zone.
enum Address {
    Four(Ipv4Addr),
    Six(Ipv6Addr, Option<u32>),
}

fn make(m: &mut Machine<'_>, address: Address) -> Outcome {
    let (text, bytes) = match address {
        Address::Four(address) => (address.to_string(), address.octets().to_vec()),
        Address::Six(address, zone) => {
            (format!("{address}{}", zone.map_or(String::new(), |zone| format!("%{zone}"))), address.octets().to_vec())
        }
    };
    let bytes = m.byte_array(&bytes)?;
    Ok(m.object(Object::Opaque(types::named("IPAddress"), vec![Value::from(text), bytes])))
}

fn bytes(m: &mut Machine<'_>, address: &Value) -> Outcome<Vec<u8>> {
    let bytes = match m.object_of(address)? {
        Object::Opaque(_, fields) => fields.get(1).cloned(),
        _ => None,
    };
    match bytes {
        Some(bytes) => m.bytes(&bytes, "address"),
        None => Err(m.null_reference()),
    }
}

fn parse(text: &str) -> Option<Address> {
    if text.contains(':') {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let (address, zone) = inner.split_once('%').map_or((inner, None), |(address, zone)| (address, Some(zone)));
        let zone = match zone {
            Some(zone) => Some(zone.parse().ok()?),
            None => None,
        };
        return Some(Address::Six(address.parse().ok()?, zone));
    }
    // The old forms: fewer parts, the last of which fills the rest; octal and hexadecimal numbers.
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32 - 8 * first.len() as u32;
    if room < 32 && *last >= 1 << room {
        return None;
    }
    let value = first.iter().enumerate().fold(*last, |value, (index, part)| value | part << (24 - 8 * index as u32));
    Some(Address::Four(Ipv4Addr::from(value)))
}

fn number(text: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        return u32::from_str_radix(digits, 16).ok();
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if text.len() > 1 && text.starts_with('0') { u32::from_str_radix(text, 8).ok() } else { text.parse().ok() }
}
