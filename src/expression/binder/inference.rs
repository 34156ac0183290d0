//! Generic arguments from what is passed.

use super::calls::{Actual, ActualKind};
use super::{Binder, Bound};
use crate::expression::syntax::{LambdaParameter, NodeKind};
use crate::expression::types::{Shape, Type, known};

#[derive(Default, Clone)]
struct Bounds {
    exact: Vec<Type>,
    lower: Vec<Type>,
}

impl Binder {
    /// All generic arguments of a method; nothing if one cannot be inferred.
    pub(super) fn infer(&mut self, count: usize, parameters: &[Type], actuals: &[Actual<'_>]) -> Bound<Option<Vec<Type>>> {
        let mut bounds = vec![Bounds::default(); count];
        let mut fixed: Vec<Option<Type>> = vec![None; count];
        let mut waiting = Vec::new();
        for (index, (parameter, actual)) in parameters.iter().zip(actuals).enumerate() {
            match &actual.kind {
                ActualKind::Value(value) if value.ty != known().null => lower(value.ty, *parameter, &mut bounds),
                ActualKind::Reference(_, _, ty) => exact(*ty, *parameter, &mut bounds),
                ActualKind::Declared(Some(ty), _) => {
                    if let Ok(ty) = self.resolve_type(ty) {
                        exact(ty, *parameter, &mut bounds);
                    }
                }
                ActualKind::Function(node) => {
                    // Written parameter types are known at once.
                    if let (NodeKind::Lambda(written, _), Some((inputs, _))) = (&node.kind, parameter.delegate()) {
                        self.infer_written(written, &inputs, &mut bounds);
                    }
                    waiting.push(index);
                }
                _ => {}
            }
        }
        loop {
            let mut progress = false;
            // What no waiting lambda can add to is decided first.
            let pending: Vec<u8> = waiting
                .iter()
                .filter_map(|index| parameters[*index].delegate())
                .flat_map(|(_, result)| method_parameters(result))
                .collect();
            for index in 0..count {
                let depends = pending.contains(&u8::try_from(index).unwrap_or(0));
                if fixed[index].is_none() && !depends {
                    fixed[index] = fix(&bounds[index]);
                    progress |= fixed[index].is_some();
                }
            }
            let mut still = Vec::new();
            let mut resolved = false;
            for index in std::mem::take(&mut waiting) {
                let delegate = parameters[index].substitute(&[], &fixed);
                let Some((inputs, result)) = delegate.delegate() else { return Ok(None) };
                // Inputs may still hang on what is only bounded by now.
                for input in &inputs {
                    for parameter in method_parameters(*input) {
                        let parameter = usize::from(parameter);
                        if fixed[parameter].is_none() && !resolved {
                            fixed[parameter] = fix(&bounds[parameter]);
                        }
                    }
                }
                let delegate = delegate.substitute(&[], &fixed);
                let Some((inputs, _)) = delegate.delegate() else { return Ok(None) };
                if inputs.iter().any(|input| input.is_open()) || resolved {
                    still.push(index);
                    continue;
                }
                if let ActualKind::Function(node) = &actuals[index].kind {
                    match self.function_result(node, delegate)? {
                        Some(given) => {
                            if given != known().null {
                                lower(given, result, &mut bounds);
                            }
                        }
                        None => return Ok(None),
                    }
                }
                resolved = true;
                progress = true;
            }
            waiting = still;
            if waiting.is_empty() {
                for (slot, bounds) in fixed.iter_mut().zip(&bounds) {
                    if slot.is_none() {
                        *slot = fix(bounds);
                    }
                }
                return Ok(fixed.into_iter().collect());
            }
            if !progress {
                return Ok(None);
            }
        }
    }

    fn infer_written(&mut self, written: &[LambdaParameter], inputs: &[Type], bounds: &mut [Bounds]) {
        for (written, input) in written.iter().zip(inputs) {
            if let Some(ty) = &written.ty
                && let Ok(ty) = self.resolve_type(ty)
            {
                exact(ty, *input, bounds);
            }
        }
    }
}

fn method_parameters(ty: Type) -> Vec<u8> {
    match ty.shape() {
        Shape::MethodParameter(index) => vec![*index],
        Shape::Array(element) => method_parameters(*element),
        Shape::Named(_, arguments) => arguments.iter().flat_map(|argument| method_parameters(*argument)).collect(),
        _ => Vec::new(),
    }
}

fn fix(bounds: &Bounds) -> Option<Type> {
    if let Some(first) = bounds.exact.first() {
        return Some(*first);
    }
    let candidates = &bounds.lower;
    candidates.iter().find(|candidate| candidates.iter().all(|other| Binder::implicit(*other, None, **candidate).is_some())).copied()
}

fn exact(from: Type, to: Type, bounds: &mut [Bounds]) {
    match to.shape() {
        Shape::MethodParameter(index) => {
            if let Some(bounds) = bounds.get_mut(usize::from(*index)) {
                bounds.exact.push(from);
            }
        }
        Shape::Array(element) => {
            if let Some(inner) = from.element() {
                exact(inner, *element, bounds);
            }
        }
        Shape::Named(definition, arguments) if from.definition() == Some(definition) => {
            for (from, to) in from.arguments().iter().zip(arguments.iter()) {
                exact(*from, *to, bounds);
            }
        }
        _ => {}
    }
}

fn lower(from: Type, to: Type, bounds: &mut [Bounds]) {
    match to.shape() {
        Shape::MethodParameter(index) => {
            if let Some(bounds) = bounds.get_mut(usize::from(*index)) {
                bounds.lower.push(from);
            }
        }
        Shape::Array(element) => {
            if let Some(inner) = from.element() {
                if inner.is_reference() { lower(inner, *element, bounds) } else { exact(inner, *element, bounds) }
            }
        }
        Shape::Named(definition, arguments) if !arguments.is_empty() => {
            if let (Some(inner), Some(target)) = (to.nullable_of(), from.nullable_of()) {
                return lower(target, inner, bounds);
            }
            if to.nullable_of().is_some() {
                return;
            }
            let mut found: Vec<Type> =
                from.bases().iter().chain(from.interfaces()).copied().filter(|one| one.definition() == Some(definition)).collect();
            found.dedup();
            let Some(first) = found.first().copied() else { return };
            if found.iter().any(|other| *other != first) {
                return;
            }
            for ((from, to), parameter) in first.arguments().iter().zip(arguments.iter()).zip(&definition.parameters) {
                match parameter.variance {
                    crate::expression::catalogue::Variance::Out if from.is_reference() => lower(*from, *to, bounds),
                    _ => exact(*from, *to, bounds),
                }
            }
        }
        _ => {}
    }
}
