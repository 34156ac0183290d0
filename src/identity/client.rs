//! Applications that ask for tokens of their own (client credentials).

use std::fmt;

use uuid::Uuid;

use super::codes::EntraError;
use super::issuer::{Issued, Issuer, Subject, Version};
use crate::support::jwt::Parsed;
use crate::support::secret::Secret;

/// How an application proves who it is.
#[derive(Debug, Clone)]
pub enum Proof {
    /// `client_secret`.
    Secret(Secret<String>),
    /// `client_assertion`: a JSON Web Token signed by its certificate or by a federated issuer.
    Assertion(Secret<String>),
    /// Neither was sent.
    Absent,
}

/// A registered application.
#[derive(Clone)]
pub struct Client {
    /// Application (client) id.
    pub app_id: String,
    /// Object id of its service principal.
    pub object_id: String,
    /// Its secret; `None` accepts assertions only.
    pub secret: Option<Secret<String>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("app_id", &self.app_id).field("object_id", &self.object_id).finish_non_exhaustive()
    }
}

/// Which applications there are.
#[derive(Debug, Clone, Default)]
pub enum Clients {
    /// Any client id with any non-empty secret or unexpired assertion: for a machine of one's own. Object ids are derived
    /// from client ids, so that they stay the same from run to run.
    #[default]
    Any,
    /// Those registered; secrets must be right. Assertions are taken at their word, since this issuer knows neither
    /// certificates nor federated issuers.
    Registered(Vec<Client>),
}

impl Clients {
    fn find(&self, app_id: &str) -> Option<Client> {
        match self {
            Self::Any => {
                let object_id = Uuid::new_v5(&Uuid::NAMESPACE_OID, app_id.to_ascii_lowercase().as_bytes()).to_string();
                Some(Client { app_id: app_id.to_owned(), object_id, secret: None })
            }
            Self::Registered(clients) => clients.iter().find(|client| client.app_id.eq_ignore_ascii_case(app_id)).cloned(),
        }
    }

    /// The client-credentials grant: checks the proof and gives out a token for `audience`.
    ///
    /// # Errors
    /// Entra's own: unknown client, wrong or missing secret, bad or expired assertion.
    pub fn token(
        &self,
        issuer: &Issuer,
        tenant: &str,
        app_id: &str,
        proof: &Proof,
        audience: &str,
        version: Version,
    ) -> Result<Issued, EntraError> {
        let client = self.find(app_id).ok_or_else(|| EntraError::unknown_client(app_id, tenant))?;
        match proof {
            Proof::Absent => return Err(EntraError::missing_proof()),
            Proof::Secret(secret) => {
                let valid = match (self, &client.secret) {
                    (Self::Any, _) => !secret.expose().is_empty(),
                    (Self::Registered(_), Some(right)) => same(right.expose(), secret.expose()),
                    (Self::Registered(_), None) => false,
                };
                if !valid {
                    return Err(EntraError::invalid_secret(&client.app_id));
                }
            }
            Proof::Assertion(assertion) => check_assertion(issuer, assertion.expose())?,
        }
        let tenant_id = if Uuid::try_parse(tenant).is_ok() { tenant } else { issuer.tenant_id() };
        let subject = Subject { tenant_id: tenant_id.to_owned(), object_id: client.object_id, app_id: client.app_id, roles: Vec::new() };
        issuer.issue(&subject, audience, version).map_err(|_| EntraError::internal())
    }
}

fn check_assertion(issuer: &Issuer, assertion: &str) -> Result<(), EntraError> {
    let parsed = Parsed::new(assertion).map_err(|_| EntraError::malformed_assertion())?;
    let number = |name: &str| parsed.claims.get(name).and_then(serde_json::Value::as_i64);
    let now = issuer.clock().utc().unix_timestamp();
    if number("exp").is_none_or(|end| end <= now) || number("nbf").is_some_and(|start| start > now + 300) {
        return Err(EntraError::assertion_expired());
    }
    Ok(())
}

/// Compares without telling by its duration where two secrets differ.
fn same(left: &str, right: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}
