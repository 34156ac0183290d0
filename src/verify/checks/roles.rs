//! Roles at work: accounts let the gateway in. Azure takes minutes until they do.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::Told as _;
use crate::verify::outcome::{Finding, Step};
use crate::verify::pools::{Pool, UNKNOWN};
use crate::verify::run::Run;
use crate::verify::scene::Scene;

/// The first wait; it doubles up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);
/// Requests for each member of a pool: enough that each of a few members gets one, whatever the weights.
const EACH: usize = 3;

/// Polls until no account refuses the gateway, within the patience that was given.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let Some((api, request)) = scene.callable().next() else {
        run.add("roles-effective", Step::Identity, Finding::skip("no call of a model could be made up to see a role at work"));
        return;
    };
    let subject = run.subject;
    let clock = scene.gateway.clock().clone();
    let deadline = clock.now() + subject.settings.patience;
    let pools = scene.pools_of(api);
    let members = pools.iter().map(|pool| pool.in_use().count()).max().unwrap_or(1);
    let pace = pools.iter().map(|pool| pool.pace(pool.in_use())).max().unwrap_or_default();
    let mut pause = FIRST;
    let mut told = false;
    let finding = loop {
        let answers = scene.volley(&request, members * EACH, members, pace).await;
        let refused = answers.iter().flatten().find(|answer| {
            !answer.is_of_gateway()
                && (answer.model_error().is_some_and(|code| code.eq_ignore_ascii_case("PermissionDenied")) || answer.code() == 403)
        });
        let Some(refused) = refused else {
            let good: Vec<_> = answers.iter().flatten().filter(|answer| answer.status.is_success()).collect();
            if good.is_empty() {
                let why = match answers.into_iter().next() {
                    Some(Ok(answer)) => format!("no request got so far: {}", diagnose::short(&answer)),
                    Some(Err(error)) => format!("no request got so far: {error}"),
                    None => "no request was sent".to_owned(),
                };
                break Finding::skip(why);
            }
            let who: BTreeSet<String> = good
                .iter()
                .map(|answer| pools.iter().map(|pool| pool.who(answer)).find(|who| who != UNKNOWN).unwrap_or_default())
                .collect();
            break Finding::pass(words(&pools, &who, good.len()));
        };
        if clock.now() + pause >= deadline || run.is_cancelled() {
            let detail = format!(
                "an account still refuses the gateway after {} s: {}{}",
                subject.settings.patience.as_secs(),
                diagnose::short(refused),
                refused.header("x-ms-region").map_or_else(String::new, |region| format!(", in {region}"))
            );
            break Finding::fail(detail, diagnose::causes(subject, api, Style::KeyHeader, refused));
        }
        if !told {
            run.listener.note("A role has not taken effect yet; that can take ten minutes");
            told = true;
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    };
    run.add("roles-effective", Step::Identity, finding);
}

fn words(pools: &[&Pool], who: &BTreeSet<String>, count: usize) -> String {
    let seen: Vec<&str> = who.iter().filter(|who| !who.is_empty()).map(String::as_str).collect();
    let mut text = format!("accounts let the gateway in, {count} times");
    if !seen.is_empty() {
        text.push_str(&format!(": {}", seen.join(", ")));
    }
    let unseen: BTreeSet<String> = pools
        .iter()
        .flat_map(|pool| pool.members.iter().map(|member| pool.label(member)))
        .filter(|label| label != UNKNOWN && !who.contains(label))
        .collect();
    if !unseen.is_empty() {
        let unseen: Vec<String> = unseen.into_iter().collect();
        text.push_str(&format!("; not seen at work, because others serve first: {}", unseen.join(", ")));
    }
    text
}
