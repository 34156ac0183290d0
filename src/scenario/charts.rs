//! What a scenario did, drawn: who served how much, and what happened when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::result::{ScenarioResult, Told};
use crate::report::chart::{Bar, BarChart, Chart, Lane, Mark, Timeline, Tone};
use crate::report::{Block, Section};

/// With fewer requests there is nothing to see.
const LEAST: usize = 4;
/// With more, the timeline is left out: each request would stand in the report.
const MOST: usize = 5_000;

/// A distribution and a timeline, if the scenario sent enough requests to backends.
#[must_use]
pub fn sections(scenario: &ScenarioResult) -> Vec<Section> {
    let answers: Vec<&Told> = scenario.steps.iter().flat_map(|step| &step.answers).collect();
    if answers.len() < LEAST || answers.iter().all(|answer| answer.attempts.is_empty()) {
        return Vec::new();
    }
    let mut blocks = vec![Block::Chart(distribution(&answers))];
    // All at one moment is no timeline.
    let moves = answers.iter().any(|answer| answer.sent != answers.first().map(|first| first.sent).unwrap_or_default());
    if moves && answers.len() <= MOST {
        blocks.push(Block::Chart(timeline(scenario, &answers)));
    }
    vec![Section::new("", blocks)]
}

fn distribution(answers: &[&Told]) -> Chart {
    let mut served: BTreeMap<&str, f64> = BTreeMap::new();
    for answer in answers {
        // A backend that was only tried stands there with nothing.
        for (backend, _) in &answer.attempts {
            served.entry(backend).or_insert(0.0);
        }
        if let Some((backend, Ok(_))) = answer.attempts.last() {
            *served.entry(backend).or_insert(0.0) += 1.0;
        }
    }
    let bars = served.into_iter().map(|(label, value)| Bar { label: label.to_owned(), value, ..Bar::default() });
    Chart::Bars(BarChart { title: "Answers by backend".to_owned(), unit: "answers".to_owned(), bars: bars.collect() })
}

fn timeline(scenario: &ScenarioResult, answers: &[&Told]) -> Chart {
    let mut lanes = vec![Lane { label: "callers".to_owned(), ..Lane::default() }];
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for answer in answers {
        let (tone, label) = match answer.status {
            Some(status) if status < 400 && answer.attempts.len() > 1 => (Tone::Warning, format!("{status}, sent again")),
            Some(status) if status < 400 => (Tone::Good, status.to_string()),
            Some(status) => (Tone::Bad, status.to_string()),
            None => (Tone::Bad, "no answer".to_owned()),
        };
        if let Some(callers) = lanes.first_mut() {
            callers.marks.push(Mark { at: answer.sent, tone, label });
        }
        for (backend, outcome) in &answer.attempts {
            let place = *places.entry(backend).or_insert_with(|| {
                lanes.push(Lane { label: backend.clone(), ..Lane::default() });
                lanes.len() - 1
            });
            let (tone, label) = match outcome {
                Ok(429) => (Tone::Warning, "429".to_owned()),
                Ok(status) if *status < 400 => (Tone::Good, status.to_string()),
                Ok(status) => (Tone::Bad, status.to_string()),
                Err(reason) => (Tone::Bad, reason.clone()),
            };
            if let Some(lane) = lanes.get_mut(place) {
                lane.marks.push(Mark { at: answer.sent, tone, label });
            }
        }
    }
    let length: Duration = scenario.virtual_time;
    Chart::Timeline(Timeline { title: "Attempts, by the time of their request".to_owned(), length, lanes })
}
