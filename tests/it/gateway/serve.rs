//! `apimctl serve` as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::root;

pub struct Serving {
    child: Child,
    address: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Serving {
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address =
            line.split("http://").nth(1).unwrap_or_else(|| panic!("it does not listen: {line}")).split_whitespace().next().unwrap();
        Self { address: address.to_owned(), child, output }
    }

    pub fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Ends it as Ctrl-C does; what it printed, and its exit code.
    pub fn stop(mut self) -> (String, String, Option<i32>) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let (mut output, mut errors) = (String::new(), String::new());
        self.output.read_to_string(&mut output).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (output, errors, status.code())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn completion(headers: &str) -> String {
    let body = r#"{"messages":[{"role":"user","content":"Hello"}]}"#;
    format!(
        "POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

#[test]
fn a_specification_is_served_in_memory_with_a_key_from_the_environment() {
    let spec = root().join("examples/openai-lb.yaml");
    let serving = Serving::start(
        &[spec.to_str().unwrap(), "--simulate", "--workers", "1", "--subscription-key", "azure-openai-consumer=env:APIMCTL_TEST_KEY"],
        &[("APIMCTL_TEST_KEY", "key-from-the-environment")],
    );
    let answer = serving.ask(&completion("api-key: key-from-the-environment\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\"chat.completion\""), "{answer}");
    let answer = serving.ask(&completion("api-key: another\r\n"));
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    let (output, errors, code) = serving.stop();
    assert_eq!(code, Some(0), "{errors}");
    assert!(output.contains("azure-openai-service-api-sdk  /openai"), "{output}");
    assert!(output.contains("$APIMCTL_TEST_KEY"), "{output}");
    assert!(!output.contains("key-from-the-environment") && !errors.contains("key-from-the-environment"));
    assert!(errors.contains("chat/completions 200"), "{errors}");
    assert!(errors.contains("aoai-primary-backend:200"), "{errors}");
}

#[test]
fn what_cannot_be_overridden_is_told_at_once() {
    let spec = root().join("examples/openai-lb.yaml");
    for (arguments, words) in [
        (["--backend", "nobody=http://127.0.0.1:1"], "there is no backend `nobody`"),
        (["--subscription-key", "nobody=k"], "there is no subscription `nobody`"),
        (["--backend", "aoai-primary-backend=nowhere"], "takes an http or https URL"),
        (["--subscription-key", "secretvalue"], "takes NAME=KEY"),
        (["--setting", "nothing=1"], "there is no setting `nothing`"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_apimctl"))
            .args(["serve", spec.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .args(arguments)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
        assert!(!errors.contains("secretvalue"), "{errors}");
    }
}

/// A backend that answers everything with one status, until the test ends.
fn backend(status: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut bytes = [0; 16 * 1024];
                while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        break;
                    }
                }
            });
        }
    });
    format!("http://{address}/openai")
}

#[test]
fn a_backend_elsewhere_is_reached_over_tcp_and_a_changed_specification_is_applied() {
    let directory = tempfile::tempdir().unwrap();
    for (from, to) in [("examples/openai-lb.yaml", "examples/spec.yaml"), ("policies/openai-lb.xml", "policies/openai-lb.xml")] {
        let to = directory.path().join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root().join(from), to).unwrap();
    }
    let spec = directory.path().join("examples/spec.yaml");
    let (first, second) = (format!("aoai-primary-backend={}", backend("200 OK")), format!("aoai-secondary-backend={}", backend("200 OK")));
    let serving = Serving::start(
        &[
            spec.to_str().unwrap(),
            "--quiet",
            "--watch",
            "--workers",
            "1",
            "--backend",
            &first,
            "--backend",
            &second,
            "--subscription-key",
            "azure-openai-consumer=k",
        ],
        &[],
    );
    let answer = serving.ask(&completion("api-key: k\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("ok"), "{answer}");

    let policy = directory.path().join("policies/openai-lb.xml");
    let text = std::fs::read_to_string(&policy).unwrap();
    let changed =
        text.replacen("<inbound>", "<inbound><return-response><set-status code=\"418\" reason=\"Changed\" /></return-response>", 1);
    assert_ne!(text, changed);
    std::fs::write(&policy, changed).unwrap();
    // No request fails meanwhile.
    let mut tries = 0;
    loop {
        let answer = serving.ask(&completion("api-key: k\r\n"));
        if answer.starts_with("HTTP/1.1 418 Changed\r\n") {
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        tries += 1;
        assert!(tries < 100_000, "the change was never applied");
    }
    let (_, errors, code) = serving.stop();
    assert_eq!((code, errors.as_str()), (Some(0), ""));
}
