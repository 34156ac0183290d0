//! Specifications: what is read, what is found wrong, and that the published schema agrees.

mod examples;
