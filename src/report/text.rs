//! A report for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::chart::{Chart, Tone};
use super::model::{Block, Case, Media, Report, Section, Status, Suite, Table};

/// How a report is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether the terminal has colours.
    pub colour: bool,
    /// Leave cases out that passed.
    pub only_failures: bool,
    /// Columns of the terminal; 0 stands for 100.
    pub width: usize,
}

/// The report as text, with timings. Cases stand below their suite; what failed shows all it has.
#[must_use]
pub fn text(report: &Report, options: TextOptions) -> String {
    let mut out = String::new();
    for suite in &report.suites {
        write_suite(&mut out, suite, options);
    }
    for section in &report.sections {
        out.push_str(&section_text(section, options));
    }
    let counts = report.counts();
    if counts.total == 0 && !report.sections.is_empty() {
        return out;
    }
    let sentence = counts.sentence();
    let sentence = if !counts.is_success() {
        paint(&sentence, "1;91", options)
    } else if counts.warned > 0 {
        paint(&sentence, "1;93", options)
    } else {
        paint(&sentence, "1;92", options)
    };
    let _ = writeln!(out, "{sentence} in {}", time(report.elapsed));
    out
}

fn write_suite(out: &mut String, suite: &Suite, options: TextOptions) {
    let shown: Vec<&Case> = suite.cases.iter().filter(|case| !options.only_failures || !matches!(case.status, Status::Passed)).collect();
    if shown.is_empty() && suite.sections.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint(&suite.name, "1", options));
    for case in shown {
        write_case(out, case, options);
    }
    for section in &suite.sections {
        out.push_str(&section_text(section, options));
    }
    out.push('\n');
}

fn write_case(out: &mut String, case: &Case, options: TextOptions) {
    let colour = match case.status {
        Status::Passed => "92",
        Status::Warned(_) => "93",
        Status::Failed(_) | Status::Errored(_) => "1;91",
        Status::Skipped(_) => "2",
    };
    let virtual_time = case.virtual_elapsed.filter(|elapsed| !elapsed.is_zero());
    let took = match virtual_time {
        Some(elapsed) => format!("{}, {} virtual", time(case.elapsed), time(elapsed)),
        None => time(case.elapsed),
    };
    let _ =
        writeln!(out, "  {} {}  {}", paint(&format!("{:<5}", case.status.word()), colour, options), case.name, paint(&took, "2", options));
    if let Some(message) = case.status.message() {
        indented(out, message, 8);
    }
    if matches!(case.status, Status::Passed | Status::Skipped(_)) {
        return;
    }
    if let Some(place) = &case.place {
        let _ = writeln!(out, "        at {}:{}", place.file, place.line);
    }
    if let Some(detail) = &case.detail {
        diff(out, detail, options);
    }
    if let Some(cause) = &case.cause {
        indented(out, &format!("likely cause: {cause}"), 8);
    }
    if let Some(cure) = &case.cure {
        indented(out, &format!("{} {cure}", paint("help:", "1;96", options)), 8);
    }
    for attachment in &case.attachments {
        let _ = writeln!(out, "        {}", paint(&format!("{}:", attachment.title), "1", options));
        if attachment.media == Media::Diff {
            diff(out, &attachment.text, options);
        } else {
            indented(out, &attachment.text, 10);
        }
    }
    for section in &case.sections {
        indented(out, &section_text(section, options), 8);
    }
}

/// Lines that begin with `+` and `-` have their colours.
fn diff(out: &mut String, text: &str, options: TextOptions) {
    for line in text.lines() {
        let line = match line.as_bytes().first() {
            Some(b'+') => paint(line, "92", options),
            Some(b'-') => paint(line, "91", options),
            _ => line.to_owned(),
        };
        let _ = writeln!(out, "          {line}");
    }
}

fn indented(out: &mut String, text: &str, by: usize) {
    for line in text.lines() {
        let _ = writeln!(out, "{:by$}{line}", "");
    }
}

/// A section: its title, tables in columns, charts as rows of characters.
#[must_use]
pub(super) fn section_text(section: &Section, options: TextOptions) -> String {
    let mut out = String::new();
    if !section.title.is_empty() {
        let _ = writeln!(out, "\n{}", paint(&section.title, "1", options));
    }
    for block in &section.blocks {
        match block {
            Block::Text(text) | Block::Lines(text) => indented(&mut out, text, 2),
            Block::Table(table) => indented(&mut out, &table_text(table), 2),
            Block::Chart(chart) => indented(&mut out, &chart_text(chart, options), 2),
        }
    }
    out
}

fn table_text(table: &Table) -> String {
    let columns = table.columns.len();
    let cell = |row: &'_ [String], index: usize| row.get(index).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|index| {
            let rows = table.rows.iter().map(|row| cell(row, index).chars().count()).max().unwrap_or(0);
            rows.max(table.column(index).0.chars().count())
        })
        .collect();
    let line = |cells: Vec<String>| {
        let cells: Vec<String> = cells
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(index, (cell, width))| if table.column(index).1 { format!("{cell:>width$}") } else { format!("{cell:<width$}") })
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut out = line((0..columns).map(|index| table.column(index).0.to_owned()).collect());
    for row in &table.rows {
        out.push('\n');
        out.push_str(&line((0..columns).map(|index| cell(row, index)).collect()));
    }
    out
}

/// Bars become rows of blocks; a timeline a line a lane, a character a slice of time; lines their ends and extremes.
fn chart_text(chart: &Chart, options: TextOptions) -> String {
    let width = if options.width == 0 { 100 } else { options.width }.clamp(60, 160);
    let mut out = String::new();
    match chart {
        Chart::Bars(chart) => {
            let total: f64 = chart.bars.iter().map(|bar| bar.value).sum();
            let most = chart.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
            let label = chart.bars.iter().map(|bar| bar.label.chars().count()).max().unwrap_or(0).min(40);
            let room = width.saturating_sub(label + 30).max(10);
            let _ = writeln!(out, "{} ({})", chart.title, chart.unit);
            for bar in &chart.bars {
                let share = if total > 0.0 { bar.value * 100.0 / total } else { 0.0 };
                let length = if most > 0.0 { (bar.value / most * room as f64).round() as usize } else { 0 };
                let expected = bar.expected.map_or_else(String::new, |expected| {
                    let word = if expected.admits(bar.value) { "" } else { ", MISSED" };
                    format!("  expected {} ± {}{word}", number(expected.value), number(expected.tolerance))
                });
                let note = bar.note.as_ref().map_or_else(String::new, |note| format!("  {note}"));
                let bar_text = "█".repeat(length.min(room));
                let _ =
                    writeln!(out, "{:<label$}  {bar_text} {} ({share:.1} %){expected}{note}", shortened(&bar.label, 40), number(bar.value));
            }
        }
        Chart::Timeline(chart) => {
            let label = chart.lanes.iter().map(|lane| lane.label.chars().count()).max().unwrap_or(0).min(40);
            let room = width.saturating_sub(label + 2).max(20);
            let length = chart.end().as_secs_f64().max(f64::EPSILON);
            let column = |at: Duration| ((at.as_secs_f64() / length * room as f64) as usize).min(room - 1);
            let _ = writeln!(out, "{}", chart.title);
            for lane in &chart.lanes {
                let mut cells: Vec<(u8, char)> = vec![(0, '·'); room];
                for span in &lane.spans {
                    let character = if span.tone == Tone::Bad { '▒' } else { '░' };
                    for cell in cells.iter_mut().take(column(span.to) + 1).skip(column(span.from)) {
                        *cell = (1, character);
                    }
                }
                for mark in &lane.marks {
                    let (rank, character) = match mark.tone {
                        Tone::Neutral => (2, '-'),
                        Tone::Good => (2, '+'),
                        Tone::Warning => (3, '!'),
                        Tone::Bad => (4, 'x'),
                    };
                    if let Some(cell) = cells.get_mut(column(mark.at))
                        && cell.0 < rank
                    {
                        *cell = (rank, character);
                    }
                }
                let cells: String = cells.iter().map(|(_, character)| *character).collect();
                let _ = writeln!(out, "{:<label$}  {cells}", shortened(&lane.label, 40));
            }
            let end = time(chart.end());
            let gap = room.saturating_sub(1 + end.chars().count());
            let _ = writeln!(out, "{:<label$}  0{:gap$}{end}", "", "");
            out.push_str("+ good  ! to look at  x failed  ▒ fault or tripped\n");
        }
        Chart::Lines(chart) => {
            let _ = writeln!(out, "{} ({})", chart.title, chart.unit);
            for line in &chart.lines {
                let values: Vec<f64> = line.points.iter().filter_map(|(_, value)| *value).collect();
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if values.is_empty() {
                    let _ = writeln!(out, "{}: no values", line.label);
                } else {
                    let _ = writeln!(out, "{}: {} to {}  {}", line.label, number(low), number(high), spark(line, high, width.min(60)));
                }
            }
        }
    }
    out
}

/// A line as a row of blocks of eight heights.
fn spark(line: &super::chart::Line, high: f64, width: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let step = line.points.len().div_ceil(width.max(1)).max(1);
    line.points
        .chunks(step)
        .map(|points| {
            let values: Vec<f64> = points.iter().filter_map(|(_, value)| *value).collect();
            if values.is_empty() {
                return ' ';
            }
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let height = if high > 0.0 { (mean / high * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
            HEIGHTS.get(height).copied().unwrap_or(' ')
        })
        .collect()
}

/// At most `length` characters; what is cut off is shown as `…`.
pub(super) fn shortened(text: &str, length: usize) -> String {
    if text.chars().count() <= length { text.to_owned() } else { text.chars().take(length.saturating_sub(1)).chain(['…']).collect() }
}

/// A number for people: whole ones without a point, others with as many digits as matter.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    if value.abs() >= 1e15 {
        return format!("{value:.1e}");
    }
    let text = if value.fract().abs() < 1e-9 || value.abs() >= 1_000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    grouped(&text)
}

/// Thousands parted by commas.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// A time for people: `0.4 ms`, `12 ms`, `1.24 s`, `2 min 5 s`.
#[must_use]
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration.is_zero() {
        "0 ms".to_owned()
    } else if seconds < 0.01 {
        format!("{:.1} ms", seconds * 1_000.0)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1_000.0)
    } else if seconds < 60.0 {
        format!("{seconds:.2} s").replace(".00 s", " s")
    } else {
        let whole = duration.as_secs();
        match (whole / 3_600, whole / 60 % 60, whole % 60) {
            (0, minutes, 0) => format!("{minutes} min"),
            (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
            (hours, 0, 0) => format!("{hours} h"),
            (hours, minutes, _) => format!("{hours} h {minutes} min"),
        }
    }
}

fn paint(text: &str, code: &str, options: TextOptions) -> String {
    if options.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!(
            [1.0, 1_234_567.0, 0.25, 12.34, -1_000.4, f64::NAN, 1e300].map(number),
            ["1", "1,234,567", "0.25", "12.3", "-1,000", "-", "1.0e300"]
        );
        let times = [0.0, 0.0004, 0.0124, 1.0, 1.239, 60.0, 125.0, 3_600.0, 3_725.0].map(|seconds| time(Duration::from_secs_f64(seconds)));
        assert_eq!(times, ["0 ms", "0.4 ms", "12 ms", "1 s", "1.24 s", "1 min", "2 min 5 s", "1 h", "1 h 2 min"]);
    }
}
