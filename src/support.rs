//! What every other module stands on: time, randomness, environment, secrets, source positions and findings.
//!
//! Nothing here knows Azure. Nothing outside `support` and `cli` reads the wall clock, the
//! environment or the operating system's randomness.

pub mod clock;
pub mod duration;
pub mod environment;
pub mod finding;
pub mod jwt;
pub mod pkcs12;
pub mod private_file;
pub mod random;
pub mod secret;
pub mod source;
pub mod suggest;
pub(crate) mod tree;
pub(crate) mod yaml;
