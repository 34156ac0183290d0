//! Streams reach the caller token by token.

use std::time::Duration;

use crate::scenario::Answer;
use crate::verify::diagnose::{self, Style};
use crate::verify::gateway::Told as _;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::routes::Kind;
use crate::verify::run::Run;
use crate::verify::scene::{Scene, keyed};
use crate::verify::subject::Subject;

/// Parts that come nearer together than this came together.
const TOGETHER: Duration = Duration::from_millis(1);
/// Fewer frames than this say nothing about how they came.
const ENOUGH: usize = 16;
/// A gateway that buffers sends lumps of 8 KiB (documented), some dozens of frames each; a busy network may join a few.
const FRAMES_IN_A_LUMP: usize = 8;
/// A model that says a token in less time than this (none does, a simulated one may) fills lumps faster than they can be told apart.
const PER_FRAME: Duration = Duration::from_millis(4);
/// A busy machine may make a good stream look bad, never a bad one good.
const ATTEMPTS: usize = 3;

/// Each API with chat completions.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    for api in &scene.apis {
        let Some(call) = api.calls(&scene.models).into_iter().find(|call| call.kind == Kind::Chat) else { continue };
        let name = format!("streaming/{}", api.name());
        let Some(key) = scene.credential(api) else {
            run.add(name, Step::Clients, Finding::skip("no key of the specification opens this API"));
            continue;
        };
        let request = keyed(&call.streamed(), key);
        let mut finding = Finding::skip("nothing was sent");
        for _ in 0..ATTEMPTS {
            finding = match scene.gateway.ask(&request, None).await {
                Err(error) => Finding::fail(error.to_string(), diagnose::unanswered(run.subject, &error)),
                Ok(answer) if !answer.status.is_success() => {
                    Finding::fail(diagnose::short(&answer), diagnose::causes(run.subject, api, Style::KeyHeader, &answer))
                }
                Ok(answer) => judge(run.subject, &answer),
            };
            if finding.status == crate::verify::Status::Pass || run.is_cancelled() {
                break;
            }
        }
        run.add(name, Step::Clients, finding);
    }
}

fn judge(subject: &Subject<'_>, answer: &Answer) -> Finding {
    let apply = subject.commands.of("apply");
    if !answer.is_stream() {
        return Finding::fail(
            format!("a stream was asked for, and `{}` came", answer.header("content-type").unwrap_or("nothing")),
            vec![Cause::new(
                "a policy rewrites the body (`set-body`, a cache, `validate-content`) or drops `stream` from the request",
                format!("look at every statement of such a request: {}", subject.commands.trace()),
            )],
        );
    }
    let frames = answer.events();
    if answer.cut.is_some() || frames.last().is_none_or(|last| last != "[DONE]") {
        return Finding::fail(
            format!("the stream ended after {} frames, without `[DONE]`", frames.len()),
            vec![Cause::new(
                "the connection is cut while the answer comes: a time limit of `forward-request`, or four minutes without a byte",
                format!("raise `timeout` and set `buffer-response=\"false\"` at `forward-request`, then: {apply}"),
            )],
        );
    }
    let lumps = lumps(answer);
    if frames.len() < ENOUGH {
        return Finding::skip(format!("the model said too little ({} frames) to tell a stream from a lump", frames.len()));
    }
    let first = answer.pieces.first().map_or(Duration::ZERO, |piece| piece.after);
    let last = answer.pieces.last().map_or(Duration::ZERO, |piece| piece.after);
    let shape = format!(
        "{} frames in {lumps} parts, the first after {} ms, the last after {} ms",
        frames.len(),
        first.as_millis(),
        last.as_millis()
    );
    let frames_told = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    if lumps * FRAMES_IN_A_LUMP < frames.len() && last < PER_FRAME * frames_told {
        return Finding::skip(format!("the model answers too fast to tell a stream from a lump: {shape}"));
    }
    if lumps * FRAMES_IN_A_LUMP < frames.len() {
        return Finding::fail(
            format!("the stream comes in lumps: {shape}"),
            vec![Cause::new(
                "`buffer-response` of `forward-request` is true unless a policy says otherwise; so are `validate-content` and logging of bodies",
                format!("write <forward-request buffer-response=\"false\" /> in `<backend>` and run: {apply}"),
            )],
        );
    }
    Finding::pass(shape)
}

/// Parts that came apart from each other.
fn lumps(answer: &Answer) -> usize {
    let mut count = 0;
    let mut before: Option<Duration> = None;
    for piece in &answer.pieces {
        if before.is_none_or(|before| piece.after.saturating_sub(before) > TOGETHER) {
            count += 1;
        }
        before = Some(piece.after);
    }
    count
}
