//! The Azure OpenAI accounts of a specification: read and checked, never written.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _};
use serde_json::Value;

use super::codes;
use super::deployment::Deployment;
use super::live::Live;
use super::resource::ExpectedAccount;
use crate::arm::catalogue;
use crate::azure::AzureError;
use crate::spec::model::Deployment as ExpectedDeployment;
use crate::support::finding::{Code, Finding, Kind};

const DEPLOYMENTS: &str = "Microsoft.CognitiveServices/accounts/deployments";

/// A deployment as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    name: String,
    model: String,
    version: String,
    sku: String,
    capacity: Option<u64>,
}

impl Deployment {
    /// What is wrong with the accounts.
    pub(super) async fn check_accounts(&self, live: &Live) -> Vec<Finding> {
        let lists: Vec<(usize, Result<Vec<Value>, AzureError>)> = stream::iter(self.desired.accounts.iter().enumerate())
            .map(|(index, account)| async move {
                let api_version = catalogue::find(DEPLOYMENTS).map_or("2024-10-01", |entry| entry.api_version);
                (index, self.client.list(&format!("{}/deployments", account.id), api_version, &[]).await)
            })
            .buffer_unordered(self.settings.read_parallelism.max(1))
            .collect()
            .await;
        let mut lists: BTreeMap<usize, Result<Vec<Value>, AzureError>> = lists.into_iter().collect();
        let mut findings = Vec::new();
        let mut known: Vec<(&ExpectedAccount, Vec<Found>)> = Vec::new();
        for (index, account) in self.desired.accounts.iter().enumerate() {
            let Some(found) = live.get(&account.id) else {
                findings.push(missing(account, lists.get(&index).and_then(|list| list.as_ref().err())));
                continue;
            };
            check_account(account, &found.body, &mut findings);
            match lists.remove(&index) {
                Some(Ok(items)) => {
                    let deployments: Vec<Found> = items.iter().filter_map(read_deployment).collect();
                    check_deployments(account, &deployments, &mut findings);
                    known.push((account, deployments));
                }
                Some(Err(error)) => findings.push(missing(account, Some(&error))),
                None => {}
            }
        }
        agree(&known, &mut findings);
        findings
    }
}

fn error(code: Code, account: &ExpectedAccount, message: String) -> Finding {
    Finding::error(code, Kind::Place, message).at(account.span)
}

fn arguments(account: &ExpectedAccount) -> String {
    let subscription = account.id.subscription_id().unwrap_or_default();
    let group = account.id.group_name().unwrap_or_default();
    format!("--name {} --resource-group {group} --subscription {subscription}", account.id.name())
}

fn missing(account: &ExpectedAccount, why: Option<&AzureError>) -> Finding {
    let name = account.id.name();
    let refused = why.filter(|error| error.status == Some(403));
    let text = if refused.is_some() {
        format!("the account `{name}` cannot be read with this login")
    } else {
        format!("the account `{name}` is not there in the resource group `{}`", account.id.group_name().unwrap_or_default())
    };
    let help = format!(
        "if it lies in another Azure subscription, write its `subscriptionId` beside it; look with: az cognitiveservices account show {}",
        arguments(account)
    );
    error(codes::ACCOUNT_MISSING, account, text).help(help)
}

fn check_account(account: &ExpectedAccount, body: &Value, findings: &mut Vec<Finding>) {
    let name = account.id.name();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let subdomain = text("/properties/customSubDomainName");
    if subdomain.is_none() {
        findings.push(
            error(
                codes::ACCOUNT_WITHOUT_SUBDOMAIN,
                account,
                format!(
                    "the account `{name}` has no custom subdomain, so it takes no Entra tokens, and the gateway's identity cannot call it"
                ),
            )
            .help(format!(
                "it cannot be changed afterwards: az cognitiveservices account update {} --custom-domain {name}",
                arguments(account)
            )),
        );
    }
    let mut differs = |what: &str, expected: &str, found: Option<&str>| {
        let found = found.unwrap_or("none");
        let message = format!("the {what} of the account `{name}` is `{found}`, the specification says `{expected}`");
        findings.push(error(codes::ACCOUNT_DIFFERS, account, message).help("correct the specification, or name another account"));
    };
    let place = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    if let Some(expected) = &account.account.location
        && text("/location").is_none_or(|found| place(found) != place(expected))
    {
        differs("location", expected, text("/location"));
    }
    if let (Some(expected), Some(found)) = (&account.account.custom_sub_domain_name, subdomain)
        && !expected.eq_ignore_ascii_case(found)
    {
        differs("custom subdomain", expected, Some(found));
    }
    if let Some(expected) = &account.account.endpoint {
        let found = text("/properties/endpoint");
        if found.is_none_or(|found| !found.trim_end_matches('/').eq_ignore_ascii_case(expected.trim_end_matches('/'))) {
            differs("endpoint", expected, found);
        }
    }
    if let Some(expected) = &account.account.kind {
        let found = text("/kind");
        if found.is_none_or(|found| !found.eq_ignore_ascii_case(expected)) {
            differs("kind", expected, found);
        }
    }
}

fn read_deployment(item: &Value) -> Option<Found> {
    let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Found {
        name: item.get("name")?.as_str()?.to_owned(),
        model: text("/properties/model/name"),
        version: text("/properties/model/version"),
        sku: text("/sku/name"),
        capacity: item.pointer("/sku/capacity").and_then(Value::as_u64),
    })
}

fn check_deployments(account: &ExpectedAccount, found: &[Found], findings: &mut Vec<Finding>) {
    let name = account.id.name();
    for expected in &account.account.deployments {
        let Some(there) = found.iter().find(|there| there.name.eq_ignore_ascii_case(expected.name())) else {
            let others: Vec<&str> = found.iter().map(|there| there.name.as_str()).collect();
            let others = if others.is_empty() { "it has none".to_owned() } else { format!("it has {}", others.join(", ")) };
            findings.push(
                error(codes::DEPLOYMENT_MISSING, account, format!("the account `{name}` lacks the deployment `{}` ({others})", expected.name())).help(
                    format!(
                        "a deployment cannot be renamed; make one: az cognitiveservices account deployment create {} --deployment-name {} --model-name <model> --model-version <version> --model-format OpenAI --sku-name <sku> --sku-capacity <capacity>",
                        arguments(account),
                        expected.name()
                    ),
                ),
            );
            continue;
        };
        let ExpectedDeployment::Detailed(expected) = expected else { continue };
        let mut differs = |what: &str, wanted: &str, is: &str| {
            if !wanted.eq_ignore_ascii_case(is) {
                let message = format!(
                    "the deployment `{}` of the account `{name}` has the {what} `{is}`, the specification says `{wanted}`",
                    there.name
                );
                findings.push(error(codes::DEPLOYMENT_DIFFERS, account, message).help("change the deployment, or the specification"));
            }
        };
        if let Some(model) = &expected.model {
            differs("model", &model.name, &there.model);
            if let Some(version) = &model.version {
                differs("model version", version, &there.version);
            }
        }
        if let Some(sku) = &expected.sku {
            differs("SKU", &sku.name, &there.sku);
            if let (Some(wanted), Some(is)) = (sku.capacity, there.capacity) {
                differs("capacity", &wanted.to_string(), &is.to_string());
            }
        }
    }
}

/// A caller that gets another model with every second answer has a gateway that lies: all accounts of the specification
/// must mean the same by one deployment name.
fn agree(known: &[(&ExpectedAccount, Vec<Found>)], findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<String, (&ExpectedAccount, &Found)> = BTreeMap::new();
    for (account, found) in known {
        for expected in &account.account.deployments {
            let Some(there) = found.iter().find(|there| there.name.eq_ignore_ascii_case(expected.name())) else { continue };
            let Some((other, model)) = first.get(&there.name.to_ascii_lowercase()) else {
                first.insert(there.name.to_ascii_lowercase(), (account, there));
                continue;
            };
            if model.model.eq_ignore_ascii_case(&there.model) && model.version == there.version {
                continue;
            }
            let mut finding = error(
                codes::DEPLOYMENTS_DISAGREE,
                account,
                format!(
                    "the deployment `{}` is `{} {}` in the account `{}` and `{} {}` in the account `{}`",
                    there.name,
                    there.model,
                    there.version,
                    account.id.name(),
                    model.model,
                    model.version,
                    other.id.name()
                ),
            )
            .help("deploy the same model and version under this name in both accounts");
            if let Some(span) = other.span {
                finding = finding.label(span, format!("`{} {}` here", model.model, model.version));
            }
            findings.push(finding);
        }
    }
}
