//! Charts: what they show, and how they are drawn as SVG.
//!
//! Nothing is told by colour alone: marks differ in form, and every mark has a title that says what it is. Colours are classes, so that one
//! drawing is right on light and on dark paper.

mod bars;
mod frame;
mod lines;
mod timeline;

use std::time::Duration;

use serde::Serialize;

use super::model::milliseconds;

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Chart {
    /// How much of each.
    Bars(BarChart),
    /// What happened when.
    Timeline(Timeline),
    /// How a number went.
    Lines(LineChart),
}

/// What a mark or a span means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Tone {
    /// Nothing is said about good or bad.
    Neutral,
    /// As it should be.
    Good,
    /// To be looked at: a retry, a 429.
    Warning,
    /// A failure.
    Bad,
}

/// A bar for each backend, member, region: a distribution.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BarChart {
    /// Title.
    pub title: String,
    /// What the numbers count: `requests`, `tokens`.
    pub unit: String,
    /// The bars, in order.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bar {
    /// Whose.
    pub label: String,
    /// How much.
    pub value: f64,
    /// How much was expected, and by how much it may be missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// A remark behind the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a bar's value should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// The value.
    pub value: f64,
    /// How far away from it is still right.
    pub tolerance: f64,
}

impl Expected {
    /// Whether `value` is near enough.
    #[must_use]
    pub fn admits(&self, value: f64) -> bool {
        (value - self.value).abs() <= self.tolerance
    }
}

/// Lanes below each other on one axis of time: callers, backends, breakers, faults.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Title.
    pub title: String,
    /// Where the axis ends; it begins at 0. Made longer if something lies behind it.
    #[serde(rename = "lengthMs", serialize_with = "milliseconds")]
    pub length: Duration,
    /// The lanes, in order.
    pub lanes: Vec<Lane>,
}

/// One lane of a timeline.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Lane {
    /// Whose.
    pub label: String,
    /// What lasts: a fault, a tripped breaker.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<LaneSpan>,
    /// What happens at a moment: a request, an attempt. Where there are more than fit, they are drawn as columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// Something that lasts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LaneSpan {
    /// From when on.
    #[serde(rename = "fromMs", serialize_with = "milliseconds")]
    pub from: Duration,
    /// Until when.
    #[serde(rename = "toMs", serialize_with = "milliseconds")]
    pub to: Duration,
    /// What it means.
    pub tone: Tone,
    /// What it is.
    pub label: String,
}

/// Something that happens at a moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// When.
    #[serde(rename = "atMs", serialize_with = "milliseconds")]
    pub at: Duration,
    /// What it means; also its form: dot, triangle, cross.
    pub tone: Tone,
    /// What it is: `POST /chat/completions 200`.
    pub label: String,
}

/// Lines over time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LineChart {
    /// Title.
    pub title: String,
    /// What the numbers count: `ms`, `requests per second`.
    pub unit: String,
    /// The lines; up to six are told apart.
    pub lines: Vec<Line>,
    /// What lasted meanwhile: faults, phases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bands: Vec<LaneSpan>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Line {
    /// Whose.
    pub label: String,
    /// Seconds and value, in the order of time; `None` leaves a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Chart {
    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        match self {
            Self::Bars(chart) => &chart.title,
            Self::Timeline(chart) => &chart.title,
            Self::Lines(chart) => &chart.title,
        }
    }

    /// The drawing for a page that has [`STYLE`]: an `<svg>` element that is laid out for `width` CSS pixels.
    #[must_use]
    pub fn svg(&self, width: Width) -> String {
        match self {
            Self::Bars(chart) => bars::draw(chart, width),
            Self::Timeline(chart) => timeline::draw(chart, width),
            Self::Lines(chart) => lines::draw(chart, width),
        }
    }

    /// A file of its own: the drawing with its style, for light and dark paper.
    #[must_use]
    pub fn svg_file(&self) -> String {
        frame::file(&self.svg(Width::Wide), self.title())
    }
}

/// For what a drawing is laid out. A drawing that is made smaller has letters that nobody can read, so there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// A desk.
    Wide,
    /// A telephone.
    Narrow,
}

/// The style that drawings on a page need.
pub const STYLE: &str = include_str!("chart/style.css");
