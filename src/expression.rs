//! C# expressions of policies.
//!
//! So far only the ground: the [`lexer`], which the policy reader uses to find where an expression ends.

pub mod lexer;
