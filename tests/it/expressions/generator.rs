//! Random programs, typed by the catalogue, so that nearly all of them compile.
//!
//! Every value that is made has exactly the type that was asked for, so that overloads are chosen as meant. A value is a whole operand: what would need
//! brackets has them.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Member, Passing, Table, Ty};

/// Reproducible randomness (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    ty: Ty,
    /// Loop variables and parameters are left as they are.
    assignable: bool,
}

pub struct Generator<'t> {
    table: &'t Table,
    usable: BTreeSet<usize>,
    /// Members by the head of their result's type.
    giving: BTreeMap<String, Vec<usize>>,
    dice: Dice,
    scope: Vec<Variable>,
    names: usize,
    /// Constructs of the language that were written, and how often.
    pub constructs: BTreeMap<&'static str, usize>,
    /// What the program may still grow by.
    budget: usize,
    nesting: u32,
    /// How many lambdas surround what is written: they return what their delegate says.
    lambdas: u32,
}

/// Types that are written in the place of a generic parameter.
const ELEMENTS: [&str; 9] = ["int", "string", "double", "bool", "long", "decimal", "char", "DateTime", "JToken"];
const NUMBERS: [&str; 7] = ["int", "long", "double", "decimal", "uint", "ulong", "float"];

/// Value types of .NET that no policy can name: nothing can stand for them.
const FOREIGN: [&str; 8] = [
    "X509KeyStorageFlags",
    "NumberStyles",
    "DateTimeStyles",
    "TimeSpanStyles",
    "NormalizationForm",
    "CompareOptions",
    "Base64FormattingOptions",
    // Nothing but `null` stands for it, which does not tell it from a list of converters.
    "JsonSerializerSettings",
];

/// Members whose answers no two runs share.
pub fn is_unpredictable(member: &Member, holder: &str) -> bool {
    matches!(member.name.as_str(), "GetHashCode" | "NewGuid" | "Now" | "UtcNow" | "Today" | "StackTrace" | "RandomNumber")
        || holder == "Random" && member.kind == 'c' && member.parameters.is_empty()
        || holder.starts_with("HMAC") && member.kind == 'c' && member.parameters.is_empty()
        || matches!(holder, "RNGCryptoServiceProvider" | "TimeZone" | "TimeZoneInfo")
        // Keys that are made by chance.
        || matches!(holder, "RSA" | "AsymmetricAlgorithm" | "SymmetricAlgorithm") && member.name == "Create"
}

impl<'t> Generator<'t> {
    pub fn new(table: &'t Table, seed: u64) -> Self {
        let emulated = Table::emulated();
        let mut usable = BTreeSet::new();
        let mut giving: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, member) in table.members.iter().enumerate() {
            let owner = &table.types[member.owner];
            let fits = emulated.contains(&member.key)
                && member.allowed
                && !member.younger
                && owner.kind != "delegate"
                && !is_unpredictable(member, &owner.name)
                && !member.parameters.iter().any(|parameter| FOREIGN.contains(&parameter.ty.name()))
                // `null` alone does not tell a format from its provider.
                && !(member.parameters.len() == 1 && member.parameters[0].ty.name() == "IFormatProvider")
                && !member
                    .parameters
                    .iter()
                    .any(|parameter| parameter.passing == Passing::Ref || parameter.ty.to_string() == "JsonConverter[]")
                && (owner.listed || !member.is_static || member.extension);
            if fits {
                usable.insert(index);
                let head = if let Ty::Open(_) = member.result { "*".to_owned() } else { member.result.name().to_owned() };
                giving.entry(head).or_default().push(index);
            }
        }
        Self {
            table,
            usable,
            giving,
            dice: Dice(seed),
            scope: Vec::new(),
            names: 0,
            constructs: BTreeMap::new(),
            budget: 0,
            nesting: 0,
            lambdas: 0,
        }
    }

    pub fn usable(&self) -> Vec<usize> {
        self.usable.iter().copied().collect()
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.next() % bound.max(1) as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    pub fn name(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn note(&mut self, construct: &'static str) {
        *self.constructs.entry(construct).or_default() += 1;
    }

    /// A small type, for where any would do.
    pub fn element(&mut self) -> Ty {
        let name = self.pick(&ELEMENTS);
        Ty::named(name)
    }

    fn number(&mut self) -> Ty {
        let name = self.pick(&NUMBERS);
        Ty::named(name)
    }

    /// A type whose values show what they are.
    fn printable(&mut self) -> Ty {
        match self.below(16) {
            0..=3 => Ty::named("string"),
            4..=5 => Ty::named("int"),
            6 => Ty::named("bool"),
            7 => Ty::array(self.element()),
            8 => Ty::of("List", &[self.element()]),
            9 => Ty::of("IEnumerable", &[self.element()]),
            10 => Ty::named("JObject"),
            11 => Ty::of("Nullable", &[self.number()]),
            12 => Ty::named("TimeSpan"),
            13 => Ty::named("DateTimeOffset"),
            _ => self.element(),
        }
    }

    /// One program, `@( … )` or `@{ … }`.
    pub fn program(&mut self) -> String {
        self.scope.clear();
        self.names = 0;
        let ty = self.printable();
        if self.chance(45) {
            self.budget = 14;
            let value = self.value(&ty, 4).unwrap_or_else(|| "1".to_owned());
            format!("@({value})")
        } else {
            self.budget = 30;
            let mut body = String::new();
            let count = 1 + self.below(4);
            self.statements(&mut body, count, 3);
            let value = self.value(&ty, 2).unwrap_or_else(|| "1".to_owned());
            format!("@{{ {body}return {value}; }}")
        }
    }

    // ---- values

    /// A value of that type.
    pub fn value(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        if self.nesting > 14 {
            return self.nothing(ty);
        }
        self.nesting += 1;
        let made = self.value_of(ty, depth);
        self.nesting -= 1;
        made
    }

    fn value_of(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        let own: Vec<String> = self.scope.iter().filter(|variable| variable.ty == *ty).map(|variable| variable.name.clone()).collect();
        if !own.is_empty() && self.chance(35) {
            self.note("variable");
            return Some(own[self.below(own.len())].clone());
        }
        if depth == 0 || self.budget == 0 {
            return self.leaf(ty, 0).or_else(|| self.by_member(ty, 1)).or_else(|| self.nothing(ty));
        }
        self.budget -= 1;
        let made = match self.below(100) {
            0..=14 => self.leaf(ty, depth - 1),
            15..=69 => self.by_member(ty, depth - 1),
            _ => self.by_syntax(ty, depth - 1),
        };
        made.or_else(|| self.leaf(ty, 0)).or_else(|| self.by_member(ty, 1)).or_else(|| self.nothing(ty))
    }

    /// `null` of a type that a program can name.
    fn nothing(&mut self, ty: &Ty) -> Option<String> {
        let definition = self.table.definition_of(ty)?;
        (!self.table.is_value_type(ty) && definition.listed).then(|| format!("(({ty})null)"))
    }

    pub fn enum_value(&mut self, ty: &Ty) -> Option<String> {
        let definition = self.table.definition_of(ty)?;
        if definition.kind != "enum" || !definition.listed {
            return None;
        }
        let name = definition.name.clone();
        let of: Vec<usize> = self
            .usable
            .iter()
            .copied()
            .filter(|index| self.table.members[*index].kind == 'v' && self.table.types[self.table.members[*index].owner].name == name)
            .collect();
        if of.is_empty() {
            return None;
        }
        let chosen = of[self.below(of.len())];
        Some(format!("{name}.{}", self.table.members[chosen].name))
    }

    /// A value of that type that some member gives.
    fn by_member(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        for _ in 0..6 {
            let head = if self.chance(12) { "*" } else { ty.name() };
            let roll = self.dice.next();
            let list = self.giving.get(head).or_else(|| self.giving.get("*"))?;
            let index = list[usize::try_from(roll % list.len() as u64).unwrap()];
            let mut bound = BTreeMap::new();
            if !self.table.members[index].result.unify(ty, &mut bound) {
                continue;
            }
            if let Some(text) = self.access(index, bound, depth) {
                return Some(text);
            }
        }
        None
    }

    /// Whether a program may write the type down.
    fn speakable(&self, ty: &Ty) -> bool {
        let own = match ty {
            Ty::Open(_) => false,
            Ty::Array(_) => true,
            Ty::Named(name, arguments) => {
                (is_delegate(ty)
                    || self.table.definition_of(ty).is_some_and(|definition| definition.listed && definition.kind != "static")
                    || name == "object")
                    && !(name == "Tuple" && arguments.len() > 7)
            }
        };
        own && ty.arguments().iter().all(|one| self.speakable(one))
    }

    /// An access to that member whose generic parameters are bound as far as `bound` says.
    fn access(&mut self, index: usize, mut bound: BTreeMap<String, Ty>, depth: u32) -> Option<String> {
        let table = self.table;
        let member = &table.members[index];
        let owner = &table.types[member.owner];
        self.bind_rest(member, &mut bound);
        let holder = owner.ty().substitute(&bound);
        let plain = |ty: &Ty| self.table.is_value_type(ty) && ty.name() != "Nullable";
        if !bound.values().all(|ty| self.speakable(ty))
            || owner.parameters.len() > 7
            || owner.name == "Nullable" && !bound.values().all(plain)
            || owner.name == "Enum" && !bound.values().all(|ty| table.definition_of(ty).is_some_and(|definition| definition.kind == "enum"))
            || member.name == "Children"
                && !bound.values().all(|ty| matches!(ty.name(), "JToken" | "JObject" | "JArray" | "JProperty" | "JValue"))
            || owner.name == "XmlExtensions" && !bound.values().all(|ty| ty.name() == "XElement")
        {
            return None;
        }
        let arguments = |own: &mut Self, skip: usize| -> Option<String> { own.arguments(index, &bound, skip, depth) };
        Some(match member.kind {
            'v' => format!("{}.{}", owner.name, member.name),
            'f' | 'p' if member.is_static => format!("{holder}.{}", member.name),
            'f' | 'p' => format!("{}.{}", self.receiver(&holder, depth)?, member.name),
            'i' => {
                let receiver = self.receiver(&holder, depth)?;
                format!("{receiver}[{}]", arguments(self, 0)?)
            }
            'c' => format!("new {holder}({})", arguments(self, 0)?),
            'o' => self.operator(member, &bound, depth)?,
            _ => {
                let explicit = self.explicit(member, &bound);
                if member.extension {
                    let first = member.parameters[0].ty.substitute(&bound);
                    let receiver = self.source(&first, &member.name, depth)?;
                    format!("{receiver}.{}{explicit}({})", member.name, arguments(self, 1)?)
                } else if member.is_static {
                    format!("{holder}.{}{explicit}({})", member.name, arguments(self, 0)?)
                } else {
                    let receiver = self.receiver(&holder, depth)?;
                    format!("{receiver}.{}{explicit}({})", member.name, arguments(self, 0)?)
                }
            }
        })
    }

    /// Binds what is still open, to small types.
    fn bind_rest(&mut self, member: &Member, bound: &mut BTreeMap<String, Ty>) {
        let owner = &self.table.types[member.owner];
        let names: Vec<String> = owner.parameters.iter().chain(&member.generics).cloned().collect();
        for name in names {
            if bound.contains_key(&name) {
                continue;
            }
            let value_only = owner.name == "Nullable" || member.parameters.iter().any(|parameter| parameter.ty.name() == "Nullable");
            // Newtonsoft constrains what its sequences hold.
            let tokens = owner.name == "Extensions"
                && (name == "T" || member.generics.len() > 1 && name == member.generics[0])
                && member.parameters.iter().any(|one| matches!(one.ty.arguments(), [Ty::Open(own)] if *own == name));
            let ty = if tokens {
                Ty::named(self.pick(&["JToken", "JObject"]))
            } else if name == "TEnum" {
                Ty::named(self.pick(&["StringComparison", "JTokenType", "RegexOptions"]))
            } else if owner.name == "XmlExtensions" {
                Ty::named("XElement")
            } else if member.name == "As" {
                Ty::named(self.pick(&["string", "JObject", "JToken"]))
            } else if owner.name == "IReadOnlyDictionary" {
                if name == "TKey" {
                    Ty::named("string")
                } else {
                    self.pick(&[&Ty::array(Ty::named("string")), &Ty::named("object"), &Ty::named("string")]).clone()
                }
            } else if value_only {
                Ty::named(self.pick(&["int", "double", "bool", "long", "DateTime"]))
            } else if owner.name == "Extensions" || member.name == "Value" || member.name == "Values" || member.name == "ToObject" {
                Ty::named(self.pick(&["int", "string", "bool", "double", "JToken"]))
            } else {
                self.element()
            };
            bound.insert(name, ty);
        }
    }

    /// `<A, B>` where the arguments do not tell, and now and then where they do.
    fn explicit(&mut self, member: &Member, bound: &BTreeMap<String, Ty>) -> String {
        if member.generics.is_empty() {
            return String::new();
        }
        fn mentions(ty: &Ty, name: &str) -> bool {
            matches!(ty, Ty::Open(own) if own == name) || ty.arguments().iter().any(|one| mentions(one, name))
        }
        let told = member
            .generics
            .iter()
            .all(|name| member.parameters.iter().any(|parameter| parameter.passing != Passing::Out && mentions(&parameter.ty, name)));
        if told && !self.chance(10) {
            return String::new();
        }
        let list: Vec<String> = member.generics.iter().map(|name| bound[name].to_string()).collect();
        format!("<{}>", list.join(", "))
    }

    fn receiver(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        let value = self.value(ty, depth)?;
        // `new X { … }.Y` reads better in brackets, and `new T[] { }[0]` is read otherwise.
        Some(if value.starts_with("new ") { format!("({value})") } else { value })
    }

    /// The receiver of an extension method: anything that is the sequence it wants.
    fn source(&mut self, ty: &Ty, method: &str, depth: u32) -> Option<String> {
        let value = match (ty.name(), ty.arguments()) {
            ("IEnumerable", [element]) => {
                let choice = match self.below(6) {
                    0 | 1 => Ty::array(element.clone()),
                    2 => Ty::of("List", std::slice::from_ref(element)),
                    3 if element.name() == "char" => Ty::named("string"),
                    3 if element.name() == "JToken" => Ty::named("JArray"),
                    3 => Ty::of("HashSet", std::slice::from_ref(element)),
                    _ => ty.clone(),
                };
                // A method of the type's own would be called instead.
                let hidden = self
                    .table
                    .supers(&choice)
                    .iter()
                    .filter_map(|one| self.table.definition_of(one).map(|definition| definition.name.clone()))
                    .any(|name| {
                        self.table
                            .members
                            .iter()
                            .any(|member| member.name == method && !member.extension && self.table.types[member.owner].name == name)
                    });
                self.value(if hidden { ty } else { &choice }, depth)?
            }
            _ => self.value(ty, depth)?,
        };
        Some(if value.starts_with("new ") { format!("({value})") } else { value })
    }

    fn arguments(&mut self, index: usize, bound: &BTreeMap<String, Ty>, skip: usize, depth: u32) -> Option<String> {
        let table = self.table;
        let member = &table.members[index];
        let owner = table.types[member.owner].name.clone();
        let mut list = Vec::new();
        for parameter in member.parameters.iter().skip(skip) {
            if parameter.optional && self.chance(50) {
                break;
            }
            let ty = parameter.ty.substitute(bound);
            match parameter.passing {
                Passing::Out => {
                    self.note("out var");
                    let name = self.name();
                    list.push(if self.chance(70) { format!("out var {name}") } else { format!("out {ty} {name}") });
                }
                Passing::Params if self.chance(70) => {
                    let element = ty.arguments()[0].clone();
                    self.note("params");
                    for _ in 0..=self.below(3) {
                        list.push(self.argument(&owner, &member.name, &parameter.name, &element, depth)?);
                    }
                }
                _ => list.push(self.argument(&owner, &member.name, &parameter.name, &ty, depth)?),
            }
        }
        Some(list.join(", "))
    }

    fn argument(&mut self, owner: &str, member: &str, parameter: &str, ty: &Ty, depth: u32) -> Option<String> {
        if is_delegate(ty) {
            return self.lambda(ty, depth);
        }
        if self.chance(85)
            && let Some(text) = self.suited(owner, member, parameter, ty)
        {
            return Some(text);
        }
        if !self.speakable(ty) && !self.table.is_value_type(ty) && self.chance(80) {
            self.note("null");
            return Some("null".to_owned());
        }
        self.value(ty, depth)
    }

    /// A lambda expression for that delegate.
    pub fn lambda(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        self.note("lambda");
        let arguments = ty.arguments();
        let (parameters, result): (Vec<Ty>, Option<Ty>) = match ty.name() {
            "Func" => (arguments[..arguments.len() - 1].to_vec(), arguments.last().cloned()),
            "Action" => (arguments.to_vec(), None),
            "Predicate" => (arguments.to_vec(), Some(Ty::named("bool"))),
            "Converter" => (vec![arguments[0].clone()], Some(arguments[1].clone())),
            "MatchEvaluator" => (vec![Ty::named("Match")], Some(Ty::named("string"))),
            "Comparison" => {
                // An order that contradicts itself sorts differently everywhere.
                let (one, two) = (self.name(), self.name());
                return Some(format!("({one}, {two}) => string.CompareOrdinal({one} + \"\", {two} + \"\")"));
            }
            _ => return None,
        };
        let names: Vec<String> = parameters.iter().map(|_| self.name()).collect();
        let before = self.scope.len();
        self.scope.extend(names.iter().zip(&parameters).map(|(name, ty)| Variable {
            name: name.clone(),
            ty: ty.clone(),
            assignable: false,
        }));
        let body = match result {
            None => Some("{ }".to_owned()),
            Some(result) if self.chance(12) && depth > 0 => {
                self.note("lambda with a block");
                let mut body = String::new();
                self.lambdas += 1;
                self.statements(&mut body, 1, 1);
                self.lambdas -= 1;
                self.value(&result, depth.min(2)).map(|value| format!("{{ {body}return {value}; }}"))
            }
            Some(result) => self.value(&result, depth.min(2)),
        };
        self.scope.truncate(before);
        let body = body?;
        let typed = self.chance(8) && parameters.iter().all(|ty| self.table.definition_of(ty).is_some_and(|definition| definition.listed));
        Some(match (names.as_slice(), typed) {
            ([one], false) => format!("{one} => {body}"),
            (_, false) => format!("({}) => {body}", names.join(", ")),
            (_, true) => {
                let list: Vec<String> = parameters.iter().zip(&names).map(|(ty, name)| format!("{ty} {name}")).collect();
                format!("({}) => {body}", list.join(", "))
            }
        })
    }

    fn operator(&mut self, member: &Member, bound: &BTreeMap<String, Ty>, depth: u32) -> Option<String> {
        let mut operands = Vec::new();
        for parameter in &member.parameters {
            let ty = parameter.ty.substitute(bound);
            operands.push(self.value(&ty, depth)?);
        }
        let sign = match member.name.as_str() {
            "op_Addition" => "+",
            "op_Subtraction" => "-",
            "op_Multiply" => "*",
            "op_Division" => "/",
            "op_Modulus" => "%",
            "op_Equality" => "==",
            "op_Inequality" => "!=",
            "op_LessThan" => "<",
            "op_GreaterThan" => ">",
            "op_LessThanOrEqual" => "<=",
            "op_GreaterThanOrEqual" => ">=",
            "op_UnaryNegation" => "-",
            "op_UnaryPlus" => "+",
            "op_Explicit" | "op_Implicit" => {
                self.note("conversion operator");
                return Some(format!("(({}){})", member.result.substitute(bound), operands[0]));
            }
            _ => return None,
        };
        self.note("operator of a type");
        Some(match operands.as_slice() {
            [one] => format!("({sign}{one})"),
            [one, two] => format!("({one} {sign} {two})"),
            _ => return None,
        })
    }

    // ---- syntax

    fn by_syntax(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        let reference = !self.table.is_value_type(ty);
        if !self.speakable(ty) {
            return None;
        }
        match self.below(12) {
            0 => {
                self.note("conditional");
                let condition = self.value(&Ty::named("bool"), depth)?;
                Some(format!("({condition} ? {} : {})", self.value(ty, depth)?, self.value(ty, depth)?))
            }
            1 if reference => {
                self.note("??");
                let left = self.value(ty, depth)?;
                // The judge takes a constant null for a null without a type.
                if is_null(&left) {
                    return None;
                }
                Some(format!("({left} ?? {})", self.value(ty, depth)?))
            }
            1 => {
                self.note("?? of a nullable");
                let nullable = Ty::of("Nullable", std::slice::from_ref(ty));
                if ty.name() == "Nullable" {
                    return None;
                }
                Some(format!("({} ?? {})", self.value(&nullable, depth)?, self.value(ty, depth)?))
            }
            2 => {
                self.note("element of an array");
                let array = self.value(&Ty::array(ty.clone()), depth)?;
                Some(format!("({array})[{}]", self.below(3)))
            }
            3 => {
                self.note("anonymous type");
                let other = self.element();
                let (first, second) = (self.value(ty, depth)?, self.value(&other, 0)?);
                Some(format!("(new {{ A = {first}, B = {second} }}).A"))
            }
            4 => {
                self.note("tuple");
                let other = self.element();
                let (first, second) = (self.value(&other, 0)?, self.value(ty, depth)?);
                Some(if self.chance(50) { format!("({first}, {second}).Item2") } else { format!("(k: {first}, w: {second}).w") })
            }
            5 => {
                self.note("called lambda");
                let input = self.element();
                let delegate = Ty::of("Func", &[input.clone(), ty.clone()]);
                let lambda = self.lambda(&delegate, depth)?;
                Some(format!("(({delegate})({lambda}))({})", self.value(&input, 0)?))
            }
            6 if reference => {
                self.note("throw expression");
                let left = self.value(ty, depth)?;
                if is_null(&left) {
                    return None;
                }
                Some(format!("({left} ?? throw new Exception(\"none\"))"))
            }
            7 => {
                self.note("default");
                Some(format!("default({ty})"))
            }
            8 if reference && ty.name() != "object" => {
                self.note("as");
                Some(format!("({} as {ty})", self.value(&Ty::named("object"), depth)?))
            }
            _ => self.by_operator(ty, depth),
        }
    }

    fn by_operator(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        match ty.name() {
            "bool" => self.truth(depth),
            "string" => self.text(depth),
            "int" | "long" | "uint" | "ulong" => {
                if self.chance(25) {
                    let from = Ty::named(self.pick(&["byte", "short", "char", "int", "long"]));
                    self.note("numeric cast");
                    return Some(format!("unchecked(({ty}){})", self.value(&from, depth)?));
                }
                let sign = self.pick(&["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"]);
                let (left, right) =
                    (self.value(ty, depth)?, self.value(&if sign.len() == 2 { Ty::named("int") } else { ty.clone() }, depth)?);
                self.note(if sign.len() == 2 { "shift" } else { "integer arithmetic" });
                let whole = format!("({left} {sign} {right})");
                Some(if self.chance(70) { format!("unchecked{whole}") } else { whole })
            }
            "double" | "float" | "decimal" => {
                if self.chance(30) {
                    let from = Ty::named(self.pick(&["int", "long", "byte"]));
                    self.note("numeric cast");
                    return Some(format!("(({ty}){})", self.value(&from, depth)?));
                }
                let sign = self.pick(&["+", "-", "*", "/"]);
                self.note("real arithmetic");
                Some(format!("({} {sign} {})", self.value(ty, depth)?, self.value(ty, depth)?))
            }
            "byte" | "sbyte" | "short" | "ushort" | "char" => {
                self.note("narrowing cast");
                Some(format!("unchecked(({ty}){})", self.value(&Ty::named("int"), depth)?))
            }
            "object" => {
                self.note("boxing");
                let inner = self.printable();
                Some(format!("((object){})", self.value(&inner, depth)?))
            }
            "Nullable" => {
                let inner = ty.arguments()[0].clone();
                match inner.name() {
                    "int" if self.chance(40) => {
                        self.note("?.");
                        Some(format!("{}?.Length", self.value(&Ty::named("string"), depth)?))
                    }
                    "int" | "long" | "double" | "decimal" => {
                        self.note("lifted operator");
                        let sign = self.pick(&["+", "-", "*"]);
                        let whole = format!("({} {sign} {})", self.value(ty, depth)?, self.value(ty, depth)?);
                        Some(format!("unchecked{whole}"))
                    }
                    _ => None,
                }
            }
            "IEnumerable" if ty.arguments().len() == 1 => {
                self.note("chain of queries");
                let from = self.element();
                let source = self.source(&Ty::of("IEnumerable", std::slice::from_ref(&from)), "Select", depth)?;
                let filter = self.lambda(&Ty::of("Func", &[from.clone(), Ty::named("bool")]), depth)?;
                let select = self.lambda(&Ty::of("Func", &[from, ty.arguments()[0].clone()]), depth)?;
                Some(format!("{source}.Where({filter}).Select({select})"))
            }
            _ => None,
        }
    }

    fn truth(&mut self, depth: u32) -> Option<String> {
        let bool_ = Ty::named("bool");
        match self.below(8) {
            0 => {
                self.note("&& and ||");
                let sign = self.pick(&["&&", "||", "&", "|", "^"]);
                Some(format!("({} {sign} {})", self.value(&bool_, depth)?, self.value(&bool_, depth)?))
            }
            1 => {
                self.note("!");
                Some(format!("(!{})", self.value(&bool_, depth)?))
            }
            2 => {
                self.note("is");
                let (value, ty) = (self.value(&Ty::named("object"), depth)?, self.element());
                Some(format!("({value} is {ty})"))
            }
            3 => {
                self.note("is with a variable");
                let (value, ty, name) = (self.value(&Ty::named("object"), depth)?, self.element(), self.name());
                let before = self.scope.len();
                self.scope.push(Variable { name: name.clone(), ty: ty.clone(), assignable: false });
                let then = self.value(&bool_, depth.min(1));
                self.scope.truncate(before);
                Some(format!("({value} is {ty} {name} && {})", then?))
            }
            4 => {
                self.note("equality");
                let ty = Ty::named(self.pick(&["string", "int", "char", "bool", "DateTime", "Guid", "TimeSpan", "decimal"]));
                let sign = self.pick(&["==", "!="]);
                Some(format!("({} {sign} {})", self.value(&ty, depth)?, self.value(&ty, depth)?))
            }
            5 => {
                self.note("comparison of nullables");
                let ty = Ty::of("Nullable", &[self.number()]);
                let sign = self.pick(&["==", "!=", "<", ">=", ">"]);
                Some(format!("(({}) {sign} ({}))", self.value(&ty, depth)?, self.value(&ty, depth)?))
            }
            6 => {
                self.note("comparison with null");
                let ty = Ty::named(self.pick(&["string", "JToken", "object", "JObject"]));
                Some(format!("({} {} null)", self.value(&ty, depth)?, self.pick(&["==", "!="])))
            }
            _ => {
                self.note("comparison");
                let ty = self.number();
                let sign = self.pick(&["<", ">", "<=", ">=", "==", "!="]);
                Some(format!("(({}) {sign} ({}))", self.value(&ty, depth)?, self.value(&ty, depth)?))
            }
        }
    }

    fn text(&mut self, depth: u32) -> Option<String> {
        match self.below(5) {
            0 | 1 => {
                self.note("interpolation");
                let mut text = String::from("$\"");
                for _ in 0..=self.below(3) {
                    // Two braces after a hole's format would belong to the format.
                    text.push_str(self.pick(&["", "a ", "{{", " }}-", "x="]));
                    let ty = Ty::named(self.pick(&["int", "string", "double", "DateTime", "bool", "decimal", "char"]));
                    // A value with quotes and colons in it stands in brackets.
                    let value = self.value(&ty, depth.min(1))?;
                    let format = match ty.name() {
                        "int" => self.pick(&["", ",6", ":D4", ":X", ",-5"]),
                        "double" | "decimal" => self.pick(&["", ":F2", ",9:N1", ":0.0"]),
                        "DateTime" => self.pick(&[":yyyy-MM-dd", ":o", ":HH", ""]),
                        _ => self.pick(&["", ",8", ",-3"]),
                    };
                    text.push_str(&format!("{{({value}){format}}}"));
                }
                text.push('"');
                Some(text)
            }
            2 | 3 => {
                self.note("concatenation");
                let other = self.printable();
                let (left, right) = (self.value(&Ty::named("string"), depth)?, self.value(&other, depth)?);
                Some(if self.chance(50) { format!("({left} + {right})") } else { format!("({right} + {left})") })
            }
            _ => {
                self.note("nameof");
                Some(self.pick(&["nameof(context)", "nameof(String)", "nameof(context.Request.Url)"]).to_owned())
            }
        }
    }

    // ---- statements

    fn declare(&mut self, ty: &Ty, assignable: bool) -> String {
        let name = self.name();
        self.scope.push(Variable { name: name.clone(), ty: ty.clone(), assignable });
        name
    }

    fn assignable(&mut self, wanted: impl Fn(&Ty) -> bool) -> Option<Variable> {
        let list: Vec<Variable> = self.scope.iter().filter(|variable| variable.assignable && wanted(&variable.ty)).cloned().collect();
        if list.is_empty() { None } else { Some(list[self.below(list.len())].clone()) }
    }

    fn block(&mut self, count: usize, depth: u32) -> String {
        let before = self.scope.len();
        let mut body = String::from("{ ");
        self.statements(&mut body, count, depth);
        self.scope.truncate(before);
        body.push_str("} ");
        body
    }

    fn statements(&mut self, out: &mut String, count: usize, depth: u32) {
        for _ in 0..count {
            if let Some(text) = self.statement(depth) {
                out.push_str(&text);
            }
        }
    }

    fn statement(&mut self, depth: u32) -> Option<String> {
        let choice = if depth == 0 { self.below(9) } else { self.below(22) };
        Some(match choice {
            0..=3 => {
                self.note("declaration");
                let ty = self.printable();
                let value = self.value(&ty, 2)?;
                let written = if self.chance(60) { "var".to_owned() } else { ty.to_string() };
                let name = self.declare(&ty, true);
                format!("{written} {name} = {value}; ")
            }
            4 => {
                let variable = self.assignable(|ty| matches!(ty.name(), "int" | "long" | "double" | "decimal" | "string"))?;
                let sign = if variable.ty.name() == "string" { "+=" } else { self.pick(&["+=", "-=", "*="]) };
                self.note("compound assignment");
                format!("{} {sign} {}; ", variable.name, self.value(&variable.ty, 1)?)
            }
            5 => {
                let variable = self.assignable(|_| true)?;
                self.note("assignment");
                format!("{} = {}; ", variable.name, self.value(&variable.ty, 2)?)
            }
            6 => {
                let variable = self.assignable(|ty| matches!(ty.name(), "int" | "long" | "double"))?;
                self.note("++ and --");
                format!("{}; ", self.pick(&["@++", "@--", "++@", "--@"]).replace('@', &variable.name))
            }
            7 => {
                let variable = self.assignable(|ty| ty.name() == "List")?;
                self.note("call for its effect");
                let element = variable.ty.arguments()[0].clone();
                match self.below(3) {
                    0 => format!("{}.Insert(0, {}); ", variable.name, self.value(&element, 1)?),
                    1 => format!("{0}.Reverse(); ", variable.name),
                    _ => format!("{}.Add({}); ", variable.name, self.value(&element, 1)?),
                }
            }
            8 => {
                let variable = self.assignable(|ty| matches!(ty.name(), "[]" | "JObject"))?;
                self.note("assignment to an element");
                if variable.ty.name() == "JObject" {
                    let value = self.pick(&["1", "\"x\"", "true", "2.5", "new JArray(1, 2)"]).to_owned();
                    format!("{}[\"a\"] = {value}; ", variable.name)
                } else {
                    let element = variable.ty.arguments()[0].clone();
                    format!("{}[0] = {}; ", variable.name, self.value(&element, 1)?)
                }
            }
            9 | 10 => {
                self.note("if");
                let condition = self.value(&Ty::named("bool"), 2)?;
                let count = 1 + self.below(2);
                let then = self.block(count, depth - 1);
                if self.chance(50) {
                    let otherwise = self.block(1, depth - 1);
                    format!("if ({condition}) {then}else {otherwise}")
                } else {
                    format!("if ({condition}) {then}")
                }
            }
            11 => {
                self.note("for");
                let before = self.scope.len();
                let name = self.declare(&Ty::named("int"), false);
                let count = 1 + self.below(2);
                let mut body = self.block(count, depth - 1);
                if self.chance(30) {
                    self.note("break and continue");
                    let word = self.pick(&["break", "continue"]);
                    body = format!("{{ if ({name} == 1) {word}; {} ", &body[1..]);
                }
                self.scope.truncate(before);
                format!("for (int {name} = 0; {name} < {}; {name}++) {body}", self.below(4))
            }
            12 | 13 => {
                self.note("foreach");
                let element = self.element();
                let source = self.source(&Ty::of("IEnumerable", std::slice::from_ref(&element)), "", 2)?;
                // The compiler refuses what is null for certain.
                if is_null(&source) {
                    return None;
                }
                let before = self.scope.len();
                let name = self.declare(&element, false);
                let body = self.block(1, depth - 1);
                self.scope.truncate(before);
                let written = if self.chance(60) { "var".to_owned() } else { element.to_string() };
                format!("foreach ({written} {name} in {source}) {body}")
            }
            14 => {
                self.note("while");
                let before = self.scope.len();
                let name = self.declare(&Ty::named("int"), false);
                let body = self.block(1, depth - 1);
                self.scope.truncate(before);
                format!("{{ int {name} = 0; while ({name}++ < {}) {body}}} ", self.below(4))
            }
            15 => {
                self.note("do");
                let before = self.scope.len();
                let name = self.declare(&Ty::named("int"), false);
                let body = self.block(1, depth - 1);
                self.scope.truncate(before);
                format!("{{ int {name} = 0; do {body}while (++{name} < {}); }} ", self.below(3))
            }
            16 => {
                self.note("switch");
                let text = self.chance(50);
                let (value, one, two) = if text {
                    (self.value(&Ty::named("string"), 1)?, "case \"a\": case \"abc\":", "case \"42\":")
                } else {
                    (self.value(&Ty::named("int"), 1)?, "case 1: case 2:", "case 42:")
                };
                let (first, second, last) = (self.block(1, depth - 1), self.block(1, depth - 1), self.block(1, depth - 1));
                format!("switch ({value}) {{ {one} {first}break; {two} {second}break; default: {last}break; }} ")
            }
            17 | 18 => {
                let body = self.block(1, depth - 1);
                let log = self.assignable(|ty| ty.name() == "string").map(|variable| variable.name);
                self.note("try and catch");
                let name = self.name();
                let caught = log
                    .as_ref()
                    .map(|log| format!("{log} += {name}.GetType() == null ? \"\" : \"!\"; "))
                    .filter(|_| false)
                    .unwrap_or_default();
                let noted = log.as_ref().map(|log| format!("{log} += \"caught\"; ")).unwrap_or_default();
                if self.chance(40) {
                    self.note("finally");
                    let end = self.block(1, 0);
                    format!("try {body}catch (Exception {name}) {{ {caught}{noted}}} finally {end}")
                } else if self.chance(30) {
                    self.note("catch with a filter");
                    format!("try {body}catch (Exception {name}) when ({name}.Message != null) {{ {noted}}} ")
                } else {
                    format!("try {body}catch {{ {noted}}} ")
                }
            }
            19 => {
                self.note("delegate in a variable");
                let (from, to) = (self.element(), self.element());
                let ty = Ty::of("Func", &[from.clone(), to.clone()]);
                let lambda = self.lambda(&ty, 2)?;
                let (function, input) = (self.name(), self.value(&from, 1)?);
                let result = self.declare(&to, true);
                format!("{ty} {function} = {lambda}; var {result} = {function}({input}); ")
            }
            20 => {
                self.note("deconstruction");
                let (one, two) = (self.element(), self.element());
                let (first, second) = (self.value(&one, 1)?, self.value(&two, 1)?);
                let (left, right) = (self.declare(&one, true), self.declare(&two, true));
                format!("var ({left}, {right}) = ({first}, {second}); ")
            }
            _ if self.lambdas > 0 => return None,
            _ => {
                self.note("early return");
                let (condition, ty) = (self.value(&Ty::named("bool"), 1)?, self.printable());
                format!("if ({condition}) return {}; ", self.value(&ty, 1)?)
            }
        })
    }

    // ---- one member

    /// A program that is there for one member: it calls it and shows what came of it.
    pub fn about(&mut self, index: usize) -> Option<String> {
        self.scope.clear();
        self.names = 0;
        self.budget = 3;
        let table = self.table;
        let member = &table.members[index];
        let owner = &table.types[member.owner];
        let mut bound = BTreeMap::new();
        self.bind_rest(member, &mut bound);
        let holder = owner.ty().substitute(&bound);
        if member.writable && self.chance(50) && !member.is_static {
            let (receiver, value) = (self.value(&holder, 0)?, self.value(&member.result.substitute(&bound), 0)?);
            let place =
                if member.kind == 'i' { format!("r[{}]", self.arguments(index, &bound, 0, 0)?) } else { format!("r.{}", member.name) };
            return Some(format!("@{{ var r = {receiver}; {place} = {value}; return new object[] {{ r, {place} }}; }}"));
        }
        let result = member.result.substitute(&bound);
        let effects = result.name() == "void"
            || member.kind == 'm'
                && !member.is_static
                && !member.extension
                && matches!(
                    owner.name.as_str(),
                    "List"
                        | "HashSet"
                        | "Queue"
                        | "Stack"
                        | "Dictionary"
                        | "StringBuilder"
                        | "ISet"
                        | "ICollection"
                        | "IList"
                        | "IDictionary"
                )
            || member.parameters.iter().any(|parameter| {
                matches!(parameter.ty.name(), "[]" | "Array")
                    && matches!(
                        member.name.as_str(),
                        "CopyTo" | "Copy" | "Sort" | "Reverse" | "Clear" | "GetBytes" | "GetChars" | "NextBytes" | "TransformBlock"
                    )
            });
        if member.parameters.iter().any(|parameter| parameter.passing == Passing::Out) || effects {
            // Receiver and arguments as variables, all of them shown afterwards.
            let mut body = String::new();
            let mut shown = Vec::new();
            let mut list = Vec::new();
            let called = if member.is_static && !member.extension || member.kind == 'c' {
                holder.to_string()
            } else if member.extension {
                String::new()
            } else {
                body.push_str(&format!("var r = {}; ", self.value(&holder, 0)?));
                shown.push("r".to_owned());
                "r".to_owned()
            };
            for (position, parameter) in member.parameters.iter().enumerate() {
                let ty = parameter.ty.substitute(&bound);
                if parameter.passing == Passing::Out {
                    list.push(format!("out var o{position}"));
                    shown.push(format!("o{position}"));
                } else if is_delegate(&ty) {
                    list.push(self.argument(&owner.name, &member.name, &parameter.name, &ty, 0)?);
                } else if parameter.passing == Passing::Params && self.chance(50) {
                    list.push(self.argument(&owner.name, &member.name, &parameter.name, &ty.arguments()[0], 0)?);
                } else {
                    let value = self.argument(&owner.name, &member.name, &parameter.name, &ty, 0)?;
                    body.push_str(&format!("var a{position} = {value}; "));
                    list.push(format!("a{position}"));
                    shown.push(format!("a{position}"));
                }
            }
            if !bound.values().all(|ty| self.speakable(ty)) || owner.parameters.len() > 7 {
                return None;
            }
            let explicit = self.explicit(member, &bound);
            let call = if member.extension {
                let first = list.remove(0);
                format!("{first}.{}{explicit}({})", member.name, list.join(", "))
            } else {
                format!("{called}.{}{explicit}({})", member.name, list.join(", "))
            };
            if result.name() == "void" {
                body.push_str(&format!("{call}; "));
            } else {
                body.push_str(&format!("var x = {call}; "));
                shown.insert(0, self.observed(&result, "x".to_owned())?);
            }
            return Some(format!("@{{ {body}return new object[] {{ {} }}; }}", shown.join(", ")));
        }
        let text = self.access(index, bound, 1)?;
        let text = if text.starts_with("new ") { format!("({text})") } else { text };
        Some(format!("@({})", self.observed(&result, text)?))
    }

    /// The value itself where it shows what it is, else what one of its members says.
    fn observed(&mut self, ty: &Ty, text: String) -> Option<String> {
        let opaque = match ty.name() {
            "Encoding" => format!("{text}.GetBytes(\"aä€\")"),
            "Random" => format!("{text}.Next(1000)"),
            "HashAlgorithm" | "MD5" | "SHA1" | "SHA256" | "SHA384" | "SHA512" | "SHA1Managed" | "SHA256Managed" | "SHA384Managed"
            | "SHA512Managed" | "HMAC" | "HMACMD5" | "HMACSHA1" | "HMACSHA256" | "HMACSHA384" | "HMACSHA512" | "KeyedHashAlgorithm" => {
                format!("{text}.ComputeHash(new byte[] {{ 1, 2, 3 }})")
            }
            "StringComparer" => format!("{text}.Compare(\"a\", \"B\")"),
            "Exception" => format!("{text}.Message"),
            "IRequest" => format!("{text}.Method"),
            "IResponse" => format!("{text}.StatusCode"),
            "IMessageBody" => format!("{text}.As<string>(true)"),
            "ISubscription" | "IUser" | "IProduct" | "IContextApi" | "IApi" | "IOperation" | "IGroup" => format!("{text}.Id"),
            "IDeployment" => format!("{text}.Region"),
            "ILastError" => format!("{text}.Source"),
            "Jwt" => format!("{text}.Subject"),
            "BasicAuthCredentials" => format!("{text}.UserId"),
            "StringReader" => format!("{text}.ReadToEnd()"),
            "IEnumerator" => format!("{text}.MoveNext()"),
            "Nullable" if false => return None,
            _ => text,
        };
        Some(opaque)
    }
}

/// Whether a value is the constant null, as text.
fn is_null(value: &str) -> bool {
    value.ends_with("null)") || value.starts_with("default(")
}

pub fn is_delegate(ty: &Ty) -> bool {
    matches!(ty.name(), "Func" | "Action" | "Predicate" | "Comparison" | "Converter" | "MatchEvaluator")
}
