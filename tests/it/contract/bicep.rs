//! Checks a request body against Microsoft's published Bicep types, read where a checkout of them is at hand.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

const REQUIRED: u64 = 1;
const READ_ONLY: u64 = 2;

/// All resource types that were found, by `type@version` in lower case.
pub struct BicepTypes {
    files: Vec<Vec<Value>>,
    bodies: HashMap<String, (usize, usize)>,
}

impl BicepTypes {
    /// Reads every `types.json` below `root`; `None` when there is none.
    pub fn read(root: &Path) -> Option<Self> {
        let mut paths = Vec::new();
        find(root, &mut paths);
        let mut types = Self { files: Vec::new(), bodies: HashMap::new() };
        for path in paths {
            let file: Vec<Value> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            for entry in file.iter().filter(|entry| entry["$type"] == "ResourceType") {
                types.bodies.insert(entry["name"].as_str().unwrap().to_lowercase(), (types.files.len(), index(&entry["body"])));
            }
            types.files.push(file);
        }
        (!types.bodies.is_empty()).then_some(types)
    }

    /// Everything about `body` that the published type does not allow, as `pointer: reason`.
    pub fn check(&self, kind: &str, api_version: &str, body: &Value) -> Vec<String> {
        let Some((file, index)) = self.bodies.get(&format!("{kind}@{api_version}").to_lowercase()) else {
            return vec![format!(": no published type `{kind}@{api_version}`")];
        };
        let mut wrong = Vec::new();
        // The envelope is named by the URL.
        self.value(*file, *index, body, "", &["id", "name", "type", "apiVersion"], &mut wrong);
        wrong
    }

    fn value(&self, file: usize, index_of_type: usize, value: &Value, pointer: &str, skip: &[&str], wrong: &mut Vec<String>) {
        let kind = &self.files[file][index_of_type];
        let mut say = |reason: String| wrong.push(format!("{pointer}: {reason}"));
        match kind["$type"].as_str().unwrap() {
            "AnyType" => {}
            "BooleanType" => {
                if !value.is_boolean() {
                    say(format!("{value} is no boolean"));
                }
            }
            "IntegerType" => match value.as_f64() {
                Some(number) => {
                    if kind["minValue"].as_f64().is_some_and(|least| number < least)
                        || kind["maxValue"].as_f64().is_some_and(|most| number > most)
                    {
                        say(format!("{number} is out of range"));
                    }
                }
                None => say(format!("{value} is no number")),
            },
            "StringType" => match value.as_str() {
                Some(text) => {
                    let length = text.chars().count() as u64;
                    if kind["minLength"].as_u64().is_some_and(|least| length < least)
                        || kind["maxLength"].as_u64().is_some_and(|most| length > most)
                    {
                        say(format!("length {length} is out of range"));
                    }
                    if let Some(pattern) = kind["pattern"].as_str()
                        && !regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
                    {
                        say(format!("`{text}` does not match {pattern}"));
                    }
                }
                None => say(format!("{value} is no text")),
            },
            "StringLiteralType" => {
                if kind["value"] != *value {
                    say(format!("{value} is not {}", kind["value"]));
                }
            }
            "UnionType" => {
                let fits = kind["elements"].as_array().unwrap().iter().any(|element| {
                    let mut inner = Vec::new();
                    self.value(file, index(element), value, pointer, &[], &mut inner);
                    inner.is_empty()
                });
                if !fits {
                    say(format!("{value} is none of the allowed values"));
                }
            }
            "ArrayType" => match value.as_array() {
                Some(items) => {
                    for (position, item) in items.iter().enumerate() {
                        self.value(file, index(&kind["itemType"]), item, &format!("{pointer}/{position}"), &[], wrong);
                    }
                }
                None => say(format!("{value} is no list")),
            },
            "ObjectType" => {
                let Some(fields) = value.as_object() else { return say(format!("{value} is no object")) };
                let empty = serde_json::Map::new();
                let properties = kind["properties"].as_object().unwrap_or(&empty);
                for (name, property) in properties {
                    let flags = property["flags"].as_u64().unwrap_or(0);
                    if skip.contains(&name.as_str()) {
                        continue;
                    }
                    match fields.get(name) {
                        None if flags & REQUIRED != 0 => wrong.push(format!("{pointer}/{name}: required, and missing")),
                        None => {}
                        Some(_) if flags & READ_ONLY != 0 => wrong.push(format!("{pointer}/{name}: read-only")),
                        // JSON null says "not set".
                        Some(Value::Null) => {}
                        Some(field) => self.value(file, index(&property["type"]), field, &format!("{pointer}/{name}"), &[], wrong),
                    }
                }
                for (name, field) in fields.iter().filter(|(name, _)| !properties.contains_key(*name)) {
                    match kind.get("additionalProperties") {
                        Some(additional) => self.value(file, index(additional), field, &format!("{pointer}/{name}"), &[], wrong),
                        None => wrong.push(format!("{pointer}/{name}: unknown")),
                    }
                }
            }
            "DiscriminatedObjectType" => {
                let discriminator = kind["discriminator"].as_str().unwrap();
                match value.get(discriminator).and_then(Value::as_str).and_then(|name| kind["elements"].get(name)) {
                    Some(element) => {
                        let base: Vec<&str> = kind["baseProperties"].as_object().unwrap().keys().map(String::as_str).collect();
                        let own = without(value, &base);
                        self.value(file, index(element), &own, pointer, skip, wrong);
                    }
                    None => say(format!("`{discriminator}` is none of the known kinds")),
                }
            }
            other => say(format!("the type reader does not know {other}")),
        }
    }
}

fn without(value: &Value, names: &[&str]) -> Value {
    let fields = value.as_object().into_iter().flatten().filter(|(name, _)| !names.contains(&name.as_str()));
    Value::Object(fields.map(|(name, field)| (name.clone(), field.clone())).collect())
}

fn index(reference: &Value) -> usize {
    reference["$ref"].as_str().and_then(|text| text.strip_prefix("#/")?.parse().ok()).expect("a reference into the same file")
}

fn find(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, found);
        } else if path.file_name().is_some_and(|name| name == "types.json") {
            found.push(path);
        }
    }
}
