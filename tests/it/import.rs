//! Requests of scenarios that were written for something else: curl, `.http` files, HAR files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use apimctl::scenario::Request;
use apimctl::scenario::import::har::Select;
use apimctl::scenario::import::{Files, Importer, Options};
use apimctl::scenario::request::{Body, KeyOf, Place};
use apimctl::support::finding::Finding;
use apimctl::support::source::{SourceText, Sources};
use proptest::prelude::*;

/// Files that are not on a disk.
#[derive(Default)]
struct Held(BTreeMap<&'static str, &'static str>);

impl Files for Held {
    fn text(&mut self, _: &Path, path: &str, _: usize) -> Result<(PathBuf, Arc<str>), String> {
        let text = self.0.get(path).ok_or("there is no such file")?;
        Ok((PathBuf::from(path), Arc::from(*text)))
    }
}

fn options() -> Options {
    Options { subscription: Some("consumer".to_owned()), ..Options::default() }
}

enum From<'t> {
    Curl,
    Http(Option<&'t str>),
    Har(Select),
}

/// The request, and the findings as `CODE line:column message`.
fn import(from: From<'_>, text: &str, options: &Options) -> (Option<Request>, Vec<String>) {
    let mut sources = Sources::default();
    let source = SourceText::whole(sources.add("f", text), text.into());
    let at = source.span(0..0);
    let (mut findings, path) = (Vec::new(), Path::new("f"));
    let mut files = Held([("body.json", "{ \"a\":\n 1 }\n"), ("template.json", "{\"model\": \"{{model}}\"}")].into());
    let mut importer = Importer::new(options, &mut files, &mut sources, &mut findings);
    let request = match from {
        From::Curl => importer.curl(&source, path),
        From::Http(name) => importer.http_file(&source, path, name, at),
        From::Har(select) => importer.har(&source, &select, at),
    };
    assert_eq!(request.is_none(), findings.iter().any(Finding::is_error), "a request or an error: {findings:?}");
    let shown = |finding: &Finding| {
        let place = sources.position(finding.span.unwrap());
        format!("{} {}:{} {}", finding.code.id, place.line, place.column, finding.message)
    };
    (request, findings.iter().map(shown).collect())
}

/// A request as lines: method and path, key, headers, body.
fn shown(request: &Request) -> String {
    let mut out = format!("{} {}\n", request.method, request.path);
    if let Some(key) = &request.key {
        let KeyOf::Subscription { name, .. } = &key.of else { panic!("a key's value was kept") };
        let place = match &key.place {
            Place::Header(name) => format!("header {name}"),
            Place::Query(name) => format!("query {name}"),
            Place::Bearer => "bearer".to_owned(),
        };
        let _ = writeln!(out, "key of {name} in {place}");
    }
    for (name, value) in &request.headers {
        let _ = writeln!(out, "{name}: {}", value.to_str().unwrap_or("?"));
    }
    match &request.body {
        Body::Empty => {}
        Body::Json(value) => {
            let _ = writeln!(out, "json {value}");
        }
        Body::Bytes(bytes) => {
            let _ = writeln!(out, "bytes {}", String::from_utf8_lossy(bytes));
        }
    }
    out
}

fn curl(text: &str) -> String {
    let (request, findings) = import(From::Curl, text, &options());
    assert_eq!(findings, Vec::<String>::new(), "{text}");
    shown(&request.unwrap())
}

fn curl_findings(text: &str) -> Vec<String> {
    import(From::Curl, text, &options()).1
}

#[test]
fn the_tutorials_command_lines_are_imported() {
    let text = "curl -X POST \"https://contoso.azure-api.net/deployments/gpt-4o/chat/completions?api-version=2024-02-15-preview\" \\\n  -H \"Content-Type: application/json\" \\\r\n  -H 'Ocp-Apim-Subscription-Key: 0123456789abcdef' \\\n  -d '{\n    \"messages\": [{\"role\": \"user\", \"content\": \"It'\\''s $5\"}]\n  }'\n";
    let expected = "POST /deployments/gpt-4o/chat/completions?api-version=2024-02-15-preview\nkey of consumer in header ocp-apim-subscription-key\ncontent-type: application/json\njson {\"messages\":[{\"role\":\"user\",\"content\":\"It's $5\"}]}\n";
    assert_eq!(curl(text), expected);
    // Keys from the environment, the key as Bearer token, a pipe behind it.
    let bearer = "curl -sS $APIM_URL/openai/v1/chat/completions -H \"Authorization: Bearer ${APIM_KEY}\" --json '{\"stream\":true}' | jq .";
    assert_eq!(
        curl(bearer),
        "POST /openai/v1/chat/completions\nkey of consumer in bearer\ncontent-type: application/json\naccept: application/json\njson {\"stream\":true}\n"
    );
    let query = "curl 'https://h/a%20b/ü?subscription-key=k&x=1&api%2dkey=k#part'";
    let (request, findings) = import(From::Curl, query, &options());
    assert_eq!(shown(&request.unwrap()), "GET /a%20b/%C3%BC?x=1\nkey of consumer in query subscription-key\n");
    assert_eq!(findings, ["IMP016 1:6 the query parameter `api-key` is a second key and is left out"]);
}

#[test]
fn a_command_line_is_taken_apart_as_a_shell_does() {
    for (text, path) in [
        ("curl h/a\\ b", "/a%20b"),
        ("curl \"h/a'\\\"\\$x\"", "/a'%22$x"),
        ("curl h'/a\\b'", "/a%5Cb"),
        ("curl $'h/\\x41\\u00e9\\101\\'\\ud83d\\ude00'", "/A%C3%A9A'%F0%9F%98%80"),
        ("\n# a comment\ncurl h/a # behind\n", "/a"),
        ("curl h/a > 'o u t.json' 2>/dev/null 2>&1", "/a"),
        ("/usr/bin/curl -- h/a", "/a"),
        ("curl -sSLo/dev/null --url h/a -m 5 --no-compressed", "/a"),
        ("curl http://localhost:8080", "/"),
        ("curl h?x=1", "/?x=1"),
        ("curl -G h/a?x=1 -d y=2 --data-urlencode 'z=a b&c' --url-query q=3", "/a?x=1&q=3&y=2&z=a%20b%26c"),
        ("curl h/a; # nothing more", "/a"),
    ] {
        assert_eq!(curl(text), format!("GET {path}\n"), "{text}");
    }
    for (text, shown) in [
        ("curl h -I", "HEAD /\n"),
        ("curl -XPUT h -HA:b -H 'C: d' -H 'E;' -H 'User-Agent:'", "PUT /\na: b\nc: d\ne: \n"),
        ("curl h -d a -d @body.json", "POST /\ncontent-type: application/x-www-form-urlencoded\nbytes a&{ \"a\": 1 }\n"),
        ("curl h --data-binary @body.json -H content-type:", "POST /\nbytes { \"a\":\n 1 }\n\n"),
        ("curl h --data-raw @body.json -H content-type:text/plain", "POST /\ncontent-type: text/plain\nbytes @body.json\n"),
        ("curl h --json '{\"a\":' --json '1}' -H accept:x", "POST /\naccept: x\ncontent-type: application/json\njson {\"a\":1}\n"),
        (
            "curl h --json 12345678901234567890123",
            "POST /\ncontent-type: application/json\naccept: application/json\nbytes 12345678901234567890123\n",
        ),
        ("curl h --compressed -A me -e there", "GET /\naccept-encoding: deflate, gzip\nuser-agent: me\nreferer: there\n"),
        ("curl h -H 'Host: x' -H 'Content-Length: 3' -H 'Expect: y'", "GET /\n"),
    ] {
        assert_eq!(curl(text), shown, "{text}");
    }
}

#[test]
fn what_cannot_be_imported_is_named_with_its_place() {
    for (text, finding) in [
        ("wget h", "IMP004 1:1 `wget` is not `curl`"),
        (" ", "IMP004 1:1 there is no command line"),
        ("curl 'h", "IMP005 1:6 a text in single quotes has no end"),
        ("curl \\\n  \"h", "IMP005 2:3 a text in double quotes has no end"),
        ("curl $'h", "IMP005 1:6 a text in `$'…'` has no end"),
        ("curl h -d $(cat x)", "IMP006 1:11 this command line runs another command"),
        ("curl h -d \"`cat x`\"", "IMP006 1:12 this command line runs another command"),
        ("curl h -d @- <<EOF\nx\nEOF", "IMP006 1:14 this command line needs a shell: a here-document"),
        ("curl ^\"h^\"", "IMP006 1:6 this command line is written for `cmd.exe`"),
        ("curl h/a?x=1&y=2", "IMP006 1:13 a shell takes this `&` for the end of the command"),
        ("curl h --heeder a:b", "IMP007 1:8 curl has no option `--heeder` that is known here"),
        ("curl h -sZ", "IMP007 1:8 curl has no option `-Z` that is known here"),
        ("curl h -H", "IMP007 1:8 `-H` lacks its value"),
        ("curl h -F a=@b", "IMP008 1:8 what `-F` does cannot be imported"),
        ("curl h --data-binary @-", "IMP008 1:22 a body from the standard input cannot be imported"),
        ("curl -s", "IMP009 1:1 the request has no URL"),
        ("curl h i", "IMP009 1:8 a second URL stands here"),
        ("curl ftp://h/a", "IMP010 1:6 `ftp` is not a scheme of HTTP"),
        ("curl -X 'P T' h", "IMP011 1:9 `P T` is no method"),
        ("curl h -H abc", "IMP012 1:11 this is not a header: it has no colon"),
        ("curl h -H 'a b: c'", "IMP012 1:11 `a b` cannot be the name of a header"),
        ("curl h -H $'a: c\\n'd", "IMP012 1:11 this cannot be the value of the header `a`"),
        ("curl h/$NAME", "IMP013 1:6 nothing here knows the value of `$NAME`"),
        ("curl h -d \"${BODY:-x}\"", "IMP013 1:11 nothing here knows the value of `${BODY:-x}`"),
        ("curl h -d @missing.json", "IMP003 1:11 cannot read `missing.json`: there is no such file"),
    ] {
        assert_eq!(curl_findings(text), [finding], "{text}");
    }
    assert_eq!(curl_findings("curl h && curl i"), ["IMP021 1:8 only the first command is imported"]);
}

#[test]
fn no_secret_is_kept() {
    const SECRET: &str = "0123456789abcdef";
    for text in [
        "curl h -u me:0123456789abcdef",
        "curl https://me:0123456789abcdef@h/",
        "curl h -b session=0123456789abcdef",
        "curl h -H 'X-Functions-Key: 0123456789abcdef'",
        "curl h -H 'Authorization: Bearer eyJ0123456789abcdef'",
        "curl h -H 'Authorization: 0123456789abcdef' -H 'x-amz-security-token: 0123456789abcdef'",
        "curl h -H 'api-key: 0123456789abcdef' -H 'Authorization: Bearer 0123456789abcdef'",
        "curl h --heeder=0123456789abcdef",
        "curl h -H 'api-key: 0123456789abcdef' -d '{\"k\": \"0123456789abcdef\"}'",
        "curl h/0123456789abcdef -H 'api-key: 0123456789abcdef'",
        "curl h -H 'api-key: 0123456789abcdef' -H 'x: 0123456789abcdef'",
    ] {
        let (request, findings) = import(From::Curl, text, &options());
        assert!(!findings.is_empty() && !findings.concat().contains(SECRET), "{text}: {findings:?}");
        assert!(!format!("{request:?}").contains(SECRET), "{text}: {request:?}");
    }
    let (request, findings) = import(From::Curl, "curl h -d 0123456789abcdef -H 'api-key: 0123456789abcdef'", &options());
    assert_eq!((request, findings), (None, vec!["IMP017 1:1 a secret of this request also stands in the body".to_owned()]));
    let (request, findings) = import(From::Curl, "curl h -H 'api-key: k'", &Options::default());
    assert_eq!((request, findings), (None, vec!["IMP015 1:11 the request holds a key, and no subscription is named".to_owned()]));
    let own = Options { key_headers: vec!["x-my".parse().unwrap()], key_parameters: vec!["k".into()], ..options() };
    let (request, _) = import(From::Curl, "curl h?K=1 -H 'X-My: 2'", &own);
    assert_eq!(shown(&request.unwrap()), "GET /\nkey of consumer in query K\n");
    // What only looks like a secret.
    assert_eq!(curl("curl h -H 'Idempotency-Key: 7'"), "GET /\nidempotency-key: 7\n");
}

const HTTP: &str = "@host = https://contoso.azure-api.net\n@base = {{host}}/openai\n@model=gpt-4o\r\n\n# comment\nGET {{base}}/v1/models HTTP/1.1\n\n### Chat\n// @name chat\n@unused = {{unused}}\nPOST {{base}}/deployments/{{model}}/chat/completions\n    ?api-version=2024-10-21\n    &x=1\nContent-Type: application/json\n# between\napi-key: {{key}}\n\n{\n  \"messages\": [],\n\n  \"model\": \"{{model}}\"\n}\n\n\n> {%\n  client.test()\n%}\n\n### form\nhttp://localhost/f\nContent-Type: application/x-www-form-urlencoded\n\na=1\n&b=2\n### From a file\nPOST /x\n\n<@ template.json\n### As curl\ncurl -X PUT \\\n  'h/y' -H 'api-key: k'\n### bad\nPOST /z\nContent-Type\n\n{{$guid}}\n### loop\n@loop = {{loop}}\nGET /{{loop}}\n";

#[test]
fn requests_of_http_files_are_imported() {
    for (name, expected) in [
        ("1", "GET /openai/v1/models\n"),
        (
            "chat",
            "POST /openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21&x=1\nkey of consumer in header api-key\ncontent-type: application/json\njson {\"messages\":[],\"model\":\"gpt-4o\"}\n",
        ),
        // Without a method it is GET, body or not.
        ("form", "GET /f\ncontent-type: application/x-www-form-urlencoded\nbytes a=1&b=2\n"),
        ("From a file", "POST /x\nbytes {\"model\": \"gpt-4o\"}\n"),
        ("As curl", "PUT /y\nkey of consumer in header api-key\n"),
    ] {
        let (request, findings) = import(From::Http(Some(name)), HTTP, &options());
        assert_eq!(findings, Vec::<String>::new(), "{name}");
        assert_eq!(shown(&request.unwrap()), expected, "{name}");
    }
    for (name, finding) in [
        (None, "IMP019 1:1 the file holds 7 requests"),
        (Some("caht"), "IMP018 1:1 the file holds no request `caht`"),
        (Some("9"), "IMP018 1:1 the file holds no request `9`"),
        (Some("bad"), "IMP012 44:1 this is not a header: it has no colon"),
        (Some("loop"), "IMP014 49:1 the variable `loop` leads back to itself"),
    ] {
        assert_eq!(import(From::Http(name), HTTP, &options()).1, [finding], "{name:?}");
    }
    let one = "POST {{host}}/a\n\n{{$guid}}";
    assert_eq!(import(From::Http(None), one, &options()).1, ["IMP013 3:1 nothing here knows the value of `{{$guid}}`"]);
    let known = Options { variables: [("host".to_owned(), "https://h/b".to_owned())].into(), ..options() };
    let (request, _) = import(From::Http(Some("1")), "GET {{host}}/a", &known);
    assert_eq!(shown(&request.unwrap()), "GET /b/a\n");
    assert_eq!(import(From::Http(None), "# nothing\n", &options()).1, ["IMP018 1:1 the file holds no request"]);
    assert_eq!(import(From::Http(None), "GRAPHQL /x", &options()).1, ["IMP008 1:1 a request of the kind `GRAPHQL` cannot be imported"]);
}

/// Variables that double each other must not eat the memory.
#[test]
fn variables_cannot_grow_without_end() {
    let mut text = "@a0 = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".to_owned();
    for level in 1..30 {
        let _ = writeln!(text, "@a{level} = {}", format!("{{{{a{}}}}}", level - 1).repeat(20));
    }
    text.push_str("GET /{{a29}}\n");
    let (_, findings) = import(From::Http(None), &text, &options());
    assert!(findings[0].starts_with("IMP014"), "{findings:?}");
    let shallow = text.replace("a29", "a14");
    assert!(import(From::Http(None), &shallow, &options()).1[0].starts_with("IMP014"));
}

const HAR: &str = r#"{ "log": { "version": "1.2", "entries": [
  { "request": { "method": "GET", "url": "https://h/openai/v1/models", "headers": [ { "name": ":authority", "value": "h" }, { "name": "Cookie", "value": "secret-cookie" } ] } },
  { "request": { "method": "POST", "url": "https://h/chat?api-version=1", "headers": [ { "name": "API-KEY", "value": "0123456789" } ],
      "postData": { "mimeType": "application/json", "text": "{\"a\": 1}" } } },
  { "request": { "method": "POST", "url": "https://h/form", "postData": { "mimeType": "application/x-www-form-urlencoded", "params": [ { "name": "a b", "value": "&" } ] } } },
  { "request": { "method": "POST", "url": "https://h/raw", "postData": { "text": "AAEC", "encoding": "base64" } } }
] } }"#;

#[test]
fn entries_of_har_files_are_imported() {
    let imported = |select| import(From::Har(select), HAR, &options());
    let (request, findings) = imported(Select::Number(1));
    assert_eq!(findings, ["IMP016 2:3 the header `cookie` holds a secret and is left out"]);
    assert_eq!(shown(&request.unwrap()), "GET /openai/v1/models\n");
    let (request, _) = imported(Select::Url("chat?".to_owned()));
    assert_eq!(
        shown(&request.unwrap()),
        "POST /chat?api-version=1\nkey of consumer in header api-key\ncontent-type: application/json\njson {\"a\":1}\n"
    );
    let (request, _) = imported(Select::Number(3));
    assert_eq!(shown(&request.unwrap()), "POST /form\ncontent-type: application/x-www-form-urlencoded\nbytes a%20b=%26\n");
    let (request, _) = imported(Select::Number(4));
    assert_eq!(request.unwrap().body.bytes().as_ref(), [0, 1, 2]);
    for (select, finding) in [
        (Select::Only, "IMP019 1:1 the file holds 4 entries"),
        (Select::Number(5), "IMP018 1:1 the file has no entry 5: it holds 4"),
        (Select::Number(0), "IMP018 1:1 the file has no entry 0: it holds 4"),
        (Select::Url("none".to_owned()), "IMP018 1:1 no entry's URL holds `none`"),
        (Select::Url("https".to_owned()), "IMP019 1:1 the URLs of 4 entries hold `https`"),
    ] {
        assert_eq!(imported(select).1, [finding]);
    }
    let broken = import(From::Har(Select::Only), "{ \"log\":\n  { \"entries\": 1 } }", &options()).1;
    assert_eq!(broken, ["IMP020 2:16 this is not a HAR file: invalid type: integer `1`, expected a sequence"]);
    assert!(import(From::Har(Select::Only), &"[".repeat(100_000), &options()).1[0].starts_with("IMP020"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// What no shell would write, and pieces of what people do.
    #[test]
    fn no_command_line_panics(pieces in proptest::collection::vec(prop_oneof![
        Just("curl ".to_owned()), Just("'".to_owned()), Just("\"".to_owned()), Just("\\".to_owned()), Just("$".to_owned()), Just("$'".to_owned()),
        Just("${".to_owned()), Just("\\u".to_owned()), Just("-H ".to_owned()), Just("-d@".to_owned()), Just("--json ".to_owned()), Just("é".to_owned()),
        Just("\n".to_owned()), Just("|".to_owned()), Just(">".to_owned()), Just("?subscription-key=".to_owned()), Just("https://".to_owned()),
        Just("api-key:".to_owned()), Just("--url-query".to_owned()), Just("#".to_owned()), Just(";".to_owned()), Just("\r\n".to_owned()), ".{0,6}",
    ], 0..24)) {
        import(From::Curl, &format!("curl {}", pieces.concat()), &options());
    }

    #[test]
    fn no_http_file_panics(pieces in proptest::collection::vec(prop_oneof![
        Just("\n".to_owned()), Just("###".to_owned()), Just("@a = ".to_owned()), Just("{{a}}".to_owned()), Just("{{".to_owned()), Just("}}".to_owned()),
        Just("POST /x\n".to_owned()), Just("a: b\n\n".to_owned()), Just("< ".to_owned()), Just("<@".to_owned()), Just("> {%".to_owned()), Just("curl ".to_owned()),
        Just("# @name a\n".to_owned()), Just("é".to_owned()), Just(" ?".to_owned()), ".{0,6}",
    ], 0..24), name in proptest::option::of("[a0-2]{0,2}")) {
        import(From::Http(name.as_deref()), &pieces.concat(), &options());
    }

    #[test]
    fn no_har_file_panics(cut in 0..HAR.len(), piece in ".{0,6}", number in 0..6_usize) {
        let cut = (0..=cut).rev().find(|at| HAR.is_char_boundary(*at)).unwrap();
        import(From::Har(Select::Number(number)), &format!("{}{piece}{}", &HAR[..cut], &HAR[cut..]), &options());
        import(From::Har(Select::Only), &format!("{}{piece}", &HAR[..cut]), &options());
    }

    /// A body that is quoted for a shell arrives as it was.
    #[test]
    fn quoting_loses_nothing(body in "[^\u{0}]{1,40}") {
        let quoted = format!("curl h -H content-type:text/plain --data-raw '{}'", body.replace('\'', "'\\''"));
        if !quoted.contains('^') {
            let (request, findings) = import(From::Curl, &quoted, &options());
            prop_assert_eq!(findings, Vec::<String>::new());
            let sent = request.unwrap().body.bytes();
            prop_assert_eq!(std::str::from_utf8(&sent).unwrap(), body.as_str());
        }
    }
}
