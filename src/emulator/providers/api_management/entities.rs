//! The plain entities: version sets, tags, caches, certificates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::{Call, Kind, Overrides, Verbs, Write, find};
use super::{ENTITY_NAME, named_values, redirected, references, resolve, service_id};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::json_text;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::timestamp;
use crate::emulator::transaction::{self, Transaction};
use crate::support::pkcs12;

pub(super) const VERSION_SET: Kind = Kind {
    name: "Microsoft.ApiManagement/service/apiVersionSets",
    label: "ApiVersionSet",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("description", TEXT).or("null"),
        Field::new("versionQueryName", Type::Text(1, 100)).or("null"),
        Field::new("versionHeaderName", Type::Text(1, 100)).or("null"),
        Field::new("displayName", Type::Text(1, 100)).required(),
        Field::new("versioningScheme", Type::Word(&["Segment", "Query", "Header"])).required(),
    ],
    complete: |write| {
        let scheme = write.text("/properties/versioningScheme").unwrap_or_default().to_owned();
        for (wanted, member) in [("Query", "versionQueryName"), ("Header", "versionHeaderName")] {
            if scheme == wanted && write.text(&format!("/properties/{member}")).is_none() {
                let words = format!("{} is required for the versioning scheme '{scheme}'.", crate::emulator::shape::capitalised(member));
                write.problems.add(member, words);
            }
        }
        Ok(())
    },
    before_delete: |tx, _, stored| {
        let owner = service_id(&stored.id);
        let used = tx.children(&owner, "apis").iter().any(|api| {
            json_text(&api.body, "/properties/apiVersionSetId").and_then(|id| resolve(&owner, id, "apiVersionSets")).as_ref()
                == Some(&stored.id)
        });
        // That it is refused is assumed, and so are the words.
        if used { Err(Refusal::service(400, "ValidationError", "Cannot delete API version set since it is used by APIs.")) } else { Ok(()) }
    },
    ..Kind::CHILD
};

pub(super) const TAG: Kind = Kind {
    name: "Microsoft.ApiManagement/service/tags",
    label: "Tag",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[Field::new("displayName", Type::Text(1, 160)).required()],
    before_delete: |tx, _, stored| {
        let owner = service_id(&stored.id);
        for link in tx.below(&owner) {
            if link.id != stored.id && link.id.name().eq_ignore_ascii_case(stored.id.name()) && is_tag_link(&link.id.resource_type()) {
                tx.remove(&link.id);
            }
        }
        Ok(())
    },
    ..Kind::CHILD
};

fn is_tag_link(kind: &str) -> bool {
    [API_TAG.name, OPERATION_TAG.name, PRODUCT_TAG.name].iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// A tag on an API: a link without a body of its own.
pub(super) const API_TAG: Kind = Kind {
    name: "Microsoft.ApiManagement/service/apis/tags",
    label: "Tag",
    conditional: false,
    verbs: Verbs::ALL.without(Verbs::PATCH),
    overrides: Overrides { get: Some(get_link), list: Some(list_links), put: Some(put_link), ..Overrides::NONE },
    ..Kind::CHILD
};
pub(super) const OPERATION_TAG: Kind = Kind { name: "Microsoft.ApiManagement/service/apis/operations/tags", ..API_TAG };
pub(super) const PRODUCT_TAG: Kind = Kind { name: "Microsoft.ApiManagement/service/products/tags", ..API_TAG };

fn tag_body(tx: &Transaction<'_>, call: &Call<'_>, name: &str) -> Result<Value, Refusal> {
    let tag = tx.get(&service_id(&call.id).child("tags", name)).ok_or_else(|| Refusal::not_found("Tag"))?;
    let kind = find(TAG.name).ok_or_else(|| Refusal::not_found("Tag"))?;
    let other = redirected(call, kind, tag.id.clone());
    Ok(crud::render(super::super::View { tx, request: other.request, version: &other.version, listed: false, fresh: false }, kind, &tag))
}

fn put_link(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let body = tag_body(tx, call, call.id.name())?;
    let status = if tx.get(&call.id).is_some() { 200 } else { 201 };
    let etag = tx.next_etag();
    tx.put(transaction::stored(&call.id, call.kind.name, etag, json!({})));
    Ok(Answer::json(status, body))
}

fn get_link(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let link = crud::existing(tx, call.kind, &call.id)?;
    let body = tag_body(tx, call, call.id.name())?;
    Ok(Answer::json(200, body).etag(&link.etag))
}

fn list_links(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let owner = service_id(&call.id);
    let found: Vec<_> = tx.children(&call.id, "tags").iter().filter_map(|link| tx.get(&owner.child("tags", link.id.name()))).collect();
    crud::answer_list(tx, call, &found)
}

pub(super) const CACHE: Kind = Kind {
    name: "Microsoft.ApiManagement/service/caches",
    label: "Cache",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("description", Type::Text(0, 2000)).or("null"),
        Field::new("connectionString", Type::Text(1, 300)).required(),
        Field::new("useFromLocation", Type::Text(1, 256)).required(),
        Field::new("resourceId", Type::Text(0, 2000)).or("null"),
    ],
    complete: cache,
    ..Kind::CHILD
};

/// The connection string is replaced by a reference to a secret named value (seen in Microsoft's own example answers).
fn cache(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let pointer = "/properties/connectionString";
    let Some(text) = write.text(pointer).filter(|text| references::is_literal(text)).map(str::to_owned) else { return Ok(()) };
    let owner = service_id(&write.id);
    if let Some(before) = write.before(pointer).and_then(|before| before.as_str().map(str::to_owned)) {
        let name = before.trim_start_matches("{{").trim_end_matches("}}").to_owned();
        let same = write.tx.children(&owner, "namedValues").iter().any(|stored| {
            json_text(&stored.body, "/properties/displayName") == Some(&name)
                && transaction::secret(stored, "/properties/value").is_some_and(|value| *value.expose() == text)
        });
        if same {
            write.set(pointer, before);
            return Ok(());
        }
    }
    let name = write.tx.options.random.hex(24);
    let etag = write.tx.next_etag();
    let body = json!({ "properties": { "displayName": name, "tags": [], "secret": true } });
    let mut stored = transaction::stored(&owner.child("namedValues", &name), named_values::KIND.name, etag, body);
    stored.secrets.insert("/properties/value".to_owned(), text.into());
    write.companions.push(stored);
    write.set(pointer, format!("{{{{{name}}}}}"));
    Ok(())
}

pub(super) const CERTIFICATE: Kind = Kind {
    name: "Microsoft.ApiManagement/service/certificates",
    label: "Certificate",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("data", TEXT),
        Field::new("password", TEXT),
        Field::new("keyVault", Type::Object(&[Field::new("secretIdentifier", TEXT).required(), Field::new("identityClientId", TEXT)])),
    ],
    write_only: &["data", "password"],
    complete: |write| {
        if write.text("/properties/data").is_none() && write.text("/properties/keyVault/secretIdentifier").is_none() {
            write.problems.add("data", "Data is required.");
        }
        // Key Vault hands certificates out as PKCS#12 without a password.
        if let Some(identifier) = write.text("/properties/keyVault/secretIdentifier").map(str::to_owned)
            && let Some(data) = named_values::vault_secret(write.tx, &identifier)
        {
            write.set("/properties/data", data);
        }
        let password = write.text("/properties/password").unwrap_or_default().to_owned();
        let data = write.text("/properties/data").and_then(|data| STANDARD.decode(data.trim()).ok());
        let read = data.and_then(|data| pkcs12::read(&data, &password).ok());
        // Subject and date are not read: they stand for the certificate's and are the same for the same name, as the thumbprint of one that
        // cannot be read. (The service would refuse that.)
        let name = write.id.name().to_owned();
        let thumbprint: String = name.bytes().cycle().take(20).map(|byte| format!("{byte:02X}")).collect();
        write.keep_or("/properties/subject", |_| json!(format!("CN={name}")));
        match read {
            Some(identity) => write.set("/properties/thumbprint", identity.thumbprint()),
            None => write.keep_or("/properties/thumbprint", |_| json!(thumbprint)),
        }
        let end = timestamp(write.tx.now + time::Duration::days(365));
        write.keep_or("/properties/expirationDate", |_| json!(end));
        Ok(())
    },
    ..Kind::CHILD
};
