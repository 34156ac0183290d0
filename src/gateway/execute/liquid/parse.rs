//! From text to a template.

use std::sync::Arc;

use super::{Comparison, Condition, Filtered, Loop, Node, Operand, Step, Template, Value};
use crate::policy::decode_references;

/// Tags inside tags.
const DEPTH: usize = 64;

/// A piece of the template's text.
#[derive(Debug)]
enum Piece {
    Text(String),
    Output(String),
    Tag(String),
}

/// Reads a template.
pub(super) fn parse(text: &str) -> Result<Template, String> {
    let mut parser = Parser { pieces: pieces(text)?.into_iter(), conditional: 0, reads_body: false, reads_context: false };
    let (nodes, end) = parser.block(&[], 0)?;
    debug_assert!(end.is_none());
    Ok(Template { nodes, reads_body: parser.reads_body, reads_context: parser.reads_context })
}

/// Cuts the text at `{{ … }}` and `{% … %}`; a dash inside takes the white space beside it along.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut strip = false;
    loop {
        let open = rest.match_indices('{').map(|(at, _)| at).find(|at| matches!(rest.as_bytes().get(at + 1), Some(b'{' | b'%')));
        let before = open.map_or(rest, |at| &rest[..at]);
        let before = if strip { before.trim_start() } else { before };
        let Some(at) = open else {
            if !before.is_empty() {
                out.push(Piece::Text(before.to_owned()));
            }
            return Ok(out);
        };
        let is_tag = rest.as_bytes().get(at + 1) == Some(&b'%');
        let close = if is_tag { "%}" } else { "}}" };
        let inner = &rest[at + 2..];
        let end = closing(inner, close).ok_or_else(|| format!("`{}` is not closed", if is_tag { "{%" } else { "{{" }))?;
        let mut markup = &inner[..end];
        let before = match markup.strip_prefix('-') {
            Some(stripped) => {
                markup = stripped;
                before.trim_end()
            }
            None => before,
        };
        strip = match markup.strip_suffix('-') {
            Some(stripped) => {
                markup = stripped;
                true
            }
            None => false,
        };
        if !before.is_empty() {
            out.push(Piece::Text(before.to_owned()));
        }
        // Where the body holds elements the text is taken as it is written in the document.
        let decoded = decode_references(markup.trim());
        rest = &inner[end + 2..];
        if is_tag && decoded == "raw" {
            let (raw, behind) = until_endraw(rest)?;
            out.push(Piece::Text(raw.to_owned()));
            rest = behind;
        } else if is_tag {
            out.push(Piece::Tag(decoded));
        } else {
            out.push(Piece::Output(decoded));
        }
    }
}

/// Where the markup ends: not inside of a string.
fn closing(text: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in text.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if text[at..].starts_with(close) => return Some(at),
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None => {}
        }
    }
    // A lone apostrophe is no string.
    text.find(close)
}

fn until_endraw(text: &str) -> Result<(&str, &str), String> {
    for (at, _) in text.match_indices("{%") {
        let inner = &text[at + 2..];
        if let Some(end) = inner.find("%}")
            && inner[..end].trim_matches('-').trim() == "endraw"
        {
            return Ok((&text[..at], &inner[end + 2..]));
        }
    }
    Err("`raw` is not closed".to_owned())
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    /// `ifchanged` blocks so far.
    conditional: usize,
    reads_body: bool,
    reads_context: bool,
}

/// The tag that ended a block: name and the rest of its markup.
type End = Option<(String, String)>;

impl Parser {
    /// Nodes until one of `ends` (or the end of the text, if there is none).
    fn block(&mut self, ends: &[&str], depth: usize) -> Result<(Vec<Node>, End), String> {
        if depth > DEPTH {
            return Err(format!("tags are nested more than {DEPTH} deep"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            match piece {
                Piece::Text(text) => nodes.push(Node::Text(text)),
                Piece::Output(markup) => nodes.push(Node::Output(self.filtered(&markup)?)),
                Piece::Tag(markup) => {
                    let (name, rest) = split_name(&markup);
                    if ends.contains(&name) {
                        return Ok((nodes, Some((name.to_owned(), rest.to_owned()))));
                    }
                    if let Some(node) = self.tag(name, rest, depth)? {
                        nodes.push(node);
                    }
                }
            }
        }
        if let Some(end) = ends.last() { Err(format!("`{end}` is missing")) } else { Ok((nodes, None)) }
    }

    fn tag(&mut self, name: &str, rest: &str, depth: usize) -> Result<Option<Node>, String> {
        Ok(Some(match name {
            "assign" => {
                let (variable, value) = rest.split_once('=').ok_or("`assign` needs `name = value`")?;
                Node::Assign(variable.trim().to_owned(), self.filtered(value)?)
            }
            "capture" => {
                let (nodes, _) = self.block(&["endcapture"], depth + 1)?;
                Node::Capture(rest.trim_matches(['"', '\'', ' ']).to_owned(), nodes)
            }
            "comment" => {
                self.block(&["endcomment"], depth + 1)?;
                return Ok(None);
            }
            "if" => self.branches(rest, "endif", false, depth)?,
            "unless" => self.branches(rest, "endunless", true, depth)?,
            "case" => self.case(rest, depth)?,
            "for" => self.loop_over(rest, depth)?,
            "cycle" => {
                let mut tokens = self.tokens(rest)?;
                let first = tokens.operand()?;
                let (group, mut values) =
                    if tokens.take(&Token::Colon) { (rest.to_owned(), Vec::new()) } else { (rest.to_owned(), vec![first.clone()]) };
                let group = if values.is_empty() { format!("{first:?}") } else { group };
                if values.is_empty() {
                    values.push(tokens.operand()?);
                }
                while tokens.take(&Token::Comma) {
                    values.push(tokens.operand()?);
                }
                tokens.finish()?;
                Node::Cycle(group, values)
            }
            "ifchanged" => {
                let (nodes, _) = self.block(&["endifchanged"], depth + 1)?;
                self.conditional += 1;
                Node::IfChanged(self.conditional, nodes)
            }
            "increment" => Node::Count(rest.trim().to_owned(), 1),
            "decrement" => Node::Count(rest.trim().to_owned(), -1),
            "break" => Node::Break,
            "continue" => Node::Continue,
            "include" | "extends" | "block" | "tablerow" | "param" => return Err(format!("the tag `{name}` is not emulated")),
            other => return Err(format!("there is no tag `{other}`")),
        }))
    }

    fn branches(&mut self, rest: &str, end: &'static str, negated: bool, depth: usize) -> Result<Node, String> {
        let mut branches = Vec::new();
        let mut condition = self.condition(rest)?;
        if negated {
            condition = Condition::Not(Box::new(condition));
        }
        loop {
            let (nodes, found) = self.block(&["elsif", "elseif", "else", end], depth + 1)?;
            branches.push((condition, nodes));
            match found {
                Some((name, rest)) if name == "elsif" || name == "elseif" => condition = self.condition(&rest)?,
                Some((name, _)) if name == "else" => {
                    let (otherwise, _) = self.block(&[end], depth + 1)?;
                    return Ok(Node::If(branches, otherwise));
                }
                _ => return Ok(Node::If(branches, Vec::new())),
            }
        }
    }

    fn case(&mut self, rest: &str, depth: usize) -> Result<Node, String> {
        let mut tokens = self.tokens(rest)?;
        let subject = tokens.operand()?;
        tokens.finish()?;
        let ends = ["when", "else", "endcase"];
        // What stands before the first `when` is dropped.
        let (_, mut found) = self.block(&ends, depth + 1)?;
        let (mut branches, mut otherwise) = (Vec::new(), Vec::new());
        while let Some((name, rest)) = found {
            if name == "endcase" {
                break;
            }
            let mut values = Vec::new();
            if name == "when" {
                let mut tokens = self.tokens(&rest)?;
                values.push(tokens.operand()?);
                while tokens.take(&Token::Comma) || tokens.take_word("or") {
                    values.push(tokens.operand()?);
                }
                tokens.finish()?;
            }
            let (nodes, next) = self.block(&ends, depth + 1)?;
            if name == "when" {
                branches.push((values, nodes));
            } else {
                otherwise = nodes;
            }
            found = next;
        }
        Ok(Node::Case(subject, branches, otherwise))
    }

    fn loop_over(&mut self, rest: &str, depth: usize) -> Result<Node, String> {
        let mut tokens = self.tokens(rest)?;
        let variable = tokens.word()?;
        if !tokens.take_word("in") {
            return Err("`for` needs `item in list`".to_owned());
        }
        let source = tokens.operand()?;
        let (mut limit, mut offset, mut reversed) = (None, None, false);
        while !tokens.is_done() {
            let _ = tokens.take(&Token::Comma);
            match tokens.word()?.as_str() {
                "reversed" => reversed = true,
                "limit" => limit = Some(tokens.named()?),
                "offset" => offset = Some(tokens.named()?),
                other => return Err(format!("`for` knows no `{other}`")),
            }
        }
        let (body, found) = self.block(&["else", "endfor"], depth + 1)?;
        let otherwise = match found {
            Some((name, _)) if name == "else" => self.block(&["endfor"], depth + 1)?.0,
            _ => Vec::new(),
        };
        Ok(Node::For(Box::new(Loop { variable, source, limit, offset, reversed, body, otherwise })))
    }

    fn tokens(&mut self, markup: &str) -> Result<Tokens, String> {
        let tokens = Tokens::read(markup)?;
        for token in &tokens.all {
            if let Token::Word(word) = token {
                self.reads_body |= word == "body";
                self.reads_context |= word == "context";
            }
        }
        Ok(tokens)
    }

    fn filtered(&mut self, markup: &str) -> Result<Filtered, String> {
        let mut tokens = self.tokens(markup)?;
        let operand = if tokens.is_done() { Operand::Literal(Value::Nil) } else { tokens.operand()? };
        let mut filters = Vec::new();
        while tokens.take(&Token::Pipe) {
            let name = tokens.word()?;
            let mut arguments = Vec::new();
            if tokens.take(&Token::Colon) {
                arguments.push(tokens.operand()?);
                while tokens.take(&Token::Comma) || tokens.take(&Token::Colon) {
                    arguments.push(tokens.operand()?);
                }
            }
            filters.push((name, arguments));
        }
        tokens.finish()?;
        Ok(Filtered { operand, filters })
    }

    /// `and` and `or` bind alike, to the right.
    fn condition(&mut self, markup: &str) -> Result<Condition, String> {
        let mut tokens = self.tokens(markup)?;
        let mut terms = vec![tokens.term()?];
        let mut operators = Vec::new();
        loop {
            if tokens.take_word("and") {
                operators.push(true);
            } else if tokens.take_word("or") {
                operators.push(false);
            } else {
                break;
            }
            terms.push(tokens.term()?);
        }
        tokens.finish()?;
        let mut condition = terms.pop().ok_or("a condition is missing")?;
        while let (Some(and), Some(term)) = (operators.pop(), terms.pop()) {
            let (left, right) = (Box::new(term), Box::new(condition));
            condition = if and { Condition::And(left, right) } else { Condition::Or(left, right) };
        }
        Ok(condition)
    }
}

fn split_name(markup: &str) -> (&str, &str) {
    let end = markup.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(markup.len());
    let (name, rest) = markup.split_at(end);
    (name, rest.trim())
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Integer(i64),
    Number(f64),
    Compare(Comparison),
    Dot,
    Range,
    Pipe,
    Colon,
    Comma,
    Open,
    Close,
    OpenRound,
    CloseRound,
}

struct Tokens {
    all: Vec<Token>,
    at: usize,
}

impl Tokens {
    fn read(markup: &str) -> Result<Self, String> {
        let characters: Vec<char> = markup.chars().collect();
        let peek = |at: usize| characters.get(at).copied();
        let (mut all, mut at) = (Vec::new(), 0);
        while let Some(character) = peek(at) {
            let two = peek(at + 1);
            let (token, length) = match character {
                ' ' | '\t' | '\r' | '\n' => {
                    at += 1;
                    continue;
                }
                '"' | '\'' => {
                    let start = at + 1;
                    let length = characters.get(start..).unwrap_or_default().iter().position(|other| *other == character);
                    let length = length.ok_or_else(|| format!("a text is not closed in `{markup}`"))?;
                    (Token::Text(characters.iter().skip(start).take(length).collect()), length + 2)
                }
                '.' if two == Some('.') => (Token::Range, 2),
                '.' => (Token::Dot, 1),
                '|' => (Token::Pipe, 1),
                ':' => (Token::Colon, 1),
                ',' => (Token::Comma, 1),
                '[' => (Token::Open, 1),
                ']' => (Token::Close, 1),
                '(' => (Token::OpenRound, 1),
                ')' => (Token::CloseRound, 1),
                '=' if two == Some('=') => (Token::Compare(Comparison::Equal), 2),
                '!' if two == Some('=') => (Token::Compare(Comparison::NotEqual), 2),
                '<' if two == Some('>') => (Token::Compare(Comparison::NotEqual), 2),
                '<' if two == Some('=') => (Token::Compare(Comparison::LessOrEqual), 2),
                '>' if two == Some('=') => (Token::Compare(Comparison::GreaterOrEqual), 2),
                '<' => (Token::Compare(Comparison::Less), 1),
                '>' => (Token::Compare(Comparison::Greater), 1),
                digit if digit.is_ascii_digit() || digit == '-' && two.is_some_and(|two| two.is_ascii_digit()) => {
                    let mut end = at + 1;
                    while peek(end).is_some_and(|character| character.is_ascii_digit()) {
                        end += 1;
                    }
                    // `1..5` is a range, `1.5` a number.
                    let fraction = peek(end) == Some('.') && peek(end + 1).is_some_and(|character| character.is_ascii_digit());
                    if fraction {
                        end += 1;
                        while peek(end).is_some_and(|character| character.is_ascii_digit()) {
                            end += 1;
                        }
                    }
                    let text: String = characters.iter().skip(at).take(end - at).collect();
                    let token = match text.parse() {
                        Ok(number) => Token::Integer(number),
                        Err(_) => Token::Number(text.parse().map_err(|_| format!("`{text}` is no number"))?),
                    };
                    (token, end - at)
                }
                letter if letter.is_alphanumeric() || letter == '_' || letter == '@' || letter == '#' || letter == '$' => {
                    let mut end = at + 1;
                    while peek(end).is_some_and(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | '?' | '$')) {
                        end += 1;
                    }
                    (Token::Word(characters.iter().skip(at).take(end - at).collect()), end - at)
                }
                other => return Err(format!("`{other}` is not understood in `{markup}`")),
            };
            all.push(token);
            at += length;
        }
        Ok(Self { all, at: 0 })
    }

    fn peek(&self) -> Option<&Token> {
        self.all.get(self.at)
    }

    fn is_done(&self) -> bool {
        self.at >= self.all.len()
    }

    fn finish(&self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(token) => Err(format!("`{token:?}` is not expected here")),
        }
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(own)) if own == word);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> Result<String, String> {
        match self.all.get(self.at) {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err("a name is missing".to_owned()),
        }
    }

    /// `: value` behind a name.
    fn named(&mut self) -> Result<Operand, String> {
        if self.take(&Token::Colon) { self.operand() } else { Err("`:` is missing".to_owned()) }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let token = self.peek().cloned().ok_or("a value is missing")?;
        self.at += 1;
        Ok(match token {
            Token::Text(text) => Operand::Literal(Value::Text(Arc::from(text))),
            Token::Integer(number) => Operand::Literal(Value::Integer(number)),
            Token::Number(number) => Operand::Literal(Value::Number(number)),
            Token::OpenRound => {
                let from = self.operand()?;
                if !self.take(&Token::Range) {
                    return Err("a range is written `(1..5)`".to_owned());
                }
                let to = self.operand()?;
                if !self.take(&Token::CloseRound) {
                    return Err("`)` is missing".to_owned());
                }
                Operand::Range(Box::new(from), Box::new(to))
            }
            Token::Word(word) => match word.as_str() {
                "nil" | "null" => Operand::Literal(Value::Nil),
                "true" => Operand::Literal(Value::Boolean(true)),
                "false" => Operand::Literal(Value::Boolean(false)),
                "empty" | "blank" => Operand::Empty,
                _ => Operand::Path(word, self.steps()?),
            },
            Token::Open => {
                // `["name"]` alone: a variable by computed name; only the literal form is known.
                let Some(Token::Text(name)) = self.peek().cloned() else { return Err("a name is missing".to_owned()) };
                self.at += 1;
                if !self.take(&Token::Close) {
                    return Err("`]` is missing".to_owned());
                }
                Operand::Path(name, self.steps()?)
            }
            other => return Err(format!("`{other:?}` is not expected here")),
        })
    }

    fn steps(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        loop {
            if steps.len() > 256 {
                return Err("a path is too long".to_owned());
            }
            if self.take(&Token::Dot) {
                steps.push(match self.peek().cloned() {
                    Some(Token::Integer(number)) => {
                        self.at += 1;
                        Step::Member(number.to_string())
                    }
                    _ => Step::Member(self.word()?),
                });
            } else if self.take(&Token::Open) {
                let index = self.operand()?;
                if !self.take(&Token::Close) {
                    return Err("`]` is missing".to_owned());
                }
                steps.push(Step::Index(Box::new(index)));
            } else {
                return Ok(steps);
            }
        }
    }

    fn term(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let comparison = match self.peek() {
            Some(Token::Compare(comparison)) => Some(*comparison),
            Some(Token::Word(word)) => match word.to_ascii_lowercase().as_str() {
                "contains" => Some(Comparison::Contains),
                "startswith" => Some(Comparison::StartsWith),
                "endswith" => Some(Comparison::EndsWith),
                "haskey" => Some(Comparison::HasKey),
                "hasvalue" => Some(Comparison::HasValue),
                _ => None,
            },
            _ => None,
        };
        match comparison {
            Some(comparison) => {
                self.at += 1;
                Ok(Condition::Compare(left, comparison, self.operand()?))
            }
            None => Ok(Condition::Truth(left)),
        }
    }
}
