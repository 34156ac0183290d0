//! Expressions.

use super::{MAX_CHAIN, Parsed, Parser, is_reserved, literals};
use crate::expression::catalogue;
use crate::expression::lexer::TokenKind;
use crate::expression::syntax::{
    Argument, ArgumentMode, BinaryOperator, Initializer, InitializerValue, LambdaBody, LambdaParameter, Literal, Node, NodeKind, Pattern,
    Target, TypeSyntax, TypeSyntaxKind, UnaryOperator,
};

/// Binding power of a binary operator; bigger binds tighter.
fn binary(text: &str) -> Option<(BinaryOperator, u8)> {
    use BinaryOperator as B;
    Some(match text {
        "??" => (B::Coalesce, 2),
        "||" => (B::LogicalOr, 3),
        "&&" => (B::LogicalAnd, 4),
        "|" => (B::Or, 5),
        "^" => (B::Xor, 6),
        "&" => (B::And, 7),
        "==" => (B::Equal, 8),
        "!=" => (B::NotEqual, 8),
        "<" => (B::Less, 9),
        ">" => (B::Greater, 9),
        "<=" => (B::LessEqual, 9),
        ">=" => (B::GreaterEqual, 9),
        "<<" => (B::ShiftLeft, 10),
        "+" => (B::Add, 11),
        "-" => (B::Subtract, 11),
        "*" => (B::Multiply, 12),
        "/" => (B::Divide, 12),
        "%" => (B::Remainder, 12),
        _ => return None,
    })
}

fn node(at: usize, kind: NodeKind) -> Node {
    Node { at, kind }
}

impl Parser<'_> {
    /// A whole expression: assignment, lambda, conditional and all that binds tighter.
    pub(super) fn expression(&mut self) -> Parsed<Node> {
        self.nested(|parser| parser.assignment())
    }

    fn assignment(&mut self) -> Parsed<Node> {
        let at = self.offset();
        if self.is("throw") {
            self.at += 1;
            let value = self.expression()?;
            return Ok(node(at, NodeKind::Throw(Box::new(value))));
        }
        if self.is("from") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == TokenKind::Identifier) && self.look(2) == "in"
        {
            return Err(self.fault("LINQ query syntax is not emulated; use the methods (`Where`, `Select`, …)"));
        }
        if let Some(lambda) = self.lambda()? {
            return Ok(lambda);
        }
        let left = self.conditional()?;
        let operator = match self.here() {
            "=" => None,
            "+=" => Some(BinaryOperator::Add),
            "-=" => Some(BinaryOperator::Subtract),
            "*=" => Some(BinaryOperator::Multiply),
            "/=" => Some(BinaryOperator::Divide),
            "%=" => Some(BinaryOperator::Remainder),
            "&=" => Some(BinaryOperator::And),
            "|=" => Some(BinaryOperator::Or),
            "^=" => Some(BinaryOperator::Xor),
            "<<=" => Some(BinaryOperator::ShiftLeft),
            ">" if self.look(1) == ">=" && self.adjacent() => {
                self.at += 1;
                Some(BinaryOperator::ShiftRight)
            }
            _ => return Ok(left),
        };
        if self.kind() != Some(TokenKind::Punctuation) {
            return Ok(left);
        }
        self.at += 1;
        let right = self.expression()?;
        Ok(node(at, NodeKind::Assign(operator, Box::new(left), Box::new(right))))
    }

    /// Whether this token and the next touch: `>` `>` is a shift.
    fn adjacent(&self) -> bool {
        match (self.tokens.get(self.at), self.tokens.get(self.at + 1)) {
            (Some(one), Some(two)) => one.range.end == two.range.start,
            _ => false,
        }
    }

    fn conditional(&mut self) -> Parsed<Node> {
        let at = self.offset();
        let condition = self.binary_expression(0)?;
        if !self.is("?") {
            return Ok(condition);
        }
        self.at += 1;
        let then = self.expression()?;
        self.expect(":")?;
        let otherwise = self.expression()?;
        Ok(node(at, NodeKind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise))))
    }

    fn binary_expression(&mut self, least: u8) -> Parsed<Node> {
        let at = self.offset();
        let mut left = self.unary()?;
        let mut links = 0;
        loop {
            links += 1;
            if links > MAX_CHAIN {
                return Err(self.fault("the expression has too many operands"));
            }
            if (self.is("is") || self.is("as")) && least <= 9 {
                let is = self.is("is");
                self.at += 1;
                left = if is {
                    let pattern = self.pattern()?;
                    node(at, NodeKind::Is(Box::new(left), pattern))
                } else {
                    let ty = self.operand_type()?;
                    node(at, NodeKind::As(Box::new(left), ty))
                };
                continue;
            }
            if self.kind() != Some(TokenKind::Punctuation) {
                return Ok(left);
            }
            let operator_at = self.offset();
            let shift = self.is(">") && self.look(1) == ">" && self.adjacent();
            let (operator, power) = if shift {
                (BinaryOperator::ShiftRight, 10)
            } else if self.is(">") && self.look(1) == ">=" && self.adjacent() {
                return Ok(left);
            } else if let Some(found) = binary(self.here()) {
                found
            } else {
                return Ok(left);
            };
            if power < least {
                return Ok(left);
            }
            self.at += if shift { 2 } else { 1 };
            let right = if operator == BinaryOperator::Coalesce {
                // Right to left; a throw may stand on the right.
                if self.is("throw") { self.expression()? } else { self.nested(|parser| parser.binary_expression(power))? }
            } else {
                self.nested(|parser| parser.binary_expression(power + 1))?
            };
            left = node(operator_at, NodeKind::Binary(operator, Box::new(left), Box::new(right)));
        }
    }

    /// The type behind `is` and `as`: a `?` that begins a conditional is not part of it.
    fn operand_type(&mut self) -> Parsed<TypeSyntax> {
        let start = self.at;
        let ty = self.ty().ok_or_else(|| self.fault("a type is expected"))?;
        if let TypeSyntaxKind::Nullable(inner) = &ty.kind {
            let ends = self.done() || matches!(self.here(), ")" | ";" | "," | "]" | "}" | "&&" | "||" | "==" | "!=" | "?" | ":" | "??");
            if !ends {
                let inner = (**inner).clone();
                self.at -= 1;
                return Ok(inner);
            }
        }
        debug_assert!(self.at > start);
        Ok(ty)
    }

    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        if self.is("var") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == TokenKind::Identifier) {
            self.at += 1;
            return Ok(Pattern::Var(self.identifier()?));
        }
        let constant_start = matches!(self.kind(), Some(TokenKind::Number | TokenKind::String | TokenKind::Verbatim | TokenKind::Char))
            || matches!(self.here(), "null" | "true" | "false" | "-" | "(");
        if !constant_start {
            let start = self.at;
            if let Ok(ty) = self.operand_type() {
                if self.kind() == Some(TokenKind::Identifier) && !is_reserved(self.here()) && self.here() != "when" {
                    let name = self.identifier()?;
                    return Ok(Pattern::Declaration(ty, (name != "_").then_some(name)));
                }
                let after = self.at;
                if matches!(&ty.kind, TypeSyntaxKind::Name(name, arguments) if arguments.is_empty() && catalogue::keyword(name).is_none()) {
                    self.at = start;
                    if let Ok(value) = self.nested(|parser| parser.binary_expression(10)) {
                        if self.at == after {
                            return Ok(Pattern::Either(ty, Box::new(value)));
                        }
                        return Ok(Pattern::Constant(Box::new(value)));
                    }
                    self.at = after;
                }
                return Ok(Pattern::Type(ty));
            }
            self.at = start;
        }
        let value = self.nested(|parser| parser.binary_expression(10))?;
        Ok(Pattern::Constant(Box::new(value)))
    }

    fn unary(&mut self) -> Parsed<Node> {
        let at = self.offset();
        let operator = if self.kind() == Some(TokenKind::Punctuation) {
            match self.here() {
                "-" => Some(UnaryOperator::Minus),
                "+" => Some(UnaryOperator::Plus),
                "!" => Some(UnaryOperator::Not),
                "~" => Some(UnaryOperator::Complement),
                "++" => Some(UnaryOperator::PreIncrement),
                "--" => Some(UnaryOperator::PreDecrement),
                _ => None,
            }
        } else {
            None
        };
        if let Some(operator) = operator {
            self.at += 1;
            let operand = self.nested(|parser| parser.unary())?;
            return Ok(node(at, NodeKind::Unary(operator, Box::new(operand))));
        }
        if self.is("await") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == TokenKind::Identifier) {
            return Err(self.fault("`await` may not be used in an expression"));
        }
        if self.is("(")
            && let Some(ty) = self.attempt(|parser| parser.cast_type())
        {
            let operand = self.nested(|parser| parser.unary())?;
            return Ok(node(at, NodeKind::Cast(ty, Box::new(operand))));
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    /// `(T)` in front of an operand, by the rule of the C# specification.
    fn cast_type(&mut self) -> Option<TypeSyntax> {
        self.at += 1;
        let ty = self.ty()?;
        if !self.accept(")") {
            return None;
        }
        let certain = match &ty.kind {
            TypeSyntaxKind::Name(name, arguments) => {
                catalogue::keyword(name).is_some() || !arguments.is_empty() && !self.is(".") && !self.is("(")
            }
            TypeSyntaxKind::Tuple(_) | TypeSyntaxKind::Var => false,
            TypeSyntaxKind::Array(_) | TypeSyntaxKind::Nullable(_) => true,
        };
        let next = self.here();
        let follows = match self.kind() {
            Some(TokenKind::Identifier) => !matches!(next, "as" | "is" | "in" | "when"),
            Some(TokenKind::Number | TokenKind::String | TokenKind::Verbatim | TokenKind::Interpolated | TokenKind::Char) => true,
            Some(TokenKind::Open) => next == "(",
            Some(TokenKind::Punctuation) => matches!(next, "~" | "!") || certain && matches!(next, "-" | "+" | "++" | "--"),
            _ => false,
        };
        follows.then_some(ty)
    }

    fn lambda(&mut self) -> Parsed<Option<Node>> {
        let at = self.offset();
        let mut parameters = Vec::new();
        if self.kind() == Some(TokenKind::Identifier) && self.look(1) == "=>" && !is_reserved(self.here()) {
            parameters.push(LambdaParameter { name: self.identifier()?, ty: None });
        } else if self.is("(") && self.lambda_ahead() {
            self.at += 1;
            parameters = self.parameters()?;
        } else {
            if self.is("async") && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == TokenKind::Identifier)
                || self.is("delegate")
            {
                return Err(self.fault(format!("`{}` may not be used in an expression", self.here())));
            }
            return Ok(None);
        }
        self.expect("=>")?;
        let body = if self.is("{") {
            self.at += 1;
            LambdaBody::Block(self.nested(|parser| parser.statements_until_brace())?)
        } else {
            LambdaBody::Expression(Box::new(self.expression()?))
        };
        Ok(Some(node(at, NodeKind::Lambda(parameters, body))))
    }

    /// Parameters up to the closing parenthesis, the opening one being read.
    pub(super) fn parameters(&mut self) -> Parsed<Vec<LambdaParameter>> {
        let mut parameters = Vec::new();
        if self.accept(")") {
            return Ok(parameters);
        }
        loop {
            if self.is("out") || self.is("ref") || self.is("params") {
                return Err(self.fault(format!("a parameter with `{}` is not emulated", self.here())));
            }
            let untyped = matches!(self.look(1), "," | ")");
            let ty = if untyped { None } else { Some(self.ty().ok_or_else(|| self.fault("a parameter is expected"))?) };
            parameters.push(LambdaParameter { name: self.identifier()?, ty });
            if self.accept(")") {
                return Ok(parameters);
            }
            self.expect(",")?;
        }
    }

    fn lambda_ahead(&self) -> bool {
        let mut depth = 0usize;
        for (index, token) in self.tokens.iter().enumerate().skip(self.at) {
            let text = self.text.get(token.range.clone()).unwrap_or_default();
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return text == ")" && self.tokens.get(index + 1).and_then(|next| self.text.get(next.range.clone())) == Some("=>");
                    }
                }
                TokenKind::Identifier | TokenKind::Punctuation => {
                    // A parameter list holds only names, types and commas.
                    if !matches!(text, "," | "." | "<" | ">" | "?") && token.kind == TokenKind::Punctuation {
                        return false;
                    }
                }
                _ => return false,
            }
        }
        false
    }

    fn primary(&mut self) -> Parsed<Node> {
        let at = self.offset();
        let Some(kind) = self.kind() else { return Err(self.unexpected()) };
        let literal = match kind {
            TokenKind::Number => {
                let literal = literals::number(self.here(), at)?;
                self.at += 1;
                literal
            }
            TokenKind::String => self.string_literal(false)?,
            TokenKind::Verbatim => self.string_literal(true)?,
            TokenKind::Char => self.char_literal()?,
            TokenKind::Interpolated => return self.interpolated(),
            TokenKind::Open if self.is("(") => return self.parenthesized(at),
            TokenKind::Identifier => return self.word(at),
            _ => return Err(self.unexpected()),
        };
        Ok(node(at, NodeKind::Literal(literal)))
    }

    fn parenthesized(&mut self, at: usize) -> Parsed<Node> {
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            let name = if self.kind() == Some(TokenKind::Identifier) && self.look(1) == ":" {
                let name = self.identifier()?;
                self.at += 1;
                Some(name)
            } else {
                None
            };
            let value = self.deconstruction_part()?;
            parts.push((name, value));
            if self.accept(")") {
                break;
            }
            if !self.accept(",") {
                return Err(self.fault(format!("`)` is expected{}", self.before())));
            }
        }
        if let [(None, _)] = parts.as_slice()
            && let Some((_, value)) = parts.pop()
        {
            return Ok(value);
        }
        Ok(node(at, NodeKind::Tuple(parts)))
    }

    /// An element of a tuple: a value, or `int x` where it is taken apart.
    fn deconstruction_part(&mut self) -> Parsed<Node> {
        let at = self.offset();
        let declared = self.attempt(|parser| {
            let ty = parser.ty()?;
            let name = parser.identifier().ok()?;
            (parser.is(",") || parser.is(")")).then_some((ty, name))
        });
        match declared {
            Some((ty, name)) => Ok(node(at, NodeKind::Declaration(ty, name))),
            None => self.expression(),
        }
    }

    fn word(&mut self, at: usize) -> Parsed<Node> {
        let word = self.here();
        let literal = match word {
            "null" => Some(Literal::Null),
            "true" => Some(Literal::Boolean(true)),
            "false" => Some(Literal::Boolean(false)),
            _ => None,
        };
        if let Some(literal) = literal {
            self.at += 1;
            return Ok(node(at, NodeKind::Literal(literal)));
        }
        match word {
            "new" => {
                self.at += 1;
                return self.creation(at);
            }
            "typeof" => {
                self.at += 1;
                self.expect("(")?;
                let ty = self.ty().ok_or_else(|| self.fault("a type is expected"))?;
                self.expect(")")?;
                return Ok(node(at, NodeKind::TypeOf(ty)));
            }
            "default" => {
                self.at += 1;
                if self.accept("(") {
                    let ty = self.ty().ok_or_else(|| self.fault("a type is expected"))?;
                    self.expect(")")?;
                    return Ok(node(at, NodeKind::Default(Some(ty))));
                }
                return Ok(node(at, NodeKind::Default(None)));
            }
            "checked" | "unchecked" => {
                self.at += 1;
                self.expect("(")?;
                let value = self.expression()?;
                self.expect(")")?;
                return Ok(node(at, NodeKind::Checked(word == "checked", Box::new(value))));
            }
            "nameof" if self.look(1) == "(" => {
                self.at += 2;
                let value = self.expression()?;
                self.expect(")")?;
                return Ok(node(at, NodeKind::NameOf(Box::new(value))));
            }
            _ => {}
        }
        if let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == word) {
            self.at += 1;
            return Ok(node(at, NodeKind::Keyword(keyword)));
        }
        let name = self.identifier()?;
        let arguments = self.generic_call().unwrap_or_default();
        Ok(node(at, NodeKind::Name(name, arguments)))
    }

    /// `<T>` behind a name, if what follows says that it is one.
    fn generic_call(&mut self) -> Option<Vec<TypeSyntax>> {
        if !self.is("<") {
            return None;
        }
        self.attempt(|parser| {
            let arguments = parser.type_arguments()?;
            let follows = parser.done()
                || matches!(
                    parser.here(),
                    "(" | ")" | "]" | "}" | ":" | ";" | "," | "." | "?" | "==" | "!=" | "|" | "^" | "&&" | "||" | "&" | "[" | "?."
                );
            follows.then_some(arguments)
        })
    }

    /// Members, calls, indexers and increments behind a primary expression.
    fn postfix(&mut self, mut value: Node) -> Parsed<Node> {
        // Each `?.` opens a chain that ends with the postfix expression: its receiver waits here.
        let mut receivers: Vec<(usize, Node)> = Vec::new();
        let mut links = 0;
        loop {
            links += 1;
            if links > MAX_CHAIN / 4 || receivers.len() > 60 {
                return Err(self.fault("the expression has too many links"));
            }
            let at = self.offset();
            match self.here() {
                _ if !matches!(self.kind(), Some(TokenKind::Punctuation | TokenKind::Open)) => break,
                "." => {
                    self.at += 1;
                    let at = self.offset();
                    let name = self.identifier()?;
                    let arguments = self.generic_call().unwrap_or_default();
                    value = node(at, NodeKind::Member(Box::new(value), name, arguments));
                }
                "?." => {
                    self.at += 1;
                    let at = self.offset();
                    let name = self.identifier()?;
                    let arguments = self.generic_call().unwrap_or_default();
                    receivers.push((at, std::mem::replace(&mut value, node(at, NodeKind::Receiver))));
                    value = node(at, NodeKind::Member(Box::new(value), name, arguments));
                }
                "?" if self.look(1) == "[" && self.adjacent() && self.index_ahead() => {
                    self.at += 1;
                    receivers.push((at, std::mem::replace(&mut value, node(at, NodeKind::Receiver))));
                }
                "(" => {
                    self.at += 1;
                    let arguments = self.arguments(")")?;
                    value = node(value.at, NodeKind::Call(Box::new(value), arguments));
                }
                "[" => {
                    self.at += 1;
                    let arguments = self.arguments("]")?;
                    value = node(at, NodeKind::Index(Box::new(value), arguments));
                }
                "++" => {
                    self.at += 1;
                    value = node(at, NodeKind::Unary(UnaryOperator::PostIncrement, Box::new(value)));
                }
                "--" => {
                    self.at += 1;
                    value = node(at, NodeKind::Unary(UnaryOperator::PostDecrement, Box::new(value)));
                }
                _ => break,
            }
        }
        while let Some((at, receiver)) = receivers.pop() {
            value = node(at, NodeKind::NullConditional(Box::new(receiver), Box::new(value)));
        }
        Ok(value)
    }

    /// Whether `?[` is an index and not a conditional with `[`: C# 7 has no expression that begins with `[`.
    fn index_ahead(&self) -> bool {
        self.look(2) != "]"
    }

    pub(super) fn arguments(&mut self, close: &str) -> Parsed<Vec<Argument>> {
        let mut list = Vec::new();
        if self.accept(close) {
            return Ok(list);
        }
        loop {
            let name = if self.kind() == Some(TokenKind::Identifier) && self.look(1) == ":" && self.look(2) != ":" {
                let name = self.identifier()?;
                self.at += 1;
                Some(name)
            } else {
                None
            };
            let mode = if self.accept("out") {
                ArgumentMode::Out
            } else if self.accept("ref") {
                ArgumentMode::Ref
            } else {
                ArgumentMode::Value
            };
            let at = self.offset();
            let declared = if mode == ArgumentMode::Out {
                self.attempt(|parser| {
                    let ty = parser.ty()?;
                    let name = parser.identifier().ok()?;
                    Some((ty, name))
                })
            } else {
                None
            };
            let value = match declared {
                Some((ty, name)) if name != "_" => node(at, NodeKind::Declaration(ty, name)),
                Some(_) => node(at, NodeKind::Discard),
                None if mode == ArgumentMode::Out && self.is("_") => {
                    self.at += 1;
                    node(at, NodeKind::Discard)
                }
                None => self.expression()?,
            };
            list.push(Argument { name, mode, value });
            if self.accept(close) {
                return Ok(list);
            }
            if !self.accept(",") {
                return Err(self.fault(format!("`{close}` or `,` is expected{}", self.before())));
            }
        }
    }

    fn creation(&mut self, at: usize) -> Parsed<Node> {
        if self.accept("{") {
            return self.anonymous(at);
        }
        if self.is("[") {
            self.at += 1;
            self.expect("]")?;
            let elements = self.array_elements()?;
            return Ok(node(at, NodeKind::NewArray(None, None, Some(elements))));
        }
        let Some(mut ty) = self.ty() else { return Err(self.fault(format!("a type is expected{}", self.before()))) };
        if let TypeSyntaxKind::Array(element) = ty.kind {
            let elements = self.array_elements()?;
            return Ok(node(at, NodeKind::NewArray(Some(*element), None, Some(elements))));
        }
        if self.accept("[") {
            let length = self.expression()?;
            if self.is(",") {
                return Err(self.fault("arrays of more than one dimension are not emulated"));
            }
            self.expect("]")?;
            while self.is("[") && self.look(1) == "]" {
                self.at += 2;
                ty = TypeSyntax { at: ty.at, kind: TypeSyntaxKind::Array(Box::new(ty)) };
            }
            let elements = if self.is("{") { Some(self.array_elements()?) } else { None };
            return Ok(node(at, NodeKind::NewArray(Some(ty), Some(Box::new(length)), elements)));
        }
        let arguments = if self.accept("(") { Some(self.arguments(")")?) } else { None };
        let initializer = if self.is("{") {
            self.at += 1;
            Some(self.nested(|parser| parser.initializer())?)
        } else {
            None
        };
        if arguments.is_none() && initializer.is_none() {
            return Err(self.fault(format!("`(`, `[` or `{{` is expected{}", self.before())));
        }
        Ok(node(at, NodeKind::New(ty, arguments.unwrap_or_default(), initializer)))
    }

    fn anonymous(&mut self, at: usize) -> Parsed<Node> {
        let mut list = Vec::new();
        while !self.accept("}") {
            let name = if self.kind() == Some(TokenKind::Identifier) && self.look(1) == "=" {
                let name = self.identifier()?;
                self.at += 1;
                Some(name)
            } else {
                None
            };
            list.push((name, self.expression()?));
            if !self.accept(",") && !self.is("}") {
                return Err(self.fault(format!("`}}` or `,` is expected{}", self.before())));
            }
        }
        Ok(node(at, NodeKind::Anonymous(list)))
    }

    pub(super) fn array_elements(&mut self) -> Parsed<Vec<Node>> {
        self.expect("{")?;
        let mut list = Vec::new();
        while !self.accept("}") {
            list.push(if self.is("{") {
                let at = self.offset();
                node(at, NodeKind::ArrayInitializer(self.nested(|parser| parser.array_elements())?))
            } else {
                self.expression()?
            });
            if !self.accept(",") && !self.is("}") {
                return Err(self.fault(format!("`}}` or `,` is expected{}", self.before())));
            }
        }
        Ok(list)
    }

    fn initializer(&mut self) -> Parsed<Initializer> {
        if self.accept("}") {
            return Ok(Initializer::Collection(Vec::new()));
        }
        let object = self.is("[") || self.kind() == Some(TokenKind::Identifier) && self.look(1) == "=";
        let mut members = Vec::new();
        let mut elements = Vec::new();
        loop {
            if object {
                let at = self.offset();
                let target = if self.accept("[") { Target::Indexer(self.arguments("]")?) } else { Target::Property(self.identifier()?) };
                self.expect("=")?;
                let value = if self.accept("{") {
                    InitializerValue::Nested(self.nested(|parser| parser.initializer())?)
                } else {
                    InitializerValue::Value(self.expression()?)
                };
                members.push((at, target, value));
            } else if self.accept("{") {
                let mut list = Vec::new();
                while !self.accept("}") {
                    list.push(self.expression()?);
                    if !self.accept(",") && !self.is("}") {
                        return Err(self.fault(format!("`}}` or `,` is expected{}", self.before())));
                    }
                }
                elements.push(list);
            } else {
                elements.push(vec![self.expression()?]);
            }
            let comma = self.accept(",");
            if self.accept("}") {
                return Ok(if object { Initializer::Object(members) } else { Initializer::Collection(elements) });
            }
            if !comma {
                return Err(self.fault(format!("`}}` or `,` is expected{}", self.before())));
            }
        }
    }
}

/// Keywords that stand for a type in front of a dot.
const KEYWORDS: &[&str] =
    &["bool", "byte", "char", "decimal", "double", "float", "int", "long", "object", "sbyte", "short", "string", "uint", "ulong", "ushort"];
