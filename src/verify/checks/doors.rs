//! Ways in that the specification does not speak of: open products, and keys that open all APIs.

use serde_json::Value;

use super::suspended::PREFIX;
use crate::arm::{ResourceId, catalogue};
use crate::azure::AzureError;
use crate::verify::keys::apis_of;
use crate::verify::outcome::{Cause, Finding, Step};
use crate::verify::run::Run;
use crate::verify::scene::Scene;
use crate::verify::subject::Subject;

/// What was found: of somebody else (a hole), or as the specification has it (worth knowing).
#[derive(Default)]
struct Doors {
    holes: Vec<Cause>,
    known: Vec<Cause>,
}

/// Lists products, APIs and subscriptions.
pub(in crate::verify) async fn check(run: &mut Run<'_>, scene: &Scene) {
    let finding = match look(run.subject, scene).await {
        Ok(doors) => judge(doors),
        Err(error) => Finding::skip(format!("products and subscriptions cannot be listed: {error}")),
    };
    run.add("open-doors", Step::Keys, finding);
}

fn judge(doors: Doors) -> Finding {
    let words = |causes: &[Cause]| causes.iter().map(|cause| cause.text.clone()).collect::<Vec<_>>().join("; ");
    if !doors.holes.is_empty() {
        return Finding::fail(words(&doors.holes), doors.holes);
    }
    if !doors.known.is_empty() {
        return Finding::warn(format!("as the specification has it: {}", words(&doors.known)), doors.known);
    }
    Finding::pass("no open product and no key of all APIs (beside the built-in one) reaches the APIs of the specification")
}

fn version(kind: &str) -> &'static str {
    catalogue::find(kind).map_or("2024-05-01", |entry| entry.api_version)
}

async fn look(subject: &Subject<'_>, scene: &Scene) -> Result<Doors, AzureError> {
    let mut doors = Doors::default();
    let Some(service) = subject.service() else { return Ok(doors) };
    let is_ours = |id: &ResourceId| subject.desired.resources.iter().any(|resource| resource.id.known() == Some(id));
    for api in scene.apis.iter().filter(|api| !api.key_required && !api.is_front) {
        doors.known.push(Cause::new(
            format!("the API `{}` needs no key: whoever finds it can use it", api.name()),
            format!("remove `subscriptionRequired: false` and run: {}", subject.commands.of("apply")),
        ));
    }
    let products = subject.client.list(&format!("{service}/products"), version("Microsoft.ApiManagement/service/products"), &[]).await?;
    for product in &products {
        let open = product.pointer("/properties/subscriptionRequired").and_then(Value::as_bool) == Some(false);
        let Some(id) = id_of(product).filter(|_| open) else { continue };
        let linked = apis_of(subject, &id).await?;
        let reached: Vec<&str> =
            scene.apis.iter().map(|api| api.name()).filter(|name| linked.contains(&name.to_ascii_lowercase())).collect();
        if reached.is_empty() {
            continue;
        }
        let text = format!("the product `{}` is open (`subscriptionRequired: false`) and links {}", id.name(), reached.join(", "));
        let cure =
            format!("take the APIs out of it: az apim product api delete --product-id {} --api-id {} …", id.name(), reached.join(" / "));
        if is_ours(&id) { &mut doors.known } else { &mut doors.holes }.push(Cause::new(text, cure));
    }
    let subscriptions =
        subject.client.list(&format!("{service}/subscriptions"), version("Microsoft.ApiManagement/service/subscriptions"), &[]).await?;
    for subscription in &subscriptions {
        let Some(id) = id_of(subscription) else { continue };
        let text = |pointer: &str| subscription.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let active = text("/properties/state").eq_ignore_ascii_case("active");
        if id.name().starts_with(PREFIX) && !is_ours(&id) {
            doors.holes.push(Cause::new(
                format!("`{}` is left over from a verify that was killed ({})", id.name(), text("/properties/state")),
                subject.commands.of("verify --restore"),
            ));
            continue;
        }
        let scope = text("/properties/scope").trim_end_matches('/');
        let all =
            scope.eq_ignore_ascii_case(service.as_str()) || scope.eq_ignore_ascii_case(&format!("{service}/apis")) || scope == "/apis";
        // Every service has one of this name, and it cannot be removed.
        if !all || !active || id.name().eq_ignore_ascii_case("master") {
            continue;
        }
        let words = format!("the key of the subscription `{}` opens all APIs of the service", id.name());
        let cure = format!(
            "give it the scope of what it is for, or suspend it: az rest --method patch --headers If-Match=* --url {id}?api-version=2024-05-01 --body '{{\"properties\":{{\"state\":\"suspended\"}}}}'"
        );
        if is_ours(&id) { &mut doors.known } else { &mut doors.holes }.push(Cause::new(words, cure));
    }
    Ok(doors)
}

fn id_of(item: &Value) -> Option<ResourceId> {
    ResourceId::parse(item.get("id")?.as_str()?).ok()
}
