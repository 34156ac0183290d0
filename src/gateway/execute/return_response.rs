//! `return-response`: ends the pipeline with a response of its own (its page).

use super::set_body::{self, SetBody};
use super::set_header::{self, SetHeader};
use super::set_status::{self, SetStatus};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::program::{Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct ReturnResponse {
    variable: Option<String>,
    status: Option<SetStatus>,
    headers: Vec<SetHeader>,
    body: Option<SetBody>,
}

impl ReturnResponse {
    fn apply(&self, exchange: &mut Exchange, arguments: &mut Arguments) -> Result<Flow, Failure> {
        // "The response contained within the context variable is modified by the policy statements."
        let mut response = match &self.variable {
            Some(name) => {
                let value = exchange.variables.get(name).cloned();
                value.and_then(|value| exchange.take_response(&value)).ok_or_else(|| {
                    // What the service does is not documented; a response that is not there cannot be returned.
                    Failure::internal("ResponseVariableInvalid", format!("The variable '{name}' holds no response."))
                })?
            }
            None => ResponseMessage::new(http::StatusCode::OK),
        };
        if let Some(status) = &self.status {
            status.apply(&mut response, arguments)?;
        }
        for header in &self.headers {
            header.apply(&mut response.headers, arguments)?;
        }
        if let Some(body) = &self.body {
            // "A liquid template specified inside the policy receives an empty string as its input."
            let bytes = body.bytes(exchange, arguments, set_body::Input::None)?;
            response.body = if bytes.is_empty() { MessageBody::Empty } else { MessageBody::Buffered(bytes) };
        }
        exchange.response = Some(response);
        exchange.note("return-response", |exchange| {
            let response = exchange.response.as_ref();
            serde_json::json!({
                "message": "Return response was applied",
                "response": { "status": {
                    "code": response.map(|response| response.status.as_u16()), "reason": response.map(ResponseMessage::reason),
                } },
            })
        });
        Ok(Flow::Return)
    }
}

impl Statement for ReturnResponse {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.apply(exchange, arguments))
    }
}

/// `<return-response response-variable-name="…">` with `set-status`, `set-header`, `set-body`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let variable = compiler.literal(element, "response-variable-name");
    let (mut status, mut headers, mut body) = (None, Vec::new(), None);
    for child in element.elements() {
        match child.name.as_str() {
            "set-status" => status = Some(set_status::read(child, compiler)),
            "set-header" => headers.push(set_header::read(child, compiler)),
            "set-body" => body = Some(set_body::read(child, compiler)),
            other => compiler.problem(child, format!("`return-response` takes set-status, set-header and set-body, not `{other}`")),
        }
    }
    compiler.run(ReturnResponse { variable, status, headers, body });
}
