//! Bars: a distribution.

use super::frame::{Anchor, Drawing, fitting, width_of, with_unit};
use super::{BarChart, Width};
use crate::report::text::{number, shortened};

const HEIGHT: f64 = 18.0;

pub(super) fn draw(chart: &BarChart, width: Width) -> String {
    let total: f64 = chart.bars.iter().map(|bar| bar.value.max(0.0)).filter(|value| value.is_finite()).sum();
    let values: Vec<String> = chart
        .bars
        .iter()
        .map(|bar| {
            let share = if total > 0.0 && bar.value.is_finite() { format!(" ({:.1} %)", bar.value * 100.0 / total) } else { String::new() };
            format!("{}{share}", number(bar.value))
        })
        .collect();
    let narrow = width == Width::Narrow;
    let has_notes = chart.bars.iter().any(|bar| bar.expected.is_some() || bar.note.is_some());
    // On a telephone the label stands above its bar.
    let pitch = HEIGHT + if narrow { 18.0 } else { 0.0 } + if has_notes { 16.0 } else { 0.0 } + 10.0;
    let top = 28.0;
    let label_width = if narrow { 0.0 } else { chart.bars.iter().map(|bar| width_of(&bar.label)).fold(40.0, f64::max).min(240.0) + 12.0 };
    let value_width = if narrow { 0.0 } else { values.iter().map(|value| width_of(value)).fold(0.0, f64::max) + 12.0 };
    let room = (width.pixels() - label_width - value_width).max(40.0);
    let most = chart
        .bars
        .iter()
        .map(|bar| bar.expected.map_or(bar.value, |expected| bar.value.max(expected.value + expected.tolerance)))
        .filter(|value| value.is_finite())
        .fold(0.0, f64::max);
    let length = |value: f64| if most > 0.0 { (value / most * room).clamp(0.0, room) } else { 0.0 };

    let summary: Vec<String> = chart.bars.iter().zip(&values).map(|(bar, value)| format!("{} {value}", bar.label)).collect();
    let title = if chart.unit.is_empty() { chart.title.clone() } else { format!("{} ({})", chart.title, chart.unit) };
    let mut drawing = Drawing::new(width, top + pitch * chart.bars.len() as f64, &title, &summary.join(", "));
    for (index, (bar, value)) in chart.bars.iter().zip(&values).enumerate() {
        let mut y = top + pitch * index as f64;
        if narrow {
            let label = shortened(&bar.label, fitting(width.pixels() - width_of(value) - 12.0));
            drawing.text(0.0, y + 11.0, Anchor::Start, "", &label);
            drawing.text(width.pixels(), y + 11.0, Anchor::End, "number", value);
            y += 18.0;
        } else {
            drawing.text(label_width - 12.0, y + 13.0, Anchor::End, "", &shortened(&bar.label, fitting(label_width - 12.0)));
            drawing.text(label_width + length(bar.value) + 8.0, y + 13.0, Anchor::Start, "number", value);
        }
        let missed = bar.expected.is_some_and(|expected| !expected.admits(bar.value));
        let class = if missed { "bad" } else { "neutral" };
        drawing.rectangle("track", [label_width, y, if narrow { room } else { length(bar.value) }, HEIGHT], "");
        drawing.rectangle(
            class,
            [label_width, y, length(bar.value), HEIGHT],
            &format!("{}: {}", bar.label, with_unit(bar.value, &chart.unit)),
        );
        let mut remark = bar.note.clone().unwrap_or_default();
        if let Some(expected) = bar.expected {
            let (low, high) = (length(expected.value - expected.tolerance), length(expected.value + expected.tolerance));
            drawing.rectangle("tolerance", [label_width + low, y - 3.0, high - low, HEIGHT + 6.0], "");
            let x = label_width + length(expected.value);
            drawing.line("expected", (x, y - 3.0), (x, y + HEIGHT + 3.0));
            let verdict = if missed { "missed" } else { "as expected" };
            let sentence = format!("{verdict}: {} ± {}", number(expected.value), number(expected.tolerance));
            remark = if remark.is_empty() { sentence } else { format!("{sentence}; {remark}") };
        }
        if has_notes && !remark.is_empty() {
            let remark = shortened(&remark, fitting(width.pixels() - label_width));
            drawing.text(label_width, y + HEIGHT + 15.0, Anchor::Start, if missed { "bad" } else { "soft" }, &remark);
        }
    }
    drawing.end()
}
