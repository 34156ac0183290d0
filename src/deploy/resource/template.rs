//! Bodies with places that only other resources can fill.

use std::fmt;

use serde_json::Value;

use crate::arm::ResourceId;

/// A body with places that are filled when other resources are there. It holds secrets in clear, because it is what is sent;
/// its `Debug` form shows none.
#[derive(Clone, PartialEq, Default)]
pub struct Template {
    /// The body; `null` at each hole.
    pub value: Value,
    /// The holes.
    pub holes: Vec<Hole>,
    /// JSON pointers of values that must not be seen (holes included).
    pub secrets: Vec<String>,
}

/// A place to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// JSON pointer into the body.
    pub pointer: String,
    /// What goes there.
    pub source: Reference,
    /// Text before and after the value (`https://…` + `/openai`); both may be empty. Where the value ends and the suffix
    /// begins with a slash there is one, because accounts answer their endpoint with a slash and people write it without.
    pub prefix: String,
    /// See `prefix`.
    pub suffix: String,
}

/// A value of another resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The resource.
    pub id: ResourceId,
    /// JSON pointer into its body (`/identity/principalId`).
    pub pointer: String,
}

impl Reference {
    /// The value in the resource's body. Keys are matched without case when they do not match exactly: the ids that are keys of
    /// `userAssignedIdentities` come back in another case. `null` is no value.
    #[must_use]
    pub fn find(&self, body: &Value) -> Option<Value> {
        let mut place = body;
        for segment in self.pointer.split('/').skip(1) {
            let key = segment.replace("~1", "/").replace("~0", "~");
            place = match place {
                Value::Object(fields) => {
                    fields.get(&key).or_else(|| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key)).map(|(_, value)| value))?
                }
                Value::Array(items) => items.get(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        (!place.is_null()).then(|| place.clone())
    }
}

/// A hole whose source is not there yet, or does not have the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` of `{}` is not known yet", reference.pointer, reference.id)]
pub struct Unresolved {
    /// What is missing.
    pub reference: Reference,
}

/// A body whose holes are filled as far as possible. Its `Debug` form shows no secret.
#[derive(Clone, PartialEq, Default)]
pub struct Filled {
    /// The body; `null` at each hole that could not be filled.
    pub value: Value,
    /// JSON pointers of the holes that could not be filled.
    pub unknown: Vec<String>,
    /// JSON pointers of values that must not be seen.
    pub secrets: Vec<String>,
}

impl fmt::Debug for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = hidden(&self.value, &self.secrets);
        formatter.debug_struct("Template").field("value", &value).field("holes", &self.holes).field("secrets", &self.secrets).finish()
    }
}

impl fmt::Debug for Filled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = hidden(&self.value, &self.secrets);
        formatter.debug_struct("Filled").field("value", &value).field("unknown", &self.unknown).field("secrets", &self.secrets).finish()
    }
}

/// The value with something else in the place of its secrets.
fn hidden(value: &Value, secrets: &[String]) -> Value {
    let mut value = value.clone();
    for pointer in secrets {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = Value::from("[secret]");
        }
    }
    value
}

impl Template {
    /// A body without holes.
    #[must_use]
    pub const fn plain(value: Value) -> Self {
        Self { value, holes: Vec::new(), secrets: Vec::new() }
    }

    /// Fills the holes that `lookup` knows.
    pub fn fill(&self, lookup: impl Fn(&Reference) -> Option<Value>) -> Filled {
        let mut filled = Filled { value: self.value.clone(), unknown: Vec::new(), secrets: self.secrets.clone() };
        for hole in &self.holes {
            match lookup(&hole.source).and_then(|value| hole.join(value)) {
                Some(value) => put(&mut filled.value, &hole.pointer, value),
                None => {
                    put(&mut filled.value, &hole.pointer, Value::Null);
                    filled.unknown.push(hole.pointer.clone());
                }
            }
        }
        filled
    }

    /// Fills all holes.
    ///
    /// # Errors
    /// The first hole that `lookup` does not know.
    pub fn complete(&self, lookup: impl Fn(&Reference) -> Option<Value>) -> Result<Value, Unresolved> {
        let filled = self.fill(lookup);
        match self.holes.iter().find(|hole| filled.unknown.contains(&hole.pointer)) {
            None => Ok(filled.value),
            Some(hole) => Err(Unresolved { reference: hole.source.clone() }),
        }
    }
}

impl Hole {
    /// What goes into the place; `None` when a value that is no text would have to be joined to one.
    fn join(&self, value: Value) -> Option<Value> {
        if self.prefix.is_empty() && self.suffix.is_empty() {
            return Some(value);
        }
        let text = value.as_str()?;
        let text = if self.suffix.starts_with('/') { text.strip_suffix('/').unwrap_or(text) } else { text };
        Some(Value::String(format!("{}{text}{}", self.prefix, self.suffix)))
    }
}

/// Sets the value at `pointer`, making objects on the way.
pub(in crate::deploy) fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for segment in pointer.split('/').skip(1) {
        let key = segment.replace("~1", "/").replace("~0", "~");
        if let Value::Array(items) = place {
            let Some(item) = key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) else { return };
            place = item;
            continue;
        }
        if !place.is_object() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
}
