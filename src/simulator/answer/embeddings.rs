//! Embeddings: hashed bags of words, so that texts about the same thing lie near each other.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::model::dimensions;
use super::{Answer, Making};
use crate::simulator::error::WireError;
use crate::simulator::journal::Usage;
use crate::tokens::Rules;
use crate::tokens::prompt_with;

/// Most inputs of one request (documented).
const MOST_INPUTS: usize = 2_048;

pub(super) fn make(making: &Making<'_>) -> Result<Answer, WireError> {
    let input = making.body.get("input").ok_or_else(|| WireError::missing_parameter("input"))?;
    let inputs = inputs(input)?;
    let (default, free) = dimensions(&making.deployment.model);
    let size = match making.body.get("dimensions").filter(|value| !value.is_null()) {
        None => default,
        Some(_) if !free => return Err(WireError::invalid("This model does not support specifying dimensions.", None, None)),
        Some(value) => match value.as_u64() {
            Some(size @ 1..) if size <= default as u64 => size as usize,
            _ => {
                let message = format!("Invalid value for 'dimensions' = {value}. Must be between 1 and {default}.");
                return Err(WireError::invalid(&message, Some("dimensions"), None));
            }
        },
    };
    let base64 = match making.body.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let message = format!("Invalid value: '{other}'. Supported values are: 'float' and 'base64'.");
            return Err(WireError::invalid(&message, Some("encoding_format"), Some("invalid_value")));
        }
    };
    let encoding = making.deployment.encoding();
    let tokens = prompt_with(&serde_json::json!({ "input": input }), encoding, &Rules::of_model(encoding));
    let remaining = making.admit(u64::from(tokens))?;
    let mut out = String::with_capacity(inputs.len() * size * if base64 { 6 } else { 12 } + 256);
    out.push_str(r#"{"object":"list","data":["#);
    for (index, text) in inputs.iter().enumerate() {
        let separator = if index == 0 { "" } else { "," };
        let _ = write!(out, r#"{separator}{{"object":"embedding","index":{index},"embedding":"#);
        write_vector(&mut out, &vector(text, size), base64);
        out.push('}');
    }
    let model = Value::from(making.deployment.full_model());
    let _ = write!(out, r#"],"model":{model},"usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#);
    Ok(Answer::json(out).used(Usage { prompt: tokens, ..Usage::default() }, remaining))
}

/// The texts of `input`; lists of tokens become texts of their numbers, which is as good here.
fn inputs(input: &Value) -> Result<Vec<String>, WireError> {
    let invalid = || WireError::invalid("'input' is invalid. Please check the API reference.", Some("input"), None);
    let numbers = |items: &[Value]| items.iter().map(|item| item.as_u64().map(|token| format!("t{token} "))).collect::<Option<String>>();
    let texts = match input {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => vec![numbers(items).ok_or_else(invalid)?],
        Value::Array(items) => {
            let text = |item: &Value| match item {
                Value::String(text) => Some(text.clone()),
                Value::Array(tokens) => numbers(tokens),
                _ => None,
            };
            items.iter().map(text).collect::<Option<Vec<_>>>().ok_or_else(invalid)?
        }
        _ => return Err(invalid()),
    };
    if texts.is_empty() || texts.len() > MOST_INPUTS || texts.iter().any(String::is_empty) {
        return Err(invalid());
    }
    Ok(texts)
}

/// A unit vector: words weigh 1, parts of three letters a little, so that other forms of a word are near it too.
fn vector(text: &str, size: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32; size];
    let mut add = |feature: &[u8], weight: f32| {
        let mut hash =
            feature.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        hash ^= hash >> 29;
        hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let sign = if hash & 1 == 0 { weight } else { -weight };
        if let Some(sum) = sums.get_mut(((hash >> 1) % size as u64) as usize) {
            *sum += sign;
        }
    };
    let lower = text.to_lowercase();
    for word in lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // Words that stand in every text say little.
        let weight = if word.chars().count() <= 3 { 0.3 } else { 1.0 };
        add(word.as_bytes(), weight);
        for part in word.as_bytes().windows(3) {
            add(part, 0.25 * weight);
        }
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
    if length > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= length);
    } else if let Some(first) = sums.first_mut() {
        *first = 1.0;
    }
    sums
}

fn write_vector(out: &mut String, vector: &[f32], base64: bool) {
    if base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        out.push('"');
        STANDARD.encode_string(bytes, out);
        out.push('"');
        return;
    }
    out.push('[');
    for (index, number) in vector.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        // Most are zero in a bag of words.
        let _ = if *number == 0.0 { write!(out, "0.0") } else { write!(out, "{number}") };
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(left: &str, right: &str) -> f32 {
        let (left, right) = (vector(left, 1_536), vector(right, 1_536));
        left.iter().zip(&right).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn texts_about_the_same_are_near() {
        let question = "What is the capital of France?";
        assert!((similarity(question, question) - 1.0).abs() < 1e-5);
        let near = similarity(question, "Tell me: what is the capital city of France");
        let far = similarity(question, "How do I configure a circuit breaker for my backend pool?");
        assert!(near > 0.6 && far < 0.2, "{near} {far}");
        assert!(similarity("", "") > 0.99);
    }
}
