//! The typed tree: every name resolved, every conversion explicit.

use std::sync::Arc;

use super::catalogue::Member;
use super::library::Native;
use super::machine::{Args, Fault, Machine, Outcome};
use super::syntax::BinaryOperator;
use super::types::{Primitive, Type};
use super::value::Value;

/// A local variable or parameter, unique in the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LocalId(pub(crate) u32);

/// What is known of a local.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) ty: Type,
    /// Which function declares it.
    pub(crate) function: u32,
    /// Used by an inner function, or passed by reference: it lives in a cell.
    pub(crate) shared: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) at: usize,
    pub(crate) ty: Type,
    pub(crate) kind: ExprKind,
}

/// What is called.
#[derive(Clone)]
pub(crate) struct Callee {
    pub(crate) native: Native,
    pub(crate) key: &'static str,
    /// Whether it is the setter of a property or indexer.
    pub(crate) sets: bool,
    /// Whether the first argument is a receiver that may not be null.
    pub(crate) instance: bool,
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.key)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Conversion {
    /// To a number type, wrapping; null stays null.
    Numeric(Primitive),
    /// To a number type, throwing when the value does not fit.
    CheckedNumeric(Primitive),
    /// To an enum.
    Enum(Type),
    /// From an enum to its number.
    EnumValue(Primitive),
    /// Unboxing or a downcast, checked.
    Cast(Type),
    /// `T?` to `T`.
    Unwrap,
}

#[derive(Debug, Clone)]
pub(crate) enum ExprKind {
    Constant(Value),
    /// The default value of the type.
    Default,
    Local(LocalId),
    /// The cell of a local, for `out` and `ref`.
    Reference(LocalId),
    Context,
    Assign(LocalId, Box<Expr>),
    Call(Callee, Vec<Type>, Vec<Expr>),
    /// Calls a setter; its last argument is the value and the result.
    Set(Callee, Vec<Type>, Vec<Expr>),
    Invoke(Box<Expr>, Vec<Expr>),
    Negate(Box<Expr>),
    Not(Box<Expr>),
    Complement(Box<Expr>),
    /// Both operands have the same type (but shifts). `true`: overflow throws.
    Binary(BinaryOperator, bool, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Coalesce(Box<Expr>, Box<Expr>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Evaluates, keeps in the local, and goes on unless it is null.
    NullConditional(LocalId, Box<Expr>, Box<Expr>),
    Convert(Conversion, Box<Expr>),
    Is(Box<Expr>, Type),
    As(Box<Expr>, Type),
    Let(LocalId, Box<Expr>, Box<Expr>),
    Sequence(Vec<Expr>, Box<Expr>),
    Lambda(Arc<Lambda>),
    NewArray(Box<Expr>),
    ArrayOf(Vec<Expr>),
    Element(Box<Expr>, Box<Expr>),
    SetElement(Box<Expr>, Box<Expr>, Box<Expr>),
    Concat(Vec<Expr>),
    Record(Vec<Expr>),
    Field(Box<Expr>, u32),
    Throw(Box<Expr>),
    TypeOf(Type),
}

#[derive(Debug, Clone)]
pub(crate) struct Lambda {
    pub(crate) function: u32,
    pub(crate) parameters: Vec<LocalId>,
    pub(crate) body: Vec<Stmt>,
}

#[derive(Debug, Clone)]
pub(crate) struct CatchClause {
    pub(crate) ty: Type,
    pub(crate) local: Option<LocalId>,
    pub(crate) filter: Option<Expr>,
    pub(crate) body: Vec<Stmt>,
}

#[derive(Debug, Clone)]
pub(crate) enum Stmt {
    Expr(Expr),
    /// Begins a local's life; without a value it is the default.
    Declare(LocalId, Option<Expr>),
    Block(Vec<Stmt>),
    If(Expr, Box<Stmt>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    DoWhile(Box<Stmt>, Expr),
    For(Vec<Stmt>, Option<Expr>, Vec<Expr>, Box<Stmt>),
    /// Element as it comes, source, and the body (which declares the loop variable).
    ForEach(LocalId, Expr, Box<Stmt>),
    /// Conditions and bodies in order; no condition is `default`.
    Switch(Vec<(Vec<Option<Expr>>, Vec<Stmt>)>),
    Return(Option<Expr>),
    Break,
    Continue,
    Throw(Option<Expr>),
    Try(Vec<Stmt>, Vec<CatchClause>, Option<Vec<Stmt>>),
}

impl Expr {
    pub(crate) fn constant(at: usize, ty: Type, value: Value) -> Self {
        Self { at, ty, kind: ExprKind::Constant(value) }
    }

    pub(crate) fn local(at: usize, ty: Type, local: LocalId) -> Self {
        Self { at, ty, kind: ExprKind::Local(local) }
    }

    pub(crate) fn value(&self) -> Option<&Value> {
        match &self.kind {
            ExprKind::Constant(value) => Some(value),
            _ => None,
        }
    }
}

/// The callee of a member, if it is emulated.
pub(crate) fn callee(member: &'static Member) -> Option<Callee> {
    member.native.map(|native| Callee { native, key: &member.key, sets: false, instance: member.has_receiver() })
}

/// The setter of a member, if it is emulated.
pub(crate) fn setter(member: &'static Member) -> Option<Callee> {
    member.setter.map(|native| Callee { native, key: &member.key, sets: true, instance: member.has_receiver() })
}

/// Stands for a member that is not emulated, so that what is around it is still bound. A program with one is never run.
pub(crate) fn absent(member: &'static Member) -> Callee {
    fn stop(_: &mut Machine<'_>, _: Args<'_>) -> Outcome {
        Err(Fault::Stopped("the expression uses what is not emulated"))
    }
    Callee { native: stop, key: &member.key, sets: false, instance: member.has_receiver() }
}
