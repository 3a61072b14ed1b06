//! Shell scripts that a container begins with, and those that they call.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::commands::{Asks, of_script};
use super::folders::{Folders, text};

/// What these scripts ask for, with what they call.
pub(super) fn asked(first: &[PathBuf], folders: &Folders) -> Vec<(PathBuf, Asks)> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<PathBuf> = first.to_vec();
    let mut found = Vec::new();
    while let Some(file) = waiting.pop() {
        if !seen.insert(file.clone()) || seen.len() > 50 {
            continue;
        }
        let Some(text) = text(&file).filter(|text| is_shell(&file, text)) else {
            continue;
        };
        found.extend(
            of_script(&text)
                .into_iter()
                .map(|asks| (file.clone(), asks)),
        );
        let called = text.lines().filter(|l| !l.trim_start().starts_with('#'));
        let called: Vec<String> = called.map(str::to_owned).collect();
        waiting.extend(folders.named_in(&called));
    }
    found
}

fn is_shell(file: &std::path::Path, text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    if first.starts_with("#!") {
        return first.contains("sh");
    }
    file.extension().is_some_and(|e| e == "sh" || e == "bash")
}
