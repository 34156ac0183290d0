//! What an expression reads, noted while its calls are made.

use super::Generator;
use crate::expression::bound::{Expr, ExprKind};
use crate::expression::code::Need;
use crate::expression::value::Value;

impl Generator<'_> {
    pub(super) fn note_effects(&mut self, key: &str, arguments: &[Expr]) {
        if key.starts_with("IMessageBody.") {
            let need = self.need();
            let raise = |slot: &mut Need| *slot = (*slot).max(need);
            match arguments.first().and_then(source) {
                Some("IRequest.Body") => raise(&mut self.code.effects.request_body),
                Some("IResponse.Body") if !from_context(arguments.first()) => {}
                Some("IResponse.Body") => raise(&mut self.code.effects.response_body),
                // A body that came by a variable: either may be meant.
                _ => {
                    raise(&mut self.code.effects.request_body);
                    raise(&mut self.code.effects.response_body);
                }
            }
        }
        // The call around the property is noted before the property itself.
        if matches!(arguments.first().and_then(source), Some("IRequest.Headers" | "IResponse.Headers"))
            && let Some(Value::Text(name)) = arguments.get(1).and_then(Expr::value)
        {
            let name = name.to_str().into_owned();
            if !self.code.effects.headers.contains(&name) {
                self.code.effects.headers.push(name);
            }
            self.named_headers += 1;
        }
        if key.ends_with(".Headers") {
            if self.named_headers == 0 {
                self.code.effects.all_headers = true;
            } else {
                self.named_headers -= 1;
            }
        }
    }
}

/// The property that a value is read from.
fn source(value: &Expr) -> Option<&'static str> {
    match &value.kind {
        ExprKind::Call(callee, ..) => Some(callee.key),
        _ => None,
    }
}

/// Whether the response is that of the context, and not one of a variable.
fn from_context(body: Option<&Expr>) -> bool {
    match body.map(|body| &body.kind) {
        Some(ExprKind::Call(_, _, arguments)) => arguments.first().and_then(source) == Some("IProxyRequestContext.Response"),
        _ => false,
    }
}
