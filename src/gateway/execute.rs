//! The policies that run: one file each, found by name when a document is compiled.

mod authentication_basic;
mod authentication_certificate;
mod authentication_managed_identity;
pub mod cache_response;
mod cache_value;
mod check_header;
mod content_safety;
mod conversion;
pub mod cors;
mod find_and_replace;
mod forward_request;
mod ip_filter;
mod json_to_xml;
pub mod limit_concurrency;
mod liquid;
pub mod log_to_eventhub;
mod media;
pub mod mock_response;
mod prompt;
mod query;
mod quota;
mod rate_limit;
mod return_response;
mod rewrite_uri;
pub mod semantic_cache;
mod set_backend_service;
mod set_body;
mod set_header;
mod set_method;
mod set_query_parameter;
mod set_status;
mod set_variable;
mod token_limit;
mod token_metric;
mod trace;
mod when_answered;
mod xml;
mod xml_to_json;

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
    ("authentication-basic", authentication_basic::compile),
    ("authentication-certificate", authentication_certificate::compile),
    ("authentication-managed-identity", authentication_managed_identity::compile),
    ("azure-openai-emit-token-metric", token_metric::compile),
    ("azure-openai-semantic-cache-lookup", semantic_cache::compile_lookup),
    ("azure-openai-semantic-cache-store", semantic_cache::compile_store),
    ("azure-openai-token-limit", token_limit::compile),
    ("cache-lookup", cache_response::compile_lookup),
    ("cache-lookup-value", cache_value::compile_lookup),
    ("cache-remove-value", cache_value::compile_remove),
    ("cache-store", cache_response::compile_store),
    ("cache-store-value", cache_value::compile_store),
    ("check-header", check_header::compile),
    ("cors", cors::compile),
    ("emit-metric", token_metric::compile_metric),
    ("find-and-replace", find_and_replace::compile),
    ("forward-request", forward_request::compile),
    ("ip-filter", ip_filter::compile),
    ("json-to-xml", json_to_xml::compile),
    ("limit-concurrency", limit_concurrency::compile),
    ("llm-content-safety", content_safety::compile),
    ("llm-emit-token-metric", token_metric::compile),
    ("llm-semantic-cache-lookup", semantic_cache::compile_lookup),
    ("llm-semantic-cache-store", semantic_cache::compile_store),
    ("llm-token-limit", token_limit::compile),
    ("log-to-eventhub", log_to_eventhub::compile),
    ("mock-response", mock_response::compile),
    ("quota", quota::compile),
    ("quota-by-key", quota::compile_by_key),
    ("rate-limit", rate_limit::compile),
    ("rate-limit-by-key", rate_limit::compile_by_key),
    ("return-response", return_response::compile),
    ("rewrite-uri", rewrite_uri::compile),
    ("set-backend-service", set_backend_service::compile),
    ("set-body", set_body::compile),
    ("set-header", set_header::compile),
    ("set-method", set_method::compile),
    ("set-query-parameter", set_query_parameter::compile),
    ("set-status", set_status::compile),
    ("set-variable", set_variable::compile),
    ("trace", trace::compile),
    ("xml-to-json", xml_to_json::compile),
];

/// What a trace shows instead of a secret named value.
const MASK: &str = "********";

/// The compilation of the policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<Compile> {
    EMULATED.iter().find(|(own, _)| *own == name).map(|(_, compile)| *compile)
}
