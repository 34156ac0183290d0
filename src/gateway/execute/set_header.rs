//! `set-header`: `override` (also with several values), `skip`, `append`, `delete` (its page).
//!
//! Several values become one, joined with commas, save for headers whose values hold commas or dates (its page, usage notes).

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::policy::Element;

/// What happens when the header is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExistsAction {
    /// Replaces.
    Override,
    /// Leaves it.
    Skip,
    /// Adds.
    Append,
    /// Removes.
    Delete,
}

impl ExistsAction {
    /// By name, not case-sensitive.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        [("override", Self::Override), ("skip", Self::Skip), ("append", Self::Append), ("delete", Self::Delete)]
            .into_iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name.trim()))
            .map(|(_, action)| action)
    }

    /// A computed one.
    ///
    /// # Errors
    /// There is no such action.
    pub(super) fn required(name: &str) -> Result<Self, Failure> {
        Self::of_name(name)
            .ok_or_else(|| Failure::internal("ExistsActionInvalid", "exists-action is none of override, skip, append, delete"))
    }

    /// Reads `exists-action`; the action is known if it is literal.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> (Argument<Box<str>>, Option<Self>) {
        let action = compiler.text(element, "exists-action").unwrap_or_else(|| Argument::Literal(Box::from("override")));
        let known = match &action {
            Argument::Literal(text) => {
                let known = Self::of_name(text);
                if known.is_none() {
                    compiler.problem(element, format!("exists-action cannot be `{text}`"));
                }
                known
            }
            Argument::Computed(_) => None,
        };
        (action, known)
    }
}

/// A header name: prepared if it is literal.
#[derive(Debug)]
enum Name {
    Known(HeaderName),
    Computed(Argument<Box<str>>),
}

/// A header value: prepared if it is literal.
#[derive(Debug)]
enum Value {
    Known(HeaderValue),
    Computed(Argument<Box<str>>),
}

/// One `set-header`, also inside `send-request` and `return-response`.
#[derive(Debug)]
pub(super) struct SetHeader {
    name: Name,
    action: Argument<Box<str>>,
    known_action: Option<ExistsAction>,
    values: Vec<Value>,
    secret: bool,
}

/// Headers that the gateway does not let policies touch (set-header page).
const UNTOUCHABLE: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// Headers whose values stay apart: they may hold commas or dates (set-header page).
const SEPARATE: [&str; 12] = [
    "user-agent",
    "www-authenticate",
    "proxy-authenticate",
    "cookie",
    "set-cookie",
    "warning",
    "date",
    "expires",
    "if-modified-since",
    "if-unmodified-since",
    "last-modified",
    "retry-after",
];

impl SetHeader {
    /// Changes `headers`.
    ///
    /// # Errors
    /// A computed name or value cannot stand in a header.
    pub(super) fn apply(&self, headers: &mut HeaderMap, arguments: &mut Arguments) -> Result<(), Failure> {
        let computed;
        let name = match &self.name {
            Name::Known(name) => name,
            Name::Computed(argument) => {
                let text = arguments.text(argument);
                computed = HeaderName::from_bytes(text.trim().as_bytes())
                    .map_err(|_| Failure::internal("HeaderNameInvalid", format!("`{text}` is no header name")))?;
                &computed
            }
        };
        let action = match self.known_action {
            Some(action) => action,
            None => ExistsAction::required(arguments.text(&self.action))?,
        };
        if UNTOUCHABLE.contains(&name.as_str()) {
            return Ok(());
        }
        match action {
            ExistsAction::Delete => {
                // "Removal of Server header isn't supported."
                if name != http::header::SERVER {
                    headers.remove(name);
                }
                return Ok(());
            }
            ExistsAction::Skip if headers.contains_key(name) => return Ok(()),
            ExistsAction::Override => {
                headers.remove(name);
            }
            ExistsAction::Skip | ExistsAction::Append => {}
        }
        let joins = !SEPARATE.contains(&name.as_str());
        for value in &self.values {
            let value = match value {
                Value::Known(value) => value.clone(),
                Value::Computed(argument) => match arguments.take_text(argument) {
                    Some(text) => HeaderValue::from_bytes(text.as_bytes())
                        .map_err(|_| Failure::internal("HeaderValueInvalid", format!("the value of `{name}` cannot stand in a header")))?,
                    // A value of null sets nothing (assumed).
                    None => continue,
                },
            };
            match joins.then(|| joined(headers, name, &value)).flatten() {
                Some(all) => {
                    headers.insert(name.clone(), all);
                }
                None => {
                    headers.append(name.clone(), value);
                }
            }
        }
        Ok(())
    }
}

/// What is there already, and `value` behind it; `None` if nothing is there.
fn joined(headers: &HeaderMap, name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
    let mut all = Vec::new();
    for own in headers.get_all(name) {
        all.extend_from_slice(own.as_bytes());
        all.push(b',');
    }
    if all.is_empty() {
        return None;
    }
    all.extend_from_slice(value.as_bytes());
    HeaderValue::from_bytes(&all).ok()
}

impl SetHeader {
    /// Name and values for a trace; the entry's shape is recalled from live traces, not read anywhere.
    fn shown(&self, arguments: &Arguments) -> (String, String) {
        let name = match &self.name {
            Name::Known(name) => name.as_str().to_owned(),
            Name::Computed(argument) => arguments.text(argument).to_owned(),
        };
        if self.secret {
            return (name, super::MASK.to_owned());
        }
        let values = self.values.iter().map(|value| match value {
            Value::Known(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
            Value::Computed(argument) => arguments.text(argument).to_owned(),
        });
        (name, values.collect::<Vec<_>>().join(","))
    }
}

impl Statement for SetHeader {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let shown = exchange.trace.is_some().then(|| self.shown(arguments));
        let result = self.apply(exchange.headers_mut(), arguments);
        if let Some((name, values)) = shown {
            exchange.note("set-header", |_| {
                serde_json::json!({
                    "message": "Specified value was assigned to the header (see below).",
                    "header": { "name": name, "value": values },
                })
            });
        }
        result.into()
    }
}

/// Reads `<set-header name="…" exists-action="…"><value>…</value></set-header>`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> SetHeader {
    let name = match compiler.required_text(element, "name") {
        Argument::Literal(text) => match HeaderName::from_bytes(text.trim().as_bytes()) {
            Ok(name) => Name::Known(name),
            Err(_) => {
                compiler.problem(element, format!("`{text}` is no header name"));
                Name::Computed(Argument::Literal(text))
            }
        },
        computed @ Argument::Computed(_) => Name::Computed(computed),
    };
    let (action, known_action) = ExistsAction::read(element, compiler);
    let values = element
        .elements_named("value")
        .map(|child| match compiler.content(child) {
            Argument::Literal(text) => match HeaderValue::from_bytes(text.as_bytes()) {
                Ok(value) => Value::Known(value),
                Err(_) => {
                    compiler.problem(child, format!("`{text}` cannot stand in a header"));
                    Value::Computed(Argument::Literal(text))
                }
            },
            computed @ Argument::Computed(_) => Value::Computed(computed),
        })
        .collect();
    let secret = compiler.holds_secret(element);
    SetHeader { name, action, known_action, values, secret }
}

/// `set-header` as a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let statement = read(element, compiler);
    compiler.run(statement);
}
