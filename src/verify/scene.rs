//! What there is to call, read once.

use futures::stream::{self, StreamExt as _};

use super::documents::Documents;
use super::gateway::{Gateway, Unanswered};
use super::keys::KeyRing;
use super::pools::{self, Pool};
use super::routes::{self, Api, Call, Model};
use super::subject::Subject;
use crate::deploy::DeployError;
use crate::scenario::request::Key;
use crate::scenario::{Answer, Request};

/// What there is to call.
pub(super) struct Scene {
    pub(super) gateway: Gateway,
    pub(super) apis: Vec<Api>,
    pub(super) pools: Vec<Pool>,
    pub(super) keys: KeyRing,
    pub(super) documents: Documents,
    pub(super) models: Vec<Model>,
}

impl Scene {
    pub(super) async fn read(subject: &Subject<'_>, gateway: Gateway) -> Result<Self, DeployError> {
        Ok(Self {
            gateway,
            apis: routes::read(subject).await?,
            pools: pools::read(subject).await?,
            keys: KeyRing::read(subject).await?,
            documents: Documents::read(subject),
            models: subject.spec().map(routes::models).unwrap_or_default(),
        })
    }

    /// APIs that a model can be asked through, each with its first call and a key that opens it.
    pub(super) fn callable(&self) -> impl Iterator<Item = (&Api, Request)> {
        self.apis.iter().filter_map(|api| {
            let call = api.calls(&self.models).into_iter().next()?;
            let key = self.keys.credential(api)?;
            Some((api, keyed(&call, key)))
        })
    }

    /// Pools that documents of `api` name.
    pub(super) fn pools_of(&self, api: &Api) -> Vec<&Pool> {
        let names = self.documents.backends(&api.id);
        self.pools.iter().filter(|pool| names.iter().any(|name| name.eq_ignore_ascii_case(pool.name()))).collect()
    }

    /// Sends the same request many times, so many at once; answers in the order of the requests.
    pub(super) async fn volley(&self, request: &Request, count: usize, concurrency: usize) -> Vec<Result<Answer, Unanswered>> {
        stream::iter((0..count).map(|_| self.gateway.ask(request, None))).buffered(concurrency.max(1)).collect().await
    }
}

/// A call with a key.
pub(super) fn keyed(call: &Call, key: Option<Key>) -> Request {
    Request { key, ..call.request.clone() }
}
