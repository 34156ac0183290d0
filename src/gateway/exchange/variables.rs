//! `context.Variables`.

use std::sync::Arc;

use serde_json::Value;

use super::Exchange;
use crate::expression::HostValue;
use crate::gateway::trace;

/// The variables of one request. Few, so they are looked through in order; names are case-sensitive (a .NET dictionary).
#[derive(Debug, Default)]
pub struct Variables(Vec<(Arc<str>, HostValue)>);

impl Variables {
    /// Sets one.
    pub fn set(&mut self, name: &Arc<str>, value: HostValue) {
        match self.0.iter_mut().find(|(own, _)| Arc::ptr_eq(own, name) || own == name) {
            Some((_, own)) => *own = value,
            None => self.0.push((name.clone(), value)),
        }
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&HostValue> {
        self.0.iter().find(|(own, _)| &**own == name).map(|(_, value)| value)
    }

    /// All, in the order in which they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HostValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl Exchange {
    /// All variables as JSON, for whoever watches. Values of secret named values are masked; what has no JSON is named by its kind.
    pub fn shown_variables(&mut self) -> Vec<(String, Value)> {
        let (variables, mut heap) = (std::mem::take(&mut self.variables), std::mem::take(&mut self.heap));
        let mut all = Vec::new();
        for (name, value) in variables.iter() {
            let mut shown = match value {
                HostValue::Null => Value::Null,
                HostValue::Text(text) => Value::from(text.as_str()),
                HostValue::Boolean(value) => Value::from(*value),
                HostValue::Integer(value) => Value::from(*value),
                HostValue::Texts(texts) => Value::from(texts.as_slice()),
                HostValue::Stored(stored) if stored.host().is_none() => {
                    stored.json(&mut heap, self).unwrap_or_else(|_| Value::from("(object)"))
                }
                _ => Value::from("(object)"),
            };
            trace::mask(&mut shown, &self.snapshot.secrets);
            all.push((name.to_owned(), shown));
        }
        (self.variables, self.heap) = (variables, heap);
        all
    }
}
