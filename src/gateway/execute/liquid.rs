//! Liquid templates as `set-body` takes them: DotLiquid in "C# mode" (set-body page), read once, filled by many requests.
//!
//! A crate for Liquid speaks Shopify's dialect: other filter names, other dates, errors for what is not there. Here filters have their
//! Pascal-case names and .NET's formats; one of another name changes nothing, as in DotLiquid. What is not there is empty. `and` and `or`
//! bind alike, to the right. `include`, `extends`, `block` and `tablerow` need what the gateway has not, and are refused.

mod context;
mod filters;
mod parse;
mod value;

use std::collections::HashMap;

use indexmap::IndexMap;

pub(super) use self::context::context;
pub(super) use self::value::{Value, from_json, from_xml};

/// Steps after which a template counts as running away: loops in loops over large lists.
const STEPS: u64 = 5_000_000;

/// A template.
#[derive(Debug)]
pub(super) struct Template {
    nodes: Vec<Node>,
    /// Whether it reads `body`.
    pub(super) reads_body: bool,
    /// Whether it reads `context`.
    pub(super) reads_context: bool,
}

#[derive(Debug)]
enum Node {
    Text(String),
    Output(Filtered),
    Assign(String, Filtered),
    Capture(String, Vec<Node>),
    If(Vec<(Condition, Vec<Node>)>, Vec<Node>),
    Case(Operand, Vec<(Vec<Operand>, Vec<Node>)>, Vec<Node>),
    For(Box<Loop>),
    /// Group and values.
    Cycle(String, Vec<Operand>),
    /// Its number and content.
    IfChanged(usize, Vec<Node>),
    Count(String, i64),
    Break,
    Continue,
}

#[derive(Debug)]
struct Loop {
    variable: String,
    source: Operand,
    limit: Option<Operand>,
    offset: Option<Operand>,
    reversed: bool,
    body: Vec<Node>,
    otherwise: Vec<Node>,
}

/// A value and the filters that it goes through.
#[derive(Debug)]
struct Filtered {
    operand: Operand,
    filters: Vec<(String, Vec<Operand>)>,
}

#[derive(Debug, Clone)]
enum Operand {
    Literal(Value),
    /// `empty` and `blank`.
    Empty,
    Path(String, Vec<Step>),
    Range(Box<Operand>, Box<Operand>),
}

#[derive(Debug, Clone)]
enum Step {
    Member(String),
    Index(Box<Operand>),
}

#[derive(Debug)]
enum Condition {
    Truth(Operand),
    Compare(Operand, Comparison, Operand),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    StartsWith,
    EndsWith,
    HasKey,
    HasValue,
}

#[derive(Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It is not well-formed, or uses a tag that is not emulated; says which.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text)
    }

    /// Fills it.
    ///
    /// # Errors
    /// It runs for too long, or makes more than `limit` bytes.
    pub(super) fn render(&self, globals: IndexMap<String, Value>, limit: usize) -> Result<String, String> {
        let mut state = State {
            globals,
            locals: Vec::new(),
            cycles: HashMap::new(),
            changed: HashMap::new(),
            counts: HashMap::new(),
            out: String::new(),
            steps: STEPS,
            limit,
        };
        state.all(&self.nodes)?;
        Ok(state.out)
    }
}

struct State {
    globals: IndexMap<String, Value>,
    /// Loop variables and `forloop`, the innermost last.
    locals: Vec<(String, Value)>,
    cycles: HashMap<String, usize>,
    changed: HashMap<usize, String>,
    counts: HashMap<String, i64>,
    out: String,
    steps: u64,
    limit: usize,
}

impl State {
    fn all(&mut self, nodes: &[Node]) -> Result<Flow, String> {
        for node in nodes {
            self.steps = self.steps.checked_sub(1).ok_or("the template runs for too long")?;
            if self.out.len() > self.limit {
                return Err(format!("the template makes more than {} bytes", self.limit));
            }
            match self.one(node)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn one(&mut self, node: &Node) -> Result<Flow, String> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Output(filtered) => {
                let value = self.filtered(filtered)?;
                value.write(&mut self.out, self.limit);
            }
            Node::Assign(name, filtered) => {
                let value = self.filtered(filtered)?;
                self.globals.insert(name.clone(), value);
            }
            Node::Capture(name, nodes) => {
                let outer = std::mem::take(&mut self.out);
                let flow = self.all(nodes)?;
                let captured = std::mem::replace(&mut self.out, outer);
                self.globals.insert(name.clone(), Value::from(captured));
                return Ok(flow);
            }
            Node::If(branches, otherwise) => {
                for (condition, nodes) in branches {
                    if self.holds(condition)? {
                        return self.all(nodes);
                    }
                }
                return self.all(otherwise);
            }
            Node::Case(subject, branches, otherwise) => {
                let subject = self.operand(subject)?;
                for (values, nodes) in branches {
                    for value in values {
                        if subject.equals(&self.operand(value)?) {
                            return self.all(nodes);
                        }
                    }
                }
                return self.all(otherwise);
            }
            Node::For(plan) => return self.loop_over(plan),
            Node::Cycle(group, values) => {
                let place = self.cycles.entry(group.clone()).or_insert(0);
                let now = *place;
                *place = (now + 1) % values.len().max(1);
                if let Some(value) = values.get(now) {
                    self.operand(value)?.write(&mut self.out, self.limit);
                }
            }
            Node::IfChanged(number, nodes) => {
                let outer = std::mem::take(&mut self.out);
                let flow = self.all(nodes)?;
                let made = std::mem::replace(&mut self.out, outer);
                if self.changed.get(number) != Some(&made) {
                    self.out.push_str(&made);
                    self.changed.insert(*number, made);
                }
                return Ok(flow);
            }
            Node::Count(name, by) => {
                let count = self.counts.entry(name.clone()).or_insert(0);
                // `increment` shows the old value, `decrement` the new one.
                let shown = if *by < 0 { *count - 1 } else { *count };
                *count = count.saturating_add(*by);
                self.out.push_str(&shown.to_string());
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn loop_over(&mut self, plan: &Loop) -> Result<Flow, String> {
        let source = self.operand(&plan.source)?;
        let offset = self.size(plan.offset.as_ref())?.unwrap_or(0);
        let limit = self.size(plan.limit.as_ref())?.unwrap_or(usize::MAX);
        let mut items: Vec<Value> = source.items().into_iter().skip(offset).take(limit).collect();
        if plan.reversed {
            items.reverse();
        }
        if items.is_empty() {
            return self.all(&plan.otherwise);
        }
        let length = items.len();
        let depth = self.locals.len();
        for (index, item) in items.into_iter().enumerate() {
            self.steps = self.steps.checked_sub(1).ok_or("the template runs for too long")?;
            self.locals.truncate(depth);
            self.locals.push((plan.variable.clone(), item));
            self.locals.push(("forloop".to_owned(), forloop(index, length)));
            if self.all(&plan.body)? == Flow::Break {
                break;
            }
        }
        self.locals.truncate(depth);
        Ok(Flow::Next)
    }

    fn size(&mut self, operand: Option<&Operand>) -> Result<Option<usize>, String> {
        let Some(operand) = operand else { return Ok(None) };
        Ok(self.operand(operand)?.integer().map(|number| usize::try_from(number).unwrap_or(0)))
    }

    fn filtered(&mut self, filtered: &Filtered) -> Result<Value, String> {
        let mut value = self.operand(&filtered.operand)?;
        for (name, operands) in &filtered.filters {
            let arguments = operands.iter().map(|operand| self.operand(operand)).collect::<Result<Vec<_>, _>>()?;
            value = filters::apply(name, value, &arguments);
        }
        Ok(value)
    }

    fn operand(&mut self, operand: &Operand) -> Result<Value, String> {
        Ok(match operand {
            Operand::Literal(value) => value.clone(),
            Operand::Empty => Value::Nil,
            Operand::Path(root, steps) => {
                let mut value = self.root(root);
                for step in steps {
                    value = match step {
                        Step::Member(name) => value.member(name),
                        Step::Index(index) => {
                            let index = self.operand(index)?;
                            value.index(&index)
                        }
                    };
                }
                value
            }
            Operand::Range(from, to) => {
                let (from, to) = (self.operand(from)?.integer().unwrap_or(0), self.operand(to)?.integer().unwrap_or(0));
                let count = to.saturating_sub(from).saturating_add(1).max(0);
                let spent = u64::try_from(count).unwrap_or(0);
                self.steps = self.steps.checked_sub(spent).ok_or("the template runs for too long")?;
                Value::list((from..=to).map(Value::Integer).collect())
            }
        })
    }

    fn root(&self, name: &str) -> Value {
        if let Some((_, value)) = self.locals.iter().rev().find(|(own, _)| own == name) {
            return value.clone();
        }
        if let Some(value) = self.globals.get(name) {
            return value.clone();
        }
        self.counts.get(name).map_or(Value::Nil, |count| Value::Integer(*count))
    }

    fn holds(&mut self, condition: &Condition) -> Result<bool, String> {
        Ok(match condition {
            Condition::Truth(operand) => self.operand(operand)?.is_true(),
            Condition::And(left, right) => self.holds(left)? && self.holds(right)?,
            Condition::Or(left, right) => self.holds(left)? || self.holds(right)?,
            Condition::Not(inner) => !self.holds(inner)?,
            Condition::Compare(left, comparison, right) => {
                let empty = matches!(left, Operand::Empty) || matches!(right, Operand::Empty);
                let (first, second) = (self.operand(left)?, self.operand(right)?);
                if empty {
                    let value = if matches!(left, Operand::Empty) { &second } else { &first };
                    return Ok(match comparison {
                        Comparison::Equal => value.is_empty(),
                        Comparison::NotEqual => !value.is_empty(),
                        _ => false,
                    });
                }
                first.compare(*comparison, &second)
            }
        })
    }
}

fn forloop(index: usize, length: usize) -> Value {
    let number = |number: usize| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let members = [
        ("name", Value::Nil),
        ("length", number(length)),
        ("index", number(index + 1)),
        ("index0", number(index)),
        ("rindex", number(length - index)),
        ("rindex0", number(length - index - 1)),
        ("first", Value::Boolean(index == 0)),
        ("last", Value::Boolean(index + 1 == length)),
    ];
    Value::map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests;
