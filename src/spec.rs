//! The YAML specification: read with positions, checked as a whole, typed.

mod check;
pub mod codes;
mod documents;
mod files;
mod include;
pub mod load;
pub mod model;
mod overlay;
mod plain;
mod schema;
mod secrets;
mod validate;
mod variables;

use crate::support::{tree, yaml};

pub use load::{LoadOptions, Loaded, Locator, PolicyText, ReadError, document_as_json, load};
pub use model::Spec;
pub use plain::{Plain, read_plain};
pub use schema::schema;
