//! validate-jwt and validate-azure-ad-token.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::super::testing::Bench;
use crate::identity::{Issuer, IssuerOptions, LocalKeys, Subject, Version};
use crate::support::clock::VirtualClock;
use crate::support::jwt::{Algorithm, SigningKey};
use crate::support::random::SeededRandom;

/// Seconds since 1970 of the bench's epoch, 2026-11-01 12:00 UTC.
const NOW: i64 = 1_793_534_400;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const TENANT: &str = "22222222-2222-2222-2222-222222222222";

/// Keys are dear to make.
fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().unwrap())
}

fn rsa(claims: Value, id: &str) -> String {
    let header: Map<String, Value> = [("kid".to_owned(), json!(id))].into_iter().collect();
    key().sign(Algorithm::Rs256, header, &claims).unwrap()
}

fn hmac(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(claims));
    let kind = match algorithm {
        "HS384" => aws_lc_rs::hmac::HMAC_SHA384,
        "HS512" => aws_lc_rs::hmac::HMAC_SHA512,
        _ => aws_lc_rs::hmac::HMAC_SHA256,
    };
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(kind, SECRET), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn good() -> Value {
    json!({ "iss": "https://issuer.example/", "aud": ["api", "other"], "exp": NOW + 60, "nbf": NOW - 60, "group": ["finance", "it"], "scp": "read write", "sub": "me" })
}

fn with(changes: Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn policy(attributes: &str, inner: &str) -> String {
    let secret = STANDARD.encode(SECRET);
    format!(
        r#"<validate-jwt header-name="Authorization" {attributes}><issuer-signing-keys><key>{secret}</key></issuer-signing-keys>{inner}</validate-jwt>"#
    )
}

/// Reason, status and message in the body; nothing if the token is good.
async fn refused(policy: &str, token: &str) -> Option<(String, u16, String)> {
    let mut outcome = Bench::inbound(policy).header("authorization", &format!("Bearer {token}")).run().await;
    let reason = outcome.error.as_ref()?.last_error.reason.to_string();
    let status = outcome.status().unwrap();
    let body: Value = serde_json::from_str(&outcome.response_text().await).unwrap();
    Some((reason, status, body["message"].as_str().unwrap().to_owned()))
}

async fn reason(policy: &str, token: &str) -> Option<String> {
    refused(policy, token).await.map(|(reason, ..)| reason)
}

#[tokio::test(start_paused = true)]
async fn a_good_token_passes_and_is_kept() {
    let policies = format!(
        r#"{}<return-response><set-body>@(((Jwt)context.Variables["jwt"]).Subject + ((Jwt)context.Variables["jwt"]).Claims["group"].Length)</set-body></return-response>"#,
        policy(
            r#"output-token-variable-name="jwt" require-scheme="Bearer""#,
            "<audiences><audience>@(\"a\" + \"pi\")</audience></audiences><issuers><issuer>https://issuer.example/</issuer></issuers>"
        )
    );
    for algorithm in ["HS256", "HS384", "HS512"] {
        let mut outcome = Bench::inbound(&policies).header("authorization", &format!("Bearer {}", hmac(algorithm, &good()))).run().await;
        assert_eq!(outcome.response_text().await, "me2", "{algorithm}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_token_has_its_own_reason() {
    let outcome = Bench::inbound(&policy("", "")).run().await;
    assert_eq!(outcome.reason(), ("TokenNotPresent", "JWT not present."));
    assert_eq!(outcome.status(), Some(401));
    assert_eq!(outcome.error.as_ref().unwrap().last_error.source, "validate-jwt");
    let outcome =
        Bench::inbound(&policy("", "")).settings(|settings| settings.missing_token_reason = "TokenNotFound".to_owned()).run().await;
    assert_eq!(outcome.reason(), ("TokenNotFound", "JWT not found in the request. Access denied."));
    // Another scheme than the required one is no token.
    let token = format!("Basic {}", hmac("HS256", &good()));
    let outcome = Bench::inbound(&policy(r#"require-scheme="Bearer""#, "")).header("authorization", &token).run().await;
    assert_eq!(outcome.reason().0, "TokenNotPresent");
    let told = refused(&policy(r#"failed-validation-httpcode="403" failed-validation-error-message="@("go " + "away")""#, ""), "x").await;
    assert_eq!(told, Some(("JwtInvalid".to_owned(), 403, "go away".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn signatures() {
    let plain = policy("", "");
    assert_eq!(reason(&plain, &hmac("HS256", &good())).await, None);
    let mut changed = hmac("HS256", &good());
    changed.replace_range(changed.len() - 4.., "AAAA");
    assert_eq!(reason(&plain, &changed).await.as_deref(), Some("TokenSignatureInvalid"));
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(good().to_string()));
    assert_eq!(reason(&plain, &none).await.as_deref(), Some("TokenSignatureInvalid"));
    assert_eq!(reason(&policy(r#"require-signed-tokens="false""#, ""), &none).await, None);
    // No key at all, and none of the right kind.
    let bare = r#"<validate-jwt header-name="Authorization" />"#;
    assert_eq!(reason(bare, &hmac("HS256", &good())).await.as_deref(), Some("TokenSignatureKeyNotFound"));
    assert_eq!(reason(&plain, &rsa(good(), "k")).await.as_deref(), Some("TokenSignatureKeyNotFound"));
    for broken in ["", "x", "a.b", "a.b.c", "a.b.c.d.e", &"a.".repeat(50_000)] {
        let found = reason(&plain, broken).await.unwrap();
        assert!(found == "JwtInvalid" || broken.is_empty() && found == "TokenNotPresent", "{broken:.20}: {found}");
    }
}

#[tokio::test(start_paused = true)]
async fn public_keys_by_modulus_and_exponent() {
    let jwk = key().verifying_key().to_jwk();
    let element = |id: &str| {
        format!(
            r#"<validate-jwt header-name="Authorization"><issuer-signing-keys><key {id} n="{}" e="{}" /></issuer-signing-keys></validate-jwt>"#,
            jwk["n"].as_str().unwrap(),
            jwk["e"].as_str().unwrap()
        )
    };
    assert_eq!(reason(&element(""), &rsa(good(), "k1")).await, None);
    assert_eq!(reason(&element("id=\"k1\""), &rsa(good(), "k1")).await, None);
    assert_eq!(reason(&element("id=\"k2\""), &rsa(good(), "k1")).await.as_deref(), Some("TokenSignatureKeyNotFound"));
    // The public key as a shared secret is the oldest trick; it is no key for HS256.
    assert_eq!(reason(&element(""), &hmac("HS256", &good())).await.as_deref(), Some("TokenSignatureKeyNotFound"));
}

#[tokio::test(start_paused = true)]
async fn lifetimes() {
    let at = |changes: Value| hmac("HS256", &with(changes));
    let plain = policy("", "");
    assert_eq!(reason(&plain, &at(json!({ "exp": NOW - 1 }))).await.as_deref(), Some("TokenExpired"));
    assert_eq!(reason(&plain, &at(json!({ "exp": NOW }))).await.as_deref(), Some("TokenExpired"));
    assert_eq!(reason(&plain, &at(json!({ "exp": null }))).await.as_deref(), Some("JwtInvalid"));
    assert_eq!(reason(&plain, &at(json!({ "nbf": NOW + 10 }))).await.as_deref(), Some("JwtInvalid"));
    for skew in ["300", "00:05:00", "@(300)"] {
        let lenient = policy(&format!(r#"clock-skew="{skew}""#), "");
        assert_eq!(reason(&lenient, &at(json!({ "exp": NOW - 200, "nbf": NOW + 200 }))).await, None, "{skew}");
    }
    assert_eq!(reason(&policy(r#"require-expiration-time="false""#, ""), &at(json!({ "exp": null }))).await, None);
    assert_eq!(reason(&plain, &at(json!({ "exp": i64::MAX, "nbf": i64::MIN }))).await, None);
}

#[tokio::test(start_paused = true)]
async fn audiences_issuers_and_claims() {
    let token = hmac("HS256", &good());
    let list =
        |outer: &str, inner: &str, value: &str| policy("", &format!("<{outer}><{inner}>x</{inner}><{inner}>{value}</{inner}></{outer}>"));
    assert_eq!(reason(&list("audiences", "audience", "other"), &token).await, None);
    assert_eq!(reason(&list("audiences", "audience", "y"), &token).await.as_deref(), Some("TokenAudienceNotAllowed"));
    assert_eq!(reason(&list("issuers", "issuer", "https://issuer.example/"), &token).await, None);
    assert_eq!(reason(&list("issuers", "issuer", "y"), &token).await.as_deref(), Some("TokenIssuerNotAllowed"));
    let claims = |claim: &str| policy("", &format!("<required-claims>{claim}</required-claims>"));
    for (claim, found) in [
        (r#"<claim name="group" />"#, None),
        (r#"<claim name="group"><value>finance</value></claim>"#, None),
        (r#"<claim name="group" match="all"><value>finance</value><value>it</value></claim>"#, None),
        (r#"<claim name="group" match="all"><value>finance</value><value>hr</value></claim>"#, Some("TokenClaimValueNotAllowed")),
        (r#"<claim name="group" match="any"><value>finance</value><value>hr</value></claim>"#, None),
        (r#"<claim name="scp" match="all" separator=" "><value>write</value><value>@("read")</value></claim>"#, None),
        (r#"<claim name="scp" match="any"><value>write</value></claim>"#, Some("TokenClaimValueNotAllowed")),
    ] {
        assert_eq!(reason(&claims(claim), &token).await.as_deref(), found, "{claim}");
    }
    let missing = refused(&claims(r#"<claim name="a" /><claim name="sub" /><claim name="b" />"#), &token).await.unwrap();
    assert_eq!(missing.0, "TokenClaimNotFound");
    assert_eq!(missing.2, "JWT token is missing the following claims: a, b. Access denied.");
    let value = refused(&claims(r#"<claim name="sub"><value>you</value></claim>"#), &token).await.unwrap();
    assert_eq!(value.2, "Claim sub value of me is not allowed. Access denied.");
}

#[tokio::test(start_paused = true)]
async fn places_of_the_token() {
    let token = hmac("HS256", &good());
    let element = |place: &str| policy("", "").replace("header-name=\"Authorization\"", place);
    let passes = |bench: Bench| async move { bench.run().await.error.is_none() };
    assert!(passes(Bench::inbound(&element(r#"header-name="X-Token""#)).header("x-token", &token)).await);
    // Seen: a scheme in a header of another name fails.
    assert!(!passes(Bench::inbound(&element(r#"header-name="X-Token""#)).header("x-token", &format!("Bearer {token}"))).await);
    let query =
        Bench::inbound(&element(r#"query-parameter-name="token""#)).request(http::Method::GET, &format!("/echo/r?a=b&token={token}"));
    assert!(passes(query).await);
    let value = element(r#"token-value="@(context.Request.Headers.GetValueOrDefault("x-t", ""))""#);
    assert!(passes(Bench::inbound(&value).header("x-t", &token)).await);
    let (_, problems) = Bench::inbound(&element(r#"header-name="a" token-value="b""#)).compiled();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[tokio::test(start_paused = true)]
async fn discovery_documents_are_pulled_once_an_hour_and_for_unknown_keys_once_in_five_minutes() {
    let jwks = json!({ "keys": [Value::Object({
        let mut jwk = key().verifying_key().to_jwk();
        jwk.insert("kid".to_owned(), json!("k1"));
        jwk
    })] });
    let element = r#"<validate-jwt header-name="Authorization" require-expiration-time="false"><openid-config url="http://issuer.example/.well-known/openid-configuration" /></validate-jwt>"#;
    let mut bench = Bench::inbound(element).answering("issuer.example", move |parts, _| {
        let body = if parts.uri.path() == "/keys" {
            jwks.to_string()
        } else {
            json!({ "issuer": "https://issuer.example/", "jwks_uri": "http://issuer.example/keys" }).to_string()
        };
        (Duration::ZERO, http::Response::new(body.into()))
    });
    let (worker, problems) = bench.compiled();
    assert!(problems.is_empty(), "{problems:?}");
    let token = |id: &str, issuer: &str| format!("Bearer {}", rsa(with(json!({ "iss": issuer, "exp": null })), id));
    let mut pulls = Vec::new();
    for (wait, id, issuer, expected) in [
        (0, "k1", "https://issuer.example/", None),
        (1, "k1", "https://issuer.example/", None),
        (1, "k1", "https://other.example/", Some("TokenIssuerNotAllowed")),
        (1, "k9", "https://issuer.example/", Some("TokenSignatureKeyNotFound")),
        (298, "k9", "https://issuer.example/", Some("TokenSignatureKeyNotFound")),
        (1, "k9", "https://issuer.example/", Some("TokenSignatureKeyNotFound")),
        (3_598, "k1", "https://issuer.example/", None),
        (3_600, "k1", "https://issuer.example/", None),
    ] {
        worker.state.clock.sleep(Duration::from_secs(wait)).await;
        bench.headers = vec![("authorization".to_owned(), token(id, issuer))];
        let outcome = bench.run_on(&worker).await;
        assert_eq!(outcome.error.map(|located| located.last_error.reason.into_owned()).as_deref(), expected, "{id} {issuer}");
        pulls.push(bench.network.seen.lock().unwrap().len() / 2);
    }
    assert_eq!(pulls, [1, 1, 1, 1, 2, 2, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_cannot_be_reached_is_told() {
    let element = r#"<validate-jwt header-name="Authorization"><openid-config url="http://nobody.example/.well-known/openid-configuration" /></validate-jwt>"#;
    let (found, status, message) = refused(element, &rsa(good(), "k")).await.unwrap();
    assert_eq!((found.as_str(), status), ("JwtInvalid", 401));
    assert!(message.starts_with("IDX20803: Unable to obtain configuration from: 'http://nobody.example/"), "{message}");
}

fn issuer() -> Arc<Issuer> {
    let clock = Arc::new(VirtualClock::starting_at(time::macros::datetime!(2026-11-01 12:00:00 UTC)));
    let options = IssuerOptions {
        authority: "https://login.microsoftonline.com".to_owned(),
        tenant_id: TENANT.to_owned(),
        clock,
        random: Arc::new(SeededRandom::new(1)),
    };
    Arc::new(Issuer::with_key(SigningKey::from_pem(key().to_pem().unwrap().expose()).unwrap(), options))
}

fn entra(version: Version, tenant: &str, application: &str) -> String {
    let subject = Subject {
        tenant_id: tenant.to_owned(),
        object_id: "o".to_owned(),
        app_id: application.to_owned(),
        roles: vec!["reader".to_owned()],
    };
    issuer().issue(&subject, "api://mine", version).unwrap().token.into_exposed()
}

async fn entra_reason(policy: &str, token: &str) -> Option<String> {
    let bench = Bench::inbound(policy).header("authorization", &format!("Bearer {token}")).keys(Arc::new(LocalKeys::new(issuer())));
    bench.run().await.error.map(|located| located.last_error.reason.into_owned())
}

#[tokio::test(start_paused = true)]
async fn tokens_of_the_local_issuer_pass_without_a_network() {
    let element = |tenant: &str, inner: &str| format!(r#"<validate-azure-ad-token tenant-id="{tenant}">{inner}</validate-azure-ad-token>"#);
    let clients =
        "<client-application-ids><application-id>other</application-id><application-id>App-1</application-id></client-application-ids>";
    for version in [Version::V1, Version::V2] {
        let token = entra(version, TENANT, "app-1");
        assert_eq!(entra_reason(&element(TENANT, clients), &token).await, None, "{version:?}");
        assert_eq!(entra_reason(&element("contoso.onmicrosoft.com", clients), &token).await, None);
        let audience = "<audiences><audience>api://mine</audience></audiences><required-claims><claim name=\"roles\" match=\"any\"><value>reader</value></claim></required-claims>";
        assert_eq!(entra_reason(&element(TENANT, audience), &token).await, None);
        assert_eq!(
            entra_reason(&element(TENANT, "<audiences><audience>x</audience></audiences>"), &token).await.as_deref(),
            Some("TokenAudienceNotAllowed")
        );
        assert_eq!(
            entra_reason(
                &element(TENANT, "<backend-application-ids><application-id>mine</application-id></backend-application-ids>"),
                &token
            )
            .await,
            None
        );
        let foreign = entra(version, "33333333-3333-3333-3333-333333333333", "app-1");
        assert_eq!(entra_reason(&element(TENANT, clients), &foreign).await.as_deref(), Some("TokenIssuerNotAllowed"));
        let stranger = entra(version, TENANT, "app-2");
        assert_eq!(entra_reason(&element(TENANT, clients), &stranger).await.as_deref(), Some("TokenClaimValueNotAllowed"));
    }
    let expired = rsa(
        json!({ "iss": format!("https://sts.windows.net/{TENANT}/"), "exp": NOW - 1, "tid": TENANT }),
        &key().verifying_key().thumbprint(),
    );
    assert_eq!(entra_reason(&element(TENANT, clients), &expired).await.as_deref(), Some("Invalid JWT token. Token is expired."));
    // validate-jwt finds the same issuer.
    let jwt = format!(
        r#"<validate-jwt header-name="Authorization"><openid-config url="https://login.microsoftonline.com/{TENANT}/v2.0/.well-known/openid-configuration" /></validate-jwt>"#
    );
    assert_eq!(entra_reason(&jwt, &entra(Version::V2, TENANT, "a")).await, None);
    assert_eq!(entra_reason(&jwt, &entra(Version::V1, TENANT, "a")).await.as_deref(), Some("TokenIssuerNotAllowed"));
}

#[tokio::test(start_paused = true)]
async fn encrypted_tokens_are_refused_by_name() {
    let (_, problems) = Bench::inbound(&policy("", "<decryption-keys><key>AAAA</key></decryption-keys>")).compiled();
    assert_eq!(problems, ["the element `decryption-keys` of `validate-jwt` is known and not emulated"]);
}
