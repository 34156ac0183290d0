//! `Jwt` and `BasicAuthCredentials`: parsing only, no signature is checked.

use base64::Engine as _;

use super::json::{self, Node};
use super::{Args, Machine, Members, Outcome, to_text};
use crate::expression::heap::{KeyRule, Object, Table};
use crate::expression::text::Text;
use crate::expression::types::{self, known};
use crate::expression::value::{DateTime, Handle, Value};

pub(super) const MEMBERS: Members = &[
    ("ContextExtensions.AsJwt", |m, a| as_jwt(m, a)),
    ("ContextExtensions.TryParseJwt", |m, a| {
        let found = as_jwt(m, a)?;
        m.set_cell(a.get(1), found.clone());
        Ok(Value::Boolean(!found.is_null()))
    }),
    ("ContextExtensions.AsBasic", |m, a| as_basic(m, a)),
    ("ContextExtensions.TryParseBasic", |m, a| {
        let found = as_basic(m, a)?;
        m.set_cell(a.get(1), found.clone());
        Ok(Value::Boolean(!found.is_null()))
    }),
    ("Jwt.Algorithm", |m, a| field(m, a, 0)),
    ("Jwt.Type", |m, a| field(m, a, 1)),
    ("Jwt.Audiences", |m, a| field(m, a, 2)),
    ("Jwt.Claims", |m, a| field(m, a, 3)),
    ("Jwt.ExpirationTime", |m, a| field(m, a, 4)),
    ("Jwt.IssuedAt", |m, a| field(m, a, 5)),
    ("Jwt.NotBefore", |m, a| field(m, a, 6)),
    ("Jwt.Id", |m, a| field(m, a, 7)),
    ("Jwt.Issuer", |m, a| field(m, a, 8)),
    ("Jwt.Subject", |m, a| field(m, a, 9)),
    ("BasicAuthCredentials.UserId", |m, a| field(m, a, 0)),
    ("BasicAuthCredentials.Username", |m, a| field(m, a, 0)),
    ("BasicAuthCredentials.Password", |m, a| field(m, a, 1)),
];

fn field(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(fields.get(index).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }
}

fn part(m: &mut Machine<'_>, text: &str) -> Option<Handle> {
    let clean = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let config = base64::engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);
    let bytes = base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, config).decode(clean).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let handle = json::read::parse(m, &Text::from(text)).ok()?;
    matches!(json::node(m, handle).map(|json| &json.node), Some(Node::Object(_))).then_some(handle)
}

fn as_jwt(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    match a.text(0) {
        Some(text) => parse(m, &text.to_str()),
        None => Ok(Value::Null),
    }
}

/// A `Jwt` of the text, or null.
pub(crate) fn parse(m: &mut Machine<'_>, text: &str) -> Outcome {
    let token = if text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer ")) { &text[7..] } else { text };
    let parts: Vec<&str> = token.split('.').collect();
    let ([head, body] | [head, body, ..]) = parts.as_slice() else { return Ok(Value::Null) };
    let (Some(head), Some(body)) = (part(m, head), part(m, body)) else { return Ok(Value::Null) };
    let get = |m: &Machine<'_>, object, name: &str| json::member(m, object, &Text::from(name));
    let text_of = |m: &mut Machine<'_>, object, name: &str| -> Outcome {
        match get(m, object, name).and_then(|handle| json::plain(m, handle)) {
            Some(Value::Null) | None => Ok(Value::Null),
            Some(value) => to_text(m, &value).map(Value::from),
        }
    };
    let date_of = |m: &Machine<'_>, name: &str| -> Value {
        match get(m, body, name).and_then(|handle| json::plain(m, handle)) {
            Some(value @ (Value::Int64(_) | Value::Double(_))) => {
                let seconds = super::numbers::real(&value);
                Value::DateTime(DateTime { ticks: super::dates::UNIX + (seconds * 1000.0).round() as i64 * 10_000, kind: 1 })
            }
            _ => Value::Null,
        }
    };
    let mut claims = Table::new(KeyRule::Default);
    let members = match json::node(m, body).map(|json| json.node.clone()) {
        Some(Node::Object(members)) => members,
        _ => return Ok(Value::Null),
    };
    let mut audiences = None;
    for (name, property) in members {
        let Some(value) = json::value_of(m, property) else { continue };
        let values = match json::node(m, value).map(|json| json.node.clone()) {
            Some(Node::Array(items)) => items,
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for value in values {
            texts.push(match json::plain(m, value) {
                Some(plain) => to_text(m, &plain)?,
                None => match json::write::text(m, value, false)? {
                    Value::Text(text) => (*text).clone(),
                    _ => Text::from(""),
                },
            });
        }
        let list = m.text_array(texts)?;
        if name.to_str() == "aud" {
            audiences = Some(list.clone());
        }
        let key = Value::Text(name);
        let hashed = super::key(m, &key, KeyRule::Default)?;
        claims.set(hashed, key, list);
    }
    let audiences = match audiences {
        Some(list) => list,
        None => m.text_array(Vec::new())?,
    };
    let ty = types::generic("IReadOnlyDictionary", &[known().string, types::array(known().string)]);
    let claims = m.object(Object::Dictionary(ty, claims));
    let fields = vec![
        text_of(m, head, "alg")?,
        text_of(m, head, "typ")?,
        audiences,
        claims,
        date_of(m, "exp"),
        date_of(m, "iat"),
        date_of(m, "nbf"),
        text_of(m, body, "jti")?,
        text_of(m, body, "iss")?,
        text_of(m, body, "sub")?,
    ];
    Ok(m.object(Object::Opaque(types::named("Jwt"), fields)))
}

fn as_basic(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let Some(text) = a.text(0) else { return Ok(Value::Null) };
    let text = text.to_str().into_owned();
    let Some(encoded) = text.get(..6).filter(|start| start.eq_ignore_ascii_case("basic ")).and_then(|_| text.get(6..)) else {
        return Ok(Value::Null);
    };
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => {
            let fields = vec![Value::from(user), Value::from(password)];
            Ok(m.object(Object::Opaque(types::named("BasicAuthCredentials"), fields)))
        }
        None => Ok(Value::Null),
    }
}
