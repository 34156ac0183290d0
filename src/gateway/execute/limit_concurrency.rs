//! `limit-concurrency`: at most `max-count` requests at a time per key run the children; others get 429 at once (its page).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Gate, Op, Permit};
use crate::policy::Element;

/// Who is inside, by key.
#[derive(Debug, Default)]
pub struct Slots(Mutex<HashMap<Box<str>, u32>>);

/// One who is inside.
struct Inside {
    slots: Arc<Slots>,
    key: Box<str>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = slots.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                slots.remove(&self.key);
            }
        }
    }
}

#[derive(Debug)]
struct LimitConcurrency {
    key: Argument<Box<str>>,
    max: u32,
    slots: Arc<Slots>,
}

impl Gate for LimitConcurrency {
    fn enter(&self, _exchange: &mut Exchange, arguments: &mut Arguments) -> Result<Permit, Failure> {
        let key: Box<str> = Box::from(arguments.text(&self.key));
        let mut slots = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(&key).copied().unwrap_or(0) >= self.max {
            // Reason and text are assumed; the page only names the status.
            return Err(Failure::refused("ConcurrencyLimitExceeded", StatusCode::TOO_MANY_REQUESTS, "Concurrency limit is exceeded."));
        }
        *slots.entry(key.clone()).or_insert(0) += 1;
        drop(slots);
        Ok(Box::new(Inside { slots: self.slots.clone(), key }))
    }
}

/// `<limit-concurrency key="…" max-count="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let key = compiler.required_text(element, "key");
    let max = compiler.parsed(element, "max-count").unwrap_or(1);
    // One count per key wherever the policy stands (assumed: the page speaks of the key alone).
    let slots = compiler.environment().state.concurrency.get_or_insert_with("", Slots::default);
    compiler.push(Op::Enter(Box::new(LimitConcurrency { key, max, slots })));
    compiler.block(element);
    compiler.push(Op::Leave);
}
