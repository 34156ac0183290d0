//! Syntax: tokens to tree, by precedence climbing, for C# 7 as policies can use it.

use super::lexer::{self, Token, TokenKind};
use super::syntax::{Body, TypeSyntax, TypeSyntaxKind};

mod expressions;
mod literals;
mod statements;

/// Nesting that is read; more is refused, so that no text can exhaust the stack.
const MAX_NESTING: usize = 80;
/// Links of one chain (`a + b + …`, `a.b.c…`).
const MAX_CHAIN: usize = 1500;

/// Why a text is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

type Parsed<T> = Result<T, SyntaxError>;

/// Reads the whole of `@( … )` or `@{ … }`.
pub(crate) fn parse(text: &str) -> Parsed<Body> {
    let error = |at, message: &str| SyntaxError { at, message: message.to_owned() };
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    let inner = text.get(start..end).unwrap_or_default();
    let block = inner.starts_with("@{");
    if inner.len() < 3 || !(block && inner.ends_with('}') || inner.starts_with("@(") && inner.ends_with(')')) {
        return Err(error(start, "an expression is written `@( … )` or `@{ … }`"));
    }
    // The `@(` is no token of C#: lex what follows it, then put the positions right.
    let tokens = lexer::tokens(text.get(start + 2..end - 1).unwrap_or_default()).map(|mut tokens| {
        for token in &mut tokens {
            token.range = token.range.start + start + 2..token.range.end + start + 2;
        }
        tokens
    });
    let tokens = tokens.map_err(|problem| error(problem.offset() + start + 2, &problem.to_string()))?;
    let mut parser = Parser { text, tokens, at: 0, end: end - 1, nesting: 0 };
    let body = if block {
        let mut list = Vec::new();
        while !parser.done() {
            list.push(parser.statement()?);
        }
        Body::Block(list)
    } else {
        Body::Expression(parser.expression()?)
    };
    if parser.done() { Ok(body) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    end: usize,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn offset(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.range.start)
    }

    fn kind(&self) -> Option<TokenKind> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    fn look(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).and_then(|token| self.text.get(token.range.clone())).unwrap_or_default()
    }

    fn here(&self) -> &'a str {
        self.look(0)
    }

    fn is(&self, text: &str) -> bool {
        self.here() == text && !matches!(self.kind(), Some(TokenKind::String | TokenKind::Char))
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.accept(text) { Ok(()) } else { Err(self.fault(format!("`{text}` is expected{}", self.before()))) }
    }

    fn before(&self) -> String {
        if self.done() { " at the end".to_owned() } else { format!(" before `{}`", shorten(self.here())) }
    }

    fn fault(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { at: self.offset(), message: message.into() }
    }

    fn unexpected(&self) -> SyntaxError {
        if self.done() {
            self.fault("the expression ends too early")
        } else {
            self.fault(format!("`{}` is not expected here", shorten(self.here())))
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(self.fault("the expression is nested too deep"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// Reads ahead: what fails leaves the place as it was.
    fn attempt<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let (at, nesting) = (self.at, self.nesting);
        let result = read(self);
        if result.is_none() {
            self.at = at;
            self.nesting = nesting;
        }
        result
    }

    fn identifier(&mut self) -> Parsed<String> {
        let word = self.here();
        if self.kind() == Some(TokenKind::Identifier) && !is_reserved(word) {
            self.at += 1;
            return Ok(word.trim_start_matches('@').to_owned());
        }
        Err(self.fault(format!("a name is expected{}", self.before())))
    }

    /// A type, with `?` and `[]` behind it.
    fn ty(&mut self) -> Option<TypeSyntax> {
        let at = self.offset();
        if self.nesting >= MAX_NESTING {
            return None;
        }
        self.nesting += 1;
        let result = self.ty_inner(at);
        self.nesting -= 1;
        result
    }

    fn ty_inner(&mut self, at: usize) -> Option<TypeSyntax> {
        let kind = if self.accept("(") {
            let mut parts = Vec::new();
            loop {
                let ty = self.ty()?;
                parts.push((ty, self.identifier().ok()));
                if self.accept(")") {
                    break;
                }
                if !self.accept(",") {
                    return None;
                }
            }
            if parts.len() < 2 {
                return None;
            }
            TypeSyntaxKind::Tuple(parts)
        } else {
            let word = self.here();
            if self.kind() != Some(TokenKind::Identifier)
                || is_reserved(word) && super::catalogue::keyword(word).is_none() && word != "void"
            {
                return None;
            }
            self.at += 1;
            let mut name = word.trim_start_matches('@').to_owned();
            while self.is(".") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == TokenKind::Identifier) {
                self.at += 1;
                name.push('.');
                name.push_str(self.here().trim_start_matches('@'));
                self.at += 1;
            }
            let arguments = if self.is("<") { self.type_arguments()? } else { Vec::new() };
            if name == "var" && arguments.is_empty() { TypeSyntaxKind::Var } else { TypeSyntaxKind::Name(name, arguments) }
        };
        let mut ty = TypeSyntax { at, kind };
        loop {
            if self.is("?") && self.look(1) != "." {
                self.at += 1;
                ty = TypeSyntax { at, kind: TypeSyntaxKind::Nullable(Box::new(ty)) };
            } else if self.is("[") && self.look(1) == "]" {
                self.at += 2;
                ty = TypeSyntax { at, kind: TypeSyntaxKind::Array(Box::new(ty)) };
            } else {
                return Some(ty);
            }
        }
    }

    fn type_arguments(&mut self) -> Option<Vec<TypeSyntax>> {
        if !self.accept("<") {
            return None;
        }
        let mut list = vec![self.ty()?];
        while self.accept(",") {
            list.push(self.ty()?);
        }
        self.accept(">").then_some(list)
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() > 30 { format!("{}…", text.chars().take(30).collect::<String>()) } else { text.to_owned() }
}

/// The reserved words of C#, which name nothing.
fn is_reserved(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "abstract",
        "as",
        "base",
        "bool",
        "break",
        "byte",
        "case",
        "catch",
        "char",
        "checked",
        "class",
        "const",
        "continue",
        "decimal",
        "default",
        "delegate",
        "do",
        "double",
        "else",
        "enum",
        "event",
        "explicit",
        "extern",
        "false",
        "finally",
        "fixed",
        "float",
        "for",
        "foreach",
        "goto",
        "if",
        "implicit",
        "in",
        "int",
        "interface",
        "internal",
        "is",
        "lock",
        "long",
        "namespace",
        "new",
        "null",
        "object",
        "operator",
        "out",
        "override",
        "params",
        "private",
        "protected",
        "public",
        "readonly",
        "ref",
        "return",
        "sbyte",
        "sealed",
        "short",
        "sizeof",
        "stackalloc",
        "static",
        "string",
        "struct",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "uint",
        "ulong",
        "unchecked",
        "unsafe",
        "ushort",
        "using",
        "virtual",
        "void",
        "volatile",
        "while",
    ];
    WORDS.binary_search(&word).is_ok()
}
