//! What `Content-Type` and `Accept` say of JSON and XML.

use http::header::HeaderValue;

/// The media type alone, lower case.
fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn names(text: &str, kind: &str) -> bool {
    let essence = essence(text);
    match essence.split_once('/') {
        Some(("application" | "text", subtype)) if subtype == kind => true,
        Some((_, subtype)) => subtype.rsplit_once('+').is_some_and(|(_, suffix)| suffix == kind),
        None => false,
    }
}

fn is(value: Option<&HeaderValue>, kind: &str) -> bool {
    value.and_then(|value| value.to_str().ok()).is_some_and(|text| names(text, kind))
}

/// `application/json`, `text/json`, or a type that ends with `+json`.
pub(super) fn is_json(content_type: Option<&HeaderValue>) -> bool {
    is(content_type, "json")
}

/// `application/xml`, `text/xml`, or a type that ends with `+xml`.
pub(super) fn is_xml(content_type: Option<&HeaderValue>) -> bool {
    is(content_type, "xml")
}

/// Whether one of the types that are asked for is of the kind (`json` or `xml`); a type with `q=0` is not asked for.
pub(super) fn accepts<'a>(accept: impl Iterator<Item = &'a HeaderValue>, kind: &str) -> bool {
    accept.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).any(|item| {
        let refused = item.split(';').skip(1).filter_map(|part| part.trim().strip_prefix("q=")).any(|q| q.trim().parse() == Ok(0.0_f32));
        !refused && names(item, kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        let json = |text| is_json(Some(&HeaderValue::from_static(text)));
        assert!(json("application/json; charset=utf-8") && json("text/JSON") && json("application/problem+json"));
        assert!(!json("application/xml") && !json("application/jsonp") && !json("json") && !is_json(None));
        let accepts = |text| accepts([&HeaderValue::from_static(text)].into_iter(), "xml");
        assert!(accepts("text/html, application/xml;q=0.9"));
        assert!(!accepts("application/xml;q=0, */*"));
    }
}
