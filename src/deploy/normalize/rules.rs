//! The catalogue's lines for one place of a body.

use serde_json::Value;

use crate::arm::ResourceId;
use crate::arm::catalogue::{ResourceType, Rule};

/// What the catalogue says of one resource.
#[derive(Debug, Clone)]
pub(in crate::deploy) struct Rules {
    entry: Option<&'static ResourceType>,
    /// Lower-case id of the service that the resource belongs to, with which short ids are completed.
    service: Option<String>,
}

/// What the catalogue says of one place of a body.
#[derive(Debug, Clone, Default)]
pub(in crate::deploy) struct At {
    /// Set by the service.
    pub(in crate::deploy) read_only: bool,
    /// Never answered.
    pub(in crate::deploy) write_only: bool,
    /// Must not be shown.
    pub(in crate::deploy) secret: bool,
    /// Must not be shown while the boolean at this pointer is true.
    pub(in crate::deploy) secret_if: Option<&'static str>,
    /// What it is when it is not sent.
    pub(in crate::deploy) default: Option<Value>,
    /// Gone after a PUT without it.
    pub(in crate::deploy) kept: bool,
    pub(in crate::deploy) id: bool,
    pub(in crate::deploy) location: bool,
    pub(in crate::deploy) ignore_case: bool,
    pub(in crate::deploy) slashes: bool,
    pub(in crate::deploy) duration: bool,
    /// Keys by which elements are matched.
    pub(in crate::deploy) unordered: Option<&'static str>,
    pub(in crate::deploy) switches: bool,
    pub(in crate::deploy) policy: bool,
    /// Compared only where the desired state says something.
    pub(in crate::deploy) partial: bool,
}

impl Rules {
    /// Rules of a type; `id` is the resource's, if it is known.
    pub(in crate::deploy) fn new(entry: Option<&'static ResourceType>, id: Option<&ResourceId>) -> Self {
        let mut service = id.cloned();
        while let Some(candidate) = &service
            && !candidate.is_type("Microsoft.ApiManagement/service")
        {
            service = candidate.parent();
        }
        Self { entry, service: service.map(|id| id.key()) }
    }

    /// Whether the catalogue knows the type.
    pub(in crate::deploy) const fn known(&self) -> bool {
        self.entry.is_some()
    }

    /// What holds at a path of unescaped segments.
    pub(in crate::deploy) fn at<S: AsRef<str>>(&self, path: &[S]) -> At {
        let mut at = At::default();
        match path {
            [only] if only.as_ref() == "location" => at.location = true,
            [only] if only.as_ref() == "tags" => at.partial = true,
            _ => {}
        }
        for property in self.entry.map_or(&[][..], |entry| entry.properties).iter().filter(|property| property.matches(path)) {
            match property.rule {
                Rule::ReadOnly => at.read_only = true,
                Rule::WriteOnly => at.write_only = true,
                Rule::Secret => at.secret = true,
                Rule::SecretIf(flag) => at.secret_if = Some(flag),
                Rule::Default(text) => at.default = serde_json::from_str(text).ok(),
                Rule::Kept => at.kept = true,
                Rule::Id => at.id = true,
                Rule::Location => at.location = true,
                Rule::IgnoreCase => at.ignore_case = true,
                Rule::Slashes => at.slashes = true,
                Rule::Duration => at.duration = true,
                Rule::Unordered(keys) => at.unordered = Some(keys),
                Rule::Switches => at.switches = true,
                Rule::Policy => at.policy = true,
                Rule::Partial => at.partial = true,
            }
        }
        at
    }

    /// One spelling of an id: lower case, without a slash at its end and without `;rev=`, and without the service in front, so
    /// that `/backends/x`, `{service}/backends/x` and another case of either are one.
    pub(super) fn id(&self, text: &str) -> String {
        let mut text = text.trim().to_ascii_lowercase();
        if let Some(revision) = text.find(";rev=") {
            let end = text[revision..].find('/').map_or(text.len(), |slash| revision + slash);
            text.replace_range(revision..end, "");
        }
        let text = text.trim_end_matches('/');
        // A role definition is the same whether it is named below the subscription or below the tenant.
        if let Some(start) = text.find("/providers/microsoft.authorization/roledefinitions/") {
            return text[start..].to_owned();
        }
        let tail = match &self.service {
            Some(service) => text.strip_prefix(service.as_str()).filter(|tail| tail.is_empty() || tail.starts_with('/')),
            // Without a service to compare with, any service's children are known by their tails.
            None => text.find("/providers/microsoft.apimanagement/service/").and_then(|start| {
                let rest = &text[start + "/providers/microsoft.apimanagement/service/".len()..];
                Some(&rest[rest.find('/')?..])
            }),
        };
        let tail = tail.unwrap_or(text);
        if tail.is_empty() {
            "/".to_owned()
        } else if tail.starts_with('/') || tail.contains('/') {
            tail.to_owned()
        } else {
            format!("/{tail}")
        }
    }
}
