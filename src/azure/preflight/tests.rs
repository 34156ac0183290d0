use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::azure::testing::{Script, answer, refusal};

const ACCOUNT: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a";
const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";

fn permissions(items: Value) -> Permissions {
    Permissions::of_items(items.as_array().unwrap())
}

#[test]
fn built_in_roles_mean_what_they_say() {
    let owner = permissions(json!([{ "actions": ["*"], "notActions": [] }]));
    let contributor = json!({ "actions": ["*"], "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action"] });
    let reader = permissions(json!([{ "actions": ["*/read"], "notActions": [] }]));
    let administrator = json!({ "actions": ["Microsoft.Authorization/roleAssignments/write", "*/read"], "notActions": [] });
    let write = "Microsoft.ApiManagement/service/write";
    assert!(owner.allows(ASSIGN) && owner.allows(write));
    assert!(!permissions(json!([contributor])).allows(ASSIGN));
    assert!(permissions(json!([contributor])).allows("microsoft.apimanagement/SERVICE/write"));
    assert!(permissions(json!([contributor, administrator])).allows(ASSIGN), "what one role takes out another gives");
    assert_eq!(reader.missing(&[write, "Microsoft.ApiManagement/service/read", ASSIGN]), [write, ASSIGN]);
    assert!(!Permissions::default().allows("x/read"));
}

#[test]
fn data_actions_are_a_world_of_their_own() {
    let user = permissions(
        json!([{ "actions": ["Microsoft.CognitiveServices/*/read"], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/deployments/*/action"],
        "notDataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/stored-completions/read"] }]),
    );
    let call = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
    assert!(user.allows_data(call) && !user.allows(call));
}

#[tokio::test(start_paused = true)]
async fn the_rights_of_what_is_not_there_yet_are_those_of_its_scope() {
    let page = json!({ "value": [{ "actions": ["*"], "notActions": [] }] });
    let script = Script::new([refusal(404, "ResourceNotFound", "x"), refusal(404, "ResourceGroupNotFound", "x"), answer(200, &[], page)]);
    let scope = ResourceId::parse(ACCOUNT).unwrap();
    assert!(script.client.permissions(&scope).await.unwrap().allows(ASSIGN));
    let paths: Vec<String> = script.seen().into_iter().map(|seen| seen.path).collect();
    let suffix = "/providers/Microsoft.Authorization/permissions";
    assert_eq!(
        paths,
        [format!("{ACCOUNT}{suffix}"), format!("/subscriptions/s/resourceGroups/g{suffix}"), format!("/subscriptions/s{suffix}")]
    );

    let script = Script::new([refusal(403, "AuthorizationFailed", "x")]);
    assert_eq!(script.client.permissions(&scope).await.unwrap(), Permissions::default());
    let script = Script::new([refusal(404, "SubscriptionNotFound", "x")]);
    assert!(script.client.permissions(&scope).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn registration_states_are_read() {
    for (word, state) in [
        ("Registered", Registration::Registered),
        ("Registering", Registration::Registering),
        ("NotRegistered", Registration::NotRegistered),
        ("Unregistering", Registration::Other("Unregistering".to_owned())),
    ] {
        let script = Script::new([answer(200, &[], json!({ "registrationState": word }))]);
        assert_eq!(script.client.registration("s", "Microsoft.ApiManagement").await.unwrap(), state);
    }
    assert_eq!(register_command("Microsoft.Insights", None), "az provider register --namespace Microsoft.Insights --wait");
}

#[tokio::test(start_paused = true)]
async fn an_azure_subscription_that_is_not_seen_says_why() {
    let body = json!({ "subscriptionId": "s", "displayName": "Team", "tenantId": "t", "state": "Enabled" });
    let script = Script::new([answer(200, &[], body)]);
    let seen = script.client.azure_subscription("s").await.unwrap();
    assert_eq!((seen.tenant_id.as_str(), seen.is_writable()), ("t", true));

    let tenant = "11111111-2222-3333-4444-555555555555";
    let challenge = format!(r#"Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token""#);
    let wrong = json!({ "error": { "code": "InvalidAuthenticationTokenTenant", "message": "wrong issuer" } });
    let script = Script::new([answer(401, &[("www-authenticate", &challenge)], wrong)]);
    let error = script.client.azure_subscription("s").await.unwrap_err();
    assert_eq!(error.hint.unwrap(), format!("az login --tenant {tenant}"));

    let script = Script::new([refusal(404, "SubscriptionNotFound", "x")]);
    assert!(script.client.azure_subscription("s").await.unwrap_err().hint.unwrap().contains("az account list"));
}

#[test]
fn commands_can_be_pasted() {
    let command = role_assignment_command("id-1", PrincipalType::ServicePrincipal, "Cognitive Services OpenAI User", ACCOUNT);
    assert_eq!(
        command,
        format!(
            "az role assignment create --assignee-object-id id-1 --assignee-principal-type ServicePrincipal --role \"Cognitive Services OpenAI User\" --scope {ACCOUNT}"
        )
    );
    let hostile = role_assignment_command("x", PrincipalType::User, "R", "/subscriptions/s/resourceGroups/$(rm -rf `x`)\"");
    assert!(hostile.ends_with("--scope \"/subscriptions/s/resourceGroups/(rm -rf x)\""), "{hostile}");
    assert_eq!(role_for(ASSIGN), "Role Based Access Control Administrator");
    assert_eq!(role_for("Microsoft.ApiManagement/service/write"), "API Management Service Contributor");
}

proptest! {
    #[test]
    fn a_pattern_matches_what_it_was_made_of(parts in proptest::collection::vec("[a-z/]{0,6}", 1..5), filler in "[a-zA-Z/]{0,6}") {
        let pattern = parts.join("*");
        prop_assert!(matches(pattern.as_bytes(), parts.join(&filler).to_uppercase().as_bytes()));
    }

    #[test]
    fn matching_agrees_with_the_plain_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
        fn plain(pattern: &[u8], text: &[u8]) -> bool {
            match pattern.split_first() {
                None => text.is_empty(),
                Some((b'*', rest)) => (0..=text.len()).any(|skip| plain(rest, &text[skip..])),
                Some((letter, rest)) => text.first() == Some(letter) && plain(rest, &text[1..]),
            }
        }
        prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), plain(pattern.as_bytes(), text.as_bytes()));
    }
}
