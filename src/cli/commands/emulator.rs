//! `apimctl emulator`: the embedded ARM over HTTPS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::Session;
use crate::cli::arguments::EmulatorArguments;
use crate::cli::output::Outcome;
use crate::cli::settings;
use crate::emulator::https::{self, HttpsOptions};
use crate::emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Emulator, Fixture, Options, State};
use crate::identity::Clients;
use crate::support::clock::SystemClock;
use crate::support::random::SystemRandom;

/// Any application may log in with any secret; this is the one that is suggested.
const CLIENT_ID: &str = "5d0e8f63-7a1c-4b29-9e54-3c8f6a2b1d04";
const CLIENT_SECRET: &str = "anything";

/// Runs it until it is told to stop.
pub(super) async fn run(arguments: &EmulatorArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let state_dir = settings::state_dir(arguments.state_dir.as_deref());
    let fixture = match &arguments.fixture {
        Some(path) => settings::read_fixture(path)?,
        None => Fixture::default(),
    };
    let tenant_id = fixture.tenant_id.clone().unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    let subscription_id = fixture.subscriptions.first().map_or(DEFAULT_SUBSCRIPTION, |subscription| subscription.id.as_str()).to_owned();
    let bound = https::bind(HttpsOptions {
        listen: arguments.listen,
        state_dir: state_dir.clone(),
        tenant_id: tenant_id.clone(),
        clients: Clients::Any,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    })
    .await?;
    let emulator = Emulator::open(Options {
        endpoint: bound.endpoint().to_owned(),
        activation: Duration::from_secs(arguments.activation),
        latency: Duration::from_millis(arguments.latency),
        throttling: arguments.throttling,
        hostile: arguments.hostile,
        state: State::Directory(state_dir),
        ..Options::default()
    })?;
    emulator.seed(&fixture)?;
    let ca = std::path::absolute(bound.ca_path()).context("cannot name the CA's certificate")?;
    let running = https::serve(Arc::new(emulator), bound);

    let environment = [
        ("APIMCTL_ARM_ENDPOINT", running.endpoint().to_owned()),
        ("APIMCTL_AUTHORITY_HOST", running.endpoint().to_owned()),
        ("SSL_CERT_FILE", ca.display().to_string()),
        ("AZURE_TENANT_ID", tenant_id),
        ("AZURE_SUBSCRIPTION_ID", subscription_id),
        ("AZURE_CLIENT_ID", CLIENT_ID.to_owned()),
        ("AZURE_CLIENT_SECRET", CLIENT_SECRET.to_owned()),
    ];
    if session.printer.is_json() {
        let variables: serde_json::Map<_, _> = environment.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        session.printer.json_line(&json!({ "endpoint": running.endpoint(), "ca": ca.display().to_string(), "environment": variables }));
    } else {
        session.printer.note(format!("The embedded ARM listens on {} (Ctrl-C stops it). For another terminal:\n", running.endpoint()));
        for (name, value) in &environment {
            session.printer.data(format!("export {name}='{value}'"));
        }
        session.printer.flush();
    }
    stopped().await.context("cannot wait for the signal to stop")?;
    running.shutdown().await;
    Ok(Outcome::Done)
}

/// Resolves on Ctrl-C, and on SIGTERM where there is one.
pub(super) async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
