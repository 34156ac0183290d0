//! Bodies are read only when something needs them.

use bytes::Bytes;

use super::Exchange;
use crate::expression::{Host, HostKind};
use crate::gateway::body::{BodyError, CollectError};
use crate::gateway::failure::Failure;
use crate::gateway::message::MessageBody;

/// The host ids of bodies, headers and URLs: the request, the response, and what `send-request` stored.
pub(super) const REQUEST: u32 = 0;
pub(super) const RESPONSE: u32 = 1;
pub(super) const ORIGINAL: u32 = 2;
pub(super) const SERVICE: u32 = 3;
pub(super) const STORED: u32 = 16;

impl Exchange {
    /// The body behind a host id.
    pub(super) fn body_of(&mut self, host: Host) -> Option<&mut MessageBody> {
        debug_assert!(host.kind == HostKind::Body);
        match host.id {
            REQUEST => Some(&mut self.request.body),
            RESPONSE => self.response.as_mut().map(|response| &mut response.body),
            stored => self.stored_responses.get_mut(stored.checked_sub(STORED)? as usize).map(|response| &mut response.body),
        }
    }

    /// Reads a body to its end, so that an expression can go on.
    ///
    /// # Errors
    /// It broke off, or is larger than the gateway keeps.
    pub async fn buffer(&mut self, host: Host) -> Result<(), Failure> {
        let limit = self.worker.limits.buffered_body;
        match self.body_of(host) {
            Some(body) => body.buffer(limit).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

impl MessageBody {
    /// Reads it to its end and keeps it. A clone of [`Bytes`] is cheap.
    ///
    /// # Errors
    /// It broke off, or is larger than `limit` bytes.
    pub async fn buffer(&mut self, limit: usize) -> Result<Bytes, Failure> {
        match std::mem::replace(self, Self::Consumed) {
            Self::Stream(body) => {
                let bytes = body.collect(limit).await.map_err(|error| {
                    // The documented reasons for a connection that is lost; that they are given here is assumed.
                    let reason = match &error {
                        CollectError::Broken(BodyError::Client(_)) => "ClientConnectionFailure",
                        CollectError::Broken(_) => "BackendConnectionFailure",
                        CollectError::TooLarge { .. } => "MessageBodyReadFailure",
                    };
                    Failure::internal(reason, error.to_string())
                })?;
                *self = Self::Buffered(bytes.clone());
                Ok(bytes)
            }
            Self::Buffered(bytes) => {
                *self = Self::Buffered(bytes.clone());
                Ok(bytes)
            }
            Self::Empty => {
                *self = Self::Empty;
                Ok(Bytes::new())
            }
            Self::Consumed => Ok(Bytes::new()),
        }
    }
}
