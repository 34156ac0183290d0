//! Azure AI Content Safety: analysing texts and shielding prompts.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::Answer;
use super::filter::{CATEGORIES, Found};
use crate::simulator::error::WireError;

/// Longest text that is analysed, in characters (documented for both operations).
const LONGEST: usize = 10_000;

fn invalid(message: &str) -> WireError {
    WireError::plain(StatusCode::BAD_REQUEST, "InvalidRequestBody", message)
}

fn parse(body: &Bytes) -> Result<Value, WireError> {
    serde_json::from_slice(body).map_err(|_| invalid("The request body is not valid JSON."))
}

fn short(text: &str) -> Result<&str, WireError> {
    if text.chars().nth(LONGEST).is_some() {
        return Err(invalid("The length of text exceeds the limit of 10000 characters."));
    }
    Ok(text)
}

/// `POST /contentsafety/text:analyze`.
pub(super) fn analyze(body: &Bytes) -> Result<Answer, WireError> {
    let body = parse(body)?;
    let text = body.get("text").and_then(Value::as_str).ok_or_else(|| invalid("The text field is required."))?;
    let found = Found::of(short(text)?);
    if body.get("blocklistNames").and_then(Value::as_array).is_some_and(|names| !names.is_empty()) {
        return Err(WireError::not_simulated("block lists of Content Safety"));
    }
    let wanted = body.get("categories").and_then(Value::as_array);
    let eight = match body.get("outputType").and_then(Value::as_str) {
        None | Some("FourSeverityLevels") => false,
        Some("EightSeverityLevels") => true,
        Some(_) => return Err(invalid("The outputType field is invalid.")),
    };
    let analysis = CATEGORIES
        .iter()
        .zip(found.severity)
        .filter(|((_, name), _)| wanted.is_none_or(|wanted| wanted.iter().any(|wanted| wanted.as_str() == Some(name))));
    // Four levels are 0, 2, 4 and 6.
    let analysis =
        analysis.map(|((_, name), severity)| json!({ "category": name, "severity": if eight { severity } else { severity & !1 } }));
    Ok(Answer::json(json!({ "blocklistsMatch": [], "categoriesAnalysis": analysis.collect::<Vec<_>>() }).to_string()))
}

/// `POST /contentsafety/text:shieldPrompt`.
pub(super) fn shield(body: &Bytes) -> Result<Answer, WireError> {
    let body = parse(body)?;
    let prompt = body.get("userPrompt").and_then(Value::as_str);
    let documents = body.get("documents").and_then(Value::as_array);
    if prompt.is_none() && documents.is_none_or(Vec::is_empty) {
        return Err(invalid("Either userPrompt or documents is required."));
    }
    let attack = |text: &str| -> Result<Value, WireError> { Ok(json!({ "attackDetected": Found::of(short(text)?).attack })) };
    let documents = documents.into_iter().flatten().map(|document| attack(document.as_str().unwrap_or_default()));
    let answer = json!({
        "userPromptAnalysis": attack(prompt.unwrap_or_default())?,
        "documentsAnalysis": documents.collect::<Result<Vec<_>, _>>()?,
    });
    Ok(Answer::json(answer.to_string()))
}
