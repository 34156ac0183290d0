//! The built-in roles that matter here. Actions of the two Azure OpenAI roles: Microsoft's page of built-in roles.

use serde_json::{Value, json};

pub(super) struct Role {
    guid: &'static str,
    name: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
    not_data_actions: &'static [&'static str],
}

impl Role {
    pub(super) fn body(&self, subscription: Option<&str>) -> Value {
        let scope = subscription.map_or_else(String::new, |id| format!("/subscriptions/{id}"));
        json!({
            "id": format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{}", self.guid),
            "type": "Microsoft.Authorization/roleDefinitions",
            "name": self.guid,
            "properties": {
                "roleName": self.name,
                "type": "BuiltInRole",
                "description": "",
                "assignableScopes": ["/"],
                "permissions": [{
                    "actions": self.actions,
                    "notActions": self.not_actions,
                    "dataActions": self.data_actions,
                    "notDataActions": self.not_data_actions
                }]
            }
        })
    }

    pub(super) fn allows_data(&self, action: &str, matches: fn(&str, &str) -> bool) -> bool {
        self.data_actions.iter().any(|pattern| matches(pattern, action))
            && !self.not_data_actions.iter().any(|pattern| matches(pattern, action))
    }
}

pub(super) fn find(guid: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.guid.eq_ignore_ascii_case(guid))
}

const NONE: &[&str] = &[];

pub(super) const ROLES: &[Role] = &[
    Role {
        guid: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        name: "Owner",
        actions: &["*"],
        not_actions: NONE,
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "b24988ac-6180-42a0-ab88-20f7382dd24c",
        name: "Contributor",
        actions: &["*"],
        not_actions: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
        ],
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        name: "Reader",
        actions: &["*/read"],
        not_actions: NONE,
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        name: "User Access Administrator",
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        not_actions: NONE,
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        name: "Role Based Access Control Administrator",
        actions: &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
            "Microsoft.Support/*",
        ],
        not_actions: NONE,
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
        name: "Cognitive Services OpenAI User",
        actions: &[
            "Microsoft.CognitiveServices/*/read",
            "Microsoft.Authorization/roleAssignments/read",
            "Microsoft.Authorization/roleDefinitions/read",
        ],
        not_actions: NONE,
        data_actions: &[
            "Microsoft.CognitiveServices/accounts/OpenAI/*/read",
            "Microsoft.CognitiveServices/accounts/OpenAI/engines/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/engines/search/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/engines/generate/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/audio/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/search/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/extensions/chat/completions/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/realtime/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/images/generations/action",
            "Microsoft.CognitiveServices/accounts/OpenAI/assistants/*",
            "Microsoft.CognitiveServices/accounts/OpenAI/responses/*",
        ],
        not_data_actions: &["Microsoft.CognitiveServices/accounts/OpenAI/stored-completions/read"],
    },
    Role {
        guid: "a001fd3d-188f-4b5d-821b-7da978bf7442",
        name: "Cognitive Services OpenAI Contributor",
        actions: &[
            "Microsoft.CognitiveServices/*/read",
            "Microsoft.CognitiveServices/accounts/deployments/write",
            "Microsoft.CognitiveServices/accounts/deployments/delete",
            "Microsoft.Authorization/roleAssignments/read",
            "Microsoft.Authorization/roleDefinitions/read",
        ],
        not_actions: NONE,
        data_actions: &["Microsoft.CognitiveServices/accounts/OpenAI/*"],
        not_data_actions: NONE,
    },
    Role {
        guid: "a97b65f3-24c7-4388-baec-2e87135dc908",
        name: "Cognitive Services User",
        actions: &["Microsoft.CognitiveServices/*/read", "Microsoft.CognitiveServices/accounts/listkeys/action"],
        not_actions: NONE,
        data_actions: &["Microsoft.CognitiveServices/*"],
        not_data_actions: NONE,
    },
    Role {
        guid: "3913510d-42f4-4e42-8a64-420c390055eb",
        name: "Monitoring Metrics Publisher",
        actions: &["Microsoft.Insights/Register/Action", "Microsoft.Support/*", "Microsoft.Resources/subscriptions/resourceGroups/read"],
        not_actions: NONE,
        data_actions: &["Microsoft.Insights/Metrics/Write", "Microsoft.Insights/Telemetry/Write"],
        not_data_actions: NONE,
    },
    Role {
        guid: "4633458b-17de-408a-b874-0445c86b69e6",
        name: "Key Vault Secrets User",
        actions: NONE,
        not_actions: NONE,
        data_actions: &["Microsoft.KeyVault/vaults/secrets/getSecret/action", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"],
        not_data_actions: NONE,
    },
    Role {
        guid: "73c42c96-874c-492b-b04d-ab87d138a893",
        name: "Log Analytics Reader",
        actions: &[
            "*/read",
            "Microsoft.OperationalInsights/workspaces/analytics/query/action",
            "Microsoft.OperationalInsights/workspaces/search/action",
        ],
        not_actions: &["Microsoft.OperationalInsights/workspaces/sharedKeys/read"],
        data_actions: NONE,
        not_data_actions: NONE,
    },
    Role {
        guid: "312a565d-c81f-4fd8-895a-4e21e48d571c",
        name: "API Management Service Contributor",
        actions: &[
            "Microsoft.ApiManagement/service/*",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ],
        not_actions: NONE,
        data_actions: NONE,
        not_data_actions: NONE,
    },
];
