//! Branches: who gets which backend, and what is never reached.

use std::collections::{HashMap, HashSet};

use super::{Code, Scene, values};
use crate::policy::codes;
use crate::policy::document::{Element, Value, Visit};
use crate::support::finding::{Finding, Kind};

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let choices = choices(scene);
    let bound: HashSet<&str> = scene
        .elements("set-variable")
        .filter(|visit| values(visit.element).any(bound_value))
        .filter_map(|visit| visit.element.literal("name").map(str::trim))
        .collect();
    for visit in scene.elements("when") {
        privileged(scene, visit, &choices, &bound, findings);
    }
    unreachable(scene, findings);
    mixed(scene, findings);
}

/// A number that a client sends in a header, with its default.
struct Choice {
    header: String,
    /// The value without the header, if it is a literal number.
    default: Option<f64>,
}

/// Headers that an expression reads: `Headers.GetValueOrDefault("name", "default")`.
fn headers(code: &Code<'_>) -> Vec<Choice> {
    code.find("Request . Headers . GetValueOrDefault (")
        .filter_map(|found| {
            let header = code.string(found.end)?.to_owned();
            let default = (code.token(found.end + 1) == ",").then(|| code.string(found.end + 2)).flatten();
            Some(Choice { header, default: default.and_then(|text| text.trim().parse().ok()) })
        })
        .collect()
}

/// Variables that hold such a header. A block that falls back to a number of its own has no known default.
fn choices<'a>(scene: &Scene<'a>) -> HashMap<&'a str, Choice> {
    let mut found = HashMap::new();
    for visit in scene.elements("set-variable") {
        let (Some(name), Some(expression)) =
            (visit.element.literal("name"), visit.element.attribute("value").and_then(|value| value.value.expression()))
        else {
            continue;
        };
        if let Some(code) = Code::of(&expression.code)
            && let Some(mut choice) = headers(&code).pop()
        {
            // What a parse that may fail gives is decided elsewhere in the block.
            if code.has("TryParse (") {
                choice.default = None;
            }
            found.insert(name.trim(), choice);
        }
    }
    found
}

/// The comparison with a number in a condition: operator and limit.
fn comparison(code: &Code<'_>) -> Option<(&'static str, f64)> {
    (0..code.len()).find_map(|index| {
        let operator = ["<=", "<", ">=", ">", "=="].into_iter().find(|operator| *operator == code.token(index))?;
        Some((operator, code.token(index + 1).parse().ok()?))
    })
}

fn privileged(
    scene: &Scene<'_>,
    visit: &Visit<'_>,
    choices: &HashMap<&str, Choice>,
    bound_variables: &HashSet<&str>,
    findings: &mut Vec<Finding>,
) {
    let Some(backend) = Scene::holds(visit.element, "set-backend-service") else { return };
    let Some(expression) = visit.element.attribute("condition").and_then(|attribute| attribute.value.expression()) else { return };
    let Some(code) = Code::of(&expression.code) else { return };
    let direct = headers(&code);
    let read = code.variables().find_map(|read| choices.get(read.name));
    let Some(choice) = direct.first().or(read) else { return };
    let Some((operator, limit)) = comparison(&code) else { return };
    let chosen = choice.default.is_some_and(|default| match operator {
        "<=" => default <= limit,
        "<" => default < limit,
        ">=" => default >= limit,
        ">" => default > limit,
        _ => (default - limit).abs() < f64::EPSILON,
    });
    if chosen {
        findings.push(
            Finding::warning(
                codes::PRIORITY_DEFAULT,
                Kind::Trap,
                format!(
                    "a request without the header `{}` meets this condition: ordinary traffic takes the privileged branch",
                    choice.header
                ),
            )
            .at(code.whole())
            .help(format!("give the header a default that does not meet it (`{operator} {limit}`)")),
        );
    }
    let privileged = choice.header.to_ascii_lowercase().contains("priority")
        || backend.literal("backend-id").is_some_and(|id| id.to_ascii_lowercase().contains("ptu"));
    let is_bound = || {
        bound(&code)
            || code.variables().any(|read| bound_variables.contains(read.name))
            || scene
                .walk
                .ancestors(visit)
                .any(|around| around.element.attribute("condition").is_some_and(|condition| bound_value(&condition.value)))
    };
    if privileged && !is_bound() {
        findings.push(
            Finding::warning(
                codes::CLIENT_CHOOSES,
                Kind::Trap,
                format!("any client can choose this backend by sending the header `{}`", choice.header),
            )
            .at(code.whole())
            .label(scene.document.span(&backend.name_range), "the backend")
            .help("also test `context.Product` or `context.Subscription` (they may be null)"),
        );
    }
}

/// Whether it depends on who the caller is.
fn bound(code: &Code<'_>) -> bool {
    ["context . Product", "context . Subscription", "context . User", ". Claims"].iter().any(|pattern| code.has(pattern))
}

fn bound_value(value: &Value) -> bool {
    value.expression().and_then(|expression| Code::of(&expression.code)).is_some_and(|code| bound(&code))
}

fn unreachable(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let mut report = |element: &Element, because: Option<&Element>, why: &str| {
        let finding = Finding::warning(codes::UNREACHABLE, Kind::Trap, format!("`<{}>` is never reached: {why}", element.name))
            .at(scene.document.span(&element.name_range))
            .help("remove it, or move it up");
        findings.push(match because {
            Some(because) => finding.label(scene.document.span(&because.name_range), "because of this"),
            None => finding,
        });
    };
    for visit in scene.walk.iter() {
        if visit.element.name == "choose" {
            conditions(visit.element, &mut report);
            continue;
        }
        let mut answered: Option<&Element> = None;
        for element in visit.element.elements() {
            if let Some(answer) = answered {
                report(element, Some(answer), "the policy before it ends the request");
                break;
            }
            if answers(element) {
                answered = Some(element);
            }
        }
    }
}

/// Whether nothing runs behind the policy: it answers, in every branch if it has some.
fn answers(element: &Element) -> bool {
    match element.name.as_str() {
        "return-response" | "mock-response" => true,
        "choose" => {
            element.elements().any(|branch| branch.name == "otherwise") && element.elements().all(|branch| branch.elements().any(answers))
        }
        _ => false,
    }
}

/// The branches of a `choose` that no request takes.
fn conditions<'a>(choose: &'a Element, report: &mut impl FnMut(&'a Element, Option<&'a Element>, &str)) {
    let mut seen: HashMap<Vec<&str>, &Element> = HashMap::new();
    let mut always: Option<&Element> = None;
    for element in choose.elements() {
        if let Some(first) = always {
            report(element, Some(first), "the condition before it is always true");
            break;
        }
        let Some(condition) = element.attribute("condition") else { continue };
        match constant(&condition.value) {
            Some(true) => always = Some(element),
            Some(false) => report(element, None, "its condition is always false"),
            None => {
                let Some(code) = condition.value.expression().and_then(|expression| Code::of(&expression.code)) else { continue };
                // What gives another value each time may hold the second time.
                if ["Random", "NewGuid", "DateTime", "DateTimeOffset", "Elapsed"].iter().any(|word| code.has(word)) {
                    continue;
                }
                let tokens: Vec<&str> = (0..code.len()).map(|index| code.token(index)).collect();
                match seen.get(&tokens).copied() {
                    Some(first) => report(element, Some(first), "an earlier `<when>` has the same condition"),
                    None => {
                        seen.insert(tokens, element);
                    }
                }
            }
        }
    }
}

/// The value of a condition that is the same for every request.
fn constant(value: &Value) -> Option<bool> {
    match value {
        Value::Literal(text) => match text.text().trim() {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => None,
        },
        Value::Expression(expression) => expression.known()?.as_ref().ok()?.constant(),
    }
}

/// Of 4,402 values in public documents none mixes text and expression: such a value stays text.
fn mixed(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    for visit in scene.walk.iter() {
        let payload = std::iter::once(visit).chain(scene.walk.ancestors(visit)).any(|around| around.element.name == "set-body");
        if payload {
            continue;
        }
        for value in values(visit.element) {
            let Value::Literal(text) = value else { continue };
            if let Some(at) = text.text().find("@(context.").or_else(|| text.text().find("@((")) {
                findings.push(
                    Finding::warning(codes::MIXED_VALUE, Kind::Trap, "an expression inside a literal text is not evaluated")
                        .at(text.span(at..at + 2))
                        .help("make the whole value one expression, for instance `@(\"Bearer \" + …)`"),
                );
            }
        }
    }
}
