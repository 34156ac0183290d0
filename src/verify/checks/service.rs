//! The service: there, ready, with an identity.

use serde_json::Value;

use crate::azure::AzureError;
use crate::deploy::plan::{Action, Change};
use crate::verify::outcome::{Cause, Finding};
use crate::verify::subject::Subject;

/// The service as ARM has it; `None` if it is not there.
pub(in crate::verify) async fn read(subject: &Subject<'_>) -> Result<Option<Value>, AzureError> {
    let Some(service) = subject.service() else { return Ok(None) };
    let own = subject.desired.resources.iter().find(|resource| resource.id.known() == Some(service));
    let version = own.map_or("2024-05-01", |resource| resource.api_version.as_str());
    Ok(subject.client.get(service.as_str(), version, &[]).await?.map(|found| found.body))
}

/// Whether it is ready. `changes` are those of the plan that concern it.
pub(in crate::verify) fn judge(subject: &Subject<'_>, body: Option<&Value>, changes: &[&Change]) -> Finding {
    let name = subject.service().map_or("", |service| service.name());
    let Some(body) = body else {
        return Finding::fail(
            format!("`{name}` is not there"),
            vec![Cause::new("it was never applied, or somebody deleted it", subject.commands.of("apply"))],
        );
    };
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let state = text("/properties/provisioningState");
    if !state.eq_ignore_ascii_case("Succeeded") {
        let cause = match state.to_ascii_lowercase().as_str() {
            "failed" => Cause::new("its last change failed", "look at its activity log in the portal, mend what it says, then apply again"),
            _ => Cause::new("Azure is still at work on it (a Developer service takes about 40 minutes)", subject.commands.of("apply")),
        };
        return Finding::fail(format!("`{name}` is in the state `{state}`, not `Succeeded`"), vec![cause]);
    }
    let kind = text("/identity/type");
    let wants_identity = subject.spec().is_some_and(|spec| spec.service.identity.is_some());
    let has_system = kind.to_ascii_lowercase().contains("systemassigned");
    if wants_identity && (kind.is_empty() || kind.eq_ignore_ascii_case("None")) {
        return Finding::fail(
            format!("`{name}` has no managed identity, so it cannot log in to Azure OpenAI"),
            vec![Cause::new("the identity was switched off after it was applied", subject.commands.of("apply"))],
        );
    }
    let wrong: Vec<String> = changes
        .iter()
        .filter(|change| change.action != Action::None)
        .flat_map(|change| {
            change
                .properties
                .iter()
                .map(|property| property.path.clone())
                .chain(change.properties.is_empty().then(|| change.label.to_owned()))
        })
        .collect();
    if !wrong.is_empty() {
        return Finding::fail(
            format!("`{name}` differs from the specification: {}", wrong.join(", ")),
            vec![Cause::new(
                "somebody changed it outside the specification",
                format!("{}\n{}", subject.commands.of("plan"), subject.commands.of("apply")),
            )],
        );
    }
    let identity = match (wants_identity, has_system) {
        (false, _) => "without an identity, as specified".to_owned(),
        (true, true) => format!("identity {kind}, principal {}", text("/identity/principalId")),
        (true, false) => format!("identity {kind}"),
    };
    Finding::pass(format!("`{name}` is Succeeded ({} {}), {identity}", text("/sku/name"), text("/location")))
}
