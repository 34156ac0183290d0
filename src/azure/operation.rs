//! Waiting for ARM's long-running operations.
//!
//! `Azure-AsyncOperation` is preferred over `Location`, and that over the resource's own `provisioningState`. Each of
//! them may lead to the next: a status URL expires, an operation that has succeeded leaves a resource that still says
//! `Activating`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use azure_core::http::{Method, Url};
use futures::future::{Either, select};
use serde_json::Value;

use super::client::{ArmClient, Outcome, Reply};
use super::error::{AzureError, codes};
use super::exchange::{Answer, Call};
use super::retry::retry_after;
use crate::arm::async_operation::AsyncOperation;
use crate::arm::{CloudError, ResourceId};

/// The first look when the service does not say when; it doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(250);
/// The longest interval that we choose.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest interval that is granted to a `Retry-After` (60 s is recorded for a Developer service).
const LONGEST_ASKED: Duration = Duration::from_secs(120);
/// A DELETE that was accepted may be seen late; a resource that is settled for so many looks is not being deleted.
const SETTLED_LOOKS: u32 = 6;

/// What `provisioningState` or `status` says. Words other than ARM's three final ones mean "still running".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// No such property.
    Absent,
    Succeeded,
    Failed(String),
    Running(String),
}

impl State {
    fn of_word(word: Option<&str>) -> Self {
        match word {
            None | Some("") => Self::Absent,
            Some(word) if word.eq_ignore_ascii_case("Succeeded") => Self::Succeeded,
            Some(word) if ["Failed", "Canceled", "Cancelled"].iter().any(|end| word.eq_ignore_ascii_case(end)) => {
                Self::Failed(word.to_owned())
            }
            Some(word) => Self::Running(word.to_owned()),
        }
    }

    /// `properties.provisioningState` of a resource.
    pub(super) fn of_resource(body: &Value) -> Self {
        Self::of_word(body.pointer("/properties/provisioningState").and_then(Value::as_str))
    }

    /// `status` of an operation.
    fn of_operation(body: &Value) -> Self {
        Self::of_word(body.get("status").and_then(Value::as_str))
    }
}

/// Where to look next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    AsyncOperation(Url),
    Location(Url),
    Resource,
}

/// What one look brought.
enum Step {
    /// Look again, at the same place.
    Running(String),
    /// The place is gone or says nothing: ask the resource.
    AskResource,
    /// The operation has succeeded; the resource may lag.
    Succeeded,
    Done(Reply),
}

struct Following<'a> {
    operation: &'a AsyncOperation,
    source: Source,
    asked: Option<Duration>,
    settled_looks: u32,
}

impl ArmClient {
    /// What the first answer to a write means.
    pub(super) fn outcome(&self, call: &Call, id: &ResourceId, api_version: &str, answer: &Answer) -> Result<Outcome, AzureError> {
        let delete = call.method == Method::Delete;
        let reply = Reply::of(answer);
        let accepted = answer.status == 202 || answer.header("azure-asyncoperation").is_some();
        let state = if delete { State::Absent } else { State::of_resource(&answer.body) };
        let running = accepted || matches!(state, State::Running(_));
        if let (State::Failed(word), false) = (&state, accepted) {
            return Err(self.refused_with(call, answer, failed_state(word, &answer.body)));
        }
        if !running {
            return Ok(Outcome::Done(reply));
        }
        let operation = AsyncOperation {
            resource: id.clone(),
            api_version: api_version.to_owned(),
            azure_async_operation: answer.header("azure-asyncoperation").map(str::to_owned),
            location: answer.header("location").map(str::to_owned),
            retry_after_seconds: self.asked(answer).map(|wait| wait.as_secs()),
            delete,
        };
        Ok(Outcome::Running(operation, reply))
    }

    /// Waits until an operation has ended, and answers the resource as it is then (`Null` body after a DELETE).
    /// `progress` is told each state that is seen (`Activating`). Cancel-safe: dropping the future only stops looking.
    ///
    /// # Errors
    /// The operation failed or was cancelled, or `deadline` passed (the operation goes on at the service).
    pub async fn wait(
        &self,
        operation: &AsyncOperation,
        deadline: Duration,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, AzureError> {
        self.follow_until(operation, false, deadline, progress).await
    }

    /// Like [`ArmClient::wait`] for an operation that was stored by an earlier run: looks at once, and asks the resource
    /// itself when the stored URL has expired or belongs to another host.
    ///
    /// # Errors
    /// As [`ArmClient::wait`]; a resource that is not there at all is ARM's `ResourceNotFound`.
    pub async fn resume(
        &self,
        operation: &AsyncOperation,
        deadline: Duration,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, AzureError> {
        self.follow_until(operation, true, deadline, progress).await
    }

    async fn follow_until(
        &self,
        operation: &AsyncOperation,
        at_once: bool,
        deadline: Duration,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Reply, AzureError> {
        let last = Mutex::new(String::from("accepted"));
        let tell = |state: &str| {
            state.clone_into(&mut last.lock().unwrap_or_else(PoisonError::into_inner));
            progress(state);
        };
        let work = Box::pin(self.follow(operation, at_once, &tell));
        match select(work, self.clock().sleep(deadline)).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => {
                let state = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let message = format!("still `{state}` after {}; it goes on at the service", words(deadline));
                let hint = "run the same command again to go on waiting for it".to_owned();
                Err(self
                    .own_error(&Method::Get, operation.resource.as_str(), CloudError::new(codes::DEADLINE, message))
                    .with_hint(Some(hint)))
            }
        }
    }

    async fn follow(&self, operation: &AsyncOperation, at_once: bool, tell: &(dyn Fn(&str) + Send + Sync)) -> Result<Reply, AzureError> {
        let own = |text: &Option<String>| text.as_deref().and_then(|text| self.own_url(text));
        let source = own(&operation.azure_async_operation)
            .map(Source::AsyncOperation)
            .or_else(|| own(&operation.location).map(Source::Location))
            .unwrap_or(Source::Resource);
        let asked = operation.retry_after_seconds.map(Duration::from_secs);
        let mut following = Following { operation, source, asked, settled_looks: 0 };
        let mut looks = 0;
        let mut wait_first = !at_once;
        loop {
            if wait_first {
                self.clock().sleep(interval(following.asked, looks)).await;
                looks += 1;
            }
            wait_first = true;
            match self.look(&mut following).await? {
                Step::Running(state) => tell(&state),
                Step::AskResource => {
                    following.source = Source::Resource;
                    wait_first = false;
                }
                Step::Succeeded if operation.delete => {
                    tell("Succeeded");
                    self.forget(&operation.resource);
                    return Ok(Reply { status: 200, etag: None, body: Value::Null });
                }
                Step::Succeeded => {
                    // From here on the resource must be there; a 404 is a read that came too early.
                    self.note_write(&operation.resource);
                    following.source = Source::Resource;
                    following.asked = None;
                    wait_first = false;
                    looks = 0;
                }
                Step::Done(reply) => {
                    tell("Succeeded");
                    if operation.delete {
                        self.forget(&operation.resource);
                    }
                    return Ok(reply);
                }
            }
        }
    }

    async fn look(&self, following: &mut Following<'_>) -> Result<Step, AzureError> {
        let (url, target) = match &following.source {
            Source::AsyncOperation(url) | Source::Location(url) => (url.clone(), None),
            Source::Resource => {
                let operation = following.operation;
                let url = self.url(operation.resource.as_str(), &operation.api_version, &[])?;
                (url, (!operation.delete).then(|| operation.resource.clone()))
            }
        };
        let call = Call::get(url, target);
        let answer = self.exchange(&call).await?;
        following.asked = self.asked(&answer);
        match following.source.clone() {
            Source::AsyncOperation(_) => {
                self.renew(&mut following.source, &answer, "azure-asyncoperation");
                self.step_of_operation(&call, &answer)
            }
            Source::Location(_) => {
                self.renew(&mut following.source, &answer, "location");
                self.step_of_location(&call, &answer, following.operation.delete)
            }
            Source::Resource => self.step_of_resource(&call, &answer, following),
        }
    }

    /// Signed URLs change from look to look [recorded traffic].
    fn renew(&self, source: &mut Source, answer: &Answer, header: &'static str) {
        let Some(url) = answer.header(header).and_then(|text| self.own_url(text)) else { return };
        match source {
            Source::AsyncOperation(old) | Source::Location(old) => *old = url,
            Source::Resource => {}
        }
    }

    fn step_of_operation(&self, call: &Call, answer: &Answer) -> Result<Step, AzureError> {
        if let Some(step) = self.expired_or_refused(call, answer)? {
            return Ok(step);
        }
        Ok(match State::of_operation(&answer.body) {
            State::Succeeded => Step::Succeeded,
            State::Failed(word) => return Err(self.refused_with(call, answer, failed_state(&word, &answer.body))),
            State::Running(word) => Step::Running(word),
            // Some providers answer the resource here, some nothing at all.
            State::Absent => match State::of_resource(&answer.body) {
                State::Failed(word) => return Err(self.refused_with(call, answer, failed_state(&word, &answer.body))),
                State::Running(word) => Step::Running(word),
                State::Succeeded => Step::Succeeded,
                State::Absent if answer.status == 202 => Step::Running("InProgress".to_owned()),
                State::Absent if answer.status == 204 => Step::Succeeded,
                State::Absent => Step::AskResource,
            },
        })
    }

    fn step_of_location(&self, call: &Call, answer: &Answer, delete: bool) -> Result<Step, AzureError> {
        if let Some(step) = self.expired_or_refused(call, answer)? {
            return Ok(step);
        }
        let is_resource = answer.body.get("id").is_some_and(Value::is_string) && answer.body.get("status").is_none();
        let state = if is_resource { State::of_resource(&answer.body) } else { State::of_operation(&answer.body) };
        Ok(match state {
            State::Failed(word) => return Err(self.refused_with(call, answer, failed_state(&word, &answer.body))),
            State::Running(word) => Step::Running(word),
            State::Absent if answer.status == 202 => Step::Running("InProgress".to_owned()),
            // 202 with a settled resource: the operation itself is not through, whatever the resource says.
            State::Succeeded if answer.status == 202 && is_resource => Step::Running("InProgress".to_owned()),
            State::Succeeded | State::Absent if delete => Step::Succeeded,
            State::Succeeded | State::Absent if is_resource => Step::Done(Reply::of(answer)),
            // The result of an action (`listConnections`) is its answer; of a write it is the resource.
            State::Absent if answer.body.is_null() => Step::Succeeded,
            State::Succeeded | State::Absent => Step::Succeeded,
        })
    }

    fn step_of_resource(&self, call: &Call, answer: &Answer, following: &mut Following<'_>) -> Result<Step, AzureError> {
        let delete = following.operation.delete;
        if delete && answer.status == 404 {
            return Ok(Step::Done(Reply { status: 404, etag: None, body: Value::Null }));
        }
        if !answer.is_success() {
            return Err(self.refused(call, answer));
        }
        let state = State::of_resource(&answer.body);
        match state {
            State::Failed(word) => Err(self.refused_with(call, answer, failed_state(&word, &answer.body))),
            State::Running(word) => {
                following.settled_looks = 0;
                Ok(Step::Running(word))
            }
            State::Succeeded | State::Absent if delete => {
                following.settled_looks += 1;
                if following.settled_looks >= SETTLED_LOOKS {
                    let message = "the deletion was accepted, but the resource is still there and not being deleted";
                    return Err(self.refused_with(call, answer, CloudError::new(codes::OPERATION_FAILED, message)));
                }
                Ok(Step::Running("Deleting".to_owned()))
            }
            State::Succeeded | State::Absent => Ok(Step::Done(Reply::of(answer))),
        }
    }

    /// A status URL that is gone says nothing about the operation; any other refusal is its failure.
    fn expired_or_refused(&self, call: &Call, answer: &Answer) -> Result<Option<Step>, AzureError> {
        match answer.status {
            403 | 404 | 410 => Ok(Some(Step::AskResource)),
            _ if !answer.is_success() => Err(self.refused(call, answer)),
            _ => Ok(None),
        }
    }

    fn asked(&self, answer: &Answer) -> Option<Duration> {
        retry_after(|name| answer.header(name), self.clock().utc())
    }
}

fn interval(asked: Option<Duration>, looks: u32) -> Duration {
    match asked {
        Some(asked) if !asked.is_zero() => asked.min(LONGEST_ASKED),
        _ => FIRST.saturating_mul(1_u32.checked_shl(looks).unwrap_or(u32::MAX)).min(LONGEST),
    }
}

/// ARM's error of a failed operation, or one that names the state when there is none.
fn failed_state(word: &str, body: &Value) -> CloudError {
    let inner = body.get("error").or_else(|| body.pointer("/properties/error")).filter(|error| !error.is_null());
    inner.and_then(CloudError::from_body).unwrap_or_else(|| {
        CloudError::new(codes::OPERATION_FAILED, format!("the operation ended as `{word}` and the service gives no reason"))
    })
}

fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 120 { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}

#[cfg(test)]
mod tests;
