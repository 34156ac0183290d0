//! What must hold of any text. The gate's property tests and the fuzzers of `tests/fuzz` both come here.

use std::sync::Arc;

use apimctl::expression::{BodyState, Evaluation, Expression, ExpressionContext, Heap, Host, HostKind, HostValue, Outcome};
use apimctl::policy::{CheckContext, Document, Format, apply_fixes, check, convert, fixes, format, references, same_meaning};
use apimctl::support::source::{SourceText, Sources};

/// Steps that an expression of a fuzzer may run; the limits of one evaluation are tested elsewhere.
const STEPS: u64 = 50_000;

/// A request with a little of everything.
#[derive(Debug, Default)]
pub struct SmallContext {
    read: u32,
}

impl ExpressionContext for SmallContext {
    fn property(&mut self, object: Host, name: &'static str) -> HostValue {
        let part = |kind| HostValue::Object(Host { kind, id: object.id });
        match name {
            "Request" => part(HostKind::Request),
            "Response" => part(HostKind::Response),
            "Variables" => part(HostKind::Variables),
            "Url" | "OriginalUrl" | "ServiceUrl" => part(HostKind::Url),
            "Body" => part(HostKind::Body),
            "Headers" | "Query" => part(HostKind::TextLists),
            "MatchedParameters" => part(HostKind::Texts),
            "User" => part(HostKind::User),
            "Api" => part(HostKind::Api),
            "LastError" => part(HostKind::LastError),
            "Groups" => HostValue::Objects(vec![Host { kind: HostKind::Group, id: 1 }, Host { kind: HostKind::Group, id: 2 }]),
            "StatusCode" | "Port" => HostValue::Integer(429),
            "Elapsed" => HostValue::TimeSpan(120_000),
            "Timestamp" | "CreatedDate" => HostValue::DateTime(638_000_000_000_000_000),
            "RequestId" => HostValue::Guid([7; 16]),
            "Tracing" | "IsCurrentRevision" => HostValue::Boolean(false),
            "Method" | "Name" | "Id" | "Path" | "Host" | "Scheme" | "IpAddress" | "Message" => HostValue::Text("text/1".to_owned()),
            _ => HostValue::Null,
        }
    }

    fn lookup(&mut self, map: Host, key: &str) -> Option<HostValue> {
        match (map.kind, key.len() % 3) {
            (_, 0) => None,
            (HostKind::TextLists, _) => Some(HostValue::Texts(vec!["a".to_owned(), "7".to_owned()])),
            (HostKind::Variables, 1) => Some(HostValue::Integer(7)),
            _ => Some(HostValue::Text("Bearer a.b.c".to_owned())),
        }
    }

    fn entries(&mut self, map: Host) -> Vec<(String, HostValue)> {
        ["k", "kk"].iter().filter_map(|key| Some(((*key).to_owned(), self.lookup(map, key)?))).collect()
    }

    fn body(&mut self, _body: Host, preserve: bool) -> BodyState {
        self.read += 1;
        match self.read {
            1 => BodyState::NotReady,
            2..=20 if preserve || self.read == 2 => {
                BodyState::Ready(br#"{"a":[1,2.5,"x",null,{"b":true}],"model":"m","d":"2024-05-06T07:08:09Z"}"#.as_slice().into())
            }
            _ => BodyState::Consumed,
        }
    }

    fn trace(&mut self, _message: &str) {}

    fn utc_ticks(&mut self) -> i64 {
        638_000_000_000_000_000
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(5);
    }
}

/// Compiles a text, and runs what compiles: an answer or a reason, and nothing else. Says whether it compiled.
pub fn expression_holds(text: &str) -> bool {
    let compiled = match Expression::compile(text, None) {
        Ok(compiled) => compiled,
        Err(problem) => {
            assert!(problem.at <= text.len() && text.is_char_boundary(problem.at), "a place outside of the text: {problem:?}");
            assert!(!problem.message.is_empty(), "a refusal without a reason");
            return false;
        }
    };
    let mut heap = Heap::new();
    let mut context = SmallContext::default();
    let mut evaluation = Evaluation::new(&compiled);
    for _ in 0..4 {
        match evaluation.run(&mut heap, &mut context, STEPS) {
            Outcome::Done(value) => {
                let _ = value.text(&mut heap, &mut context);
                let _ = value.json(&mut heap, &mut context);
                return true;
            }
            Outcome::NeedBody(_) => {}
            _ => return true,
        }
    }
    true
}

fn parse(text: &str, as_format: Format) -> Option<Document> {
    let source = SourceText::whole(Sources::default().add("policy.xml", text), Arc::from(text));
    match Document::parse(&source, as_format) {
        Ok(document) => Some(document),
        Err(finding) => {
            assert!(!finding.message.is_empty(), "a refusal without a reason");
            None
        }
    }
}

/// Reads a text as a policy document, checks it, formats it, converts it, mends it. Says whether it was read.
pub fn document_holds(text: &str) -> bool {
    let mut read = false;
    for as_format in [Format::RawXml, Format::Xml] {
        let Some(document) = parse(text, as_format) else { continue };
        read = true;
        let _ = references(&document);
        for finding in check(&document, &CheckContext::default()) {
            if let Some(span) = finding.span {
                assert!(span.start <= span.end, "{finding:?}");
            }
        }
        let once = format(&document);
        assert!(same_meaning(text, as_format, &once, as_format), "formatting changed the meaning:\n{text}\n---\n{once}");
        let Some(again) = parse(&once, as_format) else { panic!("formatting broke it:\n{text}\n---\n{once}") };
        assert_eq!(format(&again), once, "formatting again changes it:\n{text}");
        for to in [Format::Xml, Format::RawXml] {
            let converted = convert(&document, to);
            assert!(same_meaning(text, as_format, &converted, to), "converting changed the meaning:\n{text}\n---\n{converted}");
        }
        let mended = apply_fixes(&document, &fixes(&document, &CheckContext::default()));
        assert!(parse(&mended, as_format).is_some(), "a cure broke it:\n{text}\n---\n{mended}");
    }
    read
}
