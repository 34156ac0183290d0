//! APIs, their version sets and operations.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, Method};
use serde_json::Value;

use super::documents::Documents;
use super::read::{Part, Reader};
use super::{Api, ApiIndex, BaseUrl, KeyNames, Operation, OperationIndex};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::gateway::codes;
use crate::gateway::execute::mock_response;
use crate::gateway::program::Environment;
use crate::gateway::router::{Entry, Routes, Template, Templates, VersionBy, VersionSet};
use crate::policy::Scope;
use crate::support::finding::{Finding, Kind};

/// Header and query parameter of an API that names no others.
const KEY_HEADER: &str = "Ocp-Apim-Subscription-Key";
const KEY_QUERY: &str = "subscription-key";

/// A WebSocket API is opened at its own path, whatever its one operation's template says (realtime clients do; assumed of the service).
const OWN_PATH: &str = "/";

/// All APIs with their operations and the way to them. Products are linked later.
pub(super) fn read(
    part: Part<'_>,
    documents: &mut Documents,
    environment: &Environment,
    findings: &mut Vec<Finding>,
) -> (Vec<Api>, Vec<Operation>, Routes) {
    let sets = version_sets(part, findings);
    let (mut apis, mut operations, mut routes) = (Vec::new(), Vec::new(), Routes::default());
    for (resource, place) in part.all("apis").zip(0..) {
        let mut api = read_api(resource, findings);
        let mut reader = Reader::new(resource, findings);
        let set = reader.text("/properties/apiVersionSetId").and_then(|id| part.resolve(id, "apiVersionSets"));
        let set = set.and_then(|id| {
            let found = sets.get(&id);
            if found.is_none() {
                reader.problem("/properties/apiVersionSetId", "a version set that is there");
            }
            found
        });
        // APIs of another kind stand in the way of no other: they answer, and say that they are not emulated.
        routes.places.add(&Entry {
            api: ApiIndex(place),
            path: &api.path,
            version: api.version.as_deref(),
            set,
            revision: &api.revision,
            is_current: api.is_current,
        });
        api.document = documents.compile(part, &resource.id, Scope::Api, environment, findings);
        api.metrics = metrics(part, &resource.id);
        let mut templates = Templates::default();
        for child in part.children(&resource.id, "operations") {
            let index = OperationIndex(u32::try_from(operations.len()).unwrap_or(u32::MAX));
            let (mut operation, template) = read_operation(child, api.websocket, findings);
            mock_response::add_samples(&mut operation.responses, |schema| {
                part.stored.get(&resource.id.child("schemas", schema))?.body.pointer("/properties/document")
            });
            operation.document = documents.compile(part, &child.id, Scope::Operation, environment, findings);
            templates.add(&template, operation.method.clone(), index);
            if api.websocket {
                templates.add(&Template::parse(OWN_PATH), operation.method.clone(), index);
            }
            operations.push(operation);
            api.operations.push(index);
        }
        if api.websocket && api.operations.is_empty() {
            // The service makes this operation itself; the embedded ARM may not.
            let index = OperationIndex(u32::try_from(operations.len()).unwrap_or(u32::MAX));
            for template in [OWN_PATH, "/*"] {
                templates.add(&Template::parse(template), Some(Method::GET), index);
            }
            operations.push(handshake(&resource.id));
            api.operations.push(index);
        }
        routes.operations.push(templates);
        apis.push(api);
    }
    (apis, operations, routes)
}

/// Whether the Application Insights diagnostic of the service or an API sends custom metrics; nothing where there is none.
pub(super) fn metrics(part: Part<'_>, owner: &ResourceId) -> Option<bool> {
    let diagnostic = part.stored.get(&owner.child("diagnostics", "applicationinsights"))?;
    Some(diagnostic.body.pointer("/properties/metrics").and_then(Value::as_bool).unwrap_or(false))
}

fn version_sets(part: Part<'_>, findings: &mut Vec<Finding>) -> HashMap<ResourceId, VersionSet> {
    let mut sets = HashMap::new();
    for resource in part.all("apiVersionSets") {
        let mut reader = Reader::new(resource, findings);
        let scheme = reader.text("/properties/versioningScheme").unwrap_or("Segment");
        let by = if scheme.eq_ignore_ascii_case("Header") {
            match reader.text("/properties/versionHeaderName").and_then(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()) {
                Some(name) => VersionBy::Header(name),
                None => {
                    reader.problem("/properties/versionHeaderName", "the name of a header");
                    continue;
                }
            }
        } else if scheme.eq_ignore_ascii_case("Query") {
            VersionBy::Query(Box::from(reader.text("/properties/versionQueryName").unwrap_or("api-version")))
        } else if scheme.eq_ignore_ascii_case("Segment") {
            VersionBy::Segment
        } else {
            reader.problem("/properties/versioningScheme", "`Segment`, `Header` or `Query`");
            continue;
        };
        sets.insert(resource.id.clone(), VersionSet { id: Box::from(resource.id.name()), by });
    }
    sets
}

fn read_api(resource: &Stored, findings: &mut Vec<Finding>) -> Api {
    let mut reader = Reader::new(resource, findings);
    let (name, revision_of_name) =
        resource.id.name().split_once(";rev=").map_or((resource.id.name(), None), |(name, rev)| (name, Some(rev)));
    let revision = reader.text("/properties/apiRevision").or(revision_of_name).unwrap_or("1").to_owned();
    let path = reader.text("/properties/path").unwrap_or_default().trim_matches('/').to_owned();
    let kind = reader.text("/properties/type").unwrap_or("http").to_ascii_lowercase();
    let websocket = kind == "websocket";
    let protocols: Vec<String> = reader
        .list("/properties/protocols")
        .iter()
        .filter_map(Value::as_str)
        .map(|protocol| {
            let protocol = protocol.to_ascii_lowercase();
            // A WebSocket API may be stored with either pair of names.
            match (websocket, protocol.as_str()) {
                (true, "http") => "ws".to_owned(),
                (true, "https") => "wss".to_owned(),
                _ => protocol,
            }
        })
        .collect();
    let protocols = if protocols.is_empty() { vec![if websocket { "wss" } else { "https" }.to_owned()] } else { protocols };
    let service_url = reader.text("/properties/serviceUrl").filter(|url| !url.is_empty());
    let service_url = service_url.and_then(|url| {
        let base = BaseUrl::parse(url);
        if base.is_none() {
            reader.problem("/properties/serviceUrl", "an http or https URL");
        }
        base.map(Arc::new)
    });
    let poison =
        (!matches!(kind.as_str(), "http" | "websocket")).then(|| Arc::from(format!("an API of type `{kind}` is known and not emulated")));
    let key_names = key_names(&mut reader);
    let api = Api {
        id: resource.id.clone(),
        name: name.to_owned(),
        display_name: reader.owned("/properties/displayName"),
        realm_path: format!("/{path}"),
        path,
        revision,
        is_current: reader.flag("/properties/isCurrent", revision_of_name.is_none()),
        version: reader.text("/properties/apiVersion").filter(|version| !version.is_empty()).map(str::to_owned),
        service_url,
        protocols,
        subscription_required: reader.flag("/properties/subscriptionRequired", true),
        key_names,
        operations: Vec::new(),
        products: Vec::new(),
        document: None,
        websocket,
        metrics: None,
        poison,
    };
    if let Some(reason) = &api.poison {
        let message = format!("`{}`: {reason}", api.name);
        findings.push(Finding::error(codes::API_TYPE, Kind::Place, message).help("requests to it are answered 501"));
    }
    api
}

/// Header, query parameter and `bearer`: each on its own, with the service's default where it is not named (seen on Azure).
fn key_names(reader: &mut Reader<'_, '_>) -> KeyNames {
    let at = "/properties/subscriptionKeyParameterNames";
    let header_text = reader.text(&format!("{at}/header")).map(str::trim).filter(|name| !name.is_empty()).unwrap_or(KEY_HEADER);
    let header = HeaderName::from_bytes(header_text.as_bytes()).unwrap_or_else(|_| {
        reader.problem(&format!("{at}/header"), "the name of a header");
        HeaderName::from_static("ocp-apim-subscription-key")
    });
    let query = reader.text(&format!("{at}/query")).filter(|name| !name.is_empty()).unwrap_or(KEY_QUERY);
    let bearer = reader.text(&format!("{at}/bearer")).is_some_and(|value| value.eq_ignore_ascii_case("enabled"));
    KeyNames { header, header_text: header_text.to_owned(), query: query.to_owned(), bearer }
}

fn read_operation(resource: &Stored, websocket: bool, findings: &mut Vec<Finding>) -> (Operation, Template) {
    let mut reader = Reader::new(resource, findings);
    let url_template = reader.owned("/properties/urlTemplate");
    let template = Template::parse(&url_template);
    let method = reader.text("/properties/method").unwrap_or("*").trim().to_ascii_uppercase();
    let method = if method.is_empty() || method == "*" {
        None
    } else {
        let read = Method::from_bytes(method.as_bytes()).ok();
        if read.is_none() {
            reader.problem("/properties/method", "an HTTP method");
        }
        read
    };
    let operation = Operation {
        id: resource.id.clone(),
        name: resource.id.name().to_owned(),
        display_name: reader.owned("/properties/displayName"),
        method,
        url_template,
        document: None,
        parameters: template.parameters(),
        responses: reader.value("/properties/responses").cloned().unwrap_or(Value::Null),
        websocket,
    };
    (operation, template)
}

/// `onHandshake`: the one operation of a WebSocket API.
fn handshake(api: &ResourceId) -> Operation {
    Operation {
        id: api.child("operations", "onHandshake"),
        name: "onHandshake".to_owned(),
        display_name: "onHandshake".to_owned(),
        method: Some(Method::GET),
        url_template: "/*".to_owned(),
        document: None,
        parameters: Vec::new(),
        responses: Value::Null,
        websocket: true,
    }
}
