//! What `new` makes.

use super::members::Place;
use super::{Binder, Bound, ProblemKind, lambdas, problem, refuse};
use crate::expression::bound::{Expr, ExprKind};
use crate::expression::syntax::{Argument, ArgumentMode, Initializer, InitializerValue, Node, NodeKind, Target, TypeSyntax};
use crate::expression::types::{self, Shape, Type, known};
use crate::expression::value::Value;

impl Binder {
    pub(super) fn creation(
        &mut self,
        at: usize,
        ty: &TypeSyntax,
        arguments: &[Argument],
        initializer: Option<&Initializer>,
    ) -> Bound<Expr> {
        let ty = self.resolve_type(ty)?;
        let value = if let (true, [argument]) = (ty.is_delegate(), arguments) {
            self.convert_node(&argument.value, ty)?
        } else {
            self.construct(at, ty, arguments)?
        };
        match initializer {
            None => Ok(value),
            Some(initializer) => {
                let local = self.new_local(ty);
                let target = Expr::local(at, ty, local);
                let mut effects = Vec::new();
                self.initialize(at, &target, initializer, &mut effects)?;
                let body = Expr { at, ty, kind: ExprKind::Sequence(effects, Box::new(target)) };
                Ok(Expr { at, ty, kind: ExprKind::Let(local, Box::new(value), Box::new(body)) })
            }
        }
    }

    fn initialize(&mut self, at: usize, target: &Expr, initializer: &Initializer, effects: &mut Vec<Expr>) -> Bound<()> {
        match initializer {
            Initializer::Collection(elements) => {
                if target.ty.enumerated().is_none()
                    && !target.ty.interfaces().contains(&types::named("IEnumerable"))
                    && !elements.is_empty()
                {
                    let message = format!("`{}' cannot be initialized with a collection initializer: it is no collection", target.ty);
                    return refuse(at, message);
                }
                for element in elements {
                    let arguments: Vec<Argument> =
                        element.iter().map(|node| Argument { name: None, mode: ArgumentMode::Value, value: node.clone() }).collect();
                    self.receivers.push(target.clone());
                    let receiver = Node { at, kind: NodeKind::Receiver };
                    let node = Node { at, kind: NodeKind::Member(Box::new(receiver), "Add".to_owned(), Vec::new()) };
                    let call = self.call(element.first().map_or(at, |node| node.at), &node, &arguments);
                    self.receivers.pop();
                    effects.push(call?);
                }
                Ok(())
            }
            Initializer::Object(members) => {
                for (at, member, value) in members {
                    let place = match member {
                        Target::Property(name) => self.member(*at, Place::Value(target.clone()), name)?,
                        Target::Indexer(arguments) => {
                            self.receivers.push(target.clone());
                            let receiver = Node { at: *at, kind: NodeKind::Receiver };
                            let place = self.place(&Node { at: *at, kind: NodeKind::Index(Box::new(receiver), arguments.clone()) });
                            self.receivers.pop();
                            place?
                        }
                    };
                    match value {
                        InitializerValue::Value(node) => {
                            let ty = place.ty(*at)?;
                            let value = self.convert_node(node, ty)?;
                            effects.push(self.write(*at, place, value)?);
                        }
                        InitializerValue::Nested(nested) => {
                            let value = self.read(*at, place)?;
                            let local = self.new_local(value.ty);
                            let inner = Expr::local(*at, value.ty, local);
                            let mut list = Vec::new();
                            self.initialize(*at, &inner, nested, &mut list)?;
                            let ty = value.ty;
                            let body = Expr { at: *at, ty, kind: ExprKind::Sequence(list, Box::new(inner)) };
                            effects.push(Expr { at: *at, ty, kind: ExprKind::Let(local, Box::new(value), Box::new(body)) });
                        }
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) fn new_array(
        &mut self,
        at: usize,
        element: Option<&TypeSyntax>,
        length: Option<&Node>,
        elements: Option<&[Node]>,
    ) -> Bound<Expr> {
        let int32 = known().int32;
        match (element, length, elements) {
            (Some(element), None, Some(elements)) => {
                let element = self.resolve_type(element)?;
                self.array_of(at, element, elements)
            }
            (Some(element), Some(length), None) => {
                let element = self.resolve_type(element)?;
                let length = self.expression(length)?;
                let length = self.convert(length, int32)?;
                Ok(Expr { at, ty: types::array(element), kind: ExprKind::NewArray(Box::new(length)) })
            }
            (Some(element), Some(length), Some(elements)) => {
                let element = self.resolve_type(element)?;
                let length = self.expression(length)?;
                match length.value() {
                    Some(Value::Int32(count)) if usize::try_from(*count).is_ok_and(|count| count == elements.len()) => {
                        self.array_of(at, element, elements)
                    }
                    Some(_) => refuse(at, "An array initializer does not match the size of the array"),
                    None => refuse(at, "A constant value is expected"),
                }
            }
            (None, _, Some(elements)) => {
                let mut list = Vec::new();
                for node in elements {
                    list.push(self.expression(node)?);
                }
                let types: Vec<Type> = list.iter().map(|value| value.ty).collect();
                let element = match lambdas::best_common(&types) {
                    Some(element) if element != known().null && element != known().void => element,
                    _ => {
                        return refuse(
                            at,
                            "The type of an implicitly typed array cannot be inferred from the initializer. Try specifying array type explicitly",
                        );
                    }
                };
                let mut converted = Vec::new();
                for value in list {
                    converted.push(self.convert(value, element)?);
                }
                Ok(Expr { at, ty: types::array(element), kind: ExprKind::ArrayOf(converted) })
            }
            _ => refuse(at, "an array wants a length or elements"),
        }
    }

    pub(super) fn array_of(&mut self, at: usize, element: Type, elements: &[Node]) -> Bound<Expr> {
        let mut list = Vec::new();
        for node in elements {
            list.push(self.convert_node(node, element)?);
        }
        Ok(Expr { at, ty: types::array(element), kind: ExprKind::ArrayOf(list) })
    }

    pub(super) fn anonymous(&mut self, at: usize, fields: &[(Option<String>, Node)]) -> Bound<Expr> {
        let mut shape = Vec::new();
        let mut list = Vec::new();
        for (name, node) in fields {
            let name = match (name, &node.kind) {
                (Some(name), _) => name.clone(),
                (None, NodeKind::Name(name, _) | NodeKind::Member(_, name, _)) => name.clone(),
                _ => {
                    return refuse(
                        node.at,
                        "Invalid anonymous type member declarator. Anonymous type members must be a member assignment, simple name or member access expression",
                    );
                }
            };
            if shape.iter().any(|(known, _)| *known == name) {
                return refuse(node.at, "An anonymous type cannot have multiple properties with the same name");
            }
            let value = self.expression(node)?;
            if value.ty == known().null || value.ty == known().void {
                return refuse(node.at, format!("An anonymous type property `{name}' cannot be initialized with `{}'", value.ty));
            }
            shape.push((name, value.ty));
            list.push(value);
        }
        let ty = types::intern(Shape::Anonymous(shape.into()));
        Ok(Expr { at, ty, kind: ExprKind::Record(list) })
    }

    pub(super) fn tuple(&mut self, at: usize, fields: &[(Option<String>, Node)]) -> Bound<Expr> {
        let mut shape = Vec::new();
        let mut list = Vec::new();
        for (name, node) in fields {
            let value = self.expression(node)?;
            if value.ty == known().null || value.ty == known().void {
                return Err(problem(node.at, ProblemKind::Type, "a tuple element wants a type of its own"));
            }
            shape.push((name.clone(), value.ty));
            list.push(value);
        }
        let ty = types::intern(Shape::Tuple(shape.into()));
        Ok(Expr { at, ty, kind: ExprKind::Record(list) })
    }
}
