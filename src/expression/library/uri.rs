//! `Uri` and `WebUtility`.

use super::basics::{instance_equals, instance_text};
use super::{Args, Machine, Members, Outcome};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::Value;

pub(crate) mod relations;

pub(super) const MEMBERS: Members = &[
    ("Uri.EscapeDataString", |m, a| {
        let text = m.string(a, 0, "stringToEscape")?;
        m.text(Text::from(escape(&text.to_str(), "")))
    }),
    ("Uri.EscapeUriString", |m, a| {
        let text = m.string(a, 0, "stringToEscape")?;
        m.text(Text::from(escape(&text.to_str(), ";/?:@&=+$,#[]!'()*")))
    }),
    ("Uri.UnescapeDataString", |m, a| {
        let text = m.string(a, 0, "stringToUnescape")?;
        m.text(Text::from(unescape(&text.to_str(), false)))
    }),
    ("Uri.new(string)", |m, a| {
        let text = m.string(a, 0, "uriString")?;
        new(m, &text.to_str())
    }),
    ("Uri.AbsoluteUri", |m, a| with(m, a, |url| url.as_str().to_owned())),
    ("Uri.AbsolutePath", |m, a| with(m, a, |url| url.path().to_owned())),
    ("Uri.LocalPath", |m, a| with(m, a, |url| unescape(url.path(), false))),
    ("Uri.PathAndQuery", |m, a| with(m, a, |url| url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path())))),
    ("Uri.Query", |m, a| with(m, a, |url| url.query().map_or(String::new(), |query| format!("?{query}")))),
    ("Uri.Fragment", |m, a| with(m, a, |url| url.fragment().map_or(String::new(), |fragment| format!("#{fragment}")))),
    ("Uri.Host", |m, a| with(m, a, |url| url.host_str().unwrap_or_default().to_owned())),
    ("Uri.DnsSafeHost", |m, a| with(m, a, |url| url.host_str().unwrap_or_default().to_owned())),
    ("Uri.Scheme", |m, a| with(m, a, |url| url.scheme().to_owned())),
    ("Uri.UserInfo", |m, a| {
        with(m, a, |url| url.password().map_or(url.username().to_owned(), |password| format!("{}:{password}", url.username())))
    }),
    ("Uri.Authority", |m, a| {
        with(m, a, |url| {
            url.port()
                .map_or(url.host_str().unwrap_or_default().to_owned(), |port| format!("{}:{port}", url.host_str().unwrap_or_default()))
        })
    }),
    ("Uri.Port", |m, a| parsed(m, a).map(|url| Value::Int32(url.port_or_known_default().map_or(-1, i32::from)))),
    ("Uri.IsDefaultPort", |m, a| parsed(m, a).map(|url| Value::Boolean(url.port().is_none()))),
    ("Uri.IsAbsoluteUri", |m, a| match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(Value::Boolean(matches!(fields.first(), Some(Value::Text(_))))),
        _ => Err(m.null_reference()),
    }),
    ("Uri.OriginalString", |m, a| match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => Ok(fields.get(1).cloned().unwrap_or(Value::Null)),
        _ => Err(m.null_reference()),
    }),
    ("Uri.Segments", |m, a| {
        let url = parsed(m, a)?;
        let segments = url.path().split_inclusive('/').map(Text::from).collect();
        m.text_array(segments)
    }),
    ("Uri.ToString()", |m, a| instance_text(m, a)),
    ("Uri.Equals", |m, a| instance_equals(m, a)),
    ("Uri.op_Equality", |m, a| super::equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("Uri.op_Inequality", |m, a| super::equals(m, a.get(0), a.get(1)).map(|equal| Value::Boolean(!equal))),
    ("WebUtility.UrlEncode", |m, a| match a.text(0) {
        Some(text) => m.text(Text::from(url_encode(&text.to_str()))),
        None => Ok(Value::Null),
    }),
    ("WebUtility.UrlEncodeToBytes", |m, a| web_bytes(m, a, true)),
    ("WebUtility.UrlDecodeToBytes", |m, a| web_bytes(m, a, false)),
    ("WebUtility.HtmlEncode(string,TextWriter)", |m, a| written(m, a, "WebUtility.HtmlEncode(string)")),
    ("WebUtility.HtmlDecode(string,TextWriter)", |m, a| written(m, a, "WebUtility.HtmlDecode(string)")),
    ("WebUtility.UrlDecode", |m, a| match a.text(0) {
        Some(text) => m.text(Text::from(url_decode(&text.to_str()))),
        None => Ok(Value::Null),
    }),
    ("WebUtility.HtmlEncode(string)", |m, a| match a.text(0) {
        Some(text) => {
            let mut out = String::new();
            for character in text.to_str().chars() {
                match character {
                    '&' => out.push_str("&amp;"),
                    '<' => out.push_str("&lt;"),
                    '>' => out.push_str("&gt;"),
                    '"' => out.push_str("&quot;"),
                    '\'' => out.push_str("&#39;"),
                    '\u{a0}'..='\u{ff}' => out.push_str(&format!("&#{};", character as u32)),
                    other if other as u32 > 0xffff => out.push_str(&format!("&#{};", other as u32)),
                    other => out.push(other),
                }
            }
            m.text(Text::from(out))
        }
        None => Ok(Value::Null),
    }),
    ("WebUtility.HtmlDecode(string)", |m, a| match a.text(0) {
        Some(text) => m.text(Text::from(html_decode(&text.to_str()))),
        None => Ok(Value::Null),
    }),
];

fn web_bytes(m: &mut Machine<'_>, a: Args<'_>, encode: bool) -> Outcome {
    if a.get(0).is_null() {
        return Ok(Value::Null);
    }
    let bytes = m.bytes(a.get(0), "bytes")?;
    let (start, count) = super::strings::range(m, bytes.len(), a.int(1), a.int(2))?;
    let part = &bytes[start..start + count];
    let made = if encode { url_encode_bytes(part).into_bytes() } else { unescape_bytes(part, true) };
    m.byte_array(&made)
}

/// What a member gives for its first argument, written to the writer that is the second.
fn written(m: &mut Machine<'_>, a: Args<'_>, name: &str) -> Outcome {
    if a.get(1).is_null() {
        return Err(m.argument_null("output"));
    }
    let text = match super::native(name) {
        Some(native) => native(m, Args { values: &a.values[..1], types: &[] })?,
        None => Value::Null,
    };
    if let Value::Text(text) = text {
        super::readers::append(m, a.get(1), &text)?;
    }
    Ok(Value::Null)
}

fn html_decode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let found = rest[1..].find([';', '&']).filter(|end| rest.as_bytes().get(end + 1) == Some(&b';')).and_then(|end| {
            let name = &rest[1..=end];
            let character = match name {
                "amp" => Some('&'),
                "lt" => Some('<'),
                "gt" => Some('>'),
                "quot" => Some('"'),
                "apos" => Some('\''),
                "nbsp" => Some('\u{a0}'),
                "copy" => Some('©'),
                "reg" => Some('®'),
                "euro" => Some('€'),
                _ => {
                    let digits = name.strip_prefix('#')?;
                    let code = match digits.strip_prefix(['x', 'X']) {
                        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                        None => digits.parse().ok()?,
                    };
                    char::from_u32(code)
                }
            };
            character.map(|character| (character, end + 2))
        });
        match found {
            Some((character, length)) => {
                out.push(character);
                rest = &rest[length..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn escape(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric() || "-_.~".contains(character) || byte < 128 && kept.contains(character) {
            out.push(character);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescape(text: &str, plus: bool) -> String {
    String::from_utf8_lossy(&unescape_bytes(text.as_bytes(), plus)).into_owned()
}

fn unescape_bytes(bytes: &[u8], plus: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match (bytes[at], hex) {
            (b'%', Some(digits)) => {
                out.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
                at += 3;
            }
            (b'+', _) if plus => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// `WebUtility.UrlEncode`: blanks are `+`.
pub(super) fn url_encode(text: &str) -> String {
    url_encode_bytes(text.as_bytes())
}

fn url_encode_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes.iter().copied() {
        let character = char::from(byte);
        if character.is_ascii_alphanumeric() || "-_.!*()".contains(character) {
            out.push(character);
        } else if byte == b' ' {
            out.push('+');
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `WebUtility.UrlDecode`.
pub(super) fn url_decode(text: &str) -> String {
    unescape(text, true)
}

/// A URL as `Uri.ToString()` shows it: escapes are undone but for what would change its meaning.
pub(super) fn display(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = 3 * rest.as_bytes().chunks(3).take_while(|part| part.first() == Some(&b'%') && part.len() == 3).count();
        let run = rest.get(..length).unwrap_or_default();
        if run.is_empty() {
            out.push('%');
            rest = &rest[1..];
            continue;
        }
        for character in unescape(run, false).chars() {
            if character == '\u{fffd}' || character.is_ascii_control() || ";/?:@&=+$,#[]%\\\"<>".contains(character) {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    out.push_str(&format!("%{byte:02X}"));
                }
            } else {
                out.push(character);
            }
        }
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// A new absolute `Uri`.
pub(super) fn new(m: &mut Machine<'_>, text: &str) -> Outcome {
    match url::Url::parse(text.trim()) {
        Ok(url) => {
            let ty = types::named("Uri");
            Ok(m.object(Object::Opaque(ty, vec![Value::from(url.as_str()), Value::from(text)])))
        }
        Err(_) if text.is_empty() => Err(m.throw("UriFormatException", "Invalid URI: The URI is empty.")),
        Err(_) => Err(m.throw("UriFormatException", "Invalid URI: The format of the URI could not be determined.")),
    }
}

fn parsed(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<url::Url> {
    let text = match m.object_of(a.get(0))? {
        Object::Opaque(_, fields) => fields.first().cloned(),
        _ => None,
    };
    match text {
        Some(Value::Text(text)) => url::Url::parse(&text.to_str()).map_err(|_| m.null_reference()),
        Some(Value::Null) => Err(m.throw("InvalidOperationException", "This operation is not supported for a relative URI.")),
        _ => Err(m.null_reference()),
    }
}

fn with(m: &mut Machine<'_>, a: Args<'_>, work: fn(&url::Url) -> String) -> Outcome {
    let url = parsed(m, a)?;
    m.text(Text::from(work(&url)))
}
