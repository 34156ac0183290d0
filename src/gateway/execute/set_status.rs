//! `set-status`: status and reason phrase of the response (its page).

use http::StatusCode;

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::ResponseMessage;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::policy::Element;

/// One `set-status`, also inside `return-response`.
#[derive(Debug)]
pub(super) struct SetStatus {
    code: Argument<i64>,
    reason: Option<Argument<Box<str>>>,
}

/// A status that the gateway can send. Interim answers end nothing, so they cannot be one.
pub(super) fn status(code: i64) -> Option<StatusCode> {
    u16::try_from(code).ok().filter(|code| *code >= 200).and_then(|code| StatusCode::from_u16(code).ok())
}

impl SetStatus {
    /// Changes `response`.
    ///
    /// # Errors
    /// A computed code is none.
    pub(super) fn apply(&self, response: &mut ResponseMessage, arguments: &mut Arguments) -> Result<(), Failure> {
        let code = arguments.integer(&self.code);
        response.status = status(code).ok_or_else(|| Failure::internal("StatusCodeInvalid", format!("{code} is no HTTP status")))?;
        response.reason = match &self.reason {
            // A phrase that cannot stand in a status line would break the answer: the line break is left out.
            Some(reason) => arguments.take_text(reason).map(|text| text.replace(['\r', '\n'], " ")).filter(|text| !text.is_empty()),
            None => None,
        };
        Ok(())
    }
}

impl Statement for SetStatus {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let result = self.apply(exchange.response_mut(), arguments);
        exchange.note("set-status", |exchange| {
            let response = exchange.response.as_ref();
            serde_json::json!({
                "message": "Response status was changed.",
                "status": { "code": response.map(|response| response.status.as_u16()), "reason": response.map(ResponseMessage::reason) },
            })
        });
        result.into()
    }
}

/// Reads `<set-status code="…" reason="…" />`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> SetStatus {
    let code = match compiler.integer(element, "code") {
        Some(Argument::Literal(code)) if status(code).is_none() => {
            compiler.problem(element, format!("`{code}` is no status that an answer can have"));
            Argument::Literal(200)
        }
        Some(code) => code,
        None => {
            compiler.problem(element, "`set-status` needs the attribute `code`");
            Argument::Literal(200)
        }
    };
    let reason = compiler.text(element, "reason");
    SetStatus { code, reason }
}

/// `set-status` as a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let statement = read(element, compiler);
    compiler.run(statement);
}
