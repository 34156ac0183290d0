//! Reads XML text as `XElement.Parse` and `XDocument.Parse` do: white space between tags is dropped unless it is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};

use super::{Name, Node, XML, XMLNS, add, content, names};
use crate::expression::heap::Object;
use crate::expression::machine::{Fault, Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::types;
use crate::expression::value::{Handle, Value};

/// What may be read at once, in bytes.
const MAX_SIZE: usize = 8 * 1024 * 1024;

/// A problem: byte and sentence.
type Problem = (usize, String);

enum Failure {
    Problem(Problem),
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

struct Open {
    element: Handle,
    name: String,
    at: usize,
    /// Prefixes declared up to and with this element: how many were known before.
    known: usize,
    preserve: bool,
}

struct Builder<'t> {
    text: &'t str,
    document: Handle,
    open: Vec<Open>,
    prefixes: Vec<(String, Arc<str>)>,
    entities: HashMap<String, String>,
    pending: String,
    /// Whether the pending text holds something that is kept though it is white.
    solid: bool,
    rooted: bool,
    preserve: bool,
}

/// Reads a document.
pub(crate) fn document(m: &mut Machine<'_>, text: &str, preserve: bool) -> Outcome<Handle> {
    if text.len() > MAX_SIZE {
        return Err(Fault::Stopped("the XML is larger than may be read"));
    }
    m.charge(text.len() / 8)?;
    let document = add(m, Node::Document(Value::Null, Vec::new()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder {
        text,
        document,
        open: Vec::new(),
        prefixes: vec![("xml".to_owned(), Arc::from(XML)), ("xmlns".to_owned(), Arc::from(XMLNS))],
        entities: HashMap::new(),
        pending: String::new(),
        solid: false,
        rooted: false,
        preserve,
    };
    match builder.build(m) {
        Ok(()) => Ok(document),
        Err(Failure::Fault(fault)) => Err(fault),
        Err(Failure::Problem((at, message))) => {
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |line| line.encode_utf16().count()) + 1;
            let place = if message == "Root element is missing." { String::new() } else { format!(" Line {line}, position {column}.") };
            Err(m.throw("XmlException", &format!("{message}{place}")))
        }
    }
}

/// Reads an element: what stands around it is dropped.
pub(crate) fn element(m: &mut Machine<'_>, text: &str, preserve: bool) -> Outcome<Handle> {
    let document = document(m, text, preserve)?;
    let root = super::children(m, document).into_iter().find(|child| super::is_element(m, *child));
    match root {
        Some(root) => {
            content::detach(m, root);
            Ok(root)
        }
        None => Err(m.throw("XmlException", "Root element is missing.")),
    }
}

fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

impl Builder<'_> {
    fn build(&mut self, m: &mut Machine<'_>) -> Result<(), Failure> {
        let mut reader = Reader::from_str(self.text);
        loop {
            let start = place(reader.buffer_position());
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let at = place(reader.error_position());
                    return Err(self.broken(&error, at).into());
                }
            };
            if !matches!(event, Event::Text(_) | Event::GeneralRef(_)) {
                self.flush(m, start)?;
            }
            match event {
                Event::Start(tag) => self.start(m, &tag, start)?,
                Event::Empty(tag) => {
                    self.start(m, &tag, start)?;
                    self.end();
                }
                Event::End(_) => {
                    // `<a></a>` has empty content, `<a/>` has none.
                    if let Some(open) = self.open.last()
                        && super::children(m, open.element).is_empty()
                        && let Some(xml) = super::get_mut(m, open.element)
                        && let Node::Element { hollow, .. } = &mut xml.node
                    {
                        *hollow = true;
                    }
                    self.end();
                }
                Event::Text(text) => {
                    if let Some(inner) = text.find("]]>")
                        && !self.open.is_empty()
                    {
                        return Err((start + inner, "']]>' is not allowed in character data.".to_owned()).into());
                    }
                    self.pending.push_str(&line_ends(&text));
                }
                Event::GeneralRef(reference) => self.reference(&reference, start)?,
                Event::CData(data) => {
                    if self.open.is_empty() {
                        return Err((start, "Data at the root level is invalid.".to_owned()).into());
                    }
                    let text = Arc::new(Text::from(line_ends(&data)));
                    self.put(m, Node::CData(text))?;
                }
                Event::Comment(comment) => {
                    let text = Arc::new(Text::from(line_ends(&comment)));
                    self.put(m, Node::Comment(text))?;
                }
                Event::PI(instruction) => {
                    let (target, data) = (instruction.target().to_owned(), instruction.content().trim_start().to_owned());
                    self.put(m, Node::Instruction(Arc::new(Text::from(target)), Arc::new(Text::from(data))))?;
                }
                Event::Decl(declaration) => {
                    let plain = |text: Option<String>| text.map_or(Value::Null, Value::from);
                    let version = declaration.version().ok().map(|text| text.into_owned());
                    let encoding = declaration.encoding().and_then(Result::ok).map(|text| text.into_owned());
                    let standalone = declaration.standalone().and_then(Result::ok).map(|text| text.into_owned());
                    let fields = vec![plain(version), plain(encoding), plain(standalone)];
                    let made = m.object(Object::Opaque(types::named("XDeclaration"), fields));
                    if let Some(xml) = super::get_mut(m, self.document)
                        && let Node::Document(declaration, _) = &mut xml.node
                    {
                        *declaration = made;
                    }
                }
                Event::DocType(text) => self.doctype(m, &text)?,
                Event::Eof => break,
            }
        }
        let end = self.text.len();
        if !self.open.is_empty() {
            let names: Vec<&str> = self.open.iter().rev().map(|open| open.name.as_str()).collect();
            let message = format!("Unexpected end of file has occurred. The following elements are not closed: {}.", names.join(", "));
            return Err((end, message).into());
        }
        self.flush(m, end)?;
        if !self.rooted {
            return Err((end, "Root element is missing.".to_owned()).into());
        }
        Ok(())
    }

    fn broken(&self, error: &Error, at: usize) -> Problem {
        match error {
            Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
                let opened = self.open.last().map_or(0, |open| open.at);
                let before = self.text.get(..opened).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().map_or(0, |line| line.encode_utf16().count()) + 2;
                let message =
                    format!("The '{expected}' start tag on line {line} position {column} does not match the end tag of '{found}'.");
                (at + 2, message)
            }
            Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => (at + 2, "Unexpected end tag.".to_owned()),
            Error::IllFormed(IllFormedError::UnclosedReference) => (at + 1, "An error occurred while parsing EntityName.".to_owned()),
            Error::Syntax(_) => (self.text.len(), "Unexpected end of file has occurred.".to_owned()),
            other => (at, format!("The XML cannot be read: {other}.")),
        }
    }

    fn parent(&self) -> Handle {
        self.open.last().map_or(self.document, |open| open.element)
    }

    fn put(&mut self, m: &mut Machine<'_>, node: Node) -> Result<(), Failure> {
        let made = add(m, node)?;
        content::attach(m, self.parent(), made, None);
        Ok(())
    }

    /// Ends the text that was gathered.
    fn flush(&mut self, m: &mut Machine<'_>, at: usize) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.pending);
        let white = text.chars().all(|character| matches!(character, ' ' | '\t' | '\n' | '\r'));
        let solid = std::mem::take(&mut self.solid);
        if self.open.is_empty() {
            if !white || solid {
                let length = text.len() - text.trim_start().len();
                return Err((at.saturating_sub(text.len()) + length, "Data at the root level is invalid.".to_owned()).into());
            }
            return Ok(());
        }
        if white && !self.open.last().map_or(self.preserve, |open| open.preserve) {
            return Ok(());
        }
        self.put(m, Node::Text(Arc::new(Text::from(text))))
    }

    fn reference(&mut self, reference: &quick_xml::events::BytesRef<'_>, start: usize) -> Result<(), Failure> {
        if self.open.is_empty() {
            self.solid = true;
        }
        match reference.resolve_char_ref() {
            Ok(Some(character)) => self.pending.push(character),
            Ok(None) => {
                let name: &str = reference;
                match predefined(name) {
                    Some(text) => self.pending.push_str(text),
                    None => match self.entities.get(name) {
                        Some(text) => {
                            if self.pending.len() + text.len() > MAX_SIZE {
                                return Err(Fault::Stopped("the XML is larger than may be read").into());
                            }
                            let text = text.clone();
                            self.pending.push_str(&text);
                        }
                        None if name.is_empty() || !name.chars().all(|one| one.is_alphanumeric() || "_-.:".contains(one)) => {
                            return Err((start + 1, "An error occurred while parsing EntityName.".to_owned()).into());
                        }
                        None => return Err((start + 1, format!("Reference to undeclared entity '{name}'.")).into()),
                    },
                }
            }
            Err(_) => return Err((start + 2, "Invalid syntax for a decimal numeric entity reference.".to_owned()).into()),
        }
        Ok(())
    }

    fn start(&mut self, m: &mut Machine<'_>, tag: &BytesStart<'_>, start: usize) -> Result<(), Failure> {
        if self.open.is_empty() {
            if self.rooted {
                return Err((start + 1, "There are multiple root elements.".to_owned()).into());
            }
            self.rooted = true;
        }
        super::deep(self.open.len() + 2)?;
        let written = tag.name().as_ref().to_owned();
        let known = self.prefixes.len();
        let mut preserve = self.open.last().map_or(self.preserve, |open| open.preserve);
        let mut list: Vec<(String, String)> = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| attribute_problem(&error, self.text, start))?;
            let key = attribute.key.as_ref().to_owned();
            let entities = &self.entities;
            let value = attribute
                .normalized_value_with(quick_xml::XmlVersion::Implicit1_0, 4, |name| {
                    predefined(name).or_else(|| entities.get(name).map(String::as_str))
                })
                .map_err(|_| (start + 1, "An error occurred while parsing EntityName.".to_owned()))?
                .into_owned();
            if value.contains('<') && attribute.value.contains('<') {
                return Err((start + 1, "'<', hexadecimal value 0x3C, is an invalid attribute character.".to_owned()).into());
            }
            match key.split_once(':') {
                None if key == "xmlns" => self.prefixes.push((String::new(), Arc::from(value.as_str()))),
                Some(("xmlns", prefix)) => self.prefixes.push((prefix.to_owned(), Arc::from(value.as_str()))),
                Some(("xml", "space")) => preserve = value == "preserve" || value != "default" && preserve,
                _ => {}
            }
            list.push((key, value));
        }
        let name = self.resolve(m, &written, true, start)?;
        let element = add(m, Node::Element { name, attributes: Vec::new(), children: Vec::new(), hollow: false })?;
        let mut seen: Vec<Name> = Vec::new();
        for (key, value) in list {
            let name = if key == "xmlns" { Name::plain("xmlns") } else { self.resolve(m, &key, false, start)? };
            if seen.contains(&name) {
                return Err((start + 1, format!("'{key}' is a duplicate attribute name.")).into());
            }
            m.charge(seen.len())?;
            seen.push(name.clone());
            let attribute = add(m, Node::Attribute(name, Arc::new(Text::from(value))))?;
            content::attach_attribute(m, element, attribute);
        }
        content::attach(m, self.parent(), element, None);
        self.open.push(Open { element, name: written, at: start, known, preserve });
        Ok(())
    }

    fn resolve(&self, m: &mut Machine<'_>, written: &str, default: bool, start: usize) -> Result<Name, Failure> {
        let (prefix, local) = written.split_once(':').map_or(("", written), |(prefix, local)| (prefix, local));
        if names::verify(m, local).is_err() || written.contains(':') && names::verify(m, prefix).is_err() {
            return Err((start + 1, format!("'{written}' is no name that an element or attribute can have.")).into());
        }
        if prefix.is_empty() && !default {
            return Ok(Name::plain(local));
        }
        match self.prefixes.iter().rev().find(|(known, _)| known == prefix) {
            Some((_, namespace)) => Ok(Name { namespace: Arc::clone(namespace), local: Arc::from(local) }),
            None if prefix.is_empty() => Ok(Name::plain(local)),
            None => Err((start + 1, format!("'{prefix}' is an undeclared prefix.")).into()),
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.prefixes.truncate(open.known);
        }
    }

    fn doctype(&mut self, m: &mut Machine<'_>, text: &str) -> Result<(), Failure> {
        let (head, subset) = match text.split_once('[') {
            Some((head, rest)) => (head, rest.rsplit_once(']').map_or(rest, |(subset, _)| subset)),
            None => (text, ""),
        };
        let mut words = head.trim().splitn(2, char::is_whitespace);
        let name = words.next().unwrap_or_default().to_owned();
        let rest = words.next().unwrap_or_default().trim();
        let literals = quoted(rest);
        let (public, system) = match (rest.starts_with("PUBLIC"), literals.as_slice()) {
            (true, [public, system, ..]) => (Value::from(public.as_str()), Value::from(system.as_str())),
            (true, [public]) => (Value::from(public.as_str()), Value::Null),
            (false, [system, ..]) => (Value::Null, Value::from(system.as_str())),
            _ => (Value::Null, Value::Null),
        };
        for part in subset.split("<!ENTITY").skip(1) {
            let Some((entity, _)) = part.split_once('>') else { continue };
            let Some(name) = entity.split_whitespace().next().filter(|name| *name != "%") else { continue };
            if let Some(value) = quoted(entity).into_iter().next()
                && !value.contains(['<', '&', '%'])
                && !entity.contains("SYSTEM")
                && !entity.contains("PUBLIC")
            {
                self.entities.entry(name.to_owned()).or_insert(value);
            }
        }
        self.put(m, Node::DocumentType([Value::from(name), public, system, Value::from(subset)]))
    }
}

fn attribute_problem(error: &AttrError, text: &str, start: usize) -> Problem {
    match error {
        AttrError::Duplicated(at, _) => {
            let at = start + 1 + at;
            let name: String = text.get(at..).unwrap_or_default().chars().take_while(|one| !one.is_whitespace() && *one != '=').collect();
            (at, format!("'{name}' is a duplicate attribute name."))
        }
        AttrError::UnquotedValue(at) => {
            let at = start + 1 + at;
            let token = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            (at, format!("'{token}' is an unexpected token. The expected token is '\"' or '''."))
        }
        AttrError::ExpectedEq(at) | AttrError::ExpectedValue(at) | AttrError::ExpectedQuote(at, _) => {
            let at = start + 1 + at;
            let token = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
            (at, format!("'{token}' is an unexpected token. The expected token is '='."))
        }
    }
}

fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "lt" => "<",
        "gt" => ">",
        "amp" => "&",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

fn line_ends(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }
}

/// The quoted literals of a declaration.
fn quoted(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['"', '\'']) {
        let Some(quote) = rest[start..].chars().next() else { break };
        let inner = &rest[start + 1..];
        let Some(end) = inner.find(quote) else { break };
        list.push(inner[..end].to_owned());
        rest = &inner[end + 1..];
    }
    list
}
