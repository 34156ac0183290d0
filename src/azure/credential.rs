//! Who asks.

mod fixed;

pub use fixed::StaticCredential;
