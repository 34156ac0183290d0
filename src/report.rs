//! What tests and checks found, for machines and for a browser: text, JSON, JUnit XML, a page of HTML, charts, coverage files.
//!
//! A [`Report`] is plain data that the runner of scenarios and the checks of `verify` fill in. Nothing here asks where it came from, reads a
//! clock or prints; every writer gives a text. The same report gives the same bytes.
//!
//! Who fills a report in must have masked secrets already: nothing here can tell a key from another text.

pub mod chart;
pub mod coverage;
mod html;
mod json;
mod junit;
mod lcov;
mod markup;
mod model;
mod text;

pub use html::html;
pub use json::{SCHEMA_VERSION, coverage_json, json};
pub use junit::junit;
pub use lcov::lcov;
pub use model::{Attachment, Block, Case, Counts, Media, Place, Report, Section, Status, Suite, Table};
pub use text::{TextOptions, number, text, time};
