//! `clients:` — one key for every kind of client.
//!
//! The service reads one key header per API, and a key of one API opens no other. So an API with `clients` becomes: a product
//! of its name; the API as written; for the Azure OpenAI SDKs a twin at path `openai` that reads `api-key`; both in the
//! product, and one policy on both. Subscriptions with the API's scope get the product's instead.

use serde_json::{Value, json};

use super::apis::template_names;
use super::{Compiler, codes, names};
use crate::arm::ResourceId;
use crate::deploy::bodies::{self, ApiParts, KeyNames};
use crate::deploy::resource::Template;
use crate::spec::model::{Api, BearerMode, ClientKind, Operation, Product};
use crate::support::finding::{Finding, Kind};

/// Header that the service's own clients send.
const KEY_HEADER: &str = "Ocp-Apim-Subscription-Key";
/// Header that the Azure OpenAI SDKs send.
const SDK_HEADER: &str = "api-key";
/// Query parameter of both.
const KEY_QUERY: &str = "subscription-key";

/// Paths below a deployment that the SDKs also call without one, at `/v1`.
const DEPLOYMENT_PATHS: [&str; 6] = ["chat/completions", "completions", "embeddings", "images/", "audio/", "responses"];

/// Name of the SDKs' twin.
fn twin_name(api: &str) -> String {
    format!("{api}-sdk")
}

/// Name of the open front of `bearer: loopback`.
fn front_name(api: &str) -> String {
    format!("{api}-bearer")
}

/// `{path}/{more}` without outer slashes.
fn join(path: &str, more: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { more.to_owned() } else { format!("{path}/{more}") }
}

impl<'a> Compiler<'a> {
    /// The API, and its twin if it has one.
    pub(super) fn api_and_twin(&self, name: &str) -> Vec<String> {
        let twin =
            self.spec.apis.get(name).and_then(|api| api.clients.as_ref()).is_some_and(|kinds| kinds.contains(&ClientKind::AzureOpenAiSdk));
        let mut names = vec![name.to_owned()];
        names.extend(twin.then(|| twin_name(name)));
        names
    }

    pub(super) fn api_with_clients(&mut self, pointer: &str, name: &str, api: &'a Api, clients: &[ClientKind]) {
        let clients_pointer = names::below(pointer, "clients");
        let written = api.subscription_key_parameter_names.as_ref();
        let bearer = clients.contains(&ClientKind::Bearer);
        let native = bearer && api.bearer.unwrap_or_default() == BearerMode::Native;
        let own_header = written.and_then(|keys| keys.header.clone()).unwrap_or_else(|| KEY_HEADER.to_owned());
        let query = written.and_then(|keys| keys.query.clone()).unwrap_or_else(|| KEY_QUERY.to_owned());
        let keys = |header: &str| KeyNames {
            header: Some(header.to_owned()),
            query: Some(query.clone()),
            bearer: native.then(|| "enabled".to_owned()),
        };

        let product = self.clients_product(&clients_pointer, name, api);
        let id = self.api(pointer, name, api, Some(keys(&own_header)), Some(true));
        for (operation, spec) in &api.operations {
            self.operation(&names::below(&format!("{pointer}/operations"), operation), &id, operation, spec);
        }
        self.link(&clients_pointer, product.child("apis", name), vec![id.clone()]);
        let headers = [own_header.as_str(), SDK_HEADER];
        self.clients_policy(pointer, &id, &headers, &query, bearer);

        if clients.contains(&ClientKind::AzureOpenAiSdk) {
            let twin = self.twin(pointer, name, api, keys(SDK_HEADER));
            self.link(&clients_pointer, product.child("apis", twin.name()), vec![twin.clone()]);
            self.clients_policy(pointer, &twin, &headers, &query, bearer);
        }
        if bearer && !native {
            self.front(pointer, name, api, clients.contains(&ClientKind::AzureOpenAiSdk), &own_header);
        }
    }

    /// Nobody but administrators sees the product, and nobody has to approve its subscriptions.
    fn clients_product(&mut self, pointer: &str, name: &str, api: &Api) -> ResourceId {
        let id = self.child("products", name);
        let spec = Product { description: Some(format!("Keys for the clients of {name}")), ..Product::default() };
        let value = bodies::product(api.display_name.as_deref().unwrap_or(name), &spec);
        self.add(pointer, id.clone(), Template::plain(value), Vec::new());
        id
    }

    /// The policy as written on the API or its twin; without one, a policy that keeps the clients' keys from the backend.
    fn clients_policy(&mut self, pointer: &str, id: &ResourceId, headers: &[&str], query: &str, bearer: bool) {
        let policy_pointer = names::below(pointer, "policy");
        if self.policy_text(&policy_pointer).is_some() {
            self.policy(&policy_pointer, id);
            return;
        }
        let text = without_keys(headers, query, bearer);
        let clients = names::below(pointer, "clients");
        self.add(&clients, id.child("policies", "policy"), Template::plain(bodies::policy("rawxml", &text)), Vec::new());
    }

    /// The twin has no version: SDKs know no version segment, and their `api-version` is the model's.
    fn twin(&mut self, pointer: &str, name: &str, api: &'a Api, keys: KeyNames) -> ResourceId {
        let last = api.path.trim_matches('/').rsplit('/').next().unwrap_or_default();
        if last.eq_ignore_ascii_case("openai") {
            let message = format!("SDKs add `openai` to the address, so the twin of `{name}` answers at `{}`", join(&api.path, "openai"));
            self.findings.push(
                Finding::warning(codes::SDK_PATH, Kind::Trap, message).at(self.loaded.locator.value(&names::below(pointer, "path"))).help(
                    "leave `openai` out of `path`, or leave out `clients` and set `subscriptionKeyParameterNames: { header: api-key }`",
                ),
            );
        }
        let path = join(&api.path, "openai");
        let display_name = api.display_name.as_deref().unwrap_or(name);
        let unversioned = Api { api_version: None, api_version_set: None, ..api.clone() };
        let display_name = format!("{display_name} (SDK)");
        let parts = ApiParts {
            display_name: Some(&display_name),
            path: &path,
            keys: Some(keys),
            import: self.import(pointer, api),
            subscription_required: Some(true),
            ..ApiParts::default()
        };
        let id = self.add_api(pointer, &twin_name(name), &unversioned, &parts, None);
        for (operation, spec, from) in sdk_operations(api) {
            self.operation(&names::below(&format!("{pointer}/operations"), from), &id, &operation, &spec);
        }
        id
    }

    /// Where the service refuses `bearer`: an open API that turns the bearer value into the key header and calls the gateway
    /// again, where the key is checked. (Does not work in an internal virtual network of the classic tiers: the gateway cannot
    /// call itself there.)
    fn front(&mut self, pointer: &str, name: &str, api: &'a Api, twin: bool, own_header: &str) {
        let clients_pointer = names::below(pointer, "clients");
        let address = format!("https://{}.{}", self.spec.service.name, self.context.gateway_suffix);
        let address = join_address(&address, &api.path);
        let path = join(&api.path, "bearer");
        let display_name = format!("{} (bearer)", api.display_name.as_deref().unwrap_or(name));
        let plain = Api { api_version: None, api_version_set: None, import: None, service_url: None, ..api.clone() };
        let parts = ApiParts {
            display_name: Some(&display_name),
            path: &path,
            service_url: Some(&address),
            subscription_required: Some(false),
            import: self.import(pointer, api),
            ..ApiParts::default()
        };
        let id = self.add_api(&clients_pointer, &front_name(name), &plain, &parts, None);
        for (operation, spec) in &api.operations {
            let spec = Operation { policy: None, ..spec.clone() };
            self.plain_operation(&clients_pointer, &id, operation, &spec);
        }
        for (operation, spec, _) in if twin { sdk_operations(api) } else { Vec::new() } {
            let url_template = format!("/openai{}", spec.url_template);
            let spec = Operation { policy: None, url_template, ..spec };
            self.plain_operation(&clients_pointer, &id, &format!("{operation}_openai"), &spec);
        }
        let text = loopback(own_header);
        self.add(&clients_pointer, id.child("policies", "policy"), Template::plain(bodies::policy("rawxml", &text)), Vec::new());
    }

    /// An operation whose policy, if the specification has one, belongs to the API behind it.
    fn plain_operation(&mut self, pointer: &str, api: &ResourceId, name: &str, operation: &Operation) {
        let parameters =
            super::apis::complete_parameters(&operation.url_template, operation.template_parameters.as_deref().unwrap_or_default());
        let value = bodies::operation(operation.display_name.as_deref().unwrap_or(name), operation, &operation.url_template, &parameters);
        self.add(pointer, api.child("operations", name), Template::plain(value), Vec::new());
    }
}

/// The operations of the twin: those of the API, and beside each `/deployments/{x}/…` the same at `/v1/…` (and the other way
/// round), because newer SDKs name the model in the body instead of the path. With each, the operation that it comes from.
fn sdk_operations(api: &Api) -> Vec<(String, Operation, &str)> {
    let mut all: Vec<(String, Operation, &str)> =
        api.operations.iter().map(|(name, operation)| (name.clone(), operation.clone(), name.as_str())).collect();
    let mut templates: Vec<(String, String)> =
        api.operations.values().map(|operation| (operation.method.to_ascii_uppercase(), operation.url_template.clone())).collect();
    for (name, operation) in &api.operations {
        let Some((suffix, url_template)) = counterpart(&operation.url_template) else { continue };
        let key = (operation.method.to_ascii_uppercase(), url_template.clone());
        if templates.contains(&key) {
            continue;
        }
        templates.push(key);
        let names: Vec<&str> = template_names(&url_template).collect();
        let kept = |parameter: &Value| parameter.get("name").and_then(Value::as_str).is_some_and(|name| names.contains(&name));
        let parameters = operation.template_parameters.as_ref().map(|all| all.iter().filter(|one| kept(one)).cloned().collect());
        let request = if suffix == "v1" { operation.request.as_ref().map(without_api_version) } else { operation.request.clone() };
        let display_name = operation.display_name.as_ref().map(|display| format!("{display} ({suffix})"));
        let copy = Operation { display_name, url_template, template_parameters: parameters, request, ..operation.clone() };
        all.push((format!("{name}_{suffix}"), copy, name));
    }
    all
}

/// `/v1/…` for `/deployments/{x}/…` and the reverse, for what the SDKs call both ways.
fn counterpart(template: &str) -> Option<(&'static str, String)> {
    let known = |rest: &str| DEPLOYMENT_PATHS.iter().any(|path| rest.starts_with(path));
    if let Some(rest) = template.strip_prefix("/deployments/{").and_then(|rest| rest.split_once("}/")).map(|(_, rest)| rest) {
        return known(rest).then(|| ("v1", format!("/v1/{rest}")));
    }
    let rest = template.strip_prefix("/v1/")?;
    // The responses API exists without a deployment only.
    (known(rest) && !rest.starts_with("responses")).then(|| ("deployments", format!("/deployments/{{deployment-id}}/{rest}")))
}

/// `/v1` has no `api-version`.
fn without_api_version(request: &Value) -> Value {
    let mut request = request.clone();
    if let Some(Value::Array(parameters)) = request.get_mut("queryParameters") {
        parameters.retain(|parameter| parameter.get("name") != Some(&json!("api-version")));
    }
    request
}

fn join_address(address: &str, path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { address.to_owned() } else { format!("{address}/{path}") }
}

/// Keeps every kind of client key from the backend.
fn without_keys(headers: &[&str], query: &str, bearer: bool) -> String {
    let mut lines = String::new();
    let mut all: Vec<&str> = headers.to_vec();
    if bearer {
        all.push("Authorization");
    }
    for header in all {
        lines.push_str(&format!("        <set-header name=\"{}\" exists-action=\"delete\" />\n", xml(header)));
    }
    lines.push_str(&format!("        <set-query-parameter name=\"{}\" exists-action=\"delete\" />\n", xml(query)));
    format!(
        "<policies>\n    <inbound>\n        <base />\n{lines}    </inbound>\n    <backend>\n        <base />\n    </backend>\n    \
         <outbound>\n        <base />\n    </outbound>\n    <on-error>\n        <base />\n    </on-error>\n</policies>\n"
    )
}

/// The front of `bearer: loopback`.
fn loopback(own_header: &str) -> String {
    let key = r#"@(context.Request.Headers.GetValueOrDefault("Authorization", "").Substring(7).Trim())"#;
    let header = xml(own_header);
    format!(
        r#"<policies>
    <inbound>
        <base />
        <choose>
            <when condition="@(!context.Request.Headers.GetValueOrDefault("Authorization", "").StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))">
                <return-response>
                    <set-status code="401" reason="Unauthorized" />
                </return-response>
            </when>
        </choose>
        <set-header name="{header}" exists-action="override">
            <value>{key}</value>
        </set-header>
        <set-header name="{SDK_HEADER}" exists-action="override">
            <value>{key}</value>
        </set-header>
        <set-header name="Authorization" exists-action="delete" />
    </inbound>
    <backend>
        <forward-request buffer-response="false" />
    </backend>
    <outbound>
        <base />
    </outbound>
    <on-error>
        <base />
    </on-error>
</policies>
"#
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
