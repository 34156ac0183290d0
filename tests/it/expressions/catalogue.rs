//! The catalogue of members as a generator of programs needs it, from the lines that the binder reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use lines::{Head, Line, TypeText, type_text};

#[path = "../../../src/expression/catalogue/lines.rs"]
mod lines;

pub(crate) use lines::Mode as Passing;

/// A type as C# writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ty {
    Named(String, Vec<Ty>),
    Array(Box<Ty>),
    /// A generic parameter, of the type or of the method.
    Open(String),
}

impl Ty {
    pub fn named(name: &str) -> Self {
        Self::Named(name.to_owned(), Vec::new())
    }

    pub fn of(name: &str, arguments: &[Ty]) -> Self {
        Self::Named(name.to_owned(), arguments.to_vec())
    }

    pub fn array(element: Ty) -> Self {
        Self::Array(Box::new(element))
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Named(name, _) | Self::Open(name) => name,
            Self::Array(_) => "[]",
        }
    }

    pub fn arguments(&self) -> &[Ty] {
        match self {
            Self::Named(_, arguments) => arguments,
            Self::Array(element) => std::slice::from_ref(element),
            Self::Open(_) => &[],
        }
    }

    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open(_)) || self.arguments().iter().any(Ty::is_open)
    }

    pub fn substitute(&self, with: &BTreeMap<String, Ty>) -> Ty {
        match self {
            Self::Open(name) => with.get(name).cloned().unwrap_or_else(|| self.clone()),
            Self::Array(element) => Self::array(element.substitute(with)),
            Self::Named(name, arguments) => Self::Named(name.clone(), arguments.iter().map(|one| one.substitute(with)).collect()),
        }
    }

    /// Binds the open parameters of `self` so that it is `wanted`.
    pub fn unify(&self, wanted: &Ty, bound: &mut BTreeMap<String, Ty>) -> bool {
        match (self, wanted) {
            (Self::Open(name), _) => match bound.get(name) {
                Some(found) => found == wanted,
                None => bound.insert(name.clone(), wanted.clone()).is_none(),
            },
            (Self::Array(one), Self::Array(two)) => one.unify(two, bound),
            (Self::Named(one, left), Self::Named(two, right)) => {
                one == two && left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.unify(right, bound))
            }
            _ => false,
        }
    }

    fn parse(text: &str, open: &[String]) -> Self {
        match type_text(text) {
            TypeText::Array(inner) => Self::array(Self::parse(inner, open)),
            TypeText::Nullable(inner) => Self::of("Nullable", &[Self::parse(inner, open)]),
            TypeText::Generic(name, arguments) => {
                Self::Named(name.to_owned(), arguments.into_iter().map(|one| Self::parse(one, open)).collect())
            }
            TypeText::Name(name) if open.iter().any(|own| own == name) => Self::Open(name.to_owned()),
            TypeText::Name(name) => Self::named(name),
        }
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(element) => write!(formatter, "{element}[]"),
            Self::Named(name, arguments) if name == "Nullable" && arguments.len() == 1 => write!(formatter, "{}?", arguments[0]),
            Self::Named(name, arguments) if !arguments.is_empty() => {
                let list: Vec<String> = arguments.iter().map(Ty::to_string).collect();
                write!(formatter, "{name}<{}>", list.join(", "))
            }
            Self::Named(name, _) | Self::Open(name) => formatter.write_str(name),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub ty: Ty,
    pub passing: Passing,
    pub optional: bool,
}

#[derive(Debug, Clone)]
pub struct Member {
    /// Index of the type that declares it.
    pub owner: usize,
    pub name: String,
    /// As the table writes it: `c v f p i m o`.
    pub kind: char,
    pub is_static: bool,
    pub extension: bool,
    pub generics: Vec<String>,
    pub parameters: Vec<Parameter>,
    pub result: Ty,
    pub writable: bool,
    /// Younger than the .NET Framework, so that Mono has it not.
    pub younger: bool,
    pub allowed: bool,
    pub key: String,
}

#[derive(Debug, Clone)]
pub struct Definition {
    /// The keyword if there is one, else the short name.
    pub name: String,
    pub kind: String,
    pub parameters: Vec<String>,
    pub base: Option<Ty>,
    pub interfaces: Vec<Ty>,
    pub listed: bool,
}

impl Definition {
    /// The type with its own parameters as arguments.
    pub fn ty(&self) -> Ty {
        Ty::Named(self.name.clone(), self.parameters.iter().cloned().map(Ty::Open).collect())
    }
}

#[derive(Debug)]
pub struct Table {
    pub types: Vec<Definition>,
    pub members: Vec<Member>,
    by_name: BTreeMap<(String, usize), usize>,
}

impl Table {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/expression/catalogue");
        let mut table = Self { types: Vec::new(), members: Vec::new(), by_name: BTreeMap::new() };
        for file in ["types.txt", "context.txt"] {
            for line in std::fs::read_to_string(root.join(file)).unwrap().lines() {
                match line.strip_prefix("T\t") {
                    Some(head) => table.definition(head),
                    None => table.member(line),
                }
            }
        }
        assert!(table.members.len() > 3_000, "the table was not read: {}", table.members.len());
        table
    }

    fn definition(&mut self, head: &str) {
        let head = Head::read(head).unwrap();
        assert!(head.full.ends_with(head.name) || head.name == "XmlExtensions");
        let name = if head.keyword.is_empty() { head.name } else { head.keyword };
        let parameters: Vec<String> = head.parameters.iter().map(|name| name.rsplit(' ').next().unwrap().to_owned()).collect();
        let base = (!head.base.is_empty()).then(|| Ty::parse(head.base, &parameters));
        let interfaces = head.interfaces.iter().map(|name| Ty::parse(name, &parameters)).collect();
        self.by_name.insert((name.to_owned(), parameters.len()), self.types.len());
        self.types.push(Definition {
            name: name.to_owned(),
            kind: head.kind.to_owned(),
            parameters,
            base,
            interfaces,
            listed: head.listed,
        });
    }

    fn member(&mut self, line: &str) {
        let Some(line) = Line::read(line) else { return };
        let owner = self.types.len() - 1;
        let definition = &self.types[owner];
        let mut names = definition.parameters.clone();
        names.extend(line.generics.iter().map(|name| (*name).to_owned()));
        let parameters = line.parameters.iter().map(|written| Parameter {
            name: written.name.to_owned(),
            ty: Ty::parse(written.ty, &names),
            passing: written.mode,
            optional: written.default.is_some(),
        });
        // The keys have the type's own name, where programs have a keyword.
        let holder = lines::keyword(&definition.name).unwrap_or(&definition.name);
        let member = Member {
            owner,
            name: line.name.to_owned(),
            kind: line.kind,
            is_static: line.is_static,
            extension: line.extension,
            generics: line.generics.iter().map(|name| (*name).to_owned()).collect(),
            parameters: parameters.collect(),
            result: if matches!(line.kind, 'c' | 'v') { definition.ty() } else { Ty::parse(line.result, &names) },
            writable: line.writable,
            younger: line.mark == '=',
            allowed: line.mark != '-',
            key: line.key(holder),
        };
        self.members.push(member);
    }

    pub fn definition_of(&self, ty: &Ty) -> Option<&Definition> {
        Some(&self.types[*self.by_name.get(&(ty.name().to_owned(), ty.arguments().len()))?])
    }

    /// The keys of members that this program emulates and a generator can call.
    pub fn emulated() -> BTreeSet<String> {
        apimctl::expression::emulated_members().into_iter().collect()
    }

    /// Itself and everything that it converts to by reference, without variance.
    pub fn supers(&self, ty: &Ty) -> Vec<Ty> {
        let mut list = vec![ty.clone()];
        let mut at = 0;
        while at < list.len() {
            let one = list[at].clone();
            at += 1;
            if let Ty::Array(element) = &one {
                list.push(Ty::of("IEnumerable", &[(**element).clone()]));
                continue;
            }
            let Some(definition) = self.definition_of(&one) else { continue };
            let with: BTreeMap<String, Ty> = definition.parameters.iter().cloned().zip(one.arguments().iter().cloned()).collect();
            for next in definition.base.iter().chain(&definition.interfaces) {
                let next = next.substitute(&with);
                if !list.contains(&next) {
                    list.push(next);
                }
            }
        }
        list
    }

    pub fn is_value_type(&self, ty: &Ty) -> bool {
        self.definition_of(ty).is_some_and(|definition| matches!(definition.kind.as_str(), "struct" | "enum"))
    }
}
