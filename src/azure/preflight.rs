//! What must be true before the first write: rights, registered providers, a visible Azure subscription; and the
//! commands that cure what is not.

use serde_json::Value;

use super::client::ArmClient;
use super::error::AzureError;
use super::hint;
use crate::arm::ResourceId;

const PERMISSIONS_VERSION: &str = "2022-04-01";
const PROVIDERS_VERSION: &str = "2021-04-01";
const SUBSCRIPTIONS_VERSION: &str = "2022-12-01";

/// What the logged-in principal may do at one scope.
///
/// Locks, Azure Policy and deny assignments are not part of it: ARM tells of those only when it refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions(Vec<Grant>);

/// What one role assignment gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Grant {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Permissions {
    /// Reads the items of `{scope}/providers/Microsoft.Authorization/permissions`.
    #[must_use]
    pub fn of_items(items: &[Value]) -> Self {
        let texts = |item: &Value, name: &str| {
            let values = item.get(name).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
        };
        let grant = |item| Grant {
            actions: texts(item, "actions"),
            not_actions: texts(item, "notActions"),
            data_actions: texts(item, "dataActions"),
            not_data_actions: texts(item, "notDataActions"),
        };
        Self(items.iter().map(grant).collect())
    }

    /// Whether `action` (`Microsoft.Authorization/roleAssignments/write`) is allowed. What one role takes out by
    /// `notActions` another may give (Microsoft, "Understand Azure role definitions").
    #[must_use]
    pub fn allows(&self, action: &str) -> bool {
        self.0.iter().any(|grant| covers(&grant.actions, action) && !covers(&grant.not_actions, action))
    }

    /// The same for data actions.
    #[must_use]
    pub fn allows_data(&self, action: &str) -> bool {
        self.0.iter().any(|grant| covers(&grant.data_actions, action) && !covers(&grant.not_data_actions, action))
    }

    /// Those of `actions` that are not allowed.
    #[must_use]
    pub fn missing<'a>(&self, actions: &[&'a str]) -> Vec<&'a str> {
        actions.iter().copied().filter(|action| !self.allows(action)).collect()
    }
}

fn covers(patterns: &[String], action: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern.as_bytes(), action.as_bytes()))
}

/// Whether `text` is of `pattern`, ignoring case; `*` stands for any text, slashes included. Linear in practice: only the
/// last `*` is ever gone back to.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(position) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(wanted) if wanted.eq_ignore_ascii_case(letter) => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((after, start)) => {
                    at = after + 1;
                    position = start + 1;
                    star = Some((after, start + 1));
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|&letter| letter == b'*'))
}

/// The built-in role that gives `action` and the least besides, for the command that cures a missing right.
#[must_use]
pub fn role_for(action: &str) -> &'static str {
    let lower = action.to_ascii_lowercase();
    if lower.starts_with("microsoft.authorization/") {
        "Role Based Access Control Administrator"
    } else if lower.starts_with("microsoft.apimanagement/") {
        "API Management Service Contributor"
    } else if lower.ends_with("/read") {
        "Reader"
    } else {
        "Contributor"
    }
}

/// Whether a resource provider is registered in an Azure subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// It is.
    Registered,
    /// It is under way; writes succeed only afterwards.
    Registering,
    /// It is not, and ARM will refuse.
    NotRegistered,
    /// ARM's own word for anything else (`Unregistering`).
    Other(String),
}

impl Registration {
    fn of_word(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "registered" => Self::Registered,
            "registering" => Self::Registering,
            "notregistered" | "unregistered" => Self::NotRegistered,
            _ => Self::Other(word.to_owned()),
        }
    }
}

/// An Azure subscription as its principal sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureSubscription {
    /// Id.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// The tenant that it trusts.
    pub tenant_id: String,
    /// `Enabled`, `Warned`, `Disabled` …; writes need the first or the second.
    pub state: String,
}

impl AzureSubscription {
    fn of_body(body: &Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id: text("subscriptionId"), display_name: text("displayName"), tenant_id: text("tenantId"), state: text("state") }
    }

    /// Whether resources may be written.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        ["Enabled", "Warned", "PastDue"].iter().any(|state| self.state.eq_ignore_ascii_case(state))
    }
}

impl ArmClient {
    /// What the login may do at `scope`. A scope that is not there yet is answered by the one that it lies in; a login
    /// without any right there by nothing.
    ///
    /// # Errors
    /// Any other failure.
    pub async fn permissions(&self, scope: &ResourceId) -> Result<Permissions, AzureError> {
        let mut scope = scope.clone();
        loop {
            let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
            match self.list(&path, PERMISSIONS_VERSION, &[]).await {
                Ok(items) => return Ok(Permissions::of_items(&items)),
                Err(error) if error.is("AuthorizationFailed") => return Ok(Permissions::default()),
                Err(error) if error.has_status(404) && !error.is("SubscriptionNotFound") => match scope.parent() {
                    Some(parent) => scope = parent,
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether `namespace` (`Microsoft.ApiManagement`) is registered.
    ///
    /// # Errors
    /// Any failure; a namespace that does not exist is `NotRegistered`.
    pub async fn registration(&self, azure_subscription: &str, namespace: &str) -> Result<Registration, AzureError> {
        let path = format!("/subscriptions/{azure_subscription}/providers/{namespace}");
        let reply = self.get(&path, PROVIDERS_VERSION, &[]).await?;
        let state = reply.as_ref().and_then(|reply| reply.body.get("registrationState")).and_then(Value::as_str);
        Ok(state.map_or(Registration::NotRegistered, Registration::of_word))
    }

    /// The Azure subscription `id`. Not to see it has three causes, and each gives its own hint: another tenant's login
    /// (`InvalidAuthenticationTokenTenant`), no right at all, or a wrong id (`SubscriptionNotFound`).
    ///
    /// # Errors
    /// It is not seen.
    pub async fn azure_subscription(&self, id: &str) -> Result<AzureSubscription, AzureError> {
        let path = format!("/subscriptions/{id}");
        match self.get(&path, SUBSCRIPTIONS_VERSION, &[]).await? {
            Some(reply) => Ok(AzureSubscription::of_body(&reply.body)),
            None => {
                let message = format!("The subscription '{id}' could not be found.");
                let error = crate::arm::CloudError::new("SubscriptionNotFound", message);
                let hint = hint::of_answer(&error, None, &path);
                Err(self.own_error(&azure_core::http::Method::Get, &path, error).with_hint(hint))
            }
        }
    }

    /// All Azure subscriptions that the login sees.
    ///
    /// # Errors
    /// Any failure.
    pub async fn azure_subscriptions(&self) -> Result<Vec<AzureSubscription>, AzureError> {
        let items = self.list("/subscriptions", SUBSCRIPTIONS_VERSION, &[]).await?;
        Ok(items.iter().map(AzureSubscription::of_body).collect())
    }
}

/// The command that registers a resource provider.
#[must_use]
pub fn register_command(namespace: &str, azure_subscription: Option<&str>) -> String {
    hint::register_provider(namespace, azure_subscription)
}

/// What sort of principal a role is assigned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalType {
    /// A person.
    User,
    /// A service principal or managed identity.
    ServicePrincipal,
}

/// The command that assigns `role` at `scope` to the principal with this object id. The principal's type is given, so
/// that a new identity need not be known to the whole directory yet.
#[must_use]
pub fn role_assignment_command(object_id: &str, principal: PrincipalType, role: &str, scope: &str) -> String {
    let principal = match principal {
        PrincipalType::User => "User",
        PrincipalType::ServicePrincipal => "ServicePrincipal",
    };
    format!(
        "az role assignment create --assignee-object-id {} --assignee-principal-type {principal} --role {} --scope {}",
        quoted(object_id),
        quoted(role),
        quoted(scope)
    )
}

/// A word as both POSIX shells and PowerShell take it; nothing in ARM's names needs more than double quotes, but a text
/// that is pasted into a shell must not be able to do more.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte));
    if plain { word.to_owned() } else { format!("\"{}\"", word.replace(['"', '$', '`', '\\', '\n', '\r'], "")) }
}

#[cfg(test)]
mod tests;
