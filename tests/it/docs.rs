//! The documentation: its commands are ones that this program has, its links lead somewhere, and what is generated is up to date.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::root;

/// Every page of the documentation, and the README.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    visit(&root().join("docs"), &mut pages);
    assert!(pages.len() > 12, "{pages:?}");
    pages
}

fn visit(directory: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, pages);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
}

/// The commands inside fenced `sh` blocks, lines that end with a backslash joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    let mut joined = String::new();
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                joined.push_str(line.trim_end_matches('\\'));
                if !line.ends_with('\\') {
                    commands.push(std::mem::take(&mut joined));
                }
            }
            _ => {}
        }
    }
    commands
}

#[test]
fn every_command_in_the_documentation_is_one_that_the_program_takes() {
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for command in commands(&text) {
            let Some(rest) = command.strip_prefix("apimctl ").or_else(|| command.strip_prefix("cargo run -- ")) else { continue };
            let rest = rest.split(['|', '>', '&', '#']).next().unwrap().trim();
            let mut words: Vec<String> = vec!["apimctl".to_owned()];
            // Texts in quotes are one word.
            for (index, part) in rest.split('"').enumerate() {
                if index % 2 == 1 {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(|word| word.trim_matches('\'').to_owned()));
                }
            }
            if let Err(error) = apimctl::cli::parse(words.iter().map(std::ffi::OsString::from)) {
                panic!("{}: `{command}`: {error}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn every_link_leads_to_a_file() {
    let pattern = regex::Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").unwrap();
    let mut count = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in pattern.captures_iter(&text).map(|captures| captures[1].to_owned()) {
            if link.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(&link);
            assert!(target.exists(), "{}: `{link}` leads nowhere", page.display());
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_generated_references_are_what_the_program_prints() {
    for (file, arguments) in [("commands.md", ["man", "--markdown"]), ("specification.md", ["schema", "--markdown"])] {
        let printed = Command::new(env!("CARGO_BIN_EXE_apimctl")).env_clear().args(arguments).output().unwrap().stdout;
        let kept = std::fs::read(root().join("docs/reference").join(file)).unwrap_or_default();
        assert!(printed == kept, "run `apimctl {} > docs/reference/{file}`", arguments.join(" "));
        let text = String::from_utf8(printed).unwrap();
        assert!(text.lines().count() > 200, "{file} says little");
    }
}

#[test]
fn every_code_that_the_documentation_names_is_explained() {
    let pattern = regex::Regex::new(r"\b(?:SPEC|POL|EXP|ARM|GAT|SIM|TST|IMP|CHS)\d{3}\b").unwrap();
    for page in pages() {
        for code in pattern.find_iter(&std::fs::read_to_string(&page).unwrap()) {
            // Ranges of codes begin and end with numbers that none has.
            let range =
                code.as_str().ends_with("00") || code.as_str().ends_with("99") || ["SPEC039", "SPEC079", "POL049"].contains(&code.as_str());
            assert!(range || apimctl::cli::findings::page(code.as_str()).is_some(), "{}: {}", page.display(), code.as_str());
        }
    }
}
