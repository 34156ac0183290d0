//! Bodies: read once too often, or read where a stream should pass.

use std::ops::Range;

use super::{Code, Scene, Site};
use crate::expression::Need;
use crate::policy::codes;
use crate::policy::document::{Section, Visit};
use crate::support::finding::{Finding, Kind};

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for message in [Message::Request, Message::Response] {
        consumed(scene, message, findings);
    }
    streams(scene, findings);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    Response,
}

impl Message {
    const fn body(self) -> &'static str {
        match self {
            Self::Request => "context . Request . Body",
            Self::Response => "context . Response . Body",
        }
    }

    /// Whether somebody still wants the body after a policy of this section.
    fn is_wanted_after(self, section: Option<Section>) -> bool {
        match self {
            Self::Request => matches!(section, Some(Section::Inbound | Section::Backend)),
            Self::Response => section == Some(Section::Outbound),
        }
    }
}

/// Reads of one body in one document that are looked at.
const MAX_READS: usize = 64;

/// One read of a body by `As<T>` or `AsFormUrlEncodedContent`.
struct Read<'s, 'a> {
    site: &'s Site<'a>,
    tokens: Range<usize>,
    consumes: bool,
}

/// `As<T>()` without `preserveContent` empties the stream: who reads next (another expression, the backend, the caller) gets nothing,
/// unless `set-body` fills it again.
fn consumed(scene: &Scene<'_>, message: Message, findings: &mut Vec<Finding>) {
    let mut reads: Vec<Read<'_, '_>> = Vec::new();
    // Each read is held against each later one: beyond this many nobody mends them one by one.
    for site in scene.sites.iter().filter(|site| effect(site, message) != Some(Need::Never)) {
        for found in site.code.find(message.body()) {
            if let Some(arguments) = arguments(&site.code, found.end) {
                if reads.len() == MAX_READS {
                    break;
                }
                let consumes = arguments.is_empty() || site.code.has_within(&arguments, "false");
                reads.push(Read { site, tokens: found, consumes });
            }
        }
    }
    for (index, read) in reads.iter().enumerate().filter(|(_, read)| read.consumes) {
        let visit = &read.site.visit;
        let finding = |text: String| {
            Finding::warning(codes::BODY_CONSUMED, Kind::Trap, text)
                .at(read.site.code.span(read.tokens.clone()))
                .help("write `As<…>(preserveContent: true)`")
        };
        let again = reads.iter().skip(index + 1).find(|later| is_after(scene, read, later));
        if let Some(later) = again {
            findings.push(
                finding("this read consumes the body: the one after it finds nothing".to_owned())
                    .label(later.site.code.span(later.tokens.clone()), "read again here"),
            );
            continue;
        }
        let mut around = std::iter::once(visit).chain(scene.walk.ancestors(visit)).take_while(|around| !is_other_message(around));
        let elsewhere = scene.walk.ancestors(visit).any(is_other_message);
        let answers = !elsewhere && around.any(refills);
        if message.is_wanted_after(visit.section) && !answers && !is_refilled(scene, visit, None) {
            let reader = if message == Message::Request { "backend" } else { "caller" };
            findings.push(finding(format!("this read consumes the body: the {reader} gets an empty one")));
        }
    }
}

/// What the compiler says of an expression's use of the body; nothing if it could not be asked.
fn effect(site: &Site<'_>, message: Message) -> Option<Need> {
    let effects = site.checked()?.effects();
    Some(match message {
        Message::Request => effects.request_body,
        Message::Response => effects.response_body,
    })
}

/// Whether the `later` read comes after the other one in a request, with nothing between that fills the body again.
fn is_after(scene: &Scene<'_>, read: &Read<'_, '_>, later: &Read<'_, '_>) -> bool {
    let (one, other) = (&read.site.visit, &later.site.visit);
    if std::ptr::eq(read.site, later.site) {
        // `a ? read : read` reads once only: two reads of one expression count when nothing chooses between them.
        let between = read.tokens.end..later.tokens.start;
        return !["?", "??", ":", "||", "&&", "else", "case", "catch", "return"]
            .iter()
            .any(|word| read.site.code.has_within(&between, word));
    }
    // `on-error` may be reached from anywhere; whether the first one ran is not known.
    one.section == other.section
        && one.section != Some(Section::OnError)
        && !scene.exclude_each_other(one, other)
        && !is_refilled(scene, one, Some(other))
        && !ends_before(scene, one, other)
}

/// Whether a branch ends the request after the read, so that what stands behind it does not run.
fn ends_before(scene: &Scene<'_>, read: &Visit<'_>, later: &Visit<'_>) -> bool {
    scene.elements("return-response").any(|answer| {
        let end = answer.element.range.end;
        let inside = read.element.range.start >= answer.element.range.start && read.element.range.end <= end;
        let mut branches = scene.walk.ancestors(answer).filter(|around| matches!(around.element.name.as_str(), "when" | "otherwise"));
        let same_branch = branches.next().is_some_and(|branch| {
            branch.element.range.contains(&read.element.range.start) && !branch.element.range.contains(&later.element.range.start)
        });
        inside || same_branch && answer.element.range.start > read.element.range.start
    })
}

/// The arguments of the reading call behind a body.
fn arguments(code: &Code<'_>, next: usize) -> Option<Range<usize>> {
    if !matches!(code.token(next), "." | "?.") {
        return None;
    }
    let open = match code.token(next + 1) {
        "As" if code.token(next + 2) == "<" => (next + 3..code.len()).find(|index| code.token(*index) == "(")?,
        "AsFormUrlEncodedContent" => next + 2,
        _ => return None,
    };
    Some(code.inside(open))
}

fn is_other_message(visit: &Visit<'_>) -> bool {
    matches!(visit.element.name.as_str(), "send-request" | "send-one-way-request")
}

fn refills(visit: &Visit<'_>) -> bool {
    matches!(visit.element.name.as_str(), "set-body" | "return-response")
}

/// Whether a policy of the same section fills the body after `from` (and before `to`), or answers by itself.
fn is_refilled(scene: &Scene<'_>, from: &Visit<'_>, to: Option<&Visit<'_>>) -> bool {
    scene.walk.iter().filter(|visit| visit.section == from.section && refills(visit)).any(|visit| {
        let start = visit.element.range.start;
        // A `set-body` takes its own value before it fills.
        let begins = start >= from.element.range.start;
        let ends = to.is_none_or(|to| visit.element.range.end <= to.element.range.start);
        begins && ends && !scene.walk.ancestors(visit).any(is_other_message)
    })
}

/// A response that is read has to be there as a whole first.
fn streams(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    if !scene.language_model {
        return;
    }
    for site in scene.sites.iter().filter(|site| site.visit.section == Some(Section::Outbound)) {
        if effect(site, Message::Response) != Some(Need::Always) {
            continue;
        }
        // In a branch somebody has chosen when to read.
        let chosen = scene.walk.ancestors(&site.visit).any(|around| matches!(around.element.name.as_str(), "when" | "otherwise"));
        let Some(found) = site.code.find(Message::Response.body()).next().filter(|_| !chosen) else { continue };
        findings.push(
            Finding::warning(
                codes::STREAM_READ,
                Kind::Trap,
                "reading the response's body holds back streamed completions until their end, and what is read is then no JSON",
            )
            .at(site.code.span(found))
            .help("read it only where the response is no `text/event-stream`"),
        );
    }
}
