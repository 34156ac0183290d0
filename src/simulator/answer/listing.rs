//! Models and deployments of an account.

use http::StatusCode;
use serde_json::{Value, json};

use super::Answer;
use super::model::can;
use crate::simulator::account::{Account, Deployment};
use crate::simulator::error::WireError;
use crate::simulator::route::{Operation, Route, Surface};

/// When listed things were made; the simulator does not know.
const CREATED: i64 = 1_700_000_000;

/// `GET /openai/models` and `GET /openai/v1/models`: the models of the account's deployments. The real list is that of the region, which
/// is longer.
pub(super) fn models(account: &Account, route: &Route) -> Result<Answer, WireError> {
    let mut models: Vec<(String, Value)> = Vec::new();
    for deployment in &account.deployments {
        let id = deployment.full_model();
        if models.iter().all(|(known, _)| *known != id) {
            models.push((id.clone(), model(&id, deployment, &route.surface)));
        }
    }
    match &route.id {
        None => Ok(list(models.into_iter().map(|(_, model)| model))),
        Some(wanted) => {
            let found = models.into_iter().find(|(id, _)| id == wanted);
            let missing = || WireError::plain(StatusCode::NOT_FOUND, "404", "The specified base model does not exist.");
            Ok(Answer::json(found.ok_or_else(missing)?.1.to_string()))
        }
    }
}

fn model(id: &str, deployment: &Deployment, surface: &Surface) -> Value {
    let capabilities = json!({
        "fine_tune": false,
        "inference": true,
        "completion": can(&deployment.model, Operation::Completions),
        "chat_completion": can(&deployment.model, Operation::ChatCompletions),
        "embeddings": can(&deployment.model, Operation::Embeddings),
    });
    let mut model = json!({
        "id": id,
        "object": "model",
        "created_at": CREATED,
        "status": "succeeded",
        "lifecycle_status": "generally-available",
        "capabilities": capabilities,
    });
    if *surface == Surface::V1
        && let Some(model) = model.as_object_mut()
    {
        model.insert("created".to_owned(), json!(CREATED));
        model.insert("owned_by".to_owned(), json!("system"));
    }
    model
}

/// `GET /openai/deployments`, which the service has had in 2022-12-01 and removed later; here it stays, since tools look for it.
pub(super) fn deployments(account: &Account, route: &Route) -> Result<Answer, WireError> {
    match &route.id {
        None => Ok(list(account.deployments.iter().map(deployment))),
        Some(name) => {
            let found = account.deployment(name).ok_or_else(WireError::no_deployment)?;
            Ok(Answer::json(deployment(found).to_string()))
        }
    }
}

fn deployment(deployment: &Deployment) -> Value {
    json!({
        "id": deployment.name,
        "object": "deployment",
        "model": deployment.full_model(),
        "owner": "organization-owner",
        "status": "succeeded",
        "scale_settings": { "scale_type": "standard" },
        "created_at": CREATED,
        "updated_at": CREATED,
    })
}

fn list(items: impl Iterator<Item = Value>) -> Answer {
    Answer::json(json!({ "object": "list", "data": items.collect::<Vec<_>>() }).to_string())
}
