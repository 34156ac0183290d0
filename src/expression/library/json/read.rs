//! The reader: JSON as Newtonsoft reads it (comments, single quotes, unquoted names, dates), with its messages.

use std::borrow::Cow;
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Node, add, iso_date, kind, push, scalar, set_member};
use crate::expression::machine::{Fault, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::{Handle, Value};

const MAX_DEPTH: usize = 120;

/// Reads the text where it lies: what needs no unescaping is not copied before it is a value.
struct Reader<'t> {
    text: &'t str,
    /// In bytes, between two characters.
    at: usize,
    depth: usize,
    path: Vec<Step<'t>>,
}

enum Step<'t> {
    Name(Cow<'t, str>),
    Index(usize),
}

/// Reads a whole document.
pub(crate) fn parse(m: &mut Machine<'_>, text: &Text) -> Outcome<Handle> {
    m.allocate(text.len() * 6)?;
    let text = text.to_str();
    let mut reader = Reader { text: &text, at: 0, depth: 0, path: Vec::new() };
    reader.space();
    if reader.peek().is_none() {
        return Err(m.throw("JsonReaderException", "Error reading JToken from JsonReader. Path '', line 0, position 0."));
    }
    let token = reader.value(m)?;
    reader.space();
    if reader.peek().is_some() {
        let place = reader.place();
        let character = reader.peek().unwrap_or(' ');
        let message = format!("Additional text encountered after finished reading JSON content: {character}. {place}");
        return Err(m.throw("JsonReaderException", &message));
    }
    Ok(token)
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        match self.text.as_bytes().get(self.at) {
            Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
            Some(_) => self.rest().chars().next(),
            None => None,
        }
    }

    /// Passes characters as long as they are of a sort, and gives them.
    fn take(&mut self, of_sort: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|character| !of_sort(character)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn space(&mut self) {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(b'/') if self.rest().starts_with("//") => {
                    self.take(|character| character != '\n');
                }
                Some(b'/') if self.rest().starts_with("/*") => {
                    let rest = self.rest();
                    self.at += rest.get(2..).and_then(|rest| rest.find("*/")).map_or(rest.len(), |length| length + 4);
                }
                // The other white space, which is rare.
                Some(byte) if !byte.is_ascii_graphic() => {
                    if self.take(|character| character.is_whitespace() || character == '\u{feff}').is_empty() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    fn place(&self) -> String {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count();
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Name(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        format!("Path '{path}', line {line}, position {column}.")
    }

    fn fail<T>(&self, m: &mut Machine<'_>, message: &str) -> Outcome<T> {
        Err(self.fault(m, message))
    }

    fn fault(&self, m: &mut Machine<'_>, message: &str) -> Fault {
        m.throw("JsonReaderException", &format!("{message} {}", self.place()))
    }

    fn value(&mut self, m: &mut Machine<'_>) -> Outcome<Handle> {
        self.space();
        m.charge(1)?;
        if self.depth > MAX_DEPTH {
            return self.fail(m, "The reader's MaxDepth of 128 has been exceeded.");
        }
        match self.peek() {
            None => self.fail(m, "Unexpected end of content while loading JToken."),
            Some('{') => self.object(m),
            Some('[') => self.array(m),
            Some(quote @ ('"' | '\'')) => {
                let text = self.string(m, quote)?;
                if let Some(date) = text.is_ascii().then(|| iso_date(&text)).flatten() {
                    return Ok(scalar(m, kind::DATE, Value::DateTime(date)));
                }
                Ok(scalar(m, kind::STRING, Value::from(Text::from(&*text))))
            }
            Some(character) if character == '-' || character == '+' || character == '.' || character.is_ascii_digit() => self.number(m),
            Some(character) => {
                for (word, node) in [
                    ("true", (kind::BOOLEAN, Value::Boolean(true))),
                    ("false", (kind::BOOLEAN, Value::Boolean(false))),
                    ("null", (kind::NULL, Value::Null)),
                    ("undefined", (kind::UNDEFINED, Value::Null)),
                    ("NaN", (kind::FLOAT, Value::Double(f64::NAN))),
                    ("Infinity", (kind::FLOAT, Value::Double(f64::INFINITY))),
                ] {
                    if self.rest().starts_with(word) {
                        self.at += word.len();
                        if self.peek().is_some_and(char::is_alphanumeric) {
                            return self.fail(
                                m,
                                &format!("Error parsing {} value.", if word.len() == 4 && word != "null" { "boolean" } else { word }),
                            );
                        }
                        return Ok(scalar(m, node.0, node.1));
                    }
                }
                if matches!(character, 't' | 'f' | 'n') {
                    let what = if character == 'n' { "null" } else { "boolean" };
                    self.at += 1;
                    return self.fail(m, &format!("Error parsing {what} value."));
                }
                self.fail(m, &format!("Unexpected character encountered while parsing value: {character}."))
            }
        }
    }

    fn object(&mut self, m: &mut Machine<'_>) -> Outcome<Handle> {
        self.at += 1;
        self.depth += 1;
        let object = add(m, Node::Object(IndexMap::new()));
        loop {
            self.space();
            match self.peek() {
                None => return self.fail(m, "Unexpected end of content while loading JObject."),
                Some('}') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(object);
                }
                _ => {}
            }
            let name = match self.peek() {
                Some(quote @ ('"' | '\'')) => self.string(m, quote)?,
                Some(character) if character.is_alphanumeric() || character == '_' || character == '$' => {
                    Cow::Borrowed(self.take(|character| character.is_alphanumeric() || character == '_' || character == '$'))
                }
                Some(character) => return self.fail(m, &format!("Invalid property identifier character: {character}.")),
                None => return self.fail(m, "Unexpected end when reading JSON."),
            };
            self.space();
            let member = Arc::new(Text::from(&*name));
            self.path.push(Step::Name(name));
            match self.peek() {
                Some(':') => self.at += 1,
                Some(character) => {
                    return self.fail(m, &format!("Invalid character after parsing property name. Expected ':' but got: {character}."));
                }
                None => return self.fail(m, "Unexpected end when reading JSON."),
            }
            let value = self.value(m)?;
            set_member(m, object, member, value)?;
            self.space();
            match self.peek() {
                Some(',') => {
                    self.at += 1;
                    self.path.pop();
                }
                Some('}') => {
                    self.path.pop();
                }
                Some(character) => {
                    return self.fail(m, &format!("After parsing a value an unexpected character was encountered: {character}."));
                }
                None => return self.fail(m, "Unexpected end of content while loading JObject."),
            }
        }
    }

    fn array(&mut self, m: &mut Machine<'_>) -> Outcome<Handle> {
        self.at += 1;
        self.depth += 1;
        let array = add(m, Node::Array(Vec::new()));
        let mut index = 0;
        loop {
            self.space();
            match self.peek() {
                None => return self.fail(m, "Unexpected end of content while loading JArray."),
                Some(']') => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(array);
                }
                _ => {}
            }
            self.path.push(Step::Index(index));
            let value = self.value(m)?;
            push(m, array, value)?;
            self.space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {}
                Some(character) => {
                    return self.fail(m, &format!("After parsing a value an unexpected character was encountered: {character}."));
                }
                None => return self.fail(m, "Unexpected end of content while loading JArray."),
            }
            self.path.pop();
            index += 1;
        }
    }

    fn string(&mut self, m: &mut Machine<'_>, quote: char) -> Outcome<Cow<'t, str>> {
        self.at += 1;
        let plain = self.take(|character| character != quote && character != '\\');
        if self.peek() == Some(quote) {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut units: Vec<u16> = plain.encode_utf16().collect();
        loop {
            let Some(character) = self.peek() else {
                return self.fail(m, &format!("Unterminated string. Expected delimiter: {quote}."));
            };
            self.at += character.len_utf8();
            match character {
                _ if character == quote => return Ok(Cow::Owned(String::from_utf16_lossy(&units))),
                '\\' => {
                    let Some(escape) = self.peek() else {
                        return self.fail(m, &format!("Unterminated string. Expected delimiter: {quote}."));
                    };
                    self.at += escape.len_utf8();
                    units.push(match escape {
                        'b' => 8,
                        't' => 9,
                        'n' => 10,
                        'f' => 12,
                        'r' => 13,
                        '\\' | '"' | '\'' | '/' => escape as u16,
                        'u' => {
                            let digits = self.rest().get(..4).unwrap_or_default();
                            match u16::from_str_radix(digits, 16).ok() {
                                Some(unit) => {
                                    self.at += 4;
                                    unit
                                }
                                None => return self.fail(m, "Unexpected end while parsing unicode character."),
                            }
                        }
                        other => return self.fail(m, &format!("Bad JSON escape sequence: \\{other}.")),
                    });
                }
                other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn number(&mut self, m: &mut Machine<'_>) -> Outcome<Handle> {
        let text = self.take(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.'));
        if text == "-Infinity" {
            return Ok(scalar(m, kind::FLOAT, Value::Double(f64::NEG_INFINITY)));
        }
        if let Ok(value) = text.parse::<i64>() {
            return Ok(scalar(m, kind::INTEGER, Value::Int64(value)));
        }
        if text.bytes().skip(usize::from(text.starts_with('-'))).all(|byte| byte.is_ascii_digit()) {
            return self.fail(m, "An integer beyond 64 bits is not emulated.");
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && !text.contains(['n', 'N', 'i', 'I']) => Ok(scalar(m, kind::FLOAT, Value::Double(value))),
            _ => self.fail(m, &format!("Input string '{text}' is not a valid number.")),
        }
    }
}
