//! How much of a policy scenarios reach, told by lines of the user's own files.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use apimctl::report::coverage::{Coverage, FileCoverage};
use apimctl::report::{html, lcov};
use apimctl::scenario::read::ReadOptions;
use apimctl::scenario::result::Report;
use apimctl::scenario::runner::{self, RunOptions};
use apimctl::support::clock::SystemClock;

const SPEC: &str = r#"apiVersion: apimctl/v1
name: covered
resourceGroup: { name: rg-covered, location: eastus }
service: { name: apim-covered, sku: Developer, publisherName: Covered, publisherEmail: covered@example.com, identity: SystemAssigned }
openAI:
  main: { account: acc-main, resourceGroup: rg-ai, location: eastus, deployments: [gpt-4o-mini] }
backends:
  main: { openAI: main }
policyFragments:
  marks: { policy: marks.xml }
  unused: { policy: "<fragment><set-header name=\"x\" exists-action=\"delete\" /></fragment>" }
apis:
  chat:
    displayName: Chat
    path: ""
    protocols: [https]
    clients: [subscription-key, azure-openai-sdk]
    operations:
      complete:
        displayName: Complete
        method: POST
        urlTemplate: /deployments/{deployment-id}/chat/completions
        templateParameters: [ { name: deployment-id, type: string, required: true } ]
    policy: chat.xml
subscriptions:
  consumer: { displayName: Consumer, scope: api/chat }
"#;

const POLICY: &str = r#"<policies>
    <inbound>
        <base /><set-header name="api-key" exists-action="delete" /><set-header name="Ocp-Apim-Subscription-Key" exists-action="delete" />
        <include-fragment fragment-id="marks" />
        <set-backend-service backend-id="main" /><set-header name="api-key" exists-action="delete" /><set-header name="Ocp-Apim-Subscription-Key" exists-action="delete" />
        <choose>
            <when condition="@(context.Request.Headers.GetValueOrDefault(&quot;X-Kind&quot;, &quot;&quot;) == &quot;a&quot;)">
                <set-header name="X-Seen"
                            exists-action="override">
                    <value>a</value>
                </set-header>
            </when>
            <when condition="@(context.Request.Headers.GetValueOrDefault(&quot;X-Kind&quot;, &quot;&quot;) == &quot;b&quot;)">
                <return-response><set-status code="418" /></return-response>
            </when>
            <otherwise>
                <set-header name="X-Seen" exists-action="delete" />
            </otherwise>
        </choose>
    </inbound>
    <backend>
        <retry condition="@(context.Response != null &amp;&amp; context.Response.StatusCode == 503)" count="2" interval="1">
            <forward-request buffer-request-body="true" />
        </retry>
    </backend>
    <outbound>
        <base />
        <choose><when condition="@(context.Response.StatusCode == 400)"><set-header name="X-Bad" exists-action="delete" /></when></choose>
    </outbound>
    <on-error>
        <set-header name="X-Error" exists-action="delete" />
    </on-error>
</policies>
"#;

const FRAGMENT: &str = "<fragment>\n    <set-variable name=\"mark\" value=\"1\" />\n    <choose>\n        <when condition=\"@(context.Request.Method == &quot;GET&quot;)\">\n            <set-variable name=\"mark\" value=\"2\" />\n        </when>\n    </choose>\n</fragment>\n";

fn run(folder: &Path, scenarios: &str, coverage: bool) -> Report {
    for (name, text) in [("chat.yaml", SPEC), ("chat.xml", POLICY), ("marks.xml", FRAGMENT), ("chat.test.yaml", scenarios)] {
        fs::write(folder.join(name), text.replace("&quot;", "\"").replace("&amp;", "&")).unwrap();
    }
    fs::write(folder.join("chat.http"), "### key\nPOST {{host}}/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21\nContent-Type: application/json\napi-key: {{key}}\n\n{ \"messages\": [ { \"role\": \"user\", \"content\": \"Hello\" } ] }\n").unwrap();
    let options = RunOptions {
        read: ReadOptions::default(),
        threads: NonZeroUsize::new(2).unwrap(),
        only: None,
        clock: Arc::new(SystemClock),
        observers: Vec::new(),
        coverage,
    };
    let report = runner::run(&[folder.join("chat.test.yaml")], &options);
    let told: Vec<_> = report.suites.iter().flat_map(|suite| &suite.findings).map(|finding| &finding.message).collect();
    assert!(report.is_ok(), "{told:?} {:#?}", report.suites[0].scenarios);
    report
}

const SCENARIOS: &str = r#"
requests:
  chat:
    path: /deployments/gpt-4o-mini/chat/completions
    query: { api-version: 2024-10-21 }
    key: consumer
    json: { messages: [ { role: user, content: Hello } ] }
scenarios:
  - name: a marked request, as the SDK sends it, out of a shell's history
    request:
      curl: >-
        curl -s https://somewhere.azure-api.net/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21
        -H 'api-key: 0123456789abcdef0123456789abcdef' -H 'X-Kind: a' --json '{"messages": [{"role": "user", "content": "Hello"}]}'
    expect: { status: 200 }
  - name: a teapot
    request: { use: chat, headers: { X-Kind: b } }
    n: 3
    expect: { status: 418 }
  - name: sent once more
    given: { rules: [ { first: 1, do: { status: 503 } } ] }
    request: chat
    expect: { status: 200 }
"#;

/// `line hits` of statements, and `line label taken` of branches.
fn told(file: &FileCoverage) -> (Vec<String>, Vec<String>) {
    let statements = file.statements.iter().map(|own| {
        let last = if own.last_line > own.line { format!("-{}", own.last_line) } else { String::new() };
        format!("{}{last} {} {}", own.line, own.name, own.hits)
    });
    let taken = |taken: Option<u64>| taken.map_or_else(|| "?".to_owned(), |taken| taken.to_string());
    (statements.collect(), file.branches.iter().map(|own| format!("{} {} {}", own.line, own.label, taken(own.taken))).collect())
}

fn file<'c>(coverage: &'c Coverage, name: &str) -> &'c FileCoverage {
    coverage.files.iter().find(|file| file.path.ends_with(name)).unwrap_or_else(|| panic!("{name}: {coverage:?}"))
}

#[test]
fn coverage_is_laid_over_the_users_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let coverage = run(folder.path(), SCENARIOS, true).coverage().unwrap();
    let (statements, branches) = told(file(&coverage, "chat.xml"));
    assert_eq!(
        statements,
        [
            "3 base 5",
            // Accounts take clients' keys for keys of their own.
            "3 set-header 5",
            "3 set-header 5",
            "4 include-fragment 5",
            "5 set-backend-service 5",
            "5 set-header 5",
            "5 set-header 5",
            "6 choose 5",
            "7 when 5",
            "8-11 set-header 1",
            "13 when 4",
            "14 return-response 3",
            "17 set-header 1",
            // One request for the first scenario, none for the teapots, two attempts for the last.
            "22 retry 2",
            "23 forward-request 3",
            "27 base 2",
            "28 choose 2",
            "28 when 2",
            "28 set-header 0",
            "31 set-header 0",
        ]
    );
    assert_eq!(
        branches,
        [
            "7 `when` 1 1",
            "13 `when` 2 3",
            "16 `otherwise` 1",
            "22 `retry` left 2",
            "22 `retry` once more 1",
            "28 none of `choose` 2",
            "28 `when` 0",
            "30 `on-error` 0",
        ]
    );
    let (statements, branches) = told(file(&coverage, "marks.xml"));
    assert_eq!(statements, ["2 set-variable 5", "3 choose 5", "4 when 5", "5 set-variable 0"]);
    assert_eq!(branches, ["3 none of `choose` 5", "4 `when` 0"]);
    // A fragment that nobody includes is there, inside the specification, and never ran.
    assert_eq!(told(file(&coverage, "chat.yaml")), (vec!["11 set-header 0".to_owned()], Vec::new()));

    let text = coverage.text();
    for part in [
        "31 | <set-header name=\"X-Error\" exists-action=\"delete\" />\n        = `set-header` never ran",
        "30 | <on-error>\n        = `on-error` never happened",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let tracefile = lcov(&coverage);
    for part in ["DA:8,1\nDA:9,1\nDA:10,1\nDA:11,1\n", "DA:31,0\n", "BRF:8\nBRH:6\n"] {
        assert!(tracefile.contains(part), "{part}\n{tracefile}");
    }
    let page = html(&apimctl::report::Report::default(), Some(&coverage));
    assert!(page.contains("set-header never ran") && page.contains("marks.xml"));
    assert!(run(folder.path(), SCENARIOS, false).coverage().is_none());
}

#[test]
fn imports_of_a_scenario_file_are_requests_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let scenarios = "scenarios:\n  - name: from an http file\n    request: { http: 'chat.http#key', headers: { X-Kind: a } }\n    expect: { status: 200 }\n";
    // The `.http` file's path lies at the gateway's root, where only the root API's key header counts.
    let scenarios = scenarios.replace("expect: { status: 200 }", "expect: { status: 401 }\n  - name: with another key place\n    request: { http: 'chat.http#key', key: { subscription: consumer, client: subscription-key } }\n    expect: { status: 200 }");
    run(folder.path(), &scenarios, false);
}

#[test]
fn measuring_the_same_file_twice_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let once = run(folder.path(), SCENARIOS, true).coverage().unwrap();
    let twice = once.clone().with(once.clone());
    assert_eq!(twice.files.len(), once.files.len());
    assert_eq!((twice.statement_share(), twice.branch_share()), (once.statement_share(), once.branch_share()));
    let hits = |coverage: &Coverage| file(coverage, "chat.xml").statements.iter().map(|own| own.hits).sum::<u64>();
    assert_eq!(hits(&twice), 2 * hits(&once));
}
