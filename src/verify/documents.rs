//! Policy documents that are in force for an API.

use serde_json::Value;

use super::subject::Subject;
use crate::arm::ResourceId;
use crate::policy::{self, Document, Element, Format};
use crate::support::source::{SourceText, Sources};

/// A document of the specification and what it is attached to.
pub(super) struct Attached {
    /// The resource of the policy.
    pub(super) id: ResourceId,
    pub(super) text: String,
    pub(super) document: Document,
}

impl Attached {
    /// ARM's word for the format of the text.
    pub(super) fn format(&self) -> &'static str {
        match self.document.format() {
            Format::Xml => "xml",
            Format::RawXml => "rawxml",
        }
    }
}

/// All documents of the specification: policies and fragments.
pub(super) struct Documents(Vec<Attached>);

impl Documents {
    /// Reads them. What cannot be read was refused before.
    pub(super) fn read(subject: &Subject<'_>) -> Self {
        let documents = subject.desired.resources.iter().filter_map(|resource| {
            let id = resource.id.known()?;
            let kind = resource.resource_type().to_ascii_lowercase();
            if !kind.ends_with("/policies") && !kind.ends_with("/policyfragments") {
                return None;
            }
            let text = resource.body.value.pointer("/properties/value")?.as_str()?.to_owned();
            let format = resource.body.value.pointer("/properties/format").and_then(Value::as_str).unwrap_or("rawxml");
            let document = parse(&text, format)?;
            Some(Attached { id: id.clone(), text, document })
        });
        Self(documents.collect())
    }

    /// Documents that act on requests to `api`: its own, its operations', those of the whole service and of products; fragments that they
    /// include.
    pub(super) fn of_api(&self, api: &ResourceId) -> Vec<&Attached> {
        let outside = |attached: &&Attached| {
            let kind = attached.id.resource_type().to_ascii_lowercase();
            // Which product a request is in, its key decides: all of them count.
            kind.ends_with("/service/policies") || kind.ends_with("/products/policies")
        };
        let mut found: Vec<&Attached> = self.0.iter().filter(|attached| attached.id.is_below(api) || outside(attached)).collect();
        let mut next = 0;
        while let Some(attached) = found.get(next) {
            for fragment in policy::references(&attached.document).fragments {
                let of_name = |other: &&Attached| {
                    other.id.resource_type().to_ascii_lowercase().ends_with("/policyfragments")
                        && other.id.name().eq_ignore_ascii_case(&fragment.name)
                };
                if let Some(other) = self.0.iter().find(of_name)
                    && !found.iter().any(|known| known.id == other.id)
                {
                    found.push(other);
                }
            }
            next += 1;
        }
        found
    }

    /// Names of the backends that documents of `api` name outright.
    pub(super) fn backends(&self, api: &ResourceId) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for attached in self.of_api(api) {
            for visit in attached.document.walk().iter().filter(|visit| visit.element.name == "set-backend-service") {
                if let Some(name) = visit.element.literal("backend-id").map(str::trim)
                    && !names.iter().any(|known| known.eq_ignore_ascii_case(name))
                {
                    names.push(name.to_owned());
                }
            }
        }
        names
    }

    /// Whether any document of `api` holds an element for which `wanted` holds.
    pub(super) fn has(&self, api: &ResourceId, wanted: impl Fn(&Element) -> bool) -> bool {
        self.of_api(api).iter().any(|attached| attached.document.walk().iter().any(|visit| wanted(visit.element)))
    }

    /// Values of an attribute of elements of `api`'s documents, wherever it stands.
    pub(super) fn attributes(&self, api: &ResourceId, name: &str) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for attached in self.of_api(api) {
            for visit in attached.document.walk().iter() {
                if let Some(value) = visit.element.literal(name)
                    && !values.iter().any(|known| known.eq_ignore_ascii_case(value))
                {
                    values.push(value.to_owned());
                }
            }
        }
        values
    }
}

/// A document of ARM's `format`.
pub(super) fn parse(text: &str, format: &str) -> Option<Document> {
    let format = if format.eq_ignore_ascii_case("xml") { Format::Xml } else { Format::RawXml };
    let text: std::sync::Arc<str> = text.into();
    let source = Sources::default().add("policy", text.clone());
    Document::parse(&SourceText::whole(source, text), format).ok()
}
