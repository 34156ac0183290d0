//! Policy documents as a language: reading them, what they mean, what they refer to, and what is wrong with them.
//!
//! Text goes through [`Document::parse`] into a tree that remembers where everything stands; [`canonical`] says
//! whether two documents mean the same, [`references`] what a document needs, and [`check`] what the service would refuse
//! and what goes wrong at run time.

mod canonical;
mod changes;
mod check;
pub mod codes;
mod convert;
mod document;
mod fix;
mod format;
mod reader;
pub mod reference;
mod references;
mod traps;

pub use canonical::{Canonical, CanonicalElement, CanonicalNode, canonical, same_meaning};
pub use changes::{PolicyChange, changes, changes_of_texts};

pub use check::{CheckContext, check};
pub use convert::convert;
pub use document::{
    Attribute, Compiled, Document, DocumentKind, Element, Expression, ExpressionKind, Format, Node, Section, Value, Visit, Walk,
};
pub use fix::{Fix, apply_fixes, fixes};
pub use format::format;
pub use reader::{MAX_DEPTH, MAX_SIZE, decode_references};
pub use reference::{Gateway, Scope};
pub use references::{Reference, References, named_value_uses, references};
pub use traps::Code;
