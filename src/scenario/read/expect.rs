//! `expect`: what answers must be, one by one and together.

use http::header::HeaderName;

use super::reader::{Reader, requests, suggestion};
use crate::scenario::codes;
use crate::scenario::expect::{
    All, Amount, AttemptExpected, Check, Each, Expect, MetricExpected, Outcome, ReceivedExpected, StreamExpected, Text, TraceExpected,
};
use crate::support::finding::Kind;
use crate::support::source::Span;
use crate::support::tree::{Entry, Node, Resolved, Value};

const KEYS: &[&str] = &[
    "status",
    "reason",
    "headers",
    "body",
    "json",
    "stream",
    "complete",
    "headAfter",
    "elapsed",
    "backend",
    "attempts",
    "waits",
    "variables",
    "trace",
    "usage",
    "error",
    "api",
    "operation",
    "product",
    "subscription",
    "statuses",
    "spread",
    "served",
    "asked",
    "tripped",
    "order",
    "received",
    "metrics",
];
const SECTIONS: &[(&str, &str)] = &[("inbound", "inbound"), ("backend", "backend"), ("outbound", "outbound"), ("on-error", "on-error")];

impl Reader<'_> {
    /// What is expected of `count` answers.
    pub(super) fn expect(&mut self, node: &Node, count: u64) -> Expect {
        let mut expect = Expect::default();
        for (key, entry) in self.entries(node, "`expect`", KEYS) {
            let at = Some(entry.key_span);
            let mut each = |at: Option<Span>, what: Each| expect.each.push(Check { at, what });
            let value = &entry.node;
            match key {
                "status" => each(at, Each::Status(self.statuses(value))),
                "reason" => each(at, Each::Reason(self.text_expected(value, "`reason`"))),
                "headers" => {
                    for (name, entry, text) in self.headers_expected(value) {
                        each(
                            Some(entry.key_span),
                            text.map_or_else(|| Each::NoHeader(name.clone()), |text| Each::Header(name.clone(), text)),
                        );
                    }
                }
                "body" => each(at, Each::Body(self.text_expected(value, "`body`"))),
                "json" => each(at, Each::Json(self.json_subset(value))),
                "stream" => each(at, Each::Stream(self.stream_expected(value))),
                "complete" => each(at, Each::Complete(self.boolean(value, "`complete`").unwrap_or(true))),
                "headAfter" => self.time(value, "`headAfter`").into_iter().for_each(|time| each(at, Each::HeadAfter(time))),
                "elapsed" => self.time(value, "`elapsed`").into_iter().for_each(|time| each(at, Each::Elapsed(time))),
                "backend" => each(at, Each::Backend(self.backend_or_none(value))),
                "attempts" => each(at, self.attempts(value)),
                "waits" => {
                    let waits = self.list(value, "`waits`").iter().filter_map(|node| self.time(node, "a wait")).collect();
                    each(at, Each::Waits(waits));
                }
                "variables" => {
                    for entry in self.mapping(value, "`variables`") {
                        let expected = self.json_subset(&entry.node);
                        each(Some(entry.key_span), Each::Variable(entry.key.clone(), expected));
                    }
                }
                "trace" => {
                    for node in self.one_or_many(value) {
                        let expected = self.trace_expected(node);
                        each(Some(node.span), Each::Trace(expected));
                    }
                }
                "usage" => each(at, Each::Usage((!value.is_null()).then(|| self.json_subset(value)))),
                "error" => each(at, Each::Error((!value.is_null()).then(|| Box::new(self.error_expected(value))))),
                "api" | "operation" | "product" | "subscription" => {
                    let name = if value.is_null() { None } else { self.text(value, &format!("`{key}`")) };
                    let name = match name {
                        Some(name) if key == "subscription" => Some(self.subscription(&name, value.span)),
                        name => name,
                    };
                    each(at, Each::Named(key, name));
                }
                _ => self.together(key, value, count, &mut expect.all),
            }
        }
        self.sums(node, count, &expect.all);
        expect
    }

    fn together(&mut self, key: &'static str, value: &Node, count: u64, all: &mut Vec<Check<All>>) {
        let what = format!("`{key}`");
        match key {
            "statuses" => {
                for entry in self.mapping(value, &what) {
                    let status = entry.key.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
                    let Some(status) = status else {
                        let message = format!("`{}` is no status of an answer", entry.key);
                        self.error(codes::OUT_OF_RANGE, Kind::Type, entry.key_span, message);
                        continue;
                    };
                    let amount = self.amount(&entry.node, &format!("the number of {status}s"), Some(count));
                    all.extend(amount.map(|amount| Check { at: Some(entry.key_span), what: All::Status(status, amount) }));
                }
            }
            "spread" => {
                for header in self.mapping(value, &what) {
                    let Some(name) = self.header_name(&header.key, header.key_span) else { continue };
                    for entry in self.mapping(&header.node, "the values of a header") {
                        let amount = self.amount(&entry.node, &format!("the number of `{}`", entry.key), Some(count));
                        let what = |amount| All::HeaderValue(name.clone(), entry.key.clone(), amount);
                        all.extend(amount.map(|amount| Check { at: Some(entry.key_span), what: what(amount) }));
                    }
                }
            }
            "served" => {
                for entry in self.mapping(value, &what) {
                    let backend =
                        if matches!(entry.key.as_str(), "~" | "null") { None } else { Some(self.backend(&entry.key, entry.key_span)) };
                    let amount = self.amount(&entry.node, &format!("the answers of `{}`", entry.key), Some(count));
                    all.extend(amount.map(|amount| Check { at: Some(entry.key_span), what: All::Served(backend, amount) }));
                }
            }
            "asked" => {
                for entry in self.mapping(value, &what) {
                    let backend = self.backend(&entry.key, entry.key_span);
                    // A request may be sent to one backend several times, so there is no most.
                    let amount = self.amount(&entry.node, &format!("the attempts at `{backend}`"), None);
                    all.extend(amount.map(|amount| Check { at: Some(entry.key_span), what: All::Asked(backend, amount) }));
                }
            }
            "tripped" => {
                for entry in self.mapping(value, &what) {
                    let backend = self.backend(&entry.key, entry.key_span);
                    let amount = self.amount(&entry.node, &format!("how often `{backend}` tripped"), Some(count));
                    all.extend(amount.map(|amount| Check { at: Some(entry.key_span), what: All::Tripped(backend, amount) }));
                }
            }
            "order" => {
                let nodes = self.list(value, &what);
                let backends: Vec<String> =
                    nodes.iter().filter_map(|node| self.text(node, "a backend").map(|name| self.backend(&name, node.span))).collect();
                if backends.len() as u64 != count && backends.len() == nodes.len() {
                    let message = format!("`order` names {} backends, and {}", backends.len(), requests(count));
                    self.error(codes::IMPOSSIBLE, Kind::Type, value.span, message);
                }
                all.push(Check { at: Some(value.span), what: All::Order(backends) });
            }
            "received" => {
                for entry in self.mapping(value, &what) {
                    let expected = self.received_expected(entry);
                    all.push(Check { at: Some(entry.key_span), what: All::Received(Box::new(expected)) });
                }
            }
            _ => {
                for entry in self.mapping(value, &what) {
                    for node in self.one_or_many(&entry.node) {
                        let expected = self.metric_expected(&entry.key, node);
                        all.push(Check { at: Some(entry.key_span), what: All::Metric(Box::new(expected)) });
                    }
                }
            }
        }
    }

    /// Numbers that are more together than there are answers cannot all be right.
    fn sums(&mut self, node: &Node, count: u64, all: &[Check<All>]) {
        let least = |amount: &Amount| match amount {
            Amount::Exactly(number) => *number,
            Amount::Between(least, _) => least.unwrap_or(0),
            Amount::Share(share, tolerance) => {
                let least = ((share - tolerance.width(*share, count)) * count as f64 - 0.5).ceil();
                if least > 0.0 { least as u64 } else { 0 }
            }
        };
        let statuses: u64 =
            all.iter().filter_map(|check| if let All::Status(_, amount) = &check.what { Some(least(amount)) } else { None }).sum();
        let served: u64 =
            all.iter().filter_map(|check| if let All::Served(_, amount) = &check.what { Some(least(amount)) } else { None }).sum();
        for (name, sum) in [("statuses", statuses), ("served", served)] {
            if sum > count {
                let at = node.entry(name).map_or(node.span, |entry| entry.key_span);
                let message = format!("`{name}` wants at least {sum} answers, and {}", requests(count));
                self.error(codes::IMPOSSIBLE, Kind::Type, at, message);
            }
        }
    }

    /// `200`, `2xx`, or a list of them.
    fn statuses(&mut self, node: &Node) -> Vec<u16> {
        let mut statuses = Vec::new();
        for node in self.one_or_many(node) {
            let class = node.scalar().and_then(|scalar| scalar.text.strip_suffix("xx")).and_then(|class| class.parse::<u16>().ok());
            match class.filter(|class| (1..=5).contains(class)) {
                Some(class) => statuses.extend(class * 100..class * 100 + 100),
                None => statuses.extend(self.status(node, "`status`")),
            }
        }
        statuses
    }

    fn headers_expected<'n>(&mut self, node: &'n Node) -> Vec<(HeaderName, &'n Entry, Option<Text>)> {
        let mut headers = Vec::new();
        for entry in self.mapping(node, "`headers`") {
            let Some(name) = self.header_name(&entry.key, entry.key_span) else { continue };
            let text = (!entry.node.is_null()).then(|| self.text_expected(&entry.node, &format!("`{}`", entry.key)));
            headers.push((name, entry, text));
        }
        headers
    }

    fn backend_or_none(&mut self, node: &Node) -> Option<String> {
        if node.is_null() {
            return None;
        }
        self.text(node, "`backend`").map(|name| self.backend(&name, node.span))
    }

    /// A list of attempts (`primary: 429`, or just `primary`), or how many there are.
    fn attempts(&mut self, node: &Node) -> Each {
        if !matches!(node.value, Value::Sequence(_)) {
            return Each::AttemptCount(self.amount(node, "`attempts`", None).unwrap_or(Amount::Between(None, None)));
        }
        let mut attempts = Vec::new();
        for item in node.items() {
            match &item.value {
                Value::Mapping(entries) => {
                    let [entry] = entries.as_slice() else {
                        let help = "write a backend and what it answered: `- primary: 429`";
                        self.error_with_help(codes::WRONG_TYPE, Kind::Type, item.span, "an attempt has one backend", help);
                        continue;
                    };
                    let backend = if entry.key == "*" { None } else { Some(self.backend(&entry.key, entry.key_span)) };
                    attempts.push(AttemptExpected { backend, outcome: self.outcome(&entry.node) });
                }
                _ => {
                    let name = self.text(item, "an attempt");
                    attempts.extend(name.map(|name| AttemptExpected { backend: Some(self.backend(&name, item.span)), outcome: None }));
                }
            }
        }
        Each::Attempts(attempts)
    }

    /// A status, `failed`, a reason of a failure, or `*`.
    fn outcome(&mut self, node: &Node) -> Option<Outcome> {
        if let Some(Resolved::Number(_)) = node.scalar().map(|scalar| scalar.resolve()) {
            return self.status(node, "the status of an attempt").map(Outcome::Status);
        }
        // Reasons that the gateway gives: whatever else stands there is a slip.
        let reasons = ["BackendConnectionFailure", "Timeout", "ClientConnectionFailure"];
        match self.text(node, "what came of an attempt")?.as_str() {
            "*" => None,
            "failed" => Some(Outcome::Failed),
            reason if reasons.contains(&reason) => Some(Outcome::FailedWith(reason.to_owned())),
            other => {
                let known = [reasons.as_slice(), &["failed"]].concat();
                let message = format!("an attempt cannot end with `{other}`");
                let help = format!("write a status, or one of them: {}", suggestion(other, &known));
                self.error_with_help(codes::NOT_ALLOWED, Kind::Type, node.span, message, help);
                None
            }
        }
    }

    fn stream_expected(&mut self, node: &Node) -> StreamExpected {
        let mut stream = StreamExpected::default();
        if let Some(Resolved::Bool(true)) = node.scalar().map(|scalar| scalar.resolve()) {
            return stream;
        }
        for (key, entry) in self.entries(node, "`stream`", &["events", "done", "text", "usage", "firstAfter", "spread"]) {
            let value = &entry.node;
            match key {
                "events" => stream.events = self.amount(value, "`events`", None),
                "done" => stream.done = self.boolean(value, "`done`"),
                "text" => stream.text = Some(self.text_expected(value, "`text`")),
                "usage" => {
                    stream.usage = Some(if value.is_null() { crate::scenario::expect::Json::Absent } else { self.json_subset(value) })
                }
                "firstAfter" => stream.first_after = self.time(value, "`firstAfter`"),
                _ => stream.spread = self.boolean(value, "`spread`"),
            }
        }
        stream
    }

    fn trace_expected(&mut self, node: &Node) -> TraceExpected {
        let mut expected = TraceExpected::default();
        let entries = self.entries(node, "an expectation of the trace", &["section", "source", "text", "absent"]);
        for (key, entry) in entries {
            let value = &entry.node;
            match key {
                "section" => expected.section = self.one_of(value, "`section`", SECTIONS).map(str::to_owned),
                "source" => expected.source = self.text(value, "`source`"),
                "text" => expected.text = self.text_expected(value, "`text`"),
                _ => expected.absent = self.boolean(value, "`absent`").unwrap_or_default(),
            }
        }
        if expected.section.is_none() && expected.source.is_none() && expected.text.is_any() {
            let help = "write `source:` and the name of a policy, or `text:`";
            self.error_with_help(codes::MISSING_KEY, Kind::Place, node.span, "this fits every entry of the trace", help);
        }
        expected
    }

    fn error_expected(&mut self, node: &Node) -> [Option<Text>; 3] {
        let mut expected = [None, None, None];
        for (key, entry) in self.entries(node, "`error`", &["source", "reason", "message"]) {
            let text = Some(self.text_expected(&entry.node, &format!("`{key}`")));
            let [source, reason, message] = &mut expected;
            match key {
                "source" => *source = text,
                "reason" => *reason = text,
                _ => *message = text,
            }
        }
        expected
    }

    /// What a backend, an account, a host, or any of them (`*`) received.
    fn received_expected(&mut self, entry: &Entry) -> ReceivedExpected {
        let mut expected = ReceivedExpected { at: self.receiver(&entry.key, entry.key_span), ..ReceivedExpected::default() };
        if entry.node.scalar().is_some() {
            expected.count = self.amount(&entry.node, "the number of requests", None);
            return expected;
        }
        for (key, entry) in self.entries(&entry.node, "what a backend received", &["count", "method", "target", "headers", "body", "json"])
        {
            let value = &entry.node;
            match key {
                "count" => expected.count = self.amount(value, "`count`", None),
                "method" => {
                    let text = self.text(value, "`method`").unwrap_or_default();
                    expected.method = http::Method::from_bytes(text.to_ascii_uppercase().as_bytes()).ok();
                    if expected.method.is_none() {
                        self.error(codes::NOT_ALLOWED, Kind::Type, value.span, format!("`{text}` is no method of HTTP"));
                    }
                }
                "target" => expected.target = Some(self.text_expected(value, "`target`")),
                "headers" => expected.headers = self.headers_expected(value).into_iter().map(|(name, _, text)| (name, text)).collect(),
                "body" => expected.body = Some(self.text_expected(value, "`body`")),
                _ => expected.json = Some(self.json_subset(value)),
            }
        }
        expected
    }

    fn receiver(&mut self, name: &str, at: Span) -> Option<String> {
        if name == "*" {
            return None;
        }
        let is_account = self.names.accounts.iter().any(|account| account.name.eq_ignore_ascii_case(name));
        // A host has a dot; it may be called by a policy alone, so nobody can tell whether it is meant.
        if is_account || name.contains('.') {
            return Some(name.to_owned());
        }
        Some(self.backend(name, at))
    }

    fn metric_expected(&mut self, name: &str, node: &Node) -> MetricExpected {
        let mut expected = MetricExpected { name: name.to_owned(), ..MetricExpected::default() };
        if node.scalar().is_some() {
            expected.count = self.amount(node, "the number of values", None);
            return expected;
        }
        for (key, entry) in self.entries(node, "an expectation of a metric", &["namespace", "dimensions", "count", "sum"]) {
            let value = &entry.node;
            match key {
                "namespace" => expected.namespace = self.text(value, "`namespace`"),
                "dimensions" => {
                    for entry in self.mapping(value, "`dimensions`") {
                        let text = (!entry.node.is_null()).then(|| self.text_expected(&entry.node, &format!("`{}`", entry.key)));
                        expected.dimensions.insert(entry.key.clone(), text);
                    }
                }
                "count" => expected.count = self.amount(value, "`count`", None),
                _ => {
                    expected.sum = if value.scalar().is_some() {
                        self.number(value, "`sum`", f64::NEG_INFINITY, f64::INFINITY).map(|sum| (Some(sum), Some(sum)))
                    } else {
                        let bounds = self.text_expected(value, "`sum`");
                        Some((bounds.at_least, bounds.at_most))
                    };
                }
            }
        }
        expected
    }
}
