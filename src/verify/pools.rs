//! Pools as ARM has them, and how an answer tells which member it is of.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::gateway::{Told as _, plain_region};
use super::statistics::Expected;
use super::subject::Subject;
use crate::arm::ResourceId;
use crate::arm::catalogue;
use crate::azure::{AzureError, Reply};
use crate::scenario::Answer;

const BACKEND: &str = "Microsoft.ApiManagement/service/backends";
const ACCOUNT: &str = "Microsoft.CognitiveServices/accounts";
/// Who answered where nobody can tell.
pub(super) const UNKNOWN: &str = "?";

/// A pool.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) id: ResourceId,
    pub(super) members: Vec<Member>,
    /// The whole resource with its entity tag.
    pub(super) body: Value,
    pub(super) api_version: String,
}

/// A member of a pool.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// The backend's name.
    pub(super) backend: String,
    pub(super) priority: u64,
    pub(super) weight: u64,
    /// Region of the account behind it, as answers name it.
    pub(super) region: Option<String>,
    /// Its circuit breaker, as ARM has it.
    pub(super) breaker: Option<Value>,
    /// Thousands of tokens a minute of the account's smallest deployment, if it has such a limit.
    pub(super) capacity: Option<u64>,
}

/// An account behind a backend.
#[derive(Debug, Clone)]
struct Account {
    hosts: Vec<String>,
    region: String,
    capacity: Option<u64>,
}

impl Pool {
    pub(super) fn name(&self) -> &str {
        self.id.name()
    }

    /// The best priority of all members: who gets the requests while nobody has tripped.
    pub(super) fn first_priority(&self) -> u64 {
        self.members.iter().map(|member| member.priority).min().unwrap_or(0)
    }

    /// Members that get requests while nobody has tripped.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &Member> {
        let first = self.first_priority();
        self.members.iter().filter(move |member| member.priority == first)
    }

    /// What members are called by whoever looks at answers: members in one region share a name.
    pub(super) fn label(&self, member: &Member) -> String {
        match &member.region {
            None => UNKNOWN.to_owned(),
            Some(region) => {
                let same = self.members.iter().filter(|other| other.region.as_ref() == Some(region));
                same.map(|other| other.backend.as_str()).collect::<Vec<_>>().join(" + ")
            }
        }
    }

    /// Who gave an answer, by its region header.
    pub(super) fn who(&self, answer: &Answer) -> String {
        let region = answer.region();
        let member = self.members.iter().find(|member| member.region.is_some() && member.region == region);
        member.map_or_else(|| UNKNOWN.to_owned(), |member| self.label(member))
    }

    /// Whether answers tell the members that are in use apart.
    pub(super) fn is_told_apart(&self) -> bool {
        let labels: Vec<String> = self.in_use().map(|member| self.label(member)).collect();
        labels.iter().enumerate().all(|(index, label)| label != UNKNOWN && !labels.iter().take(index).any(|other| other == label))
    }

    /// How long to wait between two requests that go to `members` in turn, so that checks take no more than half of what the accounts let
    /// through: six requests a minute for each thousand tokens, evened out over ten seconds (documented). A check must not trip the breakers
    /// of those who depend on the pool.
    pub(super) fn pace<'a>(&self, members: impl Iterator<Item = &'a Member>) -> Duration {
        let each: Vec<Option<u64>> = members.map(|member| member.capacity).collect();
        let Some(least) = each.iter().flatten().min() else { return Duration::ZERO };
        let requests = (*least).max(1) * each.len() as u64;
        Duration::from_secs(20) / u32::try_from(requests).unwrap_or(u32::MAX)
    }

    /// What share of requests each member should get while nobody has tripped.
    pub(super) fn expected(&self) -> Vec<Expected> {
        let total: u64 = self.in_use().map(|member| member.weight).sum();
        let count = self.in_use().count().max(1) as f64;
        let first = self.first_priority();
        let mut shares: BTreeMap<String, f64> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for member in &self.members {
            let label = self.label(member);
            if !order.contains(&label) {
                order.push(label.clone());
            }
            let share = match (member.priority == first, total) {
                (false, _) => 0.0,
                // Weights of 0 only: nothing is said about shares.
                (true, 0) => 1.0 / count,
                (true, total) => member.weight as f64 / total as f64,
            };
            *shares.entry(label).or_insert(0.0) += share;
        }
        order.into_iter().map(|member| Expected { share: shares.get(&member).copied().unwrap_or(0.0), member }).collect()
    }
}

/// Every pool of the specification that is there.
pub(super) async fn read(subject: &Subject<'_>) -> Result<Vec<Pool>, AzureError> {
    let accounts = accounts(subject).await?;
    let mut pools = Vec::new();
    for resource in &subject.desired.resources {
        let Some(id) = resource.id.known().filter(|id| id.is_type(BACKEND)) else { continue };
        if resource.body.value.pointer("/properties/pool").is_none() {
            continue;
        }
        // It may be written back: nothing that only a preview shows may be lost.
        let version = catalogue::find(BACKEND).map_or(resource.api_version.as_str(), |entry| entry.newest_api_version());
        if let Some(found) = subject.client.get(id.as_str(), version, &[]).await? {
            pools.push(read_pool(subject, id, version, found, &accounts).await?);
        }
    }
    Ok(pools)
}

/// One pool with its members.
async fn read_pool(
    subject: &Subject<'_>,
    id: &ResourceId,
    api_version: &str,
    found: Reply,
    accounts: &[Account],
) -> Result<Pool, AzureError> {
    let mut members = Vec::new();
    let services = found.body.pointer("/properties/pool/services").and_then(Value::as_array).cloned().unwrap_or_default();
    for service in services {
        let text = service.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = text.rsplit('/').next().unwrap_or_default();
        let Some(backend) = subject.service().map(|service| service.child("backends", name)) else { continue };
        let version = catalogue::find(BACKEND).map_or(api_version, |entry| entry.api_version);
        let body = subject.client.get(backend.as_str(), version, &[]).await?.map(|found| found.body).unwrap_or_default();
        let number = |name: &str| service.get(name).and_then(Value::as_u64);
        let host = body.pointer("/properties/url").and_then(Value::as_str).and_then(host_of);
        let account = host.and_then(|host| accounts.iter().find(|account| account.hosts.contains(&host)));
        members.push(Member {
            backend: backend.name().to_owned(),
            // Defaults are not documented; assumed as the local gateway has them.
            priority: number("priority").unwrap_or(0),
            weight: number("weight").unwrap_or(1),
            region: account.map(|account| account.region.clone()),
            capacity: account.and_then(|account| account.capacity),
            breaker: body.pointer("/properties/circuitBreaker/rules/0").filter(|rule| !rule.is_null()).cloned(),
        });
    }
    Ok(Pool { id: id.clone(), members, body: found.body, api_version: api_version.to_owned() })
}

fn host_of(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_ascii_lowercase)
}

/// The specification's accounts with all their hosts.
async fn accounts(subject: &Subject<'_>) -> Result<Vec<Account>, AzureError> {
    let version = catalogue::find(ACCOUNT).map_or("2024-10-01", |entry| entry.api_version);
    let mut accounts = Vec::new();
    for account in &subject.desired.accounts {
        let Some(found) = subject.client.get(account.id.as_str(), version, &[]).await? else { continue };
        let text = |pointer: &str| found.body.pointer(pointer).and_then(Value::as_str);
        let Some(region) = text("/location").map(plain_region) else { continue };
        let mut hosts: Vec<String> = text("/properties/endpoint").and_then(host_of).into_iter().collect();
        if let Some(subdomain) = text("/properties/customSubDomainName") {
            // One account answers at all of these.
            for domain in ["openai.azure.com", "cognitiveservices.azure.com", "services.ai.azure.com"] {
                hosts.push(format!("{}.{domain}", subdomain.to_ascii_lowercase()));
            }
        }
        let deployments = subject.client.list(&format!("{}/deployments", account.id), version, &[]).await?;
        let wanted = |item: &Value| {
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            account.account.deployments.iter().any(|own| own.name().eq_ignore_ascii_case(name))
        };
        // Provisioned throughput is no number of tokens.
        let metered = |item: &Value| {
            let sku = item.pointer("/sku/name").and_then(Value::as_str).unwrap_or_default();
            !sku.to_ascii_lowercase().contains("provisioned")
        };
        let capacities = deployments.iter().filter(|item| wanted(item) && metered(item));
        let capacity = capacities.filter_map(|item| item.pointer("/sku/capacity").and_then(Value::as_u64)).min();
        accounts.push(Account { hosts, region, capacity });
    }
    Ok(accounts)
}
