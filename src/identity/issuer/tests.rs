use std::sync::{Arc, OnceLock};

use time::macros::datetime;

use super::*;
use crate::identity::{Client, Clients, Proof};
use crate::support::clock::VirtualClock;
use crate::support::random::SeededRandom;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const ARM: &str = "https://management.azure.com";

/// Making a key takes long without optimisation; one does for all tests.
fn key() -> SigningKey {
    static PEM: OnceLock<String> = OnceLock::new();
    let pem = PEM.get_or_init(|| SigningKey::generate().unwrap().to_pem().unwrap().into_exposed());
    SigningKey::from_pem(pem).unwrap()
}

fn options() -> IssuerOptions {
    IssuerOptions {
        authority: "https://localhost:8443".to_owned(),
        tenant_id: TENANT.to_owned(),
        clock: Arc::new(VirtualClock::starting_at(datetime!(2026-01-01 0:00 UTC))),
        random: Arc::new(SeededRandom::new(1)),
    }
}

fn subject() -> Subject {
    Subject { tenant_id: TENANT.to_owned(), object_id: "object".to_owned(), app_id: "app".to_owned(), roles: vec!["Reader".to_owned()] }
}

#[tokio::test(start_paused = true)]
async fn a_token_says_who_it_is_for_until_it_expires() {
    let issuer = Issuer::with_key(key(), options());
    for version in [Version::V1, Version::V2] {
        let issued = issuer.issue(&subject(), ARM, version).unwrap();
        let claims = issuer.verify(issued.token.expose(), &["https://other", "https://management.azure.com/"]).unwrap();
        assert_eq!((claims.subject, claims.audience.as_str()), (subject(), ARM));
        assert_eq!(issuer.verify(issued.token.expose(), &["https://other"]), Err(Refusal::Audience(ARM.to_owned())));
    }
    let token = issuer.issue(&subject(), ARM, Version::V1).unwrap().token;
    tokio::time::advance(LIFETIME + Duration::from_secs(299)).await;
    assert!(issuer.verify(token.expose(), &[ARM]).is_ok(), "clocks may differ by five minutes");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(issuer.verify(token.expose(), &[ARM]), Err(Refusal::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_key_or_issuer_is_refused() {
    let issuer = Issuer::with_key(key(), options());
    let other = Issuer::generate(options()).unwrap();
    let token = other.issue(&subject(), ARM, Version::V1).unwrap().token;
    assert_eq!(issuer.verify(token.expose(), &[ARM]), Err(Refusal::Token(JwtError::Signature)));
    let moved = Issuer::with_key(key(), IssuerOptions { authority: "https://elsewhere".to_owned(), ..options() });
    let token = moved.issue(&subject(), ARM, Version::V2).unwrap().token;
    assert!(matches!(issuer.verify(token.expose(), &[ARM]), Err(Refusal::Issuer(_))));
    assert_eq!(issuer.verify("x", &[ARM]), Err(Refusal::Token(JwtError::Malformed)));
}

#[tokio::test(start_paused = true)]
async fn the_documents_lead_to_the_key() {
    let issuer = Issuer::with_key(key(), options());
    let configuration = issuer.configuration(TENANT, Version::V2);
    assert_eq!(configuration["issuer"], format!("https://localhost:8443/{TENANT}/v2.0"));
    assert_eq!(configuration["jwks_uri"], format!("https://localhost:8443/{TENANT}/discovery/v2.0/keys"));
    let published = issuer.jwks();
    let token = issuer.issue(&subject(), ARM, Version::V1).unwrap().token;
    let parsed = Parsed::new(token.expose()).unwrap();
    assert_eq!(parsed.header["kid"], published["keys"][0]["kid"]);
    let key = crate::support::jwt::VerifyingKey::from_jwk(&published["keys"][0]).unwrap();
    assert_eq!(key.verify(&parsed), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_kept_key_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let token = Issuer::open(directory.path(), options()).unwrap().issue(&subject(), ARM, Version::V1).unwrap().token;
    assert!(Issuer::open(directory.path(), options()).unwrap().verify(token.expose(), &[ARM]).is_ok());
    std::fs::write(directory.path().join(KEY_FILE), "nonsense").unwrap();
    assert!(Issuer::open(directory.path(), options()).unwrap_err().to_string().contains(KEY_FILE));
}

#[tokio::test(start_paused = true)]
async fn registered_clients_need_their_own_secret() {
    let issuer = Issuer::with_key(key(), options());
    let client = Client { app_id: "app".to_owned(), object_id: "object".to_owned(), secret: Some("right".to_owned().into()) };
    let clients = Clients::Registered(vec![client]);
    let ask = |app: &str, proof: Proof| clients.token(&issuer, TENANT, app, &proof, ARM, Version::V1);
    let secret = |text: &str| Proof::Secret(text.to_owned().into());
    let issued = ask("APP", secret("right")).unwrap();
    assert_eq!(issuer.verify(issued.token.expose(), &[ARM]).unwrap().subject.object_id, "object");
    let code = |result: Result<Issued, crate::identity::EntraError>| result.map(|_| ()).unwrap_err().code;
    assert_eq!(code(ask("app", secret("wrong"))), 7_000_215);
    assert_eq!(code(ask("other", secret("right"))), 700_016);
    assert_eq!(code(ask("app", Proof::Absent)), 7_000_218);
    assert_eq!(code(ask("app", Proof::Assertion("x".to_owned().into()))), 50_027);
    let claims = |end: i64| json!({ "exp": end });
    let sign = |end: i64| Proof::Assertion(key().sign(Algorithm::Rs256, Map::new(), &claims(end)).unwrap().into());
    let now = issuer.clock().utc().unix_timestamp();
    assert_eq!(code(ask("app", sign(now - 1))), 700_024);
    assert!(ask("app", sign(now + 60)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn any_client_keeps_its_object_id() {
    let issuer = Issuer::with_key(key(), options());
    let id = |app: &str| {
        let proof = Proof::Secret("x".to_owned().into());
        let issued = Clients::Any.token(&issuer, "common", app, &proof, ARM, Version::V1).unwrap();
        issuer.verify(issued.token.expose(), &[ARM]).unwrap().subject
    };
    assert_eq!(id("a").object_id, id("A").object_id);
    assert_ne!(id("a").object_id, id("b").object_id);
    assert_eq!(id("a").tenant_id, TENANT);
    let empty = Proof::Secret(String::new().into());
    assert_eq!(Clients::Any.token(&issuer, TENANT, "a", &empty, ARM, Version::V1).map(|_| ()).unwrap_err().code, 7_000_215);
}
