//! `context` as a JSON line describes it.

use std::collections::HashMap;

use base64::Engine as _;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::expression::{BodyState, Evaluation, Expression, ExpressionContext, Heap, Host, HostKind, HostValue, Outcome, ticks_of};
use crate::support::clock::{Clock as _, SystemClock};
use crate::support::random::{Random as _, SystemRandom};

/// Objects by number: what they are made of, and whether their body was read.
#[derive(Debug)]
pub(super) struct JsonContext {
    root: Map<String, Value>,
    objects: Vec<Value>,
    consumed: Vec<bool>,
    variables: Vec<(String, HostValue)>,
    /// The objects that a property of one gave: the same each time it is asked for.
    made: HashMap<(u32, String), u32>,
}

impl JsonContext {
    /// Reads the line; variables of types that JSON has not are made on `heap`.
    pub(super) fn new(input: &Value, heap: &mut Heap) -> Result<Self, String> {
        let root = input.as_object().cloned().unwrap_or_default();
        let mut context = Self { root, objects: Vec::new(), consumed: Vec::new(), variables: Vec::new(), made: HashMap::new() };
        // Number 0 is the request, 1 the response.
        let request = context.root.get("request").cloned().unwrap_or_else(|| Value::Object(Map::new()));
        context.add(request);
        let response = context.root.get("response").cloned().unwrap_or(Value::Null);
        context.add(response);
        if let Some(Value::Object(variables)) = context.root.get("variables").cloned() {
            for (name, value) in variables {
                let value = context.variable(&value, heap).map_err(|problem| format!("variable `{name}`: {problem}"))?;
                context.variables.push((name, value));
            }
        }
        Ok(context)
    }

    fn add(&mut self, value: Value) -> u32 {
        self.objects.push(value);
        self.consumed.push(false);
        u32::try_from(self.objects.len() - 1).unwrap_or(u32::MAX)
    }

    /// The number of what a property of an object (or of the context) holds.
    fn once(&mut self, of: Option<Host>, name: &str, value: Value) -> u32 {
        let place = (of.map_or(u32::MAX, |object| object.id), name.to_owned());
        if let Some(id) = self.made.get(&place) {
            return *id;
        }
        let id = self.add(value);
        self.made.insert(place, id);
        id
    }

    fn variable(&mut self, value: &Value, heap: &mut Heap) -> Result<HostValue, String> {
        let typed = value.get("$type").and_then(Value::as_str).map(|kind| (kind, value.get("value").cloned().unwrap_or(Value::Null)));
        Ok(match (typed, value) {
            (Some(("IResponse", inner)), _) => {
                let id = self.add(inner);
                HostValue::Object(Host { kind: HostKind::Response, id })
            }
            (Some(("Authorization", inner)), _) => {
                let id = self.add(inner);
                HostValue::Object(Host { kind: HostKind::Authorization, id })
            }
            (Some(("long", inner)), _) => self.made(heap, &format!("@({}L)", inner.as_i64().ok_or("no integer")?))?,
            (Some(("guid", inner)), _) => self.made(heap, &format!("@(Guid.Parse(@\"{}\"))", quoted(&inner)))?,
            (Some(("DateTime", inner)), _) => HostValue::DateTime(inner.as_str().and_then(ticks_of).ok_or("no date")?),
            (Some(("Jwt", inner)), _) => self.made(heap, &format!("@((@\"{}\").AsJwt())", quoted(&inner)))?,
            (Some(("JObject", inner)), _) => {
                self.made(heap, &format!("@(JToken.Parse(@\"{}\"))", inner.to_string().replace('"', "\"\"")))?
            }
            (Some((other, _)), _) => return Err(format!("the type `{other}` is not known")),
            (None, Value::Null) => HostValue::Null,
            (None, Value::Bool(value)) => HostValue::Boolean(*value),
            (None, Value::String(text)) => HostValue::Text(text.clone()),
            (None, Value::Number(number)) => match number.as_i64() {
                Some(integer) => HostValue::Integer(i32::try_from(integer).map_err(|_| "the integer does not fit an Int32")?),
                None => {
                    let number = number.as_f64().unwrap_or(0.0);
                    self.made(heap, &format!("@(BitConverter.Int64BitsToDouble(unchecked((long){}UL)))", number.to_bits()))?
                }
            },
            (None, other) => self.made(heap, &format!("@(JToken.Parse(@\"{}\"))", other.to_string().replace('"', "\"\"")))?,
        })
    }

    /// The value of an expression of our own.
    fn made(&mut self, heap: &mut Heap, text: &str) -> Result<HostValue, String> {
        let compiled = Expression::compile(text, None).map_err(|problem| problem.message)?;
        match Evaluation::new(&compiled).run(heap, self, u64::MAX) {
            Outcome::Done(value) => Ok(HostValue::Stored(value.store())),
            Outcome::Threw(exception) => Err(exception.message),
            Outcome::NeedBody(_) | Outcome::OutOfFuel => Err("it cannot be made".to_owned()),
        }
    }

    fn field(&self, object: Host, name: &str) -> Option<&Value> {
        self.objects.get(object.id as usize)?.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, object: Host, name: &str, default: Option<&str>) -> HostValue {
        match self.field(object, name) {
            Some(Value::String(text)) => HostValue::Text(text.clone()),
            Some(other) => HostValue::Text(other.to_string()),
            None => default.map_or(HostValue::Null, |text| HostValue::Text(text.to_owned())),
        }
    }

    fn date(&self, object: Host, name: &str, default: HostValue) -> HostValue {
        match self.field(object, name).and_then(Value::as_str).and_then(ticks_of) {
            Some(ticks) => HostValue::DateTime(ticks),
            None => default,
        }
    }

    fn truth(&self, object: Host, name: &str, default: bool) -> HostValue {
        HostValue::Boolean(self.field(object, name).and_then(Value::as_bool).unwrap_or(default))
    }

    /// A member of the line as an object of its own; null if it is not there.
    fn child(&mut self, name: &str, kind: HostKind, always: bool) -> HostValue {
        match self.root.get(name).filter(|value| value.is_object()).cloned() {
            Some(value) => HostValue::Object(Host { kind, id: self.once(None, name, value) }),
            None if always => HostValue::Object(Host { kind, id: self.once(None, name, Value::Object(Map::new())) }),
            None => HostValue::Null,
        }
    }

    /// A member of an object as an object of its own; null if it is not there.
    fn part(&mut self, object: Host, name: &str, kind: HostKind) -> HostValue {
        match self.field(object, name).filter(|value| value.is_object()).cloned() {
            Some(value) => HostValue::Object(Host { kind, id: self.once(Some(object), name, value) }),
            None => HostValue::Null,
        }
    }

    /// The objects of a list, none if it is not there.
    fn parts(&mut self, object: Host, name: &str, kind: HostKind) -> HostValue {
        let list = self.field(object, name).and_then(Value::as_array).cloned().unwrap_or_default();
        HostValue::Objects(list.into_iter().map(|item| Host { kind, id: self.add(item) }).collect())
    }

    fn url(&mut self, object: Host, names: &[&str]) -> HostValue {
        match names.iter().find_map(|name| self.field(object, name).cloned()) {
            Some(value) => HostValue::Object(Host { kind: HostKind::Url, id: self.once(Some(object), &names.concat(), value) }),
            None => HostValue::Null,
        }
    }

    fn parsed(&self, object: Host) -> Option<url::Url> {
        url::Url::parse(self.objects.get(object.id as usize)?.as_str()?).ok()
    }

    fn camel(name: &str) -> String {
        let mut characters = name.chars();
        characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
    }

    fn context_property(&mut self, name: &'static str) -> HostValue {
        match name {
            "Request" => HostValue::Object(Host { kind: HostKind::Request, id: 0 }),
            "Response" if self.objects.get(1).is_some_and(Value::is_object) => HostValue::Object(Host { kind: HostKind::Response, id: 1 }),
            "Variables" => HostValue::Object(Host { kind: HostKind::Variables, id: 0 }),
            "Api" => self.child("api", HostKind::Api, false),
            "Deployment" => self.child("deployment", HostKind::Deployment, true),
            "LastError" => self.child("lastError", HostKind::LastError, false),
            "Operation" => self.child("operation", HostKind::Operation, false),
            "Product" => self.child("product", HostKind::Product, false),
            "Subscription" => self.child("subscription", HostKind::Subscription, false),
            "User" => self.child("user", HostKind::User, false),
            "Workspace" => self.child("workspace", HostKind::Workspace, false),
            "Backend" => self.child("backend", HostKind::Backend, false),
            "Tracing" => HostValue::Boolean(self.root.get("tracing").and_then(Value::as_bool).unwrap_or(false)),
            "Elapsed" => {
                let milliseconds = self.root.get("elapsedMs").and_then(Value::as_f64).unwrap_or(12.0);
                HostValue::TimeSpan((milliseconds + 0.5).floor() as i64 * 10_000)
            }
            "RequestId" => {
                let text = self.root.get("requestId").and_then(Value::as_str).unwrap_or("00000000-0000-0000-0000-000000000001");
                uuid::Uuid::parse_str(text).map_or(HostValue::Null, |id| HostValue::Guid(*id.as_bytes()))
            }
            "Timestamp" => {
                let text = self.root.get("timestamp").and_then(Value::as_str).unwrap_or("2026-01-02T03:04:05.678Z");
                ticks_of(text).map_or(HostValue::Null, HostValue::DateTime)
            }
            _ => HostValue::Null,
        }
    }

    fn url_property(&mut self, object: Host, name: &str) -> HostValue {
        let Some(url) = self.parsed(object) else { return HostValue::Null };
        HostValue::Text(match name {
            "Scheme" => url.scheme().to_owned(),
            "Host" => url.host_str().unwrap_or_default().to_owned(),
            "Path" => url.path().to_owned(),
            "QueryString" => url.query().map_or(String::new(), |query| format!("?{query}")),
            "ToString" => url.as_str().to_owned(),
            "Port" => return HostValue::Integer(url.port_or_known_default().map_or(-1, i32::from)),
            "Query" => {
                let mut map = Map::new();
                for (name, value) in url.query_pairs() {
                    let key =
                        map.keys().find(|key: &&String| key.eq_ignore_ascii_case(&name)).cloned().unwrap_or_else(|| name.into_owned());
                    if let Value::Array(list) = map.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
                        list.push(Value::String(value.into_owned()));
                    }
                }
                return HostValue::Object(Host { kind: HostKind::TextLists, id: self.add(Value::Object(map)) });
            }
            _ => return HostValue::Null,
        })
    }

    fn map(&mut self, object: Host, name: &str, kind: HostKind) -> HostValue {
        let value = self.field(object, name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        HostValue::Object(Host { kind, id: self.once(Some(object), name, value) })
    }

    fn items(kind: HostKind, value: &Value) -> HostValue {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match (kind, value) {
            (HostKind::TextLists, Value::Array(list)) => HostValue::Texts(list.iter().map(text).collect()),
            (HostKind::TextLists, other) => HostValue::Texts(vec![text(other)]),
            (HostKind::Certificates, other) => certificate(other),
            (HostKind::Variables, Value::Bool(truth)) => HostValue::Boolean(*truth),
            (HostKind::Variables, Value::Number(number)) => {
                number.as_i64().and_then(|number| i32::try_from(number).ok()).map_or(HostValue::Null, HostValue::Integer)
            }
            (_, other) => HostValue::Text(text(other)),
        }
    }
}

impl ExpressionContext for JsonContext {
    fn property(&mut self, object: Host, name: &'static str) -> HostValue {
        let own = Self::camel(name);
        match (object.kind, name) {
            (HostKind::Context, _) => self.context_property(name),
            (HostKind::Url, _) => self.url_property(object, name),
            (HostKind::Request, "Method") => self.text(object, "method", Some("GET")),
            (HostKind::Request, "IpAddress") => self.text(object, "ipAddress", Some("127.0.0.1")),
            (HostKind::Request, "Url") => self.url(object, &["url"]),
            (HostKind::Request, "OriginalUrl") => self.url(object, &["originalUrl", "url"]),
            (HostKind::Request, "MatchedParameters") => self.map(object, "matchedParameters", HostKind::Texts),
            (HostKind::Request, "Certificate") => self.field(object, "certificate").map_or(HostValue::Null, certificate),
            (HostKind::Request, "PrivateEndpointConnection") => self.part(object, &own, HostKind::PrivateEndpoint),
            (HostKind::Request, "Foundry") => self.part(object, &own, HostKind::Foundry),
            (HostKind::Request | HostKind::Response, "Headers") => self.map(object, "headers", HostKind::TextLists),
            (HostKind::Request | HostKind::Response, "Body") => match self.field(object, "body") {
                Some(_) => HostValue::Object(Host { kind: HostKind::Body, id: object.id }),
                None => HostValue::Null,
            },
            (HostKind::Response, "StatusCode") => {
                let code = self.field(object, "statusCode").and_then(Value::as_i64).unwrap_or(200);
                HostValue::Integer(i32::try_from(code).unwrap_or(0))
            }
            (HostKind::Response, "StatusReason") => self.text(object, "statusReason", Some("OK")),
            (HostKind::Api, "ServiceUrl") => self.url(object, &["serviceUrl"]),
            (HostKind::Api, "IsCurrentRevision") => self.truth(object, &own, true),
            (HostKind::Api, "Revision") => self.text(object, &own, Some("1")),
            (HostKind::Api, "Protocols") => match self.field(object, "protocols") {
                Some(list @ Value::Array(_)) => Self::items(HostKind::TextLists, list),
                _ => HostValue::Texts(vec!["https".to_owned()]),
            },
            (HostKind::Api, "SubscriptionKeyParameterNames") => self.part(object, &own, HostKind::KeyNames),
            (HostKind::Authorization, "Claims") => self.map(object, "claims", HostKind::Variables),
            (HostKind::Deployment, "Gateway") => self.part(object, &own, HostKind::Gateway),
            (HostKind::Deployment, "Certificates") => self.map(object, "certificates", HostKind::Certificates),
            (HostKind::Gateway, "IsManaged") => self.truth(object, &own, false),
            (HostKind::Product, "Apis") => self.parts(object, &own, HostKind::Api),
            (HostKind::User, "Identities") => self.parts(object, &own, HostKind::Identity),
            (HostKind::Deployment, "GatewayId") => self.text(object, &own, Some("managed")),
            (HostKind::Deployment, "ServiceId") => match self.field(object, "serviceId") {
                Some(_) => self.text(object, "serviceId", None),
                None => self.text(object, "serviceName", None),
            },
            (HostKind::Product, "ApprovalRequired") => self.truth(object, &own, false),
            (HostKind::Product, "SubscriptionRequired") => self.truth(object, &own, true),
            (HostKind::Product, "SubscriptionLimit" | "SubscriptionsLimit") => {
                match self.field(object, "subscriptionLimit").and_then(Value::as_i64) {
                    Some(limit) => HostValue::Integer(i32::try_from(limit).unwrap_or(i32::MAX)),
                    None => HostValue::Null,
                }
            }
            (HostKind::Product, "State") => HostValue::Integer(i32::from(self.text_is(object, "state", "published"))),
            (HostKind::Product | HostKind::User, "Groups") => self.parts(object, &own, HostKind::Group),
            (HostKind::User, "RegistrationDate") | (HostKind::Subscription, "CreatedDate") => {
                self.date(object, &own, HostValue::DateTime(0))
            }
            (HostKind::Subscription, "EndDate" | "StartDate") => self.date(object, &own, HostValue::Null),
            (HostKind::Subscription, "Key") => match self.field(object, "key") {
                Some(_) => self.text(object, "key", None),
                None => self.text(object, "primaryKey", None),
            },
            _ => self.text(object, &own, None),
        }
    }

    fn lookup(&mut self, map: Host, key: &str) -> Option<HostValue> {
        // Those of the context are number 0; claims are maps of the same sort.
        if map.kind == HostKind::Variables && map.id == 0 {
            return self.variables.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        }
        let entries = self.objects.get(map.id as usize)?.as_object()?;
        let same = |name: &str| if map.kind == HostKind::Variables { name == key } else { name.eq_ignore_ascii_case(key) };
        entries.iter().find(|(name, _)| same(name)).map(|(_, value)| Self::items(map.kind, value))
    }

    fn entries(&mut self, map: Host) -> Vec<(String, HostValue)> {
        if map.kind == HostKind::Variables && map.id == 0 {
            return self.variables.clone();
        }
        match self.objects.get(map.id as usize) {
            Some(Value::Object(entries)) => entries.iter().map(|(name, value)| (name.clone(), Self::items(map.kind, value))).collect(),
            _ => Vec::new(),
        }
    }

    fn body(&mut self, body: Host, preserve: bool) -> BodyState {
        let id = body.id as usize;
        if self.consumed.get(id).copied().unwrap_or(false) {
            return BodyState::Consumed;
        }
        if let Some(consumed) = self.consumed.get_mut(id)
            && !preserve
        {
            *consumed = true;
        }
        BodyState::Ready(match self.objects.get(id).and_then(|object| object.get("body")) {
            Some(Value::String(text)) => text.clone().into(),
            Some(other) => other.to_string().into(),
            None => bytes::Bytes::new(),
        })
    }

    fn trace(&mut self, _message: &str) {}

    fn utc_ticks(&mut self) -> i64 {
        let since = SystemClock.utc() - OffsetDateTime::UNIX_EPOCH;
        i64::try_from(since.whole_nanoseconds() / 100).unwrap_or(0) + 621_355_968_000_000_000
    }

    fn random(&mut self, bytes: &mut [u8]) {
        SystemRandom.fill(bytes);
    }
}

impl JsonContext {
    fn text_is(&self, object: Host, name: &str, wanted: &str) -> bool {
        self.field(object, name).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    }
}

/// A certificate, of its DER bytes in base64; null if it is none.
fn certificate(value: &Value) -> HostValue {
    let text = value.as_str().unwrap_or_default();
    base64::engine::general_purpose::STANDARD.decode(text).map_or(HostValue::Null, |bytes| HostValue::Certificate(bytes, None))
}

fn quoted(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('"', "\"\"")
}
