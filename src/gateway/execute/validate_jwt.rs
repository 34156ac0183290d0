//! `validate-jwt`: the request goes on only with a token that is signed, valid and says what it should (its page).

pub(super) mod checks;
pub(super) mod keys;
mod provider;

use std::sync::Arc;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;

use self::checks::{Claim, Refusal};
use self::keys::{Key, Named};
pub use self::provider::{Configuration, Provider};
use super::{query, set_status};
use crate::expression::{HostValue, Stored};
use crate::gateway::exchange::{Exchange, header_text};
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler, Flow, Run, Statement};
use crate::gateway::worker::Worker;
use crate::policy::Element;
use crate::support::jwt::Parsed;
use crate::support::secret::Secret;

/// Where the token stands.
#[derive(Debug)]
pub(super) enum Place {
    Header(Argument<Box<str>>),
    Query(Argument<Box<str>>),
    Value(Argument<Box<str>>),
}

/// Attributes that `validate-jwt` and `validate-azure-ad-token` share.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) place: Place,
    code: Argument<i64>,
    message: Option<Argument<Box<str>>>,
    variable: Option<Arc<str>>,
}

impl Frame {
    /// Reads them; without a place the token is in `default`.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>, default: Option<&str>) -> Self {
        let header = compiler.text(element, "header-name");
        let query = compiler.text(element, "query-parameter-name");
        let value = compiler.text(element, "token-value");
        let place = match (header, query, value) {
            (Some(name), None, None) => Place::Header(name),
            (None, Some(name), None) => Place::Query(name),
            (None, None, Some(value)) => Place::Value(value),
            (None, None, None) if default.is_some() => Place::Header(Argument::Literal(Box::from(default.unwrap_or_default()))),
            _ => {
                let message = format!("`{}` takes one of `header-name`, `query-parameter-name` and `token-value`", element.name);
                compiler.problem(element, message);
                Place::Value(Argument::Literal(Box::from("")))
            }
        };
        Self {
            place,
            code: compiler.integer(element, "failed-validation-httpcode").unwrap_or(Argument::Literal(401)),
            message: compiler.text(element, "failed-validation-error-message"),
            variable: compiler.literal(element, "output-token-variable-name").map(|name| Arc::from(name.as_str())),
        }
    }

    /// The token, without its scheme if it stands in `Authorization`; `None` if there is none, or it has another scheme than wanted.
    pub(super) fn token(&self, exchange: &Exchange, arguments: &Arguments, scheme: Option<&str>) -> Option<String> {
        let found = match &self.place {
            Place::Header(name) => {
                let name = HeaderName::from_bytes(arguments.text(name).trim().as_bytes()).ok()?;
                let text = exchange.request.headers.get(&name).map(header_text)?;
                // "When using a custom header, the configured required scheme will be ignored"; a scheme in one was seen to fail.
                if name == AUTHORIZATION {
                    match (text.trim().split_once(' '), scheme) {
                        (Some((own, _)), Some(wanted)) if !own.eq_ignore_ascii_case(wanted) => return None,
                        (None, Some(_)) => return None,
                        (Some((_, token)), _) => token.to_owned(),
                        (None, None) => text,
                    }
                } else {
                    text
                }
            }
            Place::Query(name) => {
                let name = arguments.text(name);
                let query = exchange.request.url.query.as_deref()?;
                let (_, pair) = query::parameters(query).find(|(own, _)| own.eq_ignore_ascii_case(name))?;
                query::unescape(pair.split_once('=')?.1).into_owned()
            }
            Place::Value(value) => arguments.text(value).to_owned(),
        };
        Some(found.trim().to_owned()).filter(|token| !token.is_empty())
    }

    /// What the caller gets.
    pub(super) fn failure(&self, refusal: Refusal, arguments: &Arguments) -> Failure {
        let status = set_status::status(arguments.integer(&self.code)).unwrap_or(StatusCode::UNAUTHORIZED);
        let failure = Failure::refused(refusal.reason, status, refusal.message);
        match &self.message {
            Some(message) => failure.answering(arguments.text(message)),
            None => failure,
        }
    }

    /// What has been found of the token: one that is good is kept and noted, a refusal is the policy's own to tell.
    pub(super) fn conclude(
        &self,
        exchange: &mut Exchange,
        policy: &str,
        token: Option<&str>,
        checked: Result<(), Refusal>,
    ) -> Result<Flow, Refusal> {
        checked?;
        if let Some(token) = token {
            self.keep(exchange, token);
            exchange.note(policy, |_| serde_json::json!({ "message": "JWT was successfully validated." }));
        }
        Ok(Flow::Next)
    }

    /// Sets the variable to the token, which is good.
    fn keep(&self, exchange: &mut Exchange, token: &str) {
        let Some(variable) = &self.variable else { return };
        let mut heap = std::mem::take(&mut exchange.heap);
        let value = Stored::jwt(token, &mut heap, exchange);
        exchange.heap = heap;
        exchange.variables.set(variable, value.map_or(HostValue::Null, HostValue::Stored));
    }
}

/// A discovery document: its issuer is known if the URL is literal.
#[derive(Debug)]
enum Document {
    Known(Arc<Provider>),
    Computed(Argument<Box<str>>),
}

/// A key of the policy.
#[derive(Debug)]
enum SigningKey {
    Known(Named),
    /// `id`, and base64 by an expression.
    Computed(Option<String>, Argument<Box<str>>),
}

#[derive(Debug)]
struct ValidateJwt {
    frame: Frame,
    scheme: Option<Argument<Box<str>>>,
    expiry: Argument<bool>,
    signed: Argument<bool>,
    skew: Option<Argument<Box<str>>>,
    documents: Vec<Document>,
    keys: Vec<SigningKey>,
    audiences: Vec<Argument<Box<str>>>,
    issuers: Vec<Argument<Box<str>>>,
    claims: Vec<Claim>,
}

/// No token is there. Sources differ in the reason and its text.
pub(super) fn not_present(exchange: &Exchange) -> Refusal {
    if exchange.worker.settings.missing_token_reason == "TokenNotFound" {
        Refusal { reason: "TokenNotFound", message: "JWT not found in the request. Access denied.".to_owned() }
    } else {
        Refusal { reason: "TokenNotPresent", message: "JWT not present.".to_owned() }
    }
}

/// Takes the token apart.
pub(super) fn parse(token: &str) -> Result<Parsed<'_>, Refusal> {
    match token.matches('.').count() {
        2 => Parsed::new(token).map_err(|_| Refusal::library("JwtInvalid", "IDX12709: JWT is not well formed.")),
        4 => Err(Refusal::library("JwtInvalid", "IDX10609: Decryption failed. No keys tried: encrypted tokens are not emulated.")),
        _ => Err(Refusal::library("JwtInvalid", "IDX12741: JWT must have three segments (JWS) or five segments (JWE).")),
    }
}

/// Seconds, also as a .NET time span.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let mut parts = text.splitn(3, ':').map(|part| part.parse::<i64>().ok().filter(|number| *number >= 0));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    hours.checked_mul(3_600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)
}

impl ValidateJwt {
    async fn check(&self, exchange: &mut Exchange, arguments: &Arguments) -> Result<Flow, Failure> {
        let scheme = self.scheme.as_ref().map(|scheme| arguments.text(scheme).to_owned()).filter(|scheme| !scheme.is_empty());
        let token = self.frame.token(exchange, arguments, scheme.as_deref());
        let checked = match &token {
            None => Err(not_present(exchange)),
            Some(token) => {
                // Not the exchange itself: it cannot be lent while something is waited for.
                let worker = exchange.worker.clone();
                self.inspect(&worker, arguments, token).await
            }
        };
        self.frame.conclude(exchange, "validate-jwt", token.as_deref(), checked).map_err(|refusal| {
            // As it is seen in traces.
            exchange.note("validate-jwt", |_| serde_json::json!({ "message": format!("JWT Validation Failed: {}.", refusal.message) }));
            self.frame.failure(refusal, arguments)
        })
    }

    async fn inspect(&self, worker: &Worker, arguments: &Arguments, token: &str) -> Result<(), Refusal> {
        let parsed = parse(token)?;
        let id = parsed.header.get("kid").and_then(Value::as_str);
        let mut configurations = Vec::new();
        for document in &self.documents {
            let provider = match document {
                Document::Known(provider) => provider.clone(),
                Document::Computed(url) => {
                    let url = arguments.text(url);
                    worker.state.issuers.get_or_insert_with(url, || Provider::new(url))
                }
            };
            let configuration = provider.configuration(worker, id).await;
            configurations.push(configuration.map_err(|error| Refusal::library("JwtInvalid", &format!("IDX20803: {error}.")))?);
        }
        let mut keys = Vec::new();
        for key in &self.keys {
            match key {
                SigningKey::Known(named) => keys.push(named.clone()),
                SigningKey::Computed(id, text) => {
                    let secret = keys::base64(arguments.text(text))
                        .ok_or_else(|| Refusal::library("JwtInvalid", "The signing key is not in base64."))?;
                    keys.push(Named { id: id.clone(), key: Key::Symmetric(Secret::new(secret)) });
                }
            }
        }
        let published = configurations.iter().flat_map(|configuration| &configuration.keys);
        checks::signature(&parsed, keys.iter().chain(published), arguments.boolean(&self.signed))?;
        let texts = |list: &[Argument<Box<str>>]| list.iter().map(|one| arguments.text(one).to_owned()).collect::<Vec<_>>();
        checks::audience(&parsed.claims, &texts(&self.audiences))?;
        let mut issuers = texts(&self.issuers);
        issuers.extend(configurations.iter().map(|configuration| configuration.issuer.clone()));
        checks::issuer(&parsed.claims, &issuers)?;
        let skew = self.skew.as_ref().and_then(|skew| seconds(arguments.text(skew))).unwrap_or(0);
        checks::lifetime(&parsed.claims, worker.state.clock.utc(), skew, arguments.boolean(&self.expiry))?;
        checks::claims(&parsed.claims, &self.claims, arguments)
    }
}

impl Statement for ValidateJwt {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, arguments: &mut Arguments) -> Run<'a> {
        let arguments = std::mem::take(arguments);
        Run::Later(Box::pin(async move { self.check(exchange, &arguments).await }))
    }
}

/// Texts of the `inner` elements in the one `outer` element.
pub(super) fn list(element: &Element, outer: &str, inner: &str, compiler: &mut Compiler<'_>) -> Vec<Argument<Box<str>>> {
    let items = element.elements_named(outer).flat_map(|list| list.elements_named(inner));
    items.map(|item| compiler.content(item)).collect()
}

/// `required-claims`.
pub(super) fn read_claims(element: &Element, compiler: &mut Compiler<'_>) -> Vec<Claim> {
    let claims = element.elements_named("required-claims").flat_map(|list| list.elements_named("claim"));
    let read = claims.map(|claim| Claim {
        name: compiler.required_literal(claim, "name"),
        any: compiler.text(claim, "match").unwrap_or_else(|| Argument::Literal(Box::from("all"))),
        separator: compiler.literal(claim, "separator"),
        values: claim.elements_named("value").map(|value| compiler.content(value)).collect(),
    });
    read.collect()
}

/// Encrypted tokens are not emulated: a policy that wants them is refused by name.
pub(super) fn refuse_decryption(element: &Element, compiler: &mut Compiler<'_>) {
    if let Some(keys) = element.elements_named("decryption-keys").next() {
        compiler.problem(keys, format!("the element `decryption-keys` of `{}` is known and not emulated", element.name));
    }
}

fn signing_key(element: &Element, compiler: &mut Compiler<'_>) -> Option<SigningKey> {
    let id = compiler.literal(element, "id");
    let known = |key: Key, id: Option<String>| Some(SigningKey::Known(Named { id, key }));
    if let Some(name) = compiler.literal(element, "certificate-id") {
        let stored = compiler.environment().certificates.get(name.trim().to_ascii_lowercase().as_str()).cloned();
        let key = stored.ok_or_else(|| format!("there is no certificate `{name}`")).and_then(|stored| {
            let identity = stored.identity().map_err(|error| format!("the certificate `{name}` cannot be used: {error}"))?;
            let chain = identity.certificate().chain;
            let parsed = chain.first().and_then(|first| rustls::server::ParsedCertificate::try_from(first).ok());
            parsed.map(|parsed| parsed.subject_public_key_info().to_vec()).ok_or_else(|| format!("the certificate `{name}` cannot be read"))
        });
        return match key {
            Ok(info) => known(Key::Certificate(info), id),
            Err(message) => {
                compiler.problem(element, message);
                None
            }
        };
    }
    if let (Some(modulus), Some(exponent)) = (compiler.literal(element, "n"), compiler.literal(element, "e")) {
        let Some(key) = Key::rsa(&modulus, &exponent) else {
            compiler.problem(element, "`n` and `e` of a `key` have to be in base64url");
            return None;
        };
        return known(key, id);
    }
    match compiler.content(element) {
        Argument::Literal(text) => {
            let Some(secret) = keys::base64(&text) else {
                compiler.problem(element, "a `key` of `validate-jwt` has to be in base64");
                return None;
            };
            known(Key::Symmetric(Secret::new(secret)), id)
        }
        computed @ Argument::Computed(_) => Some(SigningKey::Computed(id, computed)),
    }
}

/// `<validate-jwt …>`.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let frame = Frame::read(element, compiler, None);
    let scheme = compiler.text(element, "require-scheme");
    let expiry = compiler.boolean(element, "require-expiration-time").unwrap_or(Argument::Literal(true));
    let signed = compiler.boolean(element, "require-signed-tokens").unwrap_or(Argument::Literal(true));
    let skew = compiler.text(element, "clock-skew");
    if let Some(Argument::Literal(text)) = &skew
        && seconds(text).is_none()
    {
        compiler.problem(element, format!("the attribute `clock-skew` of `validate-jwt` cannot be `{text}`"));
    }
    let mut documents = Vec::new();
    for child in element.elements_named("openid-config") {
        documents.push(match compiler.required_text(child, "url") {
            Argument::Literal(url) => {
                Document::Known(compiler.environment().state.issuers.get_or_insert_with(url.trim(), || Provider::new(url.trim())))
            }
            computed @ Argument::Computed(_) => Document::Computed(computed),
        });
    }
    let keys = element.elements_named("issuer-signing-keys").flat_map(|keys| keys.elements_named("key"));
    let keys = keys.filter_map(|key| signing_key(key, compiler)).collect();
    refuse_decryption(element, compiler);
    let audiences = list(element, "audiences", "audience", compiler);
    let issuers = list(element, "issuers", "issuer", compiler);
    let claims = read_claims(element, compiler);
    compiler.run(ValidateJwt { frame, scheme, expiry, signed, skew, documents, keys, audiences, issuers, claims });
}
