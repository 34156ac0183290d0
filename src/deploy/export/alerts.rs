//! Action groups and alerts, as far as the specification has words for them; others stay what they are under `resources`.

use serde_json::{Map, Value, json};

use super::compose::{Composer, last, text, whole};
use crate::arm::ResourceId;

impl Composer<'_> {
    /// Resources of a type in the service's group.
    fn beside_service(&self, kind: &str) -> Vec<(ResourceId, Value)> {
        let group = self.service.parent();
        let found = self.live.bodies.iter().filter(|(id, _)| id.is_type(kind) && id.parent() == group && self.wanted(id));
        found.map(|(id, body)| (id.clone(), body.clone())).collect()
    }

    pub(super) fn alerts(&mut self) {
        let mut groups = Map::new();
        for (id, body) in self.beside_service("Microsoft.Insights/actionGroups") {
            let mut fields = self.fields(&id, &body, &["groupShortName", "enabled", "emailReceivers", "webhookReceivers"], &[]);
            fields.extend(self.tags(&body).map(|tags| ("tags".to_owned(), tags)));
            self.take(&id);
            groups.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("actionGroups", groups);

        let mut metric = Map::new();
        for (id, body) in self.beside_service("Microsoft.Insights/metricAlerts") {
            let Some(fields) = self.metric_alert(&id, &body) else { continue };
            self.take(&id);
            metric.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("metricAlerts", metric);

        let mut log = Map::new();
        for (id, body) in self.beside_service("Microsoft.Insights/scheduledQueryRules") {
            let Some(fields) = self.log_alert(&id, &body) else { continue };
            self.take(&id);
            log.insert(id.name().to_owned(), Value::Object(fields));
        }
        self.section("logAlerts", log);
    }

    /// `None`: it has several criteria, or a dynamic threshold.
    fn metric_alert(&self, id: &ResourceId, body: &Value) -> Option<Map<String, Value>> {
        let [criterion] = body.pointer("/properties/criteria/allOf")?.as_array()?.as_slice() else { return None };
        if text(criterion, "/criterionType").is_some_and(|kind| !kind.eq_ignore_ascii_case("StaticThresholdCriterion")) {
            return None;
        }
        let mut fields = self.common(id, body, &["description", "severity"])?;
        fields.extend(of(criterion, &["metricName", "timeAggregation", "operator", "threshold", "dimensions"]));
        let actions = body.pointer("/properties/actions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        self.finish(&mut fields, body, actions.iter().filter_map(|action| text(action, "/actionGroupId")), self.service);
        Some(fields)
    }

    /// `None`: it has several conditions, or periods of its own.
    fn log_alert(&self, id: &ResourceId, body: &Value) -> Option<Map<String, Value>> {
        let [condition] = body.pointer("/properties/criteria/allOf")?.as_array()?.as_slice() else { return None };
        let periods = whole(condition, "/failingPeriods/numberOfEvaluationPeriods").unwrap_or(1);
        if periods != 1 || condition.get("resourceIdColumn").is_some_and(|column| !column.is_null()) {
            return None;
        }
        let mut fields = self.common(id, body, &["displayName", "description", "severity"])?;
        super::compose::drop_if(&mut fields, "displayName", id.name());
        fields.extend(of(condition, &["query", "timeAggregation", "metricMeasureColumn", "operator", "threshold", "dimensions"]));
        let actions = body.pointer("/properties/actions/actionGroups").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let workspace = self.document.get("monitoring").and_then(|own| own.pointer("/logAnalytics/name")).and_then(Value::as_str);
        let scope = self
            .live
            .bodies
            .keys()
            .find(|id| id.is_type("Microsoft.OperationalInsights/workspaces") && Some(id.name()) == workspace)
            .unwrap_or(self.service)
            .clone();
        self.finish(&mut fields, body, actions.iter().filter_map(Value::as_str), &scope);
        Some(fields)
    }

    fn common(&self, id: &ResourceId, body: &Value, known: &[&str]) -> Option<Map<String, Value>> {
        let handled = [
            "criteria",
            "scopes",
            "actions",
            "evaluationFrequency",
            "windowSize",
            "targetResourceType",
            "targetResourceRegion",
            "targetResourceTypes",
        ];
        let ignored: Vec<&str> = handled.into_iter().chain(["enabled"]).collect();
        let mut fields = self.fields(id, body, known, &ignored);
        // What else it has, it must keep: the specification has no words for it, so it stays a resource as it is.
        if fields.contains_key("properties") {
            return None;
        }
        if body.pointer("/properties/enabled") == Some(&Value::Bool(false)) {
            fields.insert("enabled".to_owned(), json!(false));
        }
        Some(fields)
    }

    fn finish<'b>(&self, fields: &mut Map<String, Value>, body: &Value, groups: impl Iterator<Item = &'b str>, usual: &ResourceId) {
        for key in ["windowSize", "evaluationFrequency"] {
            if let Some(duration) = text(body, &format!("/properties/{key}")) {
                fields.insert(key.to_owned(), json!(duration));
            }
        }
        let own = self.service.parent();
        let names: Vec<&str> =
            groups.map(|group| if ResourceId::parse(group).ok().and_then(|id| id.parent()) == own { last(group) } else { group }).collect();
        if !names.is_empty() {
            fields.insert("actionGroups".to_owned(), json!(names));
        }
        let scope = text(body, "/properties/scopes/0").and_then(|scope| ResourceId::parse(scope).ok());
        if let Some(scope) = scope.filter(|scope| scope != usual) {
            fields.insert("scope".to_owned(), json!(scope.as_str()));
        }
        fields.extend(self.tags(body).map(|tags| ("tags".to_owned(), tags)));
    }
}

fn of(body: &Value, keys: &[&str]) -> Map<String, Value> {
    let keep = |value: &&Value| !crate::deploy::normalize::is_empty(value);
    keys.iter().filter_map(|key| Some(((*key).to_owned(), body.get(*key).filter(keep)?.clone()))).collect()
}
