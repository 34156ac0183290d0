//! choose, retry, wait, include-fragment, base, limit-concurrency: what runs, in which order, and what a failure does.

use std::time::Duration;

use super::super::testing::Bench;
use crate::gateway::program::Flow;
use crate::policy::Scope;

/// Appends to the variable `log`.
fn log(text: &str) -> String {
    format!(r#"<set-variable name="log" value="@(context.Variables.GetValueOrDefault<string>("log", "") + "{text}")" />"#)
}

fn count() -> String {
    r#"<set-variable name="n" value="@(context.Variables.GetValueOrDefault<int>("n", 0) + 1)" />"#.to_owned()
}

/// A failure of the children: a cast that .NET refuses.
const BOOM: &str = r#"<set-variable name="boom" value="@((int)(object)"text")" />"#;

fn read(policies: &str) -> String {
    format!(
        "{policies}<return-response><set-body>@(context.Variables.GetValueOrDefault<string>(\"log\", \"\"))</set-body></return-response>"
    )
}

async fn logged(policies: &str) -> String {
    Bench::inbound(&read(policies)).run().await.response_text().await
}

#[tokio::test(start_paused = true)]
async fn the_first_true_when_runs_and_nothing_else() {
    let choose = format!(
        r#"<choose><when condition="@(false)">{a}</when><when condition="@(context.Request.Method == "GET")">{b}</when>
           <when condition="@(((string)null).Length > 0)">{c}</when><otherwise>{d}</otherwise></choose>"#,
        a = log("a"),
        b = log("b"),
        c = log("c"),
        d = log("d")
    );
    assert_eq!(logged(&choose).await, "b");
    let otherwise = format!(r#"<choose><when condition="false">{}</when><otherwise>{}</otherwise></choose>"#, log("a"), log("d"));
    assert_eq!(logged(&otherwise).await, "d");
    let neither = format!(r#"<choose><when condition="@(false)">{}</when></choose>{}"#, log("a"), log("z"));
    assert_eq!(logged(&neither).await, "z");
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_throws_ends_the_section_and_says_where() {
    let document = r#"<policies><inbound><set-variable name="a" value="1" /><choose><when condition="@(false)" /></choose>
        <choose id="mine"><when condition="@(false)" /><when condition="@(((string)null).Length > 0)"><set-variable name="b" value="1" /></when></choose>
        </inbound><on-error><set-variable name="path" value="@(context.LastError.Path + "|" + context.LastError.Scope + "|" + context.LastError.Section)" /></on-error></policies>"#;
    let outcome = Bench::new(document).run().await;
    let error = &outcome.error.as_ref().unwrap().last_error;
    assert_eq!(outcome.reason().0, "ExpressionValueEvaluationFailure");
    assert_eq!(error.path, "choose[2]/when[2]");
    assert_eq!(error.source, "when");
    assert_eq!(outcome.status(), Some(500));
    assert!(outcome.exchange.variables.get("b").is_none());
    assert!(outcome.variable("path").contains("choose[2]/when[2]|global|inbound"), "{}", outcome.variable("path"));
}

#[tokio::test(start_paused = true)]
async fn retry_runs_once_and_then_count_times_more() {
    let retry =
        |condition: &str, count: u8| format!(r#"<retry condition="{condition}" count="{count}" interval="10">{}</retry>"#, log("x"));
    assert_eq!(logged(&retry("@(false)", 3)).await, "x");
    assert_eq!(logged(&retry("@(true)", 3)).await, "xxxx");
    let stops =
        format!(r#"<retry condition="@((int)context.Variables["n"] &lt; 3)" count="10" interval="1">{}{}</retry>"#, count(), log("x"));
    assert_eq!(logged(&stops).await, "xxx");
}

#[tokio::test(start_paused = true)]
async fn retry_waits_as_its_formulas_say() {
    let waited = |attributes: &'static str| async move {
        let policies = format!(r#"<retry condition="@(true)" count="3" {attributes}>{}</retry>"#, log("x"));
        let bench = Bench::inbound(&policies);
        let (worker, problems) = bench.compiled();
        assert!(problems.is_empty(), "{problems:?}");
        let clock = worker.state.clock.clone();
        let before = clock.now();
        bench.run_on(&worker).await;
        clock.now().duration_since(before)
    };
    assert_eq!(waited(r#"interval="10""#).await, Duration::from_secs(30));
    assert_eq!(waited(r#"interval="10" first-fast-retry="true""#).await, Duration::from_secs(20));
    assert_eq!(waited(r#"interval="10" delta="5""#).await, Duration::from_secs(10 + 15 + 20));
    assert_eq!(waited(r#"interval="@(5 + 5)" first-fast-retry="@(true)""#).await, Duration::from_secs(20));
    assert_eq!(waited(r#"interval="0""#).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn retry_catches_its_children_while_the_condition_holds() {
    // Fails twice, then succeeds: nobody learns of it.
    let heals = format!(
        r#"<retry condition="@((int)context.Variables["n"] &lt; 3)" count="5" interval="1">{}{}<choose>
           <when condition="@((int)context.Variables["n"] &lt; 3)">{BOOM}</when></choose>{}</retry>"#,
        count(),
        log("a"),
        log("b")
    );
    assert_eq!(logged(&heals).await, "aaab");
    // The retries run out: the last failure is raised.
    let outcome = Bench::inbound(&format!(r#"<retry condition="@(true)" count="2" interval="1">{}{BOOM}</retry>"#, count())).run().await;
    assert_eq!(outcome.reason().0, "ExpressionValueEvaluationFailure");
    assert_eq!(outcome.error.as_ref().unwrap().last_error.path, "retry[1]/set-variable[2]");
    // The condition is false: the first failure is raised at once.
    let outcome = Bench::inbound(&format!(r#"<retry condition="@(false)" count="2" interval="1">{}{BOOM}</retry>"#, count())).run().await;
    assert_eq!(outcome.error.as_ref().unwrap().last_error.path, "retry[1]/set-variable[2]");
}

#[tokio::test(start_paused = true)]
async fn a_retry_condition_that_throws_is_evaluated_once_and_ends_the_retry() {
    let condition = r#"@(((string)null).Length > 0)"#;
    // After good children, and after failing ones.
    for children in [log("x"), format!("{}{BOOM}", log("x"))] {
        let policies = format!(r#"<retry condition="{condition}" count="3" interval="1">{children}</retry>"#);
        let outcome = Bench::inbound(&policies).run().await;
        let error = &outcome.error.as_ref().unwrap().last_error;
        assert_eq!((error.path.as_str(), error.source.as_ref()), ("retry[1]", "retry"));
        assert!(outcome.exchange.variables.get("log").is_some());
    }
    // The retry around it catches it.
    let nested = format!(
        r#"<retry condition="@((int)context.Variables["n"] &lt; 2)" count="3" interval="1">{}{}
           <retry condition="@(((string)null).Length > 0)" count="3" interval="1">{}</retry></retry>"#,
        count(),
        log("o"),
        log("i")
    );
    let outcome = Bench::inbound(&nested).run().await;
    assert_eq!(outcome.error.as_ref().unwrap().last_error.path, "retry[1]/retry[1]");
    let n = outcome.exchange.variables.get("n");
    assert!(format!("{n:?}").contains('2'), "the outer retry ran its children twice: {n:?}");
}

#[tokio::test(start_paused = true)]
async fn return_response_inside_retry_ends_everything() {
    let policies = format!(
        r#"<retry condition="@(true)" count="5" interval="1">{}<return-response><set-status code="204" /></return-response></retry>{}"#,
        count(),
        log("after")
    );
    let outcome = Bench::inbound(&policies).run().await;
    assert_eq!((outcome.flow, outcome.status()), (Some(Flow::Return), Some(204)));
    assert_eq!(outcome.variable("log"), "None");
}

#[tokio::test(start_paused = true)]
async fn base_inside_retry_runs_the_wider_scope_each_time() {
    let global = format!("<policies><inbound>{}</inbound></policies>", log("g"));
    let api = format!(
        r#"<policies><inbound>{}<retry condition="@(true)" count="2" interval="1"><base />{}</retry></inbound>
           <outbound><return-response><set-body>@((string)context.Variables["log"])</set-body></return-response></outbound></policies>"#,
        log("<"),
        log(">")
    );
    let mut outcome = Bench::new(&global).scope(Scope::Api, &api).run().await;
    assert_eq!(outcome.response_text().await, "<g>g>g>");
    // A failure inside of the wider scope comes back to the retry of the narrower one.
    let global = format!(
        r#"<policies><inbound>{}<choose><when condition="@((int)context.Variables["n"] &lt; 3)">{BOOM}</when></choose></inbound></policies>"#,
        count()
    );
    let api = format!(
        r#"<policies><inbound><retry condition="@((int)context.Variables["n"] &lt; 3)" count="5" interval="1"><base /></retry>{}</inbound></policies>"#,
        log("done")
    );
    let outcome = Bench::new(&global).scope(Scope::Api, &api).run().await;
    assert!(outcome.error.is_none());
    assert!(outcome.exchange.variables.get("log").is_some());
}

#[tokio::test(start_paused = true)]
async fn scopes_run_in_the_order_of_their_base_elements() {
    let document =
        |own: &str, base: &str| format!("<policies><inbound>{}{base}{}</inbound></policies>", log(own), log(&own.to_uppercase()));
    let end = r#"<policies><outbound><return-response><set-body>@((string)context.Variables["log"])</set-body></return-response></outbound></policies>"#;
    let run = |bench: Bench| async move { bench.run().await.response_text().await };
    let bench = |api: &str, operation: &str| {
        let global = document("g", "<base />").replace("</policies>", end.trim_start_matches("<policies>"));
        Bench::new(&global).scope(Scope::Api, &document("a", api)).scope(Scope::Operation, &document("o", operation))
    };
    assert_eq!(run(bench("<base />", "<base />")).await, "oagGAO");
    // "No base: nothing wider runs."
    assert_eq!(run(bench("", "<base />")).await, "oaAO");
    // Twice is twice.
    assert_eq!(run(bench("<base /><base />", "<base />")).await, "oagGgGAO");
}

#[tokio::test(start_paused = true)]
async fn fragments_are_pasted_also_into_each_other_and_cycles_are_told() {
    let bench = Bench::inbound(&read(r#"<include-fragment fragment-id="Outer" />"#))
        .fragment("outer", &format!(r#"{}<include-fragment fragment-id="inner" />{}"#, log("("), log(")")))
        .fragment("inner", &log("i"));
    assert_eq!(bench.run().await.response_text().await, "(i)");
    let (_, problems) = Bench::inbound(r#"<include-fragment fragment-id="a" />"#)
        .fragment("a", r#"<include-fragment fragment-id="b" />"#)
        .fragment("b", r#"<include-fragment fragment-id="a" />"#)
        .compiled();
    assert!(problems.iter().any(|problem| problem.contains("includes itself")), "{problems:?}");
    let (_, problems) = Bench::inbound(r#"<include-fragment fragment-id="nowhere" />"#).compiled();
    assert_eq!(problems, ["there is no fragment `nowhere`"]);
}

#[tokio::test(start_paused = true)]
async fn wait_for_all_takes_as_long_as_the_slowest_and_for_any_as_the_fastest() {
    let wait = |how: &str| {
        format!(
            r#"<wait for="{how}"><send-request response-variable-name="a"><set-url>http://slow.example/</set-url></send-request>
            <send-request response-variable-name="b"><set-url>http://fast.example/</set-url></send-request></wait>"#
        )
    };
    let run = |how: &'static str| {
        let policies = wait(how);
        async move {
            let bench = Bench::inbound(&policies).host("slow.example", 20, 200, "slow").host("fast.example", 5, 200, "fast");
            let (worker, problems) = bench.compiled();
            assert!(problems.is_empty(), "{problems:?}");
            let before = worker.state.clock.now();
            let outcome = bench.run_on(&worker).await;
            let there = |name| outcome.exchange.variables.get(name).is_some();
            (worker.state.clock.now().duration_since(before).as_secs(), there("a"), there("b"))
        }
    };
    assert_eq!(run("all").await, (20, true, true));
    assert_eq!(run("any").await, (5, false, true));
    assert_eq!(run("@(\"a\" + \"ny\")").await, (5, false, true));
}

#[tokio::test(start_paused = true)]
async fn a_child_of_wait_goes_on_behind_its_request_and_its_failure_is_the_policys() {
    let policies = format!(
        r#"<wait for="all"><choose><when condition="@(true)">
             <send-request response-variable-name="a"><set-url>http://slow.example/</set-url></send-request>{}
             <send-request response-variable-name="c"><set-url>http://slow.example/</set-url></send-request>
           </when></choose>
           <send-request response-variable-name="b"><set-url>http://fast.example/</set-url></send-request></wait>"#,
        log("x")
    );
    let bench = Bench::inbound(&policies).host("slow.example", 10, 200, "slow").host("fast.example", 5, 200, "fast");
    let (worker, _) = bench.compiled();
    let before = worker.state.clock.now();
    let outcome = bench.run_on(&worker).await;
    assert_eq!(worker.state.clock.now().duration_since(before).as_secs(), 20);
    for name in ["a", "b", "c", "log"] {
        assert!(outcome.exchange.variables.get(name).is_some(), "{name}");
    }
    let failing = r#"<wait for="all"><send-request response-variable-name="a"><set-url>http://nobody.example/</set-url></send-request>
        <send-request response-variable-name="b"><set-url>http://slow.example/</set-url></send-request></wait>"#;
    let outcome = Bench::inbound(failing).host("slow.example", 10, 200, "slow").run().await;
    assert_eq!(outcome.reason().0, "BackendConnectionFailure");
    let error = &outcome.error.as_ref().unwrap().last_error;
    assert_eq!((error.source.as_ref(), error.path.as_str()), ("send-request", "wait[1]/send-request[1]"));
    // A return inside of a child ends the request.
    let returns = r#"<wait for="all"><choose><when condition="@(true)"><return-response><set-status code="202" /></return-response></when></choose></wait>"#;
    assert_eq!(Bench::inbound(returns).run().await.status(), Some(202));
    // A retry around the wait catches the failure.
    let retried = format!(
        r#"<retry condition="@((int)context.Variables["n"] &lt; 2)" count="3" interval="1">{}<choose><when condition="@((int)context.Variables["n"] &lt; 2)">{failing}</when></choose></retry>"#,
        count()
    );
    assert!(Bench::inbound(&retried).host("slow.example", 1, 200, "slow").run().await.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn limit_concurrency_lets_go_however_its_children_end() {
    let inside = |children: &str| format!(r#"<limit-concurrency key="k" max-count="1">{children}</limit-concurrency>"#);
    let failing =
        format!(r#"<retry condition="@((int)context.Variables["n"] &lt; 2)" count="3" interval="0">{}{}</retry>"#, count(), inside(BOOM));
    for policies in [
        inside(&log("x")),
        inside("<return-response />"),
        inside(BOOM),
        failing,
        inside(&inside("")).replacen("\"k\"", "\"other\"", 1),
        format!(r#"<wait><choose><when condition="@(true)">{}</when></choose></wait>"#, inside("")),
    ] {
        let bench = Bench::inbound(&policies);
        let (worker, problems) = bench.compiled();
        assert!(problems.is_empty(), "{problems:?}");
        let reasons: Vec<Option<String>> = {
            let mut reasons = Vec::new();
            for _ in 0..3 {
                let outcome = bench.run_on(&worker).await;
                reasons.push(outcome.error.map(|located| located.last_error.reason.into_owned()));
            }
            reasons
        };
        assert_eq!(reasons[0], reasons[2], "{policies}");
        assert!(!reasons.contains(&Some("ConcurrencyLimitExceeded".to_owned())), "{policies}: {reasons:?}");
    }
    // One inside of itself finds no room: 429 at once.
    let outcome = Bench::inbound(&inside(&inside(""))).run().await;
    assert_eq!(outcome.status(), Some(429));
}

#[tokio::test(start_paused = true)]
async fn a_second_request_is_refused_while_the_first_is_inside() {
    let policies = r#"<limit-concurrency key="@(context.Request.Method)" max-count="1">
        <send-request response-variable-name="a"><set-url>http://slow.example/</set-url></send-request></limit-concurrency>"#;
    let bench = Bench::inbound(policies).host("slow.example", 10, 200, "");
    let (worker, _) = bench.compiled();
    let (first, second) = tokio::join!(bench.run_on(&worker), bench.run_on(&worker));
    let mut statuses = [first.status(), second.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [None, Some(429)]);
    assert!(bench.run_on(&worker).await.error.is_none());
}

#[tokio::test(start_paused = true)]
async fn absent_sections_inherit_and_empty_ones_do_not() {
    let global = format!(
        r#"<policies><inbound>{}</inbound><outbound><return-response><set-body>@(context.Variables.GetValueOrDefault<string>("log", "none"))</set-body></return-response></outbound></policies>"#,
        log("g")
    );
    let run = |api: &'static str| {
        let bench = Bench::new(&global).scope(Scope::Api, api);
        async move { bench.run().await.response_text().await }
    };
    assert_eq!(run("<policies><on-error /></policies>").await, "g");
    assert_eq!(run("<policies><inbound /></policies>").await, "none");
}

#[tokio::test(start_paused = true)]
async fn named_values_go_into_texts_and_expressions_and_secrets_stay_out_of_traces() {
    let policies = r#"<set-header name="X-Key"><value>{{key}}</value></set-header>
        <set-variable name="a" value="{{key}}" /><set-variable name="n" value="@(int.Parse("{{count}}") + 1)" />
        <set-query-parameter name="k"><value>{{key}}</value></set-query-parameter>
        <set-header name="X-Expression"><value>@("{{key}}" + "!")</value></set-header>
        <trace source="mine" severity="error"><message>key is {{key}}</message><metadata name="m" value="{{key}}" /></trace>"#;
    let outcome = Bench::inbound(policies).named_value("key", "s3cret", true).named_value("Count", "41", false).traced().run().await;
    assert_eq!(outcome.request_header("x-key"), ["s3cret"]);
    assert_eq!(outcome.request_header("x-expression"), ["s3cret!"]);
    assert!(outcome.variable("n").contains("42"), "{}", outcome.variable("n"));
    let trace = outcome.trace();
    assert!(trace.contains("set-header") && trace.contains("mine"), "{trace}");
    assert!(!trace.contains("s3cret"), "{trace}");
}
