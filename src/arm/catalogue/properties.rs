//! How a property behaves between what is sent and what comes back.

/// One property of a resource type.
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
    /// Filled with this JSON text when it is not sent.
    Default(&'static str),
    /// An ARM id: compared without case, and by its tail when one side is short (`/backends/x`).
    Id,
    /// An Azure region: compared without spaces and case.
    Location,
    /// A text compared without case.
    IgnoreCase,
    /// An array whose order has no meaning; elements are matched by these keys (comma-separated), or whole when empty.
    Unordered(&'static str),
    /// Policy XML: compared by meaning.
    Policy,
    /// Compared only where the desired state says something; the service adds members of its own.
    Partial,
}
