//! `apimctl man`: the manual, one page for each command.

use std::path::Path;

use anyhow::{Context, Result};

use super::Session;
use crate::cli::arguments::{self, ManArguments};
use crate::cli::output::Outcome;
use crate::cli::reference;

/// Runs it.
pub(super) fn run(arguments: &ManArguments, session: &mut Session<'_>) -> Result<Outcome> {
    if arguments.markdown {
        session.printer.data(reference::commands::markdown().trim_end());
        return Ok(Outcome::Done);
    }
    let mut definition = arguments::definition();
    // Names the commands' pages `apimctl-plan(1)`, and gives them the global arguments.
    definition.build();
    let Some(directory) = &arguments.out else {
        session.printer.data(page(&definition)?.trim_end());
        return Ok(Outcome::Done);
    };
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make the directory `{}`", directory.display()))?;
    let count = write(&definition, directory)?;
    session.printer.note(format!("Wrote {count} pages to `{}`", directory.display()));
    Ok(Outcome::Done)
}

/// Writes the page of a command and of those below it.
fn write(command: &clap::Command, directory: &Path) -> Result<usize> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = directory.join(format!("{name}.1"));
    std::fs::write(&path, page(command)?).with_context(|| format!("cannot write `{}`", path.display()))?;
    let mut count = 1;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        count += write(below, directory)?;
    }
    Ok(count)
}

fn page(command: &clap::Command) -> Result<String> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).render(&mut page).context("cannot write a page")?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
