//! Tokens from text, from content, and from any object.

use super::{Node, add, add_content, content_token, from_object, kind, node, read, set_property};
use crate::expression::heap::Object;
use crate::expression::library::linq;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::value::Value;

pub(super) fn container(m: &mut Machine<'_>, empty: Node, content: &Value) -> Outcome {
    let handle = add(m, empty);
    add_content(m, handle, content, 0)?;
    Ok(Value::Object(handle))
}

pub(super) fn property(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let name = m.string(a, 0, "name")?;
    let handle = add(m, Node::Property(name, None));
    let content = a.get(1);
    let spreads = match content {
        Value::Object(inner) => !matches!(m.heap.get(*inner), Object::Json(_)) && linq::is_enumerable(m, content),
        _ => false,
    };
    let value = if spreads {
        let array = add(m, Node::Array(Vec::new()));
        add_content(m, array, content, 0)?;
        array
    } else {
        content_token(m, content)?
    };
    set_property(m, handle, value)?;
    Ok(Value::Object(handle))
}

pub(super) fn parse(m: &mut Machine<'_>, a: Args<'_>, wanted: i64) -> Outcome {
    let text = m.string(a, 0, "s")?;
    let what = match wanted {
        kind::OBJECT => "JObject",
        kind::ARRAY => "JArray",
        _ => "JToken",
    };
    if text.to_str().trim().is_empty() {
        return Err(m.throw("JsonReaderException", &format!("Error reading {what} from JsonReader. Path '', line 0, position 0.")));
    }
    let first = text.to_str().trim_start().chars().next();
    let opens = matches!((wanted, first), (kind::OBJECT, Some('{' | '/')) | (kind::ARRAY, Some('[' | '/')) | (0, _));
    let handle = if opens {
        read::parse(m, &text)?
    } else {
        let handle = read::parse(m, &text)?;
        let name = match node(m, handle).map_or(0, super::Json::kind) {
            kind::OBJECT => "StartObject",
            kind::ARRAY => "StartArray",
            kind::INTEGER => "Integer",
            kind::FLOAT => "Float",
            kind::STRING => "String",
            kind::BOOLEAN => "Boolean",
            kind::DATE => "Date",
            _ => "Null",
        };
        let text = text.to_str();
        let leading = text.len() - text.trim_start().len();
        let width = if name.starts_with("Start") { 1 } else { text.trim().len() };
        let message = format!(
            "Error reading {what} from JsonReader. Current JsonReader item is not an {}: {name}. Path '', line 1, position {}.",
            if wanted == kind::OBJECT { "object" } else { "array" },
            leading + width
        );
        return Err(m.throw("JsonReaderException", &message));
    };
    Ok(Value::Object(handle))
}

pub(super) fn from(m: &mut Machine<'_>, a: Args<'_>, wanted: i64) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("o"));
    }
    let handle = from_object(m, a.get(0), 0)?;
    let own = node(m, handle).map_or(0, super::Json::kind);
    if wanted != 0 && own != wanted {
        let what = if wanted == kind::OBJECT { "JObject" } else { "JArray" };
        let kind_name = ["None", "Object", "Array"].get(usize::try_from(own).unwrap_or(0)).copied().unwrap_or("Value");
        let shown = match own {
            kind::STRING => "String",
            kind::INTEGER => "Integer",
            kind::FLOAT => "Float",
            kind::BOOLEAN => "Boolean",
            kind::NULL => "Null",
            kind::DATE => "Date",
            _ => kind_name,
        };
        let message = format!("Object serialized to {shown}. {what} instance expected.");
        return Err(m.throw("ArgumentException", &message));
    }
    // A token that stands somewhere is copied.
    let handle = if matches!(a.get(0), Value::Object(own) if *own == handle) { super::clone(m, handle, 0)? } else { handle };
    Ok(Value::Object(handle))
}
