//! Streams: their form, their pace, their cost.

use std::time::Duration;

use apimctl::support::clock::{Clock as _, SystemClock};
use apimctl::tokens::{self, Encoding};
use proptest::prelude::*;

use super::*;

/// The content of all chunks of one choice.
fn content(events: &[Value], index: u64) -> String {
    let choices = events.iter().flat_map(|event| event["choices"].as_array().unwrap()).filter(|choice| choice["index"] == index);
    choices.filter_map(|choice| choice["delta"]["content"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_form_of_live_ones_and_says_what_the_whole_answer_says() {
    let simulator = simulator("rules: []");
    let whole: Value = serde_json::from_str(&text(simulator.handle("france", chat(&hello())).await.unwrap()).await).unwrap();
    let response = simulator.handle("sweden", chat(&streamed())).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert_eq!(response.headers()["x-ms-region"], "Sweden Central");
    let (frames, end) = frames(response).await;
    assert_eq!(end, Ok(()));
    assert!(frames.iter().all(|frame| frame.starts_with("data: ") && frame.ends_with("\n\n")));
    assert_eq!(frames.last().unwrap(), "data: [DONE]\n\n");
    let events = events(&frames.concat());
    assert_eq!((&events[0]["choices"], &events[0]["id"]), (&json!([]), &json!("")));
    assert!(events[0]["prompt_filter_results"][0]["content_filter_results"]["hate"].is_object());
    assert_eq!(events[1]["choices"][0]["delta"], json!({ "content": "", "refusal": null, "role": "assistant" }));
    let [.., finish, usage] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(finish["choices"][0]["finish_reason"], "stop");
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"], whole["usage"]);
    assert!(events[..events.len() - 1].iter().all(|event| event["usage"].is_null() && event.get("usage").is_some()));
    let said = content(&events, 0);
    // The answer belongs to the question, not to the account or the form of the answer.
    assert_eq!(whole["choices"][0]["message"]["content"], said.as_str());
    assert_eq!(usage["usage"]["completion_tokens"], tokens::count(&said, Encoding::O200kBase));
    // One token to a chunk.
    assert_eq!(events.len() as u64, usage["usage"]["completion_tokens"].as_u64().unwrap() + 4);
}

#[tokio::test(start_paused = true)]
async fn without_include_usage_no_chunk_speaks_of_it() {
    let simulator = simulator("rules: []");
    let body = json!({ "messages": [{ "role": "user", "content": "Hello" }], "stream": true, "n": 2 });
    let events = events(&text(simulator.handle("france", chat(&body)).await.unwrap()).await);
    assert!(events.iter().all(|event| event.get("usage").is_none()));
    assert_ne!(content(&events, 0), content(&events, 1));
}

#[tokio::test(start_paused = true)]
async fn arguments_of_a_tool_come_in_parts() {
    let simulator = simulator("rules: []");
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    let body = json!({
        "messages": [{ "role": "user", "content": "weather" }], "stream": true,
        "tools": [{ "type": "function", "function": { "name": "get_weather", "parameters": parameters } }],
    });
    let events = events(&text(simulator.handle("france", chat(&body)).await.unwrap()).await);
    let calls: Vec<_> = events.iter().filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0")).collect();
    assert_eq!((calls[0]["function"]["name"].as_str(), calls[0]["type"].as_str()), (Some("get_weather"), Some("function")));
    let arguments: String = calls.iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
    assert!(calls.len() > 2 && serde_json::from_str::<Value>(&arguments).unwrap()["city"].is_string(), "{arguments}");
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test(start_paused = true)]
async fn tokens_come_when_they_are_due() {
    let simulator = simulator("latency: { headers: PT0.1S, firstToken: PT0.4S, perToken: PT0.05S }");
    let start = SystemClock.now();
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hello" }], "stream": true, "max_tokens": 10 });
    let response = simulator.handle("france", chat(&body)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(100));
    let (frames, _) = frames(response).await;
    assert_eq!(frames.len(), 1 + 1 + 10 + 1 + 1);
    // Headers, first token, nine more.
    assert_eq!(start.elapsed(), Duration::from_millis(100 + 400 + 9 * 50));
    // In one piece the headers wait for all of it.
    body["stream"] = false.into();
    let start = SystemClock.now();
    simulator.handle("france", chat(&body)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_millis(100 + 400 + 10 * 50));
}

#[tokio::test(start_paused = true)]
async fn a_response_streams_named_events_in_order() {
    let simulator = simulator("rules: []");
    let body = json!({ "model": "gpt-4o-mini", "input": "Hello", "stream": true });
    let ask = |body: &Value| request("POST", "/openai/v1/responses", &[("api-key", "key-1")], body.to_string());
    let text_of_stream = text(simulator.handle("france", ask(&body)).await.unwrap()).await;
    let events = events(&text_of_stream);
    let names: Vec<&str> = text_of_stream.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    for (index, (event, name)) in events.iter().zip(&names).enumerate() {
        assert_eq!((event["type"].as_str(), event["sequence_number"].as_u64()), (Some(*name), Some(index as u64)));
    }
    assert_eq!((names[0], *names.last().unwrap()), ("response.created", "response.completed"));
    let last = &events.last().unwrap()["response"];
    let said: String =
        events.iter().filter(|event| event["type"] == "response.output_text.delta").map(|event| event["delta"].as_str().unwrap()).collect();
    assert_eq!(last["output"][0]["content"][0]["text"], said.as_str());
    assert_eq!(last["usage"]["output_tokens"], tokens::count(&said, Encoding::O200kBase));

    // It can be read again, continued, and deleted.
    let id = last["id"].as_str().unwrap();
    let path = format!("/openai/v1/responses/{id}");
    let read = |method: &str| request(method, &path, &[("api-key", "key-1")], String::new());
    let again: Value = serde_json::from_str(&text(simulator.handle("france", read("GET")).await.unwrap()).await).unwrap();
    assert_eq!(&again, last);
    let next = ask(&json!({ "model": "gpt-4o-mini", "input": "Hello", "previous_response_id": id }));
    let next: Value = serde_json::from_str(&text(simulator.handle("france", next).await.unwrap()).await).unwrap();
    assert_eq!(next["usage"]["input_tokens"].as_u64().unwrap(), 8 + last["usage"]["total_tokens"].as_u64().unwrap());
    assert_eq!(simulator.handle("sweden", read("GET")).await.unwrap().status(), 404);
    assert_eq!(simulator.handle("france", read("DELETE")).await.unwrap().status(), 200);
    assert_eq!(simulator.handle("france", read("GET")).await.unwrap().status(), 404);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// How fast tokens come changes nothing of what comes.
    #[test]
    fn what_is_streamed_does_not_depend_on_the_pace(first in 0..5_000_u64, each in 0..500_u64, question in "\\PC{1,30}", most in 1..60_u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let body = json!({ "messages": [{ "role": "user", "content": question }], "stream": true, "max_completion_tokens": most });
        let run = |yaml: String| runtime.block_on(async {
            let simulator = simulator(&yaml);
            text(simulator.handle("france", chat(&body)).await.unwrap()).await
        });
        let paced = run(format!("latency: {{ firstToken: PT{}.{:03}S, perToken: PT0.{each:03}S }}", first / 1_000, first % 1_000));
        // Nothing but the instant differs, which the answer tells: no time passes before it is made.
        prop_assert_eq!(paced, run("rules: []".to_owned()));
    }
}
