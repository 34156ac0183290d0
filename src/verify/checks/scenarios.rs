//! The scenarios of the specification that say `live: true`: the same requests and expectations as in `apimctl test`, asked of the gateway
//! that runs.

use futures::stream::{self, StreamExt as _};

use crate::scenario::expect::Sample;
use crate::scenario::file::{Action, Scenario, Send};
use crate::scenario::read::Read;
use crate::scenario::request::KeyOf;
use crate::scenario::{Mismatch, Request};
use crate::support::secret::Secret;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;
use crate::verify::scene::Scene;

/// Most mismatches of a scenario that are told; the rest is counted.
const TOLD: usize = 5;

/// Each live scenario is a check of its own.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let commands = &run.subject.commands;
    let Some(read) = run.subject.scenarios else {
        let path = commands.scenarios();
        run.add("scenarios", Step::Clients, Finding::skip(format!("there is no `{}` beside the specification", path.display())));
        return;
    };
    let test = format!("apimctl test {}", commands.scenarios().display());
    let Some(file) = &read.file else {
        run.add("scenarios", Step::Clients, Finding::skip(format!("the scenarios have errors; they are told by: {test}")));
        return;
    };
    let live: Vec<&Scenario> = file.scenarios.iter().filter(|scenario| scenario.live).collect();
    if live.is_empty() {
        run.add("scenarios", Step::Clients, Finding::skip("no scenario says `live: true`"));
    }
    for scenario in live {
        let finding = match &scenario.skip {
            Some(why) => Finding::skip(why),
            None => ask(scene, read, scenario, &test).await,
        };
        run.add(format!("scenario/{}", scenario.name), Step::Clients, finding);
        if run.is_cancelled() {
            return;
        }
    }
}

async fn ask(scene: &Scene, read: &Read, scenario: &Scenario, test: &str) -> Finding {
    let mut sent = 0;
    for step in &scenario.steps {
        // The reader refuses a live scenario with anything else.
        let Action::Send(send) = &step.action else { return Finding::skip("it has steps that only a test can make") };
        let sample = match answers(scene, send).await {
            Ok(sample) => sample,
            Err(why) => return Finding::skip(why),
        };
        sent += sample.answers.len();
        let missed = send.expect.check_all(&sample);
        if !missed.is_empty() {
            let causes = vec![Cause::new(
                "what runs is not what the scenario was written for; offline the same scenario shows every statement of the policies",
                format!("{test} --only '{}'", scenario.name.replace('\'', r"'\''")),
            )];
            return Finding::fail(told(read, &missed), causes);
        }
    }
    Finding::pass(format!("{sent} requests were answered as the scenario expects"))
}

async fn answers(scene: &Scene, send: &Send) -> Result<Sample, String> {
    let requests: Vec<(&Request, Option<&Secret<String>>)> =
        send.requests.iter().map(|request| Ok((request, key(scene, request)?))).collect::<Result<_, String>>()?;
    let count = usize::try_from(send.count).unwrap_or(usize::MAX);
    let paced = stream::iter(requests.iter().cycle().take(count).enumerate()).then(|(index, request)| async move {
        if let (true, Some(every)) = (index > 0, send.every) {
            scene.gateway.clock().sleep(every).await;
        }
        request
    });
    let clients = if send.every.is_some() { count } else { send.clients };
    let asked = paced.map(|(request, key)| async move { scene.gateway.ask(request, *key).await.map_err(|unanswered| unanswered.reason) });
    Ok(Sample { answers: asked.buffered(clients.max(1)).collect().await, received: Vec::new(), metrics: Vec::new() })
}

/// The key of the subscription that the request names.
fn key<'s>(scene: &'s Scene, request: &Request) -> Result<Option<&'s Secret<String>>, String> {
    let Some(KeyOf::Subscription { name, secondary }) = request.key.as_ref().map(|key| &key.of) else { return Ok(None) };
    let found = scene.keys.subscriptions.iter().find(|own| own.name.eq_ignore_ascii_case(name));
    let found = found.ok_or_else(|| format!("the key of `{name}` is not among those that are read"))?;
    Ok(Some(if *secondary { &found.secondary } else { &found.primary }))
}

fn told(read: &Read, missed: &[Mismatch]) -> String {
    let mut lines: Vec<String> = missed
        .iter()
        .take(TOLD)
        .map(|one| {
            let answer = one.answer.map(|number| format!(" of answer {number}")).unwrap_or_default();
            let place = one.at.map(|at| format!(" ({}:{})", read.sources.path(at.source).display(), read.sources.position(at).line));
            format!("{}{answer} is {}, not {}{}", one.about, one.got, one.expected, place.unwrap_or_default())
        })
        .collect();
    if missed.len() > TOLD {
        lines.push(format!("{} more", missed.len() - TOLD));
    }
    lines.join("; ")
}
