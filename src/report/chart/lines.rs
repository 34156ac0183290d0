//! Lines over time.

use std::fmt::Write as _;
use std::time::Duration;

use super::frame::{Anchor, Drawing, coordinate, fitting, ticks, width_of, with_unit};
use super::{Line, LineChart, Width};
use crate::report::text::{number, shortened, time};

/// Kinds of line that the style has.
const KINDS: usize = 6;

pub(super) fn draw(chart: &LineChart, width: Width) -> String {
    let values = chart.lines.iter().flat_map(|line| line.points.iter().filter_map(|(_, value)| *value)).filter(|value| value.is_finite());
    let ticks = ticks(values.fold(0.0, f64::max), 4.0);
    let most = ticks.last().copied().unwrap_or(1.0);
    let ends = chart
        .lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(at, _)| *at))
        .chain(chart.bands.iter().map(|band| band.to.as_secs_f64()));
    let length = ends.filter(|at| at.is_finite()).fold(0.0, f64::max).max(1e-6);

    let labels = ticks.iter().map(|tick| width_of(&number(*tick))).fold(0.0, f64::max);
    let (left, right) = (labels + 10.0, width.pixels() - 8.0);
    let (top, bottom) = (40.0, if width == Width::Narrow { 200.0 } else { 240.0 });
    let legend_lines = legend_rows(chart, width.pixels());
    let summary: Vec<String> = chart.lines.iter().map(|line| summary(line, &chart.unit)).collect();
    let title = if chart.unit.is_empty() { chart.title.clone() } else { format!("{} ({})", chart.title, chart.unit) };
    let mut drawing = Drawing::new(width, bottom + 26.0 + 18.0 * legend_lines as f64, &title, &summary.join("; "));

    let x = |at: f64| left + (at / length).clamp(0.0, 1.0) * (right - left);
    let y = |value: f64| bottom - (value / most).clamp(0.0, 1.0) * (bottom - top);
    for band in &chart.bands {
        let (from, to) = (x(band.from.as_secs_f64()), x(band.to.as_secs_f64()));
        let title = format!("{}: {} to {}", band.label, time(band.from), time(band.to));
        drawing.rectangle(&format!("band {}", band.tone.class()), [from, top, to - from, bottom - top], &title);
        if to - from > 30.0 {
            drawing.text(from + 3.0, top - 5.0, Anchor::Start, "soft", &shortened(&band.label, fitting(to - from)));
        }
    }
    for tick in ticks {
        drawing.line("rule", (left, y(tick)), (right, y(tick)));
        drawing.text(left - 6.0, y(tick) + 4.0, Anchor::End, "soft number", &number(tick));
    }
    drawing.time_axis(length, [left, right, top, bottom]);
    for (index, line) in chart.lines.iter().enumerate() {
        let points = thinned(&line.points, ((right - left) / 2.0) as usize, length);
        let (path, lonely) = path(&points, x, y);
        drawing.path(&format!("line l{}", index % KINDS), &path, &line.label);
        for (at, value) in lonely {
            drawing.rectangle(&format!("p{}", index % KINDS), [at - 1.5, value - 1.5, 3.0, 3.0], "");
        }
    }
    let (mut at, mut row) = (0.0, bottom + 40.0);
    for (index, line) in chart.lines.iter().enumerate() {
        let label = shortened(&line.label, fitting(width.pixels() - 40.0));
        let wide = 46.0 + width_of(&label);
        if at > 0.0 && at + wide > width.pixels() {
            (at, row) = (0.0, row + 18.0);
        }
        drawing.line(&format!("line l{}", index % KINDS), (at, row - 4.0), (at + 26.0, row - 4.0));
        drawing.text(at + 32.0, row, Anchor::Start, "soft", &label);
        at += wide;
    }
    drawing.end()
}

fn legend_rows(chart: &LineChart, room: f64) -> usize {
    let (mut at, mut rows) = (0.0, usize::from(!chart.lines.is_empty()));
    for line in &chart.lines {
        let wide = 46.0 + width_of(&shortened(&line.label, fitting(room - 40.0)));
        if at > 0.0 && at + wide > room {
            (at, rows) = (0.0, rows + 1);
        }
        at += wide;
    }
    rows
}

/// At most `number` points: where there are more, the greatest of each slice of time stays, so that no peak is lost.
fn thinned(points: &[(f64, Option<f64>)], number: usize, length: f64) -> Vec<(f64, Option<f64>)> {
    if points.len() <= number.max(1) {
        return points.to_vec();
    }
    let slice = |at: f64| (at / length * number as f64) as usize;
    let mut out: Vec<(f64, Option<f64>)> = Vec::with_capacity(number + 1);
    for point in points {
        match out.last_mut() {
            Some(last) if slice(last.0) == slice(point.0) => {
                if last.1.unwrap_or(f64::NEG_INFINITY) < point.1.unwrap_or(f64::NEG_INFINITY) {
                    *last = *point;
                }
            }
            _ => out.push(*point),
        }
    }
    out
}

/// The path, and the points that have no neighbour.
fn path(points: &[(f64, Option<f64>)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> (String, Vec<(f64, f64)>) {
    let (mut path, mut lonely, mut run) = (String::new(), Vec::new(), Vec::new());
    let mut close = |run: &mut Vec<(f64, f64)>| {
        if let [only] = run.as_slice() {
            lonely.push(*only);
        }
        for (index, (x, y)) in run.drain(..).enumerate() {
            let _ = write!(path, "{}{} {}", if index == 0 { 'M' } else { 'L' }, coordinate(x), coordinate(y));
        }
    };
    for (at, value) in points {
        match value.filter(|value| value.is_finite()) {
            Some(value) => run.push((x(*at), y(value))),
            None => close(&mut run),
        }
    }
    close(&mut run);
    (path, lonely)
}

fn summary(line: &Line, unit: &str) -> String {
    let values = || line.points.iter().filter_map(|(at, value)| value.map(|value| (*at, value)));
    let Some((at, most)) = values().max_by(|one, other| one.1.total_cmp(&other.1)) else { return format!("{}: no values", line.label) };
    let least = values().map(|(_, value)| value).fold(f64::INFINITY, f64::min);
    let when = time(Duration::try_from_secs_f64(at).unwrap_or_default());
    format!("{}: {} to {}, most at {when}", line.label, number(least), with_unit(most, unit))
}
