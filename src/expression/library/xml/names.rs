//! `XName` and `XNamespace`.

use std::sync::Arc;

use super::{Name, XML, XMLNS};
use crate::expression::heap::Object;
use crate::expression::library::basics::hash_code;
use crate::expression::library::{Members, equals};
use crate::expression::machine::{Args, Machine, Outcome};
use crate::expression::types;
use crate::expression::value::Value;

pub(crate) const MEMBERS: Members = &[
    ("XName.op_Implicit", |m, a| if a.get(0).is_null() { Ok(Value::Null) } else { expanded(m, a) }),
    ("XName.Get(string)", |m, a| expanded(m, a)),
    ("XName.Get(string,string)", |m, a| {
        let local = m.string(a, 0, "localName")?.to_str().into_owned();
        let namespace = m.string(a, 1, "namespaceName")?.to_str().into_owned();
        checked(m, &namespace, &local)
    }),
    ("XName.LocalName", |m, a| of(m, a.get(0), "name").map(|name| Value::from(&*name.local))),
    ("XName.NamespaceName", |m, a| of(m, a.get(0), "name").map(|name| Value::from(&*name.namespace))),
    ("XName.Namespace", |m, a| {
        let name = of(m, a.get(0), "name")?;
        namespace(m, &name.namespace)
    }),
    ("XName.ToString()", |m, a| of(m, a.get(0), "name").map(|name| Value::from(name.expanded()))),
    ("XName.Equals(object)", |m, a| same(m, a)),
    ("XName.GetHashCode()", |m, a| hash_code(m, a)),
    ("XName.op_Equality", |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("XName.op_Inequality", |m, a| equals(m, a.get(0), a.get(1)).map(|same| Value::Boolean(!same))),
    ("XNamespace.None", |m, _| namespace(m, "")),
    ("XNamespace.Xml", |m, _| namespace(m, XML)),
    ("XNamespace.Xmlns", |m, _| namespace(m, XMLNS)),
    ("XNamespace.op_Implicit", |m, a| match a.text(0) {
        Some(text) => namespace(m, &text.to_str()),
        None => Ok(Value::Null),
    }),
    ("XNamespace.Get(string)", |m, a| {
        let text = m.string(a, 0, "namespaceName")?;
        namespace(m, &text.to_str())
    }),
    ("XNamespace.NamespaceName", |m, a| namespace_of(m, a.get(0)).map(|name| Value::from(&*name))),
    ("XNamespace.ToString()", |m, a| namespace_of(m, a.get(0)).map(|name| Value::from(&*name))),
    ("XNamespace.GetName(string)", |m, a| qualified(m, a)),
    ("XNamespace.op_Addition", |m, a| {
        if a.get(0).is_null() {
            return Err(m.argument_null("ns"));
        }
        qualified(m, a)
    }),
    ("XNamespace.Equals(object)", |m, a| same(m, a)),
    ("XNamespace.GetHashCode()", |m, a| hash_code(m, a)),
    ("XNamespace.op_Equality", |m, a| equals(m, a.get(0), a.get(1)).map(Value::Boolean)),
    ("XNamespace.op_Inequality", |m, a| equals(m, a.get(0), a.get(1)).map(|same| Value::Boolean(!same))),
];

impl Name {
    pub(crate) fn plain(local: &str) -> Self {
        Self { namespace: Arc::from(""), local: Arc::from(local) }
    }

    pub(crate) fn new(namespace: &str, local: &str) -> Self {
        Self { namespace: Arc::from(namespace), local: Arc::from(local) }
    }

    /// `{namespace}local`.
    pub(crate) fn expanded(&self) -> String {
        if self.namespace.is_empty() { self.local.to_string() } else { format!("{{{}}}{}", self.namespace, self.local) }
    }

    /// Whether an attribute of that name declares a namespace.
    pub(crate) fn declares(&self) -> bool {
        &*self.namespace == XMLNS || self.namespace.is_empty() && &*self.local == "xmlns"
    }
}

fn same(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    if a.get(0).is_null() {
        return Err(m.null_reference());
    }
    equals(m, a.get(0), a.get(1)).map(Value::Boolean)
}

fn expanded(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let text = m.string(a, 0, "expandedName")?;
    if text.is_empty() {
        return Err(m.throw("ArgumentException", "'' is an invalid expanded name."));
    }
    let text = text.to_str();
    match text.strip_prefix('{') {
        None => checked(m, "", &text),
        Some(rest) => match rest.rsplit_once('}') {
            Some((namespace, local)) if !namespace.is_empty() && !local.is_empty() => checked(m, namespace, local),
            _ => Err(m.throw("ArgumentException", &format!("'{text}' is an invalid expanded name."))),
        },
    }
}

fn qualified(m: &mut Machine<'_>, a: Args<'_>) -> Outcome {
    let namespace = namespace_of(m, a.get(0))?;
    let local = m.string(a, 1, "localName")?;
    checked(m, &namespace, &local.to_str())
}

fn checked(m: &mut Machine<'_>, namespace: &str, local: &str) -> Outcome {
    verify(m, local)?;
    make(m, &Name::new(namespace, local))
}

/// Whether the text is a name without a colon.
pub(crate) fn verify(m: &mut Machine<'_>, local: &str) -> Outcome<()> {
    if local.is_empty() {
        return Err(m.throw("ArgumentNullException", "The empty string '' is not a valid local name.\nParameter name: name"));
    }
    for (index, character) in local.chars().enumerate() {
        let fits = character.is_alphabetic()
            || character == '_'
            || index > 0 && (character.is_numeric() || matches!(character, '-' | '.' | '\u{b7}') || is_combining(character));
        if !fits {
            let place = if index == 0 { "Name cannot begin with the" } else { "The" };
            let end = if index == 0 { "." } else { ", cannot be included in a name." };
            let code = u32::from(character);
            return Err(m.throw("XmlException", &format!("{place} '{character}' character, hexadecimal value 0x{code:02X}{end}")));
        }
    }
    Ok(())
}

fn is_combining(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\u{203f}' | '\u{2040}')
}

/// An `XName`.
pub(crate) fn make(m: &mut Machine<'_>, name: &Name) -> Outcome {
    m.allocate(name.local.len())?;
    let fields = vec![Value::from(name.expanded()), Value::from(&*name.namespace), Value::from(&*name.local)];
    Ok(m.object(Object::Opaque(types::named("XName"), fields)))
}

/// The name behind an `XName` that may not be null.
pub(crate) fn of(m: &mut Machine<'_>, value: &Value, parameter: &str) -> Outcome<Name> {
    if let Value::Object(handle) = value
        && let Object::Opaque(_, fields) = m.heap.get(*handle)
        && let [_, Value::Text(namespace), Value::Text(local)] = fields.as_slice()
    {
        return Ok(Name::new(&namespace.to_str(), &local.to_str()));
    }
    Err(m.argument_null(parameter))
}

/// An `XNamespace`.
pub(crate) fn namespace(m: &mut Machine<'_>, name: &str) -> Outcome {
    m.allocate(name.len())?;
    Ok(m.object(Object::Opaque(types::named("XNamespace"), vec![Value::from(name)])))
}

pub(crate) fn namespace_of(m: &mut Machine<'_>, value: &Value) -> Outcome<Arc<str>> {
    if let Value::Object(handle) = value
        && let Object::Opaque(_, fields) = m.heap.get(*handle)
        && let [Value::Text(namespace)] = fields.as_slice()
    {
        return Ok(Arc::from(&*namespace.to_str()));
    }
    Err(m.null_reference())
}
