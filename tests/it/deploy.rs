//! Convergence against the embedded ARM: what is written, what is left alone, and what survives being killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench;
mod changes;
mod convergence;
mod destroyed;
mod first_contact;
mod killed;
mod large;
mod ownership;
