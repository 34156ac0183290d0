//! Random programs, typed by the catalogue, so that nearly all of them compile.
//!
//! Every value that is made has exactly the type that was asked for, so that overloads are chosen as meant. A value is a whole operand: what would need
//! brackets has them.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Member, Passing, Table, Ty};

mod about;
mod members;
mod statements;
mod syntax;
mod values;

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
}

/// Whether a value is the constant null, as text.
fn is_null(value: &str) -> bool {
    value.ends_with("null)") || value.starts_with("default(")
}

pub fn is_delegate(ty: &Ty) -> bool {
    matches!(ty.name(), "Func" | "Action" | "Predicate" | "Comparison" | "Converter" | "MatchEvaluator")
}
