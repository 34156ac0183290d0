//! Words for findings about structure.

use crate::spec::tree::unescape;
use crate::support::suggest;

/// A JSON pointer as people write paths: `backends.OpenAI-LB.pool.services[0]`.
pub(in crate::spec) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        if !path.is_empty() && !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push('[');
            path.push_str(segment);
            path.push(']');
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&unescape(segment));
    }
    path
}

/// "a text" for `string`.
pub(super) fn kind_words(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "a boolean",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// "did you mean …? Allowed: …"
pub(in crate::spec) fn pick<'a>(word: &str, allowed: impl Iterator<Item = &'a str> + Clone) -> String {
    match suggest::nearest(word, allowed.clone()) {
        Some(near) => format!("did you mean `{near}`? {}", listed_as("Allowed", allowed)),
        None => listed(allowed),
    }
}

/// "allowed: …"
pub(super) fn listed<'a>(allowed: impl Iterator<Item = &'a str>) -> String {
    listed_as("allowed", allowed)
}

fn listed_as<'a>(word: &str, allowed: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = allowed.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing is allowed here".to_owned() } else { format!("{word}: {}", names.join(", ")) }
}

/// The first sentence of a description, without its full stop.
pub(super) fn first_sentence(description: &str) -> &str {
    description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.')
}
