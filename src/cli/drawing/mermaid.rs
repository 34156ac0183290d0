//! Mermaid, which GitHub, GitLab and Azure DevOps draw inside Markdown.

use std::fmt::Write as _;

use super::model::{Kind, Model};

/// The drawing.
pub(in crate::cli) fn write(model: &Model) -> String {
    let mut out = String::from("flowchart LR\n");
    let number = |id: &str| model.nodes.iter().position(|node| node.id == id).unwrap_or_default();
    let draw = |out: &mut String, indent: &str, kinds: &[Kind]| {
        for (index, node) in model.nodes.iter().enumerate().filter(|(_, node)| kinds.contains(&node.kind)) {
            let text = [&[format!("<b>{}</b>", escape(&node.title))][..], &node.lines.iter().map(|line| escape(line)).collect::<Vec<_>>()]
                .concat()
                .join("<br/>");
            let (open, close) = match node.kind {
                Kind::Key => ("([", "])"),
                Kind::Pool => ("{{", "}}"),
                Kind::Account => ("[(", ")]"),
                Kind::Monitor => (">", "]"),
                Kind::Product | Kind::Api | Kind::Backend => ("[", "]"),
            };
            let _ = writeln!(out, "{indent}n{index}{open}\"{text}\"{close}");
        }
    };
    draw(&mut out, "  ", &[Kind::Key]);
    let _ = writeln!(out, "  subgraph group[\"resource group {}\"]", escape(&model.group));
    let _ = writeln!(out, "    subgraph service[\"{}\"]", escape(&model.service.join(", ")));
    draw(&mut out, "      ", &[Kind::Product, Kind::Api, Kind::Pool, Kind::Backend]);
    out.push_str("    end\n");
    draw(&mut out, "    ", &[Kind::Monitor]);
    out.push_str("  end\n");
    draw(&mut out, "  ", &[Kind::Account]);
    for edge in &model.edges {
        let arrow = if edge.choice { "-.->" } else { "-->" };
        let label = edge.label.as_ref().map_or_else(String::new, |label| format!("|\"{}\"|", escape(label)));
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", number(&edge.from), number(&edge.to));
    }
    for (index, _) in model.nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Monitor) {
        let _ = writeln!(out, "  service -.- n{index}");
    }
    out
}

/// Mermaid has entities of its own, and reads quotes, `#` and angle brackets as its own.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' | '[' | ']' | '{' | '}' | '(' | ')' | '|' | '\\' => {
                let _ = write!(out, "#{};", u32::from(letter));
            }
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}
