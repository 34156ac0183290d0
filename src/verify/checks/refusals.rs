//! Nobody gets in without a key, or with one that nobody has: on every path.

use crate::scenario::Request;
use crate::scenario::request::{Key, Place};
use crate::verify::gateway::Told as _;
use crate::verify::keys::{key, unknown_key};
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::routes::Api;
use crate::verify::run::Run;
use crate::verify::scene::Scene;
use crate::verify::subject::Subject;

use futures::stream::{self, StreamExt as _};

/// Paths that are written out when they answer what they should not.
const TOLD: usize = 5;

/// No key, and a wrong key wherever a key is looked for.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let closed: Vec<&Api> = scene.apis.iter().filter(|api| api.key_required || api.is_front).collect();
    if closed.is_empty() {
        for name in ["refused/no-key", "refused/wrong-key"] {
            run.add(name, Step::Keys, Finding::skip("no API of the specification needs a key"));
        }
        return;
    }
    let without: Vec<Request> = closed.iter().flat_map(|api| every_path(scene, api, None)).collect();
    let finding = refused(run.subject, scene, without, "without a key").await;
    run.add("refused/no-key", Step::Keys, finding);
    let wrong = unknown_key(run.subject);
    let requests = closed.iter().flat_map(|api| {
        let places = places(api);
        places.into_iter().flat_map(|place| every_path(scene, api, Some(key(&wrong, place)))).collect::<Vec<_>>()
    });
    let finding = refused(run.subject, scene, requests.collect(), "with a key that nobody has").await;
    run.add("refused/wrong-key", Step::Keys, finding);
}

/// Where an API looks for keys.
pub(in crate::verify) fn places(api: &Api) -> Vec<Place> {
    if api.is_front {
        return vec![Place::Bearer];
    }
    let mut places = vec![Place::Header(api.header.clone()), Place::Query(api.query.clone())];
    if api.bearer {
        places.push(Place::Bearer);
    }
    places
}

/// A request for each operation of an API.
pub(in crate::verify) fn every_path(scene: &Scene, api: &Api, key: Option<Key>) -> Vec<Request> {
    let deployment = scene.models.first().map_or("gpt-4o-mini", |model| model.deployment.as_str());
    let requests = api.operations.iter().map(|operation| Request { key: key.clone(), ..api.request(operation, deployment) });
    requests.collect()
}

/// Sends all of them; passes if every answer is the gateway's 401.
pub(in crate::verify) async fn refused(subject: &Subject<'_>, scene: &Scene, requests: Vec<Request>, how: &str) -> Finding {
    let count = requests.len();
    if count == 0 {
        return Finding::skip("there are no operations to call");
    }
    let answers: Vec<(String, Result<u16, String>)> = stream::iter(requests.iter().map(|request| async move {
        let answer = scene.gateway.ask(request, None).await;
        (request.title(), answer.map(|answer| answer.code()).map_err(|error| error.to_string()))
    }))
    .buffered(subject.settings.concurrency.max(1))
    .collect()
    .await;
    let unanswered = answers.iter().find_map(|(_, answer)| answer.as_ref().err());
    if let Some(error) = unanswered {
        return Finding::fail(
            error.clone(),
            vec![Cause::new("the gateway did not answer", "check its address (`--gateway URL`) and the network")],
        );
    }
    let open: Vec<(&String, u16)> = answers
        .iter()
        .filter_map(|(title, answer)| answer.as_ref().ok().map(|code| (title, *code)))
        .filter(|(_, code)| *code != 401)
        .collect();
    if open.is_empty() {
        return Finding::pass(format!("{count} requests {how}, on every path: 401"));
    }
    let mut told: Vec<String> = open.iter().take(TOLD).map(|(title, code)| format!("{title} answers {code}")).collect();
    if open.len() > TOLD {
        told.push(format!("and {} more", open.len() - TOLD));
    }
    let cause = if open.iter().all(|(_, code)| *code == 404) {
        Cause::new("the gateway does not know these paths (yet)", subject.commands.of("plan"))
    } else {
        Cause::new(
            "an open product (`subscriptionRequired: false`) links the API, or the API itself needs no key",
            format!("see what `open-doors` says below; then: {}", subject.commands.of("apply")),
        )
    };
    Finding::fail(format!("{how}: {}", told.join("; ")), vec![cause])
}
