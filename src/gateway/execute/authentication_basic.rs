//! `authentication-basic`: `Authorization: Basic …` towards the backend (its page), also inside `send-request`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderValue};

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// The header, prepared if both parts are literals.
#[derive(Debug)]
pub(super) enum Basic {
    Known(HeaderValue),
    Computed { username: Argument<Box<str>>, password: Argument<Box<str>> },
}

impl Basic {
    /// The value of `Authorization`.
    ///
    /// # Errors
    /// Never in fact: base64 can stand in a header.
    pub(super) fn header(&self, arguments: &Arguments) -> Result<HeaderValue, Failure> {
        match self {
            Self::Known(value) => Ok(value.clone()),
            Self::Computed { username, password } => encoded(arguments.text(username), arguments.text(password))
                .ok_or_else(|| Failure::internal("HeaderValueInvalid", "the credentials cannot stand in a header")),
        }
    }
}

fn encoded(username: &str, password: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[derive(Debug)]
struct AuthenticationBasic(Basic);

impl Statement for AuthenticationBasic {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.0.header(arguments).map(|value| {
            exchange.request.headers.insert(AUTHORIZATION, value);
            Flow::Next
        }))
    }
}

/// Reads `<authentication-basic username="…" password="…"/>`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> Basic {
    let username = compiler.required_text(element, "username");
    let password = compiler.required_text(element, "password");
    if let (Argument::Literal(username), Argument::Literal(password)) = (&username, &password)
        && let Some(value) = encoded(username, password)
    {
        return Basic::Known(value);
    }
    Basic::Computed { username, password }
}

/// As a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let basic = read(element, compiler);
    compiler.run(AuthenticationBasic(basic));
}
