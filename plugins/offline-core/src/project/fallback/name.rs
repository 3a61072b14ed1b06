//! The project's name (compose-go, `cli/options.go` and `loader/loader.go`).

use super::super::files::ComposeFiles;
use super::super::resolved::text_of;
use super::super::source_lines::Sources;
use super::super::{Error, ProjectOptions};
use super::document::parse;
use super::environment::Environment;
use super::interpolate::{Lookup as _, interpolate};

/// `-p`, `COMPOSE_PROJECT_NAME`, the last `name:`, or the folder's name.
pub(super) fn project_name(
    options: &ProjectOptions,
    found: &ComposeFiles,
    environment: &Environment,
    sources: &Sources,
) -> Result<String, Error> {
    let invalid = |message: String| Error::Invalid {
        location: sources.text("name:").filter(|_| message.contains("`name`")),
        message,
    };
    let from_variable = || environment.get("COMPOSE_PROJECT_NAME");
    let given = options.project_name.clone().or_else(from_variable);
    if let Some(given) = given.filter(|name| !name.is_empty()) {
        if normalized(&given) != given {
            return Err(invalid(format!(
                "invalid project name {given}: it must consist of lowercase letters, digits, hyphens and underscores, and start with a letter or digit"
            )));
        }
        return Ok(given);
    }
    let mut named = None;
    for file in &found.files {
        for document in parse(file)? {
            let name = document.tree.get("name").and_then(text_of);
            named = name.filter(|n| !n.is_empty()).or(named);
        }
    }
    let name = if let Some(text) = named {
        let text = interpolate(&text, environment)
            .map_err(|_| invalid(format!("`name` cannot be interpolated: {text}")))?;
        normalized(&text)
    } else {
        let folder = found.directory.file_name().unwrap_or_default();
        normalized(&folder.to_string_lossy())
    };
    if name.is_empty() {
        return Err(invalid(
            "project name must not be empty; give one with -p".into(),
        ));
    }
    Ok(name)
}

fn normalized(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept: String = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_compose_makes_them() {
        for (text, expected) in [
            ("My App", "myapp"),
            ("_-x.y_Z", "xy_z"),
            ("2nd", "2nd"),
            ("---", ""),
        ] {
            assert_eq!(normalized(text), expected);
        }
    }
}
