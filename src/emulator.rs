//! The embedded ARM: the resource types that `apply` writes, kept as the service keeps them, answering as the service answers.

pub mod entra;
pub mod https;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use crate::arm::store::Store;
use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

/// Where resources are kept.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// In memory, for as long as the emulator lives.
    #[default]
    Memory,
    /// In a database file of this directory; every acknowledged write is on disk.
    Directory(PathBuf),
}

/// How the emulator behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where resources are kept.
    pub state: State,
    /// The base URL that clients use, for links in answers (`https://127.0.0.1:8443`, `https://management.azure.com`).
    pub endpoint: String,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: SharedRandom,
    /// How long a service create takes (other long-running operations take a tenth of it, at most 2 s).
    pub activation: Duration,
    /// Added to each answer.
    pub latency: Duration,
    /// Token buckets as ARM has them.
    pub throttling: bool,
    /// Re-ordered arrays, other case, unknown fields, nulls: for the test that nobody depends on them.
    pub hostile: bool,
    /// How long a new role assignment or principal stays unknown to its readers.
    pub propagation: Duration,
}

/// The emulator. Shared by all connections.
#[derive(Debug)]
pub struct Emulator {
    store: Store,
}

/// The state could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(String);

impl Emulator {
    /// Opens the state, empty or as it was left.
    ///
    /// # Errors
    /// The directory cannot be made or read, or holds a state of another version.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let _ = options;
        unimplemented!()
    }

    /// What the service keeps: the gateway reads it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Answers one ARM request. The caller has already checked nothing: the bearer token is looked at here.
    pub async fn handle(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let _ = request;
        unimplemented!()
    }
}
