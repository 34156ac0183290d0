//! Members of `context` and its objects: each asks the host.

use std::sync::Arc;

use bytes::Bytes;

use super::json::{self, Node};
use super::{Args, Machine, Members, Outcome, collections, dates, to_text};
use crate::expression::context::{BodyState, Host, HostKind, HostValue};
use crate::expression::heap::{Object, VariableMismatch};
use crate::expression::machine::Fault;
use crate::expression::text::Text;
use crate::expression::types::{self, known};
use crate::expression::value::{DateTime, Handle, Value};

macro_rules! property {
    ($ty:literal, $name:literal) => {
        (concat!($ty, ".", $name), |m, a| {
            let Value::Host(object) = a.get(0) else { return Err(m.null_reference()) };
            let value = m.context.property(*object, $name);
            from_host(m, value)
        })
    };
}

pub(super) const MEMBERS: Members = &[
    property!("IProxyRequestContext", "Api"),
    property!("IProxyRequestContext", "Deployment"),
    property!("IProxyRequestContext", "Elapsed"),
    property!("IProxyRequestContext", "LastError"),
    property!("IProxyRequestContext", "Operation"),
    property!("IProxyRequestContext", "Product"),
    property!("IProxyRequestContext", "Request"),
    property!("IProxyRequestContext", "RequestId"),
    property!("IProxyRequestContext", "Response"),
    property!("IProxyRequestContext", "Subscription"),
    property!("IProxyRequestContext", "Timestamp"),
    property!("IProxyRequestContext", "Tracing"),
    property!("IProxyRequestContext", "User"),
    property!("IProxyRequestContext", "Variables"),
    property!("IProxyRequestContext", "Workspace"),
    property!("IProxyRequestContext", "Backend"),
    ("IProxyRequestContext.Trace", |m, a| {
        let text = to_text(m, a.get(1))?;
        m.context.trace(&text.to_str());
        Ok(Value::Null)
    }),
    property!("IApi", "Id"),
    property!("IApi", "Name"),
    property!("IApi", "Path"),
    property!("IApi", "Protocols"),
    property!("IApi", "ServiceUrl"),
    property!("IApi", "SubscriptionKeyParameterNames"),
    property!("IContextApi", "IsCurrentRevision"),
    property!("IContextApi", "Revision"),
    property!("IContextApi", "Version"),
    property!("ISubscriptionKeyParameterNames", "Header"),
    property!("ISubscriptionKeyParameterNames", "Query"),
    property!("IDeployment", "Gateway"),
    property!("IDeployment", "GatewayId"),
    property!("IDeployment", "Region"),
    property!("IDeployment", "ServiceId"),
    property!("IDeployment", "ServiceName"),
    property!("IDeployment", "Certificates"),
    property!("IGateway", "Id"),
    property!("IGateway", "InstanceId"),
    property!("IGateway", "IsManaged"),
    property!("ILastError", "Source"),
    property!("ILastError", "Reason"),
    property!("ILastError", "Message"),
    property!("ILastError", "Scope"),
    property!("ILastError", "Section"),
    property!("ILastError", "Path"),
    property!("ILastError", "PolicyId"),
    property!("IOperation", "Id"),
    property!("IOperation", "Method"),
    property!("IOperation", "Name"),
    property!("IOperation", "UrlTemplate"),
    property!("IProduct", "Apis"),
    property!("IProduct", "ApprovalRequired"),
    property!("IProduct", "Groups"),
    property!("IProduct", "Id"),
    property!("IProduct", "Name"),
    property!("IProduct", "SubscriptionLimit"),
    property!("IProduct", "SubscriptionsLimit"),
    property!("IProduct", "SubscriptionRequired"),
    ("IProduct.State", |m, a| {
        let Value::Host(object) = a.get(0) else { return Err(m.null_reference()) };
        let state = m.context.property(*object, "State");
        Ok(Value::Enum(types::named("ProductState"), i64::from(matches!(state, HostValue::Integer(1)))))
    }),
    property!("IRequest", "Body"),
    property!("IRequest", "Certificate"),
    property!("IRequest", "Headers"),
    property!("IRequest", "IpAddress"),
    property!("IRequest", "MatchedParameters"),
    property!("IRequest", "Method"),
    property!("IRequest", "OriginalUrl"),
    property!("IRequest", "Url"),
    property!("IRequest", "PrivateEndpointConnection"),
    property!("IRequest", "Foundry"),
    property!("IFoundry", "Deployment"),
    property!("IBackend", "Id"),
    property!("IBackend", "Type"),
    property!("IBackend", "AzureRegion"),
    property!("IPrivateEndpointConnection", "Name"),
    property!("IPrivateEndpointConnection", "GroupId"),
    property!("IPrivateEndpointConnection", "MemberName"),
    property!("IResponse", "Body"),
    property!("IResponse", "Headers"),
    property!("IResponse", "StatusCode"),
    property!("IResponse", "StatusReason"),
    property!("ISubscription", "CreatedDate"),
    property!("ISubscription", "EndDate"),
    property!("ISubscription", "Id"),
    property!("ISubscription", "Key"),
    property!("ISubscription", "Name"),
    property!("ISubscription", "PrimaryKey"),
    property!("ISubscription", "SecondaryKey"),
    property!("ISubscription", "StartDate"),
    property!("IUser", "Email"),
    property!("IUser", "FirstName"),
    property!("IUser", "Groups"),
    property!("IUser", "Id"),
    property!("IUser", "Identities"),
    property!("IUser", "LastName"),
    property!("IUser", "Note"),
    property!("IUser", "RegistrationDate"),
    property!("IGroup", "Id"),
    property!("IGroup", "Name"),
    property!("IUserIdentity", "Id"),
    property!("IUserIdentity", "Provider"),
    property!("Authorization", "AccessToken"),
    property!("Authorization", "Claims"),
    property!("IWorkspace", "Id"),
    property!("IWorkspace", "Name"),
    property!("IUrl", "Host"),
    property!("IUrl", "Path"),
    property!("IUrl", "Port"),
    property!("IUrl", "Query"),
    property!("IUrl", "QueryString"),
    property!("IUrl", "Scheme"),
    ("IUrl.ToUri()", |m, a| {
        let Value::Host(object) = a.get(0) else { return Err(m.null_reference()) };
        match m.context.property(*object, "ToString") {
            HostValue::Text(text) => super::uri::new(m, &text),
            _ => Err(m.null_reference()),
        }
    }),
    ("IMessageBody.As", |m, a| body_as(m, a)),
    ("IMessageBody.AsFormUrlEncodedContent", |m, a| {
        let text = body_text(m, a)?;
        form(m, &text)
    }),
    ("ContextExtensions.GetValueOrDefault(IReadOnlyDictionary<string,string[]>,string,string)", |m, a| {
        if let (Value::Host(map), Value::Text(name)) = (a.get(0), a.get(1)) {
            return match m.context.lookup(*map, &name.to_str()) {
                Some(HostValue::Texts(mut values)) => {
                    let text = if values.len() == 1 { values.pop().unwrap_or_default() } else { values.join(",") };
                    m.text(Text::from(text))
                }
                Some(value) => from_host(m, value),
                None => Ok(a.get(2).clone()),
            };
        }
        match collections::get(m, a.get(0), a.get(1))? {
            Some(list) => joined(m, &list),
            None => Ok(a.get(2).clone()),
        }
    }),
    ("CollectionExtensions.GetValueOrDefault(IReadOnlyDictionary<string,string[]>,string,string[])", |m, a| {
        Ok(collections::get(m, a.get(0), a.get(1))?.unwrap_or_else(|| a.get(2).clone()))
    }),
    ("ContextExtensions.GetValueOrDefault(IReadOnlyDictionary<string,string>,string,string)", |m, a| {
        Ok(collections::get(m, a.get(0), a.get(1))?.unwrap_or_else(|| a.get(2).clone()))
    }),
    ("ContextExtensions.GetValueOrDefault(IReadOnlyDictionary<string,object>,string)", |m, a| {
        Ok(collections::get(m, a.get(0), a.get(1))?.unwrap_or(Value::Null))
    }),
    ("ContextExtensions.GetValueOrDefault(IReadOnlyDictionary<string,object>,string,T)", |m, a| variable(m, a, a.ty(0))),
    ("ContextExtensions.GetValueOrDefault(IReadOnlyDictionary<string,object>,string,string)", |m, a| variable(m, a, known().string)),
    ("ContextExtensions.ToQueryString", |m, a| {
        let text = encoded_form(m, a)?;
        Ok(if text.is_empty() { Value::Null } else { Value::from(format!("?{text}")) })
    }),
    ("ContextExtensions.ToFormUrlEncodedContent", |m, a| encoded_form(m, a).map(Value::from)),
];

/// A variable of a type. Of another type it is what [`crate::expression::VariableMismatch`] says.
fn variable(m: &mut Machine<'_>, a: Args<'_>, ty: types::Type) -> Outcome {
    match collections::get(m, a.get(0), a.get(1))? {
        Some(value) if m.is(&value, ty.stripped()) => Ok(value),
        None => Ok(a.get(2).clone()),
        Some(_) if m.heap.variable_mismatch == VariableMismatch::GivesDefault => Ok(a.get(2).clone()),
        Some(Value::Null) if ty.is_value_type() && ty.nullable_of().is_none() => Err(m.null_reference()),
        Some(Value::Null) => Ok(Value::Null),
        Some(_) => Err(m.throw("InvalidCastException", "Specified cast is not valid.")),
    }
}

fn joined(m: &mut Machine<'_>, list: &Value) -> Outcome {
    let mut parts = Vec::new();
    for item in super::linq::collect(m, list)? {
        parts.push(to_text(m, &item)?.to_str().into_owned());
    }
    m.text(Text::from(parts.join(",")))
}

pub(super) fn is_map(object: Host) -> bool {
    matches!(object.kind, HostKind::TextLists | HostKind::Texts | HostKind::Variables | HostKind::Certificates)
}

/// What the host answered, as a value.
pub(super) fn from_host(m: &mut Machine<'_>, value: HostValue) -> Outcome {
    Ok(match value {
        HostValue::Null => Value::Null,
        HostValue::Text(text) => return m.text(Text::from(text)),
        HostValue::Boolean(value) => Value::Boolean(value),
        HostValue::Integer(value) => Value::Int32(value),
        HostValue::DateTime(ticks) => Value::DateTime(DateTime { ticks, kind: 1 }),
        HostValue::TimeSpan(ticks) => Value::Span(ticks),
        HostValue::Guid(bytes) => Value::Guid(bytes),
        HostValue::Object(object) => Value::Host(object),
        HostValue::Texts(list) => {
            m.allocate(list.iter().map(String::len).sum())?;
            return m.array(known().string, list.into_iter().map(Value::from).collect());
        }
        HostValue::Objects(list) => {
            let element = list.first().map_or(known().object, |object| object.kind.ty());
            return m.array(element, list.into_iter().map(Value::Host).collect());
        }
        HostValue::Certificate(certificate, private) => {
            use base64::Engine as _;
            let private = private.and_then(|key| base64::engine::general_purpose::STANDARD.decode(key.expose()).ok());
            return super::crypto::certificates::from_host(m, &certificate, private.as_deref());
        }
        HostValue::Stored(stored) => stored.0,
    })
}

pub(super) fn lookup(m: &mut Machine<'_>, map: Host, key: &Value) -> Outcome<Option<Value>> {
    let Value::Text(name) = key else { return Ok(None) };
    match m.context.lookup(map, &name.to_str()) {
        Some(value) => from_host(m, value).map(Some),
        None => Ok(None),
    }
}

pub(super) fn entries(m: &mut Machine<'_>, map: Host) -> Outcome<Vec<(Value, Value)>> {
    let mut list = Vec::new();
    for (name, value) in m.context.entries(map) {
        let value = from_host(m, value)?;
        list.push((Value::from(name), value));
    }
    Ok(list)
}

/// The pairs of a map.
pub(super) fn pairs(m: &mut Machine<'_>, map: Host) -> Outcome<Vec<Value>> {
    if !is_map(map) {
        return Err(m.throw("InvalidCastException", "Specified cast is not valid."));
    }
    let pair = types::generic("KeyValuePair", map.kind.ty().arguments());
    let list = entries(m, map)?;
    Ok(list.into_iter().map(|(key, value)| m.object(Object::Record(pair, vec![key, value]))).collect())
}

/// `ToString()`: a URL is its text, everything else its type.
pub(super) fn text(m: &mut Machine<'_>, object: Host) -> Text {
    if object.kind == HostKind::Url
        && let HostValue::Text(text) = m.context.property(object, "ToString")
    {
        return Text::from(super::uri::display(&text));
    }
    Text::from(object.kind.ty().full_name())
}

pub(super) fn serialise(m: &mut Machine<'_>, object: Host, depth: usize) -> Outcome<Handle> {
    if !is_map(object) {
        let name = object.kind.ty().to_string();
        return Err(m.throw("JsonSerializationException", &format!("Serialising {name} is not emulated.")));
    }
    let made = json::add(m, Node::Object(indexmap::IndexMap::new()));
    for (name, value) in entries(m, object)? {
        let value = json::from_object(m, &value, depth + 1)?;
        if let Value::Text(name) = name {
            json::set_member(m, made, name, value)?;
        }
    }
    Ok(made)
}

fn body_bytes(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Bytes> {
    let Value::Host(body) = a.get(0) else { return Err(m.null_reference()) };
    match m.context.body(*body, a.truth(1)) {
        BodyState::NotReady => Err(Fault::NeedBody(*body)),
        BodyState::Consumed => {
            Err(m.throw("InvalidOperationException", "The body was read before without preserveContent: there is nothing left to read"))
        }
        BodyState::Ready(bytes) => {
            m.allocate(bytes.len())?;
            Ok(bytes)
        }
    }
}

fn body_text(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Text> {
    let bytes = body_bytes(m, a)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(&bytes);
    Ok(Text::from(&*String::from_utf8_lossy(text)))
}

fn body_as(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let ty = a.ty(0);
    let parser = match ty.definition().map(|definition| definition.name) {
        Some("String") => {
            let text = body_text(m, a)?;
            return m.text(text);
        }
        Some("JObject") => "JObject.Parse(string)",
        Some("JArray") => "JArray.Parse(string)",
        Some("JToken") => "JToken.Parse(string)",
        Some("XElement" | "XNode" | "XContainer") => "XElement.Parse(string)",
        Some("XDocument") => "XDocument.Parse(string)",
        _ if ty.element() == Some(known().byte) => {
            let bytes = body_bytes(m, a)?;
            return m.byte_array(&bytes);
        }
        _ => return Err(m.throw("NotSupportedException", &format!("A body cannot be read as {ty}"))),
    };
    let Some(native) = super::native(parser) else {
        return Err(m.throw("NotSupportedException", &format!("Reading a body as {ty} is not emulated")));
    };
    let text = Value::Text(Arc::new(body_text(m, a)?));
    native(m, Args { values: &[text], types: &[] })
}

fn form(m: &mut Machine<'_>, text: &Text) -> Outcome {
    let list_type = types::generic("IList", &[known().string]);
    let ty = types::generic("Dictionary", &[known().string, list_type]);
    let mut table = crate::expression::heap::Table::new(crate::expression::heap::KeyRule::Default);
    for pair in text.to_str().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (Value::from(super::uri::url_decode(name)), Value::from(super::uri::url_decode(value)));
        let hashed = super::key(m, &name, crate::expression::heap::KeyRule::Default)?;
        match table.get(&hashed).cloned() {
            Some(Value::Object(handle)) => {
                if let Some(Object::List(_, items)) = m.heap.get_mut(handle) {
                    items.push(value);
                }
            }
            _ => {
                let list = m.object(Object::List(types::generic("List", &[known().string]), vec![value]));
                table.set(hashed, name, list);
            }
        }
    }
    Ok(m.object(Object::Dictionary(ty, table)))
}

fn encoded_form(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<String> {
    if a.get(0).is_null() {
        return Ok(String::new());
    }
    let mut parts = Vec::new();
    for (name, list) in collections::entries(m, a.get(0))? {
        let name = to_text(m, &name)?;
        for value in super::linq::collect(m, &list)? {
            let value = to_text(m, &value)?;
            parts.push(format!("{}={}", super::uri::url_encode(&name.to_str()), super::uri::url_encode(&value.to_str())));
        }
    }
    Ok(parts.join("&"))
}

/// What the host may give for a date that is a string; kept here for hosts that read JSON.
pub(crate) fn ticks_of(text: &str) -> Option<i64> {
    let found = dates::parse(text, 0)?;
    Some(found.ticks - i64::from(found.offset.unwrap_or(0)) * 600_000_000)
}
