//! The failover drill: members are taken out of a pool, one after the other, and the others must serve.
//!
//! By default with a pool, a backend and a non-current API revision of its own, so that no client notices; `in-place` with the real pool, as
//! the tutorial does it. Everything that will be made or changed is written down first, on this machine ([`super::journal`]) and in
//! the service ([`note`]); it is put back whatever happens ([`restore`]).

pub mod note;
mod prepare;
pub mod restore;
mod stage;

use std::time::Duration;

use serde_json::Value;

use self::stage::{Shown, Stage, Trouble};
use super::documents::Documents;
use super::journal::{Contents, Journal};
use super::outcome::{Cause, Finding, Step};
use super::pools::{Member, Pool};
use super::routes::Api;
use super::run::Run;
use super::scene::Scene;
use super::subject::Subject;
use crate::arm::ResourceId;
use crate::azure::ArmClient;
use crate::deploy::Desired;

/// What a drill's own pool is called: two specifications may share one service.
pub(super) fn pool_name(owner: &str) -> String {
    // Backends' names have 80 characters at most.
    const LONGEST: usize = 50;
    format!("apimctl-drill-{}", owner.chars().take(LONGEST).collect::<String>())
}

/// Members that never answer: with the first one sees that the change has reached the gateway, the second is fresh then.
pub(super) fn broken_names(owner: &str) -> [String; 2] {
    [1, 2].map(|number| format!("{}-broken-{number}", pool_name(owner)))
}

/// The act in which requests are to fail: one sees by it that a broken member has reached the gateway.
pub(super) const OUTAGE: &str = "only a broken member";
/// A name that leads nowhere, by RFC 6761.
const NOWHERE: &str = "https://apimctl-drill.invalid/openai";
/// More members than this are not all taken out in turn: only those that are in use.
const ALL_IN_TURN: usize = 4;

/// Where a drill takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A pool, a backend and an API revision that are made for it.
    Own,
    /// The real pool.
    InPlace,
}

/// What a drill is going to do, for people to say yes to.
#[must_use]
pub fn announce(subject: &Subject<'_>, kind: Kind) -> Vec<String> {
    let documents = Documents::read(subject);
    let service = subject.service().map_or("", |service| service.name());
    let mut lines = Vec::new();
    let mut requests = 0;
    for (pool, members) in pools(subject.desired) {
        if members < 2 {
            continue;
        }
        let api = subject.desired.resources.iter().filter_map(|resource| resource.id.known()).find(|id| {
            id.is_type("Microsoft.ApiManagement/service/apis") && documents.backends(id).iter().any(|name| name.eq_ignore_ascii_case(&pool))
        });
        let Some(api) = api else { continue };
        requests += (members + 4) * stage::SHOTS * 2;
        lines.push(match kind {
            Kind::Own => format!(
                "makes in `{service}` the pool `{}` (the {members} members of `{pool}`), two backends that never answer and a non-current revision of `{}`, and deletes them afterwards; clients notice nothing",
                pool_name(&subject.desired.owner),
                api.name()
            ),
            Kind::InPlace => format!(
                "takes the {members} members of `{pool}` out of the pool, one after the other, and puts them back; meanwhile `{}` is served by the others alone",
                api.name()
            ),
        });
    }
    if !lines.is_empty() {
        lines.push(format!("sends about {requests} requests of some 15 tokens each"));
        lines.push(format!(
            "writes the named value `{}` while it lasts, from which any machine can put everything back",
            note::name(&subject.desired.owner)
        ));
    }
    lines
}

/// Names of the specification's pools with the number of their members.
fn pools(desired: &Desired) -> Vec<(String, usize)> {
    let pools = desired.resources.iter().filter_map(|resource| {
        let members = resource.body.value.pointer("/properties/pool/services")?.as_array()?.len();
        Some((resource.id.known()?.name().to_owned(), members))
    });
    pools.collect()
}

/// A drill of an earlier run that was not put back: on this machine, or noted in the service.
pub async fn unfinished(client: &ArmClient, desired: &Desired, state_dir: Option<&std::path::Path>) -> Option<Contents> {
    let service = desired.service.as_ref()?;
    if let Some(contents) = Journal::peek(state_dir, &desired.owner, service) {
        return Some(contents);
    }
    // What cannot be read cannot be told; whoever goes on will meet the same error.
    note::read(client, service, &desired.owner).await.ok().flatten()
}

/// Each pool in turn.
pub(super) async fn check(run: &mut Run<'_>, scene: &Scene, kind: Kind) {
    let subject = run.subject;
    let Some(service) = subject.service() else { return };
    if let Some(left) = unfinished(subject.client, subject.desired, subject.settings.state_dir.as_deref()).await {
        let causes = vec![Cause::new(
            "an earlier run was killed in the middle, or still runs on another machine",
            subject.commands.of("verify --restore"),
        )];
        run.add("failover", Step::Failover, Finding::fail(format!("there is a drill to be put back first: {}", left.words()), causes));
        return;
    }
    let mut any = false;
    for pool in scene.pools.iter().filter(|pool| pool.members.len() > 1) {
        any = true;
        if run.is_cancelled() {
            run.add(format!("failover/{}", pool.name()), Step::Failover, Finding::skip("stopped on request"));
            continue;
        }
        let fresh = Contents::new(&subject.desired.owner, service, &subject.settings.holder, subject.settings.clock.utc());
        let journal = match Journal::open(subject.settings.state_dir.as_deref(), fresh) {
            Ok(journal) => journal,
            Err(error) => {
                let why = format!("{error}; without a journal nothing is changed");
                run.add(format!("failover/{}", pool.name()), Step::Failover, Finding::skip(why));
                continue;
            }
        };
        one(run, scene, pool, kind, &journal).await;
    }
    if !any {
        run.add("failover", Step::Failover, Finding::skip("the specification has no pool of several members"));
    }
}

/// One pool.
async fn one(run: &mut Run<'_>, scene: &Scene, pool: &Pool, kind: Kind, journal: &Journal) {
    let name = |what: &str| format!("failover/{}/{what}", pool.name());
    let prepared = match prepare::prepare(run.subject, scene, pool, kind, journal).await {
        Ok(prepared) => prepared,
        Err(why) => {
            run.add(format!("failover/{}", pool.name()), Step::Failover, Finding::skip(why));
            return;
        }
    };
    run.listener.note(&format!("Drill in `{}`: {}", pool.name(), prepared.words));
    let mut stage = Stage::new(run.subject, &scene.gateway, pool, &prepared);
    let outcome = Box::pin(acts(run, &mut stage, pool, kind)).await;
    if let Err(trouble) = outcome {
        run.add(name("drill"), Step::Failover, trouble.finding(run.subject, &prepared.api));
    }
    // Whatever happened.
    let back = restore::put_back(run.subject.client, journal).await;
    let finding = if back.iter().all(restore::Restored::is_good) {
        Finding::pass(back.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    } else {
        Finding::fail(
            back.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            vec![Cause::new(
                "ARM did not answer, or somebody else has changed the same meanwhile",
                run.subject.commands.of("verify --restore"),
            )],
        )
    };
    run.add(name("restored"), Step::Failover, finding);
    run.verification.timelines.push((pool.name().to_owned(), stage.into_timeline()));
}

/// The acts of a drill, each a check.
async fn acts(run: &mut Run<'_>, stage: &mut Stage<'_>, pool: &Pool, kind: Kind) -> Result<(), Trouble> {
    let name = |what: &str| format!("failover/{}/{what}", pool.name());
    stage.open().await?;
    stage.act("all members", Shown::All).await?;
    let many = pool.members.len() > ALL_IN_TURN;
    let turn: Vec<&Member> = if many { pool.in_use().collect() } else { pool.members.iter().collect() };
    for member in turn {
        let rest: Vec<Value> = stage.services_without(&member.backend);
        stage.write_services(&rest).await?;
        let label = pool.label(member);
        let told = stage.told_apart(&label);
        // Where answers cannot tell, it is enough that there are answers.
        let shown = if told { Shown::Gone(&label) } else { Shown::Success };
        run.listener.note(&format!("  without {}", member.backend));
        let act = stage.act(&format!("without {}", member.backend), shown).await?;
        run.add(name(&format!("without-{}", member.backend)), Step::Failover, act.finding(run.subject, stage.api(), told));
    }
    let all = stage.all_services();
    stage.write_services(&all).await?;
    let back = stage.act("all members again", Shown::All).await?;
    run.add(name("recovery"), Step::Failover, back.recovery(run.subject, stage.api()));
    let (Kind::Own, Some(first), Some(second)) = (kind, stage.broken(0), stage.broken(1)) else { return Ok(()) };
    // Alone, it shows when the gateway has heard of it; its breaker has tripped then, so another one joins the members.
    stage.write_services(&[first]).await?;
    stage.act(OUTAGE, Shown::Failure).await?;
    stage.write_services(&all.iter().cloned().chain([second]).collect::<Vec<_>>()).await?;
    let act = stage.act("with a broken member", Shown::Success).await?;
    run.add(name("broken-member"), Step::Failover, act.broken(run.subject, stage.api()));
    Ok(())
}

/// What is ready for the first act.
pub(super) struct Prepared {
    /// The API to call: the real one, or a revision of it.
    pub(super) api: Api,
    /// A request through it.
    pub(super) request: crate::scenario::Request,
    /// The pool whose members come and go.
    pub(super) pool: ResourceId,
    /// As it is to be with all members.
    pub(super) body: Value,
    pub(super) api_version: String,
    /// What is made before the first request, in order; nothing in place.
    pub(super) made: Vec<(ResourceId, String, Value)>,
    /// The backends for the last acts; none in place.
    pub(super) broken: Vec<(ResourceId, String)>,
    /// For people.
    pub(super) words: String,
}

/// How long a pool's change may take to reach the gateway.
pub(super) fn propagation(subject: &Subject<'_>) -> Duration {
    const LONGEST: Duration = Duration::from_secs(120);
    subject.settings.patience.min(LONGEST)
}
