//! What a service holds, as a specification and policy files: the way back from resources.
//!
//! What is exported is what a specification's manifest owns, or everything when no manifest is there. Read-only and default values are
//! left out, ids become the names that a specification uses, and secrets become variables: no secret is ever written.

mod accounts;
mod alerts;
mod apis;
mod backends;
mod compose;
mod consumers;
mod monitoring;
mod read;
mod service;
mod yaml;

use std::collections::BTreeMap;

use super::DeployError;
use crate::arm::{ResourceId, catalogue};
use crate::azure::{ArmClient, AzureError};
use crate::support::secret::Secret;

const SERVICE: &str = "Microsoft.ApiManagement/service";

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The service.
    pub service: ResourceId,
    /// Whose resources, where several specifications share the service.
    pub owner: Option<String>,
    /// Also what no specification owns.
    pub all: bool,
    /// Whether Azure names stand in the specification: the Azure subscription.
    pub name_subscription: bool,
    /// Audience of Azure OpenAI tokens.
    pub audience: String,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Path relative to the specification's directory.
    pub path: String,
    /// Content.
    pub text: String,
}

/// A variable that stands for a secret.
#[derive(Debug, Clone)]
pub struct ExportedVariable {
    /// Its name.
    pub name: String,
    /// What the secret is, for people.
    pub of: String,
    /// Its value, where the service tells it: for checking the export, and for nothing else.
    pub value: Option<Secret<String>>,
}

/// A specification that describes what is there.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Name of the specification.
    pub name: String,
    /// The specification's text.
    pub spec: String,
    /// Policies.
    pub files: Vec<ExportedFile>,
    /// Secrets, which have to be given when the specification is used.
    pub variables: Vec<ExportedVariable>,
    /// What could not be described, and what to know.
    pub notes: Vec<String>,
    /// Whether what is described belongs to no specification yet, so that planning it needs consent to take it over.
    pub foreign: bool,
}

/// Reads a service and describes it.
///
/// # Errors
/// ARM refuses, the service is not there, or several specifications share it and none was named.
pub async fn export(client: &ArmClient, options: &ExportOptions) -> Result<Exported, DeployError> {
    let live = read::read(client, options).await?;
    let mut exported = compose::compose(&live, options);
    secrets(client, &mut exported).await?;
    Ok(exported.finish())
}

/// The services of an Azure subscription, with their regions.
///
/// # Errors
/// ARM refuses.
pub async fn services(client: &ArmClient, subscription: &str) -> Result<Vec<ResourceId>, DeployError> {
    let version = catalogue::find(SERVICE).map_or("2024-05-01", |entry| entry.api_version);
    let items = client.list(&format!("/subscriptions/{subscription}/providers/{SERVICE}"), version, &[]).await?;
    Ok(items.iter().filter_map(|item| ResourceId::parse(item.get("id")?.as_str()?).ok()).collect())
}

/// Asks for the values of what became variables, so that the export can be checked. What may not be seen stays unknown.
async fn secrets(client: &ArmClient, composed: &mut compose::Composed) -> Result<(), DeployError> {
    let version = catalogue::find("Microsoft.ApiManagement/service/namedValues").map_or("2024-05-01", |entry| entry.api_version);
    let asked: BTreeMap<String, ResourceId> =
        composed.variables.iter().filter_map(|(name, secret)| Some((name.clone(), secret.named_value.clone()?))).collect();
    for (name, id) in asked {
        let value = match client.post(&format!("{id}/listValue"), version, None).await {
            Ok(reply) => reply.body.get("value").and_then(|value| value.as_str()).map(|text| Secret::new(text.to_owned())),
            Err(error) if matches!(error.status, Some(403 | 404)) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(secret) = composed.variables.get_mut(&name) {
            secret.value = value;
        }
    }
    Ok(())
}

fn is_absent(error: &AzureError) -> bool {
    error.status == Some(404)
}
