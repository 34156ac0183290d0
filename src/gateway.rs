//! The data plane: what ARM stores, compiled and served as API Management serves it.

pub mod body;
pub mod front;
pub mod upstream;
