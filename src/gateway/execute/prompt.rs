//! The texts of a prompt, for policies that look at what is said.

use serde_json::Value;

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `system`, `user`, …; empty where the API has no roles.
    pub(super) role: String,
    /// Its text; parts are joined.
    pub(super) text: String,
}

/// Messages of chat completions, `prompt` of completions, `input` of embeddings and responses, in order.
pub(super) fn messages(body: &Value) -> Vec<Message> {
    let mut out = Vec::new();
    let mut add = |role: &str, text: String| {
        if !text.is_empty() {
            out.push(Message { role: role.to_owned(), text });
        }
    };
    for list in ["messages", "input", "prompt"] {
        match body.get(list) {
            Some(Value::String(text)) => add("", text.clone()),
            Some(Value::Array(items)) => {
                for item in items {
                    match item {
                        Value::String(text) => add("", text.clone()),
                        Value::Object(fields) => {
                            let role = fields.get("role").and_then(Value::as_str).unwrap_or_default();
                            add(role, fields.get("content").map(content).unwrap_or_default());
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(Value::String(text)) = body.get("instructions") {
        add("system", text.clone());
    }
    out
}

/// A string, or the texts of parts.
fn content(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// What an answer says: choices of chat and completions, output of responses.
pub(super) fn completion(body: &Value) -> String {
    let mut texts = Vec::new();
    for choice in body.get("choices").and_then(Value::as_array).into_iter().flatten() {
        if let Some(text) = choice.pointer("/message/content").or_else(|| choice.get("text")) {
            texts.push(content(text));
        }
    }
    for item in body.get("output").and_then(Value::as_array).into_iter().flatten() {
        if let Some(parts) = item.get("content") {
            texts.push(content(parts));
        }
    }
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_a_prompt() {
        let texts = |body: Value| messages(&body).into_iter().map(|message| message.text).collect::<Vec<_>>();
        let chat = json!({ "messages": [{ "role": "system", "content": "a" }, { "role": "user", "content": [{ "type": "text", "text": "b" }, { "type": "image_url" }, { "type": "text", "text": "c" }] }] });
        assert_eq!(texts(chat), ["a", "b\nc"]);
        assert_eq!(texts(json!({ "prompt": ["a", "b"] })), ["a", "b"]);
        assert_eq!(texts(json!({ "input": "a", "instructions": "b" })), ["a", "b"]);
        assert_eq!(texts(json!([])), [""; 0]);
        assert_eq!(completion(&json!({ "choices": [{ "message": { "content": "x" } }, { "text": "y" }] })), "x\ny");
    }
}
