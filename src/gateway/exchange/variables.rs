//! `context.Variables`.

use std::sync::Arc;

use crate::expression::HostValue;

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
