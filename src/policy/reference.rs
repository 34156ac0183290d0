//! The one table of policies: where each may stand, what it takes, and how often.
//!
//! Sources: the per-policy pages of the API Management documentation, and where they are silent or differ from what was seen on
//! Azure, Microsoft's policy toolkit. What sources dispute is marked so and gives a warning, never an error.

use std::fmt;

mod content;
mod flow;
mod llm;
mod traffic;

use super::document::Section;

/// The scope that a document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// All APIs of the service.
    Global,
    /// All APIs of a workspace.
    Workspace,
    /// One product.
    Product,
    /// One API.
    Api,
    /// One operation.
    Operation,
    /// A GraphQL resolver.
    Resolver,
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Global => "global",
            Self::Workspace => "workspace",
            Self::Product => "product",
            Self::Api => "API",
            Self::Operation => "operation",
            Self::Resolver => "resolver",
        })
    }
}

/// The kind of gateway that a tier has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gateway {
    /// Developer, Basic, Standard, Premium.
    Classic,
    /// The v2 tiers.
    V2,
    /// Consumption.
    Consumption,
    /// Self-hosted gateway.
    SelfHosted,
}

impl Gateway {
    /// The gateway of an ARM `sku.name`; `None` for an unknown one.
    #[must_use]
    pub fn of_sku(sku: &str) -> Option<Self> {
        let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(sku));
        if is(&["Developer", "Basic", "Standard", "Premium", "Isolated"]) {
            Some(Self::Classic)
        } else if is(&["BasicV2", "StandardV2", "PremiumV2"]) {
            Some(Self::V2)
        } else if is(&["Consumption"]) {
            Some(Self::Consumption)
        } else {
            None
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Classic => "classic",
            Self::V2 => "v2",
            Self::Consumption => "Consumption",
            Self::SelfHosted => "self-hosted",
        })
    }
}

/// A set of up to eight of something, by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Set(u8);

impl Set {
    /// Whether `section` is in this set of sections.
    #[must_use]
    pub const fn has_section(self, section: Section) -> bool {
        self.0 & (1 << section as u8) != 0
    }

    /// Whether `scope` is in this set of scopes.
    #[must_use]
    pub const fn has_scope(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether `gateway` is in this set of gateways.
    #[must_use]
    pub const fn has_gateway(self, gateway: Gateway) -> bool {
        self.0 & (1 << gateway as u8) != 0
    }

    /// The sections of this set, for people: `inbound, backend`.
    #[must_use]
    pub fn section_names(self) -> String {
        Section::ALL.into_iter().filter(|section| self.has_section(*section)).map(Section::name).collect::<Vec<_>>().join(", ")
    }

    /// The scopes of this set, for people.
    #[must_use]
    pub fn scope_names(self) -> String {
        use Scope::{Api, Global, Operation, Product, Resolver, Workspace};
        let names = [Global, Workspace, Product, Api, Operation, Resolver];
        names.into_iter().filter(|scope| self.has_scope(*scope)).map(|scope| scope.to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// How often a policy may stand in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// As often as one likes.
    No,
    /// Once in each section.
    PerSection,
    /// Once in the document.
    PerDocument,
}

/// The C# type that an expression has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Anything.
    Object,
    /// `string`.
    String,
    /// `bool`.
    Boolean,
    /// `int`.
    Integer,
    /// `long`, and no `int`: seen on Azure for `token-quota`.
    Long,
    /// `double`.
    Number,
    /// `byte[]`.
    Bytes,
    /// One of the types that a variable may have, which the page of `set-variable` lists.
    Variable,
}

impl Returns {
    /// The type as C# names it; what is given is converted to it.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Object | Self::Variable => "object",
            Self::String => "string",
            Self::Boolean => "bool",
            Self::Integer => "int",
            Self::Long => "long",
            Self::Number => "double",
            Self::Bytes => "byte[]",
        }
    }
}

/// What a literal may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Literal {
    /// Any text.
    Text,
    /// A text that is not empty: a name.
    Name,
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// A number in a range, both ends included.
    Number(f64, f64),
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// One attribute of a policy or of one of its children.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What a literal may be.
    pub literal: Literal,
    /// What an expression has to give; `None` if no expression is allowed.
    pub expression: Option<Returns>,
}

impl Attribute {
    const fn computed(self, returns: Returns) -> Self {
        Self { expression: Some(returns), ..self }
    }
}

const fn required(name: &'static str, literal: Literal) -> Attribute {
    Attribute { name, required: true, literal, expression: None }
}

const fn optional(name: &'static str, literal: Literal) -> Attribute {
    Attribute { name, required: false, literal, expression: None }
}

/// A required attribute that takes text or an expression that gives a string.
const fn string(name: &'static str) -> Attribute {
    required(name, Literal::Text).computed(Returns::String)
}

/// An optional attribute that takes text or an expression that gives a string.
const fn maybe_string(name: &'static str) -> Attribute {
    optional(name, Literal::Text).computed(Returns::String)
}

const fn maybe_boolean(name: &'static str) -> Attribute {
    optional(name, Literal::Boolean).computed(Returns::Boolean)
}

const fn flag(name: &'static str) -> Attribute {
    optional(name, Literal::Boolean)
}

const fn integer(name: &'static str, from: i64, to: i64) -> Attribute {
    required(name, Literal::Integer(from, to)).computed(Returns::Integer)
}

const fn maybe_integer(name: &'static str, from: i64, to: i64) -> Attribute {
    optional(name, Literal::Integer(from, to)).computed(Returns::Integer)
}

const fn name(name: &'static str) -> Attribute {
    required(name, Literal::Name)
}

const fn maybe_name(name: &'static str) -> Attribute {
    optional(name, Literal::Name)
}

/// What stands between start and end tag besides elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Nothing.
    None,
    /// Text, literal or an expression with this result.
    Value(Returns),
    /// Literal text only.
    Literal,
    /// Anything at all: a body, a style sheet, or an expression with this result. Elements in it are no policies.
    Payload(Returns),
}

/// Which elements stand inside.
#[derive(Debug, Clone, Copy)]
pub enum Children {
    /// None.
    None,
    /// Policies, as in the section around.
    Policies,
    /// These policies only.
    These(&'static [&'static str]),
    /// These elements in this order.
    Elements(&'static [Child]),
}

/// How often a child element stands in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs {
    /// At most once.
    Optional,
    /// Once.
    Once,
    /// Any number of times.
    Any,
    /// At least once.
    Some,
}

/// One kind of child element.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    /// Name.
    pub name: &'static str,
    /// How often.
    pub occurs: Occurs,
    /// What it holds.
    pub shape: &'static Shape,
}

const fn child(name: &'static str, occurs: Occurs, shape: &'static Shape) -> Child {
    Child { name, occurs, shape }
}

/// What an element may look like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Attributes; every policy also takes `id`.
    pub attributes: &'static [Attribute],
    /// Text.
    pub text: Text,
    /// Elements.
    pub children: Children,
}

const fn shape(attributes: &'static [Attribute], text: Text, children: Children) -> Shape {
    Shape { attributes, text, children }
}

const fn leaf(attributes: &'static [Attribute]) -> Shape {
    shape(attributes, Text::None, Children::None)
}

const fn text_only(returns: Returns) -> Shape {
    shape(&[], Text::Value(returns), Children::None)
}

/// One policy.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Element name.
    pub name: &'static str,
    /// Sections in which it is allowed.
    pub sections: Set,
    /// Sections of which the sources disagree.
    pub disputed: Set,
    /// Scopes at which it is allowed.
    pub scopes: Set,
    /// Gateways that have it.
    pub gateways: Set,
    /// How often.
    pub once: Once,
    /// What it looks like.
    pub shape: Shape,
}

const INBOUND: u8 = 1 << Section::Inbound as u8;
const BACKEND: u8 = 1 << Section::Backend as u8;
const OUTBOUND: u8 = 1 << Section::Outbound as u8;
const ON_ERROR: u8 = 1 << Section::OnError as u8;
const EVERY_SECTION: u8 = INBOUND | BACKEND | OUTBOUND | ON_ERROR;

const GLOBAL: u8 = 1 << Scope::Global as u8;
const WORKSPACE: u8 = 1 << Scope::Workspace as u8;
const PRODUCT: u8 = 1 << Scope::Product as u8;
const API: u8 = 1 << Scope::Api as u8;
const OPERATION: u8 = 1 << Scope::Operation as u8;
const RESOLVER: u8 = 1 << Scope::Resolver as u8;
const EVERY_SCOPE: u8 = GLOBAL | WORKSPACE | PRODUCT | API | OPERATION;

const CLASSIC: u8 = 1 << Gateway::Classic as u8;
const V2: u8 = 1 << Gateway::V2 as u8;
const CONSUMPTION: u8 = 1 << Gateway::Consumption as u8;
const SELF_HOSTED: u8 = 1 << Gateway::SelfHosted as u8;
const EVERY_GATEWAY: u8 = CLASSIC | V2 | CONSUMPTION | SELF_HOSTED;

const fn policy(name: &'static str, sections: u8, shape: Shape) -> Policy {
    Policy {
        name,
        sections: Set(sections),
        disputed: Set(0),
        scopes: Set(EVERY_SCOPE),
        gateways: Set(EVERY_GATEWAY),
        once: Once::No,
        shape,
    }
}

impl Policy {
    const fn at(self, scopes: u8) -> Self {
        Self { scopes: Set(scopes), ..self }
    }

    const fn on(self, gateways: u8) -> Self {
        Self { gateways: Set(gateways), ..self }
    }

    const fn disputed(self, sections: u8) -> Self {
        Self { disputed: Set(sections), ..self }
    }

    const fn once(self, once: Once) -> Self {
        Self { once, ..self }
    }

    /// Whether it only groups other policies, so that these stand where it stands.
    #[must_use]
    pub const fn is_transparent(&self) -> bool {
        matches!(self.shape.children, Children::Policies | Children::These(_)) || matches!(self.name.as_bytes(), b"choose")
    }
}

/// All policies.
pub fn policies() -> impl Iterator<Item = &'static Policy> {
    [flow::POLICIES, traffic::POLICIES, content::POLICIES, llm::POLICIES].into_iter().flatten()
}

/// The policy of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Policy> {
    policies().find(|policy| policy.name == name)
}
