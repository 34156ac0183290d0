//! The writer.

use super::{Node, node};
use crate::expression::library::{dates, format, guid, to_text};
use crate::expression::machine::{Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::{Handle, Value};

/// `JToken.ToString()`: values as they are, containers as indented JSON.
pub(crate) fn to_string(m: &mut Machine<'_>, handle: Handle) -> Outcome<Text> {
    let value = match node(m, handle).map(|json| &json.node) {
        Some(Node::Value(_, value)) => value.clone(),
        _ => {
            return match text(m, handle, true)? {
                Value::Text(text) => Ok((*text).clone()),
                _ => Ok(Text::from("")),
            };
        }
    };
    to_text(m, &value)
}

/// JSON text of a token.
pub(crate) fn text(m: &mut Machine<'_>, handle: Handle, indented: bool) -> Outcome {
    let mut out = String::new();
    write(m, handle, indented, 0, &mut out)?;
    m.allocate(out.len())?;
    Ok(Value::from(out))
}

fn line(out: &mut String, indented: bool, depth: usize) {
    if indented {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth * 2));
    }
}

fn write(m: &mut Machine<'_>, handle: Handle, indented: bool, depth: usize, out: &mut String) -> Outcome<()> {
    m.charge(2)?;
    if depth > 256 {
        return Err(m.throw("InvalidOperationException", "The token is nested too deep."));
    }
    let Some(json) = node(m, handle) else { return Err(m.null_reference()) };
    match json.node.clone() {
        Node::Object(members) => {
            out.push('{');
            let empty = members.is_empty();
            for (index, property) in members.into_values().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, indented, depth + 1);
                write(m, property, indented, depth + 1, out)?;
            }
            if !empty {
                line(out, indented, depth);
            }
            out.push('}');
        }
        Node::Array(items) => {
            out.push('[');
            let empty = items.is_empty();
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, indented, depth + 1);
                write(m, item, indented, depth + 1, out)?;
            }
            if !empty {
                line(out, indented, depth);
            }
            out.push(']');
        }
        Node::Property(name, value) => {
            quote(&name, out);
            out.push(':');
            if indented {
                out.push(' ');
            }
            match value {
                Some(value) => write(m, value, indented, depth, out)?,
                None => out.push_str("null"),
            }
        }
        Node::Value(kind, value) => scalar(m, kind, &value, out)?,
    }
    Ok(())
}

fn scalar(m: &mut Machine<'_>, kind: i64, value: &Value, out: &mut String) -> Outcome<()> {
    match value {
        Value::Null if kind == super::kind::UNDEFINED => out.push_str("undefined"),
        Value::Null => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Text(text) if kind == super::kind::RAW => out.push_str(&text.to_str()),
        Value::Text(text) if kind == super::kind::COMMENT => out.push_str(&format!("/*{}*/", text.to_str())),
        Value::Text(text) => quote(text, out),
        Value::Char(unit) => quote(&Text::from([*unit].as_slice()), out),
        Value::Double(number) => out.push_str(&real(value, *number)),
        Value::Single(number) => out.push_str(&real(value, f64::from(*number))),
        Value::Decimal(_) => {
            let text = format::general(value);
            out.push_str(&text);
            if !text.contains('.') {
                out.push_str(".0");
            }
        }
        Value::DateTime(date) => {
            out.push('"');
            let pattern = if date.ticks % 10_000_000 == 0 { "yyyy-MM-ddTHH:mm:ssK" } else { "yyyy-MM-ddTHH:mm:ss.FFFFFFFK" };
            out.push_str(&dates::format(&dates::Parts::of(*date), pattern).unwrap_or_default());
            out.push('"');
        }
        Value::Offset(date) => {
            out.push('"');
            let pattern = if date.ticks % 10_000_000 == 0 { "yyyy-MM-ddTHH:mm:sszzz" } else { "yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz" };
            out.push_str(&dates::format(&dates::Parts::of_offset(*date), pattern).unwrap_or_default());
            out.push('"');
        }
        Value::Span(ticks) => {
            out.push('"');
            out.push_str(&dates::span_text(*ticks));
            out.push('"');
        }
        Value::Guid(bytes) => {
            out.push('"');
            out.push_str(&guid::text(bytes, 'D'));
            out.push('"');
        }
        Value::Object(_) if kind == super::kind::BYTES => {
            use base64::Engine as _;
            let bytes = m.bytes(value, "value")?;
            out.push('"');
            out.push_str(&base64::engine::general_purpose::STANDARD.encode(bytes));
            out.push('"');
        }
        Value::Object(_) => {
            let text = to_text(m, value)?;
            quote(&text, out);
        }
        other => out.push_str(&format::general(other)),
    }
    Ok(())
}

fn real(value: &Value, number: f64) -> String {
    if !number.is_finite() {
        let text = format::general(value);
        return format!("\"{text}\"");
    }
    let text = format::number(value, "R").unwrap_or_default();
    if text.contains(['.', 'E', 'e']) { text } else { format!("{text}.0") }
}

fn quote(text: &Text, out: &mut String) {
    out.push('"');
    for character in text.to_str().chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\u{0}'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", character as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}
