//! Logs, metrics and alerts.

use super::super::properties::property as p;
use super::super::{IfMatch, Listing, NameRule, PreviewProperty, Property, ResourceType, Rule, UpdateVerb};
use super::{ANY, ANY_80, FREE, NO_PREVIEW, child};

/// A type of the resource group that knows no entity tags.
const fn grouped(
    name: &'static str,
    label: &'static str,
    api_version: &'static str,
    update: UpdateVerb,
    naming: NameRule,
    properties: &'static [Property],
) -> ResourceType {
    ResourceType {
        name,
        label,
        api_version,
        preview: NO_PREVIEW,
        naming,
        if_match: IfMatch::Unused,
        properties,
        listing: Listing::Group,
        complete_in_list: true,
        update,
        secrets_action: None,
    }
}

const WORKSPACE_NAME: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$",
    words: "must consist of letters, digits and hyphens, with a letter or digit at both ends",
    length: (4, 63),
};

const ALERT_NAME: NameRule =
    NameRule { pattern: r"^[^#<>%&:\?/{}*]+$", words: "must not contain any of `# < > % & : ? / { } *`", length: (1, 260) };

const LARGE_LANGUAGE_MODEL: &[PreviewProperty] =
    &[PreviewProperty { pointer: "/properties/largeLanguageModel", api_version: "2024-06-01-preview" }];

pub(super) static TYPES: &[ResourceType] = &[
    grouped(
        "Microsoft.OperationalInsights/workspaces",
        "Log Analytics workspace",
        "2023-09-01",
        UpdateVerb::Patch,
        WORKSPACE_NAME,
        WORKSPACE,
    ),
    // Its own PATCH takes tags only (published contract).
    grouped("Microsoft.Insights/components", "Application Insights", "2020-02-02", UpdateVerb::PutMerged, FREE, COMPONENT),
    child("Microsoft.ApiManagement/service/loggers", "logger", "loggers", ANY, LOGGER),
    ResourceType {
        preview: LARGE_LANGUAGE_MODEL,
        ..child("Microsoft.ApiManagement/service/diagnostics", "diagnostic", "diagnostics", ANY_80, DIAGNOSTIC)
    },
    ResourceType {
        preview: LARGE_LANGUAGE_MODEL,
        ..child("Microsoft.ApiManagement/service/apis/diagnostics", "API diagnostic", "diagnostics", ANY_80, DIAGNOSTIC)
    },
    ResourceType {
        listing: Listing::Scope,
        ..grouped(
            "Microsoft.Insights/diagnosticSettings",
            "diagnostic setting",
            "2021-05-01-preview",
            UpdateVerb::Put,
            FREE,
            DIAGNOSTIC_SETTING,
        )
    },
    grouped("Microsoft.Insights/actionGroups", "action group", "2023-01-01", UpdateVerb::Put, ALERT_NAME, ACTION_GROUP),
    grouped("Microsoft.Insights/metricAlerts", "metric alert", "2018-03-01", UpdateVerb::Put, ALERT_NAME, METRIC_ALERT),
    grouped("Microsoft.Insights/scheduledQueryRules", "log alert", "2023-12-01", UpdateVerb::Put, ALERT_NAME, LOG_ALERT),
];

const WORKSPACE: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/etag", Rule::ReadOnly),
    p("/properties/customerId", Rule::ReadOnly),
    p("/properties/provisioningState", Rule::ReadOnly),
    p("/properties/createdDate", Rule::ReadOnly),
    p("/properties/modifiedDate", Rule::ReadOnly),
    p("/properties/privateLinkScopedResources", Rule::ReadOnly),
    p("/properties/sku/name", Rule::IgnoreCase),
    p("/properties/sku/lastSkuUpdate", Rule::ReadOnly),
    p("/properties/sku", Rule::Partial),
    p("/properties/features", Rule::Partial),
    p("/properties/workspaceCapping", Rule::Partial),
    p("/properties/workspaceCapping/dataIngestionStatus", Rule::ReadOnly),
    p("/properties/workspaceCapping/quotaNextResetTime", Rule::ReadOnly),
    p("/properties/publicNetworkAccessForIngestion", Rule::IgnoreCase),
    p("/properties/publicNetworkAccessForQuery", Rule::IgnoreCase),
];

const COMPONENT: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/etag", Rule::ReadOnly),
    p("/kind", Rule::IgnoreCase),
    p("/properties/AppId", Rule::ReadOnly),
    p("/properties/ApplicationId", Rule::ReadOnly),
    p("/properties/ConnectionString", Rule::ReadOnly),
    p("/properties/InstrumentationKey", Rule::ReadOnly),
    p("/properties/CreationDate", Rule::ReadOnly),
    p("/properties/LaMigrationDate", Rule::ReadOnly),
    p("/properties/HockeyAppToken", Rule::ReadOnly),
    p("/properties/Name", Rule::ReadOnly),
    p("/properties/TenantId", Rule::ReadOnly),
    p("/properties/Ver", Rule::ReadOnly),
    p("/properties/provisioningState", Rule::ReadOnly),
    p("/properties/PrivateLinkScopedResources", Rule::ReadOnly),
    p("/properties/Application_Type", Rule::IgnoreCase),
    p("/properties/Flow_Type", Rule::IgnoreCase),
    p("/properties/Request_Source", Rule::IgnoreCase),
    p("/properties/IngestionMode", Rule::IgnoreCase),
    // In no published contract; without it custom metrics lose their dimensions (Microsoft's how-to for dimensions).
    p("/properties/CustomMetricsOptedInType", Rule::IgnoreCase),
    p("/properties/WorkspaceResourceId", Rule::Id),
    p("/properties/publicNetworkAccessForIngestion", Rule::IgnoreCase),
    p("/properties/publicNetworkAccessForQuery", Rule::IgnoreCase),
];

const LOGGER: &[Property] = &[
    p("/properties/loggerType", Rule::IgnoreCase),
    p("/properties/description", Rule::Kept),
    p("/properties/resourceId", Rule::Id),
    p("/properties/resourceId", Rule::Kept),
    p("/properties/isBuffered", Rule::Default("true")),
    p("/properties/credentials", Rule::Kept),
    // A key in clear comes back as `{{Logger-Credentials--…}}` (recorded); a reference comes back as it was sent.
    p("/properties/credentials/*", Rule::Secret),
    p("/properties/credentials/identityClientId", Rule::IgnoreCase),
    p("/properties/credentials/identityClientId", Rule::Kept),
    p("/properties/credentials/name", Rule::Kept),
    p("/properties/credentials/endpointAddress", Rule::Kept),
];

macro_rules! message {
    ($at:literal) => {
        [
            p(concat!("/properties/", $at), Rule::Kept),
            p(concat!("/properties/", $at, "/headers"), Rule::Kept),
            p(concat!("/properties/", $at, "/headers"), Rule::Unordered("")),
            p(concat!("/properties/", $at, "/headers/*"), Rule::IgnoreCase),
            p(concat!("/properties/", $at, "/body"), Rule::Kept),
            p(concat!("/properties/", $at, "/dataMasking"), Rule::Kept),
            p(concat!("/properties/", $at, "/dataMasking/headers"), Rule::Unordered("value")),
            p(concat!("/properties/", $at, "/dataMasking/queryParams"), Rule::Unordered("value")),
        ]
    };
}

static DIAGNOSTIC: &[Property] = &{
    let head = [
        p("/properties/alwaysLog", Rule::IgnoreCase),
        p("/properties/alwaysLog", Rule::Kept),
        p("/properties/loggerId", Rule::Id),
        p("/properties/sampling/samplingType", Rule::Default("\"fixed\"")),
        p("/properties/sampling/samplingType", Rule::IgnoreCase),
        p("/properties/sampling/percentage", Rule::Default("100")),
        p("/properties/httpCorrelationProtocol", Rule::Default("\"Legacy\"")),
        p("/properties/httpCorrelationProtocol", Rule::IgnoreCase),
        // Recorded; the reference says false.
        p("/properties/logClientIp", Rule::Default("true")),
        // Not in recordings of a plain diagnostic; what is not sent is left to the service.
        p("/properties/verbosity", Rule::IgnoreCase),
        p("/properties/operationNameFormat", Rule::Default("\"Name\"")),
        p("/properties/operationNameFormat", Rule::IgnoreCase),
        p("/properties/metrics", Rule::Default("false")),
        p("/properties/frontend", Rule::Kept),
        p("/properties/backend", Rule::Kept),
        p("/properties/largeLanguageModel", Rule::Kept),
        p("/properties/largeLanguageModel/logs", Rule::IgnoreCase),
        p("/properties/largeLanguageModel/requests", Rule::Kept),
        p("/properties/largeLanguageModel/responses", Rule::Kept),
        p("/properties/largeLanguageModel/requests/messages", Rule::IgnoreCase),
        p("/properties/largeLanguageModel/responses/messages", Rule::IgnoreCase),
        p("/properties/largeLanguageModel/requests/maxSizeInBytes", Rule::Default("32768")),
        p("/properties/largeLanguageModel/responses/maxSizeInBytes", Rule::Default("32768")),
    ];
    let parts: [[Property; 8]; 4] =
        [message!("frontend/request"), message!("frontend/response"), message!("backend/request"), message!("backend/response")];
    let mut all = [head[0]; 23 + 32];
    let mut index = 0;
    while index < all.len() {
        all[index] = if index < 23 { head[index] } else { parts[(index - 23) / 8][(index - 23) % 8] };
        index += 1;
    }
    all
};

const DIAGNOSTIC_SETTING: &[Property] = &[
    p("/properties/workspaceId", Rule::Id),
    p("/properties/storageAccountId", Rule::Id),
    p("/properties/storageAccountId", Rule::Kept),
    p("/properties/eventHubAuthorizationRuleId", Rule::Id),
    p("/properties/eventHubAuthorizationRuleId", Rule::Kept),
    p("/properties/eventHubName", Rule::Kept),
    p("/properties/marketplacePartnerId", Rule::Kept),
    // Often comes back null whatever was sent (issue threads), so it cannot be compared.
    p("/properties/logAnalyticsDestinationType", Rule::WriteOnly),
    p("/properties/logs", Rule::Kept),
    p("/properties/logs", Rule::Switches),
    p("/properties/logs", Rule::Unordered("category,categoryGroup")),
    p("/properties/logs/*/category", Rule::IgnoreCase),
    p("/properties/logs/*/categoryGroup", Rule::IgnoreCase),
    p("/properties/logs/*/retentionPolicy/enabled", Rule::Default("false")),
    p("/properties/logs/*/retentionPolicy/days", Rule::Default("0")),
    p("/properties/metrics", Rule::Kept),
    p("/properties/metrics", Rule::Switches),
    p("/properties/metrics", Rule::Unordered("category")),
    p("/properties/metrics/*/category", Rule::IgnoreCase),
    p("/properties/metrics/*/retentionPolicy/enabled", Rule::Default("false")),
    p("/properties/metrics/*/retentionPolicy/days", Rule::Default("0")),
];

const ACTION_GROUP: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/properties/enabled", Rule::Default("true")),
    p("/properties/emailReceivers", Rule::Kept),
    p("/properties/emailReceivers", Rule::Unordered("name")),
    p("/properties/emailReceivers/*/status", Rule::ReadOnly),
    p("/properties/emailReceivers/*/emailAddress", Rule::IgnoreCase),
    p("/properties/emailReceivers/*/useCommonAlertSchema", Rule::Default("false")),
    p("/properties/webhookReceivers", Rule::Kept),
    p("/properties/webhookReceivers", Rule::Unordered("name")),
    p("/properties/webhookReceivers/*/useCommonAlertSchema", Rule::Default("false")),
    p("/properties/webhookReceivers/*/useAadAuth", Rule::Default("false")),
    p("/properties/smsReceivers", Rule::Kept),
    p("/properties/smsReceivers", Rule::Unordered("name")),
    p("/properties/smsReceivers/*/status", Rule::ReadOnly),
    p("/properties/logicAppReceivers", Rule::Kept),
    p("/properties/logicAppReceivers", Rule::Unordered("name")),
    p("/properties/azureFunctionReceivers", Rule::Kept),
    p("/properties/azureFunctionReceivers", Rule::Unordered("name")),
    p("/properties/armRoleReceivers", Rule::Kept),
    p("/properties/armRoleReceivers", Rule::Unordered("name")),
];

const METRIC_ALERT: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/properties/lastUpdatedTime", Rule::ReadOnly),
    p("/properties/isMigrated", Rule::ReadOnly),
    p("/properties/description", Rule::Kept),
    p("/properties/enabled", Rule::Default("true")),
    p("/properties/autoMitigate", Rule::Default("true")),
    p("/properties/evaluationFrequency", Rule::Duration),
    p("/properties/windowSize", Rule::Duration),
    p("/properties/scopes", Rule::Unordered("")),
    p("/properties/scopes/*", Rule::Id),
    p("/properties/targetResourceRegion", Rule::Location),
    p("/properties/targetResourceType", Rule::IgnoreCase),
    p("/properties/criteria/odata.type", Rule::IgnoreCase),
    p("/properties/criteria/allOf", Rule::Unordered("name")),
    p("/properties/criteria/allOf/*/criterionType", Rule::Default("\"StaticThresholdCriterion\"")),
    p("/properties/criteria/allOf/*/criterionType", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/metricNamespace", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/metricName", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/timeAggregation", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/operator", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/skipMetricValidation", Rule::Default("false")),
    p("/properties/criteria/allOf/*/dimensions", Rule::Kept),
    p("/properties/criteria/allOf/*/dimensions", Rule::Unordered("name")),
    p("/properties/criteria/allOf/*/dimensions/*/values", Rule::Unordered("")),
    p("/properties/criteria/allOf/*/dimensions/*/operator", Rule::IgnoreCase),
    p("/properties/actions", Rule::Kept),
    p("/properties/actions", Rule::Unordered("actionGroupId")),
    p("/properties/actions/*/actionGroupId", Rule::Id),
];

const LOG_ALERT: &[Property] = &[
    p("/location", Rule::Location),
    p("/tags", Rule::Partial),
    p("/etag", Rule::ReadOnly),
    p("/kind", Rule::IgnoreCase),
    p("/properties/createdWithApiVersion", Rule::ReadOnly),
    p("/properties/isLegacyLogAnalyticsRule", Rule::ReadOnly),
    p("/properties/isWorkspaceAlertsStorageConfigured", Rule::ReadOnly),
    p("/properties/displayName", Rule::Kept),
    p("/properties/description", Rule::Kept),
    p("/properties/enabled", Rule::Default("true")),
    p("/properties/autoMitigate", Rule::Default("true")),
    p("/properties/skipQueryValidation", Rule::Default("false")),
    p("/properties/checkWorkspaceAlertsStorageConfigured", Rule::Default("false")),
    p("/properties/evaluationFrequency", Rule::Duration),
    p("/properties/windowSize", Rule::Duration),
    p("/properties/muteActionsDuration", Rule::Duration),
    p("/properties/muteActionsDuration", Rule::Kept),
    p("/properties/overrideQueryTimeRange", Rule::Duration),
    p("/properties/overrideQueryTimeRange", Rule::Kept),
    p("/properties/scopes", Rule::Unordered("")),
    p("/properties/scopes/*", Rule::Id),
    p("/properties/targetResourceTypes", Rule::Unordered("")),
    p("/properties/targetResourceTypes/*", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/timeAggregation", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/operator", Rule::IgnoreCase),
    p("/properties/criteria/allOf/*/metricMeasureColumn", Rule::Kept),
    p("/properties/criteria/allOf/*/resourceIdColumn", Rule::Kept),
    p("/properties/criteria/allOf/*/failingPeriods/numberOfEvaluationPeriods", Rule::Default("1")),
    p("/properties/criteria/allOf/*/failingPeriods/minFailingPeriodsToAlert", Rule::Default("1")),
    p("/properties/criteria/allOf/*/dimensions", Rule::Kept),
    p("/properties/criteria/allOf/*/dimensions", Rule::Unordered("name")),
    p("/properties/criteria/allOf/*/dimensions/*/values", Rule::Unordered("")),
    p("/properties/criteria/allOf/*/dimensions/*/operator", Rule::IgnoreCase),
    p("/properties/actions/actionGroups", Rule::Kept),
    p("/properties/actions/actionGroups", Rule::Unordered("")),
    p("/properties/actions/actionGroups/*", Rule::Id),
];
