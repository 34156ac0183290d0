//! C# expressions of policies: read, type-checked, compiled once, and run by many requests.
//!
//! `text` → [`lexer`] → `parser` (syntax) → `binder` (types, overloads, conversions) → `codegen` → `machine`. `catalogue` is the table of what exists and
//! what a policy may use; `library` is what of it is emulated. A [`Heap`] belongs to one request and is shared by all its expressions.

use std::sync::Arc;

pub mod lexer;

mod binder;
mod bound;
mod catalogue;
mod code;
mod codegen;
pub mod codes;
mod context;
mod heap;
mod library;
mod machine;
mod parser;
mod result;
mod syntax;
mod text;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use catalogue::coverage::{TypeCoverage, coverage, emulated_members};
pub use code::{Effects, Need};
pub use context::{BodyState, ExpressionContext, Host, HostKind, HostValue, Stored};
pub use heap::{Heap, VariableMismatch};
pub use result::{Evaluated, Portable, date_text, full_type_name, is_json_date, ticks_of, type_name};

/// Why an expression does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Byte in the text that was given.
    pub at: usize,
    /// Stable code of [`codes`].
    pub code: crate::support::finding::Code,
    /// One sentence.
    pub message: String,
    /// What may be meant instead of a member that does not exist.
    pub near: Option<&'static str>,
}

impl From<binder::Problem> for CompileError {
    fn from(problem: binder::Problem) -> Self {
        let code = match problem.kind {
            binder::ProblemKind::Type => codes::TYPE,
            binder::ProblemKind::NotAllowed => codes::NOT_ALLOWED,
            binder::ProblemKind::NotEmulated => codes::NOT_EMULATED,
        };
        Self { at: problem.at, code, message: problem.message, near: problem.near }
    }
}

/// An expression that the service would take. It runs here if nothing that it uses is [`missing`](Checked::missing).
#[derive(Debug, Clone)]
pub struct Checked {
    expression: Expression,
    natural: Option<types::Type>,
    constant: Option<bool>,
    missing: Vec<CompileError>,
}

impl Checked {
    /// What it uses that a policy may use and that is not emulated here, in the order of the text.
    #[must_use]
    pub fn missing(&self) -> &[CompileError] {
        &self.missing
    }

    /// What it reads, known before it runs.
    #[must_use]
    pub fn effects(&self) -> &Effects {
        self.expression.effects()
    }

    /// The .NET name of the type that it has before its place converts it (`System.Int32`); nothing for `null`, and where a block returns
    /// values of several types without a common one.
    #[must_use]
    pub fn natural_type(&self) -> Option<String> {
        self.natural.filter(|ty| *ty != types::known().null).map(types::Type::full_name)
    }

    /// Its value, if that is `true` or `false` whatever happens.
    #[must_use]
    pub const fn constant(&self) -> Option<bool> {
        self.constant
    }

    /// What runs.
    ///
    /// # Errors
    /// The first thing that is not emulated.
    pub fn into_expression(mut self) -> Result<Expression, CompileError> {
        if self.missing.is_empty() { Ok(self.expression) } else { Err(self.missing.remove(0)) }
    }
}

/// A compiled expression. Cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct Expression {
    code: Arc<code::Code>,
    result: types::Type,
}

impl Expression {
    /// Compiles the whole of `@( … )` or `@{ … }`. `wanted` is the C# type that its place wants (`object` if none is named).
    ///
    /// # Errors
    /// The text is no expression, does not type-check, uses what a policy may not use, or what is not emulated.
    pub fn compile(text: &str, wanted: Option<&str>) -> Result<Self, CompileError> {
        Self::check(text, wanted)?.into_expression()
    }

    /// Compiles as [`Expression::compile`] does, and takes what is allowed and merely not emulated here: that is how the service sees it.
    ///
    /// # Errors
    /// The text is no expression, does not type-check, or uses what a policy may not use; or it is of a form that is not emulated and of
    /// which nothing further can be said (its code is then [`codes::NOT_EMULATED`]).
    pub fn check(text: &str, wanted: Option<&str>) -> Result<Checked, CompileError> {
        let body =
            parser::parse(text).map_err(|error| CompileError { at: error.at, code: codes::SYNTAX, message: error.message, near: None })?;
        let wanted = match wanted {
            None => None,
            Some(name) => Some(result::type_of(name).ok_or_else(|| CompileError {
                at: 0,
                code: codes::TYPE,
                message: format!("`{name}` is no type that an expression can return"),
                near: None,
            })?),
        };
        let program = binder::bind(&body, wanted.or(Some(types::known().object))).map_err(|problem| CompileError::from(*problem))?;
        let constant = match &program.main.body[..] {
            [bound::Stmt::Return(Some(value))] => match value.value() {
                Some(value::Value::Boolean(value)) => Some(*value),
                _ => None,
            },
            _ => None,
        };
        let mut code = codegen::generate(&program.main, &program.locals, program.functions);
        code.reached.extend(program.values);
        Ok(Checked {
            expression: Self { code: Arc::new(code), result: program.result },
            natural: program.natural,
            constant,
            missing: program.missing.into_iter().map(CompileError::from).collect(),
        })
    }

    /// What it reads, known before it runs.
    #[must_use]
    pub fn effects(&self) -> &Effects {
        &self.code.effects
    }

    /// The members that it may call, read or write, by the keys of [`emulated_members`]; each at least once, in no order.
    #[must_use]
    pub fn reached(&self) -> &[&'static str] {
        &self.code.reached
    }

    /// The C# type of its value.
    #[must_use]
    pub fn result_type(&self) -> String {
        self.result.to_string()
    }
}

/// What stopped an evaluation.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It has a value.
    Done(Evaluated),
    /// The body is not there yet: run it again when it is.
    NeedBody(Host),
    /// The fuel of this run is used up: run it again.
    OutOfFuel,
    /// An exception was not caught.
    Threw(Exception),
}

/// An exception as .NET shows it, or a limit of this program (its type is then empty).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// `System.FormatException`.
    pub type_name: String,
    /// Its message.
    pub message: String,
}

/// One evaluation, which can stop and go on.
#[derive(Debug)]
pub struct Evaluation {
    code: Arc<code::Code>,
    state: machine::State,
}

impl Evaluation {
    /// Begins; nothing runs yet.
    #[must_use]
    pub fn new(expression: &Expression) -> Self {
        Self { code: Arc::clone(&expression.code), state: machine::State::default() }
    }

    /// Runs up to `fuel` steps. A library function that calls lambdas is not stopped in between.
    pub fn run(&mut self, heap: &mut Heap, context: &mut dyn ExpressionContext, fuel: u64) -> Outcome {
        let halt = machine::Machine::new(&self.code, &mut self.state, heap, context).run(fuel);
        match halt {
            machine::Halt::Done(value) => Outcome::Done(Evaluated { value, code: Arc::clone(&self.code) }),
            machine::Halt::Slice => Outcome::OutOfFuel,
            machine::Halt::Fault(machine::Fault::NeedBody(body)) => Outcome::NeedBody(body),
            machine::Halt::Fault(machine::Fault::Stopped(message)) => {
                Outcome::Threw(Exception { type_name: String::new(), message: message.to_owned() })
            }
            machine::Halt::Fault(machine::Fault::Thrown(value)) => Outcome::Threw(result::exception(heap, &value)),
        }
    }
}
