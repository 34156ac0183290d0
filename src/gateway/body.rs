//! Message bodies.

use bytes::Bytes;

/// A body.
#[derive(Debug, Default)]
pub struct Body(Bytes);

/// How a body ended.
#[derive(Debug, Clone, Copy)]
pub enum BodyEnd<'a> {
    /// Every byte has been handed on.
    Complete,
    /// Its source failed before the end.
    Cut(&'a CollectError),
    /// Whoever read it went away before the end.
    Dropped,
}

/// Why a body could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// It is longer than allowed.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
}

impl Body {
    /// No bytes at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Bytes::new())
    }

    /// These bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// It is too long.
    #[expect(clippy::unused_async, reason = "a real body is waited for")]
    pub async fn collect(self, limit: usize) -> Result<Bytes, CollectError> {
        if self.0.len() > limit { Err(CollectError::TooLarge { limit }) } else { Ok(self.0) }
    }
}
