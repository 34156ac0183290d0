//! `is` and `case`.

use super::{Binder, Bound, ProblemKind, refuse};
use crate::expression::bound::{Expr, ExprKind};
use crate::expression::syntax::{BinaryOperator, Pattern};
use crate::expression::types::{Type, known};
use crate::expression::value::Value;

impl Binder {
    /// Whether `value` matches, as a `bool`.
    pub(super) fn is_pattern(&mut self, at: usize, value: Expr, pattern: &Pattern) -> Bound<Expr> {
        let boolean = known().boolean;
        match pattern {
            Pattern::Type(ty) => {
                let ty = self.resolve_type(ty)?;
                Ok(Expr { at, ty: boolean, kind: ExprKind::Is(Box::new(value), ty.stripped()) })
            }
            Pattern::Either(ty, node) => match self.resolve_type(ty) {
                Ok(ty) => Ok(Expr { at, ty: boolean, kind: ExprKind::Is(Box::new(value), ty) }),
                Err(problem) => match self.expression(node) {
                    Ok(constant) => self.equals_constant(at, value, constant),
                    Err(other) => Err(if other.kind == ProblemKind::Type { problem } else { other }),
                },
            },
            Pattern::Declaration(ty, name) => {
                let var = ty.kind == crate::expression::syntax::TypeSyntaxKind::Var;
                let ty = if var { value.ty } else { self.resolve_type(ty)? };
                let test = |value: Expr| Expr { at, ty: boolean, kind: ExprKind::Is(Box::new(value), ty.stripped()) };
                let Some(name) = name else { return Ok(test(value)) };
                let local = self.declare(at, name, ty)?;
                self.with_local(value, |binder, value| {
                    let cast = binder.cast(value.clone(), ty)?;
                    let assign = Expr { at, ty, kind: ExprKind::Assign(local, Box::new(cast)) };
                    let yes = Expr::constant(at, boolean, Value::Boolean(true));
                    let then = Expr { at, ty: boolean, kind: ExprKind::Sequence(vec![assign], Box::new(yes)) };
                    Ok(Expr { at, ty: boolean, kind: ExprKind::And(Box::new(test(value)), Box::new(then)) })
                })
            }
            Pattern::Var(name) => {
                let local = self.declare(at, name, value.ty)?;
                let ty = value.ty;
                let assign = Expr { at, ty, kind: ExprKind::Assign(local, Box::new(value)) };
                let yes = Expr::constant(at, boolean, Value::Boolean(true));
                Ok(Expr { at, ty: boolean, kind: ExprKind::Sequence(vec![assign], Box::new(yes)) })
            }
            Pattern::Constant(node) => {
                let constant = self.expression(node)?;
                self.equals_constant(at, value, constant)
            }
        }
    }

    fn equals_constant(&mut self, at: usize, value: Expr, constant: Expr) -> Bound<Expr> {
        let known = known();
        if constant.value().is_none() {
            return refuse(constant.at, "A constant value is expected");
        }
        if constant.ty == known.null {
            return Ok(Expr {
                at,
                ty: known.boolean,
                kind: ExprKind::Binary(BinaryOperator::Equal, false, Box::new(value), Box::new(constant)),
            });
        }
        if value.ty.stripped() == known.object || value.ty.is_interface() {
            return self.native(at, "Object.Equals(object,object)", vec![value, constant], known.boolean);
        }
        let target: Type = value.ty;
        let constant = self.convert(constant, target)?;
        self.binary(at, BinaryOperator::Equal, value, constant)
    }
}
