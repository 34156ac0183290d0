//! What the syntax of C# makes of values: operators, conditions, tuples, anonymous types, interpolation and casts.

use super::{Generator, Ty, Variable, is_null};

impl Generator<'_> {
    pub(super) fn by_syntax(&mut self, ty: &Ty, depth: u32) -> Option<String> {
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

    pub(super) fn by_operator(&mut self, ty: &Ty, depth: u32) -> Option<String> {
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

    pub(super) fn truth(&mut self, depth: u32) -> Option<String> {
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

    pub(super) fn text(&mut self, depth: u32) -> Option<String> {
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
}
