//! The format of conformance cases: see `tests/cases/gateway/README.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::backends::Answer;

/// One file: a gateway, and what is asked of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Suite {
    #[serde(skip)]
    pub path: PathBuf,
    /// `Developer` if it is not said.
    pub sku: Option<String>,
    /// Version of ARM's contract that resources are put with.
    pub api_version: Option<String>,
    /// Simulated Azure OpenAI accounts at `https://<name>.openai.azure.com`, with their deployments.
    #[serde(default)]
    pub accounts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub resources: IndexMap<String, Value>,
    #[serde(default)]
    pub backends: BTreeMap<String, Answers>,
    pub cases: Vec<Case>,
}

/// One answer, or several in turn.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Answers {
    One(Box<Answer>),
    Many(Vec<Answer>),
}

impl Answers {
    pub fn list(&self) -> Vec<Answer> {
        match self {
            Self::One(answer) => vec![(**answer).clone()],
            Self::Many(answers) => answers.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    pub name: String,
    /// Where the behaviour comes from, or `assumed`.
    pub source: String,
    /// Id of the row of the table of behaviours.
    pub row: String,
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    /// A plain connection is plain http, and does not stand for https.
    #[serde(default)]
    pub plain_http: bool,
    /// Put after the file's.
    #[serde(default)]
    pub resources: IndexMap<String, Value>,
    /// In the place of the file's.
    #[serde(default)]
    pub backends: BTreeMap<String, Answers>,
    /// Roles of the service's own identity, by account.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
    pub request: Option<Request>,
    pub expect: Option<Expect>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Seconds of virtual time to pass first.
    #[serde(default)]
    pub wait: f64,
    /// Send the request so often.
    #[serde(default = "once")]
    pub times: usize,
    pub request: Request,
    #[serde(default)]
    pub expect: Expect,
}

const fn once() -> usize {
    1
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Request {
    pub method: Option<String>,
    pub path: String,
    pub host: Option<String>,
    #[serde(default)]
    pub headers: IndexMap<String, HeaderValues>,
    pub body: Option<Value>,
    /// Asked of the admin endpoint, not of the gateway.
    #[serde(default)]
    pub admin: bool,
    /// Asked of ARM: a `POST` below the service.
    #[serde(default)]
    pub arm: bool,
    /// The caller goes away after so many seconds; there is no answer to look at.
    pub leave: Option<f64>,
    /// So many bytes of the body that were announced are never sent.
    #[serde(default)]
    pub lacking: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum HeaderValues {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expect {
    pub status: Option<u16>,
    pub reason: Option<String>,
    /// Exact values; null: it must not be there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// Exact text.
    pub body: Option<String>,
    #[serde(default)]
    pub body_contains: Vec<String>,
    #[serde(default)]
    pub body_lacks: Vec<String>,
    /// The body as JSON.
    pub json: Option<Value>,
    /// Parts of the body as JSON, by pointer; null: it must not be there, `*`: anything.
    #[serde(default)]
    pub pointers: BTreeMap<String, Value>,
    /// Seconds from the request to the first byte of the body, to a tenth.
    pub body_after: Option<f64>,
    /// Whether the body was whole: `false` if the connection broke off in it.
    pub whole: Option<bool>,
    /// What later steps can write as `{name}`: headers of this answer (of `Set-Cookie` the pair), or, with a `/` in front, parts of its
    /// body as JSON.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
    /// What backends were sent, in order; an empty list: nothing.
    pub backend: Option<Vec<Forwarded>>,
    /// Backends whose caller went away before they had answered.
    pub gone: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forwarded {
    pub host: Option<String>,
    pub method: Option<String>,
    /// Path and query.
    pub target: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    pub body: Option<String>,
}

/// Every file of `directory`.
pub fn read(directory: &Path) -> Vec<Suite> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| read_one(&path)).collect()
}

fn read_one(path: &Path) -> Suite {
    let plain = apimctl::spec::read_plain(path).unwrap();
    let errors: Vec<_> = plain.findings.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    let suite: Suite = serde_json::from_value(plain.value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Suite { path: path.to_owned(), ..suite }
}
