//! The objects of one request: everything with identity lives here and dies with it.

use std::collections::HashMap;
use std::sync::Arc;

use super::library::json::Json;
use super::library::linq::{Enumerator, Query};
use super::library::regex::{MatchData, Pattern};
use super::library::xml::Xml;
use super::text::Text;
use super::types::{self, Type};
use super::value::{Handle, Value};

/// One object.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    Cell(Value),
    /// An array; its type is the array's.
    Array(Type, Vec<Value>),
    /// `List<T>`, `Queue<T>`, `Stack<T>`, `ReadOnlyCollection<T>`.
    List(Type, Vec<Value>),
    Dictionary(Type, Table),
    /// Anonymous objects, tuples, `KeyValuePair<,>`, `Tuple<…>` and other immutable fields by position.
    Record(Type, Vec<Value>),
    /// Function and captured cells.
    Closure(Type, u32, Vec<Value>),
    Json(Json),
    Xml(Xml),
    Query(Type, Query),
    Enumerator(Type, Enumerator),
    /// Its text, and how long it may become.
    Builder(Vec<u16>, i32),
    Regex(Arc<Pattern>),
    Match(Arc<MatchData>),
    /// A group of a match by index.
    Group(Arc<MatchData>, usize),
    GroupCollection(Arc<MatchData>),
    Exception(Box<ExceptionData>),
    /// State of a helper object with its fields: `Random`, hashes, encodings, `Uri`, comparers.
    Opaque(Type, Vec<Value>),
}

/// An exception object.
#[derive(Debug, Clone)]
pub(crate) struct ExceptionData {
    pub(crate) ty: Type,
    pub(crate) message: Arc<Text>,
    pub(crate) inner: Value,
    /// `Source` and `HelpLink`.
    pub(crate) notes: [Value; 2],
}

/// How keys are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyRule {
    Default,
    IgnoreCase,
}

/// A key as it is hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Null,
    Text(Text),
    Integer(u8, i64),
    Bytes(Vec<u8>),
    Object(Handle),
    Type(Type),
    Many(Vec<Key>),
}

/// A hash table that keeps the order of .NET's: insertion, with freed places used again, the last freed first.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) rule: KeyRule,
    index: HashMap<Key, usize>,
    entries: Vec<Option<(Value, Value)>>,
    free: Vec<usize>,
    /// Counts changes, so that enumerating a changed table is noticed.
    pub(crate) version: u32,
    /// For how many there is room without growing, as .NET counts it.
    pub(crate) capacity: usize,
}

impl Table {
    pub(crate) fn new(rule: KeyRule) -> Self {
        Self { rule, index: HashMap::new(), entries: Vec::new(), free: Vec::new(), version: 0, capacity: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        let place = *self.index.get(key)?;
        self.entries.get(place)?.as_ref().map(|entry| &entry.1)
    }

    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.index.contains_key(key)
    }

    /// Sets; `true` if the key is new.
    pub(crate) fn set(&mut self, hashed: Key, key: Value, value: Value) -> bool {
        self.version += 1;
        if let Some(place) = self.index.get(&hashed) {
            if let Some(Some(entry)) = self.entries.get_mut(*place) {
                entry.1 = value;
            }
            return false;
        }
        let place = match self.free.pop() {
            Some(place) => {
                if let Some(slot) = self.entries.get_mut(place) {
                    *slot = Some((key, value));
                }
                place
            }
            None => {
                self.entries.push(Some((key, value)));
                if self.entries.len() > self.capacity {
                    self.make_room(self.capacity.saturating_mul(2));
                }
                self.entries.len() - 1
            }
        };
        self.index.insert(hashed, place);
        true
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Value> {
        let place = self.index.remove(key)?;
        self.version += 1;
        self.free.push(place);
        self.entries.get_mut(place)?.take().map(|entry| entry.1)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { version: self.version + 1, capacity: self.capacity, ..Self::new(self.rule) };
    }

    /// Room for so many at least: .NET takes a prime of its own list.
    pub(crate) fn make_room(&mut self, count: usize) {
        const PRIMES: [usize; 44] = [
            3, 7, 11, 17, 23, 29, 37, 47, 59, 71, 89, 107, 131, 163, 197, 239, 293, 353, 431, 521, 631, 761, 919, 1103, 1327, 1597, 1931,
            2333, 2801, 3371, 4049, 4861, 5839, 7013, 8419, 10103, 12143, 14591, 17519, 21023, 25229, 30293, 36353, 43627,
        ];
        // Past the list the next odd number that has no small divisor and is no multiple of 101 above one.
        let is_prime = |number: usize| {
            (3..).step_by(2).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
        };
        let later = || (count | 1..).step_by(2).find(|number| is_prime(*number) && (number - 1) % 101 != 0);
        self.capacity = PRIMES.iter().copied().find(|prime| *prime >= count).or_else(later).unwrap_or(count);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &(Value, Value)> {
        self.entries.iter().flatten()
    }
}

/// What `context.Variables.GetValueOrDefault<T>(name)` does when the variable holds a value of another type. Sources disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VariableMismatch {
    /// `InvalidCastException`, as the reference of policy expressions says.
    #[default]
    Throws,
    /// The default value, as Microsoft's test double of the gateway does.
    GivesDefault,
}

/// The objects of one request, shared by all its expressions.
#[derive(Debug, Default)]
pub struct Heap {
    objects: Vec<Object>,
    pub(crate) variable_mismatch: VariableMismatch,
    /// What enumerators that are moved by hand stand at.
    currents: HashMap<Handle, Value>,
    /// Bytes that objects and strings were given, by estimate.
    pub(crate) used: u64,
}

impl Heap {
    /// An empty heap.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses what a variable of another type gives.
    #[must_use]
    pub fn with_variable_mismatch(mut self, mismatch: VariableMismatch) -> Self {
        self.variable_mismatch = mismatch;
        self
    }

    pub(crate) fn add(&mut self, object: Object) -> Handle {
        self.used += 64;
        self.objects.push(object);
        Handle(u32::try_from(self.objects.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn get(&self, handle: Handle) -> &Object {
        static NOTHING: Object = Object::Cell(Value::Null);
        self.objects.get(handle.0 as usize).unwrap_or(&NOTHING)
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Object> {
        self.objects.get_mut(handle.0 as usize)
    }

    pub(crate) fn set_current(&mut self, enumerator: Handle, value: Option<Value>) {
        match value {
            Some(value) => self.currents.insert(enumerator, value),
            None => self.currents.remove(&enumerator),
        };
    }

    pub(crate) fn current(&self, enumerator: Handle) -> Option<Value> {
        self.currents.get(&enumerator).cloned()
    }

    /// The exact type of a value.
    pub(crate) fn type_of(&self, value: &Value) -> Type {
        let Value::Object(handle) = value else { return value.plain_type() };
        match self.get(*handle) {
            Object::Cell(_) => types::named("Object"),
            Object::Array(ty, _)
            | Object::List(ty, _)
            | Object::Dictionary(ty, _)
            | Object::Record(ty, _)
            | Object::Closure(ty, ..)
            | Object::Query(ty, _)
            | Object::Enumerator(ty, _)
            | Object::Opaque(ty, _) => *ty,
            Object::Json(json) => json.ty(),
            Object::Xml(xml) => xml.ty(),
            Object::Builder(..) => types::named("StringBuilder"),
            Object::Regex(_) => types::named("Regex"),
            Object::Match(_) => types::named("Match"),
            Object::Group(..) => types::named("Group"),
            Object::GroupCollection(_) => types::named("GroupCollection"),
            Object::Exception(data) => data.ty,
        }
    }
}
