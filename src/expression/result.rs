//! Values on their way out: as JSON, as text, as what a variable keeps.

use std::sync::Arc;

use super::context::{ExpressionContext, Stored};
use super::heap::{Heap, Object};
use super::library::{self, json, linq};
use super::machine::{Fault, Machine, State};
use super::types::{self, Type};
use super::value::Value;
use super::{Exception, code};

/// The value of an evaluation.
#[derive(Debug, Clone)]
pub struct Evaluated {
    pub(super) value: Value,
    /// Lazy sequences still call functions of the expression that made them.
    pub(super) code: Arc<code::Code>,
}

impl Evaluated {
    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// What `set-variable` keeps.
    #[must_use]
    pub fn store(&self) -> Stored {
        Stored(self.value.clone())
    }

    /// `Convert.ToString(value, CultureInfo.InvariantCulture)`.
    ///
    /// # Errors
    /// `ToString` threw.
    pub fn text(&self, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Result<String, Exception> {
        with_machine(&self.code, heap, context, |machine| library::to_text(machine, &self.value)).map(|text| text.to_str().into_owned())
    }

    /// The truth, if it is a `bool`.
    #[must_use]
    pub const fn boolean(&self) -> Option<bool> {
        match &self.value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match &self.value {
            Value::Single(_) | Value::Double(_) | Value::Decimal(_) => None,
            number => number.is_number().then(|| number.integer()),
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Double(value) => Some(*value),
            Value::Single(value) => Some(f64::from(*value)),
            Value::Decimal(value) => rust_decimal::prelude::ToPrimitive::to_f64(value),
            #[expect(clippy::cast_precision_loss, reason = "as C# converts")]
            _ => self.integer().map(|value| value as f64),
        }
    }

    /// The bytes, if it is a `byte[]`.
    #[must_use]
    pub fn bytes(&self, heap: &Heap) -> Option<Vec<u8>> {
        let Value::Object(handle) = &self.value else { return None };
        let Object::Array(ty, items) = heap.get(*handle) else { return None };
        if *ty != types::array(types::known().byte) {
            return None;
        }
        items.iter().map(|item| if let Value::Byte(byte) = item { Some(*byte) } else { None }).collect()
    }

    /// The .NET name of its exact type; nothing for null.
    #[must_use]
    pub fn type_name(&self, heap: &Heap) -> Option<String> {
        (!self.is_null()).then(|| heap.type_of(&self.value).full_name())
    }

    /// As JSON: numbers and booleans as such, tokens as themselves, sequences as arrays, all else as text.
    ///
    /// # Errors
    /// Enumerating it, or `ToString`, threw.
    pub fn json(&self, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Result<serde_json::Value, Exception> {
        with_machine(&self.code, heap, context, |machine| to_json(machine, &self.value, 0))
    }
}

impl Stored {
    /// As JSON, as [`Evaluated::json`].
    ///
    /// # Errors
    /// Enumerating it, or `ToString`, threw.
    pub fn json(&self, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Result<serde_json::Value, Exception> {
        with_machine(&code::Code::default(), heap, context, |machine| to_json(machine, &self.0, 0))
    }

    /// The host's object, if it is one.
    #[must_use]
    pub const fn host(&self) -> Option<super::Host> {
        match &self.0 {
            Value::Host(host) => Some(*host),
            _ => None,
        }
    }

    /// What `AsJwt` makes of a token: parsed, not checked. `None` if it is no token.
    #[must_use]
    pub fn jwt(token: &str, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Option<Self> {
        let value = with_machine(&code::Code::default(), heap, context, |machine| library::jwt::parse(machine, token)).ok()?;
        (!value.is_null()).then_some(Self(value))
    }
}

/// A date in one of the forms that `DateTime.Parse` reads, written by a .NET format string; `None` if it is none, or the format is invalid.
#[must_use]
pub fn date_text(date: &str, format: &str) -> Option<String> {
    let date = match library::json::iso_date(date) {
        Some(date) => date,
        None => super::value::DateTime { ticks: library::host::ticks_of(date)?, kind: 1 },
    };
    library::dates::format(&library::dates::Parts::of(date), format)
}

/// Whether a JSON reader takes the text for a date, as Newtonsoft's does.
#[must_use]
pub fn is_json_date(text: &str) -> bool {
    library::json::iso_date(text).is_some()
}

/// A value that belongs to no request: what a cache keeps.
#[derive(Debug, Clone)]
pub struct Portable(Kept);

#[derive(Debug, Clone)]
enum Kept {
    /// Holds no object.
    Plain(Value),
    /// An array of plain values.
    Array(Type, Vec<Value>),
    /// `JToken` and its kin, as text.
    Json(String),
}

impl Portable {
    /// Text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Kept::Plain(Value::from(text)))
    }

    /// Bytes that it takes, by estimate.
    #[must_use]
    pub fn size(&self) -> usize {
        let plain = |value: &Value| match value {
            Value::Text(text) => 32 + text.to_str().len(),
            _ => 16,
        };
        match &self.0 {
            Kept::Plain(value) => plain(value),
            Kept::Array(_, values) => values.iter().map(plain).sum(),
            Kept::Json(text) => text.len(),
        }
    }

    /// The value on `heap`.
    ///
    /// # Errors
    /// Its JSON cannot be read: never for what [`Evaluated::portable`] made.
    pub fn revive(&self, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Result<Stored, Exception> {
        Ok(Stored(match &self.0 {
            Kept::Plain(value) => value.clone(),
            Kept::Array(ty, values) => Value::Object(heap.add(Object::Array(*ty, values.clone()))),
            Kept::Json(text) => {
                let text = super::text::Text::from(text.as_str());
                Value::Object(with_machine(&code::Code::default(), heap, context, |machine| json::read::parse(machine, &text))?)
            }
        }))
    }
}

impl Evaluated {
    /// The value without its request; `None` for objects that cannot leave it (lists, XML, responses).
    ///
    /// # Errors
    /// Writing it as text threw.
    pub fn portable(&self, heap: &mut Heap, context: &mut dyn ExpressionContext) -> Result<Option<Portable>, Exception> {
        let Value::Object(handle) = &self.value else {
            return Ok(match &self.value {
                Value::Host(_) | Value::TypeToken(_) => None,
                plain => Some(Portable(Kept::Plain(plain.clone()))),
            });
        };
        match heap.get(*handle) {
            Object::Json(_) => {
                let text = with_machine(&self.code, heap, context, |machine| json::write::text(machine, *handle, false))?;
                Ok(match text {
                    Value::Text(text) => Some(Portable(Kept::Json(text.to_str().into_owned()))),
                    _ => None,
                })
            }
            Object::Array(ty, values) if values.iter().all(|value| !matches!(value, Value::Object(_) | Value::Host(_))) => {
                Ok(Some(Portable(Kept::Array(*ty, values.clone()))))
            }
            _ => Ok(None),
        }
    }
}

fn with_machine<T>(
    code: &code::Code,
    heap: &mut Heap,
    context: &mut dyn ExpressionContext,
    work: impl FnOnce(&mut Machine<'_>) -> Result<T, Fault>,
) -> Result<T, Exception> {
    let mut state = State::default();
    let result = work(&mut Machine::new(code, &mut state, heap, context));
    result.map_err(|fault| match fault {
        Fault::Thrown(value) => exception(heap, &value),
        Fault::Stopped(message) => Exception { type_name: String::new(), message: message.to_owned() },
        Fault::NeedBody(_) => Exception { type_name: String::new(), message: "a body is needed while a value is shown".to_owned() },
    })
}

/// The exception behind a thrown value.
pub(super) fn exception(heap: &Heap, value: &Value) -> Exception {
    match value {
        Value::Object(handle) => match heap.get(*handle) {
            Object::Exception(data) => Exception { type_name: data.ty.full_name(), message: data.message.to_str().into_owned() },
            _ => Exception { type_name: "System.Exception".to_owned(), message: String::new() },
        },
        _ => Exception { type_name: "System.NullReferenceException".to_owned(), message: String::new() },
    }
}

fn to_json(machine: &mut Machine<'_>, value: &Value, depth: usize) -> Result<serde_json::Value, Fault> {
    use serde_json::Value as Json;
    let text = |machine: &mut Machine<'_>| library::to_text(machine, value).map(|text| Json::String(text.to_str().into_owned()));
    Ok(match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Int32(_) | Value::Int64(_) => Json::from(value.integer()),
        Value::Double(number) => {
            serde_json::Number::from_f64(*number).map_or_else(|| Json::String(library::format::general(value)), Json::Number)
        }
        Value::Single(_) | Value::Decimal(_) => {
            let text = match value {
                Value::Single(_) => library::format::number(value, "R").unwrap_or_default(),
                other => library::format::general(other),
            };
            text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map_or(Json::String(text), Json::Number)
        }
        Value::Object(handle) if depth < 64 => match machine.heap.get(*handle) {
            Object::Json(_) => {
                let text = json::write::text(machine, *handle, false)?;
                match &text {
                    // A property alone (`"a":1`) is no JSON document: its text.
                    Value::Text(text) => serde_json::from_str(&text.to_str()).unwrap_or_else(|_| Json::String(text.to_str().into_owned())),
                    _ => Json::Null,
                }
            }
            _ if linq::is_enumerable(machine, value) => {
                let mut list = Vec::new();
                for item in linq::collect(machine, value)? {
                    list.push(to_json(machine, &item, depth + 1)?);
                }
                Json::Array(list)
            }
            _ => text(machine)?,
        },
        Value::Host(_) if linq::is_enumerable(machine, value) => {
            let mut list = Vec::new();
            for item in linq::collect(machine, value)? {
                list.push(to_json(machine, &item, depth + 1)?);
            }
            Json::Array(list)
        }
        _ => text(machine)?,
    })
}

/// UTC ticks of a date that is written in one of the forms that `DateTime.Parse` reads.
#[must_use]
pub fn ticks_of(text: &str) -> Option<i64> {
    library::host::ticks_of(text)
}

/// The C# type of that name, as a place may want it.
pub(super) fn type_of(name: &str) -> Option<Type> {
    if let Some(element) = name.strip_suffix("[]") {
        return type_of(element).map(types::array);
    }
    if let Some(inner) = name.strip_suffix('?') {
        return type_of(inner).map(types::nullable);
    }
    if let Some((outer, arguments)) = name.strip_suffix('>').and_then(|name| name.split_once('<')) {
        let arguments: Option<Vec<Type>> = arguments.split(',').map(|argument| type_of(argument.trim())).collect();
        let arguments = arguments?;
        let definition = super::catalogue::resolve(outer, arguments.len())?;
        return Some(types::generic(definition.name, &arguments));
    }
    super::catalogue::resolve(name, 0).map(|definition| types::named(definition.name))
}

/// The full .NET name of the type that C# calls so: `System.Int32` for `int`.
#[must_use]
pub fn full_type_name(name: &str) -> Option<String> {
    type_of(name).map(Type::full_name)
}

/// Whether the name is a type that a place may want; its C# spelling.
#[must_use]
pub fn type_name(name: &str) -> Option<String> {
    type_of(name).map(|ty| ty.to_string())
}
