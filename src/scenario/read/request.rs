//! Requests: spelled out, by name, or a named one with changes.

use std::collections::BTreeMap;

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method};

use super::reader::{Reader, suggestion};
use crate::scenario::codes;
use crate::scenario::import;
use crate::scenario::request::{Body, Key, KeyOf, Place, Request};
use crate::support::finding::Kind;
use crate::support::secret::Secret;
use crate::support::tree::{Node, Value};

const KEYS: &[&str] =
    &["use", "curl", "http", "har", "entry", "url", "method", "path", "query", "headers", "key", "body", "json", "stream"];
const CLIENTS: &[&str] = &["subscription-key", "bearer", "azure-openai-sdk"];

/// Requests of a file by name.
pub(super) type Named = BTreeMap<String, Request>;

impl Reader<'_> {
    /// The requests that a file names. Each may use those that stand before it.
    pub(super) fn named_requests(&mut self, node: &Node) -> Named {
        let mut named = Named::new();
        for entry in self.mapping(node, "`requests`") {
            if let Some(request) = self.request(&entry.node, &named) {
                named.insert(entry.key.clone(), request);
            }
        }
        named
    }

    fn by_name(&mut self, node: &Node, named: &Named) -> Option<Request> {
        let name = self.text(node, "the name of a request")?;
        let found = named.get(&name).cloned();
        if found.is_none() {
            let known: Vec<&str> = named.keys().map(String::as_str).collect();
            let message = format!("there is no request `{name}` under `requests`");
            self.error_with_help(codes::UNKNOWN_REQUEST, Kind::Place, node.span, message, suggestion(&name, &known));
        }
        found
    }

    /// A request; `None` if it cannot be understood at all, which has been told then.
    pub(super) fn request(&mut self, node: &Node, named: &Named) -> Option<Request> {
        if node.scalar().is_some() {
            return self.by_name(node, named);
        }
        let entries = self.entries(node, "a request", KEYS);
        let base = match entries.iter().find(|(key, _)| *key == "use") {
            Some((_, entry)) => Some(self.by_name(&entry.node, named)?),
            None if entries.iter().any(|(key, _)| import::KEYS.contains(key)) => Some(self.imported(node)?),
            None => None,
        };
        let has_path = base.is_some() || entries.iter().any(|(key, _)| *key == "path");
        let mut method = None;
        let mut request = base.clone().unwrap_or_else(|| Request::new(Method::GET, "/"));
        let mut bodies: Vec<&str> = Vec::new();
        for (key, entry) in &entries {
            let value = &entry.node;
            match *key {
                "method" => {
                    let text = self.text(value, "`method`").unwrap_or_default();
                    method = Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok();
                    if method.is_none() {
                        self.error(codes::NOT_ALLOWED, Kind::Type, value.span, format!("`{text}` is no method of HTTP"));
                    }
                }
                "path" => request.path = self.path(value),
                "query" => {
                    for entry in self.mapping(value, "`query`") {
                        request.query.retain(|(name, _)| *name != entry.key);
                        if !entry.node.is_null() {
                            let values = self.texts(&entry.node, &format!("`{}`", entry.key));
                            request.query.extend(values.into_iter().map(|value| (entry.key.clone(), value)));
                        }
                    }
                }
                "headers" => self.request_headers(value, &mut request.headers),
                // An imported key keeps its place.
                "key"
                    if value.scalar().is_some()
                        && request.key.is_some()
                        && !value.is_null()
                        && entries.iter().any(|(key, _)| import::KEYS.contains(key)) => {}
                "key" => request.key = self.key(value),
                "body" => {
                    bodies.push("body");
                    request.body = self.text(value, "`body`").map_or(Body::Empty, |text| Body::Bytes(text.into()));
                }
                "json" => {
                    bodies.push("json");
                    request.body = Body::Json(value.to_json());
                }
                _ => {}
            }
        }
        if let [_, second] = bodies.as_slice() {
            let at = node.entry(second).map_or(node.span, |entry| entry.key_span);
            self.error(codes::CONTRADICTION, Kind::Place, at, "`body` and `json` exclude each other");
        }
        if let Some((_, entry)) = entries.iter().find(|(key, _)| *key == "stream") {
            self.stream(&entry.node, &mut request);
        }
        if !has_path {
            self.error_with_help(
                codes::MISSING_KEY,
                Kind::Place,
                node.span,
                "a request has no `path`",
                "write the path below the gateway's root",
            );
        }
        // Without a word about it, what has a body is posted.
        request.method = match (method, base) {
            (Some(method), _) => method,
            (None, Some(base)) => base.method,
            (None, None) if request.body == Body::Empty => Method::GET,
            (None, None) => Method::POST,
        };
        if let Err(error) = request.to_http("", None) {
            let at = node.get("path").map_or(node.span, |path| path.span);
            self.error(codes::BAD_REQUEST, Kind::Type, at, format!("this cannot be sent: {error}"));
        }
        Some(request)
    }

    /// A request that was written for something else. A key in it becomes that of the subscription which `key` names, or of the only one.
    fn imported(&mut self, node: &Node) -> Option<Request> {
        let named = match node.get("key") {
            Some(key) if !key.is_null() => {
                key.get("subscription").unwrap_or(key).scalar().map(|scalar| self.subscription(&scalar.text, key.span))
            }
            _ => None,
        };
        let mut own = self.names.subscriptions.iter().filter(|name| *name != "master");
        let only = own.next().filter(|_| own.next().is_none()).cloned();
        let options = import::Options { subscription: named.or(only), ..import::Options::default() };
        import::Importer::new(&options, &mut import::Disk, self.sources, self.findings).request(node, self.path)
    }

    fn path(&mut self, node: &Node) -> String {
        let path = self.text(node, "`path`").unwrap_or_default();
        if path.starts_with('/') {
            return path;
        }
        let message = format!("the path `{path}` does not begin with a slash");
        let help = "a scenario is about one gateway: write the path below its root, without scheme and host";
        self.error_with_help(codes::BAD_REQUEST, Kind::Type, node.span, message, help);
        format!("/{}", path.rsplit("//").next().unwrap_or_default())
    }

    fn request_headers(&mut self, node: &Node, headers: &mut HeaderMap) {
        for entry in self.mapping(node, "`headers`") {
            let Some(name) = self.header_name(&entry.key, entry.key_span) else { continue };
            headers.remove(&name);
            if entry.node.is_null() {
                continue;
            }
            for value in self.one_or_many(&entry.node) {
                if let Some(value) = self.header_value(value, &entry.key) {
                    headers.append(name.clone(), value);
                }
            }
        }
    }

    /// `stream: true` is a member of the body, which every client library sets so.
    fn stream(&mut self, node: &Node, request: &mut Request) {
        let Some(stream) = self.boolean(node, "`stream`") else { return };
        match &mut request.body {
            Body::Json(serde_json::Value::Object(body)) => {
                body.insert("stream".to_owned(), stream.into());
            }
            _ => {
                let message = "`stream` is a member of a JSON body, and there is none";
                self.error_with_help(codes::CONTRADICTION, Kind::Place, node.span, message, "give the request a `json` body");
            }
        }
    }

    /// A subscription's name, or which key and where it stands; nothing: no key.
    fn key(&mut self, node: &Node) -> Option<Key> {
        if node.is_null() {
            return None;
        }
        let default = Place::Header(HeaderName::from_static("ocp-apim-subscription-key"));
        if !matches!(node.value, Value::Mapping(_)) {
            let name = self.text(node, "`key`")?;
            let name = self.subscription(&name, node.span);
            return Some(Key { of: KeyOf::Subscription { name, secondary: false }, place: default });
        }
        let (mut name, mut value, mut secondary) = (None, None, false);
        let mut places: Vec<(&str, Place)> = Vec::new();
        for (key, entry) in self.entries(node, "`key`", &["subscription", "value", "secondary", "client", "header", "query"]) {
            let own = &entry.node;
            match key {
                "subscription" => name = self.text(own, "`subscription`").map(|name| self.subscription(&name, own.span)),
                "value" => {
                    value = self.text(own, "`value`").filter(|_| self.header_value(own, "a key").is_some());
                }
                "secondary" => secondary = self.boolean(own, "`secondary`").unwrap_or_default(),
                "client" => {
                    let choices: Vec<(&'static str, Option<Place>)> =
                        CLIENTS.iter().map(|style| (*style, Place::of_client(style))).collect();
                    if let Some(Some(place)) = self.one_of(own, "`client`", &choices) {
                        places.push(("client", place));
                    }
                }
                "header" => {
                    let text = self.text(own, "`header`").unwrap_or_default();
                    places.extend(self.header_name(&text, own.span).map(|name| ("header", Place::Header(name))));
                }
                _ => places.extend(self.text(own, "`query`").map(|name| ("query", Place::Query(name)))),
            }
        }
        if let [(first, _), (second, _), ..] = places.as_slice() {
            let message = format!("`{first}` and `{second}` exclude each other: a key stands in one place");
            self.error(codes::CONTRADICTION, Kind::Place, node.span, message);
        }
        let of = match (name, value) {
            (Some(name), None) => KeyOf::Subscription { name, secondary },
            (None, Some(value)) => KeyOf::Value(Secret::new(value)),
            (Some(_), Some(_)) => {
                self.error(codes::CONTRADICTION, Kind::Place, node.span, "`subscription` and `value` exclude each other");
                return None;
            }
            (None, None) => {
                let help = "write `subscription:` and a name, or `value:` and a wrong key";
                self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, "`key` says no subscription", help);
                return None;
            }
        };
        Some(Key { of, place: places.into_iter().next().map_or(default, |(_, place)| place) })
    }

    /// Headers of an answer that a host gives.
    pub(super) fn answer_headers(&mut self, node: &Node) -> HeaderMap<HeaderValue> {
        let mut headers = HeaderMap::new();
        self.request_headers(node, &mut headers);
        headers
    }
}
