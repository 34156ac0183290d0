//! The compiled form: functions of simple instructions over a stack, made once and run by many requests at once.

use super::bound::{Callee, Conversion};
use super::syntax::BinaryOperator;
use super::types::Type;
use super::value::Value;

/// One instruction. Operands are taken from the stack, results are pushed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Constant(u32),
    Load(u32),
    Store(u32),
    /// The value in the cell of a local.
    LoadCell(u32),
    StoreCell(u32),
    /// A fresh cell holding what is on the stack.
    NewCell(u32),
    Context,
    Pop,
    Duplicate,
    /// Callee, its generic arguments, number of arguments.
    Call(u32, u32, u32),
    /// The same; the last argument is pushed again as the result.
    Set(u32, u32, u32),
    Invoke(u32),
    Negate,
    Not,
    Complement,
    Binary(BinaryOperator, bool),
    Concat(u32),
    Jump(u32),
    JumpFalse(u32),
    JumpTrue(u32),
    /// Jumps if the top is null, which stays.
    JumpNull(u32),
    /// Jumps if the top is not null, which stays.
    JumpNotNull(u32),
    Convert(u32),
    Is(Type),
    As(Type),
    Closure(u32),
    NewArray(Type),
    ArrayOf(Type, u32),
    Element,
    SetElement,
    Record(Type, u32),
    Field(u32),
    /// Source to enumerator.
    Enumerate,
    /// Next element of the enumerator in the local, or the jump.
    Next(u32, u32),
    Throw,
    Return,
}

/// Where an exception of a range goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handler {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) target: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) ops: Vec<Op>,
    /// Offsets in the text, for each instruction.
    pub(crate) places: Vec<u32>,
    pub(crate) parameters: u32,
    /// Slots; captured cells come first, then parameters, then the rest.
    pub(crate) slots: u32,
    /// For each captured cell, the slot of the function around.
    pub(crate) captures: Vec<u32>,
    /// Innermost first.
    pub(crate) handlers: Vec<Handler>,
    /// Slots that begin as cells with this default.
    pub(crate) cells: Vec<(u32, Value)>,
    /// Parameters that live in cells.
    pub(crate) shared_parameters: Vec<u32>,
}

/// Whether an expression reads a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Need {
    /// It never does.
    #[default]
    Never,
    /// It may: evaluation stops with `NeedBody` when it does.
    Maybe,
    /// It does in every case, or may where it cannot stop (inside a lambda): have the body ready before it starts.
    Always,
}

/// What an expression reads, known before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    /// The body of the request.
    pub request_body: Need,
    /// The body of the response.
    pub response_body: Need,
    /// Whether the request's body is gone afterwards: it is read without `preserveContent`.
    pub request_body_consumed: Need,
    /// The same of the response's body.
    pub response_body_consumed: Need,
    /// Headers that are read by a constant name, as written.
    pub headers: Vec<String>,
    /// Whether headers are read otherwise (all of them, or by a computed name).
    pub all_headers: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Code {
    pub(crate) functions: Vec<Function>,
    pub(crate) constants: Vec<Value>,
    pub(crate) callees: Vec<Callee>,
    pub(crate) types: Vec<Vec<Type>>,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) effects: Effects,
    /// Keys of the members that occur in it.
    pub(crate) reached: Vec<&'static str>,
}
