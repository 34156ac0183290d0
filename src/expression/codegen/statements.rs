//! Statements: jumps, loops, and the ways out of `try`.

use super::{Generator, Region};
use crate::expression::bound::{CatchClause, Expr, Stmt};
use crate::expression::code::{Handler, Op};
use crate::expression::value::Value;

impl Generator<'_> {
    pub(super) fn statements(&mut self, list: &[Stmt]) {
        for statement in list {
            self.statement(statement);
        }
    }

    pub(super) fn guarded(&mut self, body: impl FnOnce(&mut Self)) {
        self.conditional += 1;
        body(self);
        self.conditional -= 1;
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Expr(value) => {
                self.expression(value);
                self.emit(value.at, Op::Pop);
            }
            Stmt::Declare(local, value) => {
                let in_loop = self.builder().loops > 0;
                match value {
                    Some(value) => self.expression(value),
                    None => {
                        let default = self.default_of(*local);
                        let index = self.constant(&default);
                        self.emit(0, Op::Constant(index));
                    }
                }
                let slot = self.slot(*local);
                let op = match (self.is_shared(*local), in_loop) {
                    (true, true) => Op::NewCell(slot),
                    (true, false) => Op::StoreCell(slot),
                    (false, _) => Op::Store(slot),
                };
                self.emit(0, op);
            }
            Stmt::Block(list) => self.statements(list),
            Stmt::If(condition, then, otherwise) => {
                self.expression(condition);
                let skip = self.emit(condition.at, Op::JumpFalse(0));
                self.guarded(|generator| generator.statement(then));
                match otherwise {
                    Some(otherwise) => {
                        let end = self.emit(0, Op::Jump(0));
                        self.patch(skip);
                        self.guarded(|generator| generator.statement(otherwise));
                        self.patch(end);
                    }
                    None => self.patch(skip),
                }
                // What follows may not be reached.
                self.conditional += 1;
            }
            Stmt::While(condition, body) => {
                let start = self.here();
                self.expression(condition);
                let exit = self.emit(condition.at, Op::JumpFalse(0));
                let (breaks, continues) = self.loop_body(body);
                self.emit(0, Op::Jump(start));
                self.patch(exit);
                self.finish_loop(breaks, continues, Some(start));
            }
            Stmt::DoWhile(body, condition) => {
                let start = self.here();
                let (breaks, continues) = self.loop_body(body);
                let test = self.here();
                self.expression(condition);
                self.emit(condition.at, Op::JumpTrue(start));
                self.finish_loop(breaks, continues, Some(test));
            }
            Stmt::For(first, condition, step, body) => {
                self.statements(first);
                let start = self.here();
                let exit = condition.as_ref().map(|condition| {
                    self.expression(condition);
                    self.emit(condition.at, Op::JumpFalse(0))
                });
                let (breaks, continues) = self.loop_body(body);
                let next = self.here();
                for value in step {
                    self.expression(value);
                    self.emit(value.at, Op::Pop);
                }
                self.emit(0, Op::Jump(start));
                if let Some(exit) = exit {
                    self.patch(exit);
                }
                self.finish_loop(breaks, continues, Some(next));
            }
            Stmt::ForEach(item, source, body) => {
                self.expression(source);
                self.emit(source.at, Op::Enumerate);
                let enumerator = self.new_slot();
                self.emit(source.at, Op::Store(enumerator));
                let start = self.here();
                let exit = self.emit(source.at, Op::Next(enumerator, 0));
                let slot = self.slot(*item);
                self.emit(source.at, Op::Store(slot));
                let (breaks, continues) = self.loop_body(body);
                self.emit(0, Op::Jump(start));
                self.patch(exit);
                self.finish_loop(breaks, continues, Some(start));
            }
            Stmt::Switch(sections) => self.switch(sections),
            Stmt::Return(value) => self.return_statement(value.as_ref()),
            Stmt::Break => self.jump_out(true),
            Stmt::Continue => self.jump_out(false),
            Stmt::Throw(Some(value)) => {
                self.expression(value);
                self.emit(value.at, Op::Throw);
            }
            Stmt::Throw(None) => {
                let slot = self.builder().exceptions.last().copied();
                if let Some(slot) = slot {
                    self.emit(0, Op::Load(slot));
                    self.emit(0, Op::Throw);
                }
            }
            Stmt::Try(body, catches, finally) => self.try_statement(body, catches, finally.as_deref()),
        }
    }

    fn loop_body(&mut self, body: &Stmt) -> (Vec<usize>, Vec<usize>) {
        self.builder().regions.push(Region::Loop { breaks: Vec::new(), continues: Vec::new(), is_switch: false });
        self.builder().loops += 1;
        self.guarded(|generator| generator.statement(body));
        self.builder().loops -= 1;
        match self.builder().regions.pop() {
            Some(Region::Loop { breaks, continues, .. }) => (breaks, continues),
            _ => (Vec::new(), Vec::new()),
        }
    }

    fn finish_loop(&mut self, breaks: Vec<usize>, continues: Vec<usize>, target: Option<u32>) {
        for jump in breaks {
            self.patch(jump);
        }
        if let Some(target) = target {
            for jump in continues {
                self.patch_to(jump, target);
            }
        }
        self.conditional += 1;
    }

    fn switch(&mut self, sections: &[(Vec<Option<Expr>>, Vec<Stmt>)]) {
        let mut entries: Vec<Vec<usize>> = Vec::new();
        let mut default = None;
        for (index, (labels, _)) in sections.iter().enumerate() {
            let mut jumps = Vec::new();
            for label in labels {
                match label {
                    None => default = Some(index),
                    Some(condition) => {
                        self.guarded(|generator| generator.expression(condition));
                        jumps.push(self.emit(condition.at, Op::JumpTrue(0)));
                    }
                }
            }
            entries.push(jumps);
        }
        let otherwise = self.emit(0, Op::Jump(0));
        self.builder().regions.push(Region::Loop { breaks: Vec::new(), continues: Vec::new(), is_switch: true });
        for (index, (_, body)) in sections.iter().enumerate() {
            for jump in entries.get(index).cloned().unwrap_or_default() {
                self.patch(jump);
            }
            if default == Some(index) {
                self.patch(otherwise);
            }
            self.guarded(|generator| generator.statements(body));
        }
        if default.is_none() {
            self.patch(otherwise);
        }
        if let Some(Region::Loop { breaks, .. }) = self.builder().regions.pop() {
            self.finish_loop(breaks, Vec::new(), None);
        }
    }

    /// Runs the `finally` blocks that a jump passes, innermost first, down to region `until`.
    fn leave(&mut self, until: usize) {
        let count = self.builder().regions.len();
        for index in (until..count).rev() {
            let here = self.here();
            let body = match self.builder().regions.get_mut(index) {
                Some(Region::Finally { body, ranges, open }) => {
                    ranges.push((*open, here));
                    Some(body.clone())
                }
                Some(Region::Catch { ranges, open }) => {
                    ranges.push((*open, here));
                    None
                }
                _ => continue,
            };
            if let Some(body) = body {
                let saved = self.builder().regions.split_off(index);
                self.statements(&body);
                self.builder().regions.extend(saved);
            }
        }
    }

    fn reopen(&mut self, until: usize) {
        let here = self.here();
        for region in self.builder().regions.iter_mut().skip(until) {
            if let Region::Finally { open, .. } | Region::Catch { open, .. } = region {
                *open = here;
            }
        }
    }

    fn return_statement(&mut self, value: Option<&Expr>) {
        match value {
            Some(value) => self.expression(value),
            None => {
                let null = self.constant(&Value::Null);
                self.emit(0, Op::Constant(null));
            }
        }
        let has_finally = self.builder().regions.iter().any(|region| matches!(region, Region::Finally { .. }));
        if has_finally {
            let slot = self.new_slot();
            self.emit(0, Op::Store(slot));
            self.leave(0);
            self.emit(0, Op::Load(slot));
            self.emit(0, Op::Return);
            self.reopen(0);
        } else {
            self.emit(0, Op::Return);
        }
    }

    fn jump_out(&mut self, is_break: bool) {
        let target = self.builder().regions.iter().rposition(|region| match region {
            Region::Loop { is_switch, .. } => is_break || !is_switch,
            _ => false,
        });
        let Some(target) = target else { return };
        self.leave(target + 1);
        let jump = self.emit(0, Op::Jump(0));
        self.reopen(target + 1);
        if let Some(Region::Loop { breaks, continues, .. }) = self.builder().regions.get_mut(target) {
            if is_break { breaks.push(jump) } else { continues.push(jump) }
        }
    }

    fn try_statement(&mut self, body: &[Stmt], catches: &[CatchClause], finally: Option<&[Stmt]>) {
        if let (Some(finally), false) = (finally, catches.is_empty()) {
            let inner = vec![Stmt::Try(body.to_vec(), catches.to_vec(), None)];
            return self.try_statement(&inner, &[], Some(finally));
        }
        let open = self.here();
        let exception = self.new_slot();
        if let Some(finally) = finally {
            self.builder().regions.push(Region::Finally { body: finally.to_vec(), ranges: Vec::new(), open });
            self.guarded(|generator| generator.statements(body));
            let end = self.here();
            let Some(Region::Finally { mut ranges, open, .. }) = self.builder().regions.pop() else { return };
            ranges.push((open, end));
            self.statements(finally);
            let jump = self.emit(0, Op::Jump(0));
            self.handler(ranges);
            self.emit(0, Op::Store(exception));
            self.statements(finally);
            self.emit(0, Op::Load(exception));
            self.emit(0, Op::Throw);
            self.patch(jump);
            return;
        }
        self.builder().regions.push(Region::Catch { ranges: Vec::new(), open });
        self.guarded(|generator| generator.statements(body));
        let end = self.here();
        let Some(Region::Catch { mut ranges, open }) = self.builder().regions.pop() else { return };
        ranges.push((open, end));
        let mut ends = vec![self.emit(0, Op::Jump(0))];
        self.handler(ranges);
        self.emit(0, Op::Store(exception));
        self.builder().exceptions.push(exception);
        for clause in catches {
            self.emit(0, Op::Load(exception));
            self.emit(0, Op::Is(clause.ty));
            let mut next = vec![self.emit(0, Op::JumpFalse(0))];
            if let Some(local) = clause.local {
                self.emit(0, Op::Load(exception));
                let slot = self.slot(local);
                let op = if self.is_shared(local) { Op::NewCell(slot) } else { Op::Store(slot) };
                self.emit(0, op);
            }
            if let Some(filter) = &clause.filter {
                self.guarded(|generator| generator.expression(filter));
                next.push(self.emit(filter.at, Op::JumpFalse(0)));
            }
            self.guarded(|generator| generator.statements(&clause.body));
            ends.push(self.emit(0, Op::Jump(0)));
            for jump in next {
                self.patch(jump);
            }
        }
        self.builder().exceptions.pop();
        self.emit(0, Op::Load(exception));
        self.emit(0, Op::Throw);
        for jump in ends {
            self.patch(jump);
        }
    }

    fn handler(&mut self, ranges: Vec<(u32, u32)>) {
        let target = self.here();
        for (start, end) in ranges {
            if start < end {
                self.builder().function.handlers.push(Handler { start, end, target });
            }
        }
    }
}
