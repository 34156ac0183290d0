//! The real Azure code path: ARM over HTTPS, a gateway over HTTPS in another process that hears of changes late.

use serde_json::Value;

use super::processes::Stand;

#[test]
fn over_https_every_check_passes_and_the_drill_leaves_nothing_behind() {
    let stand = Stand::start();
    let (code, out, errors) = stand.verify(&["--failover", "--yes", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{errors}"));
    let failed: Vec<&Value> = report["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail").collect();
    assert!(code == Some(0) && failed.is_empty(), "{failed:#?}\n{errors}");
    let passed = |name: &str| {
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.iter().any(|check| check["name"] == name && check["status"] == "pass"), "{name}: {report:#}");
    };
    for name in [
        "refused/suspended-key",
        "telemetry/token-metrics",
        "balance/OpenAI-LB",
        "failover/OpenAI-LB/without-aoai-primary-backend",
        "failover/OpenAI-LB/without-aoai-secondary-backend",
        "failover/OpenAI-LB/recovery",
        "failover/OpenAI-LB/broken-member",
        "failover/OpenAI-LB/restored",
    ] {
        passed(name);
    }
    // It said beforehand what it would do.
    assert!(errors.contains("makes in `apim-doveia-openai` the pool `apimctl-drill-doveia-openai`"), "{errors}");
    assert!(stand.is_as_specified());
    // A drill without a yes and without a terminal is none.
    let (code, _, errors) = stand.verify(&["--failover"]);
    assert!(code == Some(1) && errors.contains("add `--yes`"), "{errors}");
    let kept = stand.stop();
    let left: Vec<&String> =
        kept.iter().filter(|id| id.contains("apimctl-drill") || id.contains(";rev=") || id.contains("apimctl-verify")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!kept.iter().any(|id| id.contains("apimctl.drill")), "{kept:?}");
}
