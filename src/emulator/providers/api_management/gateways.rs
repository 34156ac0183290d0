//! The managed gateway's actions for request tracing (`gateways/managed`), from api-version 2023-05-01-preview on.
//!
//! Bodies and the one hour are documented ("Debug your APIs using request tracing"; the contract's own descriptions); the words of
//! refusals are assumed. Self-hosted gateways are not kept here.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SERVICE, resolve, without_current_revision};
use crate::arm::{CloudError, ResourceId};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::request::Request;
use crate::emulator::router::{self, Route};
use crate::emulator::transaction::Transaction;
use crate::support::duration::parse_iso8601;

/// First version that has the actions.
const SINCE: &str = "2023-05-01";
/// Longest and usual life of a credential.
const HOUR: Duration = Duration::from_secs(3_600);

/// `POST …/gateways/{gateway}/{action}`; `None` if there is no such action.
pub(super) fn action(
    tx: &mut Transaction<'_>,
    request: &Request,
    route: &Route<'_>,
    service: &str,
    gateway: &str,
    action: &str,
) -> Option<Result<Answer, Refusal>> {
    let handler = match action {
        "listdebugcredentials" => list_debug_credentials,
        "listtrace" => list_trace,
        _ => return None,
    };
    if gateway != "managed" {
        return Some(Err(router::not_emulated(request, &request.path)));
    }
    Some(prepared(tx, request, route, service).and_then(|service| handler(tx, request, &service)))
}

fn prepared(tx: &Transaction<'_>, request: &Request, route: &Route<'_>, service: &str) -> Result<ResourceId, Refusal> {
    let id = ResourceId::parse(&format!("{}/providers/{SERVICE}/{service}", route.scope_path()))
        .map_err(|error| Refusal::plain(400, "InvalidResourceId", error.to_string()))?;
    if !request.version()?.is_since(SINCE) {
        return Err(router::not_emulated(request, &request.path));
    }
    tx.get(&id).map(|stored| stored.id.clone()).ok_or_else(|| Refusal::not_found("Api service"))
}

fn list_debug_credentials(tx: &mut Transaction<'_>, request: &Request, service: &ResourceId) -> Result<Answer, Refusal> {
    let body = request.object()?;
    let mut wrong = Vec::new();
    let mut refuse = |target: &str, message: &str| {
        wrong.push(CloudError { target: Some(target.to_owned()), ..CloudError::new("ValidationError", message) });
    };
    let life = match body.get("credentialsExpireAfter").filter(|value| !value.is_null()) {
        None => Some(HOUR),
        Some(value) => value.as_str().and_then(parse_iso8601).filter(|life| *life <= HOUR && !life.is_zero()),
    };
    if life.is_none() {
        refuse("credentialsExpireAfter", "Value has to be a duration of at most one hour.");
    }
    let traces = body.get("purposes").and_then(Value::as_array).is_some_and(|purposes| {
        !purposes.is_empty() && purposes.iter().all(|purpose| purpose.as_str().is_some_and(|own| own.eq_ignore_ascii_case("tracing")))
    });
    if !traces {
        refuse("purposes", "Value has to be a list of 'tracing'.");
    }
    let api = body.get("apiId").and_then(Value::as_str).and_then(|api| resolve(service, api, "apis"));
    let api = api.and_then(|id| tx.get(&without_current_revision(tx, id)));
    if api.is_none() {
        refuse("apiId", "Api not found.");
    }
    let (Some(life), Some(api), true) = (life, api, traces) else { return Err(Refusal::validation(wrong)) };
    let name = api.id.name().split(';').next().unwrap_or_default();
    let secret = tx.options.random.hex(32);
    let credential = tx.debugging().issue(service.clone(), name, tx.now + life, &secret);
    Ok(Answer::json(200, json!({ "token": credential.token.expose() })))
}

fn list_trace(tx: &mut Transaction<'_>, request: &Request, service: &ResourceId) -> Result<Answer, Refusal> {
    let body = request.object()?;
    let id = body.get("traceId").and_then(Value::as_str).unwrap_or_default();
    let trace = tx.debugging().trace(service, id).ok_or_else(|| Refusal::not_found("Trace"))?;
    Ok(Answer::json(200, trace))
}
