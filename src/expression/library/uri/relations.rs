//! Relative URLs, their combination, and the static helpers of `Uri`. A relative `Uri` has null in the place of its absolute form.

use super::{new, parsed};
use crate::expression::heap::Object;
use crate::expression::library::Members;
use crate::expression::library::basics::hash_code;
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

macro_rules! constant {
    ($name:literal, $text:literal) => {
        (concat!("Uri.", $name), |_, _| Ok(Value::from($text)))
    };
}

/// `UriHostNameType`.
const UNKNOWN: i64 = 0;
const BASIC: i64 = 1;
const DNS: i64 = 2;
const IP4: i64 = 3;
const IP6: i64 = 4;

pub(in crate::expression::library) const MEMBERS: Members = &[
    constant!("SchemeDelimiter", "://"),
    constant!("UriSchemeFile", "file"),
    constant!("UriSchemeFtp", "ftp"),
    constant!("UriSchemeGopher", "gopher"),
    constant!("UriSchemeHttp", "http"),
    constant!("UriSchemeHttps", "https"),
    constant!("UriSchemeMailto", "mailto"),
    constant!("UriSchemeNetPipe", "net.pipe"),
    constant!("UriSchemeNetTcp", "net.tcp"),
    constant!("UriSchemeNews", "news"),
    constant!("UriSchemeNntp", "nntp"),
    ("Uri.new(string,bool)", |m, a| {
        let text = m.string(a, 0, "uriString")?;
        new(m, &text.to_str())
    }),
    ("Uri.new(string,UriKind)", |m, a| {
        let text = m.string(a, 0, "uriString")?;
        of_kind(m, &text.to_str(), a.get(1).integer())
    }),
    ("Uri.new(Uri,string)", |m, a| combined(m, a)),
    ("Uri.new(Uri,string,bool)", |m, a| combined(m, a)),
    ("Uri.new(Uri,Uri)", |m, a| combined(m, a)),
    ("Uri.TryCreate(string,UriKind,Uri)", |m, a| {
        let made = match a.text(0) {
            Some(text) => of_kind(m, &text.to_str(), a.get(1).integer()),
            None => Ok(Value::Null),
        };
        tried(m, a, made)
    }),
    ("Uri.TryCreate(Uri,string,Uri)", |m, a| {
        let made = if a.get(1).is_null() { Ok(Value::Null) } else { combined(m, a) };
        tried(m, a, made)
    }),
    ("Uri.TryCreate(Uri,Uri,Uri)", |m, a| {
        let made = combined(m, a);
        tried(m, a, made)
    }),
    ("Uri.IsWellFormedUriString", |_, a| {
        let Some(text) = a.text(0) else { return Ok(Value::Boolean(false)) };
        let text = text.to_str();
        let clean = !text.contains([' ', '<', '>', '"', '{', '}', '|', '\\', '^', '`']) && !text.is_empty() && text.is_ascii();
        let absolute = url::Url::parse(&text).is_ok();
        Ok(Value::Boolean(clean && (absolute && a.get(1).integer() != 2 || !absolute && a.get(1).integer() != 1)))
    }),
    ("Uri.IsWellFormedOriginalString()", |m, a| {
        let text = original(m, a.get(0))?;
        Ok(Value::Boolean(!text.contains([' ', '<', '>', '"', '{', '}', '|', '\\', '^', '`'])))
    }),
    ("Uri.CheckSchemeName", |_, a| {
        let valid = a.text(0).is_some_and(|text| {
            let text = text.to_str();
            text.starts_with(|first: char| first.is_ascii_alphabetic())
                && text.chars().all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
        });
        Ok(Value::Boolean(valid))
    }),
    ("Uri.CheckHostName", |_, a| {
        let kind = a.text(0).map_or(UNKNOWN, |text| host_kind(&text.to_str()));
        Ok(Value::Enum(types::named("UriHostNameType"), kind))
    }),
    ("Uri.HostNameType", |m, a| {
        let url = parsed(m, a)?;
        let kind = match url.host_str().unwrap_or_default() {
            "" if url.scheme() == "file" => BASIC,
            host => host_kind(host.trim_matches(['[', ']'])),
        };
        Ok(Value::Enum(types::named("UriHostNameType"), kind))
    }),
    ("Uri.IsFile", |m, a| parsed(m, a).map(|url| Value::Boolean(url.scheme() == "file"))),
    ("Uri.IsUnc", |m, a| parsed(m, a).map(|url| Value::Boolean(url.scheme() == "file" && url.host().is_some()))),
    ("Uri.IsLoopback", |m, a| {
        parsed(m, a).map(|url| {
            Value::Boolean(match url.host() {
                Some(url::Host::Domain(name)) => name == "localhost" || name == "loopback",
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                None => url.scheme() == "file",
            })
        })
    }),
    ("Uri.UserEscaped", |m, a| original(m, a.get(0)).map(|_| Value::Boolean(false))),
    ("Uri.IdnHost", |m, a| parsed(m, a).map(|url| Value::from(url.host_str().unwrap_or_default()))),
    ("Uri.GetHashCode()", |m, a| hash_code(m, a)),
    ("Uri.FromHex", |m, a| match digit(a.get(0)) {
        Some(value) => Ok(Value::Int32(value)),
        None => Err(m.throw("ArgumentException", "digit")),
    }),
    ("Uri.IsHexDigit", |_, a| Ok(Value::Boolean(digit(a.get(0)).is_some()))),
    ("Uri.HexEscape", |m, a| match a.get(0).integer() {
        unit @ 0..=255 => Ok(Value::from(format!("%{unit:02X}"))),
        _ => Err(m.out_of_range("character", "Specified argument was out of the range of valid values.")),
    }),
    ("Uri.IsHexEncoding", |m, a| {
        let text = m.string(a, 0, "pattern")?;
        match usize::try_from(a.int(1)) {
            Ok(at) => Ok(Value::Boolean(hex_at(&text, at).is_some())),
            Err(_) => Err(m.throw("IndexOutOfRangeException", "Index was outside the bounds of the array.")),
        }
    }),
    ("Uri.HexUnescape", |m, a| {
        let text = m.string(a, 0, "pattern")?;
        let at = match a.get(1) {
            Value::Object(cell) => match m.heap.get(*cell) {
                Object::Cell(index) => usize::try_from(index.integer()).unwrap_or(usize::MAX),
                _ => 0,
            },
            _ => 0,
        };
        if at >= text.len() {
            return Err(m.out_of_range("index", "Specified argument was out of the range of valid values."));
        }
        let (unit, next) = hex_at(&text, at).map_or((text.at(at), at + 1), |unit| (unit, at + 3));
        m.set_cell(a.get(1), Value::size(next));
        Ok(Value::Char(unit))
    }),
    ("Uri.GetLeftPart", |m, a| {
        let url = parsed(m, a)?;
        let scheme = format!("{}://", url.scheme());
        let user = match (url.username(), url.password()) {
            ("", None) => String::new(),
            (user, None) => format!("{user}@"),
            (user, Some(password)) => format!("{user}:{password}@"),
        };
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let authority = format!("{scheme}{user}{}{port}", url.host_str().unwrap_or_default());
        let query = url.query().map_or(String::new(), |query| format!("?{query}"));
        Ok(Value::from(match a.get(1).integer() {
            0 => scheme,
            1 => authority,
            2 => format!("{authority}{}", url.path()),
            _ => format!("{authority}{}{query}", url.path()),
        }))
    }),
    ("Uri.IsBaseOf", |m, a| {
        let base = parsed(m, a)?;
        if a.get(1).is_null() {
            return Err(m.argument_null("uri"));
        }
        let other = parsed(m, Args { values: &[a.get(1).clone()], types: &[] })?;
        let folder = base.path().rsplit_once('/').map_or("/", |(folder, _)| folder);
        Ok(Value::Boolean(same_origin(&base, &other) && other.path().starts_with(folder)))
    }),
    ("Uri.MakeRelativeUri", |m, a| match relative_path(m, a)? {
        Some(path) => {
            let other = parsed(m, Args { values: &[a.get(1).clone()], types: &[] })?;
            let query = other.query().map_or(String::new(), |query| format!("?{query}"));
            let fragment = other.fragment().map_or(String::new(), |fragment| format!("#{fragment}"));
            relative_uri(m, &format!("{path}{query}{fragment}"))
        }
        None => Ok(a.get(1).clone()),
    }),
    // The older one looks at the paths alone.
    ("Uri.MakeRelative", |m, a| match relative_path(m, a)? {
        Some(text) => Ok(Value::from(text)),
        None => {
            let text = crate::expression::library::to_text(m, a.get(1))?;
            m.text(text)
        }
    }),
];

fn same_origin(one: &url::Url, two: &url::Url) -> bool {
    one.scheme() == two.scheme() && one.host() == two.host() && one.port() == two.port()
}

fn original(m: &mut Machine<'_>, value: &Value) -> Outcome<String> {
    match m.object_of(value)? {
        Object::Opaque(_, fields) => match fields.get(1) {
            Some(Value::Text(text)) => Ok(text.to_str().into_owned()),
            _ => Ok(String::new()),
        },
        _ => Err(m.null_reference()),
    }
}

fn relative_uri(m: &mut Machine<'_>, text: &str) -> Outcome {
    m.allocate(text.len())?;
    if url::Url::parse(text).is_ok() {
        return new(m, text);
    }
    Ok(m.object(Object::Opaque(types::named("Uri"), vec![Value::Null, Value::from(text)])))
}

/// `UriKind`: 0 either, 1 absolute, 2 relative.
fn of_kind(m: &mut Machine<'_>, text: &str, kind: i64) -> Outcome {
    let absolute = url::Url::parse(text.trim()).is_ok();
    match (kind, absolute) {
        (2, true) => {
            let message = "A relative URI cannot be created because the 'uriString' parameter represents an absolute URI.";
            Err(m.throw("UriFormatException", message))
        }
        (1, _) | (_, true) => new(m, text),
        _ => relative_uri(m, text),
    }
}

fn combined(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.argument_null("baseUri"));
    }
    let base = match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) if matches!(fields.first(), Some(Value::Null)) => {
            return Err(m.throw(
                "ArgumentOutOfRangeException",
                "Specified argument was out of the range of valid values.\nParameter name: baseUri",
            ));
        }
        _ => parsed(m, a)?,
    };
    let text = match a.get(1) {
        Value::Text(text) => text.to_str().into_owned(),
        Value::Null => String::new(),
        other => original(m, other)?,
    };
    match base.join(&text) {
        Ok(url) => new(m, url.as_str()),
        Err(_) => Err(m.throw("UriFormatException", "Invalid URI: The hostname could not be parsed.")),
    }
}

/// The end of `TryCreate`: an exception means that there is none.
fn tried(m: &mut Machine<'_>, a: Args<'_>, made: Outcome) -> Outcome {
    let made = match made {
        Ok(made) => made,
        Err(crate::expression::machine::Fault::Thrown(_)) => Value::Null,
        Err(fault) => return Err(fault),
    };
    let there = !made.is_null();
    m.set_cell(a.get(2), made);
    Ok(Value::Boolean(there))
}

/// From one path to another, as .NET writes it: up to the last folder that both have, then down.
fn path_difference(from: &str, to: &str) -> String {
    let same = from.bytes().zip(to.bytes()).take_while(|(one, two)| one == two).count();
    if same == from.len() && same == to.len() {
        return String::new();
    }
    let Some(folder) = from.get(..same).and_then(|common| common.rfind('/')) else { return to.to_owned() };
    let up = from.get(same..).unwrap_or_default().matches('/').count();
    if up == 0 && to.len() == folder + 1 {
        return "./".to_owned();
    }
    format!("{}{}", "../".repeat(up), to.get(folder + 1..).unwrap_or_default())
}

fn digit(value: &Value) -> Option<i32> {
    char::from_u32(u32::try_from(value.integer()).ok()?)?.to_digit(16).and_then(|digit| i32::try_from(digit).ok())
}

fn hex_at(text: &Text, at: usize) -> Option<u16> {
    if text.at(at) != u16::from(b'%') || at.checked_add(2)? >= text.len() {
        return None;
    }
    let digit = |index: usize| char::from_u32(u32::from(text.at(index)))?.to_digit(16);
    u16::try_from(digit(at + 1)? * 16 + digit(at + 2)?).ok()
}

fn host_kind(name: &str) -> i64 {
    if name.is_empty() {
        UNKNOWN
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        IP4
    } else if name.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>().is_ok() {
        IP6
    } else if name.split('.').all(|label| {
        !label.is_empty()
            && label.chars().all(|character| character.is_alphanumeric() || character == '-' || character == '_')
            && !label.starts_with('-')
    }) {
        DNS
    } else {
        UNKNOWN
    }
}

/// The path from one URL to another; nothing if they have no common origin.
fn relative_path(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<Option<String>> {
    let base = parsed(m, a)?;
    if a.get(1).is_null() {
        return Err(m.argument_null("uri"));
    }
    let other = parsed(m, Args { values: &[a.get(1).clone()], types: &[] })?;
    if !same_origin(&base, &other) {
        return Ok(None);
    }
    let text = path_difference(base.path(), other.path());
    m.allocate(text.len())?;
    Ok(Some(text))
}
