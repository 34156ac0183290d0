//! The search for a login, and the token that was found.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{HttpClient, Method, Request, Url, new_http_client};
use azure_identity::Executor;
use futures::future::{Either, select};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::AuthKind;
use super::claims::Principal;
use super::source::{Silence, Source};
use crate::azure::cloud::Cloud;
use crate::azure::error::chain;
use crate::azure::hint;
use crate::support::clock::SharedClock;
use crate::support::environment::Environment;
use crate::support::random::SharedRandom;

/// A token with more than this left is asked for again only when the service has refused it (azure_core renews its own
/// copy from five minutes before the end on).
const RENEWAL: Duration = Duration::from_secs(300);
/// For so long a new token is simply handed out to whoever asks.
const SHARED: Duration = Duration::from_secs(30);
/// The metadata service of a virtual machine is on the same host: it answers at once or is not there.
const PROBE: Duration = Duration::from_millis(500);
const METADATA_SERVICE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// How to log in.
#[derive(Clone)]
pub struct LoginOptions {
    /// Which source, or all of them in turn.
    pub kind: AuthKind,
    /// Variables. Only the App Service identity endpoint and the PATH of `az` are read from the process itself, by
    /// azure_identity.
    pub environment: Environment,
    /// Whose authority.
    pub cloud: Cloud,
    /// The tenant that the specification names; `None` leaves it to the source.
    pub tenant: Option<String>,
    /// Time.
    pub clock: SharedClock,
    /// Ids of assertions.
    pub random: SharedRandom,
    /// `None`: the real network.
    pub transport: Option<Arc<dyn HttpClient>>,
    /// Runs `az` and `azd`; `None`: as child processes.
    pub executor: Option<Arc<dyn Executor>>,
}

impl fmt::Debug for LoginOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoginOptions").field("kind", &self.kind).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

struct Found {
    source: Source,
    credential: Arc<dyn TokenCredential>,
    scopes: Vec<String>,
    token: AccessToken,
    obtained: Instant,
}

/// A login: searches once, keeps what it found, renews its token. Concurrent callers share one search.
pub struct Login {
    options: LoginOptions,
    found: Mutex<Option<Found>>,
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Login").field("kind", &self.options.kind).finish_non_exhaustive()
    }
}

impl Login {
    /// A login; nothing is asked before the first token is needed.
    #[must_use]
    pub fn new(options: LoginOptions) -> Self {
        Self { options, found: Mutex::new(None) }
    }

    /// Who is logged in; searches when that has not happened yet.
    ///
    /// # Errors
    /// No source has a token: the error says what each one answered.
    pub async fn describe(&self) -> azure_core::Result<Principal> {
        let scope = self.options.cloud.scope();
        let mut found = self.found.lock().await;
        if let Some(found) = found.as_ref() {
            return Ok(Principal::of_token(found.source.name(), found.token.token.secret()));
        }
        let now = self.search(&[&scope]).await?;
        let principal = Principal::of_token(now.source.name(), now.token.token.secret());
        *found = Some(now);
        Ok(principal)
    }

    /// Asks the sources in turn.
    async fn search(&self, scopes: &[&str]) -> azure_core::Result<Found> {
        let sources = Source::of(self.options.kind);
        let mut answers = Vec::new();
        for &source in sources {
            match self.ask(source, scopes, sources.len() > 1).await {
                Ok(found) => return Ok(found),
                Err(silence) => {
                    let ended = matches!(silence, Silence::Failed(_)) && source.is_deliberate();
                    let (Silence::NotSetUp(text) | Silence::Failed(text)) = silence;
                    answers.push((source, one_line(&text)));
                    if ended {
                        break;
                    }
                }
            }
        }
        Err(azure_core::Error::with_message(ErrorKind::Credential, self.report(&answers)))
    }

    async fn ask(&self, source: Source, scopes: &[&str], one_of_many: bool) -> Result<Found, Silence> {
        if source == Source::ManagedIdentity && one_of_many && !self.has_managed_identity().await {
            return Err(Silence::NotSetUp("neither an identity endpoint nor a metadata service is here".to_owned()));
        }
        let credential = source.credential(&self.options)?;
        let token = credential.get_token(scopes, None).await.map_err(|error| {
            let text = chain(&error);
            // azure_identity keeps only the outer words of a failed connection.
            let unreachable = text.contains("the request will no longer be retried");
            Silence::Failed(if unreachable { format!("{} cannot be reached", self.options.cloud.authority) } else { text })
        })?;
        Ok(Found {
            source,
            credential,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            token,
            obtained: self.options.clock.now(),
        })
    }

    /// Whether there is a managed identity to ask. Without this look, a laptop would wait minutes for an address that
    /// does not exist there.
    async fn has_managed_identity(&self) -> bool {
        if ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"].iter().any(|name| self.options.environment.get(name).is_some()) {
            return true;
        }
        let Ok(url) = Url::parse(METADATA_SERVICE) else { return false };
        // Without its `Metadata` header the service refuses: any answer at all proves that it is there.
        let request = Request::new(url, Method::Get);
        let client = self.options.transport.clone().unwrap_or_else(|| new_http_client(None));
        let probe = client.execute_request(&request);
        match select(probe, self.options.clock.sleep(PROBE)).await {
            // A proxy may answer for an address that is not there; the service itself says 400.
            Either::Left((Ok(response), _)) => u16::from(response.status()) == 400,
            _ => false,
        }
    }

    /// One line for each source that was asked, and the command that mends it.
    fn report(&self, answers: &[(Source, String)]) -> String {
        let mut text = String::from("no login was found");
        for (source, answer) in answers {
            text.push_str(&format!("; {}: {answer}", source.name()));
        }
        if let Some(cure) = answers.iter().find_map(|(_, answer)| hint::of_transport(answer, &self.options.cloud.authority)) {
            text.push_str("; ");
            text.push_str(&cure);
        }
        let failed = answers.iter().rev().find(|(source, _)| *source == Source::AzureCli);
        let command = match failed {
            Some((_, answer)) => Some(login_command(answer, self.options.tenant.as_deref())),
            None if answers.iter().any(|(source, _)| *source == Source::AzureDeveloperCli) => Some("azd auth login".to_owned()),
            None => None,
        };
        if let Some(command) = command {
            text.push_str(&format!("; run `{command}`"));
        }
        text
    }
}

#[async_trait]
impl TokenCredential for Login {
    async fn get_token(&self, scopes: &[&str], _options: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let mut found = self.found.lock().await;
        let Some(current) = found.as_mut() else {
            let now = self.search(scopes).await?;
            let token = now.token.clone();
            *found = Some(now);
            return Ok(token);
        };
        let asked_again = current.scopes == scopes;
        let fresh = current.token.expires_on - self.options.clock.utc() > RENEWAL;
        // Several clients, and `describe`, may ask for the first time.
        let now = self.options.clock.now();
        if asked_again && fresh && now.saturating_duration_since(current.obtained) < SHARED {
            return Ok(current.token.clone());
        }
        // Later, being asked for a token that is still good means that the service has refused it: azure_identity's own
        // cache must not hand it out again.
        if asked_again && fresh {
            current.credential = current.source.credential(&self.options).map_err(|silence| {
                let (Silence::NotSetUp(text) | Silence::Failed(text)) = silence;
                azure_core::Error::with_message(ErrorKind::Credential, text)
            })?;
        }
        let token = current.credential.get_token(scopes, None).await.map_err(|error| {
            let answers = [(current.source, one_line(&chain(&error)))];
            azure_core::Error::with_message(ErrorKind::Credential, self.report(&answers))
        })?;
        current.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        current.token = token.clone();
        current.obtained = now;
        Ok(token)
    }
}

/// The whole answer on one line, without the advice that repeats itself in every one of azure_identity's errors.
fn one_line(text: &str) -> String {
    let text = text.split("To troubleshoot, visit").next().unwrap_or(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.trim_end_matches(['.', ' ', ';']).to_owned()
}

/// The `az login` that mends `answer`: for the tenant that the specification names, else for the one that `az` names.
fn login_command(answer: &str, tenant: Option<&str>) -> String {
    let named = || {
        let after = answer.split("--tenant").nth(1)?;
        let word = after.split_whitespace().next()?.trim_matches(['"', '\'', '`', '=']);
        let is_tenant = !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.');
        is_tenant.then(|| word.to_owned())
    };
    match tenant.map(str::to_owned).or_else(named) {
        Some(tenant) => format!("az login --tenant {tenant}"),
        None => "az login".to_owned(),
    }
}
