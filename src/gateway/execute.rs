//! The policies that run: one file each, found by name when a document is compiled.

mod authentication_basic;
mod authentication_certificate;
mod authentication_managed_identity;
mod backend_name;
pub mod cache_response;
mod cache_value;
mod check_header;
pub mod content_safety;
mod conversion;
pub mod cors;
mod find_and_replace;
mod forward_request;
mod increment;
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
mod send_request;
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
mod validate_azure_ad_token;
pub mod validate_jwt;
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
    ("send-one-way-request", send_request::compile_one_way),
    ("send-request", send_request::compile),
    ("set-backend-service", set_backend_service::compile),
    ("set-body", set_body::compile),
    ("set-header", set_header::compile),
    ("set-method", set_method::compile),
    ("set-query-parameter", set_query_parameter::compile),
    ("set-status", set_status::compile),
    ("set-variable", set_variable::compile),
    ("trace", trace::compile),
    ("validate-azure-ad-token", validate_azure_ad_token::compile),
    ("validate-jwt", validate_jwt::compile),
    ("xml-to-json", xml_to_json::compile),
];

/// Every policy of the reference that is refused by name when a document is compiled, and why.
pub const NOT_EMULATED: &[(&str, &str)] = &[
    ("cache-value", "no public page describes what it does"),
    ("cosmosdb-data-source", "GraphQL resolvers are not served"),
    ("cross-domain", "it answers Flash and Silverlight clients, which are no more"),
    ("get-authorization-context", "it needs the credential manager's connections, which only Azure has"),
    ("http-data-source", "GraphQL resolvers are not served"),
    ("invoke-dapr-binding", "it needs a Dapr sidecar beside a self-hosted gateway"),
    ("invoke-request", "no public page describes what it does"),
    ("jsonp", "calls by script elements are no use of a language model's API"),
    ("proxy", "calls to backends go out directly"),
    ("publish-event", "GraphQL resolvers are not served"),
    ("publish-to-dapr", "it needs a Dapr sidecar beside a self-hosted gateway"),
    ("redirect-content-urls", "which links it rewrites is described for web pages only"),
    ("send-service-bus-message", "there is no local Service Bus"),
    ("sql-data-source", "GraphQL resolvers are not served"),
    ("validate-client-certificate", "client certificates are not asked for"),
    ("validate-content", "schemas of APIs are not kept by the gateway"),
    ("validate-graphql-request", "GraphQL APIs are not served"),
    ("validate-headers", "schemas of APIs are not kept by the gateway"),
    ("validate-odata-request", "OData APIs are not served"),
    ("validate-parameters", "schemas of APIs are not kept by the gateway"),
    ("validate-status-code", "schemas of APIs are not kept by the gateway"),
    ("xsl-transform", "there is no XSLT engine"),
];

/// What a trace shows instead of a secret named value.
const MASK: &str = "********";

/// The compilation of the policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<Compile> {
    EMULATED.iter().find(|(own, _)| *own == name).map(|(_, compile)| *compile)
}

/// Why a policy of that name cannot be compiled.
#[must_use]
pub fn refusal(name: &str) -> String {
    match NOT_EMULATED.iter().find(|(own, _)| *own == name) {
        Some((_, reason)) => format!("the policy `{name}` is known and not emulated: {reason}"),
        None => format!("there is no policy `{name}`"),
    }
}
