//! What an API is made of, out of an OpenAPI 3 or Swagger 2 document.

use serde_json::{Value, json};

use crate::emulator::json_text;

/// The parts that the service takes.
#[derive(Debug, Default)]
pub(super) struct Api {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) service_url: Option<String>,
    pub(super) contact: Option<Value>,
    pub(super) license: Option<Value>,
    pub(super) terms: Option<String>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Debug, Default)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) method: String,
    pub(super) template: String,
    pub(super) description: Option<String>,
    pub(super) query: Vec<Value>,
    pub(super) headers: Vec<Value>,
    pub(super) representations: Vec<Value>,
    pub(super) responses: Vec<Value>,
    path: Vec<Value>,
}

impl Operation {
    /// The parameter of the template as the document describes it, or a plain text.
    pub(super) fn template_parameter(&self, name: &str) -> Value {
        self.path
            .iter()
            .find(|parameter| json_text(parameter, "/name") == Some(name))
            .cloned()
            .unwrap_or_else(|| json!({ "name": name, "type": "string", "required": true, "values": [] }))
    }
}

const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub(super) fn read(document: &Value) -> Result<Api, String> {
    let version = json_text(document, "/openapi").or_else(|| json_text(document, "/swagger")).map(str::to_owned);
    // YAML may have read `swagger: 2.0` as a number.
    let version = version.or_else(|| document.get("swagger").and_then(Value::as_f64).map(|number| format!("{number:.1}")));
    let Some(version) = version else {
        return Err("Parsing error(s): the input is not a valid OpenAPI document: 'openapi' or 'swagger' is missing.".to_owned());
    };
    if !version.starts_with("3.") && !version.starts_with("2.") {
        return Err(format!("Parsing error(s): the OpenAPI version '{version}' is not supported."));
    }
    let text = |pointer: &str| json_text(document, pointer).map(str::to_owned);
    let title = text("/info/title").ok_or_else(|| "Parsing error(s): 'info.title' is missing.".to_owned())?;
    let mut api = Api {
        title: Some(title),
        description: text("/info/description"),
        service_url: text("/servers/0/url").filter(|url| url.contains("://")).or_else(|| swagger_url(document)),
        contact: document.pointer("/info/contact").cloned(),
        license: document.pointer("/info/license").cloned(),
        terms: text("/info/termsOfService"),
        operations: Vec::new(),
    };
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let shared: Vec<&Value> = item.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
        for method in METHODS {
            if let Some(found) = item.get(method) {
                api.operations.push(operation(document, path, method, found, &shared));
            }
        }
    }
    for index in 0..api.operations.len() {
        let (before, rest) = api.operations.split_at(index);
        if rest.first().is_some_and(|one| before.iter().any(|other| other.name == one.name)) {
            return Err(format!("Parsing error(s): the operationId '{}' is not unique.", rest.first().map_or("", |one| &one.name)));
        }
    }
    Ok(api)
}

fn swagger_url(document: &Value) -> Option<String> {
    let host = json_text(document, "/host")?;
    let scheme = json_text(document, "/schemes/0").unwrap_or("https");
    Some(format!("{scheme}://{host}{}", json_text(document, "/basePath").unwrap_or_default()))
}

fn operation(document: &Value, path: &str, method: &str, found: &Value, shared: &[&Value]) -> Operation {
    let id = json_text(found, "/operationId").map_or_else(|| made_name(path, method), str::to_lowercase);
    let mut operation = Operation {
        name: id.clone(),
        display_name: json_text(found, "/summary")
            .map_or_else(|| json_text(found, "/operationId").unwrap_or(&id).to_owned(), str::to_owned),
        method: method.to_ascii_uppercase(),
        template: path.to_owned(),
        description: json_text(found, "/description").map(str::to_owned),
        ..Operation::default()
    };
    let own: Vec<&Value> = found.get("parameters").and_then(Value::as_array).into_iter().flatten().collect();
    for raw in shared.iter().chain(&own) {
        let parameter = resolve(document, raw);
        let made = parameter_body(document, parameter);
        match json_text(parameter, "/in") {
            Some("path") => operation.path.push(made),
            Some("query") => operation.query.push(made),
            Some("header") => operation.headers.push(made),
            _ => {}
        }
    }
    let body = found.get("requestBody").map(|body| resolve(document, body));
    operation.representations = content_types(body.and_then(|body| body.get("content")));
    for (status, response) in found.get("responses").and_then(Value::as_object).into_iter().flatten() {
        let response = resolve(document, response);
        // `default` and ranges have no place in the service's model.
        if let Ok(code) = status.parse::<u16>() {
            operation.responses.push(json!({
                "statusCode": code,
                "description": json_text(response, "/description"),
                "representations": content_types(response.get("content")),
                "headers": []
            }));
        }
    }
    operation
}

/// A name for an operation without one: method and path.
fn made_name(path: &str, method: &str) -> String {
    let words: Vec<String> =
        path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    let name = format!("{method}-{}", words.join("-"));
    name.trim_end_matches('-').chars().take(80).collect()
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match json_text(value, "/$ref").and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(value),
        None => value,
    }
}

fn parameter_body(document: &Value, parameter: &Value) -> Value {
    let schema = parameter.get("schema").map_or(parameter, |schema| resolve(document, schema));
    let values: Vec<Value> =
        schema.get("enum").and_then(Value::as_array).into_iter().flatten().map(|value| Value::String(plain(value))).collect();
    let mut body = json!({
        "name": json_text(parameter, "/name").unwrap_or_default(),
        "type": json_text(schema, "/type").unwrap_or("string"),
        "required": parameter.get("required").and_then(Value::as_bool).unwrap_or(false),
        "values": values
    });
    if let Some(description) = json_text(parameter, "/description") {
        crate::emulator::set(&mut body, "/description", json!(description));
    }
    if let Some(default) = schema.get("default") {
        crate::emulator::set(&mut body, "/defaultValue", json!(plain(default)));
    }
    body
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn content_types(content: Option<&Value>) -> Vec<Value> {
    content.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| json!({ "contentType": name })).collect()
}
