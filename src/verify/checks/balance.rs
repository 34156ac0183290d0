//! How load is shared, and whether a member can ever take over.

use std::collections::BTreeMap;

use crate::scenario::Request;
use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::Told as _;
use crate::verify::keys::key;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::pools::{Pool, UNKNOWN};
use crate::verify::routes::Api;
use crate::verify::run::Run;
use crate::verify::scene::{Scene, keyed};
use crate::verify::statistics::{self, Judgement};
use crate::verify::subject::Subject;

/// What a volley through one API with one key came to.
struct Volley {
    api: String,
    /// Answers by the names that a pool gives; made anew for each pool.
    regions: Vec<Option<String>>,
    failed: Option<Finding>,
}

/// Each pool, through an API that leads to it.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let mut open: Vec<&Pool> = scene.pools.iter().filter(|pool| pool.members.len() > 1).collect();
    for pool in scene.pools.iter().filter(|pool| pool.members.len() < 2) {
        run.add(format!("balance/{}", pool.name()), Step::Balance, Finding::skip("it has one member: there is nothing to share"));
    }
    for api in &scene.apis {
        let mut candidates = scene.pools_of(api);
        candidates.retain(|pool| open.iter().any(|other| other.id == pool.id));
        if candidates.is_empty() {
            continue;
        }
        let alone = candidates.len() == 1;
        for request in requests(scene, api) {
            if run.is_cancelled() || candidates.is_empty() {
                break;
            }
            let volley = fire(run.subject, scene, api, &request).await;
            // Which of several pools it was, the answers must tell: the first whose shares they fit.
            let judged: Vec<(&Pool, Judgement)> =
                candidates.iter().map(|pool| (*pool, statistics::judge(pool.name(), &counts(pool, &volley), &pool.expected()))).collect();
            let fitting = judged.iter().position(|(_, judgement)| judgement.is_within);
            let Some((pool, judgement)) = fitting.or(alone.then_some(0)).and_then(|place| judged.into_iter().nth(place)) else { continue };
            candidates.retain(|other| other.id != pool.id);
            open.retain(|other| other.id != pool.id);
            let finding = volley.failed.clone().unwrap_or_else(|| judge(run.subject, pool, &judgement, &volley.api));
            run.verification.distributions.push(judgement.distribution);
            run.add(format!("balance/{}", pool.name()), Step::Balance, finding);
        }
    }
    for pool in open {
        let apis: Vec<&str> =
            scene.apis.iter().filter(|api| scene.pools_of(api).iter().any(|other| other.id == pool.id)).map(|api| api.name()).collect();
        let why = if apis.is_empty() {
            "no policy of the specification leads to it by name".to_owned()
        } else {
            format!(
                "the policy of {} chooses among several backends by what a request or its key is, and no plain request led here",
                apis.iter().map(|api| format!("`{api}`")).collect::<Vec<_>>().join(", ")
            )
        };
        run.add(format!("balance/{}", pool.name()), Step::Balance, Finding::skip(why));
    }
}

/// One request for each key: keys of different products may lead to different pools.
fn requests(scene: &Scene, api: &Api) -> Vec<Request> {
    let Some(call) = api.calls(&scene.models).into_iter().next() else { return Vec::new() };
    if !api.key_required || api.is_front {
        return scene.credential(api).map(|key| keyed(&call, key)).into_iter().collect();
    }
    scene.keys.all_for(api).map(|subscription| keyed(&call, Some(key(&subscription.primary, scene.place(api))))).collect()
}

async fn fire(subject: &Subject<'_>, scene: &Scene, api: &Api, request: &Request) -> Volley {
    let pace = scene.pools_of(api).iter().map(|pool| pool.pace(pool.in_use())).max().unwrap_or_default();
    let answers = scene.volley(request, subject.settings.samples, subject.settings.concurrency, pace).await;
    let count = answers.len();
    let mut volley = Volley { api: api.name().to_owned(), regions: Vec::with_capacity(count), failed: None };
    let mut bad = 0;
    let mut first = None;
    for answer in answers {
        match answer {
            Ok(answer) if answer.status.is_success() => volley.regions.push(answer.region()),
            other => {
                bad += 1;
                first = first.or(Some(other));
            }
        }
    }
    volley.failed = first.map(|first| match first {
        Ok(answer) => Finding::fail(
            format!("{bad} of {count} requests were not answered by a model: {}", diagnose::short(&answer)),
            diagnose::causes(subject, api, Style::KeyHeader, &answer),
        ),
        Err(error) => Finding::fail(format!("{bad} of {count} requests got no answer: {error}"), diagnose::unanswered(subject, &error)),
    });
    volley
}

fn counts(pool: &Pool, volley: &Volley) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for region in &volley.regions {
        let member = pool.members.iter().find(|member| member.region.is_some() && member.region == *region);
        *counts.entry(member.map_or_else(|| UNKNOWN.to_owned(), |member| pool.label(member))).or_insert(0) += 1;
    }
    counts
}

fn judge(subject: &Subject<'_>, pool: &Pool, judgement: &Judgement, api: &str) -> Finding {
    let total = judgement.distribution.requests;
    if total > 0 && judgement.strangers == total {
        return Finding::skip("answers do not say who gave them (`x-ms-region`), or not by a region of these members");
    }
    let words = judgement.words();
    let apply = subject.commands.of("apply");
    let first = pool.first_priority();
    let later: Vec<&str> = pool.members.iter().filter(|member| member.priority != first).map(|member| member.backend.as_str()).collect();
    if !judgement.is_within {
        let mut causes = Vec::new();
        if !judgement.unwanted.is_empty() {
            causes.push(Cause::new(
                format!(
                    "{} should answer only when all members of priority {first} are left out: those have tripped",
                    judgement.unwanted.join(", ")
                ),
                "look at 429 and 5xx in the metrics of their accounts; their breakers close again after `tripDuration`",
            ));
        }
        if !judgement.silent.is_empty() {
            causes.push(Cause::new(
                format!("{} never answered: its breaker has tripped, or the gateway still has an older pool", judgement.silent.join(", ")),
                format!(
                    "look at 429, 401 and 5xx in the metrics of its account, compare the pool, and run verify again in a minute: {}",
                    subject.commands.of("plan")
                ),
            ));
        }
        if causes.is_empty() {
            causes.push(Cause::new(
                "other traffic shares the gateway's turns, a session cookie ties clients to a member, or members stumbled meanwhile",
                format!(
                    "run verify again at a quiet time; in fair draws a share is farther off in less than 3 of 1,000 runs: {}",
                    subject.commands.of("verify")
                ),
            ));
        }
        return Finding::fail(format!("of {total} requests through `{api}`: {words}"), causes);
    }
    let none_trips = pool.in_use().all(|member| member.breaker.is_none());
    if !later.is_empty() && none_trips {
        return Finding::fail(
            format!("{} never gets a request: {words}", later.join(", ")),
            vec![Cause::new(
                "different priorities mean failover, not round robin; and without a circuit breaker no member of the first priority is ever left out",
                format!("give all members the same priority to share the load, or `circuitBreaker: default` to fail over, then: {apply}"),
            )],
        );
    }
    let manner = if judgement.is_exact && pool.in_use().count() > 1 {
        "exact to one request"
    } else if pool.in_use().count() > 1 {
        "within three standard errors of a fair draw"
    } else {
        "as the priorities say"
    };
    let together = if pool.is_told_apart() { "" } else { "; members in one region cannot be told apart and count together" };
    Finding::pass(format!("{total} requests through `{api}`, {manner}: {words}{together}"))
}

/// Whether a failing member is ever left out, and whether anybody tries again.
pub(in crate::verify) fn breakers(run: &mut Run<'_>, scene: &Scene) {
    for pool in scene.pools.iter().filter(|pool| pool.members.len() > 1) {
        let without: Vec<&str> =
            pool.members.iter().filter(|member| member.breaker.is_none()).map(|member| member.backend.as_str()).collect();
        let finding = if without.is_empty() {
            Finding::pass(format!("all {} members have one", pool.members.len()))
        } else {
            let who = if without.len() == pool.members.len() {
                "no member has one".to_owned()
            } else {
                format!("{} has none", without.join(", "))
            };
            Finding::fail(
                format!("{who}: a failing member gets its share of requests for ever"),
                vec![Cause::new(
                    "a pool leaves out only members whose circuit breaker has tripped; no policy can do that",
                    format!("write `circuitBreaker: default` at {} and run: {}", without.join(", "), run.subject.commands.of("apply")),
                )],
            )
        };
        run.add(format!("breaker/{}", pool.name()), Step::Failover, finding);
    }
    for api in &scene.apis {
        let pools = scene.pools_of(api);
        if pools.is_empty() {
            continue;
        }
        let retries = scene.documents.has(&api.id, |element| {
            element.name == "retry"
                && element
                    .elements()
                    .any(|child| child.name == "forward-request" || child.elements().any(|inner| inner.name == "forward-request"))
        });
        let finding = if retries {
            Finding::pass("a failed attempt is made again, at the next member")
        } else {
            Finding::fail(
                "nothing tries again: the request that meets a failing member fails",
                vec![Cause::new(
                    "a pool never sends a request twice; `<retry>` around `<forward-request>` does",
                    format!(
                        "write <retry condition=\"@(context.Response == null || context.Response.StatusCode == 429 || context.Response.StatusCode &gt;= 500)\" count=\"{}\" interval=\"0\" first-fast-retry=\"true\"> around it and run: {}",
                        pools.iter().map(|pool| pool.members.len().saturating_sub(1)).max().unwrap_or(1),
                        run.subject.commands.of("apply")
                    ),
                )],
            )
        };
        run.add(format!("retry/{}", api.name()), Step::Failover, finding);
    }
}
