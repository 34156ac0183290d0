//! `context` in a template: what the set-body page lists, and `Variables`, which documents in the wild read.

use http::HeaderMap;
use indexmap::IndexMap;

use super::Value;
use super::value::from_json;
use crate::expression::HostValue;
use crate::gateway::exchange::{Exchange, header_text};
use crate::gateway::message::{RequestUrl, query_pairs};

fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn headers(headers: &HeaderMap) -> Value {
    let mut all: IndexMap<String, Value> = IndexMap::new();
    for name in headers.keys() {
        let values: Vec<String> = headers.get_all(name).iter().map(header_text).collect();
        all.insert(name.as_str().to_owned(), Value::from(values.join(",")));
    }
    Value::map(all)
}

fn url(url: &RequestUrl) -> Value {
    let query = url.query.as_deref().unwrap_or_default();
    let parameters = query_pairs(query).map(|(name, value)| (name.into_owned(), Value::from(&*value))).collect();
    let text = Value::from(url.text());
    map([
        ("Scheme", Value::from(if url.base.https { "https" } else { "http" })),
        ("Host", Value::from(url.base.host.as_str())),
        ("Port", Value::Integer(i64::from(url.base.port.unwrap_or(if url.base.https { 443 } else { 80 })))),
        ("Path", Value::from(format!("{}{}", url.base.path, url.path))),
        ("Query", Value::map(parameters)),
        ("QueryString", Value::from(if query.is_empty() { String::new() } else { format!("?{query}") })),
        ("ToUri", text.clone()),
        ("ToString", text),
    ])
}

fn variables(exchange: &mut Exchange) -> Value {
    let all: Vec<(String, HostValue)> = exchange.variables.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let mut heap = std::mem::take(&mut exchange.heap);
    let mut members = IndexMap::new();
    for (name, value) in all {
        let value = match value {
            HostValue::Text(text) => Value::from(text),
            HostValue::Boolean(truth) => Value::Boolean(truth),
            HostValue::Integer(number) => Value::Integer(i64::from(number)),
            HostValue::Stored(stored) => stored.json(&mut heap, exchange).map_or(Value::Nil, |json| from_json(json, false)),
            _ => Value::Nil,
        };
        members.insert(name, value);
    }
    exchange.heap = heap;
    Value::map(members)
}

/// `context`.
pub(in crate::gateway::execute) fn context(exchange: &mut Exchange) -> Value {
    let variables = variables(exchange);
    let method = Value::from(exchange.request.method.as_str());
    let matched = exchange.matched.iter().map(|(name, value)| (name.to_string(), Value::from(value.as_str()))).collect();
    let original = exchange.original_url();
    let request = map([
        ("Url", url(&exchange.request.url)),
        ("Method", method.clone()),
        ("OriginalMethod", Value::from(exchange.original.method.as_str())),
        ("OriginalUrl", url(&original)),
        ("IpAddress", Value::from(exchange.peer.address.ip().to_string())),
        ("MatchedParameters", Value::map(matched)),
        ("HasBody", Value::Boolean(exchange.request.had_body)),
        ("Headers", headers(&exchange.request.headers)),
    ]);
    let response = exchange.response.as_ref().map_or(Value::Nil, |response| {
        map([
            ("StatusCode", Value::Integer(i64::from(response.status.as_u16()))),
            ("Method", method),
            ("Headers", headers(&response.headers)),
        ])
    });
    map([("Request", request), ("Response", response), ("Variables", variables)])
}
