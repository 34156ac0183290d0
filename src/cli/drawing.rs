//! The resources of a specification and the way of a request through them, as a drawing.
//!
//! [`model`] is what there is to draw; [`layout`] places it; [`svg`], [`mermaid`] and [`dot`] write it.

pub(super) mod dot;
mod layout;
pub(super) mod mermaid;
pub(super) mod model;
pub(super) mod svg;
