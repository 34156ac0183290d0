//! `cors`: answers preflight requests and marks answers for browsers (its page).
//!
//! A preflight request meets nothing but `cors` policies: [`crate::gateway::pipeline::preflight`] runs them alone, scope by scope, through
//! `<base />`; they are compiled a second time for that ([`Program::preflight`](crate::gateway::program::Program::preflight)). Every other
//! request meets `cors` where it stands.
//!
//! What sources leave open follows .NET's own CORS engine (assumed): the answer names the method and the headers that were asked for, not
//! all that are allowed; `*` becomes the caller's origin where credentials are allowed.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

use crate::gateway::exchange::Exchange;
use crate::gateway::message::ResponseMessage;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::settle::Settle;
use crate::policy::Element;

/// One `cors` policy.
#[derive(Debug)]
pub struct Cors {
    /// Whether it is the one that preflight requests meet.
    preflight: bool,
    credentials: Argument<bool>,
    terminate: Argument<bool>,
    origins: Vec<Argument<Box<str>>>,
    methods: Option<Vec<Argument<Box<str>>>>,
    max_age: Option<Argument<i64>>,
    headers: Vec<Argument<Box<str>>>,
    expose: Vec<Argument<Box<str>>>,
}

/// What a request is to `cors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It names no origin.
    SameOrigin,
    /// A browser asks what it may send: `OPTIONS` with `Origin` and `Access-Control-Request-Method`.
    Preflight,
    /// It names an origin.
    CrossOrigin,
}

/// What a request is to `cors`.
#[must_use]
pub fn kind(method: &Method, headers: &HeaderMap) -> Kind {
    match headers.get(ORIGIN) {
        None => Kind::SameOrigin,
        Some(origin) if origin.as_bytes().trim_ascii().is_empty() => Kind::SameOrigin,
        Some(_) if method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) => Kind::Preflight,
        Some(_) => Kind::CrossOrigin,
    }
}

/// Scheme, host and port of an origin, so that `http://Example.com:80/` and `http://example.com` are one.
fn normalised(origin: &str) -> String {
    let origin = origin.trim().trim_end_matches('/').to_ascii_lowercase();
    for (scheme, port) in [("http://", ":80"), ("https://", ":443")] {
        if let Some(short) = origin.strip_suffix(port)
            && short.starts_with(scheme)
        {
            return short.to_owned();
        }
    }
    origin
}

fn lists(allowed: &[Argument<Box<str>>], arguments: &Arguments, wanted: &str) -> bool {
    allowed.iter().map(|one| arguments.text(one).trim()).any(|one| one == "*" || one.eq_ignore_ascii_case(wanted))
}

/// Headers for the caller's browser.
#[derive(Debug)]
struct Marks(Vec<(http::HeaderName, HeaderValue)>);

impl Marks {
    fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if *name == VARY {
                headers.append(name, value.clone());
            } else {
                headers.insert(name, value.clone());
            }
        }
    }
}

impl Settle for Marks {
    // Whatever answers, also an error behind this policy.
    fn head(&mut self, exchange: &mut Exchange, _arguments: &mut Arguments) {
        self.apply(&mut exchange.response_mut().headers);
    }
}

impl Cors {
    /// The value of `Access-Control-Allow-Origin`, if the origin is allowed, and whether it depends on the origin.
    fn allowed_origin(&self, origin: &HeaderValue, arguments: &Arguments) -> Option<(HeaderValue, bool)> {
        let credentials = arguments.boolean(&self.credentials);
        if self.origins.iter().any(|one| arguments.text(one).trim() == "*") {
            return Some(if credentials { (origin.clone(), true) } else { (HeaderValue::from_static("*"), false) });
        }
        let wanted = normalised(origin.to_str().ok()?);
        self.origins.iter().any(|one| normalised(arguments.text(one)) == wanted).then(|| (origin.clone(), true))
    }

    /// What a browser is told if its request is allowed.
    fn marks(&self, request: &HeaderMap, arguments: &Arguments) -> Option<Marks> {
        let (origin, varies) = self.allowed_origin(request.get(ORIGIN)?, arguments)?;
        let mut marks = vec![(ACCESS_CONTROL_ALLOW_ORIGIN, origin)];
        if varies {
            // Seen on a live answer.
            marks.push((VARY, HeaderValue::from_static("Origin")));
        }
        if arguments.boolean(&self.credentials) {
            marks.push((ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
        Some(Marks(marks))
    }

    fn preflight_marks(&self, request: &HeaderMap, arguments: &Arguments) -> Option<Marks> {
        let mut marks = self.marks(request, arguments)?;
        let method = request.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let wanted = method.to_str().ok()?.trim();
        let allowed = match &self.methods {
            Some(methods) => lists(methods, arguments, wanted),
            None => ["GET", "POST"].contains(&wanted),
        };
        allowed.then_some(())?;
        marks.0.push((ACCESS_CONTROL_ALLOW_METHODS, method.clone()));
        let asked: Vec<&str> = request
            .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if asked.iter().any(|name| !lists(&self.headers, arguments, name)) {
            return None;
        }
        if let Ok(value) = HeaderValue::from_str(&asked.join(","))
            && !asked.is_empty()
        {
            marks.0.push((ACCESS_CONTROL_ALLOW_HEADERS, value));
        }
        if let Some(age) = &self.max_age {
            marks.0.push((ACCESS_CONTROL_MAX_AGE, HeaderValue::from(arguments.integer(age).max(0))));
        }
        Some(marks)
    }

    fn answer_preflight(&self, exchange: &mut Exchange, arguments: &Arguments) -> Flow {
        let marks = self.preflight_marks(&exchange.request.headers, arguments);
        // "Immediately terminate the request with an empty 200 OK response."
        let mut response = ResponseMessage::new(StatusCode::OK);
        let flow = match &marks {
            Some(marks) => {
                marks.apply(&mut response.headers);
                Flow::Return
            }
            None if arguments.boolean(&self.terminate) => Flow::Return,
            // The next `cors` in scope has its say; without one the empty answer stands.
            None => Flow::Next,
        };
        exchange.response = Some(response);
        flow
    }

    fn mark(&self, exchange: &mut Exchange, arguments: &Arguments) -> Flow {
        // "Generally, only the first cors policy is applied."
        if exchange.cors {
            return Flow::Next;
        }
        match self.marks(&exchange.request.headers, arguments) {
            Some(mut marks) => {
                let expose: Vec<&str> = self.expose.iter().map(|one| arguments.text(one).trim()).collect();
                if let Ok(value) = HeaderValue::from_str(&expose.join(","))
                    && !expose.is_empty()
                {
                    marks.0.push((ACCESS_CONTROL_EXPOSE_HEADERS, value));
                }
                exchange.settle.push(Box::new(marks));
                exchange.cors = true;
                Flow::Next
            }
            None if arguments.boolean(&self.terminate) => {
                exchange.response = Some(ResponseMessage::new(StatusCode::OK));
                Flow::Return
            }
            None => Flow::Next,
        }
    }
}

impl Statement for Cors {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let flow = match (kind(&exchange.request.method, &exchange.request.headers), self.preflight) {
            (Kind::Preflight, true) => self.answer_preflight(exchange, arguments),
            // An operation for `OPTIONS` serves its preflight requests itself; this policy then marks the answer (assumed).
            (Kind::CrossOrigin | Kind::Preflight, false) => self.mark(exchange, arguments),
            (Kind::SameOrigin, _) | (Kind::CrossOrigin, true) => {
                // The wording is recalled from live traces.
                exchange.note("cors", |_| {
                    serde_json::Value::from(
                        "Origin header was missing or empty and the request was classified as not cross-domain. CORS policy was not applied.",
                    )
                });
                Flow::Next
            }
        };
        Run::Done(Ok(flow))
    }
}

fn list(element: &Element, outer: &str, inner: &str, compiler: &mut Compiler<'_>) -> Option<Vec<Argument<Box<str>>>> {
    let list = element.elements_named(outer).next()?;
    Some(list.elements_named(inner).map(|child| compiler.content(child)).collect())
}

fn read(element: &Element, compiler: &mut Compiler<'_>, preflight: bool) -> Cors {
    let credentials = compiler.boolean(element, "allow-credentials").unwrap_or(Argument::Literal(false));
    // The page states both defaults.
    let default = compiler.environment().settings.cors_terminates_unmatched;
    let terminate = compiler.boolean(element, "terminate-unmatched-request").unwrap_or(Argument::Literal(default));
    let origins = list(element, "allowed-origins", "origin", compiler).unwrap_or_default();
    let max_age =
        element.elements_named("allowed-methods").next().and_then(|methods| compiler.integer(methods, "preflight-result-max-age"));
    let methods = list(element, "allowed-methods", "method", compiler);
    let headers = list(element, "allowed-headers", "header", compiler).unwrap_or_default();
    let expose = list(element, "expose-headers", "header", compiler).unwrap_or_default();
    Cors { preflight, credentials, terminate, origins, methods, max_age, headers, expose }
}

/// `<cors …>` where it stands.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let cors = read(element, compiler, false);
    compiler.run(cors);
}

/// `<cors …>` as preflight requests meet it.
pub(crate) fn compile_preflight(element: &Element, compiler: &mut Compiler<'_>) {
    let cors = read(element, compiler, true);
    compiler.run(cors);
}
