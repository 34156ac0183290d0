//! What an expression reads, noted while its calls are made.

use super::Generator;
use crate::expression::bound::{Expr, ExprKind};
use crate::expression::code::Need;
use crate::expression::value::Value;

/// Whose body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Request,
    Response,
    /// That of a response in a variable, which is there already.
    Other,
}

impl Generator<'_> {
    pub(super) fn body_of(&self, value: &Expr) -> Option<Body> {
        match &value.kind {
            ExprKind::Local(local) => self.bodies.get(local).copied(),
            ExprKind::Call(callee, ..) => match callee.key {
                "IRequest.Body" => Some(Body::Request),
                "IResponse.Body" if from_context(value) => Some(Body::Response),
                "IResponse.Body" => Some(Body::Other),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn note_effects(&mut self, key: &str, arguments: &[Expr]) {
        if key.starts_with("IMessageBody.") {
            let need = self.need();
            // `preserveContent` is the last parameter of all members that read; one that is computed may be false.
            let kept = matches!(arguments.last().and_then(Expr::value), Some(Value::Boolean(true)));
            let raise = |slot: &mut Need| *slot = (*slot).max(need);
            let raise_unless_kept = |slot: &mut Need| {
                if !kept {
                    raise(slot);
                }
            };
            let body = arguments.first().and_then(|body| self.body_of(body));
            let effects = &mut self.code.effects;
            match body {
                Some(Body::Request) => {
                    raise(&mut effects.request_body);
                    raise_unless_kept(&mut effects.request_body_consumed);
                }
                Some(Body::Other) => {}
                Some(Body::Response) => {
                    raise(&mut effects.response_body);
                    raise_unless_kept(&mut effects.response_body_consumed);
                }
                // A body that came by a variable: either may be meant.
                None => {
                    raise(&mut effects.request_body);
                    raise(&mut effects.response_body);
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
fn from_context(body: &Expr) -> bool {
    match &body.kind {
        ExprKind::Call(_, _, arguments) => arguments.first().and_then(source) == Some("IProxyRequestContext.Response"),
        _ => false,
    }
}
