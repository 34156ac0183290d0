//! `validate-azure-ad-token`: as `validate-jwt`, for tokens that Microsoft Entra gives out in one tenant (its page).

use std::sync::Arc;

use serde_json::Value;

use super::validate_jwt::checks::{self, Claim, Refusal};
use super::validate_jwt::{self, Frame, Provider};
use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::worker::Worker;
use crate::policy::Element;

/// The public cloud's login host: the default of `authentication-endpoint` (on Microsoft's toolkit, not on the page).
const ENDPOINT: &str = "login.microsoftonline.com";
/// The page's default of `header-name`.
const HEADER: &str = "Authorization";

#[derive(Debug)]
struct ValidateAzureAdToken {
    frame: Frame,
    tenant: Argument<Box<str>>,
    endpoint: Argument<Box<str>>,
    /// Known if tenant and endpoint are literals.
    provider: Option<Arc<Provider>>,
    clients: Vec<Argument<Box<str>>>,
    backends: Vec<Argument<Box<str>>>,
    audiences: Vec<Argument<Box<str>>>,
    claims: Vec<Claim>,
}

/// The discovery document of a tenant, version 2; its keys are those of version 1 too.
fn document(endpoint: &str, tenant: &str) -> String {
    let endpoint = endpoint.trim().trim_end_matches('/');
    let endpoint = if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") };
    // "Tenant ID or URL."
    let tenant = tenant.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    format!("{endpoint}/{tenant}/v2.0/.well-known/openid-configuration")
}

impl ValidateAzureAdToken {
    async fn check(&self, exchange: &mut Exchange, arguments: &Arguments) -> Result<Flow, Failure> {
        let token = self.frame.token(exchange, arguments, Some("Bearer"));
        let checked = match &token {
            None => Err(validate_jwt::not_present(exchange)),
            Some(token) => {
                // Not the exchange itself: it cannot be lent while something is waited for.
                let worker = exchange.worker.clone();
                self.inspect(&worker, arguments, token).await
            }
        };
        self.frame.conclude(exchange, "validate-azure-ad-token", token.as_deref(), checked).map_err(|refusal| {
            exchange.note("validate-azure-ad-token", |_| serde_json::json!({ "message": refusal.message }));
            self.failure(refusal, arguments)
        })
    }

    /// For an expired token "Invalid JWT token. Token is expired." was seen as the reason in a log; the others are those of `validate-jwt`.
    fn failure(&self, refusal: Refusal, arguments: &Arguments) -> Failure {
        if refusal.reason == "TokenExpired" {
            let text = "Invalid JWT token. Token is expired.";
            return self.frame.failure(Refusal { reason: text, message: text.to_owned() }, arguments);
        }
        self.frame.failure(refusal, arguments)
    }

    async fn inspect(&self, worker: &Worker, arguments: &Arguments, token: &str) -> Result<(), Refusal> {
        let parsed = validate_jwt::parse(token)?;
        let provider = match &self.provider {
            Some(provider) => provider.clone(),
            None => {
                let url = document(arguments.text(&self.endpoint), arguments.text(&self.tenant));
                worker.state.issuers.get_or_insert_with(&url, || Provider::new(&url))
            }
        };
        let id = parsed.header.get("kid").and_then(Value::as_str);
        let configuration = provider.configuration(worker, id).await;
        let configuration = configuration.map_err(|error| Refusal::library("JwtInvalid", &format!("IDX20803: {error}.")))?;
        checks::signature(&parsed, configuration.keys.iter(), true)?;
        checks::issuer(&parsed.claims, &issuers(&configuration.issuer))?;
        checks::lifetime(&parsed.claims, worker.state.clock.utc(), 0, true)?;
        let texts = |list: &[Argument<Box<str>>]| list.iter().map(|one| arguments.text(one).trim().to_owned()).collect::<Vec<_>>();
        // A backend application is an audience by its id or its default URI (assumed; "advanced cases").
        let mut audiences = texts(&self.audiences);
        for backend in texts(&self.backends) {
            audiences.push(format!("api://{backend}"));
            audiences.push(backend);
        }
        checks::audience(&parsed.claims, &audiences)?;
        let clients = texts(&self.clients);
        let client = ["azp", "appid"].iter().flat_map(|name| checks::values(&parsed.claims, name)).next().unwrap_or_default();
        if !clients.is_empty() && !clients.iter().any(|own| own.eq_ignore_ascii_case(&client)) {
            let message = format!("Claim appid value of {client} is not allowed. Access denied.");
            return Err(Refusal { reason: "TokenClaimValueNotAllowed", message });
        }
        checks::claims(&parsed.claims, &self.claims, arguments)
    }
}

/// Both forms of a tenant's issuer: tokens of version 1 name another one than the discovery document of version 2.
fn issuers(published: &str) -> Vec<String> {
    let mut issuers = vec![published.to_owned()];
    if let Some(tenant) = published.strip_suffix("/v2.0").and_then(|rest| rest.rsplit('/').next()) {
        issuers.push(format!("https://sts.windows.net/{tenant}/"));
    }
    issuers
}

impl Statement for ValidateAzureAdToken {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let arguments = std::mem::take(arguments);
        Run::Later(Box::pin(async move { self.check(exchange, &arguments).await }))
    }
}

/// `<validate-azure-ad-token tenant-id="…">`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let tenant = compiler.required_text(element, "tenant-id");
    let frame = Frame::read(element, compiler, Some(HEADER));
    let endpoint = compiler.text(element, "authentication-endpoint").unwrap_or_else(|| Argument::Literal(Box::from(ENDPOINT)));
    let provider = match (&tenant, &endpoint) {
        (Argument::Literal(tenant), Argument::Literal(endpoint)) => {
            let url = document(endpoint, tenant);
            Some(compiler.environment().state.issuers.get_or_insert_with(&url, || Provider::new(&url)))
        }
        _ => None,
    };
    let backends = validate_jwt::list(element, "backend-application-ids", "application-id", compiler);
    let clients = validate_jwt::list(element, "client-application-ids", "application-id", compiler);
    let audiences = validate_jwt::list(element, "audiences", "audience", compiler);
    let claims = validate_jwt::read_claims(element, compiler);
    validate_jwt::refuse_decryption(element, compiler);
    compiler.run(ValidateAzureAdToken { frame, tenant, endpoint, provider, clients, backends, audiences, claims });
}
