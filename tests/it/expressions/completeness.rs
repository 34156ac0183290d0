//! Every member that is emulated has recorded answers: a value, and a second one that differs unless there can be only one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use apimctl::expression::Expression;
use serde_json::{Value, json};

use super::catalogue::Table;
use super::generator::Generator;
use super::judge::{Judge, Question};
use super::{cases, essence, evaluate, recorded, same, surroundings};

/// What the recorded cases show of each member: the different answers that are values and ours as well.
fn shown() -> BTreeMap<&'static str, BTreeSet<String>> {
    let differences: Value = serde_json::from_str(&std::fs::read_to_string(cases().join("differences.json")).unwrap()).unwrap();
    let mut shown: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for case in recorded() {
        let known = differences["cases"].get(case.line["id"].as_str().unwrap()).is_some();
        let Ok(compiled) = Expression::compile(case.line["expr"].as_str().unwrap(), None) else { continue };
        if case.line["answer"]["ok"] != json!(true) || known {
            continue;
        }
        for key in compiled.reached() {
            shown.entry(key).or_default().insert(essence(&case.line["answer"]).to_string());
        }
    }
    shown
}

/// Cases that reach each member: those that the judge gives a value for, those that it throws for, and those that differ for a named reason.
#[derive(Default)]
struct Reached {
    values: usize,
    exceptions: usize,
    differences: usize,
}

fn reached() -> BTreeMap<&'static str, Reached> {
    let differences: Value = serde_json::from_str(&std::fs::read_to_string(cases().join("differences.json")).unwrap()).unwrap();
    let mut reached: BTreeMap<&'static str, Reached> = BTreeMap::new();
    for case in recorded() {
        let Ok(compiled) = Expression::compile(case.line["expr"].as_str().unwrap(), None) else { continue };
        for key in compiled.reached() {
            let of = reached.entry(key).or_default();
            of.values += usize::from(case.line["answer"]["ok"] == json!(true));
            of.exceptions += usize::from(case.line["answer"]["stage"] == "runtime");
            of.differences += usize::from(differences["cases"].get(case.line["id"].as_str().unwrap()).is_some());
        }
    }
    reached
}

/// Members that can answer in one way only, or only throw: `{"key": "reason"}`.
fn excused(name: &str) -> BTreeMap<String, String> {
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(cases().join("members.json")).unwrap()).unwrap();
    serde_json::from_value(listed[name].clone()).unwrap()
}

/// Values and fields that never change, by key.
fn constants(table: &Table) -> BTreeSet<&str> {
    let constant = |member: &&super::catalogue::Member| match member.kind {
        'v' => true,
        'f' | 'p' => member.is_static && !matches!(member.name.as_str(), "Now" | "UtcNow" | "Today"),
        _ => false,
    };
    table.members.iter().filter(constant).map(|member| member.key.as_str()).collect()
}

/// Members that came after the .NET Framework, which the judge is: it cannot answer for them.
fn younger(table: &Table) -> BTreeSet<&str> {
    let older: BTreeSet<&str> = table.members.iter().filter(|member| !member.younger).map(|member| member.key.as_str()).collect();
    table.members.iter().filter(|member| member.younger && !older.contains(member.key.as_str())).map(|member| member.key.as_str()).collect()
}

/// Operators of types that the language itself knows: a program that writes `1m + 2m` calls no member. The cases of operators are in `operators.jsonl`.
fn built_in(table: &Table) -> BTreeSet<&str> {
    let operators = table.members.iter().filter(|member| member.name.starts_with("op_"));
    let known = |name: &str| matches!(name, "decimal" | "double" | "float" | "string" | "Nullable");
    operators.filter(|member| known(&table.types[member.owner].name)).map(|member| member.key.as_str()).collect()
}

/// Members of types that no program can have as the type of an expression: the list does not name the type, no member that can be called gives it, and
/// what derives from it declares the member anew (a class always hides what an interface has).
fn out_of_reach(table: &Table, emulated: &BTreeSet<String>) -> BTreeSet<String> {
    let callable = |member: &&super::catalogue::Member| emulated.contains(&member.key) && member.allowed;
    // A result, and what it holds.
    fn gather(ty: &super::catalogue::Ty, had: &mut BTreeSet<(String, usize)>) {
        had.insert((ty.name().to_owned(), ty.arguments().len()));
        ty.arguments().iter().for_each(|one| gather(one, had));
    }
    let mut had = BTreeSet::new();
    for member in table.members.iter().filter(callable).filter(|member| member.kind != 'c' || table.types[member.owner].listed) {
        gather(&member.result, &mut had);
    }
    had.extend(table.types.iter().filter(|ty| ty.listed).map(|ty| (ty.name.clone(), ty.parameters.len())));
    let declares = |owner: &super::catalogue::Ty, wanted: &super::catalogue::Member| {
        table.members.iter().any(|member| {
            let alike = |(own, other): (&super::catalogue::Parameter, &super::catalogue::Parameter)| {
                own.ty == other.ty || own.ty.is_open() || other.ty.is_open()
            };
            member.name == wanted.name
                && member.parameters.len() == wanted.parameters.len()
                && member.parameters.iter().zip(&wanted.parameters).all(alike)
                && table.types[member.owner].name == owner.name()
        })
    };
    let reaches = |member: &super::catalogue::Member| {
        let owner = &table.types[member.owner];
        table.types.iter().filter(|ty| had.contains(&(ty.name.clone(), ty.parameters.len()))).any(|ty| {
            let supers = table.supers(&ty.ty());
            let Some(place) = supers.iter().position(|one| one.name() == owner.name && one.arguments().len() == owner.parameters.len())
            else {
                return false;
            };
            let shown = owner.kind != "interface" || ty.kind == "interface";
            shown && !supers[..place].iter().any(|nearer| declares(nearer, member))
        })
    };
    let hidden = |member: &&super::catalogue::Member| !member.is_static && !table.types[member.owner].listed && !reaches(member);
    table.members.iter().filter(callable).filter(hidden).map(|member| member.key.clone()).collect()
}

/// How many more answers each member needs.
fn lacking(table: &Table) -> BTreeMap<String, usize> {
    let (shown, constants) = (shown(), constants(table));
    let (single, throwing, unjudged) = (excused("one answer"), excused("only throws"), excused("not judged"));
    let (younger, built_in) = (younger(table), built_in(table));
    let hidden = out_of_reach(table, &Table::emulated());
    let mut lacking = BTreeMap::new();
    for key in Table::emulated() {
        let none = throwing.contains_key(&key)
            || unjudged.contains_key(&key)
            || younger.contains(key.as_str())
            || built_in.contains(key.as_str())
            || hidden.contains(&key);
        let wanted = if none {
            0
        } else if constants.contains(key.as_str()) || single.contains_key(&key) {
            1
        } else {
            2
        };
        let found = shown.get(key.as_str()).map_or(0, BTreeSet::len);
        if found < wanted {
            lacking.insert(key, wanted - found);
        }
    }
    lacking
}

#[test]
fn every_emulated_member_has_recorded_answers() {
    let table = Table::read();
    let emulated = Table::emulated();
    let lacking = lacking(&table);
    let none = lacking.keys().collect::<Vec<_>>();
    let (single, throwing, unjudged) = (excused("one answer"), excused("only throws"), excused("not judged"));
    let younger = younger(&table).iter().filter(|key| emulated.contains(**key)).count();
    println!("the language's own operators: {}; out of reach: {:?}", built_in(&table).len(), out_of_reach(&table, &emulated));
    println!(
        "{} emulated members: {} with enough recorded answers, {} lacking; one answer by nature {}, only throw {}, not judged {}, younger than the judge {younger}",
        emulated.len(),
        emulated.len() - none.len() - throwing.len() - unjudged.len() - younger,
        none.len(),
        single.len(),
        throwing.len(),
        unjudged.len()
    );
    // A list that names what has its answers by now, or what is no member, is stale.
    let shown = shown();
    for (list, most) in [(&single, 1), (&throwing, 0)] {
        for (key, reason) in list {
            assert!(emulated.contains(key), "{key} is listed and no emulated member");
            assert!(!reason.is_empty(), "{key} has no reason");
            assert!(shown.get(key.as_str()).map_or(0, BTreeSet::len) <= most, "{key} is listed and has more answers than the list says");
        }
    }
    // And what a list says of a member has to be seen in its cases.
    let reached = reached();
    let of = |key: &str, what: fn(&Reached) -> usize| reached.get(key).map_or(0, what);
    for key in single.keys() {
        assert!(of(key, |cases| cases.values) >= 2, "{key} has one answer by nature: two cases have to show it");
    }
    for key in throwing.keys() {
        assert!(of(key, |cases| cases.exceptions) >= 1, "{key} can only throw: a case has to show it");
    }
    for key in unjudged.keys() {
        assert!(of(key, |cases| cases.differences) >= 1, "{key} is not judged: a case has to show what the judge lacks");
    }
    for key in &none {
        let counted = reached.get(key.as_str()).map_or((0, 0, 0), |cases| (cases.values, cases.exceptions, cases.differences));
        println!("lacks answers: {key}: values, exceptions and differences in its cases: {counted:?}");
    }
    let listed: Value = serde_json::from_str(&std::fs::read_to_string(cases().join("members.json")).unwrap()).unwrap();
    let listed: BTreeSet<String> = serde_json::from_value(listed["lacking"].clone()).unwrap();
    let found: BTreeSet<String> = lacking.keys().cloned().collect();
    let (new, done): (Vec<_>, Vec<_>) = (found.difference(&listed).collect(), listed.difference(&found).collect());
    assert!(new.is_empty(), "{} members lack recorded answers: {new:#?}", new.len());
    assert!(done.is_empty(), "listed as lacking answers, and lack none: {done:#?}");
}

/// Makes cases for the members that lack them, has them judged, and writes those that both sides answer alike.
#[test]
#[ignore = "writes cases; needs Mono"]
fn members_get_cases() {
    #[expect(clippy::disallowed_methods, reason = "switches of this test alone")]
    let (record, rounds) =
        (std::env::var("APIMCTL_RECORD").is_ok(), std::env::var("APIMCTL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3));
    assert!(record, "set APIMCTL_RECORD=1: this test writes members.jsonl");
    let table = Table::read();
    let judge = Judge::new();
    let path = cases().join("members.jsonl");
    for round in 0..rounds {
        let mut wanted = lacking(&table);
        let before = wanted.len();
        let mut generator = Generator::new(&table, 77 + round);
        let mut about: Vec<(String, String, Option<&str>)> = Vec::new();
        for index in generator.usable() {
            let key = &table.members[index].key;
            if wanted.contains_key(key) {
                let texts: BTreeSet<String> = (0..14).filter_map(|_| generator.about(index)).collect();
                for text in texts {
                    // What asks the context is asked in two.
                    let contexts: &[Option<&str>] = if text.contains("context.") { &[Some("context"), Some("other")] } else { &[None] };
                    about.extend(contexts.iter().map(|context| (key.clone(), text.clone(), *context)));
                }
            }
        }
        about.retain(|(key, text, _)| Expression::compile(text, None).is_ok_and(|compiled| compiled.reached().contains(&key.as_str())));
        about.sort_by_key(|(_, text, _)| text.len());
        let questions: Vec<Question> =
            about.iter().map(|(_, text, context)| Question { text: text.clone(), context: context.map(str::to_owned) }).collect();
        let judged = judge.ask(&questions);
        let lines: Vec<Value> = questions
            .iter()
            .map(|question| {
                let mut line = surroundings(question.context.as_deref());
                line["expr"] = json!(question.text);
                line
            })
            .collect();
        let ours = evaluate(&lines);
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut number = std::fs::read_to_string(&path).unwrap().lines().count();
        let mut answers: BTreeMap<&'static str, BTreeSet<String>> = shown();
        for (((key, text, context), want), got) in about.iter().zip(&judged).zip(&ours) {
            if !same(want, got) {
                println!("{text}\n  judge {want}\n  ours  {got}");
                continue;
            }
            let compiled = Expression::compile(text, None).unwrap();
            let own = compiled.reached().iter().find(|own| *own == key).unwrap();
            if want["ok"] != json!(true)
                || wanted.get(key).is_none_or(|left| *left == 0)
                || !answers.entry(own).or_default().insert(essence(want).to_string())
            {
                continue;
            }
            *wanted.get_mut(key).unwrap() -= 1;
            let mut line = json!({ "id": format!("members-{number:04}"), "expr": text });
            match context {
                Some("context") => line["context"] = json!(true),
                Some(other) => line["context"] = json!(other),
                None => {}
            }
            line["answer"] = want.clone();
            writeln!(file, "{line}").unwrap();
            number += 1;
        }
        println!("round {round}: {before} lacked answers, {} do now", lacking(&table).len());
    }
    println!("lacking: {:#?}", lacking(&table));
}
