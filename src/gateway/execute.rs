//! The policies that run: one file each, found by name when a document is compiled.

mod check_header;
pub mod cors;
mod find_and_replace;
mod ip_filter;
pub mod limit_concurrency;
pub mod mock_response;
mod query;
mod return_response;
mod rewrite_uri;
mod set_body;
mod set_header;
mod set_method;
mod set_query_parameter;
mod set_status;
mod set_variable;
mod trace;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use super::program::Compiler;
use crate::policy::Element;

/// Compiles one policy into operations.
pub type Compile = fn(&Element, &mut Compiler<'_>);

/// Policies that are compiled in `program::compiler` because they are control flow.
pub const CONTROL: &[&str] = &["base", "choose", "include-fragment", "retry", "wait"];

/// Name and compilation of every other policy that is emulated.
pub const EMULATED: &[(&str, Compile)] = &[
    ("check-header", check_header::compile),
    ("cors", cors::compile),
    ("find-and-replace", find_and_replace::compile),
    ("ip-filter", ip_filter::compile),
    ("limit-concurrency", limit_concurrency::compile),
    ("mock-response", mock_response::compile),
    ("return-response", return_response::compile),
    ("rewrite-uri", rewrite_uri::compile),
    ("set-body", set_body::compile),
    ("set-header", set_header::compile),
    ("set-method", set_method::compile),
    ("set-query-parameter", set_query_parameter::compile),
    ("set-status", set_status::compile),
    ("set-variable", set_variable::compile),
    ("trace", trace::compile),
];

/// What a trace shows instead of a secret named value.
const MASK: &str = "********";

/// The compilation of the policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<Compile> {
    EMULATED.iter().find(|(own, _)| *own == name).map(|(_, compile)| *compile)
}
