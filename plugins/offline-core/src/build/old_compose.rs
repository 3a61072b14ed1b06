//! A Compose file that docker-compose 1.29 reads.

use std::path::{Path, PathBuf};

use super::Error;

/// The copy's name, beside the file that it is of.
const FILE: &str = "docker-compose.offline-v1.yml";

/// Says whose file it is.
const MARK: &str = "# Written by docker offline build for docker-compose 1, which knows no name:.";

/// The files to give to docker-compose 1: one with a `name:` of the project is
/// refused by it (engine fact 33), so that a copy without that line, which keeps
/// all others and their numbers but for the first, takes its place.
///
/// A second file with a name is left as it is; so is one whose copy's name is
/// taken by a file of the user's.
pub(super) fn files(files: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut result = files.to_vec();
    for file in &mut result {
        let Some(text) = std::fs::read_to_string(&*file)
            .ok()
            .and_then(|text| without_name(&text))
        else {
            continue;
        };
        let copy = file.parent().unwrap_or(Path::new(".")).join(FILE);
        let held = std::fs::read_to_string(&copy).ok();
        if held.as_ref().is_some_and(|held| !held.starts_with(MARK)) {
            break;
        }
        let text = format!("{MARK}\n{text}");
        if held.as_ref() != Some(&text) {
            crate::layout::replace_file(&copy, text.as_bytes()).map_err(|error| Error::Write {
                path: copy.clone(),
                source: std::io::Error::other(error),
            })?;
        }
        *file = copy;
        break;
    }
    Ok(result)
}

/// The text without the line of a top-level `name:`; `None` where it has none.
fn without_name(text: &str) -> Option<String> {
    let is_name = |line: &&str| line.starts_with("name:");
    text.lines().find(is_name)?;
    let kept = text
        .lines()
        .map(|line| if is_name(&line) { "" } else { line });
    let mut text = kept.collect::<Vec<_>>().join("\n");
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_with_a_name_is_copied_and_the_users_own_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = "name: x\nservices:\n  a:\n    container_name: b\n";
        std::fs::write(path("compose.yaml"), text).unwrap();
        std::fs::write(path("more.yaml"), "services: {}\n").unwrap();
        let given = [path("more.yaml"), path("compose.yaml")];
        let got = files(&given).unwrap();
        assert_eq!(got, [path("more.yaml"), path(FILE)]);
        let copy = std::fs::read_to_string(path(FILE)).unwrap();
        assert_eq!(
            copy,
            format!("{MARK}\n\nservices:\n  a:\n    container_name: b\n")
        );
        std::fs::write(path(FILE), "services: {}\n").unwrap();
        assert_eq!(files(&given).unwrap(), given);
    }
    #[test]
    fn the_copy_says_what_the_file_says_but_for_the_name() {
        // Text of YAML 1.2 and numbers of YAML 1.1, which a serializer would put into quotes.
        let text =
            "# ours\nname: &n x\nx-a: &a {mode: 0444}\nservices:\n  a: {<<: *a, ports: [22:22]}\n";
        let copy = without_name(text).unwrap();
        assert!(copy.contains("mode: 0444}") && copy.contains("[22:22]"));
        assert_eq!(copy.lines().count(), text.lines().count());
        let mut read: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        read.as_mapping_mut().unwrap().remove("name");
        assert_eq!(
            serde_yaml::from_str::<serde_yaml::Value>(&copy).unwrap(),
            read
        );
    }
}
