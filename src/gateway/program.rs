//! A section of a policy document, compiled once: flat operations with jumps. Nothing of XML is left at run time.
//!
//! An expression is an operation of its own that leaves its value among the [`Arguments`] of the statement that follows. So an expression
//! can stop (for a body, or because its slice of work is used up) and go on without anything being done twice.

mod arguments;
mod compiler;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

pub use self::arguments::{Argument, ArgumentValue, Arguments};
pub use self::compiler::{Compiler, Environment, NamedValue, Problem, Resolved, compile_document};
use super::exchange::Exchange;
use super::failure::Failure;
use crate::expression::Expression;
use crate::support::source::Span;

/// One compiled section.
#[derive(Debug, Default)]
pub struct Program {
    /// What is done, in order.
    pub ops: Vec<Op>,
    /// For each operation, its place in [`Program::sites`].
    pub site_of: Vec<u32>,
    /// The policies that the operations come from.
    pub sites: Vec<Site>,
    /// What CORS preflight requests meet of an inbound section: its `cors` policies and `<base />`.
    pub preflight: Option<Box<Program>>,
}

/// Where a policy stands: for `context.LastError` and traces.
#[derive(Debug, Clone)]
pub struct Site {
    /// Element name.
    pub policy: Arc<str>,
    /// `choose[3]/when[2]/set-header[1]`, counted from 1, without the section.
    pub path: Arc<str>,
    /// The `id` attribute.
    pub policy_id: Arc<str>,
    /// In the document's text.
    pub span: Option<Span>,
}

/// What a value is needed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Text, by `ToString` where it is none.
    Text,
    /// `bool`.
    Boolean,
    /// `int` or `long`.
    Integer,
    /// `double`.
    Number,
    /// The value as it is.
    Object,
}

/// An expression of a policy.
#[derive(Debug)]
pub struct Evaluate {
    /// Compiled.
    pub expression: Expression,
    /// What is done with its value.
    pub wanted: Wanted,
    /// The attribute or element that holds it, for traces.
    pub place: Arc<str>,
    /// Its C# text, for traces; secret named values are masked.
    pub source: Arc<str>,
    /// Whether a secret named value is part of it, so that no trace may show its value.
    pub secret: bool,
}

/// One operation.
#[derive(Debug)]
pub enum Op {
    /// Evaluates and adds the value to the arguments.
    Evaluate(Box<Evaluate>),
    /// Runs a statement with the arguments that were gathered, and forgets these.
    Run(Box<dyn Statement>),
    /// Takes the last argument; goes on at the place if it is false.
    JumpUnless(u32),
    /// Goes on at the place.
    Jump(u32),
    /// `<base />`: the same section of the next wider scope.
    Base,
    /// Begins `<retry>`.
    RetryEnter(Box<RetryPlan>),
    /// Takes the condition's value from the arguments: waits and goes back to the place, or leaves the retry.
    RetryDecide(u32),
    /// Begins `<limit-concurrency>`.
    Enter(Box<dyn Gate>),
    /// Ends it.
    Leave,
    /// `<wait>`: children at once.
    Wait(Box<WaitPlan>),
}

/// `<retry>`: its numbers. The condition is evaluated after the children each time.
#[derive(Debug)]
pub struct RetryPlan {
    /// `count`, 1 to 50.
    pub count: Argument<i64>,
    /// `interval`, seconds.
    pub interval: Argument<f64>,
    /// `max-interval`, seconds.
    pub max_interval: Option<Argument<f64>>,
    /// `delta`, seconds.
    pub delta: Option<Argument<f64>>,
    /// `first-fast-retry`.
    pub first_fast_retry: Argument<bool>,
    /// Where the condition is evaluated: also the place where an error of the children goes on.
    pub test: u32,
}

/// `<wait for="all|any">`.
#[derive(Debug)]
pub struct WaitPlan {
    /// `for`: `all`, or `any` if the first child that ends is enough.
    pub until: Argument<Box<str>>,
    /// One program a child.
    pub children: Vec<Program>,
}

/// What goes on after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next statement.
    Next,
    /// The response is made: nothing else runs (`return-response`, `mock-response`, a cache hit).
    Return,
}

/// A finished piece of work's way back into the exchange.
pub type Completion = Box<dyn FnOnce(&mut Exchange) -> Result<Flow, Failure> + Send>;

/// How a statement runs.
pub enum Run<'a> {
    /// It is done.
    Done(Result<Flow, Failure>),
    /// It waits for something and needs the exchange meanwhile.
    Later(BoxFuture<'a, Result<Flow, Failure>>),
    /// It waits for something of its own, and tells the exchange afterwards: several of these run at once inside `<wait>`.
    Detached(BoxFuture<'static, Completion>),
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Done(_) => "Done",
            Self::Later(_) => "Later",
            Self::Detached(_) => "Detached",
        })
    }
}

impl From<Result<(), Failure>> for Run<'_> {
    fn from(result: Result<(), Failure>) -> Self {
        Self::Done(result.map(|()| Flow::Next))
    }
}

/// One policy, compiled.
pub trait Statement: Send + Sync + fmt::Debug {
    /// Does it.
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a>;
}

/// Lets a bounded number through.
pub trait Gate: Send + Sync + fmt::Debug {
    /// A permit that is held until the children have run, or the failure that the caller gets.
    ///
    /// # Errors
    /// There is no permit left.
    fn enter(&self, exchange: &mut Exchange, arguments: &mut Arguments) -> Result<Permit, Failure>;
}

/// Given back when it is dropped.
pub type Permit = Box<dyn std::any::Any + Send>;

impl Program {
    /// Where an operation comes from.
    #[must_use]
    pub fn site(&self, operation: usize) -> Option<&Site> {
        self.sites.get(*self.site_of.get(operation)? as usize)
    }
}
