//! The request's way out over HTTP/1.1: the head as bytes, the body piece by piece, and both again if the connection was stale.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::connector::BoxedIo;
use super::failure::{FailureCause, WireError};
use super::target::Target;
use crate::gateway::body::Body;

/// Of a body that streams, this much is kept until the answer begins, so that the request can be sent again when a reused
/// connection turns out to be dead. (A body that is in memory anyway is kept whatever its size.)
const KEPT: usize = 64 * 1024;
/// Slices given to one vectored write.
const SLICES: usize = 8;

/// How the body's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// There is none.
    None,
    /// By its length; so much is still to come.
    Length(u64),
    /// By a last chunk.
    Chunked,
}

/// A request on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    head: Vec<u8>,
    /// How much of the head has been written.
    head_written: usize,
    /// Pieces of the body, framed, not yet written.
    queue: VecDeque<Bytes>,
    /// Pieces of the body, framed, from its beginning; useless once `overflowed`.
    kept: Vec<Bytes>,
    kept_bytes: usize,
    overflowed: bool,
    body: Option<Body>,
    framing: Framing,
    /// The first write waits for the first piece of the body if that is there at once.
    asked: bool,
    flushed: bool,
    /// Bytes given to the connection.
    pub(super) sent: u64,
    /// The method of the request, which its answer's framing depends on.
    pub(super) is_head: bool,
    /// The request asks for WebSocket.
    pub(super) upgrade: bool,
    /// The head asks for `100 Continue` before the body is sent.
    asks_leave: bool,
    /// It has not come yet.
    held: bool,
    /// The request's header map, emptied: its memory serves the answer.
    pub(super) spare: HeaderMap,
}

impl Outgoing {
    pub(super) fn idle() -> Self {
        Self {
            head: Vec::new(),
            head_written: 0,
            queue: VecDeque::new(),
            kept: Vec::new(),
            kept_bytes: 0,
            overflowed: false,
            body: None,
            framing: Framing::None,
            asked: true,
            flushed: true,
            sent: 0,
            is_head: false,
            upgrade: false,
            asks_leave: false,
            held: false,
            spare: HeaderMap::new(),
        }
    }

    /// Takes a request's body and writes down its head. Fields of the connection itself are left out, the length is stated anew. A head that
    /// is not only lent is taken too, for its memory.
    pub(super) fn begin(&mut self, request: &mut Request<Body>, target: &Target, lent: bool, leave: bool) {
        let body = std::mem::take(request.body_mut());
        self.forget();
        self.head.clear();
        self.head_written = 0;
        self.sent = 0;
        self.is_head = request.method() == Method::HEAD;
        self.upgrade = asks_for_websocket(request.headers());
        self.framing =
            if body.is_end_stream() { Framing::None } else { body.size_hint().exact().map_or(Framing::Chunked, Framing::Length) };
        self.asks_leave = leave && self.framing != Framing::None;
        self.held = self.asks_leave;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        self.encode(request.method(), path, request.headers(), target);
        self.flushed = false;
        self.asked = false;
        self.body = None;
        if self.framing != Framing::None {
            self.body = Some(body);
        }
        if !lent {
            self.spare = std::mem::take(request.headers_mut());
            self.spare.clear();
        }
    }

    fn encode(&mut self, method: &Method, path: &str, headers: &HeaderMap, target: &Target) {
        let head = &mut self.head;
        head.extend_from_slice(method.as_str().as_bytes());
        head.push(b' ');
        head.extend_from_slice(path.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\nhost: ");
        head.extend_from_slice(headers.get(HOST).unwrap_or(target.host_header()).as_bytes());
        head.extend_from_slice(b"\r\n");
        let mut named = None;
        if let Some(value) = headers.get(CONNECTION) {
            // Only who names more than the usual pays for the look at every field.
            let value = value.as_bytes();
            if !(value.eq_ignore_ascii_case(b"keep-alive") || value.eq_ignore_ascii_case(b"close")) {
                named = Some(connection_options(headers));
            }
        }
        for (name, value) in headers {
            if is_of_connection(name) || *name == HOST || *name == CONTENT_LENGTH || *name == EXPECT {
                continue;
            }
            if named.as_ref().is_some_and(|named| named.iter().any(|option| option.eq_ignore_ascii_case(name.as_str()))) {
                continue;
            }
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if self.upgrade {
            head.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        }
        match self.framing {
            Framing::None if expects_body(method) => head.extend_from_slice(b"content-length: 0\r\n"),
            Framing::None => {}
            // Writing to a vector cannot fail.
            Framing::Length(length) => drop(write!(head, "content-length: {length}\r\n")),
            Framing::Chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        if self.asks_leave {
            head.extend_from_slice(b"expect: 100-continue\r\n");
        }
        head.extend_from_slice(b"\r\n");
    }

    /// The body waits for `100 Continue`.
    pub(super) const fn is_held(&self) -> bool {
        self.held
    }

    /// The backend wants the body.
    pub(super) fn release(&mut self) {
        self.held = false;
    }

    /// Nothing is left to write.
    pub(super) const fn is_done(&self) -> bool {
        self.flushed && self.body.is_none()
    }

    /// An answer has begun: what was kept to send again is let go.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
        self.kept_bytes = 0;
        self.overflowed = false;
    }

    /// The request could be sent again from its beginning.
    pub(super) const fn can_rewind(&self) -> bool {
        !self.overflowed
    }

    /// Back to the beginning, for another connection.
    pub(super) fn rewind(&mut self) {
        self.head_written = 0;
        self.held = self.asks_leave;
        self.queue.clear();
        self.queue.extend(self.kept.iter().cloned());
        self.flushed = false;
        self.sent = 0;
    }

    /// Stops writing: the backend no longer reads.
    pub(super) fn stop(&mut self) {
        self.queue.clear();
    }

    /// Writes what there is, asks the body for more, and flushes when it is all out.
    pub(super) fn poll_write(&mut self, io: &mut BoxedIo, context: &mut Context<'_>) -> Poll<Result<(), FailureCause>> {
        if self.held {
            while let Some(rest) = self.head.get(self.head_written..).filter(|rest| !rest.is_empty()) {
                let written = ready!(Pin::new(&mut *io).poll_write(context, rest)).map_err(WireError::Io)?;
                if written == 0 {
                    return Poll::Ready(Err(WireError::Io(io::ErrorKind::WriteZero.into()).into()));
                }
                self.head_written += written;
                self.sent += written as u64;
            }
            ready!(Pin::new(&mut *io).poll_flush(context)).map_err(WireError::Io)?;
            // Whoever reads the answer knows when to go on.
            return Poll::Pending;
        }
        loop {
            // Head and first piece go in one write where both are there.
            if !self.asked {
                self.asked = true;
                if self.body.is_some()
                    && let Poll::Ready(result) = self.poll_body(context)
                {
                    result?;
                }
            }
            while self.head_written < self.head.len() || !self.queue.is_empty() {
                let written = ready!(self.poll_write_some(io, context)).map_err(WireError::Io)?;
                self.flushed = false;
                self.advance(written);
            }
            if self.body.is_some() {
                match self.poll_body(context) {
                    Poll::Ready(result) => result?,
                    Poll::Pending => {
                        if !self.flushed {
                            ready!(Pin::new(&mut *io).poll_flush(context)).map_err(WireError::Io)?;
                            self.flushed = true;
                        }
                        return Poll::Pending;
                    }
                }
                continue;
            }
            if !self.flushed {
                ready!(Pin::new(&mut *io).poll_flush(context)).map_err(WireError::Io)?;
                self.flushed = true;
            }
            return Poll::Ready(Ok(()));
        }
    }

    fn poll_write_some(&self, io: &mut BoxedIo, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let head = self.head.get(self.head_written..).unwrap_or_default();
        let pieces = std::iter::once(head).chain(self.queue.iter().map(|piece| &piece[..])).filter(|piece| !piece.is_empty());
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        let slices = slices.get(..count).unwrap_or_default();
        let written = match slices {
            [single] => ready!(Pin::new(io).poll_write(context, single))?,
            _ => ready!(Pin::new(io).poll_write_vectored(context, slices))?,
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, mut written: usize) {
        self.sent += written as u64;
        let of_head = written.min(self.head.len() - self.head_written);
        self.head_written += of_head;
        written -= of_head;
        while let Some(piece) = self.queue.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.queue.pop_front();
        }
    }

    /// One frame from the body into the queue.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<(), FailureCause>> {
        let Some(body) = &mut self.body else { return Poll::Ready(Ok(())) };
        let in_memory = body.whole().is_some();
        let frame = ready!(Pin::new(&mut *body).poll_frame(context));
        let ended = frame.is_none() || body.is_end_stream();
        if let Some(frame) = frame {
            // Trailers of a request have no reader among the backends; they end here.
            if let Ok(data) = frame.map_err(FailureCause::RequestBody)?.into_data()
                && !data.is_empty()
            {
                match &mut self.framing {
                    Framing::Chunked => {
                        self.enqueue(Bytes::from(format!("{:x}\r\n", data.len())), in_memory);
                        self.enqueue(data, in_memory);
                        self.enqueue(Bytes::from_static(b"\r\n"), in_memory);
                    }
                    Framing::Length(rest) => {
                        *rest = rest.checked_sub(data.len() as u64).ok_or(WireError::RequestLength)?;
                        self.enqueue(data, in_memory);
                    }
                    Framing::None => {}
                }
            }
        }
        if ended {
            self.body = None;
            match self.framing {
                Framing::Chunked => self.enqueue(Bytes::from_static(b"0\r\n\r\n"), in_memory),
                Framing::Length(rest) if rest > 0 => return Poll::Ready(Err(WireError::RequestLength.into())),
                _ => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    fn enqueue(&mut self, piece: Bytes, in_memory: bool) {
        if !self.overflowed {
            self.kept_bytes += piece.len();
            if in_memory || self.kept_bytes <= KEPT {
                self.kept.push(piece.clone());
            } else {
                self.overflowed = true;
                self.kept.clear();
            }
        }
        self.queue.push_back(piece);
        self.flushed = false;
    }
}

/// Fields that belong to one connection, not to the message.
pub(super) fn is_of_connection(name: &HeaderName) -> bool {
    *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || *name == TE
        || *name == TRAILER
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// The fields that `Connection` names as its own.
fn connection_options(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|option| !option.is_empty()).collect()
}

fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// `Upgrade: websocket`, named by `Connection`. No other upgrade is passed on.
pub(crate) fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let is_websocket = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    headers.get(UPGRADE).is_some_and(is_websocket)
        && connection_options(headers).iter().any(|option| option.eq_ignore_ascii_case("upgrade"))
}
