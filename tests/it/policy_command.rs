//! `apimctl policy check` and `apimctl policy fmt`: files, exit codes, formats.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const GOOD: &str = "<fragment>\n\t<set-header name=\"x\" exists-action=\"delete\" />\n</fragment>\n";
const BAD: &str = "<policies><inbound>\n<no-such-policy /></inbound></policies>";
const BROKEN: &str = "<policies><inbound></policies>";

fn run(directory: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_apimctl"))
        .current_dir(directory)
        .env_clear()
        .arg("policy")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output.stdout)))
}

#[test]
fn check_reports_every_file_in_the_form_of_the_contract() {
    let latin = [b"<policies>".as_slice(), &[0xe4], b"</policies>"].concat();
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("<policies />".encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let huge = vec![b' '; 2 << 20];
    let directory = folder(&[
        ("good.xml", GOOD.as_bytes()),
        ("bad.xml", BAD.as_bytes()),
        ("broken.xml", BROKEN.as_bytes()),
        ("empty.xml", b""),
        ("latin.xml", &latin),
        ("wide.xml", &wide),
        ("huge.xml", &huge),
    ]);
    std::fs::create_dir(directory.path().join("folder")).unwrap();
    let names = ["good.xml", "bad.xml", "broken.xml", "empty.xml", "latin.xml", "wide.xml", "huge.xml", "folder", "missing.xml"];
    let output = run(directory.path(), &[&["check", "--format", "json"], &names[..]].concat(), b"");
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.iter().map(|file| file["path"].as_str().unwrap()).collect::<Vec<_>>(), names);
    for file in files {
        let good = file["path"] == "good.xml";
        assert_eq!(file["ok"], good, "{file}");
        let findings = file["findings"].as_array().unwrap();
        assert_eq!(findings.len(), usize::from(!good), "one cause, one finding: {file}");
        for finding in findings {
            for key in ["code", "kind", "severity", "message"] {
                assert!(finding[key].is_string(), "{key}: {finding}");
            }
            let placed = matches!(file["path"].as_str().unwrap(), "bad.xml" | "broken.xml" | "empty.xml" | "latin.xml" | "wide.xml");
            assert_eq!(finding["line"].is_u64() && finding["column"].is_u64(), placed, "{file}");
            assert_eq!(finding["kind"], if file["path"] == "bad.xml" { "place" } else { "syntax" }, "{file}");
        }
    }
    assert_eq!((&files[1]["findings"][0]["line"], &files[1]["findings"][0]["column"]), (&2.into(), &2.into()));
    assert!(files[7]["findings"][0]["message"].as_str().unwrap().contains("directory"));
    assert!(files[5]["findings"][0]["message"].as_str().unwrap().contains("UTF-16"));
}

#[test]
fn check_takes_a_list_of_files_and_says_what_it_found() {
    let directory = folder(&[("a b.xml", GOOD.as_bytes()), ("bad.xml", BAD.as_bytes())]);
    for list in [&b"a b.xml\r\n\nbad.xml\n"[..], b"a b.xml\0bad.xml\0"] {
        let output = run(directory.path(), &["check", "--files-from", "-", "--format", "json"], list);
        assert_eq!(json(&output)["files"].as_array().unwrap().len(), 2);
        assert_eq!(output.status.code(), Some(1));
    }
    let output = run(directory.path(), &["check", "--files-from", "-"], b"a b.xml\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty());
    let output = run(directory.path(), &["check", "bad.xml"], b"");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("POL051") && said.contains("bad.xml:2:2") && said.contains("1 error"), "{said}");
    assert_eq!(run(directory.path(), &["check", "--files-from", "none"], b"").status.code(), Some(1));
    assert_eq!(run(directory.path(), &["check"], b"").status.code(), Some(64));
    let empty = run(directory.path(), &["check", "--files-from", "-", "--format", "json"], b"");
    assert_eq!((empty.status.code(), json(&empty)["files"].as_array().unwrap().len()), (Some(0), 0));
}

#[test]
fn a_scope_applies_the_rules_that_need_one() {
    let directory = folder(&[("a.xml", b"<policies><inbound /></policies>")]);
    let found = |arguments: &[&str]| json(&run(directory.path(), arguments, b""))["files"][0]["findings"].as_array().unwrap().len();
    assert_eq!(found(&["check", "a.xml", "--format", "json"]), 0);
    assert_eq!(found(&["check", "a.xml", "--format", "json", "--scope", "api"]), 1);
    assert_eq!(found(&["check", "a.xml", "--format", "json", "--scope", "global"]), 0);
}

#[test]
fn a_placeholder_of_a_template_is_a_warning() {
    let policy = |count: &str| {
        format!("<policies><backend><retry condition=\"@(true)\" count=\"{count}\" interval=\"0\"><base /></retry></backend></policies>")
    };
    for (count, code, exit) in [("{retry-count}", "POL069", 0), ("RETRY_COUNT", "POL069", 0), ("many", "POL059", 1), ("{}", "POL059", 1)] {
        let directory = folder(&[("a.xml", policy(count).as_bytes())]);
        let output = run(directory.path(), &["check", "a.xml", "--format", "json"], b"");
        assert_eq!(json(&output)["files"][0]["findings"][0]["code"], code, "{count}");
        assert_eq!(output.status.code(), Some(exit), "{count}");
    }
}

#[test]
fn fmt_prints_lists_and_rewrites() {
    let messy = GOOD.replace('\t', "      ");
    let directory = folder(&[("good.xml", GOOD.as_bytes()), ("messy.xml", messy.as_bytes()), ("broken.xml", BROKEN.as_bytes())]);
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();

    let printed = run(directory.path(), &["fmt", "messy.xml"], b"");
    assert_eq!((printed.status.code(), text(&printed.stdout)), (Some(0), GOOD.to_owned()));
    assert_eq!(read("messy.xml"), messy, "only `--fix` writes");

    for arguments in [&["fmt", "good.xml", "messy.xml"][..], &["fmt", "--check", "messy.xml"]] {
        let listed = run(directory.path(), arguments, b"");
        assert_eq!((listed.status.code(), text(&listed.stdout).trim()), (Some(1), "messy.xml"));
    }
    assert_eq!(run(directory.path(), &["fmt", "--check", "good.xml"], b"").status.code(), Some(0));

    let output = run(directory.path(), &["fmt", "--fix", "good.xml", "messy.xml", "broken.xml"], b"");
    assert_eq!(output.status.code(), Some(1), "what cannot be read is an error, and the others are done");
    assert!(text(&output.stderr).contains("POL004"));
    assert_eq!((read("messy.xml"), read("broken.xml")), (GOOD.to_owned(), BROKEN.to_owned()));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 3, "no temporary file is left");
    let again = run(directory.path(), &["fmt", "--fix", "good.xml", "messy.xml"], b"");
    assert_eq!((again.status.code(), text(&again.stdout).as_str()), (Some(0), ""));
}

#[test]
fn fmt_mends_what_has_a_safe_cure() {
    let policy = "<policies><backend><retry condition=\"@(context.Response.StatusCode == 429)\" count=\"1\" interval=\"0\"><forward-request timeout=\"60\" /></retry></backend></policies>";
    let directory = folder(&[("a.xml", policy.as_bytes())]);
    let output = run(directory.path(), &["fmt", "--fix", "a.xml", "--format", "json"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = json(&output);
    let fixed: Vec<_> = report["files"][0]["fixed"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(fixed, ["POL102", "POL101"]);
    let check = run(directory.path(), &["check", "a.xml", "--format", "json"], b"");
    assert_eq!(json(&check)["files"][0]["findings"].as_array().unwrap().len(), 0, "{}", text(&check.stdout));
}

#[cfg(unix)]
#[test]
fn fmt_keeps_permissions_and_symbolic_links() {
    use std::os::unix::fs::PermissionsExt;
    let directory = folder(&[("a.xml", b"<fragment>\n<base />\n</fragment>")]);
    let file = directory.path().join("a.xml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("a.xml", directory.path().join("link.xml")).unwrap();
    assert_eq!(run(directory.path(), &["fmt", "--fix", "link.xml"], b"").status.code(), Some(0));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(directory.path().join("link.xml").symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "<fragment>\n\t<base />\n</fragment>\n");
}
