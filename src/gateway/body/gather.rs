//! Small pieces of a body put together, as API Management does with chunked answers unless `buffer-response` is false.

use std::mem;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::{Body, BodyError, Source};

/// Pieces that wait for more.
pub(super) struct Gather {
    limit: usize,
    pub(super) pieces: BytesMut,
    /// What came behind the pieces and goes after them.
    held: Option<Result<Frame<Bytes>, BodyError>>,
    ended: bool,
}

impl Gather {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, pieces: BytesMut::new(), held: None, ended: false }
    }

    /// Whether nothing is left here once the source has ended.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.held.is_none()
    }
}

impl Body {
    /// The next piece: of at least the limit's size, unless the body ends. A piece that is large enough, or the only one, is not copied.
    pub(super) fn poll_gathered(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let Some(gather) = &mut self.gather else { return self.poll_source(context) };
            if gather.ended {
                if !gather.pieces.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut gather.pieces).freeze()))));
                }
                return Poll::Ready(gather.held.take());
            }
            let frame = ready!(self.poll_source(context));
            let over = matches!(self.source, Source::Empty) || self.source_is_over();
            let Some(gather) = &mut self.gather else { return Poll::Ready(frame) };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    if gather.pieces.is_empty() && (over || data.len() >= gather.limit) {
                        gather.ended |= over;
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    gather.pieces.extend_from_slice(&data);
                    gather.ended |= over;
                    if gather.pieces.len() >= gather.limit {
                        return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut gather.pieces).freeze()))));
                    }
                }
                Some(Ok(Err(trailers))) => (gather.held, gather.ended) = (Some(Ok(trailers)), true),
                Some(Err(error)) => (gather.held, gather.ended) = (Some(Err(error)), true),
                None => gather.ended = true,
            }
        }
    }
}
