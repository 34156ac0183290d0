//! Policy variables: never set, or of another type than asked for.

use std::collections::{HashMap, HashSet};

use super::code::ReadKind;
use super::{Code, Scene, values};
use crate::policy::codes;
use crate::policy::document::{Document, DocumentKind, Section};
use crate::support::finding::{Finding, Kind};

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    never_set(scene, findings);
    literal_cast(scene, findings);
    unsafe_parse(scene, findings);
}

/// Names that policies of a document set: `set-variable`, and every attribute that names a variable to be filled.
pub(in crate::policy) fn variables_set(document: &Document) -> Vec<(String, Option<Section>)> {
    let walk = document.walk();
    let mut names = Vec::new();
    for visit in walk.iter() {
        if visit.element.name == "set-variable" {
            names.extend(visit.element.literal("name").map(|name| (name.trim().to_owned(), visit.section)));
        }
        for attribute in visit.element.attributes.iter().filter(|attribute| attribute.name.ends_with("variable-name")) {
            names.extend(attribute.value.literal().map(|name| (name.trim().to_owned(), visit.section)));
        }
    }
    names
}

fn never_set(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    // A fragment reads what its includer sets; and an unknown fragment may set anything.
    let closed = scene.document.kind() == DocumentKind::Policies && (!scene.includes_fragments() || !scene.context.around.is_empty());
    if !closed {
        return;
    }
    let mut set: HashMap<String, Option<Section>> = HashMap::new();
    for (name, section) in variables_set(scene.document) {
        set.entry(name).and_modify(|first| *first = (*first).min(section)).or_insert(section);
    }
    let around: HashSet<String> = scene.context.around.iter().flat_map(|document| variables_set(document)).map(|(name, _)| name).collect();
    let inherits = scene.context.around.is_empty() && scene.elements("base").next().is_some();
    let mut reported: HashSet<&str> = HashSet::new();
    for (visit, code) in &scene.codes {
        // A variable that is also asked for with `ContainsKey` is meant to be missing at times.
        for read in code.variables().filter(|read| read.kind != ReadKind::Test) {
            let first = set.get(read.name);
            if first.is_some_and(|section| section <= &visit.section)
                || around.contains(read.name)
                || read.name.contains("{{")
                || !reported.insert(read.name)
            {
                continue;
            }
            let effect = match read.kind {
                ReadKind::Index => "this read throws",
                _ => "this read always gives the default",
            };
            let message = match first {
                Some(_) => format!("the variable `{}` is only set in a later section: {effect}", read.name),
                None if inherits => format!("the variable `{}` is not set here: {effect}, unless a wider scope sets it", read.name),
                None => format!("the variable `{}` is never set: {effect}", read.name),
            };
            let finding = Finding::warning(codes::NEVER_SET, Kind::Trap, message).at(code.span(read.range.clone()));
            findings.push(if read.name.to_ascii_lowercase().contains("deployment") {
                finding.help("the deployment stands in the path: `context.Request.MatchedParameters.GetValueOrDefault(\"deployment-id\", …)`, or in the body's `model`")
            } else {
                finding.help(format!("set it first with `<set-variable name=\"{}\" … />`", read.name))
            });
        }
    }
}

/// A literal `<set-variable value="1" />` stores a string, so a cast to a number throws (seen on Azure).
fn literal_cast(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let mut literal: HashMap<&str, bool> = HashMap::new();
    for visit in scene.elements("set-variable") {
        if let (Some(name), Some(value)) = (visit.element.literal("name"), visit.element.attribute("value")) {
            let is_literal = value.value.literal().is_some();
            literal.entry(name.trim()).and_modify(|all| *all &= is_literal).or_insert(is_literal);
        }
    }
    for (_, code) in &scene.codes {
        for read in code.variables() {
            let asked = read.asked.as_deref().unwrap_or_default();
            let value_type = matches!(
                asked,
                "int"
                    | "Int32"
                    | "long"
                    | "Int64"
                    | "bool"
                    | "Boolean"
                    | "double"
                    | "Double"
                    | "decimal"
                    | "Decimal"
                    | "DateTime"
                    | "JObject"
                    | "JArray"
                    | "JToken"
            );
            if value_type && literal.get(read.name) == Some(&true) {
                let effect = if read.kind == ReadKind::Index { "this cast throws" } else { "asking for another type throws" };
                findings.push(
                    Finding::warning(codes::LITERAL_CAST, Kind::Trap, format!("the variable `{}` is set from a literal and so a string: {effect}", read.name))
                        .at(code.span(read.range.clone()))
                        .help(format!("set it with an expression, for instance `value=\"@(1)\"`, or read it with `Convert.ToInt32(context.Variables[\"{}\"])`", read.name)),
                );
            }
        }
    }
}

/// `int.Parse` of what a client sent is a 500 for whoever wants one.
fn unsafe_parse(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let from_client: HashSet<&str> = scene
        .elements("set-variable")
        .filter(|visit| {
            values(visit.element)
                .filter_map(|value| Code::of(&value.expression()?.code))
                .any(|code| code.reads_client(&(0..code.len())) && !code.has("TryParse") && code.find("Parse").next().is_none())
        })
        .filter_map(|visit| visit.element.literal("name").map(str::trim))
        .collect();
    for (_, code) in scene.codes.iter().filter(|(_, code)| !code.has("try {") && !code.has("IsMatch (") && !code.has("TryParse (")) {
        let calls = [
            "int", "Int32", "long", "Int64", "short", "Int16", "double", "Double", "decimal", "Decimal", "bool", "Boolean", "Guid",
            "DateTime", "TimeSpan",
        ]
        .into_iter()
        .map(|kind| format!("{kind} . Parse ("))
        .chain(
            ["ToInt32", "ToInt64", "ToInt16", "ToDouble", "ToDecimal", "ToBoolean", "ToDateTime"]
                .into_iter()
                .map(|name| format!("Convert . {name} (")),
        );
        let reads: Vec<usize> = code.variables().filter(|read| from_client.contains(read.name)).map(|read| read.range.start).collect();
        for call in calls {
            for found in code.find(&call) {
                let arguments = code.inside(found.end - 1);
                let first = reads.partition_point(|read| *read < arguments.start);
                let client = code.reads_client(&arguments) || reads.get(first).is_some_and(|read| arguments.contains(read));
                if client {
                    findings.push(
                        Finding::warning(
                            codes::UNSAFE_PARSE,
                            Kind::Trap,
                            format!(
                                "`{}` throws on what a client may send: the caller gets a 500",
                                call.trim_end_matches(" (").replace(' ', "")
                            ),
                        )
                        .at(code.span(found.start..arguments.end + 1))
                        .help("use `TryParse` in an `@{ … }` block, and a default for what cannot be parsed"),
                    );
                }
            }
        }
    }
}
