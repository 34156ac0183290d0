//! Long-running operations: accepted now, done later, also when the program was stopped in between.
//!
//! Three forms. The service answers 201 or 202 with `Azure-AsyncOperation` and `Location` (recorded). Named values, fragments
//! and imports answer 202 with a `Location` at the resource itself (`asyncId`, `asyncCode`; recorded with 2021-08-01); since
//! [`ACCEPTED_WITH_BODY`] a PUT of theirs answers 200 or 201 with the body. Their effect is seen only when they end, so that a
//! client which does not wait meets the same "not found" as on Azure.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use time::OffsetDateTime;

use super::answer::{Answer, Refusal};
use super::providers;
use super::request::{ApiVersion, Request};
use super::transaction::Transaction;
use crate::arm::store::Stored;
use crate::arm::{CloudError, ResourceId};

/// What happens when an operation ends, beyond its stored puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Effect {
    /// The stored puts appear.
    Puts,
    /// A service comes to life, or has taken its changes.
    ServiceReady,
    /// A service goes into the attic.
    ServiceDeleted,
    /// A soft-deleted service goes for good.
    ServicePurged,
    /// The resource goes with all that lies in it.
    Removed,
    /// Nothing but the state `Succeeded`.
    Settled,
}

/// One operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// 24 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) resource: ResourceId,
    /// Unix time in milliseconds at which it ends.
    pub(crate) due: i64,
    /// Status of the poll after the end.
    pub(crate) code: u16,
    pub(crate) effect: Effect,
    pub(crate) done: bool,
    /// It ends by failing.
    #[serde(default)]
    pub(crate) failure: Option<(u16, CloudError)>,
    /// What appears at the end. Kept out of the row: secrets have their own table.
    #[serde(skip)]
    pub(crate) puts: Vec<Stored>,
    /// `puts` without their secrets, only on their way to and from the disk.
    #[serde(default)]
    pub(crate) put_rows: Vec<Value>,
}

/// Since then a PUT of a named value, fragment or import is answered with the resource (a 201 was seen with 2023-09-01-preview,
/// Azure/apiops#722; the contract of 2024-05-01 knows no 202 here, and its Python client takes none). That the operation goes
/// on behind both `Azure-AsyncOperation` and `Location`, the headers of that contract, is assumed.
pub(crate) const ACCEPTED_WITH_BODY: &str = "2023-09-01";

/// How long ended operations can still be asked for.
const KEPT: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

impl Operation {
    fn remaining(&self, now: OffsetDateTime) -> Duration {
        Duration::from_millis(u64::try_from(self.due.saturating_sub(millis(now))).unwrap_or(0))
    }
}

/// Starts an operation that ends after `duration`.
pub(crate) fn start(tx: &mut Transaction<'_>, resource: &ResourceId, duration: Duration, code: u16, effect: Effect) -> Operation {
    let due = millis(tx.now).saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    let operation = Operation {
        id: tx.options.random.hex(24),
        resource: resource.clone(),
        due,
        code,
        effect,
        done: false,
        failure: None,
        puts: Vec::new(),
        put_rows: Vec::new(),
    };
    tx.put_operation(operation.clone());
    operation
}

/// How long the lesser operations take.
pub(crate) fn short(tx: &Transaction<'_>) -> Duration {
    (tx.options.activation / 10).min(Duration::from_secs(2))
}

/// Ends what is due. Called before each request.
pub(crate) fn advance(tx: &mut Transaction<'_>) {
    let now = millis(tx.now);
    let mut due: Vec<Operation> = tx.pending().into_iter().filter(|operation| operation.due <= now).collect();
    due.sort_by_key(|operation| operation.due);
    for operation in due {
        finish(tx, operation);
    }
    for id in tx.operation_ids(|operation| forgotten(operation, now)) {
        tx.changes.operations.insert(id, None);
    }
    providers::api_management::expire_soft_deleted(tx);
}

fn forgotten(operation: &Operation, now: i64) -> bool {
    operation.done && operation.due.saturating_add(i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX)) < now
}

/// Ends one operation at once.
pub(crate) fn finish(tx: &mut Transaction<'_>, mut operation: Operation) {
    if operation.failure.is_none() {
        match operation.effect {
            Effect::Puts => {
                for stored in operation.puts.drain(..) {
                    tx.put(stored);
                }
            }
            Effect::ServiceReady => providers::api_management::ready(tx, &operation.resource),
            Effect::ServiceDeleted => providers::api_management::to_attic(tx, &operation.resource),
            Effect::ServicePurged => providers::api_management::purge(tx, &operation.resource),
            Effect::Removed => tx.remove_tree(&operation.resource),
            Effect::Settled => tx.update(&operation.resource, |stored| {
                super::set(&mut stored.body, "/properties/provisioningState", json!("Succeeded"));
            }),
        }
    }
    operation.puts.clear();
    operation.done = true;
    tx.put_operation(operation);
}

/// The headers that tell a client when to look again. The recorded service sends no `Retry-After` with these, and clients
/// then wait 30 s; the emulator's operations are short, so it says so (the second header is for our own client).
fn patience(answer: Answer, tx: &Transaction<'_>, operation: &Operation) -> Answer {
    let remaining = operation.remaining(tx.now);
    let seconds = remaining.as_secs() + u64::from(remaining.subsec_nanos() > 0);
    answer.header("retry-after", seconds.min(60).to_string()).header("x-ms-retry-after-ms", remaining.as_millis().min(60_000).to_string())
}

/// Where an operation is asked for, below `base`.
fn results_url(tx: &Transaction<'_>, operation: &Operation, base: &str, version: &ApiVersion) -> String {
    format!("{}{base}/operationResults/{}?api-version={}", tx.options.endpoint.trim_end_matches('/'), operation.id, version.as_str())
}

/// Adds `Azure-AsyncOperation` and `Location`, both below `base`.
pub(crate) fn announce(tx: &Transaction<'_>, operation: &Operation, base: &str, version: &ApiVersion, answer: Answer) -> Answer {
    let url = results_url(tx, operation, base, version);
    let answer = answer.header("azure-asyncoperation", url.clone()).header("location", format!("{url}&asyncResponse"));
    patience(answer, tx, operation)
}

/// 202 with a `Location` only, as resource groups and purges answer (recorded): a client that sees `Azure-AsyncOperation` expects a
/// status in the body of its polls, and these have none.
pub(crate) fn accepted_by_location(tx: &Transaction<'_>, operation: &Operation, base: &str, version: &ApiVersion) -> Answer {
    let url = results_url(tx, operation, base, version);
    patience(Answer::empty(202).header("location", format!("{url}&asyncResponse")), tx, operation)
}

/// The operation at the resource itself.
fn resource_url(tx: &Transaction<'_>, operation: &Operation, version: &ApiVersion) -> String {
    format!(
        "{}{}?api-version={}&asyncId={}&asyncCode={}",
        tx.options.endpoint.trim_end_matches('/'),
        super::encode_path(operation.resource.as_str()),
        version.as_str(),
        operation.id,
        operation.code
    )
}

/// 202 with a `Location` at the resource itself.
pub(crate) fn accepted_at_resource(tx: &Transaction<'_>, operation: &Operation, version: &ApiVersion) -> Answer {
    patience(Answer::empty(202).header("location", resource_url(tx, operation, version)), tx, operation)
}

/// The resource as it will be, with `Azure-AsyncOperation` below `base` and `Location` at the resource itself.
pub(crate) fn accepted_with_body(tx: &Transaction<'_>, operation: &Operation, base: &str, version: &ApiVersion, answer: Answer) -> Answer {
    let answer = answer
        .header("azure-asyncoperation", results_url(tx, operation, base, version))
        .header("location", resource_url(tx, operation, version));
    patience(answer, tx, operation)
}

/// A poll of `…/operationResults/{id}`.
pub(crate) fn poll(tx: &mut Transaction<'_>, request: &Request, base: &str, id: &str) -> Result<Answer, Refusal> {
    let version = request.version()?;
    let Some(operation) = tx.operation(id).cloned() else {
        return Err(Refusal::plain(404, "ResourceNotFound", format!("The operation '{id}' was not found.")));
    };
    // A bare flag; some clients write `asyncResponse=undefined`.
    let by_location = request.query("asyncResponse").is_some();
    if by_location || matches!(operation.effect, Effect::ServicePurged) {
        return Ok(match (&operation.failure, operation.done) {
            (_, false) if operation.effect == Effect::ServicePurged => accepted_by_location(tx, &operation, base, &version),
            (_, false) => announce(tx, &operation, base, &version, Answer::empty(202)),
            (Some((status, error)), true) => Refusal::stored(*status, error.clone()).into_answer(),
            (None, true) => match tx.get(&operation.resource) {
                Some(stored) if operation.effect != Effect::ServicePurged => Answer::json(200, stored.body.clone()).etag(&stored.etag),
                _ => Answer::empty(200),
            },
        });
    }
    let status = match (&operation.failure, operation.done) {
        (_, false) => json!({ "status": "InProgress" }),
        (Some((_, error)), true) => json!({ "status": "Failed", "error": error }),
        (None, true) => json!({ "status": "Succeeded" }),
    };
    // Recorded: this one answer names no character set.
    let answer = Answer::json(200, status).header("content-type", "application/json");
    Ok(if operation.done { answer } else { announce(tx, &operation, base, &version, answer) })
}

/// A poll with `asyncId` at the resource; `None` when the query has none.
pub(crate) fn poll_at_resource(tx: &mut Transaction<'_>, request: &Request) -> Option<Result<Poll, Refusal>> {
    let id = request.query("asyncId")?;
    let Some(operation) = tx.operation(id).cloned() else {
        return Some(Err(Refusal::plain(404, "ResourceNotFound", format!("The operation '{id}' was not found."))));
    };
    let version = match request.version() {
        Ok(version) => version,
        Err(refusal) => return Some(Err(refusal)),
    };
    if !operation.done {
        return Some(Ok(Poll::Pending(accepted_at_resource(tx, &operation, &version))));
    }
    Some(match operation.failure {
        Some((status, error)) => Err(Refusal::stored(status, error)),
        None => Ok(Poll::Done(operation.code)),
    })
}

/// What a poll at the resource found.
pub(crate) enum Poll {
    Pending(Answer),
    /// The resource is to be shown with this status.
    Done(u16),
}
