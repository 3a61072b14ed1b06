//! Who imports whom in the core: what the table of `docs/architecture.md` says is what
//! the sources do.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The numbers of the table's modules, by name.
fn table(text: &str) -> BTreeMap<String, u32> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.trim().parse().ok()?;
        let name = cells.next()?.trim().trim_matches('`');
        Some((name.to_owned(), number))
    });
    rows.collect()
}

/// An import of a module of the crate, and its line, from 1.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    module: String,
}

/// What a file names of the crate's root, by `crate::` or by as many `super::` as lead
/// there; `depth` is how many modules the file lies below it. What stands in a comment or
/// in a module of tests does not count.
fn imports(text: &str, depth: usize) -> Vec<Import> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let supers = "super::".repeat(depth);
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split("//").next().unwrap_or("");
        let mut names = after(line, "crate::");
        // Longer chains lead out of a module that is written in the file itself.
        if depth > 1 || line.trim_start().starts_with("use ") {
            names.extend(after(line, &supers));
        }
        let import = |module| Import {
            line: number + 1,
            module,
        };
        found.extend(names.into_iter().map(import));
    }
    found
}

/// The names behind each `path`: one, or those of a group in braces on this line.
fn after(line: &str, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices(path) {
        if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &line[at + path.len()..];
        let name = |text: &str| -> String {
            let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
            text.trim().chars().take_while(is_name).collect()
        };
        match rest.strip_prefix('{') {
            None => names.push(name(rest)),
            Some(group) => {
                let mut depth = 0;
                let top = group.split(|c| {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    c == ',' && depth == 0
                });
                names.extend(top.map(name));
            }
        }
    }
    names
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every import of a module that the table does not put below the importing one.
fn breaches(source: &Path, table: &BTreeMap<String, u32>) -> Vec<String> {
    let mut all = Vec::new();
    files(source, &mut all);
    all.sort();
    let mut breaches = Vec::new();
    for path in all {
        let relative = path.strip_prefix(source).unwrap();
        let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
        let file = stem(relative);
        let first = relative.components().next().unwrap();
        let module = stem(Path::new(&first));
        if module == "lib" || file == "tests" || file.ends_with("_tests") {
            continue;
        }
        let Some(own) = table.get(&module) else {
            breaches.push(format!("{module} has no row in docs/architecture.md"));
            continue;
        };
        let depth = relative.components().count() - usize::from(file == "mod");
        for import in imports(&fs::read_to_string(&path).unwrap(), depth) {
            let Some(other) = table.get(&import.module) else {
                continue;
            };
            if import.module != module && other >= own {
                breaches.push(format!(
                    "{}:{}: {module} ({own}) imports {} ({other})",
                    path.display(),
                    import.line,
                    import.module
                ));
            }
        }
    }
    breaches.dedup();
    breaches
}

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn documented() -> BTreeMap<String, u32> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/architecture.md");
    table(&fs::read_to_string(file).unwrap())
}

#[test]
fn modules_import_only_those_below_them() {
    let table = documented();
    assert!(table.len() > 10, "the table is read: {table:?}");
    let found = breaches(&core(), &table);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_row_is_a_module() {
    for module in documented().keys() {
        let file = core().join(format!("{module}.rs"));
        assert!(file.is_file() || core().join(module).is_dir(), "{module}");
    }
}

/// The sources as they are, with one import put in that the table forbids.
#[test]
fn a_breach_is_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("engine/deep")).unwrap();
    let file = folder.path().join("engine/deep/x.rs");
    let table = documented();
    for (text, found) in [
        ("use std::fs;\nuse crate::build::run;\n", true),
        ("\nuse super::super::super::build::run;\n", true),
        ("\nuse crate::{error, build};\n", true),
        ("\nfn f() { crate::build::run() }\n", true),
        ("\n// use crate::build::run;\n", false),
        ("\nuse super::super::build::run;\n", false),
        ("\nuse crate::error::Kind;\n", false),
        ("\n#[cfg(test)]\nmod tests {\nuse crate::build;\n}\n", false),
    ] {
        fs::write(&file, text).unwrap();
        let breaches = breaches(folder.path(), &table);
        let named = breaches
            .first()
            .is_some_and(|one| one.contains("x.rs:2: engine"));
        assert_eq!(named, found, "{text}: {breaches:?}");
    }
}
