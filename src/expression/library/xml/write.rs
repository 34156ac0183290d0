//! Writes nodes as the XML writer of .NET does: two spaces of indentation where no text is beside, and namespace declarations where they are missing.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Name, Node, XML, XMLNS, attributes, children, deep, get, name_of, parent};
use crate::expression::heap::Object;
use crate::expression::machine::{Machine, Outcome};
use crate::expression::text::Text;
use crate::expression::value::{Handle, Value};

/// A prefix that the writer knows.
struct Known {
    prefix: String,
    namespace: Arc<str>,
    /// Its declaration still has to be written.
    due: bool,
}

struct Writer {
    out: String,
    indent: bool,
    /// What the writer has declared, innermost last. Every use of a prefix in an element adds to it, as in .NET: the numbers of generated prefixes count it.
    scope: Vec<Known>,
    /// Declarations of the tree itself: prefix and namespace.
    declared: Vec<(String, Arc<str>)>,
}

/// `ToString()` of a node.
pub(crate) fn to_text(m: &mut Machine<'_>, handle: Handle, indent: bool) -> Outcome<Text> {
    let mut writer = Writer { out: String::new(), indent, scope: Vec::new(), declared: Vec::new() };
    writer.root(m, handle)?;
    m.allocate(writer.out.len())?;
    Ok(Text::from(writer.out))
}

/// What `Save` writes: the declaration, then the node.
pub(crate) fn saved(m: &mut Machine<'_>, handle: Handle, indent: bool) -> Outcome<Text> {
    let standalone = match get(m, handle).map(|xml| &xml.node) {
        Some(Node::Document(Value::Object(declaration), _)) => match m.heap.get(*declaration) {
            Object::Opaque(_, fields) => fields.get(2).cloned().unwrap_or(Value::Null),
            _ => Value::Null,
        },
        _ => Value::Null,
    };
    let standalone = match standalone {
        Value::Text(text) => format!(" standalone=\"{}\"", text.to_str()),
        _ => String::new(),
    };
    let body = to_text(m, handle, indent)?;
    let line = if indent && !body.is_empty() { "\n" } else { "" };
    Ok(Text::from(format!("<?xml version=\"1.0\" encoding=\"utf-16\"{standalone}?>{line}{}", body.to_str())))
}

impl Writer {
    fn root(&mut self, m: &mut Machine<'_>, handle: Handle) -> Outcome<()> {
        let mut above = parent(m, handle);
        let mut chain = Vec::new();
        while let Some(one) = above {
            chain.push(one);
            deep(chain.len())?;
            above = parent(m, one);
        }
        for one in chain.into_iter().rev() {
            self.declare(m, one);
        }
        match get(m, handle).map(|xml| xml.node.clone()) {
            Some(Node::Attribute(name, value)) => {
                let prefix = self.attribute_prefix(&name);
                self.attribute(m, &prefix, &name, &value)
            }
            Some(Node::Document(_, list)) => {
                for child in list {
                    self.node(m, child, 0, &mut false)?;
                }
                Ok(())
            }
            _ => self.node(m, handle, 0, &mut false),
        }
    }

    fn line(&mut self, depth: usize) {
        if self.indent && !self.out.is_empty() {
            self.out.push('\n');
            for _ in 0..depth {
                self.out.push_str("  ");
            }
        }
    }

    fn node(&mut self, m: &mut Machine<'_>, handle: Handle, depth: usize, mixed: &mut bool) -> Outcome<()> {
        m.charge(2)?;
        deep(depth)?;
        let Some(xml) = get(m, handle) else { return Ok(()) };
        match &xml.node {
            Node::Element { .. } => return self.element(m, handle, depth, *mixed),
            Node::Text(text) => {
                let text = Arc::clone(text);
                let white_outside = parent(m, handle).is_some_and(|above| !super::is_element(m, above));
                *mixed = !white_outside;
                self.text(m, &text)?;
            }
            Node::CData(text) => {
                *mixed = true;
                let _ = write!(self.out, "<![CDATA[{}]]>", text.to_str().replace("]]>", "]]]]><![CDATA[>"));
            }
            Node::Comment(text) => {
                let text = text.to_str().replace("--", "- -");
                let end = if text.ends_with('-') { " " } else { "" };
                if !*mixed {
                    self.line(depth);
                }
                let _ = write!(self.out, "<!--{text}{end}-->");
            }
            Node::Instruction(target, data) => {
                let (target, data) = (target.to_str().into_owned(), data.to_str().replace("?>", "? >"));
                if !*mixed {
                    self.line(depth);
                }
                let space = if data.is_empty() { "" } else { " " };
                let _ = write!(self.out, "<?{target}{space}{data}?>");
            }
            Node::DocumentType(parts) => {
                let parts: Vec<Option<String>> = parts
                    .iter()
                    .map(|part| match part {
                        Value::Text(text) => Some(text.to_str().into_owned()),
                        _ => None,
                    })
                    .collect();
                if !*mixed {
                    self.line(depth);
                }
                if let [name, public, system, subset] = parts.as_slice() {
                    let _ = write!(self.out, "<!DOCTYPE {}", name.as_deref().unwrap_or_default());
                    match (public, system) {
                        (Some(public), system) => {
                            let _ = write!(self.out, " PUBLIC \"{public}\" \"{}\"", system.as_deref().unwrap_or_default());
                        }
                        (None, Some(system)) => {
                            let _ = write!(self.out, " SYSTEM \"{system}\"");
                        }
                        (None, None) => {}
                    }
                    if let Some(subset) = subset {
                        let _ = write!(self.out, "{}[{subset}]", if public.is_none() && system.is_none() { " " } else { "" });
                    }
                    self.out.push('>');
                }
            }
            Node::Attribute(..) | Node::Document(..) => {}
        }
        Ok(())
    }

    fn element(&mut self, m: &mut Machine<'_>, handle: Handle, depth: usize, mixed: bool) -> Outcome<()> {
        let (Some(name), list) = (name_of(m, handle), children(m, handle)) else { return Ok(()) };
        let hollow = matches!(get(m, handle).map(|xml| &xml.node), Some(Node::Element { hollow: true, .. }));
        let (scope, declared) = (self.scope.len(), self.declared.len());
        self.declare(m, handle);
        if !mixed {
            self.line(depth);
        }
        let prefix = self.element_prefix(&name);
        self.implied(m, &prefix, &name.namespace, scope)?;
        let qualified = if prefix.is_empty() { name.local.to_string() } else { format!("{prefix}:{}", name.local) };
        self.out.push('<');
        self.out.push_str(&qualified);
        for attribute in attributes(m, handle) {
            let Some(Node::Attribute(name, value)) = get(m, attribute).map(|xml| xml.node.clone()) else { continue };
            self.out.push(' ');
            if name.declares() {
                let prefix = if &*name.local == "xmlns" && name.namespace.is_empty() { "" } else { &*name.local };
                self.explicit(m, prefix, &value.to_str(), scope)?;
                let written = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
                self.attribute(m, "", &Name::plain(&written), &value)?;
                continue;
            }
            let prefix = self.attribute_prefix(&name);
            if !prefix.is_empty() {
                self.implied(m, &prefix, &name.namespace, scope)?;
            }
            self.attribute(m, &prefix, &name, &value)?;
        }
        let due: Vec<(String, Arc<str>)> = self.scope[scope..]
            .iter()
            .rev()
            .filter(|known| known.due)
            .map(|known| (known.prefix.clone(), Arc::clone(&known.namespace)))
            .collect();
        for known in &mut self.scope[scope..] {
            known.due = false;
        }
        for (prefix, namespace) in due {
            let written = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            self.out.push(' ');
            self.attribute(m, "", &Name::plain(&written), &Text::from(&*namespace))?;
        }
        if list.is_empty() && !hollow {
            self.out.push_str(" />");
        } else {
            self.out.push('>');
            let mut inner = mixed;
            for child in &list {
                self.node(m, *child, depth + 1, &mut inner)?;
            }
            if !inner && !list.is_empty() {
                self.line(depth);
            }
            let _ = write!(self.out, "</{qualified}>");
        }
        self.scope.truncate(scope);
        self.declared.truncate(declared);
        Ok(())
    }

    fn declare(&mut self, m: &mut Machine<'_>, handle: Handle) {
        for attribute in attributes(m, handle) {
            if let Some(Node::Attribute(name, value)) = get(m, attribute).map(|xml| &xml.node)
                && name.declares()
            {
                let prefix = if name.namespace.is_empty() { String::new() } else { name.local.to_string() };
                self.declared.push((prefix, Arc::from(&*value.to_str())));
            }
        }
    }

    /// The prefix that the tree declares for a namespace.
    fn declared_prefix(&self, namespace: &str, default: bool) -> Option<String> {
        if namespace == XML {
            return Some("xml".to_owned());
        }
        if namespace == XMLNS {
            return Some("xmlns".to_owned());
        }
        let found = self.declared.iter().enumerate().rev().find(|(index, (prefix, known))| {
            &**known == namespace && (default || !prefix.is_empty()) && !self.declared[index + 1..].iter().any(|(later, _)| later == prefix)
        });
        found.map(|(_, (prefix, _))| prefix.clone())
    }

    /// The prefix that the writer has for a namespace.
    fn written_prefix(&self, namespace: &str) -> Option<String> {
        let index = self.scope.iter().rposition(|known| &*known.namespace == namespace)?;
        let prefix = &self.scope[index].prefix;
        (!self.scope[index + 1..].iter().any(|known| known.prefix == *prefix)).then(|| prefix.clone())
    }

    fn element_prefix(&self, name: &Name) -> String {
        if name.namespace.is_empty() {
            return String::new();
        }
        self.declared_prefix(&name.namespace, true).or_else(|| self.written_prefix(&name.namespace)).unwrap_or_default()
    }

    fn attribute_prefix(&self, name: &Name) -> String {
        if name.namespace.is_empty() {
            return String::new();
        }
        let found = self.declared_prefix(&name.namespace, false).or_else(|| self.written_prefix(&name.namespace));
        found.filter(|prefix| !prefix.is_empty()).unwrap_or_else(|| {
            let fresh = format!("p{}", self.scope.len());
            let taken = |prefix: &str| self.scope.iter().any(|known| known.prefix == prefix);
            if taken(&fresh) { (0..).map(|index| format!("{fresh}{index}")).find(|prefix| !taken(prefix)).unwrap_or(fresh) } else { fresh }
        })
    }

    /// A prefix is used in an element whose scope begins at `from`.
    fn implied(&mut self, m: &mut Machine<'_>, prefix: &str, namespace: &Arc<str>, from: usize) -> Outcome<()> {
        if let Some(known) = self.scope[from..].iter().find(|known| known.prefix == prefix) {
            return if known.namespace == *namespace { Ok(()) } else { Err(redefined(m, prefix, &known.namespace.clone(), namespace)) };
        }
        let before = self.scope.iter().rev().find(|known| known.prefix == prefix).map(|known| Arc::clone(&known.namespace));
        let same = match &before {
            Some(known) => known == namespace,
            None => prefix.is_empty() && namespace.is_empty() || prefix == "xml",
        };
        self.scope.push(Known { prefix: prefix.to_owned(), namespace: Arc::clone(namespace), due: !same });
        Ok(())
    }

    /// A declaration is written as an attribute.
    fn explicit(&mut self, m: &mut Machine<'_>, prefix: &str, namespace: &str, from: usize) -> Outcome<()> {
        if let Some(known) = self.scope[from..].iter_mut().find(|known| known.prefix == prefix) {
            if &*known.namespace != namespace {
                let old = Arc::clone(&known.namespace);
                return Err(redefined(m, prefix, &old, namespace));
            }
            known.due = false;
            return Ok(());
        }
        self.scope.push(Known { prefix: prefix.to_owned(), namespace: Arc::from(namespace), due: false });
        Ok(())
    }

    fn attribute(&mut self, m: &mut Machine<'_>, prefix: &str, name: &Name, value: &Text) -> Outcome<()> {
        if !prefix.is_empty() {
            let _ = write!(self.out, "{prefix}:");
        }
        let _ = write!(self.out, "{}=\"", name.local);
        let text = value.to_str();
        for character in text.chars() {
            match character {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                '\n' => self.out.push_str("&#xA;"),
                '\r' => self.out.push_str("&#xD;"),
                '\t' => self.out.push_str("&#x9;"),
                other => self.out.push(self::allowed(m, other)?),
            }
        }
        self.out.push('"');
        Ok(())
    }

    fn text(&mut self, m: &mut Machine<'_>, text: &Text) -> Outcome<()> {
        let text = text.to_str();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '\r' => {
                    if characters.peek() == Some(&'\n') {
                        characters.next();
                    }
                    self.out.push('\n');
                }
                other => self.out.push(self::allowed(m, other)?),
            }
        }
        Ok(())
    }
}

fn redefined(m: &mut Machine<'_>, prefix: &str, old: &str, new: &str) -> crate::expression::machine::Fault {
    let message = format!("The prefix '{prefix}' cannot be redefined from '{old}' to '{new}' within the same start element tag.");
    m.throw("XmlException", &message)
}

fn allowed(m: &mut Machine<'_>, character: char) -> Outcome<char> {
    if (character as u32) < 32 && !matches!(character, '\n' | '\t' | '\r') || matches!(character, '\u{fffe}' | '\u{ffff}') {
        let code = character as u32;
        return Err(m.throw("ArgumentException", &format!("'{character}', hexadecimal value 0x{code:02X}, is an invalid character.")));
    }
    Ok(character)
}
