//! Statements.

use super::{Parsed, Parser, is_reserved};
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{Catch, Label, LambdaBody, NodeKind, Statement, StatementKind, TypeSyntax};

impl Parser<'_> {
    /// Statements up to the closing brace, the opening one being read.
    pub(super) fn statements_until_brace(&mut self) -> Parsed<Vec<Statement>> {
        let mut list = Vec::new();
        while !self.accept("}") {
            if self.done() {
                return Err(self.unexpected());
            }
            list.push(self.statement()?);
        }
        Ok(list)
    }

    fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.expect("{")?;
        self.nested(|parser| parser.statements_until_brace())
    }

    pub(super) fn statement(&mut self) -> Parsed<Statement> {
        let at = self.offset();
        let kind = self.nested(|parser| parser.statement_kind())?;
        Ok(Statement { at, kind })
    }

    fn boxed(&mut self) -> Parsed<Box<Statement>> {
        self.statement().map(Box::new)
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        if self.accept(";") {
            return Ok(StatementKind::Empty);
        }
        if self.is("{") {
            return self.block().map(StatementKind::Block);
        }
        let word = if self.kind() == Some(TokenKind::Identifier) { self.here() } else { "" };
        match word {
            "if" => {
                self.at += 1;
                let condition = self.condition()?;
                let then = self.boxed()?;
                let otherwise = if self.accept("else") { Some(self.boxed()?) } else { None };
                Ok(StatementKind::If(condition, then, otherwise))
            }
            "while" => {
                self.at += 1;
                let condition = self.condition()?;
                Ok(StatementKind::While(condition, self.boxed()?))
            }
            "do" => {
                self.at += 1;
                let body = self.boxed()?;
                self.expect("while")?;
                let condition = self.condition()?;
                self.expect(";")?;
                Ok(StatementKind::DoWhile(body, condition))
            }
            "for" => self.for_statement(),
            "foreach" => self.foreach_statement(),
            "switch" => self.switch_statement(),
            "return" => {
                self.at += 1;
                let value = if self.is(";") { None } else { Some(self.expression()?) };
                self.expect(";")?;
                Ok(StatementKind::Return(value))
            }
            "break" | "continue" => {
                self.at += 1;
                self.expect(";")?;
                Ok(if word == "break" { StatementKind::Break } else { StatementKind::Continue })
            }
            "throw" => {
                self.at += 1;
                let value = if self.is(";") { None } else { Some(self.expression()?) };
                self.expect(";")?;
                Ok(StatementKind::Throw(value))
            }
            "try" => self.try_statement(),
            "using" => {
                self.at += 1;
                self.expect("(")?;
                let at = self.offset();
                let kind = match self.declaration(false)? {
                    Some(declaration) => declaration,
                    None => StatementKind::Expression(self.expression()?),
                };
                self.expect(")")?;
                Ok(StatementKind::Using(Box::new(Statement { at, kind }), self.boxed()?))
            }
            "checked" | "unchecked" if self.look(1) == "{" => {
                self.at += 1;
                Ok(StatementKind::Checked(word == "checked", self.block()?))
            }
            "const" => {
                self.at += 1;
                let declaration = self.declaration(true)?.ok_or_else(|| self.fault("a declaration is expected"))?;
                self.expect(";")?;
                Ok(declaration)
            }
            "goto" | "lock" | "unsafe" | "fixed" => Err(self.fault(format!("the statement `{word}` is not emulated"))),
            "yield" if matches!(self.look(1), "return" | "break") => Err(self.fault("`yield` may not be used in an expression")),
            _ => self.declaration_or_expression(),
        }
    }

    fn condition(&mut self) -> Parsed<crate::expression::syntax::Node> {
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        Ok(condition)
    }

    fn declaration_or_expression(&mut self) -> Parsed<StatementKind> {
        if let Some(deconstruction) = self.deconstruction()? {
            return Ok(deconstruction);
        }
        if let Some(function) = self.local_function()? {
            return Ok(function);
        }
        if let Some(declaration) = self.declaration(false)? {
            self.expect(";")?;
            return Ok(declaration);
        }
        let value = self.expression()?;
        let useful = matches!(
            value.kind,
            NodeKind::Assign(..) | NodeKind::Call(..) | NodeKind::New(..) | NodeKind::NullConditional(..) | NodeKind::Throw(_)
        ) || matches!(&value.kind, NodeKind::Unary(operator, _) if *operator as u8 >= crate::expression::syntax::UnaryOperator::PreIncrement as u8);
        if !useful {
            let message = "only assignment, call, increment, decrement and `new` can be used as a statement";
            return Err(super::SyntaxError { at: value.at, message: message.to_owned() });
        }
        self.expect(";")?;
        Ok(StatementKind::Expression(value))
    }

    /// `var (a, b) = …;` and `(int a, var b) = …;`.
    fn deconstruction(&mut self) -> Parsed<Option<StatementKind>> {
        let parts = self.attempt(|parser| {
            let all_var = parser.accept("var");
            if !parser.accept("(") {
                return None;
            }
            let mut parts = Vec::new();
            loop {
                let ty = if all_var { None } else { Some(parser.ty()?) };
                parts.push((ty, parser.identifier().ok()?));
                if parser.accept(")") {
                    break;
                }
                if !parser.accept(",") {
                    return None;
                }
            }
            (parser.accept("=") && parts.len() > 1).then_some(parts)
        });
        let Some(parts) = parts else { return Ok(None) };
        let value = self.expression()?;
        self.expect(";")?;
        Ok(Some(StatementKind::Deconstruct(parts, value)))
    }

    fn local_function(&mut self) -> Parsed<Option<StatementKind>> {
        let head = self.attempt(|parser| {
            let ty = parser.ty()?;
            let name = parser.identifier().ok()?;
            parser.accept("(").then_some((ty, name))
        });
        let Some((ty, name)) = head else { return Ok(None) };
        let parameters = self.parameters()?;
        let body = if self.accept("=>") {
            let value = self.expression()?;
            self.expect(";")?;
            LambdaBody::Expression(Box::new(value))
        } else {
            LambdaBody::Block(self.block()?)
        };
        Ok(Some(StatementKind::LocalFunction(ty, name, parameters, body)))
    }

    /// `T a = 1, b`, without the semicolon; nothing if it is no declaration.
    fn declaration(&mut self, constant: bool) -> Parsed<Option<StatementKind>> {
        let head = self.attempt(|parser| {
            let ty = parser.ty()?;
            let named = parser.kind() == Some(TokenKind::Identifier) && !is_reserved(parser.here());
            let follows = matches!(parser.look(1), "=" | ";" | "," | ")") || parser.at + 1 >= parser.tokens.len();
            (named && follows).then_some(ty)
        });
        let Some(ty) = head else { return Ok(None) };
        let mut list = Vec::new();
        loop {
            let name = self.identifier()?;
            let value = if self.accept("=") {
                if self.is("{") {
                    let at = self.offset();
                    Some(crate::expression::syntax::Node { at, kind: NodeKind::ArrayInitializer(self.array_elements()?) })
                } else {
                    Some(self.expression()?)
                }
            } else {
                None
            };
            list.push((name, value));
            if !self.accept(",") {
                return Ok(Some(StatementKind::Declare(ty, constant, list)));
            }
        }
    }

    fn for_statement(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        self.expect("(")?;
        let at = self.offset();
        let mut start = Vec::new();
        if !self.is(";") {
            if let Some(kind) = self.declaration(false)? {
                start.push(Statement { at, kind });
            } else {
                for value in self.expression_list()? {
                    start.push(Statement { at, kind: StatementKind::Expression(value) });
                }
            }
        }
        self.expect(";")?;
        let condition = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let step = if self.is(")") { Vec::new() } else { self.expression_list()? };
        self.expect(")")?;
        Ok(StatementKind::For(start, condition, step, self.boxed()?))
    }

    fn expression_list(&mut self) -> Parsed<Vec<crate::expression::syntax::Node>> {
        let mut list = vec![self.expression()?];
        while self.accept(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn foreach_statement(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        self.expect("(")?;
        if self.is("(") || self.is("var") && self.look(1) == "(" {
            return Err(self.fault("taking a tuple apart in `foreach` is not emulated"));
        }
        let ty = self.ty().ok_or_else(|| self.fault("a type is expected"))?;
        let name = self.identifier()?;
        self.expect("in")?;
        let source = self.expression()?;
        self.expect(")")?;
        Ok(StatementKind::ForEach(ty, name, source, self.boxed()?))
    }

    fn switch_statement(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let value = self.condition()?;
        self.expect("{")?;
        let mut sections = Vec::new();
        while !self.accept("}") {
            let mut labels = Vec::new();
            loop {
                if self.accept("case") {
                    let pattern = self.pattern()?;
                    let when = if self.accept("when") { Some(self.expression()?) } else { None };
                    self.expect(":")?;
                    labels.push(Label::Case(pattern, when));
                } else if self.is("default") && self.look(1) == ":" {
                    self.at += 2;
                    labels.push(Label::Default);
                } else {
                    break;
                }
            }
            if labels.is_empty() {
                return Err(self.fault(format!("`case` or `default` is expected{}", self.before())));
            }
            let mut body = Vec::new();
            let ends = |parser: &Self| matches!(parser.here(), "case" | "}") || parser.is("default") && parser.look(1) == ":";
            while !ends(self) {
                if self.done() {
                    return Err(self.unexpected());
                }
                body.push(self.statement()?);
            }
            sections.push((labels, body));
        }
        Ok(StatementKind::Switch(value, sections))
    }

    fn try_statement(&mut self) -> Parsed<StatementKind> {
        self.at += 1;
        let body = self.block()?;
        let mut catches = Vec::new();
        while self.is("catch") {
            let at = self.offset();
            self.at += 1;
            let (mut ty, mut name): (Option<TypeSyntax>, Option<String>) = (None, None);
            if self.accept("(") {
                ty = Some(self.ty().ok_or_else(|| self.fault("a type is expected"))?);
                if !self.is(")") {
                    name = Some(self.identifier()?);
                }
                self.expect(")")?;
            }
            let filter = if self.accept("when") { Some(self.condition()?) } else { None };
            catches.push(Catch { at, ty, name, filter, body: self.block()? });
        }
        let finally = if self.accept("finally") { Some(self.block()?) } else { None };
        if catches.is_empty() && finally.is_none() {
            return Err(self.fault(format!("`catch` or `finally` is expected{}", self.before())));
        }
        Ok(StatementKind::Try(body, catches, finally))
    }
}
