//! `apimctl graph`: the resources of a specification and the way of a request through them, drawn.

use anyhow::{Context, Result};

use super::Session;
use crate::cli::arguments::{Format, GraphArguments};
use crate::cli::drawing::{dot, mermaid, model, svg};
use crate::cli::output::Outcome;
use crate::cli::settings;
use crate::deploy::desired;
use crate::spec::load;

/// Runs it. No Azure is asked: what is drawn stands in the specification.
pub(super) fn run(arguments: &GraphArguments, session: &mut Session<'_>) -> Result<Outcome> {
    let options = settings::load_options(&arguments.spec.variables, &session.environment, true)?;
    let mut loaded = load::load(&arguments.spec.spec, &options)?;
    loaded.sources.hide(&loaded.sensitive);
    let (desired, findings) = desired::compile(&loaded, &settings::offline_context());
    loaded.findings.extend(findings);
    if loaded.has_errors() {
        session.show_findings(&loaded.findings, &loaded.sources);
        return Ok(Outcome::Failed);
    }
    let model = model::of(&desired);
    let ending = arguments.out.as_deref().and_then(|path| path.extension()).map(|ending| ending.to_ascii_lowercase());
    let format = match (session.printer.format(), ending.as_deref().and_then(|ending| ending.to_str())) {
        (Format::Text, Some("mmd" | "mermaid" | "md")) => Format::Mermaid,
        (Format::Text, Some("dot" | "gv")) => Format::Dot,
        (Format::Text, Some("json")) => Format::Json,
        (Format::Text, _) => Format::Svg,
        (format, _) => format,
    };
    let text = match format {
        Format::Mermaid => mermaid::write(&model),
        Format::Dot => dot::write(&model),
        Format::Json => format!("{:#}\n", serde_json::to_value(&model).context("cannot write the drawing as JSON")?),
        _ => svg::write(&model),
    };
    match &arguments.out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
            session.printer.note(format!("Wrote `{}`", path.display()));
        }
        None => session.printer.data(text.trim_end()),
    }
    Ok(Outcome::Done)
}
