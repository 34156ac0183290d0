//! Calls: which overload is meant, by the rules of C# 7.

use super::members::{Place, allowed, holders};
use super::{Binder, Bound, Name, not_emulated, refuse};
use crate::expression::bound::{Expr, ExprKind, LocalId};
use crate::expression::catalogue::{self, Member, MemberKind, Parameter, Passing};
use crate::expression::syntax::{Argument, ArgumentMode, Node, NodeKind, TypeSyntax, TypeSyntaxKind};
use crate::expression::types::{self, Shape, Type, known};
use crate::expression::value::Value;

/// An argument before it is converted.
pub(super) struct Actual<'n> {
    pub(super) at: usize,
    pub(super) name: Option<&'n str>,
    pub(super) kind: ActualKind<'n>,
}

#[derive(Clone)]
pub(super) enum ActualKind<'n> {
    Value(Expr),
    /// A lambda or method group.
    Function(&'n Node),
    /// `out x` and `ref x`.
    Reference(ArgumentMode, LocalId, Type),
    /// `out T x`, `out var x`, `out _`.
    Declared(Option<TypeSyntax>, Option<&'n str>),
}

/// An overload that fits.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) holder: Type,
    pub(super) member: &'static Member,
    pub(super) generics: Vec<Type>,
    pub(super) result: Type,
    /// For each argument: its parameter's index and type.
    slots: Vec<(usize, Type)>,
    expanded: bool,
    defaults: usize,
}

pub(super) type Candidate = (Type, &'static Member);

impl Binder {
    /// `target(arguments)`.
    pub(super) fn call(&mut self, at: usize, target: &Node, arguments: &[Argument]) -> Bound<Expr> {
        match &target.kind {
            NodeKind::Name(name, generics) => {
                if generics.is_empty()
                    && let Some(value) = self.name(target.at, name)
                {
                    return self.invoke(at, value, arguments);
                }
                refuse(target.at, format!("The name `{name}' does not exist in the current context"))
            }
            NodeKind::Member(receiver, name, generics) => {
                let mut explicit = Vec::new();
                for generic in generics {
                    explicit.push(self.resolve_type(generic)?);
                }
                let receiver = match &receiver.kind {
                    NodeKind::Name(..) | NodeKind::Member(..) | NodeKind::Keyword(_) => match self.place(receiver)? {
                        Place::Type(ty) => Place::Type(ty),
                        place => Place::Value(self.read(receiver.at, place)?),
                    },
                    _ => Place::Value(self.expression(receiver)?),
                };
                match receiver {
                    Place::Type(ty) => self.static_call(target.at, ty, name, &explicit, arguments),
                    Place::Value(value) => self.instance_call(target.at, value, name, &explicit, arguments),
                    _ => refuse(at, "the receiver is no value"),
                }
            }
            _ => {
                let value = self.expression(target)?;
                self.invoke(at, value, arguments)
            }
        }
    }

    /// Calls a delegate.
    fn invoke(&mut self, at: usize, target: Expr, arguments: &[Argument]) -> Bound<Expr> {
        let Some((parameters, result)) = target.ty.delegate() else {
            return refuse(at, format!("The member cannot be used as method or delegate: `{}'", target.ty));
        };
        if parameters.len() != arguments.len() {
            return refuse(at, format!("Delegate `{}' does not take `{}' arguments", target.ty, arguments.len()));
        }
        let mut list = Vec::new();
        for (argument, parameter) in arguments.iter().zip(parameters) {
            list.push(self.convert_node(&argument.value, parameter)?);
        }
        Ok(Expr { at, ty: result, kind: ExprKind::Invoke(Box::new(target), list) })
    }

    fn static_call(&mut self, at: usize, ty: Type, name: &str, explicit: &[Type], arguments: &[Argument]) -> Bound<Expr> {
        let actuals = self.actuals(arguments)?;
        let mut seen: Vec<Candidate> = Vec::new();
        for holder in ty.bases().iter().copied() {
            let Some(definition) = holder.definition() else { continue };
            let candidates: Vec<Candidate> = methods(holder, definition, name).filter(|(_, member)| member.is_static).collect();
            if let Some(chosen) = self.overload(at, &candidates, &actuals, explicit)? {
                return self.finish(at, None, &chosen, actuals);
            }
            seen.extend(candidates);
        }
        if seen.is_empty() {
            if members_named(ty, name) {
                return refuse(at, format!("An object reference is required to access non-static member `{ty}.{name}'"));
            }
            return super::unknown_member(at, ty, name, format!("`{ty}' does not contain a definition for `{name}'"));
        }
        self.no_overload(at, name, &seen, &actuals)
    }

    fn instance_call(&mut self, at: usize, receiver: Expr, name: &str, explicit: &[Type], arguments: &[Argument]) -> Bound<Expr> {
        let known = known();
        if receiver.ty == known.void || receiver.ty == known.null {
            return refuse(at, format!("The `.' operator can not be applied to operands of type `{}'", receiver.ty));
        }
        // The one method that `ValueTuple` has beside those of `object`.
        if let (Shape::Tuple(_), "CompareTo", [argument]) = (receiver.ty.shape(), name, arguments) {
            let other = self.convert_node(&argument.value, receiver.ty)?;
            return self.native(at, "Operator.CompareTuples", vec![receiver, other], known.int32);
        }
        // A property that holds a delegate.
        let actuals = self.actuals(arguments)?;
        let mut seen: Vec<Candidate> = Vec::new();
        for holder in holders(receiver.ty) {
            let Some(definition) = holder.definition() else {
                continue;
            };
            let candidates: Vec<Candidate> = methods(holder, definition, name).filter(|(_, member)| !member.is_static).collect();
            if let Some(chosen) = self.overload(at, &candidates, &actuals, explicit)? {
                return self.finish(at, Some(receiver), &chosen, actuals);
            }
            seen.extend(candidates);
            let statics: Vec<Candidate> =
                methods(holder, definition, name).filter(|(_, member)| member.is_static && !member.extension).collect();
            if self.overload(at, &statics, &actuals, explicit)?.is_some() {
                return refuse(
                    at,
                    format!(
                        "Static member `{holder}.{name}' cannot be accessed with an instance reference, qualify it with a type name instead"
                    ),
                );
            }
        }
        let extensions: Vec<Candidate> = catalogue::extensions(name)
            .into_iter()
            .filter(|(holder, _)| holder_fits(receiver.ty, holder))
            .map(|(holder, member)| (types::intern(Shape::Named(holder, Box::default())), member))
            .collect();
        if !extensions.is_empty() {
            let mut all = vec![Actual { at: receiver.at, name: None, kind: ActualKind::Value(receiver.clone()) }];
            all.extend(actuals);
            for holders in catalogue::EXTENSION_HOLDERS {
                let among: Vec<Candidate> =
                    extensions.iter().copied().filter(|(holder, _)| holders.iter().any(|name| holder.is(name))).collect();
                if let Some(chosen) = self.overload(at, &among, &all, explicit)? {
                    return self.finish(at, None, &chosen, all);
                }
            }
            all.remove(0);
            if seen.is_empty() && extension_could(receiver.ty, &extensions) {
                return self.no_overload(at, name, &extensions, &all);
            }
            if !seen.is_empty() {
                return self.no_overload(at, name, &seen, &all);
            }
            return super::unknown_member(
                at,
                receiver.ty,
                name,
                format!(
                    "Type `{}' does not contain a definition for `{name}' and no extension method `{name}' of type `{}' could be found",
                    receiver.ty, receiver.ty
                ),
            );
        }
        if seen.is_empty() {
            let place = self.instance_member(at, receiver, name)?;
            let value = self.read(at, place)?;
            return self.invoke(at, value, arguments);
        }
        self.no_overload(at, name, &seen, &actuals)
    }

    pub(super) fn no_overload<T>(&mut self, at: usize, name: &str, candidates: &[Candidate], actuals: &[Actual<'_>]) -> Bound<T> {
        // One candidate: its first argument that does not convert tells most.
        if let [(_, member)] = candidates
            && !member.extension
            && member.parameters.len() != actuals.len()
        {
            return refuse(at, format!("No overload for method `{name}' takes `{}' arguments", actuals.len()));
        }
        // A lambda that does not compile by itself is the real reason.
        let listed: Vec<String> = actuals
            .iter()
            .map(|actual| match &actual.kind {
                ActualKind::Value(value) => value.ty.to_string(),
                ActualKind::Function(_) => "lambda expression".to_owned(),
                ActualKind::Reference(_, _, ty) => format!("out {ty}"),
                ActualKind::Declared(..) => "out".to_owned(),
            })
            .collect();
        refuse(at, format!("The best overloaded method match for `{name}' has some invalid arguments ({})", listed.join(", ")))
    }

    /// Binds the arguments as far as they have a type of their own.
    pub(super) fn actuals<'n>(&mut self, arguments: &'n [Argument]) -> Bound<Vec<Actual<'n>>> {
        let mut list = Vec::new();
        for argument in arguments {
            let node = &argument.value;
            let kind = match (&node.kind, argument.mode) {
                (NodeKind::Declaration(ty, name), ArgumentMode::Out) => {
                    let ty = (ty.kind != TypeSyntaxKind::Var).then(|| ty.clone());
                    ActualKind::Declared(ty, Some(name))
                }
                (NodeKind::Discard, _) => ActualKind::Declared(None, None),
                (NodeKind::Name(name, _), ArgumentMode::Out | ArgumentMode::Ref) => match self.lookup(name).cloned() {
                    Some(Name::Local(local)) => {
                        self.touch(local);
                        self.share(local);
                        ActualKind::Reference(argument.mode, local, self.local_type(local))
                    }
                    _ => return refuse(node.at, format!("The name `{name}' does not exist in the current context")),
                },
                (_, ArgumentMode::Out | ArgumentMode::Ref) => return not_emulated(node.at, "`out` or `ref` to what is no local variable"),
                (NodeKind::Lambda(..), _) => ActualKind::Function(node),
                (NodeKind::Default(None), _) => {
                    ActualKind::Value(Expr { at: node.at, ty: known().null, kind: ExprKind::Constant(Value::Null) })
                }
                _ if self.is_method_group(node) => ActualKind::Function(node),
                _ => {
                    let value = self.expression(node)?;
                    if value.ty == known().void {
                        return refuse(node.at, "the argument has no value");
                    }
                    ActualKind::Value(value)
                }
            };
            list.push(Actual { at: node.at, name: argument.name.as_deref(), kind });
        }
        Ok(list)
    }

    /// The best applicable candidate; nothing if none applies.
    pub(super) fn overload(
        &mut self,
        at: usize,
        candidates: &[Candidate],
        actuals: &[Actual<'_>],
        explicit: &[Type],
    ) -> Bound<Option<Chosen>> {
        let mut fitting: Vec<Chosen> = Vec::new();
        for (holder, member) in candidates {
            self.step(at)?;
            for expanded in [false, true] {
                if expanded && member.parameters.last().is_none_or(|parameter| parameter.passing != Passing::Params) {
                    continue;
                }
                if let Some(chosen) = self.applicable(*holder, member, actuals, explicit, expanded)? {
                    fitting.push(chosen);
                    break;
                }
            }
        }
        if fitting.is_empty() {
            return Ok(None);
        }
        let mut best = 0;
        for index in 1..fitting.len() {
            if self.better(&fitting[index], &fitting[best], actuals)? {
                best = index;
            }
        }
        for index in 0..fitting.len() {
            if index != best && !self.better(&fitting[best], &fitting[index], actuals)? {
                let message = format!("The call is ambiguous between `{}' and `{}'", fitting[best].member.key, fitting[index].member.key);
                return refuse(at, message);
            }
        }
        Ok(Some(fitting.swap_remove(best)))
    }

    fn applicable(
        &mut self,
        holder: Type,
        member: &'static Member,
        actuals: &[Actual<'_>],
        explicit: &[Type],
        expanded: bool,
    ) -> Bound<Option<Chosen>> {
        let Some((indices, defaults)) = map_arguments(&member.parameters, actuals, expanded) else { return Ok(None) };
        if !explicit.is_empty() && explicit.len() != member.generics.len() {
            return Ok(None);
        }
        let parameter_type = |index: usize| {
            let parameter = &member.parameters[index.min(member.parameters.len() - 1)];
            let ty = parameter.ty.substitute(holder.arguments(), &[]);
            if expanded && parameter.passing == Passing::Params { ty.element().unwrap_or(ty) } else { ty }
        };
        let open: Vec<Type> = indices.iter().map(|index| parameter_type(*index)).collect();
        let generics = if member.generics.is_empty() {
            Vec::new()
        } else if explicit.is_empty() {
            match self.infer(member.generics.len(), &open, actuals)? {
                Some(generics) => generics,
                None => return Ok(None),
            }
        } else {
            explicit.to_vec()
        };
        if !constraints_hold(member, &generics) {
            return Ok(None);
        }
        let method: Vec<Option<Type>> = generics.iter().copied().map(Some).collect();
        let mut slots = Vec::new();
        for ((index, ty), actual) in indices.iter().zip(&open).zip(actuals) {
            let ty = ty.substitute(&[], &method);
            let passing = member.parameters[(*index).min(member.parameters.len() - 1)].passing;
            let fits = match &actual.kind {
                ActualKind::Value(value) => {
                    matches!(passing, Passing::Value | Passing::Params) && Self::implicit(value.ty, value.value(), ty).is_some()
                }
                ActualKind::Function(node) => ty.is_delegate() && self.function_fits(node, ty)?,
                ActualKind::Reference(mode, _, own) => {
                    *own == ty
                        && (*mode == ArgumentMode::Out && passing == Passing::Out || *mode == ArgumentMode::Ref && passing == Passing::Ref)
                }
                ActualKind::Declared(..) => passing == Passing::Out,
            };
            if !fits {
                return Ok(None);
            }
            slots.push((*index, ty));
        }
        let result = member.result.substitute(holder.arguments(), &method);
        Ok(Some(Chosen { holder, member, generics, result, slots, expanded, defaults }))
    }

    /// Whether `left` is the better function member.
    fn better(&mut self, left: &Chosen, right: &Chosen, actuals: &[Actual<'_>]) -> Bound<bool> {
        let (mut some_better, mut some_worse, mut same) = (false, false, true);
        for (index, actual) in actuals.iter().enumerate() {
            let (Some((_, one)), Some((_, two))) = (left.slots.get(index), right.slots.get(index)) else { continue };
            if one == two {
                continue;
            }
            same = false;
            match self.better_conversion(actual, *one, *two)? {
                1 => some_better = true,
                -1 => some_worse = true,
                _ => {}
            }
        }
        if some_worse {
            return Ok(false);
        }
        if some_better {
            return Ok(true);
        }
        if !same {
            // `Split(null)`: the service compiles against .NET Framework, whose `string` has no overload with defaults here.
            let only_nulls = actuals.iter().all(|actual| matches!(&actual.kind, ActualKind::Value(value) if value.ty == known().null));
            return Ok(only_nulls && left.defaults == 0 && right.defaults > 0);
        }
        if left.generics.is_empty() != right.generics.is_empty() {
            return Ok(left.generics.is_empty());
        }
        if left.expanded != right.expanded {
            return Ok(!left.expanded);
        }
        if left.expanded && left.member.parameters.len() != right.member.parameters.len() {
            return Ok(left.member.parameters.len() > right.member.parameters.len());
        }
        if (left.defaults == 0) != (right.defaults == 0) {
            return Ok(left.defaults == 0);
        }
        if left.defaults != right.defaults {
            return Ok(left.defaults < right.defaults);
        }
        Ok(specificity(left.member) >= specificity(right.member))
    }

    /// 1: to `one` is better; -1: to `two` is; 0: neither.
    fn better_conversion(&mut self, actual: &Actual<'_>, one: Type, two: Type) -> Bound<i8> {
        let known = known();
        match &actual.kind {
            ActualKind::Value(value) => {
                if value.ty == one {
                    return Ok(1);
                }
                if value.ty == two {
                    return Ok(-1);
                }
            }
            ActualKind::Function(node) => {
                let (Some((_, left)), Some((_, right))) = (one.delegate(), two.delegate()) else { return Ok(0) };
                if left == right {
                    return Ok(0);
                }
                if left == known.void {
                    return Ok(-1);
                }
                if right == known.void {
                    return Ok(1);
                }
                if let Some(given) = self.function_result(node, one)? {
                    if given == left {
                        return Ok(1);
                    }
                    if given == right {
                        return Ok(-1);
                    }
                }
                return Ok(better_target(left, right));
            }
            _ => return Ok(0),
        }
        Ok(better_target(one, two))
    }

    /// Converts the arguments and puts them into the order of the parameters.
    pub(super) fn pass(&mut self, at: usize, chosen: &Chosen, actuals: Vec<Actual<'_>>) -> Bound<Vec<Expr>> {
        let parameters = &chosen.member.parameters;
        let mut slots: Vec<Option<Expr>> = vec![None; parameters.len()];
        let mut rest = Vec::new();
        for (actual, (index, ty)) in actuals.into_iter().zip(&chosen.slots) {
            let value = match actual.kind {
                ActualKind::Value(value) => self.convert(value, *ty)?,
                ActualKind::Function(node) => self.convert_node(node, *ty)?,
                ActualKind::Reference(_, local, own) => Expr { at: actual.at, ty: own, kind: ExprKind::Reference(local) },
                ActualKind::Declared(written, name) => {
                    let local_type = match &written {
                        Some(written) => self.resolve_type(written)?,
                        None => *ty,
                    };
                    if local_type != *ty {
                        return refuse(actual.at, format!("The type of an `out' argument must be `{ty}'"));
                    }
                    let local = match name {
                        Some(name) => self.declare(actual.at, name, *ty)?,
                        None => self.new_local(*ty),
                    };
                    self.share(local);
                    Expr { at: actual.at, ty: *ty, kind: ExprKind::Reference(local) }
                }
            };
            let last = parameters.len() - 1;
            if chosen.expanded && *index >= last {
                rest.push(value);
            } else if let Some(slot) = slots.get_mut(*index) {
                *slot = Some(value);
            }
        }
        let method: Vec<Option<Type>> = chosen.generics.iter().copied().map(Some).collect();
        if chosen.expanded
            && let (Some(slot), Some(parameter)) = (slots.last_mut(), parameters.last())
        {
            let ty = parameter.ty.substitute(chosen.holder.arguments(), &method);
            *slot = Some(Expr { at, ty, kind: ExprKind::ArrayOf(rest) });
        }
        let mut list = Vec::new();
        for (slot, parameter) in slots.into_iter().zip(parameters) {
            let ty = parameter.ty.substitute(chosen.holder.arguments(), &method);
            list.push(match slot {
                Some(value) => value,
                None => default_of(at, parameter, ty),
            });
        }
        Ok(list)
    }

    fn finish(&mut self, at: usize, receiver: Option<Expr>, chosen: &Chosen, actuals: Vec<Actual<'_>>) -> Bound<Expr> {
        allowed(at, chosen.member)?;
        let mut list = self.pass(at, chosen, actuals)?;
        if let Some(receiver) = receiver {
            if chosen.holder.is_delegate() && chosen.member.name == "Invoke" {
                return Ok(Expr { at, ty: chosen.result, kind: ExprKind::Invoke(Box::new(receiver), list) });
            }
            list.insert(0, receiver);
        }
        let callee = self.callee_of(at, chosen.member);
        let mut types = chosen.generics.clone();
        types.extend_from_slice(chosen.holder.arguments());
        if chosen.holder.is("Enumerable") && matches!(chosen.member.name, "Sum" | "Average" | "Max" | "Min") {
            // One function does all overloads; only the result tells which is meant where there is nothing to add or compare.
            types.push(chosen.result);
        }
        Ok(Expr { at, ty: chosen.result, kind: ExprKind::Call(callee, types, list) })
    }

    /// Binds a constructor call.
    pub(super) fn construct(&mut self, at: usize, ty: Type, arguments: &[Argument]) -> Bound<Expr> {
        let Some(definition) = ty.definition() else { return refuse(at, format!("Cannot create an instance of `{ty}'")) };
        let candidates: Vec<Candidate> =
            definition.members().iter().filter(|member| member.kind == MemberKind::Constructor).map(|member| (ty, member)).collect();
        if arguments.is_empty() && ty.is_value_type() {
            return Ok(Self::constant_of_default(at, ty));
        }
        if candidates.is_empty() {
            return refuse(at, format!("Cannot create an instance of the abstract class or interface `{ty}'"));
        }
        let actuals = self.actuals(arguments)?;
        match self.overload(at, &candidates, &actuals, &[])? {
            Some(mut chosen) => {
                chosen.result = ty;
                self.finish(at, None, &chosen, actuals)
            }
            None => self.no_overload(at, definition.name, &candidates, &actuals),
        }
    }

    /// Whether the node names methods and nothing else.
    pub(super) fn is_method_group(&mut self, node: &Node) -> bool {
        let NodeKind::Member(target, name, _) = &node.kind else { return false };
        // What is more than names is bound once only: it may declare variables.
        if !is_dotted_name(target) {
            return false;
        }
        match self.place(target) {
            Ok(Place::Type(ty)) => {
                let own = ty.bases().iter().copied().filter_map(Type::definition).any(|definition| {
                    definition.members().iter().any(|member| member.name == name && member.kind == MemberKind::Method && member.is_static)
                });
                own && self.static_value(ty, name).is_none()
            }
            Ok(place) => place.ty(node.at).is_ok_and(|ty| {
                super::members::lookup(ty, name, |member| !member.is_static && member.kind != MemberKind::Method).is_none()
                    && !matches!(ty.shape(), Shape::Anonymous(_) | Shape::Tuple(_))
                    && super::members::lookup(ty, name, |member| !member.is_static && member.kind == MemberKind::Method).is_some()
            }),
            Err(_) => false,
        }
    }

    fn static_value(&self, ty: Type, name: &str) -> Option<&'static Member> {
        ty.bases().iter().copied().filter_map(Type::definition).find_map(|definition| {
            definition.members().iter().find(|member| member.name == name && member.is_static && member.kind != MemberKind::Method)
        })
    }
}

fn is_dotted_name(mut node: &Node) -> bool {
    loop {
        match &node.kind {
            NodeKind::Name(..) | NodeKind::Keyword(_) => return true,
            NodeKind::Member(target, ..) => node = target,
            _ => return false,
        }
    }
}

fn methods<'n>(holder: Type, definition: &'static catalogue::Definition, name: &'n str) -> impl Iterator<Item = Candidate> + use<'n> {
    definition
        .members()
        .iter()
        .filter(move |member| member.kind == MemberKind::Method && member.name == name)
        .map(move |member| (holder, member))
}

fn members_named(ty: Type, name: &str) -> bool {
    holders(ty).into_iter().filter_map(Type::definition).any(|definition| definition.members().iter().any(|member| member.name == name))
}

/// Whether the constraints of a holder's methods let it extend a type: `where T : XNode` and `where T : JToken` keep two classes of the same
/// method names apart.
fn holder_fits(receiver: Type, holder: &catalogue::Definition) -> bool {
    let root = match holder.full {
        "System.Xml.Linq.Extensions" => "XObject",
        "Newtonsoft.Json.Linq.Extensions" => "JToken",
        _ => return true,
    };
    receiver.enumerated().is_none_or(|element| element.bases().iter().any(|base| base.is(root)))
}

fn extension_could(receiver: Type, candidates: &[Candidate]) -> bool {
    candidates.iter().any(|(_, member)| {
        member.parameters.first().is_some_and(|first| {
            first.ty.definition().is_some_and(|definition| {
                holders(receiver).into_iter().chain(receiver.interfaces().iter().copied()).any(|one| one.definition() == Some(definition))
            })
        })
    })
}

/// Whether the generic arguments are of the types that the method's `where` clauses want. The table does not have the clauses: these are all that its
/// members declare and a policy can break.
fn constraints_hold(member: &Member, generics: &[Type]) -> bool {
    let Some((holder, _)) = member.key.split_once('.') else { return true };
    let wanted = match (holder, member.name, member.generics.first()) {
        ("Extensions", "Descendants" | "DescendantsAndSelf", _) => "JContainer",
        ("Extensions", _, Some(&"T")) | ("JToken" | "JContainer", "Children", Some(_)) => "JToken",
        ("XmlExtensions", "Ancestors" | "InDocumentOrder" | "Remove", Some(_)) => "XNode",
        ("XmlExtensions", _, Some(_)) => "XContainer",
        ("Nullable", "Compare" | "Equals", Some(_)) | ("Enum", "TryParse", Some(_)) => {
            return generics.iter().all(|ty| ty.is_value_type() && ty.nullable_of().is_none());
        }
        _ => return true,
    };
    generics.first().is_none_or(|ty| ty.converts_by_reference(types::named(wanted)))
}

/// Which parameter each argument belongs to, and how many parameters keep their default.
fn map_arguments(parameters: &[Parameter], actuals: &[Actual<'_>], expanded: bool) -> Option<(Vec<usize>, usize)> {
    let fixed = if expanded { parameters.len() - 1 } else { parameters.len() };
    let mut indices = Vec::new();
    let mut taken = vec![false; parameters.len()];
    for (position, actual) in actuals.iter().enumerate() {
        let index = match actual.name {
            Some(name) => parameters.iter().position(|parameter| parameter.name == name)?,
            None if position < fixed => position,
            None if expanded => position,
            None => return None,
        };
        if index < fixed {
            if std::mem::replace(taken.get_mut(index)?, true) {
                return None;
            }
        } else if !expanded {
            return None;
        }
        indices.push(index);
    }
    let mut defaults = 0;
    for (parameter, taken) in parameters.iter().zip(&taken).take(fixed) {
        if !taken {
            parameter.default?;
            defaults += 1;
        }
    }
    Some((indices, defaults))
}

fn default_of(at: usize, parameter: &Parameter, ty: Type) -> Expr {
    let known = known();
    match parameter.default {
        Some("true") => Expr::constant(at, ty, Value::Boolean(true)),
        Some("false") => Expr::constant(at, ty, Value::Boolean(false)),
        Some(number) if ty == known.int32 && number.parse::<i32>().is_ok() => {
            Expr::constant(at, ty, Value::Int32(number.parse().unwrap_or(0)))
        }
        _ => Expr { at, ty, kind: ExprKind::Default },
    }
}

/// The better conversion target of the C# specification.
fn better_target(one: Type, two: Type) -> i8 {
    use crate::expression::types::Primitive as P;
    let forth = Binder::implicit(one, None, two).is_some();
    let back = Binder::implicit(two, None, one).is_some();
    if forth != back {
        return if forth { 1 } else { -1 };
    }
    let signed = |ty: Type| matches!(ty.stripped().primitive(), Some(P::SByte | P::Int16 | P::Int32 | P::Int64));
    let unsigned = |ty: Type| matches!(ty.stripped().primitive(), Some(P::Byte | P::UInt16 | P::UInt32 | P::UInt64));
    if signed(one) && unsigned(two) {
        return 1;
    }
    if unsigned(one) && signed(two) {
        return -1;
    }
    0
}

/// Parameters that are no bare generic parameters make a method more specific.
fn specificity(member: &Member) -> usize {
    fn of(ty: Type) -> usize {
        match ty.shape() {
            Shape::MethodParameter(_) | Shape::TypeParameter(_) => 0,
            Shape::Array(element) => 1 + of(*element),
            Shape::Named(_, arguments) => 1 + arguments.iter().map(|argument| of(*argument)).sum::<usize>(),
            _ => 1,
        }
    }
    member.parameters.iter().map(|parameter| of(parameter.ty)).sum()
}
