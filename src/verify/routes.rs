//! What can be called: APIs as they are in ARM, with requests that get an answer from a model.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::subject::Subject;
use crate::arm::{ResourceId, catalogue};
use crate::azure::AzureError;
use crate::deploy::DesiredResource;
use crate::scenario::Request;
use crate::scenario::request::Body;
use crate::spec::Spec;

const API: &str = "Microsoft.ApiManagement/service/apis";
/// What models answer to on every version of the data plane.
const API_VERSION: &str = "2024-10-21";

/// An API of the specification as ARM has it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) id: ResourceId,
    /// Path without outer slashes, with the version where that is a segment.
    pub(super) path: String,
    /// Header that holds a key.
    pub(super) header: HeaderName,
    /// Query parameter that holds a key.
    pub(super) query: String,
    /// Whether a key as bearer token is taken.
    pub(super) bearer: bool,
    /// Whether a key is needed.
    pub(super) key_required: bool,
    /// What every request needs, beside the key, to reach this version of the API.
    pub(super) version_header: Option<(HeaderName, HeaderValue)>,
    pub(super) version_query: Option<(String, String)>,
    pub(super) operations: Vec<Operation>,
    /// Whether its policy, not the service, checks the key (the front of `bearer: loopback`).
    pub(super) is_front: bool,
    /// JSON pointer of the API in the specification.
    pub(super) pointer: String,
    /// As ARM has it.
    pub(super) body: Value,
}

/// An operation of an API.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) template: String,
    /// The first value that the specification lists for the query parameter `api-version`.
    pub(super) api_version: Option<String>,
}

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Chat,
    Responses,
    Completions,
    Embeddings,
}

impl Kind {
    fn of(template: &str) -> Option<Self> {
        let path = template.split('?').next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
        if path.ends_with("chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/completions") {
            Some(Self::Completions)
        } else if path.ends_with("/embeddings") {
            Some(Self::Embeddings)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else {
            None
        }
    }
}

/// A deployment that all accounts have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) deployment: String,
    pub(super) name: String,
}

impl Model {
    fn embeds(&self) -> bool {
        self.name.to_ascii_lowercase().contains("embedding")
    }

    /// Reasoning models take another name for the limit of tokens, and spend some of them before they say anything.
    fn reasons(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let series = name.strip_prefix('o').and_then(|rest| rest.chars().next()).is_some_and(|digit| digit.is_ascii_digit());
        series || name.starts_with("gpt-5")
    }
}

/// Deployments that stand in every account of the specification.
pub(super) fn models(spec: &Spec) -> Vec<Model> {
    let mut accounts = spec.open_ai.values();
    let Some(first) = accounts.next() else { return Vec::new() };
    let rest: Vec<_> = accounts.collect();
    let shared =
        |name: &str| rest.iter().all(|account| account.deployments.iter().any(|deployment| deployment.name().eq_ignore_ascii_case(name)));
    let of = |deployment: &crate::spec::model::Deployment| Model {
        deployment: deployment.name().to_owned(),
        name: match deployment {
            crate::spec::model::Deployment::Detailed(detailed) => {
                detailed.model.as_ref().map_or_else(|| deployment.name().to_owned(), |model| model.name.clone())
            }
            crate::spec::model::Deployment::Name(name) => name.clone(),
        },
    };
    let mut models: Vec<Model> = first.deployments.iter().filter(|deployment| shared(deployment.name())).map(of).collect();
    if models.is_empty() {
        // Pools may be of accounts that share nothing with the others.
        models = first.deployments.iter().map(of).collect();
    }
    models
}

/// A call that a model answers.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) kind: Kind,
    /// Without a key.
    pub(super) request: Request,
}

impl Call {
    /// The same as a stream of at least some dozens of frames.
    pub(super) fn streamed(&self) -> Self {
        let mut call = self.clone();
        if let Body::Json(Value::Object(body)) = &mut call.request.body {
            body.insert("stream".to_owned(), json!(true));
            let limit = if body.contains_key("max_completion_tokens") { "max_completion_tokens" } else { "max_tokens" };
            let tokens = if limit == "max_tokens" { 64 } else { 1024 };
            body.insert(limit.to_owned(), json!(tokens));
            body.insert(
                "messages".to_owned(),
                json!([{ "role": "user", "content": "Count from one to forty in words, one word a line." }]),
            );
        }
        call
    }
}

impl Operation {
    /// The path below the API's, with every parameter filled.
    pub(super) fn path(&self, deployment: &str) -> String {
        let template = self.template.split('?').next().unwrap_or_default();
        let mut filled = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, tail)) = after.split_once('}') else { break };
            let name = name.trim_start_matches('*').to_ascii_lowercase();
            filled.push_str(if name.contains("deployment") || name.contains("model") || name.contains("engine") {
                deployment
            } else {
                "1"
            });
            rest = tail;
        }
        filled.push_str(rest);
        match filled.strip_suffix('*') {
            Some(stem) => format!("{stem}chat/completions"),
            None => filled,
        }
    }
}

impl Api {
    pub(super) fn name(&self) -> &str {
        self.id.name()
    }

    /// `/` and its path, or nothing.
    fn base(&self) -> String {
        if self.path.is_empty() { String::new() } else { format!("/{}", self.path) }
    }

    /// The same API by another revision of it.
    pub(super) fn at_revision(&self, revision: &str) -> Self {
        // The revision hangs on the API's path, which the version follows; without a path it is a segment of its own.
        let own = self.body.pointer("/properties/path").and_then(Value::as_str).unwrap_or_default().trim_matches('/');
        let rest = self.path.strip_prefix(own).unwrap_or_default();
        Self { path: format!("{own};rev={revision}{rest}"), ..self.clone() }
    }

    /// A request of one operation, without key and body.
    pub(super) fn request(&self, operation: &Operation, deployment: &str) -> Request {
        let path = operation.path(deployment);
        let mut query: Vec<(String, String)> = self.version_query.iter().cloned().collect();
        let is_versioned = path.contains("/deployments/") || operation.api_version.is_some();
        if is_versioned && !query.iter().any(|(name, _)| name.eq_ignore_ascii_case("api-version")) {
            query.push(("api-version".to_owned(), operation.api_version.clone().unwrap_or_else(|| API_VERSION.to_owned())));
        }
        let mut request = Request::new(operation.method.clone(), format!("{}{path}", self.base()));
        request.query = query;
        request.headers = self.version_header.iter().cloned().collect();
        request
    }

    /// The calls that a model answers, the cheapest to judge first.
    pub(super) fn calls(&self, models: &[Model]) -> Vec<Call> {
        let mut calls: Vec<Call> = self.operations.iter().filter_map(|operation| self.call(operation, models)).collect();
        calls.sort_by_key(|call| call.kind);
        calls
    }

    fn call(&self, operation: &Operation, models: &[Model]) -> Option<Call> {
        if operation.method != Method::POST {
            return None;
        }
        let kind = Kind::of(&operation.path("x"))?;
        let model = models.iter().find(|model| model.embeds() == (kind == Kind::Embeddings))?;
        let mut request = self.request(operation, &model.deployment);
        let limit = if model.reasons() { "max_completion_tokens" } else { "max_tokens" };
        let tokens = if model.reasons() { 64 } else { 1 };
        let mut body = match kind {
            Kind::Chat => json!({ "messages": [{ "role": "user", "content": "Say yes." }] }),
            Kind::Completions => json!({ "prompt": "Say yes." }),
            Kind::Embeddings => json!({ "input": "yes" }),
            Kind::Responses => json!({ "input": "Say yes.", "max_output_tokens": 16 }),
        };
        if let Value::Object(fields) = &mut body {
            // Paths with a deployment take no notice of it.
            fields.insert("model".to_owned(), json!(model.deployment));
            if matches!(kind, Kind::Chat | Kind::Completions) {
                fields.insert(limit.to_owned(), json!(tokens));
            }
        }
        request.body = Body::Json(body);
        Some(Call { kind, request })
    }
}

fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn method(name: &str) -> Option<Method> {
    Some(match name.to_ascii_uppercase().as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        // Any method.
        "POST" | "*" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        // OPTIONS is never asked for a key, and TRACE is refused by front ends.
        _ => return None,
    })
}

fn read_operation(item: &Value) -> Option<Operation> {
    let template = text(item, "/properties/urlTemplate")?;
    let parameters = item.pointer("/properties/request/queryParameters").and_then(Value::as_array);
    let api_version = parameters
        .into_iter()
        .flatten()
        .find(|parameter| text(parameter, "/name").is_some_and(|name| name.eq_ignore_ascii_case("api-version")))
        .map(|parameter| text(parameter, "/values/0").or_else(|| text(parameter, "/defaultValue")).unwrap_or(API_VERSION).to_owned());
    Some(Operation {
        method: method(text(item, "/properties/method")?)?,
        template: if template.starts_with('/') { template.to_owned() } else { format!("/{template}") },
        api_version,
    })
}

/// The APIs of the specification that are there.
pub(super) async fn read(subject: &Subject<'_>) -> Result<Vec<Api>, AzureError> {
    let mut apis = Vec::new();
    for resource in subject.desired.resources.iter().filter(|resource| resource.id.known().is_some_and(|id| id.is_type(API))) {
        if let Some(api) = read_api(subject, resource).await? {
            apis.push(api);
        }
    }
    Ok(apis)
}

async fn read_api(subject: &Subject<'_>, resource: &DesiredResource) -> Result<Option<Api>, AzureError> {
    let Some(id) = resource.id.known() else { return Ok(None) };
    let client = subject.client;
    let Some(found) = client.get(id.as_str(), &resource.api_version, &[]).await? else { return Ok(None) };
    let body = found.body;
    if text(&body, "/properties/type").is_some_and(|kind| !kind.eq_ignore_ascii_case("http")) {
        // WebSocket, GraphQL and SOAP APIs have no operations that a model answers.
        return Ok(None);
    }
    let version = catalogue::find("Microsoft.ApiManagement/service/apis/operations").map_or("2024-05-01", |entry| entry.api_version);
    let items = client.list(&format!("{id}/operations"), version, &[]).await?;
    let mut path = text(&body, "/properties/path").unwrap_or_default().trim_matches('/').to_owned();
    let (mut version_header, mut version_query) = (None, None);
    if let (Some(name), Some(set)) = (text(&body, "/properties/apiVersion"), text(&body, "/properties/apiVersionSetId"))
        && let Some(set) = version_set(subject, set).await?
    {
        let scheme = text(&set, "/properties/versioningScheme").unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "header" => {
                let header = text(&set, "/properties/versionHeaderName").and_then(|header| HeaderName::try_from(header).ok());
                version_header = header.zip(HeaderValue::try_from(name).ok());
            }
            "query" => version_query = text(&set, "/properties/versionQueryName").map(|query| (query.to_owned(), name.to_owned())),
            _ => path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") },
        }
    }
    let names = |name: &str| text(&body, &format!("/properties/subscriptionKeyParameterNames/{name}"));
    Ok(Some(Api {
        id: id.clone(),
        header: names("header")
            .and_then(|name| HeaderName::try_from(name).ok())
            .unwrap_or(HeaderName::from_static("ocp-apim-subscription-key")),
        query: names("query").unwrap_or("subscription-key").to_owned(),
        bearer: names("bearer").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled")),
        key_required: body.pointer("/properties/subscriptionRequired").and_then(Value::as_bool).unwrap_or(true),
        version_header,
        version_query,
        operations: items.iter().filter_map(read_operation).collect(),
        is_front: resource.pointer.ends_with("/clients") && id.name().ends_with("-bearer"),
        pointer: resource.pointer.clone(),
        path,
        body,
    }))
}

async fn version_set(subject: &Subject<'_>, set: &str) -> Result<Option<Value>, AzureError> {
    let Some(service) = subject.service() else { return Ok(None) };
    let id = ResourceId::parse(set).unwrap_or_else(|_| service.child("apiVersionSets", set.rsplit('/').next().unwrap_or(set)));
    let version = catalogue::find("Microsoft.ApiManagement/service/apiVersionSets").map_or("2024-05-01", |entry| entry.api_version);
    Ok(subject.client.get(id.as_str(), version, &[]).await?.map(|found| found.body))
}
