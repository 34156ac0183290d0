//! DOT, for Graphviz.

use std::fmt::Write as _;

use super::model::{Kind, Model};

/// The drawing.
pub(in crate::cli) fn write(model: &Model) -> String {
    let mut out = String::from(
        "digraph apimctl {\n  rankdir=LR;\n  compound=true;\n  node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
    );
    let number = |id: &str| model.nodes.iter().position(|node| node.id == id).unwrap_or_default();
    let draw = |out: &mut String, indent: &str, kinds: &[Kind]| {
        for (index, node) in model.nodes.iter().enumerate().filter(|(_, node)| kinds.contains(&node.kind)) {
            let shape = match node.kind {
                Kind::Key => ", shape=ellipse",
                Kind::Pool => ", shape=hexagon, style=solid",
                Kind::Account => ", shape=cylinder, style=solid",
                Kind::Monitor => ", shape=note, style=solid",
                Kind::Product | Kind::Api | Kind::Backend => "",
            };
            let text = [&[node.title.clone()][..], &node.lines].concat().join("\n");
            let _ = writeln!(out, "{indent}n{index} [label={}{shape}];", quoted(&text));
        }
    };
    draw(&mut out, "  ", &[Kind::Key]);
    let _ = writeln!(out, "  subgraph cluster_group {{\n    label={};", quoted(&format!("resource group {}", model.group)));
    let _ = writeln!(out, "    subgraph cluster_service {{\n      label={};", quoted(&model.service.join(", ")));
    draw(&mut out, "      ", &[Kind::Product, Kind::Api, Kind::Pool, Kind::Backend]);
    out.push_str("    }\n");
    draw(&mut out, "    ", &[Kind::Monitor]);
    out.push_str("  }\n");
    draw(&mut out, "  ", &[Kind::Account]);
    for edge in &model.edges {
        let label = edge.label.as_ref().map_or_else(String::new, |label| format!("label={}, ", quoted(label)));
        let style = if edge.choice { "dashed" } else { "solid" };
        let _ = writeln!(out, "  n{} -> n{} [{label}style={style}];", number(&edge.from), number(&edge.to));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
