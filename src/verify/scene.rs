//! What there is to call, read once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};

use super::checks::refusals::places;
use super::documents::Documents;
use super::gateway::{Gateway, Unanswered};
use super::keys::{KeyRing, key};
use super::pools::{self, Pool};
use super::routes::{self, Api, Call, Model};
use super::subject::Subject;
use crate::arm::ResourceId;
use crate::deploy::DeployError;
use crate::scenario::request::{Key, Place};
use crate::scenario::{Answer, Request};

/// What there is to call.
pub(super) struct Scene {
    pub(super) gateway: Gateway,
    pub(super) apis: Vec<Api>,
    pub(super) pools: Vec<Pool>,
    pub(super) keys: KeyRing,
    pub(super) documents: Documents,
    pub(super) models: Vec<Model>,
    /// By API, the key in the place where a model was seen to answer.
    ways: BTreeMap<ResourceId, Option<Key>>,
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
            ways: BTreeMap::new(),
        })
    }

    /// Finds for each API a place of the key with which a model answers, so that one fault does not hide the others: a key in the header,
    /// say, may go on to the account, which takes it for its own.
    pub(super) async fn find_ways(&mut self) {
        let mut ways = BTreeMap::new();
        for api in &self.apis {
            let (Some(call), Some(usual)) = (api.calls(&self.models).into_iter().next(), self.keys.credential(api)) else { continue };
            let mut way = usual.clone();
            if let (Some(subscription), true, false) = (self.keys.for_api(api), api.key_required, api.is_front) {
                for place in places(api) {
                    let tried = Some(key(&subscription.primary, place));
                    let answer = self.gateway.ask(&keyed(&call, tried.clone()), None).await;
                    if answer.is_ok_and(|answer| answer.status.is_success()) {
                        way = tried;
                        break;
                    }
                }
            }
            ways.insert(api.id.clone(), way);
        }
        self.ways = ways;
    }

    /// The key of an API's first subscription where it was seen to work (`None` inside: it needs none).
    pub(super) fn credential(&self, api: &Api) -> Option<Option<Key>> {
        self.ways.get(&api.id).cloned().or_else(|| self.keys.credential(api))
    }

    /// Another key of an API, in the place where its key was seen to work.
    pub(super) fn place(&self, api: &Api) -> Place {
        match self.ways.get(&api.id) {
            Some(Some(key)) => key.place.clone(),
            _ => Place::Header(api.header.clone()),
        }
    }

    /// A request that a model answers, if a key of the specification opens the API.
    pub(super) fn way(&self, api: &Api) -> Option<Request> {
        self.way_at(api, api)
    }

    /// The same through another revision of the API.
    pub(super) fn way_at(&self, api: &Api, revision: &Api) -> Option<Request> {
        let call = revision.calls(&self.models).into_iter().next()?;
        Some(keyed(&call, self.credential(api)?))
    }

    /// APIs that a model can be asked through, each with its first call and a key that opens it.
    pub(super) fn callable(&self) -> impl Iterator<Item = (&Api, Request)> {
        self.apis.iter().filter_map(|api| Some((api, self.way(api)?)))
    }

    /// Pools that documents of `api` name.
    pub(super) fn pools_of(&self, api: &Api) -> Vec<&Pool> {
        let names = self.documents.backends(&api.id);
        self.pools.iter().filter(|pool| names.iter().any(|name| name.eq_ignore_ascii_case(pool.name()))).collect()
    }

    /// Sends the same request many times, so many at once, with `pace` between two of them; answers in the order of the requests.
    pub(super) async fn volley(
        &self,
        request: &Request,
        count: usize,
        concurrency: usize,
        pace: Duration,
    ) -> Vec<Result<Answer, Unanswered>> {
        let paced = stream::iter(0..count).then(|index| async move {
            if index > 0 && !pace.is_zero() {
                self.gateway.clock().sleep(pace).await;
            }
        });
        paced.map(|()| self.gateway.ask(request, None)).buffered(concurrency.max(1)).collect().await
    }
}

/// A call with a key.
pub(super) fn keyed(call: &Call, key: Option<Key>) -> Request {
    Request { key, ..call.request.clone() }
}
