use serde_json::{Value, json};

use super::*;

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn account() -> ResourceId {
    id("/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a")
}

#[test]
fn a_hole_takes_prefix_suffix_and_one_slash() {
    let template = Template {
        value: json!({"properties": {"url": null, "protocol": "http"}}),
        holes: vec![Hole {
            pointer: "/properties/url".to_owned(),
            source: Reference { id: account(), pointer: "/properties/endpoint".to_owned() },
            prefix: String::new(),
            suffix: "/openai".to_owned(),
        }],
        secrets: Vec::new(),
    };
    for endpoint in ["https://a.openai.azure.com/", "https://a.openai.azure.com"] {
        let body = json!({"properties": {"endpoint": endpoint}});
        let filled = template.complete(|reference| reference.find(&body)).unwrap();
        assert_eq!(filled, json!({"properties": {"url": "https://a.openai.azure.com/openai", "protocol": "http"}}));
    }
    let unknown = template.fill(|_| None);
    assert_eq!(unknown.unknown, ["/properties/url"]);
    assert_eq!(unknown.value.pointer("/properties/url"), Some(&Value::Null));
    assert_eq!(template.complete(|_| None).unwrap_err().reference.id, account());
}

#[test]
fn a_reference_finds_identities_in_any_case_and_takes_null_for_nothing() {
    let body = json!({"identity": {"principalId": null, "userAssignedIdentities": {"/subscriptions/S/RG": {"clientId": "c"}}}});
    let find = |pointer: &str| Reference { id: account(), pointer: pointer.to_owned() }.find(&body);
    assert_eq!(find("/identity/userAssignedIdentities/~1subscriptions~1s~1rg/clientId"), Some(json!("c")));
    assert_eq!(find("/identity/principalId"), None);
    assert_eq!(find("/identity/none/deeper"), None);
}

#[test]
fn a_role_assignments_name_depends_on_scope_principal_and_role_but_not_on_case() {
    let desired = DesiredId::RoleAssignment {
        scope: account(),
        role: "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd".to_owned(),
        principal: Reference { id: id("/subscriptions/s"), pointer: "/identity/principalId".to_owned() },
    };
    let named = |principal: &str| desired.resolve(|_| Some(json!(principal))).unwrap();
    assert_eq!(named("AB"), named("ab"));
    assert_ne!(named("ab"), named("cd"));
    assert!(named("ab").as_str().starts_with(&format!("{}/providers/Microsoft.Authorization/roleAssignments/", account())));
    let upper = id(&account().as_str().to_ascii_uppercase());
    assert_eq!(role_assignment_name(&account(), "p", "r"), role_assignment_name(&upper, "p", "R"));
    assert!(desired.resolve(|_| None).is_err());
}

#[test]
fn a_changed_document_is_noticed_although_it_is_never_answered() {
    let api = |properties: Value| DesiredResource {
        id: DesiredId::Known(id("/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/x/apis/a")),
        api_version: String::new(),
        body: Template::plain(json!({ "properties": properties })),
        management: Management::Full,
        depends_on: Vec::new(),
        span: None,
        pointer: String::new(),
    };
    let digest = |text: &str| api(json!({ "format": "openapi", "value": text })).unanswered_digest();
    assert!(digest("a").is_some());
    assert_eq!(digest("a\r\nb"), digest("a\nb"));
    assert_ne!(digest("a"), digest("b"));
    assert_eq!(api(json!({ "path": "p" })).unanswered_digest(), None);
    let link = |address: &str| api(json!({ "format": "openapi-link", "value": address })).unanswered_digest();
    assert_eq!(link("https://x/a.json?sig=s3cret"), link("https://x/a.json?sig=other"), "a signature is a secret");
    assert_ne!(link("https://x/a.json"), link("https://x/b.json"));
}
