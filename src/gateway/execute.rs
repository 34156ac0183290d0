//! The policies that run: one file each, found by name when a document is compiled.

pub mod limit_concurrency;
mod set_header;
mod set_variable;

use super::program::Compiler;
use crate::policy::Element;

/// Compiles one policy into operations.
pub type Compile = fn(&Element, &mut Compiler<'_>);

/// Policies that are compiled in `program::compiler` because they are control flow.
pub const CONTROL: &[&str] = &["base", "choose", "include-fragment", "retry", "wait"];

/// Name and compilation of every other policy that is emulated.
pub const EMULATED: &[(&str, Compile)] = &[
    ("limit-concurrency", limit_concurrency::compile),
    ("set-header", set_header::compile),
    ("set-variable", set_variable::compile),
];

/// The compilation of the policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<Compile> {
    EMULATED.iter().find(|(own, _)| *own == name).map(|(_, compile)| *compile)
}
