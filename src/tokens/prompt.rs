//! What a request costs before it is answered.

use serde_json::Value;

use super::image::{self, GATEWAY_IMAGE_LIMIT};
use super::{Encoding, count, encoding_of_model};

/// Tokens around a request's texts. The service does not publish them; these are those of OpenAI's cookbook ("How to count tokens
/// with tiktoken", which compares them with the `usage` of real answers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// For each message.
    pub message: u32,
    /// For a message's `name`.
    pub name: u32,
    /// For the answer's beginning, once.
    pub reply: u32,
    /// For each function.
    pub function: u32,
    /// Behind all functions, once.
    pub functions_end: u32,
    /// For a function that has parameters.
    pub properties: u32,
    /// For each parameter.
    pub property: u32,
    /// For each value of an `enum`, of which the first is free.
    pub value: u32,
    /// For each call of a tool in a message (assumed).
    pub call: u32,
    /// For an image whose size is not known.
    pub unknown_image: u32,
    /// The most that is counted for an image.
    pub image_limit: u32,
}

impl Rules {
    /// The cookbook's, with images as the gateway estimates them.
    #[must_use]
    pub const fn of(encoding: Encoding) -> Self {
        Self {
            message: 3,
            name: 1,
            reply: 3,
            function: match encoding {
                Encoding::O200kBase => 7,
                Encoding::Cl100kBase => 10,
            },
            functions_end: 12,
            properties: 3,
            property: 3,
            value: 3,
            call: 3,
            unknown_image: GATEWAY_IMAGE_LIMIT,
            image_limit: GATEWAY_IMAGE_LIMIT,
        }
    }

    /// The cookbook's, with images as a model counts them. One whose size is not known counts as 1024 × 1024 pixels (assumed).
    #[must_use]
    pub const fn of_model(encoding: Encoding) -> Self {
        Self { unknown_image: 765, image_limit: u32::MAX, ..Self::of(encoding) }
    }
}

/// Estimates the prompt tokens of any request that the gateway's token policies know: chat and text completions, embeddings,
/// responses. `encoding` is that of the deployment's model; without it the body's `model` decides.
#[must_use]
pub fn estimate_prompt(body: &Value, encoding: Option<Encoding>) -> u32 {
    let encoding = encoding.unwrap_or_else(|| encoding_of_model(body.get("model").and_then(Value::as_str).unwrap_or_default()));
    prompt_with(body, encoding, &Rules::of(encoding))
}

/// As [`estimate_prompt`], by other rules.
#[must_use]
pub fn prompt_with(body: &Value, encoding: Encoding, rules: &Rules) -> u32 {
    let counter = Counter { encoding, rules };
    if let Some(messages) = body.get("messages").and_then(Value::as_array) {
        return counter.chat(messages).saturating_add(counter.tools(body));
    }
    if let Some(prompt) = body.get("prompt") {
        return counter.plain(prompt);
    }
    let Some(input) = body.get("input") else { return 0 };
    let is_response = body.get("instructions").is_some() || input.as_array().is_some_and(|items| items.iter().any(Value::is_object));
    if !is_response {
        return counter.plain(input);
    }
    counter.response(input, body.get("instructions")).saturating_add(counter.tools(body))
}

/// The prompt tokens of a request to the responses API; a plain text counts as one message of the user.
#[must_use]
pub(crate) fn response_prompt(body: &Value, encoding: Encoding, rules: &Rules) -> u32 {
    let counter = Counter { encoding, rules };
    let input = body.get("input").unwrap_or(&Value::Null);
    counter.response(input, body.get("instructions")).saturating_add(counter.tools(body))
}

/// The prompt tokens of chat messages alone.
#[must_use]
pub fn chat_prompt(messages: &[Value], encoding: Encoding) -> u32 {
    Counter { encoding, rules: &Rules::of(encoding) }.chat(messages)
}

struct Counter<'a> {
    encoding: Encoding,
    rules: &'a Rules,
}

impl Counter<'_> {
    fn text(&self, text: &str) -> u32 {
        count(text, self.encoding)
    }

    fn field(&self, object: &Value, name: &str) -> u32 {
        object.get(name).and_then(Value::as_str).map_or(0, |text| self.text(text))
    }

    fn chat(&self, messages: &[Value]) -> u32 {
        sum(messages.iter().map(|message| self.message(message))).saturating_add(self.rules.reply)
    }

    fn message(&self, message: &Value) -> u32 {
        let name = if message.get("name").is_some_and(Value::is_string) { self.rules.name } else { 0 };
        let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten().filter_map(|call| call.get("function"));
        let calls = sum(calls.chain(message.get("function_call")).map(|call| self.call(call)));
        let content = message.get("content").map_or(0, |content| self.content(content));
        sum([self.rules.message, self.field(message, "role"), self.field(message, "name"), name, content, calls])
    }

    fn call(&self, call: &Value) -> u32 {
        sum([self.rules.call, self.field(call, "name"), self.field(call, "arguments")])
    }

    /// A text, or parts of text and images. Sounds and files are not counted.
    fn content(&self, content: &Value) -> u32 {
        match content {
            Value::String(text) => self.text(text),
            Value::Array(parts) => sum(parts.iter().map(|part| self.part(part))),
            _ => 0,
        }
    }

    fn part(&self, part: &Value) -> u32 {
        match part.get("image_url") {
            Some(image) => {
                let detail = part.get("detail").and_then(Value::as_str);
                image::of_part(image, detail).unwrap_or(self.rules.unknown_image).min(self.rules.image_limit)
            }
            None => self.field(part, "text").saturating_add(self.field(part, "refusal")),
        }
    }

    /// `prompt` and `input`: a text, texts, tokens, or lists of tokens.
    fn plain(&self, input: &Value) -> u32 {
        match input {
            Value::String(text) => self.text(text),
            Value::Number(_) => 1,
            Value::Array(items) => sum(items.iter().map(|item| match item {
                Value::String(text) => self.text(text),
                Value::Number(_) => 1,
                Value::Array(tokens) => u32::try_from(tokens.len()).unwrap_or(u32::MAX),
                _ => 0,
            })),
            _ => 0,
        }
    }

    fn response(&self, input: &Value, instructions: Option<&Value>) -> u32 {
        let message = |role: &str, text: &str| sum([self.rules.message, self.text(role), self.text(text)]);
        let instructions = instructions.and_then(Value::as_str).map_or(0, |text| message("system", text));
        let input = match input {
            Value::String(text) => message("user", text),
            Value::Array(items) => sum(items.iter().map(|item| match item.get("type").and_then(Value::as_str) {
                Some("function_call") => self.call(item),
                Some("function_call_output") => self.rules.message.saturating_add(self.field(item, "output")),
                _ => self.message(item),
            })),
            _ => 0,
        };
        sum([instructions, input, self.rules.reply])
    }

    fn tools(&self, body: &Value) -> u32 {
        let tools = body.get("tools").and_then(Value::as_array).into_iter().flatten();
        // The responses API writes a function without the object around it.
        let functions = tools.filter_map(|tool| tool.get("function").or_else(|| tool.get("name").map(|_| tool)));
        let functions: Vec<_> = functions.chain(body.get("functions").and_then(Value::as_array).into_iter().flatten()).collect();
        if functions.is_empty() {
            return 0;
        }
        sum(functions.into_iter().map(|function| self.function(function))).saturating_add(self.rules.functions_end)
    }

    fn function(&self, function: &Value) -> u32 {
        let text = |object: &Value, name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let sentence =
            |object: &Value| text(object, "description").strip_suffix('.').map_or_else(|| text(object, "description"), str::to_owned);
        let mut total = self.rules.function.saturating_add(self.text(&format!("{}:{}", text(function, "name"), sentence(function))));
        let properties = function.pointer("/parameters/properties").and_then(Value::as_object);
        let Some(properties) = properties.filter(|properties| !properties.is_empty()) else { return total };
        total = total.saturating_add(self.rules.properties);
        for (name, property) in properties {
            let line = format!("{name}:{}:{}", text(property, "type"), sentence(property));
            total = sum([total, self.rules.property, self.text(&line)]);
            let values = property.get("enum").and_then(Value::as_array).into_iter().flatten();
            for (index, value) in values.enumerate() {
                let rule = if index == 0 { 0 } else { self.rules.value };
                total = sum([total, rule, value.as_str().map_or(0, |value| self.text(value))]);
            }
        }
        total
    }
}

fn sum(numbers: impl IntoIterator<Item = u32>) -> u32 {
    numbers.into_iter().fold(0, u32::saturating_add)
}
