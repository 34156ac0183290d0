//! Convergence against the embedded ARM: what is written, what is left alone, and what survives being killed.

mod bench;
mod convergence;
mod killed;
