//! `increment-condition` and `increment-count` of the limits by key: when and by how much a counter grows.

use std::fmt;
use std::sync::Arc;

use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, Arguments, Compiler, Evaluate};
use crate::gateway::settle::Settle;
use crate::policy::Element;

/// `context.Response` among the members that an expression may read.
const RESPONSE: &str = "IProxyRequestContext.Response";

/// When a counter grows.
#[derive(Debug)]
pub(super) enum Increment {
    /// When the policy runs.
    Now(Growth),
    /// When the response is known: an expression reads it (pages of both policies).
    AfterResponse(Postponed),
}

/// By how much.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    condition: Option<Argument<bool>>,
    count: Option<Argument<i64>>,
}

impl Growth {
    /// 1 where the policy does not say, 0 where its condition is false.
    pub(super) fn amount(&self, arguments: &Arguments) -> u64 {
        if self.condition.as_ref().is_some_and(|condition| !arguments.boolean(condition)) {
            return 0;
        }
        u64::try_from(self.count.as_ref().map_or(1, |count| arguments.integer(count))).unwrap_or(0)
    }
}

/// A growth whose expressions are evaluated when the response is known.
#[derive(Debug, Clone)]
pub(super) struct Postponed {
    expressions: Arc<[Arc<Evaluate>]>,
    growth: Growth,
}

impl Postponed {
    /// Calls `grow` with the amount when the response is known, if it is not 0.
    pub(super) fn settle(&self, grow: impl Fn(&mut Exchange, u64) + Send + Sync + 'static) -> Box<dyn Settle> {
        Box::new(GrowLater { postponed: self.clone(), grow })
    }
}

impl Increment {
    /// Reads both attributes. Their expressions are the policy's last, so they can be taken off again. `postpones`: every expression
    /// waits for the response, not only one that reads it.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>, postpones: bool) -> Self {
        let always = compiler.flag(element, "increment-after-response", false);
        let first = compiler.arguments();
        let growth =
            Growth { condition: compiler.boolean(element, "increment-condition"), count: compiler.integer(element, "increment-count") };
        // The page: "a condition that uses the response is evaluated when there is one".
        let waits = |code: &Evaluate| postpones || code.expression.reached().contains(&RESPONSE);
        if !always && !compiler.evaluations(first).any(waits) {
            return Self::Now(growth);
        }
        let expressions = compiler.withdraw(first).into_iter().map(Arc::from).collect();
        let growth = Growth {
            condition: growth.condition.map(|argument| shifted(argument, first)),
            count: growth.count.map(|argument| shifted(argument, first)),
        };
        Self::AfterResponse(Postponed { expressions, growth })
    }
}

/// The place of an argument among those that were withdrawn.
fn shifted<T>(argument: Argument<T>, first: u32) -> Argument<T> {
    match argument {
        Argument::Literal(value) => Argument::Literal(value),
        Argument::Computed(place) => Argument::Computed(place.saturating_sub(first)),
    }
}

/// Grows a counter when the response is known.
struct GrowLater<F> {
    postponed: Postponed,
    grow: F,
}

impl<F> fmt::Debug for GrowLater<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GrowLater").field("postponed", &self.postponed).finish_non_exhaustive()
    }
}

impl<F: Fn(&mut Exchange, u64) + Send + Sync> Settle for GrowLater<F> {
    fn deferred(&self) -> &[Arc<Evaluate>] {
        &self.postponed.expressions
    }

    fn head(&mut self, exchange: &mut Exchange, arguments: &mut Arguments) {
        let amount = self.postponed.growth.amount(arguments);
        if amount > 0 {
            (self.grow)(exchange, amount);
        }
    }
}
