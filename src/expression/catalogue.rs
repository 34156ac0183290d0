//! The published type list: every type and member, and whether a policy may use it.
//!
//! `types.txt` is one line for a type (`T`, kind, full name, generic parameters, base, interfaces, rule, keyword), then one for each member it declares:
//! `+` allowed, `=` allowed and younger than .NET Framework, `-` refused by the list; `c`onstructor, `v`alue, `f`ield, `p`roperty, `i`ndexer,
//! `m`ethod, `o`perator; `s`tatic, e`x`tension. `context.txt` has the types of `context`. A type's lines are read when it is first bound.
//! Source: the published table of policy expressions (2023-07) and the signatures of the .NET libraries.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{LazyLock, OnceLock};

use super::library::{self, Native};
use super::types::{self, Primitive, Shape, Type};

pub(super) mod coverage;
mod lines;
mod signature;

pub(crate) use lines::keyword;

/// What a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Class,
    Struct,
    Enum,
    Interface,
    Static,
    Delegate,
}

/// Variance of a generic parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variance {
    None,
    In,
    Out,
}

/// A generic parameter of a type.
#[derive(Debug)]
pub(crate) struct GenericParameter {
    pub(crate) name: &'static str,
    pub(crate) variance: Variance,
}

/// A type of the list, or one that its members give.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) full: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) parameters: Vec<GenericParameter>,
    /// Whether a policy may name it.
    pub(crate) listed: bool,
    pub(crate) keyword: &'static str,
    pub(crate) primitive: Option<Primitive>,
    base: &'static str,
    interfaces: Vec<&'static str>,
    body: &'static str,
    members: OnceLock<Vec<Member>>,
    supers: OnceLock<(Option<Type>, Vec<Type>)>,
    /// The type itself, if it takes no arguments.
    plain: OnceLock<Type>,
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
impl Eq for Definition {}
impl Hash for Definition {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self).hash(state);
    }
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberKind {
    Constructor,
    Value,
    Field,
    Property,
    Indexer,
    Method,
    Operator,
}

/// How a parameter is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    Value,
    Out,
    Ref,
    Params,
}

/// A parameter of a member.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) ty: Type,
    pub(crate) passing: Passing,
    pub(crate) default: Option<&'static str>,
}

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) kind: MemberKind,
    pub(crate) allowed: bool,
    pub(crate) is_static: bool,
    pub(crate) extension: bool,
    pub(crate) generics: Vec<&'static str>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Type,
    pub(crate) writable: bool,
    pub(crate) value: i64,
    /// `Type.Name(parameter types)`, for messages and for the table of emulated members.
    pub(crate) key: String,
    pub(crate) native: Option<Native>,
    /// What sets it, for properties and indexers.
    pub(crate) setter: Option<Native>,
    /// Whether its type is a class or interface, whose values can be null.
    pub(crate) of_class: bool,
}

impl Member {
    /// Whether it is called on an object, which may not be null. A `T?` without a value is no null here.
    pub(crate) fn has_receiver(&self) -> bool {
        self.of_class && !self.is_static && self.kind != MemberKind::Constructor
    }
}

struct Catalogue {
    by_name: HashMap<&'static str, Vec<&'static Definition>>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue { by_name: HashMap::new() };
    for text in [include_str!("catalogue/types.txt"), include_str!("catalogue/context.txt")] {
        for part in text.split("\nT\t") {
            let part = part.strip_prefix("T\t").unwrap_or(part);
            let (head, body) = part.split_once('\n').unwrap_or((part, ""));
            if let Some(definition) = definition(head, body) {
                let definition: &'static Definition = Box::leak(Box::new(definition));
                catalogue.by_name.entry(definition.name).or_default().push(definition);
            }
        }
    }
    catalogue
});

fn definition(head: &'static str, body: &'static str) -> Option<Definition> {
    let lines::Head { kind, full, name, parameters, base, interfaces, listed, keyword } = lines::Head::read(head)?;
    let kind = match kind {
        "class" => Kind::Class,
        "struct" => Kind::Struct,
        "enum" => Kind::Enum,
        "interface" => Kind::Interface,
        "static" => Kind::Static,
        "delegate" => Kind::Delegate,
        _ => return None,
    };
    let parameters = parameters.into_iter().map(|name| match name.split_once(' ') {
        Some(("in", name)) => GenericParameter { name, variance: Variance::In },
        Some((_, name)) => GenericParameter { name, variance: Variance::Out },
        None => GenericParameter { name, variance: Variance::None },
    });
    let parameters = parameters.collect();
    let primitive = match name {
        "SByte" => Some(Primitive::SByte),
        "Byte" => Some(Primitive::Byte),
        "Int16" => Some(Primitive::Int16),
        "UInt16" => Some(Primitive::UInt16),
        "Int32" => Some(Primitive::Int32),
        "UInt32" => Some(Primitive::UInt32),
        "Int64" => Some(Primitive::Int64),
        "UInt64" => Some(Primitive::UInt64),
        "Char" => Some(Primitive::Char),
        "Single" => Some(Primitive::Single),
        "Double" => Some(Primitive::Double),
        "Decimal" => Some(Primitive::Decimal),
        "Boolean" => Some(Primitive::Boolean),
        _ => None,
    };
    let (members, supers, plain) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    Some(Definition { full, name, kind, parameters, listed, keyword, primitive, base, interfaces, body, members, supers, plain })
}

/// Every type of the table, in no order.
fn all() -> impl Iterator<Item = &'static Definition> {
    CATALOGUE.by_name.values().flatten().copied()
}

/// The type of that short name and number of generic parameters.
pub(crate) fn find(name: &str, arity: usize) -> Option<&'static Definition> {
    CATALOGUE.by_name.get(name)?.iter().find(|definition| definition.parameters.len() == arity).copied()
}

/// The type that a C# name means: a keyword, a short name, or a full name.
pub(crate) fn resolve(name: &str, arity: usize) -> Option<&'static Definition> {
    let (space, short) = name.rsplit_once('.').map_or((None, name), |(space, short)| (Some(space), short));
    if space.is_none()
        && let Some(keyword) = keyword(name)
    {
        return find(keyword, arity);
    }
    let found = find(short, arity).filter(|found| found.full != "System.Xml.Linq.Extensions")?;
    match space {
        None => Some(found),
        Some(space) => (found.full.strip_suffix(short)?.strip_suffix('.')? == space).then_some(found),
    }
}

impl Definition {
    /// The members it declares.
    pub(crate) fn members(&'static self) -> &'static [Member] {
        self.members.get_or_init(|| {
            self.body
                .lines()
                .filter_map(|line| {
                    let mut member = signature::member(self, line)?;
                    if member.kind == MemberKind::Constructor {
                        let arguments =
                            (0..self.parameters.len()).map(|index| types::intern(Shape::TypeParameter(u8::try_from(index).unwrap_or(0))));
                        member.result = types::intern(Shape::Named(self, arguments.collect()));
                    }
                    member.native = library::native(&member.key);
                    member.setter = if member.writable { library::native(&format!("{}=", member.key)) } else { None };
                    Some(member)
                })
                .collect()
        })
    }

    /// The type itself; only of a definition without generic parameters.
    pub(crate) fn plain(&'static self) -> Type {
        *self.plain.get_or_init(|| types::intern(Shape::Named(self, Box::default())))
    }

    pub(crate) fn base(&'static self) -> Option<Type> {
        self.supers().0
    }

    pub(crate) fn interfaces(&'static self) -> &'static [Type] {
        &self.supers().1
    }

    fn supers(&'static self) -> &'static (Option<Type>, Vec<Type>) {
        self.supers.get_or_init(|| {
            let base = (!self.base.is_empty()).then(|| signature::parse_type(self.base, self, &[]));
            (base, self.interfaces.iter().map(|name| signature::parse_type(name, self, &[])).collect())
        })
    }

    /// As `Type.FullName` gives it, without generic arguments.
    pub(crate) fn full_name(&self) -> String {
        self.full.to_owned()
    }
}

/// Where extension methods are declared. The next list is asked only if nothing of the one before fits, as with namespaces around one another:
/// `GetValueOrDefault("name", null)` of a header stays the documented one, which takes a text.
pub(crate) const EXTENSION_HOLDERS: [&[&str]; 2] =
    [&["ContextExtensions", "Extensions", "Enumerable", "XmlExtensions", "RSACertificateExtensions"], &["CollectionExtensions"]];

/// Extension methods of that name.
pub(crate) fn extensions(name: &str) -> Vec<(&'static Definition, &'static Member)> {
    EXTENSION_HOLDERS.iter().flat_map(|holders| extensions_of(holders, name)).collect()
}

/// Extension methods of that name in these classes.
pub(crate) fn extensions_of(holders: &[&str], name: &str) -> Vec<(&'static Definition, &'static Member)> {
    holders
        .iter()
        .filter_map(|holder| find(holder, 0))
        .flat_map(|holder| {
            holder.members().iter().filter(|member| member.extension && member.name == name).map(move |member| (holder, member))
        })
        .collect()
}
