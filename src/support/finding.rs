//! What is wrong with a user's document, where, and how to mend it.

use super::source::Span;

/// A stable code with its one-line meaning. Codes are never renumbered: `SPECnnn`, `POLnnn`, `EXPnnn`, `ARMnnn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    /// For instance `SPEC001`.
    pub id: &'static str,
    /// What the code means, in one line.
    pub title: &'static str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The service would refuse it, or it cannot work.
    Error,
    /// It is legal, and probably not what is meant.
    Warning,
}

/// What sort of rule was broken; the `kind` of the JSON output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The text cannot be read.
    Syntax,
    /// A thing stands where it may not, is missing, or names something that is not there.
    Place,
    /// A value has the wrong type or is out of its range.
    Type,
    /// Legal, but goes wrong at run time.
    Trap,
}

/// One message about a user's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable code.
    pub code: Code,
    /// Sort of rule.
    pub kind: Kind,
    /// Error or warning.
    pub severity: Severity,
    /// One sentence without a full stop; names the thing.
    pub message: String,
    /// Where; `None` only when there is no file (a bad `--var`).
    pub span: Option<Span>,
    /// Further places that explain it ("first defined here").
    pub labels: Vec<(Span, String)>,
    /// The cure.
    pub help: Option<String>,
}

impl Finding {
    /// An error.
    pub fn error(code: Code, kind: Kind, message: impl Into<String>) -> Self {
        Self { code, kind, severity: Severity::Error, message: message.into(), span: None, labels: Vec::new(), help: None }
    }

    /// A warning.
    pub fn warning(code: Code, kind: Kind, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, kind, message) }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, span: impl Into<Option<Span>>) -> Self {
        self.span = span.into();
        self
    }

    /// Points at a further place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the command.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The codes of one module, `NAME = "ABC001", "title";` each, with all of them in `ALL`.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $id:literal, $title:literal;)+) => {
        $($(#[$meta])* #[doc = $title] pub const $name: $crate::support::finding::Code = $crate::support::finding::Code { id: $id, title: $title };)+

        /// Every code of this module, in order.
        pub const ALL: &[$crate::support::finding::Code] = &[$($name),+];
    };
}

pub(crate) use codes;
