//! What is found before the first write, and that nothing is written then.

use std::time::Duration;

use apimctl::deploy::cancel::Cancellation;
use apimctl::deploy::events::Discard;
use apimctl::deploy::{DeployError, SoftDeleted};
use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Fault, FaultAction, Fixture, LoggedRequest};
use serde_json::{Value, json};

use super::bench::{Bench, SPEC, edited};

fn fixture(value: Value) -> Fixture {
    serde_json::from_value(value).unwrap()
}

fn service() -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg-bench/providers/Microsoft.ApiManagement/service/apim-bench")
}

/// The codes that stop an apply, which must not have written anything.
async fn refused(bench: &Bench, text: &str) -> Vec<(&'static str, String)> {
    let error = bench.apply(text, |_| {}).await.unwrap_err();
    assert_eq!(bench.writes(), Vec::<LoggedRequest>::new());
    assert!(matches!(error, DeployError::Findings(_)), "{error}");
    error.findings().iter().map(|finding| (finding.code.id, finding.help.clone().unwrap_or_default())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_not_registered_is_named_with_its_cure() {
    let bench = Bench::new(|_| {});
    let client = bench.client_through(|request, emulator| async move {
        let asked = request.uri().path().ends_with("/providers/Microsoft.OperationalInsights");
        let mut answer = emulator.handle(request).await;
        if asked {
            *answer.body_mut() = r#"{"namespace":"Microsoft.OperationalInsights","registrationState":"NotRegistered"}"#.into();
        }
        answer
    });
    let deployment = bench.deployment_through(client, SPEC, |_| {});
    let plan = deployment.plan().await.unwrap();
    let error = deployment.apply(&plan, &Discard, Cancellation::never()).await.unwrap_err();
    assert_eq!(bench.writes(), Vec::<LoggedRequest>::new());
    let findings = error.findings();
    assert_eq!(findings.iter().map(|finding| finding.code.id).collect::<Vec<_>>(), ["ARM002"]);
    assert!(
        findings[0].help.as_deref().unwrap().contains("az provider register --namespace Microsoft.OperationalInsights"),
        "{findings:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn missing_rights_are_named_with_scope_and_cure() {
    let contributor = json!({"permissions": [{"scope": format!("/subscriptions/{DEFAULT_SUBSCRIPTION}"), "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"]}]});
    let bench = Bench::with(SPEC, fixture(contributor), |_| {});
    let found = refused(&bench, SPEC).await;
    assert!(found.iter().all(|(code, _)| *code == "ARM003") && found.len() >= 2, "{found:?}");
    assert!(found.iter().any(|(_, help)| help.contains("roleAssignments: verify") && help.contains("acc-france")), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn accounts_are_checked_against_each_other_and_against_the_specification() {
    let account = |name: &str, group: &str, model: &str, subdomain: Value| {
        let id =
            format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{name}");
        [
            json!({"id": id, "location": "elsewhere", "kind": "AIServices", "properties": {"customSubDomainName": subdomain, "endpoint": format!("https://{name}.openai.azure.com/")}}),
            json!({"id": format!("{id}/deployments/{model}"), "sku": {"name": "Standard", "capacity": 1}, "properties": {"model": {"name": model, "version": "1"}}}),
        ]
    };
    let mut resources = account("acc-france", "rg-france", "gpt-35", Value::Null).to_vec();
    resources.extend(account("acc-sweden", "rg-sweden", "gpt-4o-mini", json!("acc-sweden")));
    let bench = Bench::with(SPEC, Fixture::default(), |_| {});
    bench.local.emulator().seed(&fixture(json!({ "resources": resources }))).unwrap();
    let mut codes: Vec<&str> = refused(&bench, SPEC).await.into_iter().map(|(code, _)| code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert!(codes.contains(&"ARM102") && codes.contains(&"ARM103"), "{codes:?}");
    let other = edited(SPEC, "account: acc-france", "account: acc-nowhere");
    let codes: Vec<&str> = refused(&bench, &other).await.into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"ARM101"), "{codes:?}");
    let other = edited(SPEC, "deployments: [gpt-4o-mini]", "deployments: [gpt-4o-mini, gpt-nowhere]");
    let codes: Vec<&str> = refused(&bench, &other).await.into_iter().map(|(code, _)| code).collect();
    assert!(codes.contains(&"ARM104"), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_soft_deleted_name_is_restored_or_purged_when_asked_and_refused_otherwise() {
    for choice in [SoftDeleted::Recover, SoftDeleted::Purge] {
        let bench = Bench::with(SPEC, fixture(json!({"softDeleted": [{"id": service(), "location": "eastus"}]})), |_| {});
        let found = refused(&bench, SPEC).await;
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["ARM004"]);
        assert!(found[0].1.contains("--soft-deleted recover"), "{found:?}");
        bench.apply(SPEC, |settings| settings.soft_deleted = choice).await.unwrap_or_else(|error| panic!("{choice:?}: {error}"));
        assert!(bench.plan(SPEC).await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn with_no_wait_it_returns_once_the_service_is_accepted_and_a_rerun_goes_on() {
    let bench = Bench::new(|_| {});
    let before = bench.clock.now();
    let applied = bench.apply(SPEC, |settings| settings.no_wait = true).await.unwrap();
    assert!(applied.running.iter().any(|id| id.ends_with("/service/apim-bench")), "{applied:?}");
    assert!(bench.clock.now() - before < Duration::from_secs(600));
    bench.apply(SPEC, |_| {}).await.unwrap();
    assert!(bench.plan(SPEC).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_service_says_of_a_policy_is_shown_at_the_users_line() {
    let bench = Bench::new(|_| {});
    bench.apply(SPEC, |_| {}).await.unwrap();
    let broken = edited(SPEC, "          <set-backend-service", "          <set-backend-service  ");
    let broken = edited(&broken, "<include-fragment fragment-id=\"hello\" />", "<set-variable name=\"x\" value=\"y\" />");
    // Line 4 of the policy, in whose text the first column of a statement is 5.
    let message = "Error in element 'set-variable' on line 4, column 6: The service knows better.";
    let refusal = FaultAction::Refuse { status: 400, code: "ValidationError".to_owned(), message: message.to_owned(), retry_after: None };
    bench.local.emulator().faults().add(Fault::new(refusal).method(http::Method::PUT).path_ends_with("/apis/chat/policies/policy"));
    let error = match bench.apply(&broken, |_| {}).await {
        Err(error) => error,
        Ok(applied) => panic!("it was accepted: {applied:?}"),
    };
    let findings = error.findings();
    assert_eq!(findings.iter().map(|finding| finding.code.id).collect::<Vec<_>>(), ["ARM301"], "{error}");
    let span = findings[0].span.unwrap();
    assert_eq!(&broken.as_bytes()[span.start as usize..span.end as usize], b"set-variable", "{findings:?}");
    assert!(error.to_string().contains("correlation id"), "{error}");
}
