//! `llm-content-safety` (its page): prompts and completions are shown to Azure AI Content Safety; 403 if one is over a threshold or an
//! attack, 500 if the service fails or the prompt is too long for it. A stream that turns out not to be safe just stops.

mod question;
mod stream;

use std::sync::Arc;

use serde_json::{Value, json};

use self::question::{Question, Windows};
use super::backend_name::BackendName;
use super::prompt::{completion, messages};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::message::MessageBody;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::policy::{Element, Section};

const NAME: &str = "llm-content-safety";

#[derive(Debug)]
struct ContentSafety {
    backend: BackendName,
    shield: Argument<bool>,
    enforce: Argument<bool>,
    window: Option<Argument<i64>>,
    overlap: Option<Argument<i64>>,
    output_type: Argument<Box<str>>,
    categories: Vec<(Argument<Box<str>>, Argument<i64>)>,
    blocklists: Vec<Argument<Box<str>>>,
    section: Section,
}

/// What is asked about a completion.
#[derive(Debug, Clone)]
pub struct Screen {
    question: Arc<Question>,
    windows: Windows,
}

impl Statement for ContentSafety {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let backend = match self.backend.find(exchange, arguments) {
            Ok(backend) => backend,
            Err(failure) => return Run::Done(Err(failure)),
        };
        let question = Arc::new(Question {
            backend,
            shield: arguments.boolean(&self.shield),
            output_type: arguments.text(&self.output_type).to_owned(),
            categories: self
                .categories
                .iter()
                .map(|(name, threshold)| (arguments.text(name).to_owned(), arguments.integer(threshold)))
                .collect(),
            blocklists: self.blocklists.iter().map(|id| arguments.text(id).to_owned()).collect(),
        });
        let number = |argument: &Option<Argument<i64>>| argument.as_ref().and_then(|own| usize::try_from(arguments.integer(own)).ok());
        let screen = Screen { question: question.clone(), windows: Windows::new(number(&self.window), number(&self.overlap)) };
        if self.section == Section::Outbound {
            return Run::Later(Box::pin(async move { screen.look(exchange).await.map(|()| Flow::Next) }));
        }
        if arguments.boolean(&self.enforce) {
            exchange.screens.push(screen);
        }
        Run::Later(Box::pin(async move {
            let limit = exchange.worker.limits.buffered_body;
            let body = exchange.request.body.buffer(limit).await?;
            // What is no JSON has no prompt to look at (assumed).
            let Ok(body) = serde_json::from_slice::<Value>(&body) else { return Ok(Flow::Next) };
            let texts: Vec<String> = messages(&body).into_iter().map(|message| message.text).filter(|text| !text.is_empty()).collect();
            for text in &texts {
                question.ask_about_prompt(&exchange.worker, &exchange.snapshot, text).await?;
            }
            exchange.note(NAME, |_| json!({ "message": "Content safety check passed.", "texts": texts.len() }));
            Ok(Flow::Next)
        }))
    }
}

/// Looks at the completion for every policy of inbound that has `enforce-on-completions`.
///
/// # Errors
/// The completion is not safe, or the service failed.
pub async fn screen(exchange: &mut Exchange) -> Result<(), Failure> {
    for screen in std::mem::take(&mut exchange.screens) {
        screen.look(exchange).await.map_err(|failure| failure.from_source(NAME))?;
    }
    Ok(())
}

impl Screen {
    /// A stream is looked at on its way, anything else at once.
    async fn look(self, exchange: &mut Exchange) -> Result<(), Failure> {
        let limit = exchange.worker.limits.buffered_body;
        let Some(response) = exchange.response.as_mut().filter(|response| response.status.is_success()) else { return Ok(()) };
        let kind = response.headers.get(http::header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_ascii_lowercase()).unwrap_or_default();
        if kind.starts_with(b"text/event-stream")
            && let MessageBody::Stream(body) = std::mem::replace(&mut response.body, MessageBody::Empty)
        {
            response.body = MessageBody::Stream(stream::screened(body, self, exchange.worker.clone(), exchange.snapshot.clone()));
            return Ok(());
        }
        let body = response.body.buffer(limit).await?;
        let Ok(body) = serde_json::from_slice::<Value>(&body) else { return Ok(()) };
        let text = completion(&body);
        for window in self.windows.of(&text) {
            self.question.ask(&exchange.worker, &exchange.snapshot, window).await?;
        }
        exchange.note(NAME, |_| json!({ "message": "Content safety check of the completion passed." }));
        Ok(())
    }
}

/// `<llm-content-safety backend-id="…" shield-prompt="…" enforce-on-completions="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let backend = BackendName::read(element, compiler, "backend-id");
    let shield = compiler.boolean(element, "shield-prompt").unwrap_or(Argument::Literal(false));
    let enforce = compiler.boolean(element, "enforce-on-completions").unwrap_or(Argument::Literal(false));
    let (window, overlap) = (compiler.integer(element, "window-size"), compiler.integer(element, "window-overlap-size"));
    let mut output_type = Argument::Literal(Box::from("FourSeverityLevels"));
    let mut categories = Vec::new();
    let mut blocklists = Vec::new();
    for child in element.elements() {
        if child.name == "categories" {
            if let Some(kind) = compiler.text(child, "output-type") {
                output_type = kind;
            }
            for category in child.elements_named("category") {
                let name = compiler.required_text(category, "name");
                let threshold = compiler.integer(category, "threshold").unwrap_or(Argument::Literal(0));
                categories.push((name, threshold));
            }
        } else {
            blocklists.extend(child.elements_named("id").map(|id| compiler.content(id)));
        }
    }
    let section = compiler.section();
    compiler.run(ContentSafety { backend, shield, enforce, window, overlap, output_type, categories, blocklists, section });
}
