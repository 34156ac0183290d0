use std::sync::Arc;

use time::macros::datetime;

use super::*;
use crate::identity::{Client, IssuerOptions};
use crate::support::clock::VirtualClock;
use crate::support::random::SeededRandom;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const ARM: &str = "https://127.0.0.1:8443";

fn entra(clients: Clients) -> Entra {
    let random = Arc::new(SeededRandom::new(1));
    let options = IssuerOptions {
        authority: ARM.to_owned(),
        tenant_id: TENANT.to_owned(),
        clock: Arc::new(VirtualClock::starting_at(datetime!(2026-01-01 0:00 UTC))),
        random: random.clone(),
    };
    Entra::new(Arc::new(Issuer::generate(options).unwrap()), clients, random, "https://127.0.0.1:8443/")
}

fn registered() -> Clients {
    Clients::Registered(vec![Client { app_id: "app".to_owned(), object_id: "o".to_owned(), secret: Some("right".to_owned().into()) }])
}

fn ask(entra: &Entra, method: &str, uri: &str, body: &str) -> Option<(u16, Value)> {
    let request = Request::builder().method(method).uri(uri).body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    entra.answer(&request).map(|response| (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn discovery_leads_to_keys_and_tokens_of_the_same_issuer() {
    let entra = entra(Clients::Any);
    for (path, keys) in [
        ("/common/v2.0/.well-known/openid-configuration".to_owned(), format!("{ARM}/{TENANT}/discovery/v2.0/keys")),
        (format!("/{TENANT}/.well-known/openid-configuration"), format!("{ARM}/{TENANT}/discovery/keys")),
    ] {
        let (status, document) = ask(&entra, "GET", &path, "").unwrap();
        assert_eq!((status, document["jwks_uri"].as_str()), (200, Some(keys.as_str())));
        let (_, keys) = ask(&entra, "GET", keys.strip_prefix(ARM).unwrap(), "").unwrap();
        assert_eq!(keys["keys"][0]["kty"], "RSA");
        let token_path = document["token_endpoint"].as_str().unwrap().strip_prefix(ARM).unwrap().to_owned();
        let form = "grant_type=client_credentials&client_id=c&client_secret=s&scope=https://x/.default&resource=https://x";
        let (status, token) = ask(&entra, "POST", &token_path, form).unwrap();
        assert_eq!((status, token["token_type"].as_str()), (200, Some("Bearer")));
        let claims = entra.issuer.verify(token["access_token"].as_str().unwrap(), &["https://x"]).unwrap();
        assert_eq!(claims.subject.app_id, "c");
    }
    let (_, instance) = ask(&entra, "GET", "/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2F127.0.0.1%3A8443%2Fabc%2Foauth2%2Fv2.0%2Fauthorize", "").unwrap();
    assert_eq!(instance["tenant_discovery_endpoint"], format!("{ARM}/abc/v2.0/.well-known/openid-configuration"));
}

#[tokio::test(start_paused = true)]
async fn a_v1_token_answer_writes_its_numbers_as_text() {
    let form = "grant_type=client_credentials&client_id=c&client_secret=s&resource=https://x";
    let (_, answer) = ask(&entra(Clients::Any), "POST", "/common/oauth2/token", form).unwrap();
    assert_eq!((&answer["expires_in"], &answer["expires_on"]), (&json!("3599"), &json!("1767229199")));
}

#[tokio::test(start_paused = true)]
async fn refusals_have_entras_shape() {
    let entra = entra(registered());
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let good = "grant_type=client_credentials&client_id=app&client_secret=right&scope=https://x/.default";
    assert_eq!(ask(&entra, "POST", &path, good).unwrap().0, 200);
    let other = "/99999999-2222-3333-4444-555555555555/oauth2/v2.0/token";
    let cases = [
        (path.as_str(), good.replace("right", "wrong"), 401, 7_000_215, "invalid_client"),
        (path.as_str(), good.replace("client_id=app", "client_id=x"), 400, 700_016, "unauthorized_client"),
        (path.as_str(), good.replace("client_secret=right", ""), 401, 7_000_218, "invalid_client"),
        (path.as_str(), good.replace("/.default", ""), 400, 1_002_012, "invalid_scope"),
        (path.as_str(), good.replace("client_credentials", "password"), 400, 70_003, "unsupported_grant_type"),
        (path.as_str(), String::new(), 400, 900_144, "invalid_request"),
        (other, good.to_owned(), 400, 90_002, "invalid_request"),
    ];
    for (path, form, status, code, error) in cases {
        let (seen, body) = ask(&entra, "POST", path, &form).unwrap();
        assert_eq!((seen, &body["error_codes"], &body["error"]), (status, &json!([code]), &json!(error)), "{form}");
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")) && text.contains("Trace ID: ") && text.ends_with("2026-01-01 00:00:00Z"));
        assert!(!body.to_string().contains("wrong"));
    }
    assert_eq!(ask(&entra, "GET", &path, "").unwrap().1["error_codes"], json!([900_561]));
    assert_eq!(ask(&entra, "GET", "/common/oauth2/v2.0/authorize", "").unwrap().0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_come_by_basic_authorization() {
    let request = Request::post(format!("/{TENANT}/oauth2/v2.0/token"))
        .header("authorization", format!("Basic {}", STANDARD.encode("app:right")))
        .body(Bytes::from_static(b"grant_type=client_credentials&scope=https://x/.default"))
        .unwrap();
    assert_eq!(entra(registered()).answer(&request).unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn metadata_come_in_the_shape_of_their_version() {
    let entra = entra(Clients::Any);
    let (_, old) = ask(&entra, "GET", "/metadata/endpoints?api-version=2015-01-01", "").unwrap();
    assert_eq!((&old["authentication"]["loginEndpoint"], &old["graphEndpoint"]), (&json!(ARM), &json!(ARM)));
    let (_, list) = ask(&entra, "GET", "/metadata/endpoints?api-version=2019-05-01", "").unwrap();
    assert_eq!(list[0]["resourceManager"], format!("{ARM}/"));
    let (_, one) = ask(&entra, "GET", "/Metadata/Endpoints?api-version=2022-09-01", "").unwrap();
    assert_eq!((&one["authentication"]["audiences"][0], &one["name"]), (&json!(ARM), &json!("apimctl")));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_entras_is_left_to_arm() {
    let entra = entra(Clients::Any);
    for path in ["/", "/subscriptions", "/tenants", "/subscriptions/s/resourceGroups/g", "/metadata", "/x/oauth2"] {
        assert!(ask(&entra, "GET", path, "").is_none(), "{path}");
    }
}
