//! Action groups, metric alerts and log alerts.

use serde_json::{Value, json};

use super::{Compiler, Entries, names, with_properties};
use crate::arm::ResourceId;
use crate::deploy::bodies;
use crate::deploy::resource::Template;
use crate::spec::model::{ActionGroup, LogAlert, MetricAlert};

impl<'a> Compiler<'a> {
    pub(super) fn alerts(&mut self) {
        let spec = self.spec;
        self.action_groups(&spec.action_groups);
        self.metric_alerts(&spec.metric_alerts);
        self.log_alerts(&spec.log_alerts);
    }

    fn action_groups(&mut self, groups: Entries<'a, ActionGroup>) {
        for (name, spec) in groups {
            let mut value = json!({
                "location": "Global",
                "tags": self.tags(&spec.tags),
                "properties": { "groupShortName": spec.group_short_name, "enabled": spec.enabled.unwrap_or(true) },
            });
            bodies::merge(
                &mut value,
                json!({ "properties": { "emailReceivers": spec.email_receivers, "webhookReceivers": spec.webhook_receivers } }),
            );
            let body = with_properties(Template::plain(value), &spec.properties);
            self.add(&names::pointer("actionGroups", name), self.action_group_id(name), body, Vec::new());
        }
    }

    /// A name under `actionGroups:` or a full id.
    fn action_group_id(&self, name: &str) -> ResourceId {
        ResourceId::parse(name).unwrap_or_else(|_| self.group.provider("Microsoft.Insights/actionGroups", name))
    }

    fn scope_of(&self, text: Option<&String>, default: ResourceId) -> ResourceId {
        text.and_then(|text| ResourceId::parse(text).ok()).unwrap_or(default)
    }

    fn metric_alerts(&mut self, alerts: Entries<'a, MetricAlert>) {
        for (name, spec) in alerts {
            let groups: Vec<ResourceId> = spec.action_groups.iter().map(|group| self.action_group_id(group)).collect();
            let scope = self.scope_of(spec.scope.as_ref(), self.service.clone());
            let mut criterion = json!({
                "criterionType": "StaticThresholdCriterion",
                "name": "criterion",
                "metricNamespace": scope.resource_type(),
                "metricName": spec.metric_name,
                "timeAggregation": spec.time_aggregation,
                "operator": spec.operator,
                "threshold": names::number(spec.threshold),
            });
            bodies::merge(&mut criterion, json!({ "dimensions": spec.dimensions }));
            let mut value = json!({
                "location": "global",
                "tags": self.tags(&spec.tags),
                "properties": {
                    "severity": spec.severity.unwrap_or(3),
                    "enabled": spec.enabled.unwrap_or(true),
                    "scopes": [scope.as_str()],
                    "evaluationFrequency": spec.evaluation_frequency.as_deref().unwrap_or("PT1M"),
                    "windowSize": spec.window_size.as_deref().unwrap_or("PT5M"),
                    "criteria": {
                        "odata.type": "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
                        "allOf": [criterion],
                    },
                    "actions": groups.iter().map(|group| json!({ "actionGroupId": group.as_str() })).collect::<Vec<Value>>(),
                },
            });
            bodies::merge(&mut value, json!({ "properties": { "description": spec.description } }));
            let body = with_properties(Template::plain(value), &spec.properties);
            let id = self.group.provider("Microsoft.Insights/metricAlerts", name);
            self.add(&names::pointer("metricAlerts", name), id, body, groups.into_iter().chain([scope]).collect());
        }
    }

    fn log_alerts(&mut self, alerts: Entries<'a, LogAlert>) {
        for (name, spec) in alerts {
            let groups: Vec<ResourceId> = spec.action_groups.iter().map(|group| self.action_group_id(group)).collect();
            let default = self.workspace_id().or_else(|| self.component_id()).unwrap_or_else(|| self.service.clone());
            let scope = self.scope_of(spec.scope.as_ref(), default);
            let mut condition = json!({
                "query": spec.query,
                "timeAggregation": spec.time_aggregation.as_deref().unwrap_or("Count"),
                "operator": spec.operator,
                "threshold": names::number(spec.threshold),
                "failingPeriods": { "numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1 },
            });
            bodies::merge(&mut condition, json!({ "metricMeasureColumn": spec.metric_measure_column, "dimensions": spec.dimensions }));
            let mut value = json!({
                "location": self.location(None),
                "kind": "LogAlert",
                "tags": self.tags(&spec.tags),
                "properties": {
                    "displayName": spec.display_name.as_deref().unwrap_or(name),
                    "severity": spec.severity.unwrap_or(3),
                    "enabled": spec.enabled.unwrap_or(true),
                    "scopes": [scope.as_str()],
                    "evaluationFrequency": spec.evaluation_frequency.as_deref().unwrap_or("PT5M"),
                    "windowSize": spec.window_size.as_deref().unwrap_or("PT5M"),
                    "criteria": { "allOf": [condition] },
                    "actions": { "actionGroups": groups.iter().map(ResourceId::as_str).collect::<Vec<_>>() },
                },
            });
            bodies::merge(&mut value, json!({ "properties": { "description": spec.description } }));
            let body = with_properties(Template::plain(value), &spec.properties);
            let id = self.group.provider("Microsoft.Insights/scheduledQueryRules", name);
            self.add(&names::pointer("logAlerts", name), id, body, groups.into_iter().chain([scope]).collect());
        }
    }
}
