//! Holds the manifest while an apply runs: the lease, and the list that is written before what it names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::error::DeployError;
use super::journal::Journal;
use super::lease::Lease;
use super::manifest::{self, Base, Chunk, Manifest};
use crate::arm::ResourceId;
use crate::arm::catalogue;
use crate::azure::{ArmClient, AzureError, Outcome, Precondition};
use crate::support::clock::SharedClock;

const KIND: &str = "Microsoft.ApiManagement/service/namedValues";
/// How long the write of a named value may take; it is a matter of seconds.
const DEADLINE: Duration = Duration::from_secs(600);
/// How often a write that met another one is tried again.
const ATTEMPTS: u32 = 6;
/// How long is waited before the second try; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The manifest of one specification, held by this run.
pub(super) struct Keeper {
    client: ArmClient,
    base: Base,
    clock: SharedClock,
    held: Mutex<Held>,
    /// Who has taken the lease.
    lost: OnceLock<String>,
    /// Until when the lease that was last written holds.
    expires: std::sync::Mutex<OffsetDateTime>,
}

struct Held {
    manifest: Manifest,
    /// Of the head.
    etag: Option<String>,
    /// Numbers of named values that hold nothing any more.
    idle: BTreeSet<u32>,
    /// The lease, while it is being given back.
    given_back: Option<Lease>,
}

/// Who takes the manifest.
pub(super) struct Applicant<'a> {
    pub client: &'a ArmClient,
    pub service: &'a ResourceId,
    pub owner: &'a str,
    pub holder: &'a str,
    pub clock: &'a SharedClock,
    pub journal: &'a Journal,
    /// A fresh lease's id.
    pub lease_id: String,
    /// The revision that the plan was computed from; `None` when there was no manifest.
    pub planned_revision: Option<u64>,
}

impl Keeper {
    /// Takes the lease and enters what this run will make (`change`), in one write of the head.
    pub(super) async fn acquire(applicant: Applicant<'_>, change: impl Fn(&mut Manifest)) -> Result<Self, DeployError> {
        // A run of this machine that died left its lease in the journal, which no living run can hold.
        let dead = applicant.journal.leases();
        applicant.journal.ask_for_lease(&applicant.lease_id)?;
        for attempt in 0..ATTEMPTS {
            if let Some(keeper) = Self::try_acquire(&applicant, &dead, &change).await? {
                applicant.journal.hold_lease(Some(&applicant.lease_id))?;
                return Ok(keeper);
            }
            // A write that was accepted a moment ago takes seconds to settle.
            applicant.clock.sleep(FIRST_PAUSE * 2_u32.saturating_pow(attempt)).await;
        }
        Err(DeployError::StalePlan { reason: "other applies keep writing the manifest".to_owned() })
    }

    /// `None`: the head was written by somebody between the look and the write; what it says now decides.
    async fn try_acquire(applicant: &Applicant<'_>, dead: &[String], change: &impl Fn(&mut Manifest)) -> Result<Option<Self>, DeployError> {
        let Applicant { client, service, owner, holder, clock, lease_id, planned_revision, .. } = applicant;
        let base = Base { service: (*service).clone() };
        let (known, etag) = read(client, &base, owner).await?;
        let mut known = known.unwrap_or_else(|| Manifest::new(owner));
        let now = clock.utc();
        let died_here = known.lease.as_ref().is_some_and(|lease| dead.contains(&lease.id));
        if let Some(lease) = &known.lease
            && !died_here
            && lease.is_held_against(lease_id, now)
        {
            return Err(lease.refusal(owner));
        }
        // The last write of a run that died here may have shown only after the plan was made. It entered what is wanted.
        if known.revision != planned_revision.unwrap_or(0) && !died_here {
            return Err(DeployError::StalePlan { reason: "another apply has changed what this specification owns".to_owned() });
        }
        let before: BTreeSet<u32> = known.numbers().collect();
        known.lease = Some(Lease::new(lease_id.clone(), holder, now));
        change(&mut known);
        known.revision += 1;
        let keeper = Self {
            client: (*client).clone(),
            base,
            clock: (*clock).clone(),
            held: Mutex::new(Held { manifest: known, etag, idle: BTreeSet::new(), given_back: None }),
            lost: OnceLock::new(),
            expires: std::sync::Mutex::new(now + super::lease::TERM),
        };
        match keeper.write(&mut *keeper.held.lock().await, &before, Extent::Whole).await {
            Ok(()) => {}
            Err(Failure::Overtaken) => return Ok(None),
            Err(Failure::Other(error)) => return Err(error),
        }
        // The service does not promise that two first writes cannot both succeed; the one that is there now won.
        let (written, etag) = read(client, &keeper.base, owner).await?;
        match written.and_then(|manifest| manifest.lease) {
            Some(lease) if lease.id == *lease_id => keeper.held.lock().await.etag = etag,
            Some(lease) if dead.contains(&lease.id) => return Ok(None),
            Some(lease) => return Err(lease.refusal(owner)),
            None => return Err(DeployError::Manifest("the manifest was written, and is not there".to_owned())),
        }
        Ok(Some(keeper))
    }

    /// Who has taken the lease, if it is lost. One that ran out unrenewed (the machine slept) may be anybody's.
    pub(super) fn lost_to(&self) -> Option<String> {
        let expires = *self.expires.lock().unwrap_or_else(PoisonError::into_inner);
        if self.clock.utc() >= expires && self.lost.get().is_none() {
            let _ = self.lost.set("nobody yet, or somebody else: it ran out before it could be renewed".to_owned());
        }
        self.lost.get().cloned()
    }

    /// Changes the list.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Manifest)) -> Result<(), DeployError> {
        let mut held = self.held.lock().await;
        let before: BTreeSet<u32> = held.manifest.numbers().collect();
        let was = (held.manifest.resources.clone(), held.manifest.fresh_products.clone(), held.manifest.lease.clone());
        change(&mut held.manifest);
        if was == (held.manifest.resources.clone(), held.manifest.fresh_products.clone(), held.manifest.lease.clone()) {
            return Ok(());
        }
        held.manifest.revision += 1;
        self.settle(&mut held, &before, Extent::Whole).await
    }

    /// Renews the lease.
    pub(super) async fn renew(&self) -> Result<(), DeployError> {
        let mut held = self.held.lock().await;
        let now = self.clock.utc();
        if let Some(lease) = &mut held.manifest.lease {
            lease.expires = now + super::lease::TERM;
        }
        let before: BTreeSet<u32> = held.manifest.numbers().collect();
        self.settle(&mut held, &before, Extent::Head).await?;
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = now + super::lease::TERM;
        Ok(())
    }

    /// Gives the lease back, with the list as it turned out to be, and removes parts that hold nothing any more.
    pub(super) async fn release(&self, change: impl FnOnce(&mut Manifest)) -> Result<(), DeployError> {
        if self.lost_to().is_some() {
            return Ok(());
        }
        {
            let mut held = self.held.lock().await;
            held.given_back = held.manifest.lease.clone();
        }
        self.change(|manifest| {
            change(manifest);
            manifest.lease = None;
        })
        .await?;
        let mut held = self.held.lock().await;
        for number in std::mem::take(&mut held.idle) {
            let id = self.value_id(&held.manifest.owner, number);
            self.finish(self.client.delete(&id, api_version(), &[], Precondition::Any).await?).await?;
        }
        Ok(())
    }

    /// Removes the manifest itself: the last thing of ours. The head goes last, so that a killed removal can be resumed.
    pub(super) async fn remove(&self) -> Result<(), DeployError> {
        let held = self.held.lock().await;
        let mut numbers: BTreeSet<u32> = held.manifest.numbers().collect();
        numbers.extend(&held.idle);
        for number in numbers.into_iter().rev() {
            let id = self.value_id(&held.manifest.owner, number);
            self.finish(self.client.delete(&id, api_version(), &[], Precondition::Any).await?).await?;
        }
        Ok(())
    }

    async fn settle(&self, held: &mut Held, before: &BTreeSet<u32>, extent: Extent) -> Result<(), DeployError> {
        match self.write(held, before, extent).await {
            Ok(()) => Ok(()),
            Err(Failure::Other(error)) => Err(error),
            Err(Failure::Overtaken) => {
                let now = read(&self.client, &self.base, &held.manifest.owner).await.ok().and_then(|(manifest, _)| manifest?.lease);
                let holder = now.map_or_else(|| "somebody who has finished since".to_owned(), |lease| lease.holder);
                let _ = self.lost.set(holder.clone());
                Err(DeployError::LeaseLost { holder })
            }
        }
    }

    async fn write(&self, held: &mut Held, before: &BTreeSet<u32>, extent: Extent) -> Result<(), Failure> {
        let chunks = match extent {
            Extent::Whole => held.manifest.encode(&self.base)?,
            Extent::Head => held.manifest.encode_renewal(&self.base)?,
        };
        for Chunk { number, value } in chunks {
            let id = self.value_id(&held.manifest.owner, number);
            let name = manifest::value_name(&held.manifest.owner, number);
            let body = json!({ "properties": { "displayName": name, "value": value, "secret": false, "tags": ["apimctl"] } });
            if number != 0 {
                self.finish(self.client.put(&id, api_version(), &body, Precondition::None).await?).await?;
                continue;
            }
            held.etag = self.write_head(&id, &body, held).await?;
        }
        let now: BTreeSet<u32> = held.manifest.numbers().collect();
        held.idle.extend(before.difference(&now));
        held.idle.retain(|number| !now.contains(number));
        Ok(())
    }

    /// A refused entity tag is not always somebody else's write: the service may have touched the value by itself, or our own
    /// earlier write went through although its answer was lost. The lease that is there decides.
    async fn write_head(&self, id: &ResourceId, body: &Value, held: &Held) -> Result<Option<String>, Failure> {
        let mut etag = held.etag.clone();
        for _ in 0..ATTEMPTS {
            let precondition = etag.clone().map_or(Precondition::None, Precondition::Match);
            match self.client.put(id, api_version(), body, precondition).await {
                Ok(outcome) => {
                    let written = self.finish(outcome).await?;
                    return match written {
                        Some(etag) => Ok(Some(etag)),
                        None => Ok(read(&self.client, &self.base, &held.manifest.owner).await?.1),
                    };
                }
                Err(error) if error.status == Some(412) => {
                    let (there, now) = read(&self.client, &self.base, &held.manifest.owner).await?;
                    let lease = there.as_ref().and_then(|manifest| manifest.lease.as_ref());
                    let mine = held.manifest.lease.as_ref();
                    // When the lease is being given back, ours is still the one that is there.
                    let ours = mine.or(held.given_back.as_ref()).map(|lease| &lease.id);
                    if lease.map(|lease| &lease.id) != ours || now == etag {
                        return Err(Failure::Overtaken);
                    }
                    etag = now;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::Overtaken)
    }

    async fn finish(&self, outcome: Outcome) -> Result<Option<String>, AzureError> {
        match outcome {
            Outcome::Done(reply) => Ok(reply.etag),
            Outcome::Running(operation, _) => Ok(self.client.wait(&operation, DEADLINE, &|_| {}).await?.etag),
        }
    }

    fn value_id(&self, owner: &str, number: u32) -> ResourceId {
        self.base.service.child("namedValues", &manifest::value_name(owner, number))
    }
}

/// How much of the manifest a write is about.
#[derive(Clone, Copy)]
enum Extent {
    Whole,
    Head,
}

enum Failure {
    /// Somebody else's lease is in the head.
    Overtaken,
    Other(DeployError),
}

impl From<AzureError> for Failure {
    fn from(error: AzureError) -> Self {
        Self::Other(error.into())
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Self::Other(error)
    }
}

fn api_version() -> &'static str {
    catalogue::find(KIND).map_or("2024-05-01", |entry| entry.api_version)
}

/// The manifest of `owner` as it is now, with the head's entity tag.
async fn read(client: &ArmClient, base: &Base, owner: &str) -> Result<(Option<Manifest>, Option<String>), DeployError> {
    let id = |number| base.service.child("namedValues", &manifest::value_name(owner, number));
    let Some(head) = client.get(id(0).as_str(), api_version(), &[]).await? else { return Ok((None, None)) };
    let value = |body: &Value| body.pointer("/properties/value").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut values = BTreeMap::from([(0, value(&head.body))]);
    for number in Manifest::parts(owner, &values)? {
        if let Some(part) = client.get(id(number).as_str(), api_version(), &[]).await? {
            values.insert(number, value(&part.body));
        }
    }
    Ok((Manifest::decode(owner, &values, base)?, head.etag))
}
