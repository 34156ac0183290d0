//! `StringReader` and `StringWriter`, also as the `TextReader` and `TextWriter` that they are.

use std::sync::Arc;

use super::basics::{composite, instance_text};
use super::{Args, Machine, Members, Outcome, collections, encoding, strings, to_text};
use crate::expression::heap::Object;
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::{Handle, Value};

macro_rules! reader {
    ($name:literal) => {
        &[
            (concat!($name, ".Peek()"), |m, a| {
                let (text, at) = state(m, a.get(0))?;
                Ok(Value::Int32(if at < text.len() { i32::from(text.at(at)) } else { -1 }))
            }),
            (concat!($name, ".Read()"), |m, a| {
                let (text, at) = state(m, a.get(0))?;
                if at >= text.len() {
                    return Ok(Value::Int32(-1));
                }
                move_to(m, a.get(0), at + 1);
                Ok(Value::Int32(i32::from(text.at(at))))
            }),
            (concat!($name, ".Read(char[],int,int)"), |m, a| block(m, a)),
            (concat!($name, ".ReadBlock(char[],int,int)"), |m, a| block(m, a)),
            (concat!($name, ".ReadLine()"), |m, a| line(m, a)),
            (concat!($name, ".ReadToEnd()"), |m, a| {
                let text = rest(m, a.get(0))?;
                m.text(text)
            }),
            (concat!($name, ".Close()"), |m, a| close(m, a)),
            (concat!($name, ".Dispose()"), |m, a| close(m, a)),
        ]
    };
}

pub(super) const STRING_READER: Members = reader!("StringReader");
pub(super) const TEXT_READER: Members = reader!("TextReader");

pub(super) const MEMBERS: Members = &[
    ("StringReader.new(string)", |m, a| {
        let text = m.string(a, 0, "s")?;
        Ok(m.object(Object::Opaque(types::named("StringReader"), vec![Value::Text(text), Value::Int32(0)])))
    }),
    ("StringWriter.new()", |m, _| new_writer(m, None)),
    ("StringWriter.new(IFormatProvider)", |m, _| new_writer(m, None)),
    ("StringWriter.new(StringBuilder)", |m, a| new_writer(m, Some(a.get(0).clone()))),
    ("StringWriter.new(StringBuilder,IFormatProvider)", |m, a| new_writer(m, Some(a.get(0).clone()))),
    ("StringWriter.ToString()", |m, a| instance_text(m, a)),
    ("StringWriter.GetStringBuilder()", |m, a| builder(m, a.get(0)).map(Value::Object)),
    ("StringWriter.Encoding", |m, a| {
        builder(m, a.get(0))?;
        encoding::unicode(m)
    }),
    ("TextWriter.Encoding", |m, a| {
        builder(m, a.get(0))?;
        encoding::unicode(m)
    }),
    ("TextWriter.NewLine", |m, a| builder(m, a.get(0)).map(|_| Value::from("\n"))),
    ("TextWriter.FormatProvider", |m, a| builder(m, a.get(0)).map(|_| Value::Null)),
    ("StringWriter.Close()", |m, a| builder(m, a.get(0)).map(|_| Value::Null)),
    ("TextWriter.Close()", |m, a| builder(m, a.get(0)).map(|_| Value::Null)),
    ("TextWriter.Dispose()", |m, a| builder(m, a.get(0)).map(|_| Value::Null)),
    ("TextWriter.Flush()", |m, a| builder(m, a.get(0)).map(|_| Value::Null)),
    ("StringWriter.Write(char[],int,int)", |m, a| written(m, a, false)),
    ("StringWriter.Write", |m, a| written(m, a, false)),
    ("TextWriter.Write(char[],int,int)", |m, a| written(m, a, false)),
    ("TextWriter.WriteLine(char[],int,int)", |m, a| written(m, a, true)),
    ("TextWriter.Write(string,object)", |m, a| formatted(m, a, false)),
    ("TextWriter.Write(string,object,object)", |m, a| formatted(m, a, false)),
    ("TextWriter.Write(string,object,object,object)", |m, a| formatted(m, a, false)),
    ("TextWriter.Write(string,object[])", |m, a| formatted(m, a, false)),
    ("TextWriter.WriteLine(string,object)", |m, a| formatted(m, a, true)),
    ("TextWriter.WriteLine(string,object,object)", |m, a| formatted(m, a, true)),
    ("TextWriter.WriteLine(string,object,object,object)", |m, a| formatted(m, a, true)),
    ("TextWriter.WriteLine(string,object[])", |m, a| formatted(m, a, true)),
    ("TextWriter.Write", |m, a| written(m, a, false)),
    ("TextWriter.WriteLine", |m, a| written(m, a, true)),
];

/// Text and place of a reader that is not closed.
fn state(m: &mut Machine<'_>, value: &Value) -> Outcome<(Arc<Text>, usize)> {
    let found = match m.object_of(value)? {
        Object::Opaque(_, fields) => match fields.as_slice() {
            [Value::Text(text), at] => Some((Arc::clone(text), usize::try_from(at.integer()).unwrap_or(0))),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| m.throw("ObjectDisposedException", "Cannot read from a closed TextReader."))
}

fn move_to(m: &mut Machine<'_>, value: &Value, at: usize) {
    if let Value::Object(handle) = value
        && let Some(Object::Opaque(_, fields)) = m.heap.get_mut(*handle)
        && let Some(place) = fields.get_mut(1)
    {
        *place = Value::size(at);
    }
}

fn close(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if let Value::Object(handle) = a.get(0)
        && let Some(Object::Opaque(_, fields)) = m.heap.get_mut(*handle)
        && let Some(place) = fields.first_mut()
    {
        *place = Value::Null;
    }
    Ok(Value::Null)
}

/// All that a reader has not given yet.
pub(super) fn rest(m: &mut Machine<'_>, reader: &Value) -> Outcome<Text> {
    let (text, at) = state(m, reader)?;
    move_to(m, reader, text.len());
    Ok(text.slice(at, text.len()))
}

fn line(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let (text, at) = state(m, a.get(0))?;
    if at >= text.len() {
        return Ok(Value::Null);
    }
    let end = (at..text.len()).find(|index| matches!(text.at(*index), 10 | 13)).unwrap_or(text.len());
    let next = if text.at(end) == 13 && text.at(end + 1) == 10 { end + 2 } else { end + 1 };
    move_to(m, a.get(0), next.min(text.len()));
    m.text(text.slice(at, end - at))
}

fn block(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let (text, at) = state(m, a.get(0))?;
    if a.get(1).is_null() {
        return Err(m.argument_null("buffer"));
    }
    let length = strings::char_units(m, a.get(1)).len();
    let (start, count) = collections::part(m, length, a.int(2), a.int(3))?;
    let taken = count.min(text.len() - at.min(text.len()));
    if let Value::Object(handle) = a.get(1)
        && let Some(Object::Array(_, items)) = m.heap.get_mut(*handle)
    {
        for (place, index) in items[start..start + taken].iter_mut().zip(at..) {
            *place = Value::Char(text.at(index));
        }
    }
    move_to(m, a.get(0), at + taken);
    Ok(Value::size(taken))
}

fn new_writer(m: &mut Machine<'_>, builder: Option<Value>) -> Outcome {
    let builder = match builder {
        Some(Value::Null) => return Err(m.argument_null("sb")),
        Some(builder) => builder,
        None => m.object(Object::Builder(Vec::new(), i32::MAX)),
    };
    Ok(m.object(Object::Opaque(types::named("StringWriter"), vec![builder])))
}

/// The builder behind a writer.
fn builder(m: &mut Machine<'_>, writer: &Value) -> Outcome<Handle> {
    let found = match m.object_of(writer)? {
        Object::Opaque(ty, fields) if ty.is("StringWriter") => match fields.first() {
            Some(Value::Object(builder)) => Some(*builder),
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| m.null_reference())
}

/// Writes text.
pub(super) fn append(m: &mut Machine<'_>, writer: &Value, text: &Text) -> Outcome<()> {
    let builder = builder(m, writer)?;
    m.allocate(text.len() * 2)?;
    let writer = Value::Object(builder);
    strings::builder::edit(m, Args { values: &[writer], types: &[] }, |units| text.append_to(units))?;
    Ok(())
}

fn written(m: &mut Machine<'_>, a: Args<'_>, line: bool) -> Outcome {
    builder(m, a.get(0))?;
    let text = match (a.get(1), a.len()) {
        (_, 1) => Text::from(""),
        (value @ Value::Object(handle), count) if matches!(m.heap.get(*handle), Object::Array(ty, _) if ty.element().is_some_and(|element| element.is("Char"))) =>
        {
            let units = strings::char_units(m, value);
            let (start, count) = if count > 2 { strings::range(m, units.len(), a.int(2), a.int(3))? } else { (0, units.len()) };
            Text::from(&units[start..start + count])
        }
        (value, _) => to_text(m, value)?,
    };
    append(m, a.get(0), &text)?;
    if line {
        append(m, a.get(0), &Text::from("\n"))?;
    }
    Ok(Value::Null)
}

fn formatted(m: &mut Machine<'_>, a: Args<'_>, line: bool) -> Outcome {
    let format = m.string(a, 1, "format")?;
    let arguments = strings::spread(m, a.values.get(2..).unwrap_or_default())?;
    let text = composite(m, &format, &arguments)?;
    append(m, a.get(0), &text)?;
    if line {
        append(m, a.get(0), &Text::from("\n"))?;
    }
    Ok(Value::Null)
}
