//! The emulator as a process of its own, over HTTPS: whom `permissions` bind, and what survives `kill -9`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use apimctl::emulator::{DEFAULT_SUBSCRIPTION, Emulator, Options, State};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::https::EmulatorProcess;

/// A client of the running emulator. Nothing but the emulator's own authority is trusted.
struct Client {
    host: String,
    tls: Arc<ClientConfig>,
    token: String,
}

impl Client {
    fn log_in(process: &EmulatorProcess, client_id: &str) -> Self {
        let variable = |name: &str| process.variables.get(name).unwrap().clone();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(PathBuf::from(variable("SSL_CERT_FILE"))).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = Arc::new(tls.with_root_certificates(roots).with_no_client_auth());
        let endpoint = variable("APIMCTL_ARM_ENDPOINT");
        let host = endpoint.strip_prefix("https://").unwrap().to_owned();
        let mut client = Self { host, tls, token: String::new() };
        let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret=x&scope={endpoint}/.default");
        let path = format!("/{}/oauth2/v2.0/token", variable("AZURE_TENANT_ID"));
        let (status, body) = client.exchange("POST", &path, "application/x-www-form-urlencoded", &form).unwrap();
        assert_eq!(status, 200, "{body}");
        client.token = body["access_token"].as_str().unwrap().to_owned();
        client
    }

    /// Status and body; `None` when the connection ended first.
    fn exchange(&self, method: &str, path: &str, kind: &str, body: &str) -> Option<(u16, Value)> {
        let stream = TcpStream::connect(&self.host).ok()?;
        let connection = ClientConnection::new(self.tls.clone(), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            self.token,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        // The server need not say good-bye in TLS.
        let _ = stream.read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    fn put(&self, id: &str, body: &Value) -> Option<(u16, Value)> {
        self.exchange("PUT", &format!("{id}?api-version=2024-11-01"), "application/json", &body.to_string())
    }
}

fn group(name: &str) -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/{name}")
}

#[test]
fn permissions_bind_whoever_logs_in_unless_they_name_one() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = folder.path().join("fixture.json");
    std::fs::write(&fixture, json!({ "permissions": [{ "actions": ["*/read"] }] }).to_string()).unwrap();
    let process = EmulatorProcess::start(&["--fixture", fixture.to_str().unwrap()]);
    for application in ["6f1c2a34-0000-4000-8000-000000000001", "6f1c2a34-0000-4000-8000-000000000002"] {
        let (status, body) = Client::log_in(&process, application).put(&group("g"), &json!({ "location": "westus" })).unwrap();
        assert_eq!((status, body["error"]["code"].as_str()), (403, Some("AuthorizationFailed")), "{body}");
    }
}

/// Every write that was answered is there after `kill -9`, whenever that comes.
#[test]
fn what_was_acknowledged_survives_kill_nine() {
    let process = EmulatorProcess::start(&[]);
    let client = Client::log_in(&process, "6f1c2a34-0000-4000-8000-000000000001");
    let (sender, receiver) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for number in 0..2_000 {
            match client.put(&group(&format!("g{number}")), &json!({ "location": "westus" })) {
                Some((201, _)) => acknowledged.push(number),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
            if acknowledged.len() == 25 {
                sender.send(()).unwrap();
            }
        }
        acknowledged
    });
    receiver.recv().unwrap();
    let state = process.kill();
    let acknowledged = writer.join().unwrap();
    assert!((25..2_000).contains(&acknowledged.len()), "the kill came in the middle: {}", acknowledged.len());
    let emulator = Emulator::open(Options { state: State::Directory(state.path().to_owned()), ..Options::default() }).unwrap();
    let snapshot = emulator.store().snapshot();
    for number in acknowledged {
        let id = apimctl::arm::ResourceId::parse(&group(&format!("g{number}"))).unwrap();
        assert!(snapshot.values().any(|stored| stored.id == id), "g{number} was acknowledged and is gone");
    }
}
