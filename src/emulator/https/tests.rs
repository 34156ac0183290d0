use std::net::Ipv4Addr;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;
use crate::identity::{Claims, Client, Subject, Version};
use crate::support::clock::{SystemClock, VirtualClock};
use crate::support::random::SeededRandom;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

fn options(state: &Path) -> HttpsOptions {
    HttpsOptions {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        state_dir: state.to_owned(),
        tenant_id: TENANT.to_owned(),
        clients: Clients::Registered(vec![Client {
            app_id: "app".to_owned(),
            object_id: "object".to_owned(),
            secret: Some("right".to_owned().into()),
        }]),
        clock: Arc::new(SystemClock),
        random: Arc::new(SeededRandom::new(1)),
    }
}

/// Echoes who asked, for what, with what.
async fn echo(request: http::Request<Bytes>) -> http::Response<Bytes> {
    let object = request.extensions().get::<Claims>().map(|claims| claims.subject.object_id.clone());
    let body = json!({ "path": request.uri().path(), "object": object, "length": request.body().len() });
    http::Response::new(body.to_string().into())
}

async fn start(state: &Path) -> Running {
    bind(options(state)).await.unwrap().serve(echo)
}

/// A client that trusts nothing but the authority of `ca`.
fn trusting(ca: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

async fn exchange(running: &Running, name: &str, request: String) -> io::Result<(u16, String, Value)> {
    let stream = TcpStream::connect(running.address()).await?;
    let mut stream = trusting(running.ca_path()).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    // The server need not say good-bye in TLS.
    let _ = stream.read_to_string(&mut text).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null)))
}

fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

async fn log_in(running: &Running, audience: &str) -> String {
    let form = format!("grant_type=client_credentials&client_id=app&client_secret=right&scope={audience}/.default");
    let content = "content-type: application/x-www-form-urlencoded\r\n";
    let (status, _, body) =
        exchange(running, "localhost", request("POST", &format!("/{TENANT}/oauth2/v2.0/token"), content, &form)).await.unwrap();
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_login_and_a_request_go_over_its_own_certificates() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path()).await;
    let token = log_in(&running, running.endpoint()).await;
    let bearer = format!("authorization: Bearer {token}\r\n");
    for name in ["localhost", "127.0.0.1", "::1"] {
        let (status, _, body) = exchange(&running, name, request("PUT", "/subscriptions/s?api-version=v", &bearer, "{}")).await.unwrap();
        assert_eq!((status, body), (200, json!({ "path": "/subscriptions/s", "object": "object", "length": 2 })));
    }
    let error = exchange(&running, "example.com", request("GET", "/", "", "")).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    running.shutdown().await;
}

#[tokio::test]
async fn the_authority_and_the_issuer_outlive_the_process() {
    let state = tempfile::tempdir().unwrap();
    let first = start(state.path()).await;
    let certificate = std::fs::read(first.ca_path()).unwrap();
    let token = log_in(&first, "https://management.azure.com").await;
    first.shutdown().await;
    let second = start(state.path()).await;
    assert_eq!(std::fs::read(second.ca_path()).unwrap(), certificate);
    let bearer = format!("authorization: Bearer {token}\r\n");
    let (status, _, _) = exchange(&second, "localhost", request("GET", "/subscriptions", &bearer, "")).await.unwrap();
    assert_eq!(status, 200, "the certificate on disk vouches for the new leaf, the kept key for the old token");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in ["ca-key.pem", "issuer-key.pem"] {
            assert_eq!(std::fs::metadata(state.path().join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        }
    }
    second.shutdown().await;
    std::fs::remove_file(state.path().join("ca-key.pem")).unwrap();
    assert!(bind(options(state.path())).await.unwrap_err().to_string().contains("its key is missing"));
}

#[tokio::test]
async fn tokens_are_refused_in_arms_words() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path()).await;
    let issue = |tenant: &str, audience: &str| {
        let subject = Subject { tenant_id: tenant.to_owned(), object_id: "o".to_owned(), app_id: "a".to_owned(), roles: vec![] };
        running.issuer().issue(&subject, audience, Version::V1).unwrap().token.into_exposed()
    };
    let past = Arc::new(VirtualClock::starting_at(datetime!(2020-01-01 0:00 UTC)));
    let old = Issuer::open(
        state.path(),
        IssuerOptions {
            authority: running.endpoint().to_owned(),
            tenant_id: TENANT.to_owned(),
            clock: past,
            random: Arc::new(SeededRandom::new(2)),
        },
    );
    let subject = Subject { tenant_id: TENANT.to_owned(), object_id: "o".to_owned(), app_id: "a".to_owned(), roles: vec![] };
    let expired = old.unwrap().issue(&subject, running.endpoint(), Version::V1).unwrap().token.into_exposed();
    let other = "99999999-2222-3333-4444-555555555555";
    let cases = [
        (String::new(), "AuthenticationFailed"),
        ("authorization: Basic x\r\n".to_owned(), "AuthenticationFailedInvalidHeader"),
        ("authorization: Bearer x\r\n".to_owned(), "InvalidAuthenticationToken"),
        (format!("authorization: Bearer {expired}\r\n"), "ExpiredAuthenticationToken"),
        (format!("authorization: Bearer {}\r\n", issue(TENANT, "https://vault.azure.net")), "InvalidAuthenticationTokenAudience"),
        (format!("authorization: Bearer {}\r\n", issue(other, running.endpoint())), "InvalidAuthenticationTokenTenant"),
    ];
    for (header, code) in cases {
        let (status, head, body) = exchange(&running, "localhost", request("GET", "/subscriptions", &header, "")).await.unwrap();
        assert_eq!((status, body["error"]["code"].as_str()), (401, Some(code)), "{body}");
        assert!(head.contains(&format!("www-authenticate: bearer authorization_uri=\"{}/{TENANT}\"", running.endpoint())), "{head}");
        assert!(head.contains("x-ms-request-id") && head.contains("x-ms-correlation-request-id"));
    }
    running.shutdown().await;
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path()).await;
    let text = format!("POST /x HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{{", LARGEST_BODY + 1);
    let (status, _, body) = exchange(&running, "localhost", text).await.unwrap();
    assert_eq!((status, body["error"]["code"].as_str()), (413, Some("RequestContentTooLarge")));
    running.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_lets_requests_finish_and_takes_no_more() {
    let state = tempfile::tempdir().unwrap();
    let (entered, mut waiting) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
    let bound = bind(options(state.path())).await.unwrap();
    let running = Arc::new(bound.serve(move |_| {
        let entered = entered.clone();
        async move {
            let (go, gone) = tokio::sync::oneshot::channel();
            entered.send(go).await.unwrap();
            gone.await.unwrap();
            http::Response::new(Bytes::from_static(b"{\"done\":true}"))
        }
    }));
    let token = log_in(&running, running.endpoint()).await;
    let asking = {
        let running = running.clone();
        tokio::spawn(async move {
            let bearer = format!("authorization: Bearer {token}\r\n");
            exchange(&running, "localhost", request("GET", "/slow", &bearer, "")).await
        })
    };
    let go = waiting.recv().await.unwrap();
    running.stop.send(true).unwrap();
    go.send(()).unwrap();
    assert_eq!(asking.await.unwrap().unwrap().2, json!({ "done": true }));
    let address = running.address();
    Arc::into_inner(running).unwrap().shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let state = tempfile::tempdir().unwrap();
    let running = start(state.path()).await;
    let again = HttpsOptions { listen: running.address(), ..options(state.path()) };
    assert!(bind(again).await.unwrap_err().to_string().contains(&running.address().to_string()));
    running.shutdown().await;
}

#[tokio::test]
async fn a_dropped_answer_ends_the_connection_without_a_word() {
    let state = tempfile::tempdir().unwrap();
    let running = bind(options(state.path())).await.unwrap().serve(|_| async {
        let mut response = http::Response::new(Bytes::from_static(b"never seen"));
        response.extensions_mut().insert(crate::emulator::DroppedAnswer);
        response
    });
    let token = log_in(&running, "https://management.azure.com/").await;
    let asked = request("GET", "/subscriptions", &format!("authorization: Bearer {token}\r\n"), "");
    let (status, head, _) = exchange(&running, "localhost", asked).await.unwrap();
    assert_eq!((status, head.as_str()), (0, ""));
}
