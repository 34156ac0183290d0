//! `authentication-managed-identity`: a token of the service's identity, in `Authorization` or in a variable (its page); also inside
//! `send-request`.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use crate::expression::HostValue;
use crate::gateway::backend::token::{self, NoIdentity, Ready, Slot};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// Whose token, for whom.
#[derive(Debug)]
pub(super) enum ManagedIdentity {
    /// Both are known when the document is compiled.
    Known(Result<Arc<Slot>, NoIdentity>),
    /// An expression says.
    Computed {
        /// `resource`.
        resource: Argument<Box<str>>,
        /// `client-id`.
        client_id: Option<Argument<Box<str>>>,
    },
}

impl ManagedIdentity {
    /// Where the token is kept.
    ///
    /// # Errors
    /// The service has no such identity.
    pub(super) fn slot(&self, exchange: &Exchange, arguments: &Arguments) -> Result<Arc<Slot>, NoIdentity> {
        match self {
            Self::Known(slot) => slot.clone(),
            Self::Computed { resource, client_id } => {
                let client_id = client_id.as_ref().map(|argument| arguments.text(argument)).filter(|id| !id.is_empty());
                let subject = token::subject(&exchange.snapshot.service, client_id)?;
                Ok(exchange.worker.state.tokens.slot(subject, arguments.text(resource)))
            }
        }
    }
}

#[derive(Debug)]
struct AuthenticationManagedIdentity {
    identity: ManagedIdentity,
    variable: Option<Arc<str>>,
    ignore_error: bool,
}

impl AuthenticationManagedIdentity {
    fn finish(&self, exchange: &mut Exchange, token: Result<Arc<Ready>, Failure>) -> Result<Flow, Failure> {
        let token = match token {
            Ok(token) => token,
            Err(failure) if self.ignore_error => {
                exchange.note("authentication-managed-identity", |_| serde_json::json!({ "message": failure.message, "ignored": true }));
                return Ok(Flow::Next);
            }
            Err(failure) => return Err(failure),
        };
        exchange.forwarding.carries_token = true;
        match &self.variable {
            // With a variable the header is the author's own matter (its page).
            Some(name) => exchange.variables.set(name, HostValue::Text(token.token.expose().clone())),
            None => {
                exchange.request.headers.insert(AUTHORIZATION, token.header.clone());
            }
        }
        exchange.note("authentication-managed-identity", |_| serde_json::json!({ "message": "Managed identity token is added." }));
        Ok(Flow::Next)
    }
}

impl Statement for AuthenticationManagedIdentity {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let slot = match self.identity.slot(exchange, arguments) {
            Ok(slot) => slot,
            Err(error) => return Run::Done(self.finish(exchange, Err(error.into()))),
        };
        // A token at hand costs no future.
        if let Some(token) = slot.at_hand(&exchange.worker.state) {
            return Run::Done(self.finish(exchange, Ok(token)));
        }
        Run::Later(Box::pin(async move {
            let state = exchange.worker.state.clone();
            let token = slot.ready(&state).await;
            self.finish(exchange, token)
        }))
    }
}

/// Reads `resource` and `client-id`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> ManagedIdentity {
    let resource = compiler.required_text(element, "resource");
    let client_id = compiler.text(element, "client-id");
    match (resource, client_id) {
        (Argument::Literal(resource), client_id @ (None | Some(Argument::Literal(_)))) => {
            let client_id = match &client_id {
                Some(Argument::Literal(id)) if !id.is_empty() => Some(&**id),
                _ => None,
            };
            let environment = compiler.environment();
            let subject = token::subject(&environment.service, client_id);
            ManagedIdentity::Known(subject.map(|subject| environment.state.tokens.slot(subject, &resource)))
        }
        (resource, client_id) => ManagedIdentity::Computed { resource, client_id },
    }
}

/// As a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let identity = read(element, compiler);
    let variable = compiler.literal(element, "output-token-variable-name").map(|name| Arc::from(name.as_str()));
    let ignore_error = compiler.flag(element, "ignore-error", false);
    compiler.run(AuthenticationManagedIdentity { identity, variable, ignore_error });
}
