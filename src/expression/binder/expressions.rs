//! Expressions, one kind after the other.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::conversions::fit;
use super::members::Place;
use super::{Binder, Bound, Name, not_emulated, refuse};
use crate::expression::bound::{Expr, ExprKind, LocalId};
use crate::expression::library;
use crate::expression::syntax::{BinaryOperator, InterpolationPart, Literal, Node, NodeKind, UnaryOperator};
use crate::expression::text::Text;
use crate::expression::types::{self, Primitive, Shape, Type, known};
use crate::expression::value::Value;

const MAX_NESTING: usize = 160;

impl Binder {
    /// A value.
    pub(super) fn expression(&mut self, node: &Node) -> Bound<Expr> {
        self.step(node.at)?;
        if self.nesting >= MAX_NESTING {
            return refuse(node.at, "the expression is nested too deep");
        }
        self.nesting += 1;
        let result = self.expression_kind(node);
        self.nesting -= 1;
        result
    }

    /// A `bool`.
    pub(super) fn condition(&mut self, node: &Node) -> Bound<Expr> {
        let value = self.expression(node)?;
        self.convert(value, known().boolean)
    }

    fn expression_kind(&mut self, node: &Node) -> Bound<Expr> {
        let at = node.at;
        match &node.kind {
            NodeKind::Literal(literal) => self.literal(at, literal),
            NodeKind::Name(..) | NodeKind::Member(..) | NodeKind::Keyword(_) => self.place(node).and_then(|place| self.read(at, place)),
            NodeKind::Index(..) => self.place(node).and_then(|place| self.read(at, place)),
            NodeKind::Call(target, arguments) => self.call(at, target, arguments),
            NodeKind::Receiver => match self.receivers.last() {
                Some(receiver) => Ok(receiver.clone()),
                None => refuse(at, "`?.` has no receiver"),
            },
            NodeKind::NullConditional(receiver, then) => self.null_conditional(at, receiver, then),
            NodeKind::New(ty, arguments, initializer) => self.creation(at, ty, arguments, initializer.as_ref()),
            NodeKind::NewArray(element, length, elements) => self.new_array(at, element.as_ref(), length.as_deref(), elements.as_deref()),
            NodeKind::Anonymous(fields) => self.anonymous(at, fields),
            NodeKind::Tuple(fields) => self.tuple(at, fields),
            NodeKind::Unary(operator, operand) => match operator {
                UnaryOperator::PreIncrement => self.increment(at, operand, BinaryOperator::Add, false),
                UnaryOperator::PreDecrement => self.increment(at, operand, BinaryOperator::Subtract, false),
                UnaryOperator::PostIncrement => self.increment(at, operand, BinaryOperator::Add, true),
                UnaryOperator::PostDecrement => self.increment(at, operand, BinaryOperator::Subtract, true),
                _ => self.unary(at, *operator, operand),
            },
            NodeKind::Binary(..) => self.binary_chain(node),
            NodeKind::Assign(operator, target, value) => self.assign(at, *operator, target, value),
            NodeKind::Conditional(condition, then, otherwise) => self.conditional(at, condition, then, otherwise),
            NodeKind::Cast(ty, operand) => {
                let to = self.resolve_type(ty)?;
                if matches!(operand.kind, NodeKind::Lambda(..)) || self.is_method_group(operand) {
                    return self.convert_node(operand, to);
                }
                let mut value = self.expression(operand)?;
                value.at = at;
                self.cast(value, to)
            }
            NodeKind::As(operand, ty) => {
                let value = self.expression(operand)?;
                let to = self.resolve_type(ty)?;
                if to.is_value_type() && to.nullable_of().is_none() {
                    return refuse(at, format!("The `as' operator cannot be used with a non-nullable value type `{to}'"));
                }
                Ok(Expr { at, ty: to, kind: ExprKind::As(Box::new(value), to) })
            }
            NodeKind::Is(operand, pattern) => {
                let value = self.expression(operand)?;
                self.is_pattern(at, value, pattern)
            }
            NodeKind::Lambda(..) => refuse(at, "a lambda expression has no type of its own here"),
            NodeKind::Interpolated(parts) => self.interpolated(at, parts),
            NodeKind::TypeOf(ty) => {
                let ty = self.resolve_type(ty)?;
                Ok(Expr { at, ty: types::named("Type"), kind: ExprKind::TypeOf(ty) })
            }
            NodeKind::NameOf(inner) => match &inner.kind {
                NodeKind::Name(name, _) | NodeKind::Member(_, name, _) => Ok(Self::text(at, name)),
                _ => refuse(at, "Expression does not have a name"),
            },
            NodeKind::Default(Some(ty)) => {
                let ty = self.resolve_type(ty)?;
                Ok(Self::constant_of_default(at, ty))
            }
            NodeKind::Default(None) => refuse(at, "`default` has no type here"),
            NodeKind::Throw(value) => {
                let value = self.expression(value)?;
                if !value.ty.converts_by_reference(known().exception) {
                    return refuse(at, "The type caught or thrown must be derived from System.Exception");
                }
                Ok(Expr { at, ty: known().null, kind: ExprKind::Throw(Box::new(value)) })
            }
            NodeKind::Checked(checked, inner) => {
                let before = (self.checked, self.unchecked);
                (self.checked, self.unchecked) = (*checked, !*checked);
                let value = self.expression(inner);
                (self.checked, self.unchecked) = before;
                value
            }
            NodeKind::Declaration(..) | NodeKind::Discard => refuse(at, "a declaration may not stand here"),
            NodeKind::ArrayInitializer(_) => refuse(at, "an array initializer may not stand here"),
        }
    }

    pub(super) fn text(at: usize, text: &str) -> Expr {
        Expr::constant(at, known().string, Value::from(text))
    }

    fn literal(&mut self, at: usize, literal: &Literal) -> Bound<Expr> {
        let known = known();
        let (ty, value) = match literal {
            Literal::Null => (known.null, Value::Null),
            Literal::Boolean(value) => (known.boolean, Value::Boolean(*value)),
            Literal::String(units) => (known.string, Value::Text(Arc::new(Text::from(units.as_slice())))),
            Literal::Char(unit) => (known.char, Value::Char(*unit)),
            Literal::Double(value) => (known.double, Value::Double(*value)),
            Literal::Single(value) => (known.single, Value::Single(*value)),
            Literal::Decimal(digits) => match library::decimal::parse_literal(digits) {
                Some(value) => (known.decimal, Value::Decimal(value)),
                None => return refuse(at, "Floating-point constant is outside the range of type `decimal'"),
            },
            Literal::Integer(value, suffix) => {
                let candidates: &[(Primitive, Type)] = match *suffix {
                    "u" => &[(Primitive::UInt32, known.uint32), (Primitive::UInt64, known.uint64)],
                    "l" => &[(Primitive::Int64, known.int64), (Primitive::UInt64, known.uint64)],
                    "ul" => &[(Primitive::UInt64, known.uint64)],
                    _ => &[
                        (Primitive::Int32, known.int32),
                        (Primitive::UInt32, known.uint32),
                        (Primitive::Int64, known.int64),
                        (Primitive::UInt64, known.uint64),
                    ],
                };
                let wide = Value::UInt64(*value);
                match candidates.iter().find_map(|(primitive, ty)| Some((*ty, fit(&wide, *primitive)?))) {
                    Some(found) => found,
                    None => return refuse(at, "Integral constant is too large"),
                }
            }
        };
        Ok(Expr::constant(at, ty, value))
    }

    fn unary(&mut self, at: usize, operator: UnaryOperator, operand: &Node) -> Bound<Expr> {
        let known = known();
        // The least integers have no positive counterpart.
        if operator == UnaryOperator::Minus {
            match operand.kind {
                NodeKind::Literal(Literal::Integer(0x8000_0000, "")) => return Ok(Expr::constant(at, known.int32, Value::Int32(i32::MIN))),
                NodeKind::Literal(Literal::Integer(0x8000_0000_0000_0000, "" | "l")) => {
                    return Ok(Expr::constant(at, known.int64, Value::Int64(i64::MIN)));
                }
                _ => {}
            }
        }
        let value = self.expression(operand)?;
        let ty = value.ty;
        let base = ty.stripped();
        if operator == UnaryOperator::Not {
            if base == known.boolean {
                if let Some(Value::Boolean(constant)) = value.value() {
                    return Ok(Expr::constant(at, ty, Value::Boolean(!constant)));
                }
                return Ok(Expr { at, ty, kind: ExprKind::Not(Box::new(value)) });
            }
            return refuse(at, format!("The `!' operator cannot be applied to operand of type `{ty}'"));
        }
        let name = match operator {
            UnaryOperator::Minus => "op_UnaryNegation",
            UnaryOperator::Plus => "op_UnaryPlus",
            _ => "op_OnesComplement",
        };
        let Some(primitive) = base.primitive().filter(|primitive| primitive.is_numeric()) else {
            if operator == UnaryOperator::Complement && base.is_enum() {
                return Ok(Expr { at, ty, kind: ExprKind::Complement(Box::new(value)) });
            }
            if let Some(result) = self.user_unary(at, name, &value)? {
                return Ok(result);
            }
            let sign =
                ["-", "+", "~"][usize::from(operator == UnaryOperator::Plus) + 2 * usize::from(operator == UnaryOperator::Complement)];
            return refuse(at, format!("The `{sign}' operator cannot be applied to operand of type `{ty}'"));
        };
        let promoted = match primitive {
            Primitive::UInt32 if operator == UnaryOperator::Minus => known.int64,
            Primitive::UInt64 if operator == UnaryOperator::Minus => {
                return refuse(at, "The `-' operator cannot be applied to operand of type `ulong'");
            }
            Primitive::SByte | Primitive::Byte | Primitive::Int16 | Primitive::UInt16 | Primitive::Char => known.int32,
            _ => base,
        };
        if operator == UnaryOperator::Complement && !primitive.is_integral() {
            return refuse(at, format!("The `~' operator cannot be applied to operand of type `{ty}'"));
        }
        let target = if ty == base { promoted } else { types::nullable(promoted) };
        let value = self.convert(value, target)?;
        if operator == UnaryOperator::Plus {
            return Ok(value);
        }
        if let Some(constant) = value.value() {
            let folded = match (operator, constant) {
                (UnaryOperator::Minus, Value::Int32(value)) => Some(Value::Int32(value.wrapping_neg())),
                (UnaryOperator::Minus, Value::Int64(value)) => Some(Value::Int64(value.wrapping_neg())),
                (UnaryOperator::Minus, Value::Double(value)) => Some(Value::Double(-value)),
                (UnaryOperator::Minus, Value::Single(value)) => Some(Value::Single(-value)),
                (UnaryOperator::Minus, Value::Decimal(value)) => Some(Value::Decimal(Decimal::ZERO - value)),
                (UnaryOperator::Complement, Value::Int32(value)) => Some(Value::Int32(!value)),
                _ => None,
            };
            if let Some(folded) = folded {
                return Ok(Expr::constant(at, target, folded));
            }
        }
        let kind = if operator == UnaryOperator::Minus { ExprKind::Negate(Box::new(value)) } else { ExprKind::Complement(Box::new(value)) };
        Ok(Expr { at, ty: target, kind })
    }

    fn null_conditional(&mut self, at: usize, receiver: &Node, then: &Node) -> Bound<Expr> {
        let receiver = self.expression(receiver)?;
        if !receiver.ty.is_reference() && receiver.ty.nullable_of().is_none() {
            return refuse(at, format!("The `?' operator cannot be applied to operand of type `{}'", receiver.ty));
        }
        let local = self.new_local(receiver.ty);
        self.receivers.push(Expr::local(at, receiver.ty.stripped(), local));
        let then = self.expression(then);
        self.receivers.pop();
        let then = then?;
        let ty = if then.ty.is_value_type() && then.ty.nullable_of().is_none() { types::nullable(then.ty) } else { then.ty };
        Ok(Expr { at, ty, kind: ExprKind::NullConditional(local, Box::new(receiver), Box::new(then)) })
    }

    fn conditional(&mut self, at: usize, condition: &Node, then: &Node, otherwise: &Node) -> Bound<Expr> {
        let condition = self.condition(condition)?;
        let mut left = self.expression(then)?;
        let mut right = self.expression(otherwise)?;
        let known = known();
        let thrown = |value: &Expr| matches!(value.kind, ExprKind::Throw(_));
        let ty = if thrown(&left) {
            right.ty
        } else if thrown(&right) {
            left.ty
        } else {
            let forth = Self::implicit(left.ty, left.value(), right.ty).is_some();
            let back = Self::implicit(right.ty, right.value(), left.ty).is_some();
            match (forth, back) {
                _ if left.ty == right.ty && left.ty == known.null => {
                    return refuse(
                        at,
                        "Type of conditional expression cannot be determined because there is no implicit conversion between `<null>' and `<null>'",
                    );
                }
                _ if left.ty == right.ty => left.ty,
                (true, false) => right.ty,
                (false, true) => left.ty,
                // Both ways: a constant fits the other's type, or null is a value of it.
                (true, true) => {
                    if right.ty == known.null || right.value().is_some() && left.value().is_none() {
                        left.ty
                    } else {
                        right.ty
                    }
                }
                (false, false) => {
                    let message = format!(
                        "Type of conditional expression cannot be determined because there is no implicit conversion between `{}' and `{}'",
                        left.ty, right.ty
                    );
                    return refuse(at, message);
                }
            }
        };
        if ty == known.void {
            return refuse(at, "Type of conditional expression cannot be determined");
        }
        if !thrown(&left) {
            left = self.convert(left, ty)?;
        }
        if !thrown(&right) {
            right = self.convert(right, ty)?;
        }
        Ok(Expr { at, ty, kind: ExprKind::Conditional(Box::new(condition), Box::new(left), Box::new(right)) })
    }

    fn interpolated(&mut self, at: usize, parts: &[InterpolationPart]) -> Bound<Expr> {
        let known = known();
        let mut list = Vec::new();
        for part in parts {
            match part {
                InterpolationPart::Text(units) => {
                    list.push(Expr::constant(at, known.string, Value::Text(Arc::new(Text::from(units.as_slice())))));
                }
                InterpolationPart::Hole { value, alignment, format } => {
                    let value = self.expression(value)?;
                    let value = self.convert(value, known.object)?;
                    let alignment = match alignment {
                        Some(node) => {
                            let value = self.expression(node)?;
                            if value.value().is_none() {
                                return refuse(node.at, "The expression being assigned to `alignment' must be constant");
                            }
                            self.convert(value, known.int32)?
                        }
                        None => Expr::constant(at, known.int32, Value::Int32(0)),
                    };
                    let format = match format {
                        Some(format) => Self::text(at, format),
                        None => Expr::constant(at, known.string, Value::Null),
                    };
                    list.push(self.native(at, "Interpolation.Format(object,int,string)", vec![value, alignment, format], known.string)?);
                }
            }
        }
        if list.is_empty() {
            return Ok(Self::text(at, ""));
        }
        Ok(Expr { at, ty: known.string, kind: ExprKind::Concat(list) })
    }

    /// Calls a helper of the library that no policy can name.
    pub(super) fn native(&mut self, at: usize, key: &'static str, arguments: Vec<Expr>, ty: Type) -> Bound<Expr> {
        match library::native(key) {
            Some(native) => Ok(Expr {
                at,
                ty,
                kind: ExprKind::Call(crate::expression::bound::Callee { native, key, sets: false, instance: false }, Vec::new(), arguments),
            }),
            None => not_emulated(at, format!("`{key}`")),
        }
    }

    /// Reads a name.
    pub(super) fn name(&mut self, at: usize, name: &str) -> Option<Expr> {
        match self.lookup(name).cloned() {
            Some(Name::Local(local)) => {
                self.touch(local);
                Some(Expr::local(at, self.local_type(local), local))
            }
            Some(Name::Constant(value)) => Some(Expr { at, ..value }),
            None if name == "context" => Some(Expr { at, ty: known().context, kind: ExprKind::Context }),
            None => None,
        }
    }

    /// Keeps a value in a local and uses it in `body`.
    pub(super) fn with_local(&mut self, value: Expr, body: impl FnOnce(&mut Self, Expr) -> Bound<Expr>) -> Bound<Expr> {
        if value.value().is_some() || matches!(value.kind, ExprKind::Context) {
            return body(self, value);
        }
        let (at, ty) = (value.at, value.ty);
        let local = self.new_local(ty);
        let result = body(self, Expr::local(at, ty, local))?;
        Ok(Expr { at, ty: result.ty, kind: ExprKind::Let(local, Box::new(value), Box::new(result)) })
    }

    fn assign(&mut self, at: usize, operator: Option<BinaryOperator>, target: &Node, value: &Node) -> Bound<Expr> {
        if let NodeKind::Tuple(parts) = &target.kind {
            return self.assign_tuple(at, parts, value);
        }
        if operator.is_none() && matches!(&target.kind, NodeKind::Name(name, _) if name == "_" && self.lookup("_").is_none()) {
            return self.expression(value);
        }
        let place = self.place(target)?;
        match operator {
            None => {
                let ty = place.ty(at)?;
                let value = self.convert_node(value, ty)?;
                self.write(at, place, value)
            }
            Some(operator) => self.frozen(place, |binder, place| {
                let ty = place.ty(at)?;
                let current = binder.read(at, place.clone())?;
                let right = binder.expression(value)?;
                let result = binder.binary(at, operator, current, right)?;
                let result = if Self::implicit(result.ty, result.value(), ty).is_some() {
                    binder.convert(result, ty)?
                } else {
                    binder.cast(result, ty)?
                };
                binder.write(at, place, result)
            }),
        }
    }

    fn assign_tuple(&mut self, at: usize, parts: &[(Option<String>, Node)], value: &Node) -> Bound<Expr> {
        let mut targets = Vec::new();
        for (_, part) in parts {
            targets.push(match &part.kind {
                NodeKind::Declaration(ty, name) => Err((ty.clone(), name.clone())),
                _ => Ok(part.clone()),
            });
        }
        let value = self.expression(value)?;
        let Shape::Tuple(fields) = value.ty.shape() else {
            return refuse(at, format!("Cannot deconstruct instance of type `{}'", value.ty));
        };
        if fields.len() != targets.len() {
            return refuse(at, "the numbers of elements differ");
        }
        self.with_local(value, |binder, tuple| {
            let mut effects = Vec::new();
            for (index, (target, field)) in targets.into_iter().zip(fields.iter()).enumerate() {
                let item = Expr { at, ty: field.1, kind: ExprKind::Field(Box::new(tuple.clone()), u32::try_from(index).unwrap_or(0)) };
                effects.push(match target {
                    Ok(node) => {
                        let place = binder.place(&node)?;
                        let item = binder.convert(item, place.ty(at)?)?;
                        binder.write(at, place, item)?
                    }
                    Err((ty, name)) => {
                        let ty =
                            if ty.kind == crate::expression::syntax::TypeSyntaxKind::Var { field.1 } else { binder.resolve_type(&ty)? };
                        let item = binder.convert(item, ty)?;
                        let local: LocalId = binder.declare(at, &name, ty)?;
                        Expr { at, ty, kind: ExprKind::Assign(local, Box::new(item)) }
                    }
                });
            }
            Ok(Expr { at, ty: tuple.ty, kind: ExprKind::Sequence(effects, Box::new(tuple)) })
        })
    }

    fn increment(&mut self, at: usize, target: &Node, operator: BinaryOperator, post: bool) -> Bound<Expr> {
        let place = self.place(target)?;
        self.frozen(place, |binder, place| {
            let current = binder.read(at, place.clone())?;
            let ty = current.ty;
            if ty.stripped().primitive().is_none_or(|primitive| !primitive.is_numeric()) {
                let sign = if operator == BinaryOperator::Add { "++" } else { "--" };
                return refuse(at, format!("The `{sign}' operator cannot be applied to operand of type `{ty}'"));
            }
            let one = Expr::constant(at, known().int32, Value::Int32(1));
            if !post {
                let result = binder.binary(at, operator, current, one)?;
                let result = binder.cast(result, ty)?;
                return binder.write(at, place, result);
            }
            binder.with_local(current, |binder, old| {
                let result = binder.binary(at, operator, old.clone(), one)?;
                let result = binder.cast(result, ty)?;
                let write = binder.write(at, place, result)?;
                Ok(Expr { at, ty, kind: ExprKind::Sequence(vec![write], Box::new(old)) })
            })
        })
    }

    /// Evaluates what a place consists of once, so that it can be read and then written.
    fn frozen(&mut self, place: Place, body: impl FnOnce(&mut Self, Place) -> Bound<Expr>) -> Bound<Expr> {
        match place {
            Place::Value(value) => body(self, Place::Value(value)),
            Place::Element(array, index) => {
                self.with_local(array, |binder, array| binder.with_local(index, |binder, index| body(binder, Place::Element(array, index))))
            }
            Place::Property { member, receiver, mut arguments, types, ty } => {
                let Some(receiver) = receiver else { return body(self, Place::Property { member, receiver: None, arguments, types, ty }) };
                self.with_local(receiver, |binder, receiver| match arguments.pop() {
                    None => body(binder, Place::Property { member, receiver: Some(receiver), arguments, types, ty }),
                    Some(index) => binder.with_local(index, |binder, index| {
                        arguments.push(index);
                        body(binder, Place::Property { member, receiver: Some(receiver), arguments, types, ty })
                    }),
                })
            }
            Place::Type(..) => refuse(0, "a type is no variable"),
        }
    }
}
