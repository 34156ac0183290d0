//! Whether addresses answer from this machine. The gateway may stand in another network: what does not answer here is worth knowing, and
//! proves nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use azure_core::http::{HttpClient as _, Method, Request, Url};

use crate::azure::transport::Network;
use crate::deploy::doctor::{Check, Health};
use crate::spec::Spec;
use crate::support::clock::SystemClock;

/// Where every gateway of API Management says that it is there (Microsoft, "Monitor API Management": `/status-0123456789abcdef`).
const STATUS: &str = "/status-0123456789abcdef";

/// The addresses of backends that are no accounts, and the accounts' usual ones.
pub(super) async fn backends(spec: &Spec) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, backend) in &spec.backends {
        let account = backend.open_ai.as_ref().and_then(|key| spec.open_ai.get(key));
        let address = match (&backend.url, account) {
            (Some(url), _) => url.clone(),
            (None, Some(account)) => match (&account.endpoint, &account.custom_sub_domain_name) {
                (Some(endpoint), _) => endpoint.clone(),
                (None, name) => format!("https://{}.openai.azure.com/", name.as_deref().unwrap_or(&account.account)),
            },
            (None, None) => continue,
        };
        checks.push(one(format!("backend `{name}`"), &address, Health::Doubtful).await);
    }
    checks
}

/// The gateway itself.
pub(super) async fn gateway(url: &str) -> Check {
    one("the gateway".to_owned(), &format!("{}{STATUS}", url.trim_end_matches('/')), Health::Doubtful).await
}

async fn one(name: String, address: &str, otherwise: Health) -> Check {
    let Ok(url) = Url::parse(address) else {
        return Check::new("Network", name, Health::Bad, format!("`{address}` is no address"));
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    let network = Network::new(Arc::new(SystemClock), Arc::new(AtomicBool::new(false)));
    match network.execute_request(&Request::new(url, Method::Get)).await {
        // Any answer at all proves that it is there: without a key and a path nobody answers 200.
        Ok(answer) => Check::new("Network", name, Health::Good, format!("`{host}` answers ({})", u16::from(answer.status()))),
        Err(error) => {
            let cure = "look at name resolution, firewall and proxy; a gateway in a virtual network may reach what this machine does not";
            Check::new("Network", name, otherwise, format!("`{host}` does not answer from here: {error}")).cure(cure)
        }
    }
}
