//! Role assignments, role definitions, permissions, and what assignments allow.

mod roles;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Call, Kind, Overrides, Place, Verbs, Write};
use crate::arm::store::{Snapshot, Stored};
use crate::arm::{CloudError, ResourceId};
use crate::emulator::access::{permission_body, scope_of, wildcard};
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::operations::millis;
use crate::emulator::request::Request;
use crate::emulator::router::Route;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::Transaction;
use crate::emulator::{crud, json_text, paging, timestamp};

const ASSIGNMENT: &str = "Microsoft.Authorization/roleAssignments";

const LOCK: &str = "Microsoft.Authorization/locks";

pub(super) const KINDS: &[Kind] = &[LOCKS, ASSIGNMENTS];

/// Management locks.
const LOCKS: Kind = Kind {
    name: LOCK,
    label: "Lock",
    place: Place::Extension,
    verbs: Verbs::ALL.without(Verbs::PATCH).without(Verbs::HEAD),
    properties: &[Field::new("level", Type::Word(&["CanNotDelete", "ReadOnly"])).required(), Field::new("notes", TEXT)],
    conditional: false,
    ..Kind::CHILD
};

/// ARM's 409 when a lock at the scope or above it forbids the request. The words were seen in an issue thread.
pub(crate) fn check_locks(tx: &Transaction<'_>, method: &Method, kind: &Kind, path: &str) -> Result<(), Refusal> {
    if kind.name == LOCK || !matches!(*method, Method::DELETE | Method::PUT | Method::PATCH) {
        return Ok(());
    }
    let Ok(id) = ResourceId::parse(path) else { return Ok(()) };
    // A lock holds for its scope and all below it; the outermost is named first.
    let mut scopes: Vec<ResourceId> = std::iter::successors(Some(id), ResourceId::parent).collect();
    scopes.reverse();
    let locked: Vec<String> = scopes
        .iter()
        .flat_map(|scope| tx.children(scope, &crud::collection_of(&LOCKS)))
        .filter(|lock| *method == Method::DELETE || json_text(&lock.body, "/properties/level") == Some("ReadOnly"))
        .filter_map(|lock| lock.id.parent().map(|scope| scope.to_string()))
        .collect();
    if locked.is_empty() {
        return Ok(());
    }
    let operation = if *method == Method::DELETE { "delete" } else { "write" };
    Err(Refusal::plain(
        409,
        "ScopeLocked",
        format!(
            "The scope '{path}' cannot perform {operation} operation because following scope(s) are locked: '{}'. Please remove the lock and try again.",
            locked.join("', '")
        ),
    ))
}

const ASSIGNMENTS: Kind = Kind {
    name: ASSIGNMENT,
    label: "Role assignment",
    place: Place::Extension,
    verbs: Verbs::ALL.without(Verbs::PATCH).without(Verbs::HEAD),
    naming: Some((r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$", 36, 36)),
    properties: &[
        Field::new("roleDefinitionId", TEXT).required(),
        Field::new("principalId", TEXT).required(),
        Field::new("principalType", Type::Word(&["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"])),
        Field::new("description", TEXT),
        Field::new("condition", TEXT),
        Field::new("conditionVersion", TEXT),
        Field::new("delegatedManagedIdentityResourceId", TEXT),
    ],
    conditional: false,
    // az takes 201 only, for a repetition as well (observed with az 2.91).
    created: 201,
    updated: 201,
    complete: assign,
    overrides: Overrides { list: Some(list), delete: Some(delete), ..Overrides::NONE },
    ..Kind::CHILD
};

fn assign(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let principal = write.text("/properties/principalId").unwrap_or_default().to_owned();
    let role = write.text("/properties/roleDefinitionId").unwrap_or_default().to_owned();
    let scope = scope_of(&write.id);
    if principal.is_empty() || role.is_empty() {
        return Err(Refusal::plain(
            400,
            "InvalidRequestContent",
            "The request content is not valid: roleDefinitionId and principalId are required.",
        ));
    }
    let same_role = |other: &str| role_guid(other).eq_ignore_ascii_case(role_guid(&role));
    if let Some(before) = &write.existing {
        let same = json_text(&before.body, "/properties/principalId").is_some_and(|before| before.eq_ignore_ascii_case(&principal))
            && json_text(&before.body, "/properties/roleDefinitionId").is_some_and(same_role);
        if !same {
            return Err(Refusal::plain(
                400,
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
            ));
        }
    } else {
        let twin = write.tx.select(|stored| {
            stored.id.is_type(ASSIGNMENT)
                && scope_of(&stored.id).eq_ignore_ascii_case(&scope)
                && json_text(&stored.body, "/properties/principalId").is_some_and(|other| other.eq_ignore_ascii_case(&principal))
                && json_text(&stored.body, "/properties/roleDefinitionId").is_some_and(same_role)
        });
        if !twin.is_empty() {
            return Err(Refusal::plain(409, "RoleAssignmentExists", "The role assignment already exists."));
        }
    }
    if roles::find(role_guid(&role)).is_none() {
        return Err(Refusal::plain(
            404,
            "RoleDefinitionDoesNotExist",
            format!("The specified role definition with ID '{}' does not exist.", role_guid(&role).replace('-', "")),
        ));
    }
    if write.text("/properties/principalType").is_none() {
        if !is_known_principal(write.tx, &principal) {
            let tenant = write.tx.directory().tenant_id.replace('-', "");
            return Err(Refusal::plain(
                400,
                "PrincipalNotFound",
                format!(
                    "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal ID. If you are creating this \
                     principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the \
                     role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See \
                     https://aka.ms/docs-principaltype",
                    principal.replace('-', "")
                ),
            ));
        }
        let caller = write.tx.caller.object_id.eq_ignore_ascii_case(&principal);
        write.set("/properties/principalType", if caller { "User" } else { "ServicePrincipal" });
    }
    let subscription = write.id.subscription_id().unwrap_or_default().to_owned();
    write.set(
        "/properties/roleDefinitionId",
        format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}", role_guid(&role)),
    );
    write.set("/properties/scope", scope);
    for absent in ["condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId"] {
        write.set_default(&format!("/properties/{absent}"), Value::Null);
    }
    let (now, caller) = (timestamp(write.tx.now), write.tx.caller.object_id.clone());
    write.keep_or("/properties/createdOn", |_| json!(now));
    write.keep_or("/properties/createdBy", |_| json!(caller));
    let changed = write
        .existing
        .as_ref()
        .is_none_or(|before| json_text(&before.body, "/properties/description") != write.text("/properties/description"));
    for (member, value) in [("updatedOn", json!(now)), ("updatedBy", json!(caller))] {
        let pointer = format!("/properties/{member}");
        if changed { write.set(&pointer, value) } else { write.keep_or(&pointer, |_| value) }
    }
    if write.existing.is_none() {
        write.stored.internal = json!({ "createdAt": millis(write.tx.now) });
    }
    Ok(())
}

fn role_guid(role_definition_id: &str) -> &str {
    role_definition_id.rsplit('/').next().unwrap_or_default()
}

/// Whether the directory knows a principal: not before its creation has spread.
fn is_known_principal(tx: &Transaction<'_>, principal: &str) -> bool {
    let spread = |stored: &Stored| {
        let created = stored.internal.get("principalCreatedAt").and_then(Value::as_i64).unwrap_or(0);
        millis(tx.now) >= created.saturating_add(i64::try_from(tx.options.propagation.as_millis()).unwrap_or(i64::MAX))
    };
    let is = |stored: &Stored, pointer: &str| json_text(&stored.body, pointer).is_some_and(|id| id.eq_ignore_ascii_case(principal));
    tx.directory().caller.eq_ignore_ascii_case(principal)
        || !tx
            .select(|stored| {
                (is(stored, "/identity/principalId") || is(stored, "/properties/principalId") && !stored.id.is_type(ASSIGNMENT))
                    && spread(stored)
            })
            .is_empty()
}

/// Assignments at the scope and below it; `atScope()` leaves out those below. Those of wider scopes are listed too.
fn list(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let scope = call.id.clone();
    let filter = call.request.query("$filter").unwrap_or_default().to_owned();
    let at_scope_only = filter.to_ascii_lowercase().contains("atscope()");
    let assigned = paging::assigned_to(call.request);
    let found = tx.select(|stored| {
        stored.id.is_type(ASSIGNMENT)
            && stored.id.parent().is_some_and(|own| own == scope || scope.is_below(&own) || (!at_scope_only && own.is_below(&scope)))
            && assigned
                .as_ref()
                .is_none_or(|wanted| json_text(&stored.body, "/properties/principalId").is_some_and(|id| id.eq_ignore_ascii_case(wanted)))
    });
    if assigned.is_some() {
        let items = found.iter().map(|stored| stored.body.clone()).collect();
        return paging::page(tx.options, &without_filter(call.request), items, false);
    }
    crud::answer_list(tx, call, &found)
}

fn without_filter(request: &Request) -> Request {
    let mut request = request.clone();
    request.query.retain(|(key, _)| !key.eq_ignore_ascii_case("$filter"));
    request
}

/// DELETE answers the assignment that is gone.
fn delete(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let Some(stored) = tx.get(&call.id) else { return Ok(Answer::empty(204)) };
    tx.remove(&stored.id);
    Ok(Answer::json(200, stored.body.clone()))
}

/// Permissions and role definitions, at any scope.
pub(super) fn special(tx: &mut Transaction<'_>, request: &Request, route: &Route<'_>) -> Option<Result<Answer, Refusal>> {
    let words = route.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if request.method != Method::GET {
        return None;
    }
    let scope = route.scope_path();
    match words.as_slice() {
        ["permissions"] => {
            let items = tx.directory().at(&tx.caller, &scope).map(permission_body).collect();
            Some(paging::page(tx.options, request, items, false))
        }
        ["roledefinitions"] => {
            let items =
                roles::ROLES.iter().map(|role| role.body(route.subscription())).filter(|body| named_in_filter(request, body)).collect();
            Some(paging::page(tx.options, &without_filter(request), items, false))
        }
        ["roledefinitions", id] => Some(match roles::find(id) {
            Some(role) => Ok(Answer::json(200, role.body(route.subscription()))),
            None => Err(Refusal::plain(
                404,
                "RoleDefinitionDoesNotExist",
                format!("The specified role definition with ID '{id}' does not exist."),
            )),
        }),
        _ => None,
    }
}

fn named_in_filter(request: &Request, body: &Value) -> bool {
    let Some(filter) = request.query("$filter") else { return true };
    let Some((_, wanted)) = filter.split_once("roleName eq '") else { return true };
    json_text(body, "/properties/roleName").is_some_and(|name| wanted.trim_end_matches('\'').eq_ignore_ascii_case(name))
}

/// Whether assignments give a principal a data action at a scope.
pub(crate) fn data_action(
    snapshot: &Snapshot,
    principal: &str,
    scope: &ResourceId,
    action: &str,
    now: OffsetDateTime,
    propagation: Duration,
) -> Result<(), (u16, CloudError)> {
    let propagation = i64::try_from(propagation.as_millis()).unwrap_or(i64::MAX);
    let allowed = snapshot.values().filter(|stored| stored.id.is_type(ASSIGNMENT)).any(|stored| {
        let reaches = stored.id.parent().is_some_and(|own| own == *scope || scope.is_below(&own));
        let created = stored.internal.get("createdAt").and_then(Value::as_i64).unwrap_or(0);
        let spread = millis(now) >= created.saturating_add(propagation);
        let own = json_text(&stored.body, "/properties/principalId").is_some_and(|id| id.eq_ignore_ascii_case(principal));
        let role = json_text(&stored.body, "/properties/roleDefinitionId").and_then(|id| roles::find(role_guid(id)));
        reaches && spread && own && role.is_some_and(|role| role.allows_data(action, wildcard))
    });
    if allowed { Ok(()) } else { Err((401, CloudError::new("PermissionDenied", "Principal does not have access to API/Operation."))) }
}
