//! `apimctl simulate`: Azure OpenAI accounts over HTTP.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Session, emulator};
use crate::cli::arguments::SimulateArguments;
use crate::cli::output::Outcome;
use crate::simulator::behavior::from_yaml;
use crate::simulator::{Account, Accounts, Behavior, Deployment, Directory, Options, Simulator, TokenCheck, serve_listener};
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::random::SystemRandom;

/// Where accounts stand, one after the other; those of the examples first.
const REGIONS: &[&str] = &["francecentral", "swedencentral", "eastus", "westeurope", "uksouth", "japaneast", "australiaeast", "canadaeast"];
/// What every account has: deployment and model of one name, version.
const DEPLOYMENTS: &[(&str, &str)] = &[
    ("gpt-4o-mini", "2024-07-18"),
    ("gpt-4o", "2024-11-20"),
    ("gpt-4.1", "2025-04-14"),
    ("gpt-4.1-mini", "2025-04-14"),
    ("gpt-5-mini", "2025-08-07"),
    ("o4-mini", "2025-04-16"),
    ("gpt-4", "turbo-2024-04-09"),
    ("gpt-35-turbo", "0125"),
    ("gpt-35-turbo-instruct", "0914"),
    ("text-embedding-3-small", "1"),
    ("text-embedding-3-large", "1"),
    ("text-embedding-ada-002", "2"),
];

/// Runs them until it is told to stop.
pub(super) async fn run(arguments: &SimulateArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let accounts: Vec<Account> = (0..arguments.listen.len()).map(|index| account(index, &arguments.deployment)).collect();
    let names: Vec<Arc<str>> = accounts.iter().map(|account| Arc::from(account.name.as_str())).collect();
    let regions: Vec<String> = accounts.iter().map(|account| account.location.clone()).collect();
    let directory = Arc::new(Accounts::new(accounts));
    let Some(behavior) = read_behavior(arguments.behavior.as_deref(), &*directory, session)? else { return Ok(Outcome::Failed) };
    let clock: SharedClock = Arc::new(SystemClock);
    let simulator = Simulator::new(Options {
        tokens: TokenCheck::Unchecked,
        behavior,
        remembered: arguments.remember,
        admin: true,
        ..Options::new(directory, clock.clone(), Arc::new(SystemRandom))
    });
    let mut listeners = Vec::new();
    for address in &arguments.listen {
        listeners.push(TcpListener::bind(address).await.with_context(|| format!("`{address}` cannot be listened on"))?);
    }
    let (stop, stopping) = watch::channel(false);
    let mut tasks = Vec::new();
    let mut lines = Vec::new();
    for ((listener, name), region) in listeners.into_iter().zip(&names).zip(&regions) {
        let address = listener.local_addr().context("cannot tell the address that is listened on")?;
        lines.push((format!("http://{address}"), name.clone(), region.clone()));
        tasks.push(tokio::spawn(serve_listener(simulator.clone(), name.clone(), listener, clock.clone(), stopping.clone())));
    }
    if session.printer.is_json() {
        let accounts = lines.iter().map(|(endpoint, name, region)| json!({ "account": **name, "location": region, "endpoint": endpoint }));
        session.printer.json_line(&json!({ "accounts": accounts.collect::<Vec<_>>() }));
    } else {
        session.printer.note("Simulated Azure OpenAI accounts (Ctrl-C stops them):\n");
        for (endpoint, name, region) in &lines {
            session.printer.data(format!("{endpoint}  {name}  {region}"));
        }
        session.printer.flush();
    }
    emulator::stopped().await.context("cannot wait for the signal to stop")?;
    let _ = stop.send(true);
    for task in tasks {
        let _ = task.await;
    }
    Ok(Outcome::Done)
}

/// The behavior of `--behavior`; `None` if it has errors, which have been shown then.
pub(super) fn read_behavior(path: Option<&Path>, directory: &dyn Directory, session: &mut Session<'_>) -> Result<Option<Behavior>> {
    let Some(path) = path else { return Ok(Some(Behavior::default())) };
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let file = from_yaml(path, bytes, &directory.accounts());
    if !file.findings.is_empty() && (file.behavior.is_none() || !session.printer.is_json()) {
        session.show_findings(&file.findings, &file.sources);
    }
    Ok(file.behavior)
}

fn account(index: usize, further: &[String]) -> Account {
    let region = REGIONS.get(index % REGIONS.len()).copied().unwrap_or("eastus");
    let mut account = Account::new(format!("simulated-{}", index + 1), region);
    account.deployments = DEPLOYMENTS.iter().map(|(model, version)| Deployment::new(*model, *model, *version)).collect();
    for named in further {
        let (name, model) = named.split_once('=').unwrap_or((named, named));
        account.deployments.push(Deployment::new(name, model, ""));
    }
    account
}
