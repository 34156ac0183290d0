//! `--identity developer`: the developer's own tokens, and where they go.

use std::fmt;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apimctl::gateway::body::Body;
use apimctl::gateway::front::{self, Limits, Listener, Options, Peer, Service};
use apimctl::identity::{GuardedTokens, TokenSource, azure_openai_domains};
use apimctl::support::clock::SystemClock;
use apimctl::world::DeveloperTokens;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use http::{Request, Response};
use hyper::body::Incoming;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use super::serve::{Serving, completion};
use crate::support::root;

/// An authority that gives everybody a token for what is asked, and notes it.
#[derive(Default)]
struct Authority(Mutex<Vec<String>>);

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authority")
    }
}

#[async_trait::async_trait]
impl TokenCredential for Authority {
    async fn get_token(&self, scopes: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        self.0.lock().unwrap().extend(scopes.iter().map(|scope| (*scope).to_owned()));
        Ok(AccessToken::new("of-the-developer", time::OffsetDateTime::UNIX_EPOCH + time::Duration::hours(1)))
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_asked_for_by_the_resource_and_kept_from_strangers() {
    let clock = Arc::new(apimctl::support::clock::VirtualClock::starting_at(time::OffsetDateTime::UNIX_EPOCH));
    let authority = Arc::new(Authority::default());
    let tokens = GuardedTokens::new(
        DeveloperTokens::new(authority.clone(), clock),
        azure_openai_domains("azure.com"),
        vec!["gateway.contoso.com".to_owned()],
    );
    let request = apimctl::identity::TokenRequest {
        principal: apimctl::identity::Subject {
            tenant_id: "t".to_owned(),
            object_id: "o".to_owned(),
            app_id: "a".to_owned(),
            roles: Vec::new(),
        },
        resource: "https://cognitiveservices.azure.com/".to_owned(),
    };
    let token = tokens.token(&request).await.unwrap();
    assert_eq!((token.token.expose().as_str(), token.expires_in), ("of-the-developer", Duration::from_secs(3_600)));
    assert_eq!(*authority.0.lock().unwrap(), ["https://cognitiveservices.azure.com/.default"]);
    assert!(tokens.may_go_to(true, "own.openai.azure.com") && tokens.may_go_to(true, "gateway.contoso.com"));
    assert!(!tokens.may_go_to(true, "localhost") && !tokens.may_go_to(false, "own.openai.azure.com"));
    // The token is in no text of ours.
    assert!(!format!("{tokens:?} {token:?}").contains("of-the-developer"));
}

/// Answers with the token that came.
#[derive(Clone, Default)]
struct Account(Arc<Mutex<Vec<String>>>);

impl Service for Account {
    async fn call(&self, request: Request<Incoming>, _: &Arc<Peer>) -> Response<Body> {
        let token = request.headers().get("authorization").map_or("none", |value| value.to_str().unwrap()).to_owned();
        self.0.lock().unwrap().push(token);
        Response::new(Body::full("answered"))
    }
}

/// An https server for `localhost`, and the certificate of who signed its own.
fn account(service: &Account) -> (front::Running, String) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options =
        Options { workers: NonZeroUsize::MIN, limits: Limits::default(), grace: Duration::from_secs(1), clock: Arc::new(SystemClock) };
    let service = service.clone();
    let running = front::start(vec![Listener { socket, tls: Some(Arc::new(tls)) }], options, move |_| service.clone()).unwrap();
    (running, issuer.pem())
}

/// The real binary with a login by `az`, which is a script here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_sends_the_developers_token_only_where_it_was_consented_to() {
    let seen = Account::default();
    let (running, authority) = account(&seen);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("ca.pem"), authority).unwrap();
    let mut az = std::fs::File::create(path("az")).unwrap();
    let answer = r#"{"accessToken":"token-of-the-login","expiresOn":"2099-01-01 00:00:00.000000","expires_on":4070908800,"subscription":"s","tenant":"t","tokenType":"Bearer"}"#;
    writeln!(az, "#!/bin/sh\necho '{answer}'").unwrap();
    drop(az);
    std::fs::set_permissions(path("az"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let spec = root().join("examples/openai-lb.yaml");
    let url = format!("https://localhost:{}/openai", running.addresses()[0].port());
    let (one, two) = (format!("aoai-primary-backend={url}"), format!("aoai-secondary-backend={url}"));
    let search = format!("{}:{}", folder.path().display(), apimctl::support::environment::Environment::of_process().get("PATH").unwrap());
    let trusted = path("ca.pem");
    let environment = [("PATH", search.as_str()), ("SSL_CERT_FILE", trusted.to_str().unwrap()), ("APIMCTL_TEST_KEY", "the-key")];
    let own = [
        spec.to_str().unwrap(),
        "--workers",
        "1",
        "--identity",
        "developer",
        "--auth",
        "cli",
        "--backend",
        &one,
        "--backend",
        &two,
        "--subscription-key",
        "azure-openai-consumer=env:APIMCTL_TEST_KEY",
    ];
    let asking = |consent: &'static [&'static str]| {
        let arguments: Vec<String> = own.iter().chain(consent).map(|argument| (*argument).to_owned()).collect();
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let serving = Serving::start(&arguments, &environment);
            let answer = serving.ask(&completion("api-key: the-key\r\n"));
            let (output, errors, code) = serving.stop();
            assert_eq!(code, Some(0), "{errors}");
            assert!(!output.contains("token-of-the-login") && !errors.contains("token-of-the-login"));
            answer
        })
    };
    // `localhost` is no host of Azure OpenAI.
    let answer = asking(&[]).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("was not consented to"), "{answer}");
    assert!(seen.0.lock().unwrap().is_empty());
    let answer = asking(&["--identity-host", "localhost"]).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("answered"), "{answer}");
    assert_eq!(*seen.0.lock().unwrap(), ["Bearer token-of-the-login"]);
}

#[test]
fn consent_without_a_developer_is_a_mistake() {
    let spec = root().join("examples/openai-lb.yaml");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_apimctl"))
        .args(["serve", "--listen", "127.0.0.1:0", spec.to_str().unwrap(), "--simulate", "--identity-host", "localhost"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("are for `--identity developer`"));
}
