//! The Azure OpenAI accounts that a login sees.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use futures::stream::{self, StreamExt as _};
use serde_json::Value;

use super::answers::{Account, Found};
use crate::arm::{ResourceId, catalogue};
use crate::cli::arguments::{InitArguments, TargetArguments, Template};
use crate::cli::commands::Session;
use crate::cli::commands::open;
use crate::deploy::DeployError;

const ACCOUNTS: &str = "Microsoft.CognitiveServices/accounts";
/// Kinds of accounts that have deployments of OpenAI models.
const KINDS: [&str; 2] = ["OpenAI", "AIServices"];
/// Lists of deployments that are asked for at a time.
const PARALLEL: usize = 8;

/// Lists them, with the deployments that all of them have.
///
/// # Errors
/// There is no login, it sees several Azure subscriptions, or no account is there.
pub(super) async fn discover(arguments: &InitArguments, session: &mut Session<'_>) -> Result<Found> {
    let target = TargetArguments { auth: arguments.auth, ..TargetArguments::default() };
    let login = open::login(&target, None, session).await?;
    session.printer.note(format!("Logged in as {}", login.principal.describe()));
    let subscription = open::subscription(None, &login.client, &session.environment).await?;
    let version = |kind: &str| catalogue::find(kind).map_or("2024-10-01", |entry| entry.api_version);
    let path = format!("/subscriptions/{subscription}/providers/{ACCOUNTS}");
    let items = login.client.list(&path, version(ACCOUNTS), &[]).await.map_err(DeployError::from)?;
    let mut accounts: Vec<(ResourceId, Account)> = items.iter().filter_map(read).collect();
    accounts.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    if accounts.is_empty() {
        bail!("the login sees no Azure OpenAI account in the Azure subscription {subscription}: name one with `--account`");
    }
    if arguments.template == Some(Template::Minimal) {
        accounts.truncate(1);
    }
    let deployments_version = version("Microsoft.CognitiveServices/accounts/deployments");
    let client = &login.client;
    let lists: Vec<Result<BTreeSet<String>, DeployError>> = stream::iter(&accounts)
        .map(|(id, _)| async move {
            let list = client.list(&format!("{id}/deployments"), deployments_version, &[]).await?;
            Ok(list.iter().filter_map(|item| item.get("name")?.as_str().map(str::to_owned)).collect())
        })
        .buffered(PARALLEL)
        .collect()
        .await;
    let mut common: Option<BTreeSet<String>> = None;
    for list in lists {
        let list = list?;
        common = Some(common.map_or_else(|| list.clone(), |common| common.intersection(&list).cloned().collect()));
    }
    let found = Found {
        accounts: accounts.into_iter().map(|(_, account)| account).collect(),
        deployments: common.unwrap_or_default().into_iter().collect(),
    };
    for account in &found.accounts {
        session.printer.note(format!("Found {} in {} ({})", account.name, account.group, account.location));
    }
    if found.deployments.is_empty() && arguments.deployment.is_empty() {
        session.printer.warn("No deployment is in all of these accounts: name one with `--deployment`, or fewer accounts with `--account`");
    }
    Ok(found)
}

fn read(item: &Value) -> Option<(ResourceId, Account)> {
    let kind = item.get("kind")?.as_str()?;
    if !KINDS.iter().any(|own| own.eq_ignore_ascii_case(kind)) {
        return None;
    }
    let id = ResourceId::parse(item.get("id")?.as_str()?).ok()?;
    let location = item.get("location")?.as_str()?.replace(' ', "").to_ascii_lowercase();
    let account = Account { name: id.name().to_owned(), group: id.group_name()?.to_owned(), location };
    Some((id, account))
}
