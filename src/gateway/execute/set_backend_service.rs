//! `set-backend-service`: a base URL or a backend entity takes the place of the API's own (its page).

use std::sync::Arc;

use crate::gateway::exchange::{Destination, Exchange};
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::snapshot::{BackendIndex, BaseUrl};
use crate::policy::Element;

/// Attributes of other kinds of backends.
const OTHER: [&str; 8] = [
    "sf-resolve-condition",
    "sf-service-instance-name",
    "sf-partition-key",
    "sf-listener-name",
    "sf-replica-type",
    "dapr-app-id",
    "dapr-method",
    "dapr-namespace",
];

#[derive(Debug)]
enum SetBackendService {
    Entity(BackendIndex),
    ComputedEntity(Argument<Box<str>>),
    Url(Arc<BaseUrl>),
    ComputedUrl(Argument<Box<str>>),
}

impl Statement for SetBackendService {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        Run::Done(self.apply(exchange, arguments).map(|()| Flow::Next))
    }
}

impl SetBackendService {
    fn apply(&self, exchange: &mut Exchange, arguments: &Arguments) -> Result<(), Failure> {
        match self {
            Self::Entity(index) => entity(exchange, *index),
            Self::ComputedEntity(argument) => {
                let id = arguments.text(argument);
                // A full id names a backend too.
                let name = id.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                // The words of the service when a literal names none; for a computed one they are assumed.
                let index = exchange
                    .snapshot
                    .backend_named(name)
                    .ok_or_else(|| Failure::internal("BackendNotFound", format!("Backend with id '{id}' could not be found.")))?;
                entity(exchange, index);
            }
            Self::Url(base) => url(exchange, base.clone()),
            Self::ComputedUrl(argument) => {
                let text = arguments.text(argument);
                let base = BaseUrl::parse(text)
                    .ok_or_else(|| Failure::internal("BackendUrlInvalid", format!("`{text}` is not an absolute http or https URL.")))?;
                url(exchange, Arc::new(base));
            }
        }
        Ok(())
    }
}

fn entity(exchange: &mut Exchange, index: BackendIndex) {
    exchange.destination = Destination::Backend(index);
    exchange.backend = Some(index);
    exchange.forwarding.entity_scope = Some(exchange.scope);
    if let Some(base) = exchange.snapshot.backend(index).and_then(|backend| backend.kind.base()).cloned() {
        exchange.request.url.base = base;
    }
}

fn url(exchange: &mut Exchange, base: Arc<BaseUrl>) {
    // Documented: what a wider scope set by `backend-id` can only be overridden by `backend-id`. That it is passed over without an
    // error is assumed.
    if matches!(exchange.destination, Destination::Backend(_)) && exchange.forwarding.entity_scope != Some(exchange.scope) {
        exchange.note(
            "set-backend-service",
            |_| serde_json::json!({ "message": "`base-url` does not override the `backend-id` of a wider scope.", "ignored": true }),
        );
        return;
    }
    exchange.request.url.base = base.clone();
    exchange.destination = Destination::Url(base);
    exchange.backend = None;
}

/// `<set-backend-service base-url="…"/>` or `<set-backend-service backend-id="…"/>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    for name in OTHER {
        if element.attribute(name).is_some() {
            compiler.problem(element, format!("the attribute `{name}` of `set-backend-service` is known and not emulated"));
        }
    }
    let statement = match (compiler.text(element, "backend-id"), compiler.text(element, "base-url")) {
        (Some(Argument::Literal(id)), None) => {
            let name = id.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
            match compiler.environment().backends.get(name.as_str()) {
                Some(index) => SetBackendService::Entity(*index),
                None => {
                    compiler.problem(element, format!("Backend with id '{id}' could not be found."));
                    return;
                }
            }
        }
        (Some(computed), None) => SetBackendService::ComputedEntity(computed),
        (None, Some(Argument::Literal(text))) => match BaseUrl::parse(&text) {
            Some(base) => SetBackendService::Url(Arc::new(base)),
            None => {
                compiler.problem(element, format!("`{text}` in `base-url` of `set-backend-service` is not an absolute http or https URL"));
                return;
            }
        },
        (None, Some(computed)) => SetBackendService::ComputedUrl(computed),
        (Some(_), Some(_)) | (None, None) => {
            compiler.problem(element, "`set-backend-service` takes `base-url` or `backend-id`, one of them".to_owned());
            return;
        }
    };
    compiler.run(statement);
}
