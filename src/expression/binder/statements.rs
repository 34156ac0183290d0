//! Statements.

use super::{Binder, Bound, Name, refuse};
use crate::expression::bound::{CatchClause, Expr, ExprKind, Stmt};
use crate::expression::syntax::{Catch, Label, LambdaBody, LambdaParameter, Node, Statement, StatementKind, TypeSyntax, TypeSyntaxKind};
use crate::expression::types::{self, Shape, Type, known};
use crate::expression::value::Value;

impl Binder {
    pub(super) fn statements(&mut self, list: &[Statement]) -> Bound<Vec<Stmt>> {
        // Local functions may be called before they are written: they are made first.
        for statement in list {
            if let StatementKind::LocalFunction(ty, name, parameters, _) = &statement.kind {
                self.declare_function(statement.at, ty, name, parameters)?;
            }
        }
        let (mut functions, mut rest) = (Vec::new(), Vec::new());
        for statement in list {
            if let StatementKind::LocalFunction(_, name, parameters, body) = &statement.kind {
                functions.push(self.local_function(statement.at, name, parameters, body)?);
            } else {
                rest.push(self.statement(statement)?);
            }
        }
        if !functions.is_empty() {
            functions.append(&mut rest);
            return Ok(functions);
        }
        Ok(rest)
    }

    fn declare_function(&mut self, at: usize, ty: &TypeSyntax, name: &str, parameters: &[LambdaParameter]) -> Bound<()> {
        let result = self.resolve_type(ty)?;
        let mut types = Vec::new();
        for parameter in parameters {
            match &parameter.ty {
                Some(ty) => types.push(self.resolve_type(ty)?),
                None => return refuse(at, "a parameter of a local function wants a type"),
            }
        }
        let void = result == known().void;
        if !void {
            types.push(result);
        }
        let delegate = types::generic(if void { "Action" } else { "Func" }, &types);
        if delegate.delegate().is_none() {
            return super::not_emulated(at, format!("a local function with {} parameters", parameters.len()));
        }
        let local = self.declare(at, name, delegate)?;
        self.share(local);
        Ok(())
    }

    fn local_function(&mut self, at: usize, name: &str, parameters: &[LambdaParameter], body: &LambdaBody) -> Bound<Stmt> {
        let Some(Name::Local(local)) = self.lookup(name).cloned() else { return refuse(at, "the local function is not declared") };
        let ty = self.local_type(local);
        let Some((inputs, result)) = ty.delegate() else { return refuse(at, "the local function has no type") };
        let lambda = self.function_body(at, parameters, &inputs, body, Some(result))?.0;
        let value = Expr { at, ty, kind: ExprKind::Lambda(std::sync::Arc::new(lambda)) };
        Ok(Stmt::Expr(Expr { at, ty, kind: ExprKind::Assign(local, Box::new(value)) }))
    }

    fn block(&mut self, list: &[Statement]) -> Bound<Vec<Stmt>> {
        self.scoped(|binder| binder.statements(list))
    }

    fn statement(&mut self, statement: &Statement) -> Bound<Stmt> {
        let at = statement.at;
        self.step(at)?;
        match &statement.kind {
            StatementKind::Empty => Ok(Stmt::Block(Vec::new())),
            StatementKind::Block(list) => self.block(list).map(Stmt::Block),
            StatementKind::Expression(node) => self.expression(node).map(Stmt::Expr),
            StatementKind::Declare(ty, constant, list) => self.declaration(at, ty, *constant, list),
            StatementKind::Deconstruct(parts, value) => self.deconstruct(at, parts, value),
            StatementKind::LocalFunction(..) => refuse(at, "a local function may not stand here"),
            StatementKind::If(condition, then, otherwise) => {
                // What the condition declares is known after the statement too: `if (!(o is int i)) return; use(i);`.
                let condition = self.condition(condition)?;
                let then = self.embedded(then)?;
                let otherwise = match otherwise {
                    Some(otherwise) => Some(Box::new(self.embedded(otherwise)?)),
                    None => None,
                };
                Ok(Stmt::If(condition, Box::new(then), otherwise))
            }
            StatementKind::While(condition, body) => self.scoped(|binder| {
                let condition = binder.condition(condition)?;
                Ok(Stmt::While(condition, Box::new(binder.looped(body)?)))
            }),
            StatementKind::DoWhile(body, condition) => {
                let body = self.looped(body)?;
                Ok(Stmt::DoWhile(Box::new(body), self.condition(condition)?))
            }
            StatementKind::For(start, condition, step, body) => self.scoped(|binder| {
                let mut first = Vec::new();
                for statement in start {
                    first.push(binder.statement(statement)?);
                }
                let condition = match condition {
                    Some(condition) => Some(binder.condition(condition)?),
                    None => None,
                };
                let mut last = Vec::new();
                for node in step {
                    last.push(binder.expression(node)?);
                }
                Ok(Stmt::For(first, condition, last, Box::new(binder.looped(body)?)))
            }),
            StatementKind::ForEach(ty, name, source, body) => self.for_each(at, ty, name, source, body),
            StatementKind::Switch(value, sections) => self.switch(at, value, sections),
            StatementKind::Return(value) => self.return_statement(at, value.as_ref()),
            StatementKind::Break | StatementKind::Continue => {
                if self.functions.last().is_none_or(|function| function.loops == 0) {
                    return refuse(at, "No enclosing loop out of which to break or continue");
                }
                Ok(if matches!(statement.kind, StatementKind::Break) { Stmt::Break } else { Stmt::Continue })
            }
            StatementKind::Throw(None) => Ok(Stmt::Throw(None)),
            StatementKind::Throw(Some(value)) => {
                let value = self.expression(value)?;
                if !value.ty.converts_by_reference(known().exception) {
                    return refuse(at, "The type caught or thrown must be derived from System.Exception");
                }
                Ok(Stmt::Throw(Some(value)))
            }
            StatementKind::Try(body, catches, finally) => {
                let body = self.block(body)?;
                let mut clauses = Vec::new();
                for catch in catches {
                    clauses.push(self.catch(catch)?);
                }
                let finally = match finally {
                    Some(list) => Some(self.block(list)?),
                    None => None,
                };
                Ok(Stmt::Try(body, clauses, finally))
            }
            StatementKind::Using(resource, body) => self.using(at, resource, body),
            StatementKind::Checked(checked, list) => {
                let before = (self.checked, self.unchecked);
                (self.checked, self.unchecked) = (*checked, !*checked);
                let bound = self.block(list);
                (self.checked, self.unchecked) = before;
                bound.map(Stmt::Block)
            }
        }
    }

    fn embedded(&mut self, statement: &Statement) -> Bound<Stmt> {
        if matches!(statement.kind, StatementKind::Declare(..)) {
            return refuse(statement.at, "An embedded statement may not be a declaration or labeled statement");
        }
        self.scoped(|binder| binder.statement(statement))
    }

    fn looped(&mut self, statement: &Statement) -> Bound<Stmt> {
        if let Some(function) = self.functions.last_mut() {
            function.loops += 1;
        }
        let bound = self.embedded(statement);
        if let Some(function) = self.functions.last_mut() {
            function.loops -= 1;
        }
        bound
    }

    fn declaration(&mut self, at: usize, ty: &TypeSyntax, constant: bool, list: &[(String, Option<Node>)]) -> Bound<Stmt> {
        let mut bound = Vec::new();
        let var = ty.kind == TypeSyntaxKind::Var;
        for (name, value) in list {
            let value = match value {
                Some(node) if var => {
                    if self.is_method_group(node) || matches!(node.kind, crate::expression::syntax::NodeKind::Lambda(..)) {
                        return refuse(
                            node.at,
                            format!("An implicitly typed local variable declaration cannot be initialized with `{}'", known().function),
                        );
                    }
                    let value = self.expression(node)?;
                    if value.ty == known().null || value.ty == known().void {
                        return refuse(
                            node.at,
                            format!("An implicitly typed local variable declaration cannot be initialized with `{}'", value.ty),
                        );
                    }
                    Some(value)
                }
                Some(node) => {
                    let ty = self.resolve_type(ty)?;
                    Some(self.convert_node(node, ty)?)
                }
                None if var => return refuse(at, "An implicitly typed local variable declarator must include an initializer"),
                None => None,
            };
            let ty = match &value {
                Some(value) if var => value.ty,
                _ => self.resolve_type(ty)?,
            };
            if constant {
                let Some(value) = value.filter(|value| value.value().is_some()) else {
                    return refuse(at, format!("The expression being assigned to `{name}' must be constant"));
                };
                if self.lookup(name).is_some() {
                    return refuse(at, format!("A local variable named `{name}' is already declared in this scope"));
                }
                if let Some(scope) = self.scopes.last_mut() {
                    scope.push((name.clone(), Name::Constant(value)));
                }
                continue;
            }
            let local = self.declare(at, name, ty)?;
            bound.push(Stmt::Declare(local, value));
        }
        Ok(if bound.len() == 1 { bound.remove(0) } else { Stmt::Block(bound) })
    }

    fn deconstruct(&mut self, at: usize, parts: &[(Option<TypeSyntax>, String)], value: &Node) -> Bound<Stmt> {
        let value = self.expression(value)?;
        let fields: Vec<Type> = match value.ty.shape() {
            Shape::Tuple(fields) => fields.iter().map(|field| field.1).collect(),
            _ if value.ty.is("KeyValuePair") => value.ty.arguments().to_vec(),
            _ => return refuse(at, format!("Cannot deconstruct instance of type `{}'", value.ty)),
        };
        if fields.len() != parts.len() {
            return refuse(at, format!("Cannot deconstruct `{}' into `{}' variables", value.ty, parts.len()));
        }
        let tuple = self.new_local(value.ty);
        let whole = Expr::local(at, value.ty, tuple);
        let mut bound = vec![Stmt::Declare(tuple, Some(value))];
        for (index, ((written, name), field)) in parts.iter().zip(fields).enumerate() {
            let item = Expr { at, ty: field, kind: ExprKind::Field(Box::new(whole.clone()), u32::try_from(index).unwrap_or(0)) };
            if name == "_" {
                continue;
            }
            let ty = match written {
                Some(written) if written.kind != TypeSyntaxKind::Var => self.resolve_type(written)?,
                _ => field,
            };
            let item = self.convert(item, ty)?;
            let local = self.declare(at, name, ty)?;
            bound.push(Stmt::Declare(local, Some(item)));
        }
        Ok(Stmt::Block(bound))
    }

    fn for_each(&mut self, at: usize, ty: &TypeSyntax, name: &str, source: &Node, body: &Statement) -> Bound<Stmt> {
        let source = self.expression(source)?;
        if matches!(source.kind, ExprKind::Default) || source.value().is_some_and(Value::is_null) {
            return refuse(at, "Use of null is not valid in this context");
        }
        let element = match element_of(source.ty) {
            Some(element) => element,
            None => {
                let message = format!(
                    "foreach statement cannot operate on variables of type `{}' because it does not contain a definition for `GetEnumerator'",
                    source.ty
                );
                return refuse(at, message);
            }
        };
        self.scoped(|binder| {
            let item = binder.new_local(element);
            let value = Expr::local(at, element, item);
            let (ty, value) = if ty.kind == TypeSyntaxKind::Var {
                (element, value)
            } else {
                let ty = binder.resolve_type(ty)?;
                (ty, binder.cast(value, ty)?)
            };
            let local = binder.declare(at, name, ty)?;
            let body = binder.looped(body)?;
            let body = Stmt::Block(vec![Stmt::Declare(local, Some(value)), body]);
            Ok(Stmt::ForEach(item, source, Box::new(body)))
        })
    }

    fn switch(&mut self, at: usize, value: &Node, sections: &[(Vec<Label>, Vec<Statement>)]) -> Bound<Stmt> {
        let value = self.expression(value)?;
        let ty = value.ty;
        let subject = self.new_local(ty);
        let mut bound = Vec::new();
        if let Some(function) = self.functions.last_mut() {
            function.loops += 1;
        }
        let result = self.scoped(|binder| {
            for (labels, body) in sections {
                let section = binder.scoped(|binder| {
                    let mut conditions = Vec::new();
                    for label in labels {
                        conditions.push(match label {
                            Label::Default => None,
                            Label::Case(pattern, when) => {
                                let condition = binder.is_pattern(at, Expr::local(at, ty, subject), pattern)?;
                                Some(match when {
                                    Some(when) => {
                                        let when = binder.condition(when)?;
                                        Expr { at, ty: known().boolean, kind: ExprKind::And(Box::new(condition), Box::new(when)) }
                                    }
                                    None => condition,
                                })
                            }
                        });
                    }
                    let body = binder.statements(body)?;
                    if completes(&body) {
                        return refuse(at, "Control cannot fall through from one case label to another");
                    }
                    Ok((conditions, body))
                })?;
                bound.push(section);
            }
            Ok(())
        });
        if let Some(function) = self.functions.last_mut() {
            function.loops -= 1;
        }
        result?;
        Ok(Stmt::Block(vec![Stmt::Declare(subject, Some(value)), Stmt::Switch(bound)]))
    }

    fn return_statement(&mut self, at: usize, value: Option<&Node>) -> Bound<Stmt> {
        let result = self.functions.last().and_then(|function| function.result);
        let void = known().void;
        match (value, result) {
            (None, None) => Ok(Stmt::Return(None)),
            (None, Some(result)) if result == void => Ok(Stmt::Return(None)),
            (None, Some(result)) => {
                refuse(at, format!("An object of a type convertible to `{result}' is required for the return statement"))
            }
            (Some(_), Some(result)) if result == void => {
                refuse(at, "A return keyword must not be followed by any expression when method returns void")
            }
            (Some(node), Some(result)) if self.functions.len() == 1 => {
                let value = if self.has_own_type(node) {
                    let value = self.expression(node)?;
                    self.natural.push(value.ty);
                    self.convert(value, result)?
                } else {
                    self.natural.push(result);
                    self.convert_node(node, result)?
                };
                Ok(Stmt::Return(Some(value)))
            }
            (Some(node), Some(result)) => Ok(Stmt::Return(Some(self.convert_node(node, result)?))),
            (Some(node), None) => {
                let value = self.expression(node)?;
                if let Some(function) = self.functions.last_mut() {
                    function.returns.push(value.ty);
                }
                Ok(Stmt::Return(Some(value)))
            }
        }
    }

    fn catch(&mut self, catch: &Catch) -> Bound<CatchClause> {
        self.scoped(|binder| {
            let ty = match &catch.ty {
                Some(ty) => binder.resolve_type(ty)?,
                None => known().exception,
            };
            if !ty.converts_by_reference(known().exception) {
                return refuse(catch.at, "The type caught or thrown must be derived from System.Exception");
            }
            let local = match &catch.name {
                Some(name) => Some(binder.declare(catch.at, name, ty)?),
                None => None,
            };
            let filter = match &catch.filter {
                Some(filter) => Some(binder.condition(filter)?),
                None => None,
            };
            Ok(CatchClause { ty, local, filter, body: binder.block(&catch.body)? })
        })
    }

    fn using(&mut self, at: usize, resource: &Statement, body: &Statement) -> Bound<Stmt> {
        self.scoped(|binder| {
            let (first, value) = match &resource.kind {
                StatementKind::Declare(_, _, names) => {
                    let declared = binder.statement(resource)?;
                    let Some((name, _)) = names.first().filter(|_| names.len() == 1) else {
                        return super::not_emulated(at, "`using` with several resources");
                    };
                    let Some(value) = binder.name(at, name) else { return refuse(at, "`using` wants a variable") };
                    (declared, value)
                }
                StatementKind::Expression(node) => {
                    let value = binder.expression(node)?;
                    let ty = value.ty;
                    let local = binder.new_local(ty);
                    (Stmt::Declare(local, Some(value)), Expr::local(at, ty, local))
                }
                _ => return refuse(at, "`using` wants a resource"),
            };
            let disposable = value.ty.interfaces().iter().any(|interface| interface.is("IDisposable")) || value.ty.is("IDisposable");
            if !disposable {
                return refuse(
                    at,
                    format!("`{}': type used in a using statement must be implicitly convertible to `System.IDisposable'", value.ty),
                );
            }
            let body = binder.embedded(body)?;
            let dispose = binder.native(at, "Operator.Dispose", vec![value], known().void)?;
            Ok(Stmt::Block(vec![first, Stmt::Try(vec![body], Vec::new(), Some(vec![Stmt::Expr(dispose)]))]))
        })
    }
}

/// What `foreach` gives.
fn element_of(ty: Type) -> Option<Type> {
    if ty == known().string {
        return Some(known().char);
    }
    // `foreach` uses the public `GetEnumerator` of the type before its interfaces.
    if ty.is("JObject") {
        return Some(types::generic("KeyValuePair", &[known().string, known().jtoken]));
    }
    if let Some(element) = ty.enumerated() {
        return Some(element);
    }
    let plain = types::named("IEnumerable");
    (ty == plain || ty.interfaces().contains(&plain)).then_some(known().object)
}

fn is_true(condition: &Expr) -> bool {
    matches!(condition.value(), Some(Value::Boolean(true)))
}

/// Whether control can reach the end of the list.
pub(super) fn completes(list: &[Stmt]) -> bool {
    list.iter().all(completes_one)
}

fn completes_one(statement: &Stmt) -> bool {
    match statement {
        Stmt::Return(_) | Stmt::Throw(_) | Stmt::Break | Stmt::Continue => false,
        Stmt::Expr(Expr { kind: ExprKind::Throw(_), .. }) => false,
        Stmt::Block(list) => completes(list),
        Stmt::If(_, then, Some(otherwise)) => completes_one(then) || completes_one(otherwise),
        Stmt::While(condition, body) => !is_true(condition) || breaks(body),
        Stmt::For(_, condition, _, body) => condition.as_ref().is_some_and(|condition| !is_true(condition)) || breaks(body),
        Stmt::DoWhile(body, condition) => (!is_true(condition) && (completes_one(body) || continues(body))) || breaks(body),
        Stmt::Switch(sections) => {
            let exhaustive = sections.iter().any(|(labels, _)| labels.iter().any(Option::is_none));
            !exhaustive || sections.iter().any(|(_, body)| body.iter().any(breaks))
        }
        Stmt::Try(body, catches, finally) => {
            let through = completes(body) || catches.iter().any(|catch| completes(&catch.body));
            through && finally.as_ref().is_none_or(|finally| completes(finally))
        }
        _ => true,
    }
}

/// Whether a `break` in it leaves the loop it is the body of.
fn breaks(statement: &Stmt) -> bool {
    leaves(statement, &|statement| matches!(statement, Stmt::Break))
}

fn continues(statement: &Stmt) -> bool {
    leaves(statement, &|statement| matches!(statement, Stmt::Continue))
}

fn leaves(statement: &Stmt, is: &dyn Fn(&Stmt) -> bool) -> bool {
    match statement {
        Stmt::Block(list) => list.iter().any(|statement| leaves(statement, is)),
        Stmt::If(_, then, otherwise) => leaves(then, is) || otherwise.as_ref().is_some_and(|otherwise| leaves(otherwise, is)),
        Stmt::Try(body, catches, _) => {
            body.iter().any(|statement| leaves(statement, is))
                || catches.iter().any(|catch| catch.body.iter().any(|statement| leaves(statement, is)))
        }
        statement => is(statement),
    }
}
