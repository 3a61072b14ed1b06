//! Where something stands below a key.

use super::super::Location;
use super::super::source_lines::Sources;

/// The line below a key that holds a text; else that of the key, or of the nearest one
/// above it.
pub(super) fn below(sources: &Sources, path: &[&str], text: &str) -> Option<Location> {
    let key = (1..=path.len())
        .rev()
        .find_map(|length| sources.exact_key(&path[..length]))?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut depth = None;
    for (file, number, line) in sources.lines() {
        if file != key.file || Some(number) < key.line || line.trim().is_empty() {
            continue;
        }
        let Some(of_key) = depth else {
            depth = Some(indent(line));
            // All on one line.
            if !text.is_empty() && line.contains(text) {
                return Some(key);
            }
            continue;
        };
        // A list may stand as far in as its key.
        let item = indent(line) == of_key && line.trim_start().starts_with('-');
        if indent(line) <= of_key && !item {
            break;
        }
        let comment = line.trim_start().starts_with('#');
        if !comment && !text.is_empty() && line.contains(text) {
            return Some(Location::new(file, Some(number)));
        }
    }
    Some(key)
}
