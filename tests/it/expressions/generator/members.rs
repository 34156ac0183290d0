//! Accesses to members: receivers, generic and other arguments, lambdas, and operators that types define.

use std::collections::BTreeMap;

use super::super::catalogue::{Member, Passing};
use super::{Generator, Ty, Variable, is_delegate};

impl Generator<'_> {
    /// An access to that member whose generic parameters are bound as far as `bound` says.
    pub(super) fn access(&mut self, index: usize, mut bound: BTreeMap<String, Ty>, depth: u32) -> Option<String> {
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
    pub(super) fn bind_rest(&mut self, member: &Member, bound: &mut BTreeMap<String, Ty>) {
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
    pub(super) fn explicit(&mut self, member: &Member, bound: &BTreeMap<String, Ty>) -> String {
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

    pub(super) fn receiver(&mut self, ty: &Ty, depth: u32) -> Option<String> {
        let value = self.value(ty, depth)?;
        // `new X { … }.Y` reads better in brackets, and `new T[] { }[0]` is read otherwise.
        Some(if value.starts_with("new ") { format!("({value})") } else { value })
    }

    /// The receiver of an extension method: anything that is the sequence it wants.
    pub(super) fn source(&mut self, ty: &Ty, method: &str, depth: u32) -> Option<String> {
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

    pub(super) fn arguments(&mut self, index: usize, bound: &BTreeMap<String, Ty>, skip: usize, depth: u32) -> Option<String> {
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

    pub(super) fn argument(&mut self, owner: &str, member: &str, parameter: &str, ty: &Ty, depth: u32) -> Option<String> {
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

    pub(super) fn operator(&mut self, member: &Member, bound: &BTreeMap<String, Ty>, depth: u32) -> Option<String> {
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
}
