//! Changes of a policy document as a tree of its elements: what is the same is not there, what differs stands where it stands in the
//! document.

use crate::policy::PolicyChange;

/// A longer text is cut: the plan is to be read.
const LONGEST: usize = 110;
/// Two texts that are shorter than this together stand on one line.
const SHORT: usize = 90;
/// In front of the tree.
const INDENT: usize = 8;

/// Adds the tree's lines.
pub(super) fn push(changes: &[PolicyChange], colour: bool, lines: &mut Vec<String>) {
    let mut open: Vec<&str> = Vec::new();
    for change in changes {
        let (element, attribute) = match change.path.split_once('@') {
            Some((element, attribute)) => (element, Some(attribute)),
            None => (change.path.as_str(), None),
        };
        let path: Vec<&str> = element.split('/').filter(|part| !part.is_empty()).collect();
        // The element itself is the line of the change, unless only an attribute of it differs.
        let (above, own) = match (attribute, path.split_last()) {
            (None, Some((own, above))) => (above, *own),
            (None, None) => (path.as_slice(), "document"),
            (Some(attribute), _) => (path.as_slice(), attribute),
        };
        let same = open.iter().zip(above).take_while(|(one, other)| one == other).count();
        for (depth, part) in above.iter().enumerate().skip(same) {
            lines.push(format!("{:indent$}{part}", "", indent = INDENT + 2 * depth));
        }
        open = above.to_vec();
        let front = " ".repeat(INDENT + 2 * above.len());
        let mark = |mark: &str, code: &str| if colour { format!("\u{1b}[{code}m{mark}\u{1b}[0m") } else { mark.to_owned() };
        let (plus, minus, wave) = (mark("+", "32"), mark("-", "31"), mark("~", "33"));
        let name = if attribute.is_some() { format!("{own}=") } else { String::new() };
        match (change.before.as_deref().map(one_line), change.after.as_deref().map(one_line)) {
            (Some(before), Some(after)) if before.chars().count() + after.chars().count() <= SHORT => {
                let label = if attribute.is_some() { format!("{own}: ") } else { format!("{own} ") };
                lines.push(format!("{front}{wave} {label}{before} → {after}"));
            }
            (Some(before), Some(after)) => {
                lines.push(format!("{front}{wave} {own}"));
                lines.push(format!("{front}    {minus} {before}"));
                lines.push(format!("{front}    {plus} {after}"));
            }
            (None, Some(after)) => lines.push(format!("{front}{plus} {name}{after}")),
            (Some(before), None) => lines.push(format!("{front}{minus} {name}{before}")),
            (None, None) => {}
        }
    }
}

/// A text on one line, shortened.
fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::push;
    use crate::policy::{Format, changes_of_texts};

    #[test]
    fn changes_stand_where_their_elements_stand() {
        let old = r#"<policies><inbound><base /><set-header name="a" exists-action="delete" /><choose><when condition="@(1 == 1)"><set-variable name="x" value="1" /></when></choose></inbound><backend><retry condition="@(context.Response.StatusCode == 429)" count="3" interval="0"><forward-request /></retry></backend></policies>"#;
        let new = r#"<policies><inbound><base /><set-header name="b" exists-action="delete" /><choose><when condition="@(1 == 2)"><set-variable name="x" value="1" /><set-variable name="y" value="2" /></when></choose></inbound><backend><retry condition="@(context.Response == null || context.Response.StatusCode == 429 || context.Response.StatusCode >= 500)" count="1" interval="0"><forward-request /></retry></backend></policies>"#;
        let mut lines = Vec::new();
        push(&changes_of_texts(old, Format::RawXml, new, Format::RawXml), false, &mut lines);
        let text = lines.join("\n");
        let expected = [
            "        inbound",
            "            ~ condition: @(1 == 1) → @(1 == 2)",
            "        backend",
            "          retry[1]",
            "            ~ count: 3 → 1",
            "            ~ condition",
            "                - @(context.Response.StatusCode == 429)",
        ];
        for line in expected {
            assert!(text.contains(line), "`{line}` is not in:\n{text}");
        }
        assert!(text.contains("+ <set-variable"), "{text}");
        assert_eq!(text.matches("\n        backend\n").count(), 1, "{text}");
    }
}
