//! Small things that several policies leave for the head of the response.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Arguments, Compiler};
use crate::gateway::settle::Settle;
use crate::policy::Element;

/// Headers that the response gets, whatever answers.
#[derive(Debug, Default)]
pub(super) struct Headers(pub(super) Vec<(HeaderName, HeaderValue)>);

impl Settle for Headers {
    fn head(&mut self, exchange: &mut Exchange, _arguments: &mut Arguments) {
        let headers = &mut exchange.response_mut().headers;
        for (name, value) in self.0.drain(..) {
            headers.insert(name, value);
        }
    }
}

/// Where a limit tells how long to wait: `retry-after-header-name` and `retry-after-variable-name`.
#[derive(Debug)]
pub(super) struct RetryAfter {
    header: HeaderName,
    variable: Option<Arc<str>>,
}

impl RetryAfter {
    /// `Retry-After` and no variable, where the policy does not say.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> Self {
        Self {
            header: header_name(element, compiler, "retry-after-header-name").unwrap_or(RETRY_AFTER),
            variable: variable_name(element, compiler, "retry-after-variable-name"),
        }
    }

    /// The failure with the seconds to wait.
    pub(super) fn tell(&self, exchange: &mut Exchange, failure: Failure, seconds: u64) -> Failure {
        if let Some(name) = &self.variable {
            exchange.variables.set(name, number(seconds));
        }
        failure.with_header(self.header.clone(), HeaderValue::from(seconds))
    }
}

/// A literal attribute that names a header.
pub(super) fn header_name(element: &Element, compiler: &mut Compiler<'_>, attribute: &str) -> Option<HeaderName> {
    let text = compiler.literal(element, attribute)?;
    match HeaderName::from_bytes(text.trim().as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => {
            compiler.problem(element, format!("`{text}` in `{attribute}` is no header name"));
            None
        }
    }
}

/// A literal attribute that names a variable.
pub(super) fn variable_name(element: &Element, compiler: &mut Compiler<'_>, attribute: &str) -> Option<std::sync::Arc<str>> {
    compiler.literal(element, attribute).map(|text| std::sync::Arc::from(text.trim()))
}

/// A number as .NET's `int` where it fits, as policies read it.
pub(super) fn number(value: u64) -> crate::expression::HostValue {
    crate::expression::HostValue::Integer(i32::try_from(value).unwrap_or(i32::MAX))
}
