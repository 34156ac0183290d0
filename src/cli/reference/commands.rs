//! The commands and their flags.

use std::fmt::Write as _;

use super::super::arguments;

/// The reference of all commands.
pub(in crate::cli) fn markdown() -> String {
    let mut definition = arguments::definition();
    definition.build();
    let mut out = String::from(
        "# Commands\n\n<!-- Generated: `apimctl man --markdown > docs/reference/commands.md` -->\n\n\
         Every command takes `--format` and `--quiet`. Data goes to stdout, progress and findings to stderr; without a terminal, or with\n\
         `NO_COLOR`, there is neither colour nor a moving bar.\n\n| command | does |\n|---|---|\n",
    );
    let mut all = Vec::new();
    collect(&definition, &mut all);
    for command in &all {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(out, "| [`{name}`](#{}) | {} |", name.replace(' ', "-"), cell(&about));
    }
    for command in &all {
        section(command, &mut out);
    }
    out
}

fn collect<'a>(command: &'a clap::Command, all: &mut Vec<&'a clap::Command>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        all.push(below);
        collect(below, all);
    }
}

fn section(command: &clap::Command, out: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let _ = write!(out, "\n## {name}\n\n{}\n", about.trim_end());
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _ = write!(out, "\nAlso called {}.\n", aliases.join(", "));
    }
    let mut rows = String::new();
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set() && !argument.is_global_set()) {
        if ["help", "version"].contains(&argument.get_id().as_str()) {
            continue;
        }
        let help = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
        let mut help = cell(&help);
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| match value.get_help() {
                Some(about) => format!("`{}`: {}", value.get_name(), cell(about.to_string().trim_end_matches('.'))),
                None => format!("`{}`", value.get_name()),
            })
            .collect();
        if !values.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, " ({})", values.join("; "));
        }
        let defaults: Vec<String> = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        if !defaults.is_empty() && argument.get_action().takes_values() {
            let _ = write!(help, " [default: {}]", defaults.join(", "));
        }
        if argument.is_required_set() {
            help.push_str(" **Required.**");
        }
        let _ = writeln!(rows, "| {} | {help} |", usage(argument));
    }
    if !rows.is_empty() {
        let _ = write!(out, "\n| argument | meaning |\n|---|---|\n{rows}");
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (examples, codes) = after.split_once("Exit codes:").unwrap_or((&after, ""));
    let examples: Vec<&str> = examples.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    if !examples.is_empty() {
        let _ = write!(out, "\n```sh\n{}\n```\n", examples.join("\n"));
    }
    if !codes.is_empty() {
        let _ = write!(out, "\nExit codes: {}.\n", codes.trim());
    }
}

/// `--flag VALUE…`, as it is written on the command line.
fn usage(argument: &clap::Arg) -> String {
    let takes = argument.get_action().takes_values();
    let names: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let many =
        matches!(argument.get_action(), clap::ArgAction::Append) || argument.get_num_args().is_some_and(|count| count.max_values() > 1);
    let dots = if many { "…" } else { "" };
    let value = names.join(" ");
    if argument.is_positional() {
        return format!("`{value}{dots}`").replace('|', "\\|");
    }
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let long = argument.get_long().unwrap_or_else(|| argument.get_id().as_str());
    let separator = if argument.is_require_equals_set() { "=" } else { " " };
    let text = if takes { format!("{short}`--{long}{separator}{value}{dots}`") } else { format!("{short}`--{long}`") };
    text.replace('|', "\\|")
}

/// Text inside a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
