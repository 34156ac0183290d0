//! What the gateway says about itself to backends: credentials of entities, and the authentication policies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::identity::{
    AccessToken, GuardedTokens, Issuer, IssuerOptions, LocalTokens, NoToken, TokenRequest, TokenSource, azure_openai_domains,
};
use apimctl::support::random::SeededRandom;
use futures::future::BoxFuture;
use serde_json::json;

use super::harness::{Setup, pass};

const TO_ONE: &str = r#"<policies><inbound><base/><set-backend-service backend-id="one"/></inbound></policies>"#;
const RESOURCE: &str = "https://cognitiveservices.azure.com";

fn inbound(policies: &str) -> String {
    format!(
        r#"<policies><inbound><base/>{policies}</inbound>
        <on-error><base/><set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header></on-error></policies>"#
    )
}

/// Counts what is asked of it.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl TokenSource for Counting {
    fn token<'a>(&'a self, request: &'a TokenRequest) -> BoxFuture<'a, Result<AccessToken, NoToken>> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let token = format!("{}:{}:{number}", request.principal.object_id, request.resource);
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(AccessToken { token: token.into(), expires_in: Duration::from_secs(3600) })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_of_an_entity_are_added_when_it_is_called() {
    let credentials = json!({ "credentials": {
        "header": { "api-key": ["k1"], "x-many": ["1", "2"] },
        "query": { "code": ["a b"], "api-version": ["2"] },
        "authorization": { "scheme": "Basic", "parameter": "abc" }
    } });
    for (win, key, line) in [
        (true, "k1", "GET /openai/x?y=1&code=a+b&api-version=2 HTTP/1.1"),
        (false, "callers", "GET /openai/x?api-version=1&y=1&code=a+b HTTP/1.1"),
    ] {
        let setup = Setup::new()
            .single("one", credentials.clone())
            .single("two", json!({}))
            .settings(|settings| settings.backend_credentials_win = win);
        let world = setup.pool("pool", &[("one", 1, 1), ("two", 1, 1)], json!({})).document(&TO_ONE.replace("one", "pool")).start();
        for _ in 0..2 {
            world.send("GET", "/echo/x?api-version=1&y=1", &[("api-key", "callers")], "").await;
        }
        let seen = world.backends.seen();
        assert_eq!((seen[0].line(), seen[0].header("api-key"), seen[0].header("authorization")), (line, Some(key), Some("Basic abc")));
        assert_eq!(seen[0].head.matches("x-many").count(), 2);
        // Another member never sees them.
        assert_eq!(
            (seen[1].line(), seen[1].header("api-key"), seen[1].header("authorization")),
            ("GET /openai/x?api-version=1&y=1 HTTP/1.1", Some("callers"), None)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_members_credentials_do_not_reach_the_next_by_retry() {
    let credentials = json!({ "credentials": { "header": { "api-key": ["k1"] } } });
    let setup = Setup::new().single("one", credentials).single("two", json!({})).pool("pool", &[("one", 1, 1), ("two", 1, 1)], json!({}));
    let world = setup.document(&super::harness::retrying(1, super::harness::SAFE, "")).start();
    world.backends.script("one", [super::harness::Reply::status(500)]);
    assert_eq!(world.get("/echo/x").await.status, 200);
    let seen = world.backends.seen();
    assert_eq!((seen[0].header("api-key"), seen[1].header("api-key")), (Some("k1"), None));
    assert_eq!(seen[1].header("x-forwarded-for"), Some("203.0.113.7"), "once, not once an attempt");
}

#[tokio::test(start_paused = true)]
async fn a_local_token_names_the_service_and_the_resource() {
    let identity = json!({ "credentials": { "managedIdentity": { "resource": RESOURCE } } });
    let policy =
        inbound(&format!(r#"<authentication-managed-identity resource="{RESOURCE}/" client-id="CCCCCCCC-0000-0000-0000-000000000002"/>"#));
    let setup = Setup::new().single("one", identity).document(TO_ONE).another("other", json!({})).document_of("other", &policy);
    let options = IssuerOptions {
        authority: "https://login.microsoftonline.com".to_owned(),
        tenant_id: "bbbbbbbb-0000-0000-0000-000000000001".to_owned(),
        clock: setup.clock(),
        random: Arc::new(SeededRandom::new(1)),
    };
    let issuer = Arc::new(Issuer::generate(options).unwrap());
    let world = setup.tokens(Arc::new(LocalTokens::new(issuer.clone()))).start();
    world.send("GET", "/echo/x", &[("authorization", "Bearer callers")], "").await;
    world.send("GET", "/other/x", &[("authorization", "Bearer callers")], "").await;
    for (seen, last) in world.backends.seen().iter().zip([1, 2]) {
        let token = seen.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        let claims = issuer.verify(token, &[RESOURCE]).unwrap();
        assert_eq!(claims.subject.object_id, format!("aaaaaaaa-0000-0000-0000-00000000000{last}"));
        assert_eq!(claims.subject.tenant_id, "bbbbbbbb-0000-0000-0000-000000000001");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_shortly_before_it_ends() {
    let source = Arc::new(Counting::default());
    let policy = inbound(&format!(r#"<authentication-managed-identity resource="{RESOURCE}"/>"#));
    let identity = json!({ "credentials": { "managedIdentity": { "resource": RESOURCE } } });
    let setup = Setup::new().document(&policy).single("one", identity).another("other", json!({})).document_of("other", TO_ONE);
    let world = setup.tokens(source.clone()).start();
    let all = futures::future::join_all((0..20).map(|_| world.get("/echo/x"))).await;
    assert!(all.iter().all(|answer| answer.status == 200));
    world.get("/other/x").await;
    assert_eq!(source.0.load(Ordering::Relaxed), 1, "one token for all who want the same");
    pass(3600 - 301).await;
    world.get("/echo/x").await;
    assert_eq!(source.0.load(Ordering::Relaxed), 1);
    pass(2).await;
    world.get("/echo/x").await;
    assert_eq!(source.0.load(Ordering::Relaxed), 2);
    let last = world.backends.seen().pop().unwrap();
    assert!(last.header("authorization").unwrap().ends_with(":1"));
}

#[tokio::test(start_paused = true)]
async fn with_a_variable_the_header_is_the_authors_matter() {
    let text = inbound(&format!(
        r#"<authentication-managed-identity resource="@("{RESOURCE}")" output-token-variable-name="token"/>
        <set-header name="x-token"><value>@((string)context.Variables["token"])</value></set-header>"#
    ));
    let world = Setup::new().document(&text).tokens(Arc::new(Counting::default())).start();
    world.get("/echo/x").await;
    let seen = world.backends.seen();
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(seen[0].header("x-token"), Some("aaaaaaaa-0000-0000-0000-000000000001:https://cognitiveservices.azure.com:0"));
}

#[tokio::test(start_paused = true)]
async fn no_identity_no_token() {
    for (attributes, status) in [("", 500), ("ignore-error=\"true\"", 200), ("client-id=\"dddddddd-0000-0000-0000-000000000000\"", 500)] {
        let policy = inbound(&format!(r#"<authentication-managed-identity resource="{RESOURCE}" {attributes}/>"#));
        let setup = Setup::new().document(&policy).tokens(Arc::new(Counting::default()));
        let setup = if attributes.starts_with("client") { setup } else { setup.without_identity() };
        let world = setup.start();
        let answer = world.get("/echo/x").await;
        assert_eq!(answer.status, status, "{attributes}");
        if status == 500 {
            assert_eq!(answer.header("x-reason"), Some("ManagedIdentityTokenUnavailable"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_real_token_goes_to_accounts_of_the_cloud_only() {
    let guarded = || Arc::new(GuardedTokens::new(Counting::default(), azure_openai_domains("azure.com"), vec!["allowed.test".to_owned()]));
    let take = format!(r#"<authentication-managed-identity resource="{RESOURCE}" output-token-variable-name="token"/>"#);
    let identity = json!({ "credentials": { "managedIdentity": { "resource": RESOURCE } } });
    for (policy, status) in [
        (format!(r#"{take}<set-backend-service base-url="https://a.openai.azure.com"/>"#), 200),
        (format!(r#"{take}<set-backend-service base-url="https://allowed.test"/>"#), 200),
        (format!(r#"{take}<set-backend-service base-url="http://a.openai.azure.com"/>"#), 403),
        (format!(r#"{take}<set-backend-service base-url="https://evil.test"/>"#), 403),
        (r#"<set-backend-service backend-id="one"/>"#.to_owned(), 403),
        (r#"<set-backend-service base-url="http://evil.test"/>"#.to_owned(), 200),
    ] {
        let world = Setup::new().single("one", identity.clone()).document(&inbound(&policy)).tokens(guarded()).start();
        assert_eq!(world.get("/echo/x").await.status, status, "{policy}");
        assert_eq!(world.backends.seen().is_empty(), status == 403);
    }
}

#[tokio::test(start_paused = true)]
async fn authentication_basic() {
    let known = r#"<authentication-basic username="user" password="p:w"/>"#;
    let computed = r#"<authentication-basic username="@("us" + "er")" password="p:w"/>"#;
    for policy in [known, computed] {
        let world = Setup::new().document(&inbound(policy)).start();
        world.get("/echo/x").await;
        assert_eq!(world.backends.seen()[0].header("authorization"), Some("Basic dXNlcjpwOnc="));
    }
}
