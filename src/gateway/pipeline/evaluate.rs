//! Runs one expression to its end: it stops for bodies, and often enough that no other request waits for it.

use std::mem;

use super::super::exchange::Exchange;
use super::super::failure::Failure;
use super::super::program::{ArgumentValue, Evaluate, Wanted};
use crate::expression::{Evaluated, Evaluation, Exception, Host, HostKind, Need, Outcome};

/// Steps after which other requests of the worker have their turn: well under 5 ms of work.
const SLICE: u64 = 50_000;

/// The value of `code`, as it is wanted.
pub(in crate::gateway) async fn evaluate(exchange: &mut Exchange, code: &Evaluate) -> Result<ArgumentValue, Failure> {
    let effects = code.expression.effects();
    // In a lambda an evaluation cannot stop, so the body has to be there before.
    if effects.request_body == Need::Always {
        exchange.buffer(Host { kind: HostKind::Body, id: 0 }).await?;
    }
    if effects.response_body == Need::Always {
        exchange.buffer(Host { kind: HostKind::Body, id: 1 }).await?;
    }
    let mut evaluation = Evaluation::new(&code.expression);
    let mut spent = 0;
    loop {
        let mut heap = mem::take(&mut exchange.heap);
        let outcome = evaluation.run(&mut heap, exchange, SLICE);
        exchange.heap = heap;
        match outcome {
            Outcome::Done(value) => {
                let value = converted(exchange, value, code.wanted).map_err(|exception| Failure::expression(&exception))?;
                exchange.note(&code.place, |_| shown(code, &value));
                return Ok(value);
            }
            Outcome::NeedBody(body) => exchange.buffer(body).await?,
            Outcome::OutOfFuel => {
                spent += SLICE;
                if spent >= exchange.worker.limits.expression_steps {
                    return Err(Failure::internal("ExpressionValueEvaluationFailure", "The expression ran for too long."));
                }
                tokio::task::yield_now().await;
            }
            Outcome::Threw(exception) => {
                // The shape of this trace entry was seen on Azure.
                exchange.note(&code.place, |_| {
                    serde_json::json!({
                        "message": "Expression evaluation failed.", "expression": &*code.source, "details": if code.secret { "********" } else { exception.message.as_str() }
                    })
                });
                return Err(Failure::expression(&exception));
            }
        }
    }
}

fn shown(code: &Evaluate, value: &ArgumentValue) -> serde_json::Value {
    let value = match value {
        _ if code.secret => serde_json::Value::from("********"),
        ArgumentValue::Null => serde_json::Value::Null,
        ArgumentValue::Text(text) => serde_json::Value::from(text.as_str()),
        ArgumentValue::Boolean(value) => serde_json::Value::from(*value),
        ArgumentValue::Integer(value) => serde_json::Value::from(*value),
        ArgumentValue::Number(value) => serde_json::Value::from(*value),
        ArgumentValue::Object(_) => serde_json::Value::from("(object)"),
    };
    serde_json::json!({ "message": "Expression was successfully evaluated.", "expression": &*code.source, "value": value })
}

fn converted(exchange: &mut Exchange, value: Evaluated, wanted: Wanted) -> Result<ArgumentValue, Exception> {
    if value.is_null() {
        return Ok(ArgumentValue::Null);
    }
    let wrong = |value: &Evaluated, exchange: &Exchange, wanted: &str| Exception {
        type_name: "System.InvalidCastException".to_owned(),
        message: format!(
            "Expression return type '{}' is not allowed, `{wanted}` is needed.",
            value.type_name(&exchange.heap).unwrap_or_default()
        ),
    };
    Ok(match wanted {
        Wanted::Object => ArgumentValue::Object(value),
        Wanted::Text => {
            let mut heap = mem::take(&mut exchange.heap);
            let text = value.text(&mut heap, exchange);
            exchange.heap = heap;
            ArgumentValue::Text(text?)
        }
        Wanted::Boolean => ArgumentValue::Boolean(value.boolean().ok_or_else(|| wrong(&value, exchange, "bool"))?),
        Wanted::Integer => ArgumentValue::Integer(value.integer().ok_or_else(|| wrong(&value, exchange, "int"))?),
        Wanted::Number => ArgumentValue::Number(value.number().ok_or_else(|| wrong(&value, exchange, "double"))?),
    })
}
