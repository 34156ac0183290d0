//! What `apply` sends is what Microsoft published.
//!
//! The published types are not part of this project: the test reads them from a checkout beside it (`../shared/specs`), or from
//! `APIMCTL_BICEP_TYPES`, and says so where there is none.

mod bicep;

use std::collections::BTreeSet;
use std::path::PathBuf;

use apimctl::support::environment::Environment;

use crate::support::{World, apply, examples, load, root};

/// Accepted by the service and used by Microsoft's own samples, yet in no published contract (Azure-Samples/AI-Gateway,
/// `modules/apim/v3/inference-api.bicep`; for the component property: the Application Insights portal's own template).
const UNPUBLISHED: [&str; 3] =
    ["/properties/credentials/managedIdentity", "/properties/subscriptionKeyParameterNames/bearer", "/properties/CustomMetricsOptedInType"];

#[tokio::test(start_paused = true)]
async fn every_request_body_fits_the_published_types() {
    let types =
        Environment::of_process().get("APIMCTL_BICEP_TYPES").map_or_else(|| root().join("../shared/specs/bicep-types"), PathBuf::from);
    let Some(types) = bicep::BicepTypes::read(&types) else {
        eprintln!("not checked: no published types at {}", types.display());
        return;
    };
    let mut wrong = BTreeSet::new();
    let mut checked = 0;
    for path in examples() {
        let world = World::new(|_| {});
        let deployment = world.deployment(&load(&path), |_| {});
        apply(&deployment).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for sent in world.take_sent().iter().filter(|sent| matches!(sent.method.as_str(), "PUT" | "PATCH") && !sent.body.is_null()) {
            checked += 1;
            let kind = sent.id().resource_type();
            for reason in types.check(&kind, sent.api_version(), &sent.body) {
                // A PATCH body carries what changes; nothing is required in it.
                let excused = sent.method == "PATCH" && reason.ends_with("required, and missing");
                if !excused && !UNPUBLISHED.iter().any(|pointer| reason.starts_with(pointer)) {
                    wrong.insert(format!("{kind}@{} {reason}", sent.api_version()));
                }
            }
        }
    }
    assert!(checked > 100, "only {checked} bodies were seen");
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{checked} request bodies fit the published types");
}
