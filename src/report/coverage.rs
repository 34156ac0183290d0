//! Which statements and branches of which files ran: data, and the text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// Coverage of all files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The files, in order.
    pub files: Vec<FileCoverage>,
}

/// Coverage of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileCoverage {
    /// As the user named it.
    pub path: String,
    /// Its text, secrets masked.
    #[serde(skip)]
    pub text: String,
    /// Its statements, in the order of the file.
    pub statements: Vec<StatementCoverage>,
    /// Its branches, in the order of the file.
    pub branches: Vec<BranchCoverage>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementCoverage {
    /// The policy's name.
    pub name: String,
    /// First line of what is its own (not its children's), from 1.
    pub line: u32,
    /// Last line of what is its own.
    pub last_line: u32,
    /// How often it ran.
    pub hits: u64,
}

/// One way out of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchCoverage {
    /// The line of the decision or of the branch, from 1.
    pub line: u32,
    /// Which decision of the file; its branches share it.
    pub decision: u32,
    /// `when 2`, `no branch`, `sent again`.
    pub label: String,
    /// How often it was taken; `None` if the decision was never reached.
    pub taken: Option<u64>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// That ran.
    pub hit: usize,
    /// That are there.
    pub found: usize,
}

impl Share {
    fn of(hits: impl Iterator<Item = bool>) -> Self {
        hits.fold(Self::default(), |share, hit| Self { hit: share.hit + usize::from(hit), found: share.found + 1 })
    }

    fn plus(self, other: Self) -> Self {
        Self { hit: self.hit + other.hit, found: self.found + other.found }
    }

    /// In percent, cut off to one digit behind the point, so that only everything is 100; `None` if there is nothing.
    #[must_use]
    pub fn percent(self) -> Option<f64> {
        (self.found > 0).then(|| (self.hit as f64 * 1_000.0 / self.found as f64).floor() / 10.0)
    }

    /// `12/14  85.7 %`.
    #[must_use]
    pub fn text(self) -> String {
        self.percent().map_or_else(|| "-".to_owned(), |percent| format!("{}/{} {percent:5.1} %", self.hit, self.found))
    }
}

impl FileCoverage {
    /// Hits of each line that holds a statement. Where several stand on one line: the one that ran most, as in compilers' coverage.
    #[must_use]
    pub fn lines(&self) -> BTreeMap<u32, u64> {
        let mut lines = BTreeMap::new();
        for statement in &self.statements {
            for line in statement.line..=statement.last_line.max(statement.line) {
                let hits = lines.entry(line).or_insert(0);
                *hits = statement.hits.max(*hits);
            }
        }
        lines
    }

    fn add(&mut self, other: Self) {
        for statement in other.statements {
            let same = |own: &&mut StatementCoverage| {
                (own.line, own.last_line, &own.name) == (statement.line, statement.last_line, &statement.name)
            };
            match self.statements.iter_mut().find(same) {
                Some(own) => own.hits += statement.hits,
                None => self.statements.push(statement),
            }
        }
        for branch in other.branches {
            let same = |own: &&mut BranchCoverage| (own.line, &own.label) == (branch.line, &branch.label);
            match self.branches.iter_mut().find(same) {
                Some(own) => own.taken = own.taken.map_or(branch.taken, |taken| Some(taken + branch.taken.unwrap_or(0))),
                None => self.branches.push(branch),
            }
        }
    }

    /// Statements that ran.
    #[must_use]
    pub fn statement_share(&self) -> Share {
        Share::of(self.statements.iter().map(|statement| statement.hits > 0))
    }

    /// Branches that were taken.
    #[must_use]
    pub fn branch_share(&self) -> Share {
        Share::of(self.branches.iter().map(|branch| branch.taken.is_some_and(|taken| taken > 0)))
    }

    /// Lines on which something did not run: a statement, or a branch of a decision that was reached.
    #[must_use]
    pub fn missed_lines(&self) -> BTreeMap<u32, Vec<String>> {
        let mut missed: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for statement in self.statements.iter().filter(|statement| statement.hits == 0) {
            missed.entry(statement.line).or_default().push(format!("`{}` never ran", statement.name));
        }
        for branch in self.branches.iter().filter(|branch| branch.taken == Some(0)) {
            missed.entry(branch.line).or_default().push(format!("{} never happened", branch.label));
        }
        missed
    }
}

impl Coverage {
    /// Both together: the same file measured twice is one file.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for file in other.files {
            match self.files.iter_mut().find(|own| own.path == file.path) {
                Some(own) => own.add(file),
                None => self.files.push(file),
            }
        }
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        self
    }

    /// Statements that ran, of all files.
    #[must_use]
    pub fn statement_share(&self) -> Share {
        self.files.iter().map(FileCoverage::statement_share).fold(Share::default(), Share::plus)
    }

    /// Branches that were taken, of all files.
    #[must_use]
    pub fn branch_share(&self) -> Share {
        self.files.iter().map(FileCoverage::branch_share).fold(Share::default(), Share::plus)
    }

    /// A table of the files, and below it every line on which something did not run.
    #[must_use]
    pub fn text(&self) -> String {
        let width = self.files.iter().map(|file| file.path.chars().count()).max().unwrap_or(0).max("all files".len());
        let mut out = String::new();
        let _ = writeln!(out, "{:<width$}  {:>15}  {:>15}", "file", "statements", "branches");
        for file in &self.files {
            let _ = writeln!(out, "{:<width$}  {:>15}  {:>15}", file.path, file.statement_share().text(), file.branch_share().text());
        }
        if self.files.len() > 1 {
            let _ = writeln!(out, "{:<width$}  {:>15}  {:>15}", "all files", self.statement_share().text(), self.branch_share().text());
        }
        for file in &self.files {
            let missed = file.missed_lines();
            if missed.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n{}", file.path);
            let lines: Vec<&str> = file.text.lines().collect();
            let shown = |line: u32| lines.get((line as usize).saturating_sub(1)).map_or("", |line| line.trim());
            for (line, reasons) in missed {
                let mut reasons = reasons;
                reasons.dedup();
                let _ =
                    writeln!(out, "  {line:>5} | {}\n        = {}", crate::report::text::shortened(shown(line), 100), reasons.join("; "));
            }
        }
        out
    }
}
