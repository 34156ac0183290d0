//! What `json-to-xml` and `xml-to-json` have in common: when they convert, and what becomes of the message.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};

use super::media;
use super::set_body::Input;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::MessageBody;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow};
use crate::policy::Element;

/// `apply` and `consider-accept-header`.
#[derive(Debug)]
pub(super) struct Conditions {
    apply: Argument<Box<str>>,
    accept: Argument<bool>,
}

/// The direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Direction {
    /// `json` or `xml`.
    pub(super) from: &'static str,
    /// The other.
    pub(super) to: &'static str,
    /// The `Content-Type` of the result (assumed: the pages do not name one).
    pub(super) content_type: &'static str,
}

impl Conditions {
    /// Reads both attributes.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>, direction: Direction) -> Self {
        let apply = compiler.required_text(element, "apply");
        if let Argument::Literal(text) = &apply
            && text.trim() != "always"
            && text.trim().strip_prefix("content-type-") != Some(direction.from)
        {
            compiler.problem(element, format!("the attribute `apply` of `{}` cannot be `{text}`", element.name));
        }
        let accept = compiler.boolean(element, "consider-accept-header").unwrap_or(Argument::Literal(true));
        Self { apply, accept }
    }

    /// What is known before the body is.
    pub(super) fn evaluate(&self, arguments: &Arguments) -> (bool, bool) {
        (arguments.text(&self.apply).trim() == "always", arguments.boolean(&self.accept))
    }
}

/// Converts the message of the running section.
///
/// # Errors
/// The body broke off, or is not what it should be.
pub(super) async fn convert(
    exchange: &mut Exchange,
    (always, accept): (bool, bool),
    direction: Direction,
    work: impl FnOnce(&str) -> Result<String, String> + Send,
) -> Result<Flow, Failure> {
    if accept && !media::accepts(exchange.request.headers.get_all(ACCEPT).iter(), direction.to) {
        return Ok(Flow::Next);
    }
    if !always {
        let content_type = exchange.headers_mut().get(CONTENT_TYPE);
        let fits = if direction.from == "json" { media::is_json(content_type) } else { media::is_xml(content_type) };
        if !fits {
            return Ok(Flow::Next);
        }
    }
    let Input::Message { body, .. } = Input::of_section(exchange).await? else { return Ok(Flow::Next) };
    if body.is_empty() {
        return Ok(Flow::Next);
    }
    // Reason and message are assumed; a body that is none fails with the general 500.
    let unreadable = |message: String| Failure::internal("MessageBodyParseFailure", message);
    let text = std::str::from_utf8(&body).map_err(|error| unreadable(error.to_string()))?;
    let converted = work(text).map_err(unreadable)?;
    if let Some(body) = exchange.section_body() {
        *body = MessageBody::Buffered(Bytes::from(converted));
    }
    exchange.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(direction.content_type));
    Ok(Flow::Next)
}
