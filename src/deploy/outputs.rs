//! What to do with a gateway that is there.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::deployment::Deployment;
use super::error::DeployError;
use super::resource::DesiredResource;

/// Ready-to-paste ways in; no keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// Base URL of the gateway.
    pub gateway_url: String,
    /// Subscriptions and how to see their keys.
    pub keys: Vec<KeyName>,
    /// Snippets.
    pub snippets: Vec<Snippet>,
}

/// A subscription whose key opens the gateway.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyName {
    /// Subscription.
    pub subscription: String,
    /// What it opens, relative to the service.
    pub scope: String,
}

/// A text to paste.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snippet {
    /// `curl`, `python (openai)`, `python (azure openai)`.
    pub title: String,
    /// Text.
    pub text: String,
}

const SERVICE: &str = "Microsoft.ApiManagement/service";

impl Deployment {
    pub(super) async fn make_outputs(&self) -> Result<Outputs, DeployError> {
        let Some(service) = &self.desired.service else { return Ok(Outputs::default()) };
        let resource = self.desired.resources.iter().find(|resource| resource.id.known() == Some(service));
        let api_version = resource.map_or(super::preflight::SERVICE_VERSION, |resource| resource.api_version.as_str());
        let Some(found) = self.client.get(service.as_str(), api_version, &[]).await? else {
            return Err(DeployError::Manifest(format!("the service `{}` is not there; run `apimctl apply` first", service.name())));
        };
        let gateway_url =
            found.body.pointer("/properties/gatewayUrl").and_then(Value::as_str).unwrap_or_default().trim_end_matches('/').to_owned();
        Ok(self.outputs_at(gateway_url))
    }

    fn outputs_at(&self, gateway_url: String) -> Outputs {
        let of_type = |kind: &str| {
            let kind = format!("{SERVICE}/{kind}");
            self.desired.resources.iter().filter(move |resource| resource.id.known().is_some_and(|id| id.is_type(&kind)))
        };
        let keys: Vec<KeyName> = of_type("subscriptions")
            .filter_map(|resource| {
                let scope = text(resource, "/properties/scope").unwrap_or_default();
                Some(KeyName { subscription: resource.id.known()?.name().to_owned(), scope: self.relative_scope(scope) })
            })
            .collect();
        let mut snippets = Vec::new();
        for operation in of_type("apis/operations") {
            let Some(id) = operation.id.known() else { continue };
            let Some(api) = of_type("apis").find(|api| api.id.known().is_some_and(|api| id.is_below(api))) else { continue };
            let template = text(operation, "/properties/urlTemplate").unwrap_or_default();
            if template.to_ascii_lowercase().contains("chat/completions") {
                let path = text(api, "/properties/path").unwrap_or_default().trim_matches('/');
                let bearer =
                    text(api, "/properties/subscriptionKeyParameterNames/bearer").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
                let header = text(api, "/properties/subscriptionKeyParameterNames/header").unwrap_or("Ocp-Apim-Subscription-Key");
                let base = if path.is_empty() { gateway_url.clone() } else { format!("{gateway_url}/{path}") };
                snippets.extend(self.snippets(&gateway_url, &base, path, template, header, bearer));
            }
        }
        // One of each kind says it; further routes differ in the path only.
        let mut shown = BTreeSet::new();
        snippets.retain(|snippet: &Snippet| shown.insert(snippet.title.clone()));
        Outputs { gateway_url, keys, snippets }
    }

    fn snippets(&self, gateway_url: &str, base: &str, path: &str, template: &str, header: &str, bearer: bool) -> Vec<Snippet> {
        let deployment = self
            .desired
            .accounts
            .iter()
            .flat_map(|account| &account.account.deployments)
            .map(crate::spec::model::Deployment::name)
            .next()
            .unwrap_or("gpt-4o-mini");
        let route = fill_template(template, deployment);
        let named = if template.contains('{') { String::new() } else { format!("\"model\": \"{deployment}\", ") };
        let mut snippets = vec![Snippet {
            title: format!("curl ({header})"),
            text: format!(
                "curl \"{base}{route}?api-version=2024-10-21\" \\\n  -H \"{header}: $APIM_KEY\" -H \"Content-Type: application/json\" \\\n  -d '{{{named}\"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'"
            ),
        }];
        if path.eq_ignore_ascii_case("openai") && header.eq_ignore_ascii_case("api-key") {
            snippets.push(Snippet {
                title: "Python (AzureOpenAI)".to_owned(),
                text: format!(
                    "import os\nfrom openai import AzureOpenAI\nclient = AzureOpenAI(azure_endpoint=\"{gateway_url}\", api_key=os.environ[\"APIM_KEY\"], api_version=\"2024-10-21\")\nanswer = client.chat.completions.create(model=\"{deployment}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])\nprint(answer.choices[0].message.content)"
                ),
            });
        }
        if bearer && template.to_ascii_lowercase().starts_with("/deployments/") {
            snippets.push(Snippet {
                title: "Python (OpenAI)".to_owned(),
                text: format!(
                    "import os\nfrom openai import OpenAI\nclient = OpenAI(base_url=\"{base}/deployments/{deployment}\", api_key=os.environ[\"APIM_KEY\"], default_query={{\"api-version\": \"2024-10-21\"}})\nanswer = client.chat.completions.create(model=\"{deployment}\", messages=[{{\"role\": \"user\", \"content\": \"Hello\"}}])\nprint(answer.choices[0].message.content)"
                ),
            });
        }
        snippets
    }
}

fn text<'a>(resource: &'a DesiredResource, pointer: &str) -> Option<&'a str> {
    resource.body.value.pointer(pointer).and_then(Value::as_str)
}

/// The template with every parameter replaced by the deployment's name: it is the only one that chat completions have.
fn fill_template(template: &str, value: &str) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((_, tail)) = after.split_once('}') else { break };
        filled.push_str(value);
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::fill_template;

    #[test]
    fn parameters_are_filled() {
        assert_eq!(fill_template("/deployments/{deployment-id}/chat/completions", "m"), "/deployments/m/chat/completions");
        assert_eq!(fill_template("/v1/chat/completions", "m"), "/v1/chat/completions");
    }
}
