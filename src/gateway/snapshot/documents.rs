//! Policy documents of all scopes, compiled; those that did not change are kept from one snapshot to the next.
//!
//! The embedded ARM keeps no workspaces, so there are no documents of workspaces either.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, Digest, SHA256};

use super::read::{Part, Reader};
use super::{BackendIndex, Document, DocumentIndex, Service};
use crate::arm::ResourceId;
use crate::gateway::backend::certificate::StoredCertificate;
use crate::gateway::codes;
use crate::gateway::program::{Environment, NamedValue, compile_document};
use crate::gateway::settings::Settings;
use crate::gateway::state::State;
use crate::policy::{Document as Text, Format, Scope};
use crate::support::finding::{Finding, Kind};
use crate::support::secret::Secret;
use crate::support::source::{SourceText, Sources};

/// The documents of the snapshot that is being made, and of the one before.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// By id: the text that a document was compiled from.
    kept: HashMap<ResourceId, (Arc<str>, Arc<Document>)>,
    /// What they were compiled against.
    against: Option<Vec<u8>>,
    next: HashMap<ResourceId, (Arc<str>, Arc<Document>)>,
    all: Vec<Arc<Document>>,
    /// Texts of fragments.
    sources: Sources,
}

impl Documents {
    /// Reads what documents are compiled against. If any of it is new, everything is compiled anew.
    pub(super) fn begin(
        &mut self,
        part: Part<'_>,
        service: &Service,
        backends: &HashMap<Box<str>, BackendIndex>,
        settings: &Arc<Settings>,
        state: &Arc<State>,
        findings: &mut Vec<Finding>,
    ) -> Environment {
        let mut print = Print::new();
        let named_values = named_values(part, &mut print, findings);
        let (fragments, sources) = fragments(part, &mut print, findings);
        let certificates = certificates(part, &mut print);
        let loggers = loggers(part, &mut print, findings);
        let mut order: Vec<_> = backends.iter().map(|(name, index)| (index, name)).collect();
        order.sort_unstable();
        for (_, name) in order {
            print.add(name);
        }
        print.add(&format!("{service:?}{settings:?}"));
        let print = print.finish();
        if self.against.as_deref() != Some(print.as_ref()) {
            self.kept.clear();
        }
        self.against = Some(print.as_ref().to_vec());
        self.sources = sources;
        Environment {
            service: service.clone(),
            named_values,
            fragments,
            backends: backends.clone(),
            certificates,
            loggers,
            settings: settings.clone(),
            state: state.clone(),
        }
    }

    /// The document attached to `owner`, if there is one.
    pub(super) fn compile(
        &mut self,
        part: Part<'_>,
        owner: &ResourceId,
        scope: Scope,
        environment: &Environment,
        findings: &mut Vec<Finding>,
    ) -> Option<DocumentIndex> {
        let id = owner.child("policies", "policy");
        let resource = match part.stored.get(&id) {
            Some(resource) => resource,
            // Tiers that begin without a document of all APIs forward all the same (assumed: as the document that others begin with).
            None if scope == Scope::Global => {
                return Some(self.add(compile(&id, &Arc::from(OUT_OF_THE_BOX), Format::Xml, scope, environment, &self.sources)));
            }
            None => return None,
        };
        let mut reader = Reader::new(resource, findings);
        let text = reader.text("/properties/value")?;
        let format = format(&mut reader);
        let (text, document) = match self.kept.remove(&resource.id) {
            // One that is poisoned is compiled again: its findings point into texts of this snapshot.
            Some((kept, document)) if *kept == *text && document.findings.is_empty() => (kept, document),
            _ => {
                let text: Arc<str> = Arc::from(text);
                let document = compile(&resource.id, &text, format, scope, environment, &self.sources);
                (text, Arc::new(document))
            }
        };
        self.next.insert(resource.id.clone(), (text, document.clone()));
        Some(self.add(document))
    }

    fn add(&mut self, document: impl Into<Arc<Document>>) -> DocumentIndex {
        self.all.push(document.into());
        DocumentIndex(u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX))
    }

    /// All documents of the snapshot.
    pub(super) fn finish(&mut self) -> Vec<Arc<Document>> {
        self.kept = std::mem::take(&mut self.next);
        std::mem::take(&mut self.all)
    }
}

fn format(reader: &mut Reader<'_, '_>) -> Format {
    if reader.text("/properties/format").is_some_and(|format| format.eq_ignore_ascii_case("rawxml")) { Format::RawXml } else { Format::Xml }
}

/// The document of all APIs where none is stored (forward-request page: it is the one that forwards).
const OUT_OF_THE_BOX: &str = "<policies><inbound /><backend><forward-request /></backend><outbound /><on-error /></policies>";

fn compile(id: &ResourceId, text: &Arc<str>, format: Format, scope: Scope, environment: &Environment, fragments: &Sources) -> Document {
    let mut sources = fragments.clone();
    let relative = id.relative_to(&environment.service.id).unwrap_or(id.as_str()).trim_start_matches('/');
    let source = sources.add(relative, text.clone());
    let source = SourceText::whole(source, text.clone());
    let (sections, findings) = match Text::parse(&source, format) {
        Ok(document) => {
            let (sections, problems) = compile_document(&document, scope, environment);
            let findings = problems.into_iter().map(|problem| {
                Finding::error(codes::NOT_EMULATED, Kind::Place, problem.message)
                    .at(problem.span)
                    .help("requests that need this document are answered 501; API Management itself may well run it")
            });
            (sections, findings.collect())
        }
        Err(finding) => ([const { None }; 4], vec![finding]),
    };
    let poison = findings.first().map(|finding: &Finding| Arc::from(finding.message.as_str()));
    Document { id: id.clone(), scope, sections, poison, findings, sources: Arc::new(sources) }
}

/// Secret values, also those of a Key Vault, lie beside the body.
fn named_values(part: Part<'_>, print: &mut Print, findings: &mut Vec<Finding>) -> HashMap<Box<str>, NamedValue> {
    let mut values = HashMap::new();
    for resource in part.all("namedValues") {
        let mut reader = Reader::new(resource, findings);
        let name = reader.text("/properties/displayName").unwrap_or_else(|| resource.id.name()).to_ascii_lowercase();
        let secret = reader.flag("/properties/secret", false) || reader.value("/properties/keyVault").is_some();
        let value = reader.secret("/properties/value").unwrap_or_default();
        for text in [name.as_str(), value.as_str(), if secret { "secret" } else { "" }] {
            print.add(text);
        }
        values.insert(name.into_boxed_str(), NamedValue { value: Secret::new(value), secret });
    }
    values
}

fn fragments(part: Part<'_>, print: &mut Print, findings: &mut Vec<Finding>) -> (HashMap<Box<str>, Arc<Text>>, Sources) {
    let (mut fragments, mut sources) = (HashMap::new(), Sources::default());
    for resource in part.all("policyFragments") {
        let mut reader = Reader::new(resource, findings);
        let Some(text) = reader.text("/properties/value") else { continue };
        let format = format(&mut reader);
        let name = resource.id.name().to_ascii_lowercase();
        print.add(&name);
        print.add(text);
        let text: Arc<str> = Arc::from(text);
        let mut path = String::from("policyFragments/");
        // Writing to a string cannot fail.
        let _ = write!(path, "{}", resource.id.name());
        let source = sources.add(path, text.clone());
        match Text::parse(&SourceText::whole(source, text), format) {
            Ok(document) => {
                fragments.insert(name.into_boxed_str(), Arc::new(document));
            }
            // Documents that include it say that it is not there.
            Err(finding) => findings.push(Finding { span: None, ..finding }),
        }
    }
    (fragments, sources)
}

/// By name and by thumbprint, as policies name them.
fn certificates(part: Part<'_>, print: &mut Print) -> HashMap<Box<str>, Arc<StoredCertificate>> {
    let mut certificates = HashMap::new();
    for resource in part.all("certificates") {
        let certificate = Arc::new(StoredCertificate::of(resource));
        // Data and password change the tag.
        print.add(&resource.etag);
        for name in [&certificate.name, &certificate.thumbprint] {
            print.add(name);
            certificates.insert(name.to_ascii_lowercase().into_boxed_str(), certificate.clone());
        }
    }
    certificates
}

fn loggers(part: Part<'_>, print: &mut Print, findings: &mut Vec<Finding>) -> HashMap<Box<str>, String> {
    let mut loggers = HashMap::new();
    for resource in part.all("loggers") {
        let mut reader = Reader::new(resource, findings);
        let (name, kind) = (resource.id.name().to_ascii_lowercase(), reader.owned("/properties/loggerType"));
        print.add(&name);
        print.add(&kind);
        loggers.insert(name.into_boxed_str(), kind);
    }
    loggers
}

/// Tells whether anything has changed, without keeping secrets.
struct Print(Context);

impl Print {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    fn add(&mut self, text: &str) {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
    }

    fn finish(self) -> Digest {
        self.0.finish()
    }
}
