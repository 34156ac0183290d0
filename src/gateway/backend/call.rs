//! Calls that a policy makes on its own to a backend entity: embeddings for the semantic cache, Content Safety.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};

use super::token::subject;
use super::{Kind, Single};
use crate::gateway::body::Body;
use crate::gateway::failure::Failure;
use crate::gateway::settings::Settings;
use crate::gateway::snapshot::{BackendIndex, Snapshot};
use crate::gateway::state::State;
use crate::gateway::upstream::{SendOptions, Upstream};

/// Documented audience of Azure AI services.
pub const COGNITIVE_SERVICES: &str = "https://cognitiveservices.azure.com";
/// How long such a call may take (assumed).
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a call is made with. Borrowed from the worker and the snapshot, so that it can be made beside the request.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Connections.
    pub upstream: &'a Upstream,
    /// State.
    pub state: &'a State,
    /// Disputed behaviours.
    pub settings: &'a Settings,
    /// Backends.
    pub snapshot: &'a Snapshot,
    /// Largest answer that is read, in bytes.
    pub limit: usize,
}

impl Caller<'_> {
    fn single(&self, index: BackendIndex) -> Result<&Single, Failure> {
        let failure = |text: String| Failure::internal("BackendConnectionFailure", text);
        let backend = self.snapshot.backend(index).ok_or_else(|| failure("The backend is gone.".to_owned()))?;
        match &backend.kind {
            Kind::Single(single) => Ok(single),
            Kind::Unusable(reason) => Err(failure(reason.to_string())),
            Kind::Pool(pool) => {
                let chosen = pool.choose(self.snapshot, &HeaderMap::new(), self.settings.weighted_choice, &*self.state.random);
                match chosen.ok().and_then(|choice| self.snapshot.backend(choice.backend)).map(|backend| &backend.kind) {
                    Some(Kind::Single(single)) => Ok(single),
                    _ => Err(failure(format!("Every backend of the pool `{}` is unavailable.", pool.name))),
                }
            }
        }
    }

    /// Posts `json` to `path` below the backend's URL. `system_assigned`: with a token of the service's own identity, besides the
    /// credentials of the entity.
    ///
    /// # Errors
    /// No connection, no answer in time, no token, or an answer that is larger than the limit.
    pub async fn post(
        &self,
        index: BackendIndex,
        path: &str,
        json: &serde_json::Value,
        system_assigned: bool,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let failure = |text: String| Failure::internal("BackendConnectionFailure", text);
        let single = self.single(index)?;
        let mut request = Request::new(Body::full(json.to_string()));
        *request.method_mut() = Method::POST;
        let target = format!("{}{path}", single.base.path);
        let query = single.credentials.query(None, true);
        let target =
            query.map_or_else(|| target.clone(), |query| format!("{target}{}{query}", if target.contains('?') { '&' } else { '?' }));
        *request.uri_mut() = target.parse().map_err(|_| failure(format!("`{target}` is no path")))?;
        let token = if system_assigned {
            let subject = subject(&self.snapshot.service, None).map_err(Failure::from)?;
            Some(self.state.tokens.slot(subject, COGNITIVE_SERVICES).ready(self.state).await?)
        } else {
            match &single.credentials.managed_identity {
                None => None,
                Some(Ok(slot)) => Some(slot.ready(self.state).await?),
                Some(Err(error)) => return Err(error.clone().into()),
            }
        };
        if token.is_some() && !self.state.tokens_from.may_go_to(single.base.https, &single.base.host) {
            return Err(failure(format!("a token of your own login is not sent to `{}`", single.base.host)));
        }
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        single.credentials.apply(headers, token.as_ref().map(|token| &token.header), true);
        if let Some(token) = token.filter(|_| system_assigned) {
            headers.insert(AUTHORIZATION, token.header.clone());
        }
        let options = SendOptions { response_head: TIMEOUT, ..SendOptions::default() };
        let response = self.upstream.send(&single.target, request, &options).await.map_err(|error| failure(error.to_string()))?;
        let status = response.status();
        let body = response.into_body().collect(self.limit).await.map_err(|error| failure(error.to_string()))?;
        Ok((status, body))
    }
}
