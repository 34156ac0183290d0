//! A self-contained SVG, for light and for dark.
//!
//! Colours are plain rules and not custom properties, which several viewers of SVG do not know.

use std::fmt::Write as _;

use super::layout::{self, LINE, Layout, Line, PADDING, Placed, cut, text_width};
use super::model::{Kind, Model, Node};

/// Around everything.
const MARGIN: f64 = 20.0;
/// Between the service's frame and what it holds.
const FRAME: f64 = 16.0;
/// For the headings of columns, above them.
const HEADING: f64 = 26.0;
/// For the service's name, above that.
const CAPTION: f64 = 26.0;

const STYLE: &str = "text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#1f2328}\
.title{font-size:13px;font-weight:600}.head{font-size:16px;font-weight:600}.soft,.label{fill:#59636e}.label{font-size:10.5px}\
.column{fill:#59636e;font-size:10.5px;font-weight:600;letter-spacing:.06em;text-transform:uppercase}\
.paper{fill:#fff}.group{fill:#f6f8fa;stroke:#d1d9e0}.service{fill:#eef4fc;stroke:#8fb4e3;stroke-width:1.4}\
.node{fill:#fff;stroke:#8c959f;stroke-width:1.2}.key{stroke:#9a6700}.product{stroke:#8250df}.api{stroke:#0969da}.pool{stroke:#1a7f37}.backend{stroke:#1a7f37}.account{stroke:#57606a}.monitor{stroke:#bc4c00}\
.line{fill:none;stroke:#6e7781;stroke-width:1.3}.choice{stroke-dasharray:5 3}.watch{fill:none;stroke:#bc4c00;stroke-width:1.1;stroke-dasharray:2 3}.tip{fill:#6e7781}\
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.soft,.label,.column{fill:#9aa6b2}.paper{fill:#0d1117}.group{fill:#12171e;stroke:#3a424b}.service{fill:#0f1b2d;stroke:#2f5e9e}.node{fill:#161b22;stroke:#6e7781}\
.key{stroke:#d4a72c}.product{stroke:#b08bf0}.api{stroke:#58a6ff}.pool,.backend{stroke:#4cc26a}.account{stroke:#9aa6b2}.monitor,.watch{stroke:#f0883e}.line{stroke:#9aa6b2}.tip{fill:#9aa6b2}}";

/// The drawing.
pub(in crate::cli) fn write(model: &Model) -> String {
    let layout = layout::place(model);
    let monitors: Vec<&Node> = model.nodes.iter().filter(|node| node.kind == Kind::Monitor).collect();

    // The columns of the service stand in its frame; keys before it, accounts behind it.
    let inside = |kind: Kind| !matches!(kind, Kind::Key | Kind::Account);
    let first = layout.columns.iter().find(|column| inside(column.kind));
    let last = layout.columns.iter().rev().find(|column| inside(column.kind));
    let head = 52.0;
    let left = MARGIN + if layout.columns.first().is_some_and(|column| inside(column.kind)) { FRAME } else { 0.0 };
    let top = head + FRAME + CAPTION + HEADING;
    let frame = first.zip(last).map(|(first, last)| Frame {
        x: left + first.x - FRAME,
        y: head + FRAME,
        width: last.x + last.width - first.x + 2.0 * FRAME,
        height: CAPTION + HEADING + layout.height + FRAME,
    });
    let frame = frame.unwrap_or(Frame { x: MARGIN, y: head, width: 300.0, height: 60.0 });
    let caption = model.service.join(" · ");
    let row = Row::of(&monitors, frame.x, frame.y + frame.height + 34.0);
    let content = (left + layout.width + MARGIN).max(frame.x + frame.width + MARGIN).max(row.right + MARGIN + FRAME);
    let counts: Vec<String> = model.counts.iter().map(|count| counted(count.count, count.label)).collect();
    let total: usize = model.counts.iter().map(|count| count.count).sum();
    let footer = wrapped(&format!("{total} resources: {}", counts.join(", ")), content - 2.0 * MARGIN);
    let group_bottom = if monitors.is_empty() { frame.y + frame.height + FRAME } else { row.bottom + FRAME };
    let height = group_bottom + 26.0 + LINE * footer.len() as f64 + 4.0;

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        number(content),
        number(height),
        number(content),
        number(height),
        escape(&format!("The resources of {} and the way of a request through them", model.name)),
    );
    out.push_str("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 .6 7.6 4 0 7.4z\"/></marker></defs>\n");
    let _ = writeln!(out, "<rect class=\"paper\" width=\"{}\" height=\"{}\"/>", number(content), number(height));
    text(&mut out, MARGIN, 26.0, "head", &model.name);
    let group =
        Frame { x: frame.x - FRAME / 2.0, y: head, width: frame.width.max(row.right - frame.x) + FRAME, height: group_bottom - head };
    rectangle(&mut out, "group", &group, 10.0);
    rectangle(&mut out, "service", &frame, 8.0);
    let group_text = format!("resource group {}", model.group);
    text_end(&mut out, group.x + group.width, head - 7.0, "soft", &cut(&group_text, 11.0, group.width));
    text(&mut out, frame.x + FRAME, frame.y + 20.0, "title", &cut(&caption, layout::TITLE, frame.width - 2.0 * FRAME));
    for column in &layout.columns {
        text(&mut out, left + column.x, top - 9.0, "column", column.kind.heading());
    }
    for line in &layout.lines {
        draw_line(&mut out, line, left, top);
    }
    for placed in &layout.nodes {
        draw_node(&mut out, &Placed { x: placed.x + left, y: placed.y + top, ..placed.clone() });
    }
    for line in &layout.lines {
        draw_label(&mut out, line, left, top);
    }
    for placed in &row.nodes {
        let middle = placed.x + placed.width / 2.0;
        let _ = writeln!(out, "<path class=\"watch\" d=\"M{} {}V{}\"/>", number(middle), number(frame.y + frame.height), number(placed.y));
        draw_node(&mut out, placed);
    }
    for (index, line) in footer.iter().enumerate() {
        text(&mut out, MARGIN, group_bottom + 24.0 + LINE * index as f64, "soft", line);
    }
    out.push_str("</svg>\n");
    debug_assert!(layout_is_sound(&layout), "nodes overlap");
    out
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// What watches the service, in a row below it.
struct Row<'a> {
    nodes: Vec<Placed<'a>>,
    right: f64,
    bottom: f64,
}

impl<'a> Row<'a> {
    fn of(nodes: &[&'a Node], x: f64, y: f64) -> Self {
        let mut row = Self { nodes: Vec::new(), right: x, bottom: y };
        let mut next = x + FRAME;
        for node in nodes {
            let (width, height) = (layout::width(node), layout::height(node));
            row.nodes.push(Placed { node, x: next, y, width, height });
            row.right = next + width;
            row.bottom = row.bottom.max(y + height);
            next += width + 18.0;
        }
        row
    }
}

fn draw_node(out: &mut String, placed: &Placed<'_>) {
    let class = match placed.node.kind {
        Kind::Key => "key",
        Kind::Product => "product",
        Kind::Api => "api",
        Kind::Pool => "pool",
        Kind::Backend => "backend",
        Kind::Account => "account",
        Kind::Monitor => "monitor",
    };
    let lines = placed.node.lines.join("\n");
    let _ = writeln!(out, "<g><title>{}</title>", escape(&format!("{} {}\n{lines}", placed.node.kind.word(), placed.node.title)));
    let frame = Frame { x: placed.x, y: placed.y, width: placed.width, height: placed.height };
    if placed.node.kind == Kind::Pool {
        // A second edge behind the first: there is more than one.
        rectangle(out, &format!("node {class}"), &Frame { x: frame.x + 4.0, y: frame.y + 4.0, ..frame }, 6.0);
    }
    rectangle(out, &format!("node {class}"), &frame, if placed.node.kind == Kind::Key { placed.height.min(34.0) / 2.0 } else { 6.0 });
    let room = placed.width - 22.0;
    text(out, placed.x + 12.0, placed.y + PADDING + 11.0, "title", &cut(&placed.node.title, layout::TITLE, room));
    for (index, line) in placed.node.lines.iter().enumerate() {
        text(out, placed.x + 12.0, placed.y + PADDING + 11.0 + LINE * (index as f64 + 1.0), "soft", &cut(line, 11.0, room));
    }
    out.push_str("</g>\n");
}

fn draw_line(out: &mut String, line: &Line<'_>, left: f64, top: f64) {
    let at = |(x, y): &(f64, f64)| (left + x, top + y);
    let Some(start) = line.points.first().map(at) else { return };
    let mut path = format!("M{} {}", number(start.0), number(start.1));
    let mut from = start;
    for point in line.points.iter().skip(1).map(at) {
        // Level at both ends, so that lines leave and meet boxes at a right angle.
        let half = (point.0 - from.0) / 2.0;
        let _ = write!(
            path,
            "C{} {} {} {} {} {}",
            number(from.0 + half),
            number(from.1),
            number(point.0 - half),
            number(point.1),
            number(point.0),
            number(point.1)
        );
        from = point;
    }
    let class = if line.choice { "line choice" } else { "line" };
    let _ = writeln!(out, "<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#tip)\"/>");
}

/// The label stands above the end of the line, which is level there.
fn draw_label(out: &mut String, line: &Line<'_>, left: f64, top: f64) {
    let (Some(label), Some((x, y))) = (line.label, line.points.last()) else { return };
    text_end(out, left + x - 12.0, top + y - 3.5, "label", label);
}

fn rectangle(out: &mut String, class: &str, frame: &Frame, radius: f64) {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
        number(frame.x),
        number(frame.y),
        number(frame.width),
        number(frame.height),
        number(radius)
    );
}

fn text(out: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>", number(x), number(y), escape(text));
}

fn text_end(out: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", number(x), number(y), escape(text));
}

/// With one decimal at most.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

fn counted(count: usize, label: &str) -> String {
    if count == 1 { format!("1 {label}") } else { format!("{count} × {label}") }
}

fn wrapped(text: &str, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        let wanted = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if !line.is_empty() && text_width(&wanted, 11.0) > width {
            lines.push(word.to_owned());
        } else {
            *line = wanted;
        }
    }
    lines
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

fn layout_is_sound(layout: &Layout<'_>) -> bool {
    layout.nodes.iter().enumerate().all(|(index, one)| {
        layout.nodes.iter().skip(index + 1).all(|other| {
            let apart = |one: f64, length: f64, other: f64, size: f64| one + length <= other || other + size <= one;
            apart(one.x, one.width, other.x, other.width) || apart(one.y, one.height, other.y, other.height)
        })
    })
}
