//! Every kind of client, as it sends its requests.

use std::time::Duration;

use serde_json::Value;

use crate::scenario::request::Place;
use crate::scenario::{Answer, Request};
use crate::spec::codes;
use crate::support::finding::Code;
use crate::support::secret::Secret;
use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::{Told as _, Unanswered};
use crate::verify::keys::key;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::routes::{Api, Call, Kind};
use crate::verify::run::Run;
use crate::verify::scene::{Scene, keyed};
use crate::verify::subject::Subject;

/// How long a change takes to reach a gateway in Azure, at most (assumed; seen: seconds).
const PROPAGATION: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(2);

/// A style is asked for, or why not.
enum Wanted {
    Yes(Box<Call>),
    No(String),
}

/// Each style of each API.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    for api in &scene.apis {
        let calls = api.calls(&scene.models);
        let Some(first) = calls.first() else {
            let why = if scene.models.is_empty() {
                "the specification names no deployment (`openAI:`) that could be asked for".to_owned()
            } else {
                "no operation of this API is one that a model's completion, embedding or response can be asked of".to_owned()
            };
            run.add(format!("client/{}", api.name()), Step::Clients, Finding::skip(why));
            continue;
        };
        if api.is_front {
            front(run, scene, api, first).await;
            continue;
        }
        if !api.key_required {
            let finding = ask(run.subject, scene, api, Style::KeyHeader, &first.request, first.kind).await;
            run.add(format!("client/{}/without-key", api.name()), Step::Clients, finding);
            continue;
        }
        let Some(subscription) = scene.keys.for_api(api) else {
            let causes = vec![Cause::new(
                "the specification has no active subscription whose scope includes it",
                format!("add one under `subscriptions:` and run: {}", run.subject.commands.of("apply")),
            )];
            run.add(format!("client/{}", api.name()), Step::Clients, Finding::fail("no key opens this API", causes));
            continue;
        };
        let secret = subscription.primary.clone();
        for style in [Style::KeyHeader, Style::Query, Style::Bearer, Style::AzureSdk, Style::OpenAiSdk] {
            let name = format!("client/{}/{}", api.name(), style.name());
            let finding = match wanted(run.subject, scene, api, style, &calls) {
                Wanted::No(why) => Finding::skip(why),
                Wanted::Yes(call) => styled(run.subject, scene, api, style, &call, &calls, &secret).await,
            };
            run.add(name, Step::Clients, finding);
            if run.is_cancelled() {
                return;
            }
        }
    }
}

/// Whether an API is one that the SDKs find by themselves.
fn is_sdk_api(api: &Api) -> bool {
    let last = api.path.rsplit('/').next().unwrap_or_default();
    last.eq_ignore_ascii_case("openai") && api.header.as_str() == "api-key"
}

fn wanted(subject: &Subject<'_>, scene: &Scene, api: &Api, style: Style, calls: &[Call]) -> Wanted {
    let Some(first) = calls.first() else { return Wanted::No("there is nothing to call".to_owned()) };
    let yes = || Wanted::Yes(Box::new(first.clone()));
    let twin = scene.apis.iter().any(|other| is_sdk_api(other) && other.name().eq_ignore_ascii_case(&format!("{}-sdk", api.name())));
    match style {
        Style::KeyHeader | Style::Query => yes(),
        Style::Bearer if api.bearer || said(subject, api, codes::BEARER_UNSERVED) => yes(),
        Style::Bearer if scene.apis.iter().any(|other| other.is_front && other.name() == format!("{}-bearer", api.name())) => {
            Wanted::No(format!("bearer tokens are taken by the API `{}-bearer` in front", api.name()))
        }
        Style::Bearer => Wanted::No("the specification does not ask for it (`clients: [bearer]`)".to_owned()),
        Style::AzureSdk if is_sdk_api(api) => {
            match calls.iter().find(|call| call.request.path.to_ascii_lowercase().contains("/openai/deployments/")) {
                Some(call) => Wanted::Yes(Box::new(call.clone())),
                None => Wanted::No("this API has no operation below `/deployments/`".to_owned()),
            }
        }
        Style::AzureSdk if twin => Wanted::No(format!("SDKs use the twin `{}-sdk`", api.name())),
        Style::AzureSdk if said(subject, api, codes::ROOT_API_WITHOUT_SDK) => {
            let mut call = first.clone();
            call.request.path = format!("/openai{}", call.request.path);
            Wanted::Yes(Box::new(call))
        }
        Style::OpenAiSdk if is_sdk_api(api) && api.bearer => {
            match calls.iter().find(|call| call.request.path.to_ascii_lowercase().contains("/openai/v1/")) {
                Some(call) => Wanted::Yes(Box::new(call.clone())),
                None => Wanted::No("this API has no operation below `/v1/`".to_owned()),
            }
        }
        Style::AzureSdk | Style::OpenAiSdk => Wanted::No(
            "the specification does not ask for it (`clients: [azure-openai-sdk]`, with `bearer` for OpenAI's own SDK)".to_owned(),
        ),
    }
}

/// Whether `validate` says this of the API: then the specification means it, whatever it deploys.
fn said(subject: &Subject<'_>, api: &Api, code: Code) -> bool {
    let locator = &subject.loaded.locator;
    let pointers = [api.pointer.clone(), format!("{}/path", api.pointer)];
    let spans: Vec<_> = pointers.iter().flat_map(|pointer| [locator.key(pointer), locator.value(pointer)]).flatten().collect();
    subject.loaded.findings.iter().any(|finding| finding.code == code && finding.span.is_some_and(|span| spans.contains(&span)))
}

fn place(api: &Api, style: Style) -> Place {
    match style {
        Style::KeyHeader => Place::Header(api.header.clone()),
        Style::Query => Place::Query(api.query.clone()),
        Style::Bearer | Style::OpenAiSdk => Place::Bearer,
        Style::AzureSdk => Place::Header(http::HeaderName::from_static("api-key")),
    }
}

async fn styled(
    subject: &Subject<'_>,
    scene: &Scene,
    api: &Api,
    style: Style,
    call: &Call,
    calls: &[Call],
    secret: &Secret<String>,
) -> Finding {
    let of = |call: &Call| keyed(call, Some(key(secret, place(api, style))));
    let finding = ask(subject, scene, api, style, &of(call), call.kind).await;
    if style != Style::KeyHeader || finding.status != crate::verify::Status::Pass {
        return finding;
    }
    // One style is enough for the operations of other kinds.
    let mut kinds = vec![call.kind];
    for other in calls {
        if kinds.contains(&other.kind) {
            continue;
        }
        kinds.push(other.kind);
        let finding = ask(subject, scene, api, style, &of(other), other.kind).await;
        if finding.status != crate::verify::Status::Pass {
            return finding;
        }
    }
    finding
}

/// The open API of `bearer: loopback`.
async fn front(run: &mut Run<'_>, scene: &Scene, api: &Api, call: &Call) {
    let finding = match scene.keys.credential(api) {
        Some(key) => ask(run.subject, scene, api, Style::Bearer, &keyed(call, key), call.kind).await,
        None => Finding::skip("no subscription of the specification opens the API behind it"),
    };
    run.add(format!("client/{}/bearer", api.name()), Step::Clients, finding);
}

/// Whether a model answered.
async fn ask(subject: &Subject<'_>, scene: &Scene, api: &Api, style: Style, request: &Request, kind: Kind) -> Finding {
    match settled(subject, scene, style, request).await {
        Err(error) => Finding::fail(error.to_string(), diagnose::unanswered(subject, &error)),
        Ok(answer) if !answer.status.is_success() => Finding::fail(
            format!("{} with {}: {}", request.title(), style.words(), diagnose::short(&answer)),
            diagnose::causes(subject, api, style, &answer),
        ),
        Ok(answer) => match said_something(&answer, kind) {
            true => Finding::pass(format!(
                "{} with {}: {} in {} ms{}",
                request.title(),
                style.words(),
                answer.code(),
                answer.elapsed.as_millis(),
                answer.header("x-ms-region").map_or_else(String::new, |region| format!(", from {region}"))
            )),
            false => Finding::fail(
                format!("{} with {}: {}, and no completion in it", request.title(), style.words(), answer.code()),
                vec![Cause::new(
                    "something else than a model answered: a mock, an empty `<backend>`, another address",
                    format!("look at every statement of such a request: {}", subject.commands.trace()),
                )],
            ),
        },
    }
}

/// A gateway in Azure hears of changes late: what may be that is asked again for a while.
async fn settled(subject: &Subject<'_>, scene: &Scene, style: Style, request: &Request) -> Result<Answer, Unanswered> {
    let clock = scene.gateway.clock();
    let deadline = clock.now() + PROPAGATION.min(subject.settings.patience);
    loop {
        let answer = scene.gateway.ask(request, None).await;
        let early = match &answer {
            Ok(answer) => matches!(answer.code(), 401 | 404) && answer.is_of_gateway(),
            Err(_) => false,
        };
        // The other styles come after this one.
        if !early || subject.is_local() || style != Style::KeyHeader || clock.now() >= deadline {
            return answer;
        }
        clock.sleep(PAUSE).await;
    }
}

fn said_something(answer: &Answer, kind: Kind) -> bool {
    let body = answer.json();
    let pointer = match kind {
        Kind::Chat | Kind::Completions => "/choices/0",
        Kind::Embeddings => "/data/0/embedding",
        Kind::Responses => "/output",
    };
    body.pointer(pointer).is_some_and(|value| !matches!(value, Value::Null))
}
