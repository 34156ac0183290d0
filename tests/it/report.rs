//! Reports: what machines read of them, and what a browser needs.

mod junit_reader;

use std::time::Duration;

use apimctl::report::chart::{Bar, BarChart, Chart, Expected, Lane, LaneSpan, Line, LineChart, Mark, Timeline, Tone, Width};
use apimctl::report::coverage::{BranchCoverage, Coverage, FileCoverage, Share, StatementCoverage};
use apimctl::report::{
    Attachment, Block, Case, Media, Place, Report, Section, Status, Suite, Table, TextOptions, html, json, junit, lcov, text,
};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use time::macros::datetime;

use junit_reader::Junit;

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

fn case(name: &str, status: Status) -> Case {
    Case { elapsed: milliseconds(12), ..Case::new(name, status) }
}

/// One of everything.
fn sample() -> Report {
    let failed = Case {
        place: Some(Place { file: "tests/failover.yaml".into(), line: 14 }),
        virtual_elapsed: Some(Duration::from_secs(61)),
        detail: Some("  status\n- 200\n+ 503 <&>\n".into()),
        cause: Some("the condition of `retry` throws".into()),
        cure: Some("write `context.Response?.StatusCode`".into()),
        attachments: vec![
            Attachment::text("Trace of step 2", "inbound\n\u{1b}[31m  forward-request\u{1b}[0m \u{0} ]]>"),
            Attachment { title: "Body".into(), media: Media::Diff, text: "-a\n+b".into() },
        ],
        ..case("a request is sent again", Status::Failed("`status` is 503, expected \"200\"".into()))
    };
    let suite = Suite {
        file: Some("tests/failover.yaml".into()),
        properties: vec![("seed".into(), "7".into())],
        cases: vec![
            case("it passes", Status::Passed),
            failed,
            Case { id: Some("deployments.retirement".into()), ..case("none retires soon", Status::Warned("`gpt` does".into())) },
            case("it cannot be tried", Status::Errored("no network".into())),
            case("it is not tried", Status::Skipped("no workspace".into())),
            case("it passes", Status::Passed),
        ],
        ..Suite::new("failover <1>")
    };
    let chart = Chart::Bars(BarChart {
        title: "Requests".into(),
        unit: "requests".into(),
        bars: vec![Bar { label: "primary".into(), value: 80.0, expected: Some(Expected { value: 80.0, tolerance: 3.0 }), note: None }],
    });
    let table = Table { rows: vec![vec!["primary".into(), "80".into()], vec!["alone".into()]], ..Table::new(["backend", "#requests"]) };
    Report {
        title: "apimctl test".into(),
        subject: Some("examples/openai-lb.yaml".into()),
        started: Some(datetime!(2026-01-02 05:04:05.5 +2)),
        elapsed: milliseconds(1_240),
        properties: vec![("parallel".into(), "2".into())],
        suites: vec![suite, Suite { cases: vec![case("alone", Status::Passed)], ..Suite::new("second") }],
        sections: vec![Section::new("Distribution", vec![Block::Chart(chart), Block::Table(table), Block::Text("As `specified`".into())])],
    }
}

#[test]
fn junit_is_what_ci_systems_read() {
    let report = sample();
    let read = Junit::read(&junit(&report));
    assert_eq!(read.suites.len(), 2);
    let first = &read.suites[0];
    assert_eq!((first.name.as_str(), first.timestamp.as_deref()), ("failover <1>", Some("2026-01-02T03:04:05")));
    assert_eq!(
        first.properties,
        [("subject", "examples/openai-lb.yaml"), ("parallel", "2"), ("seed", "7")].map(|(a, b)| (a.into(), b.into()))
    );
    // GitLab keeps the first of two cases of one name.
    let names: Vec<&str> = first.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(
        names,
        ["it passes", "a request is sent again", "none retires soon", "it cannot be tried", "it is not tried", "it passes (2)"]
    );
    let outcomes: Vec<Option<&str>> =
        first.cases.iter().map(|case| case.outcome.as_ref().map(|(element, _, _)| element.as_str())).collect();
    assert_eq!(outcomes, [None, Some("failure"), None, Some("error"), Some("skipped"), None]);
    let (_, message, body) = first.cases[1].outcome.as_ref().unwrap();
    assert_eq!(message, "`status` is 503, expected \"200\"");
    for part in
        ["at tests/failover.yaml:14", "- 200\n+ 503 <&>", "likely cause: the condition", "help: write `context.Response?.StatusCode`"]
    {
        assert!(body.contains(part), "{part}: {body}");
    }
    let output = first.cases[1].output.as_ref().unwrap();
    assert!(output.contains("Trace of step 2") && output.contains("  forward-request \\u{0} ]]>"), "{output}");
    assert!(first.cases[2].output.as_ref().unwrap().contains("warning: `gpt` does"));
    assert_eq!((first.cases[1].file.as_deref(), first.cases[1].line), (Some("tests/failover.yaml"), Some(14)));
}

#[test]
fn json_has_counts_and_everything_else() {
    let value = json(&sample());
    assert_eq!(value["version"], 1);
    assert_eq!(value["success"], false);
    let counts = serde_json::json!({ "total": 7, "passed": 3, "warned": 1, "failed": 1, "errored": 1, "skipped": 1 });
    assert_eq!(value["counts"], counts);
    let failed = &value["suites"][0]["cases"][1];
    assert_eq!((&failed["status"], &failed["message"]), (&"failed".into(), &"`status` is 503, expected \"200\"".into()));
    assert_eq!((&failed["elapsedMs"], &failed["virtualMs"]), (&12.0.into(), &61_000.0.into()));
    assert_eq!(value["started"], "2026-01-02T05:04:05.5+02:00");
    let chart = &value["sections"][0]["blocks"][0];
    assert_eq!(
        (&chart["kind"], &chart["content"]["type"], &chart["content"]["bars"][0]["value"]),
        (&"chart".into(), &"bars".into(), &80.0.into())
    );
    let unset = json(&Report::default());
    assert_eq!((&unset["success"], unset.get("started")), (&true.into(), None));
}

#[test]
fn text_shows_what_failed_and_how_to_mend_it() {
    let shown = text(&sample(), TextOptions::default());
    for part in [
        "  pass  it passes  12 ms\n",
        "  FAIL  a request is sent again  12 ms, 1 min 1 s virtual\n        `status` is 503, expected \"200\"\n        at tests/failover.yaml:14\n",
        "likely cause: the condition of `retry` throws\n        help: write `context.Response?.StatusCode`",
        "backend  requests\n  primary        80\n  alone\n",
        "3 passed, 1 passed with a warning, 1 failed, 1 could not be tried, 1 skipped in 1.24 s\n",
    ] {
        assert!(shown.contains(part), "{part}\n---\n{shown}");
    }
    let failures = text(&sample(), TextOptions { only_failures: true, ..TextOptions::default() });
    assert!(!failures.contains("it passes") && !failures.contains("second") && failures.contains("a request is sent again"), "{failures}");
    assert!(text(&sample(), TextOptions { colour: true, ..TextOptions::default() }).contains("\u{1b}[1;91mFAIL"));
}

/// Every element of a page or drawing is closed, and nothing points outside.
fn is_well_formed(markup: &str) {
    const VOID: [&str; 2] = ["meta", "br"];
    let mut reader = Reader::from_str(markup);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}: {markup}", reader.buffer_position())) {
            Event::Start(element) => {
                let name = element.name().as_ref().to_owned();
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Event::End(element) => {
                let name = element.name().as_ref().to_owned();
                assert_eq!(open.pop(), Some(name));
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for outside in ["src=", "@import", "url(", "<script", "<link", "NaN", "inf\""] {
        assert!(!markup.contains(outside), "{outside}");
    }
    let links: Vec<&str> = markup.match_indices("http").map(|(at, _)| &markup[at..(at + 26).min(markup.len())]).collect();
    assert!(links.iter().all(|link| *link == "http://www.w3.org/2000/svg"), "{links:?}");
}

fn coverage() -> Coverage {
    let statement = |name: &str, line, last_line, hits| StatementCoverage { name: name.into(), line, last_line, hits };
    Coverage {
        files: vec![FileCoverage {
            path: "policies/openai-lb.xml".into(),
            text: "<policies>\n  <choose>\n    <when condition=\"@(true)\">\n      <set-header /><set-body>\n  </set-body></when>\n".into(),
            statements: vec![statement("choose", 2, 2, 9), statement("set-header", 4, 4, 9), statement("set-body", 4, 5, 0)],
            branches: vec![
                BranchCoverage { line: 3, decision: 0, label: "when 1".into(), taken: Some(9) },
                BranchCoverage { line: 2, decision: 0, label: "no branch".into(), taken: Some(0) },
                BranchCoverage { line: 5, decision: 3, label: "sent again".into(), taken: None },
            ],
        }],
    }
}

#[test]
fn a_page_needs_nothing_else() {
    let page = html(&sample(), Some(&coverage()));
    is_well_formed(&page);
    for part in [
        "prefers-color-scheme:dark",
        "name=\"viewport\"",
        "class=\"chart wide\"",
        "class=\"chart narrow\"",
        "failover &lt;1&gt;",
        "As <code>specified</code>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains('\u{1b}') && !page.contains('\u{0}'));
    assert_eq!(html(&sample(), None), html(&sample(), None));
}

#[test]
fn coverage_is_told_in_lcov_and_text() {
    let expected = "TN:\nSF:policies/openai-lb.xml\nBRDA:3,0,0,9\nBRDA:2,0,1,0\nBRDA:5,3,0,-\nBRF:3\nBRH:1\nDA:2,9\nDA:4,9\nDA:5,0\nLF:3\nLH:2\nend_of_record\n";
    assert_eq!(lcov(&coverage()), expected);
    let text = coverage().text();
    for part in [
        "2/3  66.6 %",
        "1/3  33.3 %",
        "2 | <choose>\n        = no branch never happened",
        "4 | <set-header /><set-body>\n        = `set-body` never ran",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Only everything is everything.
    assert_eq!(Share { hit: 9_999, found: 10_000 }.percent(), Some(99.9));
    assert_eq!(Share::default().percent(), None);
}

fn timeline(marks: usize) -> Chart {
    let mark = |number: usize| Mark {
        at: milliseconds(number as u64 * 7),
        tone: if number % 10 == 3 { Tone::Bad } else { Tone::Good },
        label: "POST".into(),
    };
    let span = LaneSpan { from: milliseconds(5), to: milliseconds(5_000), tone: Tone::Bad, label: "503 & <more>".into() };
    let lanes = vec![
        Lane { label: "fault".into(), spans: vec![span], marks: Vec::new() },
        Lane { label: "callers".into(), spans: Vec::new(), marks: (0..marks).map(mark).collect() },
    ];
    Chart::Timeline(Timeline { title: "Failover".into(), length: milliseconds(60_000), lanes })
}

#[test]
fn a_crowded_lane_becomes_columns() {
    let (few, many) = (timeline(50), timeline(100_000));
    assert_eq!(few.svg(Width::Wide).matches("<circle").count(), 45 + 1, "45 dots and the legend's");
    let columns = many.svg(Width::Wide);
    assert!(columns.matches("<rect").count() > 300 && columns.len() < 150_000, "{}", columns.len());
    assert!(columns.contains("90000 good") && columns.contains("10000 failed"), "{}", &columns[..500]);
    for chart in [few, many] {
        is_well_formed(&chart.svg(Width::Wide));
        is_well_formed(&chart.svg(Width::Narrow));
        assert!(chart.svg_file().contains("<style>.chart{"));
    }
}

#[test]
fn a_bar_that_misses_says_so() {
    let chart = |value| {
        let bar = Bar { label: "primary".into(), value, expected: Some(Expected { value: 50.0, tolerance: 2.0 }), note: None };
        Chart::Bars(BarChart { bars: vec![bar], ..BarChart::default() }).svg(Width::Wide)
    };
    assert!(chart(51.9).contains("as expected: 50 ± 2"));
    assert!(chart(52.1).contains("missed: 50 ± 2"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// No text and no number makes a file that cannot be read.
    #[test]
    fn whatever_is_reported_can_be_read(
        words in proptest::collection::vec(any::<String>(), 6),
        numbers in proptest::collection::vec(prop_oneof![any::<f64>(), 0.0..1e6_f64, Just(f64::NAN), Just(f64::INFINITY)], 6),
        long in 0_u64..10_000_000,
    ) {
        let mut report = sample();
        report.title.clone_from(&words[0]);
        let suite = &mut report.suites[0];
        suite.name.clone_from(&words[1]);
        let failed = &mut suite.cases[1];
        failed.name.clone_from(&words[2]);
        failed.status = Status::Failed(words[3].clone());
        failed.detail = Some(words[4].clone());
        failed.attachments[0].text.clone_from(&words[5]);
        let bars = numbers.iter().zip(&words).map(|(value, label)| Bar { label: label.clone(), value: *value, ..Bar::default() }).collect();
        let points = numbers.iter().zip(&numbers).map(|(at, value)| (*at, Some(*value))).collect();
        let charts = [
            Chart::Bars(BarChart { title: words[0].clone(), unit: words[1].clone(), bars }),
            Chart::Lines(LineChart { title: words[2].clone(), unit: words[3].clone(), lines: vec![Line { label: words[4].clone(), points }], bands: Vec::new() }),
            Chart::Timeline(Timeline { title: words[0].clone(), length: milliseconds(long), lanes: vec![Lane { label: words[5].clone(), ..Lane::default() }] }),
        ];
        report.sections = vec![Section::new(words[5].clone(), charts.into_iter().map(Block::Chart).collect())];
        Junit::read(&junit(&report));
        let page = html(&report, None);
        prop_assert!(words.iter().any(|word| word.contains("NaN")) || !page.contains("NaN"));
        let mut reader = Reader::from_str(&page);
        reader.config_mut().check_end_names = false;
        while !matches!(reader.read_event().unwrap(), Event::Eof) {}
        let _ = text(&report, TextOptions::default());
        let _ = json(&report);
    }
}
