//! `context` of expressions, answered from the exchange.
//!
//! Members and their meaning: "API Management policy expressions", with the additions of the service's changelog.

use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderValue;
use time::OffsetDateTime;

use super::Exchange;
use super::body::{ORIGINAL, REQUEST, RESPONSE, SERVICE, STORED};
use crate::expression::{BodyState, ExpressionContext, Host, HostKind, HostValue};
use crate::gateway::message::{MessageBody, RequestUrl, ResponseMessage, UrlText, query_pairs};
use crate::gateway::snapshot::{Api, Operation, Product, Subscription, User};

/// Ticks of 100 ns between year 1 and 1970.
const EPOCH_TICKS: i64 = 621_355_968_000_000_000;

fn ticks(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 100).unwrap_or(0) + EPOCH_TICKS
}

fn date(time: Option<OffsetDateTime>) -> HostValue {
    time.map_or(HostValue::Null, |time| HostValue::DateTime(ticks(time)))
}

fn text(text: &str) -> HostValue {
    HostValue::Text(text.to_owned())
}

fn maybe(value: Option<&str>) -> HostValue {
    value.map_or(HostValue::Null, text)
}

const fn object(kind: HostKind, id: u32) -> HostValue {
    HostValue::Object(Host { kind, id })
}

/// Header bytes that are no UTF-8 are read as Latin-1, as HTTP once said.
pub(crate) fn header_text(value: &HeaderValue) -> String {
    std::str::from_utf8(value.as_bytes()).map_or_else(|_| value.as_bytes().iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

impl Exchange {
    fn api_now(&self) -> Option<&Api> {
        self.snapshot.api(self.api?)
    }

    fn operation_now(&self) -> Option<&Operation> {
        self.snapshot.operation(self.operation?)
    }

    fn product_now(&self) -> Option<&Product> {
        self.snapshot.product(self.access.product?)
    }

    fn subscription_now(&self) -> Option<&Subscription> {
        self.snapshot.subscription(self.access.subscription?)
    }

    fn user_now(&self) -> Option<&User> {
        self.snapshot.users.get(self.subscription_now()?.owner.as_deref()?)
    }

    fn response_at(&self, id: u32) -> Option<&ResponseMessage> {
        match id {
            RESPONSE => self.response.as_ref(),
            stored => self.stored_responses.get(stored.checked_sub(STORED)? as usize),
        }
    }

    fn headers_at(&self, id: u32) -> Option<&HeaderMap> {
        if id == REQUEST { Some(&self.request.headers) } else { self.response_at(id).map(|response| &response.headers) }
    }

    /// Keeps a response for `context.Variables`, as the value that names it.
    pub fn store_response(&mut self, response: ResponseMessage) -> HostValue {
        self.stored_responses.push(response);
        let place = u32::try_from(self.stored_responses.len() - 1).unwrap_or(u32::MAX - STORED);
        object(HostKind::Response, STORED + place)
    }

    /// The response behind a value of [`Exchange::store_response`].
    pub fn take_response(&mut self, value: &HostValue) -> Option<ResponseMessage> {
        let host = match value {
            HostValue::Object(host) => *host,
            // `set-variable` made another variable of it.
            HostValue::Stored(stored) => stored.host()?,
            _ => return None,
        };
        match host.id {
            _ if host.kind != HostKind::Response => None,
            RESPONSE => self.response.take(),
            stored => {
                let place = stored.checked_sub(STORED)? as usize;
                let kept = self.stored_responses.get_mut(place)?;
                Some(std::mem::replace(kept, ResponseMessage::new(http::StatusCode::OK)))
            }
        }
    }

    fn context_property(&mut self, name: &str) -> HostValue {
        let when = |there: bool, kind| if there { object(kind, 0) } else { HostValue::Null };
        match name {
            "Request" => object(HostKind::Request, REQUEST),
            "Response" => {
                if self.response.is_some() {
                    object(HostKind::Response, RESPONSE)
                } else {
                    HostValue::Null
                }
            }
            "Variables" => object(HostKind::Variables, 0),
            "Api" => when(self.api.is_some(), HostKind::Api),
            "Operation" => when(self.operation.is_some(), HostKind::Operation),
            "Product" => when(self.access.product.is_some(), HostKind::Product),
            "Subscription" => when(self.access.subscription.is_some(), HostKind::Subscription),
            "User" => when(self.user_now().is_some(), HostKind::User),
            "LastError" => when(self.last_error.is_some(), HostKind::LastError),
            "Deployment" => object(HostKind::Deployment, 0),
            "Backend" => when(self.backend.is_some(), HostKind::Backend),
            "Tracing" => HostValue::Boolean(self.is_traced_openly()),
            "Elapsed" => HostValue::TimeSpan(i64::try_from(self.elapsed().as_nanos() / 100).unwrap_or(i64::MAX)),
            "Timestamp" => HostValue::DateTime(ticks(self.timestamp())),
            "RequestId" => HostValue::Guid(*self.id().as_bytes()),
            _ => HostValue::Null,
        }
    }

    /// `context.Request.OriginalUrl`.
    #[must_use]
    pub fn original_url(&self) -> RequestUrl {
        let (host, port) = self.authority();
        let (path, query) = UrlText::of(&self.original.target);
        RequestUrl {
            base: std::sync::Arc::new(crate::gateway::snapshot::BaseUrl {
                https: self.original.https,
                host: host.to_owned(),
                port,
                path: String::new(),
                prepared: crate::gateway::backend::target::Prepared::default(),
            }),
            path,
            query,
        }
    }

    fn url_at(&self, id: u32) -> Option<RequestUrl> {
        match id {
            REQUEST => Some(self.request.url.clone()),
            ORIGINAL => Some(self.original_url()),
            SERVICE => Some(RequestUrl { base: self.api_now()?.service_url.clone()?, path: UrlText::default(), query: None }),
            _ => None,
        }
    }

    fn query_at(&self, id: u32) -> Option<&str> {
        match id {
            REQUEST => self.request.url.query.as_deref(),
            ORIGINAL => self.original.query(),
            _ => None,
        }
    }

    fn url_property(&self, id: u32, name: &str) -> HostValue {
        if name == "Query" {
            return object(HostKind::TextLists, QUERIES + id);
        }
        // The client's own URL is asked for most, so its parts are read without making the whole.
        if id == REQUEST && name == "Host" {
            return text(&self.request.url.base.host);
        }
        let Some(url) = self.url_at(id) else { return HostValue::Null };
        match name {
            "Scheme" => text(if url.base.https { "https" } else { "http" }),
            "Host" => text(&url.base.host),
            "Port" => HostValue::Integer(i32::from(url.base.port.unwrap_or(if url.base.https { 443 } else { 80 }))),
            "Path" => HostValue::Text(format!("{}{}", url.base.path, url.path)),
            "QueryString" => HostValue::Text(url.query.map_or_else(String::new, |query| format!("?{query}"))),
            "ToString" => HostValue::Text(url.text()),
            _ => HostValue::Null,
        }
    }

    fn request_property(&self, name: &str) -> HostValue {
        match name {
            "Method" => text(self.request.method.as_str()),
            "IpAddress" => HostValue::Text(self.peer.address.ip().to_string()),
            "Url" => object(HostKind::Url, REQUEST),
            "OriginalUrl" => object(HostKind::Url, ORIGINAL),
            "Headers" => object(HostKind::TextLists, REQUEST),
            "MatchedParameters" => object(HostKind::Texts, 0),
            "Body" if self.request.had_body => object(HostKind::Body, REQUEST),
            _ => HostValue::Null,
        }
    }

    fn response_property(&self, id: u32, name: &str) -> HostValue {
        let Some(response) = self.response_at(id) else { return HostValue::Null };
        match name {
            "StatusCode" => HostValue::Integer(i32::from(response.status.as_u16())),
            "StatusReason" => text(response.reason()),
            "Headers" => object(HostKind::TextLists, id),
            "Body" => object(HostKind::Body, id),
            _ => HostValue::Null,
        }
    }

    fn api_property(&self, name: &str) -> HostValue {
        let Some(api) = self.api_now() else { return HostValue::Null };
        match name {
            "Id" => text(&api.name),
            "Name" => text(&api.display_name),
            "Path" => text(&api.path),
            "Revision" => text(&api.revision),
            "Version" => maybe(api.version.as_deref()),
            "IsCurrentRevision" => HostValue::Boolean(api.is_current),
            "ServiceUrl" if api.service_url.is_some() => object(HostKind::Url, SERVICE),
            "Protocols" => HostValue::Texts(api.protocols.clone()),
            "SubscriptionKeyParameterNames" => object(HostKind::KeyNames, 0),
            _ => HostValue::Null,
        }
    }

    fn subscription_property(&self, name: &str) -> HostValue {
        let Some(subscription) = self.subscription_now() else { return HostValue::Null };
        match name {
            "Id" => text(&subscription.name),
            "Name" => text(&subscription.display_name),
            "PrimaryKey" => text(subscription.primary_key.expose()),
            "SecondaryKey" => text(subscription.secondary_key.expose()),
            "Key" if self.access.secondary => text(subscription.secondary_key.expose()),
            "Key" => text(subscription.primary_key.expose()),
            "CreatedDate" => date(subscription.created),
            "StartDate" => date(subscription.start),
            "EndDate" => date(subscription.end),
            _ => HostValue::Null,
        }
    }

    fn product_property(&self, name: &str) -> HostValue {
        let Some(product) = self.product_now() else { return HostValue::Null };
        match name {
            "Id" => text(&product.name),
            "Name" => text(&product.display_name),
            "ApprovalRequired" => HostValue::Boolean(product.approval_required),
            "SubscriptionRequired" => HostValue::Boolean(product.subscription_required),
            "SubscriptionLimit" | "SubscriptionsLimit" => product.subscriptions_limit.map_or(HostValue::Null, HostValue::Integer),
            "State" => HostValue::Integer(i32::from(product.published)),
            "Groups" => {
                let count = u32::try_from(product.groups.len()).unwrap_or(0);
                HostValue::Objects((0..count).map(|place| Host { kind: HostKind::Group, id: place }).collect())
            }
            _ => HostValue::Null,
        }
    }

    fn user_property(&self, name: &str) -> HostValue {
        let Some(user) = self.user_now() else { return HostValue::Null };
        match name {
            "Id" => text(&user.id),
            "Email" => text(&user.email),
            "FirstName" => text(&user.first_name),
            "LastName" => text(&user.last_name),
            "Note" => text(&user.note),
            "RegistrationDate" => date(user.registered),
            "Groups" => {
                let count = u32::try_from(user.groups.len()).unwrap_or(0);
                HostValue::Objects((0..count).map(|place| Host { kind: HostKind::Group, id: USER_GROUPS + place }).collect())
            }
            "Identities" => HostValue::Objects(Vec::new()),
            _ => HostValue::Null,
        }
    }

    fn last_error_property(&self, name: &str) -> HostValue {
        let Some(error) = &self.last_error else { return HostValue::Null };
        match name {
            "Source" => text(&error.source),
            "Reason" => text(&error.reason),
            "Message" => text(&error.message),
            "Scope" => error.scope.map_or(HostValue::Null, |scope| HostValue::Text(scope.to_string().to_lowercase())),
            "Section" => error.section.map_or(HostValue::Null, |section| text(section.name())),
            "Path" => text(&error.path),
            "PolicyId" => text(&error.policy_id),
            _ => HostValue::Null,
        }
    }

    fn group(&self, id: u32) -> Option<&(String, String)> {
        match id.checked_sub(USER_GROUPS) {
            Some(place) => self.user_now()?.groups.get(place as usize),
            None => self.product_now()?.groups.get(id as usize),
        }
    }
}

/// Host ids of query parameters: this and the id of the URL.
const QUERIES: u32 = 1 << 30;
/// Host ids of the user's groups: this and the place.
const USER_GROUPS: u32 = 1 << 30;

impl ExpressionContext for Exchange {
    fn property(&mut self, host: Host, name: &'static str) -> HostValue {
        match host.kind {
            HostKind::Context => self.context_property(name),
            HostKind::Request => self.request_property(name),
            HostKind::Response => self.response_property(host.id, name),
            HostKind::Url => self.url_property(host.id, name),
            HostKind::Api => self.api_property(name),
            HostKind::KeyNames => match (self.api_now(), name) {
                (Some(api), "Header") => text(&api.key_names.header_text),
                (Some(api), "Query") => text(&api.key_names.query),
                _ => HostValue::Null,
            },
            HostKind::Operation => match (self.operation_now(), name) {
                (Some(operation), "Id") => text(&operation.name),
                (Some(operation), "Name") => text(&operation.display_name),
                (Some(operation), "Method") => maybe(operation.method.as_ref().map(http::Method::as_str)),
                (Some(operation), "UrlTemplate") => text(&operation.url_template),
                _ => HostValue::Null,
            },
            HostKind::Product => self.product_property(name),
            HostKind::Subscription => self.subscription_property(name),
            HostKind::User => self.user_property(name),
            HostKind::Group => match (self.group(host.id), name) {
                (Some((id, _)), "Id") => text(id),
                (Some((_, own)), "Name") => text(own),
                _ => HostValue::Null,
            },
            HostKind::LastError => self.last_error_property(name),
            HostKind::Deployment => match name {
                "GatewayId" => text("managed"),
                "Region" => text(&self.snapshot.service.location),
                "ServiceName" => text(&self.snapshot.service.name),
                "ServiceId" => HostValue::Text(self.snapshot.service.name.clone()),
                "Gateway" => object(HostKind::Gateway, 0),
                "Certificates" => object(HostKind::Certificates, 0),
                _ => HostValue::Null,
            },
            HostKind::Gateway => match name {
                "Id" => text("managed"),
                "InstanceId" => text("local"),
                "IsManaged" => HostValue::Boolean(true),
                _ => HostValue::Null,
            },
            HostKind::Backend => match (self.backend.and_then(|backend| self.snapshot.backend(backend)), name) {
                (Some(backend), "Id") => text(&backend.name),
                (Some(backend), "Type") => text(backend.kind.type_name()),
                _ => HostValue::Null,
            },
            _ => HostValue::Null,
        }
    }

    fn lookup(&mut self, map: Host, key: &str) -> Option<HostValue> {
        match map.kind {
            HostKind::Variables => self.variables.get(key).cloned(),
            HostKind::Texts => self.matched.iter().find(|(name, _)| **name == *key).map(|(_, value)| text(value)),
            HostKind::TextLists => {
                if let Some(url) = map.id.checked_sub(QUERIES) {
                    let values: Vec<String> = query_pairs(self.query_at(url)?)
                        .filter(|(name, _)| name.eq_ignore_ascii_case(key))
                        .map(|(_, value)| value.into_owned())
                        .collect();
                    return (!values.is_empty()).then_some(HostValue::Texts(values));
                }
                let values: Vec<String> = self.headers_at(map.id)?.get_all(key).iter().map(header_text).collect();
                (!values.is_empty()).then_some(HostValue::Texts(values))
            }
            _ => None,
        }
    }

    fn entries(&mut self, map: Host) -> Vec<(String, HostValue)> {
        match map.kind {
            HostKind::Variables => self.variables.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
            HostKind::Texts => self.matched.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            HostKind::TextLists => {
                let mut out: Vec<(String, Vec<String>)> = Vec::new();
                let mut add = |name: &str, value: String| match out.iter_mut().find(|(own, _)| own.eq_ignore_ascii_case(name)) {
                    Some((_, values)) => values.push(value),
                    None => out.push((name.to_owned(), vec![value])),
                };
                if let Some(url) = map.id.checked_sub(QUERIES) {
                    for (name, value) in query_pairs(self.query_at(url).unwrap_or_default()) {
                        add(&name, value.into_owned());
                    }
                } else if let Some(headers) = self.headers_at(map.id) {
                    for (name, value) in headers {
                        add(name.as_str(), header_text(value));
                    }
                }
                out.into_iter().map(|(name, values)| (name, HostValue::Texts(values))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn body(&mut self, body: Host, preserve: bool) -> BodyState {
        let Some(message) = self.body_of(body) else { return BodyState::Ready(Bytes::new()) };
        match message {
            MessageBody::Stream(_) => BodyState::NotReady,
            MessageBody::Consumed => BodyState::Consumed,
            MessageBody::Empty => BodyState::Ready(Bytes::new()),
            MessageBody::Buffered(bytes) => {
                let bytes = bytes.clone();
                if !preserve {
                    *message = MessageBody::Consumed;
                }
                BodyState::Ready(bytes)
            }
        }
    }

    fn trace(&mut self, message: &str) {
        self.note("context.Trace", |_| serde_json::Value::from(message));
    }

    fn utc_ticks(&mut self) -> i64 {
        ticks(self.worker.state.clock.utc())
    }

    fn random(&mut self, bytes: &mut [u8]) {
        self.worker.state.random.fill(bytes);
    }
}
