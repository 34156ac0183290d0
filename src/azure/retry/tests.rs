use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{AsyncRawResponse, HttpClient};
use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::arm::ResourceId;
use crate::azure::client::{ArmClient, ClientOptions};
use crate::azure::cloud::Cloud;
use crate::azure::credential::StaticCredential;
use crate::azure::error::codes;
use crate::azure::testing::{Script, answer, refusal};
use crate::support::clock::{Clock, SystemClock};
use crate::support::random::SeededRandom;

const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";
const VERSION: &str = "2024-05-01";

fn backend() -> ResourceId {
    ResourceId::parse(&format!("{SERVICE}/backends/b")).unwrap()
}

fn ok() -> http::Response<bytes::Bytes> {
    answer(200, &[], json!({ "properties": {} }))
}

/// Sends one PUT of a backend and says which repetitions there were.
async fn causes(script: &Script, precondition: Precondition) -> (bool, Vec<Cause>) {
    let result = script.client.put(&backend(), VERSION, &json!({}), precondition).await;
    script.assert_done();
    (result.is_ok(), script.watch.0.lock().unwrap().iter().map(|retried| retried.cause).collect())
}

#[tokio::test(start_paused = true)]
async fn what_waiting_mends_is_repeated() {
    let busy = "Operation on the API is in progress";
    let rows = [
        (408, "x", "y", Cause::Server),
        (429, "TooManyRequests", "y", Cause::Throttled),
        (500, "InternalServerError", "y", Cause::Server),
        (502, "x", "y", Cause::Server),
        (503, "x", "y", Cause::Server),
        (504, "GatewayTimeout", "y", Cause::Server),
        (401, "ExpiredAuthenticationToken", "y", Cause::TokenRefused),
        (409, "ManagementApiRequestFailed", "y", Cause::Busy),
        (422, "ManagementApiRequestFailed", "y", Cause::Busy),
        (409, "Conflict", busy, Cause::Busy),
        (409, "PessimisticConcurrencyConflict", "y", Cause::Busy),
        (412, "PreconditionFailed", "y", Cause::Precondition),
        (400, "PrincipalNotFound", "y", Cause::PrincipalNotFound),
    ];
    for (status, code, message, cause) in rows {
        let script = Script::new([refusal(status, code, message), ok()]);
        assert_eq!(causes(&script, Precondition::Any).await, (true, vec![cause]), "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waiting_does_not_mend_is_told_at_once() {
    let rows = [
        (400, "ValidationError", "y"),
        (401, "InvalidAuthenticationTokenTenant", "y"),
        (403, "AuthorizationFailed", "y"),
        (403, "RequestDisallowedByPolicy", "y"),
        (404, "ResourceNotFound", "y"),
        (405, "MethodNotAllowedInPricingTier", "y"),
        (409, "ServiceAlreadyExistsInSoftDeletedState", "y"),
        (409, "ServiceAlreadyExists", "y"),
        (409, "ScopeLocked", "y"),
        (409, "RoleAssignmentExists", "y"),
        (409, "MissingSubscriptionRegistration", "y"),
        (409, "Conflict", "Link already exists between specified Product and Api."),
        (501, "NotImplemented", "y"),
    ];
    for (status, code, message) in rows {
        let script = Script::new([refusal(status, code, message)]);
        assert_eq!(causes(&script, Precondition::None).await, (false, vec![]), "{status} {code}");
    }
    for precondition in [Precondition::Match("\"e\"".to_owned()), Precondition::Absent] {
        let script = Script::new([refusal(412, "PreconditionFailed", "y")]);
        assert_eq!(causes(&script, precondition).await, (false, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_while_the_service_is_not_settled_is_waited_out() {
    let service = |state: &str| answer(200, &[], json!({ "id": SERVICE, "properties": { "provisioningState": state } }));
    let conflict = |status| refusal(status, "ServiceLocked", "The API Service is transitioning at this time.");
    let script = Script::new([conflict(409), service("Activating"), conflict(422), service("Updating"), ok()]);
    assert_eq!(causes(&script, Precondition::None).await, (true, vec![Cause::ServiceTransition; 2]));
    assert_eq!(script.lines()[1], format!("GET {SERVICE}"));
    assert!(script.seen()[4].at >= Duration::from_secs(25));

    // Settled: it may have become so between the two requests, so twice more and then the truth.
    let script =
        Script::new([conflict(409), service("Succeeded"), conflict(409), service("Succeeded"), conflict(409), service("Succeeded")]);
    assert_eq!(causes(&script, Precondition::None).await, (false, vec![Cause::ServiceSettled; 2]));

    // A service that cannot be looked at hides nothing.
    let gone = || refusal(404, "ResourceNotFound", "y");
    let script = Script::new([conflict(409), gone(), conflict(409), gone(), conflict(409), gone()]);
    assert_eq!(causes(&script, Precondition::None).await.1, [Cause::ServiceSettled; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_another_provider_is_told_at_once() {
    let script = Script::new([refusal(409, "Conflict", "y")]);
    let group = ResourceId::resource_group("s", "g");
    assert!(script.client.put(&group, VERSION, &json!({}), Precondition::None).await.is_err());
    script.assert_done();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_settles_uses_up_its_budget_and_no_more() {
    let start = SystemClock.now();
    let handler = |request: http::Request<bytes::Bytes>| async move {
        if request.method() == "GET" {
            answer(200, &[], json!({ "properties": { "provisioningState": "Updating" } }))
        } else {
            refusal(409, "ServiceLocked", "y")
        }
    };
    let client = client(Arc::new(crate::azure::transport::InProcess::new(handler)), Arc::new(StaticCredential::new("t")));
    assert!(client.put(&backend(), VERSION, &json!({}), Precondition::None).await.unwrap_err().is("ServiceLocked"));
    assert_eq!(SystemClock.now().duration_since(start), Cause::ServiceTransition.rule().budget);
}

#[tokio::test(start_paused = true)]
async fn an_action_that_changes_something_is_repeated_only_when_it_was_not_done() {
    let regenerate = format!("{SERVICE}/subscriptions/k/regeneratePrimaryKey");
    for status in [500, 502, 504] {
        let script = Script::new([refusal(status, "x", "y")]);
        assert!(script.client.post(&regenerate, VERSION, None).await.is_err(), "{status}");
    }
    for status in [429, 503] {
        let script = Script::new([refusal(status, "x", "y"), answer(204, &[], Value::Null)]);
        assert!(script.client.post(&regenerate, VERSION, None).await.is_ok(), "{status}");
    }
    let script = Script::new([refusal(500, "x", "y"), ok()]);
    assert!(script.client.post(&format!("{SERVICE}/subscriptions/k/listSecrets"), VERSION, None).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn throttling_waits_as_long_as_asked_in_every_form() {
    let rows = [
        ("retry-after", "17", 17_000),
        ("retry-after", "Thu, 01 Jan 2026 00:00:25 GMT", 25_000),
        ("retry-after-ms", "1500", 1_500),
        ("x-ms-retry-after-ms", "2500", 2_500),
        ("retry-after", "86400", 300_000),
    ];
    for (name, value, milliseconds) in rows {
        let script = Script::new([answer(429, &[(name, value)], Value::Null), ok()]);
        assert!(script.client.get(SERVICE, VERSION, &[]).await.is_ok());
        let waited = script.seen()[1].at.as_millis();
        assert!((milliseconds..=milliseconds + 1_000).contains(&waited), "{name} {value}: {waited}");
    }
    // Nonsense and the past mean: soon.
    for value in ["soon", "-5", "0", "Wed, 31 Dec 2025 00:00:00 GMT", "99999999999999999999999"] {
        let script = Script::new([answer(429, &[("retry-after", value)], Value::Null), ok()]);
        assert!(script.client.get(SERVICE, VERSION, &[]).await.is_ok());
        let at = script.seen()[1].at;
        assert!(at >= Duration::from_millis(900) && at <= Duration::from_secs(2), "{value}: {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_broken_is_given_up_with_its_last_words() {
    let rule = Cause::Server.rule();
    let script = Script::new((0..=rule.repetitions).map(|_| refusal(500, "InternalServerError", "boom")));
    let error = script.client.get(SERVICE, VERSION, &[]).await.unwrap_err();
    assert!(error.is("InternalServerError") && error.has_status(500));
    script.assert_done();
    let waits: Vec<Duration> = script.watch.0.lock().unwrap().iter().map(|retried| retried.wait).collect();
    assert!(waits.windows(2).all(|pair| pair[1] >= pair[0].mul_f64(0.8)), "{waits:?}");
}

/// Fails in a given way a number of times, then answers.
#[derive(Debug)]
struct Failing {
    kind: ErrorKind,
    failures: usize,
    calls: AtomicUsize,
    before: Option<u16>,
}

#[async_trait]
impl HttpClient for Failing {
    async fn execute_request(&self, _request: &azure_core::http::Request) -> azure_core::Result<AsyncRawResponse> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let respond = |status: u16, body: &'static str| {
            Ok(AsyncRawResponse::from_bytes(status.into(), azure_core::http::headers::Headers::new(), body))
        };
        match self.before {
            Some(status) if call == 0 => respond(status, "{}"),
            _ if call < self.failures + usize::from(self.before.is_some()) => {
                let io = std::io::Error::other("tls: unknown issuer");
                Err(azure_core::Error::with_error(self.kind.clone(), io, "failed to execute request"))
            }
            _ => respond(200, "{}"),
        }
    }
}

fn client(transport: Arc<dyn HttpClient>, credential: Arc<dyn TokenCredential>) -> ArmClient {
    ArmClient::new(ClientOptions {
        transport: Some(transport),
        random: Arc::new(SeededRandom::new(7)),
        ..ClientOptions::new(Cloud::public(), credential, Arc::new(SystemClock))
    })
}

fn failing(kind: ErrorKind, failures: usize, before: Option<u16>) -> (ArmClient, Arc<Failing>) {
    let transport = Arc::new(Failing { kind, failures, calls: AtomicUsize::new(0), before });
    (client(transport.clone(), Arc::new(StaticCredential::new("t"))), transport)
}

#[tokio::test(start_paused = true)]
async fn a_wrong_endpoint_is_told_within_seconds_with_all_causes() {
    for kind in [ErrorKind::Connection, ErrorKind::Io] {
        let start = SystemClock.now();
        let (client, transport) = failing(kind, usize::MAX, None);
        let error = client.get(SERVICE, VERSION, &[]).await.unwrap_err();
        assert!(error.is(codes::TRANSPORT) && error.status.is_none());
        assert_eq!(error.error.message, "failed to execute request: tls: unknown issuer");
        assert!(error.hint.is_some() || !error.error.message.contains("certificate"));
        assert_eq!(transport.calls.load(Ordering::SeqCst), 3);
        assert!(SystemClock.now().duration_since(start) <= Duration::from_secs(5));
    }
}

#[tokio::test(start_paused = true)]
async fn once_arm_has_answered_a_lost_network_is_waited_for() {
    let (client, transport) = failing(ErrorKind::Connection, 10, Some(200));
    client.get(SERVICE, VERSION, &[]).await.unwrap();
    client.put(&backend(), VERSION, &json!({}), Precondition::None).await.unwrap();
    assert_eq!(transport.calls.load(Ordering::SeqCst), 12);

    let start = SystemClock.now();
    let (client, _) = failing(ErrorKind::Connection, usize::MAX - 1, Some(200));
    client.get(SERVICE, VERSION, &[]).await.unwrap();
    assert!(client.get(SERVICE, VERSION, &[]).await.unwrap_err().is(codes::TRANSPORT));
    assert_eq!(SystemClock.now().duration_since(start), Cause::Network.rule().budget);
}

#[tokio::test(start_paused = true)]
async fn an_action_is_not_repeated_when_its_answer_is_lost() {
    let regenerate = format!("{SERVICE}/subscriptions/k/regeneratePrimaryKey");
    let (client, transport) = failing(ErrorKind::Io, 1, Some(200));
    client.get(SERVICE, VERSION, &[]).await.unwrap();
    assert!(client.post(&regenerate, VERSION, None).await.is_err());
    assert_eq!(transport.calls.load(Ordering::SeqCst), 2);
    // It was never sent: then it may be.
    let (client, transport) = failing(ErrorKind::Connection, 1, Some(200));
    client.get(SERVICE, VERSION, &[]).await.unwrap();
    client.post(&regenerate, VERSION, None).await.unwrap();
    assert_eq!(transport.calls.load(Ordering::SeqCst), 3);
}

/// Gives numbered tokens; fails as told.
#[derive(Debug, Default)]
struct Counting {
    calls: AtomicUsize,
    fail: Mutex<Vec<usize>>,
    short_lived: bool,
}

#[async_trait]
impl TokenCredential for Counting {
    async fn get_token(&self, scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://management.azure.com/.default"]);
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if self.fail.lock().unwrap().contains(&call) {
            return Err(azure_core::Error::with_message(ErrorKind::Credential, "AADSTS700082: expired. Run `az login --tenant t`"));
        }
        let expires = if self.short_lived { datetime!(2020-01-01 0:00 UTC) } else { datetime!(9999-01-01 0:00 UTC) };
        Ok(AccessToken::new(format!("token-{call}"), expires))
    }
}

#[tokio::test(start_paused = true)]
async fn one_token_serves_many_requests_and_is_renewed_when_it_expires() {
    let credential = Arc::new(Counting::default());
    let script = Script::with_credential((0..5).map(|_| ok()), credential.clone());
    for _ in 0..5 {
        script.client.get(SERVICE, VERSION, &[]).await.unwrap();
    }
    assert_eq!(credential.calls.load(Ordering::SeqCst), 1);

    let credential = Arc::new(Counting { short_lived: true, ..Counting::default() });
    let script = Script::with_credential((0..3).map(|_| ok()), credential.clone());
    for _ in 0..3 {
        script.client.get(SERVICE, VERSION, &[]).await.unwrap();
    }
    let tokens: Vec<_> = script.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once() {
    let refused = || {
        let challenge = r#"Bearer error="insufficient_claims", claims="eyJ9""#;
        let body = json!({ "error": { "code": "InvalidAuthenticationToken", "message": "revoked" } });
        answer(401, &[("www-authenticate", challenge)], body)
    };
    let credential = Arc::new(Counting::default());
    let script = Script::with_credential([refused(), ok()], credential);
    script.client.get(SERVICE, VERSION, &[]).await.unwrap();
    assert_eq!(script.seen()[1].headers["authorization"], "Bearer token-1");

    let script = Script::with_credential([refused(), refused()], Arc::new(Counting::default()));
    let error = script.client.get(SERVICE, VERSION, &[]).await.unwrap_err();
    assert!(error.has_status(401) && error.hint.as_deref() == Some("az login"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn no_token_at_first_is_final_and_later_is_a_blip() {
    let credential = Arc::new(Counting { fail: Mutex::new(vec![0]), ..Counting::default() });
    let script = Script::with_credential([], credential.clone());
    let error = script.client.get(SERVICE, VERSION, &[]).await.unwrap_err();
    assert!(error.is_credential() && error.hint.as_deref() == Some("az login --tenant t"), "{error:?}");
    assert_eq!(credential.calls.load(Ordering::SeqCst), 1);

    let credential = Arc::new(Counting { fail: Mutex::new(vec![1, 2]), short_lived: true, ..Counting::default() });
    let script = Script::with_credential([ok(), ok()], credential.clone());
    script.client.get(SERVICE, VERSION, &[]).await.unwrap();
    script.client.get(SERVICE, VERSION, &[]).await.unwrap();
    assert_eq!(credential.calls.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_answer_says_whose_it_may_be() {
    #[derive(Debug)]
    struct LostThenStale(AtomicUsize);
    #[async_trait]
    impl HttpClient for LostThenStale {
        async fn execute_request(&self, _: &azure_core::http::Request) -> azure_core::Result<AsyncRawResponse> {
            if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                return Err(azure_core::Error::with_message(ErrorKind::Io, "connection reset"));
            }
            let body = r#"{"error":{"code":"PreconditionFailed","message":"changed"}}"#;
            Ok(AsyncRawResponse::from_bytes(412.into(), azure_core::http::headers::Headers::new(), body))
        }
    }
    let client = client(Arc::new(LostThenStale(AtomicUsize::new(0))), Arc::new(StaticCredential::new("t")));
    let error = client.put(&backend(), VERSION, &json!({}), Precondition::Match("\"e\"".to_owned())).await.unwrap_err();
    assert!(error.is("PreconditionFailed") && error.hint.unwrap().contains("lost"));
}

#[test]
fn the_service_is_found_in_any_path_below_it() {
    assert_eq!(service_of(SERVICE), Some(SERVICE));
    assert_eq!(service_of(&format!("{SERVICE}/apis/a/policies/policy")), Some(SERVICE));
    assert_eq!(service_of(&SERVICE.to_uppercase()), Some(SERVICE.to_uppercase().as_str()));
    assert_eq!(service_of("/subscriptions/s/resourceGroups/g"), None);
    assert_eq!(service_of("/subscriptions/s/providers/Microsoft.ApiManagement/service/"), None);
}

proptest! {
    #[test]
    fn no_wait_is_shorter_than_asked_or_longer_than_allowed(repetition in 1_u32..200, asked in proptest::option::of(0_u64..10_000), seed: u64) {
        let random = SeededRandom::new(seed);
        for cause in [Cause::FirstContact, Cause::Network, Cause::Server, Cause::Throttled, Cause::Busy, Cause::PrincipalNotFound] {
            let rule = cause.rule();
            let asked = asked.map(Duration::from_secs);
            let wait = wait(rule, repetition, asked, &random);
            match asked.filter(|asked| !asked.is_zero()) {
                Some(asked) => {
                    prop_assert!(wait >= asked.min(rule.longest_asked));
                    prop_assert!(wait <= rule.longest_asked + Duration::from_secs(1));
                }
                None => {
                    prop_assert!(wait >= rule.first.min(rule.longest).mul_f64(0.89));
                    prop_assert!(wait <= rule.longest.mul_f64(1.11));
                }
            }
        }
    }

    #[test]
    fn any_retry_after_text_is_survived(text in "\\PC{0,40}") {
        let _ = retry_after(|_| Some(text.as_str()), datetime!(2026-01-01 0:00 UTC));
    }
}
