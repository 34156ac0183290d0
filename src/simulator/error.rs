//! What the service answers when it does not do what was asked, byte for byte where it is known.

use http::StatusCode;
use serde_json::{Value, json};

/// An error of the service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WireError {
    pub(super) status: StatusCode,
    pub(super) body: Value,
    /// Headers beside those that every answer has.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl WireError {
    fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    /// `{"error":{"code","message"}}`, as the front end writes it.
    pub(super) fn plain(status: StatusCode, code: &str, message: &str) -> Self {
        Self::new(status, json!({ "error": { "code": code, "message": message } }))
    }

    /// The model API's own form: `{"error":{"message","type","param","code"}}`.
    pub(super) fn invalid(message: &str, parameter: Option<&str>, code: Option<&str>) -> Self {
        let error = json!({ "message": message, "type": "invalid_request_error", "param": parameter, "code": code });
        Self::new(StatusCode::BAD_REQUEST, json!({ "error": error }))
    }

    /// The front end knows no such route, or not in this `api-version` (seen in many public reports, also for a missing version).
    pub(super) fn no_resource() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "404", "Resource not found")
    }

    /// Text assumed.
    pub(super) fn too_large() -> Self {
        Self::plain(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "The request body is too large.")
    }

    /// `api-version` on the `/openai/v1` surface that it does not know (code and message seen in public reports).
    pub(super) fn version_not_supported() -> Self {
        Self::plain(StatusCode::BAD_REQUEST, "BadRequest", "API version not supported")
    }

    /// Seen.
    pub(super) fn bad_key() -> Self {
        Self::plain(
            StatusCode::UNAUTHORIZED,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
        )
    }

    /// Keys are switched off on the account (`disableLocalAuth`; seen).
    pub(super) fn keys_disabled() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "AuthenticationTypeDisabled", "Key based authentication is disabled for this resource.")
    }

    /// No key and no token, or a token that is not taken: this body has the form of the front end's gateway (seen).
    pub(super) fn bad_token() -> Self {
        let message =
            "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.";
        Self::new(StatusCode::UNAUTHORIZED, json!({ "statusCode": 401, "message": message }))
    }

    /// A token on an account without a subdomain of its own (seen).
    pub(super) fn no_subdomain() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "Please provide a custom subdomain for token authentication, otherwise API key is required.",
        )
    }

    /// A good token of a principal without the role (seen).
    pub(super) fn permission_denied(principal: &str, action: &str, operation: &str) -> Self {
        let message = format!("The principal `{principal}` lacks the required data action `{action}` to perform `{operation}` operation.");
        Self::plain(StatusCode::UNAUTHORIZED, "PermissionDenied", &message)
    }

    /// Seen.
    pub(super) fn no_deployment() -> Self {
        Self::plain(
            StatusCode::NOT_FOUND,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.",
        )
    }

    /// A model that cannot do what is asked (seen).
    pub(super) fn not_supported(operation: &str, model: &str) -> Self {
        let message = format!(
            "The {operation} operation does not work with the specified model, {model}. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993."
        );
        Self::plain(StatusCode::BAD_REQUEST, "OperationNotSupported", &message)
    }

    /// The body is not JSON (the model API's words, seen).
    pub(super) fn malformed() -> Self {
        Self::invalid(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
            None,
            None,
        )
    }

    /// Seen.
    pub(super) fn missing_parameter(name: &str) -> Self {
        Self::invalid(&format!("Missing required parameter: '{name}'."), Some(name), Some("missing_required_parameter"))
    }

    /// Seen.
    pub(super) fn unsupported_parameter(name: &str, instead: &str) -> Self {
        let message = format!("Unsupported parameter: '{name}' is not supported with this model. Use '{instead}' instead.");
        Self::invalid(&message, Some(name), Some("unsupported_parameter"))
    }

    /// What the service does and this simulator does not.
    pub(super) fn not_simulated(what: &str) -> Self {
        let message = format!("The simulator does not do this: {what}.");
        Self::plain(StatusCode::NOT_IMPLEMENTED, "NotSimulated", &message)
    }

    /// The prompt is filtered (Microsoft's page on content filtering).
    pub(super) fn content_filter(results: &Value) -> Self {
        let message = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766";
        let inner = json!({ "code": "ResponsibleAIPolicyViolation", "content_filter_result": results });
        let error =
            json!({ "message": message, "type": null, "param": "prompt", "code": "content_filter", "status": 400, "innererror": inner });
        Self::new(StatusCode::BAD_REQUEST, json!({ "error": error }))
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
