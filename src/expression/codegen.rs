//! The typed tree as instructions.

use std::collections::HashMap;
use std::sync::Arc;

use super::bound::{Callee, Conversion, Expr, ExprKind, Lambda, Local, LocalId, Stmt};
use super::code::{Code, Function, Need, Op};
use super::syntax::BinaryOperator;
use super::types::{Type, known};
use super::value::Value;

mod effects;
mod statements;

struct Builder {
    function: Function,
    id: u32,
    slots: HashMap<LocalId, u32>,
    /// Captured locals in the order of `function.captures`; their slots are put right at the end.
    captured: Vec<LocalId>,
    regions: Vec<Region>,
    exceptions: Vec<u32>,
    loops: usize,
    /// Functions made in this one: their captures are slots of it.
    children: Vec<u32>,
}

/// What a jump out of a place passes.
enum Region {
    Loop {
        breaks: Vec<usize>,
        continues: Vec<usize>,
        is_switch: bool,
    },
    /// A `finally` and the stretches it guards.
    Finally {
        body: Vec<Stmt>,
        ranges: Vec<(u32, u32)>,
        open: u32,
    },
    Catch {
        ranges: Vec<(u32, u32)>,
        open: u32,
    },
}

struct Generator<'a> {
    code: Code,
    locals: &'a [Local],
    builders: Vec<Builder>,
    texts: HashMap<String, u32>,
    /// How many conditions surround what is being made.
    conditional: usize,
    /// Locals that hold a body: `context.Request.Body?.As<T>()`.
    bodies: HashMap<LocalId, effects::Body>,
    /// Calls whose receiver, still to come, is a header collection read by a constant name.
    named_headers: usize,
}

/// Captured cells take the first slots; at most this many are possible, the rest is refused by the binder's limits.
const CAPTURE_LIMIT: u32 = 256;

/// Makes the code of a bound program.
pub(crate) fn generate(main: &Lambda, locals: &[Local], functions: u32) -> Code {
    let mut code = Code::default();
    code.functions.resize_with(functions as usize, Function::default);
    let mut generator =
        Generator { code, locals, builders: Vec::new(), texts: HashMap::new(), conditional: 0, bodies: HashMap::new(), named_headers: 0 };
    generator.lambda(main);
    generator.code
}

impl Generator<'_> {
    fn builder(&mut self) -> &mut Builder {
        let last = self.builders.len().saturating_sub(1);
        &mut self.builders[last]
    }

    fn emit(&mut self, at: usize, op: Op) -> usize {
        let builder = self.builder();
        builder.function.ops.push(op);
        builder.function.places.push(u32::try_from(at).unwrap_or(u32::MAX));
        builder.function.ops.len() - 1
    }

    fn here(&mut self) -> u32 {
        u32::try_from(self.builder().function.ops.len()).unwrap_or(u32::MAX)
    }

    fn patch(&mut self, at: usize) {
        let target = self.here();
        self.patch_to(at, target);
    }

    fn patch_to(&mut self, at: usize, target: u32) {
        if let Some(op) = self.builder().function.ops.get_mut(at) {
            *op = match *op {
                Op::Jump(_) => Op::Jump(target),
                Op::JumpFalse(_) => Op::JumpFalse(target),
                Op::JumpTrue(_) => Op::JumpTrue(target),
                Op::JumpNull(_) => Op::JumpNull(target),
                Op::JumpNotNull(_) => Op::JumpNotNull(target),
                Op::Next(slot, _) => Op::Next(slot, target),
                other => other,
            };
        }
    }

    fn constant(&mut self, value: &Value) -> u32 {
        // Equal texts are one object, as interned literals are.
        if let Value::Text(text) = value {
            let key = format!("{text:?}");
            if let Some(index) = self.texts.get(&key) {
                return *index;
            }
            let index = self.push_constant(value.clone());
            self.texts.insert(key, index);
            return index;
        }
        self.push_constant(value.clone())
    }

    fn push_constant(&mut self, value: Value) -> u32 {
        self.code.constants.push(value);
        u32::try_from(self.code.constants.len() - 1).unwrap_or(u32::MAX)
    }

    fn callee(&mut self, callee: &Callee) -> u32 {
        // A getter and its setter share their key.
        if let Some(found) = self.code.callees.iter().position(|known| known.key == callee.key && known.sets == callee.sets) {
            return u32::try_from(found).unwrap_or(u32::MAX);
        }
        self.code.reached.push(callee.key);
        self.code.callees.push(callee.clone());
        u32::try_from(self.code.callees.len() - 1).unwrap_or(u32::MAX)
    }

    fn types(&mut self, types: &[Type]) -> u32 {
        if let Some(found) = self.code.types.iter().position(|known| known == types) {
            return u32::try_from(found).unwrap_or(u32::MAX);
        }
        self.code.types.push(types.to_vec());
        u32::try_from(self.code.types.len() - 1).unwrap_or(u32::MAX)
    }

    fn is_shared(&self, local: LocalId) -> bool {
        self.locals.get(local.0 as usize).is_some_and(|local| local.shared)
    }

    fn default_of(&self, local: LocalId) -> Value {
        self.locals.get(local.0 as usize).map_or(Value::Null, |local| Value::default_of(local.ty))
    }

    fn new_slot(&mut self) -> u32 {
        let builder = self.builder();
        builder.function.slots += 1;
        builder.function.slots - 1
    }

    /// The slot of a local in the function being made.
    fn slot(&mut self, local: LocalId) -> u32 {
        self.slot_in(self.builders.len() - 1, local)
    }

    fn slot_in(&mut self, depth: usize, local: LocalId) -> u32 {
        if let Some(slot) = self.builders[depth].slots.get(&local) {
            return *slot;
        }
        let owner = self.locals.get(local.0 as usize).map_or(0, |local| local.function);
        if owner != self.builders[depth].id && depth > 0 {
            let index = u32::try_from(self.builders[depth].captured.len()).unwrap_or(u32::MAX).min(CAPTURE_LIMIT - 1);
            self.builders[depth].captured.push(local);
            self.builders[depth].slots.insert(local, index);
            return index;
        }
        let shared = self.is_shared(local);
        let default = self.default_of(local);
        let builder = &mut self.builders[depth];
        let slot = builder.function.slots;
        builder.function.slots += 1;
        builder.slots.insert(local, slot);
        if shared {
            builder.function.cells.push((slot, default));
        }
        slot
    }

    fn lambda(&mut self, lambda: &Lambda) {
        let is_main = self.builders.is_empty();
        let function = Function { slots: if is_main { 0 } else { CAPTURE_LIMIT }, ..Function::default() };
        self.builders.push(Builder {
            function,
            id: lambda.function,
            slots: HashMap::new(),
            captured: Vec::new(),
            regions: Vec::new(),
            exceptions: Vec::new(),
            loops: 0,
            children: Vec::new(),
        });
        let parameters = u32::try_from(lambda.parameters.len()).unwrap_or(0);
        let first = self.builder().function.slots;
        self.builder().function.parameters = parameters;
        for (index, parameter) in lambda.parameters.iter().enumerate() {
            let slot = first + u32::try_from(index).unwrap_or(0);
            let shared = self.is_shared(*parameter);
            let builder = self.builder();
            builder.slots.insert(*parameter, slot);
            if shared {
                builder.function.shared_parameters.push(slot);
            }
        }
        self.builder().function.slots += parameters;
        self.statements(&lambda.body);
        let null = self.constant(&Value::Null);
        self.emit(0, Op::Constant(null));
        self.emit(0, Op::Return);
        let Some(mut builder) = self.builders.pop() else { return };
        // Captured cells are where the function around keeps them.
        if !is_main {
            let depth = self.builders.len() - 1;
            let captures: Vec<u32> = builder.captured.iter().map(|local| self.slot_in(depth, *local)).collect();
            builder.function.captures = captures;
            let shift = compact(&mut builder.function);
            for child in builder.children {
                for slot in self.code.functions.get_mut(child as usize).map(|function| &mut function.captures).into_iter().flatten() {
                    *slot = if *slot >= CAPTURE_LIMIT { *slot - shift } else { *slot };
                }
            }
            self.builder().children.push(lambda.function);
        }
        if let Some(place) = self.code.functions.get_mut(lambda.function as usize) {
            *place = builder.function;
        }
    }

    fn all(&mut self, list: &[Expr]) -> u32 {
        for value in list {
            self.expression(value);
        }
        u32::try_from(list.len()).unwrap_or(u32::MAX)
    }

    fn store(&mut self, at: usize, local: LocalId) {
        let slot = self.slot(local);
        let op = if self.is_shared(local) { Op::StoreCell(slot) } else { Op::Store(slot) };
        self.emit(at, op);
    }

    fn expression(&mut self, value: &Expr) {
        let at = value.at;
        match &value.kind {
            ExprKind::Constant(constant) => {
                let index = self.constant(constant);
                self.emit(at, Op::Constant(index));
            }
            ExprKind::Default => {
                let index = self.constant(&Value::default_of(value.ty));
                self.emit(at, Op::Constant(index));
                if value.ty.is("KeyValuePair") {
                    // The one struct that is a record: default members.
                    self.emit(at, Op::Pop);
                    for argument in value.ty.arguments() {
                        let index = self.constant(&Value::default_of(*argument));
                        self.emit(at, Op::Constant(index));
                    }
                    self.emit(at, Op::Record(value.ty, 2));
                }
            }
            ExprKind::Local(local) => {
                let slot = self.slot(*local);
                let op = if self.is_shared(*local) { Op::LoadCell(slot) } else { Op::Load(slot) };
                self.emit(at, op);
            }
            ExprKind::Reference(local) => {
                let slot = self.slot(*local);
                self.emit(at, Op::Load(slot));
            }
            ExprKind::Context => {
                self.emit(at, Op::Context);
            }
            ExprKind::Assign(local, inner) => {
                self.expression(inner);
                self.emit(at, Op::Duplicate);
                self.store(at, *local);
            }
            ExprKind::Call(callee, types, arguments) => {
                self.note_effects(callee.key, arguments);
                let count = self.all(arguments);
                let (callee, types) = (self.callee(callee), self.types(types));
                self.emit(at, Op::Call(callee, types, count));
            }
            ExprKind::Set(callee, types, arguments) => {
                let count = self.all(arguments);
                let callee = self.callee(callee);
                let types = self.types(types);
                self.emit(at, Op::Set(callee, types, count));
            }
            ExprKind::Invoke(target, arguments) => {
                self.expression(target);
                let count = self.all(arguments);
                self.emit(at, Op::Invoke(count));
            }
            ExprKind::Negate(inner) => self.unary(at, inner, Op::Negate),
            ExprKind::Not(inner) => self.unary(at, inner, Op::Not),
            ExprKind::Complement(inner) => self.unary(at, inner, Op::Complement),
            ExprKind::Binary(..) => self.binary(value),
            ExprKind::And(left, right) => self.short_circuit(at, left, right, false),
            ExprKind::Or(left, right) => self.short_circuit(at, left, right, true),
            ExprKind::Coalesce(left, right) => {
                self.expression(left);
                let end = self.emit(at, Op::JumpNotNull(0));
                self.emit(at, Op::Pop);
                self.guarded(|generator| generator.expression(right));
                self.patch(end);
            }
            ExprKind::Conditional(condition, then, otherwise) => {
                self.expression(condition);
                let skip = self.emit(at, Op::JumpFalse(0));
                self.guarded(|generator| generator.expression(then));
                let end = self.emit(at, Op::Jump(0));
                self.patch(skip);
                self.guarded(|generator| generator.expression(otherwise));
                self.patch(end);
            }
            ExprKind::NullConditional(local, receiver, then) => {
                self.expression(receiver);
                let end = self.emit(at, Op::JumpNull(0));
                self.store(at, *local);
                let body_reader = matches!(&receiver.kind, ExprKind::Call(callee, ..) if callee.key.ends_with(".Body"));
                if body_reader {
                    if let Some(body) = self.body_of(receiver) {
                        self.bodies.insert(*local, body);
                    }
                    self.expression(then)
                } else {
                    self.guarded(|generator| generator.expression(then))
                }
                if then.ty == known().void {
                    // The call has pushed a null already.
                }
                self.patch(end);
            }
            ExprKind::Convert(conversion, inner) => {
                self.expression(inner);
                let index = self.conversion(conversion);
                self.emit(at, Op::Convert(index));
            }
            ExprKind::Is(inner, ty) => self.unary(at, inner, Op::Is(*ty)),
            ExprKind::As(inner, ty) => self.unary(at, inner, Op::As(*ty)),
            ExprKind::Let(local, inner, body) => {
                self.expression(inner);
                let slot = self.slot(*local);
                let op = if self.is_shared(*local) { Op::NewCell(slot) } else { Op::Store(slot) };
                self.emit(at, op);
                self.expression(body);
            }
            ExprKind::Sequence(effects, result) => {
                for effect in effects {
                    self.expression(effect);
                    self.emit(effect.at, Op::Pop);
                }
                self.expression(result);
            }
            ExprKind::Lambda(lambda) => self.closure(at, lambda),
            ExprKind::NewArray(length) => self.unary(at, length, Op::NewArray(value.ty)),
            ExprKind::ArrayOf(elements) => {
                let count = self.all(elements);
                self.emit(at, Op::ArrayOf(value.ty, count));
            }
            ExprKind::Element(array, index) => {
                self.expression(array);
                self.expression(index);
                self.emit(at, Op::Element);
            }
            ExprKind::SetElement(array, index, element) => {
                self.expression(array);
                self.expression(index);
                self.expression(element);
                self.emit(at, Op::SetElement);
            }
            ExprKind::Concat(parts) => {
                let count = self.all(parts);
                self.emit(at, Op::Concat(count));
            }
            ExprKind::Record(fields) => {
                let count = self.all(fields);
                self.emit(at, Op::Record(value.ty, count));
            }
            ExprKind::Field(record, index) => self.unary(at, record, Op::Field(*index)),
            ExprKind::Throw(inner) => self.unary(at, inner, Op::Throw),
            ExprKind::TypeOf(ty) => {
                let index = self.constant(&Value::TypeToken(*ty));
                self.emit(at, Op::Constant(index));
            }
        }
    }

    fn conversion(&mut self, conversion: &Conversion) -> u32 {
        self.code.conversions.push(conversion.clone());
        u32::try_from(self.code.conversions.len() - 1).unwrap_or(u32::MAX)
    }

    fn unary(&mut self, at: usize, inner: &Expr, op: Op) {
        self.expression(inner);
        self.emit(at, op);
    }

    /// A chain of operators, its left side without recursion.
    fn binary(&mut self, value: &Expr) {
        let mut links: Vec<(usize, BinaryOperator, bool, &Expr)> = Vec::new();
        let mut at = value;
        while let ExprKind::Binary(operator, checked, left, right) = &at.kind {
            links.push((at.at, *operator, *checked, right));
            at = left;
        }
        self.expression(at);
        while let Some((at, operator, checked, right)) = links.pop() {
            self.expression(right);
            self.emit(at, Op::Binary(operator, checked));
        }
    }

    /// Chains of one operator lean to the left: they too are walked without recursion.
    fn short_circuit(&mut self, at: usize, left: &Expr, right: &Expr, is_or: bool) {
        let mut rights = vec![(at, right)];
        let mut first = left;
        while let (ExprKind::Or(left, right), true) | (ExprKind::And(left, right), false) = (&first.kind, is_or) {
            rights.push((first.at, right));
            first = left;
        }
        self.expression(first);
        let mut ends = Vec::new();
        while let Some((at, right)) = rights.pop() {
            self.emit(at, Op::Duplicate);
            ends.push(self.emit(at, if is_or { Op::JumpTrue(0) } else { Op::JumpFalse(0) }));
            self.emit(at, Op::Pop);
            self.guarded(|generator| generator.expression(right));
        }
        for end in ends {
            self.patch(end);
        }
    }

    fn closure(&mut self, at: usize, lambda: &Arc<Lambda>) {
        self.guarded(|generator| generator.lambda(lambda));
        self.emit(at, Op::Closure(lambda.function));
    }

    fn need(&self) -> Need {
        if self.builders.len() > 1 || self.conditional == 0 { Need::Always } else { Need::Maybe }
    }
}

/// Moves the slots behind the captured ones down to where they end; gives how far.
fn compact(function: &mut Function) -> u32 {
    let captured = u32::try_from(function.captures.len()).unwrap_or(0);
    let shift = CAPTURE_LIMIT - captured.min(CAPTURE_LIMIT);
    let moved = |slot: u32| if slot >= CAPTURE_LIMIT { slot - shift } else { slot };
    for op in &mut function.ops {
        *op = match *op {
            Op::Load(slot) => Op::Load(moved(slot)),
            Op::Store(slot) => Op::Store(moved(slot)),
            Op::LoadCell(slot) => Op::LoadCell(moved(slot)),
            Op::StoreCell(slot) => Op::StoreCell(moved(slot)),
            Op::NewCell(slot) => Op::NewCell(moved(slot)),
            Op::Next(slot, target) => Op::Next(moved(slot), target),
            other => other,
        };
    }
    function.slots = moved(function.slots);
    for (slot, _) in &mut function.cells {
        *slot = moved(*slot);
    }
    for slot in &mut function.shared_parameters {
        *slot = moved(*slot);
    }
    shift
}
