//! Values: small ones as they are, objects as handles into the heap of one request.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::context::Host;
use super::text::Text;
use super::types::{self, Type, known};

/// A place in the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Handle(pub(crate) u32);

/// `System.DateTime`: ticks of 100 ns since 0001-01-01, and what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateTime {
    pub(crate) ticks: i64,
    /// 0 unspecified, 1 UTC, 2 local.
    pub(crate) kind: u8,
}

/// `System.DateTimeOffset`: the local ticks and the offset in minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DateTimeOffset {
    pub(crate) ticks: i64,
    pub(crate) offset: i16,
}

impl DateTimeOffset {
    pub(crate) fn utc_ticks(self) -> i64 {
        self.ticks - i64::from(self.offset) * 600_000_000
    }
}

/// One value of C#.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    SByte(i8),
    Byte(u8),
    Int16(i16),
    UInt16(u16),
    Int32(i32),
    UInt32(u32),
    Int64(i64),
    UInt64(u64),
    Char(u16),
    Single(f32),
    Double(f64),
    Decimal(Decimal),
    Text(Arc<Text>),
    DateTime(DateTime),
    Offset(DateTimeOffset),
    Span(i64),
    Guid([u8; 16]),
    Enum(Type, i64),
    Object(Handle),
    Host(Host),
    TypeToken(Type),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Arc::new(Text::from(text)))
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Arc::new(Text::from(text)))
    }
}
impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Text(Arc::new(text))
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}
impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int32(value)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int64(value)
    }
}
impl From<Option<Value>> for Value {
    fn from(value: Option<Value>) -> Self {
        value.unwrap_or(Self::Null)
    }
}

impl Value {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// An `int` from a size.
    pub(crate) fn size(value: usize) -> Self {
        Self::Int32(i32::try_from(value).unwrap_or(i32::MAX))
    }

    /// Any integer as 64 bits; 0 for what is none.
    pub(crate) fn integer(&self) -> i64 {
        match self {
            Self::SByte(value) => i64::from(*value),
            Self::Byte(value) => i64::from(*value),
            Self::Int16(value) => i64::from(*value),
            Self::UInt16(value) | Self::Char(value) => i64::from(*value),
            Self::Int32(value) => i64::from(*value),
            Self::UInt32(value) => i64::from(*value),
            Self::Int64(value) | Self::Enum(_, value) | Self::Span(value) => *value,
            Self::UInt64(value) => *value as i64,
            Self::Boolean(value) => i64::from(*value),
            _ => 0,
        }
    }

    /// The place of an object in the heap.
    pub(crate) const fn handle(&self) -> Option<Handle> {
        match self {
            Self::Object(handle) => Some(*handle),
            _ => None,
        }
    }

    /// Whether it is of a number type; a character is none.
    pub(crate) const fn is_number(&self) -> bool {
        matches!(
            self,
            Self::SByte(_)
                | Self::Byte(_)
                | Self::Int16(_)
                | Self::UInt16(_)
                | Self::Int32(_)
                | Self::UInt32(_)
                | Self::Int64(_)
                | Self::UInt64(_)
                | Self::Single(_)
                | Self::Double(_)
                | Self::Decimal(_)
        )
    }

    pub(crate) fn truth(&self) -> bool {
        matches!(self, Self::Boolean(true))
    }

    /// The default value of a type.
    pub(crate) fn default_of(ty: Type) -> Self {
        use types::Primitive as P;
        if let Some(primitive) = ty.primitive() {
            return match primitive {
                P::Boolean => Self::Boolean(false),
                P::SByte => Self::SByte(0),
                P::Byte => Self::Byte(0),
                P::Int16 => Self::Int16(0),
                P::UInt16 => Self::UInt16(0),
                P::Int32 => Self::Int32(0),
                P::UInt32 => Self::UInt32(0),
                P::Int64 => Self::Int64(0),
                P::UInt64 => Self::UInt64(0),
                P::Char => Self::Char(0),
                P::Single => Self::Single(0.0),
                P::Double => Self::Double(0.0),
                P::Decimal => Self::Decimal(Decimal::ZERO),
            };
        }
        if !ty.is_value_type() || ty.nullable_of().is_some() {
            return Self::Null;
        }
        if ty.is_enum() {
            return Self::Enum(ty, 0);
        }
        match ty.definition().map(|definition| definition.name) {
            Some("DateTime") => Self::DateTime(DateTime { ticks: 0, kind: 0 }),
            Some("DateTimeOffset") => Self::Offset(DateTimeOffset { ticks: 0, offset: 0 }),
            Some("TimeSpan") => Self::Span(0),
            Some("Guid") => Self::Guid([0; 16]),
            _ => Self::Null,
        }
    }

    /// The exact type of a value that is no heap object.
    pub(crate) fn plain_type(&self) -> Type {
        let known = known();
        match self {
            Self::Null | Self::Object(_) => known.object,
            Self::Boolean(_) => known.boolean,
            Self::SByte(_) => types::named("SByte"),
            Self::Byte(_) => known.byte,
            Self::Int16(_) => types::named("Int16"),
            Self::UInt16(_) => types::named("UInt16"),
            Self::Int32(_) => known.int32,
            Self::UInt32(_) => known.uint32,
            Self::Int64(_) => known.int64,
            Self::UInt64(_) => known.uint64,
            Self::Char(_) => known.char,
            Self::Single(_) => known.single,
            Self::Double(_) => known.double,
            Self::Decimal(_) => known.decimal,
            Self::Text(_) => known.string,
            Self::DateTime(_) => types::named("DateTime"),
            Self::Offset(_) => types::named("DateTimeOffset"),
            Self::Span(_) => types::named("TimeSpan"),
            Self::Guid(_) => types::named("Guid"),
            Self::Enum(ty, _) => *ty,
            Self::Host(host) => host.kind.ty(),
            Self::TypeToken(_) => types::named("Type"),
        }
    }
}
