//! The resource types that the emulator answers for, as one table; and those that it knows to exist and does not.

pub(crate) mod api_management;
mod authorization;
mod cognitive_services;
mod insights;
mod managed_identity;
mod not_emulated;
mod operational_insights;
pub(crate) mod resources;

use std::sync::Arc;

use serde_json::Value;

use super::answer::{Answer, Problems, Refusal};
use super::request::{ApiVersion, Request};
use super::shape::Field;
use super::transaction::Transaction;

use crate::arm::ResourceId;
use crate::arm::store::Stored;

pub(crate) use authorization::{check_locks, data_action};
pub(crate) use not_emulated::is_known_type;

/// Where a type's resources lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a resource group.
    Group,
    /// In another resource.
    Child,
    /// On any scope.
    Extension,
}

/// How a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// At once.
    Direct,
    /// 202 with a `Location` at the resource.
    Deferred,
}

/// What is answered: a bit for each verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verbs(u8);

impl Verbs {
    pub(crate) const GET: Self = Self(1);
    pub(crate) const LIST: Self = Self(2);
    pub(crate) const PUT: Self = Self(4);
    pub(crate) const PATCH: Self = Self(8);
    pub(crate) const DELETE: Self = Self(16);
    pub(crate) const HEAD: Self = Self(32);
    pub(crate) const GET_LIST: Self = Self(1 | 2);
    pub(crate) const ALL: Self = Self(63);

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A write under way: what was sent, and the resource that is being made of it.
pub(crate) struct Write<'w, 't> {
    pub(crate) tx: &'w mut Transaction<'t>,
    pub(crate) version: &'w ApiVersion,
    pub(crate) id: ResourceId,
    pub(crate) existing: Option<Arc<Stored>>,
    pub(crate) patch: bool,
    /// Id, name, type, the envelope and the properties in shape.
    pub(crate) stored: Stored,
    pub(crate) problems: Problems,
    /// A failure that is told only at the poll.
    pub(crate) failure: Option<Refusal>,
    /// Overrides the type's own style.
    pub(crate) style: Style,
    /// More resources that come with this one.
    pub(crate) companions: Vec<Stored>,
}

impl Write<'_, '_> {
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        super::json_text(&self.stored.body, pointer)
    }

    pub(crate) fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        super::set(&mut self.stored.body, pointer, value.into());
    }

    /// Sets a value unless there is one.
    pub(crate) fn set_default(&mut self, pointer: &str, value: impl Into<Value>) {
        if self.stored.body.pointer(pointer).is_none_or(Value::is_null) {
            self.set(pointer, value);
        }
    }

    pub(crate) fn take(&mut self, pointer: &str) -> Option<Value> {
        super::take(&mut self.stored.body, pointer)
    }

    /// A value of the resource that was there before.
    pub(crate) fn before(&self, pointer: &str) -> Option<Value> {
        self.existing.as_ref()?.body.pointer(pointer).filter(|value| !value.is_null()).cloned()
    }

    /// Keeps what was there before, or sets `value`.
    pub(crate) fn keep_or(&mut self, pointer: &str, value: impl FnOnce(&mut Self) -> Value) {
        let kept = self.before(pointer);
        let value = kept.unwrap_or_else(|| value(self));
        self.set(pointer, value);
    }
}

/// For kinds whose GET answers the secrets that the store keeps apart.
pub(crate) fn show_secrets(_view: View<'_, '_>, stored: &Stored, body: &mut Value) {
    for (pointer, secret) in &stored.secrets {
        super::set(body, pointer, Value::String(secret.expose().clone()));
    }
}

/// Through which request a resource is shown.
#[derive(Clone, Copy)]
pub(crate) struct View<'v, 't> {
    pub(crate) tx: &'v Transaction<'t>,
    pub(crate) request: &'v Request,
    pub(crate) version: &'v ApiVersion,
    /// In a list.
    pub(crate) listed: bool,
    /// In the answer to the write that made it.
    pub(crate) fresh: bool,
}

/// One request for one resource or collection.
pub(crate) struct Call<'c> {
    pub(crate) request: &'c Request,
    pub(crate) version: ApiVersion,
    pub(crate) kind: &'static Kind,
    /// The resource, or for a collection its parent or scope.
    pub(crate) id: ResourceId,
}

pub(crate) type Handler = fn(&mut Transaction<'_>, &Call<'_>) -> Result<Answer, Refusal>;

/// Handlers that stand in for the usual ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Overrides {
    pub(crate) get: Option<Handler>,
    pub(crate) list: Option<Handler>,
    pub(crate) put: Option<Handler>,
    pub(crate) patch: Option<Handler>,
    pub(crate) delete: Option<Handler>,
}

impl Overrides {
    pub(crate) const NONE: Self = Self { get: None, list: None, put: None, patch: None, delete: None };
}

/// One resource type.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// As "not found" messages name it.
    pub(crate) label: &'static str,
    pub(crate) place: Place,
    pub(crate) verbs: Verbs,
    /// Pattern, least and most characters of a name.
    pub(crate) naming: Option<(&'static str, usize, usize)>,
    pub(crate) envelope: &'static [Field],
    pub(crate) properties: &'static [Field],
    /// Properties that are kept among the secrets and never shown by GET.
    pub(crate) write_only: &'static [&'static str],
    pub(crate) style: Style,
    /// First api-version whose DELETE is a long-running operation.
    pub(crate) deferred_delete: Option<&'static str>,
    pub(crate) created: u16,
    pub(crate) updated: u16,
    /// PATCH and DELETE need `If-Match`.
    pub(crate) conditional: bool,
    pub(crate) complete: fn(&mut Write<'_, '_>) -> Result<(), Refusal>,
    pub(crate) show: fn(View<'_, '_>, &Stored, &mut Value),
    pub(crate) before_delete: fn(&mut Transaction<'_>, &Request, &Stored) -> Result<(), Refusal>,
    pub(crate) actions: &'static [(&'static str, Handler)],
    pub(crate) overrides: Overrides,
}

impl Kind {
    /// A child of an API Management service: conditional, 201 then 200.
    pub(crate) const CHILD: Self = Self {
        name: "",
        label: "",
        place: Place::Child,
        verbs: Verbs::ALL,
        naming: None,
        envelope: &[],
        properties: &[],
        write_only: &[],
        style: Style::Direct,
        deferred_delete: None,
        created: 201,
        updated: 200,
        conditional: true,
        complete: |_| Ok(()),
        show: |_, _, _| {},
        before_delete: |_, _, _| Ok(()),
        actions: &[],
        overrides: Overrides::NONE,
    };

    /// A resource in a group.
    pub(crate) const TRACKED: Self =
        Self { place: Place::Group, conditional: false, verbs: Verbs::ALL.without(Verbs::HEAD), ..Self::CHILD };

    /// The last word of the type.
    pub(crate) fn segment(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The namespace of the type.
    pub(crate) fn namespace(&self) -> &'static str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub(crate) fn is_api_management(&self) -> bool {
        self.namespace() == api_management::NAMESPACE
    }
}

/// All types.
const TABLE: &[&[Kind]] = &[
    api_management::KINDS,
    authorization::KINDS,
    cognitive_services::KINDS,
    insights::KINDS,
    managed_identity::KINDS,
    operational_insights::KINDS,
    resources::KINDS,
];

/// The type with this full name, whatever its case.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    TABLE.iter().flat_map(|kinds| kinds.iter()).find(|kind| kind.name.eq_ignore_ascii_case(name))
}

/// Every operation that answers: method and type, for the table of `apimctl fidelity`.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    TABLE.iter().flat_map(|kinds| kinds.iter())
}

/// Requests that are no resource or collection of the table: `None` when it is none of these either.
pub(crate) fn special(tx: &mut Transaction<'_>, request: &Request, route: &super::router::Route<'_>) -> Option<Result<Answer, Refusal>> {
    match route.namespace.to_ascii_lowercase().as_str() {
        "microsoft.apimanagement" => api_management::special(tx, request, route),
        "microsoft.authorization" => authorization::special(tx, request, route),
        "microsoft.insights" => insights::special(tx, request, route),
        _ => None,
    }
}
