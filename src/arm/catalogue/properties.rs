//! How a property behaves between what is sent and what comes back.

/// One property of a resource type. A pointer may stand more than once, with different rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Property {
    /// JSON pointer into the body; `*` stands for any array index or key.
    pub pointer: &'static str,
    /// What it does.
    pub rule: Rule,
}

/// What the service does with a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Set by the service; sent values are ignored. Never compared.
    ReadOnly,
    /// Never comes back, and there is no way to ask for it (import documents, `restore`).
    WriteOnly,
    /// Comes back only through a listing action (`listValue`, `listSecrets`), masked, or not at all. Never shown.
    Secret,
    /// As [`Rule::Secret`] when the boolean at this pointer is true; else an ordinary value.
    SecretIf(&'static str),
    /// Filled with this JSON text when it is not sent.
    Default(&'static str),
    /// Kept as sent, and gone after a PUT that does not send it. Properties without this rule or [`Rule::Default`] that only
    /// the service has are not ours to compare: it may add what it likes.
    Kept,
    /// An ARM id: compared without case, and by its tail when one side is short (`/backends/x`).
    Id,
    /// An Azure region: compared without spaces and case.
    Location,
    /// A text compared without case.
    IgnoreCase,
    /// A text compared without slashes at its ends.
    Slashes,
    /// An ISO 8601 duration: compared by length.
    Duration,
    /// An array whose order has no meaning; elements are matched by these keys (comma-separated), or whole when empty.
    Unordered(&'static str),
    /// An array of switches: an element with `enabled: false` is the same as none.
    Switches,
    /// Policy XML: compared by meaning.
    Policy,
    /// Compared only where the desired state says something; the service or other people add members of their own.
    Partial,
}

impl Property {
    /// Whether the pattern matches a path of unescaped segments.
    #[must_use]
    pub fn matches<S: AsRef<str>>(&self, path: &[S]) -> bool {
        // Asked of every line for every place of every body; the last segment settles nearly all of them.
        if path.last().is_some_and(|last| !self.pointer.ends_with(last.as_ref()) && !self.pointer.ends_with('*')) {
            return false;
        }
        let mut segments = path.iter();
        let mut pattern = self.pointer.split('/').skip(1);
        loop {
            match (pattern.next(), segments.next()) {
                (None, None) => return true,
                (Some(expected), Some(segment)) if expected == "*" || expected == segment.as_ref() => {}
                _ => return false,
            }
        }
    }
}

/// One line of a table.
pub(super) const fn property(pointer: &'static str, rule: Rule) -> Property {
    Property { pointer, rule }
}
