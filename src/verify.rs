//! Checks of a gateway that runs, local or in Azure.
//!
//! [`verify`] makes the checks in the tutorial's order: what ARM holds against the specification (the plan that `apply` would carry out,
//! told as checks), then the gateway itself, over the network, as its clients use it. The same code runs against a gateway in this process
//! and against Azure; only the address, the keys and the telemetry come from elsewhere. Every failure says what is likely behind it
//! and what mends it.
//!
//! Whatever verify makes for itself it writes down first ([`journal`]) and takes away afterwards.

mod checks;
mod diagnose;
mod documents;
pub mod drill;
pub mod gateway;
pub mod journal;
mod keys;
mod outcome;
mod pools;
pub mod report;
mod routes;
mod run;
mod scene;
mod statistics;
mod subject;
pub mod telemetry;

use self::gateway::Gateway;
use self::journal::{Contents, Journal};
use self::run::Run;
use self::scene::Scene;
use crate::azure::AzureError;
use crate::deploy::DeployError;
use crate::deploy::plan::{Change, Plan};

pub use self::outcome::{Cause, Check, Distribution, Finding, Phase, Share, Status, Step, Timeline, TimelineRequest, Verification};
pub use self::subject::{Commands, Listener, Place, Settings, Subject};

/// Checks that need the service to be there.
const OF_RESOURCES: [(&str, Step); 6] = [
    ("backends", Step::Backends),
    ("role-assignments", Step::Identity),
    ("apis", Step::Api),
    ("policies", Step::Api),
    ("subscriptions", Step::Keys),
    ("monitoring", Step::Monitoring),
];

/// Checks that need a gateway that answers.
const OF_GATEWAY: [(&str, Step); 11] = [
    ("roles-effective", Step::Identity),
    ("clients", Step::Clients),
    ("streaming", Step::Clients),
    ("token-headers", Step::Clients),
    ("scenarios", Step::Clients),
    ("balance", Step::Balance),
    ("breakers", Step::Failover),
    ("refused", Step::Keys),
    ("open-doors", Step::Keys),
    ("telemetry", Step::Monitoring),
    ("failover", Step::Failover),
];

/// Makes every check that can be made; what cannot is skipped with the reason.
pub async fn verify(subject: &Subject<'_>, drill: Option<drill::Kind>, listener: &dyn Listener) -> Verification {
    let mut run = Run::new(subject, listener);
    let gateway = Box::pin(carry_out(&mut run, drill)).await;
    run.finish(gateway.as_ref())
}

async fn carry_out(run: &mut Run<'_>, drill: Option<drill::Kind>) -> Option<Gateway> {
    let subject = run.subject;
    unfinished(run).await;
    let since = subject.settings.clock.utc();
    let plan = subject.deployment.plan().await;
    if let Err(DeployError::Findings(findings)) = &plan {
        checks::agreement::accounts(run, Err(findings));
        ownership(run, findings);
    }
    let plan = match plan {
        Ok(plan) => plan,
        Err(DeployError::Findings(_)) => {
            let why = "the resources cannot be compared before that is put right";
            run.skip(&OF_RESOURCES, why);
            run.skip(&OF_GATEWAY, why);
            return None;
        }
        Err(error) => {
            unreadable(run, &error);
            return None;
        }
    };
    checks::agreement::accounts(run, Ok(&plan));
    checks::retirement::check(run).await;
    let body = match checks::service::read(subject).await {
        Ok(body) => body,
        Err(error) => {
            unreadable(run, &error.into());
            return None;
        }
    };
    let of_service: Vec<&Change> = plan.changes.iter().filter(|change| is_service(change)).collect();
    let service = checks::service::judge(subject, body.as_ref(), &of_service);
    run.add("service", Step::Service, service);
    let Some(body) = body else {
        run.skip(&OF_RESOURCES, "the service is not there");
        run.skip(&OF_GATEWAY, "the service is not there");
        return None;
    };
    resources(run, &plan);
    checks::traps::check(run);

    let address = body.pointer("/properties/gatewayUrl").and_then(serde_json::Value::as_str).and_then(|url| url::Url::parse(url).ok());
    let gateway = subject.gateway.clone().or_else(|| address.map(|url| Gateway::new(url, subject.settings.clock.clone())));
    let Some(gateway) = gateway else {
        run.skip(&OF_GATEWAY, "ARM tells no address of the gateway (`gatewayUrl`), and none was given (`--gateway URL`)");
        return None;
    };
    match Scene::read(subject, gateway.clone()).await {
        Ok(mut scene) => {
            scene.find_ways().await;
            calls(run, &scene, since, drill).await;
        }
        Err(error) => run.skip(&OF_GATEWAY, &format!("what there is to call cannot be read: {error}")),
    }
    Some(gateway)
}

/// What an earlier drill has left is told first.
async fn unfinished(run: &mut Run<'_>) {
    let subject = run.subject;
    if let Some(left) = drill::unfinished(subject.client, subject.desired, subject.settings.state_dir.as_deref()).await {
        let causes = vec![Cause::new(
            "an earlier run was killed in the middle, or still runs on another machine",
            subject.commands.of("verify --restore"),
        )];
        run.add("unfinished-drill", Step::Service, Finding::fail(left.words(), causes));
    }
}

fn is_service(change: &Change) -> bool {
    change.kind.eq_ignore_ascii_case("Microsoft.ApiManagement/service")
        || change.kind.eq_ignore_ascii_case("Microsoft.Resources/resourceGroups")
}

fn resources(run: &mut Run<'_>, plan: &Plan) {
    let mut names: Vec<&str> = OF_RESOURCES.iter().map(|(name, _)| *name).collect();
    names.push("resources");
    checks::agreement::resources(run, plan, &names);
}

/// Everything that is asked of the gateway itself.
async fn calls(run: &mut Run<'_>, scene: &Scene, since: time::OffsetDateTime, drill: Option<drill::Kind>) {
    checks::roles::check(run, scene).await;
    checks::clients::check(run, scene).await;
    checks::streaming::check(run, scene).await;
    checks::token_headers::check(run, scene).await;
    checks::scenarios::check(run, scene).await;
    checks::balance::check(run, scene).await;
    checks::balance::breakers(run, scene);
    checks::refusals::check(run, scene).await;
    suspended(run, scene).await;
    checks::doors::check(run, scene).await;
    checks::telemetry::check(run, scene, since).await;
    match drill {
        Some(kind) => Box::pin(drill::check(run, scene, kind)).await,
        None => run.add(
            "failover",
            Step::Failover,
            Finding::skip("not asked for: `--failover` takes members out of the pool, one after the other"),
        ),
    }
}

async fn suspended(run: &mut Run<'_>, scene: &Scene) {
    let settings = &run.subject.settings;
    let Some(service) = run.subject.service() else { return };
    let fresh = Contents::new(&run.subject.desired.owner, service, &settings.holder, settings.clock.utc());
    match Journal::open(settings.state_dir.as_deref(), fresh) {
        Ok(journal) => checks::suspended::check(run, scene, &journal).await,
        Err(error) => run.add("refused/suspended-key", Step::Keys, Finding::skip(format!("{error}; without a journal nothing is made"))),
    }
}

/// Somebody else's resources stand where the specification's should.
fn ownership(run: &mut Run<'_>, findings: &[crate::support::finding::Finding]) {
    let others: Vec<_> = findings.iter().filter(|finding| !finding.code.id.starts_with("ARM1")).collect();
    if others.is_empty() {
        return;
    }
    let causes = others.iter().map(|finding| Cause { text: finding.message.clone(), cure: finding.help.clone() }).collect();
    let text = others.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ");
    run.add("ownership", Step::Service, Finding::fail(text, causes));
}

/// ARM cannot be asked: one failure, and everything else is not asked.
fn unreadable(run: &mut Run<'_>, error: &DeployError) {
    let azure: Option<&AzureError> = match error {
        DeployError::Azure(error) => Some(error),
        _ => None,
    };
    let cure = azure.and_then(|error| error.hint.clone()).unwrap_or_else(|| run.subject.commands.of("plan"));
    run.add("arm", Step::Service, Finding::fail(error.to_string(), vec![Cause::new("ARM cannot be asked with this login", cure)]));
    let why = "ARM cannot be asked";
    run.skip(&[("accounts", Step::Accounts), ("service", Step::Service)], why);
    run.skip(&OF_RESOURCES, why);
    run.skip(&OF_GATEWAY, why);
}
