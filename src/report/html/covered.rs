//! Coverage on a page: a table of the files, and each file with its lines marked.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::coverage::{Coverage, FileCoverage, Share};
use crate::report::markup::escape;

pub(super) fn write(out: &mut String, coverage: &Coverage) {
    out.push_str("<section>\n<h2>Coverage of policies</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">File</th><th scope=\"col\">Statements</th><th scope=\"col\">Branches</th></tr></thead><tbody>\n");
    for (index, file) in coverage.files.iter().enumerate() {
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#file{index}\">{}</a></td>{}{}</tr>",
            escape(&file.path),
            cell(file.statement_share()),
            cell(file.branch_share())
        );
    }
    if coverage.files.len() > 1 {
        let _ = writeln!(out, "<tr><td><b>All files</b></td>{}{}</tr>", cell(coverage.statement_share()), cell(coverage.branch_share()));
    }
    out.push_str("</tbody></table></div>\n");
    for (index, file) in coverage.files.iter().enumerate() {
        write_file(out, index, file);
    }
    out.push_str("</section>\n");
}

fn cell(share: Share) -> String {
    share.percent().map_or_else(
        || "<td class=\"soft\">none</td>".to_owned(),
        |percent| {
            format!(
                "<td><meter min=\"0\" max=\"100\" value=\"{percent}\"></meter> {percent:.1} % <span class=\"soft\">({}/{})</span></td>",
                share.hit, share.found
            )
        },
    )
}

fn write_file(out: &mut String, index: usize, file: &FileCoverage) {
    let missed = file.missed_lines();
    let open = if missed.is_empty() { "" } else { " open" };
    let _ = write!(
        out,
        "<details class=\"case\" id=\"file{index}\"{open}><summary class=\"head\"><span class=\"name\">{}</span><span class=\"took\">{}</span></summary>\n<div class=\"inside\"><div class=\"src\">",
        escape(&file.path),
        if missed.is_empty() { "everything ran".to_owned() } else { format!("{} lines with something that did not run", missed.len()) },
    );
    let hits = file.lines();
    let unran = unran_lines(file);
    for (line, text) in (1_u32..).zip(file.text.lines()) {
        let count = hits.get(&line);
        let reasons = missed.get(&line);
        let (class, sign) = match (count, unran.contains_key(&line), reasons) {
            (Some(0), _, _) => ("miss", "✗"),
            (_, true, _) | (_, _, Some(_)) => ("part", "◐"),
            (Some(_), false, None) => ("hit", "✓"),
            (None, false, None) => ("", ""),
        };
        let count = count.map(|count| format!("{count}×")).unwrap_or_default();
        let why = reasons.map(|reasons| {
            let mut reasons = reasons.clone();
            reasons.dedup();
            format!("<span class=\"why\">{}</span>", escape(&reasons.join("; ").replace('`', "")))
        });
        let _ = write!(
            out,
            "<div class=\"{class}\"><span class=\"no\">{line}</span><span class=\"hits\">{count}</span><span class=\"sign\">{sign}</span><span>{}</span>{}</div>",
            escape(text),
            why.unwrap_or_default()
        );
    }
    out.push_str("</div></div></details>\n");
}

/// Lines of statements that never ran, although another statement of the same line did.
fn unran_lines(file: &FileCoverage) -> BTreeMap<u32, ()> {
    let unran = file.statements.iter().filter(|statement| statement.hits == 0);
    unran.flat_map(|statement| (statement.line..=statement.last_line.max(statement.line)).map(|line| (line, ()))).collect()
}
