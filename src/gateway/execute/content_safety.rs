//! `llm-content-safety` (its page): the prompt is shown to Azure AI Content Safety; 403 if it is over a threshold or an attack, 500 if
//! the service fails or the prompt is too long for it.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::backend_name::BackendName;
use super::prompt::{completion, messages};
use crate::gateway::backend::call::Caller;
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::snapshot::BackendIndex;
use crate::policy::{Element, Section};

/// Longest text that Content Safety takes (documented).
const LONGEST: usize = 10_000;
/// Version of its data plane.
const ANALYZE: &str = "/contentsafety/text:analyze?api-version=2024-09-01";
const SHIELD: &str = "/contentsafety/text:shieldPrompt?api-version=2024-09-01";

#[derive(Debug)]
struct ContentSafety {
    backend: BackendName,
    shield: Argument<bool>,
    output_type: Argument<Box<str>>,
    categories: Vec<(Argument<Box<str>>, Argument<i64>)>,
    blocklists: Vec<Argument<Box<str>>>,
    section: Section,
}

/// What is asked, evaluated.
#[derive(Debug)]
struct Question {
    shield: bool,
    output_type: String,
    categories: Vec<(String, i64)>,
    blocklists: Vec<String>,
}

/// Not allowed. The text is not documented (assumed).
fn blocked(why: &str) -> Failure {
    Failure::refused("ContentSafetyBlocked", StatusCode::FORBIDDEN, format!("Request failed content safety check. {why}"))
}

fn broken(why: &str) -> Failure {
    Failure::internal("ContentSafetyFailure", why)
}

fn parsed(status: StatusCode, body: &Bytes) -> Result<Value, Failure> {
    if !status.is_success() {
        return Err(broken(&format!("Content Safety answered {status}.")));
    }
    serde_json::from_slice(body).map_err(|_| broken("Content Safety answered no JSON."))
}

impl Question {
    async fn ask(&self, caller: &Caller<'_>, backend: BackendIndex, texts: &[String]) -> Result<(), Failure> {
        for text in texts {
            if text.chars().nth(LONGEST).is_some() {
                return Err(broken("The prompt is longer than Content Safety takes."));
            }
            if self.shield {
                let (status, body) = caller.post(backend, SHIELD, &json!({ "userPrompt": text, "documents": [] }), false).await?;
                if parsed(status, &body)?.pointer("/userPromptAnalysis/attackDetected") == Some(&Value::Bool(true)) {
                    return Err(blocked("The prompt is an attack."));
                }
            }
            if self.categories.is_empty() && self.blocklists.is_empty() {
                continue;
            }
            let mut question = json!({ "text": text, "outputType": self.output_type });
            let names: Vec<&str> = self.categories.iter().map(|(name, _)| name.as_str()).collect();
            if !names.is_empty() {
                question["categories"] = json!(names);
            }
            if !self.blocklists.is_empty() {
                question["blocklistNames"] = json!(self.blocklists);
            }
            let (status, body) = caller.post(backend, ANALYZE, &question, false).await?;
            let answer = parsed(status, &body)?;
            if answer.get("blocklistsMatch").and_then(Value::as_array).is_some_and(|matches| !matches.is_empty()) {
                return Err(blocked("A block list matches."));
            }
            for analysis in answer.get("categoriesAnalysis").and_then(Value::as_array).into_iter().flatten() {
                let name = analysis.get("category").and_then(Value::as_str).unwrap_or_default();
                let severity = analysis.get("severity").and_then(Value::as_i64).unwrap_or(0);
                // The page: severities at the threshold are blocked too, 0 is always let through (assumed for 0).
                let over = |(own, threshold): &(String, i64)| own.eq_ignore_ascii_case(name) && severity >= *threshold && severity > 0;
                if self.categories.iter().any(over) {
                    return Err(blocked(&format!("{name} is over its threshold.")));
                }
            }
        }
        Ok(())
    }
}

impl Statement for ContentSafety {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let backend = match self.backend.find(exchange, arguments) {
            Ok(backend) => backend,
            Err(failure) => return Run::Done(Err(failure)),
        };
        let question = Question {
            shield: arguments.boolean(&self.shield),
            output_type: arguments.text(&self.output_type).to_owned(),
            categories: self
                .categories
                .iter()
                .map(|(name, threshold)| (arguments.text(name).to_owned(), arguments.integer(threshold)))
                .collect(),
            blocklists: self.blocklists.iter().map(|id| arguments.text(id).to_owned()).collect(),
        };
        Run::Later(Box::pin(async move {
            let worker = exchange.worker.clone();
            let snapshot = exchange.snapshot.clone();
            let limit = worker.limits.buffered_body;
            let body = match (self.section, &mut exchange.response) {
                (Section::Outbound, Some(response)) => response.body.buffer(limit).await?,
                _ => exchange.request.body.buffer(limit).await?,
            };
            // What is no JSON has no prompt to look at (assumed).
            let Ok(body) = serde_json::from_slice::<Value>(&body) else { return Ok(Flow::Next) };
            let texts: Vec<String> = match self.section {
                Section::Outbound => vec![completion(&body)],
                _ => messages(&body).into_iter().map(|message| message.text).collect(),
            };
            let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            let caller =
                Caller { upstream: &worker.upstream, state: &worker.state, settings: &worker.settings, snapshot: &snapshot, limit };
            question.ask(&caller, backend, &texts).await?;
            exchange.note("llm-content-safety", |_| json!({ "message": "Content safety check passed.", "texts": texts.len() }));
            Ok(Flow::Next)
        }))
    }
}

/// `<llm-content-safety backend-id="…" shield-prompt="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let backend = BackendName::read(element, compiler, "backend-id");
    for attribute in ["enforce-on-completions", "window-size", "window-overlap-size"] {
        if element.attribute(attribute).is_some_and(|own| own.value.literal().is_none_or(|text| !text.eq_ignore_ascii_case("false"))) {
            compiler.problem(element, format!("the attribute `{attribute}` of `llm-content-safety` is known and not emulated"));
        }
    }
    let shield = compiler.boolean(element, "shield-prompt").unwrap_or(Argument::Literal(false));
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
    compiler.run(ContentSafety { backend, shield, output_type, categories, blocklists, section });
}
