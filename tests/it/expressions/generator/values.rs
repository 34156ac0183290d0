//! Values of a type: a variable, a literal, what a member gives, or what the syntax of C# makes of others.

use std::collections::BTreeMap;

use super::{Generator, Ty, is_delegate};

impl Generator<'_> {
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

    pub(super) fn value_of(&mut self, ty: &Ty, depth: u32) -> Option<String> {
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
    pub(super) fn nothing(&mut self, ty: &Ty) -> Option<String> {
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
    pub(super) fn by_member(&mut self, ty: &Ty, depth: u32) -> Option<String> {
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
    pub(super) fn speakable(&self, ty: &Ty) -> bool {
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
}
