//! Calls of functions, and values that fit a JSON Schema.

use serde_json::{Map, Value, json};

use super::text::Seed;

/// How deep values are made; schemas that refer to themselves would never end.
const DEEPEST: usize = 6;
/// How many values are made in all.
const MOST_VALUES: usize = 1_000;

/// A function that may be called.
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    parameters: Option<&'a Value>,
}

/// The functions of a request: `tools` in either form, or the older `functions`.
pub(super) fn functions(body: &Value) -> Vec<Function<'_>> {
    let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    let tools = tools.filter(|tool| tool.get("type").and_then(Value::as_str) == Some("function"));
    let tools = tools.map(|tool| tool.get("function").unwrap_or(tool));
    let older = body.get("functions").and_then(Value::as_array).into_iter().flatten();
    let named = |function: &'_ Value| function.get("name").and_then(Value::as_str).is_some();
    tools
        .chain(older)
        .filter(|function| named(function))
        .map(|function| Function {
            name: function.get("name").and_then(Value::as_str).unwrap_or_default(),
            parameters: function.get("parameters"),
        })
        .collect()
}

/// Which function is called: the one that `tool_choice` names, any if it is `required`, and with `auto` the first whose name (or each
/// word of it) stands in what the user said last. After a tool's result the model speaks again.
pub(super) fn chosen<'a, 'b>(functions: &'b [Function<'a>], body: &Value, last_text: &str, after_result: bool) -> Option<&'b Function<'a>> {
    let choice = body.get("tool_choice").or_else(|| body.get("function_call"));
    match choice {
        Some(Value::String(choice)) if choice == "none" => None,
        Some(Value::String(choice)) if choice == "required" => {
            functions.iter().find(|function| mentioned(function.name, last_text)).or(functions.first())
        }
        Some(Value::Object(choice)) => {
            let name = choice.get("function").and_then(|function| function.get("name")).or_else(|| choice.get("name"));
            functions.iter().find(|function| Some(function.name) == name.and_then(Value::as_str))
        }
        _ if after_result => None,
        _ => functions.iter().find(|function| mentioned(function.name, last_text)),
    }
}

/// Whether each word of `get_current_weather` but the leading verb is in the text, or the name itself.
fn mentioned(name: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    if text.contains(&name.to_lowercase()) {
        return true;
    }
    let mut words = Vec::new();
    for part in name.split(['_', '-', '.']) {
        let mut start = 0;
        for (index, character) in part.char_indices() {
            if character.is_uppercase() && index > start {
                words.push(part.get(start..index).unwrap_or_default().to_lowercase());
                start = index;
            }
        }
        words.push(part.get(start..).unwrap_or_default().to_lowercase());
    }
    let meaning: Vec<_> = words.into_iter().filter(|word| word.len() > 2).collect();
    let fillers = ["get", "set", "the", "current", "find", "search", "fetch", "lookup", "list", "create", "run", "call", "for"];
    let meaning: Vec<_> = meaning.iter().filter(|word| !fillers.contains(&word.as_str())).collect();
    !meaning.is_empty() && meaning.iter().all(|word| text.contains(word.as_str()))
}

impl Function<'_> {
    /// Arguments that fit its parameters.
    pub(super) fn arguments(&self, seed: &mut Seed) -> String {
        match self.parameters {
            Some(schema) => value(schema, seed).to_string(),
            None => "{}".to_owned(),
        }
    }
}

/// A value that fits `schema`, as far as types, enums, constants, bounds and references inside the document go.
pub(super) fn value(schema: &Value, seed: &mut Seed) -> Value {
    let mut left = MOST_VALUES;
    make(schema, schema, seed, 0, &mut left)
}

fn make(schema: &Value, root: &Value, seed: &mut Seed, depth: usize, left: &mut usize) -> Value {
    if depth > DEEPEST || *left == 0 {
        return Value::Null;
    }
    *left -= 1;
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
        let index = seed.below(values.len() as u64) as usize;
        return values.get(index).cloned().unwrap_or(Value::Null);
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(Value::Null, |target| make(target, root, seed, depth + 1, left));
    }
    for union in ["anyOf", "oneOf"] {
        let options = schema.get(union).and_then(Value::as_array).into_iter().flatten();
        let mut options = options.filter(|option| option.get("type").and_then(Value::as_str) != Some("null"));
        if let Some(option) = options.next() {
            return make(option, root, seed, depth + 1, left);
        }
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ => None,
    };
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (low, high) = (bound("minimum").unwrap_or(1.0), bound("maximum"));
    let range = high.map_or(100.0, |high| (high - low).max(0.0)).min(1_000_000.0);
    match kind {
        Some("integer") => json!(low.ceil() as i64 + seed.below(range as u64 + 1) as i64),
        Some("number") => json!(low + range * 0.5),
        Some("boolean") => json!(seed.below(2) == 0),
        Some("null") => Value::Null,
        Some("array") => {
            let length = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).min(50);
            let item = schema.get("items").cloned().unwrap_or_else(|| json!({ "type": "string" }));
            (0..length).map(|_| make(&item, root, seed, depth + 1, left)).collect()
        }
        Some("string") => json!(string(schema, seed)),
        Some("object") | None if schema.get("properties").is_some() || kind.is_some() => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let made = properties.into_iter().flatten().map(|(name, schema)| (name.clone(), make(schema, root, seed, depth + 1, left)));
            Value::Object(made.collect::<Map<_, _>>())
        }
        _ => json!(seed.word()),
    }
}

fn string(schema: &Value, seed: &mut Seed) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z".to_owned(),
        Some("date") => "2026-01-01".to_owned(),
        Some("time") => "00:00:00Z".to_owned(),
        Some("email") => "someone@example.com".to_owned(),
        Some("uri") => "https://example.com/".to_owned(),
        Some("uuid") => "00000000-0000-4000-8000-000000000000".to_owned(),
        _ => seed.word().to_owned(),
    };
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64).map(|bound| bound.min(10_000) as usize);
    let mut text = text;
    while bound("minLength").is_some_and(|shortest| text.len() < shortest) {
        text.push('x');
    }
    text.truncate(bound("maxLength").unwrap_or(usize::MAX));
    text
}
