//! `/_simulator/…`: setting the behavior and reading what was received, at run time.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::behavior::from_json;
use super::body::SimBody;
use super::route::parameter;
use super::{Behavior, Simulator};

/// Where the calls are.
pub(super) const PREFIX: &str = "/_simulator/";

/// Answers an admin call.
pub(super) fn answer(simulator: &Simulator, parts: &Parts, body: &Bytes) -> Response<SimBody> {
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (path, &parts.method) {
        ("behavior", &Method::GET) => json_response(StatusCode::OK, &simulator.behavior().document),
        ("behavior", &Method::PUT) => {
            let known = simulator.directory().accounts();
            match from_json(&String::from_utf8_lossy(body), &known) {
                Ok(behavior) => {
                    simulator.set_behavior(behavior);
                    json_response(StatusCode::OK, &simulator.behavior().document)
                }
                Err(findings) => {
                    let list =
                        findings.iter().map(|finding| json!({ "code": finding.code.id, "message": finding.message, "help": finding.help }));
                    json_response(StatusCode::BAD_REQUEST, &json!({ "findings": list.collect::<Vec<_>>() }))
                }
            }
        }
        ("behavior", &Method::DELETE) => {
            simulator.set_behavior(Behavior::default());
            respond(StatusCode::NO_CONTENT, Bytes::new())
        }
        ("requests", &Method::GET) => {
            let account = parameter(parts, "account");
            let received = simulator.received();
            let wanted =
                received.iter().filter(|received| account.as_ref().is_none_or(|account| received.account.eq_ignore_ascii_case(account)));
            json_response(StatusCode::OK, &json!({ "requests": wanted.map(|received| received.to_json()).collect::<Vec<_>>() }))
        }
        ("requests", &Method::DELETE) => {
            simulator.forget_received();
            respond(StatusCode::NO_CONTENT, Bytes::new())
        }
        ("accounts", &Method::GET) => {
            let accounts = simulator.directory().accounts();
            let accounts = accounts.iter().map(|account| {
                let deployments = account.deployments.iter().map(|deployment| {
                    json!({ "name": deployment.name, "model": deployment.model, "version": deployment.version, "sku": deployment.sku })
                });
                json!({ "name": account.name, "location": account.location, "deployments": deployments.collect::<Vec<_>>() })
            });
            json_response(StatusCode::OK, &json!({ "accounts": accounts.collect::<Vec<_>>() }))
        }
        ("behavior" | "requests" | "accounts", _) => {
            json_response(StatusCode::METHOD_NOT_ALLOWED, &json!({ "message": "this method is not for this path" }))
        }
        _ => json_response(StatusCode::NOT_FOUND, &json!({ "message": "there are `behavior`, `requests` and `accounts`" })),
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<SimBody> {
    let mut response = respond(status, body.to_string().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn respond(status: StatusCode, body: Bytes) -> Response<SimBody> {
    let mut response = Response::new(SimBody::whole(body));
    *response.status_mut() = status;
    response
}
