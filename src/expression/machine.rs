//! Runs compiled code: a stack machine that counts its work and can stop anywhere at its top level.

use std::sync::Arc;

use smallvec::SmallVec;

use super::bound::Conversion;
use super::code::{Code, Op};
use super::context::{ExpressionContext, Host, HostKind};
use super::heap::{ExceptionData, Heap, Object};
use super::library::{self, linq};
use super::text::Text;
use super::types::{self, Type, known};
use super::value::{Handle, Value};

pub(crate) mod arithmetic;

/// Work that one evaluation may do in all: steps, and weights of what the library does.
pub(crate) const TOTAL_FUEL: u64 = 20_000_000;
/// Bytes that the objects of one request may take, by estimate.
pub(crate) const MEMORY_LIMIT: u64 = 256 * 1024 * 1024;
const MAX_FRAMES: usize = 2_000;
/// Library functions calling lambdas calling library functions: this uses the stack of the thread.
const MAX_NATIVE_DEPTH: usize = 24;

/// Why a step could not be finished.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An exception object is on its way.
    Thrown(Value),
    NeedBody(Host),
    /// A limit of ours, which no `catch` sees.
    Stopped(&'static str),
}

pub(crate) type Outcome<T = Value> = Result<T, Fault>;

/// What a library function is given: arguments (the receiver first) and generic arguments (the method's, then the receiver's).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Args<'a> {
    pub(crate) values: &'a [Value],
    pub(crate) types: &'a [Type],
}

#[derive(Debug, Clone)]
struct Frame {
    function: u32,
    at: usize,
    base: usize,
}

/// What of an evaluation outlives a stop.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What most expressions need lies in the state itself: they ask the allocator for none of the three.
    stack: SmallVec<[Value; 12]>,
    frames: SmallVec<[Frame; 2]>,
    /// A list that arguments were in, for the next call.
    spare: SmallVec<[Value; 4]>,
    spent: u64,
    started: bool,
}

pub(crate) struct Machine<'m> {
    pub(crate) heap: &'m mut Heap,
    pub(crate) context: &'m mut dyn ExpressionContext,
    code: &'m Code,
    state: &'m mut State,
    depth: usize,
}

/// Why `run` came back.
#[derive(Debug)]
pub(crate) enum Halt {
    Done(Value),
    Fault(Fault),
    Slice,
}

impl<'m> Machine<'m> {
    pub(crate) fn new(code: &'m Code, state: &'m mut State, heap: &'m mut Heap, context: &'m mut dyn ExpressionContext) -> Self {
        Self { heap, context, code, state, depth: 0 }
    }

    /// Runs up to `fuel` steps.
    pub(crate) fn run(&mut self, fuel: u64) -> Halt {
        if !self.state.started {
            self.state.started = true;
            // Enough for most expressions, so that neither grows step by step.
            self.state.stack.reserve(self.code.functions.first().map_or(0, |function| function.slots as usize) + 8);
            if let Err(fault) = self.enter(0, &[], Vec::new()) {
                return Halt::Fault(fault);
            }
        }
        let limit = self.state.spent.saturating_add(fuel);
        match self.execute(0, limit) {
            Ok(Some(value)) => Halt::Done(value),
            Ok(None) => Halt::Slice,
            Err(fault) => Halt::Fault(fault),
        }
    }

    /// Adds to the work done; too much stops the evaluation.
    pub(crate) fn charge(&mut self, work: usize) -> Outcome<()> {
        self.state.spent = self.state.spent.saturating_add(work as u64);
        if self.state.spent > TOTAL_FUEL { Err(Fault::Stopped("the expression did more work than it may")) } else { Ok(()) }
    }

    /// Counts memory that is about to be used.
    pub(crate) fn allocate(&mut self, bytes: usize) -> Outcome<()> {
        self.heap.used = self.heap.used.saturating_add(bytes as u64);
        self.charge(bytes / 16)?;
        if self.heap.used > MEMORY_LIMIT { Err(Fault::Stopped("the expression used more memory than it may")) } else { Ok(()) }
    }

    fn enter(&mut self, function: u32, captured: &[Value], arguments: Vec<Value>) -> Outcome<()> {
        if self.state.frames.len() >= MAX_FRAMES {
            return Err(Fault::Stopped("the expression calls itself too deep"));
        }
        let Some(code) = self.code.functions.get(function as usize) else { return Err(Fault::Stopped("no such function")) };
        let base = self.state.stack.len();
        self.state.stack.extend(captured.iter().cloned());
        self.state.stack.extend(arguments);
        self.state.stack.resize(base + code.slots as usize, Value::Null);
        for slot in &code.shared_parameters {
            let place = base + *slot as usize;
            if let Some(value) = self.state.stack.get_mut(place) {
                let inner = std::mem::replace(value, Value::Null);
                let handle = self.heap.add(Object::Cell(inner));
                self.state.stack[place] = Value::Object(handle);
            }
        }
        for (slot, default) in &code.cells {
            let handle = self.heap.add(Object::Cell(default.clone()));
            if let Some(value) = self.state.stack.get_mut(base + *slot as usize) {
                *value = Value::Object(handle);
            }
        }
        self.state.frames.push(Frame { function, at: 0, base });
        Ok(())
    }

    /// Calls a delegate from the library.
    pub(crate) fn call(&mut self, target: &Value, arguments: &[Value]) -> Outcome {
        self.charge(2)?;
        if self.depth >= MAX_NATIVE_DEPTH {
            return Err(Fault::Stopped("lambdas are nested too deep"));
        }
        let Some((function, captured)) = self.closure(target) else { return Err(self.null_reference()) };
        let frames = self.state.frames.len();
        self.enter(function, &captured, arguments.to_vec())?;
        self.depth += 1;
        let result = self.execute(frames, u64::MAX);
        self.depth -= 1;
        match result? {
            Some(value) => Ok(value),
            None => Err(Fault::Stopped("the expression did more work than it may")),
        }
    }

    fn closure(&self, target: &Value) -> Option<(u32, Vec<Value>)> {
        match target {
            Value::Object(handle) => match self.heap.get(*handle) {
                Object::Closure(_, function, captured) => Some((*function, captured.clone())),
                _ => None,
            },
            _ => None,
        }
    }

    fn execute(&mut self, floor: usize, limit: u64) -> Outcome<Option<Value>> {
        loop {
            if self.state.spent >= limit {
                return Ok(None);
            }
            self.charge(1)?;
            match self.step(floor) {
                Ok(None) => {}
                Ok(Some(value)) => return Ok(Some(value)),
                Err(Fault::Thrown(exception)) => self.unwind(floor, exception)?,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Finds who handles an exception, in the frames above `floor`.
    fn unwind(&mut self, floor: usize, exception: Value) -> Outcome<()> {
        while self.state.frames.len() > floor {
            let Some(frame) = self.state.frames.last_mut() else { break };
            let code = &self.code.functions[frame.function as usize];
            let at = u32::try_from(frame.at.saturating_sub(1)).unwrap_or(0);
            if let Some(handler) = code.handlers.iter().find(|handler| handler.start <= at && at < handler.end) {
                frame.at = handler.target as usize;
                let base = frame.base;
                self.state.stack.truncate(base + code.slots as usize);
                self.state.stack.push(exception);
                return Ok(());
            }
            let base = frame.base;
            self.state.stack.truncate(base);
            self.state.frames.pop();
        }
        Err(Fault::Thrown(exception))
    }

    fn pop(&mut self) -> Value {
        self.state.stack.pop().unwrap_or(Value::Null)
    }

    fn push(&mut self, value: Value) {
        self.state.stack.push(value);
    }

    fn slot(&mut self, base: usize, slot: u32) -> Value {
        self.state.stack.get(base + slot as usize).cloned().unwrap_or(Value::Null)
    }

    fn jump(&mut self, target: u32) {
        if let Some(frame) = self.state.frames.last_mut() {
            frame.at = target as usize;
        }
    }

    fn top_arguments(&mut self, count: u32) -> Vec<Value> {
        let from = self.state.stack.len().saturating_sub(count as usize);
        self.state.stack.drain(from..).collect()
    }

    /// One instruction; a value when the frame at `floor` returns.
    fn step(&mut self, floor: usize) -> Outcome<Option<Value>> {
        let Some(frame) = self.state.frames.last_mut() else { return Ok(Some(Value::Null)) };
        let code = self.code;
        let (function, base) = (frame.function, frame.base);
        let Some(op) = code.functions.get(function as usize).and_then(|function| function.ops.get(frame.at)).copied() else {
            return Err(Fault::Stopped("the code ends too early"));
        };
        frame.at += 1;
        match op {
            Op::Constant(index) => self.push(code.constants[index as usize].clone()),
            Op::Load(slot) => {
                let value = self.slot(base, slot);
                self.push(value);
            }
            Op::Store(slot) => {
                let value = self.pop();
                if let Some(place) = self.state.stack.get_mut(base + slot as usize) {
                    *place = value;
                }
            }
            Op::LoadCell(slot) => {
                let value = self.cell(base, slot);
                self.push(value);
            }
            Op::StoreCell(slot) => {
                let value = self.pop();
                if let Value::Object(handle) = self.slot(base, slot)
                    && let Some(Object::Cell(place)) = self.heap.get_mut(handle)
                {
                    *place = value;
                }
            }
            Op::NewCell(slot) => {
                let value = self.pop();
                let handle = self.heap.add(Object::Cell(value));
                if let Some(place) = self.state.stack.get_mut(base + slot as usize) {
                    *place = Value::Object(handle);
                }
            }
            Op::Context => self.push(Value::Host(Host { kind: HostKind::Context, id: 0 })),
            Op::Pop => {
                self.pop();
            }
            Op::Duplicate => {
                let value = self.state.stack.last().cloned().unwrap_or(Value::Null);
                self.push(value);
            }
            Op::Call(callee, types, count) => self.native(callee, types, count, false)?,
            Op::Set(callee, types, count) => self.native(callee, types, count, true)?,
            Op::Invoke(count) => {
                let arguments = self.top_arguments(count);
                let target = self.pop();
                let Some((function, captured)) = self.closure(&target) else { return Err(self.null_reference()) };
                self.enter(function, &captured, arguments)?;
            }
            Op::Negate => {
                let value = self.pop();
                let result = arithmetic::negate(&value).map_err(|error| self.arithmetic(error))?;
                self.push(result);
            }
            Op::Not => {
                let value = self.pop();
                self.push(if value.is_null() { Value::Null } else { Value::Boolean(!value.truth()) });
            }
            Op::Complement => {
                let value = self.pop();
                self.push(arithmetic::complement(&value));
            }
            Op::Binary(operator, checked) => {
                let right = self.pop();
                let left = self.pop();
                let result = arithmetic::binary(operator, &left, &right, checked).map_err(|error| self.arithmetic(error))?;
                self.push(result);
            }
            Op::Concat(count) => self.concat(count)?,
            Op::Jump(target) => self.jump(target),
            Op::JumpFalse(target) => {
                if !self.pop().truth() {
                    self.jump(target);
                }
            }
            Op::JumpTrue(target) => {
                if self.pop().truth() {
                    self.jump(target);
                }
            }
            Op::JumpNull(target) => {
                if self.state.stack.last().is_none_or(Value::is_null) {
                    self.jump(target);
                }
            }
            Op::JumpNotNull(target) => {
                if self.state.stack.last().is_some_and(|value| !value.is_null()) {
                    self.jump(target);
                }
            }
            Op::Convert(index) => {
                let value = self.pop();
                let result = self.convert(&code.conversions[index as usize], value)?;
                self.push(result);
            }
            Op::Is(ty) => {
                let value = self.pop();
                let is = self.is(&value, ty);
                self.push(Value::Boolean(is));
            }
            Op::As(ty) => {
                let value = self.pop();
                let value = if self.is(&value, ty.stripped()) { value } else { Value::Null };
                self.push(value);
            }
            Op::Closure(index) => {
                let captures = &code.functions[index as usize].captures;
                let cells = captures.iter().map(|slot| self.slot(base, *slot)).collect();
                let handle = self.heap.add(Object::Closure(known().closure, index, cells));
                self.push(Value::Object(handle));
            }
            Op::NewArray(ty) => {
                let length = self.pop().integer();
                let Ok(length) = usize::try_from(length) else {
                    return Err(self.throw("OverflowException", "Arithmetic operation resulted in an overflow."));
                };
                self.allocate(length.saturating_mul(24))?;
                let default = ty.element().map_or(Value::Null, Value::default_of);
                let handle = self.heap.add(Object::Array(ty, vec![default; length]));
                self.push(Value::Object(handle));
            }
            Op::ArrayOf(ty, count) => {
                let items = self.top_arguments(count);
                self.allocate(items.len() * 24)?;
                let handle = self.heap.add(Object::Array(ty, items));
                self.push(Value::Object(handle));
            }
            Op::Element => {
                let index = self.pop();
                let array = self.pop();
                let value = self.element(&array, &index)?;
                self.push(value);
            }
            Op::SetElement => {
                let value = self.pop();
                let index = self.pop().integer();
                let array = self.pop();
                let Value::Object(handle) = array else { return Err(self.null_reference()) };
                let fits = match self.heap.get(handle) {
                    Object::Array(ty, _) => {
                        ty.element().is_none_or(|element| value.is_null() || !element.is_reference() || self.is(&value, element))
                    }
                    _ => false,
                };
                if !fits {
                    let message = "Attempted to access an element as a type incompatible with the array.";
                    return Err(self.throw("ArrayTypeMismatchException", message));
                }
                if let Some(Object::Array(_, items)) = self.heap.get_mut(handle)
                    && let Some(place) = usize::try_from(index).ok().and_then(|index| items.get_mut(index))
                {
                    *place = value.clone();
                } else {
                    return Err(self.throw("IndexOutOfRangeException", "Index was outside the bounds of the array."));
                }
                self.push(value);
            }
            Op::Record(ty, count) => {
                let fields = self.top_arguments(count);
                let handle = self.heap.add(Object::Record(ty, fields));
                self.push(Value::Object(handle));
            }
            Op::Field(index) => {
                let record = self.pop();
                let Value::Object(handle) = record else { return Err(self.null_reference()) };
                let value = match self.heap.get(handle) {
                    Object::Record(_, fields) => fields.get(index as usize).cloned().unwrap_or(Value::Null),
                    _ => Value::Null,
                };
                self.push(value);
            }
            Op::Enumerate => {
                let source = self.pop();
                if source.is_null() {
                    return Err(self.null_reference());
                }
                let enumerator = linq::enumerator(self, &source)?;
                self.push(enumerator);
            }
            Op::Next(slot, exit) => {
                let enumerator = self.slot(base, slot);
                match linq::next(self, &enumerator)? {
                    Some(value) => self.push(value),
                    None => self.jump(exit),
                }
            }
            Op::Throw => {
                let value = self.pop();
                return Err(if value.is_null() { self.null_reference() } else { Fault::Thrown(value) });
            }
            Op::Return => {
                let value = self.pop();
                self.state.frames.pop();
                self.state.stack.truncate(base);
                if self.state.frames.len() <= floor {
                    return Ok(Some(value));
                }
                self.push(value);
            }
        }
        Ok(None)
    }

    fn cell(&mut self, base: usize, slot: u32) -> Value {
        match self.slot(base, slot) {
            Value::Object(handle) => match self.heap.get(handle) {
                Object::Cell(value) => value.clone(),
                _ => Value::Null,
            },
            other => other,
        }
    }

    /// Puts a value into the cell that an `out` or `ref` argument is.
    pub(crate) fn set_cell(&mut self, cell: &Value, value: Value) {
        if let Value::Object(handle) = cell
            && let Some(Object::Cell(place)) = self.heap.get_mut(*handle)
        {
            *place = value;
        }
    }

    fn native(&mut self, callee: u32, types: u32, count: u32, keep: bool) -> Outcome<()> {
        let code = self.code;
        let callee = &code.callees[callee as usize];
        let native = callee.native;
        let types = &code.types[types as usize];
        let mut arguments = std::mem::take(&mut self.state.spare);
        let from = self.state.stack.len().saturating_sub(count as usize);
        arguments.extend(self.state.stack.drain(from..));
        if callee.instance && arguments.first().is_some_and(Value::is_null) {
            return Err(self.null_reference());
        }
        match native(self, Args { values: &arguments, types }) {
            Ok(value) => {
                let value = if keep { arguments.pop().unwrap_or(Value::Null) } else { value };
                self.push(value);
                arguments.clear();
                self.state.spare = arguments;
                Ok(())
            }
            Err(Fault::NeedBody(body)) => {
                // The call is made again when the body is there.
                self.state.stack.extend(arguments);
                if let Some(frame) = self.state.frames.last_mut() {
                    frame.at -= 1;
                }
                Err(Fault::NeedBody(body))
            }
            Err(fault) => Err(fault),
        }
    }

    fn concat(&mut self, count: u32) -> Outcome<()> {
        let parts = self.top_arguments(count);
        if let Some(text) = ascii(&parts) {
            return self.text(Text::Ascii(text)).map(|text| self.push(text));
        }
        let mut units: Vec<u16> = Vec::new();
        for part in &parts {
            match part {
                Value::Text(text) => text.append_to(&mut units),
                Value::Null => {}
                other => library::to_text(self, other)?.append_to(&mut units),
            }
        }
        self.allocate(units.len() * 2)?;
        self.push(Value::Text(Arc::new(Text::from(units.as_slice()))));
        Ok(())
    }

    fn element(&mut self, array: &Value, index: &Value) -> Outcome {
        let Value::Object(handle) = array else { return Err(self.null_reference()) };
        let found = match self.heap.get(*handle) {
            Object::Array(_, items) => usize::try_from(index.integer()).ok().and_then(|index| items.get(index)).cloned(),
            _ => None,
        };
        found.ok_or_else(|| self.throw("IndexOutOfRangeException", "Index was outside the bounds of the array."))
    }

    /// Whether a value is of a type; null never is.
    pub(crate) fn is(&self, value: &Value, ty: Type) -> bool {
        if value.is_null() {
            return false;
        }
        let own = self.heap.type_of(value);
        if own.converts_by_reference(ty.stripped()) {
            return true;
        }
        // What lazy queries are, only their element type tells.
        matches!(value, Value::Object(handle) if matches!(self.heap.get(*handle), Object::Closure(..)) && ty.is_delegate())
    }

    fn convert(&mut self, conversion: &Conversion, value: Value) -> Outcome {
        match conversion {
            Conversion::Numeric(to) => Ok(if value.is_null() { value } else { self.numeric(&value, *to, false)? }),
            Conversion::CheckedNumeric(to) => Ok(if value.is_null() { value } else { self.numeric(&value, *to, true)? }),
            Conversion::Enum(ty) => Ok(match &value {
                Value::Null => Value::Null,
                Value::Double(number) => Value::Enum(*ty, *number as i64),
                other => Value::Enum(*ty, other.integer()),
            }),
            Conversion::EnumValue(to) => Ok(match &value {
                Value::Null => Value::Null,
                other => self.numeric(&Value::Int64(other.integer()), *to, false)?,
            }),
            Conversion::Unwrap => {
                if value.is_null() {
                    return Err(self.throw("InvalidOperationException", "Nullable object must have a value."));
                }
                Ok(value)
            }
            Conversion::Cast(ty) => {
                if value.is_null() {
                    if ty.is_value_type() && ty.nullable_of().is_none() {
                        return Err(self.null_reference());
                    }
                    return Ok(value);
                }
                if self.is(&value, *ty) {
                    return Ok(value);
                }
                // Unboxing an enum to its number and back is allowed.
                match (&value, ty.is_enum()) {
                    (Value::Enum(_, number), false) if *ty == known().int32 => return Ok(Value::Int32(*number as i32)),
                    (Value::Int32(number), true) => return Ok(Value::Enum(*ty, i64::from(*number))),
                    _ => {}
                }
                Err(self.throw("InvalidCastException", "Specified cast is not valid."))
            }
        }
    }

    fn numeric(&mut self, value: &Value, to: types::Primitive, checked: bool) -> Outcome {
        match arithmetic::convert(value, to, checked) {
            Some(value) => Ok(value),
            None => Err(match value {
                Value::Double(_) | Value::Single(_) if to == types::Primitive::Decimal => {
                    self.throw("OverflowException", "Value was either too large or too small for a Decimal.")
                }
                Value::Decimal(_) => {
                    let name = match to {
                        types::Primitive::Int32 => "an Int32",
                        types::Primitive::Int64 => "an Int64",
                        types::Primitive::UInt32 => "a UInt32",
                        types::Primitive::UInt64 => "a UInt64",
                        types::Primitive::Byte => "an unsigned byte",
                        types::Primitive::SByte => "a signed byte",
                        types::Primitive::Int16 => "an Int16",
                        _ => "a UInt16",
                    };
                    self.throw("OverflowException", &format!("Value was either too large or too small for {name}."))
                }
                _ => self.throw("OverflowException", "Arithmetic operation resulted in an overflow."),
            }),
        }
    }

    pub(crate) fn arithmetic(&mut self, error: arithmetic::Error) -> Fault {
        match error {
            arithmetic::Error::DivideByZero => self.throw("DivideByZeroException", "Attempted to divide by zero."),
            arithmetic::Error::Overflow => self.throw("OverflowException", "Arithmetic operation resulted in an overflow."),
            arithmetic::Error::DecimalOverflow => self.throw("OverflowException", "Value was either too large or too small for a Decimal."),
            arithmetic::Error::Operands => Fault::Stopped("operands do not fit their operator"),
        }
    }

    /// A new exception of a type by its short name.
    pub(crate) fn throw(&mut self, name: &str, message: &str) -> Fault {
        let ty = types::named(name);
        let handle = self.exception(ty, Arc::new(Text::from(message)), Value::Null);
        Fault::Thrown(Value::Object(handle))
    }

    pub(crate) fn exception(&mut self, ty: Type, message: Arc<Text>, inner: Value) -> Handle {
        self.heap.add(Object::Exception(Box::new(ExceptionData { ty, message, inner, notes: [Value::Null, Value::Null] })))
    }

    /// `NullReferenceException`.
    pub(crate) fn null_reference(&mut self) -> Fault {
        self.throw("NullReferenceException", "Object reference not set to an instance of an object")
    }

    /// `ArgumentNullException` for a parameter.
    pub(crate) fn argument_null(&mut self, name: &str) -> Fault {
        self.throw("ArgumentNullException", &format!("Value cannot be null.\nParameter name: {name}"))
    }

    /// A string on the heap of values.
    pub(crate) fn text(&mut self, text: Text) -> Outcome {
        self.allocate(text.len())?;
        Ok(Value::Text(Arc::new(text)))
    }

    pub(crate) fn object(&mut self, object: Object) -> Value {
        Value::Object(self.heap.add(object))
    }

    /// `default(T)`: the structures that are records here have the default values of their fields.
    pub(crate) fn default_value(&mut self, ty: Type) -> Value {
        let fields: Vec<Type> = match ty.shape() {
            types::Shape::Tuple(fields) => fields.iter().map(|field| field.1).collect(),
            _ if ty.is("KeyValuePair") => ty.arguments().to_vec(),
            _ => return Value::default_of(ty),
        };
        let fields = fields.into_iter().map(|field| self.default_value(field)).collect();
        self.object(Object::Record(ty, fields))
    }
}

/// What most concatenations are: texts of ASCII, one after the other.
fn ascii(parts: &[Value]) -> Option<Box<str>> {
    let text = |part| match part {
        &Value::Null => Some(""),
        Value::Text(text) => match &**text {
            Text::Ascii(text) => Some(&**text),
            Text::Wide(_) => None,
        },
        _ => None,
    };
    let mut length = 0;
    for part in parts {
        length += text(part)?.len();
    }
    let mut whole = String::with_capacity(length);
    whole.extend(parts.iter().filter_map(text));
    Some(whole.into_boxed_str())
}
