//! The tutorial's KQL questions on local data.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::gateway::counters::{Counters, escaped};
use crate::gateway::metrics::Metrics;
use crate::gateway::state::State;

fn time_of(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

/// `customMetrics`: one row a series and minute.
pub(super) fn custom_metrics(metrics: &Metrics) -> Value {
    let mut rows = Vec::new();
    for series in metrics.all() {
        let dimensions: Map<String, Value> =
            series.name.dimensions.iter().map(|(name, value)| (name.to_string(), Value::from(&**value))).collect();
        for (minute, aggregate) in &series.minutes {
            rows.push(json!({
                "timestamp": time_of(minute * 60),
                "namespace": &*series.name.namespace,
                "name": &*series.name.metric,
                "valueCount": aggregate.count,
                "valueSum": aggregate.sum,
                "valueMin": aggregate.min,
                "valueMax": aggregate.max,
                "customDimensions": dimensions,
            }));
        }
    }
    Value::from(rows)
}

/// Tokens summed by dimensions: one row a combination, one column a metric.
pub(super) fn tokens(metrics: &Metrics, by: &[&str]) -> Value {
    let mut rows: BTreeMap<Vec<String>, BTreeMap<String, f64>> = BTreeMap::new();
    for series in metrics.all().iter().filter(|series| series.name.metric.ends_with("Tokens")) {
        let key = by
            .iter()
            .map(|wanted| {
                let found = series.name.dimensions.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map_or_else(String::new, |(_, value)| value.to_string())
            })
            .collect();
        *rows.entry(key).or_default().entry(series.name.metric.to_string()).or_insert(0.0) += series.total.sum;
    }
    rows.into_iter()
        .map(|(key, values)| {
            let mut row: Map<String, Value> = by.iter().zip(key).map(|(name, value)| ((*name).to_owned(), Value::from(value))).collect();
            row.extend(values.into_iter().map(|(metric, sum)| (metric, Value::from(sum))));
            Value::Object(row)
        })
        .collect()
}

/// Requests per hour and result.
pub(super) fn requests(counters: &Counters) -> Value {
    let mut rows: BTreeMap<(i64, u16), u64> = BTreeMap::new();
    for (labels, counted) in counters.all() {
        for (hour, count) in counted.hours {
            *rows.entry((hour, labels.status)).or_insert(0) += count;
        }
    }
    rows.into_iter()
        .map(|((hour, status), count)| json!({ "hour": time_of(hour * 3_600), "resultCode": status, "success": (1..400).contains(&status), "count": count }))
        .collect()
}

/// Custom metrics as Prometheus counters.
pub(super) fn prometheus(metrics: &Metrics) -> String {
    let mut out =
        String::from("# HELP apimctl_custom_metric_sum Sum of the values of a custom metric.\n# TYPE apimctl_custom_metric_sum counter\n");
    let mut counts =
        String::from("# HELP apimctl_custom_metric_count Values of a custom metric.\n# TYPE apimctl_custom_metric_count counter\n");
    for series in metrics.all() {
        let mut labels = format!("namespace=\"{}\",metric=\"{}\"", escaped(&series.name.namespace), escaped(&series.name.metric));
        for (name, value) in &series.name.dimensions {
            // Names of labels are letters, digits and underscores.
            let name: String = name.chars().map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '_' }).collect();
            let _ = write!(labels, ",dimension_{name}=\"{}\"", escaped(value));
        }
        let _ = writeln!(out, "apimctl_custom_metric_sum{{{labels}}} {}", series.total.sum);
        let _ = writeln!(counts, "apimctl_custom_metric_count{{{labels}}} {}", series.total.count);
    }
    out + &counts
}

/// Events of `log-to-eventhub`, the oldest first.
pub(super) fn events(state: &State) -> Value {
    let events = state.events.all().into_iter();
    events
        .map(|event| {
            json!({
                "logger": &*event.logger,
                "time": time_of(event.time.unix_timestamp()),
                "partition": event.partition.as_deref(),
                "text": event.text,
            })
        })
        .collect()
}
