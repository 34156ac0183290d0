//! Who asks: one login out of several possible sources.

mod assertion;
mod chain;
mod claims;
mod fixed;
mod source;

pub use chain::{Login, LoginOptions};
pub use claims::Principal;
pub use fixed::StaticCredential;
pub use source::Source;

/// Which source of a login to use (`--auth`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthKind {
    /// The first of all that is set up.
    #[default]
    Auto,
    /// `az login`.
    Cli,
    /// `AZURE_CLIENT_ID` with a secret, a certificate or a federated token file.
    Env,
    /// Workload identity of a Kubernetes pod.
    Workload,
    /// The managed identity of the machine or app.
    Managed,
    /// A service connection of Azure Pipelines.
    Pipelines,
    /// `azd auth login`.
    Azd,
    /// GitHub Actions' OpenID Connect token.
    GitHub,
}

impl AuthKind {
    /// All of them with their names on the command line.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("auto", Self::Auto),
        ("cli", Self::Cli),
        ("env", Self::Env),
        ("workload", Self::Workload),
        ("managed", Self::Managed),
        ("pipelines", Self::Pipelines),
        ("azd", Self::Azd),
        ("github", Self::GitHub),
    ];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("auto", |(name, _)| name)
    }
}

/// Not one of the names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a login; known are `auto`, `cli`, `env`, `workload`, `managed`, `pipelines`, `azd` and `github`")]
pub struct UnknownAuthKind(String);

impl std::str::FromStr for AuthKind {
    type Err = UnknownAuthKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, kind)| *kind).ok_or_else(|| UnknownAuthKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
