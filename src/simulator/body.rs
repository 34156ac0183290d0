//! Bodies of answers: frames of one buffer, given out when they are due.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hyper::body::{Body, Frame, SizeHint};

use crate::support::clock::SharedClock;

/// The connection is to be closed here, without an end of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulated service closed the connection")]
pub struct Cut;

/// All frames of an answer in one buffer: one allocation, and each frame is a slice of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    pub(super) buffer: Bytes,
    /// Where each frame ends.
    pub(super) ends: Vec<u32>,
    /// Before which frames time passes: those that carry a token.
    pub(super) tokens: Tokens,
}

/// Which frames carry tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens {
    /// The first of them.
    pub(super) first: usize,
    /// One past the last of them.
    pub(super) end: usize,
}

impl Frames {
    fn get(&self, index: usize) -> Option<Bytes> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        (start <= end && end <= self.buffer.len()).then(|| self.buffer.slice(start..end))
    }
}

/// HTTP/1.1 writes in the task that polls the body, HTTP/2 in another one that has to be woken first.
const YIELDS_BEFORE_CUT: u8 = 3;

/// When frames are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) first_token: Duration,
    pub(super) per_token: Duration,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// Broken off after so many frames.
    AfterFrames(usize),
    /// Broken off after so many bytes.
    AfterBytes(u64),
    /// Never: the frames of tokens come again and again.
    Never,
}

/// The body of an answer. Makes its frames when they are due by the simulator's clock; owns no task and no thread.
pub struct SimBody(State);

enum State {
    Whole(Bytes),
    Script(Box<Script>),
    Done,
}

struct Script {
    frames: Frames,
    next: usize,
    sent: usize,
    sent_bytes: u64,
    pace: Pace,
    end: End,
    clock: SharedClock,
    sleep: Option<BoxFuture<'static, ()>>,
    /// Whether the wait before `next` is over.
    waited: bool,
    /// How often it gave way to others before `next`: a stream without end that waits for nothing would never do, and what was sent before a
    /// cut would be lost with it if nobody got to write it.
    yielded: u8,
}

impl fmt::Debug for SimBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            State::Whole(_) => "SimBody::Whole",
            State::Script(_) => "SimBody::Script",
            State::Done => "SimBody::Done",
        })
    }
}

impl SimBody {
    /// A body that is there at once.
    #[must_use]
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(State::Whole(bytes.into()))
    }

    pub(super) fn script(frames: Frames, pace: Pace, end: End, clock: &SharedClock) -> Self {
        Self(State::Script(Box::new(Script {
            frames,
            next: 0,
            sent: 0,
            sent_bytes: 0,
            pace,
            end,
            clock: clock.clone(),
            sleep: None,
            waited: false,
            yielded: 0,
        })))
    }

    /// The bytes of a body that is there at once.
    pub(super) fn into_whole(self) -> Option<Bytes> {
        match self.0 {
            State::Whole(bytes) => Some(bytes),
            State::Script(_) | State::Done => None,
        }
    }
}

impl Script {
    /// How long to wait before the frame `next`.
    fn wait(&self) -> Duration {
        let tokens = &self.frames.tokens;
        if self.next == tokens.first && self.sent == tokens.first {
            self.pace.first_token
        } else if (tokens.first..tokens.end).contains(&self.next) {
            self.pace.per_token
        } else {
            Duration::ZERO
        }
    }

    fn cut(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if self.yielded < YIELDS_BEFORE_CUT {
            self.yielded += 1;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Cut)))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if let End::AfterFrames(frames) = self.end
            && self.sent >= frames
        {
            return self.cut(context);
        }
        let tokens = &self.frames.tokens;
        if self.end == End::Never && self.next >= tokens.end.max(1) {
            self.next = if tokens.first < tokens.end { tokens.first } else { 0 };
        }
        let Some(frame) = self.frames.get(self.next) else {
            return match self.end {
                // The cut lies behind the end: the end is what is cut.
                End::AfterBytes(_) | End::AfterFrames(_) => self.cut(context),
                _ => Poll::Ready(None),
            };
        };
        if !self.waited {
            let wait = self.wait();
            if !wait.is_zero() {
                let clock = &self.clock;
                ready!(self.sleep.get_or_insert_with(|| clock.sleep(wait)).as_mut().poll(context));
                self.sleep = None;
            } else if self.end == End::Never && self.yielded == 0 {
                self.yielded = 1;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.waited = true;
        }
        let frame = match self.end {
            End::AfterBytes(limit) => {
                let left = limit.saturating_sub(self.sent_bytes);
                if left == 0 {
                    return self.cut(context);
                }
                frame.slice(..frame.len().min(usize::try_from(left).unwrap_or(usize::MAX)))
            }
            _ => frame,
        };
        (self.waited, self.yielded) = (false, 0);
        self.next += 1;
        self.sent += 1;
        self.sent_bytes += frame.len() as u64;
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let polled = match &mut self.0 {
            State::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready(if bytes.is_empty() { None } else { Some(Ok(bytes)) })
            }
            State::Script(script) => script.poll(context),
            State::Done => Poll::Ready(None),
        };
        let polled = ready!(polled);
        if !matches!((&self.0, &polled), (State::Script(_), Some(Ok(_)))) {
            self.0 = State::Done;
        }
        Poll::Ready(polled.map(|frame| frame.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Whole(bytes) => bytes.is_empty(),
            State::Script(_) => false,
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            State::Script(_) => SizeHint::default(),
            State::Done => SizeHint::with_exact(0),
        }
    }
}
