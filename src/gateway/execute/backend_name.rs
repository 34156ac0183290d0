//! A backend entity that a policy names, by a literal that is looked up once or by an expression.

use crate::gateway::exchange::Exchange;
use crate::gateway::failure::Failure;
use crate::gateway::program::{Argument, Arguments, Compiler};
use crate::gateway::snapshot::BackendIndex;
use crate::policy::Element;

/// The name, and the backend if it is known beforehand.
#[derive(Debug)]
pub(super) struct BackendName {
    name: Argument<Box<str>>,
    known: Option<BackendIndex>,
}

impl BackendName {
    /// Reads the attribute; a literal that names no backend is a problem.
    pub(super) fn read(element: &Element, compiler: &mut Compiler<'_>, attribute: &str) -> Self {
        let name = compiler.required_text(element, attribute);
        let known = match &name {
            Argument::Literal(name) => {
                let known = compiler.environment().backends.get(name.to_ascii_lowercase().as_str()).copied();
                if known.is_none() {
                    compiler.problem(element, format!("there is no backend `{name}`"));
                }
                known
            }
            Argument::Computed(_) => None,
        };
        Self { name, known }
    }

    /// The backend.
    ///
    /// # Errors
    /// An expression names one that is not there. The text is the service's own for a literal.
    pub(super) fn find(&self, exchange: &Exchange, arguments: &Arguments) -> Result<BackendIndex, Failure> {
        let name = arguments.text(&self.name);
        self.known
            .or_else(|| exchange.snapshot.backend_named(name))
            .ok_or_else(|| Failure::internal("BackendNotFound", format!("Backend with id '{name}' could not be found.")))
    }
}
