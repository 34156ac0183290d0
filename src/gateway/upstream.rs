//! Calls to backends.

/// Connections of one worker.
#[derive(Debug, Default)]
pub struct Upstream;
