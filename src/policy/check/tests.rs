use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::expression::codes as expression_codes;
use crate::policy::Format;
use crate::support::finding::Kind;
use crate::support::source::{SourceText, Sources};

fn check_with(text: &str, context: &CheckContext<'_>) -> Vec<Finding> {
    let source = SourceText::whole(Sources::default().add("p.xml", text), Arc::from(text));
    let document = Document::parse(&source, Format::RawXml).unwrap_or_else(|finding| panic!("{finding:?}"));
    check(&document, context)
}

/// Codes and the text that each finding points at.
fn found(text: &str, context: &CheckContext<'_>) -> Vec<(&'static str, String)> {
    check_with(text, context)
        .into_iter()
        .map(|finding| {
            assert!(finding.help.is_some(), "{finding:?}");
            assert!(!finding.message.ends_with('.'), "{finding:?}");
            let span = finding.span.unwrap();
            (finding.code.id, text[span.start as usize..span.end as usize].to_owned())
        })
        .collect()
}

#[track_caller]
fn assert_found(text: &str, expected: &[(crate::support::finding::Code, &str)]) {
    let expected: Vec<(&str, String)> = expected.iter().map(|(code, at)| (code.id, (*at).to_owned())).collect();
    assert_eq!(found(text, &CheckContext::default()), expected, "{text}");
}

fn inbound(inner: &str) -> String {
    format!("<policies><inbound>{inner}</inbound></policies>")
}

fn backend(inner: &str) -> String {
    format!("<policies><backend>{inner}</backend></policies>")
}

#[test]
fn a_sound_document_has_no_findings() {
    assert_found(
        r#"<policies>
        <inbound>
            <base />
            <set-backend-service backend-id="pool" />
            <choose><when condition="@(context.Request.Method == "GET")"><set-variable name="a" value="@(1)" /></when><otherwise /></choose>
            <validate-jwt header-name="Authorization"><openid-config url="https://x" /><required-claims><claim name="a" match="any"><value>b</value></claim></required-claims></validate-jwt>
            <send-request mode="new" response-variable-name="r" timeout="20" ignore-error="true"><set-url>@("https://x")</set-url><set-method>GET</set-method></send-request>
        </inbound>
        <backend><retry condition="@(context.Response == null || context.Response.StatusCode == 429)" count="1" interval="0" first-fast-retry="true"><forward-request buffer-request-body="true" /></retry></backend>
        <outbound><base /><set-header name="x" exists-action="override"><value>1</value></set-header></outbound>
        <on-error><base /></on-error>
        </policies>"#,
        &[],
    );
}

#[test]
fn unknown_names_are_told_with_the_nearest_one() {
    assert_found("<policies><inbond /></policies>", &[(codes::UNKNOWN_SECTION, "inbond")]);
    assert_found("<policies><set-header name=\"a\" /></policies>", &[(codes::UNKNOWN_SECTION, "set-header")]);
    let findings = check_with(&inbound("<set-heeder name=\"a\" />"), &CheckContext::default());
    assert_eq!(findings[0].code, codes::UNKNOWN_POLICY);
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `<set-header>`?"));
    let findings = check_with(
        &inbound(
            "<llm-token-limit counter-key=\"a\" tokens-per-minute=\"5\" estimate-prompt-tokens=\"false\" consumed-tokens-header-name=\"x\" />",
        ),
        &CheckContext::default(),
    );
    assert_eq!(findings[0].code, codes::UNKNOWN_ATTRIBUTE);
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `tokens-consumed-header-name`?"));
}

#[test]
fn every_policy_is_kept_to_its_sections_and_scopes() {
    assert_found(&inbound("<forward-request />"), &[(codes::MISPLACED_SECTION, "forward-request")]);
    assert_found(
        &inbound("<choose><when condition=\"@(true)\"><cache-store duration=\"1\" /></when></choose>"),
        &[(codes::MISPLACED_SECTION, "cache-store")],
    );
    assert_found("<fragment><base /></fragment>", &[(codes::MISPLACED_SECTION, "base")]);
    let at = |scope| CheckContext { scope: Some(scope), ..CheckContext::default() };
    let quota = inbound("<base /><quota calls=\"1\" renewal-period=\"60\" />");
    assert_eq!(found(&quota, &at(Scope::Product)), []);
    assert_eq!(found(&quota, &at(Scope::Api)), [("POL053", "quota".to_owned())]);
    let on = |gateway| CheckContext { gateway: Some(gateway), ..CheckContext::default() };
    let limit = inbound("<rate-limit-by-key calls=\"1\" renewal-period=\"60\" counter-key=\"k\" />");
    assert_eq!(found(&limit, &on(Gateway::Classic)), []);
    assert_eq!(found(&limit, &on(Gateway::Consumption)), [("POL054", "rate-limit-by-key".to_owned())]);
    assert_eq!(found("<policies><inbound /></policies>", &at(Scope::Api)), [("POL066", "inbound".to_owned())]);
    assert_eq!(found("<policies><inbound /></policies>", &at(Scope::Global)), []);
    // Disputed by the sources: a warning.
    let disputed = check_with("<policies><on-error><set-body>x</set-body></on-error></policies>", &CheckContext::default());
    assert!(disputed.len() == 1 && !disputed[0].is_error(), "{disputed:?}");
}

#[test]
fn backend_takes_one_policy_and_some_policies_stand_once() {
    assert_found(&backend("<base /><retry condition=\"@(false)\" count=\"1\" interval=\"0\" />"), &[(codes::ONE_BACKEND_POLICY, "retry")]);
    assert_found(
        &inbound("<rate-limit calls=\"1\" renewal-period=\"1\" /><rate-limit calls=\"1\" renewal-period=\"1\" />"),
        &[(codes::REPEATED, "rate-limit")],
    );
    assert_found("<policies><inbound /><inbound /></policies>", &[(codes::UNKNOWN_SECTION, "inbound")]);
}

#[test]
fn attributes_children_and_texts_are_checked() {
    assert_found(&inbound("<set-variable name=\"a\" />"), &[(codes::MISSING_ATTRIBUTE, "set-variable")]);
    assert_found(
        &inbound("<set-header name=\"a\" exists-action=\"overide\"><value>1</value></set-header>"),
        &[(codes::WRONG_VALUE, "overide")],
    );
    assert_found(&inbound("<include-fragment fragment-id=\"@(1)\" />"), &[(codes::NO_EXPRESSION, "@(1)")]);
    assert_found(&inbound("<rate-limit calls=\"1\" renewal-period=\"301\" />"), &[(codes::WRONG_VALUE, "301")]);
    assert_found(&inbound("<rate-limit calls=\"{{calls}}\" renewal-period=\"30\" />"), &[]);
    assert_found(&inbound("<set-header name=\"a\">x</set-header>"), &[(codes::UNEXPECTED_TEXT, "x")]);
    assert_found(&inbound("<choose />"), &[(codes::MISSING_CHILD, "choose")]);
    assert_found(
        &inbound("<choose><when condition=\"@(context.Api.IsCurrentRevision)\" /><else /></choose>"),
        &[(codes::UNKNOWN_CHILD, "else")],
    );
    assert_found(
        &inbound("<choose><otherwise /><when condition=\"@(context.Api.IsCurrentRevision)\" /></choose>"),
        &[(codes::CHILD_ORDER, "when")],
    );
    assert_found(
        &inbound("<choose><when condition=\"@(context.Api.IsCurrentRevision)\" /><otherwise /><otherwise /></choose>"),
        &[(codes::CHILD_ORDER, "otherwise")],
    );
    assert_found(&inbound("<wait><set-variable name=\"a\" value=\"b\" /></wait>"), &[(codes::UNKNOWN_CHILD, "set-variable")]);
    assert_found(
        &inbound("<set-backend-service base-url=\"a\" backend-id=\"b\" />"),
        &[(codes::EXCLUSIVE_ATTRIBUTES, "set-backend-service")],
    );
    assert_found(&inbound("<set-body><anything goes=\"x\">{{here}}</anything></set-body>"), &[]);
    assert_found(&inbound("<trace id=\"t\" source=\"s\"><message>m</message></trace>"), &[]);
}

#[test]
fn named_values_that_are_not_known_are_given_the_benefit_of_the_doubt() {
    let value = |code: &str| inbound(&format!("<set-variable name=\"v\" value=\"@({code})\" />"));
    for fine in [
        "{{n}} + 1",
        "\"https://{{host}}/\" + {{n}}",
        "{{flag}} ? 1 : 2",
        "$\"{{host}}/{1}\"",
        "1 /* {{n}} */",
        "{{text}}.Length",
        "new Random().Next({{n}})",
    ] {
        assert_found(&value(fine), &[]);
    }
    assert_found(&value("{{n}}.Undefined()"), &[(expression_codes::UNDECIDED, "{{n}}.Undefined()")]);
    // Wrong whatever stands there.
    assert_found(&value("Undefined({{n}})"), &[(expression_codes::TYPE, "Undefined")]);
    assert_found(&value("\"{{host}}\".Undefined()"), &[(expression_codes::TYPE, "Undefined")]);
    let findings = check_with(&value("{{n}}.Undefined()"), &CheckContext::default());
    assert!(!findings[0].is_error(), "{findings:?}");
}

#[test]
fn named_values_that_are_known_are_put_in() {
    let named_values: HashMap<String, String> = [("n", "1"), ("whole", "@(1)"), ("calls", "many"), ("host", "contoso.com")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let context = CheckContext { named_values: Some(&named_values), ..CheckContext::default() };
    let of = |inner: &str| found(&inbound(inner), &context);
    assert_eq!(of("<set-variable name=\"v\" value=\"@({{N}} + 1)\" />"), []);
    assert_eq!(of("<set-variable name=\"v\" value=\"@(new Uri(\"https://{{host}}\").Host + {{n}})\" />"), []);
    assert_eq!(of("<set-variable name=\"v\" value=\"@({{n}}.Undefined())\" />"), [("EXP002", "Undefined".to_owned())]);
    assert_eq!(of("<choose><when condition=\"{{whole}}\" /></choose>").len(), 1);
    assert_eq!(of("<include-fragment fragment-id=\"{{whole}}\" />")[0].0, "POL060");
    assert_eq!(of("<rate-limit calls=\"{{calls}}\" renewal-period=\"{{n}}\" />"), [("POL059", "{{calls}}".to_owned())]);
    // One that is not known hides nothing of what is.
    assert_eq!(of("<rate-limit calls=\"{{unknown}}\" renewal-period=\"{{n}}\" />"), []);
}

#[test]
fn expressions_are_held_to_the_type_of_their_place() {
    let findings = check_with(&inbound("<set-header name=\"a\"><value>@(1)</value></set-header>"), &CheckContext::default());
    assert_eq!(findings.len(), 1, "one finding an expression");
    assert!(findings[0].is_error() && findings[0].kind == Kind::Type);
    let of = |code: &str| {
        let findings = check_with(&inbound(&format!("<set-variable name=\"a\" value=\"@({code})\" />")), &CheckContext::default());
        findings.into_iter().next().and_then(|finding| finding.help).unwrap_or_default()
    };
    assert_eq!(of("context.Request.Url.path"), "did you mean `Path`?");
    assert_eq!(of("\"a\".Lenght"), "did you mean `Length`?");
    assert_eq!(of("\"a\".ToLowr()"), "did you mean `ToLower`?");
    assert_eq!(of("string.IsNullOrEmty(\"\")"), "did you mean `IsNullOrEmpty`?");
    // A null text is a good text, and a number widens where the place wants a wider one.
    assert_found(&inbound("<set-header name=\"a\"><value>@(null)</value></set-header>"), &[]);
    assert_found(&inbound("<emit-metric name=\"m\" value=\"@(1)\"><dimension name=\"d\" value=\"@(\"x\")\" /></emit-metric>"), &[]);
    // Nothing more is said of an expression where none is allowed, nor of a payload's own markup.
    assert_found(&inbound("<rate-limit calls=\"@(Undefined)\" renewal-period=\"3\" />"), &[(codes::NO_EXPRESSION, "@(Undefined)")]);
    assert_found(&inbound("<set-body><a>@(Undefined)</a></set-body>"), &[]);
}

#[test]
fn placeholders_of_templates_are_no_errors() {
    let text = inbound("<set-url>@($\"https://x/{group-id}\")</set-url>")
        .replace("<set-url>", "<send-request response-variable-name=\"r\"><set-url>");
    let text = text.replace("</set-url>", "</set-url></send-request>");
    let template = CheckContext { template: true, ..CheckContext::default() };
    assert_eq!(found(&text, &template), [("POL069", "group".to_owned())]);
    assert_eq!(found(&text, &CheckContext::default()), [("EXP002", "group".to_owned())]);
    assert_eq!(found(&inbound("<set-variable name=\"v\" value=\"@(RETRY_COUNT + 1)\" />"), &template)[0].0, "POL069");
    assert_eq!(found(&inbound("<set-variable name=\"v\" value=\"@(missing + 1)\" />"), &template)[0].0, "EXP002");
}

#[test]
fn findings_do_not_cascade() {
    let many: String = (0..5_000).map(|number| format!("<unknown{number} />")).collect();
    let findings = check_with(&inbound(&many), &CheckContext::default());
    assert_eq!(findings.len(), MAX_FINDINGS + 1);
    assert_eq!(findings.iter().filter(|finding| finding.code == codes::TOO_MANY).count(), 1);
    let same = check_with(&inbound(&"<x-y />".repeat(50)), &CheckContext::default());
    assert_eq!(same.len(), 1, "one name is reported once");
}

#[test]
fn the_table_holds_each_policy_once_and_in_a_place() {
    let names: Vec<&str> = reference::policies().map(|policy| policy.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
    for policy in reference::policies() {
        assert!(policy.sections != reference::Set::default() || policy.scopes.has_scope(Scope::Resolver), "{}", policy.name);
        let attributes: BTreeSet<&str> = policy.shape.attributes.iter().map(|attribute| attribute.name).collect();
        assert_eq!(attributes.len(), policy.shape.attributes.len(), "{}", policy.name);
    }
}

#[test]
fn retry_traps() {
    assert_found(
        &backend("<retry condition=\"@(context.Response.StatusCode == 429)\" count=\"3\" interval=\"1\"><forward-request /></retry>"),
        &[(codes::RETRY_NULL_RESPONSE, "context.Response.StatusCode"), (codes::RETRY_UNBUFFERED, "forward-request")],
    );
    assert_found(
        &backend(
            "<retry condition=\"@(context.Response?.StatusCode == 429)\" count=\"3\" interval=\"1\"><forward-request buffer-request-body=\"true\" /></retry>",
        ),
        &[],
    );
    assert_found(
        &backend(
            "<retry condition=\"@(context.Response == null || (context.Response.StatusCode == 503 && !context.Response.StatusReason.Contains(\"Backend pool\")))\" count=\"1\" interval=\"0\"><forward-request buffer-request-body=\"true\" /></retry>",
        ),
        &[(codes::POOL_REASON_TEXT, "\"Backend pool\"")],
    );
}

#[test]
fn key_traps() {
    let bearer = "<set-header name=\"ocp-apim-subscription-key\" exists-action=\"override\"><value>@(context.Request.Headers.GetValueOrDefault(\"Authorization\",\"\").Substring(7))</value></set-header>";
    assert_found(&inbound(bearer), &[(codes::KEY_FROM_BEARER, "set-header")]);
    assert_found(
        &inbound(
            "<set-variable name=\"t\" value=\"@(context.Request.Headers.GetValueOrDefault(\"authorization\"))\" /><set-header name=\"api-key\"><value>@((string)context.Variables[\"t\"])</value></set-header>",
        ),
        &[(codes::KEY_FROM_BEARER, "set-header")],
    );
    assert_found(&inbound("<set-header name=\"api-key\" exists-action=\"override\"><value>{{backend-key}}</value></set-header>"), &[]);
    let openai = "<set-backend-service backend-id=\"OpenAI-LB\" />";
    assert_found(&inbound(openai), &[(codes::KEY_FORWARDED, "set-backend-service")]);
    assert_found(&inbound(&format!("{openai}<set-header name=\"Api-Key\" exists-action=\"delete\" />")), &[]);
}

#[test]
fn variable_traps() {
    assert_found(
        &inbound("<trace source=\"s\">@((string)context.Variables[\"deploymentId\"])</trace>"),
        &[(codes::NEVER_SET, "context.Variables[\"deploymentId\"")],
    );
    assert_found(
        &inbound("<trace source=\"s\">@(context.Variables.GetValueOrDefault<string>(\"x\",\"d\"))</trace>"),
        &[(codes::NEVER_SET, "context.Variables.GetValueOrDefault<string>(\"x\"")],
    );
    assert_found(&inbound("<include-fragment fragment-id=\"f\" /><trace source=\"s\">@((string)context.Variables[\"x\"])</trace>"), &[]);
    assert_found(
        &inbound("<cache-lookup-value key=\"k\" variable-name=\"x\" /><trace source=\"s\">@((string)context.Variables[\"x\"])</trace>"),
        &[],
    );
    assert_found(
        "<policies><inbound><trace source=\"s\">@((string)context.Variables[\"x\"])</trace></inbound><outbound><set-variable name=\"x\" value=\"1\" /></outbound></policies>",
        &[(codes::NEVER_SET, "context.Variables[\"x\"")],
    );
    assert_found(
        &inbound("<set-variable name=\"n\" value=\"1\" /><set-variable name=\"m\" value=\"@((int)context.Variables[\"n\"] + 1)\" />"),
        &[(codes::LITERAL_CAST, "context.Variables[\"n\"")],
    );
    assert_found(
        &inbound("<set-variable name=\"n\" value=\"@(1)\" /><set-variable name=\"m\" value=\"@((int)context.Variables[\"n\"] + 1)\" />"),
        &[],
    );
    assert_found(
        &inbound("<set-variable name=\"p\" value=\"@(int.Parse(context.Request.Headers.GetValueOrDefault(\"x\",\"0\")))\" />"),
        &[(codes::UNSAFE_PARSE, "int.Parse(context.Request.Headers.GetValueOrDefault(\"x\",\"0\"))")],
    );
    assert_found(&inbound("<set-variable name=\"p\" value=\"@(int.Parse(\"{{n}}\"))\" />"), &[]);
}

#[test]
fn around_a_document_other_documents_set_variables() {
    let wider = inbound("<set-variable name=\"x\" value=\"1\" />");
    let source = SourceText::whole(Sources::default().add("g.xml", ""), Arc::from(wider.as_str()));
    let wider = Document::parse(&source, Format::RawXml).unwrap();
    let around = [&wider];
    let context = CheckContext { around: &around, ..CheckContext::default() };
    let read = "<base /><trace source=\"s\">@((string)context.Variables[\"x\"])</trace>";
    assert_eq!(found(&inbound(read), &context), []);
    assert_eq!(found(&inbound(&read.replace("\"x\"", "\"y\"")), &context).len(), 1);
}

#[test]
fn priority_traps() {
    let document = |default: &str, condition: &str| {
        inbound(&format!(
            "<set-variable name=\"priority\" value=\"@{{ int p; return int.TryParse(context.Request.Headers.GetValueOrDefault(\"Priority\", \"{default}\"), out p) ? p : 1000; }}\" /><choose><when condition=\"@({condition})\"><set-backend-service backend-id=\"ptu\" /></when></choose>"
        ))
    };
    let codes_of = |text: &str| found(text, &CheckContext::default()).into_iter().map(|(code, _)| code).collect::<Vec<_>>();
    let read = "context.Variables.GetValueOrDefault<int>(\"priority\") <= 100";
    assert_eq!(codes_of(&document("1000", read)), ["POL114"]);
    assert_eq!(codes_of(&document("1000", &format!("context.Product?.Id == \"gold\" && {read}"))), Vec::<&str>::new());
    let direct = inbound(
        "<choose><when condition=\"@(int.Parse(context.Request.Headers.GetValueOrDefault(\"Priority\", \"0\")) <= 100)\"><set-backend-service backend-id=\"ptu\" /></when></choose>",
    );
    let mut codes = codes_of(&direct);
    codes.sort_unstable();
    assert_eq!(codes, ["POL104", "POL105", "POL114"]);
}

#[test]
fn other_traps() {
    let six = "<dimension name=\"d\" value=\"v\" />".repeat(6);
    assert_found(&inbound(&format!("<emit-metric name=\"m\">{six}</emit-metric>")), &[(codes::TOO_MANY_DIMENSIONS, "dimension")]);
    assert_found(
        &inbound("<set-header name=\"Authorization\"><value>Bearer @(context.Variables[\"t\"])</value></set-header>"),
        &[(codes::MIXED_VALUE, "@(")],
    );
    assert_found(
        &inbound("<set-variable name=\"b\" value=\"@(context.Request.Body.As<JObject>())\" />"),
        &[(codes::BODY_CONSUMED, "context.Request.Body")],
    );
    assert_found(&inbound("<set-variable name=\"b\" value=\"@(context.Request.Body.As<JObject>(true))\" />"), &[]);
    assert_found(&inbound("<set-variable name=\"b\" value=\"@(context.Request.Body?.As<JObject>(preserveContent: true))\" />"), &[]);
    assert_found(
        &inbound(
            "<set-variable name=\"b\" value=\"@(context.Request.Body.As<string>())\" /><set-body>@((string)context.Variables[\"b\"])</set-body>",
        ),
        &[],
    );
    assert_found(&inbound("<return-response /><set-method>GET</set-method>"), &[(codes::UNREACHABLE, "set-method")]);
    assert_found(&inbound("<choose><when condition=\"@(true)\" /><otherwise /></choose>"), &[(codes::UNREACHABLE, "otherwise")]);
    assert_found(&backend("<forward-request timeout=\"60\" />"), &[]);
    assert_found(
        "<policies><inbound><llm-emit-token-metric><dimension name=\"API ID\" /></llm-emit-token-metric></inbound><backend><forward-request timeout=\"60\" /></backend></policies>",
        &[(codes::BUFFERED_STREAM, "forward-request")],
    );
}

const LIBRARY: [(&str, &str); 7] = [
    ("openai-lb", include_str!("../../../policies/openai-lb.xml")),
    ("ptu-priority", include_str!("../../../policies/ptu-priority.xml")),
    ("multi-team", include_str!("../../../policies/multi-team.xml")),
    ("team-research", include_str!("../../../policies/team-research.xml")),
    ("team-support", include_str!("../../../policies/team-support.xml")),
    ("strip-client-keys", include_str!("../../../policies/fragments/strip-client-keys.xml")),
    ("deployment-id", include_str!("../../../policies/fragments/deployment-id.xml")),
];

#[test]
fn the_policy_library_has_no_findings() {
    for (name, text) in LIBRARY {
        let scope = if name.starts_with("team-") { Scope::Product } else { Scope::Api };
        let scope = (!text.contains("<fragment>")).then_some(scope);
        for context in [CheckContext::default(), CheckContext { scope, gateway: Some(Gateway::Classic), ..CheckContext::default() }] {
            assert_eq!(check_with(text, &context), [], "{name}");
        }
    }
}

#[test]
fn the_tutorial_as_written_shows_its_traps() {
    let text = include_str!("../../../policies/tutorial-as-written.xml");
    let findings = check_with(text, &CheckContext::default());
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code.id).collect();
    // Key header from bearer, key forwarded, variable never set, null response, unbuffered retry, buffered stream.
    assert_eq!(codes, ["POL100", "POL106", "POL107", "POL102", "POL101", "POL103"]);
    assert!(findings.iter().all(|finding| !finding.is_error() && finding.kind == Kind::Trap), "it deploys: {findings:?}");
}

proptest::proptest! {
    #[test]
    fn checking_anything_readable_ends(body in "(<(choose|when|set-header|set-body|retry|x)( (name|condition|id)=\"(@\\(context[.]Variables\\[\"a\"\\]\\)|1|<)?\")?/?>|</(choose|when|set-header)>|@\\(1\\)|a){0,12}") {
        let text = inbound(&body);
        let source = SourceText::whole(Sources::default().add("p.xml", text.as_str()), Arc::from(text.as_str()));
        if let Ok(document) = Document::parse(&source, Format::RawXml) {
            for finding in check(&document, &CheckContext { scope: Some(Scope::Api), gateway: Some(Gateway::Consumption), ..CheckContext::default() }) {
                let span = finding.span.unwrap();
                proptest::prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
        }
    }
}
