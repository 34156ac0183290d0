//! The reference of the specification and of the commands as Markdown, generated from the types, so that it cannot say anything else than
//! what the program does. `docs/reference` holds both; a test keeps them in step.

pub(super) mod commands;
pub(super) mod specification;
