//! `clients`: one key for every kind of client, and what cannot go with it.

use std::collections::BTreeSet;

use super::apis::has_twin;
use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::{Api, BearerMode, ClientKind};
use crate::spec::tree::join;
use crate::support::finding::Kind;

pub(super) fn check(rules: &mut Rules<'_>) {
    for (name, api) in &rules.spec.apis {
        let pointer = join("/apis", name);
        match &api.clients {
            Some(clients) => with_clients(rules, name, api, clients, &pointer),
            None => without_clients(rules, name, api, &pointer),
        }
    }
}

fn with_clients(rules: &mut Rules<'_>, name: &str, api: &Api, clients: &[ClientKind], pointer: &str) {
    let place = format!("{pointer}/clients");
    if clients.is_empty() {
        rules
            .error(codes::CLIENTS, Kind::Place, &place, format!("`{name}` names no kind of client"))
            .advise("remove `clients`, or name some");
    }
    let mut seen = BTreeSet::new();
    for (index, client) in clients.iter().enumerate() {
        if !seen.insert(*client as u8) {
            rules.error(codes::CLIENTS, Kind::Place, &format!("{place}/{index}"), "this kind of client stands twice");
        }
    }
    if api.subscription_required == Some(false) {
        let message = format!("`{name}` names the clients of its keys and does without keys");
        let finding = rules.error_at_key(codes::CLIENTS, Kind::Place, &format!("{pointer}/subscriptionRequired"), message);
        finding.advise("remove `subscriptionRequired: false`");
    }
    if api.subscription_key_parameter_names.is_some() {
        let message = format!("`clients` decides where `{name}` looks for its key");
        let finding = rules.error_at_key(codes::CLIENTS, Kind::Place, &format!("{pointer}/subscriptionKeyParameterNames"), message);
        finding.advise("remove `subscriptionKeyParameterNames`, or `clients`");
    }
    if api.bearer.is_some() && !clients.contains(&ClientKind::Bearer) {
        let message = format!("`bearer` says how to serve clients that `{name}` does not have");
        rules
            .error_at_key(codes::CLIENTS, Kind::Place, &format!("{pointer}/bearer"), message)
            .advise("add `bearer` to `clients`, or remove it");
    }
    if let Some(kind) = api.kind.as_deref().filter(|kind| *kind != "http") {
        rules.error(
            codes::CLIENTS,
            Kind::Place,
            &format!("{pointer}/type"),
            format!("`clients` is for APIs of the type `http`, not `{kind}`"),
        );
    }
    let taken = |section: &str, made: &str, what: &str, rules: &mut Rules<'_>| {
        if rules.has(section, made) {
            let message = format!("`clients` of `{name}` makes {what} of this name");
            rules.error_at_key(codes::CLIENTS, Kind::Place, &join(&format!("/{section}"), made), message).advise("give it another name");
        }
    };
    taken("products", name, "a product", rules);
    if has_twin(api) {
        taken("apis", &format!("{name}-sdk"), "an API for Azure OpenAI SDKs", rules);
    }
    if api.bearer == Some(BearerMode::Loopback) {
        taken("apis", &format!("{name}-bearer"), "an API in front", rules);
    }
    if !has_twin(api) {
        root_path(rules, name, api, pointer);
    }
}

fn without_clients(rules: &mut Rules<'_>, name: &str, api: &Api, pointer: &str) {
    if api.bearer.is_some() {
        let message = format!("`{name}` says how to serve bearer clients and has no `clients`");
        rules
            .error_at_key(codes::CLIENTS, Kind::Place, &format!("{pointer}/bearer"), message)
            .advise("add `clients: [subscription-key, bearer]`");
    }
    root_path(rules, name, api, pointer);
    let names = api.subscription_key_parameter_names.as_ref();
    let served = names.and_then(|names| names.bearer.as_deref()) == Some("enabled");
    let wanted = rules.policies.get(&format!("{pointer}/policy")).is_some_and(|policy| turns_bearer_into_key(policy.text.text()));
    if wanted && !served && api.subscription_required != Some(false) {
        let message = format!("the key of `{name}` is checked before its policy runs, so a key sent as a bearer token gets 401");
        rules
            .trap(codes::BEARER_UNSERVED, pointer, message)
            .advise("add `clients: [subscription-key, bearer]`, which makes the service take it");
    }
}

/// Whether a policy puts what follows `Bearer` into the key header: too late, whatever it does.
fn turns_bearer_into_key(policy: &str) -> bool {
    policy.contains("Authorization")
        && policy.contains("Bearer")
        && (policy.contains("Ocp-Apim-Subscription-Key") || policy.contains("\"api-key\""))
}

fn root_path(rules: &mut Rules<'_>, name: &str, api: &Api, pointer: &str) {
    let of_open_ai = api.operations.values().any(|operation| {
        let template = operation.url_template.to_lowercase();
        template.contains("/deployments/") || template.contains("/completions") || template.contains("/embeddings")
    });
    if api.path.trim_matches('/').is_empty() && of_open_ai {
        let message =
            format!("Azure OpenAI SDKs call `/openai/…` with the header `api-key`, which `{name}` at the root path does not answer");
        let finding = rules.trap(codes::ROOT_API_WITHOUT_SDK, &format!("{pointer}/path"), message);
        finding.advise("add `azure-openai-sdk` to `clients`; that makes a twin of the API for them");
    }
}
