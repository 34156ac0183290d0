//! The admin endpoint: metrics, traces, state, and the questions of the tutorial answered from the gateway's own data.

mod queries;
mod status;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::Gateway;
use super::body::Body;
use super::counters::Counters;
use super::front::{Peer, Service};
use super::trace::Traces;
use crate::support::duration::parse_iso8601;

/// What the endpoint shows.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// Counts of requests.
    pub counters: Arc<Counters>,
    /// Traces.
    pub traces: Arc<Traces>,
}

/// What can be asked for.
const ROUTES: [(&str, &str); 10] = [
    ("GET /metrics", "Prometheus text"),
    ("GET /status", "backends, breakers and pools, and what happened to breakers; ?format=text for people"),
    ("POST /backends/{name}/trip?for=PT1M", "trips the backend's circuit breaker, for its rule's time if none is given"),
    ("POST /backends/{name}/reset", "closes it and forgets its failures"),
    ("GET /customMetrics", "every series of emit-metric and the token metrics, by minute"),
    ("GET /events", "the latest events of log-to-eventhub"),
    ("GET /query/tokens?by=Subscription ID,Deployment ID", "tokens by these dimensions"),
    ("GET /query/requests", "requests per hour and result"),
    ("GET /traces", "the latest traces"),
    ("GET /traces/{id}", "one trace as API Management shows it; ?format=text for people"),
];

impl Service for Admin {
    async fn call(&self, request: Request<Incoming>, _peer: &Arc<Peer>) -> Response<Body> {
        // A page in a browser on this machine may not change anything here.
        if request.method() == Method::POST && request.headers().contains_key(ORIGIN) {
            return json_answer(StatusCode::FORBIDDEN, &json!({ "error": "the admin endpoint takes no requests of web pages" }));
        }
        self.answer(request.method(), request.uri().path(), request.uri().query().unwrap_or_default())
    }
}

impl Admin {
    /// The answer to one question.
    #[must_use]
    pub fn answer(&self, method: &Method, path: &str, query: &str) -> Response<Body> {
        let parameter =
            |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        let state = self.gateway.state();
        if method == Method::POST {
            return self.change(path, parameter("for").as_deref());
        }
        if method != Method::GET {
            return json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "the admin endpoint answers GET and POST" }));
        }
        match path {
            "/" => json_answer(StatusCode::OK, &ROUTES.iter().map(|(route, what)| json!({ "route": route, "what": what })).collect()),
            "/metrics" => {
                let mut text = self.counters.prometheus();
                text.push_str(&status::prometheus(&self.gateway));
                text.push_str(&queries::prometheus(&state.metrics));
                answer(StatusCode::OK, "text/plain; version=0.0.4", text)
            }
            "/status" if parameter("format").as_deref() == Some("text") => {
                answer(StatusCode::OK, "text/plain; charset=utf-8", status::text(&self.gateway))
            }
            "/status" => json_answer(StatusCode::OK, &status::json(&self.gateway)),
            "/customMetrics" => json_answer(StatusCode::OK, &queries::custom_metrics(&state.metrics)),
            "/events" => json_answer(StatusCode::OK, &queries::events(state)),
            "/query/tokens" => {
                let by = parameter("by").unwrap_or_else(|| "Subscription ID,Deployment ID".to_owned());
                let by: Vec<&str> = by.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                json_answer(StatusCode::OK, &queries::tokens(&state.metrics, &by))
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

impl Admin {
    /// `POST /backends/{name}/trip` and `/reset`.
    fn change(&self, path: &str, time: Option<&str>) -> Response<Body> {
        let unknown = || {
            json_answer(StatusCode::NOT_FOUND, &json!({ "error": format!("there is no `{path}`"), "help": "GET / lists what there is" }))
        };
        let Some((name, action)) = path.strip_prefix("/backends/").and_then(|rest| rest.rsplit_once('/')) else { return unknown() };
        let hand = match action {
            "reset" => status::Hand::Reset,
            "trip" => match time.map(|text| parse_iso8601(text).filter(|time| !time.is_zero()).ok_or(text)).transpose() {
                Ok(time) => status::Hand::Trip(time),
                Err(text) => {
                    let error = format!("`{text}` is no duration; `for` takes one as ARM writes it: `PT1M`");
                    return json_answer(StatusCode::BAD_REQUEST, &json!({ "error": error }));
                }
            },
            _ => return unknown(),
        };
        let name = percent_decode_str(name).decode_utf8_lossy();
        match status::by_hand(&self.gateway, &name, hand) {
            Ok(value) => json_answer(StatusCode::OK, &value),
            Err(error) => json_answer(StatusCode::NOT_FOUND, &json!({ "error": error })),
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
