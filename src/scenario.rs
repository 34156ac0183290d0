//! Tests of a specification and its policies, offline and on virtual time.
//!
//! A file of scenarios stands beside a specification ([`file`]); [`read`] checks it as a whole. [`subject`] applies the specification once
//! to an embedded ARM in memory; each scenario gets a copy of what ARM kept, a gateway, simulated accounts and a paused clock of its own
//! ([`session`]), and [`runner`] spreads scenarios over threads. No socket is opened, no file is read and nothing sleeps while scenarios run.
//!
//! [`request`], [`answer`] and [`expect`] know nothing of all that: they serve just as well for a gateway that is reached over a network.

pub mod answer;
pub mod chaos;
pub mod charts;
mod client;
pub mod codes;
pub mod coverage;
pub mod expect;
pub mod file;
pub mod find;
mod hosts;
pub mod import;
pub mod read;
pub mod request;
pub mod result;
mod run;
pub mod runner;
pub mod session;
pub mod subject;
mod told;

pub use answer::Answer;
pub use expect::{Expect, Mismatch};
pub use request::Request;
pub use result::Report;
pub use told::report;
