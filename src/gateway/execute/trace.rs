//! `trace`: an entry of one's own in the trace (its page). Diagnostic settings decide elsewhere what becomes of its severity.

use crate::gateway::exchange::Exchange;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

/// Name and value of a `metadata` element.
type Metadata = (Argument<Box<str>>, Argument<Box<str>>);

#[derive(Debug)]
struct Trace {
    source: Argument<Box<str>>,
    severity: &'static str,
    message: Argument<Box<str>>,
    metadata: Vec<Metadata>,
    secret: bool,
}

impl Statement for Trace {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let source = arguments.text(&self.source);
        exchange.note(source, |_| {
            let mask = |argument| if self.secret { super::MASK } else { arguments.text(argument) };
            let metadata: serde_json::Map<String, serde_json::Value> =
                self.metadata.iter().map(|(name, value)| (arguments.text(name).to_owned(), serde_json::Value::from(mask(value)))).collect();
            serde_json::json!({ "message": mask(&self.message), "severity": self.severity, "metadata": metadata })
        });
        Run::Done(Ok(Flow::Next))
    }
}

/// `<trace source="…" severity="…"><message>…</message><metadata name="…" value="…" /></trace>`; older documents hold bare text.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let source = compiler.required_text(element, "source");
    let severity = match compiler.literal(element, "severity") {
        None => "verbose",
        Some(text) => {
            let known = ["verbose", "information", "error"].into_iter().find(|known| known.eq_ignore_ascii_case(text.trim()));
            known.unwrap_or_else(|| {
                compiler.problem(element, format!("the attribute `severity` of `trace` cannot be `{text}`"));
                "verbose"
            })
        }
    };
    let message = match element.elements_named("message").next() {
        Some(message) => compiler.content(message),
        None => compiler.content(element),
    };
    let mut metadata = Vec::new();
    for child in element.elements_named("metadata") {
        metadata.push((compiler.required_text(child, "name"), compiler.required_text(child, "value")));
    }
    let secret = compiler.holds_secret(element);
    compiler.run(Trace { source, severity, message, metadata, secret });
}
