//! .NET types as small copyable references: interned once and never forgotten (their number is bounded by what policies name).
//! Making one takes a lock; asking one does not.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{LazyLock, OnceLock, RwLock};

use super::catalogue::{self, Definition, Kind};

/// One closed or open type. Equal types are the same entry.
#[derive(Clone, Copy)]
pub(crate) struct Type(&'static Entry);

/// What is kept of a type.
struct Entry {
    shape: Shape,
    /// Filled when first asked for: conversions and `is` ask at run time.
    bases: OnceLock<Box<[Type]>>,
    interfaces: OnceLock<Box<[Type]>>,
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Type {}

impl Hash for Type {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A type of the catalogue with its arguments.
    Named(&'static Definition, Box<[Type]>),
    /// A one-dimensional array.
    Array(Type),
    /// The n-th generic parameter of the declaring type.
    TypeParameter(u8),
    /// The n-th generic parameter of the method.
    MethodParameter(u8),
    /// `new { … }`.
    Anonymous(Box<[(String, Type)]>),
    /// `(a, b)`, with names where given.
    Tuple(Box<[(Option<String>, Type)]>),
    /// A type that occurs in signatures but has no entry: nobody can name it.
    Unknown(String),
    /// The type of `null`.
    Null,
    /// A lambda or method group before it is converted.
    Function,
}

static INTERNER: LazyLock<RwLock<HashMap<&'static Shape, Type>>> = LazyLock::new(RwLock::default);

/// The type of `shape`.
pub(crate) fn intern(shape: Shape) -> Type {
    let guard = INTERNER.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(found) = guard.get(&shape) {
        return *found;
    }
    drop(guard);
    let mut guard = INTERNER.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(found) = guard.get(&shape) {
        return *found;
    }
    let entry: &'static Entry = Box::leak(Box::new(Entry { shape, bases: OnceLock::new(), interfaces: OnceLock::new() }));
    guard.insert(&entry.shape, Type(entry));
    Type(entry)
}

/// The predefined value types that the machine computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Primitive {
    SByte,
    Byte,
    Int16,
    UInt16,
    Int32,
    UInt32,
    Int64,
    UInt64,
    Char,
    Single,
    Double,
    Decimal,
    Boolean,
}

impl Primitive {
    pub(crate) const fn is_numeric(self) -> bool {
        !matches!(self, Self::Boolean)
    }

    pub(crate) const fn is_integral(self) -> bool {
        !matches!(self, Self::Boolean | Self::Single | Self::Double | Self::Decimal)
    }

    /// Implicit numeric conversions of the C# specification.
    pub(crate) fn widens_to(self, to: Self) -> bool {
        use Primitive::{Byte, Char, Decimal, Double, Int16, Int32, Int64, SByte, Single, UInt16, UInt32, UInt64};
        let targets: &[Self] = match self {
            SByte => &[Int16, Int32, Int64, Single, Double, Decimal],
            Byte => &[Int16, UInt16, Int32, UInt32, Int64, UInt64, Single, Double, Decimal],
            Int16 => &[Int32, Int64, Single, Double, Decimal],
            UInt16 => &[Int32, UInt32, Int64, UInt64, Single, Double, Decimal],
            Int32 => &[Int64, Single, Double, Decimal],
            UInt32 => &[Int64, UInt64, Single, Double, Decimal],
            Int64 | UInt64 => &[Single, Double, Decimal],
            Char => &[UInt16, Int32, UInt32, Int64, UInt64, Single, Double, Decimal],
            Single => &[Double],
            Double | Decimal | Self::Boolean => &[],
        };
        targets.contains(&to)
    }
}

/// Types that the engine itself speaks of.
pub(crate) struct Known {
    pub(crate) object: Type,
    pub(crate) string: Type,
    pub(crate) boolean: Type,
    pub(crate) char: Type,
    pub(crate) byte: Type,
    pub(crate) int32: Type,
    pub(crate) uint32: Type,
    pub(crate) int64: Type,
    pub(crate) uint64: Type,
    pub(crate) single: Type,
    pub(crate) double: Type,
    pub(crate) decimal: Type,
    pub(crate) void: Type,
    pub(crate) null: Type,
    pub(crate) function: Type,
    pub(crate) exception: Type,
    pub(crate) context: Type,
    pub(crate) jtoken: Type,
    /// What a delegate is while it runs.
    pub(crate) closure: Type,
}

/// The types that the engine itself speaks of.
pub(crate) fn known() -> &'static Known {
    static KNOWN: LazyLock<Known> = LazyLock::new(|| Known {
        object: named("Object"),
        string: named("String"),
        boolean: named("Boolean"),
        char: named("Char"),
        byte: named("Byte"),
        int32: named("Int32"),
        uint32: named("UInt32"),
        int64: named("Int64"),
        uint64: named("UInt64"),
        single: named("Single"),
        double: named("Double"),
        decimal: named("Decimal"),
        void: intern(Shape::Unknown("void".to_owned())),
        null: intern(Shape::Null),
        function: intern(Shape::Function),
        exception: named("Exception"),
        context: named("IProxyRequestContext"),
        jtoken: named("JToken"),
        closure: generic("Func", &[named("Object")]),
    });
    &KNOWN
}

/// The non-generic type of that short name.
pub(crate) fn named(name: &str) -> Type {
    generic(name, &[])
}

/// The generic type of that short name with its arguments.
pub(crate) fn generic(name: &str, arguments: &[Type]) -> Type {
    match catalogue::find(name, arguments.len()) {
        Some(definition) if arguments.is_empty() => definition.plain(),
        Some(definition) => intern(Shape::Named(definition, arguments.into())),
        None => intern(Shape::Unknown(name.to_owned())),
    }
}

/// `T[]`.
pub(crate) fn array(element: Type) -> Type {
    intern(Shape::Array(element))
}

/// `T?`.
pub(crate) fn nullable(element: Type) -> Type {
    generic("Nullable", &[element])
}

/// `IEnumerable<T>`.
pub(crate) fn enumerable(element: Type) -> Type {
    generic("IEnumerable", &[element])
}

impl Type {
    pub(crate) fn shape(self) -> &'static Shape {
        &self.0.shape
    }

    pub(crate) fn definition(self) -> Option<&'static Definition> {
        match self.shape() {
            Shape::Named(definition, _) => Some(definition),
            _ => None,
        }
    }

    pub(crate) fn arguments(self) -> &'static [Type] {
        match self.shape() {
            Shape::Named(_, arguments) => arguments,
            _ => &[],
        }
    }

    /// Whether it is the catalogue's type of that short name.
    pub(crate) fn is(self, name: &str) -> bool {
        self.definition().is_some_and(|definition| definition.name == name)
    }

    pub(crate) fn primitive(self) -> Option<Primitive> {
        self.definition()?.primitive
    }

    /// The `T` of `T?`.
    pub(crate) fn nullable_of(self) -> Option<Type> {
        if self.is("Nullable") { self.arguments().first().copied() } else { None }
    }

    /// `T` for `T?`, else itself.
    pub(crate) fn stripped(self) -> Type {
        self.nullable_of().unwrap_or(self)
    }

    pub(crate) fn element(self) -> Option<Type> {
        match self.shape() {
            Shape::Array(element) => Some(*element),
            _ => None,
        }
    }

    pub(crate) fn is_enum(self) -> bool {
        self.definition().is_some_and(|definition| definition.kind == Kind::Enum)
    }

    pub(crate) fn is_delegate(self) -> bool {
        self.definition().is_some_and(|definition| definition.kind == Kind::Delegate)
    }

    pub(crate) fn is_interface(self) -> bool {
        self.definition().is_some_and(|definition| definition.kind == Kind::Interface)
    }

    /// Whether `null` is no value of it.
    pub(crate) fn is_value_type(self) -> bool {
        match self.shape() {
            Shape::Named(definition, _) => matches!(definition.kind, Kind::Struct | Kind::Enum),
            Shape::Tuple(_) => true,
            _ => false,
        }
    }

    /// A value type of .NET that members mention and the table does not hold: `null` is none of it.
    fn is_foreign_value(self) -> bool {
        const NAMES: [&str; 15] = [
            "Base64FormattingOptions",
            "CancellationToken",
            "CarbonIntensityCategory",
            "CompareOptions",
            "DateTimeStyles",
            "IntPtr",
            "NormalizationForm",
            "NumberStyles",
            "OidGroup",
            "ReadOnlySpan",
            "ReaderOptions",
            "StreamingContext",
            "TimeSpanStyles",
            "UnicodeCategory",
            "X509KeyStorageFlags",
        ];
        matches!(self.shape(), Shape::Unknown(name) if NAMES.contains(&name.as_str()))
    }

    pub(crate) fn is_reference(self) -> bool {
        !self.is_value_type() && self != known().void
    }

    /// Whether generic parameters occur in it.
    pub(crate) fn is_open(self) -> bool {
        match self.shape() {
            Shape::Named(_, arguments) => arguments.iter().any(|argument| argument.is_open()),
            Shape::Array(element) => element.is_open(),
            Shape::TypeParameter(_) | Shape::MethodParameter(_) => true,
            _ => false,
        }
    }

    /// Puts arguments in the place of generic parameters.
    pub(crate) fn substitute(self, of_type: &[Type], of_method: &[Option<Type>]) -> Type {
        match self.shape() {
            Shape::TypeParameter(index) => of_type.get(usize::from(*index)).copied().unwrap_or(self),
            Shape::MethodParameter(index) => of_method.get(usize::from(*index)).copied().flatten().unwrap_or(self),
            Shape::Array(element) => array(element.substitute(of_type, of_method)),
            Shape::Named(definition, arguments) if !arguments.is_empty() => {
                let arguments = arguments.iter().map(|argument| argument.substitute(of_type, of_method)).collect();
                intern(Shape::Named(definition, arguments))
            }
            _ => self,
        }
    }

    /// Itself, then its base classes up to `object`.
    pub(crate) fn bases(self) -> &'static [Type] {
        if let Some(found) = self.0.bases.get() {
            return found;
        }
        let mut list = vec![self];
        let mut at = self;
        while let Some(base) = at.base() {
            list.push(base);
            at = base;
        }
        self.0.bases.get_or_init(|| list.into())
    }

    pub(crate) fn base(self) -> Option<Type> {
        let object = known().object;
        if self == object || matches!(self.shape(), Shape::Null | Shape::Function) {
            return None;
        }
        match self.shape() {
            Shape::Array(_) => Some(named("Array")),
            Shape::Named(definition, arguments) => match definition.base() {
                Some(base) => Some(base.substitute(arguments, &[])),
                None if definition.kind == Kind::Enum => Some(named("Enum")),
                None if definition.kind == Kind::Struct => Some(named("ValueType")),
                None if definition.kind == Kind::Interface => None,
                None => Some(object),
            },
            _ => Some(object),
        }
    }

    /// All interfaces, those of base classes included.
    pub(crate) fn interfaces(self) -> &'static [Type] {
        if let Some(found) = self.0.interfaces.get() {
            return found;
        }
        let mut list: Vec<Type> = Vec::new();
        for base in self.bases() {
            match base.shape() {
                Shape::Array(element) => {
                    for name in ["IList", "ICollection", "IEnumerable", "IReadOnlyList", "IReadOnlyCollection"] {
                        list.push(generic(name, &[*element]));
                    }
                }
                Shape::Named(definition, arguments) => {
                    list.extend(definition.interfaces().iter().map(|interface| interface.substitute(arguments, &[])));
                }
                _ => {}
            }
        }
        self.0.interfaces.get_or_init(|| list.into())
    }

    /// The `T` of the one `IEnumerable<T>` that it is.
    pub(crate) fn enumerated(self) -> Option<Type> {
        let own = if self.is("IEnumerable") { self.arguments().first().copied() } else { None };
        own.or_else(|| {
            self.interfaces().iter().find(|one| one.is("IEnumerable") && one.arguments().len() == 1)?.arguments().first().copied()
        })
    }

    /// Identity, reference or boxing conversion, variance included.
    pub(crate) fn converts_by_reference(self, to: Type) -> bool {
        let known = known();
        if self == to || to == known.object && self != known.void {
            return true;
        }
        if self == known.null {
            return to.is_reference() && !to.is_foreign_value() || to.nullable_of().is_some();
        }
        if let (Shape::Array(from), Shape::Array(to)) = (self.shape(), to.shape()) {
            return from.is_reference() && from.converts_by_reference(*to);
        }
        if let (Shape::Tuple(from), Shape::Tuple(to)) = (self.shape(), to.shape()) {
            return from.len() == to.len() && from.iter().zip(to).all(|(from, to)| from.1 == to.1);
        }
        if to.is_interface() || to.is_delegate() {
            let from = self.nullable_of().unwrap_or(self);
            return from.varies_to(to) || from.interfaces().iter().any(|interface| interface.varies_to(to));
        }
        self.stripped().bases().contains(&to)
    }

    fn varies_to(self, to: Type) -> bool {
        if self == to {
            return true;
        }
        let (Shape::Named(from, left), Shape::Named(definition, right)) = (self.shape(), to.shape()) else { return false };
        from == definition
            && left.iter().zip(right).zip(&definition.parameters).all(|((left, right), parameter)| {
                left == right
                    || match parameter.variance {
                        catalogue::Variance::Out => left.is_reference() && left.converts_by_reference(*right),
                        catalogue::Variance::In => right.is_reference() && right.converts_by_reference(*left),
                        catalogue::Variance::None => false,
                    }
            })
    }

    /// Parameters and result of a delegate.
    pub(crate) fn delegate(self) -> Option<(Vec<Type>, Type)> {
        let definition = self.definition().filter(|definition| definition.kind == Kind::Delegate)?;
        let invoke = definition.members().iter().find(|member| member.name == "Invoke")?;
        let parameters = invoke.parameters.iter().map(|parameter| parameter.ty.substitute(self.arguments(), &[])).collect();
        Some((parameters, invoke.result.substitute(self.arguments(), &[])))
    }

    /// The name that `Type.FullName` gives: generic arguments carry their assembly.
    pub(crate) fn full_name(self) -> String {
        const CORE: &str = ", mscorlib, Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089";
        const NEWTONSOFT: &str = ", Newtonsoft.Json, Version=6.0.0.0, Culture=neutral, PublicKeyToken=30ad4fe6b2a6aeed";
        self.runtime_name(&|argument| {
            let name = argument.full_name();
            let assembly = if name.starts_with("Newtonsoft") { NEWTONSOFT } else { CORE };
            format!("[{name}{assembly}]")
        })
    }

    /// The name that `Type.ToString()` gives, and `ToString()` of an object that has none of its own.
    pub(crate) fn display_name(self) -> String {
        self.runtime_name(&|argument| argument.display_name())
    }

    fn runtime_name(self, show: &dyn Fn(Self) -> String) -> String {
        let list = |arguments: &[Self]| arguments.iter().map(|argument| show(*argument)).collect::<Vec<_>>().join(",");
        match self.shape() {
            Shape::Named(definition, arguments) if arguments.is_empty() => definition.full_name(),
            Shape::Named(definition, arguments) => {
                let head = match definition.name {
                    "DictionaryKeyCollection" => "System.Collections.Generic.Dictionary`2+KeyCollection".to_owned(),
                    "DictionaryValueCollection" => "System.Collections.Generic.Dictionary`2+ValueCollection".to_owned(),
                    _ => format!("{}`{}", definition.full_name(), arguments.len()),
                };
                format!("{head}[{}]", list(arguments))
            }
            Shape::Tuple(fields) => {
                let types: Vec<Self> = fields.iter().map(|field| field.1).collect();
                format!("System.ValueTuple`{}[{}]", types.len(), list(&types))
            }
            Shape::Array(element) => format!("{}[]", element.runtime_name(show)),
            _ => self.to_string(),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// As C# source writes it.
impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |formatter: &mut fmt::Formatter<'_>, types: &[Type]| {
            for (index, one) in types.iter().enumerate() {
                if index > 0 {
                    formatter.write_str(", ")?;
                }
                fmt::Display::fmt(one, formatter)?;
            }
            Ok(())
        };
        match self.shape() {
            Shape::Named(_, arguments) if self.is("Nullable") && arguments.len() == 1 => {
                list(formatter, arguments)?;
                formatter.write_str("?")
            }
            Shape::Named(definition, arguments) => {
                formatter.write_str(if definition.keyword.is_empty() { definition.name } else { definition.keyword })?;
                if !arguments.is_empty() {
                    formatter.write_str("<")?;
                    list(formatter, arguments)?;
                    formatter.write_str(">")?;
                }
                Ok(())
            }
            Shape::Array(element) => write!(formatter, "{element}[]"),
            Shape::TypeParameter(index) | Shape::MethodParameter(index) => write!(formatter, "T{index}"),
            Shape::Anonymous(_) => formatter.write_str("<anonymous type>"),
            Shape::Tuple(fields) => {
                formatter.write_str("(")?;
                list(formatter, &fields.iter().map(|field| field.1).collect::<Vec<_>>())?;
                formatter.write_str(")")
            }
            Shape::Unknown(name) => formatter.write_str(name),
            Shape::Null => formatter.write_str("<null>"),
            Shape::Function => formatter.write_str("<lambda expression>"),
        }
    }
}

/// `void`, without touching the catalogue (which is being read when this is asked).
pub(crate) fn known_void() -> Type {
    static VOID: LazyLock<Type> = LazyLock::new(|| intern(Shape::Unknown("void".to_owned())));
    *VOID
}
