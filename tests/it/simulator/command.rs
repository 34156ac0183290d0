//! `apimctl simulate` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apimctl"));
    command.env_clear().args(["simulate", "--format", "json"]).args(arguments);
    command
}

fn ask(address: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nhost: x\r\nconnection: close\r\napi-key: any\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[cfg(unix)]
#[test]
fn each_address_is_an_account_until_it_is_told_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let behavior = directory.path().join("behavior.yaml");
    std::fs::write(&behavior, "rules: [ { account: simulated-2, do: { status: 503 } } ]").unwrap();
    let path = behavior.to_str().unwrap();
    let arguments =
        ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--behavior", path, "--deployment", "mine=gpt-4o", "--remember", "5"];
    let mut process = Process(command(&arguments).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let accounts = said["accounts"].as_array().unwrap();
    assert_eq!((accounts[0]["account"].as_str(), accounts[1]["location"].as_str()), (Some("simulated-1"), Some("swedencentral")));
    let address = |index: usize| accounts[index]["endpoint"].as_str().unwrap().trim_start_matches("http://");
    let chat = "POST /openai/deployments/mine/chat/completions?api-version=2024-10-21 HTTP/1.1";
    let question = r#"{"messages":[{"role":"user","content":"Hello"}]}"#;
    let answer = ask(address(0), chat, question);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n")
            && answer.contains("x-ms-region: France Central")
            && answer.contains("\"model\":\"gpt-4o\""),
        "{answer}"
    );
    assert!(ask(address(1), chat, question).starts_with("HTTP/1.1 503 "));
    let received = ask(address(0), "GET /_simulator/requests HTTP/1.1", "");
    assert!(received.contains(r#""account":"simulated-2""#) && !received.contains("any"), "{received}");
    let told = Command::new("kill").args(["-TERM", &process.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert_eq!(process.0.wait().unwrap().code(), Some(0));
}

#[test]
fn bad_behavior_ends_the_command_with_its_findings() {
    let directory = tempfile::tempdir().unwrap();
    let behavior = directory.path().join("behavior.yaml");
    std::fs::write(&behavior, "rules:\n  - do: { stat: 503 }\n").unwrap();
    let output = command(&["--listen", "127.0.0.1:0", "--behavior", behavior.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &said["findings"][0];
    assert_eq!((finding["code"].as_str(), finding["line"].as_u64(), finding["column"].as_u64()), (Some("SIM010"), Some(2), Some(11)));
    let missing = command(&["--behavior", "no-such-file.yaml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
}
