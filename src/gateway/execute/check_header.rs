//! `check-header`: the request goes on only if a header is there and has one of the allowed values (its page).

use http::StatusCode;
use http::header::HeaderName;

use super::set_status;
use crate::gateway::exchange::{Exchange, header_text};
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct CheckHeader {
    name: Argument<Box<str>>,
    code: Argument<i64>,
    message: Argument<Box<str>>,
    ignore_case: Argument<bool>,
    values: Vec<Argument<Box<str>>>,
}

impl CheckHeader {
    fn check(&self, exchange: &Exchange, arguments: &Arguments) -> Result<(), Failure> {
        let name = arguments.text(&self.name).trim();
        let found = HeaderName::from_bytes(name.as_bytes())
            .map(|header| exchange.request.headers.get_all(header).iter().map(header_text).collect::<Vec<_>>())
            .unwrap_or_default();
        // Reasons and messages: error handling page. That a header with several values does not pass: Microsoft's toolkit.
        let (reason, message) = match found.as_slice() {
            [] => ("HeaderNotFound", format!("Header {name} was not found in the request. Access denied.")),
            [value] if self.allows(value, arguments) => return Ok(()),
            values => ("HeaderValueNotAllowed", format!("Header {name} value of {} is not allowed. Access denied.", values.join(","))),
        };
        let status = set_status::status(arguments.integer(&self.code)).unwrap_or(StatusCode::UNAUTHORIZED);
        Err(Failure::refused(reason, status, message).answering(arguments.text(&self.message)))
    }

    fn allows(&self, value: &str, arguments: &Arguments) -> bool {
        let ignore_case = arguments.boolean(&self.ignore_case);
        self.values.is_empty()
            || self
                .values
                .iter()
                .map(|allowed| arguments.text(allowed))
                .any(|allowed| if ignore_case { allowed.to_lowercase() == value.to_lowercase() } else { allowed == value })
    }
}

impl Statement for CheckHeader {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.check(exchange, arguments).map(|()| Flow::Next))
    }
}

/// `<check-header name="…" failed-check-httpcode="…" failed-check-error-message="…" ignore-case="…"><value>…</value></check-header>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let name = compiler.required_text(element, "name");
    let code = compiler.integer(element, "failed-check-httpcode").unwrap_or(Argument::Literal(401));
    let message = compiler.required_text(element, "failed-check-error-message");
    let ignore_case = compiler.boolean(element, "ignore-case").unwrap_or(Argument::Literal(false));
    let values = element.elements_named("value").map(|child| compiler.content(child)).collect();
    compiler.run(CheckHeader { name, code, message, ignore_case, values });
}
