//! What one worker thread has: its own connections, and handles to what all workers share.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::record::Observer;
use super::settings::Settings;
use super::snapshot::Snapshot;
use super::state::State;
use super::upstream::Upstream;

/// Bounds on what the gateway keeps in memory for one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest body that is read into memory, in bytes.
    pub buffered_body: usize,
    /// Steps after which an expression counts as running away. The service stops a loop after five seconds; a count is the same on every
    /// machine.
    pub expression_steps: u64,
}

impl Default for Limits {
    /// 256 MiB, more than any tier lets through (assumed), and about as many steps as take five seconds.
    fn default() -> Self {
        Self { buffered_body: 256 * 1024 * 1024, expression_steps: 100_000_000 }
    }
}

/// Which requests are traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tracing {
    /// Those that ask for it with a key that may.
    #[default]
    Asked,
    /// All: `--trace`.
    All,
    /// All, and a caller learns no more of it than with [`Tracing::Asked`]: for tests, whose requests must be answered as any other.
    Quietly,
}

impl Tracing {
    /// Whether every request is traced.
    #[must_use]
    pub const fn is_all(self) -> bool {
        matches!(self, Self::All | Self::Quietly)
    }
}

/// One worker.
#[derive(Debug)]
pub struct Worker {
    /// What is served now; a request loads it once.
    pub current: Arc<ArcSwap<Snapshot>>,
    /// What outlives snapshots.
    pub state: Arc<State>,
    /// Disputed behaviours.
    pub settings: Arc<Settings>,
    /// Connections to backends.
    pub upstream: Upstream,
    /// Bounds.
    pub limits: Limits,
    /// What a connection without TLS stands for.
    pub plain: Plain,
    /// Who is told of every request.
    pub observers: Arc<[Arc<dyn Observer>]>,
    /// Who gets a trace.
    pub tracing: Tracing,
}

/// What a connection without TLS stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// The `https` of Azure: on a laptop TLS is left out, and policies, `protocols` and challenges see `https` all the same. APIs that
    /// allow only `http` are reached too.
    #[default]
    Https,
    /// Plain `http`.
    Http,
}
