//! Client certificates towards backends, from what ARM was sent to the TLS handshake.

use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Fixture};
use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Limits, Listener, Options, Peer, Service};
use apimctl::gateway::state::State;
use apimctl::gateway::upstream::{DefaultTls, Network};
use apimctl::gateway::{Gateway, GatewayOptions};
use apimctl::support::clock::SystemClock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use hyper::body::Incoming;
use rcgen::{CertificateParams, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::json;

use super::gateway_under_test::{Arm, GatewayUnderTest, service_id};
use crate::support::root;

/// Of `client.pem`, as OpenSSL tells it.
const THUMBPRINT: &str = "20B94DC07C87D7FA1D7C2C5BB391ECA4B32AC672";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(root().join("tests/cases/pkcs12").join(name)).unwrap()
}

/// Says how long the certificate is that it was shown.
struct Shown;

impl Service for Shown {
    async fn call(&self, _: Request<Incoming>, peer: &Arc<Peer>) -> Response<Body> {
        let own = CertificateDer::from_pem_slice(&file("client.pem")).unwrap();
        Response::new(Body::full(if peer.client_certificate.as_ref() == Some(&own) { "the gateway" } else { "somebody" }))
    }
}

/// A server that talks to nobody whom the cases' authority has not signed.
fn demanding() -> front::Running {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options =
        Options { workers: NonZeroUsize::MIN, limits: Limits::default(), grace: Duration::from_secs(1), clock: Arc::new(SystemClock) };
    front::start(vec![Listener { socket, tls: Some(Arc::new(tls)) }], options, |_| Shown).unwrap()
}

struct World {
    arm: Arm,
    server: front::Running,
}

impl World {
    async fn new() -> Self {
        let world = Self { arm: Arm::new("Developer"), server: demanding() };
        // A vault hands certificates out as PKCS#12 without a password.
        let vault: Fixture = serde_json::from_value(json!({ "resources": [{
            "id": format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/own"),
            "location": "eastus", "properties": { "secrets": { "gateway": STANDARD.encode(file("no-password.pfx")) } }
        }] }))
        .unwrap();
        world.arm.emulator.seed(&vault).unwrap();
        let in_vault = |name: &str| json!({ "keyVault": { "secretIdentifier": format!("https://own.vault.azure.net/secrets/{name}") } });
        for (name, properties) in [
            ("sent", json!({ "data": STANDARD.encode(file("triple-des.pfx")), "password": "secret" })),
            ("locked", json!({ "data": STANDARD.encode(file("triple-des.pfx")), "password": "another" })),
            ("vaulted", in_vault("gateway")),
            ("nowhere", in_vault("nothing")),
        ] {
            world.arm.put(&format!("certificates/{name}"), &properties).await;
        }
        world
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.server.addresses()[0].port())
    }

    /// An API whose inbound is this.
    async fn api(&self, name: &str, inbound: &str) {
        let properties = json!({ "displayName": name, "path": name, "protocols": ["https"], "subscriptionRequired": false, "serviceUrl": "https://none.example" });
        self.arm.put(&format!("apis/{name}"), &properties).await;
        self.arm.put(&format!("apis/{name}/operations/get"), &json!({ "displayName": "Get", "method": "GET", "urlTemplate": "/x" })).await;
        let on_error =
            r#"<on-error><base /><set-header name="x-reason"><value>@(context.LastError.Reason)</value></set-header></on-error>"#;
        let policy = format!("<policies><inbound><base />{inbound}</inbound>{on_error}</policies>");
        self.arm.put(&format!("apis/{name}/policies/policy"), &json!(policy)).await;
    }

    /// A backend at the server, with these credentials.
    async fn backend(&self, name: &str, credentials: serde_json::Value) {
        let tls = json!({ "validateCertificateChain": false, "validateCertificateName": false });
        let properties = json!({ "url": self.url(), "protocol": "http", "tls": tls, "credentials": credentials });
        self.arm.put(&format!("backends/{name}"), &properties).await;
    }

    fn gateway(&self) -> GatewayUnderTest {
        let state = State::new(self.arm.clock.clone(), self.arm.random.clone());
        let network = Arc::new(Network::new(Arc::new(DefaultTls::trusting(Vec::new()))));
        let options = GatewayOptions::new(self.arm.emulator.store().clone(), service_id(), state, network);
        GatewayUnderTest::watched(Gateway::new(options).unwrap(), Arc::default(), Arc::default())
    }
}

async fn get(gateway: &GatewayUnderTest, api: &str) -> (u16, String) {
    let received = gateway.raw(format!("GET /{api}/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await;
    (received.status, received.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_that_demands_a_certificate_gets_the_one_of_its_entity() {
    let world = World::new().await;
    let id = |name: &str| service_id().child("certificates", name).to_string();
    for (name, credentials) in [
        ("by-id", json!({ "certificateIds": [id("sent")] })),
        ("by-thumbprint", json!({ "certificate": [THUMBPRINT] })),
        ("of-a-vault", json!({ "certificateIds": [id("vaulted")] })),
        ("without", json!({})),
        ("of-a-vault-that-nobody-gave", json!({ "certificateIds": [id("nowhere")] })),
        ("with-another-password", json!({ "certificateIds": [id("locked")] })),
    ] {
        world.backend(name, credentials).await;
        world.api(name, &format!(r#"<set-backend-service backend-id="{name}" />"#)).await;
    }
    let gateway = world.gateway();
    for name in ["by-id", "by-thumbprint", "of-a-vault"] {
        assert_eq!(get(&gateway, name).await, (200, "the gateway".to_owned()), "{name}");
    }
    // The handshake fails.
    assert_eq!(get(&gateway, "without").await.0, 500);
    // What cannot be used here is told, and not left out.
    for (name, words) in [("of-a-vault-that-nobody-gave", "key vault"), ("with-another-password", "its password is another")] {
        let (status, body) = get(&gateway, name).await;
        assert!(status == 501 && body.contains(words), "{status} {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policys_certificate_is_shown_by_thumbprint_or_id() {
    let world = World::new().await;
    world.backend("plain", json!({})).await;
    let to = r#"<set-backend-service backend-id="plain" />"#;
    for (name, attribute) in [
        ("thumbprint", format!(r#"thumbprint="{}""#, THUMBPRINT.to_lowercase())),
        ("id", r#"certificate-id="sent""#.to_owned()),
        ("vault", r#"certificate-id="vaulted""#.to_owned()),
    ] {
        world.api(name, &format!("{to}<authentication-certificate {attribute} />")).await;
    }
    world.api("nothing", to).await;
    let gateway = world.gateway();
    for name in ["thumbprint", "id", "vault"] {
        assert_eq!(get(&gateway, name).await, (200, "the gateway".to_owned()), "{name}");
        // Connections with a certificate serve nobody else.
        assert_eq!(get(&gateway, "nothing").await.0, 500);
    }
}
