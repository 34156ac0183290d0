//! Drills that do not come to their end.

use super::processes::Stand;

const OUT: &str = "without aoai-primary-backend";

#[test]
fn killed_in_the_middle_of_a_drill_in_place_the_pool_is_put_back_from_any_machine() {
    let stand = Stand::start();
    stand.until(&["--failover", "--drill", "in-place", "--yes"], OUT).kill();
    assert!(!stand.is_as_specified(), "a member is out of the pool");
    // Whoever comes next is told, on another machine too.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().to_str().unwrap();
    let (code, out, _) =
        stand.run(&["verify", "examples/openai-lb.yaml", "--read-only", "--state-dir", other, "--wait", "1", "--samples", "2"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("begun by anna@here") && out.contains("OpenAI-LB"), "{out}");
    let (code, out, errors) = stand.run(&["verify", "examples/openai-lb.yaml", "--restore", "--state-dir", other]);
    assert_eq!(code, Some(0), "{out}{errors}");
    assert!(out.contains("`OpenAI-LB` is as it was"), "{out}");
    assert!(stand.is_as_specified());
    // The machine that was killed finds that all is well, and forgets.
    let (code, out, errors) = stand.verify_restore();
    assert_eq!(code, Some(0), "{out}{errors}");
    assert!(out.contains("was as before already"), "{out}");
    let (_, out, errors) = stand.verify_restore();
    assert!(errors.contains("nothing to put back"), "{out}{errors}");
    let kept = stand.stop();
    assert!(!kept.iter().any(|id| id.contains("apimctl.drill")), "{kept:?}");
}

#[test]
fn killed_in_the_middle_of_a_drill_of_its_own_everything_it_made_is_deleted() {
    let stand = Stand::start();
    stand.until(&["--failover", "--yes"], OUT).kill();
    // `apply` names it too.
    let state = stand.state.path().to_str().unwrap().to_owned();
    let (code, _, errors) = stand.run(&["apply", "examples/openai-lb.yaml", "--yes", "--state-dir", &state]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("begun by anna@here") && errors.contains("--restore"), "{errors}");
    let (code, out, errors) = stand.verify_restore();
    assert_eq!(code, Some(0), "{out}{errors}");
    for name in [
        "apimctl-drill-doveia-openai",
        "apimctl-drill-doveia-openai-broken-1",
        "apimctl-drill-doveia-openai-broken-2",
        "azure-openai-service-api;rev=2",
    ] {
        assert!(out.contains(&format!("`{name}` is deleted")), "{out}");
    }
    assert!(stand.is_as_specified());
    let kept = stand.stop();
    let left: Vec<&String> =
        kept.iter().filter(|id| id.contains("apimctl-drill") || id.contains(";rev=") || id.contains("apimctl.drill")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn ctrl_c_in_the_middle_of_a_drill_puts_the_pool_back_before_it_ends() {
    let stand = Stand::start();
    let (code, told) = stand.until(&["--failover", "--drill", "in-place", "--yes"], OUT).interrupt();
    assert_eq!(code, Some(1), "what was stopped has proven nothing: {told}");
    assert!(told.contains("Everything is put back"), "{told}");
    assert!(stand.is_as_specified(), "{told}");
    let (_, out, errors) = stand.verify_restore();
    assert!(errors.contains("nothing to put back"), "{out}{errors}");
}

#[test]
fn what_somebody_else_has_changed_meanwhile_is_not_touched() {
    let stand = Stand::start();
    stand.until(&["--failover", "--drill", "in-place", "--yes"], OUT).kill();
    // An apply of another specification of the same service: the pool has other members now.
    let directory = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(crate::support::root().join("examples/openai-lb.yaml")).unwrap();
    let text = text
        .replace("description: Load balancer over both accounts", "description: Load balancer, changed by hand")
        .replace("../policies/", &format!("{}/policies/", crate::support::root().display()));
    let spec = directory.path().join("spec.yaml");
    std::fs::write(&spec, text).unwrap();
    let elsewhere = directory.path().join("state");
    let applied = stand.run(&["apply", spec.to_str().unwrap(), "--yes", "--state-dir", elsewhere.to_str().unwrap()]);
    assert_eq!(applied.0, Some(0), "{}", applied.2);
    let (code, out, errors) = stand.verify_restore();
    assert_eq!(code, Some(1), "{out}{errors}");
    assert!(out.contains("`OpenAI-LB` is not touched: somebody else has changed it"), "{out}{errors}");
}

impl Stand {
    fn verify_restore(&self) -> (Option<i32>, String, String) {
        let state = self.state.path().to_str().unwrap();
        self.run(&["verify", "examples/openai-lb.yaml", "--restore", "--state-dir", state])
    }
}
