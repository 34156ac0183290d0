//! What policies do after their section: when the backend has answered, when the head goes to the caller, when the last byte has gone.

use std::fmt;
use std::sync::Arc;

use super::exchange::Exchange;
use super::program::{Arguments, Evaluate};

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of the prompt.
    pub prompt: u64,
    /// Of the prompt, served from the backend's cache.
    pub cached: u64,
    /// Of the completion.
    pub completion: u64,
    /// Of the completion, spent on reasoning.
    pub reasoning: u64,
    /// Whether they were estimated, not reported.
    pub estimated: bool,
}

impl Usage {
    /// Prompt and completion.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// When somebody needs the tokens of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum UsageNeed {
    /// Never.
    #[default]
    Never,
    /// When the last byte has gone: the body is looked at on its way.
    AtEnd,
    /// Before outbound runs: a body that is no stream is read for it; a stream is never held back.
    BeforeOutbound,
}

/// How a request ended.
#[derive(Debug)]
pub struct Ending {
    /// Status that the caller got.
    pub status: u16,
    /// Tokens, if somebody asked for them and the answer had any.
    pub usage: Option<Usage>,
    /// Whether every byte of the body went to the caller.
    pub complete: bool,
    /// Bytes of the body that went to the caller.
    pub bytes: u64,
}

/// Something that a policy leaves to be done later. Called in the order in which policies left them.
pub trait Settle: Send + Sync + fmt::Debug {
    /// Whether and when the tokens of the answer are needed.
    fn usage_need(&self) -> UsageNeed {
        UsageNeed::Never
    }

    /// The backend has answered and outbound has not begun. `usage` is there if it was asked for and the answer is no stream.
    fn answered(&mut self, exchange: &mut Exchange, usage: Option<&Usage>) {
        let _ = (exchange, usage);
    }

    /// Expressions that have to see the response: evaluated right before [`Settle::head`], which gets their values.
    fn deferred(&self) -> &[Arc<Evaluate>] {
        &[]
    }

    /// The head is about to go to the caller, whatever happened.
    fn head(&mut self, exchange: &mut Exchange, arguments: &mut Arguments) {
        let _ = (exchange, arguments);
    }

    /// The last byte has gone, or the caller has. The exchange is gone too: keep what is needed.
    fn end(self: Box<Self>, ending: &Ending) {
        let _ = ending;
    }
}
