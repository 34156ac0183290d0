//! The import table of `src/lib.rs` is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// module → modules it may name; read from the table in `src/lib.rs`, so that the map and the test cannot differ.
fn table(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(source.join("lib.rs")).unwrap();
    let mut table = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| line.contains("->")) {
        let (from, to) = line.split_once("->").unwrap();
        let to: BTreeSet<String> = to.split(',').map(|name| name.trim().to_owned()).collect();
        for from in from.split(',') {
            table.insert(from.trim().to_owned(), to.clone());
        }
    }
    table
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Source text without comments and string literals.
fn code(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap();
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 0 {
                out.push_str(part);
                out.push(' ');
            }
        }
        out.push('\n');
    }
    out
}

fn word(text: &str) -> &str {
    &text[..text.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(text.len())]
}

/// Every top-level module that `text`, a file `depth` modules below the crate root, names by `crate::` or `super::` paths.
fn named(text: &str, depth: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |rest: &str| {
        if let Some(group) = rest.strip_prefix('{') {
            let mut level = 0;
            let mut start = 0;
            for (index, character) in group.char_indices() {
                match character {
                    '{' => level += 1,
                    '}' if level == 0 => {
                        names.insert(word(group[start..index].trim()).to_owned());
                        break;
                    }
                    '}' => level -= 1,
                    ',' if level == 0 => {
                        names.insert(word(group[start..index].trim()).to_owned());
                        start = index + 1;
                    }
                    _ => {}
                }
            }
        } else {
            names.insert(word(rest).to_owned());
        }
    };
    for (index, _) in text.match_indices("crate::") {
        add(&text[index + "crate::".len()..]);
    }
    let climb = "super::".repeat(depth);
    for (index, _) in text.match_indices(&climb) {
        let rest = &text[index + climb.len()..];
        if !text[..index].ends_with("super::") && !rest.starts_with("super::") {
            add(rest);
        }
    }
    names.remove("");
    names
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = table(&source);
    let declared: BTreeSet<String> = fs::read_to_string(source.join("lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    assert!(declared.len() > 5, "the map was not read: {declared:?}");
    let mut found = Vec::new();
    files(&source, &mut found);
    let mut wrong = Vec::new();
    let mut edges = 0;
    for path in &found {
        let relative = path.strip_prefix(&source).unwrap().with_extension("");
        let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let module = parts[0].clone();
        if module == "lib" || module == "main" {
            continue;
        }
        let allowed = table.get(&module).unwrap_or_else(|| panic!("`{module}` is not in the table of src/lib.rs"));
        // Inline test modules sit one deeper; `super::` from them reaches the file's own module, never another top-level one.
        for name in named(&code(&fs::read_to_string(path).unwrap()), parts.len()) {
            if !declared.contains(&name) || name == module {
                continue;
            }
            edges += 1;
            if !allowed.contains("everything") && !allowed.contains(&name) {
                wrong.push(format!("{}: `{module}` uses `{name}`", relative.display()));
            }
        }
    }
    assert!(edges > 10, "the paths were not read: {edges}");
    assert!(wrong.is_empty(), "not allowed by the map in src/lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_path_reader_sees_every_form() {
    let text =
        "use crate::arm::X; use crate::{azure::{A, B}, spec}; fn f() { crate::deploy::g(); super::super::emulator::h(); super::own(); }";
    let expected: BTreeSet<String> = ["arm", "azure", "spec", "deploy", "emulator"].into_iter().map(str::to_owned).collect();
    assert_eq!(named(text, 2), expected);
}
