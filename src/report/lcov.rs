//! lcov tracefiles, as editors and coverage services read them (geninfo(1), "FILES").

use std::fmt::Write as _;

use super::coverage::Coverage;

/// The tracefile. Paths stand as the user named them; a line end in a path cannot be written and becomes a blank.
#[must_use]
pub fn lcov(coverage: &Coverage) -> String {
    let mut out = String::new();
    for file in &coverage.files {
        let _ = writeln!(out, "TN:\nSF:{}", file.path.replace(['\n', '\r'], " "));
        let mut numbers = std::collections::BTreeMap::<u32, u32>::new();
        for branch in &file.branches {
            let number = numbers.entry(branch.decision).or_insert(0);
            let taken = branch.taken.map_or_else(|| "-".to_owned(), |taken| taken.to_string());
            let _ = writeln!(out, "BRDA:{},{},{number},{taken}", branch.line, branch.decision);
            *number += 1;
        }
        if !file.branches.is_empty() {
            let share = file.branch_share();
            let _ = writeln!(out, "BRF:{}\nBRH:{}", share.found, share.hit);
        }
        let lines = file.lines();
        for (line, hits) in &lines {
            let _ = writeln!(out, "DA:{line},{hits}");
        }
        let _ = writeln!(out, "LF:{}\nLH:{}\nend_of_record", lines.len(), lines.values().filter(|hits| **hits > 0).count());
    }
    out
}
