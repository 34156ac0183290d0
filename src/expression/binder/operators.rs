//! Binary operators: numeric promotion, strings, equality, lifting, and those that types define.

use super::calls::{Actual, ActualKind, Candidate};
use super::{Binder, Bound, refuse};
use crate::expression::bound::{Expr, ExprKind};
use crate::expression::catalogue::MemberKind;
use crate::expression::machine::arithmetic;
use crate::expression::syntax::{BinaryOperator, Node, NodeKind};
use crate::expression::types::{self, Primitive, Type, known};
use crate::expression::value::Value;

fn sign(operator: BinaryOperator) -> (&'static str, &'static str) {
    use BinaryOperator as B;
    match operator {
        B::Add => ("+", "op_Addition"),
        B::Subtract => ("-", "op_Subtraction"),
        B::Multiply => ("*", "op_Multiply"),
        B::Divide => ("/", "op_Division"),
        B::Remainder => ("%", "op_Modulus"),
        B::And => ("&", "op_BitwiseAnd"),
        B::Or => ("|", "op_BitwiseOr"),
        B::Xor => ("^", "op_ExclusiveOr"),
        B::ShiftLeft => ("<<", "op_LeftShift"),
        B::ShiftRight => (">>", "op_RightShift"),
        B::Equal => ("==", "op_Equality"),
        B::NotEqual => ("!=", "op_Inequality"),
        B::Less => ("<", "op_LessThan"),
        B::Greater => (">", "op_GreaterThan"),
        B::LessEqual => ("<=", "op_LessThanOrEqual"),
        B::GreaterEqual => (">=", "op_GreaterThanOrEqual"),
        B::LogicalAnd => ("&&", ""),
        B::LogicalOr => ("||", ""),
        B::Coalesce => ("??", ""),
    }
}

const fn is_comparison(operator: BinaryOperator) -> bool {
    use BinaryOperator as B;
    matches!(operator, B::Equal | B::NotEqual | B::Less | B::Greater | B::LessEqual | B::GreaterEqual)
}

const fn is_equality(operator: BinaryOperator) -> bool {
    matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual)
}

impl Binder {
    /// A left-leaning chain of operators, bound without recursion on its left side.
    pub(super) fn binary_chain(&mut self, node: &Node) -> Bound<Expr> {
        let mut links = Vec::new();
        let mut at = node;
        while let NodeKind::Binary(operator, left, right) = &at.kind {
            links.push((at.at, *operator, right));
            at = left;
        }
        let mut left = self.expression(at)?;
        while let Some((at, operator, right)) = links.pop() {
            left = match operator {
                BinaryOperator::Coalesce => self.coalesce(at, left, right)?,
                BinaryOperator::LogicalAnd | BinaryOperator::LogicalOr => {
                    let right = self.expression(right)?;
                    self.logical(at, operator, left, right)?
                }
                _ => {
                    let right = self.expression(right)?;
                    self.binary(at, operator, left, right)?
                }
            };
        }
        Ok(left)
    }

    fn logical(&mut self, at: usize, operator: BinaryOperator, left: Expr, right: Expr) -> Bound<Expr> {
        let boolean = known().boolean;
        if left.ty.stripped() != boolean || right.ty.stripped() != boolean || left.ty != boolean || right.ty != boolean {
            let (sign, _) = sign(operator);
            return refuse(at, format!("Operator `{sign}' cannot be applied to operands of type `{}' and `{}'", left.ty, right.ty));
        }
        let kind = if operator == BinaryOperator::LogicalAnd {
            ExprKind::And(Box::new(left), Box::new(right))
        } else {
            ExprKind::Or(Box::new(left), Box::new(right))
        };
        Ok(Expr { at, ty: boolean, kind })
    }

    fn coalesce(&mut self, at: usize, left: Expr, right: &Node) -> Bound<Expr> {
        let known = known();
        if !left.ty.is_reference() && left.ty.nullable_of().is_none() {
            return refuse(at, format!("Left hand side of the `??' operator cannot be applied to operand of type `{}'", left.ty));
        }
        if matches!(right.kind, NodeKind::Throw(_) | NodeKind::Lambda(..) | NodeKind::Default(None)) {
            let ty = left.ty.stripped();
            let right = self.convert_node(right, ty)?;
            return Ok(Expr { at, ty, kind: ExprKind::Coalesce(Box::new(left), Box::new(right)) });
        }
        let right = self.expression(right)?;
        let inner = left.ty.stripped();
        let ty = if left.ty == known.null {
            right.ty
        } else if left.ty.nullable_of().is_some() && Self::implicit(right.ty, right.value(), inner).is_some() {
            inner
        } else if Self::implicit(right.ty, right.value(), left.ty).is_some() {
            left.ty
        } else if Self::implicit(inner, None, right.ty).is_some() {
            right.ty
        } else {
            return refuse(at, format!("Operator `??' cannot be applied to operands of type `{}' and `{}'", left.ty, right.ty));
        };
        let right = self.convert(right, ty)?;
        // The left value is converted only if it is there.
        if left.ty == ty || left.ty.stripped() == ty || left.ty == known.null {
            return Ok(Expr { at, ty, kind: ExprKind::Coalesce(Box::new(left), Box::new(right)) });
        }
        let local = self.new_local(left.ty);
        let value = Expr::local(at, inner, local);
        let value = self.convert(value, ty)?;
        let value = Expr { at, ty, kind: ExprKind::NullConditional(local, Box::new(left), Box::new(value)) };
        Ok(Expr { at, ty, kind: ExprKind::Coalesce(Box::new(value), Box::new(right)) })
    }

    /// `left operator right`.
    pub(super) fn binary(&mut self, at: usize, operator: BinaryOperator, left: Expr, right: Expr) -> Bound<Expr> {
        let known = known();
        let (symbol, method) = sign(operator);
        let fail = |left: &Expr, right: &Expr| {
            refuse(at, format!("Operator `{symbol}' cannot be applied to operands of type `{}' and `{}'", left.ty, right.ty))
        };
        if left.ty == known.void || right.ty == known.void {
            return fail(&left, &right);
        }
        if operator == BinaryOperator::Add && (left.ty == known.string || right.ty == known.string) {
            // An operator that a type defines comes before that of strings: `XNamespace + string` is a name.
            let other = if left.ty == known.string { right.ty } else { left.ty };
            if !other.is_value_type()
                && other != known.string
                && self.has_operator(other, method)
                && let Some(result) = self.user_binary(at, method, &left, &right)?
            {
                return Ok(result);
            }
            return self.concat(at, left, right);
        }
        let (one, two) = (left.ty.stripped(), right.ty.stripped());
        let lifted = left.ty.nullable_of().is_some() || right.ty.nullable_of().is_some();
        if let (Some(first), Some(second)) = (one.primitive(), two.primitive()) {
            if let Some(operand) = promoted(operator, first, second, &left, &right) {
                return self.builtin(at, operator, left, right, operand, lifted);
            }
            return fail(&left, &right);
        }
        // null with a nullable: comparison with nothing.
        if is_equality(operator) && (left.ty == known.null || right.ty == known.null) {
            let other = if left.ty == known.null { right.ty } else { left.ty };
            // A value that is never null may be compared with it: the compiler only warns.
            let user = !other.is_value_type() && other.nullable_of().is_none() && other != known.string && self.has_operator(other, method);
            if !user {
                return Ok(Expr { at, ty: known.boolean, kind: ExprKind::Binary(operator, false, Box::new(left), Box::new(right)) });
            }
        }
        if (one.is_enum() || two.is_enum())
            && let Some(result) = self.enum_operator(at, operator, &left, &right)?
        {
            return Ok(result);
        }
        if left.ty == known.string && right.ty == known.string && is_equality(operator) {
            return Ok(Expr { at, ty: known.boolean, kind: ExprKind::Binary(operator, false, Box::new(left), Box::new(right)) });
        }
        if let Some(result) = self.user_binary(at, method, &left, &right)? {
            return Ok(result);
        }
        if is_equality(operator)
            && left.ty.is_reference()
            && right.ty.is_reference()
            && (left.ty.converts_by_reference(right.ty)
                || right.ty.converts_by_reference(left.ty)
                || left.ty.is_interface()
                || right.ty.is_interface())
        {
            // Reference equality: strings behind `object` are compared as objects.
            let key =
                if operator == BinaryOperator::Equal { "Object.ReferenceEquals(object,object)" } else { "Operator.ReferenceNotEquals" };
            return self.native(at, key, vec![left, right], known.boolean);
        }
        if one == two && one.is_delegate() {
            return super::not_emulated(at, "combining delegates");
        }
        fail(&left, &right)
    }

    fn concat(&mut self, at: usize, left: Expr, right: Expr) -> Bound<Expr> {
        let known = known();
        // Constant texts make a constant text.
        let constant = |value: &Expr| match value.value() {
            Some(Value::Text(text)) => Some(text.units()),
            Some(Value::Null) if value.ty == known.string || value.ty == known.null => Some(Vec::new()),
            _ => None,
        };
        if let (Some(one), Some(two)) = (constant(&left), constant(&right)) {
            let text = crate::expression::text::Text::from([one, two].concat().as_slice());
            return Ok(Expr::constant(at, known.string, Value::from(text)));
        }
        let mut list = Vec::new();
        for value in [left, right] {
            if value.ty == known.void {
                return refuse(at, "Operator `+' cannot be applied to operands of type `void'");
            }
            match value.kind {
                ExprKind::Concat(parts) if list.is_empty() && value.ty == known.string => list = parts,
                _ => list.push(value),
            }
        }
        Ok(Expr { at, ty: known.string, kind: ExprKind::Concat(list) })
    }

    fn builtin(&mut self, at: usize, operator: BinaryOperator, left: Expr, right: Expr, operand: Primitive, lifted: bool) -> Bound<Expr> {
        let known = known();
        let base = type_of(operand);
        let shift = matches!(operator, BinaryOperator::ShiftLeft | BinaryOperator::ShiftRight);
        let wrap = |ty: Type| if lifted { types::nullable(ty) } else { ty };
        let left = self.convert(left, if shift && !lifted { base } else { wrap(base) })?;
        let right = self.convert(right, if shift { wrap(known.int32) } else { wrap(base) })?;
        let ty = if is_comparison(operator) { known.boolean } else { wrap(base) };
        if let (Some(one), Some(two)) = (left.value(), right.value())
            && !lifted
        {
            let zero = match two {
                Value::Decimal(divisor) => divisor.is_zero(),
                _ => operand.is_integral() && two.integer() == 0,
            };
            if matches!(operator, BinaryOperator::Divide | BinaryOperator::Remainder) && zero {
                return refuse(at, "Division by constant zero");
            }
            match arithmetic::binary(operator, one, two, !self.unchecked || operand == Primitive::Decimal) {
                Ok(value) => return Ok(Expr::constant(at, ty, value)),
                Err(_) if operand.is_integral() || operand == Primitive::Decimal => {
                    return refuse(at, "The operation overflows at compile time in checked mode");
                }
                Err(_) => {}
            }
        }
        Ok(Expr { at, ty, kind: ExprKind::Binary(operator, self.checked, Box::new(left), Box::new(right)) })
    }

    fn enum_operator(&mut self, at: usize, operator: BinaryOperator, left: &Expr, right: &Expr) -> Bound<Option<Expr>> {
        use BinaryOperator as B;
        let (one, two) = (left.ty.stripped(), right.ty.stripped());
        let zero = |value: &Expr| matches!(value.value(), Some(Value::Int32(0)));
        let same = one == two || one.is_enum() && zero(right) || two.is_enum() && zero(left);
        let ty = if one.is_enum() { one } else { two };
        let result = match operator {
            B::And | B::Or | B::Xor if same => ty,
            B::Equal | B::NotEqual | B::Less | B::Greater | B::LessEqual | B::GreaterEqual if same => known().boolean,
            B::Subtract if same && one == two => known().int32,
            B::Add | B::Subtract if one.is_enum() && two == known().int32 => ty,
            B::Add if two.is_enum() && one == known().int32 => ty,
            _ => return Ok(None),
        };
        let (mut left, mut right) = (left.clone(), right.clone());
        if same {
            let lifted = left.ty.nullable_of().is_some() || right.ty.nullable_of().is_some();
            let target = if lifted { types::nullable(ty) } else { ty };
            left = self.convert(left, target)?;
            right = self.convert(right, target)?;
        }
        Ok(Some(Expr { at, ty: result, kind: ExprKind::Binary(operator, false, Box::new(left), Box::new(right)) }))
    }

    fn has_operator(&self, ty: Type, method: &str) -> bool {
        ty.bases().iter().copied().filter_map(Type::definition).any(|definition| {
            definition.primitive.is_none()
                && definition.members().iter().any(|member| member.kind == MemberKind::Operator && member.name == method)
        })
    }

    fn operators(&self, method: &str, operands: &[Type]) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = Vec::new();
        for operand in operands {
            for base in operand.stripped().bases().iter().copied() {
                let Some(definition) = base.definition().filter(|definition| definition.primitive.is_none() && definition.name != "String")
                else {
                    continue;
                };
                for member in definition.members() {
                    if member.kind == MemberKind::Operator
                        && member.name == method
                        && !candidates.iter().any(|(_, known)| std::ptr::eq(*known, member))
                    {
                        candidates.push((base, member));
                    }
                }
            }
        }
        candidates
    }

    fn user_binary(&mut self, at: usize, method: &str, left: &Expr, right: &Expr) -> Bound<Option<Expr>> {
        let known = known();
        let candidates = self.operators(method, &[left.ty, right.ty]);
        if candidates.is_empty() {
            return Ok(None);
        }
        let actual = |value: Expr| Actual { at: value.at, name: None, kind: ActualKind::Value(value) };
        let lifted = left.ty.nullable_of().is_some() || right.ty.nullable_of().is_some();
        if !lifted {
            let actuals = vec![actual(left.clone()), actual(right.clone())];
            let Some(chosen) = self.overload(at, &candidates, &actuals, &[])? else { return Ok(None) };
            super::members::allowed(at, chosen.member)?;
            let list = self.pass(at, &chosen, actuals)?;
            let callee = self.callee_of(at, chosen.member);
            return Ok(Some(Expr { at, ty: chosen.result, kind: ExprKind::Call(callee, chosen.holder.arguments().to_vec(), list) }));
        }
        // Lifted: with both there, the operator; otherwise null, false, or whether both are missing.
        let equality = method == "op_Equality" || method == "op_Inequality";
        let bare = [actual(Expr { ty: left.ty.stripped(), ..left.clone() }), actual(Expr { ty: right.ty.stripped(), ..right.clone() })];
        if left.ty != known.null && right.ty != known.null && self.overload(at, &candidates, &bare, &[])?.is_none() {
            return Ok(None);
        }
        let method = method.to_owned();
        let result = self.with_local(left.clone(), |binder, one| {
            binder.with_local(right.clone(), |binder, two| {
                let bare = |value: &Expr| Expr { ty: value.ty.stripped(), ..value.clone() };
                let Some(call) = binder.user_binary(at, &method, &bare(&one), &bare(&two))? else { return refuse(at, "no such operator") };
                let null = || Box::new(Expr::constant(at, known.null, Value::Null));
                let missing = |value: &Expr| Expr {
                    at,
                    ty: known.boolean,
                    kind: ExprKind::Binary(BinaryOperator::Equal, false, Box::new(value.clone()), null()),
                };
                let any = Expr { at, ty: known.boolean, kind: ExprKind::Or(Box::new(missing(&one)), Box::new(missing(&two))) };
                let (ty, otherwise) = if equality {
                    let operator = if method == "op_Equality" { BinaryOperator::Equal } else { BinaryOperator::NotEqual };
                    let kind = ExprKind::Binary(operator, false, Box::new(missing(&one)), Box::new(missing(&two)));
                    // One missing: equal only if both are.
                    (known.boolean, Expr { at, ty: known.boolean, kind })
                } else if call.ty == known.boolean {
                    (known.boolean, Expr::constant(at, known.boolean, Value::Boolean(false)))
                } else {
                    let ty = types::nullable(call.ty);
                    (ty, Expr::constant(at, ty, Value::Null))
                };
                Ok(Expr { at, ty, kind: ExprKind::Conditional(Box::new(any), Box::new(otherwise), Box::new(call)) })
            })
        })?;
        Ok(Some(result))
    }

    pub(super) fn user_unary(&mut self, at: usize, method: &str, operand: &Expr) -> Bound<Option<Expr>> {
        let candidates = self.operators(method, &[operand.ty]);
        let actuals = vec![Actual { at, name: None, kind: ActualKind::Value(operand.clone()) }];
        let Some(chosen) = self.overload(at, &candidates, &actuals, &[])? else { return Ok(None) };
        super::members::allowed(at, chosen.member)?;
        let list = self.pass(at, &chosen, actuals)?;
        let callee = self.callee_of(at, chosen.member);
        Ok(Some(Expr { at, ty: chosen.result, kind: ExprKind::Call(callee, Vec::new(), list) }))
    }
}

fn type_of(primitive: Primitive) -> Type {
    let known = known();
    match primitive {
        Primitive::UInt32 => known.uint32,
        Primitive::Int64 => known.int64,
        Primitive::UInt64 => known.uint64,
        Primitive::Single => known.single,
        Primitive::Double => known.double,
        Primitive::Decimal => known.decimal,
        Primitive::Boolean => known.boolean,
        _ => known.int32,
    }
}

/// Binary numeric promotion; nothing where the operator does not apply.
fn promoted(operator: BinaryOperator, one: Primitive, two: Primitive, left: &Expr, right: &Expr) -> Option<Primitive> {
    use BinaryOperator as B;
    use Primitive as P;
    let small = |primitive: P| matches!(primitive, P::SByte | P::Byte | P::Int16 | P::UInt16 | P::Char | P::Int32);
    if one == P::Boolean || two == P::Boolean {
        let fits = matches!(operator, B::And | B::Or | B::Xor | B::Equal | B::NotEqual);
        return (one == two && fits).then_some(P::Boolean);
    }
    if matches!(operator, B::ShiftLeft | B::ShiftRight) {
        if !one.is_integral() || !(small(two)) {
            return None;
        }
        return Some(if small(one) { P::Int32 } else { one });
    }
    let has = |primitive: P| one == primitive || two == primitive;
    let signed = |primitive: P| matches!(primitive, P::SByte | P::Int16 | P::Int32 | P::Int64);
    let result = if has(P::Decimal) {
        if has(P::Single) || has(P::Double) {
            return None;
        }
        P::Decimal
    } else if has(P::Double) {
        P::Double
    } else if has(P::Single) {
        P::Single
    } else if has(P::UInt64) {
        let fits = |primitive: P, value: &Expr| !signed(primitive) || value.value().is_some_and(|value| value.integer() >= 0);
        if !fits(one, left) || !fits(two, right) {
            return None;
        }
        P::UInt64
    } else if has(P::Int64) {
        P::Int64
    } else if has(P::UInt32) {
        let narrow = |primitive: P, value: &Expr| signed(primitive) && value.value().is_none_or(|value| value.integer() < 0);
        if narrow(one, left) || narrow(two, right) { P::Int64 } else { P::UInt32 }
    } else {
        P::Int32
    };
    let bits = matches!(operator, B::And | B::Or | B::Xor);
    (!bits || result.is_integral()).then_some(result)
}
