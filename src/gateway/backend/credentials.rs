//! What a backend entity adds to each request: headers, query parameters, a token.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::token::{NoIdentity, Slot};
use crate::gateway::message::query_pairs;

/// `credentials` of a backend, prepared.
#[derive(Debug, Default)]
pub struct Credentials {
    /// `header` and `authorization`: name and values.
    pub headers: Vec<(HeaderName, Vec<HeaderValue>)>,
    /// `query`: name and values, encoded.
    pub query: Vec<QueryParameter>,
    /// `managedIdentity`; the error if the service lacks that identity.
    pub managed_identity: Option<Result<Arc<Slot>, NoIdentity>>,
}

/// A query parameter with its values.
#[derive(Debug)]
pub struct QueryParameter {
    /// Its name, decoded.
    pub name: Box<str>,
    /// `name=value&name=value`, encoded.
    pub text: Box<str>,
}

impl Credentials {
    /// Puts the headers on a request; `token` is the managed identity's. They take the place of those that are there if `win`, else
    /// those that are there stay.
    pub fn apply(&self, headers: &mut HeaderMap, token: Option<&HeaderValue>, win: bool) {
        for (name, values) in &self.headers {
            if !win && headers.contains_key(name) {
                continue;
            }
            headers.remove(name);
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        if let Some(token) = token
            && (win || !headers.contains_key(AUTHORIZATION))
        {
            headers.insert(AUTHORIZATION, token.clone());
        }
    }

    /// Names of the headers that [`Credentials::apply`] may change.
    pub fn names(&self, token: bool) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name).chain(token.then_some(&AUTHORIZATION))
    }

    /// The query with the parameters; as it was if there are none.
    #[must_use]
    pub fn query<'q>(&self, query: Option<&'q str>, win: bool) -> Option<Cow<'q, str>> {
        if self.query.is_empty() {
            return query.map(Cow::Borrowed);
        }
        let mut out = String::new();
        let mut add = |text: &str| {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(text);
        };
        let own = |name: &str| self.query.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(name));
        let name_of = |part: &str| query_pairs(part).next().map(|(name, _)| name.into_owned()).unwrap_or_default();
        let parts = || query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
        for part in parts() {
            if !win || !own(&name_of(part)) {
                add(part);
            }
        }
        for parameter in &self.query {
            if win || !parts().any(|part| name_of(part).eq_ignore_ascii_case(&parameter.name)) {
                add(&parameter.text);
            }
        }
        Some(Cow::Owned(out))
    }
}
