//! `apimctl policy eval --jsonl`: expressions and their context as JSON lines in, their values as JSON lines out, in order.

use std::io::BufRead as _;

use anyhow::Result;
use serde_json::{Value, json};

use super::Session;
use crate::cli::output::Outcome;
use crate::expression::{self, Evaluation, Expression, Heap};
use crate::policy;

mod context;

/// Steps of one run; an evaluation goes on until its own budget ends.
const SLICE: u64 = 1_000_000;

/// Runs it.
///
/// # Errors
/// Standard input cannot be read.
pub(super) fn run(session: &mut Session<'_>) -> Result<Outcome> {
    for (index, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        if !line.trim().is_empty() {
            session.printer.json_line(&answer(index, &line));
        }
    }
    Ok(Outcome::Done)
}

/// The answer to one line.
fn answer(index: usize, line: &str) -> Value {
    let input: Value = match serde_json::from_str(line) {
        Ok(input) => input,
        Err(problem) => return json!({ "id": index, "ok": false, "stage": "wrap", "message": format!("not a JSON object: {problem}") }),
    };
    let id = input.get("id").cloned().unwrap_or_else(|| json!(index));
    let mut answer = serde_json::Map::new();
    answer.insert("id".to_owned(), id);
    if let Value::Object(rest) = evaluate(&input) {
        answer.extend(rest);
    }
    Value::Object(answer)
}

fn evaluate(input: &Value) -> Value {
    let Some(text) = input.get("expr").and_then(Value::as_str) else {
        return json!({ "ok": false, "stage": "wrap", "message": "`expr` is missing" });
    };
    let mut text = text.to_owned();
    if input.get("xml").and_then(Value::as_bool) == Some(true) {
        text = policy::decode_references(&text);
    }
    if let Some(values) = input.get("namedValues").and_then(Value::as_object) {
        for (name, value) in values {
            text = text.replace(&format!("{{{{{name}}}}}"), value.as_str().unwrap_or_default());
        }
    }
    let trimmed = text.trim();
    let whole = trimmed.starts_with("@(") && trimmed.ends_with(')') || trimmed.starts_with("@{") && trimmed.ends_with('}');
    if !whole {
        return json!({ "ok": false, "stage": "wrap", "message": "not a whole @(...) or @{...}" });
    }
    let wanted = input.get("returns").and_then(Value::as_str);
    let compiled = match Expression::compile(&text, wanted) {
        Ok(compiled) => compiled,
        Err(problem) => {
            let before = text.get(..problem.at).unwrap_or_default();
            let row = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let error = json!({ "line": row, "col": column, "code": problem.code.id, "message": problem.message });
            return json!({ "ok": false, "stage": "compile", "errors": [error] });
        }
    };
    let mut heap = Heap::new();
    let mut context = match context::JsonContext::new(input, &mut heap) {
        Ok(context) => context,
        Err(message) => return json!({ "ok": false, "stage": "wrap", "message": message }),
    };
    let threw = |exception: expression::Exception| {
        if exception.type_name.is_empty() {
            return json!({ "ok": false, "stage": "runtime", "message": exception.message });
        }
        json!({ "ok": false, "stage": "runtime", "exception": exception.type_name, "message": exception.message })
    };
    let mut evaluation = Evaluation::new(&compiled);
    let value = loop {
        match evaluation.run(&mut heap, &mut context, SLICE) {
            expression::Outcome::Done(value) => break value,
            expression::Outcome::Threw(exception) => return threw(exception),
            // The bodies of the lines are there from the start.
            expression::Outcome::NeedBody(_) => return json!({ "ok": false, "stage": "runtime", "message": "the body is not there" }),
            expression::Outcome::OutOfFuel => {}
        }
    };
    if value.is_null() {
        return json!({ "ok": true, "type": null, "string": null, "value": null });
    }
    let shown = value.text(&mut heap, &mut context).and_then(|text| Ok((text, value.json(&mut heap, &mut context)?)));
    match shown {
        Ok((text, shown)) => json!({ "ok": true, "type": value.type_name(&heap), "string": text, "value": shown }),
        Err(exception) => threw(exception),
    }
}
