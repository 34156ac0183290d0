use proptest::prelude::*;

use super::*;

const STREAM: &str = concat!(
    "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n",
    ": a comment\n",
    "data: {\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Grüße, the word \\\"usage\\\" is no report\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\n",
);
const REPORT: &str = concat!(
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46,",
    "\"prompt_tokens_details\":{\"cached_tokens\":5}}}\n\n",
);

fn metered(text: &str, cuts: &[usize], prefer: bool) -> Option<Usage> {
    let prompt = Prompt { body: Some(Bytes::from_static(br#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]}"#)) };
    let mut meter = Meter::new(Framing::Events, prefer, Some(Arc::new(prompt)));
    let whole = Bytes::copy_from_slice(text.as_bytes());
    let mut start = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.sort_unstable();
    for cut in cuts.into_iter().chain([text.len()]) {
        if cut > start {
            meter.data(&whole.slice(start..cut));
            start = cut;
        }
    }
    meter.finish()
}

#[test]
fn a_report_counts_and_without_one_the_text_is_counted() {
    let reported = metered(&format!("{STREAM}{REPORT}data: [DONE]\n\n"), &[], true).unwrap();
    assert_eq!(reported, Usage { prompt: 12, cached: 5, completion: 34, reasoning: 0, estimated: false });
    let text = "Grüße, the word \"usage\" is no report";
    for (stream, prefer) in [(format!("{STREAM}data: [DONE]\n\n"), true), (format!("{STREAM}{REPORT}data: [DONE]\n\n"), false)] {
        let estimated = metered(&stream, &[], prefer).unwrap();
        assert!(estimated.estimated);
        assert_eq!(estimated.completion, u64::from(tokens::count(text, Encoding::O200kBase)));
        // "hi" is one token, with what a message and a reply cost.
        assert_eq!(estimated.prompt, 8);
    }
}

#[test]
fn every_api_of_azure_openai_reports_in_its_own_words() {
    let chat =
        br#"{"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"completion_tokens_details":{"reasoning_tokens":1}}}"#;
    assert_eq!(reported(chat).unwrap(), Usage { prompt: 1, completion: 2, reasoning: 1, ..Usage::default() });
    let embeddings = br#"{"object":"list","data":[],"usage":{"prompt_tokens":7,"total_tokens":7}}"#;
    assert_eq!(reported(embeddings).unwrap(), Usage { prompt: 7, ..Usage::default() });
    let responses = br#"{"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"cached_tokens":1},"output_tokens_details":{"reasoning_tokens":2}}}"#;
    assert_eq!(reported(responses).unwrap(), Usage { prompt: 3, cached: 1, completion: 4, reasoning: 2, estimated: false });
    let event = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n";
    assert_eq!(metered(event, &[], true).unwrap(), Usage { prompt: 3, completion: 4, ..Usage::default() });
    assert_eq!(reported(b"not json"), None);
    assert_eq!(reported(br#"{"choices":[]}"#), None);
}

#[test]
fn a_line_without_end_is_not_kept_for_ever() {
    let mut meter = Meter::new(Framing::Events, true, None);
    let piece = Bytes::from(vec![b'x'; 256 * 1024]);
    for _ in 0..64 {
        meter.data(&piece);
    }
    assert!(meter.partial.len() <= LINE && meter.kept_bytes <= KEPT);
    meter.data(&Bytes::from(format!("\n{REPORT}")));
    assert_eq!(meter.finish().unwrap().completion, 34);
}

proptest! {
    /// How a stream is cut into frames changes nothing.
    #[test]
    fn frames_do_not_matter(cuts in proptest::collection::vec(0usize..2_000, 0..40), report in any::<bool>()) {
        let text = format!("{STREAM}{}data: [DONE]\n\n", if report { REPORT } else { "" });
        prop_assert_eq!(metered(&text, &cuts, true), metered(&text, &[], true));
    }

    #[test]
    fn bytes_never_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20)) {
        for framing in [Framing::Events, Framing::Json] {
            let mut meter = Meter::new(framing, true, None);
            for piece in &pieces {
                meter.data(&Bytes::copy_from_slice(piece));
            }
            let _ = meter.finish();
        }
    }
}
