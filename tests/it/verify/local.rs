//! Embedded ARM, gateway and accounts in one process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{examples, root};

fn verify(spec: &Path, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_apimctl"))
        .current_dir(root())
        .env_clear()
        .args(["verify", "--local", "--format", "json"])
        .arg(spec)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&stderr).into_owned();
    let text = String::from_utf8_lossy(&stdout);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}"));
    (status.code(), report, errors)
}

/// Names of the checks that ended so, with detail and first cause.
fn of_status<'a>(report: &'a Value, status: &str) -> BTreeMap<&'a str, (&'a str, &'a str)> {
    report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == status)
        .map(|check| {
            let cause = check["causes"][0]["cause"].as_str().unwrap_or_default();
            (check["name"].as_str().unwrap(), (check["detail"].as_str().unwrap(), cause))
        })
        .collect()
}

#[test]
fn the_example_passes_every_check_and_says_why_it_skips_one() {
    let (code, report, errors) = verify(Path::new("examples/openai-lb.yaml"), &[]);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}\n{errors}");
    let passed: Vec<&str> = of_status(&report, "pass").into_keys().collect();
    assert_eq!(
        passed,
        [
            "accounts",
            "apis",
            "backends",
            "balance/OpenAI-LB",
            "breaker/OpenAI-LB",
            "client/azure-openai-service-api-sdk/azure-openai-sdk",
            "client/azure-openai-service-api-sdk/bearer",
            "client/azure-openai-service-api-sdk/key-header",
            "client/azure-openai-service-api-sdk/openai-sdk",
            "client/azure-openai-service-api-sdk/query",
            "client/azure-openai-service-api/bearer",
            "client/azure-openai-service-api/key-header",
            "client/azure-openai-service-api/query",
            "monitoring",
            "open-doors",
            "policies",
            "pool/OpenAI-LB",
            "refused/no-key",
            "refused/suspended-key",
            "refused/wrong-key",
            "retry/azure-openai-service-api",
            "retry/azure-openai-service-api-sdk",
            "role-assignments",
            "roles-effective",
            "scenario/a stream comes token by token, with its usage and its end",
            "scenario/one key opens every path for every kind of client",
            "scenario/the load is shared as clients see it by the region",
            "service",
            "streaming/azure-openai-service-api",
            "streaming/azure-openai-service-api-sdk",
            "subscriptions",
            "telemetry/dimensions",
            "telemetry/requests",
            "telemetry/token-metrics",
            "traps",
        ]
    );
    let skipped = of_status(&report, "skip");
    let names: Vec<&str> = skipped.keys().copied().collect();
    assert_eq!(
        names,
        [
            "client/azure-openai-service-api/azure-openai-sdk",
            "client/azure-openai-service-api/openai-sdk",
            "failover",
            "retirement",
            "token-headers",
        ]
    );
    assert!(skipped.values().all(|(why, _)| why.len() > 20), "{skipped:#?}");
    // Turns are exact, whoever asks.
    let shares = &report["distributions"][0]["shares"];
    assert_eq!((&shares[0]["requests"], &shares[1]["requests"]), (&100.into(), &100.into()), "{shares:#}");
}

/// The table of design decisions: what the tutorial says and what really happens.
#[test]
fn the_tutorial_as_written_fails_exactly_where_it_is_wrong() {
    let (code, report, errors) = verify(Path::new("examples/tutorial-as-written.yaml"), &["--failover"]);
    assert_eq!(code, Some(1), "{errors}");
    let failed = of_status(&report, "fail");
    let expected: [(&str, &str, &str); 27] = [
        ("balance/OpenAI-LB", "aoai-secondary-backend never gets a request", "different priorities mean failover, not round robin"),
        ("breaker/OpenAI-LB", "no member has one", "a pool leaves out only members whose circuit breaker has tripped"),
        ("client/azure-openai-priority-api", "no key opens this API", "no active subscription whose scope includes it"),
        ("client/azure-openai-service-api/azure-openai-sdk", "404 (the gateway says", "no API of the service answers there"),
        ("client/azure-openai-service-api/bearer", "401 (the gateway says", "is checked before any policy"),
        ("client/azure-openai-service-api/key-header", "401 (the account says", "the account takes it for a key of its own"),
        ("failover/OpenAI-LB/broken-member", "6 of 12 requests failed", "nothing tries again after a transport failure"),
        ("retry/azure-openai-priority-api", "nothing tries again", "a pool never sends a request twice"),
        ("streaming/azure-openai-service-api", "in lumps", "`buffer-response` of `forward-request` is true"),
        ("telemetry/dimensions", "`Deployment ID` is always `unknown`", "is not `WithDimensions`"),
        ("trap/POL100", "does not authenticate the caller", ""),
        ("trap/POL101", "sends an empty body", ""),
        ("trap/POL102", "`context.Response` is null", ""),
        ("trap/POL103", "in lumps", ""),
        ("trap/POL104", "throws on what a client may send", ""),
        ("trap/POL105", "takes the privileged branch", ""),
        ("trap/POL107", "`deploymentId` is not set", ""),
        ("trap/POL114", "any client can choose this backend", ""),
        ("trap/POL202", "4 attempts on the pool `OpenAI-LB` of 2", ""),
        ("trap/POL211", "the client's key reaches the backend", ""),
        ("trap/POL212", "inherits a `<forward-request>` that buffers", ""),
        ("trap/SPEC080", "all requests go to the members of priority 1", ""),
        ("trap/SPEC081", "has a circuit breaker", ""),
        ("trap/SPEC082", "SDKs call `/openai/…`", ""),
        ("trap/SPEC083", "a key sent as a bearer token gets 401", ""),
        ("trap/SPEC084", "without their dimensions", ""),
        ("trap/SPEC087", "has no table `requests`", ""),
    ];
    let names: Vec<&str> = failed.keys().copied().collect();
    assert_eq!(names, expected.map(|(name, _, _)| name), "{failed:#?}");
    for (name, detail, cause) in expected {
        let (found, why) = failed[name];
        assert!(found.contains(detail), "{name}: {found}");
        assert!(why.contains(cause), "{name}: {why}");
    }
    let checks = report["checks"].as_array().unwrap();
    let cureless: Vec<&Value> =
        checks.iter().filter(|check| check["status"] == "fail" && !check["causes"][0]["cure"].is_string()).collect();
    assert!(cureless.is_empty(), "{cureless:#?}");
}

#[test]
fn every_good_example_survives_the_drill() {
    // Tests and load profiles stand beside the specifications.
    let is_spec = |path: &std::path::PathBuf| path.file_stem().is_some_and(|stem| !stem.to_string_lossy().contains('.'));
    for spec in examples().into_iter().filter(is_spec).filter(|path| !path.ends_with("tutorial-as-written.yaml")) {
        let (code, report, errors) = verify(&spec, &["--failover"]);
        let failed = of_status(&report, "fail");
        assert!(failed.is_empty() && code == Some(0), "{}: {failed:#?}\n{errors}", spec.display());
        let passed = of_status(&report, "pass");
        let drills: Vec<&&str> = passed.keys().filter(|name| name.starts_with("failover/")).collect();
        for what in ["recovery", "broken-member", "restored"] {
            assert!(drills.iter().any(|name| name.ends_with(what)), "{}: {drills:?}", spec.display());
        }
        assert!(drills.iter().filter(|name| name.contains("/without-")).count() >= 2, "{}: {drills:?}", spec.display());
    }
}

/// 64 clients at a time share the members' turns.
#[test]
fn shares_hold_with_64_clients_at_a_time() {
    let (code, report, errors) = verify(Path::new("examples/openai-lb.yaml"), &["--samples", "2000", "--concurrency", "64"]);
    assert_eq!(code, Some(0), "{report:#}\n{errors}");
    let distribution = &report["distributions"][0];
    assert_eq!(distribution["requests"], 2000);
    for share in distribution["shares"].as_array().unwrap() {
        assert_eq!(share["requests"], 1000, "taking turns is exact: {share:#}");
    }
    let (code, report, errors) = verify(Path::new("examples/ptu-priority.yaml"), &["--samples", "2000", "--concurrency", "64"]);
    assert_eq!(code, Some(0), "{report:#}\n{errors}");
    let by_pool = |name: &str| {
        let all = report["distributions"].as_array().unwrap();
        all.iter().find(|one| one["pool"] == name).unwrap_or_else(|| panic!("{report:#}"))["shares"].clone()
    };
    for share in by_pool("OpenAI-LB").as_array().unwrap() {
        let (requests, expected) = (share["requests"].as_f64().unwrap(), share["expected"].as_f64().unwrap());
        assert!((requests - expected).abs() <= share["tolerance"].as_f64().unwrap(), "{share:#}");
    }
}

#[test]
fn a_fixture_that_disagrees_fails_at_the_first_step_and_the_rest_says_why_it_was_not_asked() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = directory.path().join("fixture.json");
    std::fs::write(&fixture, r#"{"resources": []}"#).unwrap();
    let (code, report, errors) = verify(Path::new("examples/openai-lb.yaml"), &["--fixture", fixture.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{errors}");
    let failed = of_status(&report, "fail");
    assert!(failed["accounts"].0.contains("doveia-frc-ai-foundry"), "{failed:#?}");
    assert!(failed.contains_key("service"), "{failed:#?}");
    let skipped = of_status(&report, "skip");
    assert_eq!(skipped["clients"].0, "the service is not there");
}

#[test]
fn reports_are_written_and_hold_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (junit, html) = (path("verify.xml"), path("verify.html"));
    let (code, _, errors) =
        verify(Path::new("examples/openai-lb.yaml"), &["--failover", "--junit", &junit, "--html", &html, "--samples", "20"]);
    assert_eq!(code, Some(0), "{errors}");
    let (junit, html) = (std::fs::read_to_string(junit).unwrap(), std::fs::read_to_string(html).unwrap());
    assert!(junit.contains("<testsuites") && junit.contains("failures=\"0\""), "{junit}");
    assert!(html.contains("Requests by member of OpenAI-LB") && html.contains("Failover drill in OpenAI-LB"));
    assert!(html.matches("<svg").count() >= 2, "distribution and timeline are drawn");
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (arguments, words) in [
        (&["--local", "--restore"][..], "nothing to restore"),
        (&["--local", "--gateway", "http://127.0.0.1:1"][..], "leave them out with `--local`"),
        (&["--local", "--drill", "in-place"][..], "--failover"),
        (&["--read-only", "--failover"][..], "cannot be used with"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .current_dir(root())
            .env_clear()
            .args(["verify", "examples/openai-lb.yaml"])
            .args(arguments)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && errors.contains(words), "{arguments:?}: {errors}");
    }
}
