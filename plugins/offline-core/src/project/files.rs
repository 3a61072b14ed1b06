use std::path::{Path, PathBuf};

use super::{Error, ProjectOptions};

/// In Compose's order of preference (compose-go, `cli/options.go`).
const DEFAULT_NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
const OVERRIDE_NAMES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The Compose files of a project and the folder its paths are relative to.
#[derive(Debug)]
pub(super) struct ComposeFiles {
    pub(super) files: Vec<PathBuf>,
    pub(super) directory: PathBuf,
}

/// The first words of a Compose file that `docker offline build` generates. Our own
/// commands pass over it: they build from the user's files.
pub const GENERATED: &str = "# Written by docker offline build";
/// The first words of one that `--stay` generates.
pub const GENERATED_STAY: &str = "# Written by docker offline build --stay";
/// What follows the first words in a copy for docker-compose 1, which is the user's own
/// file in all but a line.
const OF_OLD_COMPOSE: &str = " for docker-compose 1";

/// Whether Compose looks for the files by their default names, and so for an override
/// beside them too.
pub fn finds_files_itself(options: &ProjectOptions) -> bool {
    let start = options.project_directory.clone().unwrap_or_default();
    let start = std::path::absolute(Path::new(".").join(start)).unwrap_or_default();
    options.files.is_empty() && compose_file_variable(options, &start).is_empty()
}

/// The same project without files that [`GENERATED`] begins.
pub fn without_generated(options: &ProjectOptions) -> Result<ProjectOptions, Error> {
    let found = find(options)?;
    let own: Vec<PathBuf> = found
        .files
        .iter()
        .filter(|file| !is_generated(file))
        .cloned()
        .collect();
    if own.len() == found.files.len() {
        return Ok(options.clone());
    }
    Ok(ProjectOptions {
        files: own,
        ..options.clone()
    })
}

/// Whether a file is one that [`GENERATED`] begins.
pub fn is_generated(file: &Path) -> bool {
    let first = first_line(file);
    let rest = first.strip_prefix(GENERATED);
    rest.is_some_and(|rest| !rest.starts_with(OF_OLD_COMPOSE))
}

/// Whether a file is one of those that Compose reads.
pub fn names_file(options: &ProjectOptions, file: &Path) -> bool {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    find(options).is_ok_and(|found| found.files.contains(&file))
}

/// Whether Compose builds through a replay service that `--stay` has left.
pub fn stays(options: &ProjectOptions) -> Result<bool, Error> {
    let files = find(options)?.files;
    let mut first = files.iter().map(|file| first_line(file));
    Ok(first.any(|line| line.starts_with(GENERATED_STAY)))
}

fn first_line(file: &Path) -> String {
    use std::io::{BufRead as _, Read as _};
    let mut line = Vec::new();
    if let Ok(file) = std::fs::File::open(file) {
        let _ = std::io::BufReader::new(file.take(200)).read_until(b'\n', &mut line);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// The folder of the project, without reading it.
pub fn directory(options: &ProjectOptions) -> Result<PathBuf, Error> {
    Ok(find(options)?.directory)
}

/// Finds the files as Compose does: `-f`, `COMPOSE_FILE`, the default names in
/// the folder and its parents.
pub(super) fn find(options: &ProjectOptions) -> Result<ComposeFiles, Error> {
    let here = absolute(Path::new("."))?;
    let start = match &options.project_directory {
        Some(directory) => absolute(directory)?,
        None => here.clone(),
    };
    let mut files = options
        .files
        .iter()
        .filter(|f| f.as_os_str() != "-")
        .map(|f| absolute(f))
        .collect::<Result<Vec<_>, _>>()?;
    let from_stdin = options.files.len() != files.len();
    if files.is_empty() && !from_stdin {
        for name in compose_file_variable(options, &start) {
            files.push(absolute(&name)?);
        }
    }
    if files.is_empty() && !from_stdin {
        files = search_upwards(&start)?;
    } else if let Some(path) = files.iter().find(|f| !f.is_file()) {
        return Err(Error::ComposeFileMissing { path: path.clone() });
    }
    let directory = match (&options.project_directory, files.first()) {
        (Some(_), _) => start,
        (None, Some(first)) => first.parent().unwrap_or(&here).to_owned(),
        (None, None) => here,
    };
    Ok(ComposeFiles { files, directory })
}

fn search_upwards(start: &Path) -> Result<Vec<PathBuf>, Error> {
    let first_in = |folder: &Path, names: &[&str]| {
        names
            .iter()
            .map(|n| folder.join(n))
            .find(|path| path.exists())
    };
    for folder in start.ancestors() {
        if let Some(file) = first_in(folder, &DEFAULT_NAMES) {
            return Ok(std::iter::once(file)
                .chain(first_in(folder, &OVERRIDE_NAMES))
                .collect());
        }
    }
    Err(Error::NoComposeFile {
        looked_for: start
            .ancestors()
            .map(|folder| folder.join(DEFAULT_NAMES[0]))
            .collect(),
    })
}

/// `COMPOSE_FILE` of the environment or of the project's `.env`.
fn compose_file_variable(options: &ProjectOptions, directory: &Path) -> Vec<PathBuf> {
    let lookup = |name: &str| {
        std::env::var(name)
            .ok()
            .or_else(|| env_file_variable(options, directory, name))
            .filter(|v| !v.is_empty())
    };
    let separator = lookup("COMPOSE_PATH_SEPARATOR").unwrap_or_else(|| ":".into());
    lookup("COMPOSE_FILE").map_or_else(Vec::new, |value| {
        value.split(separator.as_str()).map(PathBuf::from).collect()
    })
}

/// What the env files of a project say of a variable: those of `--env-file`, or else
/// `.env`.
pub(super) fn env_file_variable(
    options: &ProjectOptions,
    directory: &Path,
    name: &str,
) -> Option<String> {
    let default = [directory.join(".env")];
    let env_files = if options.env_files.is_empty() {
        default.as_slice()
    } else {
        options.env_files.as_slice()
    };
    env_files.iter().rev().find_map(|f| read_variable(f, name))
}

fn read_variable(file: &Path, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            line.split_once('=')
        })
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let joined = std::path::absolute(path).map_err(io)?;
    Ok(joined.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_folder_is_searched_and_the_override_comes_along() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(root.path().join("compose.yml"), "").unwrap();
        std::fs::write(root.path().join("compose.override.yaml"), "").unwrap();
        let options = ProjectOptions {
            project_directory: Some(inner),
            ..ProjectOptions::default()
        };
        let found = find(&options).unwrap();
        assert_eq!(
            found.files,
            [
                root.path().join("compose.yml"),
                root.path().join("compose.override.yaml")
            ]
        );
    }

    #[test]
    fn says_where_it_looked() {
        let root = tempfile::tempdir().unwrap();
        let options = ProjectOptions {
            project_directory: Some(root.path().to_owned()),
            ..ProjectOptions::default()
        };
        let error = find(&options).unwrap_err();
        let expected = root.path().join("compose.yaml");
        assert!(error.to_string().contains(&expected.display().to_string()));
    }

    #[test]
    fn the_env_file_may_name_the_compose_file() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("other.yaml");
        std::fs::write(&file, "").unwrap();
        std::fs::write(
            root.path().join(".env"),
            format!("# x\nCOMPOSE_FILE=\"{}\"\n", file.display()),
        )
        .unwrap();
        let options = ProjectOptions {
            project_directory: Some(root.path().to_owned()),
            ..ProjectOptions::default()
        };
        assert_eq!(find(&options).unwrap().files, [file]);
    }

    #[test]
    fn a_file_given_must_exist() {
        let options = ProjectOptions {
            files: vec!["/nonexistent/c.yaml".into()],
            ..ProjectOptions::default()
        };
        assert!(matches!(
            find(&options),
            Err(Error::ComposeFileMissing { .. })
        ));
    }
}
