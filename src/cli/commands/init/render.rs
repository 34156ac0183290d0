//! Fills a template: `@name@` is replaced by a value, the lines between `#% each NAME` and `#% end` are repeated.
//!
//! The marks are comments of YAML and meet nothing of XML or C#, where `@` begins an expression.

use std::collections::BTreeMap;

/// Values by name, and lists of such by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    texts: BTreeMap<&'static str, String>,
    lists: BTreeMap<&'static str, Vec<Values>>,
}

impl Values {
    /// Sets a text.
    pub(super) fn set(&mut self, name: &'static str, text: impl Into<String>) -> &mut Self {
        self.texts.insert(name, text.into());
        self
    }

    /// Sets a list.
    pub(super) fn list(&mut self, name: &'static str, items: Vec<Self>) -> &mut Self {
        self.lists.insert(name, items);
        self
    }
}

/// The text with everything filled in. An `each` over a list that is not there repeats nothing.
pub(super) fn render(template: &str, values: &Values) -> String {
    let lines: Vec<&str> = template.lines().collect();
    let mut out = String::new();
    block(&lines, &[values], &mut out);
    out
}

fn block(lines: &[&str], scopes: &[&Values], out: &mut String) {
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        if let Some(name) = line.strip_prefix("#% each ") {
            let end = end_of(rest);
            let (body, after) = rest.split_at(end.min(rest.len()));
            rest = after.get(1..).unwrap_or_default();
            let items = scopes.iter().rev().find_map(|scope| scope.lists.get(name.trim()));
            for item in items.into_iter().flatten() {
                block(body, &[scopes, &[item]].concat(), out);
            }
            continue;
        }
        fill(line, scopes, out);
        out.push('\n');
    }
}

/// Where the `end` of the loop stands whose first line comes first.
fn end_of(lines: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (index, line) in lines.iter().enumerate() {
        if line.starts_with("#% each ") {
            depth += 1;
        } else if line.trim_end() == "#% end" {
            if depth == 0 {
                return index;
            }
            depth -= 1;
        }
    }
    lines.len()
}

fn fill(line: &str, scopes: &[&Values], out: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        let value = after.split_once('@').and_then(|(name, tail)| {
            let value = scopes.iter().rev().find_map(|scope| scope.texts.get(name))?;
            Some((value, tail))
        });
        match value {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push('@');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_loops_are_filled_and_the_rest_is_left() {
        let mut outer = Values::default();
        let item = |name: &str| {
            let mut item = Values::default();
            let mut other = Values::default();
            other.set("key", format!("not-{name}"));
            item.set("key", name).list("other", vec![other]);
            item
        };
        outer.set("name", "n").list("each-one", vec![item("a"), item("b")]);
        let text =
            "x: @name@ @(context.Name) @unknown@ a@b.c\n#% each each-one\n- @key@ @name@\n#% each other\n  - @key@\n#% end\n#% end\nend";
        assert_eq!(render(text, &outer), "x: n @(context.Name) @unknown@ a@b.c\n- a n\n  - not-a\n- b n\n  - not-b\nend\n");
    }
}
