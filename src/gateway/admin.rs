//! The admin endpoint: metrics, traces, state, and the questions of the tutorial answered from the gateway's own data.

mod queries;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::body::Body;
use super::counters::Counters;
use super::front::{Peer, Service};
use super::state::State;
use super::trace::Traces;

/// What the endpoint shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// State of the gateway.
    pub state: Arc<State>,
    /// Counts of requests.
    pub counters: Arc<Counters>,
    /// Traces.
    pub traces: Arc<Traces>,
}

/// What can be asked for.
const ROUTES: [(&str, &str); 8] = [
    ("GET /metrics", "Prometheus text"),
    ("GET /status", "breakers, caches and custom metrics in short"),
    ("GET /customMetrics", "every series of emit-metric and the token metrics, by minute"),
    ("GET /events", "the latest events of log-to-eventhub"),
    ("GET /query/tokens?by=Subscription ID,Deployment ID", "tokens by these dimensions"),
    ("GET /query/requests", "requests per hour and result"),
    ("GET /traces", "the latest traces"),
    ("GET /traces/{id}", "one trace as API Management shows it; ?format=text for people"),
];

impl Service for Admin {
    async fn call(&self, request: Request<Incoming>, _peer: &Arc<Peer>) -> Response<Body> {
        self.answer(request.method(), request.uri().path(), request.uri().query().unwrap_or_default())
    }
}

impl Admin {
    /// The answer to one question.
    #[must_use]
    pub fn answer(&self, method: &Method, path: &str, query: &str) -> Response<Body> {
        if method != Method::GET {
            return json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "the admin endpoint answers GET" }));
        }
        let parameter =
            |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        match path {
            "/" => json_answer(StatusCode::OK, &ROUTES.iter().map(|(route, what)| json!({ "route": route, "what": what })).collect()),
            "/metrics" => {
                let mut text = self.counters.prometheus();
                text.push_str(&queries::prometheus(&self.state.metrics));
                answer(StatusCode::OK, "text/plain; version=0.0.4", text)
            }
            "/status" => json_answer(StatusCode::OK, &queries::status(&self.state)),
            "/customMetrics" => json_answer(StatusCode::OK, &queries::custom_metrics(&self.state.metrics)),
            "/events" => json_answer(StatusCode::OK, &queries::events(&self.state)),
            "/query/tokens" => {
                let by = parameter("by").unwrap_or_else(|| "Subscription ID,Deployment ID".to_owned());
                let by: Vec<&str> = by.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                json_answer(StatusCode::OK, &queries::tokens(&self.state.metrics, &by))
            }
            "/query/requests" => json_answer(StatusCode::OK, &queries::requests(&self.counters)),
            "/traces" => {
                let list = self.traces.list();
                json_answer(
                    StatusCode::OK,
                    &list.iter().map(|(id, kept)| json!({ "id": id, "request": kept.title, "time": kept.timestamp.to_string() })).collect(),
                )
            }
            _ => match path.strip_prefix("/traces/").and_then(|id| Some((id, self.traces.get(id)?))) {
                Some((_, kept)) if parameter("format").as_deref() == Some("text") => {
                    answer(StatusCode::OK, "text/plain; charset=utf-8", format!("{}\n{}", kept.title, kept.trace.text()))
                }
                Some((id, kept)) => json_answer(StatusCode::OK, &kept.trace.json(id)),
                None => json_answer(
                    StatusCode::NOT_FOUND,
                    &json!({ "error": format!("there is no `{path}`"), "help": "GET / lists what there is" }),
                ),
            },
        }
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    answer(status, "application/json", format!("{body:#}\n"))
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
