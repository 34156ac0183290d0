//! The Azure OpenAI accounts of the embedded ARM, as the simulator asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::Emulator;
use crate::simulator::{Account, Deployment, Directory, Throughput};
use crate::support::secret::Secret;

const ACCOUNT: &str = "Microsoft.CognitiveServices/accounts";
/// Domains below which an account answers by its subdomain, whatever its `endpoint` says.
const DOMAINS: [&str; 3] = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];

/// Accounts and role assignments that ARM keeps, read again when it has changed.
#[derive(Debug)]
pub struct StoredAccounts {
    emulator: Arc<Emulator>,
    revision: watch::Receiver<u64>,
    /// A key that nobody knows: an account always has keys.
    own_key: Secret<String>,
    read: Mutex<Option<(u64, Arc<Vec<Known>>)>>,
}

#[derive(Debug)]
struct Known {
    id: ResourceId,
    /// Lower case.
    host: Option<String>,
    account: Arc<Account>,
}

impl StoredAccounts {
    /// The accounts of `emulator`. `own_key` is taken by all of them.
    ///
    /// What backends and named values hold as secrets is taken as a key of every account too: the embedded ARM does not emulate `listKeys`,
    /// and what an operator wrote there is meant to be right (assumed). Keys of gateway subscriptions are not among them, so a client's key
    /// that leaks to an account is refused as it would be.
    #[must_use]
    pub fn new(emulator: Arc<Emulator>, own_key: Secret<String>) -> Self {
        let revision = emulator.store().changes();
        Self { emulator, revision, own_key, read: Mutex::default() }
    }

    fn known(&self) -> Arc<Vec<Known>> {
        let revision = *self.revision.borrow();
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match &*read {
            Some((own, known)) if *own == revision => known.clone(),
            _ => {
                let known = Arc::new(self.all());
                *read = Some((revision, known.clone()));
                known
            }
        }
    }

    fn all(&self) -> Vec<Known> {
        let snapshot = self.emulator.store().snapshot();
        let holds_keys = |stored: &&Arc<Stored>| {
            stored.id.is_type("Microsoft.ApiManagement/service/backends")
                || stored.id.is_type("Microsoft.ApiManagement/service/namedValues")
        };
        let mut keys: Vec<_> = snapshot.values().filter(holds_keys).flat_map(|stored| stored.secrets.values().cloned()).collect();
        keys.push(self.own_key.clone());
        let accounts = snapshot.values().filter(|stored| stored.id.is_type(ACCOUNT)).map(|stored| {
            let deployments = snapshot
                .range(stored.id.child("deployments", "")..)
                .take_while(|(id, _)| id.is_below(&stored.id))
                .filter(|(id, _)| id.is_type("Microsoft.CognitiveServices/accounts/deployments"))
                .map(|(_, deployment)| read_deployment(deployment));
            let text = |pointer: &str| stored.body.pointer(pointer).and_then(Value::as_str);
            let host = text("/properties/endpoint").and_then(|url| url::Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase));
            let account = Account {
                name: stored.id.name().to_owned(),
                location: text("/location").unwrap_or_default().to_owned(),
                custom_subdomain: text("/properties/customSubDomainName").map(str::to_owned),
                keys: keys.clone(),
                local_auth_disabled: stored.body.pointer("/properties/disableLocalAuth").and_then(Value::as_bool).unwrap_or(false),
                deployments: deployments.collect(),
            };
            Known { id: stored.id.clone(), host, account: Arc::new(account) }
        });
        accounts.collect()
    }
}

fn read_deployment(stored: &Stored) -> Deployment {
    let text = |pointer: &str| stored.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (model, sku) = (text("/properties/model/name"), text("/sku/name"));
    let capacity = stored.body.pointer("/sku/capacity").and_then(Value::as_u64).and_then(|capacity| u32::try_from(capacity).ok());
    Deployment {
        name: stored.id.name().to_owned(),
        model: if model.is_empty() { stored.id.name().to_owned() } else { model },
        version: text("/properties/model/version"),
        throughput: capacity.map_or(Throughput::Unlimited, |capacity| Throughput::of_sku(&sku, capacity)),
        sku,
    }
}

impl Directory for StoredAccounts {
    fn account(&self, name: &str) -> Option<Arc<Account>> {
        self.known().iter().find(|known| known.account.name.eq_ignore_ascii_case(name)).map(|known| known.account.clone())
    }

    fn account_by_host(&self, host: &str) -> Option<Arc<Account>> {
        let host = host.to_ascii_lowercase();
        let label = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain));
        let named = |known: &&Known| {
            known.host.as_deref() == Some(host.as_str())
                || label.is_some_and(|label| known.account.custom_subdomain.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(label)))
        };
        self.known().iter().find(named).map(|known| known.account.clone())
    }

    fn accounts(&self) -> Vec<Arc<Account>> {
        self.known().iter().map(|known| known.account.clone()).collect()
    }

    fn may(&self, principal: &str, account: &Account, action: &str) -> bool {
        let known = self.known();
        let scope = known.iter().find(|known| known.account.name == account.name);
        scope.is_some_and(|known| self.emulator.check_data_action(principal, &known.id, action).is_ok())
    }
}
