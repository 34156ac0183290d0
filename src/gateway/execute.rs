//! The policies that run: one file each, found by name when a document is compiled.

pub mod cache_response;
mod cache_value;
pub mod limit_concurrency;
mod quota;
mod rate_limit;
mod set_header;
mod set_variable;
mod token_limit;
mod token_metric;
mod when_answered;

use super::program::Compiler;
use crate::policy::Element;

/// Compiles one policy into operations.
pub type Compile = fn(&Element, &mut Compiler<'_>);

/// Policies that are compiled in `program::compiler` because they are control flow.
pub const CONTROL: &[&str] = &["base", "choose", "include-fragment", "retry", "wait"];

/// Name and compilation of every other policy that is emulated.
pub const EMULATED: &[(&str, Compile)] = &[
    ("azure-openai-emit-token-metric", token_metric::compile),
    ("azure-openai-token-limit", token_limit::compile),
    ("cache-lookup", cache_response::compile_lookup),
    ("cache-lookup-value", cache_value::compile_lookup),
    ("cache-remove-value", cache_value::compile_remove),
    ("cache-store", cache_response::compile_store),
    ("cache-store-value", cache_value::compile_store),
    ("emit-metric", token_metric::compile_metric),
    ("limit-concurrency", limit_concurrency::compile),
    ("llm-emit-token-metric", token_metric::compile),
    ("llm-token-limit", token_limit::compile),
    ("quota", quota::compile),
    ("quota-by-key", quota::compile_by_key),
    ("rate-limit", rate_limit::compile),
    ("rate-limit-by-key", rate_limit::compile_by_key),
    ("set-header", set_header::compile),
    ("set-variable", set_variable::compile),
];

/// The compilation of the policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<Compile> {
    EMULATED.iter().find(|(own, _)| *own == name).map(|(_, compile)| *compile)
}
