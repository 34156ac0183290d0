//! One HTTP/1.1 connection to a backend, driven by whoever waits for its answer: no task of its own, no channel between.

use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Weak;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::chunks::{Decoder, Step};
use super::connector::BoxedIo;
use super::failure::{FailureCause, WireError};
use super::head::{self, Head, KnownNames};
use super::outgoing::Outgoing;
use super::pool::{Key, Pool};

/// Room made for one read; grows up to [`LARGEST_READ`] while reads fill it.
const SMALLEST_READ: usize = 8 * 1024;
const LARGEST_READ: usize = 64 * 1024;
/// Less room than this is not read into.
const WORTH_READING: usize = 1024;

/// A connection and what is under way on it. Always boxed: it moves between pool, call and body as one word.
pub(super) struct Connection {
    io: BoxedIo,
    read: BytesMut,
    read_size: usize,
    pub(super) outgoing: Outgoing,
    /// Why writing stopped early; told if no answer comes.
    write_failure: Option<FailureCause>,
    names: KnownNames,
    /// Kept registered and moved on for each call: far cheaper than one of its own for each.
    timer: Option<Pin<Box<Sleep>>>,
    /// Until when the answer may come once the backend has asked for the body.
    after_leave: Option<Instant>,
    /// Bytes of the answer under way.
    pub(super) received: u64,
    /// Calls served before this one.
    pub(super) served: u64,
    home: Weak<Pool>,
    key: Key,
    /// While idle: when it is given up.
    pub(super) expires: Option<Instant>,
}

impl Connection {
    pub(super) fn new(io: BoxedIo, home: Weak<Pool>, key: Key) -> Box<Self> {
        Box::new(Self {
            io,
            read: BytesMut::new(),
            read_size: SMALLEST_READ,
            outgoing: Outgoing::idle(),
            write_failure: None,
            names: KnownNames::default(),
            timer: None,
            after_leave: None,
            received: 0,
            served: 0,
            home,
            key,
            expires: None,
        })
    }

    pub(super) const fn key(&self) -> Key {
        self.key
    }

    /// Ready for the next call.
    pub(super) fn begin(&mut self) {
        self.received = 0;
        self.write_failure = None;
        // Nobody holds on to the last answer any more, as a rule: then this goes back to the start of the same memory.
        self.read.reserve(SMALLEST_READ);
    }

    /// Whether an idle connection has been closed, or has said something unasked, since it was last used. Also takes
    /// whoever used it last off the list of those to be woken.
    pub(super) fn is_stale(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut byte = [0; 1];
        // Whatever is read now is an answer to nothing.
        !self.read.is_empty() || Pin::new(&mut self.io).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_ready()
    }

    /// Gives the call until `deadline`.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }

    /// The body waits for `100 Continue` until `limit`; the answer may then take until `deadline`.
    pub(super) fn wait_for_leave(&mut self, limit: Instant, deadline: Instant) {
        self.set_deadline(limit);
        self.after_leave = Some(deadline);
    }

    /// Writes the request and waits for the head of the answer. Interim answers are passed over.
    pub(super) fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<Head, FailureCause>> {
        if self.write_failure.is_none() && !self.outgoing.is_done() {
            self.poll_outgoing(context);
            if matches!(self.write_failure, Some(FailureCause::RequestBody(_))) {
                // The client is gone: nobody waits for the answer.
                return Poll::Ready(Err(self.failure(WireError::Closed)));
            }
        }
        loop {
            if !self.read.is_empty() {
                match head::parse(&mut self.read, &mut self.names, &mut self.outgoing.spare, self.outgoing.is_head) {
                    Ok(Some(head)) if head.status == StatusCode::SWITCHING_PROTOCOLS => {
                        if self.outgoing.upgrade {
                            return Poll::Ready(Ok(head));
                        }
                        return Poll::Ready(Err(WireError::Framing("an upgrade nobody asked for").into()));
                    }
                    Ok(Some(head)) if head.status == StatusCode::CONTINUE && self.outgoing.is_held() => {
                        self.outgoing.release();
                        if let Some(deadline) = self.after_leave.take() {
                            self.set_deadline(deadline);
                        }
                        self.poll_outgoing(context);
                    }
                    Ok(Some(head)) if head.status.is_informational() => continue,
                    Ok(Some(head)) => {
                        self.outgoing.forget();
                        return Poll::Ready(Ok(head));
                    }
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Err(error.into())),
                }
            }
            match self.poll_more(context) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.failure(WireError::Closed))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.failure(error.into()))),
                Poll::Pending => break,
            }
        }
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(FailureCause::TimedOut));
        }
        Poll::Pending
    }

    /// Writing failed first, if it did: that is the reason; the answer that was still hoped for is not coming.
    fn failure(&mut self, otherwise: WireError) -> FailureCause {
        self.write_failure.take().unwrap_or_else(|| otherwise.into())
    }

    fn poll_outgoing(&mut self, context: &mut Context<'_>) {
        if let Poll::Ready(Err(cause)) = self.outgoing.poll_write(&mut self.io, context) {
            // A backend may answer and close before it has read everything: its answer is what counts then.
            self.outgoing.stop();
            self.write_failure = Some(cause);
        }
    }

    /// Writing had begun when it failed, or has not been finished.
    pub(super) const fn failed_writing(&self) -> bool {
        self.write_failure.is_some() || !self.outgoing.is_done()
    }

    /// Reads what has come; 0 at the end.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.read.capacity() - self.read.len();
        if room < WORTH_READING {
            self.read.reserve(self.read_size);
        }
        let room = self.read.capacity() - self.read.len();
        let count = ready!(pin!(self.io.read_buf(&mut self.read)).poll(context))?;
        self.received += count as u64;
        if count == room && self.read_size < LARGEST_READ {
            self.read_size *= 2;
        }
        Poll::Ready(Ok(count))
    }

    /// The raw stream, and what was read of it beyond the head, after an upgrade.
    pub(super) fn into_stream(self) -> (BoxedIo, Bytes) {
        (self.io, self.read.freeze())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("key", &self.key).field("served", &self.served).finish_non_exhaustive()
    }
}

/// A backend's answer on its way in. Holds the connection, and gives it back to its pool with the last byte.
pub struct Received {
    connection: Option<Box<Connection>>,
    decoder: Decoder,
    keep: bool,
}

impl Received {
    pub(super) fn new(connection: Box<Connection>, decoder: Decoder, keep: bool) -> Self {
        let mut received = Self { connection: Some(connection), decoder, keep };
        if received.decoder.is_end() {
            received.finish();
        }
        received
    }

    /// The next frame.
    pub(in crate::gateway) fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
        // The request may still be going out while the answer comes in.
        if connection.write_failure.is_none() && !connection.outgoing.is_done() {
            connection.poll_outgoing(context);
        }
        loop {
            match self.decoder.decode(&mut connection.read) {
                Ok(Step::Data(data)) => {
                    if let Err(error) = self.decoder.settle(&mut connection.read) {
                        return Poll::Ready(self.fail(error));
                    }
                    if self.decoder.is_end() {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Ok(Step::Trailers(trailers)) => {
                    self.finish();
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                Ok(Step::End) => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Ok(Step::More) => match ready!(connection.poll_more(context)) {
                    Ok(0) if self.decoder == Decoder::UntilClose => {
                        self.connection = None;
                        return Poll::Ready(None);
                    }
                    Ok(0) => return Poll::Ready(self.fail(WireError::Closed)),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(self.fail(error.into())),
                },
                Err(error) => return Poll::Ready(self.fail(error)),
            }
        }
    }

    fn fail(&mut self, error: WireError) -> Option<Result<Frame<Bytes>, WireError>> {
        self.connection = None;
        Some(Err(error))
    }

    /// The answer is complete: the connection goes home if it is good for another call.
    fn finish(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if !self.keep || connection.failed_writing() || connection.is_stale() {
            return;
        }
        if let Some(home) = connection.home.upgrade() {
            connection.served += 1;
            home.put(connection);
        }
    }

    /// Whether every byte has been read.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.connection.is_none()
    }

    /// What is still to come.
    #[must_use]
    pub fn size_hint(&self) -> SizeHint {
        match (&self.connection, self.decoder) {
            (None, _) => SizeHint::with_exact(0),
            (_, Decoder::Length(rest)) => SizeHint::with_exact(rest),
            _ => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Received").field("decoder", &self.decoder).finish_non_exhaustive()
    }
}
