//! `forward-request` (its page; `continue-timeout`, `timeout-ms` and `http-version` are in Microsoft's toolkit).

use std::time::Duration;

use crate::gateway::backend::forward::{Options, forward};
use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, Arguments, Compiler, Run, Statement};
use crate::gateway::upstream::HttpVersion;
use crate::policy::Element;

/// Documented default of `timeout`.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Debug)]
struct ForwardRequest {
    timeout: Timeout,
    leave: Option<Argument<i64>>,
    follow_redirects: Argument<bool>,
    options: Options,
}

/// `timeout` or `timeout-ms`.
#[derive(Debug)]
enum Timeout {
    Known,
    Seconds(Argument<i64>),
    Milliseconds(Argument<i64>),
}

impl Statement for ForwardRequest {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let mut options = self.options;
        let whole = |argument| u64::try_from(arguments.integer(argument)).unwrap_or_default();
        match &self.timeout {
            Timeout::Known => {}
            Timeout::Seconds(argument) => options.timeout = Duration::from_secs(whole(argument)),
            Timeout::Milliseconds(argument) => options.timeout = Duration::from_millis(whole(argument)),
        }
        options.leave = self.leave.as_ref().map(|argument| Duration::from_secs(whole(argument)));
        options.follow_redirects = arguments.boolean(&self.follow_redirects);
        Run::Later(Box::pin(forward(exchange, options)))
    }
}

/// `<forward-request timeout="…" …/>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let seconds = compiler.integer(element, "timeout");
    let milliseconds = compiler.integer(element, "timeout-ms");
    if seconds.is_some() && milliseconds.is_some() {
        compiler.problem(element, "`forward-request` takes `timeout` or `timeout-ms`, not both".to_owned());
    }
    let mut timeout = TIMEOUT;
    let whole = |number: &i64| u64::try_from(*number).unwrap_or_default();
    let how = match (seconds, milliseconds) {
        (None, None) => Timeout::Known,
        (_, Some(Argument::Literal(number))) => {
            timeout = Duration::from_millis(whole(&number));
            Timeout::Known
        }
        (Some(Argument::Literal(number)), None) => {
            timeout = Duration::from_secs(whole(&number));
            Timeout::Known
        }
        (_, Some(computed)) => Timeout::Milliseconds(computed),
        (Some(computed), None) => Timeout::Seconds(computed),
    };
    // The page: how long to wait for `100 Continue` before a timeout error. That the backend is asked for it then, is assumed.
    let leave = compiler.integer(element, "continue-timeout");
    let version = match compiler.literal(element, "http-version").as_deref().map(str::trim) {
        None | Some("1") => HttpVersion::Http1,
        Some("2or1") => HttpVersion::Http2Or1,
        Some("2") => HttpVersion::Http2,
        Some(other) => {
            compiler.problem(element, format!("`http-version` of `forward-request` is one of 1, 2or1, 2, not `{other}`"));
            HttpVersion::Http1
        }
    };
    let follow_redirects = compiler.boolean(element, "follow-redirects").unwrap_or(Argument::Literal(false));
    let options = Options {
        timeout,
        leave: None,
        version,
        follow_redirects: false,
        buffer_request_body: compiler.flag(element, "buffer-request-body", false),
        buffer_response: compiler.flag(element, "buffer-response", true),
        fail_on_error_status: compiler.flag(element, "fail-on-error-status-code", false),
    };
    compiler.run(ForwardRequest { timeout: how, leave, follow_redirects, options });
}
