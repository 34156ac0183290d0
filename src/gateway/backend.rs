//! Backend entities: which one serves a request, whether it may, and what is sent to it.
//!
//! [`read`] makes a [`Kind`] of a stored resource when a snapshot is compiled. What outlives the snapshot (breakers, turns, targets with
//! their connections, tokens) hangs on the [`super::state::State`] by ARM id.

pub mod breaker;
pub mod call;
pub mod certificate;
mod choose;
pub mod credentials;
pub mod forward;

pub mod pool;
mod read;
pub mod shown;

pub mod target;
pub mod token;

use std::sync::Arc;

use self::breaker::{Breaker, Rule};
use self::credentials::Credentials;
pub use self::pool::{Affinity, Member, Pool};
pub use self::read::{Read, read};
use super::snapshot::BaseUrl;
use super::upstream::Target;

/// What a backend is.
#[derive(Debug)]
pub enum Kind {
    /// One endpoint.
    Single(Box<Single>),
    /// Several, taken in turns.
    Pool(Pool),
    /// It cannot be used here, for this reason: every request that needs it is told so.
    Unusable(Arc<str>),
}

/// One endpoint.
#[derive(Debug)]
pub struct Single {
    /// `url`.
    pub base: Arc<BaseUrl>,
    /// Where calls go; the same as long as address and TLS stay the same, so that connections survive a reload.
    pub target: Arc<Target>,
    /// How TLS is done on the way there.
    pub security: target::Security,
    /// What is added to each request.
    pub credentials: Credentials,
    /// When the breaker trips; `None` if the backend has no rule.
    pub rule: Option<Rule>,
    /// The breaker's state. There is one for every backend, so that it can be tripped by hand.
    pub breaker: Arc<Breaker>,
}

impl Kind {
    /// Its URL, if it has one of its own.
    #[must_use]
    pub const fn base(&self) -> Option<&Arc<BaseUrl>> {
        match self {
            Self::Single(single) => Some(&single.base),
            Self::Pool(_) | Self::Unusable(_) => None,
        }
    }

    /// ARM's `type`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Single(_) | Self::Unusable(_) => "Single",
            Self::Pool(_) => "Pool",
        }
    }
}
