//! Tokens of the service's identities, kept until shortly before they end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::header::HeaderValue;
use tokio::time::Instant;

use crate::gateway::failure::Failure;
use crate::gateway::snapshot::Service;
use crate::gateway::state::State;
use crate::identity::{Subject, TokenRequest};
use crate::support::secret::Secret;

/// A token is renewed this long before it ends (the Azure libraries take five minutes).
const MARGIN: Duration = Duration::from_secs(300);
/// Most slots that are kept though nobody but the list holds them: those of resources that policies compute.
const UNUSED: usize = 256;

/// A token at hand.
#[derive(Debug)]
pub struct Ready {
    /// The token itself.
    pub token: Secret<String>,
    /// `Bearer <token>`.
    pub header: HeaderValue,
    renew: Instant,
    end: Instant,
}

/// The token of one identity for one resource. Reading it takes no lock.
pub struct Slot {
    request: TokenRequest,
    ready: ArcSwapOption<Ready>,
    renewing: tokio::sync::Mutex<()>,
}

impl Slot {
    /// The token, if there is one that is good for a while.
    #[must_use]
    pub fn at_hand(&self, state: &State) -> Option<Arc<Ready>> {
        let now = state.clock.now();
        self.ready.load_full().filter(|ready| now < ready.renew)
    }

    /// The token; asked for if there is none that is good for a while.
    ///
    /// # Errors
    /// The source gives none. What the service answers is not documented (assumed: an internal error).
    pub async fn ready(&self, state: &State) -> Result<Arc<Ready>, Failure> {
        let good = |until: fn(&Ready) -> Instant| {
            let now = state.clock.now();
            self.ready.load_full().filter(|ready| now < until(ready))
        };
        if let Some(ready) = good(|ready| ready.renew) {
            return Ok(ready);
        }
        let _renewing = match self.renewing.try_lock() {
            Ok(renewing) => renewing,
            Err(_) => {
                // One request renews; others use the old token while it is still good.
                if let Some(ready) = good(|ready| ready.end) {
                    return Ok(ready);
                }
                self.renewing.lock().await
            }
        };
        if let Some(ready) = good(|ready| ready.renew) {
            return Ok(ready);
        }
        let token = match state.tokens_from.token(&self.request).await {
            Ok(token) => token,
            // A renewal that fails does no harm while the old one is good.
            Err(error) => match good(|ready| ready.end) {
                Some(ready) => return Ok(ready),
                None => return Err(unavailable(&error.to_string())),
            },
        };
        let mut header = HeaderValue::try_from(format!("Bearer {}", token.token.expose()))
            .map_err(|_| unavailable("the token cannot stand in a header"))?;
        header.set_sensitive(true);
        let now = state.clock.now();
        let ready = Arc::new(Ready {
            token: token.token,
            header,
            renew: now + token.expires_in.saturating_sub(MARGIN),
            end: now + token.expires_in,
        });
        self.ready.store(Some(ready.clone()));
        Ok(ready)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Slot").field("request", &self.request).finish_non_exhaustive()
    }
}

/// Reason and message are assumed.
fn unavailable(why: &str) -> Failure {
    Failure::internal("ManagedIdentityTokenUnavailable", format!("No token could be had for the managed identity: {why}"))
}

/// Why a service has no such identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentity {
    /// No system-assigned identity.
    #[error("the service has no system-assigned managed identity")]
    System,
    /// No user-assigned identity with that client id.
    #[error("the service has no user-assigned managed identity with the client id `{0}`")]
    User(String),
}

impl From<NoIdentity> for Failure {
    /// Known when the policy runs, as on the service, which takes such a policy (assumed).
    fn from(error: NoIdentity) -> Self {
        unavailable(&error.to_string())
    }
}

/// The identity that a token is for: the system-assigned one, or that of the client id.
///
/// # Errors
/// The service has none.
pub fn subject(service: &Service, client_id: Option<&str>) -> Result<Subject, NoIdentity> {
    let principal = match client_id {
        None => service.principal.as_ref().ok_or(NoIdentity::System)?,
        Some(id) => service
            .user_assigned
            .iter()
            .find(|principal| principal.client_id.eq_ignore_ascii_case(id.trim()))
            .ok_or_else(|| NoIdentity::User(id.to_owned()))?,
    };
    Ok(Subject {
        tenant_id: service.tenant_id.clone(),
        object_id: principal.principal_id.clone(),
        app_id: principal.client_id.clone(),
        roles: Vec::new(),
    })
}

/// The tokens of a gateway, by identity and resource.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<HashMap<Box<str>, Arc<Slot>>>);

impl Tokens {
    /// The place of a token. Takes a lock: for what is compiled, and for resources that a policy computes.
    #[must_use]
    pub fn slot(&self, subject: Subject, resource: &str) -> Arc<Slot> {
        let key = format!("{}/{}/{} {resource}", subject.tenant_id, subject.object_id, subject.app_id).into_boxed_str();
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return slot.clone();
        }
        if slots.len() >= UNUSED {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        let slot = Arc::new(Slot {
            request: TokenRequest { principal: subject, resource: resource.to_owned() },
            ready: ArcSwapOption::empty(),
            renewing: tokio::sync::Mutex::default(),
        });
        slots.insert(key, slot.clone());
        slot
    }
}
