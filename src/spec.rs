//! The YAML specification: read with positions, checked as a whole, typed.

pub mod load;
pub mod model;

pub use load::{LoadOptions, Loaded};
pub use model::Spec;
