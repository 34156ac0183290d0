//! Every example, on the embedded ARM: applied, planned again, and once more where the service answers in every odd way.

use apimctl::deploy::plan::Action;

use crate::support::{World, apply, context, examples, load, root};

#[tokio::test(start_paused = true)]
async fn a_plan_after_apply_is_empty_and_a_second_apply_writes_nothing() {
    for path in examples() {
        let world = World::new(|_| {});
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        world.take_sent();

        let plan = deployment.plan().await.unwrap();
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
        assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
        assert!(plan.changes.len() > 5, "{}: the plan speaks of nothing", path.display());

        deployment.apply(&plan, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap();
        let writes: Vec<_> = world.take_sent().into_iter().filter(|sent| sent.is_write()).map(|sent| (sent.method, sent.path)).collect();
        assert!(writes.is_empty(), "{}: {writes:#?}", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_after_apply_is_empty_however_oddly_the_service_answers() {
    for path in examples() {
        let world = World::new(|options| options.hostile = true);
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = deployment.plan().await.unwrap();
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
        assert!(changes.is_empty(), "{}: {changes:#?}", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn destroy_leaves_nothing_of_ours() {
    for path in examples() {
        let world = World::new(|_| {});
        let loaded = load(&path);
        let deployment = world.deployment(&loaded, |_| {});
        let before: Vec<_> = world.emulator.store().snapshot().keys().cloned().collect();
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = deployment.destroy_plan().await.unwrap();
        deployment.destroy(&plan, true, &apimctl::deploy::events::Discard, apimctl::deploy::cancel::Cancellation::never()).await.unwrap();
        let after: Vec<_> = world.emulator.store().snapshot().keys().cloned().collect();
        assert_eq!(before, after, "{}", path.display());
    }
}

/// Networks, host names, loggers, diagnostics of the service, `bearer: loopback`: what no example shows.
#[tokio::test(start_paused = true)]
async fn what_no_example_shows_converges_too() {
    let path = root().join("tests/cases/specs/valid/everything.yaml");
    for hostile in [false, true] {
        let world = World::new(|options| options.hostile = hostile);
        let deployment = world.deployment(&load(&path), |_| {});
        apply(&deployment).await.unwrap();
        let plan = deployment.plan().await.unwrap();
        let changes: Vec<_> = plan.changes.iter().filter(|change| change.action != Action::None).collect();
        assert!(changes.is_empty(), "hostile: {hostile}: {changes:#?}");
    }
}

/// Whatever a kind does not model goes through `properties`, so that nobody is ever stuck.
#[test]
fn the_properties_of_every_kind_reach_its_body() {
    let kinds = [
        ("Microsoft.ApiManagement/service", "service"),
        ("Microsoft.OperationalInsights/workspaces", "workspace"),
        ("Microsoft.Insights/components", "component"),
        ("Microsoft.Insights/diagnosticSettings", "setting"),
        ("Microsoft.Insights/actionGroups", "actions"),
        ("Microsoft.Insights/metricAlerts", "metric"),
        ("Microsoft.Insights/scheduledQueryRules", "log"),
        ("Microsoft.ApiManagement/service/namedValues", "value"),
        ("Microsoft.ApiManagement/service/backends", "backend"),
        ("Microsoft.ApiManagement/service/policyFragments", "fragment"),
        ("Microsoft.ApiManagement/service/apiVersionSets", "versions"),
        ("Microsoft.ApiManagement/service/apis", "api"),
        ("Microsoft.ApiManagement/service/apis/operations", "operation"),
        ("Microsoft.ApiManagement/service/products", "product"),
        ("Microsoft.ApiManagement/service/groups", "group"),
        ("Microsoft.ApiManagement/service/users", "user"),
        ("Microsoft.ApiManagement/service/subscriptions", "subscription"),
        ("Microsoft.ApiManagement/service/loggers", "logger"),
        ("Microsoft.ApiManagement/service/diagnostics", "diagnostic"),
        ("Microsoft.ApiManagement/service/caches", "raw"),
    ];
    let mut text = r#"
apiVersion: apimctl/v1
name: probe
resourceGroup: { name: rg, location: westeurope }
service: { name: apim, sku: Developer, publisherName: P, publisherEmail: p@example.com, properties: @service@ }
monitoring:
  logAnalytics: { name: logs, properties: @workspace@ }
  applicationInsights: { name: insights, properties: @component@ }
  diagnosticSettings: { logs: [GatewayLogs], properties: @setting@ }
actionGroups: { a: { groupShortName: a, properties: @actions@ } }
metricAlerts: { m: { metricName: Capacity, timeAggregation: Average, operator: GreaterThan, threshold: 1, properties: @metric@ } }
logAlerts: { l: { query: AppRequests, operator: GreaterThan, threshold: 1, properties: @log@ } }
namedValues: { v: { value: "1", properties: @value@ } }
backends: { b: { url: "https://b.example.com", properties: @backend@ } }
policyFragments: { f: { policy: { value: "<fragment />" }, properties: @fragment@ } }
apiVersionSets: { s: { displayName: S, versioningScheme: Segment, properties: @versions@ } }
apis: { a: { path: a, properties: @api@, operations: { o: { method: GET, urlTemplate: /, properties: @operation@ } } } }
products: { p: { apis: [a], properties: @product@ } }
groups: { g: { properties: @group@ } }
users: { u: { email: u@example.com, firstName: U, lastName: U, properties: @user@ } }
subscriptions: { c: { scope: api/a, properties: @subscription@ } }
loggers: { x: { loggerType: azureMonitor, properties: @logger@ } }
diagnostics: { azuremonitor: { logger: x, properties: @diagnostic@ } }
resources: [{ type: Microsoft.ApiManagement/service/caches, name: apim/c, apiVersion: 2024-05-01, properties: @raw@ }]
"#
    .to_owned();
    for (_, word) in kinds {
        text = text.replace(&format!("@{word}@"), &format!("{{ probe: through-{word} }}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("probe.yaml");
    std::fs::write(&path, text).unwrap();
    let (desired, findings) = apimctl::deploy::desired::compile(&load(&path), &context());
    assert!(!findings.iter().any(|finding| finding.is_error()), "{findings:#?}");
    for (kind, word) in kinds {
        let probe = format!("through-{word}");
        let reached = desired
            .resources
            .iter()
            .any(|resource| resource.resource_type().eq_ignore_ascii_case(kind) && format!("{:?}", resource.body).contains(&probe));
        assert!(reached, "`properties` of `{kind}` got lost");
    }
}
