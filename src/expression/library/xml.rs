//! `System.Xml.Linq`. Nothing of it is emulated yet: its members type-check and are refused by name.

use super::{Machine, Members, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{self, Type};
use crate::expression::value::Handle;

pub(super) const MEMBERS: Members = &[];

/// A node of an XML tree.
#[derive(Debug, Clone)]
pub(crate) struct XmlNode {
    name: Text,
}

impl XmlNode {
    pub(crate) fn ty(&self) -> Type {
        types::named("XElement")
    }

    pub(crate) fn is_name(&self) -> bool {
        false
    }

    pub(crate) fn name_text(&self) -> Text {
        self.name.clone()
    }
}

pub(super) fn to_string(_: &mut Machine<'_>, _: Handle) -> Outcome<Text> {
    Ok(Text::from(""))
}
