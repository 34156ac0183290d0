//! Entra's own errors.

/// A refused token request. Codes and texts follow Microsoft's "Microsoft Entra authentication and authorization error
/// codes"; the wording of the longer ones is assumed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("AADSTS{code}: {text}")]
pub struct EntraError {
    /// OAuth 2 error: `invalid_client`, `invalid_request` …
    pub error: &'static str,
    /// The number behind `AADSTS`.
    pub code: u32,
    /// Text for people.
    pub text: String,
    /// HTTP status.
    pub status: u16,
}

impl EntraError {
    const fn new(status: u16, error: &'static str, code: u32, text: String) -> Self {
        Self { error, code, text, status }
    }

    /// 7000215.
    #[must_use]
    pub fn invalid_secret(client: &str) -> Self {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
        );
        Self::new(401, "invalid_client", 7_000_215, text)
    }

    /// 7000218.
    #[must_use]
    pub fn missing_proof() -> Self {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        Self::new(401, "invalid_client", 7_000_218, text.to_owned())
    }

    /// 700016.
    #[must_use]
    pub fn unknown_client(client: &str, tenant: &str) -> Self {
        let text = format!("Application with identifier '{client}' was not found in the directory '{tenant}'.");
        Self::new(400, "unauthorized_client", 700_016, text)
    }

    /// 90002.
    #[must_use]
    pub fn unknown_tenant(tenant: &str) -> Self {
        let text = format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
        );
        Self::new(400, "invalid_request", 90_002, text)
    }

    /// 900144.
    #[must_use]
    pub fn missing_parameter(name: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        Self::new(400, "invalid_request", 900_144, text)
    }

    /// 70003.
    #[must_use]
    pub fn unsupported_grant(grant: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        Self::new(400, "unsupported_grant_type", 70_003, text)
    }

    /// 1002012, which Entra gives for a scope that does not end in `/.default`.
    #[must_use]
    pub fn invalid_scope(scope: &str) -> Self {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::new(400, "invalid_scope", 1_002_012, text)
    }

    /// 700024.
    #[must_use]
    pub fn assertion_expired() -> Self {
        let text = "Client assertion is not within its valid time range.";
        Self::new(401, "invalid_client", 700_024, text.to_owned())
    }

    /// 50027.
    #[must_use]
    pub fn malformed_assertion() -> Self {
        Self::new(400, "invalid_request", 50_027, "JWT token is invalid or malformed.".to_owned())
    }

    /// 90033, for any failure of the issuer itself.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, "server_error", 90_033, "A transient error has occurred. Please try again.".to_owned())
    }
}
