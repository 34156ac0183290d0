//! What an apply shows while it runs: a live list on a terminal, plain lines elsewhere, JSON lines for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Printer;
use super::timings::Timings;
use crate::azure::Observer;
use crate::azure::observer::Retried;
use crate::deploy::events::{Event, EventSink, Summary};
use crate::deploy::plan::Action;

/// How often the live list moves.
const TICK: Duration = Duration::from_millis(120);

/// Shows events as they come.
pub(in crate::cli) struct Progress {
    mode: Mode,
    timings: Option<Arc<Timings>>,
    steps: Mutex<BTreeMap<String, Step>>,
}

enum Mode {
    /// Bars on stderr.
    Live(MultiProgress),
    /// Lines on stderr.
    Plain,
    /// Objects on stdout.
    Json,
    /// Nothing.
    Quiet,
}

/// A step that is running.
struct Step {
    label: &'static str,
    name: String,
    bar: Option<ProgressBar>,
    estimate: Option<Duration>,
}

/// Says something on stderr while an apply may be showing its progress there.
pub(in crate::cli) fn say(text: &str) {
    // A terminal that cannot be written to has nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl Progress {
    /// As the printer's settings ask for.
    pub(in crate::cli) fn new(printer: &Printer) -> Self {
        let mode = if printer.is_json() {
            Mode::Json
        } else if printer.quiet {
            Mode::Quiet
        } else if printer.terminal.live {
            Mode::Live(MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)))
        } else {
            Mode::Plain
        };
        Self { mode, timings: None, steps: Mutex::default() }
    }

    /// Also notes when what happened.
    pub(in crate::cli) fn with_timings(self, timings: Option<Arc<Timings>>) -> Self {
        Self { timings, ..self }
    }

    fn line(&self, text: &str) {
        match &self.mode {
            // The bars are redrawn below the line. (`println` of the bars shows nothing when none is running.)
            Mode::Live(bars) => bars.suspend(|| drop(writeln!(std::io::stderr(), "{text}"))),
            Mode::Plain => drop(writeln!(std::io::stderr(), "{text}")),
            Mode::Json | Mode::Quiet => {}
        }
    }

    fn with_step(&self, id: &str, update: impl FnOnce(&mut Step) -> Option<String>) {
        let line = self.steps.lock().unwrap_or_else(PoisonError::into_inner).get_mut(id).and_then(update);
        if let Some(line) = line {
            self.line(&line);
        }
    }

    fn start(&self, id: &str, label: &'static str, action: Action) {
        let name = short(id);
        let bar = match &self.mode {
            Mode::Live(bars) => {
                let bar = bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("  {spinner:.cyan} {prefix} {wide_msg} {elapsed:>6.dim}") {
                    bar.set_style(style);
                }
                bar.set_prefix(format!("{label:<24} {name}"));
                bar.set_message(doing(action));
                bar.enable_steady_tick(TICK);
                Some(bar)
            }
            Mode::Plain => {
                // Most steps take less than a second: one line when they end says it all.
                None
            }
            Mode::Json | Mode::Quiet => None,
        };
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), Step { label, name, bar, estimate: None });
    }

    fn end(&self, id: &str, mark: &str, words: &str) {
        let step = self.steps.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        let (label, name) = step.as_ref().map_or_else(|| ("", short(id)), |step| (step.label, step.name.clone()));
        if let Some(bar) = step.as_ref().and_then(|step| step.bar.as_ref()) {
            bar.finish_and_clear();
        }
        self.line(&format!("  {mark} {label:<24} {name}  {words}"));
    }
}

impl EventSink for Progress {
    fn event(&self, event: Event) {
        if let Some(timings) = &self.timings {
            timings.note(&event);
        }
        if let Mode::Json = self.mode {
            if let Ok(text) = serde_json::to_string(&event) {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{text}");
                let _ = out.flush();
            }
            return;
        }
        match event {
            Event::Started { id, label, action } => self.start(&id, label, action),
            Event::Progress { id, state, elapsed } => self.with_step(&id, |step| {
                let estimate = step.estimate.map(|estimate| format!(" of about {}", clock(estimate))).unwrap_or_default();
                match &step.bar {
                    Some(bar) => {
                        bar.set_message(format!("{state}{estimate}"));
                        None
                    }
                    None => Some(format!("  . {:<24} {}  {state} ({}{estimate})", step.label, step.name, clock(elapsed))),
                }
            }),
            Event::Waiting { id, what, estimate } => self.with_step(&id, |step| {
                step.estimate = estimate;
                let usual = estimate.map(|estimate| format!(", usually about {} (an estimate)", clock(estimate))).unwrap_or_default();
                match &step.bar {
                    Some(bar) => {
                        bar.set_message(format!("waiting for {what}{usual}"));
                        None
                    }
                    None => Some(format!("  . {:<24} {}  waiting for {what}{usual}", step.label, step.name)),
                }
            }),
            Event::Throttled { path, wait } => self.line(&format!("  . ARM asks to slow down: {} in {}", short(&path), clock(wait))),
            Event::Retried { path, code, wait } => self.line(&format!("  . {code}: {} again in {}", short(&path), clock(wait))),
            Event::Done { id, action, elapsed } => self.end(&id, mark(action), &format!("{} in {}", done(action), clock(elapsed))),
            // Why is told once, at the end, where people look.
            Event::Failed { id, .. } => self.end(&id, "x", "failed"),
            Event::Note { id, message } => {
                let name = id.as_deref().map(|id| format!("{}: ", short(id))).unwrap_or_default();
                self.line(&format!("  . {name}{message}"));
            }
            Event::Summary(summary) => self.line(&totals(&summary)),
        }
    }
}

/// Passes on what the client has to wait for, once there is somebody to show it.
#[derive(Default)]
pub(in crate::cli) struct Relay(Mutex<Option<Arc<Progress>>>);

impl Relay {
    /// From now on to `progress`.
    pub(in crate::cli) fn to(&self, progress: &Arc<Progress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
    }

    fn send(&self, event: Event) {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(progress) = progress {
            progress.event(event);
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Relay")
    }
}

impl Observer for Relay {
    fn throttled(&self, _: &'static str, path: &str, wait: Duration) {
        self.send(Event::Throttled { path: path.to_owned(), wait });
    }

    fn retried(&self, retried: &Retried) {
        self.send(Event::Retried { path: retried.path.clone(), code: retried.code.clone(), wait: retried.wait });
    }
}

fn totals(summary: &Summary) -> String {
    let parts = [
        (summary.created, "created"),
        (summary.updated, "changed"),
        (summary.replaced, "replaced"),
        (summary.deleted, "deleted"),
        (summary.failed, "failed"),
        (summary.skipped, "not begun"),
    ];
    let parts: Vec<String> = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if parts.is_empty() { "Nothing to do".to_owned() } else { format!("{} in {}", parts.join(", "), clock(summary.elapsed)) }
}

/// The part of an id that people know: what follows the service, the scope of a role assignment, else the name.
pub(in crate::cli) fn short(id: &str) -> String {
    const SERVICE: &str = "/providers/Microsoft.ApiManagement/service/";
    const ROLE: &str = "/providers/Microsoft.Authorization/roleAssignments/";
    let find = |part: &str| id.to_ascii_lowercase().find(&part.to_ascii_lowercase());
    let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    if let Some(index) = find(ROLE) {
        return format!("on {}", last(&id[..index]));
    }
    match find(SERVICE).map(|index| &id[index + SERVICE.len()..]) {
        Some(rest) => match rest.split_once('/') {
            None => rest.to_owned(),
            Some((_, child)) if child.to_ascii_lowercase().starts_with("providers/") => last(child),
            Some((_, child)) => child.to_owned(),
        },
        None => last(id),
    }
}

/// `0.3s`, `12s`, `4m05s`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else if seconds >= 10 {
        format!("{seconds}s")
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

const fn mark(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::None => "=",
    }
}

const fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "creating",
        Action::Update => "changing",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        Action::None => "checking",
    }
}

const fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "changed",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::None => "unchanged",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shortened_to_what_people_know() {
        let service = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/apim";
        assert_eq!(short(service), "apim");
        assert_eq!(short(&format!("{service}/apis/a/operations/o")), "apis/a/operations/o");
        assert_eq!(short("/subscriptions/s/resourceGroups/g"), "g");
        assert_eq!(short(&format!("{service}/providers/Microsoft.Insights/diagnosticSettings/d")), "d");
        assert_eq!(
            short("/subscriptions/s/resourceGroups/g/providers/M.C/accounts/acc/providers/microsoft.authorization/roleAssignments/x"),
            "on acc"
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(clock(Duration::from_millis(312)), "0.3s");
        assert_eq!(clock(Duration::from_secs(245)), "4m05s");
    }
}
