//! What a specification owns, kept in the service itself, so that any machine can prune and resume without a state file.
//!
//! It lies in named values `apimctl-<name>-<n>`: compressed, base64, cut at 4,096 characters (the longest value that the
//! service takes). Number 0 is the head, which also holds the lease. A new list is first written beside the old one
//! (odd and even numbers in turn) and takes effect with the head, so that a killed write leaves the old list whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::DeployError;
use super::lease::Lease;
use crate::arm::ResourceId;

/// The longest value of a named value, in characters.
const LONGEST_VALUE: usize = 4096;
/// A manifest that unpacks to more than this is not one of ours.
const LARGEST: u64 = 16 << 20;
const FORMAT: u32 = 1;
const PREFIX: &str = "apimctl-";

/// What a specification owns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// The specification's name.
    pub owner: String,
    /// Counts the writes of the list.
    pub revision: u64,
    /// The apply that is running, if any.
    pub lease: Option<Lease>,
    /// What it owns, beside the service and group themselves.
    pub resources: BTreeSet<ResourceId>,
    /// Products that were begun and may still have the subscription that the service makes with each.
    pub fresh_products: BTreeSet<ResourceId>,
    /// Digests of what was sent last and is never answered ([`super::DesiredResource::unanswered_digest`]).
    pub digests: BTreeMap<ResourceId, String>,
    /// Numbers of the named values that hold the list, if it does not fit into the head.
    chunks: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    format: u32,
    owner: String,
    tool: String,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chunks: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    list: Option<List>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    resources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fresh_products: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<String, String>,
}

/// What ids in a manifest are relative to: they stay short, and hold after a move to another name.
#[derive(Debug, Clone)]
pub struct Base {
    /// The service.
    pub service: ResourceId,
}

impl Base {
    /// `~/backends/x` below the service, `./providers/…` below its group, else the whole id.
    fn shorten(&self, id: &ResourceId) -> String {
        if let Some(rest) = id.relative_to(&self.service) {
            return format!("~{rest}");
        }
        self.service.parent().and_then(|group| id.relative_to(&group).map(|rest| format!(".{rest}"))).unwrap_or_else(|| id.to_string())
    }

    fn expand(&self, text: &str) -> Option<ResourceId> {
        let whole = if let Some(rest) = text.strip_prefix('~') {
            format!("{}{rest}", self.service)
        } else if let Some(rest) = text.strip_prefix('.') {
            format!("{}{rest}", self.service.parent()?)
        } else {
            text.to_owned()
        };
        ResourceId::parse(&whole).ok()
    }
}

/// One named value to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: String,
}

impl Manifest {
    /// An empty one.
    #[must_use]
    pub fn new(owner: &str) -> Self {
        Self { owner: owner.to_owned(), ..Self::default() }
    }

    /// Whether it owns `id`.
    #[must_use]
    pub fn owns(&self, id: &ResourceId) -> bool {
        self.resources.contains(id)
    }

    /// Numbers of all named values that belong to it.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.chunks.iter().copied().chain([0])
    }

    /// The named values to write for a changed list, the head last.
    ///
    /// # Errors
    /// It cannot be packed (never seen: everything in it is plain text).
    pub fn encode(&mut self, base: &Base) -> Result<Vec<Chunk>, DeployError> {
        let list = List {
            resources: self.resources.iter().map(|id| base.shorten(id)).collect(),
            fresh_products: self.fresh_products.iter().map(|id| base.shorten(id)).collect(),
            digests: self.digests.iter().map(|(id, digest)| (base.shorten(id), digest.clone())).collect(),
        };
        self.chunks.clear();
        let head = self.pack_head(Some(&list))?;
        if head.len() <= LONGEST_VALUE {
            return Ok(vec![Chunk { number: 0, value: head }]);
        }
        let packed = pack(&list)?;
        let mut chunks = Vec::new();
        let mut number = if self.revision.is_multiple_of(2) { 2 } else { 1 };
        let mut rest = packed.as_str();
        while !rest.is_empty() {
            // base64 is ASCII: every index is a character boundary.
            let (value, tail) = rest.split_at(rest.len().min(LONGEST_VALUE));
            chunks.push(Chunk { number, value: value.to_owned() });
            self.chunks.push(number);
            rest = tail;
            number += 2;
        }
        chunks.push(self.encode_head()?);
        Ok(chunks)
    }

    /// What must be written for a list that has not changed since [`Manifest::encode`] (a renewed lease): the head.
    ///
    /// # Errors
    /// As [`Manifest::encode`].
    pub fn encode_renewal(&mut self, base: &Base) -> Result<Vec<Chunk>, DeployError> {
        if self.chunks.is_empty() { self.encode(base) } else { Ok(vec![self.encode_head()?]) }
    }

    fn encode_head(&self) -> Result<Chunk, DeployError> {
        let value = self.pack_head(None)?;
        if value.len() > LONGEST_VALUE {
            return Err(DeployError::Manifest(format!("the manifest of `{}` is too large to be kept in the service", self.owner)));
        }
        Ok(Chunk { number: 0, value })
    }

    fn pack_head(&self, list: Option<&List>) -> Result<String, DeployError> {
        pack(&Head {
            format: FORMAT,
            owner: self.owner.clone(),
            tool: concat!("apimctl ", env!("CARGO_PKG_VERSION")).to_owned(),
            revision: self.revision,
            lease: self.lease.clone(),
            chunks: self.chunks.clone(),
            list: list.cloned(),
        })
    }

    /// Numbers of the named values that hold the list, by the head among `values`.
    ///
    /// # Errors
    /// As [`Manifest::decode`].
    pub fn parts(owner: &str, values: &BTreeMap<u32, String>) -> Result<Vec<u32>, DeployError> {
        Ok(Self::decode_head(owner, values)?.map(|head| head.chunks).unwrap_or_default())
    }

    fn decode_head(owner: &str, values: &BTreeMap<u32, String>) -> Result<Option<Head>, DeployError> {
        let Some(head) = values.get(&0) else { return Ok(None) };
        let head: Head = unpack(head).ok_or_else(|| damaged(owner, "its head cannot be read"))?;
        if head.format != FORMAT {
            return Err(DeployError::Manifest(format!(
                "the manifest of `{owner}` was written by {}, in a format that this version does not know",
                head.tool
            )));
        }
        Ok(Some(head))
    }

    /// Reads one from its named values' values, by number.
    ///
    /// # Errors
    /// It was written by a newer version, or is damaged.
    pub fn decode(owner: &str, values: &BTreeMap<u32, String>, base: &Base) -> Result<Option<Self>, DeployError> {
        let Some(head) = Self::decode_head(owner, values)? else { return Ok(None) };
        let damaged = |what: &str| damaged(owner, what);
        let list = if let Some(list) = head.list {
            list
        } else {
            let mut packed = String::new();
            for number in &head.chunks {
                packed.push_str(values.get(number).ok_or_else(|| damaged("a part is missing"))?);
            }
            unpack(&packed).ok_or_else(|| damaged("its list cannot be read"))?
        };
        let id = |text: &String| base.expand(text).ok_or_else(|| damaged("it holds something that is no resource id"));
        Ok(Some(Self {
            resources: list.resources.iter().map(id).collect::<Result<_, _>>()?,
            fresh_products: list.fresh_products.iter().map(id).collect::<Result<_, _>>()?,
            digests: list.digests.iter().map(|(text, digest)| Ok((id(text)?, digest.clone()))).collect::<Result<_, DeployError>>()?,
            owner: head.owner,
            revision: head.revision,
            lease: head.lease,
            chunks: head.chunks,
        }))
    }
}

fn damaged(owner: &str, what: &str) -> DeployError {
    DeployError::Manifest(format!(
        "the manifest of `{owner}` in the service is damaged ({what}); delete the named values `{PREFIX}{owner}-…` and apply with `--adopt`"
    ))
}

/// The name of a manifest's named value.
#[must_use]
pub fn value_name(owner: &str, number: u32) -> String {
    format!("{PREFIX}{owner}-{number}")
}

/// Whose manifest, and which part of it, a named value is.
#[must_use]
pub fn parse_value_name(name: &str) -> Option<(&str, u32)> {
    let rest = name.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX)).and_then(|_| name.get(PREFIX.len()..))?;
    let (owner, number) = rest.rsplit_once('-')?;
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
    (plain && !owner.is_empty()).then_some(())?;
    Some((owner, number.parse().ok()?))
}

/// All manifests among a service's named values, by lower-case owner.
///
/// # Errors
/// One of them cannot be read.
pub fn all(named_values: &[Value], base: &Base) -> Result<BTreeMap<String, Manifest>, DeployError> {
    let mut parts: BTreeMap<String, (String, BTreeMap<u32, String>)> = BTreeMap::new();
    for item in named_values {
        let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
        let Some((owner, number)) = parse_value_name(name) else { continue };
        let Some(value) = item.pointer("/properties/value").and_then(Value::as_str) else { continue };
        let entry = parts.entry(owner.to_ascii_lowercase()).or_insert_with(|| (owner.to_owned(), BTreeMap::new()));
        entry.1.insert(number, value.to_owned());
    }
    let mut manifests = BTreeMap::new();
    for (key, (owner, values)) in parts {
        if let Some(manifest) = Manifest::decode(&owner, &values, base)? {
            manifests.insert(key, manifest);
        }
    }
    Ok(manifests)
}

fn pack(value: &impl Serialize) -> Result<String, DeployError> {
    let fail = |error: &dyn std::fmt::Display| DeployError::Manifest(format!("the manifest cannot be packed: {error}"));
    let json = serde_json::to_vec(value).map_err(|error| fail(&error))?;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&json).map_err(|error| fail(&error))?;
    Ok(STANDARD.encode(encoder.finish().map_err(|error| fail(&error))?))
}

fn unpack<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let packed = STANDARD.decode(text.trim()).ok()?;
    let mut json = Vec::new();
    flate2::read::DeflateDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVICE: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";

    fn base() -> Base {
        Base { service: ResourceId::parse(SERVICE).unwrap() }
    }

    fn round_trip(manifest: &mut Manifest) -> Manifest {
        let chunks = manifest.encode(&base()).unwrap();
        assert!(chunks.iter().all(|chunk| chunk.value.len() <= LONGEST_VALUE));
        assert_eq!(chunks.last().unwrap().number, 0, "the head takes effect last");
        let values = chunks.into_iter().map(|chunk| (chunk.number, chunk.value)).collect();
        Manifest::decode(&manifest.owner, &values, &base()).unwrap().unwrap()
    }

    #[test]
    fn ids_of_every_scope_come_back() {
        let mut manifest = Manifest::new("spec");
        let service = base().service;
        manifest.resources.extend([
            service.child("backends", "b"),
            service.parent().unwrap().provider("Microsoft.Insights/components", "c"),
            ResourceId::resource_group("other", "g2").provider("Microsoft.Authorization/roleAssignments", "r"),
        ]);
        manifest.digests.insert(service.child("apis", "a"), "digest".to_owned());
        assert_eq!(round_trip(&mut manifest), manifest);
    }

    #[test]
    fn a_large_list_is_cut_and_alternates_between_two_sets_of_names() {
        let mut manifest = Manifest::new("spec");
        for index in 0_u32..4000 {
            // Names that do not compress, so that the list is really large.
            let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, &index.to_le_bytes());
            manifest.resources.insert(base().service.child("subscriptions", &name.to_string()));
        }
        assert_eq!(round_trip(&mut manifest), manifest);
        let first = manifest.chunks.clone();
        assert!(first.len() > 5);
        manifest.revision += 1;
        assert_eq!(round_trip(&mut manifest), manifest);
        assert!(manifest.chunks.iter().all(|number| !first.contains(number)), "a killed write must leave the old list whole");
    }

    #[test]
    fn names_are_told_from_those_of_users() {
        assert_eq!(parse_value_name("apimctl-my-spec-0"), Some(("my-spec", 0)));
        assert_eq!(parse_value_name("APIMCTL-a-1-12"), Some(("a-1", 12)));
        for foreign in [
            "apimctl-",
            "apimctl-x",
            "apimctl--1",
            "apimctl-x-",
            "apimctl-x-01",
            "apimctl-x-y",
            "other-x-0",
            "apimctl-x-99999999999",
            "äpimctl-x",
        ] {
            assert_eq!(parse_value_name(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn damage_and_unknown_formats_are_said() {
        let values = BTreeMap::from([(0, "not base64!".to_owned())]);
        assert!(Manifest::decode("o", &values, &base()).unwrap_err().to_string().contains("damaged"));
        let newer = pack(&serde_json::json!({"format": 99, "owner": "o", "tool": "apimctl 9", "revision": 1})).unwrap();
        assert!(Manifest::decode("o", &BTreeMap::from([(0, newer)]), &base()).unwrap_err().to_string().contains("apimctl 9"));
        assert_eq!(Manifest::decode("o", &BTreeMap::new(), &base()).unwrap(), None);
    }

    proptest! {
        #[test]
        fn no_value_makes_decoding_panic(text in ".{0,200}") {
            let _ = Manifest::decode("o", &BTreeMap::from([(0, text)]), &base());
        }
    }
}
