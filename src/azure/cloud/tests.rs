use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::azure::testing::answer;
use crate::azure::transport::InProcess;
use crate::support::clock::SystemClock;

#[test]
fn the_known_clouds_have_their_own_endpoints() {
    let rows = [
        ("public", "https://management.azure.com/.default", "https://login.microsoftonline.com/", "azure-api.net"),
        ("AzureUSGovernment", "https://management.usgovcloudapi.net/.default", "https://login.microsoftonline.us/", "azure-api.us"),
        ("CHINA", "https://management.chinacloudapi.cn/.default", "https://login.chinacloudapi.cn/", "azure-api.cn"),
    ];
    for (name, scope, authority, suffix) in rows {
        let cloud = Cloud::named(name).unwrap();
        assert_eq!((cloud.scope().as_str(), cloud.authority.as_str(), cloud.gateway_suffix.as_str()), (scope, authority, suffix));
    }
    assert!(Cloud::named("mars").unwrap_err().to_string().contains("`mars`"));
}

#[test]
fn a_custom_cloud_speaks_https() {
    let cloud = Cloud::custom("https://127.0.0.1:8443/", "localhost:8443").unwrap();
    assert_eq!((cloud.scope().as_str(), cloud.authority.as_str()), ("https://127.0.0.1:8443/.default", "https://localhost:8443/"));
    for bad in ["http://127.0.0.1", "ftp://x", "", "https://user:secret@x", "https://x/?q", "https://"] {
        assert!(matches!(Cloud::custom(bad, "https://x"), Err(InvalidCloud::NotHttps(_))), "{bad}");
        assert!(Cloud::custom("https://x", bad).is_err(), "{bad}");
    }
}

async fn read(cloud: Cloud, keep: bool, document: Value) -> Result<Cloud, MetadataError> {
    let transport = InProcess::new(move |request: http::Request<bytes::Bytes>| {
        assert_eq!(request.uri().to_string(), "https://arm.local/metadata/endpoints?api-version=2022-09-01");
        let response = answer(200, &[], document.clone());
        async move { response }
    });
    cloud.with_metadata(keep, Some(Arc::new(transport)), &SystemClock).await
}

#[tokio::test(start_paused = true)]
async fn a_custom_cloud_tells_its_audience_and_authority() {
    let custom = || Cloud::custom("https://arm.local", "https://given").unwrap();
    let one = |arm: &str, audience: &str| json!({ "resourceManager": arm, "authentication": { "loginEndpoint": "https://login.microsoftonline.us/", "audiences": ["https://other/", audience] } });
    let cloud = read(custom(), false, one("https://arm.local/", "https://arm.local/")).await.unwrap();
    assert_eq!(
        (cloud.audience.as_str(), cloud.authority.as_str(), cloud.gateway_suffix.as_str()),
        ("https://arm.local", "https://login.microsoftonline.us/", "azure-api.us")
    );
    let cloud = read(custom(), true, one("https://arm.local/", "https://audience/")).await.unwrap();
    assert_eq!((cloud.audience.as_str(), cloud.authority.as_str()), ("https://other", "https://given/"));
    let list = json!([one("https://elsewhere", "https://elsewhere"), one("https://arm.local", "https://arm.local")]);
    assert_eq!(read(custom(), false, list).await.unwrap().audience, "https://arm.local");
    for bad in [json!([]), json!({}), json!("x"), json!({ "authentication": { "audiences": [] } })] {
        assert!(read(custom(), false, bad).await.is_err());
    }
}
