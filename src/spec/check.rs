//! The structure of a document against the JSON Schema: every deviation at once, each at its place.
//!
//! Only the keywords that schemars writes for our types are known; an unknown keyword would make a test fail, not pass silently.

pub(super) mod message;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::codes;
use super::schema;
use super::tree::{Node, Resolved, Scalar, Value, join};
use crate::support::finding::{Finding, Kind};
use crate::support::source::Span;
use message::{dotted, listed, pick};

/// More findings than this help nobody.
pub(super) const MAXIMUM_FINDINGS: usize = 500;

/// What the check found out, beside the findings.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// JSON pointers of what does not fit; readers of the typed form go without these.
    pub(super) dropped: BTreeSet<String>,
    /// Keys of the document's top that are required and missing or unfit.
    pub(super) unfit: BTreeSet<String>,
    /// Findings that were not even made.
    pub(super) left_out: usize,
    /// Pointers of variables' values that are texts although they look like numbers.
    texts: BTreeSet<String>,
    /// Pointers of variables' values that are numbers or booleans although they stand in quotes.
    plains: BTreeSet<String>,
}

impl Checked {
    /// Whether the document as it stands fits the types.
    pub(super) fn fits(&self) -> bool {
        self.dropped.is_empty() && self.unfit.is_empty()
    }

    /// The document without what does not fit.
    pub(super) fn to_json(&self, node: &Node, pointer: &str) -> Json {
        match &node.value {
            Value::Scalar(scalar) if self.texts.contains(pointer) => Json::String(scalar.text.clone()),
            Value::Scalar(scalar) if self.plains.contains(pointer) => {
                Node { value: Value::Scalar(Scalar { plain: true, ..scalar.clone() }), span: node.span }.to_json()
            }
            Value::Scalar(_) => node.to_json(),
            Value::Sequence(items) => {
                Json::Array(items.iter().enumerate().map(|(index, item)| self.to_json(item, &format!("{pointer}/{index}"))).collect())
            }
            Value::Mapping(entries) => {
                let mut object = Map::new();
                for entry in entries {
                    let place = join(pointer, &entry.key);
                    if !self.dropped.contains(&place) {
                        object.insert(entry.key.clone(), self.to_json(&entry.node, &place));
                    }
                }
                Json::Object(object)
            }
        }
    }
}

/// Checks the whole document.
pub(super) fn document(root: &Node, findings: &mut Vec<Finding>) -> Checked {
    let schema = schema::schema();
    let mut checker = Checker { schema, partial: false, patterns: HashMap::new(), checked: Checked::default(), findings };
    checker.mapping(root, schema, "", root.span);
    if let Some(environments) = root.get("environments") {
        checker.partial = true;
        for environment in environments.entries() {
            let place = join("/environments", &environment.key);
            if matches!(environment.node.value, Value::Mapping(_)) {
                checker.mapping(&environment.node, schema, &place, environment.key_span);
            } else if !environment.node.is_null() {
                checker.wrong_type(&environment.node, &["a mapping"], &place);
            }
        }
        checker.checked.dropped.retain(|pointer| !pointer.starts_with("/environments/"));
    }
    checker.checked
}

struct Checker<'a> {
    schema: &'a Json,
    /// Whether this is an overlay: nothing is required, `null` removes, and variables are not put in yet.
    partial: bool,
    patterns: HashMap<String, Option<Regex>>,
    checked: Checked,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// Whether `node` fits. What does not fit is noted; an optional part that does not fit is only dropped.
    fn fits(&mut self, node: &Node, schema: &'a Json, pointer: &str, key: Span) -> bool {
        let branches = self.branches(schema);
        if branches.is_empty() || self.partial && (node.is_null() || node.scalar().is_some_and(|scalar| scalar.text.contains("${"))) {
            return true;
        }
        let taking: Vec<&Json> = branches.iter().copied().filter(|branch| takes(node, branch)).collect();
        if let Some(allowed) = constants(&taking) {
            return self.one_of(node, &allowed, pointer);
        }
        let Some(branch) = taking.first().copied() else {
            if let Some(fits) = self.variable(node, schema, &branches, pointer, key) {
                return fits;
            }
            let mut expected: Vec<&str> = Vec::new();
            for branch in &branches {
                for kind in types(branch).into_iter().filter(|kind| *kind != "null").map(message::kind_words) {
                    if !expected.contains(&kind) {
                        expected.push(kind);
                    }
                }
            }
            self.wrong_type(node, &expected, pointer);
            return false;
        };
        match &node.value {
            Value::Mapping(_) => self.mapping(node, branch, pointer, key),
            Value::Sequence(items) => self.sequence(items, branch, pointer, node.span),
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Text(text) => self.text(scalar, text, branch, node.span, pointer),
                Resolved::Number(_) => self.number(node, branch, pointer),
                Resolved::Null | Resolved::Bool(_) => true,
            },
        }
    }

    /// The alternatives of a schema, with references followed; empty when anything goes.
    fn branches(&self, schema: &'a Json) -> Vec<&'a Json> {
        let mut branches = Vec::new();
        let mut open = vec![schema];
        while let Some(next) = open.pop() {
            let next = schema::resolve(self.schema, next);
            match next.get("anyOf").or_else(|| next.get("oneOf")).and_then(Json::as_array) {
                Some(alternatives) => open.extend(alternatives.iter().rev()),
                None if next.get("type").is_none() && next.get("const").is_none() && next.get("enum").is_none() => return Vec::new(),
                None => branches.push(next),
            }
        }
        branches
    }

    /// A variable's value is what its place wants it to be, quoted or not. `None` when it cannot be that.
    fn variable(&mut self, node: &Node, schema: &'a Json, branches: &[&'a Json], pointer: &str, key: Span) -> Option<bool> {
        let scalar = node.scalar().filter(|scalar| scalar.variable)?;
        let other = Node { value: Value::Scalar(Scalar { plain: !scalar.plain, variable: false, ..scalar.clone() }), span: node.span };
        if !branches.iter().any(|branch| takes(&other, branch)) {
            return None;
        }
        let noted = if scalar.plain { &mut self.checked.texts } else { &mut self.checked.plains };
        noted.insert(pointer.to_owned());
        Some(self.fits(&other, schema, pointer, key))
    }

    fn mapping(&mut self, node: &Node, schema: &'a Json, pointer: &str, key: Span) -> bool {
        static NONE: std::sync::OnceLock<Map<String, Json>> = std::sync::OnceLock::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or_else(|| NONE.get_or_init(Map::new));
        let required: BTreeSet<&str> =
            schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let mut fits = true;
        for entry in node.entries() {
            let place = join(pointer, &entry.key);
            let entry_schema = match (properties.get(&entry.key), schema.get("additionalProperties")) {
                (Some(schema), _) => schema,
                (None, Some(Json::Bool(false))) => {
                    self.unknown_key(&entry.key, properties, pointer, entry.key_span);
                    self.checked.dropped.insert(place);
                    continue;
                }
                (None, Some(schema)) => schema,
                (None, None) => continue,
            };
            if !self.fits(&entry.node, entry_schema, &place, entry.key_span) {
                if required.contains(entry.key.as_str()) {
                    fits = false;
                    if pointer.is_empty() {
                        self.checked.unfit.insert(entry.key.clone());
                    }
                } else {
                    self.checked.dropped.insert(place);
                }
            }
        }
        if self.partial {
            return fits;
        }
        let absent: Vec<&str> = required.into_iter().filter(|name| node.get(name).is_none()).collect();
        for name in &absent {
            if pointer.is_empty() {
                self.checked.unfit.insert((*name).to_owned());
            }
            let message = match pointer {
                "" => format!("`{name}` is missing"),
                _ => format!("`{}` needs `{name}`", dotted(pointer)),
            };
            let finding = Finding::error(codes::MISSING_KEY, Kind::Place, message).at(key);
            let description = properties.get(*name).and_then(|schema| schema.get("description")).and_then(Json::as_str);
            self.findings.push(match description {
                Some(description) => finding.help(format!("`{name}`: {}", message::first_sentence(description))),
                None => finding,
            });
        }
        fits && absent.is_empty()
    }

    fn unknown_key(&mut self, key: &str, properties: &Map<String, Json>, pointer: &str, span: Span) {
        if self.findings.len() >= MAXIMUM_FINDINGS {
            // Only counted: looking for what was meant is dear.
            self.checked.left_out += 1;
            return;
        }
        let inside = if pointer.is_empty() { "a specification".to_owned() } else { format!("`{}`", dotted(pointer)) };
        let finding = Finding::error(codes::UNKNOWN_KEY, Kind::Place, format!("there is no key `{key}` in {inside}")).at(span);
        self.findings.push(finding.help(pick(key, properties.keys().map(String::as_str))));
    }

    fn sequence(&mut self, items: &[Node], schema: &'a Json, pointer: &str, span: Span) -> bool {
        let mut fits = self.length(items.len(), schema, ("minItems", "maxItems"), "entries", pointer, span);
        if let Some(item_schema) = schema.get("items") {
            for (index, item) in items.iter().enumerate() {
                fits &= self.fits(item, item_schema, &format!("{pointer}/{index}"), item.span);
            }
        }
        fits
    }

    fn one_of(&mut self, node: &Node, allowed: &[&str], pointer: &str) -> bool {
        let (text, substituted) = match node.scalar() {
            Some(scalar) => (scalar.text.as_str(), scalar.substituted),
            None => return true,
        };
        if allowed.contains(&text) {
            return true;
        }
        let message = if substituted {
            format!("the variable's value is not one that `{}` may have", dotted(pointer))
        } else {
            format!("`{text}` is not one of the values that `{}` may have", dotted(pointer))
        };
        let help = if substituted { listed(allowed.iter().copied()) } else { pick(text, allowed.iter().copied()) };
        self.findings.push(Finding::error(codes::NOT_ALLOWED, Kind::Type, message).at(node.span).help(help));
        false
    }

    fn text(&mut self, scalar: &Scalar, text: &str, schema: &'a Json, span: Span, pointer: &str) -> bool {
        if let Some(allowed) = schema.get("enum").and_then(Json::as_array) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Json::as_str).collect();
            let node = Node { value: Value::Scalar(Scalar { plain: false, ..scalar.clone() }), span };
            return self.one_of(&node, &allowed, pointer);
        }
        if !self.length(text.chars().count(), schema, ("minLength", "maxLength"), "characters", pointer, span) {
            return false;
        }
        let Some(pattern) = schema.get("pattern").and_then(Json::as_str) else { return true };
        let regex = self.patterns.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
        if regex.as_ref().is_none_or(|regex| regex.is_match(text)) {
            return true;
        }
        let words =
            schema.get("patternErrorMessage").and_then(Json::as_str).map_or_else(|| format!("it must match {pattern}"), str::to_owned);
        let message = format!("`{}` does not have the form that it must have", dotted(pointer));
        self.findings.push(Finding::error(codes::BAD_FORM, Kind::Type, message).at(span).help(words));
        false
    }

    fn number(&mut self, node: &Node, schema: &Json, pointer: &str) -> bool {
        let Some(Resolved::Number(number)) = node.scalar().map(Scalar::resolve) else { return true };
        let Some(value) = number.as_f64() else { return true };
        let widest = match schema.get("format").and_then(Json::as_str) {
            Some("uint16") => Some(f64::from(u16::MAX)),
            Some("uint32") => Some(f64::from(u32::MAX)),
            _ => None,
        };
        let limit = |keyword| schema.get(keyword).and_then(Json::as_f64);
        let (minimum, maximum) = (limit("minimum"), limit("maximum").or(widest));
        if minimum.is_none_or(|minimum| value >= minimum) && maximum.is_none_or(|maximum| value <= maximum) {
            return true;
        }
        let range = match (minimum, maximum) {
            (Some(minimum), Some(maximum)) if widest != Some(maximum) => format!("from {minimum} to {maximum}"),
            (Some(minimum), _) => format!("at least {minimum}"),
            (None, Some(maximum)) => format!("at most {maximum}"),
            (None, None) => return true,
        };
        let message = format!("`{}` must be {range}", dotted(pointer));
        self.findings.push(Finding::error(codes::OUT_OF_RANGE, Kind::Type, message).at(node.span));
        false
    }

    fn length(&mut self, length: usize, schema: &Json, keywords: (&str, &str), unit: &str, pointer: &str, span: Span) -> bool {
        let limit = |keyword| schema.get(keyword).and_then(Json::as_u64).and_then(|limit| usize::try_from(limit).ok());
        let (minimum, maximum) = (limit(keywords.0), limit(keywords.1));
        let words = match (minimum, maximum) {
            (Some(1), _) if length == 0 => "must not be empty".to_owned(),
            (Some(minimum), _) if length < minimum => format!("must have at least {minimum} {unit}, not {length}"),
            (_, Some(maximum)) if length > maximum => format!("must have at most {maximum} {unit}, not {length}"),
            _ => return true,
        };
        self.findings.push(Finding::error(codes::BAD_LENGTH, Kind::Type, format!("`{}` {words}", dotted(pointer))).at(span));
        false
    }

    fn wrong_type(&mut self, node: &Node, expected: &[&str], pointer: &str) {
        let message = format!("`{}` must be {}, not {}", dotted(pointer), expected.join(" or "), node.kind_words());
        let finding = Finding::error(codes::WRONG_TYPE, Kind::Type, message).at(node.span);
        let wants = |kind: &str| expected.contains(&kind);
        let help = match node.scalar() {
            Some(scalar) if scalar.substituted => None,
            Some(scalar) => match scalar.resolve() {
                Resolved::Null => Some("give it a value, or remove the key".to_owned()),
                Resolved::Number(_) | Resolved::Bool(_) if wants("a text") => Some(format!("put it in quotes: \"{}\"", scalar.text)),
                Resolved::Text("yes" | "no" | "on" | "off" | "y" | "n") if wants("a boolean") => Some("write `true` or `false`".to_owned()),
                Resolved::Text(_) if wants("a list") => Some("write a list: `[…]`, or one `- ` line for each entry".to_owned()),
                Resolved::Text(text) if !scalar.plain && (text == "true" || text == "false" || text.parse::<f64>().is_ok()) => {
                    Some("remove the quotes".to_owned())
                }
                Resolved::Text(_) | Resolved::Number(_) | Resolved::Bool(_) => None,
            },
            None => None,
        };
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

/// Whether a schema takes a value of this kind, whatever its content.
fn takes(node: &Node, branch: &Json) -> bool {
    let kind = match &node.value {
        Value::Mapping(_) => "object",
        Value::Sequence(_) => "array",
        Value::Scalar(scalar) => match scalar.resolve() {
            Resolved::Null => "null",
            Resolved::Bool(_) => "boolean",
            Resolved::Number(number) if number.is_f64() => "number",
            Resolved::Number(_) => "integer",
            Resolved::Text(_) => "string",
        },
    };
    let types = types(branch);
    types.contains(&kind) || kind == "integer" && types.contains(&"number")
}

/// The types that a schema takes.
fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The texts of an enumeration, if the branches are nothing else.
fn constants<'a>(branches: &[&'a Json]) -> Option<Vec<&'a str>> {
    let mut constants = Vec::new();
    for branch in branches {
        match (branch.get("const"), branch.get("enum").and_then(Json::as_array)) {
            (Some(Json::String(constant)), _) => constants.push(constant.as_str()),
            (None, Some(values)) if types(branch) == ["string"] => constants.extend(values.iter().filter_map(Json::as_str)),
            _ => return None,
        }
    }
    (!constants.is_empty()).then_some(constants)
}

/// A document for a part that is required and not there, so that the rest can be looked at: empty texts, empty mappings.
pub(super) fn stub(schema: &Json) -> Json {
    let root = schema::schema();
    let schema = schema::resolve(root, schema);
    if let Some(constant) = schema.get("const").or_else(|| schema.get("oneOf").and_then(|branches| branches.get(0)?.get("const"))) {
        return constant.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    match types(schema).first() {
        Some(&"object") => {
            let properties = schema.get("properties");
            let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
            let fields: BTreeMap<String, Json> =
                required.filter_map(|name| Some((name.to_owned(), stub(properties?.get(name)?)))).collect();
            Json::Object(fields.into_iter().collect())
        }
        Some(&"array") => Json::Array(Vec::new()),
        Some(&("integer" | "number")) => Json::from(0),
        Some(&"boolean") => Json::Bool(false),
        _ => Json::String(String::new()),
    }
}
