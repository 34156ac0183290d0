//! A load over faults, on virtual time: the numbers are the same each time, and they are right.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use apimctl::report;
use apimctl::scenario::chaos::measure::Measured;
use apimctl::scenario::chaos::{self, Outcome, told};
use apimctl::scenario::read::ReadOptions;
use serde_json::Value;

use crate::support::root;

/// 20 requests a second for half a minute over the example's pool of two.
const LOAD: &str = r"
seed: 5
requests:
  chat:
    path: /deployments/gpt-4o-mini/chat/completions
    query: { api-version: 2024-02-15-preview }
    key: azure-openai-consumer
    json: { messages: [ { role: user, content: Hello } ], max_tokens: 5 }
load:
  phases: [ { for: PT30S, rps: 10 } ]
  arrivals: even
  mix: [ chat ]
  timeout: PT5S
";

fn run(text: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("load.chaos.yaml");
    let spec = root().join("examples/openai-lb.yaml");
    fs::write(&path, format!("spec: {}\n{}", spec.display(), text.trim_start())).unwrap();
    chaos::run(&path, &ReadOptions::default(), NonZeroUsize::new(2).unwrap())
}

fn good(text: &str) -> Outcome {
    let outcome = run(text);
    let errors: Vec<_> = outcome.findings.iter().filter(|finding| finding.is_error()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    outcome
}

fn outcomes<'m>(measured: &'m Measured, backend: &str) -> Vec<(&'m str, u64)> {
    measured.backends[backend].outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect()
}

#[test]
fn two_breaker_settings_are_compared() {
    let outcome = good(&format!(
        "{LOAD}
given:
  latency: {{ headers: PT0.1S }}
  rules: [ {{ name: outage, backend: aoai-primary-backend, from: PT10S, for: PT5S, do: {{ delayHeaders: PT1S, status: 503 }} }} ]
variants:
  - name: a minute
  - name: two seconds
    set: {{ backends/aoai-*: {{ circuitBreaker: {{ rules: [ {{ tripDuration: PT2S }} ] }} }} }}
"
    ));
    let [minute, seconds] = outcome.measured.as_slice() else { panic!("{:?}", outcome.measured.len()) };
    for measured in [minute, seconds] {
        assert_eq!((measured.sent.len(), measured.good), (300, 300), "the retry serves everybody: {:?}", measured.endings);
        assert_eq!(measured.added.percentile(50.0), Some(Duration::ZERO));
        // The delayed 503 comes first, then the other member; the gateway itself takes no virtual time.
        let most = measured.added.percentile(100.0).unwrap();
        assert!((1_000..1_200).contains(&most.as_millis()), "{most:?}");
        let attempts: u64 = measured.slices.iter().flat_map(|slice| &slice.attempts).sum();
        assert_eq!(attempts, measured.attempts());
    }
    // Open for a minute: what was sent before the first 503 came back fails, and nothing else.
    let [failing] = [minute].map(|measured| outcomes(measured, "aoai-primary-backend"));
    assert!(matches!(failing.as_slice(), [("200", _), ("503", failed)] if (1..=8).contains(failed)), "{failing:?}");
    assert_eq!(minute.trips.len(), 1);
    assert_eq!(
        (minute.trips[0].to - minute.trips[0].from, minute.trips[0].backend.as_str()),
        (Duration::from_secs(60), "aoai-primary-backend")
    );
    assert_eq!(minute.attempts(), 300 + failing[1].1);
    // Two seconds: tried again while the outage lasts, and used again after it.
    assert!(seconds.trips.len() >= 2 && seconds.attempts() > minute.attempts(), "{:?}", seconds.trips);
    assert!(seconds.backends["aoai-primary-backend"].served > minute.backends["aoai-primary-backend"].served);
    assert!(seconds.tokens() > 0 && minute.tokens() == seconds.tokens(), "{} {}", minute.tokens(), seconds.tokens());
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let text = LOAD.replace("even", "poisson").replace("rps: 10 }", "rps: 2, to: 8 }, { for: PT5S, rps: 0 }")
        + "given: { latency: { headers: PT0.05S, perToken: PT0.01S }, rules: [ { probability: 0.1, do: { status: 500 } }, { probability: 0.05, do: { cut: { afterFrames: 1 } } } ] }\n";
    let text = text.replace("timeout: PT5S", "timeout: PT5S\n  streams: 0.5\n  promptTokens: { from: 5, to: 50 }\n  maxTokens: 20");
    let numbers = |text: &str| {
        let mut value = told::json(&good(text));
        // Each run has a directory of its own.
        value["file"] = Value::Null;
        value
    };
    let (first, again) = (numbers(&text), numbers(&text));
    assert_eq!(first, again);
    let other = numbers(&text.replace("seed: 5", "seed: 6"));
    assert_ne!(first["variants"][0]["timeline"], other["variants"][0]["timeline"]);
    let own = &first["variants"][0];
    assert!(own["endings"].as_object().unwrap().contains_key("200, cut"), "{}", own["endings"]);
    let prompts = own["backends"]["aoai-primary-backend"]["promptTokens"].as_u64().unwrap();
    let served = own["backends"]["aoai-primary-backend"]["served"].as_u64().unwrap();
    // Some tokens around the words of each message, 5 to 50 of them.
    assert!((served * 10..served * 60).contains(&prompts), "{prompts} {served}");
}

#[test]
fn thresholds_fail_the_run_and_say_where() {
    let outcome = good(&format!(
        "{LOAD}
given: {{ rules: [ {{ from: PT15S, do: {{ neverAnswers: true }} }} ] }}
expect: {{ availability: 0.999, latency: {{ p99: PT1S }} }}
variants:
  - name: strict
  - name: lenient
    expect: {{ availability: 0.4 }}
"
    ));
    assert!(!outcome.is_ok());
    let strict = &outcome.measured[0];
    assert!(strict.endings.get("no answer in time").is_some_and(|count| (140..=150).contains(count)), "{:?}", strict.endings);
    let told = told::report(&outcome, None, Duration::ZERO);
    let failed: Vec<_> =
        told.cases().filter(|(_, case)| case.status.is_failure()).map(|(suite, case)| (suite.name.as_str(), case)).collect();
    let [(suite, case)] = failed.as_slice() else { panic!("{failed:?}") };
    assert_eq!((*suite, case.name.as_str(), case.place.as_ref().unwrap().line), ("strict", "availability is at least 99.9 %", 16));
    let text = report::text(&told, report::TextOptions::default());
    for part in ["no answer in time", "Comparison\n", "lenient", "the availability is 5"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let page = report::html(&told, None);
    for part in ["Failed requests (%)", "Timeline: strict", "aoai-secondary-backend"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_found_at_once() {
    let found = |text: &str| {
        let outcome = run(text);
        assert!(outcome.measured.is_empty() && !outcome.is_ok());
        let place = |finding: &apimctl::support::finding::Finding| {
            let position = outcome.sources.position(finding.span.unwrap());
            format!("{} {}:{} {}", finding.code.id, position.line, position.column, finding.message)
        };
        outcome.findings.iter().filter(|finding| finding.is_error()).map(place).collect::<Vec<_>>()
    };
    let given = "given: { rules: [ { do: { status: 500 } } ] }\n";
    for (text, expected) in [
        ("seed: 1\n".to_owned(), vec!["CHS001 1:1 the file has no load"]),
        (
            "load: { phases: [ { for: PT1M } ], mix: [ nothing ], arrivals: often }\n".to_owned(),
            vec![
                "TST011 2:19 a phase has no `rps`",
                "TST025 2:43 there is no request `nothing` under `requests`",
                "TST013 2:64 `arrivals` has no value `often`",
            ],
        ),
        (
            "load: { phases: [ { for: PT999H, rps: 9 } ], mix: [ { path: /x } ], streams: 0.5 }\n".to_owned(),
            vec![
                "CHS003 2:69 a request of the mix has no JSON body whose size could be changed",
                "CHS002 2:7 the load has about 32367600 requests in 3596400 s",
            ],
        ),
        (
            format!("{LOAD}{given}variants: [ {{ name: a }}, {{ name: a, set: {{ backends/none: {{ x: 1 }} }} }}, {{}} ]\n"),
            vec![
                "CHS004 15:44 the specification makes no resource `backends/none`",
                "TST019 15:26 the name `a` is taken",
                "TST011 15:73 a variant has no `name`",
            ],
        ),
        (
            format!("{LOAD}given: {{ rules: [ {{ backend: none, do: {{ status: 500 }} }} ] }}\nexpect: {{ availability: 99 }}\n"),
            vec!["TST023 14:30 the specification has no backend `none`", "TST015 15:25 `availability` must be a number from 0 to 1"],
        ),
    ] {
        assert_eq!(found(&text), expected, "{text}");
    }
    // Accepted by nobody: the service's own words, at the variant.
    let refused = format!(
        "{LOAD}{given}variants:\n  - name: odd\n    set: {{ backends/aoai-*: {{ circuitBreaker: {{ rules: [ {{ tripDuration: soon }} ] }} }} }}\n"
    );
    let outcome = run(&refused);
    assert!(
        !outcome.is_ok() && outcome.findings.iter().any(|finding| finding.is_error() && finding.span.is_some()),
        "{:?}",
        outcome.findings
    );
    let missing = chaos::run(Path::new("none.chaos.yaml"), &ReadOptions::default(), NonZeroUsize::MIN);
    assert!(missing.findings[0].message.contains("cannot be read"));
}

/// The example in the repository is one that can be read, with a breaker that its specification has.
#[test]
fn the_example_is_read() {
    let read = apimctl::scenario::read::chaos(&root().join("examples/openai-lb.chaos.yaml"), &ReadOptions::default());
    assert!(read.findings.is_empty(), "{:?}", read.findings);
    assert_eq!(read.chaos.unwrap().variants.len(), 3);
}
