//! `cache-lookup-value`, `cache-store-value`, `cache-remove-value`: values by key, shared by the whole service (their pages).

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::expression::{HostValue, Portable};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, ArgumentValue, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct Lookup {
    key: Argument<Box<str>>,
    variable: Arc<str>,
    default: Option<Argument<String>>,
}

impl Lookup {
    fn run_now(&self, exchange: &mut Exchange, arguments: &mut Arguments) -> Result<(), Failure> {
        let state = exchange.worker.state.clone();
        if let Some(found) = state.values.get(arguments.text(&self.key), state.clock.now()) {
            let mut heap = mem::take(&mut exchange.heap);
            let value = found.revive(&mut heap, exchange);
            exchange.heap = heap;
            let value = value.map_err(|exception| Failure::expression(&exception))?;
            exchange.variables.set(&self.variable, HostValue::Stored(value));
            return Ok(());
        }
        // A miss without a default leaves the variable alone (its page).
        match &self.default {
            None => {}
            Some(Argument::Literal(text)) => exchange.variables.set(&self.variable, HostValue::Text(text.clone())),
            Some(Argument::Computed(place)) => match arguments.take(*place) {
                ArgumentValue::Object(value) => exchange.variables.set(&self.variable, HostValue::Stored(value.store())),
                _ => exchange.variables.set(&self.variable, HostValue::Null),
            },
        }
        Ok(())
    }
}

impl Statement for Lookup {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        self.run_now(exchange, arguments).into()
    }
}

/// `<cache-lookup-value key="…" variable-name="…" default-value="…" />`.
pub(super) fn compile_lookup(element: &Element, compiler: &mut Compiler<'_>) {
    refuse_external(element, compiler);
    let key = compiler.required_text(element, "key");
    let variable = Arc::from(compiler.required_literal(element, "variable-name"));
    let default = compiler.object(element, "default-value");
    compiler.run(Lookup { key, variable, default });
}

/// The gateway has no Redis beside it. `prefer-external`, the default, takes the built-in cache where there is no other.
pub(super) fn refuse_external(element: &Element, compiler: &mut Compiler<'_>) {
    if compiler.literal(element, "caching-type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("external")) {
        compiler
            .problem(element, format!("`{}` with caching-type `external` needs an external cache, which is not emulated", element.name));
    }
}

#[derive(Debug)]
struct Store {
    key: Argument<Box<str>>,
    value: Argument<String>,
    duration: Argument<i64>,
}

impl Store {
    fn run_now(&self, exchange: &mut Exchange, arguments: &mut Arguments) -> Result<(), Failure> {
        let value = match &self.value {
            Argument::Literal(text) => Portable::text(text),
            Argument::Computed(place) => match arguments.take(*place) {
                ArgumentValue::Object(value) => {
                    let mut heap = mem::take(&mut exchange.heap);
                    let portable = value.portable(&mut heap, exchange);
                    let name = value.type_name(&heap).unwrap_or_default();
                    exchange.heap = heap;
                    portable.map_err(|exception| Failure::expression(&exception))?.ok_or_else(|| {
                        Failure::internal("CacheValueNotSupported", format!("a value of type {name} is not kept by the emulated cache"))
                    })?
                }
                // Nothing is kept for null (assumed).
                _ => return Ok(()),
            },
        };
        let seconds = u64::try_from(arguments.integer(&self.duration)).unwrap_or(0);
        let state = &exchange.worker.state;
        let size = value.size();
        state.values.put(arguments.text(&self.key), value, size, Duration::from_secs(seconds), state.clock.now());
        Ok(())
    }
}

impl Statement for Store {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        self.run_now(exchange, arguments).into()
    }
}

/// `<cache-store-value key="…" value="…" duration="…" />`.
pub(super) fn compile_store(element: &Element, compiler: &mut Compiler<'_>) {
    refuse_external(element, compiler);
    let key = compiler.required_text(element, "key");
    let value = compiler.object(element, "value").unwrap_or(Argument::Literal(String::new()));
    let duration = compiler.integer(element, "duration").unwrap_or(Argument::Literal(0));
    compiler.run(Store { key, value, duration });
}

#[derive(Debug)]
struct Remove {
    key: Argument<Box<str>>,
}

impl Statement for Remove {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        exchange.worker.state.values.remove(arguments.text(&self.key));
        Run::Done(Ok(Flow::Next))
    }
}

/// `<cache-remove-value key="…" />`.
pub(super) fn compile_remove(element: &Element, compiler: &mut Compiler<'_>) {
    refuse_external(element, compiler);
    let key = compiler.required_text(element, "key");
    compiler.run(Remove { key });
}
