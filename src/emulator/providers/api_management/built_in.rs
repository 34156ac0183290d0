//! What a new service has before anybody has made anything: recorded in part, the exact set is assumed.

use serde_json::{Value, json};

use super::service::{is_v2, sku};
use super::{apis, links, people, policies, products, subscriptions};
use crate::arm::ResourceId;
use crate::arm::store::Stored;
use crate::emulator::transaction::{self, Transaction};
use crate::emulator::{json_text, timestamp};

/// Groups, the administrator and the all-access subscription; in the classic tiers also two products, the Echo API and a global policy.
pub(super) fn create(tx: &mut Transaction<'_>, service: &Stored) {
    let owner = service.id.clone();
    let groups = [
        (
            "administrators",
            "Administrators",
            "Administrators is a built-in group containing the admin email account provided at the time of service creation. Its membership is managed by the system.",
        ),
        (
            "developers",
            "Developers",
            "Developers is a built-in group. Its membership is managed by the system. Signed-in users fall into this group.",
        ),
        (
            "guests",
            "Guests",
            "Guests is a built-in group. Its membership is managed by the system. Unauthenticated users visiting the developer portal fall into this group.",
        ),
    ];
    for (name, display_name, description) in groups {
        let properties =
            json!({ "displayName": display_name, "description": description, "builtIn": true, "type": "system", "externalId": null });
        put(tx, &owner.child("groups", name), people::GROUP.name, properties);
    }
    let email = json_text(&service.body, "/properties/publisherEmail").unwrap_or_default();
    let user = json!({
        "firstName": "Administrator", "lastName": "", "email": email, "state": "active", "registrationDate": timestamp(tx.now), "note": null,
        "identities": [{ "provider": "Azure", "id": email }]
    });
    put(tx, &owner.child("users", "1"), people::USER.name, user);
    for group in ["administrators", "developers"] {
        let id = owner.child("groups", group).child("users", "1");
        let etag = tx.next_etag();
        tx.put(transaction::stored(&id, people::GROUP_USERS.name, etag, json!({})));
    }
    // Its scope ends in a slash (recorded).
    let master =
        subscriptions::named(tx, &owner.child("subscriptions", "master"), &format!("{owner}/"), json!("Built-in all-access subscription"));
    tx.put(master);
    let tier = sku(&service.body);
    if is_v2(tier) || tier == "Consumption" {
        return;
    }
    let policy = "<policies>\r\n\t<inbound></inbound>\r\n\t<backend>\r\n\t\t<forward-request />\r\n\t</backend>\r\n\t<outbound></outbound>\r\n\t<on-error></on-error>\r\n</policies>";
    put(tx, &owner.child("policies", "policy"), policies::SERVICE_POLICY.name, json!({ "format": "xml", "value": policy }));
    echo(tx, &owner);
    for (name, display_name, approval, limit) in [("starter", "Starter", false, json!(1)), ("unlimited", "Unlimited", true, json!(1))] {
        let product = owner.child("products", name);
        let properties = json!({
            "displayName": display_name, "description": null, "terms": "", "subscriptionRequired": true, "approvalRequired": approval,
            "subscriptionsLimit": limit, "state": "published"
        });
        put(tx, &product, products::KIND.name, properties);
        for group in ["administrators", "developers", "guests"] {
            let link = links::new_link(tx, &product, "groupLinks", "groupId", &owner.child("groups", group));
            tx.put(link);
        }
        let link = links::new_link(tx, &product, "apiLinks", "apiId", &owner.child("apis", "echo-api"));
        tx.put(link);
    }
}

fn put(tx: &mut Transaction<'_>, id: &ResourceId, kind: &str, properties: Value) {
    let etag = tx.next_etag();
    tx.put(transaction::stored(id, kind, etag, json!({ "properties": properties })));
}

fn echo(tx: &mut Transaction<'_>, owner: &ResourceId) {
    let api = owner.child("apis", "echo-api");
    let properties = json!({
        "displayName": "Echo API", "apiRevision": "1", "description": null, "subscriptionRequired": true, "serviceUrl": "http://echoapi.cloudapp.net/api",
        "path": "echo", "protocols": ["https"],
        "authenticationSettings": { "oAuth2": null, "openid": null, "oAuth2AuthenticationSettings": [], "openidAuthenticationSettings": [] },
        "subscriptionKeyParameterNames": { "header": "Ocp-Apim-Subscription-Key", "query": "subscription-key" }, "isCurrent": true
    });
    put(tx, &api, apis::KIND.name, properties);
    let operations = [
        ("create-resource", "Create resource", "POST", "/resource"),
        ("modify-resource", "Modify Resource", "PUT", "/resource"),
        ("remove-resource", "Remove resource", "DELETE", "/resource"),
        ("retrieve-header-only", "Retrieve header only", "HEAD", "/resource"),
        ("retrieve-resource", "Retrieve resource", "GET", "/resource"),
        ("retrieve-resource-cached", "Retrieve resource (cached)", "GET", "/resource-cached"),
    ];
    for (name, display_name, method, template) in operations {
        let properties = json!({
            "displayName": display_name, "method": method, "urlTemplate": template, "templateParameters": [], "description": null,
            "request": { "queryParameters": [], "headers": [], "representations": [] }, "responses": [], "policies": null
        });
        put(tx, &api.child("operations", name), apis::OPERATION.name, properties);
    }
}
