//! Backend entities: which one serves a request, whether it may, and what is sent to it.

use std::sync::Arc;

use super::snapshot::{BackendIndex, BaseUrl};

/// What a backend is.
#[derive(Debug)]
pub enum Kind {
    /// One endpoint.
    Single(Single),
    /// Several, taken in turns.
    Pool(Pool),
}

/// One endpoint.
#[derive(Debug)]
pub struct Single {
    /// `url`.
    pub base: Arc<BaseUrl>,
}

/// A load-balanced pool.
#[derive(Debug)]
pub struct Pool {
    /// Members; they are single backends.
    pub members: Vec<Member>,
}

/// A member of a pool.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The backend.
    pub backend: BackendIndex,
    /// Lower is served first.
    pub priority: u32,
    /// Share within the priority.
    pub weight: u32,
}

impl Kind {
    /// ARM's `type`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Single(_) => "Single",
            Self::Pool(_) => "Pool",
        }
    }
}
