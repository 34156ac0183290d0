//! Policies that decide what runs: choose, retry, wait, include-fragment; and what preflight requests meet.

use std::collections::HashMap;

use super::{Compiler, FRAGMENT_DEPTH};
use crate::gateway::execute;
use crate::gateway::program::{Argument, Op, RetryPlan, WaitPlan, Wanted};
use crate::policy::Element;

impl Compiler<'_> {
    /// What preflight requests meet: `cors` policies that are direct children of inbound (cors page), also out of fragments, and
    /// `<base />`.
    pub(super) fn preflight(&mut self, element: &Element) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for child in element.elements() {
            let ordinal = *seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
            let outer = self.descend(child, ordinal);
            self.arguments = 0;
            match child.name.as_str() {
                "base" => self.push(Op::Base),
                // Problems have been told of once.
                "cors" => {
                    let told = self.problems.len();
                    execute::cors::compile_preflight(child, self);
                    self.problems.truncate(told);
                }
                "include-fragment" => self.included(child, Self::preflight),
                _ => {}
            }
            self.ascend(outer);
        }
    }

    fn condition(&mut self, element: &Element) {
        match self.boolean(element, "condition") {
            // The value is taken from the arguments.
            Some(Argument::Computed(_)) => {}
            Some(Argument::Literal(value)) => {
                let code = if value { "@(true)" } else { "@(false)" };
                self.expression(element, code, code, false, Wanted::Boolean, "condition");
            }
            None => self.missing(element, "condition"),
        }
    }

    pub(super) fn choose(&mut self, element: &Element) {
        let mut ends = Vec::new();
        let mut seen = 0;
        for child in element.elements() {
            match child.name.as_str() {
                "when" => {
                    seen += 1;
                    let outer = self.descend(child, seen);
                    self.arguments = 0;
                    self.condition(child);
                    let test = self.program.ops.len();
                    self.push(Op::JumpUnless(0));
                    self.block(child);
                    ends.push(self.program.ops.len());
                    self.push(Op::Jump(0));
                    let here = self.here();
                    self.patch(test, here);
                    self.ascend(outer);
                }
                "otherwise" => {
                    let outer = self.descend(child, 1);
                    self.block(child);
                    self.ascend(outer);
                }
                other => self.problem(child, format!("`choose` takes `when` and `otherwise`, not `{other}`")),
            }
        }
        let here = self.here();
        for end in ends {
            self.patch(end, here);
        }
    }

    fn patch(&mut self, op: usize, target: u32) {
        match self.program.ops.get_mut(op) {
            Some(Op::Jump(place) | Op::JumpUnless(place)) => *place = target,
            Some(Op::RetryEnter(plan)) => plan.test = target,
            _ => {}
        }
    }

    pub(super) fn retry(&mut self, element: &Element) {
        let count = self.integer(element, "count").unwrap_or(Argument::Literal(1));
        let interval = self.number(element, "interval").unwrap_or(Argument::Literal(0.0));
        let max_interval = self.number(element, "max-interval");
        let delta = self.number(element, "delta");
        let first_fast_retry = self.boolean(element, "first-fast-retry").unwrap_or(Argument::Literal(false));
        let enter = self.program.ops.len();
        self.push(Op::RetryEnter(Box::new(RetryPlan { count, interval, max_interval, delta, first_fast_retry, test: 0 })));
        let start = self.here();
        self.block(element);
        let test = self.here();
        self.patch(enter, test);
        self.arguments = 0;
        self.condition(element);
        self.push(Op::RetryDecide(start));
    }

    pub(super) fn wait(&mut self, element: &Element) {
        let until = self.text(element, "for").unwrap_or_else(|| Argument::Literal(Box::from("all")));
        let arguments = self.arguments;
        let mut children = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for child in element.elements() {
            let ordinal = *seen.entry(child.name.as_str()).and_modify(|count| *count += 1).or_insert(1);
            let own = std::mem::take(&mut self.program);
            let site = self.site;
            self.policy(child, ordinal);
            children.push(std::mem::replace(&mut self.program, own));
            self.site = site;
        }
        self.arguments = arguments;
        self.push(Op::Wait(Box::new(WaitPlan { until, children })));
    }

    pub(super) fn fragment(&mut self, element: &Element) {
        let name = self.required_literal(element, "fragment-id");
        if !self.environment.fragments.contains_key(name.to_ascii_lowercase().as_str()) {
            self.problem(element, format!("there is no fragment `{name}`"));
        } else if self.fragment_depth >= FRAGMENT_DEPTH {
            self.problem(element, format!("the fragment `{name}` includes itself"));
        } else {
            self.included(element, Self::block);
        }
    }

    /// Does `work` with what a fragment holds.
    fn included(&mut self, element: &Element, work: impl FnOnce(&mut Self, &Element)) {
        let environment = self.environment;
        let name = element.literal("fragment-id").map(|text| self.resolve(text).text.to_ascii_lowercase()).unwrap_or_default();
        let Some(fragment) = environment.fragments.get(name.as_str()).filter(|_| self.fragment_depth < FRAGMENT_DEPTH) else { return };
        let source = std::mem::replace(&mut self.source, fragment.source());
        self.fragment_depth += 1;
        work(self, fragment.root());
        self.fragment_depth -= 1;
        self.source = source;
    }
}
