//! Where everything stands: one column for each kind, nodes ordered so that few lines cross.

use super::model::{Kind, Model, Node};

/// A title is bold: about as wide as plain text of this size.
pub(super) const TITLE: f64 = 15.0;
/// Between two labels that stand at the end of lines.
const PORT: f64 = 17.0;
/// Height of a line of text.
pub(super) const LINE: f64 = 15.0;
/// Above the first and below the last line of a node.
pub(super) const PADDING: f64 = 10.0;
/// Between two nodes of a column.
const GAP: f64 = 18.0;
/// Between two columns, when nothing stands on the lines between.
const ALLEY: f64 = 56.0;
/// A bend of a long line takes this much room in the column that it passes.
const BEND: f64 = 8.0;
/// How often the order is improved, from left to right and back.
const SWEEPS: usize = 8;

/// A node in its place.
#[derive(Debug, Clone)]
pub(super) struct Placed<'a> {
    pub node: &'a Node,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// An edge: the points that it passes.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub points: Vec<(f64, f64)>,
    pub label: Option<&'a str>,
    pub choice: bool,
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub kind: Kind,
    pub x: f64,
    pub width: f64,
}

/// Everything in its place; the origin is the top left corner.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout<'a> {
    pub nodes: Vec<Placed<'a>>,
    pub lines: Vec<Line<'a>>,
    pub columns: Vec<Column>,
    pub width: f64,
    pub height: f64,
}

/// Something that takes room in a column: a node, or the bend of a line that passes.
struct Slot {
    node: Option<usize>,
    column: usize,
    height: f64,
    y: f64,
}

/// Places the way of a request. What watches it is not part of it.
pub(super) fn place(model: &Model) -> Layout<'_> {
    let nodes: Vec<&Node> = model.nodes.iter().filter(|node| node.kind != Kind::Monitor).collect();
    let mut kinds: Vec<Kind> = nodes.iter().map(|node| node.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let column_of = |kind: Kind| kinds.iter().position(|own| *own == kind).unwrap_or_default();

    let mut slots: Vec<Slot> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| Slot { node: Some(index), column: column_of(node.kind), height: height(node), y: 0.0 })
        .collect();
    // Each edge as the slots that it touches, the bends between included.
    let mut ways: Vec<Vec<usize>> = Vec::new();
    let mut edges = Vec::new();
    for edge in &model.edges {
        let find = |id: &str| nodes.iter().position(|node| node.id == id);
        let (Some(from), Some(to)) = (find(&edge.from), find(&edge.to)) else { continue };
        let (Some(first), Some(last)) = (slots.get(from).map(|slot| slot.column), slots.get(to).map(|slot| slot.column)) else { continue };
        let mut way = vec![from];
        for column in first + 1..last {
            way.push(slots.len());
            slots.push(Slot { node: None, column, height: BEND, y: 0.0 });
        }
        way.push(to);
        ways.push(way);
        edges.push(edge);
    }

    // Lines with a label need an end of their own, and the node room for all of them.
    for (index, slot) in slots.iter_mut().enumerate() {
        let labelled = edges.iter().zip(&ways).filter(|(edge, way)| edge.label.is_some() && way.last() == Some(&index)).count();
        slot.height = slot.height.max(PORT * labelled as f64 + 8.0);
    }
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); kinds.len()];
    for (index, slot) in slots.iter().enumerate() {
        if let Some(column) = columns.get_mut(slot.column) {
            column.push(index);
        }
    }
    order(&mut columns, &ways, slots.len());
    let tallest = columns.iter().map(|column| column_height(column, &slots)).fold(0.0, f64::max);
    for column in &columns {
        let mut y = (tallest - column_height(column, &slots)) / 2.0;
        for index in column {
            if let Some(slot) = slots.get_mut(*index) {
                slot.y = y;
                y += slot.height + GAP;
            }
        }
    }

    let mut layout = Layout { height: tallest, ..Layout::default() };
    let mut x = 0.0;
    for (index, kind) in kinds.iter().enumerate() {
        let width = nodes.iter().filter(|node| node.kind == *kind).map(|node| width(node)).fold(90.0, f64::max);
        layout.columns.push(Column { kind: *kind, x, width });
        // Labels of lines stand in the alley, so it is as wide as the widest of them.
        let leaving = edges.iter().zip(&ways).filter(|(_, way)| {
            way.iter().any(|slot| slots.get(*slot).is_some_and(|slot| slot.column == index))
                && way.last().is_some_and(|slot| slots.get(*slot).is_some_and(|slot| slot.column == index + 1))
        });
        let label = leaving.filter_map(|(edge, _)| edge.label.as_deref()).map(|label| text_width(label, 10.5) + 70.0).fold(ALLEY, f64::max);
        layout.width = x + width;
        x += width + label;
    }
    for slot in &slots {
        let (Some(node), Some(column)) = (slot.node.and_then(|index| nodes.get(index)), layout.columns.get(slot.column)) else { continue };
        layout.nodes.push(Placed { node, x: column.x, y: slot.y, width: column.width, height: slot.height });
    }
    for (edge, way) in edges.iter().zip(&ways) {
        let mut points = Vec::new();
        for (step, index) in way.iter().enumerate() {
            let Some(slot) = slots.get(*index) else { continue };
            let Some(column) = layout.columns.get(slot.column) else { continue };
            let middle = slot.y + slot.height / 2.0;
            if step > 0 {
                let end =
                    if step + 1 == way.len() { port(edge.label.is_some(), way, &edges, &ways, &slots).unwrap_or(middle) } else { middle };
                // The label stands above a level piece of the line.
                if let (Some(label), true) = (&edge.label, step + 1 == way.len()) {
                    points.push((column.x - text_width(label, 10.5) - 22.0, end));
                }
                points.push((column.x, end));
            }
            if step + 1 < way.len() {
                points.push((column.x + column.width, middle));
            }
        }
        layout.lines.push(Line { points, label: edge.label.as_deref(), choice: edge.choice });
    }
    layout
}

/// Where a line with a label meets its node: such lines stand below each other, in the order of where they come from.
fn port(labelled: bool, way: &[usize], edges: &[&super::model::Edge], ways: &[Vec<usize>], slots: &[Slot]) -> Option<f64> {
    let node = way.last()?;
    let slot = slots.get(*node)?;
    if !labelled {
        return None;
    }
    let origin = |way: &[usize]| way.first().and_then(|index| slots.get(*index)).map_or(0.0, |slot| slot.y);
    let mut arriving: Vec<&Vec<usize>> =
        edges.iter().zip(ways).filter(|(edge, way)| edge.label.is_some() && way.last() == Some(node)).map(|(_, way)| way).collect();
    arriving.sort_by(|one, other| origin(one).total_cmp(&origin(other)));
    let place = arriving.iter().position(|other| other.as_slice() == way)?;
    let first = slot.y + slot.height / 2.0 - PORT * (arriving.len().saturating_sub(1)) as f64 / 2.0;
    Some(first + PORT * place as f64)
}

/// Orders each column by the mean place of what its slots are joined with (the barycentre heuristic of layered drawings).
fn order(columns: &mut [Vec<usize>], ways: &[Vec<usize>], slots: usize) {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); slots];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); slots];
    for way in ways {
        for pair in way.windows(2) {
            if let [from, to] = pair {
                if let Some(list) = after.get_mut(*from) {
                    list.push(*to);
                }
                if let Some(list) = before.get_mut(*to) {
                    list.push(*from);
                }
            }
        }
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let neighbours = if forward { &before } else { &after };
        let indices: Vec<usize> = if forward { (0..columns.len()).collect() } else { (0..columns.len()).rev().collect() };
        for index in indices {
            // A place is a part of the column's height, so that columns of different length compare.
            let mut places = vec![0.5; slots];
            for column in columns.iter() {
                for (place, slot) in column.iter().enumerate() {
                    if let Some(own) = places.get_mut(*slot) {
                        *own = (place as f64 + 0.5) / column.len() as f64;
                    }
                }
            }
            let Some(column) = columns.get_mut(index) else { continue };
            let weight = |slot: &usize| {
                let joined = neighbours.get(*slot).map_or(&[][..], Vec::as_slice);
                if joined.is_empty() {
                    return places.get(*slot).copied().unwrap_or(0.5);
                }
                joined.iter().filter_map(|other| places.get(*other)).sum::<f64>() / joined.len() as f64
            };
            let mut weighted: Vec<(f64, usize)> = column.iter().map(|slot| (weight(slot), *slot)).collect();
            weighted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            *column = weighted.into_iter().map(|(_, slot)| slot).collect();
        }
    }
}

fn column_height(column: &[usize], slots: &[Slot]) -> f64 {
    let heights: f64 = column.iter().filter_map(|index| slots.get(*index)).map(|slot| slot.height).sum();
    heights + GAP * column.len().saturating_sub(1) as f64
}

pub(super) fn height(node: &Node) -> f64 {
    2.0 * PADDING + LINE * (node.lines.len() as f64 + 1.0)
}

/// Room for the longest line, within reason.
pub(super) fn width(node: &Node) -> f64 {
    let lines = node.lines.iter().map(|line| text_width(line, 11.0)).fold(text_width(&node.title, TITLE), f64::max);
    (lines + 24.0).clamp(90.0, 250.0)
}

/// About how wide a text is in a usual sans-serif font: nobody knows which one the reader has.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    text.chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | 'I' | ' ' => 0.32,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.9,
            letter if letter.is_ascii_uppercase() => 0.68,
            letter if letter.is_ascii() => 0.565,
            _ => 0.8,
        })
        .sum::<f64>()
        * size
}

/// The text cut to a width, with an ellipsis.
pub(super) fn cut(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    for letter in text.chars() {
        out.push(letter);
        if text_width(&out, size) + size > width {
            out.pop();
            break;
        }
    }
    format!("{}…", out.trim_end())
}
