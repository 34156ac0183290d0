//! Conversions: which there are, and the typed tree that performs them.

use super::{Binder, Bound, refuse};
use crate::expression::bound::{Conversion, Expr, ExprKind};
use crate::expression::catalogue::Member;
use crate::expression::syntax::{Node, NodeKind};
use crate::expression::types::{Primitive, Shape, Type, known};
use crate::expression::value::Value;

/// How one type becomes another.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Nothing to do at run time.
    Same,
    Numeric(Primitive),
    /// A constant that fits.
    Constant(Value),
    Enum(Type),
    EnumValue(Primitive),
    Cast,
    Unwrap(Box<Way>),
    User(&'static Member, Box<Way>, Type, Box<Way>),
}

/// An integer constant as another integer type, if it fits.
pub(super) fn fit(value: &Value, to: Primitive) -> Option<Value> {
    let number = match value {
        Value::UInt64(value) => i128::from(*value),
        value => i128::from(value.integer()),
    };
    Some(match to {
        Primitive::SByte => Value::SByte(i8::try_from(number).ok()?),
        Primitive::Byte => Value::Byte(u8::try_from(number).ok()?),
        Primitive::Int16 => Value::Int16(i16::try_from(number).ok()?),
        Primitive::UInt16 => Value::UInt16(u16::try_from(number).ok()?),
        Primitive::Int32 => Value::Int32(i32::try_from(number).ok()?),
        Primitive::UInt32 => Value::UInt32(u32::try_from(number).ok()?),
        Primitive::Int64 => Value::Int64(i64::try_from(number).ok()?),
        Primitive::UInt64 => Value::UInt64(u64::try_from(number).ok()?),
        _ => return None,
    })
}

/// Conversions without user-defined operators.
pub(super) fn standard(from: Type, constant: Option<&Value>, to: Type) -> Option<Way> {
    let known = known();
    if from == to {
        return Some(Way::Same);
    }
    if from == known.function {
        return None;
    }
    if from == known.void || to == known.void {
        return None;
    }
    if let (Some(from), Some(target)) = (from.primitive(), to.primitive()) {
        if from.widens_to(target) {
            return Some(Way::Numeric(target));
        }
        if let Some(value) = constant
            && (from == Primitive::Int32 || from == Primitive::Int64 && target == Primitive::UInt64)
            && target.is_integral()
            && target != Primitive::Char
        {
            return fit(value, target).map(Way::Constant);
        }
        return None;
    }
    if to.is_enum() && matches!(constant, Some(Value::Int32(0))) {
        return Some(Way::Constant(Value::Enum(to, 0)));
    }
    if let Some(target) = to.nullable_of() {
        if from == known.null {
            return Some(Way::Same);
        }
        let inner = from.nullable_of().unwrap_or(from);
        return standard(inner, constant, target);
    }
    if from.nullable_of().is_some() && !to.is_reference() {
        return None;
    }
    from.converts_by_reference(to).then_some(Way::Same)
}

/// Explicit conversions without user-defined operators.
fn standard_explicit(from: Type, constant: Option<&Value>, to: Type) -> Option<Way> {
    if let Some(way) = standard(from, constant, to) {
        return Some(way);
    }
    let known = known();
    if from == known.void || to == known.void || from == known.function || from == known.null {
        return None;
    }
    if let Some(inner) = from.nullable_of() {
        if let Some(target) = to.nullable_of() {
            return standard_explicit(inner, None, target);
        }
        if to.is_value_type() {
            return standard_explicit(inner, None, to).map(|way| Way::Unwrap(Box::new(way)));
        }
    }
    if let Some(target) = to.nullable_of()
        && from.is_value_type()
    {
        return standard_explicit(from, constant, target);
    }
    if let (Some(source), Some(target)) = (from.primitive(), to.primitive()) {
        return (source.is_numeric() && target.is_numeric()).then_some(Way::Numeric(target));
    }
    if from.is_enum() {
        if let Some(target) = to.primitive().filter(|target| target.is_numeric()) {
            return Some(Way::EnumValue(target));
        }
        if to.is_enum() {
            return Some(Way::Enum(to));
        }
    }
    if to.is_enum() && from.primitive().is_some_and(Primitive::is_numeric) {
        return Some(Way::Enum(to));
    }
    let plausible = to.converts_by_reference(from)
        || from.is_reference() && to.is_interface()
        || from.is_interface() && to.is_reference()
        || from == known.object
        || from.is_interface() && to.is_value_type() && to.interfaces().contains(&from)
        || matches!((from.shape(), to.shape()), (Shape::Array(left), Shape::Array(right)) if left.is_reference() && standard_explicit(*left, None, *right).is_some());
    plausible.then_some(Way::Cast)
}

impl Binder {
    /// The implicit conversion, if there is one.
    pub(super) fn implicit(from: Type, constant: Option<&Value>, to: Type) -> Option<Way> {
        standard(from, constant, to).or_else(|| user_defined(from, constant, to, false))
    }

    fn explicit(from: Type, constant: Option<&Value>, to: Type) -> Option<Way> {
        standard_explicit(from, constant, to).or_else(|| user_defined(from, constant, to, true))
    }

    /// Converts implicitly, or says that it cannot be done.
    pub(super) fn convert(&mut self, value: Expr, to: Type) -> Bound<Expr> {
        match Self::implicit(value.ty, value.value(), to) {
            Some(way) => self.apply(value, to, way),
            None if value.ty == known().null => refuse(value.at, format!("Cannot convert null to `{to}' because it is a value type")),
            None if Self::explicit(value.ty, value.value(), to).is_some() => {
                let message = format!(
                    "Cannot implicitly convert type `{}' to `{to}'. An explicit conversion exists (are you missing a cast?)",
                    value.ty
                );
                refuse(value.at, message)
            }
            None => refuse(value.at, format!("Cannot implicitly convert type `{}' to `{to}'", value.ty)),
        }
    }

    /// Whether the node has a type before it is known what it is wanted for.
    pub(super) fn has_own_type(&mut self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Lambda(..) | NodeKind::ArrayInitializer(_) | NodeKind::Default(None) | NodeKind::Throw(_) => false,
            NodeKind::Conditional(_, then, otherwise) if needs_target(then) || needs_target(otherwise) => false,
            _ => !self.is_method_group(node),
        }
    }

    /// Converts what `node` says to `to`; lambdas and array initialisers take their type from there.
    pub(super) fn convert_node(&mut self, node: &Node, to: Type) -> Bound<Expr> {
        match &node.kind {
            NodeKind::Lambda(..) => self.lambda_to(node, to),
            NodeKind::ArrayInitializer(elements) => match to.element() {
                Some(element) => self.array_of(node.at, element, elements),
                None => refuse(
                    node.at,
                    "Can only use array initializer expressions to assign to array types. Try using a new expression instead",
                ),
            },
            NodeKind::Default(None) => Ok(Self::constant_of_default(node.at, to)),
            NodeKind::Throw(_) => {
                let mut value = self.expression(node)?;
                value.ty = to;
                Ok(value)
            }
            NodeKind::Conditional(condition, then, otherwise) if needs_target(then) || needs_target(otherwise) => {
                let condition = self.condition(condition)?;
                let then = self.convert_node(then, to)?;
                let otherwise = self.convert_node(otherwise, to)?;
                let kind = ExprKind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise));
                Ok(Expr { at: node.at, ty: to, kind })
            }
            _ if self.is_method_group(node) => self.group_to(node, to),
            _ => {
                let value = self.expression(node)?;
                self.convert(value, to)
            }
        }
    }

    /// A cast.
    pub(super) fn cast(&mut self, value: Expr, to: Type) -> Bound<Expr> {
        match Self::explicit(value.ty, value.value(), to) {
            Some(way) => self.apply(value, to, way),
            None => {
                let at = value.at;
                if value.ty == known().null {
                    return refuse(at, format!("Cannot convert null to `{to}' because it is a value type"));
                }
                refuse(at, format!("Cannot convert type `{}' to `{to}'", value.ty))
            }
        }
    }

    pub(super) fn apply(&mut self, value: Expr, to: Type, way: Way) -> Bound<Expr> {
        let at = value.at;
        let wrap = |value: Expr, conversion| Expr { at, ty: to, kind: ExprKind::Convert(conversion, Box::new(value)) };
        Ok(match way {
            Way::Same => {
                // What is made of its own type keeps it.
                let typed = matches!(value.kind, ExprKind::Default | ExprKind::Record(_) | ExprKind::ArrayOf(_) | ExprKind::NewArray(_));
                if typed && value.ty != to && value.ty != known().null {
                    return Ok(Expr { at, ty: to, kind: ExprKind::Sequence(Vec::new(), Box::new(value)) });
                }
                Expr { ty: to, ..value }
            }
            Way::Constant(constant) => Expr::constant(at, to, constant),
            Way::Numeric(primitive) => {
                if let Some(constant) = value.value() {
                    // `unchecked` says nothing of decimals.
                    if (!self.unchecked || matches!(constant, Value::Decimal(_)))
                        && !constant.is_null()
                        && crate::expression::machine::arithmetic::convert(constant, primitive, true).is_none()
                    {
                        let shown = crate::expression::library::format::general(constant);
                        return refuse(
                            at,
                            format!("Constant value `{shown}' cannot be converted to a `{to}' (use `unchecked' syntax to override)"),
                        );
                    }
                    if let Some(folded) = crate::expression::machine::arithmetic::convert(constant, primitive, false) {
                        return Ok(Expr::constant(at, to, folded));
                    }
                }
                let conversion = if self.checked { Conversion::CheckedNumeric(primitive) } else { Conversion::Numeric(primitive) };
                wrap(value, conversion)
            }
            Way::Enum(ty) => wrap(value, Conversion::Enum(ty)),
            Way::EnumValue(primitive) => wrap(value, Conversion::EnumValue(primitive)),
            Way::Cast => wrap(value, Conversion::Cast(to)),
            Way::Unwrap(inner) => {
                let ty = value.ty.stripped();
                let unwrapped = Expr { at, ty, kind: ExprKind::Convert(Conversion::Unwrap, Box::new(value)) };
                self.apply(unwrapped, to, *inner)?
            }
            Way::User(member, before, parameter, after) => {
                let callee = self.callee_of(at, member);
                let lifted = value.ty.nullable_of().is_some() && parameter.is_value_type() && parameter.nullable_of().is_none();
                if lifted {
                    let local = self.new_local(value.ty);
                    let inner = Expr::local(at, value.ty.stripped(), local);
                    let inner = self.apply(inner, parameter, *before)?;
                    let result = Expr { at, ty: member.result, kind: ExprKind::Call(callee, Vec::new(), vec![inner]) };
                    let result = self.apply(result, to, *after)?;
                    return Ok(Expr { at, ty: to, kind: ExprKind::NullConditional(local, Box::new(value), Box::new(result)) });
                }
                let value = self.apply(value, parameter, *before)?;
                let result = Expr { at, ty: member.result, kind: ExprKind::Call(callee, Vec::new(), vec![value]) };
                self.apply(result, to, *after)?
            }
        })
    }
}

fn needs_target(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Lambda(..) | NodeKind::Throw(_) | NodeKind::Default(None))
}

/// The most specific conversion operator of either type.
fn user_defined(from: Type, constant: Option<&Value>, to: Type, explicit: bool) -> Option<Way> {
    let known = known();
    if from == known.null || from == known.object || to == known.object || from == known.void || from.is_interface() || to.is_interface() {
        return None;
    }
    let (source, target) = (from.stripped(), to.stripped());
    let mut holders: Vec<Type> = source.bases().to_vec();
    holders.extend(target.bases());
    let mut seen: Vec<&'static Member> = Vec::new();
    let mut best: Option<(u32, Way)> = None;
    for holder in holders {
        let Some(definition) = holder.definition().filter(|definition| definition.primitive.is_none() && definition.name != "Nullable")
        else {
            continue;
        };
        for member in definition.members() {
            let right_kind = member.name == "op_Implicit" || explicit && member.name == "op_Explicit";
            if !right_kind || seen.iter().any(|one| std::ptr::eq(*one, member)) {
                continue;
            }
            seen.push(member);
            let Some(parameter) = member.parameters.first().map(|parameter| parameter.ty) else { continue };
            let convert = |left: Type, constant: Option<&Value>, right: Type| {
                if explicit { standard_explicit(left, constant, right) } else { standard(left, constant, right) }
            };
            let plain = from.nullable_of().is_none() || parameter.nullable_of().is_some();
            let before = if plain {
                convert(from, constant, parameter)
            } else if to.is_value_type() && to.nullable_of().is_some() || to.is_reference() || explicit {
                convert(source, None, parameter)
            } else {
                None
            };
            let Some(before) = before else { continue };
            let Some(after) = convert(member.result, None, to) else { continue };
            if matches!(before, Way::Cast) && !parameter.converts_by_reference(from)
                || matches!(after, Way::Cast) && !to.converts_by_reference(member.result)
            {
                continue;
            }
            // Nearest parameter first, then nearest result.
            let distance = |left: Type, right: Type, way: &Way| -> u32 {
                if left == right {
                    0
                } else if matches!(way, Way::Same) {
                    1
                } else if let (Some(left), Some(right)) = (left.stripped().primitive(), right.stripped().primitive()) {
                    if left.widens_to(right) { 2 + (right as u32) } else { 40 + (right as u32) }
                } else {
                    60
                }
            };
            let score =
                distance(from, parameter, &before) * 100 + distance(member.result, to, &after) + u32::from(member.name == "op_Explicit");
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((score, Way::User(member, Box::new(before), parameter, Box::new(after))));
            }
        }
    }
    best.map(|(_, way)| way)
}
