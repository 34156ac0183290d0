//! `set-method`: the method of the request that goes to the backend (its page).

use http::Method;

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// One `set-method`, also inside `send-request`.
#[derive(Debug)]
pub(super) enum SetMethod {
    Known(Method),
    Computed(Argument<Box<str>>),
}

impl SetMethod {
    /// The method.
    ///
    /// # Errors
    /// A computed one is no method.
    pub(super) fn method(&self, arguments: &Arguments) -> Result<Method, Failure> {
        match self {
            Self::Known(method) => Ok(method.clone()),
            Self::Computed(argument) => {
                let text = arguments.text(argument);
                parse(text).ok_or_else(|| Failure::internal("MethodInvalid", format!("`{text}` is no HTTP method")))
            }
        }
    }
}

/// Methods are case-sensitive in HTTP, the known ones are written in capitals whatever the policy writes (assumed: .NET does so).
fn parse(text: &str) -> Option<Method> {
    let text = text.trim();
    let upper = text.to_ascii_uppercase();
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH, Method::TRACE];
    known.into_iter().find(|method| method.as_str() == upper).or_else(|| Method::from_bytes(text.as_bytes()).ok())
}

impl Statement for SetMethod {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.method(arguments).map(|method| {
            exchange.note("set-method", |_| serde_json::json!({ "message": "Request method was changed.", "method": method.as_str() }));
            exchange.request.method = method;
            Flow::Next
        }))
    }
}

/// Reads `<set-method>…</set-method>`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> SetMethod {
    match compiler.content(element) {
        Argument::Literal(text) => match parse(&text) {
            Some(method) => SetMethod::Known(method),
            None => {
                compiler.problem(element, format!("`{text}` is no HTTP method"));
                SetMethod::Computed(Argument::Literal(text))
            }
        },
        computed @ Argument::Computed(_) => SetMethod::Computed(computed),
    }
}

/// `set-method` as a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let statement = read(element, compiler);
    compiler.run(statement);
}
