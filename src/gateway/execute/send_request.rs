//! `send-request`: a request of its own, whose response a variable keeps; `send-one-way-request`: the same, not waited for (their pages).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method, Request, Response, Uri};
use hyper::ext::ReasonPhrase;

use super::authentication_basic::{self, Basic};
use super::authentication_certificate::{self, Certificate};
use super::authentication_managed_identity::{self, ManagedIdentity};
use super::set_body::{self, Input, SetBody};
use super::set_header::{self, SetHeader};
use super::set_method::{self, SetMethod};
use crate::expression::HostValue;
use crate::gateway::backend::forward::may_carry_token;
use crate::gateway::backend::target::Security;
use crate::gateway::backend::token::Slot;
use crate::gateway::body::Body;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::program::{Argument, Arguments, Compiler, Completion, Flow, Run, Statement};
use crate::gateway::snapshot::BaseUrl;
use crate::gateway::upstream::{SendFailure, SendOptions, Target};
use crate::gateway::worker::Worker;
use crate::policy::{Element, Section};

/// Documented default of `timeout`.
const TIMEOUT: i64 = 60;
/// What is left of the answer to a one-way request is read up to this size, so that its connection can serve again.
const DISCARDED: usize = 64 * 1024;
/// And for so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the request goes.
#[derive(Debug, Clone)]
struct Destination {
    base: BaseUrl,
    /// Path and query.
    path: Uri,
}

impl Destination {
    fn parse(text: &str) -> Option<Self> {
        let url = url::Url::parse(text.trim()).ok()?;
        let mut base = BaseUrl::parse(text)?;
        // The whole path belongs to the request.
        base.path = String::new();
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        Some(Self { base, path: if path.is_empty() { Uri::from_static("/") } else { path.parse().ok()? } })
    }
}

/// `set-url`: read when the document is compiled if it is literal.
#[derive(Debug)]
enum Address {
    Known(Box<Destination>),
    Computed(Argument<Box<str>>),
}

/// What becomes of the response.
#[derive(Debug)]
enum Then {
    /// A variable keeps it; with `ignore_error` it is null after an error.
    Keep {
        /// `response-variable-name`.
        variable: Arc<str>,
        /// `ignore-error`.
        ignore_error: bool,
    },
    /// Nobody waits for it.
    Forget,
}

#[derive(Debug)]
struct SendRequest {
    mode: Argument<Box<str>>,
    timeout: Argument<i64>,
    address: Option<Address>,
    method: Option<SetMethod>,
    headers: Vec<SetHeader>,
    body: Option<SetBody>,
    basic: Option<Basic>,
    certificate: Option<Certificate>,
    identity: Option<ManagedIdentity>,
    then: Then,
    name: &'static str,
    secret: bool,
}

/// A request that is ready to go, free of the exchange.
struct Prepared {
    worker: Arc<Worker>,
    target: Arc<Target>,
    request: Request<Body>,
    identity: Option<Arc<Slot>>,
    timeout: Duration,
}

impl SendRequest {
    /// The URL for a trace, without its query, which may hold keys.
    fn shown(&self, destination: &Destination) -> String {
        let path = if self.secret { "/********" } else { destination.path.path() };
        format!("{}{path}", destination.base)
    }

    fn is_copy(&self, arguments: &Arguments) -> bool {
        arguments.text(&self.mode).trim().eq_ignore_ascii_case("copy")
    }

    fn destination(&self, exchange: &Exchange, arguments: &Arguments) -> Result<Destination, Failure> {
        let text = match &self.address {
            Some(Address::Known(destination)) => return Ok((**destination).clone()),
            Some(Address::Computed(argument)) => arguments.text(argument).to_owned(),
            // "No if mode=copy": the current request's.
            None => exchange.request.url.text(),
        };
        Destination::parse(&text).ok_or_else(|| Failure::internal("BackendConnectionFailure", format!("`{text}` is no absolute URL")))
    }

    fn prepare(&self, exchange: &mut Exchange, arguments: &mut Arguments, input: Input, copied: Bytes) -> Result<Prepared, Failure> {
        let copy = self.is_copy(arguments);
        let destination = self.destination(exchange, arguments)?;
        let method = match &self.method {
            Some(method) => method.method(arguments)?,
            None if copy => exchange.request.method.clone(),
            None => Method::GET,
        };
        let mut headers = HeaderMap::new();
        if copy {
            headers.clone_from(&exchange.request.headers);
            // The host is the new URL's, the length the body's own.
            headers.remove(HOST);
            headers.remove(CONTENT_LENGTH);
        }
        for header in &self.headers {
            header.apply(&mut headers, arguments)?;
        }
        let body = match &self.body {
            Some(body) => body.bytes(exchange, arguments, input)?,
            None => copied,
        };
        if let Some(basic) = &self.basic {
            headers.insert(AUTHORIZATION, basic.header(arguments)?);
        }
        let identity = match &self.identity {
            Some(identity) => Some(identity.slot(exchange, arguments)?),
            None => None,
        };
        // A token may have come here by a variable, so every request of such an exchange counts as carrying it.
        if identity.is_some() || exchange.forwarding.carries_token {
            may_carry_token(exchange, &destination.base)?;
        }
        let client = match &self.certificate {
            Some(certificate) => Some(certificate.identity(arguments)?),
            None => None,
        };
        let worker = exchange.worker.clone();
        let security = Security { client, ..Security::default() };
        let target = worker
            .state
            .targets
            .get(&destination.base, &security, &worker.state.tls)
            .map_err(|error| Failure::internal("BackendConnectionFailure", error.to_string()))?;
        exchange.note(self.name, |_| {
            serde_json::json!({
                "message": "Request is being sent.",
                "request": { "method": method.as_str(), "url": self.shown(&destination) },
            })
        });
        let mut request = Request::new(Body::full(body));
        *request.method_mut() = method;
        *request.uri_mut() = destination.path;
        *request.headers_mut() = headers;
        let timeout = Duration::from_secs(u64::try_from(arguments.integer(&self.timeout)).unwrap_or_default());
        Ok(Prepared { worker, target, request, identity, timeout })
    }

    /// What has to be read before the request can be made: nothing in most cases.
    fn needs_message(&self, exchange: &Exchange, arguments: &Arguments) -> bool {
        let copies_body = self.is_copy(arguments) && self.body.is_none() && copies_body(exchange);
        copies_body || self.body.as_ref().is_some_and(SetBody::reads_message)
    }

    /// Sends it, or says why it could not be made.
    fn go(&self, prepared: Result<Prepared, Failure>) -> BoxFuture<'static, Completion> {
        let Then::Keep { variable, ignore_error } = &self.then else {
            return Box::pin(async move {
                let done: Completion = match prepared {
                    Ok(prepared) => {
                        tokio::spawn(async move {
                            let worker = prepared.worker.clone();
                            // Nobody learns how it went.
                            if let Ok(response) = prepared.send().await {
                                worker.upstream.discard(response, DISCARDED, PATIENCE).await;
                            }
                        });
                        Box::new(|_| Ok(Flow::Next))
                    }
                    Err(failure) => Box::new(|_| Err(failure)),
                };
                done
            });
        };
        let (variable, ignore_error, name) = (variable.clone(), *ignore_error, self.name);
        Box::pin(async move {
            let result = match prepared {
                Ok(prepared) => prepared.send().await,
                Err(failure) => Err(failure),
            };
            let done: Completion = Box::new(move |exchange| {
                let value = match result {
                    Ok(response) => {
                        let message = message(response);
                        exchange.note(name, |_| {
                            serde_json::json!({ "message": "Response was received.", "response": { "status": message.status.as_u16() } })
                        });
                        exchange.store_response(message)
                    }
                    // "The error will be ignored, and the response variable will contain a null value."
                    Err(failure) if ignore_error => {
                        exchange.note(name, |_| serde_json::json!({ "message": failure.message, "ignored": true }));
                        HostValue::Null
                    }
                    Err(failure) => return Err(failure),
                };
                exchange.variables.set(&variable, value);
                Ok(Flow::Next)
            });
            done
        })
    }
}

/// "In outbound mode, mode=copy does not initialize the request body": it has been sent.
fn copies_body(exchange: &Exchange) -> bool {
    exchange.section == Section::Inbound || exchange.section == Section::Backend
}

impl Prepared {
    async fn send(mut self) -> Result<Response<Body>, Failure> {
        if let Some(slot) = &self.identity {
            let token = slot.ready(&self.worker.state).await?;
            self.request.headers_mut().insert(AUTHORIZATION, token.header.clone());
        }
        let options = SendOptions { response_head: self.timeout, ..SendOptions::default() };
        self.worker.upstream.send(&self.target, self.request, &options).await.map_err(|failure| failed(&failure))
    }
}

/// Reasons: error handling page; messages vary.
fn failed(failure: &SendFailure) -> Failure {
    let reason = if failure.timed_out { "Timeout" } else { "BackendConnectionFailure" };
    Failure::internal(reason, failure.to_string())
}

fn message(response: Response<Body>) -> ResponseMessage {
    let (mut parts, body) = response.into_parts();
    let reason = parts.extensions.remove::<ReasonPhrase>().map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let body = if body.is_empty() { MessageBody::Empty } else { MessageBody::Stream(body) };
    ResponseMessage { status: parts.status, reason, headers: parts.headers, body }
}

impl Statement for SendRequest {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        if !self.needs_message(exchange, arguments) {
            let prepared = self.prepare(exchange, arguments, Input::None, Bytes::new());
            return Run::Detached(self.go(prepared));
        }
        // The message has to be read first, which needs the exchange; several of these inside `wait` run one after the other.
        let mut arguments = std::mem::take(arguments);
        Run::Later(Box::pin(async move {
            let input = match self.body.as_ref().is_some_and(SetBody::reads_message) {
                true => Input::of_section(exchange).await?,
                false => Input::None,
            };
            let copied = match self.is_copy(&arguments) && self.body.is_none() && copies_body(exchange) {
                true => {
                    let limit = exchange.worker.limits.buffered_body;
                    exchange.request.body.buffer(limit).await?
                }
                false => Bytes::new(),
            };
            let prepared = self.prepare(exchange, &mut arguments, input, copied);
            self.go(prepared).await(exchange)
        }))
    }
}

fn read(element: &Element, compiler: &mut Compiler<'_>, then: Then, name: &'static str) {
    let mode = compiler.text(element, "mode").unwrap_or_else(|| Argument::Literal(Box::from("new")));
    let is_new = matches!(&mode, Argument::Literal(text) if !text.trim().eq_ignore_ascii_case("copy"));
    let timeout = compiler.integer(element, "timeout").unwrap_or(Argument::Literal(TIMEOUT));
    let mut request = SendRequest {
        mode,
        timeout,
        address: None,
        method: None,
        headers: Vec::new(),
        body: None,
        basic: None,
        certificate: None,
        identity: None,
        then,
        name,
        secret: compiler.holds_secret(element),
    };
    for child in element.elements() {
        match child.name.as_str() {
            "set-url" => {
                request.address = Some(match compiler.content(child) {
                    Argument::Literal(text) => match Destination::parse(&text) {
                        Some(destination) => Address::Known(Box::new(destination)),
                        // Known to fail, but only when it is sent.
                        None => Address::Computed(Argument::Literal(text)),
                    },
                    computed @ Argument::Computed(_) => Address::Computed(computed),
                });
            }
            "set-method" => request.method = Some(set_method::read(child, compiler)),
            "set-header" => request.headers.push(set_header::read(child, compiler)),
            "set-body" => request.body = Some(set_body::read(child, compiler)),
            "authentication-basic" => request.basic = Some(authentication_basic::read(child, compiler)),
            "authentication-certificate" => request.certificate = Some(authentication_certificate::read(child, compiler)),
            "authentication-managed-identity" => request.identity = Some(authentication_managed_identity::read(child, compiler)),
            "proxy" => compiler.problem(child, format!("the element `proxy` of `{name}` is known and not emulated")),
            other => compiler.problem(child, format!("`{name}` takes no `{other}`")),
        }
    }
    if is_new && request.address.is_none() {
        compiler.problem(element, format!("`{name}` needs `set-url` unless its mode is copy"));
    }
    compiler.run(request);
}

/// `<send-request mode="new|copy" response-variable-name="…" timeout="…" ignore-error="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let variable = Arc::from(compiler.required_literal(element, "response-variable-name"));
    let ignore_error = compiler.flag(element, "ignore-error", false);
    read(element, compiler, Then::Keep { variable, ignore_error }, "send-request");
}

/// `<send-one-way-request mode="new|copy" timeout="…">`.
pub(super) fn compile_one_way(element: &Element, compiler: &mut Compiler<'_>) {
    read(element, compiler, Then::Forget, "send-one-way-request");
}
