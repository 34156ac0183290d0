//! Statements: declarations, assignments, loops, choices, and what is tried.

use super::{Generator, Ty, Variable, is_null};

impl Generator<'_> {
    pub(super) fn declare(&mut self, ty: &Ty, assignable: bool) -> String {
        let name = self.name();
        self.scope.push(Variable { name: name.clone(), ty: ty.clone(), assignable });
        name
    }

    pub(super) fn assignable(&mut self, wanted: impl Fn(&Ty) -> bool) -> Option<Variable> {
        let list: Vec<Variable> = self.scope.iter().filter(|variable| variable.assignable && wanted(&variable.ty)).cloned().collect();
        if list.is_empty() { None } else { Some(list[self.below(list.len())].clone()) }
    }

    pub(super) fn block(&mut self, count: usize, depth: u32) -> String {
        let before = self.scope.len();
        let mut body = String::from("{ ");
        self.statements(&mut body, count, depth);
        self.scope.truncate(before);
        body.push_str("} ");
        body
    }

    pub(super) fn statements(&mut self, out: &mut String, count: usize, depth: u32) {
        for _ in 0..count {
            if let Some(text) = self.statement(depth) {
                out.push_str(&text);
            }
        }
    }

    pub(super) fn statement(&mut self, depth: u32) -> Option<String> {
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
                let noted = log.as_ref().map(|log| format!("{log} += \"caught\"; ")).unwrap_or_default();
                if self.chance(40) {
                    self.note("finally");
                    let end = self.block(1, 0);
                    format!("try {body}catch (Exception {name}) {{ {noted}}} finally {end}")
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
}
