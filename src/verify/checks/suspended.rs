//! A suspended key gets nowhere. The check makes a subscription of its own and deletes it: nobody's key is touched.

use std::time::Duration;

use serde_json::json;

use super::refusals::{every_path, places, refused};
use crate::arm::{ResourceId, catalogue};
use crate::azure::{AzureError, Precondition};
use crate::support::secret::Secret;
use crate::verify::gateway::Told as _;
use crate::verify::journal::Journal;
use crate::verify::keys::key;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::routes::Api;
use crate::verify::run::Run;
use crate::verify::scene::{Scene, keyed};
use crate::verify::subject::Subject;

const KIND: &str = "Microsoft.ApiManagement/service/subscriptions";
/// What subscriptions of this check begin with.
pub(in crate::verify) const PREFIX: &str = "apimctl-verify-";
/// How long a change may take to reach the gateway.
const PROPAGATION: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Works, then suspended, then gone.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene, journal: &Journal) {
    let finding = judge(run.subject, scene, journal).await;
    run.add("refused/suspended-key", Step::Keys, finding);
}

async fn judge(subject: &Subject<'_>, scene: &Scene, journal: &Journal) -> Finding {
    if subject.settings.read_only {
        return Finding::skip("it needs a subscription of its own, and `--read-only` forbids to make one");
    }
    let opened = scene.apis.iter().find_map(|api| {
        let call = api.calls(&scene.models).into_iter().next()?;
        (api.key_required && !api.is_front).then_some(())?;
        Some((api, call, scene.keys.for_api(api)?))
    });
    let (Some((api, call, example)), Some(service)) = (opened, subject.service()) else {
        return Finding::skip("no API of the specification is opened by a key of its own");
    };
    let id = service.child("subscriptions", &format!("{PREFIX}{}", subject.settings.random.hex(12)));
    let version = catalogue::find(KIND).map_or("2024-05-01", |entry| entry.api_version);
    if let Err(error) = journal.will_make(&id, version) {
        return Finding::skip(format!("its journal cannot be written, and without one nothing is changed: {error}"));
    }
    let scope = subject.client.get(example.id.as_str(), version, &[]).await.ok().flatten();
    let scope = scope.and_then(|found| found.body.pointer("/properties/scope").and_then(|scope| scope.as_str()).map(str::to_owned));
    let Some(scope) = scope else { return Finding::skip(format!("the scope of `{}` cannot be read", example.name)) };
    let secret = Secret::new(subject.settings.random.hex(32));
    let outcome = try_out(subject, scene, api, &keyed(&call, Some(key(&secret, scene.place(api)))), (&id, version), &scope, &secret).await;
    // Whatever came of it.
    let gone = subject.client.delete(&id, version, &[], Precondition::Any).await;
    match (outcome, gone) {
        (Err(error), Ok(_)) if error.has_status(403) => {
            let _ = journal.done(&id);
            Finding::skip(format!("this login may not make a subscription to try it with: {error}"))
        }
        (Err(error), Ok(_)) => {
            let _ = journal.done(&id);
            Finding::skip(format!("no subscription could be made to try it with: {error}"))
        }
        (Ok(finding), Ok(_)) => {
            let _ = journal.done(&id);
            finding
        }
        (_, Err(error)) => Finding::fail(
            format!("the subscription `{}` that this check made could not be deleted: {error}", id.name()),
            vec![Cause::new("ARM did not answer", subject.commands.of("verify --restore"))],
        ),
    }
}

async fn try_out(
    subject: &Subject<'_>,
    scene: &Scene,
    api: &Api,
    request: &crate::scenario::Request,
    (id, version): (&ResourceId, &str),
    scope: &str,
    secret: &Secret<String>,
) -> Result<Finding, AzureError> {
    let body = json!({ "properties": {
        "scope": scope, "displayName": format!("apimctl verify {}", id.name()), "state": "active", "allowTracing": false,
        "primaryKey": secret.expose(), "secondaryKey": subject.settings.random.hex(32),
    } });
    subject.client.put(id, version, &body, Precondition::None).await?;
    // A key that the gateway has never heard of is refused as well: it must have worked to be shown to work no more.
    let Some(before) = until(subject, scene, request, |code| code != 401).await else {
        return Ok(Finding::skip(format!(
            "the gateway has not heard of a new subscription within {} s, so nothing can be said of a suspended one: it does not follow this ARM, or is slow",
            PROPAGATION.min(subject.settings.patience).as_secs()
        )));
    };
    subject.client.patch(id, version, &json!({ "properties": { "state": "suspended" } }), Precondition::Any).await?;
    let Some(_) = until(subject, scene, request, |code| code == 401).await else {
        return Ok(Finding::fail(
            format!(
                "a subscription of its own still opens `{}` {} s after it was suspended",
                api.name(),
                PROPAGATION.min(subject.settings.patience).as_secs()
            ),
            vec![Cause::new(
                "the gateway has not heard of it",
                "run verify again; if it stays so, look at the gateway's health in the portal",
            )],
        ));
    };
    let opened: Vec<&Api> = scene.apis.iter().filter(|other| other.key_required && scene.keys.for_api(other).is_some()).collect();
    let requests = opened
        .iter()
        .flat_map(|api| places(api).into_iter().flat_map(|place| every_path(scene, api, Some(key(secret, place)))).collect::<Vec<_>>())
        .collect();
    let mut finding = refused(subject, scene, requests, "with the key of a suspended subscription").await;
    if finding.status == crate::verify::Status::Pass {
        finding.detail = format!("a subscription of its own answered {before} while active; {}", finding.detail);
    }
    Ok(finding)
}

/// Asks until the status is as wanted; `None`: it never was.
async fn until(subject: &Subject<'_>, scene: &Scene, request: &crate::scenario::Request, wanted: impl Fn(u16) -> bool) -> Option<u16> {
    let clock = scene.gateway.clock();
    let deadline = clock.now() + PROPAGATION.min(subject.settings.patience);
    let mut pause = PAUSE.min(Duration::from_millis(if subject.is_local() { 25 } else { 250 }));
    loop {
        if let Ok(answer) = scene.gateway.ask(request, None).await
            && wanted(answer.code())
        {
            return Some(answer.code());
        }
        if clock.now() >= deadline {
            return None;
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
