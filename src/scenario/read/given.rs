//! How backends behave: rules for simulated accounts, as in behavior files, and hosts that are no accounts.

use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::reader::Reader;
use crate::scenario::codes;
use crate::scenario::file::{Given, HostAnswer, HostFault};
use crate::simulator::behavior::{codes as behavior_codes, from_node};
use crate::support::finding::{Kind, Severity};
use crate::support::tree::{Entry, Node, Scalar, Value};

const FAULTS: &[(&str, HostFault)] = &[
    ("refused", HostFault::Refused),
    ("dnsFailure", HostFault::DnsFailure),
    ("tlsFailure", HostFault::TlsFailure),
    ("cut", HostFault::Cut),
    ("neverAnswers", HostFault::NeverAnswers),
];

impl Reader<'_> {
    pub(super) fn given(&mut self, node: &Node) -> Given {
        let Value::Mapping(entries) = &node.value else {
            self.wrong_type(node, "`given`", "a mapping");
            return Given::default();
        };
        let (hosts, rest): (Vec<Entry>, Vec<Entry>) = entries.iter().cloned().partition(|entry| entry.key == "hosts");
        let rest = rest.into_iter().map(|entry| if entry.key == "rules" { self.rules(entry) } else { entry }).collect();
        let before = self.findings.len();
        let accounts = self.names.accounts.clone();
        let behavior = from_node(&Node { value: Value::Mapping(rest), span: node.span }, &accounts, self.findings);
        for finding in self.findings.iter_mut().skip(before) {
            // A rule about nobody makes a scenario pass for no reason.
            if finding.code == behavior_codes::UNKNOWN_ACCOUNT {
                finding.severity = Severity::Error;
            }
        }
        let hosts = hosts.iter().flat_map(|entry| self.mapping(&entry.node, "`hosts`")).collect::<Vec<_>>();
        let hosts = hosts.into_iter().map(|entry| (entry.key.clone(), self.host(&entry.node))).collect();
        Given { behavior, hosts }
    }

    /// Rules may name backends of the specification, which lead to accounts.
    fn rules(&mut self, mut rules: Entry) -> Entry {
        let Value::Sequence(items) = &mut rules.node.value else { return rules };
        for item in items {
            let Value::Mapping(entries) = &mut item.value else { continue };
            let names_account = entries.iter().any(|entry| entry.key == "account");
            let Some(entry) = entries.iter_mut().find(|entry| entry.key == "backend") else { continue };
            if names_account {
                self.error(codes::CONTRADICTION, Kind::Place, entry.key_span, "`backend` and `account` exclude each other");
            }
            entry.key = "account".to_owned();
            entry.node = self.accounts_of(&entry.node);
        }
        rules
    }

    /// The accounts that backends lead to. For one that leads nowhere, which has been told then, any account stands, so that the rule is not
    /// taken for one about everything.
    fn accounts_of(&mut self, node: &Node) -> Node {
        let items = self.one_or_many(node).into_iter().cloned().collect::<Vec<_>>();
        let accounts = items.into_iter().map(|item| {
            let text = self.account_of(&item).unwrap_or_else(|| "*".to_owned());
            let scalar = Scalar { text, plain: false, runs: Vec::new(), substituted: false, variable: false };
            Node { value: Value::Scalar(scalar), span: item.span }
        });
        Node { value: Value::Sequence(accounts.collect()), span: node.span }
    }

    fn account_of(&mut self, item: &Node) -> Option<String> {
        let name = self.text(item, "`backend`")?;
        let known = self.findings.len();
        let name = self.backend(&name, item.span);
        if self.findings.len() > known {
            return None;
        }
        let account = self.names.backends.get(&name).cloned().flatten();
        if account.is_none() {
            let message = format!("the backend `{name}` leads to no Azure OpenAI account");
            let help = "say under `hosts` what its host answers";
            self.error_with_help(codes::UNKNOWN_BACKEND, Kind::Place, item.span, message, help);
        }
        account
    }

    fn host(&mut self, node: &Node) -> Vec<HostAnswer> {
        self.one_or_many(node).into_iter().map(|node| self.host_answer(node)).collect()
    }

    fn host_answer(&mut self, node: &Node) -> HostAnswer {
        let mut answer = HostAnswer::default();
        let entries = self.entries(node, "an answer of a host", &["status", "headers", "body", "json", "after", "fault"]);
        let has = |name: &str| entries.iter().any(|(key, _)| *key == name);
        if has("body") && has("json") {
            self.error(codes::CONTRADICTION, Kind::Place, node.span, "`body` and `json` exclude each other");
        }
        if has("fault") && (has("status") || has("headers") || has("body") || has("json")) {
            self.error(codes::CONTRADICTION, Kind::Place, node.span, "a host with a `fault` answers nothing");
        }
        for (key, entry) in entries {
            let value = &entry.node;
            match key {
                "status" => {
                    let status = self.whole(value, "`status`", 200, 599).and_then(|status| u16::try_from(status).ok());
                    answer.status = status.and_then(|status| StatusCode::from_u16(status).ok());
                }
                "headers" => {
                    let own = self.answer_headers(value);
                    // A content type that is given wins over that of `json`, wherever it stands.
                    answer.headers.extend(own);
                }
                "body" => answer.body = self.text(value, "`body`").unwrap_or_default().into(),
                "json" => {
                    answer.body = value.to_json().to_string().into();
                    let kind = http::header::CONTENT_TYPE;
                    if !answer.headers.contains_key(&kind) {
                        answer.headers.insert(kind, HeaderValue::from_static("application/json"));
                    }
                }
                "after" => answer.after = self.duration(value, "`after`").unwrap_or(Duration::ZERO),
                _ => answer.fault = self.one_of(value, "`fault`", FAULTS),
            }
        }
        answer
    }
}
