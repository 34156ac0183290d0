//! Random programs against the judge: both must answer alike, or refuse alike.

use std::collections::{BTreeMap, BTreeSet};

use apimctl::expression::Expression;
use serde_json::{Value, json};

use super::catalogue::Table;
use super::generator::Generator;
use super::judge::{Judge, Question};

/// Programs of a thousand that must agree, and that must compile on both sides.
const AGREEING: usize = 990;
const COMPILING: usize = 970;
/// What a run of ten thousand reaches at least: members of the catalogue, and constructs of the language.
const MEMBERS: usize = 1_500;
const CONSTRUCTS: usize = 50;

#[expect(clippy::disallowed_methods, reason = "switches of this test alone")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
#[ignore = "needs Mono; the gate installs it and runs this"]
fn judge_and_we_answer_random_programs_alike() {
    let seed = number("APIMCTL_SEED", 2_026);
    let count = usize::try_from(number("APIMCTL_PROGRAMS", 10_000)).unwrap();
    let table = Table::read();
    let mut generator = Generator::new(&table, seed);
    let mut seen = BTreeSet::new();
    while seen.len() < count {
        seen.insert(generator.program());
    }
    let programs: Vec<String> = seen.into_iter().collect();
    let questions: Vec<Question> =
        programs.iter().map(|text| Question { text: text.clone(), context: Some("context".to_owned()) }).collect();
    let judged = std::thread::scope(|scope| {
        let judged = scope.spawn(|| Judge::new().ask(&questions));
        judged.join().unwrap()
    });
    let context = super::surroundings(Some("context"));
    let lines: Vec<Value> = programs
        .iter()
        .map(|text| {
            let mut line = context.clone();
            line["expr"] = json!(text);
            line
        })
        .collect();
    let ours = super::evaluate(&lines);

    let (mut both, mut neither, mut values) = (0, 0, 0);
    let mut reached: BTreeSet<&'static str> = BTreeSet::new();
    let mut different = Vec::new();
    let mut reasons: BTreeMap<String, (usize, String, String)> = BTreeMap::new();
    let mut excused: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for ((program, want), got) in programs.iter().zip(&judged).zip(&ours) {
        match (want["stage"] == "compile", got["stage"] == "compile") {
            (true, true) => {
                neither += 1;
                reasons
                    .entry(want["errors"][0]["code"].to_string())
                    .or_insert((0, program.clone(), want["errors"][0]["message"].to_string()))
                    .0 += 1;
            }
            (false, false) => both += 1,
            _ => {}
        }
        values += usize::from(want["ok"] == json!(true));
        if let Ok(compiled) = Expression::compile(program, None) {
            reached.extend(compiled.reached());
        }
        if super::same(want, got) {
            continue;
        }
        match super::differences::named(program, want, got) {
            Some(name) => {
                *excused.entry(name).or_default() += 1;
                if name == super::differences::NOT_EMULATED {
                    *refused.entry(super::differences::message(got).to_owned()).or_default() += 1;
                }
            }
            None => different.push(format!("{program}\n  judge {want}\n  ours  {got}")),
        }
    }
    println!("seed {seed}: {count} programs, {both} compiled on both sides, {neither} on neither, {values} gave a value");
    println!("{} members reached: {}", reached.len(), reached.iter().copied().collect::<Vec<_>>().join(" "));
    println!("constructs: {}", generator.constructs.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", "));
    for (code, (count, program, message)) in &reasons {
        println!("refused by both, {code} {count} times: {message}: {program}");
    }
    println!("named differences: {excused:?}");
    for (message, count) in &refused {
        println!("refused by us alone, {count} times: {message}");
    }
    let agreeing = count - different.len();
    println!("{agreeing} of {count} answer alike or by a named difference (seed {seed}); the others:\n{}", different.join("\n"));
    assert!(agreeing * 1000 >= count * AGREEING, "only {agreeing} of {count} agree (seed {seed})");
    assert!(both * 1000 >= count * COMPILING, "only {both} of {count} compile on both sides (seed {seed})");
    assert!(excused.values().sum::<usize>() * 100 < count, "a hundredth or more is excused: {excused:?} (seed {seed})");
    if count >= 10_000 {
        assert!(reached.len() >= MEMBERS, "only {} members were reached (seed {seed})", reached.len());
        assert!(generator.constructs.len() >= CONSTRUCTS, "only {} constructs were written (seed {seed})", generator.constructs.len());
    }
}
