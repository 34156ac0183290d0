//! Log Analytics workspaces.

use serde_json::{Value, json};

use super::{Call, Kind, Write};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::operations::{self, Effect};
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::timestamp;
use crate::emulator::transaction::{Transaction, secret};

const ACCESS: Type = Type::Word(&["Enabled", "Disabled", "SecuredByPerimeter"]);

pub(super) const KINDS: &[Kind] = &[Kind {
    name: "Microsoft.OperationalInsights/workspaces",
    label: "Workspace",
    naming: Some((r"^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$", 4, 63)),
    envelope: &[Field::new("location", TEXT).required(), Field::new("tags", Type::Map(&TEXT)), Field::new("identity", Type::Any)],
    properties: &[
        Field::new(
            "sku",
            Type::Object(&[Field::new("name", TEXT).required(), Field::new("capacityReservationLevel", Type::Integer(0, 50_000))]),
        )
        .or(r#"{"name":"PerGB2018"}"#),
        Field::new("retentionInDays", Type::Integer(4, 730)).or("30"),
        Field::new("features", Type::Any),
        Field::new("workspaceCapping", Type::Object(&[Field::new("dailyQuotaGb", Type::Number(-1.0, f64::MAX))])),
        Field::new("publicNetworkAccessForIngestion", ACCESS).or(r#""Enabled""#),
        Field::new("publicNetworkAccessForQuery", ACCESS).or(r#""Enabled""#),
        Field::new("forceCmkForQuery", Type::Boolean),
        Field::new("defaultDataCollectionRuleResourceId", TEXT),
    ],
    complete,
    actions: &[("sharedKeys", shared_keys)],
    ..Kind::TRACKED
}];

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    write.keep_or("/location", |write| json!(super::resources::normalised_region(write.text("/location").unwrap_or_default())));
    write.keep_or("/properties/customerId", |write| json!(write.tx.options.random.uuid().to_string()));
    let now = timestamp(write.tx.now);
    write.keep_or("/properties/createdDate", |_| json!(now));
    write.keep_or("/properties/modifiedDate", |_| json!(now));
    let last_update = write.text("/properties/createdDate").unwrap_or_default().to_owned();
    write.set("/properties/sku/lastSkuUpdate", last_update);
    write.set_default("/properties/features/legacy", 0);
    write.set_default("/properties/features/searchVersion", 1);
    write.set_default("/properties/features/enableLogAccessUsingOnlyResourcePermissions", true);
    write.set_default("/properties/workspaceCapping/dailyQuotaGb", -1.0);
    write.set_default("/properties/workspaceCapping/quotaNextResetTime", now.clone());
    if let Some(kept) = write.before("/properties/workspaceCapping/quotaNextResetTime") {
        write.set("/properties/workspaceCapping/quotaNextResetTime", kept);
    }
    write.set_default("/properties/workspaceCapping/dataIngestionStatus", "RespectQuota");
    match write.existing.clone() {
        // A change is done at once; a create takes its time.
        Some(existing) => {
            let state = existing.body.pointer("/properties/provisioningState").cloned().unwrap_or(Value::Null);
            write.set("/properties/provisioningState", state);
            write.stored.secrets = existing.secrets.clone();
        }
        None => {
            write.set("/properties/provisioningState", "Creating");
            for pointer in ["/primarySharedKey", "/secondarySharedKey"] {
                write.stored.secrets.insert(pointer.to_owned(), write.tx.options.random.hex(64).into());
            }
            let duration = operations::short(write.tx);
            operations::start(write.tx, &write.id, duration, 200, Effect::Settled);
        }
    }
    Ok(())
}

fn shared_keys(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let stored = crate::emulator::crud::existing(tx, call.kind, &call.id)?;
    let key = |pointer| secret(&stored, pointer).map(|key| key.expose().clone());
    Ok(Answer::json(200, json!({ "primarySharedKey": key("/primarySharedKey"), "secondarySharedKey": key("/secondarySharedKey") })))
}
