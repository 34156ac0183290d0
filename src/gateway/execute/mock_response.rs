//! `mock-response`: ends the pipeline with an example of the operation, else a sample of its schema, else nothing (its page).

mod sample;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use self::sample::sample;
use super::{media, set_status};
use crate::gateway::exchange::Exchange;
use crate::gateway::message::{MessageBody, ResponseMessage};
use crate::gateway::program::{Arguments, Compiler, Flow, Run, Statement};
use crate::policy::Element;

#[derive(Debug)]
struct MockResponse {
    status: StatusCode,
    content_type: Option<String>,
    /// Which of several examples, from 0 (on the policy's schema, not on its page).
    index: usize,
}

impl MockResponse {
    fn answer(&self, responses: &Value) -> ResponseMessage {
        let mut answer = ResponseMessage::new(self.status);
        let mut content_type = self.content_type.as_deref();
        if let Some(representation) = self.representation(responses) {
            let example = example(representation, self.index).or_else(|| generated(representation));
            if let Some(body) = example {
                answer.body = MessageBody::Buffered(body);
                content_type = content_type.or_else(|| representation.get("contentType")?.as_str());
            }
        }
        if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
            answer.headers.insert(CONTENT_TYPE, value);
        }
        answer
    }

    /// "First found content type is used" if the policy names none.
    fn representation<'v>(&self, responses: &'v Value) -> Option<&'v Value> {
        let code = i64::from(self.status.as_u16());
        let response = responses.as_array()?.iter().find(|response| response.get("statusCode").and_then(Value::as_i64) == Some(code))?;
        let mut representations = response.get("representations")?.as_array()?.iter();
        match &self.content_type {
            None => representations.next(),
            Some(wanted) => representations.find(|one| {
                one.get("contentType").and_then(Value::as_str).is_some_and(|own| media_type(own).eq_ignore_ascii_case(media_type(wanted)))
            }),
        }
    }
}

fn media_type(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// `examples` of the current ARM contract, `sample` of older ones.
fn example(representation: &Value, index: usize) -> Option<Bytes> {
    let examples = representation.get("examples").and_then(Value::as_object);
    let value = examples.and_then(|examples| examples.values().nth(index)).and_then(|example| example.get("value"));
    value.or_else(|| representation.get("sample")).and_then(text)
}

/// Gives each JSON representation that has no example a sample of its schema, once, when a snapshot is made. `schema` finds the document
/// (`properties.document`) of a schema of the API by its id.
pub fn add_samples<'s>(responses: &mut Value, schema: impl Fn(&str) -> Option<&'s Value>) {
    let representations = responses
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(|response| response.get_mut("representations")?.as_array_mut())
        .flatten()
        .filter(|one| example(one, 0).is_none() && generated(one).is_none());
    for representation in representations {
        let text = |name: &str| representation.get(name).and_then(Value::as_str);
        let is_json = text("contentType").is_some_and(|own| HeaderValue::from_str(own).is_ok_and(|value| media::is_json(Some(&value))));
        let Some(document) = text("schemaId").filter(|_| is_json).and_then(&schema) else { continue };
        // Swagger keeps the types below `definitions`, OpenAPI below `components`; a JSON schema is itself one.
        let named = text("typeName").and_then(|name| {
            let at = |path: &str| document.pointer(path)?.get(name);
            at("/components/schemas").or_else(|| at("/definitions"))
        });
        let made = sample(named.unwrap_or(document), document);
        if let (Some(members), false) = (representation.as_object_mut(), made.is_null()) {
            members.insert("generatedSample".to_owned(), made);
        }
    }
}

/// What [`add_samples`] made of the schema.
fn generated(representation: &Value) -> Option<Bytes> {
    representation.get("generatedSample").and_then(text)
}

fn text(value: &Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(Bytes::from(text.clone())),
        other => serde_json::to_vec_pretty(other).ok().map(Bytes::from),
    }
}

impl Statement for MockResponse {
    fn run<'a>(&'a self, exchange: &'a mut Exchange, _arguments: &mut Arguments) -> Run<'a> {
        let operation = exchange.operation.and_then(|index| exchange.snapshot.operation(index));
        let answer = self.answer(operation.map_or(&Value::Null, |operation| &operation.responses));
        exchange.response = Some(answer);
        exchange
            .note("mock-response", |_| serde_json::json!({ "message": "Mock response was returned.", "statusCode": self.status.as_u16() }));
        Run::Done(Ok(Flow::Return))
    }
}

/// `<mock-response status-code="…" content-type="…" />`; neither takes an expression.
pub(super) fn compile(element: &Element, compiler: &mut Compiler<'_>) {
    let code = compiler.parsed::<i64>(element, "status-code").unwrap_or(200);
    let status = set_status::status(code).unwrap_or_else(|| {
        compiler.problem(element, format!("`{code}` is no status that an answer can have"));
        StatusCode::OK
    });
    let content_type = compiler.literal(element, "content-type").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let index = compiler.parsed(element, "index").unwrap_or(0);
    compiler.run(MockResponse { status, content_type, index });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn schemas_become_samples_where_there_is_no_example() {
        let openapi =
            json!({ "components": { "schemas": { "Pet": { "type": "object", "properties": { "id": { "type": "integer" } } } } } });
        let swagger = json!({ "definitions": { "Dog": { "type": "string", "example": "Rex" } } });
        let mut responses = json!([{ "statusCode": 200, "representations": [
            { "contentType": "application/json", "schemaId": "open", "typeName": "Pet" },
            { "contentType": "application/json", "schemaId": "swag", "typeName": "Dog" },
            { "contentType": "application/json", "schemaId": "open", "typeName": "Pet", "examples": { "default": { "value": 1 } } },
            { "contentType": "application/xml", "schemaId": "open", "typeName": "Pet" },
            { "contentType": "application/json", "schemaId": "nowhere" },
        ] }, { "statusCode": 204 }]);
        add_samples(&mut responses, |id| match id {
            "open" => Some(&openapi),
            "swag" => Some(&swagger),
            _ => None,
        });
        let made: Vec<_> = responses[0]["representations"].as_array().unwrap().iter().map(|one| one["generatedSample"].clone()).collect();
        assert_eq!(made, [json!({ "id": 0 }), json!("Rex"), Value::Null, Value::Null, Value::Null]);
        add_samples(&mut Value::Null, |_| None);
    }
}
