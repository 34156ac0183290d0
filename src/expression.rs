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

pub use code::{Effects, Need};
pub use context::{BodyState, ExpressionContext, Host, HostKind, HostValue, Stored};
pub use heap::Heap;
pub use result::{Evaluated, Portable, date_text, is_json_date, ticks_of, type_name};

/// Why an expression does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Byte in the text that was given.
    pub at: usize,
    /// Stable code of [`codes`].
    pub code: crate::support::finding::Code,
    /// One sentence.
    pub message: String,
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
        let body = parser::parse(text).map_err(|error| CompileError { at: error.at, code: codes::SYNTAX, message: error.message })?;
        let wanted = match wanted {
            None => None,
            Some(name) => Some(result::type_of(name).ok_or_else(|| CompileError {
                at: 0,
                code: codes::TYPE,
                message: format!("`{name}` is no type that an expression can return"),
            })?),
        };
        let program = binder::bind(&body, wanted.or(Some(types::known().object))).map_err(|problem| CompileError {
            at: problem.at,
            code: match problem.kind {
                binder::ProblemKind::Type => codes::TYPE,
                binder::ProblemKind::NotAllowed => codes::NOT_ALLOWED,
                binder::ProblemKind::NotEmulated => codes::NOT_EMULATED,
            },
            message: problem.message,
        })?;
        let code = codegen::generate(&program.main, &program.locals, program.functions);
        Ok(Self { code: Arc::new(code), result: program.result })
    }

    /// What it reads, known before it runs.
    #[must_use]
    pub fn effects(&self) -> &Effects {
        &self.code.effects
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
