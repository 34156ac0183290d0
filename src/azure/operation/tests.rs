use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::azure::client::Precondition;
use crate::azure::testing::{Script, answer, refusal};

const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";
const VERSION: &str = "2024-05-01";
const HOST: &str = "https://management.azure.com";
const HOUR: Duration = Duration::from_secs(3_600);

fn id() -> ResourceId {
    ResourceId::parse(SERVICE).unwrap()
}

fn service(state: &str) -> Value {
    json!({ "id": SERVICE, "name": "apim", "properties": { "provisioningState": state } })
}

fn operation_url(number: u32) -> String {
    format!("{HOST}{SERVICE}/operationResults/{number}?api-version={VERSION}&s=signature")
}

fn stored(azure_async_operation: Option<&str>, location: Option<&str>) -> AsyncOperation {
    AsyncOperation {
        resource: id(),
        api_version: VERSION.to_owned(),
        azure_async_operation: azure_async_operation.map(str::to_owned),
        location: location.map(str::to_owned),
        retry_after_seconds: None,
        delete: false,
    }
}

/// PUT, then waits for up to an hour; also what `progress` was told.
async fn put_and_wait(script: &Script) -> (Result<Reply, AzureError>, Vec<String>) {
    let states = Mutex::new(Vec::new());
    let outcome = script.client.put(&id(), VERSION, &json!({}), Precondition::None).await;
    let result = match outcome {
        Ok(Outcome::Done(reply)) => Ok(reply),
        Ok(Outcome::Running(operation, _)) => {
            script.client.wait(&operation, HOUR, &|state| states.lock().unwrap().push(state.to_owned())).await
        }
        Err(error) => Err(error),
    };
    (result, states.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_settled_200_is_done_at_once() {
    let script = Script::new([answer(200, &[], service("Succeeded"))]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn created_with_an_operation_url_is_followed_and_never_put_again() {
    let headers = [("azure-asyncoperation", operation_url(1)), ("location", operation_url(9)), ("retry-after", "60".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let script = Script::new([
        answer(
            201,
            &headers,
            json!({ "id": SERVICE, "identity": { "principalId": "p" }, "properties": { "provisioningState": "Created" } }),
        ),
        answer(200, &[("retry-after", "60")], json!({ "status": "InProgress" })),
        // The signed URL changes from look to look.
        answer(202, &[("azure-asyncoperation", &operation_url(2))], json!({ "status": "Activating" })),
        answer(200, &[], json!({ "status": "Succeeded" })),
        answer(200, &[("etag", "\"e\"")], service("Succeeded")),
    ]);
    let outcome = script.client.put(&id(), VERSION, &json!({}), Precondition::None).await.unwrap();
    let Outcome::Running(operation, first) = outcome else { panic!("{outcome:?}") };
    assert_eq!(first.body["identity"]["principalId"], "p");
    assert_eq!(operation.retry_after_seconds, Some(60));
    let states = Mutex::new(Vec::new());
    let reply = script.client.wait(&operation, HOUR, &|state| states.lock().unwrap().push(state.to_owned())).await.unwrap();
    assert_eq!((reply.body, reply.etag.as_deref()), (service("Succeeded"), Some("\"e\"")));
    assert_eq!(*states.lock().unwrap(), ["InProgress", "Activating", "Succeeded"]);
    let seen = script.seen();
    let result = |number: u32| format!("{SERVICE}/operationResults/{number}");
    assert_eq!(
        seen.iter().map(|seen| seen.path.clone()).collect::<Vec<_>>(),
        [SERVICE.to_owned(), result(1), result(1), result(2), SERVICE.to_owned()]
    );
    assert_eq!(seen[1].query, format!("api-version={VERSION}&s=signature"), "a signed URL is sent as it came");
    assert_eq!((seen[1].at, seen[2].at), (Duration::from_secs(60), Duration::from_secs(120)));
    assert!(seen[3].at - seen[2].at <= LONGEST);
}

#[tokio::test(start_paused = true)]
async fn created_while_activating_is_not_done() {
    let script = Script::new([
        answer(201, &[], service("Created")),
        answer(200, &[], service("Activating")),
        answer(200, &[], service("Succeeded")),
    ]);
    let (result, states) = put_and_wait(&script).await;
    assert_eq!(result.unwrap().body, service("Succeeded"));
    assert_eq!(states, ["Activating", "Succeeded"]);
}

#[tokio::test(start_paused = true)]
async fn a_200_that_is_still_activating_is_not_done() {
    let script = Script::new([answer(200, &[], service("Activating")), answer(200, &[], service("Succeeded"))]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn accepted_with_an_empty_body_and_no_url_asks_the_resource() {
    let script =
        Script::new([answer(202, &[], Value::Null), answer(200, &[], service("Updating")), answer(200, &[], service("Succeeded"))]);
    let (result, states) = put_and_wait(&script).await;
    assert_eq!(result.unwrap().body, service("Succeeded"));
    assert_eq!(states, ["Updating", "Succeeded"]);
    assert_eq!(script.lines()[1], format!("GET {SERVICE}"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_state_is_an_error_at_once_and_later() {
    let script = Script::new([answer(200, &[], service("Failed"))]);
    assert!(put_and_wait(&script).await.0.unwrap_err().is(codes::OPERATION_FAILED));
    let script = Script::new([answer(201, &[], service("Created")), answer(200, &[], service("Failed"))]);
    let error = put_and_wait(&script).await.0.unwrap_err();
    assert!(error.is(codes::OPERATION_FAILED) && error.error.message.contains("Failed"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_operation_gives_arms_error_with_its_ids() {
    for status in ["Failed", "Canceled", "cancelled"] {
        let failed = json!({ "status": status, "error": { "code": "ActivationFailed", "message": "No capacity", "details": [{ "code": "X", "message": "y" }] } });
        let script = Script::new([
            answer(201, &[("azure-asyncoperation", &operation_url(1))], service("Created")),
            answer(200, &[("x-ms-correlation-request-id", "c-1")], failed),
        ]);
        let error = put_and_wait(&script).await.0.unwrap_err();
        assert!(error.is("ActivationFailed"), "{error}");
        assert_eq!((error.error.details.len(), error.correlation_id.as_deref()), (1, Some("c-1")));
    }
    let script = Script::new([
        answer(201, &[("azure-asyncoperation", &operation_url(1))], service("Created")),
        answer(200, &[], json!({ "status": "Canceled", "error": null })),
    ]);
    assert!(put_and_wait(&script).await.0.unwrap_err().error.message.contains("`Canceled`"));
}

#[tokio::test(start_paused = true)]
async fn location_answers_with_asyncid_style() {
    // Recorded for named values: 202 without a body, then 202, then 201 with tag and body.
    let value = json!({ "id": format!("{SERVICE}/namedValues/n"), "properties": { "displayName": "n" } });
    let location = format!("{HOST}{SERVICE}/namedValues/n?api-version={VERSION}&asyncId=5f&asyncCode=201");
    for code in [200, 201] {
        let script = Script::new([
            answer(202, &[("location", &location)], Value::Null),
            answer(202, &[("location", &location)], Value::Null),
            answer(code, &[("etag", "\"n\"")], value.clone()),
        ]);
        let reply = put_and_wait(&script).await.0.unwrap();
        assert_eq!((reply.body, reply.etag.as_deref()), (value.clone(), Some("\"n\"")));
        assert!(script.seen()[2].at < Duration::from_secs(2), "without Retry-After the first looks come soon");
    }
}

#[tokio::test(start_paused = true)]
async fn location_answers_with_status_json_with_a_running_resource_or_with_nothing() {
    let location = operation_url(1);
    let accepted = || answer(202, &[("location", location.as_str())], Value::Null);
    let script = Script::new([
        accepted(),
        answer(202, &[], json!({ "status": "InProgress" })),
        answer(200, &[], json!({ "status": "Succeeded" })),
        answer(200, &[], service("Succeeded")),
    ]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
    let script = Script::new([accepted(), answer(202, &[], service("Updating")), answer(200, &[], service("Succeeded"))]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
    // 202 is 202, whatever the resource says of itself.
    let script = Script::new([accepted(), answer(202, &[], service("Succeeded")), answer(200, &[], service("Succeeded"))]);
    put_and_wait(&script).await.0.unwrap();
    script.assert_done();
    let script = Script::new([accepted(), answer(204, &[], Value::Null), answer(200, &[], service("Succeeded"))]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_behind_location_is_the_operations_own_failure() {
    let script = Script::new([
        answer(202, &[("location", &operation_url(1))], Value::Null),
        answer(202, &[], Value::Null),
        refusal(400, "ValidationError", "One or more fields contain incorrect values:"),
    ]);
    assert!(put_and_wait(&script).await.0.unwrap_err().is("ValidationError"));
}

#[tokio::test(start_paused = true)]
async fn the_resource_may_lag_behind_its_succeeded_operation() {
    let script = Script::new([
        answer(201, &[("azure-asyncoperation", &operation_url(1))], service("Created")),
        answer(200, &[], json!({ "status": "Succeeded" })),
        refusal(404, "ResourceNotFound", "too early"),
        answer(200, &[], service("Activating")),
        answer(200, &[], service("Succeeded")),
    ]);
    assert_eq!(put_and_wait(&script).await.0.unwrap().body, service("Succeeded"));
    script.assert_done();
}

#[tokio::test(start_paused = true)]
async fn an_expired_url_leads_to_the_resource() {
    for gone in [403, 404, 410] {
        let script = Script::new([
            refusal(gone, "ExpiredUrl", "expired"),
            answer(200, &[], service("Activating")),
            answer(200, &[], service("Succeeded")),
        ]);
        let reply = script.client.resume(&stored(Some(&operation_url(1)), None), HOUR, &|_| {}).await.unwrap();
        assert_eq!(reply.body, service("Succeeded"));
        assert_eq!(script.seen()[0].at, Duration::ZERO, "a resumed wait looks at once");
    }
}

#[tokio::test(start_paused = true)]
async fn urls_of_another_host_are_not_asked() {
    let script = Script::new([answer(200, &[], service("Succeeded"))]);
    let operation = stored(Some("https://evil.example/op"), Some("https://127.0.0.1:1/op"));
    script.client.resume(&operation, HOUR, &|_| {}).await.unwrap();
    assert_eq!(script.lines(), [format!("GET {SERVICE}")]);
    // Nor does a running operation lead there.
    let script = Script::new([
        answer(202, &[("azure-asyncoperation", "https://evil.example/op"), ("location", &operation_url(1))], Value::Null),
        answer(202, &[("location", "https://evil.example/op")], Value::Null),
        answer(200, &[], service("Succeeded")),
    ]);
    put_and_wait(&script).await.0.unwrap();
    assert_eq!(script.lines()[2], format!("GET {SERVICE}/operationResults/1"));
}

#[tokio::test(start_paused = true)]
async fn a_resumed_create_whose_resource_is_gone_says_so() {
    let script = Script::new([refusal(404, "ResourceNotFound", "gone")]);
    assert!(script.client.resume(&stored(None, None), HOUR, &|_| {}).await.unwrap_err().is("ResourceNotFound"));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_wait_and_says_that_the_work_goes_on() {
    let mut answers = vec![answer(201, &[("azure-asyncoperation", &operation_url(1)), ("retry-after", "60")], service("Created"))];
    answers.extend((0..60).map(|_| answer(200, &[("retry-after", "60")], json!({ "status": "InProgress" }))));
    let script = Script::new(answers);
    let error = put_and_wait(&script).await.0.unwrap_err();
    assert!(error.is(codes::DEADLINE) && error.error.message.contains("`InProgress` after 60 min"), "{error}");
    assert!(error.hint.unwrap().contains("again"));
    assert!(script.seen().iter().all(|seen| seen.method == "GET" || seen.at == Duration::ZERO), "the PUT was not repeated");
}

#[tokio::test(start_paused = true)]
async fn an_absurd_retry_after_is_capped_and_zero_is_not_taken_literally() {
    let script = Script::new([
        answer(202, &[("location", &operation_url(1)), ("retry-after", "86400")], Value::Null),
        answer(202, &[("retry-after", "0")], Value::Null),
        answer(200, &[], service("Succeeded")),
    ]);
    put_and_wait(&script).await.0.unwrap();
    let seen = script.seen();
    assert_eq!(seen[1].at, LONGEST_ASKED);
    assert!(seen[2].at - seen[1].at >= FIRST);
}

#[tokio::test(start_paused = true)]
async fn retry_after_as_a_date_is_understood() {
    // The script's calendar starts at 2026-01-01 00:00:00.
    let script = Script::new([
        answer(202, &[("location", &operation_url(1)), ("retry-after", "Thu, 01 Jan 2026 00:00:40 GMT")], Value::Null),
        answer(200, &[], service("Succeeded")),
    ]);
    put_and_wait(&script).await.0.unwrap();
    assert_eq!(script.seen()[1].at, Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn a_blip_while_waiting_is_no_failure() {
    let script = Script::new([
        answer(201, &[("azure-asyncoperation", &operation_url(1))], service("Created")),
        answer(503, &[], Value::Null),
        answer(429, &[("retry-after", "7")], Value::Null),
        answer(200, &[], json!({ "status": "Succeeded" })),
        answer(200, &[], service("Succeeded")),
    ]);
    put_and_wait(&script).await.0.unwrap();
    script.assert_done();
}

/// DELETE, then waits.
async fn delete_and_wait(script: &Script) -> Result<Reply, AzureError> {
    match script.client.delete(&id(), VERSION, &[], Precondition::None).await? {
        Outcome::Done(reply) => Ok(reply),
        Outcome::Running(operation, _) => {
            assert!(operation.delete);
            script.client.wait(&operation, HOUR, &|_| {}).await
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_ends_with_its_operation_its_location_or_the_resources_absence() {
    let accepted = |name| answer(202, &[(name, operation_url(1).as_str())], service("Deleting"));
    let gone = || refusal(404, "ResourceNotFound", "gone");
    let cases = [
        vec![
            accepted("azure-asyncoperation"),
            answer(200, &[], json!({ "status": "InProgress" })),
            answer(200, &[], json!({ "status": "Succeeded" })),
        ],
        vec![accepted("location"), answer(202, &[], Value::Null), answer(200, &[], Value::Null)],
        vec![accepted("location"), answer(202, &[], Value::Null), answer(204, &[], Value::Null)],
        // The status URL dies with the service.
        vec![accepted("location"), gone(), gone()],
        vec![answer(202, &[], Value::Null), answer(200, &[], service("Deleting")), gone()],
        // The state is seen late.
        vec![answer(202, &[], Value::Null), answer(200, &[], service("Succeeded")), answer(200, &[], service("Deleting")), gone()],
    ];
    for answers in cases {
        let script = Script::new(answers);
        let reply = delete_and_wait(&script).await.unwrap();
        assert!(reply.body.is_null());
        script.assert_done();
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_never_happens_is_not_waited_for_until_the_deadline() {
    let mut answers = vec![answer(202, &[], Value::Null)];
    answers.extend((0..SETTLED_LOOKS).map(|_| answer(200, &[], service("Succeeded"))));
    let script = Script::new(answers);
    assert!(delete_and_wait(&script).await.unwrap_err().is(codes::OPERATION_FAILED));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_gives_arms_error() {
    let script = Script::new([
        answer(202, &[("azure-asyncoperation", &operation_url(1))], Value::Null),
        answer(200, &[], json!({ "status": "Failed", "error": { "code": "ScopeLocked", "message": "locked" } })),
    ]);
    assert!(delete_and_wait(&script).await.unwrap_err().is("ScopeLocked"));
}

#[tokio::test(start_paused = true)]
async fn a_stored_operation_survives_serialisation() {
    let operation = stored(Some(&operation_url(1)), None);
    let text = serde_json::to_string(&operation).unwrap();
    assert_eq!(serde_json::from_str::<AsyncOperation>(&text).unwrap(), operation);
}
