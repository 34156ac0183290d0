//! The loop over operations.

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use smallvec::{SmallVec, smallvec};

use super::super::exchange::Exchange;
use super::super::failure::{CALLER_GONE, Failure, LastError};
use super::super::program::{ArgumentValue, Arguments, Completion, Flow, Op, Permit, Program, RetryPlan, Run, WaitPlan};
use super::super::retry::Waits;
use super::super::settings::AbsentSection;
use super::super::snapshot::{Document, Snapshot};
use super::evaluate::evaluate;
use super::{Chain, Located};
use crate::policy::{Scope, Section};

/// A program that is being run, and where in it.
struct Frame<'s> {
    program: &'s Program,
    next: usize,
    /// Place in the chain.
    level: usize,
    scope: Scope,
}

/// A `retry` that is being run.
struct Retry {
    /// Frames that were there when it began.
    depth: usize,
    /// Permits that were held when it began.
    permits: usize,
    test: usize,
    waits: Waits,
    /// Retries that are left.
    left: i64,
    /// Retries that were made.
    made: u32,
    /// What the children ended with, while the condition is looked at.
    pending: Option<Box<Located>>,
}

/// What stops [`Runner::advance`].
pub(super) enum Advance {
    /// The section is through.
    Finished(Flow),
    /// Something has to be waited for that does not need the exchange.
    Detached(BoxFuture<'static, Completion>),
}

/// Runs one section, or one child of `wait`.
pub(super) struct Runner<'s> {
    snapshot: &'s Snapshot,
    chain: Chain,
    section: Section,
    absent: AbsentSection,
    /// Whether only what preflight requests meet is run.
    preflight: bool,
    /// One for each scope at most.
    frames: SmallVec<[Frame<'s>; 4]>,
    retries: SmallVec<[Retry; 1]>,
    permits: Vec<Permit>,
    arguments: Arguments,
}

impl<'s> Runner<'s> {
    /// `arguments`: an empty list, whose memory is used again.
    pub(super) fn new(
        snapshot: &'s Snapshot,
        chain: Chain,
        section: Section,
        absent: AbsentSection,
        preflight: bool,
        arguments: Arguments,
    ) -> Self {
        let mut runner = Self {
            snapshot,
            chain,
            section,
            absent,
            preflight,
            frames: SmallVec::new(),
            retries: SmallVec::new(),
            permits: Vec::new(),
            arguments,
        };
        runner.enter(0);
        runner
    }

    /// The list that was given, empty again.
    pub(super) fn into_arguments(mut self) -> Arguments {
        self.arguments.clear();
        self.arguments
    }

    /// A child of `wait`: one program, in the scope of its parent.
    fn child(&self, program: &'s Program, level: usize, scope: Scope) -> Self {
        Self {
            snapshot: self.snapshot,
            chain: self.chain,
            section: self.section,
            absent: self.absent,
            preflight: self.preflight,
            frames: smallvec![Frame { program, next: 0, level, scope }],
            retries: SmallVec::new(),
            permits: Vec::new(),
            arguments: Arguments::default(),
        }
    }

    /// Goes on with the first document from `level` on that has the section.
    fn enter(&mut self, level: usize) {
        for (place, document) in self.chain.documents.iter().enumerate().skip(level) {
            let Some(document) = document.and_then(|index| self.snapshot.document(index)) else { continue };
            match document.section(self.section) {
                Some(program) => {
                    let program = if self.preflight { program.preflight.as_deref().unwrap_or(program) } else { program };
                    self.frames.push(Frame { program, next: 0, level: place, scope: document.scope });
                    return;
                }
                None if self.absent == AbsentSection::Inherit => {}
                None => return,
            }
        }
    }

    /// Runs until the section is through or something has to be waited for.
    pub(super) async fn advance(&mut self, exchange: &mut Exchange) -> Result<Advance, Box<Located>> {
        loop {
            let Some(frame) = self.frames.last_mut() else { return Ok(Advance::Finished(Flow::Next)) };
            let (program, place, level, scope) = (frame.program, frame.next, frame.level, frame.scope);
            let Some(op) = program.ops.get(place) else {
                self.frames.pop();
                continue;
            };
            frame.next += 1;
            exchange.scope = scope;
            if let Some(coverage) = &exchange.worker.state.coverage
                && let Some(document) = self.document(level)
            {
                coverage.began(&document.id, self.section, program, place);
            }
            let result = match op {
                Op::Evaluate(code) => match evaluate(exchange, code).await {
                    Ok(value) => {
                        self.arguments.push(value);
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
                Op::Run(statement) => match statement.run(exchange, &mut self.arguments) {
                    Run::Done(result) => result,
                    Run::Later(work) => work.await,
                    Run::Detached(work) => {
                        self.arguments.clear();
                        return Ok(Advance::Detached(work));
                    }
                },
                Op::JumpUnless(target) => {
                    let holds = matches!(self.arguments.pop(), Some(ArgumentValue::Boolean(true)));
                    if !holds {
                        self.jump(*target);
                    }
                    self.decided(exchange, program, place, level, holds);
                    Ok(Flow::Next)
                }
                Op::Jump(target) => {
                    self.jump(*target);
                    Ok(Flow::Next)
                }
                Op::Base => {
                    self.enter(level + 1);
                    Ok(Flow::Next)
                }
                Op::RetryEnter(plan) => {
                    self.begin_retry(plan, exchange);
                    Ok(Flow::Next)
                }
                Op::RetryDecide(start) => {
                    let made = self.retries.last().map_or(0, |retry| retry.made);
                    let depth = self.retries.len();
                    let result = self.decide_retry(*start, exchange).await;
                    let again = self.retries.len() == depth && self.retries.last().is_some_and(|retry| retry.made > made);
                    self.decided(exchange, program, place, level, again);
                    result?
                }
                Op::Enter(gate) => match gate.enter(exchange, &mut self.arguments) {
                    Ok(permit) => {
                        self.permits.push(permit);
                        Ok(Flow::Next)
                    }
                    Err(failure) => Err(failure),
                },
                Op::Leave => {
                    self.permits.pop();
                    Ok(Flow::Next)
                }
                // Boxed: a child of `wait` is run by this same loop.
                Op::Wait(plan) => Box::pin(self.wait(plan, level, scope, exchange)).await?,
            };
            self.arguments.clear();
            match result {
                Ok(Flow::Next) => {}
                Ok(Flow::Return) => return Ok(Advance::Finished(Flow::Return)),
                Err(failure) => self.failed(failure, exchange)?,
            }
        }
    }

    /// What a detached piece of work has to say.
    pub(super) fn complete(&mut self, completion: Completion, exchange: &mut Exchange) -> Result<Flow, Box<Located>> {
        match completion(exchange) {
            Ok(flow) => Ok(flow),
            Err(failure) => self.failed(failure, exchange).map(|()| Flow::Next),
        }
    }

    /// The document whose program runs at `level`.
    fn document(&self, level: usize) -> Option<&'s Document> {
        self.snapshot.document((*self.chain.documents.get(level)?)?)
    }

    /// Tells who measures coverage which way a decision went.
    fn decided(&self, exchange: &Exchange, program: &Program, operation: usize, level: usize, yes: bool) {
        if let Some(coverage) = &exchange.worker.state.coverage
            && let Some(document) = self.document(level)
        {
            coverage.decided(&document.id, self.section, program, operation, yes);
        }
    }

    fn jump(&mut self, target: u32) {
        if let Some(frame) = self.frames.last_mut() {
            frame.next = target as usize;
        }
    }

    /// A statement failed: the innermost retry looks at its condition, or the section ends.
    fn failed(&mut self, failure: Failure, exchange: &mut Exchange) -> Result<(), Box<Located>> {
        self.arguments.clear();
        let located = self.locate(failure, exchange);
        self.raise(located)
    }

    fn raise(&mut self, located: Box<Located>) -> Result<(), Box<Located>> {
        // Nobody waits for another attempt any more, and what is left of the request's body is gone (assumed).
        if located.failure.reason == CALLER_GONE {
            return Err(located);
        }
        // A condition that fails ends its retry: what the children ended with is forgotten, as an exception in a C# `while` would do
        // (assumed). The retry around it, if any, catches the new failure.
        while let Some(retry) = self.retries.last()
            && self.frames.len() == retry.depth
            && self.frames.last().is_none_or(|frame| frame.next > retry.test)
        {
            self.retries.pop();
        }
        let Some(retry) = self.retries.last_mut() else { return Err(located) };
        retry.pending = Some(located);
        let (depth, permits, test) = (retry.depth, retry.permits, retry.test);
        self.frames.truncate(depth);
        self.permits.truncate(permits);
        if let Some(frame) = self.frames.last_mut() {
            frame.next = test;
        }
        Ok(())
    }

    fn locate(&self, failure: Failure, exchange: &mut Exchange) -> Box<Located> {
        let frame = self.frames.last();
        let site = frame.and_then(|frame| frame.program.site(frame.next.saturating_sub(1)));
        let source = match (failure.source.is_empty(), site) {
            (true, Some(site)) => std::borrow::Cow::Owned(site.policy.to_string()),
            _ => failure.source.clone(),
        };
        let last_error = LastError {
            source,
            reason: failure.reason.clone(),
            message: failure.message.clone(),
            scope: frame.map(|frame| frame.scope),
            section: Some(self.section),
            path: site.map_or_else(String::new, |site| site.path.to_string()),
            policy_id: site.map_or_else(String::new, |site| site.policy_id.to_string()),
        };
        exchange.note(&last_error.source, |_| serde_json::json!({ "message": last_error.message, "reason": last_error.reason }));
        Box::new(Located { failure, last_error })
    }

    fn begin_retry(&mut self, plan: &RetryPlan, exchange: &Exchange) {
        let arguments = &self.arguments;
        let waits = Waits {
            interval: arguments.number(&plan.interval),
            max_interval: plan.max_interval.as_ref().map(|value| arguments.number(value)),
            delta: plan.delta.as_ref().map(|value| arguments.number(value)),
            first_fast_retry: arguments.boolean(&plan.first_fast_retry),
            exponent_from_one: exchange.worker.settings.retry_exponent_from_one,
        };
        let left = arguments.integer(&plan.count);
        self.retries.push(Retry {
            depth: self.frames.len(),
            permits: self.permits.len(),
            test: plan.test as usize,
            waits,
            left,
            made: 0,
            pending: None,
        });
    }

    /// The children have run and the condition has a value: once more, or on, or up with what they ended with.
    async fn decide_retry(&mut self, start: u32, exchange: &mut Exchange) -> Result<Result<Flow, Failure>, Box<Located>> {
        let again = matches!(self.arguments.pop(), Some(ArgumentValue::Boolean(true)));
        let Some(retry) = self.retries.last_mut() else { return Ok(Ok(Flow::Next)) };
        if again && retry.left > 0 {
            retry.left -= 1;
            retry.made += 1;
            retry.pending = None;
            let random = &exchange.worker.state.random;
            let wait = retry.waits.before(retry.made, || {
                let mut bytes = [0; 4];
                random.fill(&mut bytes);
                f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
            });
            let number = retry.made;
            exchange.note("retry", |_| serde_json::json!({ "message": "Retrying.", "retry": number, "waitSeconds": wait.as_secs_f64() }));
            if !wait.is_zero() {
                exchange.worker.state.clock.sleep(wait).await;
            }
            self.jump(start);
            return Ok(Ok(Flow::Next));
        }
        // The last outcome stands.
        match self.retries.pop().and_then(|retry| retry.pending) {
            Some(located) => self.raise(located).map(|()| Ok(Flow::Next)),
            None => Ok(Ok(Flow::Next)),
        }
    }

    /// Runs the children of `wait` side by side.
    async fn wait(
        &mut self,
        plan: &'s WaitPlan,
        level: usize,
        scope: Scope,
        exchange: &mut Exchange,
    ) -> Result<Result<Flow, Failure>, Box<Located>> {
        let any = self.arguments.text(&plan.until).trim().eq_ignore_ascii_case("any");
        let mut children: Vec<Self> = plan.children.iter().map(|program| self.child(program, level, scope)).collect();
        let mut running = FuturesUnordered::new();
        let mut due: Vec<usize> = (0..children.len()).rev().collect();
        loop {
            while let Some(place) = due.pop() {
                let Some(child) = children.get_mut(place) else { continue };
                match child.advance(exchange).await {
                    Ok(Advance::Finished(Flow::Return)) => return Ok(Ok(Flow::Return)),
                    Ok(Advance::Finished(Flow::Next)) if any => return Ok(Ok(Flow::Next)),
                    Ok(Advance::Finished(Flow::Next)) => {}
                    Ok(Advance::Detached(work)) => running.push(async move { (place, work.await) }),
                    Err(located) => return self.raise(located).map(|()| Ok(Flow::Next)),
                }
            }
            let Some((place, completion)) = running.next().await else { return Ok(Ok(Flow::Next)) };
            if let Some(child) = children.get_mut(place) {
                match child.complete(completion, exchange) {
                    Ok(Flow::Return) => return Ok(Ok(Flow::Return)),
                    // It goes on behind what it waited for; only then it is through.
                    Ok(Flow::Next) => due.push(place),
                    Err(located) => return self.raise(located).map(|()| Ok(Flow::Next)),
                }
            }
        }
    }
}
