//! A drill's journal in the service itself: a named value, so that any machine can put back what a machine that is gone has left.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::arm::{ResourceId, catalogue};
use crate::azure::{ArmClient, AzureError, Outcome, Precondition};
use crate::verify::journal::Contents;

const KIND: &str = "Microsoft.ApiManagement/service/namedValues";
/// The longest value that the service takes, in characters.
const LONGEST: usize = 4096;
/// More than any note unpacks to.
const LARGEST: u64 = 1 << 20;
/// A named value is written in seconds.
const DEADLINE: Duration = Duration::from_secs(300);

/// What the note of a specification is called. Manifests begin with `apimctl-`: nobody takes one for the other.
#[must_use]
pub fn name(owner: &str) -> String {
    format!("apimctl.drill.{owner}")
}

fn id(service: &ResourceId, owner: &str) -> ResourceId {
    service.child("namedValues", &name(owner))
}

fn version() -> &'static str {
    catalogue::find(KIND).map_or("2024-05-01", |entry| entry.api_version)
}

/// A note could not be left.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// ARM refused, or could not be reached.
    #[error(transparent)]
    Azure(#[from] Box<AzureError>),
    /// There is one already.
    #[error("another drill is noted in the service{0}")]
    Taken(String),
    /// It does not fit into a named value.
    #[error("what the drill would change is too much for a note in the service ({0} characters of 4,096)")]
    TooLong(usize),
}

/// Leaves a note. Only where there is none: it is a lock as well.
///
/// # Errors
/// See [`NoteError`].
pub async fn leave(client: &ArmClient, service: &ResourceId, contents: &Contents) -> Result<(), NoteError> {
    let value = pack(contents).ok_or(NoteError::TooLong(0))?;
    if value.len() > LONGEST {
        return Err(NoteError::TooLong(value.len()));
    }
    let id = id(service, &contents.owner);
    let body = json!({ "properties": { "displayName": name(&contents.owner), "value": value, "secret": false, "tags": ["apimctl"] } });
    let written = client.put(&id, version(), &body, Precondition::Absent).await;
    let taken = |error: &AzureError| error.has_status(412) || error.has_status(409);
    match written {
        Ok(Outcome::Done(_)) => Ok(()),
        Ok(Outcome::Running(operation, _)) => match client.wait(&operation, DEADLINE, &|_| {}).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Box::new(error).into()),
        },
        Err(error) if taken(&error) => {
            let other = read(client, service, &contents.owner).await.ok().flatten();
            Err(NoteError::Taken(other.map_or_else(String::new, |other| format!(": {}", other.words()))))
        }
        Err(error) => Err(Box::new(error).into()),
    }
}

/// The note of a drill that was not put back.
///
/// # Errors
/// ARM refused, or could not be reached.
pub async fn read(client: &ArmClient, service: &ResourceId, owner: &str) -> Result<Option<Contents>, AzureError> {
    let Some(found) = client.get(id(service, owner).as_str(), version(), &[]).await? else { return Ok(None) };
    Ok(found.body.pointer("/properties/value").and_then(Value::as_str).and_then(unpack))
}

/// Takes the note away.
///
/// # Errors
/// ARM refused, or could not be reached.
pub async fn remove(client: &ArmClient, service: &ResourceId, owner: &str) -> Result<(), AzureError> {
    if let Outcome::Running(operation, _) = client.delete(&id(service, owner), version(), &[], Precondition::Any).await? {
        client.wait(&operation, DEADLINE, &|_| {}).await?;
    }
    Ok(())
}

fn pack(contents: &Contents) -> Option<String> {
    let json = serde_json::to_vec(contents).ok()?;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&json).ok()?;
    Some(STANDARD.encode(encoder.finish().ok()?))
}

fn unpack(text: &str) -> Option<Contents> {
    let packed = STANDARD.decode(text.trim()).ok()?;
    let mut json = Vec::new();
    flate2::read::DeflateDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut json).ok()?;
    Contents::parse(&json)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::verify::journal::Entry;

    #[test]
    fn a_pool_of_thirty_members_fits_into_a_note() {
        let service = ResourceId::parse(
            "/subscriptions/3f9c2b74-5d18-4a6b-8e07-c4a1d2e5f602/resourceGroups/rg-apim-loadbalancer/providers/Microsoft.ApiManagement/service/apim-doveia-openai",
        )
        .unwrap();
        let services: Vec<Value> = (0..30)
            .map(|index| json!({ "id": service.child("backends", &format!("backend-in-some-region-{index}")).as_str(), "weight": index, "priority": 1 }))
            .collect();
        let body = json!({ "properties": { "type": "Pool", "description": "A pool", "pool": { "services": services } } });
        let mut contents = Contents::new("spec", &service, "anna@build-7", OffsetDateTime::UNIX_EPOCH);
        contents.entries.push(Entry::Changed {
            id: service.child("backends", "OpenAI-LB"),
            api_version: "2024-05-01".to_owned(),
            before: body.clone(),
            after: vec![body.clone(), body],
        });
        let packed = pack(&contents).unwrap();
        assert!(packed.len() < LONGEST, "{}", packed.len());
        assert_eq!(unpack(&packed), Some(contents));
        assert_eq!(unpack("AAAA"), None);
    }
}
