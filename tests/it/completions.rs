//! Help, completions, manual pages, suggestions: what the command line tells about itself.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_apimctl")).env_clear().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Every command with the words that lead to it.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    fn below(path: &[String], command: &clap::Command, all: &mut Vec<(Vec<String>, clap::Command)>) {
        for sub in command.get_subcommands() {
            let path = [path, &[sub.get_name().to_owned()]].concat();
            below(&path, sub, all);
            all.push((path, sub.clone()));
        }
    }
    let mut all = Vec::new();
    below(&[], &apimctl::cli::definition(), &mut all);
    all
}

#[test]
fn every_command_has_a_sentence_an_example_and_its_exit_codes_in_its_help() {
    let commands = commands();
    assert!(commands.len() > 15);
    for (path, command) in commands {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.len() > 15 && !about.ends_with('.'), "{path:?}: {about:?}");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Example"), "{path:?} has no example");
        assert!(
            after.contains(&format!("  apimctl {}", path.join(" "))) || after.contains(&format!("| apimctl {}", path.join(" "))),
            "{path:?}: {after}"
        );
        assert!(after.contains("Exit codes: 0 "), "{path:?} does not tell its exit codes");
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some_and(|help| !help.to_string().is_empty()),
                "{path:?}: `{}` is not explained",
                argument.get_id()
            );
        }
    }
}

/// What stands in a help's examples is understood by the parser, as written.
#[test]
fn the_examples_in_the_helps_are_accepted_by_the_parser() {
    let mut count = 0;
    for (path, command) in commands() {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in after.lines().filter(|line| line.contains("apimctl ") && line.starts_with("  ")) {
            let line = line.split("apimctl ").nth(1).unwrap();
            let words = line.split(['>', '|']).next().unwrap().split_whitespace().map(|word| word.trim_matches(['\'', '"']));
            let arguments = ["apimctl"].into_iter().chain(words).map(std::ffi::OsString::from);
            if let Err(error) = apimctl::cli::parse(arguments) {
                panic!("{path:?}: `{line}`: {error}");
            }
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn slips_in_commands_flags_and_values_are_met_with_suggestions() {
    for (arguments, near) in [
        (&["valdate", "x.yaml"][..], "validate"),
        (&["plan", "x.yaml", "--detailed-exitcod"], "--detailed-exitcode"),
        (&["apply", "x.yaml", "--locl"], "--local"),
        (&["keys", "x.yaml", "--regenerate", "primry"], "primary"),
        (&["policy", "chek", "x.xml"], "check"),
        (&["completions", "bsh"], "bash"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(near) && (said.contains("similar") || said.contains("possible values")), "{arguments:?}: {said}");
    }
}

#[test]
fn each_shell_gets_completions_for_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let script = text(&output.stdout);
        for (path, _) in commands() {
            assert!(script.contains(path.last().unwrap().as_str()), "{shell}: {path:?}");
        }
        assert!(script.contains("detailed-exitcode"), "{shell}");
    }
}

/// The script is one that bash takes and that offers what is there.
#[test]
fn bash_completes_a_command_and_a_flag() {
    let script = text(&run(&["completions", "bash"]).stdout);
    let ask = |words: &str, index: usize| {
        let program = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={index}; _apimctl apimctl \"${{COMP_WORDS[{index}]}}\" \"${{COMP_WORDS[{index}-1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let Ok(output) = Command::new("bash").args(["--norc", "-c", &program]).output() else { return None };
        assert!(output.status.success(), "{}", text(&output.stderr));
        Some(text(&output.stdout))
    };
    // A system without bash has nobody to complete for.
    let Some(commands) = ask("apimctl va", 1) else { return };
    assert_eq!(commands.trim(), "validate");
    assert_eq!(ask("apimctl plan --det", 2).unwrap().trim(), "--detailed-exitcode");
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(&["man", "--out", directory.path().join("man1").to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (path, _) in commands() {
        let page = directory.path().join(format!("man1/apimctl-{}.1", path.join("-")));
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Exit codes"), "{path:?}");
    }
    let main = text(&run(&["man"]).stdout);
    assert!(main.contains(".TH APIMCTL 1"), "{main}");
}
