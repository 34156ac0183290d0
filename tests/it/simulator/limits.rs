//! Quotas on virtual time.

use std::time::Duration;

use apimctl::simulator::Throughput;

use super::*;

fn limited(throughput: Throughput) -> Simulator {
    let mut france = Account::new("france", "francecentral").with_key("key-1");
    france.deployments.push(Deployment::new("gpt-4o-mini", "gpt-4o-mini", "2024-07-18").taking(throughput));
    fixture_with(vec![france], Behavior::default()).simulator
}

/// 8 tokens of prompt and `most` of answer are charged.
fn asking(most: u32) -> Request<Full<Bytes>> {
    let mut body = hello();
    body["max_tokens"] = most.into();
    chat(&body)
}

fn header(response: &Response<SimBody>, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn tokens_of_a_minute_run_out_and_come_back() {
    let simulator = limited(Throughput::Standard { tokens_per_minute: 100, requests_per_minute: 600 });
    let first = simulator.handle("france", asking(32)).await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(header(&first, "x-ratelimit-remaining-tokens"), "60");
    assert_eq!(header(&first, "x-ratelimit-limit-tokens"), "100");
    assert_eq!(header(&first, "x-ratelimit-limit-requests"), "600");
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(header(&simulator.handle("france", asking(52)).await.unwrap(), "x-ratelimit-remaining-tokens"), "0");
    tokio::time::advance(Duration::from_millis(200)).await;
    let refused = simulator.handle("france", asking(1)).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), "45");
    assert_eq!(header(&refused, "retry-after-ms"), "44800");
    assert_eq!(header(&refused, "x-ratelimit-reset-tokens"), "45");
    let body: Value = serde_json::from_str(&text(refused).await).unwrap();
    assert_eq!(body["error"]["code"], "RateLimitReached");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("gpt-4o-mini in France Central have exceeded the token rate limit"), "{message}");
    assert!(
        message.contains("ChatCompletions_Create under Azure OpenAI API version 2024-10-21. Please retry after 45 seconds."),
        "{message}"
    );
    tokio::time::advance(Duration::from_millis(44_799)).await;
    assert_eq!(simulator.handle("france", asking(1)).await.unwrap().status(), 429);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(simulator.handle("france", asking(1)).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_minute_are_evened_out_over_ten_seconds() {
    let simulator = limited(Throughput::Standard { tokens_per_minute: 1_000_000, requests_per_minute: 12 });
    for left in ["6", "0"] {
        let response = simulator.handle("france", asking(1)).await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "x-ratelimit-remaining-requests").as_str()), (200, left));
    }
    let refused = simulator.handle("france", asking(1)).await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after").as_str()), (429, "10"));
    assert_eq!(header(&refused, "x-ratelimit-reset-requests"), "10");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(simulator.handle("france", asking(1)).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn provisioned_throughput_fills_up_and_drains() {
    // Ten tokens a second, a hundred ahead.
    let simulator = limited(Throughput::Provisioned { tokens_per_minute: 600 });
    let first = simulator.handle("france", asking(42)).await.unwrap();
    assert_eq!((first.status().as_u16(), header(&first, "azure-openai-deployment-utilization").as_str()), (200, "50.0%"));
    assert_eq!(header(&first, "x-ratelimit-remaining-tokens"), "");
    assert_eq!(header(&simulator.handle("france", asking(92)).await.unwrap(), "azure-openai-deployment-utilization"), "150.0%");
    let refused = simulator.handle("france", asking(1)).await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after-ms").as_str()), (429, "5001"));
    tokio::time::advance(Duration::from_millis(5_001)).await;
    assert_eq!(simulator.handle("france", asking(1)).await.unwrap().status(), 200);
}

#[test]
fn a_sku_tells_its_throughput() {
    assert_eq!(Throughput::of_sku("GlobalStandard", 10), Throughput::Standard { tokens_per_minute: 10_000, requests_per_minute: 60 });
    assert_eq!(Throughput::of_sku("ProvisionedManaged", 15), Throughput::Provisioned { tokens_per_minute: 37_500 });
}
