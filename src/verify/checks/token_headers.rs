//! Headers that tell how many tokens are left count down.

use crate::scenario::Answer;
use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::Told as _;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::routes::Kind;
use crate::verify::run::Run;
use crate::verify::scene::{Scene, keyed};

/// Attributes of the token limit policies that name headers: what is left, and what was used.
const LEFT: [&str; 2] = ["remaining-tokens-header-name", "remaining-quota-tokens-header-name"];
const USED: &str = "tokens-consumed-header-name";
/// Answers that are compared.
const ANSWERS: usize = 3;

/// Each API whose policies send such headers.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let mut any = false;
    for api in &scene.apis {
        let left: Vec<String> = LEFT.iter().flat_map(|attribute| scene.documents.attributes(&api.id, attribute)).collect();
        let used = scene.documents.attributes(&api.id, USED);
        if left.is_empty() && used.is_empty() {
            continue;
        }
        any = true;
        let name = format!("token-headers/{}", api.name());
        let call = api.calls(&scene.models).into_iter().find(|call| call.kind != Kind::Embeddings);
        let (Some(call), Some(key)) = (call, scene.credential(api)) else {
            run.add(name, Step::Clients, Finding::skip("nothing can be called here with a key of the specification"));
            continue;
        };
        let request = keyed(&call, key);
        // One after the other: what is left after the first must be known before the second.
        let mut answers = Vec::new();
        let mut finding = None;
        for _ in 0..ANSWERS {
            match scene.gateway.ask(&request, None).await {
                Ok(answer) if answer.status.is_success() => answers.push(answer),
                Ok(answer) => {
                    finding = Some(Finding::fail(diagnose::short(&answer), diagnose::causes(run.subject, api, Style::KeyHeader, &answer)));
                    break;
                }
                Err(error) => {
                    finding = Some(Finding::fail(error.to_string(), diagnose::unanswered(run.subject, &error)));
                    break;
                }
            }
        }
        let apply = run.subject.commands.of("apply");
        let finding = finding.unwrap_or_else(|| judge(&left, &used, &answers, &apply));
        run.add(name, Step::Clients, finding);
    }
    if !any {
        run.add("token-headers", Step::Clients, Finding::skip("no policy of the specification sends headers about tokens"));
    }
}

fn numbers(answers: &[Answer], header: &str) -> Vec<Option<i64>> {
    answers.iter().map(|answer| answer.header(header).and_then(|value| value.trim().parse().ok())).collect()
}

fn judge(left: &[String], used: &[String], answers: &[Answer], apply: &str) -> Finding {
    let mut told = Vec::new();
    // Policies of several products may each have names of their own: those that no answer has are of others.
    let present: Vec<&String> = left.iter().filter(|header| answers.iter().any(|answer| answer.header(header).is_some())).collect();
    let present_used: Vec<&String> = used.iter().filter(|header| answers.iter().any(|answer| answer.header(header).is_some())).collect();
    if present.is_empty() && present_used.is_empty() {
        let names: Vec<&str> = left.iter().chain(used).map(String::as_str).collect();
        return Finding::fail(
            format!("no answer has any of the headers {}", names.join(", ")),
            vec![Cause::new(
                "the policy that sends them does not run for this key: it stands at another product, or its section lacks `<base />`",
                format!("look at `<base />` in the policies of the API and its operations, then: {apply}"),
            )],
        );
    }
    for header in present {
        let values = numbers(answers, header);
        let known: Vec<i64> = values.iter().copied().flatten().collect();
        let falls = known.windows(2).any(|two| matches!(two, [first, second] if second < first));
        let empty = known.iter().all(|value| *value == 0);
        if known.len() < answers.len() || !(falls || empty) {
            return Finding::fail(
                format!("`{header}` does not count down: {values:?}"),
                vec![Cause::new(
                    "each request counts for another key (`counter-key`), so nothing adds up",
                    format!("make `counter-key` the same for all requests of a client (@(context.Subscription.Id)), then: {apply}"),
                )],
            );
        }
        told.push(format!("`{header}`: {}", known.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")));
    }
    for header in present_used {
        let values = numbers(answers, header);
        if values.iter().any(|value| value.is_none_or(|value| value <= 0)) {
            return Finding::fail(
                format!("`{header}` tells no tokens: {values:?}"),
                vec![Cause::new(
                    "the answer carries no `usage`, or the policy cannot read it",
                    format!("look at what the model answers, then: {apply}"),
                )],
            );
        }
        told.push(format!("`{header}`: {}", values.iter().flatten().map(i64::to_string).collect::<Vec<_>>().join(", ")));
    }
    Finding::pass(told.join("; "))
}
