//! From a policy document to programs.

mod control;

use std::collections::HashMap;
use std::sync::Arc;

use super::{Argument, Evaluate, Op, Program, Site, Statement, Wanted};
use crate::expression::Expression;
use crate::gateway::backend::certificate::StoredCertificate;
use crate::gateway::execute;
use crate::gateway::settings::Settings;
use crate::gateway::snapshot::{BackendIndex, Service};
use crate::gateway::state::State;
use crate::policy::{Document, Element, Expression as Code, ExpressionKind, Section, Value, named_value_uses};
use crate::support::secret::Secret;
use crate::support::source::{SourceText, Span};

/// How deep fragments may include fragments; the service refuses cycles (assumed), we stop.
const FRAGMENT_DEPTH: usize = 16;

/// A named value.
#[derive(Debug, Clone)]
pub struct NamedValue {
    /// Its text.
    pub value: Secret<String>,
    /// Whether it is secret (also Key Vault ones).
    pub secret: bool,
}

/// What documents are compiled against.
#[derive(Debug)]
pub struct Environment {
    /// The service.
    pub service: Service,
    /// Named values by display name, lower case (the service does not tell cases apart).
    pub named_values: HashMap<Box<str>, NamedValue>,
    /// Fragments by lower-case name.
    pub fragments: HashMap<Box<str>, Arc<Document>>,
    /// Backends by lower-case name.
    pub backends: HashMap<Box<str>, BackendIndex>,
    /// Certificates by lower-case name and by lower-case thumbprint.
    pub certificates: HashMap<Box<str>, Arc<StoredCertificate>>,
    /// Loggers by lower-case name: their `loggerType`.
    pub loggers: HashMap<Box<str>, String>,
    /// Disputed behaviours.
    pub settings: Arc<Settings>,
    /// What outlives snapshots: statements take their counters and caches from it when they are compiled.
    pub state: Arc<State>,
}

/// Why a document cannot be run here.
#[derive(Debug, Clone)]
pub struct Problem {
    /// One sentence that names the policy.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
}

/// Literal text after `{{named values}}` were put in.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The text.
    pub text: String,
    /// Whether a secret value is part of it.
    pub secret: bool,
}

/// Compiles one section (or one block) of one document.
#[derive(Debug)]
pub struct Compiler<'a> {
    environment: &'a Environment,
    source: &'a SourceText,
    scope: crate::policy::Scope,
    section: Section,
    program: Program,
    problems: &'a mut Vec<Problem>,
    /// Place of the policy that is being compiled.
    site: u32,
    path: String,
    /// Expressions since the last statement.
    arguments: u32,
    fragment_depth: usize,
}

/// Compiles every section of a document.
pub fn compile_document(
    document: &Document,
    scope: crate::policy::Scope,
    environment: &Environment,
) -> ([Option<Program>; 4], Vec<Problem>) {
    let mut problems = Vec::new();
    let sections = Section::ALL.map(|section| {
        let element = document.section(section)?;
        let mut compiler = Compiler {
            environment,
            source: document.source(),
            scope,
            section,
            program: Program::default(),
            problems: &mut problems,
            site: 0,
            path: String::new(),
            arguments: 0,
            fragment_depth: 0,
        };
        compiler.block(element);
        if section == Section::Inbound {
            let inbound = std::mem::take(&mut compiler.program);
            compiler.preflight(element);
            let preflight = std::mem::replace(&mut compiler.program, inbound);
            compiler.program.preflight = Some(Box::new(preflight));
        }
        Some(compiler.program)
    });
    (sections, problems)
}

impl Environment {
    /// Puts named values into a literal. An unknown name stays as it is written (the service refuses it when the document is saved).
    #[must_use]
    pub fn resolve(&self, text: &str) -> Resolved {
        let mut out = String::with_capacity(text.len());
        let mut secret = false;
        let mut last = 0;
        for (range, name) in named_value_uses(text) {
            let Some(named) = self.named_values.get(name.to_ascii_lowercase().as_str()) else { continue };
            out.push_str(&text[last..range.start]);
            out.push_str(named.value.expose());
            secret |= named.secret;
            last = range.end;
        }
        out.push_str(&text[last..]);
        Resolved { text: out, secret }
    }
}

impl<'a> Compiler<'a> {
    /// What the document is compiled against.
    #[must_use]
    pub const fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// The section that is compiled.
    #[must_use]
    pub const fn section(&self) -> Section {
        self.section
    }

    /// The scope of the document.
    #[must_use]
    pub const fn scope(&self) -> crate::policy::Scope {
        self.scope
    }

    /// A stable name of the policy being compiled within its document, for counters that outlive a reload: `inbound/choose[1]/rate-limit[1]`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.section.name(), self.path)
    }

    /// The policies inside `element`, one after the other.
    pub fn block(&mut self, element: &Element) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for child in element.elements() {
            let ordinal = seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
            self.policy(child, *ordinal);
        }
    }

    /// One policy.
    fn policy(&mut self, element: &Element, ordinal: usize) {
        let outer = self.descend(element, ordinal);
        self.arguments = 0;
        match element.name.as_str() {
            "base" => self.push(Op::Base),
            "include-fragment" => self.fragment(element),
            "choose" => self.choose(element),
            "retry" => self.retry(element),
            "wait" => self.wait(element),
            name => match execute::find(name) {
                Some(compile) => compile(element, self),
                None => self.problem(element, execute::refusal(name)),
            },
        }
        self.ascend(outer);
    }

    fn descend(&mut self, element: &Element, ordinal: usize) -> (u32, usize) {
        let outer = (self.site, self.path.len());
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(&element.name);
        self.path.push_str(&format!("[{ordinal}]"));
        self.program.sites.push(Site {
            policy: Arc::from(element.name.as_str()),
            path: Arc::from(self.path.as_str()),
            policy_id: Arc::from(element.literal("id").unwrap_or_default()),
            span: Some(self.source.span(element.name_range.clone())),
        });
        self.site = u32::try_from(self.program.sites.len() - 1).unwrap_or(u32::MAX);
        outer
    }

    fn ascend(&mut self, (site, length): (u32, usize)) {
        self.site = site;
        self.path.truncate(length);
    }

    /// Says why the document cannot be run.
    pub fn problem(&mut self, element: &Element, message: impl Into<String>) {
        let span = Some(self.source.span(element.name_range.clone()));
        self.problems.push(Problem { message: message.into(), span });
    }

    fn here(&self) -> u32 {
        u32::try_from(self.program.ops.len()).unwrap_or(u32::MAX)
    }

    /// Adds an operation.
    pub fn push(&mut self, op: Op) {
        self.program.ops.push(op);
        self.program.site_of.push(self.site);
    }

    /// Adds a statement; the arguments asked for so far are its own.
    pub fn run(&mut self, statement: impl Statement + 'static) {
        self.push(Op::Run(Box::new(statement)));
        self.arguments = 0;
    }

    /// How many expressions the policy that is being compiled has so far.
    #[must_use]
    pub const fn arguments(&self) -> u32 {
        self.arguments
    }

    /// The expressions from the `first` on, the last one first.
    pub fn evaluations(&self, first: u32) -> impl Iterator<Item = &Evaluate> {
        let count = self.arguments.saturating_sub(first) as usize;
        self.program.ops.iter().rev().take(count).filter_map(|op| match op {
            Op::Evaluate(code) => Some(&**code),
            _ => None,
        })
    }

    /// Takes the expressions from the `first` on back: the policy evaluates them later, by itself.
    pub fn withdraw(&mut self, first: u32) -> Vec<Box<Evaluate>> {
        let mut taken = Vec::new();
        while self.arguments > first {
            self.program.site_of.pop();
            if let Some(Op::Evaluate(code)) = self.program.ops.pop() {
                taken.push(code);
            }
            self.arguments -= 1;
        }
        taken.reverse();
        taken
    }

    /// Puts named values into a literal, as [`Environment::resolve`].
    #[must_use]
    pub fn resolve(&self, text: &str) -> Resolved {
        self.environment.resolve(text)
    }

    /// A literal attribute, resolved; `None` if it is absent. An expression there is a problem.
    pub fn literal(&mut self, element: &Element, name: &str) -> Option<String> {
        let attribute = element.attribute(name)?;
        match &attribute.value {
            Value::Literal(text) => Some(self.resolve(text.text()).text),
            Value::Expression(_) => {
                self.problem(element, format!("the attribute `{name}` of `{}` takes no expression", element.name));
                None
            }
        }
    }

    /// A literal attribute that has to be there.
    pub fn required_literal(&mut self, element: &Element, name: &str) -> String {
        if element.attribute(name).is_none() {
            self.missing(element, name);
        }
        self.literal(element, name).unwrap_or_default()
    }

    /// A literal that is parsed; a problem if it cannot be.
    pub fn parsed<T: std::str::FromStr>(&mut self, element: &Element, name: &str) -> Option<T> {
        let text = self.literal(element, name)?;
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.problem(element, format!("the attribute `{name}` of `{}` cannot be `{text}`", element.name));
        }
        value
    }

    /// `true` or `false`, not case-sensitive.
    pub fn flag(&mut self, element: &Element, name: &str, default: bool) -> bool {
        match self.literal(element, name) {
            Some(text) if text.trim().eq_ignore_ascii_case("true") => true,
            Some(text) if text.trim().eq_ignore_ascii_case("false") => false,
            Some(text) => {
                self.problem(element, format!("the attribute `{name}` of `{}` cannot be `{text}`", element.name));
                default
            }
            None => default,
        }
    }

    fn missing(&mut self, element: &Element, name: &str) {
        self.problem(element, format!("`{}` needs the attribute `{name}`", element.name));
    }

    /// A text attribute: literal or computed.
    pub fn text(&mut self, element: &Element, name: &str) -> Option<Argument<Box<str>>> {
        let value = &element.attribute(name)?.value;
        Some(self.text_value(element, value, name))
    }

    /// A text attribute that has to be there.
    pub fn required_text(&mut self, element: &Element, name: &str) -> Argument<Box<str>> {
        match self.text(element, name) {
            Some(argument) => argument,
            None => {
                self.missing(element, name);
                Argument::Literal(Box::from(""))
            }
        }
    }

    /// The element's own text, without outer white space: `<value> … </value>`.
    pub fn content(&mut self, element: &Element) -> Argument<Box<str>> {
        match element.text() {
            Some(value) => match self.value(element, value, Wanted::Text, &element.name) {
                Argument::Literal(text) => Argument::Literal(Box::from(text.trim())),
                Argument::Computed(place) => Argument::Computed(place),
            },
            None => Argument::Literal(Box::from("")),
        }
    }

    /// The whole content of an element that may hold anything (`set-body`): the value of an expression as it is, or the literal text with
    /// its white space. Elements inside count as text, as they are written.
    pub fn payload(&mut self, element: &Element) -> Argument<String> {
        if element.elements().next().is_some() {
            let written = self.source.text().get(element.content_range.clone()).unwrap_or_default();
            return Argument::Literal(self.resolve(written).text);
        }
        let mut texts = element.texts();
        match (texts.next(), texts.next()) {
            (None, _) => Argument::Literal(String::new()),
            (Some((value, _)), None) => self.value(element, value, Wanted::Object, &element.name),
            // Comments cut the text into pieces.
            (Some(_), Some(_)) => {
                let whole: String = element.texts().filter_map(|(value, _)| value.literal()).collect();
                Argument::Literal(self.resolve(&whole).text)
            }
        }
    }

    /// Whether a secret named value is used anywhere in the element, so that no trace may show what it does.
    #[must_use]
    pub fn holds_secret(&self, element: &Element) -> bool {
        let written = self.source.text().get(element.range.clone()).unwrap_or_default();
        named_value_uses(written)
            .any(|(_, name)| self.environment.named_values.get(name.to_ascii_lowercase().as_str()).is_some_and(|named| named.secret))
    }

    /// A value as text.
    pub fn text_value(&mut self, element: &Element, value: &Value, place: &str) -> Argument<Box<str>> {
        match self.value(element, value, Wanted::Text, place) {
            Argument::Literal(text) => Argument::Literal(text.into_boxed_str()),
            Argument::Computed(place) => Argument::Computed(place),
        }
    }

    /// A truth: literal or computed.
    pub fn boolean(&mut self, element: &Element, name: &str) -> Option<Argument<bool>> {
        let value = &element.attribute(name)?.value;
        Some(match self.value(element, value, Wanted::Boolean, name) {
            Argument::Computed(place) => Argument::Computed(place),
            Argument::Literal(text) if text.trim().eq_ignore_ascii_case("true") => Argument::Literal(true),
            Argument::Literal(text) if text.trim().eq_ignore_ascii_case("false") => Argument::Literal(false),
            // An expression that does not compile has been told of.
            Argument::Literal(_) if value.expression().is_some() => Argument::Literal(false),
            Argument::Literal(text) => {
                self.problem(element, format!("the attribute `{name}` of `{}` cannot be `{text}`", element.name));
                Argument::Literal(false)
            }
        })
    }

    /// A whole number: literal or computed.
    pub fn integer(&mut self, element: &Element, name: &str) -> Option<Argument<i64>> {
        let value = &element.attribute(name)?.value;
        Some(match self.value(element, value, Wanted::Integer, name) {
            Argument::Computed(place) => Argument::Computed(place),
            Argument::Literal(_) if value.expression().is_some() => Argument::Literal(0),
            Argument::Literal(text) => Argument::Literal(text.trim().parse().unwrap_or_else(|_| {
                self.problem(element, format!("the attribute `{name}` of `{}` cannot be `{text}`", element.name));
                0
            })),
        })
    }

    /// A number: literal or computed.
    pub fn number(&mut self, element: &Element, name: &str) -> Option<Argument<f64>> {
        let value = &element.attribute(name)?.value;
        Some(match self.value(element, value, Wanted::Number, name) {
            Argument::Computed(place) => Argument::Computed(place),
            Argument::Literal(_) if value.expression().is_some() => Argument::Literal(0.0),
            Argument::Literal(text) => Argument::Literal(text.trim().parse().unwrap_or_else(|_| {
                self.problem(element, format!("the attribute `{name}` of `{}` cannot be `{text}`", element.name));
                0.0
            })),
        })
    }

    /// The value of an expression as it is, or the literal text.
    pub fn object(&mut self, element: &Element, name: &str) -> Option<Argument<String>> {
        let value = &element.attribute(name)?.value;
        Some(self.value(element, value, Wanted::Object, name))
    }

    /// Any value: an expression becomes an operation, a literal its resolved text.
    pub fn value(&mut self, element: &Element, value: &Value, wanted: Wanted, place: &str) -> Argument<String> {
        match value {
            Value::Literal(text) => {
                let resolved = self.resolve(text.text());
                // A named value may hold a whole expression (named values page).
                let trimmed = resolved.text.trim();
                let whole = [("@(", ')'), ("@{", '}')].iter().any(|(open, close)| trimmed.starts_with(open) && trimmed.ends_with(*close));
                if whole && resolved.text != text.text() {
                    let (code, secret) = (trimmed.to_owned(), resolved.secret);
                    return self.expression(element, &code, text.text(), secret, wanted, place);
                }
                Argument::Literal(resolved.text)
            }
            Value::Expression(Code { kind, code, .. }) => {
                let resolved = self.resolve(code.text());
                let (open, close) = match kind {
                    ExpressionKind::Inline => ("@(", ")"),
                    ExpressionKind::Block => ("@{", "}"),
                };
                let shown = format!("{open}{}{close}", code.text());
                self.expression(element, &format!("{open}{}{close}", resolved.text), &shown, resolved.secret, wanted, place)
            }
        }
    }

    fn expression(&mut self, element: &Element, code: &str, shown: &str, secret: bool, wanted: Wanted, place: &str) -> Argument<String> {
        // `null` is a good text, so text takes any type; conditions are `bool` by their type.
        let ty = match wanted {
            Wanted::Boolean => Some("bool"),
            Wanted::Text | Wanted::Integer | Wanted::Number | Wanted::Object => None,
        };
        match Expression::compile(code, ty) {
            Ok(expression) => {
                let evaluate = Evaluate { expression, wanted, place: Arc::from(place), source: Arc::from(shown), secret };
                self.push(Op::Evaluate(Box::new(evaluate)));
                self.arguments += 1;
                Argument::Computed(self.arguments - 1)
            }
            Err(error) => {
                self.problem(element, format!("the expression in `{place}` of `{}` does not compile: {}", element.name, error.message));
                Argument::Literal(String::new())
            }
        }
    }
}
