//! Policy variables: never set, or of another type than asked for.

use std::collections::{HashMap, HashSet};

use super::code::ReadKind;
use super::{Code, Scene, Site, values};
use crate::expression::full_type_name;
use crate::policy::codes;
use crate::policy::document::{DocumentKind, Value, Visit, Walk};
use crate::support::finding::{Finding, Kind};

pub(super) fn traps(scene: &Scene<'_>, findings: &mut Vec<Finding>) {
    let mut setters: Setters<'_> = HashMap::new();
    for setter in setters_of(&scene.walk) {
        setters.entry(setter.name).or_default().push(setter);
    }
    never_set(scene, &setters, findings);
    wrong_cast(scene, &setters, findings);
    unsafe_parse(scene, findings);
}

/// Where a policy of a document sets a variable: `set-variable`, and every attribute that names a variable to be filled.
struct Setter<'a> {
    name: &'a str,
    visit: Visit<'a>,
    /// The .NET type of what is put there, where that is known.
    holds: Option<String>,
    is_literal: bool,
}

/// By the name of the variable.
type Setters<'a> = HashMap<&'a str, Vec<Setter<'a>>>;

fn setters_of<'a>(walk: &Walk<'a>) -> Vec<Setter<'a>> {
    let mut setters = Vec::new();
    for visit in walk.iter() {
        let element = visit.element;
        if element.name == "set-variable"
            && let Some(name) = element.literal("name")
        {
            let value = element.attribute("value").map(|attribute| &attribute.value);
            let is_literal = value.is_some_and(|value| value.literal().is_some_and(|text| !text.contains("{{")));
            let holds = match value.and_then(Value::expression) {
                Some(expression) => {
                    expression.known().and_then(|compiled| compiled.as_ref().ok()).and_then(|checked| checked.natural_type())
                }
                None => is_literal.then(|| "System.String".to_owned()),
            };
            setters.push(Setter { name: name.trim(), visit: *visit, holds, is_literal });
        }
        for attribute in element.attributes.iter().filter(|attribute| attribute.name.ends_with("variable-name")) {
            if let Some(name) = attribute.value.literal() {
                setters.push(Setter { name: name.trim(), visit: *visit, holds: None, is_literal: false });
            }
        }
    }
    setters
}

/// How far the policies that set a variable are from a read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// None sets it.
    Never,
    LaterSection,
    OtherBranch,
    Behind,
    /// One may have run before.
    Before,
}

fn reach<'a>(scene: &Scene<'a>, setter: &Visit<'a>, read: &Visit<'a>) -> Reach {
    if setter.section != read.section {
        return if setter.section < read.section { Reach::Before } else { Reach::LaterSection };
    }
    // The condition of a `retry` is looked at when its policies have run.
    let condition = read.element.name == "retry" && read.element.range.contains(&setter.element.range.start);
    if condition || scene.share_a_retry(setter, read) {
        Reach::Before
    } else if scene.exclude_each_other(setter, read) {
        Reach::OtherBranch
    } else if setter.element.range.end <= read.element.range.start {
        Reach::Before
    } else {
        // Also what a policy fills when its own children have run.
        Reach::Behind
    }
}

/// A variable that is read and that no policy on any way to the read has set.
fn never_set(scene: &Scene<'_>, setters: &Setters<'_>, findings: &mut Vec<Finding>) {
    // A fragment reads what its includer sets; and an unknown fragment may set anything.
    let closed = scene.document.kind() == DocumentKind::Policies && (!scene.includes_fragments() || !scene.context.around.is_empty());
    if !closed {
        return;
    }
    let walks: Vec<Walk<'_>> = scene.context.around.iter().map(|document| document.walk()).collect();
    let around: HashSet<&str> = walks.iter().flat_map(setters_of).map(|setter| setter.name).collect();
    let inherits = scene.context.around.is_empty() && scene.elements("base").next().is_some();
    let mut reported: HashSet<&str> = HashSet::new();
    for Site { visit, code, .. } in &scene.sites {
        // A variable that is also asked for with `ContainsKey` is meant to be missing at times.
        for read in code.variables().filter(|read| read.kind != ReadKind::Test) {
            if around.contains(read.name) || read.name.contains("{{") || reported.contains(read.name) {
                continue;
            }
            let (mut reach_of_all, mut setter) = (Reach::Never, None);
            for own in setters.get(read.name).into_iter().flatten() {
                let reach = reach(scene, &own.visit, visit);
                if reach > reach_of_all {
                    (reach_of_all, setter) = (reach, Some(own));
                }
                if reach == Reach::Before {
                    break;
                }
            }
            if reach_of_all == Reach::Before {
                continue;
            }
            reported.insert(read.name);
            let effect = match read.kind {
                ReadKind::Index => "this read throws",
                _ => "this read always gives the default",
            };
            let name = read.name;
            let message = match reach_of_all {
                Reach::LaterSection => format!("the variable `{name}` is only set in a later section: {effect}"),
                Reach::OtherBranch => format!("the variable `{name}` is only set in another branch: {effect}"),
                Reach::Behind => format!("the variable `{name}` is only set afterwards: {effect}"),
                _ if inherits => format!("the variable `{name}` is not set here: {effect}, unless a wider scope sets it"),
                _ => format!("the variable `{name}` is never set: {effect}"),
            };
            let mut finding = Finding::warning(codes::NEVER_SET, Kind::Trap, message).at(code.span(read.range.clone()));
            if let Some(setter) = setter {
                finding = finding.label(scene.document.span(&setter.visit.element.name_range), "set here");
            }
            findings.push(if name.to_ascii_lowercase().contains("deployment") {
                finding.help("the deployment stands in the path: `context.Request.MatchedParameters.GetValueOrDefault(\"deployment-id\", …)`, or in the body's `model`")
            } else {
                finding.help(format!("set it first with `<set-variable name=\"{name}\" … />`"))
            });
        }
    }
}

/// Types of which a value is never another one: a cast from one to another of them throws.
const EXACT: [&str; 17] = [
    "System.String",
    "System.Boolean",
    "System.Byte",
    "System.Int16",
    "System.Int32",
    "System.Int64",
    "System.UInt32",
    "System.UInt64",
    "System.Single",
    "System.Double",
    "System.Decimal",
    "System.Guid",
    "System.DateTime",
    "System.TimeSpan",
    "Newtonsoft.Json.Linq.JObject",
    "Newtonsoft.Json.Linq.JArray",
    "Newtonsoft.Json.Linq.JValue",
];

/// A variable is kept as what it is: unboxing takes the exact type, and a string is cast to nothing else.
fn wrong_cast(scene: &Scene<'_>, setters: &Setters<'_>, findings: &mut Vec<Finding>) {
    // What every policy that sets the variable puts there, if that is one type.
    let uniform: HashMap<&str, &Setter<'_>> = setters
        .iter()
        .filter(|(_, own)| own.iter().all(|setter| setter.holds.is_some() && own.first().is_some_and(|first| first.holds == setter.holds)))
        .filter_map(|(name, own)| Some((*name, own.first()?)))
        .collect();
    for Site { code, .. } in &scene.sites {
        for read in code.variables() {
            let Some(first) = uniform.get(read.name) else { continue };
            let Some(asked) = read.asked.as_deref().and_then(full_type_name) else { continue };
            let Some(held) = first.holds.as_deref() else { continue };
            // A literal is a string (seen on Azure); a token that is asked of one throws as well.
            let certain =
                EXACT.contains(&held) && (EXACT.contains(&asked.as_str()) || held == "System.String" && asked.starts_with("Newtonsoft."));
            if !certain || held == asked {
                continue;
            }
            let name = read.name;
            let effect = if read.kind == ReadKind::Index { "this cast throws" } else { "asking for another type throws" };
            let (kind, message) = if first.is_literal {
                (codes::LITERAL_CAST, format!("the variable `{name}` is set from a literal and so a string: {effect}"))
            } else {
                (codes::WRONG_CAST, format!("the variable `{name}` holds a `{held}`, and a `{asked}` is asked for: {effect}"))
            };
            let help = match asked.as_str() {
                "System.Int32" if held == "System.String" => format!(
                    "set it with an expression, for instance `value=\"@(1)\"`, or read it with `Convert.ToInt32(context.Variables[\"{name}\"])`"
                ),
                "System.String" => format!("read it with `Convert.ToString(context.Variables[\"{name}\"])`"),
                _ => "set it with an expression of the type that is asked for, or convert what is read".to_owned(),
            };
            findings.push(
                Finding::warning(kind, Kind::Trap, message)
                    .at(code.span(read.range.clone()))
                    .label(scene.document.span(&first.visit.element.name_range), "set here")
                    .help(help),
            );
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
    let guarded = |code: &Code<'_>| code.has("try {") || code.has("IsMatch (") || code.has("TryParse (");
    for Site { code, .. } in scene.sites.iter().filter(|site| !guarded(&site.code)) {
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
