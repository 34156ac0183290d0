//! The codes of what can be wrong with an expression.

use crate::support::finding::Code;

/// The text is no C# expression.
pub const SYNTAX: Code = Code { id: "EXP001", title: "The text is no C# expression" };
/// The compiler of C# would refuse it.
pub const TYPE: Code = Code { id: "EXP002", title: "The expression does not compile" };
/// It uses a type or member that is not on the published list.
pub const NOT_ALLOWED: Code = Code { id: "EXP003", title: "The expression uses what a policy may not use" };
/// It uses what is allowed but not emulated here.
pub const NOT_EMULATED: Code = Code { id: "EXP004", title: "The expression uses what is not emulated" };
/// Whether it compiles depends on a named value that is not known.
pub const UNDECIDED: Code = Code { id: "EXP005", title: "The expression cannot be checked without its named values" };

/// All codes of expressions.
pub const ALL: &[Code] = &[SYNTAX, TYPE, NOT_ALLOWED, NOT_EMULATED, UNDECIDED];
