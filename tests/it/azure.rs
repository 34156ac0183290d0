//! The real network path of the ARM client: a login by client secret and requests over TLS, in a process of its own, because certificates
//! and proxies come from variables that only a new process can be given.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apimctl::arm::ResourceId;
use apimctl::azure::cloud::Cloud;
use apimctl::azure::credential::{AuthKind, Login, LoginOptions};
use apimctl::azure::{ArmClient, ClientOptions, Outcome, Precondition};
use apimctl::emulator::https::{self, HttpsOptions, Running};
use apimctl::identity::{Client, Clients};
use apimctl::support::clock::SystemClock;
use apimctl::support::environment::Environment;
use apimctl::support::random::SystemRandom;
use bytes::Bytes;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const GROUP: &str = "/subscriptions/s/resourceGroups/g";
const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";

/// Run by the tests below in a process of its own; alone it has nothing to do.
#[tokio::test]
#[ignore = "a child process of the tests below"]
async fn child() {
    let environment = Environment::of_process();
    let endpoint = environment.get("TEST_ENDPOINT").unwrap().to_owned();
    let cloud = Cloud::custom(&endpoint, &endpoint).unwrap();
    let cloud = match cloud.with_metadata(true, None, &SystemClock).await {
        Ok(cloud) => cloud,
        Err(error) => panic!("METADATA {error}"),
    };
    let login = Arc::new(Login::new(LoginOptions {
        kind: AuthKind::Env,
        environment,
        cloud: cloud.clone(),
        tenant: None,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        transport: None,
        executor: None,
    }));
    let client = ArmClient::new(ClientOptions::new(cloud, login.clone(), Arc::new(SystemClock)));
    let group = client.get(GROUP, "2024-11-01", &[]).await.unwrap_or_else(|error| panic!("GET {error} HINT {:?}", error.hint)).unwrap();
    assert_eq!(group.body["name"], "packed");
    let service: ResourceId = SERVICE.parse().unwrap();
    let outcome = client.put(&service, "2024-05-01", &json!({}), Precondition::None).await.unwrap();
    let Outcome::Running(operation, _) = outcome else { panic!("{outcome:?}") };
    let done = client.wait(&operation, Duration::from_secs(20), &|_| {}).await.unwrap();
    assert_eq!(done.body["properties"]["provisioningState"], "Succeeded");
    println!("CHILD DONE {}", login.describe().await.unwrap().describe());
}

/// A packed answer, and a service that is created in two looks.
async fn arm(endpoint: String, looks: Arc<AtomicUsize>, request: http::Request<Bytes>) -> http::Response<Bytes> {
    let service = |state: &str| json!({ "id": SERVICE, "properties": { "provisioningState": state } }).to_string();
    let respond = |status: u16, body: String| http::Response::builder().status(status).body(Bytes::from(body)).unwrap();
    match (request.method().as_str(), request.uri().path()) {
        ("GET", GROUP) => {
            assert!(request.headers()["accept-encoding"].to_str().unwrap().contains("gzip"));
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut packed, br#"{"name":"packed"}"#).unwrap();
            let body = Bytes::from(packed.finish().unwrap());
            http::Response::builder().header("content-encoding", "gzip").body(body).unwrap()
        }
        ("PUT", SERVICE) => {
            let mut answer = respond(201, service("Created"));
            let url = format!("{endpoint}{SERVICE}/operationResults/1?api-version=2024-05-01");
            answer.headers_mut().insert("azure-asyncoperation", url.parse().unwrap());
            answer
        }
        ("GET", SERVICE) => respond(200, service("Succeeded")),
        ("GET", _) if looks.fetch_add(1, Ordering::SeqCst) == 0 => respond(200, r#"{"status":"InProgress"}"#.to_owned()),
        ("GET", _) => respond(200, r#"{"status":"Succeeded"}"#.to_owned()),
        other => panic!("{other:?}"),
    }
}

async fn serve(state: &Path) -> Running {
    let client = Client { app_id: "app".to_owned(), object_id: "object".to_owned(), secret: Some("right-canary".to_owned().into()) };
    let bound = https::bind(HttpsOptions {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        state_dir: state.to_owned(),
        tenant_id: TENANT.to_owned(),
        clients: Clients::Registered(vec![client]),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    });
    let bound = bound.await.unwrap();
    let (endpoint, looks) = (bound.endpoint().to_owned(), Arc::new(AtomicUsize::new(0)));
    bound.serve(move |request| arm(endpoint.clone(), looks.clone(), request))
}

async fn run(running: &Running, secret: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["azure::child", "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .env("TEST_ENDPOINT", running.endpoint())
        .envs([("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "app"), ("AZURE_CLIENT_SECRET", secret)])
        .envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains(secret), "the secret was printed");
    output
}

fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A proxy that knows CONNECT only, and counts.
async fn proxy() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let tunnels = Arc::new(AtomicUsize::new(0));
    let count = tunnels.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = count.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                let target = line.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
                while stream.read_line(&mut line).await.unwrap() > 2 {}
                count.fetch_add(1, Ordering::SeqCst);
                let mut upstream = TcpStream::connect(target).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut upstream).await;
            });
        }
    });
    (address, tunnels)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_path_trusts_what_ssl_cert_file_names_and_unpacks_answers() {
    let state = tempfile::tempdir().unwrap();
    let running = serve(state.path()).await;
    let ca = running.ca_path().to_str().unwrap().to_owned();
    let output = run(&running, "right-canary", &[("SSL_CERT_FILE", &ca)]).await;
    let expected = format!("CHILD DONE application app (object object) by environment, tenant {TENANT}");
    assert!(output.status.success() && text(&output).contains(&expected), "{}", text(&output));
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_untrusted_certificate_or_a_wrong_secret_is_told_with_its_cause() {
    let state = tempfile::tempdir().unwrap();
    let running = serve(state.path()).await;
    let output = run(&running, "right-canary", &[]).await;
    assert!(text(&output).contains("METADATA") && text(&output).contains("invalid peer certificate"), "{}", text(&output));
    let ca = running.ca_path().to_str().unwrap().to_owned();
    let output = run(&running, "wrong-canary", &[("SSL_CERT_FILE", &ca)]).await;
    assert!(text(&output).contains("AADSTS7000215: Invalid client secret"), "{}", text(&output));
    running.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxy_variables_are_honoured() {
    let state = tempfile::tempdir().unwrap();
    let running = serve(state.path()).await;
    let ca = running.ca_path().to_str().unwrap().to_owned();
    let (address, tunnels) = proxy().await;
    let proxy = format!("http://{address}");
    let output = run(&running, "right-canary", &[("SSL_CERT_FILE", &ca), ("HTTPS_PROXY", &proxy)]).await;
    assert!(output.status.success(), "{}", text(&output));
    let used = tunnels.load(Ordering::SeqCst);
    assert!(used > 0, "the proxy was passed by");
    running.shutdown().await;

    let running = serve(state.path()).await;
    let output = run(&running, "right-canary", &[("SSL_CERT_FILE", &ca), ("HTTPS_PROXY", &proxy), ("NO_PROXY", "127.0.0.1")]).await;
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(tunnels.load(Ordering::SeqCst), used);
    running.shutdown().await;
}
