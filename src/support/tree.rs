//! A YAML document as a tree in which every key and value knows where it stands.

use serde_json::{Map, Number, Value as Json};

use crate::support::source::{SourceText, Span};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// What it is.
    pub(crate) value: Value,
    /// Its first line in the file: what a caret can underline.
    pub(crate) span: Span,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

/// A text that may stand for a number, a boolean or nothing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text after unescaping, unfolding and, later, substitution.
    pub(crate) text: String,
    /// Whether it stands without quotes, so that `1` is a number.
    pub(crate) plain: bool,
    /// (offset in `text`, offset in the file) where a run of equal bytes begins.
    pub(crate) runs: Vec<(u32, u32)>,
    /// Whether a variable's value is in it. Such a text is never shown: it may be a secret.
    pub(crate) substituted: bool,
    /// Whether it is one variable's value and nothing else, so that it is what its place wants: a number, a boolean, a text.
    pub(crate) variable: bool,
}

/// What a scalar means by the core schema of YAML 1.2.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
}

impl Scalar {
    /// What the scalar means. `yes`, `no`, `on`, `off` and `y` are texts, as in YAML 1.2.
    pub(crate) fn resolve(&self) -> Resolved<'_> {
        if !self.plain {
            return Resolved::Text(&self.text);
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
            "true" | "True" | "TRUE" => Resolved::Bool(true),
            "false" | "False" | "FALSE" => Resolved::Bool(false),
            text => number(text).map_or(Resolved::Text(text), Resolved::Number),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let radix = |prefix: &str, base| text.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, base).ok());
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(value.into());
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.strip_prefix('+').unwrap_or(text);
        if let Ok(value) = digits.parse::<i64>() {
            return Some(value.into());
        }
        if let Ok(value) = digits.parse::<u64>() {
            return Some(value.into());
        }
    }
    let floating = unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    floating.then(|| text.parse::<f64>().ok()).flatten().and_then(Number::from_f64)
}

impl Node {
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(_) | Value::Sequence(_) => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            Value::Scalar(_) | Value::Mapping(_) => &[],
        }
    }

    pub(crate) const fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.resolve() == Resolved::Null)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Calls `visit` with the pointer, the key's place and the value of this node and of everything in it.
    pub(crate) fn walk(&self, pointer: &str, key: Option<Span>, visit: &mut impl FnMut(&str, Option<Span>, &Node)) {
        visit(pointer, key, self);
        match &self.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.walk(&format!("{pointer}/{index}"), None, visit);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    entry.node.walk(&join(pointer, &entry.key), Some(entry.key_span), visit);
                }
            }
        }
    }

    /// As JSON, without positions.
    pub(crate) fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => Json::Null,
                Resolved::Bool(value) => Json::Bool(value),
                Resolved::Number(value) => Json::Number(value),
                Resolved::Text(text) => Json::String(text.to_owned()),
            },
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect::<Map<_, _>>())
            }
        }
    }

    /// The text of a scalar with the way back to the file.
    pub(crate) fn source_text(&self) -> Option<SourceText> {
        let scalar = self.scalar()?;
        let runs = if scalar.runs.is_empty() { vec![(0, self.span.start)] } else { scalar.runs.clone() };
        Some(SourceText::part(self.span.source, scalar.text.as_str().into(), runs))
    }

    /// A word for what it is, for messages.
    pub(crate) fn kind_words(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => "nothing",
                Resolved::Bool(_) => "a boolean",
                Resolved::Number(_) => "a number",
                Resolved::Text(_) => "a text",
            },
        }
    }
}

/// The pointer of `key` inside the mapping at `pointer`.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", escape(key))
}

/// `key` as a segment of a JSON pointer.
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A segment of a JSON pointer as the key that it stands for.
pub(crate) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Json {
        let scalar = Scalar { text: text.into(), plain: true, runs: Vec::new(), substituted: false, variable: false };
        match scalar.resolve() {
            Resolved::Null => Json::Null,
            Resolved::Bool(value) => value.into(),
            Resolved::Number(value) => value.into(),
            Resolved::Text(text) => text.into(),
        }
    }

    #[test]
    fn follows_the_core_schema_of_yaml_1_2() {
        for text in
            ["yes", "no", "on", "off", "y", "n", "2024-02-15", "1_000", "1.2.3", "0x", "--1", "1:30", ".", "e5", "nan", "inf", "+", "-"]
        {
            assert_eq!(resolved(text), Json::from(text), "{text}");
        }
        assert_eq!(resolved("~"), Json::Null);
        assert_eq!(resolved("True"), Json::from(true));
        assert_eq!(resolved("010"), Json::from(10));
        assert_eq!(resolved("0x1F"), Json::from(31));
        assert_eq!(resolved("0o17"), Json::from(15));
        assert_eq!(resolved("-7"), Json::from(-7));
        assert_eq!(resolved("1e3"), Json::from(1000.0));
        assert_eq!(resolved("18446744073709551615"), Json::from(u64::MAX));
    }

    #[test]
    fn pointers_escape_what_they_must() {
        assert_eq!(join("/apis", "a/b~c"), "/apis/a~1b~0c");
        assert_eq!(unescape("a~1b~0c"), "a/b~c");
    }
}
