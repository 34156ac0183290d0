//! `set-body`: another body for the request or the response: literal, computed, or by a Liquid template (its page).

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::liquid::{self, Template};
use super::{media, xml};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::MessageBody;
use crate::gateway::program::{Argument, ArgumentValue, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::{Element, Section};

/// One `set-body`, also inside `send-request` and `return-response`.
#[derive(Debug)]
pub(super) enum SetBody {
    /// As written.
    Literal(Bytes),
    /// Place of the value among the arguments.
    Computed(u32),
    /// A Liquid template.
    Liquid(Box<Liquid>),
}

/// A template and how the body is bound to it.
#[derive(Debug)]
pub(super) struct Liquid {
    template: Template,
    /// `xsi-nil="null"`.
    nil_is_null: bool,
    /// `parse-date`.
    dates: bool,
}

/// What a Liquid template sees as `body`.
#[derive(Debug, Clone)]
pub(super) enum Input {
    /// Nothing.
    None,
    /// A message's.
    Message {
        /// Its bytes.
        body: Bytes,
        /// Its `Content-Type`.
        content_type: Option<HeaderValue>,
    },
}

impl Input {
    /// The message of the running section, read to its end.
    ///
    /// # Errors
    /// Its body broke off.
    pub(super) async fn of_section(exchange: &mut Exchange) -> Result<Self, Failure> {
        let limit = exchange.worker.limits.buffered_body;
        let body = match exchange.section_body() {
            Some(body) => body.buffer(limit).await?,
            None => Bytes::new(),
        };
        let headers = match exchange.section {
            Section::Inbound | Section::Backend => Some(&exchange.request.headers),
            Section::Outbound | Section::OnError => exchange.response.as_ref().map(|response| &response.headers),
        };
        Ok(Self::Message { body, content_type: headers.and_then(|headers| headers.get(CONTENT_TYPE)).cloned() })
    }
}

impl SetBody {
    /// The body's bytes.
    ///
    /// # Errors
    /// The value's `ToString` threw.
    pub(super) fn bytes(&self, exchange: &mut Exchange, arguments: &mut Arguments, input: Input) -> Result<Bytes, Failure> {
        match self {
            Self::Literal(bytes) => Ok(bytes.clone()),
            Self::Computed(place) => match arguments.take(*place) {
                ArgumentValue::Object(value) => match value.bytes(&exchange.heap) {
                    Some(bytes) => Ok(Bytes::from(bytes)),
                    None => {
                        let mut heap = std::mem::take(&mut exchange.heap);
                        let text = value.text(&mut heap, exchange);
                        exchange.heap = heap;
                        text.map(Bytes::from).map_err(|exception| Failure::expression(&exception))
                    }
                },
                _ => Ok(Bytes::new()),
            },
            Self::Liquid(liquid) => liquid.bytes(exchange, input),
        }
    }

    /// Whether the bytes of the message are needed for it.
    pub(super) const fn reads_message(&self) -> bool {
        matches!(self, Self::Liquid(liquid) if liquid.template.reads_body)
    }

    fn apply(&self, exchange: &mut Exchange, arguments: &mut Arguments, input: Input) -> Result<Flow, Failure> {
        let bytes = self.bytes(exchange, arguments, input)?;
        let body = MessageBody::Buffered(bytes);
        match exchange.section {
            Section::Inbound | Section::Backend => {
                exchange.request.body = body;
                exchange.request.had_body = true;
            }
            Section::Outbound | Section::OnError => exchange.response_mut().body = body,
        }
        utf8(exchange.headers_mut());
        exchange.note("set-body", |_| serde_json::json!({ "message": "Body was set." }));
        Ok(Flow::Next)
    }
}

impl Liquid {
    fn bytes(&self, exchange: &mut Exchange, input: Input) -> Result<Bytes, Failure> {
        let mut globals = indexmap::IndexMap::new();
        if self.template.reads_body {
            globals.insert("body".to_owned(), self.bound(input)?);
        }
        if self.template.reads_context {
            globals.insert("context".to_owned(), liquid::context(exchange));
        }
        let limit = exchange.worker.limits.buffered_body;
        self.template.render(globals, limit).map(Bytes::from).map_err(|message| Failure::internal("LiquidTemplateFailure", message))
    }

    /// The body as its `Content-Type` says: XML, JSON, else text (the page names the types; that the rest is text is assumed).
    fn bound(&self, input: Input) -> Result<liquid::Value, Failure> {
        let Input::Message { body, content_type } = input else { return Ok(liquid::Value::from("")) };
        let unreadable = |message: String| Failure::internal("MessageBodyParseFailure", message);
        let text = || std::str::from_utf8(&body).map_err(|error| unreadable(error.to_string()));
        if body.is_empty() {
            Ok(liquid::Value::Nil)
        } else if media::is_xml(content_type.as_ref()) {
            Ok(liquid::from_xml(&xml::parse(text()?).map_err(unreadable)?.root, self.nil_is_null))
        } else if media::is_json(content_type.as_ref()) {
            let json = serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?;
            Ok(liquid::from_json(json, self.dates))
        } else {
            Ok(liquid::Value::from(text()?))
        }
    }
}

/// "If the current Content-Type header has a charset parameter then it will be replaced with a utf8 value" (Microsoft's article on set-body).
fn utf8(headers: &mut HeaderMap) {
    let Some(text) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return };
    let is_charset = |part: &&str| part.trim_start().get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="));
    let Some(charset) = text.split(';').skip(1).find(is_charset) else { return };
    if charset.trim()[8..].trim_matches('"').eq_ignore_ascii_case("utf-8") {
        return;
    }
    let parts: Vec<&str> = text.split(';').map(|part| if is_charset(&part) { " charset=utf-8" } else { part }).collect();
    if let Ok(value) = HeaderValue::from_str(&parts.join(";")) {
        headers.insert(CONTENT_TYPE, value);
    }
}

/// "If this policy is used when there is no message body, for example in an inbound GET, an exception is thrown." A request that has become
/// a POST meanwhile can have one (assumed: documents in the wild do this).
fn needs_body(exchange: &Exchange) -> Result<(), Failure> {
    let bodiless = matches!(exchange.request.method, Method::GET | Method::HEAD) && !exchange.request.had_body;
    if bodiless && matches!(exchange.section, Section::Inbound | Section::Backend) {
        // Reason and message are assumed.
        let message = format!("A {} request without a body cannot be given one.", exchange.request.method);
        return Err(Failure::internal("MessageBodyNotPresent", message));
    }
    Ok(())
}

impl Statement for SetBody {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        if let Err(failure) = needs_body(exchange) {
            return Run::Done(Err(failure));
        }
        if !self.reads_message() {
            return Run::Done(self.apply(exchange, arguments, Input::None));
        }
        Run::Later(Box::pin(async move {
            let input = Input::of_section(exchange).await?;
            self.apply(exchange, &mut Arguments::default(), input)
        }))
    }
}

/// Reads `<set-body template="…" xsi-nil="…">…</set-body>`.
pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>) -> SetBody {
    let template = compiler.literal(element, "template").map(|text| text.trim().to_ascii_lowercase());
    // Microsoft's toolkit can put the body into a `value` element.
    let holder = match element.elements_named("value").next() {
        Some(value) if compiler.flag(element, "use-value-element", false) => value,
        _ => element,
    };
    let payload = compiler.payload(holder);
    match template.as_deref() {
        None | Some("" | "none") => match payload {
            Argument::Literal(text) => SetBody::Literal(Bytes::from(text)),
            Argument::Computed(place) => SetBody::Computed(place),
        },
        Some("liquid") => match payload {
            Argument::Literal(text) => match Template::parse(&text) {
                Ok(template) => SetBody::Liquid(Box::new(Liquid {
                    template,
                    nil_is_null: compiler.literal(element, "xsi-nil").is_some_and(|text| text.trim().eq_ignore_ascii_case("null")),
                    dates: compiler.flag(element, "parse-date", true),
                })),
                Err(message) => {
                    compiler.problem(element, format!("the Liquid template of `set-body` cannot be read: {message}"));
                    SetBody::Literal(Bytes::new())
                }
            },
            Argument::Computed(_) => {
                compiler.problem(element, "a Liquid template of `set-body` that is an expression is not emulated");
                SetBody::Literal(Bytes::new())
            }
        },
        Some(other) => {
            compiler.problem(element, format!("`set-body` knows no template `{other}`"));
            SetBody::Literal(Bytes::new())
        }
    }
}

/// `set-body` as a statement.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let statement = read(element, compiler);
    compiler.run(statement);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charset_becomes_utf_8_and_nothing_else_changes() {
        for (before, after) in [
            ("text/plain; charset=iso-8859-1; a=b", "text/plain; charset=utf-8; a=b"),
            ("text/plain;CHARSET=\"x\"", "text/plain; charset=utf-8"),
            ("text/plain;charset=UTF-8", "text/plain;charset=UTF-8"),
            ("text/plain", "text/plain"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(before));
            utf8(&mut headers);
            assert_eq!(headers[CONTENT_TYPE], after);
        }
    }
}
