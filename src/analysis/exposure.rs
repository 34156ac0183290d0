//! Who gets in, and what leaks out.

use super::codes;
use super::resources::{Resource, Resources, elements, replaces, scope_of, service_of};
use super::routing::backend_section;
use crate::arm::ResourceId;
use crate::policy::{Document, Scope, Section, references};
use crate::support::finding::{Finding, Kind};

pub(super) fn check(resources: &Resources<'_>, findings: &mut Vec<Finding>) {
    open_products(resources, findings);
    for subscription in resources.of("subscriptions") {
        all_apis(subscription, findings);
    }
    for api in resources.of("apis") {
        if api.is_false("/properties/subscriptionRequired") && !checks_callers(resources, api) {
            findings.push(
                Finding::warning(
                    codes::NO_KEY,
                    Kind::Trap,
                    format!("the API `{}` asks for no key: everybody may use its backend at your expense", api.id.name()),
                )
                .at(api.span)
                .help("remove `subscriptionRequired: false`, unless its policy checks the caller itself"),
            );
        }
        limits(resources, api, findings);
        sdk_path(resources, api, findings);
        keys(resources, api, findings);
        streams(resources, api, findings);
    }
}

/// Policies by which an API can refuse callers itself.
const CHECKS: [&str; 6] =
    ["return-response", "check-header", "validate-jwt", "validate-azure-ad-token", "validate-client-certificate", "ip-filter"];

fn checks_callers(resources: &Resources<'_>, api: &Resource<'_>) -> bool {
    resources.policy_of(api.id).is_some_and(|policy| {
        resources.with_fragments(policy).iter().any(|document| CHECKS.iter().any(|name| !elements(document, name).is_empty()))
    })
}

/// `rate-limit` and `quota` count by subscription: a call without a key is not counted (documented).
fn limits(resources: &Resources<'_>, api: &Resource<'_>, findings: &mut Vec<Finding>) {
    if !api.is_false("/properties/subscriptionRequired") {
        return;
    }
    let own = resources
        .policies()
        .iter()
        .filter(|policy| policy.id.parent().is_some_and(|owner| owner == *api.id || owner.parent().as_ref() == Some(api.id)));
    for document in own.flat_map(|policy| resources.with_fragments(policy)) {
        for element in ["rate-limit", "quota"].iter().flat_map(|name| elements(document, name)) {
            findings.push(
                Finding::warning(
                    codes::LIMIT_WITHOUT_KEY,
                    Kind::Trap,
                    format!(
                        "`<{}>` counts by subscription, and the API `{}` asks for no key: calls without one are not limited",
                        element.name,
                        api.id.name()
                    ),
                )
                .at(document.span(&element.name_range))
                .help(format!("use `<{}-by-key>`, or ask for a key", element.name)),
            );
        }
    }
}

/// An API in a product that needs no subscription is open, whatever the API says (documented).
fn open_products(resources: &Resources<'_>, findings: &mut Vec<Finding>) {
    for (product, api) in resources.api_links() {
        let Some(product) = resources.get(&product).filter(|product| product.is_false("/properties/subscriptionRequired")) else {
            continue;
        };
        findings.push(
            Finding::warning(
                codes::OPEN_PRODUCT,
                Kind::Trap,
                format!("the open product `{}` lets everybody use the API `{}` without a key", product.id.name(), api.name()),
            )
            .at(product.span)
            .help("set `subscriptionRequired: true` on the product, or take the API out of it"),
        );
    }
}

fn all_apis(subscription: &Resource<'_>, findings: &mut Vec<Finding>) {
    let Some(scope) = subscription.text("/properties/scope") else { return };
    if subscription.text("/properties/state").is_some_and(|state| !state.eq_ignore_ascii_case("active")) {
        return;
    }
    if scope.trim_end_matches('/').ends_with("/apis") || scope == "/" {
        findings.push(
            Finding::warning(
                codes::ALL_APIS_KEY,
                Kind::Trap,
                format!("the subscription `{}` opens all APIs, also those that come later", subscription.id.name()),
            )
            .at(subscription.span)
            .help("give it the scope of one product or API"),
        );
    }
}

/// SDKs call `/openai/deployments/…` with the header `api-key`.
fn sdk_path(resources: &Resources<'_>, api: &Resource<'_>, findings: &mut Vec<Finding>) {
    let path = |api: &Resource<'_>| api.text("/properties/path").unwrap_or_default().trim_matches('/').to_lowercase();
    let deployments = resources
        .of("apis/operations")
        .filter(|operation| operation.id.parent().as_ref() == Some(api.id))
        .any(|operation| operation.text("/properties/urlTemplate").is_some_and(|template| template.starts_with("/deployments/")));
    let own = path(api);
    let is_sdk = |path: &str| path == "openai" || path.ends_with("/openai");
    if !deployments || is_sdk(&own) {
        return;
    }
    let wanted = if own.is_empty() { "openai".to_owned() } else { format!("{own}/openai") };
    let twin = resources.of("apis").find(|other| path(other) == wanted);
    match twin {
        Some(twin) if key_header(twin).eq_ignore_ascii_case("api-key") => {}
        Some(twin) => findings.push(
            Finding::warning(
                codes::NO_SDK_PATH,
                Kind::Trap,
                format!("Azure OpenAI SDKs send `api-key`, and the API `{}` reads `{}`: they get a 401", twin.id.name(), key_header(twin)),
            )
            .at(twin.span)
            .help("set `subscriptionKeyParameterNames: { header: api-key }` on it"),
        ),
        None => findings.push(
            Finding::warning(
                codes::NO_SDK_PATH,
                Kind::Trap,
                format!(
                    "Azure OpenAI SDKs call `/{wanted}/deployments/…`, and the API `{}` answers at `/{own}`: they get a 404",
                    api.id.name()
                ),
            )
            .at(api.span)
            .help("add `azure-openai-sdk` to its `clients`"),
        ),
    }
}

fn key_header<'a>(api: &Resource<'a>) -> &'a str {
    api.text("/properties/subscriptionKeyParameterNames/header").unwrap_or("Ocp-Apim-Subscription-Key")
}

/// Keys are not stripped by the service (documented).
fn keys(resources: &Resources<'_>, api: &Resource<'_>, findings: &mut Vec<Finding>) {
    let Some(policy) = resources.policy_of(api.id) else { return };
    let Some(service) = service_of(api.id) else { return };
    let references = references(policy.document);
    let Some(backend) = references.backends.iter().find(|reference| reference.policy == "set-backend-service") else { return };
    let mut documents: Vec<&Document> = resources.with_fragments(policy);
    documents.extend(resources.around(policy));
    // A fragment that is not at hand may do anything.
    let unknown = documents.iter().flat_map(|document| crate::policy::references(document).fragments).any(|fragment| {
        let id = service.child("policyFragments", &fragment.name);
        !resources.policies().iter().any(|policy| *policy.id == id)
    });
    if unknown {
        return;
    }
    let touched = |policy: &str, name: &str, any_action: bool| {
        documents.iter().flat_map(|document| elements(document, policy)).any(|element| {
            element.literal("name").is_some_and(|own| own.trim().eq_ignore_ascii_case(name))
                && (any_action || element.literal("exists-action").map(str::trim) == Some("delete"))
        })
    };
    let mut leaks = Vec::new();
    let header = key_header(api);
    if !touched("set-header", header, false) {
        leaks.push(format!("header `{header}`"));
    }
    let query = api.text("/properties/subscriptionKeyParameterNames/query").unwrap_or("subscription-key");
    if !touched("set-query-parameter", query, false) {
        leaks.push(format!("query parameter `{query}`"));
    }
    let bearer = api.text("/properties/subscriptionKeyParameterNames/bearer").is_some_and(|bearer| bearer.eq_ignore_ascii_case("enabled"));
    let overwritten = documents.iter().any(|document| {
        elements(document, "authentication-managed-identity")
            .iter()
            .any(|element| element.attribute("output-token-variable-name").is_none())
    });
    if bearer && !overwritten && !touched("set-header", "Authorization", true) && !has_credentials(resources, &service, &backend.name) {
        leaks.push("header `Authorization`".to_owned());
    }
    if !leaks.is_empty() {
        findings.push(
            Finding::warning(
                codes::KEY_FORWARDED,
                Kind::Trap,
                format!("the client's key reaches the backend of `{}`: {}", api.id.name(), leaks.join(", ")),
            )
            .at(backend.span)
            .help("delete them in `<inbound>` with `exists-action=\"delete\"` (`set-header`, `set-query-parameter`)"),
        );
    }
}

/// Whether the backend, or every known member of the pool, replaces `Authorization` by credentials of its own.
fn has_credentials(resources: &Resources<'_>, service: &ResourceId, name: &str) -> bool {
    let own = |backend: &Resource<'_>| {
        backend.get("/properties/credentials/managedIdentity").is_some() || backend.get("/properties/credentials/authorization").is_some()
    };
    let Some(backend) = resources.backend(service, name) else { return false };
    let (members, count) = resources.members(backend);
    own(backend) || (count > 0 && members.len() == count && members.iter().all(|(member, _)| own(member)))
}

/// The out-of-the-box global policy forwards with `buffer-response` on.
fn streams(resources: &Resources<'_>, api: &Resource<'_>, findings: &mut Vec<Finding>) {
    let Some(policy) = resources.policy_of(api.id).filter(|policy| scope_of(policy.id) == Some(Scope::Api)) else { return };
    let Some(service) = service_of(api.id) else { return };
    // Its own `forward-request` is checked with the document.
    if replaces(policy.document, Section::Backend) || !is_language_model(resources, &service, policy.document) {
        return;
    }
    let unbuffered = backend_section(resources, policy, &service).is_some_and(|document| {
        elements(document, "forward-request").iter().any(|forward| forward.literal("buffer-response").map(str::trim) == Some("false"))
    });
    if !unbuffered {
        findings.push(
            Finding::warning(
                codes::BUFFERED_STREAM,
                Kind::Trap,
                format!(
                    "the API `{}` inherits a `<forward-request>` that buffers responses: streamed completions arrive in lumps",
                    api.id.name()
                ),
            )
            .at(policy.document.span(&policy.document.root().name_range))
            .help("write `<backend><forward-request buffer-response=\"false\" /></backend>` in its policy"),
        );
    }
}

fn is_language_model(resources: &Resources<'_>, service: &ResourceId, document: &Document) -> bool {
    let model = |backend: &Resource<'_>| {
        backend.text("/properties/url").is_some_and(|url| {
            let url = url.to_lowercase();
            url.contains("openai") || url.contains("cognitiveservices")
        })
    };
    references(document)
        .backends
        .iter()
        .filter_map(|reference| resources.backend(service, &reference.name))
        .any(|backend| model(backend) || resources.members(backend).0.iter().any(|(member, _)| model(member)))
}
