//! Expressions and policy documents: parse, compile, evaluate. `cargo bench --bench expressions`; the results are in docs/performance.md.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a bench that meets the unexpected stops")]

use std::path::Path;
use std::sync::Arc;

use apimctl::expression::{BodyState, Evaluation, Expression, ExpressionContext, Heap, Host, HostKind, HostValue, Outcome};
use apimctl::policy::{CheckContext, Document, Format, Value, Visit, check};
use apimctl::support::source::{SourceText, Sources};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

const HEADER: &str = r#"@(context.Request.Headers.GetValueOrDefault("x-user-id", "anonymous"))"#;
const VARIABLE: &str = r#"@((string)context.Variables["backend"])"#;
const CONDITION: &str = r#"@(context.Response != null && (context.Response.StatusCode == 429 || context.Response.StatusCode >= 500))"#;
const BODY: &str = r#"@((string)context.Request.Body.As<JObject>(preserveContent: true)["model"])"#;

/// About as long as the longest twentieth of the expressions in public AI policies: picks a backend by priority and notes when it may be used again.
const LONG: &str = r#"@{
    var body = context.Request.Body.As<JObject>(preserveContent: true);
    var model = body.Value<string>("model") ?? context.Request.MatchedParameters.GetValueOrDefault("deployment-id", "gpt-4o");
    var maximum = body["max_tokens"]?.Value<int>() ?? 1000;
    var messages = (JArray)body["messages"];
    var length = messages == null ? 0 : messages.Sum(message => ((string)message["content"] ?? "").Length);
    var backends = (JArray)JArray.Parse(@"[{'name':'a','priority':1,'throttled':false},{'name':'b','priority':2,'throttled':false},{'name':'c','priority':1,'throttled':true}]");
    var best = int.MaxValue;
    var chosen = new List<string>();
    foreach (JObject backend in backends)
    {
        if ((bool)backend["throttled"]) { continue; }
        var priority = backend.Value<int>("priority");
        if (priority < best)
        {
            best = priority;
            chosen.Clear();
        }
        if (priority == best) { chosen.Add(backend.Value<string>("name")); }
    }
    var user = context.Request.Headers.GetValueOrDefault("x-user-id", "anonymous").Trim().ToLower();
    var estimate = length / 4 + maximum;
    var tier = estimate > 4000 ? "large" : estimate > 1000 ? "medium" : "small";
    if (context.Variables.GetValueOrDefault<string>("backend", "").StartsWith("ptu") && tier != "large")
    {
        chosen.Insert(0, (string)context.Variables["backend"]);
    }
    return new JObject(
        new JProperty("backend", chosen.FirstOrDefault() ?? "none"),
        new JProperty("key", $"{user}:{model}:{tier}"),
        new JProperty("estimate", estimate)
    ).ToString(Newtonsoft.Json.Formatting.None);
}"#;

/// A chat request as the expressions see it.
struct Request;

impl ExpressionContext for Request {
    fn property(&mut self, object: Host, name: &'static str) -> HostValue {
        let part = |kind| HostValue::Object(Host { kind, id: 0 });
        match (object.kind, name) {
            (_, "Request") => part(HostKind::Request),
            (_, "Response") => part(HostKind::Response),
            (_, "Variables") => part(HostKind::Variables),
            (_, "Headers") => part(HostKind::TextLists),
            (_, "MatchedParameters") => part(HostKind::Texts),
            (_, "Body") => part(HostKind::Body),
            (_, "StatusCode") => HostValue::Integer(200),
            _ => HostValue::Null,
        }
    }

    fn lookup(&mut self, map: Host, _key: &str) -> Option<HostValue> {
        Some(match map.kind {
            HostKind::TextLists => HostValue::Texts(vec!["user-17".to_owned()]),
            _ => HostValue::Text("ptu-west".to_owned()),
        })
    }

    fn entries(&mut self, _map: Host) -> Vec<(String, HostValue)> {
        Vec::new()
    }

    fn body(&mut self, _body: Host, _preserve: bool) -> BodyState {
        BodyState::Ready(
            br#"{"model":"gpt-4o","stream":true,"max_tokens":800,"temperature":0.7,"messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"Tell me about gateways, please, and about how they are measured."}]}"#
                .as_slice()
                .into(),
        )
    }

    fn trace(&mut self, _message: &str) {}

    fn utc_ticks(&mut self) -> i64 {
        638_000_000_000_000_000
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(1);
    }
}

fn run(expression: &Expression, heap: &mut Heap) {
    match Evaluation::new(expression).run(heap, &mut Request, u64::MAX) {
        Outcome::Done(value) => drop(black_box(value)),
        other => panic!("{other:?}"),
    }
}

/// Each evaluation has a heap of its own, as a request has.
fn evaluate(bencher: Bencher<'_, '_>, text: &str) {
    let expression = Expression::compile(text, None).unwrap();
    bencher.with_inputs(Heap::new).bench_local_refs(|heap| run(&expression, heap));
}

#[divan::bench]
fn evaluate_header(bencher: Bencher<'_, '_>) {
    evaluate(bencher, HEADER);
}

#[divan::bench]
fn evaluate_variable(bencher: Bencher<'_, '_>) {
    evaluate(bencher, VARIABLE);
}

#[divan::bench]
fn evaluate_retry_condition(bencher: Bencher<'_, '_>) {
    evaluate(bencher, CONDITION);
}

#[divan::bench]
fn evaluate_body_read(bencher: Bencher<'_, '_>) {
    evaluate(bencher, BODY);
}

#[divan::bench]
fn evaluate_long(bencher: Bencher<'_, '_>) {
    evaluate(bencher, LONG);
}

#[divan::bench]
fn compile_header() -> Expression {
    Expression::compile(black_box(HEADER), None).unwrap()
}

#[divan::bench]
fn compile_long() -> Expression {
    Expression::compile(black_box(LONG), None).unwrap()
}

/// The policy documents of this repository.
fn documents() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let folders = [root.clone(), root.join("fragments")];
    let mut paths: Vec<_> =
        folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "xml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn read(text: &str) -> Document {
    let source = SourceText::whole(Sources::default().add("policy.xml", text), Arc::from(text));
    Document::parse(&source, Format::RawXml).unwrap()
}

fn expressions(document: &Document) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |value: &Value| found.extend(value.expression().map(|_| value.to_string()));
    for visit in document.walk().visits() {
        let Visit { element, .. } = visit;
        element.attributes.iter().for_each(|attribute| add(&attribute.value));
        element.texts().for_each(|(value, _)| add(value));
    }
    found
}

#[divan::bench]
fn read_the_policies(bencher: Bencher<'_, '_>) {
    let texts = documents();
    let bytes: usize = texts.iter().map(String::len).sum();
    bencher.counter(divan::counter::BytesCount::new(bytes)).bench_local(|| texts.iter().map(|text| read(text)).collect::<Vec<_>>());
}

#[divan::bench]
fn compile_the_policies(bencher: Bencher<'_, '_>) {
    let texts: Vec<String> = documents().iter().flat_map(|text| expressions(&read(text))).collect();
    assert!(texts.len() > 10, "{}", texts.len());
    bencher.counter(divan::counter::ItemsCount::new(texts.len())).bench_local(|| {
        for text in &texts {
            let _ = black_box(Expression::compile(text, None));
        }
    });
}

#[divan::bench]
fn check_the_policies(bencher: Bencher<'_, '_>) {
    let documents: Vec<Document> = documents().iter().map(|text| read(text)).collect();
    bencher.bench_local(|| documents.iter().map(|document| check(document, &CheckContext::default()).len()).sum::<usize>());
}
