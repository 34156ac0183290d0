use std::ffi::OsStr;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_identity::Executor;
use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::azure::cloud::Cloud;
use crate::azure::testing::answer;
use crate::azure::transport::InProcess;
use crate::support::clock::SystemClock;
use crate::support::environment::Environment;
use crate::support::jwt::{Algorithm, Parsed, SigningKey, sha256_base64url};
use crate::support::random::SeededRandom;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const SCOPE: &str = "https://management.azure.com/.default";

/// What `az` and `azd` answer: stdout, or an error on stderr.
#[derive(Debug, Default)]
struct Shell {
    az: Option<Result<String, &'static str>>,
    azd: Option<Result<String, &'static str>>,
    runs: Mutex<Vec<String>>,
}

#[cfg(unix)]
fn output(code: i32, stdout: &str, stderr: &str) -> Output {
    use std::os::unix::process::ExitStatusExt;
    Output { status: std::process::ExitStatus::from_raw(code << 8), stdout: stdout.into(), stderr: stderr.into() }
}

#[cfg(windows)]
fn output(code: i32, stdout: &str, stderr: &str) -> Output {
    use std::os::windows::process::ExitStatusExt;
    Output { status: std::process::ExitStatus::from_raw(code.unsigned_abs()), stdout: stdout.into(), stderr: stderr.into() }
}

#[async_trait]
impl Executor for Shell {
    async fn run(&self, _program: &OsStr, arguments: &[&OsStr]) -> std::io::Result<Output> {
        let command = arguments.iter().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ");
        self.runs.lock().unwrap().push(command.clone());
        let answer = if command.contains("azd auth") { &self.azd } else { &self.az };
        Ok(match answer {
            Some(Ok(stdout)) => output(0, stdout, ""),
            Some(Err(stderr)) => output(1, "", stderr),
            None => output(127, "", "/bin/sh: 1: az: not found"),
        })
    }
}

fn token(claims: Value) -> String {
    let part = |value: &Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(&claims))
}

fn az_answer(expires: OffsetDateTime) -> String {
    let claims = json!({ "tid": TENANT, "oid": "object", "appid": "az", "upn": "ada@example.com" });
    json!({ "accessToken": token(claims), "expires_on": expires.unix_timestamp(), "tokenType": "Bearer" }).to_string()
}

fn far() -> OffsetDateTime {
    datetime!(2199-01-01 0:00 UTC)
}

struct Seen(Arc<Mutex<Vec<http::Request<Bytes>>>>);

impl Seen {
    fn form(&self, index: usize) -> Vec<(String, String)> {
        let body = self.0.lock().unwrap()[index].body().clone();
        url::form_urlencoded::parse(&body).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }

    fn line(&self, index: usize) -> String {
        let seen = self.0.lock().unwrap();
        format!("{} {}", seen[index].method(), seen[index].uri())
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A login with scripted web answers. Without one, the request is answered 500 (a metadata service that is not there).
fn login(
    kind: AuthKind,
    variables: &[(&str, &str)],
    shell: Shell,
    respond: impl Fn(&http::Request<Bytes>) -> Option<http::Response<Bytes>> + Send + Sync + 'static,
) -> (Arc<Login>, Arc<Shell>, Seen) {
    let seen: Arc<Mutex<Vec<http::Request<Bytes>>>> = Arc::default();
    let shell = Arc::new(shell);
    let log = seen.clone();
    let transport = InProcess::new(move |request: http::Request<Bytes>| {
        let response = respond(&request).unwrap_or_else(|| answer(404, &[], json!({})));
        log.lock().unwrap().push(request);
        async move { response }
    });
    let options = LoginOptions {
        kind,
        environment: variables.iter().copied().collect::<Environment>(),
        cloud: Cloud::public(),
        tenant: None,
        clock: Arc::new(SystemClock),
        random: Arc::new(SeededRandom::new(1)),
        transport: Some(Arc::new(transport)),
        executor: Some(shell.clone()),
    };
    (Arc::new(Login::new(options)), shell, Seen(seen))
}

fn entra(_: &http::Request<Bytes>) -> Option<http::Response<Bytes>> {
    let body = json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
        "access_token": token(json!({ "tid": TENANT, "oid": "o", "appid": "client", "idtyp": "app" })) });
    Some(answer(200, &[], body))
}

const APP: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "client")];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    APP.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn a_secret_in_the_environment_is_asked_first() {
    let shell = Shell { az: Some(Ok(az_answer(far()))), ..Shell::default() };
    let (login, shell, seen) = login(AuthKind::Auto, &with(&[("AZURE_CLIENT_SECRET", "s3cret")]), shell, entra);
    login.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(seen.line(0), format!("POST https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"));
    let form = seen.form(0);
    assert!(form.contains(&("client_secret".to_owned(), "s3cret".to_owned())) && form.contains(&("scope".to_owned(), SCOPE.to_owned())));
    assert!(shell.runs.lock().unwrap().is_empty());
    let principal = login.describe().await.unwrap();
    assert_eq!((principal.source, principal.app_id.as_deref(), principal.user), ("environment", Some("client"), None));
    assert_eq!(seen.count(), 1, "one token serves both");
}

#[tokio::test]
async fn a_secret_that_fails_ends_the_search() {
    let refuse = |_: &http::Request<Bytes>| {
        Some(answer(
            401,
            &[],
            json!({ "error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.", "error_codes": [7_000_215] }),
        ))
    };
    let shell = Shell { az: Some(Ok(az_answer(far()))), ..Shell::default() };
    let (login, shell, _) = login(AuthKind::Auto, &with(&[("AZURE_CLIENT_SECRET", "wr0ng-canary")]), shell, refuse);
    let error = login.get_token(&[SCOPE], None).await.unwrap_err().to_string();
    assert!(error.contains("environment:") && error.contains("AADSTS7000215"), "{error}");
    assert!(!error.contains("wr0ng-canary") && !format!("{login:?}").contains("wr0ng-canary"));
    assert!(shell.runs.lock().unwrap().is_empty(), "nobody else was asked to act");
}

#[tokio::test]
async fn az_runs_once_for_many_tokens_and_says_who_is_logged_in() {
    let shell = Shell { az: Some(Ok(az_answer(far()))), ..Shell::default() };
    let (login, shell, _) = login(AuthKind::Auto, &[], shell, |_| None);
    let logins: Vec<_> = (0..8).map(|_| login.clone()).collect();
    futures::future::join_all(logins.iter().map(|login| login.get_token(&[SCOPE], None))).await.into_iter().for_each(|token| {
        token.unwrap();
    });
    let principal = login.describe().await.unwrap();
    assert_eq!(shell.runs.lock().unwrap().len(), 1);
    assert!(shell.runs.lock().unwrap()[0].contains(SCOPE));
    assert_eq!(principal.describe(), format!("ada@example.com by Azure CLI, tenant {TENANT}"));
}

#[tokio::test]
async fn an_expired_login_gives_the_command_for_the_tenant() {
    let expired = "ERROR: AADSTS700082: The refresh token has expired due to inactivity.\r\nTo re-authenticate, please run:\naz login --tenant \"11111111-2222-3333-4444-555555555555\" --scope \"https://management.core.windows.net//.default\"";
    for kind in [AuthKind::Auto, AuthKind::Cli] {
        let (login, _, _) = login(kind, &[], Shell { az: Some(Err(expired)), ..Shell::default() }, |_| None);
        let error = login.get_token(&[SCOPE], None).await.unwrap_err().to_string();
        assert!(error.contains(&format!("run `az login --tenant {TENANT}`")), "{error}");
        assert!(error.lines().count() == 1, "{error}");
    }
    let (login, _, _) =
        login(AuthKind::Cli, &[], Shell { az: Some(Err("Please run 'az login' to setup account.")), ..Shell::default() }, |_| None);
    assert!(login.get_token(&[SCOPE], None).await.unwrap_err().to_string().ends_with("run `az login`"));
}

#[tokio::test]
async fn when_nobody_answers_everyone_is_listed() {
    let (login, _, seen) = login(AuthKind::Auto, &[], Shell::default(), |_| None);
    let error = login.describe().await.unwrap_err().to_string();
    for part in [
        "environment: `AZURE_CLIENT_ID` is not set",
        "workload identity: `AZURE_FEDERATED_TOKEN_FILE` is not set",
        "managed identity: neither",
        "Azure Pipelines: `SYSTEM_OIDCREQUESTURI` is not set",
        "GitHub Actions: `ACTIONS_ID_TOKEN_REQUEST_URL` is not set",
        "Azure CLI: ",
        "Azure Developer CLI: ",
        "run `az login`",
    ] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert_eq!(seen.count(), 1, "only the metadata service was looked for");
}

#[tokio::test]
async fn half_a_set_up_is_named() {
    let (login, _, _) = login(AuthKind::Auto, &[("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")], Shell::default(), |_| None);
    let error = login.describe().await.unwrap_err().to_string();
    assert!(error.contains("`AZURE_TENANT_ID` is not"), "{error}");
}

#[tokio::test]
async fn a_certificate_signs_its_own_assertion() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.pem");
    let key = SigningKey::generate().unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap().self_signed(&pair).unwrap();
    std::fs::write(&path, format!("{}{}", certificate.pem(), key.to_pem().unwrap().expose())).unwrap();
    let variables =
        [APP[0], APP[1], ("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap()), ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "true")];
    let (login, _, seen) = login(AuthKind::Env, &variables, Shell::default(), entra);
    login.get_token(&[SCOPE], None).await.unwrap();
    let form = seen.form(0);
    let assertion = form.iter().find(|(name, _)| name == "client_assertion").unwrap().1.clone();
    let parsed = Parsed::new(&assertion).unwrap();
    assert_eq!(key.verifying_key().verify(&parsed), Ok(()));
    assert_eq!(parsed.header["alg"], Algorithm::Ps256.name());
    assert_eq!(parsed.header["x5t#S256"], sha256_base64url(certificate.der()));
    assert!(parsed.header["x5c"][0].is_string());
    assert_eq!(parsed.claims["aud"], format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"));
    assert_eq!((&parsed.claims["iss"], &parsed.claims["sub"]), (&json!("client"), &json!("client")));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.pfx");
    let ask = async |contents: &[u8], more: &[(&str, &str)]| {
        std::fs::write(&path, contents).unwrap();
        let mut variables = vec![APP[0], APP[1], ("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap())];
        variables.extend(more);
        let (login, _, _) = login(AuthKind::Env, &variables, Shell::default(), entra);
        login.describe().await.unwrap_err().to_string()
    };
    assert!(ask(b"\x30\x82\xff\xfe", &[]).await.contains("PKCS#12 is not supported"));
    assert!(ask(b"x", &[("AZURE_CLIENT_CERTIFICATE_PASSWORD", "p")]).await.contains("is encrypted"));
    assert!(ask(b"x", &[]).await.contains("no unencrypted RSA private key"));
    let key = SigningKey::generate().unwrap().to_pem().unwrap();
    assert!(ask(key.expose().as_bytes(), &[]).await.contains("holds no certificate"));
}

#[tokio::test]
async fn workload_identity_reads_its_file_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    std::fs::write(&path, "first\n").unwrap();
    let variables = [APP[0], APP[1], ("AZURE_FEDERATED_TOKEN_FILE", path.to_str().unwrap())];
    for kind in [AuthKind::Workload, AuthKind::Env, AuthKind::Auto] {
        let (login, _, seen) = login(kind, &variables, Shell::default(), entra);
        login.get_token(&[SCOPE], None).await.unwrap();
        assert!(seen.form(0).contains(&("client_assertion".to_owned(), "first".to_owned())));
    }
}

#[tokio::test]
async fn github_exchanges_its_own_token() {
    let respond = |request: &http::Request<Bytes>| {
        if request.uri().host() == Some("github.example") { Some(answer(200, &[], json!({ "value": "oidc" }))) } else { entra(request) }
    };
    let variables =
        with(&[("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.example/oidc?v=2"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request")]);
    let (login, _, seen) = login(AuthKind::Auto, &variables, Shell::default(), respond);
    assert_eq!(login.describe().await.unwrap().source, "GitHub Actions");
    let index = seen.count() - 2;
    assert_eq!(seen.line(index), "GET https://github.example/oidc?v=2&audience=api%3A%2F%2FAzureADTokenExchange");
    assert_eq!(seen.0.lock().unwrap()[index].headers()["authorization"], "Bearer request");
    assert!(seen.form(index + 1).contains(&("client_assertion".to_owned(), "oidc".to_owned())));
}

#[tokio::test]
async fn pipelines_exchange_their_own_token() {
    let respond = |request: &http::Request<Bytes>| {
        if request.uri().host() == Some("dev.example") { Some(answer(200, &[], json!({ "oidcToken": "oidc" }))) } else { entra(request) }
    };
    let variables = [
        ("SYSTEM_OIDCREQUESTURI", "https://dev.example/oidctoken"),
        ("SYSTEM_ACCESSTOKEN", "job"),
        ("AZURESUBSCRIPTION_CLIENT_ID", "client"),
        ("AZURESUBSCRIPTION_TENANT_ID", TENANT),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
    ];
    let (login, _, seen) = login(AuthKind::Pipelines, &variables, Shell::default(), respond);
    login.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(seen.line(0), "POST https://dev.example/oidctoken?api-version=7.1&serviceConnectionId=connection");
    assert!(seen.form(1).contains(&("client_assertion".to_owned(), "oidc".to_owned())));

    let (login, _, _) =
        super::tests::login(AuthKind::Pipelines, &[variables[0], variables[2], variables[3], variables[4]], Shell::default(), entra);
    assert!(login.describe().await.unwrap_err().to_string().contains("System.AccessToken"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_is_fetched_anew_and_not_from_a_cache() {
    let (login, _, seen) = login(AuthKind::Env, &with(&[("AZURE_CLIENT_SECRET", "s")]), Shell::default(), entra);
    login.get_token(&[SCOPE], None).await.unwrap();
    login.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(seen.count(), 1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Only a client whose token was refused asks again before the end.
    login.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(seen.count(), 2);
}

#[tokio::test]
async fn azd_is_the_last_to_be_asked() {
    let azd = json!({ "token": token(json!({ "tid": TENANT })), "expiresOn": "2199-01-01T00:00:00Z" }).to_string();
    let (login, shell, _) = login(AuthKind::Auto, &[], Shell { azd: Some(Ok(azd)), ..Shell::default() }, |_| None);
    assert_eq!(login.describe().await.unwrap().source, "Azure Developer CLI");
    assert_eq!(shell.runs.lock().unwrap().len(), 2);
}

#[test]
fn a_token_that_is_no_jwt_is_no_secret_to_describe() {
    let principal = Principal::of_token("test", "opaque");
    assert_eq!(principal.describe(), "an unknown principal by test");
    for (name, kind) in AuthKind::NAMES {
        assert_eq!((name.parse(), kind.name()), (Ok(kind), name));
    }
    assert!("nobody".parse::<AuthKind>().unwrap_err().to_string().contains("`nobody`"));
}
