//! Queries as text that is edited in place: what no policy touches goes on byte for byte.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What `Uri.EscapeDataString` leaves as it is (RFC 3986 unreserved characters).
const DATA: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// As a value or name in a query, or as one segment of a path.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, DATA).into()
}

/// A name or value of a query as it is meant.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    match spaced {
        Cow::Borrowed(text) => percent_decode_str(text).decode_utf8_lossy(),
        Cow::Owned(text) => percent_decode_str(&text).decode_utf8_lossy().into_owned().into(),
    }
}

/// Each `name=value` of a query as it is written, with its decoded name.
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| (unescape(pair.split_once('=').map_or(pair, |(name, _)| name)), pair))
}

/// Whether a parameter of that name is there. Names are compared as `context.Request.Url.Query` does: without regard to case.
pub(super) fn contains(query: &str, name: &str) -> bool {
    parameters(query).any(|(own, _)| own.eq_ignore_ascii_case(name))
}

/// Leaves out every parameter of that name. `None` if nothing is left.
pub(super) fn without(query: Option<String>, name: &str) -> Option<String> {
    let query = query?;
    if !contains(&query, name) {
        return Some(query).filter(|query| !query.is_empty());
    }
    let mut rest = String::with_capacity(query.len());
    for (own, pair) in parameters(&query) {
        if !own.eq_ignore_ascii_case(name) {
            push(&mut rest, pair);
        }
    }
    Some(rest).filter(|rest| !rest.is_empty())
}

/// Adds a pair that is encoded already.
pub(super) fn push(query: &mut String, pair: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(pair);
}

/// Adds a parameter.
pub(super) fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(&escape(name));
    query.push('=');
    query.push_str(&escape(value));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::message::query_pairs;

    proptest! {
        #[test]
        fn what_is_added_is_read_again_and_the_rest_stays_byte_for_byte(
            query in "([a-z%+=0-9]{1,6}&){0,5}", name in "\\PC{1,10}", values in prop::collection::vec("\\PC{0,10}", 0..3)
        ) {
            let before: Vec<&str> = parameters(&query).filter(|(own, _)| !own.eq_ignore_ascii_case(&name)).map(|(_, pair)| pair).collect();
            let mut edited = without(Some(query.clone()), &name).unwrap_or_default();
            for value in &values {
                append(&mut edited, &name, value);
            }
            let after: Vec<&str> = parameters(&edited).map(|(_, pair)| pair).collect();
            prop_assert_eq!(&after[..before.len()], &before[..]);
            let added: Vec<(String, String)> =
                after[before.len()..].iter().flat_map(|pair| query_pairs(pair)).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            let expected: Vec<(String, String)> = values.iter().map(|value| (name.clone(), value.clone())).collect();
            prop_assert_eq!(added, expected);
            let target = format!("/?{edited}");
            prop_assert!(target.parse::<http::uri::PathAndQuery>().is_ok());
            prop_assert_eq!(contains(&edited, &name), !values.is_empty());
        }
    }
}
