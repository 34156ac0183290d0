//! Lanes on an axis of time.

use std::fmt::Write as _;
use std::time::Duration;

use super::frame::{Anchor, Drawing, fitting, width_of};
use super::{Lane, Timeline, Tone, Width};
use crate::report::text::{shortened, time};

/// A lane of single marks.
const LANE: f64 = 26.0;
/// A lane of columns.
const TALL: f64 = 42.0;
/// Pixels that a mark needs for itself.
const MARK: f64 = 6.0;
/// A column's pixels.
const COLUMN: f64 = 4.0;

impl Timeline {
    /// Where the axis ends.
    #[must_use]
    pub fn end(&self) -> Duration {
        let spans = self.lanes.iter().flat_map(|lane| lane.spans.iter().map(|span| span.to));
        let marks = self.lanes.iter().flat_map(|lane| lane.marks.iter().map(|mark| mark.at));
        spans.chain(marks).fold(self.length, Duration::max)
    }
}

/// The place of a drawing's lanes.
#[derive(Clone, Copy)]
struct Plot {
    left: f64,
    right: f64,
    /// Seconds.
    length: f64,
}

impl Plot {
    fn x(self, at: Duration) -> f64 {
        self.left + (at.as_secs_f64() / self.length).clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Whether the marks of a lane are too many to be told apart.
    fn is_crowded(self, lane: &Lane) -> bool {
        lane.marks.len() as f64 > (self.right - self.left) / MARK
    }
}

pub(super) fn draw(chart: &Timeline, width: Width) -> String {
    let narrow = width == Width::Narrow;
    let labels = chart.lanes.iter().map(|lane| width_of(&lane.label)).fold(30.0, f64::max);
    let left = if narrow { 2.0 } else { labels.min(220.0) + 12.0 };
    let plot = Plot { left, right: width.pixels() - 6.0, length: chart.end().as_secs_f64().max(1e-6) };
    // On a telephone the label stands above its lane.
    let head = if narrow { 18.0 } else { 0.0 };
    let height = |lane: &Lane| head + if plot.is_crowded(lane) { TALL } else { LANE };
    let top = 26.0;
    let bottom = top + chart.lanes.iter().map(height).sum::<f64>();
    let legend = legend(chart);
    let rows = if legend.is_empty() { 0 } else { legend_rows(&legend, width.pixels()) };
    let summary: Vec<String> = chart.lanes.iter().map(summary).collect();
    let mut drawing = Drawing::new(width, bottom + 26.0 + 18.0 * rows as f64, &chart.title, &summary.join("; "));
    drawing.time_axis(plot.length, [plot.left, plot.right, top, bottom]);
    let mut y = top;
    for lane in &chart.lanes {
        if narrow {
            drawing.text(0.0, y + 13.0, Anchor::Start, "", &shortened(&lane.label, fitting(width.pixels())));
        } else {
            let middle = y + height(lane) / 2.0 + 4.0;
            drawing.text(plot.left - 12.0, middle, Anchor::End, "", &shortened(&lane.label, fitting(plot.left - 12.0)));
        }
        draw_lane(&mut drawing, lane, plot, y + head, height(lane) - head);
        y += height(lane);
        drawing.line("rule", (plot.left, y), (plot.right, y));
    }
    let (mut x, mut y) = (0.0, bottom + 40.0);
    for tone in legend {
        if x + 30.0 + width_of(tone.word()) > width.pixels() {
            (x, y) = (0.0, y + 18.0);
        }
        drawing.mark(tone, x + 5.0, y - 4.0, "");
        drawing.text(x + 14.0, y, Anchor::Start, "soft", tone.word());
        x += 30.0 + width_of(tone.word());
    }
    drawing.end()
}

fn draw_lane(drawing: &mut Drawing, lane: &Lane, plot: Plot, y: f64, height: f64) {
    for span in &lane.spans {
        let (from, to) = (plot.x(span.from), plot.x(span.to));
        let title = format!("{}: {} to {}", span.label, time(span.from), time(span.to));
        drawing.rectangle(&format!("span {}", span.tone.class()), [from, y + 3.0, (to - from).max(1.5), height - 6.0], &title);
        // A label over marks could not be read.
        if lane.marks.is_empty() && width_of(&span.label) + 8.0 < to - from {
            drawing.text(from + 5.0, y + height / 2.0 + 4.0, Anchor::Start, "", &span.label);
        }
    }
    if plot.is_crowded(lane) {
        draw_columns(drawing, lane, plot, y, height);
    } else {
        for mark in &lane.marks {
            drawing.mark(mark.tone, plot.x(mark.at), y + height / 2.0, &format!("{} {}", time(mark.at), mark.label));
        }
    }
}

/// Marks as columns: failures at the foot, so that they stand on one line.
fn draw_columns(drawing: &mut Drawing, lane: &Lane, plot: Plot, y: f64, height: f64) {
    let columns = ((plot.right - plot.left) / COLUMN).floor().max(1.0) as usize;
    let mut counts = vec![[0_u32; 4]; columns];
    for mark in &lane.marks {
        let share = (mark.at.as_secs_f64() / plot.length).clamp(0.0, 1.0);
        let column = ((share * columns as f64) as usize).min(columns - 1);
        let tone = Tone::ALL.iter().position(|tone| *tone == mark.tone).unwrap_or_default();
        if let Some(count) = counts.get_mut(column).and_then(|counts| counts.get_mut(tone)) {
            *count += 1;
        }
    }
    let most = counts.iter().map(|counts| counts.iter().sum::<u32>()).max().unwrap_or(1).max(1);
    let (foot, room) = (y + height - 3.0, height - 6.0);
    let seconds = plot.length / columns as f64;
    for (index, counts) in counts.iter().enumerate().filter(|(_, counts)| counts.iter().any(|count| *count > 0)) {
        let x = plot.left + index as f64 * COLUMN;
        let from = Duration::from_secs_f64(seconds * index as f64);
        let parts: Vec<String> =
            Tone::ALL.iter().zip(counts).filter(|(_, count)| **count > 0).map(|(tone, count)| format!("{count} {}", tone.word())).collect();
        let title = format!("from {}: {}", time(from), parts.join(", "));
        let mut at = foot;
        for (tone, count) in Tone::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
            let tall = (f64::from(*count) / f64::from(most) * room).max(1.5);
            drawing.rectangle(tone.class(), [x, at - tall, COLUMN - 0.6, tall], &title);
            at -= tall;
        }
    }
}

/// The tones of marks that occur.
fn legend(chart: &Timeline) -> Vec<Tone> {
    let occurs = |tone: Tone| chart.lanes.iter().any(|lane| lane.marks.iter().any(|mark| mark.tone == tone));
    [Tone::Good, Tone::Warning, Tone::Bad, Tone::Neutral].into_iter().filter(|tone| occurs(*tone)).collect()
}

fn legend_rows(legend: &[Tone], room: f64) -> usize {
    let wide: f64 = legend.iter().map(|tone| 30.0 + width_of(tone.word())).sum();
    (wide / room).ceil().max(1.0) as usize
}

/// What a lane holds, for who cannot see it.
fn summary(lane: &Lane) -> String {
    let mut out = lane.label.clone();
    for span in &lane.spans {
        let _ = write!(out, ", {} from {} to {}", span.label, time(span.from), time(span.to));
    }
    for tone in Tone::ALL {
        let count = lane.marks.iter().filter(|mark| mark.tone == tone).count();
        if count > 0 {
            let _ = write!(out, ", {count} {}", tone.word());
        }
    }
    out
}
