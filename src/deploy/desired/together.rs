//! What only shows when resources and policies are looked at together.

use serde_json::Value;

use super::policies::reader_format;
use crate::analysis::{self, PolicyDocument, Resource, Resources, codes};
use crate::arm::ResourceId;
use crate::deploy::resource::{DesiredResource, Reference};
use crate::policy::Document;
use crate::spec::Loaded;
use crate::support::finding::{Code, Finding};

/// What the specification's own checks say already, with a better place.
const SAID_BEFORE: [Code; 5] = [codes::DANGLING, codes::IDLE_MEMBERS, codes::NO_BREAKER, codes::NO_DIMENSIONS, codes::NO_SDK_PATH];

/// The findings of `analysis` about what is to be deployed.
pub(super) fn findings(loaded: &Loaded, resources: &[DesiredResource], owns_service: bool) -> Vec<Finding> {
    let bodies: Vec<(&ResourceId, Value, &DesiredResource)> =
        resources.iter().filter_map(|resource| Some((resource.id.known()?, resource.fill(stand_in).value, resource))).collect();
    let documents: Vec<(&ResourceId, Document)> = resources
        .iter()
        .filter_map(|resource| {
            let text = loaded.policies.get(&resource.pointer)?;
            Some((resource.id.known()?, Document::parse(&text.text, reader_format(text.format)).ok()?))
        })
        .collect();
    let view = Resources::new(
        bodies.iter().map(|(id, body, resource)| Resource { id, body, span: resource.span }),
        documents.iter().map(|(id, document)| PolicyDocument { id, document }),
        owns_service,
    );
    analysis::check(&view).into_iter().filter(|finding| !SAID_BEFORE.contains(&finding.code)).collect()
}

/// A value that only Azure knows. The rules look no further than which service it is of.
fn stand_in(reference: &Reference) -> Option<Value> {
    reference
        .id
        .resource_type()
        .to_ascii_lowercase()
        .starts_with("microsoft.cognitiveservices/")
        .then(|| Value::from("https://account.openai.azure.com/"))
}
