//! Two Azure OpenAI deployments for the benchmark: always the same answers, as cheap as can be.
//!
//! `bench-backend [PORT…]` (default 29101 29102), one thread. `POST /__set?gap_ms=20` sets the pause between two chunks of a
//! stream; `GET /__served` tells how many calls each port has answered.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that meets the unexpected stops")]

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

const CHUNKS: u32 = 40;

const COMPLETION: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"finish_reason":"stop","index":0,"logprobs":null,"message":{"annotations":[],"content":"One of the deployments of the pool has been asked, and this sentence is all that it ever has to say about it.","refusal":null,"role":"assistant"}}],"created":1751000000,"id":"chatcmpl-C0bench000000000000000000000","model":"gpt-4o-mini-2024-07-18","object":"chat.completion","system_fingerprint":"fp_bench","usage":{"completion_tokens":40,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":180,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":220}}"#;
const FIELDS: [(&str, &str); 8] = [
    ("x-request-id", "6f0c2f3e-8f4c-4a5e-9d2b-0c9b4a1f7e22"),
    ("apim-request-id", "2e0a7b52-52d1-4a90-a4b1-58a3a0f4d7d8"),
    ("x-ms-region", "Sweden Central"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-remaining-tokens", "999000"),
    ("x-content-type-options", "nosniff"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
    ("x-ms-deployment-name", "gpt-4o-mini"),
];

#[derive(Default)]
struct State {
    gap_ms: AtomicU64,
    served: [AtomicU64; 2],
}

enum Answer {
    Whole(Bytes),
    Stream { state: Arc<State>, next: u32, pause: Option<Pin<Box<Sleep>>>, turn: bool },
}

/// The clock that every process of the machine reads the same.
fn nanoseconds() -> u128 {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

fn event(number: u32) -> Bytes {
    match number {
        CHUNKS => Bytes::from_static(
            b"data: {\"choices\":[],\"created\":1751000000,\"id\":\"chatcmpl-C0bench000000000000000000000\",\"model\":\"gpt-4o-mini-2024-07-18\",\"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_bench\",\"usage\":{\"completion_tokens\":40,\"completion_tokens_details\":{\"reasoning_tokens\":0},\"prompt_tokens\":180,\"prompt_tokens_details\":{\"cached_tokens\":0},\"total_tokens\":220}}\n\n",
        ),
        number if number > CHUNKS => Bytes::from_static(b"data: [DONE]\n\n"),
        number => Bytes::from(format!(
            "data: {{\"choices\":[{{\"content_filter_results\":{{}},\"delta\":{{\"content\":\" word{number} at={}; \"}},\"finish_reason\":null,\"index\":0,\"logprobs\":null}}],\"created\":1751000000,\"id\":\"chatcmpl-C0bench000000000000000000000\",\"model\":\"gpt-4o-mini-2024-07-18\",\"object\":\"chat.completion.chunk\",\"system_fingerprint\":\"fp_bench\",\"usage\":null}}\n\n",
            nanoseconds()
        )),
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream { next, .. } if *next > CHUNKS + 1 => Poll::Ready(None),
            Self::Stream { state, next, pause, turn } => {
                // Each event is a write of its own: after one, wait for the pause, or for one turn of the scheduler.
                if *turn {
                    let gap = state.gap_ms.load(Ordering::Relaxed);
                    if gap == 0 || *next >= CHUNKS {
                        *turn = false;
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    let waiting = pause.get_or_insert_with(|| Box::pin(sleep(Duration::from_millis(gap))));
                    if waiting.poll_unpin(context).is_pending() {
                        return Poll::Pending;
                    }
                    *pause = None;
                }
                *turn = true;
                *next += 1;
                Poll::Ready(Some(Ok(Frame::data(event(*next - 1)))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream { .. } => SizeHint::default(),
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
    port: usize,
    fields: Arc<HeaderMap>,
) -> Result<Response<Answer>, Infallible> {
    let text = |text: String| Response::new(Answer::Whole(Bytes::from(text)));
    match request.uri().path() {
        "/__set" => {
            let gap = request.uri().query().and_then(|query| query.strip_prefix("gap_ms=")).and_then(|gap| gap.parse().ok());
            state.gap_ms.store(gap.unwrap(), Ordering::Relaxed);
            return Ok(text("set\n".to_owned()));
        }
        "/__served" => {
            let served: Vec<_> = state.served.iter().map(|served| served.load(Ordering::Relaxed).to_string()).collect();
            return Ok(text(served.join(" ") + "\n"));
        }
        _ => {}
    }
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    state.served[port % 2].fetch_add(1, Ordering::Relaxed);
    let streams = memchr::memmem::find(&body, b"\"stream\":true").is_some();
    let (body, kind) = if streams {
        (Answer::Stream { state, next: 0, pause: None, turn: false }, "text/event-stream; charset=utf-8")
    } else {
        (Answer::Whole(Bytes::from_static(COMPLETION.as_bytes())), "application/json")
    };
    let mut response = Response::new(body);
    *response.headers_mut() = fields.as_ref().clone();
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut ports: Vec<u16> = std::env::args().skip(1).map(|port| port.parse().unwrap()).collect();
    if ports.is_empty() {
        ports = vec![29101, 29102];
    }
    let state = Arc::new(State::default());
    let fields: HeaderMap =
        FIELDS.iter().map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), HeaderValue::from_static(value))).collect();
    let fields = Arc::new(fields);
    let mut accepting = tokio::task::JoinSet::new();
    for (index, port) in ports.into_iter().enumerate() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let (state, fields) = (state.clone(), fields.clone());
        accepting.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                stream.set_nodelay(true).unwrap();
                let (state, fields) = (state.clone(), fields.clone());
                let service = service_fn(move |request| answer(request, state.clone(), index, fields.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    }
    while accepting.join_next().await.is_some() {}
}
