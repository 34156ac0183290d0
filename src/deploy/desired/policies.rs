//! Policies at every scope, and fragments.

use super::{Compiler, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::Template;
use crate::policy::{self, Document, Format};
use crate::spec::load::PolicyText;
use crate::spec::model::PolicyFormat;

/// ARM's word for a format.
pub(super) const fn format_word(format: PolicyFormat) -> &'static str {
    match format {
        PolicyFormat::RawXml => "rawxml",
        PolicyFormat::Xml => "xml",
    }
}

pub(super) const fn reader_format(format: PolicyFormat) -> Format {
    match format {
        PolicyFormat::RawXml => Format::RawXml,
        PolicyFormat::Xml => Format::Xml,
    }
}

impl<'a> Compiler<'a> {
    /// The text that the key at `pointer` names.
    pub(super) fn policy_text(&self, pointer: &str) -> Option<&'a PolicyText> {
        self.loaded.policies.get(pointer)
    }

    /// The policy of `scope`, whose text the key at `pointer` names, if it names one.
    pub(super) fn policy(&mut self, pointer: &str, scope: &ResourceId) {
        let Some(text) = self.policy_text(pointer) else { return };
        let depends_on = self.needs(text);
        let body = Template::plain(bodies::policy(format_word(text.format), text.text.text()));
        self.add(pointer, scope.child("policies", "policy"), body, depends_on);
    }

    pub(super) fn service_policy(&mut self) {
        let service = self.service.clone();
        self.policy("/service/policy", &service);
    }

    pub(super) fn fragments(&mut self) {
        for (name, fragment) in &self.spec.policy_fragments {
            let pointer = names::pointer("policyFragments", name);
            let text_pointer = names::below(&pointer, "policy");
            let Some(text) = self.policy_text(&text_pointer) else { continue };
            let depends_on = self.needs(text);
            let value = bodies::fragment(format_word(text.format), text.text.text(), fragment.description.as_deref());
            let body = with_properties(Template::plain(value), &fragment.properties);
            self.add(&text_pointer, self.child("policyFragments", name), body, depends_on);
        }
    }

    /// What must be there before the service accepts the document.
    fn needs(&self, text: &PolicyText) -> Vec<ResourceId> {
        // A document that cannot be read is reported by the reader; the named values in it are still plain to see.
        let Ok(document) = Document::parse(&text.text, reader_format(text.format)) else {
            return policy::named_value_uses(text.text.text()).filter_map(|(_, name)| self.display_names.get(name)).cloned().collect();
        };
        let references = policy::references(&document);
        let children = |collection: &'static str, names: &[policy::Reference]| -> Vec<ResourceId> {
            names.iter().map(|reference| self.child(collection, &reference.name)).collect()
        };
        let mut needs: Vec<ResourceId> =
            references.named_values.iter().filter_map(|reference| self.display_names.get(&reference.name)).cloned().collect();
        needs.extend(children("backends", &references.backends));
        needs.extend(children("policyFragments", &references.fragments));
        needs.extend(children("loggers", &references.loggers));
        needs.extend(children("certificates", &references.certificates));
        needs.extend(children("schemas", &references.schemas));
        needs
    }
}
