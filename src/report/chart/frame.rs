//! What every drawing needs: the element, texts, axes.

use std::fmt::Write as _;
use std::time::Duration;

use super::{STYLE, Tone, Width};
use crate::report::markup::escape;
use crate::report::text::{number, shortened, time};

/// A drawing that is being made.
pub(super) struct Drawing {
    out: String,
}

/// Where a text stands in regard to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Width {
    /// In CSS pixels.
    pub(super) const fn pixels(self) -> f64 {
        match self {
            Self::Wide => 880.0,
            Self::Narrow => 360.0,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

impl Tone {
    pub(super) const ALL: [Self; 4] = [Self::Bad, Self::Warning, Self::Good, Self::Neutral];

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }

    /// In legends and titles.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Neutral => "other",
            Self::Good => "good",
            Self::Warning => "to look at",
            Self::Bad => "failed",
        }
    }
}

impl Drawing {
    /// Begins a drawing; `summary` is what a screen reader says.
    pub(super) fn new(width: Width, height: f64, title: &str, summary: &str) -> Self {
        let (wide, high) = (coordinate(width.pixels()), coordinate(height));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart {}\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" role=\"img\" aria-label=\"{}\">",
            width.class(),
            escape(&format!("{title}: {summary}")),
        );
        let room = fitting(width.pixels() - 8.0);
        let _ = write!(out, "<text class=\"title\" x=\"0\" y=\"14\">{}</text>", escape(&shortened(title, room)));
        Self { out }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let _ = write!(self.out, "<text{class} x=\"{}\" y=\"{}\"{anchor}>{}</text>", coordinate(x), coordinate(y), escape(text));
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.out,
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            coordinate(from.0),
            coordinate(from.1),
            coordinate(to.0),
            coordinate(to.1)
        );
    }

    /// A rectangle `(x, y, width, height)`, with a title if it is not empty.
    pub(super) fn rectangle(&mut self, class: &str, [x, y, width, height]: [f64; 4], title: &str) {
        let _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            coordinate(x),
            coordinate(y),
            coordinate(width.max(0.0)),
            coordinate(height.max(0.0))
        );
        self.out.push_str(&titled("rect", title));
    }

    /// The form that belongs to a tone: dot, triangle, cross.
    pub(super) fn mark(&mut self, tone: Tone, x: f64, y: f64, title: &str) {
        let (left, right, top, bottom) = (coordinate(x - 4.0), coordinate(x + 4.0), coordinate(y - 4.0), coordinate(y + 4.0));
        match tone {
            Tone::Neutral | Tone::Good => {
                let _ = write!(self.out, "<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"3.5\"", tone.class(), coordinate(x), coordinate(y));
                self.out.push_str(&titled("circle", title));
            }
            Tone::Warning => {
                let _ = write!(self.out, "<path class=\"warning\" d=\"M{} {top}L{right} {bottom}L{left} {bottom}z\"", coordinate(x));
                self.out.push_str(&titled("path", title));
            }
            Tone::Bad => {
                let _ = write!(self.out, "<path class=\"cross\" d=\"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}\"");
                self.out.push_str(&titled("path", title));
            }
        }
    }

    /// A path of its own making.
    pub(super) fn path(&mut self, class: &str, data: &str, title: &str) {
        let _ = write!(self.out, "<path class=\"{class}\" d=\"{data}\"");
        self.out.push_str(&titled("path", title));
    }

    /// The axis of time below `top..bottom`, from `left` to `right`, with its lines.
    pub(super) fn time_axis(&mut self, length: f64, [left, right, top, bottom]: [f64; 4]) {
        self.line("axis", (left, bottom), (right, bottom));
        let room = ((right - left) / 64.0).floor().max(1.0);
        let step = TIME_STEPS.iter().copied().find(|step| length / step <= room).unwrap_or(length / room);
        let mut index = 0.0;
        while step > 0.0 && index * step <= length * 1.000_001 {
            let at = index * step;
            let x = left + at / length.max(f64::EPSILON) * (right - left);
            if index > 0.0 {
                self.line("rule", (x, top), (x, bottom));
            }
            // No label may hang over an edge.
            let anchor = match x {
                x if x > right - 20.0 => Anchor::End,
                x if x < 16.0 => Anchor::Start,
                _ => Anchor::Middle,
            };
            self.text(x, bottom + 15.0, anchor, "soft number", &tick(at, length));
            index += 1.0;
        }
    }

    pub(super) fn end(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

fn titled(element: &str, title: &str) -> String {
    if title.is_empty() { "/>".to_owned() } else { format!("><title>{}</title></{element}>", escape(title)) }
}

/// Steps of an axis of time, in seconds.
const TIME_STEPS: [f64; 24] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 21_600.0,
];

/// A label of an axis of `length` seconds: `1:30` on one of minutes, `1:30:00` on one of hours, else as [`time`].
fn tick(seconds: f64, length: f64) -> String {
    let whole = seconds.round() as u64;
    if length >= 3_600.0 {
        format!("{}:{:02}:{:02}", whole / 3_600, whole / 60 % 60, whole % 60)
    } else if length >= 60.0 {
        format!("{}:{:02}", whole / 60, whole % 60)
    } else if seconds == 0.0 {
        "0".to_owned()
    } else {
        time(Duration::try_from_secs_f64(seconds).unwrap_or_default()).replace(".0 ms", " ms")
    }
}

/// Round numbers from 0 up to at least `most`, about `number` of them.
pub(super) fn ticks(most: f64, number: f64) -> Vec<f64> {
    if !(most.is_finite() && most > 0.0) {
        return vec![0.0, 1.0];
    }
    let rough = most / number;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough);
    let mut ticks = vec![0.0];
    while ticks.last().is_some_and(|last| *last < most - step * 1e-9) && ticks.len() < 20 {
        ticks.push(step * ticks.len() as f64);
    }
    ticks
}

/// One digit behind the point is finer than anybody sees. What is no number stands at the edge: a drawing must be readable whatever it shows.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{:.1}", if value.is_finite() { value } else { 0.0 });
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// How many characters of the usual letters fit into `pixels`. Fonts differ: the average letter is taken a little too wide.
pub(super) fn fitting(pixels: f64) -> usize {
    (pixels / LETTER).max(1.0) as usize
}

/// How wide `text` is, about.
pub(super) fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER
}

const LETTER: f64 = 7.2;

/// `5,000 requests`.
pub(super) fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) }
}

/// A drawing as a file of its own.
pub(super) fn file(svg: &str, title: &str) -> String {
    let Some(end) = svg.find('>') else { return svg.to_owned() };
    let (head, rest) = svg.split_at(end + 1);
    format!("{head}<title>{}</title><style>{STYLE}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>{rest}", escape(title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_most() {
        assert_eq!(ticks(97.0, 4.0), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(ticks(0.3, 3.0), [0.0, 0.1, 0.2, 0.30000000000000004]);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(ticks(odd, 4.0), [0.0, 1.0]);
        }
        for most in [1e-12, 7.0, 1e15] {
            assert!(ticks(most, 5.0).last().unwrap() >= &most, "{most}");
        }
    }
}
