//! APIs and their operations.

use serde_json::{Map, Value, json};

use super::super::{Call, Kind, Overrides, Style, Verbs, View, Write};
use super::{ENTITY_NAME, import, resolve, service_id};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::answer::{Answer, Refusal};
use crate::emulator::crud;
use crate::emulator::json_text;
use crate::emulator::shape::{Field, TEXT, Type};
use crate::emulator::transaction::Transaction;

const API: &str = "Microsoft.ApiManagement/service/apis";

pub(super) const KIND: Kind = Kind {
    name: API,
    label: "Api",
    naming: Some((ENTITY_NAME, 1, 256)),
    properties: &[
        Field::new("description", TEXT).or("null"),
        Field::new("authenticationSettings", Type::Any),
        Field::new(
            "subscriptionKeyParameterNames",
            Type::Object(&[Field::new("header", TEXT), Field::new("query", TEXT), Field::new("bearer", TEXT).undocumented()]),
        ),
        Field::new("type", Type::Word(&["http", "soap", "websocket", "graphql", "odata", "grpc"])),
        Field::new("apiRevision", Type::Text(1, 100)),
        Field::new("apiVersion", Type::Text(0, 100)),
        Field::new("isCurrent", Type::Boolean),
        Field::new("apiRevisionDescription", Type::Text(0, 256)),
        Field::new("apiVersionDescription", Type::Text(0, 256)),
        Field::new("apiVersionSetId", TEXT),
        Field::new("apiVersionSet", Type::Any),
        Field::new("subscriptionRequired", Type::Boolean).or("true"),
        Field::new("termsOfServiceUrl", TEXT),
        Field::new("contact", Type::Object(&[Field::new("name", TEXT), Field::new("url", TEXT), Field::new("email", TEXT)])),
        Field::new("license", Type::Object(&[Field::new("name", TEXT), Field::new("url", TEXT)])),
        Field::new("sourceApiId", TEXT),
        Field::new("displayName", Type::Text(1, 300)),
        Field::new("serviceUrl", Type::Text(0, 2000)).or("null"),
        Field::new("path", Type::Text(0, 400)),
        Field::new("protocols", Type::List(&Type::Word(&["http", "https", "ws", "wss"]), 0, 4)),
        // Write-only.
        Field::new("value", TEXT),
        Field::new("format", TEXT),
        Field::new("wsdlSelector", Type::Any),
        Field::new("apiType", TEXT),
        Field::new("translateRequiredQueryParameters", TEXT),
    ],
    deferred_delete: Some("2024-05-01"),
    complete,
    show,
    before_delete: |tx, _, stored| {
        // Links and subscriptions of an API go with it (documented for links; for subscriptions assumed).
        let owner = service_id(&stored.id);
        for product in tx.children(&owner, "products") {
            for link in tx.children(&product.id, "apiLinks") {
                if json_text(&link.body, "/properties/apiId").and_then(|id| resolve(&owner, id, "apis")).as_ref() == Some(&stored.id) {
                    tx.remove(&link.id);
                }
            }
        }
        for subscription in tx.children(&owner, "subscriptions") {
            if json_text(&subscription.body, "/properties/scope").is_some_and(|scope| scope.eq_ignore_ascii_case(stored.id.as_str())) {
                tx.remove(&subscription.id);
            }
        }
        Ok(())
    },
    ..Kind::CHILD
};

pub(super) const OPERATION: Kind = Kind {
    name: "Microsoft.ApiManagement/service/apis/operations",
    label: "Operation",
    naming: Some((ENTITY_NAME, 1, 80)),
    properties: &[
        Field::new("displayName", Type::Text(1, 300)).required(),
        Field::new("method", TEXT).required(),
        Field::new("urlTemplate", Type::Text(1, 1000)).required(),
        Field::new("templateParameters", PARAMETERS).or("[]"),
        Field::new("description", Type::Text(0, 1000)).or("null"),
        Field::new(
            "request",
            Type::Object(&[
                Field::new("description", TEXT),
                Field::new("queryParameters", PARAMETERS).or("[]"),
                Field::new("headers", PARAMETERS).or("[]"),
                Field::new("representations", REPRESENTATIONS).or("[]"),
            ]),
        )
        .or(r#"{"queryParameters":[],"headers":[],"representations":[]}"#),
        Field::new(
            "responses",
            Type::List(
                &Type::Object(&[
                    Field::new("statusCode", Type::Integer(100, 599)).required(),
                    Field::new("description", TEXT),
                    Field::new("representations", REPRESENTATIONS).or("[]"),
                    Field::new("headers", PARAMETERS).or("[]"),
                ]),
                0,
                usize::MAX,
            ),
        )
        .or("[]"),
        Field::new("policies", TEXT).or("null"),
    ],
    complete: complete_operation,
    show: |view, _, body| {
        // Recorded: a list leaves `request` out where GET has it with three empty arrays.
        if view.listed
            && body.pointer("/properties/request").and_then(Value::as_object).is_some_and(|request| request.values().all(is_empty))
        {
            crate::emulator::take(body, "/properties/request");
        }
    },
    ..Kind::CHILD
};

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

const PARAMETER: Type = Type::Object(&[
    Field::new("name", TEXT).required(),
    Field::new("description", TEXT),
    Field::new("type", TEXT).required(),
    Field::new("defaultValue", TEXT),
    Field::new("required", Type::Boolean),
    Field::new("values", Type::List(&TEXT, 0, usize::MAX)).or("[]"),
    Field::new("schemaId", TEXT),
    Field::new("typeName", TEXT),
    Field::new("examples", Type::Any),
]);
const PARAMETERS: Type = Type::List(&PARAMETER, 0, usize::MAX);

const REPRESENTATIONS: Type = Type::List(
    &Type::Object(&[
        Field::new("contentType", TEXT).required(),
        Field::new("schemaId", TEXT),
        Field::new("typeName", TEXT),
        Field::new("formParameters", PARAMETERS),
        Field::new("examples", Type::Any),
    ]),
    0,
    usize::MAX,
);

/// Revisions of an API: read only.
pub(super) const REVISION: Kind = Kind {
    name: "Microsoft.ApiManagement/service/apis/revisions",
    label: "Revision",
    verbs: Verbs::LIST,
    overrides: Overrides { list: Some(revisions), ..Overrides::NONE },
    ..Kind::CHILD
};

/// Products that an API is linked to: read only.
pub(super) const API_PRODUCTS: Kind = Kind {
    name: "Microsoft.ApiManagement/service/apis/products",
    label: "Product",
    verbs: Verbs::LIST,
    overrides: Overrides { list: Some(products), ..Overrides::NONE },
    ..Kind::CHILD
};

fn products(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let owner = service_id(&call.id);
    let mut found = tx.children(&owner, "products");
    found.retain(|product| {
        tx.children(&product.id, "apiLinks")
            .iter()
            .any(|link| json_text(&link.body, "/properties/apiId").and_then(|id| resolve(&owner, id, "apis")).as_ref() == Some(&call.id))
    });
    crud::answer_list(tx, call, &found)
}

fn revisions(tx: &mut Transaction<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let owner = service_id(&call.id);
    let base = base_name(call.id.name()).to_owned();
    let items = tx
        .children(&owner, "apis")
        .iter()
        .filter(|api| base_name(api.id.name()).eq_ignore_ascii_case(&base))
        .map(|api| {
            let revision = json_text(&api.body, "/properties/apiRevision").unwrap_or("1");
            json!({
                "apiId": format!("/apis/{base};rev={revision}"),
                "apiRevision": revision,
                "description": api.body.pointer("/properties/apiRevisionDescription"),
                "isCurrent": api.body.pointer("/properties/isCurrent"),
                "isOnline": true
            })
        })
        .collect();
    crate::emulator::paging::page(tx.options, call.request, items, true)
}

fn base_name(name: &str) -> &str {
    name.split_once(";rev=").map_or(name, |(base, _)| base)
}

/// `a;rev=1` is `a` while revision 1 is the current one.
pub(crate) fn without_current_revision(tx: &Transaction<'_>, id: ResourceId) -> ResourceId {
    let Some((base, revision)) = id.name().split_once(";rev=") else { return id };
    if !id.is_type(API) {
        return id;
    }
    let Some(plain) = id.parent().map(|parent| parent.child("apis", base)) else { return id };
    let current = tx.get(&plain).is_some_and(|api| json_text(&api.body, "/properties/apiRevision") == Some(revision));
    if current { plain } else { id }
}

fn complete(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let owner = service_id(&write.id);
    let documents = ["value", "format", "wsdlSelector", "apiType", "translateRequiredQueryParameters"];
    let sent: Map<String, Value> =
        documents.iter().filter_map(|name| Some(((*name).to_owned(), write.take(&format!("/properties/{name}"))?))).collect();
    if let (Some(Value::String(text)), false) = (sent.get("value"), write.patch) {
        let format = sent.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        import::import(write, &format, text)?;
    } else if let Some(Value::String(format)) = sent.get("format")
        && !write.patch
    {
        write.problems.add("value", format!("Value is required for the format '{format}'."));
    }
    if let Some(kind) = sent.get("apiType").and_then(Value::as_str)
        && write.text("/properties/type").is_none()
    {
        let kind = kind.to_ascii_lowercase();
        write.set("/properties/type", kind);
    }
    if let Some(source) = write.take("/properties/sourceApiId").and_then(|source| source.as_str().map(str::to_owned)) {
        copy_of(write, &owner, &source)?;
    }
    for required in ["displayName", "path"] {
        if write.text(&format!("/properties/{required}")).is_none() {
            let words = format!("{} is required.", crate::emulator::shape::capitalised(required));
            write.problems.add(required, words);
        }
    }
    let path = write.text("/properties/path").unwrap_or_default().trim_matches('/').to_owned();
    write.set("/properties/path", path.clone());
    write.set_default("/properties/protocols", json!(["https"]));
    let revision = write.id.name().split_once(";rev=").map_or("1", |(_, revision)| revision).to_owned();
    let kept = write.before("/properties/apiRevision").unwrap_or(Value::String(revision.clone()));
    write.set_default("/properties/apiRevision", kept);
    let current = write.before("/properties/isCurrent").unwrap_or(Value::Bool(!write.id.name().contains(";rev=")));
    write.set_default("/properties/isCurrent", current);
    write.set_default("/properties/subscriptionKeyParameterNames/header", "Ocp-Apim-Subscription-Key");
    write.set_default("/properties/subscriptionKeyParameterNames/query", "subscription-key");
    let settings = write.take("/properties/authenticationSettings").unwrap_or(Value::Null);
    let mut whole = json!({ "oAuth2": null, "openid": null });
    if write.version.is_since("2021-12-01") {
        // Newer versions add two empty arrays (issue thread).
        whole = json!({ "oAuth2": null, "openid": null, "oAuth2AuthenticationSettings": [], "openidAuthenticationSettings": [] });
    }
    if settings.is_object() {
        crud::merge(&mut whole, &settings);
    }
    write.set("/properties/authenticationSettings", whole);
    if let Some(url) = write.text("/properties/contact/url").and_then(|url| url::Url::parse(url).ok()).map(String::from) {
        // Recorded: the URL comes back as .NET's `Uri` writes it, with a trailing slash.
        write.set("/properties/contact/url", url);
    }
    if let Some(set) = write.text("/properties/apiVersionSetId").map(str::to_owned) {
        match resolve(&owner, &set, "apiVersionSets").and_then(|id| write.tx.get(&id)) {
            Some(found) => write.set("/properties/apiVersionSetId", found.id.as_str()),
            None => write.problems.add("apiVersionSetId", "API version set not found."),
        }
    }
    unique_path(write, &owner, &path);
    Ok(())
}

/// One path and version for one API; revisions share theirs. The words are those of issue threads.
fn unique_path(write: &mut Write<'_, '_>, owner: &ResourceId, path: &str) {
    let own = base_name(write.id.name()).to_owned();
    let version = write.text("/properties/apiVersion").unwrap_or_default().to_owned();
    let set = write.text("/properties/apiVersionSetId").unwrap_or_default().to_owned();
    let taken = write.tx.children(owner, "apis").iter().any(|other| {
        let text = |name: &str| json_text(&other.body, &format!("/properties/{name}")).unwrap_or_default().to_owned();
        !base_name(other.id.name()).eq_ignore_ascii_case(&own)
            && text("path").eq_ignore_ascii_case(path)
            && text("apiVersion").eq_ignore_ascii_case(&version)
            && (set.is_empty() || text("apiVersionSetId").is_empty() || text("apiVersionSetId").eq_ignore_ascii_case(&set))
    });
    if taken {
        write.problems.add("path", format!("Cannot create API '{own}' with the same Path '{path}' as API that already exists."));
    }
}

/// A new revision or version starts as a copy of its source: operations too, policies not (issue thread of Terraform's provider).
fn copy_of(write: &mut Write<'_, '_>, owner: &ResourceId, source: &str) -> Result<(), Refusal> {
    let Some(source) = resolve(owner, source, "apis").map(|id| without_current_revision(write.tx, id)).and_then(|id| write.tx.get(&id))
    else {
        write.problems.add("sourceApiId", "Source API not found.");
        return Ok(());
    };
    if write.existing.is_some() {
        return Ok(());
    }
    for member in
        ["displayName", "path", "protocols", "serviceUrl", "description", "apiVersionSetId", "apiVersion", "subscriptionKeyParameterNames"]
    {
        if let Some(value) = source.body.pointer(&format!("/properties/{member}")).filter(|value| !value.is_null()).cloned() {
            write.set_default(&format!("/properties/{member}"), value);
        }
    }
    let target = write.id.clone();
    for operation in write.tx.children(&source.id, "operations") {
        let mut copy = Stored::clone(&operation);
        copy.id = target.child("operations", operation.id.name());
        crate::emulator::set(&mut copy.body, "/id", json!(copy.id.as_str()));
        copy.etag = write.tx.next_etag();
        write.companions.push(copy);
    }
    Ok(())
}

fn show(view: View<'_, '_>, _stored: &Stored, body: &mut Value) {
    if view.version.is_since("2021-12-01") {
        return;
    }
    for newer in ["oAuth2AuthenticationSettings", "openidAuthenticationSettings"] {
        crate::emulator::take(body, &format!("/properties/authenticationSettings/{newer}"));
    }
}

/// The names in `{…}` of a template, without the `*` of a wildcard.
pub(super) fn template_names(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}').map(|(name, _)| name.trim_start_matches('*')))
        .map(|name| name.split(['?', '=', ':']).next().unwrap_or_default())
        .filter(|name| !name.is_empty())
        .collect()
}

fn complete_operation(write: &mut Write<'_, '_>) -> Result<(), Refusal> {
    let template = write.text("/properties/urlTemplate").unwrap_or_default().to_owned();
    let names = template_names(&template);
    let declared: Vec<String> = write
        .stored
        .body
        .pointer("/properties/templateParameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|parameter| json_text(parameter, "/name"))
        .map(str::to_owned)
        .collect();
    // That both directions are refused is assumed, and so are the words.
    for name in &names {
        if !declared.iter().any(|declared| declared == name) {
            write.problems.add(
                "templateParameters",
                format!("All template parameters used in the UriTemplate must be defined in the Operation: '{name}' is not."),
            );
        }
    }
    for name in declared {
        if !names.contains(&name.as_str()) {
            write.problems.add("templateParameters", format!("The template parameter '{name}' is not used in the UriTemplate."));
        }
    }
    let method = write.text("/properties/method").unwrap_or_default().to_ascii_uppercase();
    write.set("/properties/method", method.clone());
    let Some(api) = write.id.parent() else { return Ok(()) };
    let twin = write.tx.children(&api, "operations").iter().any(|other| {
        other.id != write.id
            && json_text(&other.body, "/properties/method") == Some(method.as_str())
            && json_text(&other.body, "/properties/urlTemplate").is_some_and(|other| same_template(other, &template))
    });
    if twin {
        // Words of issue threads.
        write.problems.add("urlTemplate", format!("Operation with the same method and URL template already exists: {method}, {template}"));
    }
    write.style = Style::Direct;
    Ok(())
}

/// Templates are one when they differ only in the names of their parameters.
fn same_template(one: &str, other: &str) -> bool {
    let plain = |template: &str| {
        let mut out = String::new();
        let mut inside = false;
        for letter in template.trim_matches('/').chars() {
            match letter {
                '{' => {
                    inside = true;
                    out.push_str("{}");
                }
                '}' => inside = false,
                _ if inside => {}
                other => out.extend(other.to_lowercase()),
            }
        }
        out
    };
    plain(one) == plain(other)
}
