//! `apimctl export`: what is there, as a specification.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::Session;
use super::open::{self, LoggedIn};
use super::written::{self, Planned};
use crate::arm::ResourceId;
use crate::azure::ArmClient;
use crate::cli::arguments::{ExportArguments, TargetArguments};
use crate::cli::output::{Outcome, plan_text};
use crate::cli::settings::{self, Place, TargetSettings};
use crate::deploy::desired::{self, Context};
use crate::deploy::export::{self, ExportOptions, Exported};
use crate::deploy::plan::Plan;
use crate::deploy::{DeployError, Deployment, Settings};
use crate::emulator::Fixture;
use crate::spec::load::{self, LoadOptions};
use crate::support::clock::SystemClock;
use crate::support::random::SystemRandom;
use crate::world::{LocalArm, LocalWorld};

/// Where the resources are.
struct Source {
    client: ArmClient,
    service: ResourceId,
    context: Context,
    local: Option<LocalArm>,
}

/// Runs it.
pub(super) async fn run(arguments: &ExportArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let source = source(arguments, session).await?;
    let options = ExportOptions {
        service: source.service.clone(),
        owner: arguments.name.clone(),
        all: arguments.all,
        name_subscription: source.local.is_none(),
        audience: source.context.cognitive_services_audience.clone(),
    };
    let exported = export::export(&source.client, &options).await.map_err(DeployError::into_error)?;
    let directory = arguments.out.clone().unwrap_or_else(|| PathBuf::from(source.service.name()));
    let mut files = vec![Planned::below(&directory, "gateway.yaml", exported.spec.clone())];
    files.extend(exported.files.iter().map(|file| Planned::below(&directory, &file.path, file.text.clone())));
    files.push(Planned::below(&directory, "apimctl.schema.json", format!("{:#}\n", crate::spec::schema())));
    let written = written::write(&files, arguments.force)?;

    let spec = Planned::below(&directory, "gateway.yaml", String::new()).path;
    let Some(plan) = check(&spec, &exported, &source, session).await? else { return Ok(Outcome::Failed) };
    show(&spec, &written, &exported, &plan, &source, session);
    Ok(Outcome::Done)
}

fn show(spec: &Path, written: &[String], exported: &Exported, plan: &Plan, source: &Source, session: &mut Session<'_>) {
    if session.printer.is_json() {
        session.printer.json(&json!({
            "service": source.service.as_str(),
            "name": exported.name,
            "files": written,
            "variables": exported.variables.iter().map(|variable| json!({ "name": variable.name, "of": variable.of })).collect::<Vec<_>>(),
            "notes": exported.notes,
            "plan": plan.to_json(),
        }));
        return;
    }
    for path in written {
        session.printer.data(path);
    }
    for note in &exported.notes {
        session.printer.note(format!("note: {note}"));
    }
    if !exported.variables.is_empty() {
        session.printer.note("\nSecrets are not written. Give them when the specification is used:");
        for variable in &exported.variables {
            session.printer.note(format!("  --var {0}=env:{0}  ({1})", variable.name, variable.of));
        }
    }
    session.printer.note("");
    if plan.is_empty() {
        session.printer.note(format!("Checked: a plan of `{}` is empty", spec.display()));
    } else {
        let taken = if exported.foreign { ", with `--adopt`" } else { "" };
        session.printer.note(format!("Checked: a plan of `{}`{taken} would do this:\n", spec.display()));
        for line in plan_text::lines(plan, session.printer.terminal().colour) {
            session.printer.note(line);
        }
    }
}

/// Plans what was exported, with the secrets that the service told. `None`: it has errors, and they have been shown.
async fn check(spec: &Path, exported: &Exported, source: &Source, session: &mut Session<'_>) -> Result<Option<Plan>> {
    let known = |variable: &export::ExportedVariable| {
        // A secret that could not be read is shown as differing, which is no worse than not knowing.
        let value = variable.value.as_ref().map_or_else(|| "not-known".to_owned(), |value| value.expose().clone());
        (variable.name.clone(), value)
    };
    let options = LoadOptions {
        variables: exported.variables.iter().map(known).collect(),
        environment: session.environment.clone(),
        local: true,
        ..LoadOptions::default()
    };
    let mut loaded = load::load(spec, &options)?;
    loaded.sources.hide(&loaded.sensitive);
    let (desired, findings) = desired::compile(&loaded, &source.context);
    loaded.findings.extend(findings);
    if loaded.has_errors() {
        session.show_findings(&loaded.findings, &loaded.sources);
        session.printer.note(format!("`{}` is written; what the findings point at could not be described as it is", spec.display()));
        return Ok(None);
    }
    let role_assignments = loaded.spec.as_ref().map(|spec| spec.role_assignments).unwrap_or_default();
    let settings = Settings { adopt: true, role_assignments, ..Settings::new(Arc::new(SystemClock), Arc::new(SystemRandom)) };
    let deployment = Deployment::new(source.client.clone(), desired, loaded.policies.clone(), settings);
    match deployment.plan().await {
        Ok(plan) => Ok(Some(plan)),
        Err(error) => {
            open::say(error, &loaded, session)?;
            Ok(None)
        }
    }
}

async fn source(arguments: &ExportArguments, session: &mut Session<'_>) -> Result<Source> {
    let target = TargetArguments { target: arguments.from.or(arguments.target.target), ..arguments.target.clone() };
    let settings = TargetSettings::resolve(&target, &session.environment)?;
    if let Place::Local { fixture } = &settings.place {
        let fixture = match fixture {
            Some(path) => settings::read_fixture(path)?,
            None => Fixture::default(),
        };
        let local = LocalArm::open(&settings.state_dir, &fixture)
            .with_context(|| format!("cannot open the embedded ARM in `{}`", settings.state_dir.display()))?;
        let service = choose(LocalWorld::services(&local), arguments, "apply something with `apimctl apply SPEC --local` first")?;
        let context = settings::offline_context();
        return Ok(Source { client: local.client(), service, context, local: Some(local) });
    }
    let LoggedIn { client, cloud, principal, .. } = open::login(&target, None, session).await?;
    session.printer.note(format!("Logged in as {}", principal.describe()));
    let (subscription_id, service) = match arguments.service.as_deref().and_then(|text| ResourceId::parse(text).ok()) {
        Some(service) => (service.subscription_id().unwrap_or_default().to_owned(), service),
        None => {
            let subscription = open::subscription(None, &client, &session.environment).await?;
            let services = export::services(&client, &subscription).await.map_err(DeployError::into_error)?;
            let none = format!("the login sees no API Management service in the Azure subscription {subscription}");
            (subscription, choose(services, arguments, &none)?)
        }
    };
    let context = Context {
        subscription_id,
        tenant_id: principal.tenant_id.unwrap_or_default(),
        gateway_suffix: cloud.gateway_suffix,
        cognitive_services_audience: cloud.cognitive_services_audience,
    };
    Ok(Source { client, service, context, local: None })
}

/// The service that is meant.
fn choose(services: Vec<ResourceId>, arguments: &ExportArguments, none: &str) -> Result<ResourceId> {
    let names = |services: &[ResourceId]| services.iter().map(|id| format!("`{}`", id.name())).collect::<Vec<_>>().join(", ");
    match (&arguments.service, services.as_slice()) {
        (_, []) => bail!("there is no service to export: {none}"),
        (Some(wanted), all) => {
            let found = all.iter().find(|id| id.name().eq_ignore_ascii_case(wanted) || id.as_str().eq_ignore_ascii_case(wanted));
            found.cloned().with_context(|| format!("there is no service `{wanted}`; there are {}", names(all)))
        }
        (None, [one]) => Ok(one.clone()),
        (None, all) => bail!("there are several services: say which with `--service`, one of {}", names(all)),
    }
}
