//! Accounts and deployments, and who may use them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::support::secret::Secret;
use crate::tokens::{Encoding, encoding_of_model};

/// An Azure OpenAI or AI Foundry account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, which is also what rules of a behavior name.
    pub name: String,
    /// Its region, for instance `swedencentral`.
    pub location: String,
    /// `customSubDomainName`; without one the account takes keys only.
    pub custom_subdomain: Option<String>,
    /// Both keys. Without any, every key is taken: for accounts that only stand for load.
    pub keys: Vec<Secret<String>>,
    /// `disableLocalAuth`: keys are refused.
    pub local_auth_disabled: bool,
    /// Its deployments.
    pub deployments: Vec<Deployment>,
}

impl Account {
    /// An account in `location` with a subdomain of its own name, without deployments and keys.
    #[must_use]
    pub fn new(name: impl Into<String>, location: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            custom_subdomain: Some(name.to_lowercase()),
            name,
            location: location.into(),
            keys: Vec::new(),
            local_auth_disabled: false,
            deployments: Vec::new(),
        }
    }

    /// With one more deployment.
    #[must_use]
    pub fn with(mut self, deployment: Deployment) -> Self {
        self.deployments.push(deployment);
        self
    }

    /// With one more key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(Secret::new(key.into()));
        self
    }

    /// The deployment of that name; case is ignored, as the service does.
    #[must_use]
    pub fn deployment(&self, name: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.name.eq_ignore_ascii_case(name))
    }

    /// Its region as the service writes it in `x-ms-region` (`Sweden Central`).
    #[must_use]
    pub fn region(&self) -> &str {
        super::headers::region(&self.location)
    }
}

/// One deployment of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// Its name, which stands in URLs.
    pub name: String,
    /// The model, for instance `gpt-4o-mini`.
    pub model: String,
    /// The model's version, for instance `2024-07-18`.
    pub version: String,
    /// The SKU's name, for instance `GlobalStandard` or `ProvisionedManaged`.
    pub sku: String,
    /// How much it takes.
    pub throughput: Throughput,
}

/// How much a deployment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throughput {
    /// Everything: for load tests.
    Unlimited,
    /// Pay as you go.
    Standard {
        /// Tokens per minute.
        tokens_per_minute: u32,
        /// Requests per minute.
        requests_per_minute: u32,
    },
    /// Provisioned throughput: what its units process in a minute.
    Provisioned {
        /// Tokens per minute of all its units.
        tokens_per_minute: u32,
    },
}

impl Throughput {
    /// What a SKU's capacity means. Pay as you go: 1,000 tokens and 6 requests per minute and unit (Microsoft's page on quota);
    /// provisioned: 2,500 tokens per minute and unit (the page on provisioned throughput, `gpt-4o`; other models differ).
    #[must_use]
    pub fn of_sku(sku: &str, capacity: u32) -> Self {
        if sku.to_ascii_lowercase().contains("provisioned") {
            return Self::Provisioned { tokens_per_minute: capacity.saturating_mul(2_500) };
        }
        Self::Standard { tokens_per_minute: capacity.saturating_mul(1_000), requests_per_minute: capacity.saturating_mul(6) }
    }
}

impl Deployment {
    /// A deployment without limits.
    #[must_use]
    pub fn new(name: impl Into<String>, model: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            model: model.into(),
            version: version.into(),
            sku: "GlobalStandard".to_owned(),
            throughput: Throughput::Unlimited,
        }
    }

    /// With limits.
    #[must_use]
    pub fn taking(mut self, throughput: Throughput) -> Self {
        self.throughput = throughput;
        self
    }

    /// The model with its version, as answers name it.
    #[must_use]
    pub fn full_model(&self) -> String {
        if self.version.is_empty() || self.model.starts_with("text-embedding") {
            return self.model.clone();
        }
        format!("{}-{}", self.model, self.version)
    }

    /// How its texts are counted.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        encoding_of_model(&self.model)
    }
}

/// Where accounts come from. The world maps the embedded ARM's accounts and role assignments to it.
pub trait Directory: Send + Sync + fmt::Debug {
    /// The account of that name.
    fn account(&self, name: &str) -> Option<Arc<Account>>;
    /// The account whose endpoint has that host (`doveia-frc.openai.azure.com`); a port is no part of it.
    fn account_by_host(&self, host: &str) -> Option<Arc<Account>>;
    /// All accounts.
    fn accounts(&self) -> Vec<Arc<Account>>;
    /// Whether a principal (object id) may do a data action (`Microsoft.CognitiveServices/accounts/OpenAI/…`) on an account.
    fn may(&self, principal: &str, account: &Account, action: &str) -> bool;
}

/// Who may use accounts with a token.
#[derive(Debug, Clone, Default)]
pub enum Principals {
    /// Whoever has a good token.
    #[default]
    Everyone,
    /// By account name: object ids.
    Named(BTreeMap<String, BTreeSet<String>>),
}

/// A fixed list of accounts.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    accounts: Vec<Arc<Account>>,
    principals: Principals,
}

impl Accounts {
    /// These accounts; whoever has a good token may use them.
    #[must_use]
    pub fn new(accounts: impl IntoIterator<Item = Account>) -> Self {
        Self { accounts: accounts.into_iter().map(Arc::new).collect(), principals: Principals::Everyone }
    }

    /// Who may use them with a token.
    #[must_use]
    pub fn used_by(mut self, principals: Principals) -> Self {
        self.principals = principals;
        self
    }
}

impl Directory for Accounts {
    fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.accounts.iter().find(|account| account.name.eq_ignore_ascii_case(name)).cloned()
    }

    fn account_by_host(&self, host: &str) -> Option<Arc<Account>> {
        let label = host.split('.').next()?;
        let named = |account: &&Arc<Account>| account.custom_subdomain.as_deref().unwrap_or(&account.name).eq_ignore_ascii_case(label);
        self.accounts.iter().find(named).cloned()
    }

    fn accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.clone()
    }

    fn may(&self, principal: &str, account: &Account, _action: &str) -> bool {
        match &self.principals {
            Principals::Everyone => true,
            Principals::Named(named) => named.get(&account.name).is_some_and(|principals| principals.contains(principal)),
        }
    }
}
