//! A custom cloud's own account of itself.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{HttpClient, Method, Request, new_http_client};
use futures::future::{Either, select};
use serde_json::Value;
use url::Url;

use super::Cloud;
use crate::azure::error::chain;
use crate::support::clock::Clock;

const VERSION: &str = "2022-09-01";
const PATIENCE: Duration = Duration::from_secs(10);

/// The metadata could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the endpoints of `{endpoint}` could not be read: {reason}")]
pub struct MetadataError {
    /// Which ARM.
    pub endpoint: String,
    /// Why.
    pub reason: String,
}

impl Cloud {
    /// Asks `{arm}/metadata/endpoints` for the token audience, and for the authority when that is left open. The document
    /// has no suffix of API Management gateways: that of the known cloud with the same authority is taken, else public
    /// Azure's. Needs no login.
    ///
    /// # Errors
    /// ARM cannot be reached, or answers something else.
    pub async fn with_metadata(
        self,
        keep_authority: bool,
        transport: Option<Arc<dyn HttpClient>>,
        clock: &dyn Clock,
    ) -> Result<Self, MetadataError> {
        let endpoint = self.resource_manager.as_str().trim_end_matches('/').to_owned();
        let fail = |reason: String| MetadataError { endpoint: endpoint.clone(), reason };
        let url = Url::parse(&format!("{endpoint}/metadata/endpoints?api-version={VERSION}")).map_err(|error| fail(error.to_string()))?;
        let request = Request::new(url, Method::Get);
        let client = transport.unwrap_or_else(|| new_http_client(None));
        let work = Box::pin(async {
            let response = client.execute_request(&request).await.map_err(|error| chain(&error))?;
            let response = response.try_into_raw_response().await.map_err(|error| chain(&error))?;
            let status = u16::from(response.status());
            if status != 200 {
                return Err(format!("answered {status}"));
            }
            serde_json::from_slice::<Value>(response.into_body().as_ref()).map_err(|error| format!("answered no JSON: {error}"))
        });
        let document = match select(work, clock.sleep(PATIENCE)).await {
            Either::Left((result, _)) => result.map_err(fail)?,
            Either::Right(_) => return Err(fail(format!("no answer within {} s", PATIENCE.as_secs()))),
        };
        self.reading(&document, keep_authority).ok_or_else(|| fail("the answer names no `authentication.audiences`".to_owned()))
    }

    /// Takes over what a metadata document says; `None` when it is none. Newer versions are one cloud, older ones a list.
    fn reading(mut self, document: &Value, keep_authority: bool) -> Option<Self> {
        let own = |cloud: &&Value| {
            let url = cloud.get("resourceManager").and_then(Value::as_str).and_then(|text| Url::parse(text).ok());
            url.is_some_and(|url| url.origin() == self.resource_manager.origin())
        };
        let cloud = match document {
            Value::Array(clouds) => clouds.iter().find(own).or_else(|| clouds.first())?,
            one => one,
        };
        let audiences: Vec<&str> = cloud.pointer("/authentication/audiences")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let plain = |audience: &str| audience.trim_end_matches('/').to_ascii_lowercase();
        let endpoint = plain(self.resource_manager.as_str());
        let audience = audiences.iter().find(|audience| plain(audience) == endpoint).or_else(|| audiences.first())?;
        self.audience = audience.trim_end_matches('/').to_owned();
        let authority = cloud.pointer("/authentication/loginEndpoint").and_then(Value::as_str).and_then(|text| super::https(text).ok());
        if let (false, Some(authority)) = (keep_authority, authority) {
            self.authority = authority;
        }
        let known = [Self::public(), Self::us_government(), Self::china()].into_iter();
        if let Some(known) = known.into_iter().find(|known| known.authority.origin() == self.authority.origin()) {
            self.gateway_suffix = known.gateway_suffix;
            self.cognitive_services_audience = known.cognitive_services_audience;
        }
        Some(self)
    }
}
