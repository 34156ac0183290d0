//! The sources of a login, and what each needs to be there.

use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport, Url};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential, AzureDeveloperCliCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};

use super::AuthKind;
use super::assertion::{self, Assertion, Certificate, Origin};
use super::chain::LoginOptions;
use crate::azure::error::chain;
use crate::support::secret::Secret;

/// One source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Environment variables.
    Environment,
    /// Kubernetes workload identity.
    WorkloadIdentity,
    /// Managed identity.
    ManagedIdentity,
    /// Azure Pipelines.
    Pipelines,
    /// GitHub Actions.
    GitHub,
    /// Azure CLI.
    AzureCli,
    /// Azure Developer CLI.
    AzureDeveloperCli,
}

/// Why a source has no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    /// It is not set up; the next one may be.
    NotSetUp(String),
    /// It is set up, and failed. Going on could act as somebody else than was meant.
    Failed(String),
}

/// A variable that must be set, else the reason why this source is out.
fn variable<'a>(options: &'a LoginOptions, names: &[&str]) -> Result<&'a str, Silence> {
    names.iter().find_map(|name| options.environment.get(name)).ok_or_else(|| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        Silence::NotSetUp(format!("{} is not set", names.join(" or ")))
    })
}

impl Source {
    /// The sources of a kind, in the order in which they are asked.
    #[must_use]
    pub const fn of(kind: AuthKind) -> &'static [Self] {
        match kind {
            AuthKind::Auto => &[
                Self::Environment,
                Self::WorkloadIdentity,
                Self::ManagedIdentity,
                Self::Pipelines,
                Self::GitHub,
                Self::AzureCli,
                Self::AzureDeveloperCli,
            ],
            AuthKind::Cli => &[Self::AzureCli],
            AuthKind::Env => &[Self::Environment],
            AuthKind::Workload => &[Self::WorkloadIdentity],
            AuthKind::Managed => &[Self::ManagedIdentity],
            AuthKind::Pipelines => &[Self::Pipelines],
            AuthKind::Azd => &[Self::AzureDeveloperCli],
            AuthKind::GitHub => &[Self::GitHub],
        }
    }

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "managed identity",
            Self::Pipelines => "Azure Pipelines",
            Self::GitHub => "GitHub Actions",
            Self::AzureCli => "Azure CLI",
            Self::AzureDeveloperCli => "Azure Developer CLI",
        }
    }

    /// Whether its failure ends an automatic search. People have `az` and `azd` lying about; the others are set up on
    /// purpose.
    pub(super) const fn is_deliberate(self) -> bool {
        matches!(self, Self::Environment | Self::WorkloadIdentity | Self::Pipelines | Self::GitHub)
    }

    /// The credential, if the source is set up.
    pub(super) fn credential(self, options: &LoginOptions) -> Result<Arc<dyn TokenCredential>, Silence> {
        let built = match self {
            Self::Environment => return environment(options),
            Self::WorkloadIdentity => return workload(options),
            Self::Pipelines => return pipelines(options),
            Self::GitHub => return github(options),
            Self::ManagedIdentity => managed(options),
            Self::AzureCli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
                subscription: None,
                tenant_id: options.tenant.clone(),
                executor: options.executor.clone(),
            }))
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Self::AzureDeveloperCli => AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                tenant_id: options.tenant.clone(),
                executor: options.executor.clone(),
            }))
            .map(|credential| credential as Arc<dyn TokenCredential>),
        };
        built.map_err(|error| Silence::Failed(chain(&error)))
    }
}

/// HTTP options for talking to the authority: few repetitions, so that a wrong address is told within seconds.
fn http(options: &LoginOptions) -> ClientOptions {
    let mut custom = CustomConfiguration::default();
    custom.authority_host = options.cloud.authority.as_str().trim_end_matches('/').to_owned();
    ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::from(custom))),
        retry: RetryOptions::exponential(ExponentialRetryOptions { max_retries: 3, ..ExponentialRetryOptions::default() }),
        transport: options.transport.clone().map(Transport::new),
        ..ClientOptions::default()
    }
}

fn application(options: &LoginOptions, tenant: &str, client: &str, origin: Origin) -> Result<Arc<dyn TokenCredential>, Silence> {
    let assertion = Assertion {
        origin,
        endpoint: format!("{}/{tenant}/oauth2/v2.0/token", options.cloud.authority.as_str().trim_end_matches('/')),
        client_id: client.to_owned(),
        clock: options.clock.clone(),
        random: options.random.clone(),
        http: http(options),
    };
    match assertion::credential(tenant, assertion) {
        Ok(credential) => Ok(credential),
        Err(error) => Err(Silence::Failed(chain(&error))),
    }
}

fn environment(options: &LoginOptions) -> Result<Arc<dyn TokenCredential>, Silence> {
    let client = variable(options, &["AZURE_CLIENT_ID"])?;
    let secret = options.environment.get("AZURE_CLIENT_SECRET");
    let certificate = options.environment.get("AZURE_CLIENT_CERTIFICATE_PATH");
    let file = options.environment.get("AZURE_FEDERATED_TOKEN_FILE");
    if secret.is_none() && certificate.is_none() && file.is_none() {
        // A client id alone names a user-assigned managed identity or a GitHub or Pipelines login.
        let message = "`AZURE_CLIENT_ID` is set, but neither `AZURE_CLIENT_SECRET` nor `AZURE_CLIENT_CERTIFICATE_PATH` nor `AZURE_FEDERATED_TOKEN_FILE`";
        return Err(Silence::NotSetUp(message.to_owned()));
    }
    let tenant = tenant(options, &["AZURE_TENANT_ID"]).map_err(|_| {
        Silence::Failed("`AZURE_CLIENT_ID` is set with a secret, certificate or token file, but `AZURE_TENANT_ID` is not".to_owned())
    })?;
    if let Some(secret) = secret {
        let http = ClientSecretCredentialOptions { client_options: http(options) };
        let secret = azure_core::credentials::Secret::new(secret.to_owned());
        return match ClientSecretCredential::new(&tenant, client.to_owned(), secret, Some(http)) {
            Ok(credential) => Ok(credential),
            Err(error) => Err(Silence::Failed(chain(&error))),
        };
    }
    if let Some(path) = certificate {
        let password = options.environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD");
        let send_chain = options.environment.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
        let send_chain = send_chain.is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true"));
        let certificate = Certificate::read(path, password, send_chain).map_err(Silence::Failed)?;
        return application(options, &tenant, client, Origin::Certificate(Box::new(certificate)));
    }
    application(options, &tenant, client, Origin::File(file.unwrap_or_default().to_owned()))
}

fn workload(options: &LoginOptions) -> Result<Arc<dyn TokenCredential>, Silence> {
    let file = variable(options, &["AZURE_FEDERATED_TOKEN_FILE"])?;
    let client = variable(options, &["AZURE_CLIENT_ID"])?;
    let tenant = tenant(options, &["AZURE_TENANT_ID"])?;
    application(options, &tenant, client, Origin::File(file.to_owned()))
}

/// Variables as the tasks `AzureCLI@2` and `AzurePowerShell@5` set them, or the plain ones.
fn pipelines(options: &LoginOptions) -> Result<Arc<dyn TokenCredential>, Silence> {
    let uri = variable(options, &["SYSTEM_OIDCREQUESTURI"])?;
    let client = variable(options, &["AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"])?;
    let tenant = tenant(options, &["AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"])?;
    let connection = variable(options, &["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "AZURE_SERVICE_CONNECTION_ID"])?;
    let token = variable(options, &["SYSTEM_ACCESSTOKEN"]).map_err(|_| {
        Silence::Failed(
            "`SYSTEM_ACCESSTOKEN` is not set: map it in the task, `env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`".to_owned(),
        )
    })?;
    let mut url = Url::parse(uri).map_err(|error| Silence::Failed(format!("`SYSTEM_OIDCREQUESTURI`: {error}")))?;
    url.query_pairs_mut().append_pair("api-version", "7.1").append_pair("serviceConnectionId", connection);
    application(options, &tenant, client, Origin::Pipelines { url, token: Secret::new(token.to_owned()) })
}

fn github(options: &LoginOptions) -> Result<Arc<dyn TokenCredential>, Silence> {
    let url = variable(options, &["ACTIONS_ID_TOKEN_REQUEST_URL"]).map_err(|_| {
        Silence::NotSetUp(
            "`ACTIONS_ID_TOKEN_REQUEST_URL` is not set (in a workflow it needs `permissions: { id-token: write }`)".to_owned(),
        )
    })?;
    let token = variable(options, &["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])?;
    let client = variable(options, &["AZURE_CLIENT_ID"])?;
    let tenant = tenant(options, &["AZURE_TENANT_ID"])?;
    let mut url = Url::parse(url).map_err(|error| Silence::Failed(format!("`ACTIONS_ID_TOKEN_REQUEST_URL`: {error}")))?;
    // Audiences of the sovereign clouds: Microsoft, "Configure an app to trust an external identity provider".
    let audience = match options.cloud.name.as_str() {
        "AzureUSGovernment" => "api://AzureADTokenExchangeUSGov",
        "AzureChinaCloud" => "api://AzureADTokenExchangeChina",
        _ => "api://AzureADTokenExchange",
    };
    url.query_pairs_mut().append_pair("audience", audience);
    application(options, &tenant, client, Origin::GitHub { url, token: Secret::new(token.to_owned()) })
}

fn managed(options: &LoginOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let user_assigned_id = options.environment.get("AZURE_CLIENT_ID").map(|id| UserAssignedId::ClientId(id.to_owned()));
    ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id,
        client_options: ClientOptions { cloud: None, ..http(options) },
    }))
    .map(|credential| credential as Arc<dyn TokenCredential>)
}

fn tenant(options: &LoginOptions, names: &[&str]) -> Result<String, Silence> {
    match &options.tenant {
        Some(tenant) => Ok(tenant.clone()),
        None => variable(options, names).map(str::to_owned),
    }
}
