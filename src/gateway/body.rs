//! Message bodies on their way through the gateway: one type, no boxed body, with places to look on and to be told of the end.

use std::any::Any;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::future::poll_fn;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use self::gather::Gather;
use super::upstream::Received;

mod gather;

/// Sees a body go by.
///
/// Frames are shown after they have been handed to the writer and it had a turn, so that what is done here delays nobody's
/// bytes. The slice is shared with the writer: nothing is copied.
pub trait FrameObserver: Send {
    /// The next piece of the body.
    fn data(&mut self, data: &Bytes);
    /// The body is over. Called once, after the last [`FrameObserver::data`].
    fn end(&mut self, end: BodyEnd<'_>);
}

/// How a body ended.
#[derive(Debug, Clone, Copy)]
pub enum BodyEnd<'a> {
    /// Every byte has been handed on.
    Complete,
    /// Its source failed before the end.
    Cut(&'a BodyError),
    /// Whoever read it went away before the end.
    Dropped,
}

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client's connection or framing failed.
    #[error("the client's body broke off: {0}")]
    Client(#[source] hyper::Error),
    /// The backend's connection failed (HTTP/2).
    #[error("the backend's body broke off: {0}")]
    Stream(#[source] hyper::Error),
    /// The backend's connection failed (HTTP/1.1).
    #[error("the backend's body broke off: {0}")]
    Backend(#[from] super::upstream::WireError),
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
    /// It broke off.
    #[error(transparent)]
    Broken(#[from] BodyError),
}

/// Where the bytes come from.
enum Source {
    /// No more.
    Empty,
    /// All of them, in memory.
    Full(Bytes),
    /// The client, by the front.
    Client(Incoming),
    /// A backend that speaks HTTP/2.
    Stream(Incoming),
    /// A backend that speaks HTTP/1.1; holds its connection until the end.
    Backend(Received),
    /// Another task, that looks at each piece before it hands it on.
    Piped(mpsc::Receiver<Result<Bytes, BodyError>>),
    /// It failed, and the reader has not been told yet.
    Failed(BodyError),
}

/// A request's or response's body.
///
/// Dropping it before its end drops what it reads from: a backend's call is aborted.
pub struct Body {
    /// Bytes that were read from the source before and go first.
    prefix: Bytes,
    source: Source,
    /// The writer may hold bytes, or the head, that it has not written: it does so when it is told that there is no more
    /// for now.
    unwritten: bool,
    gather: Option<Box<Gather>>,
    watch: Option<Box<Watch>>,
}

/// What goes along with a body; only there when somebody asked.
struct Watch {
    observer: Option<Box<dyn FrameObserver>>,
    guard: Option<Box<dyn Any + Send>>,
    /// Handed to the writer, not yet shown to the observer.
    unseen: Bytes,
    /// The writer has had its turn since.
    written: bool,
}

impl Watch {
    fn show(&mut self) {
        if let Some(observer) = &mut self.observer
            && !self.unseen.is_empty()
        {
            observer.data(&mem::take(&mut self.unseen));
        }
    }

    fn end(mut self, end: BodyEnd<'_>) {
        self.show();
        if let Some(mut observer) = self.observer.take() {
            observer.end(end);
        }
        drop(self.guard.take());
    }
}

impl Body {
    /// No bytes at all.
    #[must_use]
    pub const fn empty() -> Self {
        Self::from_source(Source::Empty)
    }

    /// These bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::from_source(if bytes.is_empty() { Source::Empty } else { Source::Full(bytes) })
    }

    /// What a client sends, as the front hands it over.
    #[must_use]
    pub fn client(incoming: Incoming) -> Self {
        Self::from_source(if incoming.is_end_stream() { Source::Empty } else { Source::Client(incoming) })
    }

    /// A backend's answer over HTTP/2.
    pub(super) fn stream(incoming: Incoming) -> Self {
        Self::from_source(if incoming.is_end_stream() { Source::Empty } else { Source::Stream(incoming) })
    }

    /// A backend's answer over HTTP/1.1.
    pub(super) const fn backend(received: Received) -> Self {
        Self::from_source(Source::Backend(received))
    }

    /// What another task sends. When this is dropped, the task's next piece finds nobody.
    pub(super) const fn piped(receiver: mpsc::Receiver<Result<Bytes, BodyError>>) -> Self {
        Self::from_source(Source::Piped(receiver))
    }

    const fn from_source(source: Source) -> Self {
        Self { prefix: Bytes::new(), source, unwritten: true, gather: None, watch: None }
    }

    /// Puts `bytes` before what is still to come: for what was read ahead.
    #[must_use]
    pub fn with_prefix(mut self, bytes: Bytes) -> Self {
        if self.prefix.is_empty() {
            self.prefix = bytes;
        } else if !bytes.is_empty() {
            self.prefix = [bytes, mem::take(&mut self.prefix)].concat().into();
        }
        self
    }

    /// Collects pieces until there are `limit` bytes, or the end, and only then hands them on. Observers see the collected pieces.
    #[must_use]
    pub fn gathered(mut self, limit: usize) -> Self {
        self.gather = Some(Box::new(Gather::new(limit)));
        self
    }

    /// Shows every further data frame, and the end, to `observer`. A body has one observer; a second replaces the first.
    #[must_use]
    pub fn with_observer(mut self, observer: Box<dyn FrameObserver>) -> Self {
        self.watch().observer = Some(observer);
        self
    }

    /// Drops `guard` when the body has ended or is dropped: permits, counters, the completion of a log line.
    /// A second guard does not push the first out: both are dropped at the end.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Any + Send) -> Self {
        let watch = self.watch();
        watch.guard = Some(match watch.guard.take() {
            None => Box::new(guard),
            Some(earlier) => Box::new((earlier, guard)),
        });
        self
    }

    fn watch(&mut self) -> &mut Watch {
        self.watch.get_or_insert_with(|| Box::new(Watch { observer: None, guard: None, unseen: Bytes::new(), written: false }))
    }

    /// The whole body, if it is in memory: cheap to copy, and can be sent again.
    #[must_use]
    pub fn whole(&self) -> Option<Bytes> {
        if self.gather.is_some() {
            return None;
        }
        match &self.source {
            Source::Empty => Some(self.prefix.clone()),
            Source::Full(bytes) if self.prefix.is_empty() => Some(bytes.clone()),
            _ => None,
        }
    }

    /// Whether there is nothing left to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_end_stream()
    }

    /// Reads the whole body, refusing more than `limit` bytes (a length that is announced is refused before it is waited
    /// for). One frame is not copied.
    ///
    /// # Errors
    /// It is too long, or breaks off.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes, CollectError> {
        if self.size_hint().lower() > limit as u64 {
            return Err(CollectError::TooLarge { limit });
        }
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if first.len() + all.len() + data.len() > limit {
                return Err(CollectError::TooLarge { limit });
            }
            if !all.is_empty() {
                all.extend_from_slice(&data);
            } else if first.is_empty() {
                first = data;
            } else {
                let expected = usize::try_from(self.size_hint().lower()).unwrap_or(limit).min(limit);
                all.reserve(first.len() + data.len() + expected);
                all.extend_from_slice(&mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, BodyError>> {
        poll_fn(|context| Pin::new(&mut *self).poll_frame(context)).await
    }

    /// Waits until the first bytes, or the end, are there, and keeps them for later: a cut that happens before then is
    /// found while something else can still be done.
    ///
    /// # Errors
    /// It breaks off before the first byte.
    pub async fn primed(mut self) -> Result<Self, BodyError> {
        while self.prefix.is_empty() && !self.is_end_stream() {
            let Some(frame) = poll_fn(|context| self.poll_source(context)).await else { break };
            if let Ok(data) = frame?.into_data() {
                self.prefix = data;
            }
        }
        Ok(self)
    }

    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.prefix.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.prefix)))));
        }
        let frame = match &mut self.source {
            Source::Empty => None,
            Source::Full(bytes) => {
                let bytes = mem::take(bytes);
                self.source = Source::Empty;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Source::Client(incoming) => ready!(Pin::new(incoming).poll_frame(context)).map(|frame| frame.map_err(BodyError::Client)),
            Source::Stream(incoming) => ready!(Pin::new(incoming).poll_frame(context)).map(|frame| frame.map_err(BodyError::Stream)),
            Source::Backend(received) => ready!(received.poll_frame(context)).map(|frame| frame.map_err(BodyError::Backend)),
            Source::Piped(receiver) => ready!(receiver.poll_recv(context)).map(|piece| piece.map(Frame::data)),
            Source::Failed(_) => match mem::replace(&mut self.source, Source::Empty) {
                Source::Failed(error) => Some(Err(error)),
                _ => None,
            },
        };
        if !matches!(frame, Some(Ok(_))) {
            self.source = Source::Empty;
        }
        Poll::Ready(frame)
    }

    /// As [`Body::poll_source`], but a failure waits for one turn of the writer: what came before it still goes out.
    fn poll_in_order(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = if self.gather.is_some() { self.poll_gathered(context) } else { self.poll_source(context) };
        match polled {
            Poll::Ready(Some(Err(error))) if self.unwritten => {
                self.unwritten = false;
                self.gather = None;
                self.source = Source::Failed(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(_) => {
                self.unwritten = true;
                polled
            }
            Poll::Pending => {
                self.unwritten = false;
                Poll::Pending
            }
        }
    }
}

impl Body {
    fn source_is_over(&self) -> bool {
        match &self.source {
            Source::Empty => true,
            Source::Full(bytes) => bytes.is_empty(),
            Source::Client(incoming) | Source::Stream(incoming) => incoming.is_end_stream(),
            Source::Backend(received) => received.is_end(),
            Source::Failed(_) | Source::Piped(_) => false,
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let polled = this.poll_in_order(context);
        let Some(watch) = &mut this.watch else { return polled };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref()
                    && watch.observer.is_some()
                {
                    watch.show();
                    watch.unseen = data.clone();
                    watch.written = false;
                }
            }
            Poll::Pending if watch.unseen.is_empty() => {}
            // The writer flushes once it is told that there is no more for now; then it is our turn.
            Poll::Pending if !watch.written => {
                watch.written = true;
                context.waker().wake_by_ref();
            }
            Poll::Pending => watch.show(),
            Poll::Ready(None) => {
                if let Some(watch) = this.watch.take() {
                    watch.end(BodyEnd::Complete);
                }
            }
            Poll::Ready(Some(Err(error))) => {
                if let Some(watch) = this.watch.take() {
                    watch.end(BodyEnd::Cut(error));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.prefix.is_empty() && self.gather.as_ref().is_none_or(|gather| gather.is_empty()) && self.source_is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = match &self.source {
            Source::Empty => SizeHint::with_exact(0),
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Client(incoming) | Source::Stream(incoming) => incoming.size_hint(),
            Source::Backend(received) => received.size_hint(),
            Source::Failed(_) | Source::Piped(_) => SizeHint::default(),
        };
        let ahead = (self.prefix.len() + self.gather.as_ref().map_or(0, |gather| gather.pieces.len())) as u64;
        if ahead > 0 {
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper.saturating_add(ahead));
            }
            hint.set_lower(hint.lower().saturating_add(ahead));
        }
        hint
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.watch.is_some() {
            // A body of known length is dropped by its writer with the last byte, without being asked for more.
            let complete = self.is_end_stream();
            if let Some(watch) = self.watch.take() {
                watch.end(if complete { BodyEnd::Complete } else { BodyEnd::Dropped });
            }
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self::client(incoming)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bodies are the user's: their size is shown, their bytes are not.
        let kind = match &self.source {
            Source::Empty => "empty",
            Source::Full(_) => "full",
            Source::Client(_) => "client",
            Source::Stream(_) => "stream",
            Source::Backend(_) => "backend",
            Source::Piped(_) => "piped",
            Source::Failed(_) => "failed",
        };
        formatter.debug_struct("Body").field("source", &kind).field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
