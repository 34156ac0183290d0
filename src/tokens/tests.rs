use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const BOTH: [Encoding; 2] = [Encoding::O200kBase, Encoding::Cl100kBase];

#[test]
fn the_ranks_are_those_that_tiktoken_expects() {
    for (encoding, hash) in [
        (Encoding::Cl100kBase, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"),
        (Encoding::O200kBase, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"),
    ] {
        let vocabulary = vocabulary::of(encoding);
        let mut file = String::new();
        for rank in 0..u32::try_from(vocabulary.len()).unwrap() {
            let token = vocabulary.token(rank);
            assert_eq!(vocabulary.rank(token), rank);
            file.push_str(&format!("{} {rank}\n", STANDARD.encode(token)));
        }
        let found: String = digest(&SHA256, file.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, hash, "{encoding:?}");
    }
}

/// Recorded with tiktoken 0.14.0 (`len(encoding.encode_ordinary(text))`); see the file's own head.
#[test]
fn counts_are_those_of_tiktoken() {
    let recorded = include_str!("../../tests/cases/tokens/tiktoken.jsonl");
    let mut cases = 0;
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = match case["repeat"].as_u64() {
            Some(times) => case["text"].as_str().unwrap().repeat(usize::try_from(times).unwrap()),
            None => case["text"].as_str().unwrap().to_owned(),
        };
        for encoding in BOTH {
            let shown: String = text.chars().take(80).collect();
            assert_eq!(u64::from(count(&text, encoding)), case[encoding.name()].as_u64().unwrap(), "{encoding:?} {shown:?}");
        }
        cases += 1;
    }
    assert!(cases > 300, "{cases}");
}

/// The messages and counts of OpenAI's cookbook, which says that the service's own `usage` gave the same.
#[test]
fn a_chat_costs_what_the_cookbook_says() {
    let messages = json!([
        { "role": "system", "content": "You are a helpful, pattern-following assistant that translates corporate jargon into plain English." },
        { "role": "system", "name": "example_user", "content": "New synergies will help drive top-line growth." },
        { "role": "system", "name": "example_assistant", "content": "Things working well together will increase revenue." },
        { "role": "system", "name": "example_user", "content": "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage." },
        { "role": "system", "name": "example_assistant", "content": "Let's talk later when we're less busy about how to do better." },
        { "role": "user", "content": "This late pivot means we don't have time to boil the ocean for the client deliverable." },
    ]);
    assert_eq!(estimate_prompt(&json!({ "model": "gpt-4", "messages": messages }), None), 129);
    assert_eq!(estimate_prompt(&json!({ "model": "gpt-4o", "messages": messages }), None), 124);

    let with_tools = json!({
        "messages": [
            { "role": "system", "content": "You are a helpful assistant that can answer to questions about the weather." },
            { "role": "user", "content": "What's the weather like in San Francisco?" },
        ],
        "tools": [{ "type": "function", "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": { "type": "object", "required": ["location"], "properties": {
                "location": { "type": "string", "description": "The city and state, e.g. San Francisco, CA" },
                "unit": { "type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"] },
            } },
        } }],
    });
    assert_eq!(estimate_prompt(&with_tools, Some(Encoding::Cl100kBase)), 105);
    assert_eq!(estimate_prompt(&with_tools, Some(Encoding::O200kBase)), 101);
}

#[test]
fn other_requests_and_images_are_counted_too() {
    let estimate = |body| estimate_prompt(&body, Some(Encoding::O200kBase));
    assert_eq!(estimate(json!({ "prompt": "Hello world" })), 2);
    assert_eq!(estimate(json!({ "input": ["Hello world", "Hello"] })), 3);
    assert_eq!(estimate(json!({ "input": [1, 2, 3] })), 3);
    assert_eq!(estimate(json!({ "input": [[1, 2], [3]] })), 3);
    assert_eq!(estimate(json!({ "input": "Hello world", "instructions": "Hello" })), 3 + 1 + 2 + 3 + 1 + 1 + 3);
    assert_eq!(estimate(json!({ "other": 1 })), 0);
    let image = |image| estimate(json!({ "messages": [{ "content": [{ "type": "image_url", "image_url": image }] }] })) - 6;
    assert_eq!(image(json!({ "url": "https://host/image.png" })), GATEWAY_IMAGE_LIMIT);
    assert_eq!(image(json!({ "url": "https://host/image.png", "detail": "low" })), 85);
}

#[test]
fn hostile_texts_are_counted() {
    for (unit, times) in
        [("a", 60_000), (" ", 60_000), ("\n", 60_000), ("A", 60_000), ("中A", 20_000), ("\u{301}", 30_000), ("'", 60_000), ("1", 60_000)]
    {
        let text = unit.repeat(times);
        for encoding in BOTH {
            let total = count(&text, encoding);
            assert!(total > 0 && total as usize <= text.len(), "{unit:?}: {total}");
            let ends = boundaries(&text, encoding);
            assert_eq!((ends.len(), ends.last().copied()), (total as usize, u32::try_from(text.len()).ok()));
        }
    }
}

proptest! {
    /// However a text is cut, its parts count as the whole.
    #[test]
    fn a_stream_counts_as_its_text(parts in proptest::collection::vec("[a-zA-Z' \n\t]{0,12}|\\PC{0,6}|[ \r\n]{0,9}|[0-9]{0,5}", 0..40), wide: bool) {
        let encoding = if wide { Encoding::O200kBase } else { Encoding::Cl100kBase };
        let mut counter = StreamCounter::new(encoding);
        parts.iter().for_each(|part| counter.push(part));
        prop_assert_eq!(counter.total(), count(&parts.concat(), encoding));
    }

    #[test]
    fn pieces_are_the_text(text in "(\\PC|[ \r\n\t'A-Za-z\u{301}中]){0,60}", wide: bool) {
        let encoding = if wide { Encoding::O200kBase } else { Encoding::Cl100kBase };
        prop_assert_eq!(pieces::split(&text, encoding).collect::<String>(), text.clone());
        prop_assert_eq!(boundaries(&text, encoding).len() as u32, count(&text, encoding));
    }
}
