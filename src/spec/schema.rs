//! The JSON Schema of specifications, from the types that they are read into.

use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Spec;

/// The JSON Schema (draft 2020-12) of a specification. Editors take it from `# yaml-language-server: $schema=…`.
#[must_use]
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Spec>().to_value();
        if let Some(object) = schema.as_object_mut() {
            object.insert("title".into(), "apimctl specification".into());
        }
        schema
    })
}

/// A schema with its `$ref` followed.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    // A chain of references is short; a circle of them would be a defect of ours, and must not hang.
    for _ in 0..16 {
        let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        else {
            break;
        };
        schema = target;
    }
    schema
}
