//! Lambdas and method groups as delegates.

use std::sync::Arc;

use super::{Binder, Bound, Function, ProblemKind, refuse};
use crate::expression::bound::{Expr, ExprKind, Lambda, LocalId, Stmt};
use crate::expression::syntax::{Argument, ArgumentMode, LambdaBody, LambdaParameter, Node, NodeKind};
use crate::expression::types::{Type, known};

impl Binder {
    /// The lambda as a delegate of type `to`.
    pub(super) fn lambda_to(&mut self, node: &Node, to: Type) -> Bound<Expr> {
        let NodeKind::Lambda(parameters, body) = &node.kind else { return refuse(node.at, "no lambda") };
        let Some((inputs, result)) = to.delegate() else {
            return refuse(node.at, format!("Cannot convert `lambda expression' to non-delegate type `{to}'"));
        };
        if inputs.len() != parameters.len() {
            return refuse(node.at, format!("Delegate `{to}' does not take `{}' arguments", parameters.len()));
        }
        let lambda = self.function_body(node.at, parameters, &inputs, body, Some(result))?.0;
        Ok(Expr { at: node.at, ty: to, kind: ExprKind::Lambda(Arc::new(lambda)) })
    }

    /// Binds the body with these parameter types; gives the types it returns.
    pub(super) fn function_body(
        &mut self,
        at: usize,
        parameters: &[LambdaParameter],
        inputs: &[Type],
        body: &LambdaBody,
        result: Option<Type>,
    ) -> Bound<(Lambda, Vec<Type>)> {
        self.step(at)?;
        let id = self.function_count;
        self.function_count += 1;
        self.functions.push(Function { id, result, returns: Vec::new(), loops: 0 });
        self.scopes.push(Vec::new());
        let bound = self.function_inner(at, parameters, inputs, body, result);
        self.scopes.pop();
        let returns = self.functions.pop().map_or(Vec::new(), |function| function.returns);
        let (locals, body) = bound?;
        Ok((Lambda { function: id, parameters: locals, body }, returns))
    }

    fn function_inner(
        &mut self,
        at: usize,
        parameters: &[LambdaParameter],
        inputs: &[Type],
        body: &LambdaBody,
        result: Option<Type>,
    ) -> Bound<(Vec<LocalId>, Vec<Stmt>)> {
        let mut locals = Vec::new();
        for (parameter, input) in parameters.iter().zip(inputs) {
            if let Some(written) = &parameter.ty {
                let written = self.resolve_type(written)?;
                if written != *input {
                    return refuse(at, format!("Parameter `{}' is declared as type `{written}' but should be `{input}'", parameter.name));
                }
            }
            let discards = parameter.name == "_" && parameters.len() > 1;
            locals.push(if discards { self.new_local(*input) } else { self.declare(at, &parameter.name, *input)? });
        }
        let void = known().void;
        let body = match body {
            LambdaBody::Expression(node) => {
                let value = match result {
                    Some(result) if result != void => self.convert_node(node, result)?,
                    _ => self.expression(node)?,
                };
                if let Some(function) = self.functions.last_mut() {
                    function.returns.push(value.ty);
                }
                if result == Some(void) { vec![Stmt::Expr(value)] } else { vec![Stmt::Return(Some(value))] }
            }
            LambdaBody::Block(list) => {
                let list = self.statements(list)?;
                if result.is_some_and(|result| result != void) && super::statements::completes(&list) {
                    return refuse(at, "Not all code paths return a value in anonymous method");
                }
                list
            }
        };
        Ok((locals, body))
    }

    /// Whether the function converts to the delegate type.
    pub(super) fn function_fits(&mut self, node: &Node, to: Type) -> Bound<bool> {
        let (locals, count, missing) = (self.locals.len(), self.function_count, self.missing.len());
        let bound = self.convert_node(node, to);
        self.locals.truncate(locals);
        self.missing.truncate(missing);
        self.function_count = count;
        match bound {
            Ok(_) => Ok(true),
            // These would be refused in any overload.
            Err(problem) if problem.kind != ProblemKind::Type || problem.message.contains("too complex") => Err(problem),
            Err(problem) if is_final(node, &problem) => Err(problem),
            Err(_) => Ok(false),
        }
    }

    /// What the function gives when its parameters have the types of the delegate.
    pub(super) fn function_result(&mut self, node: &Node, delegate: Type) -> Bound<Option<Type>> {
        let Some((inputs, _)) = delegate.delegate() else { return Ok(None) };
        let synthetic;
        let (parameters, body) = match &node.kind {
            NodeKind::Lambda(parameters, body) => (parameters, body),
            _ => {
                synthetic = group_as_lambda(node, inputs.len());
                let NodeKind::Lambda(parameters, body) = &synthetic.kind else { return Ok(None) };
                (parameters, body)
            }
        };
        if parameters.len() != inputs.len() {
            return Ok(None);
        }
        let (locals, count, missing) = (self.locals.len(), self.function_count, self.missing.len());
        let bound = self.function_body(node.at, parameters, &inputs, body, None);
        self.locals.truncate(locals);
        self.missing.truncate(missing);
        self.function_count = count;
        match bound {
            Ok((_, returns)) => Ok(best_common(&returns)),
            Err(problem) if problem.kind != ProblemKind::Type || is_final(node, &problem) => Err(problem),
            Err(_) => Ok(None),
        }
    }

    /// A method group as a delegate.
    pub(super) fn group_to(&mut self, node: &Node, to: Type) -> Bound<Expr> {
        let Some((inputs, _)) = to.delegate() else {
            return refuse(node.at, format!("Cannot convert `method group' to non-delegate type `{to}'"));
        };
        self.lambda_to(&group_as_lambda(node, inputs.len()), to)
    }
}

/// Names that no lambda can give a meaning: the error is the user's, whatever the overload.
fn is_final(node: &Node, problem: &super::Problem) -> bool {
    matches!(node.kind, NodeKind::Lambda(..)) && (problem.message.contains("does not exist in the current context"))
}

/// `m` as `(a, b) => m(a, b)`.
fn group_as_lambda(node: &Node, count: usize) -> Node {
    let at = node.at;
    // Names that no policy can write.
    let names: Vec<String> = (0..count).map(|index| format!("<{index}>")).collect();
    let arguments = names
        .iter()
        .map(|name| Argument { name: None, mode: ArgumentMode::Value, value: Node { at, kind: NodeKind::Name(name.clone(), Vec::new()) } })
        .collect();
    let call = Node { at, kind: NodeKind::Call(Box::new(node.clone()), arguments) };
    let parameters = names.into_iter().map(|name| LambdaParameter { name, ty: None }).collect();
    Node { at, kind: NodeKind::Lambda(parameters, LambdaBody::Expression(Box::new(call))) }
}

/// The type among `types` that all others convert to.
pub(super) fn best_common(types: &[Type]) -> Option<Type> {
    let real: Vec<Type> = types.iter().copied().filter(|ty| *ty != known().null).collect();
    if real.is_empty() {
        return types.first().copied();
    }
    let has_null = real.len() != types.len();
    let best = real.iter().copied().find(|candidate| real.iter().all(|other| Binder::implicit(*other, None, *candidate).is_some()))?;
    (!has_null || best.is_reference() || best.nullable_of().is_some()).then_some(best)
}
