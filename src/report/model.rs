//! The data of a report.

use std::time::Duration;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::chart::Chart;

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `apimctl test`, `apimctl verify`.
    pub title: String,
    /// What was tested: a specification, a gateway's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When the run began. `None` leaves every date out, so that two runs compare equal.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339")]
    pub started: Option<OffsetDateTime>,
    /// How long it took, by the wall clock. What ran in parallel counts once.
    #[serde(rename = "elapsedMs", serialize_with = "milliseconds")]
    pub elapsed: Duration,
    /// Facts about the run: seed, region, settings that differ from their defaults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, String)>,
    /// Groups of cases, in the order in which they are to be read.
    pub suites: Vec<Suite>,
    /// What is to be shown about the run as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

/// A group of cases: a scenario file, a chapter of `verify`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suite {
    /// Its name, unique in the report.
    pub name: String,
    /// The file it comes from, as the user named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Facts about the suite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, String)>,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// What is to be shown about the suite as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

/// One scenario, one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// A sentence: what holds if it passes.
    pub name: String,
    /// A short stable name for machines and the command line (`backends.pool`), if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the user wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How it ended.
    #[serde(flatten)]
    pub status: Status,
    /// How long it took, by the wall clock.
    #[serde(rename = "elapsedMs", serialize_with = "milliseconds")]
    pub elapsed: Duration,
    /// How much virtual time passed in it, where time is virtual.
    #[serde(rename = "virtualMs", skip_serializing_if = "Option::is_none", serialize_with = "some_milliseconds")]
    pub virtual_elapsed: Option<Duration>,
    /// More than the message: a diff, a list. Several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The likely cause of a failure, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What mends it: a command or a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
    /// Traces, answers, logs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Charts and tables of this case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
}

/// A place in a user's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "message", rename_all = "camelCase")]
pub enum Status {
    /// What it says holds.
    Passed,
    /// It holds, and there is something to know: a deployment near its end, an open product.
    Warned(String),
    /// It does not hold; one sentence says what was met instead.
    Failed(String),
    /// It could not be tried: no network, a broken scenario. Counts as failed.
    Errored(String),
    /// It was not tried, and why.
    Skipped(String),
}

/// How many cases ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// Passed, without those that warn.
    pub passed: usize,
    /// Passed with a warning.
    pub warned: usize,
    /// Failed.
    pub failed: usize,
    /// Could not be tried.
    pub errored: usize,
    /// Were not tried.
    pub skipped: usize,
}

/// What an attachment's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Media {
    /// Plain text, lines kept.
    Text,
    /// JSON.
    Json,
    /// Lines that begin with `+`, `-` or a blank.
    Diff,
}

/// A text that belongs to a case: the trace of a failing step, an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// What it is.
    pub title: String,
    /// What sort of text.
    pub media: Media,
    /// The text, secrets masked.
    pub text: String,
}

/// A titled part of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Section {
    /// Title.
    pub title: String,
    /// What stands in it, in order.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", content = "content", rename_all = "camelCase")]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Lines as they are.
    Lines(String),
    /// A table.
    Table(Table),
    /// A chart.
    Chart(Chart),
}

/// A table. Rows shorter than the head are filled with nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Titles of the columns. One that begins with `#` (which is not shown) holds numbers: they are set to the right.
    pub columns: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<String>>,
}

impl Report {
    /// How many cases ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.suites.iter().map(Suite::counts).fold(Counts::default(), Counts::plus)
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.counts().is_success()
    }

    /// Every case with its suite, in order.
    pub fn cases(&self) -> impl Iterator<Item = (&Suite, &Case)> {
        self.suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)))
    }
}

impl Suite {
    /// A suite of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// How many cases ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.cases.iter().map(|case| Counts::of(&case.status)).fold(Counts::default(), Counts::plus)
    }

    /// The time of all its cases together.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.cases.iter().map(|case| case.elapsed).fold(Duration::ZERO, Duration::saturating_add)
    }
}

impl Case {
    /// A case that took no time and says nothing more.
    pub fn new(name: impl Into<String>, status: Status) -> Self {
        Self {
            name: name.into(),
            id: None,
            place: None,
            status,
            elapsed: Duration::ZERO,
            virtual_elapsed: None,
            detail: None,
            cause: None,
            cure: None,
            attachments: Vec::new(),
            sections: Vec::new(),
        }
    }
}

impl Status {
    /// Whether the run fails by it.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Errored(_))
    }

    /// `pass`, `warn`, `FAIL`, `error`, `skip`: for people.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Warned(_) => "warn",
            Self::Failed(_) => "FAIL",
            Self::Errored(_) => "ERROR",
            Self::Skipped(_) => "skip",
        }
    }

    /// The sentence that goes with it.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Warned(message) | Self::Failed(message) | Self::Errored(message) | Self::Skipped(message) => Some(message),
        }
    }
}

impl Counts {
    fn of(status: &Status) -> Self {
        let mut counts = Self { total: 1, ..Self::default() };
        match status {
            Status::Passed => counts.passed = 1,
            Status::Warned(_) => counts.warned = 1,
            Status::Failed(_) => counts.failed = 1,
            Status::Errored(_) => counts.errored = 1,
            Status::Skipped(_) => counts.skipped = 1,
        }
        counts
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            passed: self.passed + other.passed,
            warned: self.warned + other.warned,
            failed: self.failed + other.failed,
            errored: self.errored + other.errored,
            skipped: self.skipped + other.skipped,
        }
    }

    /// Whether nothing failed.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.failed == 0 && self.errored == 0
    }

    /// `9 passed, 1 failed, 2 skipped`: only what there is.
    #[must_use]
    pub fn sentence(&self) -> String {
        let parts = [
            (self.passed, "passed"),
            (self.warned, "passed with a warning"),
            (self.failed, "failed"),
            (self.errored, "could not be tried"),
            (self.skipped, "skipped"),
        ];
        let parts: Vec<_> = parts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
        if parts.is_empty() { "nothing was tried".to_owned() } else { parts.join(", ") }
    }
}

impl Attachment {
    /// A plain text.
    pub fn text(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), media: Media::Text, text: text.into() }
    }
}

impl Section {
    /// A section of that title.
    pub fn new(title: impl Into<String>, blocks: Vec<Block>) -> Self {
        Self { title: title.into(), blocks }
    }
}

impl Table {
    /// A table with these columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        Self { columns: columns.into_iter().map(str::to_owned).collect(), rows: Vec::new() }
    }

    /// The title of a column, and whether it holds numbers.
    pub(super) fn column(&self, index: usize) -> (&str, bool) {
        let title = self.columns.get(index).map_or("", String::as_str);
        title.strip_prefix('#').map_or((title, false), |title| (title, true))
    }
}

/// Milliseconds with microseconds behind the point.
pub(super) fn as_milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

pub(super) fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(as_milliseconds(*duration))
}

pub(super) fn some_milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn rfc3339<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match at.and_then(|at| at.format(&Rfc3339).ok()) {
        Some(text) => serializer.serialize_str(&text),
        None => serializer.serialize_none(),
    }
}
