//! Questions to Log Analytics workspaces: another host and audience than ARM's, the same login and pipeline.

use serde_json::{Map, Value, json};

use super::client::{ArmClient, ClientOptions};
use super::cloud::Cloud;
use super::error::AzureError;

/// A client of the query service of one cloud.
#[derive(Debug, Clone)]
pub struct LogsClient(ArmClient);

impl LogsClient {
    /// The query service of `options.cloud`; `None` for a cloud whose query service is not known (`--arm-endpoint`).
    ///
    /// The public address is documented; those of the other clouds are assumed by the same pattern.
    #[must_use]
    pub fn new(options: ClientOptions) -> Option<Self> {
        let address = match options.cloud.name.as_str() {
            "AzureCloud" => "https://api.loganalytics.io",
            "AzureUSGovernment" => "https://api.loganalytics.us",
            "AzureChinaCloud" => "https://api.loganalytics.azure.cn",
            _ => return None,
        };
        let resource_manager = url::Url::parse(address).ok()?;
        // Its tokens go nowhere else, as ARM's do not.
        let cloud = Cloud { resource_manager, audience: address.to_owned(), ..options.cloud };
        Some(Self(ArmClient::new(ClientOptions { cloud, ..options })))
    }

    /// The rows of the first table that `query` (KQL) gives, each by column. `workspace` is `properties.customerId` of the workspace.
    ///
    /// # Errors
    /// The service refused or could not be reached, in words for people.
    pub async fn query(&self, workspace: &str, query: &str) -> Result<Vec<Map<String, Value>>, String> {
        let body = json!({ "query": query });
        // It has no `api-version`, and takes no notice of one (assumed).
        let reply = self.0.post(&format!("/v1/workspaces/{workspace}/query"), "v1", Some(&body)).await.map_err(|error| text(&error))?;
        Ok(rows(&reply.body))
    }
}

fn text(error: &AzureError) -> String {
    match &error.hint {
        Some(hint) => format!("{error}; {hint}"),
        None if error.has_status(403) => {
            format!("{error}; the login needs the role Log Analytics Reader on the workspace")
        }
        None => error.to_string(),
    }
}

fn rows(body: &Value) -> Vec<Map<String, Value>> {
    let Some(table) = body.pointer("/tables/0") else { return Vec::new() };
    let list = |name: &str| table.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<String> =
        list("columns").iter().map(|column| column.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()).collect();
    list("rows").iter().map(|row| columns.iter().cloned().zip(row.as_array().cloned().unwrap_or_default()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;

    use super::*;
    use crate::azure::credential::StaticCredential;
    use crate::azure::transport::InProcess;
    use crate::support::clock::SystemClock;

    #[tokio::test]
    async fn rows_come_by_column_and_only_a_known_cloud_has_a_query_service() {
        let asked = Arc::new(Mutex::new(String::new()));
        let seen = asked.clone();
        let transport = InProcess::new(move |request: http::Request<Bytes>| {
            *seen.lock().unwrap() = format!("{} {}", request.uri(), String::from_utf8_lossy(request.body()));
            async {
                let body = r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"Count","type":"long"}],"rows":[[7]]}]}"#;
                http::Response::builder().status(200).header("content-type", "application/json").body(Bytes::from(body)).unwrap()
            }
        });
        let credential = Arc::new(StaticCredential::new("token"));
        let options = |cloud| ClientOptions {
            transport: Some(Arc::new(transport.clone())),
            ..ClientOptions::new(cloud, credential.clone(), Arc::new(SystemClock))
        };
        let client = LogsClient::new(options(Cloud::public())).unwrap();
        let found = client.query("0-1", "AppRequests | count").await.unwrap();
        assert_eq!(found[0]["Count"], 7);
        let asked = asked.lock().unwrap().clone();
        assert!(asked.starts_with("https://api.loganalytics.io/v1/workspaces/0-1/query"), "{asked}");
        assert!(asked.contains("AppRequests | count"), "{asked}");
        assert!(LogsClient::new(options(Cloud::custom("https://a.example", "https://b.example").unwrap())).is_none());
    }
}
