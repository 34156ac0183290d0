//! `apimctl fidelity`: what the local gateway does and how sure that is.

use serde_json::{Value, json};

use super::Session;
use crate::cli::arguments::FidelityArguments;
use crate::cli::output::Outcome;
use crate::expression;
use crate::gateway::execute::{CONTROL, EMULATED, NOT_EMULATED};
use crate::gateway::fidelity::{ROWS, Row};
use crate::gateway::settings::NAMES;

/// Runs it.
pub(super) fn run(arguments: &FidelityArguments, session: &mut Session<'_>) -> Outcome {
    let wanted = |row: &&Row| arguments.only.as_deref().is_none_or(|text| row.id.contains(text) || row.behaviour.contains(text));
    let rows: Vec<&Row> = ROWS.iter().filter(wanted).collect();
    if session.printer.is_json() {
        session.printer.json(&json!({
            "behaviours": rows.iter().map(|row| behaviour(row)).collect::<Vec<_>>(),
            "policies": {
                "emulated": CONTROL.iter().chain(EMULATED.iter().map(|(name, _)| name)).collect::<Vec<_>>(),
                "notEmulated": NOT_EMULATED.iter().map(|(name, why)| json!({ "name": name, "reason": why })).collect::<Vec<_>>(),
            },
            "expressions": expression::coverage().iter().map(|own| json!({
                "type": own.type_name, "allowed": own.allowed, "emulated": own.emulated, "notEmulated": own.missing,
            })).collect::<Vec<_>>(),
        }));
        return Outcome::Done;
    }
    let printer = &mut session.printer;
    let mut area = None;
    for row in &rows {
        if area != Some(row.area) {
            printer.data(format!("{}{}", if area.is_some() { "\n" } else { "" }, row.area.name()));
            area = Some(row.area);
        }
        printer.data(format!("  {:<36} {:<10}  {}", row.id, row.certainty.name(), row.behaviour));
        printer.data(format!("  {:<36} {:<10}  from {}{}", "", "", row.source, setting(row)));
    }
    if arguments.only.is_some() {
        return Outcome::Done;
    }
    printer.data("\npolicies that are known and not emulated");
    for (name, why) in NOT_EMULATED {
        printer.data(format!("  {name:<36} {why}"));
    }
    let coverage = expression::coverage();
    let (allowed, emulated) = coverage.iter().fold((0, 0), |(allowed, emulated), own| (allowed + own.allowed, emulated + own.emulated));
    printer.data(format!("\nmembers that expressions may use: {emulated} of {allowed} are emulated; not all of these types are"));
    for own in coverage.iter().filter(|own| own.emulated < own.allowed) {
        printer.data(format!("  {:<56} {} of {}", own.type_name, own.emulated, own.allowed));
    }
    Outcome::Done
}

fn setting(row: &Row) -> String {
    let Some(name) = row.setting else { return String::new() };
    let takes = NAMES.iter().find(|own| own.name == name).map_or("", |own| own.takes);
    format!("; setting {name}: {takes}")
}

fn behaviour(row: &Row) -> Value {
    json!({
        "id": row.id,
        "area": row.area.name(),
        "certainty": row.certainty.name(),
        "source": row.source,
        "behaviour": row.behaviour,
        "setting": row.setting,
    })
}
