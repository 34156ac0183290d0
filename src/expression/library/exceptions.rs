//! `Exception`.

use std::sync::Arc;

use super::{Members, to_text};
use crate::expression::heap::{ExceptionData, Object};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types::{Type, known};
use crate::expression::value::Value;

pub(super) const MEMBERS: Members = &[
    ("Exception.new()", |m, _| {
        let handle = m.exception(known().exception, Arc::new(Text::from("Exception of type 'System.Exception' was thrown.")), Value::Null);
        Ok(Value::Object(handle))
    }),
    ("Exception.new(string)", |m, a| new(m, a)),
    ("Exception.new(string,Exception)", |m, a| new(m, a)),
    ("Exception.Message", |m, a| data(m, a).map(|data| Value::Text(data.message))),
    ("Exception.InnerException", |m, a| data(m, a).map(|data| data.inner)),
    ("Exception.GetBaseException()", |m, a| {
        let mut at = a.get(0).clone();
        for _ in 0..64 {
            let Value::Object(handle) = &at else { break };
            let Object::Exception(data) = m.heap.get(*handle) else { break };
            if data.inner.is_null() {
                break;
            }
            at = data.inner.clone();
        }
        Ok(at)
    }),
    ("Exception.StackTrace", |m, a| data(m, a).map(|_| Value::Null)),
    ("Exception.Source", |m, a| data(m, a).map(|data| data.notes[0].clone())),
    ("Exception.HelpLink", |m, a| data(m, a).map(|data| data.notes[1].clone())),
    ("Exception.HResult", |m, a| data(m, a).map(|data| Value::Int32(result_code(data.ty)))),
    ("Exception.TargetSite", |m, a| data(m, a).map(|_| Value::Null)),
    ("Exception.Source=", |m, a| note(m, a, 0)),
    ("Exception.HelpLink=", |m, a| note(m, a, 1)),
    ("Exception.ToString()", |m, a| {
        data(m, a)?;
        let text = to_text(m, a.get(0))?;
        m.text(text)
    }),
];

fn note(m: &mut Machine<'_>, a: Args<'_>, index: usize) -> Outcome {
    data(m, a)?;
    if let Value::Object(handle) = a.get(0)
        && let Some(Object::Exception(data)) = m.heap.get_mut(*handle)
    {
        data.notes[index] = a.get(1).clone();
    }
    Ok(Value::Null)
}

/// `HResult` of the runtime's own exceptions.
fn result_code(ty: Type) -> i32 {
    let name = ty.definition().map_or("", |definition| definition.name);
    let code: u32 = match name {
        "ArgumentNullException" | "NullReferenceException" => 0x8000_4003,
        "ArgumentException" => 0x8007_0057,
        "ArgumentOutOfRangeException" => 0x8013_1502,
        "FormatException" | "UriFormatException" => 0x8013_1537,
        "InvalidCastException" => 0x8000_4002,
        "InvalidOperationException" => 0x8013_1509,
        "OverflowException" => 0x8013_1516,
        "DivideByZeroException" => 0x8002_0012,
        "IndexOutOfRangeException" => 0x8013_1508,
        "NotSupportedException" => 0x8013_1515,
        "KeyNotFoundException" => 0x8013_1577,
        _ => 0x8013_1500,
    };
    code.cast_signed()
}

fn new(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let message = a.text(0).unwrap_or_else(|| Arc::new(Text::from("Exception of type 'System.Exception' was thrown.")));
    let handle = m.exception(known().exception, message, a.get(1).clone());
    Ok(Value::Object(handle))
}

fn data(m: &mut Machine<'_>, a: Args<'_>) -> Outcome<ExceptionData> {
    match m.object_of(a.get(0))? {
        Object::Exception(data) => Ok((**data).clone()),
        _ => Err(m.null_reference()),
    }
}

/// `ToString()`: type and message; our stack trace would be nobody's.
pub(super) fn to_string(m: &mut Machine<'_>, value: &Value) -> Outcome<Text> {
    let mut text = String::new();
    let mut at = value.clone();
    let mut closing = 0;
    for depth in 0..32 {
        let Value::Object(handle) = &at else { break };
        let Object::Exception(data) = m.heap.get(*handle) else { break };
        if depth > 0 {
            text.push_str(" ---> ");
            closing += 1;
        }
        text.push_str(&data.ty.full_name());
        if !data.message.is_empty() {
            text.push_str(&format!(": {}", data.message.to_str()));
        }
        at = data.inner.clone();
    }
    for _ in 0..closing {
        text.push_str("\n   --- End of inner exception stack trace ---");
    }
    Ok(Text::from(text))
}
