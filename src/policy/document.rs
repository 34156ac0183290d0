//! Policy documents as trees that remember where everything stands.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::reference::Returns;
use crate::expression;
use crate::support::source::{SourceText, Span};

/// How a document's text is encoded, as in the `format` property of the ARM resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `xml`: well-formed XML, expressions XML-encoded.
    Xml,
    /// `rawxml`: expressions as they are, with quotes, `<` and `&&`.
    RawXml,
}

/// A section of a policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// Before the request is forwarded.
    Inbound,
    /// Forwarding.
    Backend,
    /// After the response came.
    Outbound,
    /// After an error in any other section.
    OnError,
}

impl Section {
    /// All sections, in the order of execution.
    pub const ALL: [Self; 4] = [Self::Inbound, Self::Backend, Self::Outbound, Self::OnError];

    /// The element's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Backend => "backend",
            Self::Outbound => "outbound",
            Self::OnError => "on-error",
        }
    }

    /// The section of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// `@( … )` or `@{ … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExpressionKind {
    /// `@( … )`: one C# expression.
    Inline,
    /// `@{ … }`: a method body.
    Block,
}

/// A policy expression.
#[derive(Debug, Clone)]
pub struct Expression {
    /// Which form.
    pub kind: ExpressionKind,
    /// The C# between the brackets, decoded; it knows its way back to the file.
    pub code: SourceText,
    /// What the compiler said of it, and for which type it was asked.
    compiled: OnceLock<(Returns, Arc<Compiled>)>,
}

/// What the compiler says of an expression. Offsets in it are those of `@(` and the code behind it.
pub type Compiled = Result<expression::Checked, expression::CompileError>;

impl Expression {
    /// An expression that nobody has looked at yet.
    #[must_use]
    pub const fn new(kind: ExpressionKind, code: SourceText) -> Self {
        Self { kind, code, compiled: OnceLock::new() }
    }

    /// Compiles it as it stands, for a place that wants `returns`; once, since an expression has one place.
    #[must_use]
    pub fn compiled(&self, returns: Returns) -> Arc<Compiled> {
        let (known, compiled) = self.compiled.get_or_init(|| (returns, Arc::new(self.compile(self.code.text(), returns))));
        if *known == returns { Arc::clone(compiled) } else { Arc::new(self.compile(self.code.text(), returns)) }
    }

    /// What the compiler has said of it, if it was asked already.
    pub(super) fn known(&self) -> Option<&Compiled> {
        self.compiled.get().map(|(_, compiled)| &**compiled)
    }

    /// Compiles `code` in its stead: the same with named values put in.
    ///
    /// # Errors
    /// What [`expression::Expression::check`] refuses.
    pub fn compile(&self, code: &str, returns: Returns) -> Compiled {
        let text = match self.kind {
            ExpressionKind::Inline => format!("@({code})"),
            ExpressionKind::Block => format!("@{{{code}}}"),
        };
        expression::Expression::check(&text, Some(returns.type_name()))
    }
}

/// An attribute's value or an element's text, decoded.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text that is taken as it is (it may hold `{{named values}}`).
    Literal(SourceText),
    /// One policy expression and nothing else.
    Expression(Expression),
}

impl Value {
    /// The literal text, if it is one.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text.text()),
            Self::Expression(_) => None,
        }
    }

    /// The expression, if it is one.
    #[must_use]
    pub const fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Literal(_) => None,
            Self::Expression(expression) => Some(expression),
        }
    }

    /// Literal text or C#, whichever it is.
    #[must_use]
    pub const fn source(&self) -> &SourceText {
        match self {
            Self::Literal(text) => text,
            Self::Expression(expression) => &expression.code,
        }
    }
}

/// As in `rawxml`: the literal text, or the expression with its `@( )` or `@{ }`.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => formatter.write_str(text.text()),
            Self::Expression(Expression { kind: ExpressionKind::Inline, code, .. }) => write!(formatter, "@({})", code.text()),
            Self::Expression(Expression { kind: ExpressionKind::Block, code, .. }) => write!(formatter, "@{{{}}}", code.text()),
        }
    }
}

/// One attribute. Ranges are bytes of the document's text.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Name as written.
    pub name: String,
    /// Where the name stands.
    pub name_range: Range<usize>,
    /// Value, decoded.
    pub value: Value,
    /// Where the value stands, without its quotes.
    pub value_range: Range<usize>,
}

/// One element. Ranges are bytes of the document's text.
#[derive(Debug, Clone)]
pub struct Element {
    /// Name as written.
    pub name: String,
    /// Where the name stands in the start tag.
    pub name_range: Range<usize>,
    /// From `<` of the start tag to `>` of the end tag.
    pub range: Range<usize>,
    /// Between start and end tag; empty for `<x/>`.
    pub content_range: Range<usize>,
    /// In the order of the text.
    pub attributes: Vec<Attribute>,
    /// In the order of the text.
    pub children: Vec<Node>,
}

/// What an element holds.
#[derive(Debug, Clone)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Text between two tags or comments, never only white space.
    Text {
        /// The text, with its outer white space if it is a literal.
        value: Value,
        /// Where it stands.
        range: Range<usize>,
    },
    /// `<!-- … -->`.
    Comment {
        /// What stands between the dashes.
        text: String,
        /// Where it stands, dashes included.
        range: Range<usize>,
    },
}

impl Element {
    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The literal value of an attribute; `None` if it is absent or an expression.
    #[must_use]
    pub fn literal(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|attribute| attribute.value.literal())
    }

    /// The child elements.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text { .. } | Node::Comment { .. } => None,
        })
    }

    /// The child elements of that name.
    pub fn elements_named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Self> {
        self.elements().filter(move |element| element.name == name)
    }

    /// The element's texts (comments and child elements cut it into several).
    pub fn texts(&self) -> impl Iterator<Item = (&Value, &Range<usize>)> {
        self.children.iter().filter_map(|node| match node {
            Node::Text { value, range } => Some((value, range)),
            Node::Element(_) | Node::Comment { .. } => None,
        })
    }

    /// The element's text, if it holds exactly one.
    #[must_use]
    pub fn text(&self) -> Option<&Value> {
        let mut texts = self.texts();
        texts.next().filter(|_| texts.next().is_none()).map(|(value, _)| value)
    }
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// `<policies>` with its sections.
    Policies,
    /// `<fragment>`: policies to be pasted elsewhere.
    Fragment,
}

/// A policy document or fragment that could be read.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) source: SourceText,
    pub(super) format: Format,
    pub(super) kind: DocumentKind,
    pub(super) root: Element,
    pub(super) prolog: Vec<Node>,
}

impl Document {
    /// The text that was read.
    #[must_use]
    pub const fn source(&self) -> &SourceText {
        &self.source
    }

    /// How the text is encoded.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Policies or fragment.
    #[must_use]
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// `<policies>` or `<fragment>`.
    #[must_use]
    pub const fn root(&self) -> &Element {
        &self.root
    }

    /// Comments that stand before or after the root.
    #[must_use]
    pub fn prolog(&self) -> &[Node] {
        &self.prolog
    }

    /// Where a range of the document's text lies in the user's file.
    #[must_use]
    pub fn span(&self, range: &Range<usize>) -> Span {
        self.source.span(range.clone())
    }

    /// The sections in the order of the text; a fragment has none.
    pub fn sections(&self) -> impl Iterator<Item = (Section, &Element)> {
        self.root
            .elements()
            .filter(|_| self.kind == DocumentKind::Policies)
            .filter_map(|element| Some((Section::of_name(&element.name)?, element)))
    }

    /// The first element of that section.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<&Element> {
        self.sections().find(|(own, _)| *own == section).map(|(_, element)| element)
    }

    /// All elements below the root in the order of the text, sections included.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        let mut visits: Vec<Visit<'_>> = Vec::new();
        // The elements still to be visited, the next one last.
        let mut waiting: Vec<Visit<'_>> = Vec::new();
        push_children(&mut waiting, &self.root, None, 0, None, self.kind);
        while let Some(visit) = waiting.pop() {
            let index = visits.len();
            visits.push(visit);
            push_children(&mut waiting, visit.element, Some(index), visit.depth + 1, visit.section, self.kind);
        }
        Walk { visits, kind: self.kind }
    }
}

fn push_children<'a>(
    waiting: &mut Vec<Visit<'a>>,
    element: &'a Element,
    parent: Option<usize>,
    depth: usize,
    section: Option<Section>,
    kind: DocumentKind,
) {
    let start = waiting.len();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for child in element.elements() {
        let ordinal = seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
        let section = if depth == 0 && kind == DocumentKind::Policies { Section::of_name(&child.name) } else { section };
        waiting.push(Visit { element: child, parent, ordinal: *ordinal, depth, section });
    }
    waiting[start..].reverse();
}

/// One element of a [`Walk`].
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The element.
    pub element: &'a Element,
    /// Index of its parent in the walk; `None` for a child of the root.
    pub parent: Option<usize>,
    /// Its number among the siblings of its name, from 1.
    pub ordinal: usize,
    /// 0 for a child of the root.
    pub depth: usize,
    /// The section that it lies in (or is); `None` in a fragment.
    pub section: Option<Section>,
}

/// All elements of a document.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    visits: Vec<Visit<'a>>,
    kind: DocumentKind,
}

impl<'a> Walk<'a> {
    /// The elements, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = &Visit<'a>> {
        self.visits.iter()
    }

    /// The elements, indexed as [`Visit::parent`] says.
    #[must_use]
    pub fn visits(&self) -> &[Visit<'a>] {
        &self.visits
    }

    /// Parent, its parent, and so on.
    pub fn ancestors(&self, visit: &Visit<'a>) -> impl Iterator<Item = &Visit<'a>> {
        std::iter::successors(visit.parent.and_then(|index| self.visits.get(index)), |visit| {
            visit.parent.and_then(|index| self.visits.get(index))
        })
    }

    /// For instance `inbound/choose[1]/when[2]`, as in `context.LastError.Path`, with the section in front.
    #[must_use]
    pub fn path(&self, visit: &Visit<'a>) -> String {
        let segment = |visit: &Visit<'_>| {
            if visit.depth == 0 && self.kind == DocumentKind::Policies {
                visit.element.name.clone()
            } else {
                format!("{}[{}]", visit.element.name, visit.ordinal)
            }
        };
        let mut segments: Vec<String> = std::iter::once(segment(visit)).chain(self.ancestors(visit).map(segment)).collect();
        segments.reverse();
        segments.join("/")
    }
}
