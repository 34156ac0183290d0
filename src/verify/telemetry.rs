//! Where logs and metrics of the gateway can be asked for: the local gateway's own data, or Log Analytics.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::{HttpClient, Method, Request, Url, new_http_client};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::azure::logs::LogsClient;

/// A series of token metrics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenSeries {
    /// `Total Tokens`, `Prompt Tokens`, …
    pub name: String,
    /// Dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// Tokens.
    pub sum: f64,
}

/// What has arrived since a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arrived {
    /// Requests; `None` where that is not kept.
    pub requests: Option<u64>,
    /// Token metrics.
    pub tokens: Vec<TokenSeries>,
}

/// Where telemetry can be asked for.
#[async_trait]
pub trait Telemetry: Send + Sync {
    /// What is asked, for people.
    fn place(&self) -> String;

    /// What has arrived since `since`.
    ///
    /// # Errors
    /// Nobody can be asked, and why.
    async fn arrived(&self, since: OffsetDateTime) -> Result<Arrived, String>;

    /// Whether what a request causes can be seen at once; else it takes minutes.
    fn is_prompt(&self) -> bool;
}

/// Nobody can be asked, and why.
#[derive(Debug, Clone)]
pub struct NoTelemetry(pub String);

#[async_trait]
impl Telemetry for NoTelemetry {
    fn place(&self) -> String {
        "nowhere".to_owned()
    }

    async fn arrived(&self, _: OffsetDateTime) -> Result<Arrived, String> {
        Err(self.0.clone())
    }

    fn is_prompt(&self) -> bool {
        true
    }
}

/// A question of the gateway's admin endpoint, by its path.
pub type AdminQuestion = dyn Fn(&str) -> Value + Send + Sync;

/// The admin endpoint of a gateway in this process.
pub struct AdminHere(pub Box<AdminQuestion>);

#[async_trait]
impl Telemetry for AdminHere {
    fn place(&self) -> String {
        "the gateway's own metrics".to_owned()
    }

    async fn arrived(&self, since: OffsetDateTime) -> Result<Arrived, String> {
        Ok(read_admin(&(self.0)("/customMetrics"), &(self.0)("/query/requests"), since))
    }

    fn is_prompt(&self) -> bool {
        true
    }
}

/// The admin endpoint of `apimctl serve --admin`.
pub struct AdminAt {
    http: Arc<dyn HttpClient>,
    base: Url,
}

impl AdminAt {
    /// The endpoint at `base`.
    #[must_use]
    pub fn new(base: Url) -> Self {
        Self { http: new_http_client(None), base }
    }

    async fn get(&self, path: &str) -> Result<Value, String> {
        let url = self.base.join(path).map_err(|error| error.to_string())?;
        let answer = self.http.execute_request(&Request::new(url, Method::Get)).await;
        let answer = answer.map_err(|error| format!("`{}` does not answer: {error}", self.base))?;
        let body = answer.into_body().collect().await.map_err(|error| format!("`{}` broke off: {error}", self.base))?;
        serde_json::from_slice(&body).map_err(|_| format!("`{}` is no admin endpoint of `apimctl serve`", self.base))
    }
}

#[async_trait]
impl Telemetry for AdminAt {
    fn place(&self) -> String {
        format!("the gateway's metrics at {}", self.base)
    }

    async fn arrived(&self, since: OffsetDateTime) -> Result<Arrived, String> {
        Ok(read_admin(&self.get("/customMetrics").await?, &self.get("/query/requests").await?, since))
    }

    fn is_prompt(&self) -> bool {
        true
    }
}

/// Metrics are kept by the minute, requests by the hour: what came shortly before counts too.
fn read_admin(metrics: &Value, requests: &Value, since: OffsetDateTime) -> Arrived {
    let at = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (minute, hour) = (time::Duration::minutes(1), time::Duration::hours(1));
    let mut tokens: Vec<TokenSeries> = Vec::new();
    for row in rows(metrics) {
        if at(&row, "timestamp").is_none_or(|timestamp| timestamp + minute < since) {
            continue;
        }
        let name = row.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let dimensions: BTreeMap<String, String> = text_map(row.get("customDimensions"));
        add(&mut tokens, name, dimensions, row.get("valueSum").and_then(Value::as_f64).unwrap_or_default());
    }
    let recent = rows(requests).into_iter().filter(|row| at(row, "hour").is_some_and(|start| start + hour >= since));
    Arrived { requests: Some(recent.filter_map(|row| row.get("count")?.as_u64()).sum()), tokens }
}

fn text_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
}

fn add(tokens: &mut Vec<TokenSeries>, name: String, dimensions: BTreeMap<String, String>, sum: f64) {
    if !name.ends_with("Tokens") {
        return;
    }
    match tokens.iter_mut().find(|series| series.name == name && series.dimensions == dimensions) {
        Some(series) => series.sum += sum,
        None => tokens.push(TokenSeries { name, dimensions, sum }),
    }
}

/// A Log Analytics workspace.
pub struct Workspace {
    client: LogsClient,
    /// `properties.customerId` of the workspace.
    customer_id: String,
    name: String,
    service: String,
}

impl Workspace {
    /// The workspace `name`, whose `properties.customerId` is `customer_id`; `service` is the API Management service.
    #[must_use]
    pub fn new(client: LogsClient, name: impl Into<String>, customer_id: impl Into<String>, service: impl Into<String>) -> Self {
        Self { client, customer_id: customer_id.into(), name: name.into(), service: service.into() }
    }
}

#[async_trait]
impl Telemetry for Workspace {
    fn place(&self) -> String {
        format!("the Log Analytics workspace `{}`", self.name)
    }

    async fn arrived(&self, since: OffsetDateTime) -> Result<Arrived, String> {
        let since = since.format(&Rfc3339).map_err(|error| error.to_string())?;
        // In a workspace the tables are AppRequests and AppMetrics, and the API's id is not in the URL. `union isfuzzy` survives a table that
        // nothing has been written to yet.
        let requests = format!(
            "union isfuzzy=true (ApiManagementGatewayLogs | where TimeGenerated >= datetime({since}) | where _ResourceId endswith \"/{service}\"), \
             (AzureDiagnostics | where TimeGenerated >= datetime({since}) | where Category == \"GatewayLogs\" and _ResourceId endswith \"/{service}\"), \
             (AppRequests | where TimeGenerated >= datetime({since}) | where AppRoleName startswith \"{service}\") | count",
            service = self.service.to_ascii_lowercase()
        );
        let tokens = format!(
            "union isfuzzy=true (AppMetrics | where TimeGenerated >= datetime({since}) | where Name endswith \"Tokens\" \
             | summarize Sum = sum(Sum) by Name, Properties = tostring(Properties))"
        );
        let (counted, metrics) =
            (self.client.query(&self.customer_id, &requests).await, self.client.query(&self.customer_id, &tokens).await);
        let requests = counted?.first().and_then(|row| row.get("Count")?.as_u64());
        let mut series = Vec::new();
        for row in metrics? {
            let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let properties: Value = serde_json::from_str(&text("Properties")).unwrap_or_default();
            add(&mut series, text("Name"), text_map(Some(&properties)), row.get("Sum").and_then(Value::as_f64).unwrap_or_default());
        }
        Ok(Arrived { requests, tokens: series })
    }

    fn is_prompt(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_admin_endpoint_tells_series_and_requests_of_late() {
        let metrics = json!([
            { "timestamp": "2026-11-22T11:00:00Z", "name": "Total Tokens", "valueSum": 99, "customDimensions": { "API ID": "a" } },
            { "timestamp": "2026-11-22T12:00:00Z", "name": "Total Tokens", "valueSum": 5, "customDimensions": { "API ID": "a" } },
            { "timestamp": "2026-11-22T12:01:00Z", "name": "Total Tokens", "valueSum": 7, "customDimensions": { "API ID": "a" } },
            { "timestamp": "2026-11-22T12:01:00Z", "name": "latency", "valueSum": 7, "customDimensions": {} },
        ]);
        let requests = json!([{ "hour": "2026-11-22T12:00:00Z", "count": 3 }, { "hour": "2026-11-22T10:00:00Z", "count": 50 }]);
        let arrived = read_admin(&metrics, &requests, datetime!(2026-11-22 12:00:30 UTC));
        assert_eq!(arrived.requests, Some(3));
        assert_eq!(arrived.tokens.len(), 1);
        assert_eq!((arrived.tokens[0].sum, arrived.tokens[0].dimensions["API ID"].as_str()), (12.0, "a"));
    }
}
