//! What stands in on the site for what buildx looks at before any cache.
//!
//! A secret that is not there ends a build at once, although all of its steps are
//! cached and no key depends on what it holds (engine facts 38 and 51). Its place is
//! taken by a file of ours: for settings by one that says nothing, for a token by a word
//! that is one in a URL, since steps may ask for one that is not empty.

use std::path::{Path, PathBuf};

use super::Error;
use crate::closure::{Absence, AbsentInput};
use crate::project::{BuildTarget, NamedContext, Project, SecretSource};

/// What a token is on a site that has none.
const TOKEN: &str = "docker-offline-placeholder";

/// Says in a file of settings why it is empty.
const NOTE: &str =
    "# A placeholder of docker offline build: the real one is not on this machine.\n";

/// Endings of files of settings that take a line with `#` for a comment.
const COMMENTED: [&str; 16] = [
    ".conf",
    ".cfg",
    ".ini",
    ".toml",
    ".yaml",
    ".yml",
    ".properties",
    ".env",
    "npmrc",
    "yarnrc",
    "netrc",
    "pypirc",
    "gemrc",
    "condarc",
    "gitconfig",
    "git-credentials",
];

/// The project with placeholders where something is absent, written below `folder`.
pub(super) fn with_placeholders(
    project: &Project,
    absent: &[AbsentInput],
    folder: &Path,
) -> Result<Project, Error> {
    let mut project = project.clone();
    for (number, input) in absent.iter().enumerate() {
        let service = project
            .services
            .iter_mut()
            .find(|s| s.name == input.service);
        if let Some(build) = service.and_then(|s| s.build.as_mut()) {
            put(build, &input.what, &folder.join(number.to_string()))?;
        }
    }
    Ok(project)
}

/// Takes away what an earlier build has written.
pub(super) fn clear(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Write {
            path: folder.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

fn put(build: &mut BuildTarget, what: &Absence, folder: &Path) -> Result<(), Error> {
    match what {
        Absence::SecretFile { id, path, .. } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let content = content(&[id, &name]);
            take(build, id, write(folder, "secret", content.as_bytes())?);
        }
        Absence::SecretVariable { id, .. } => {
            take(
                build,
                id,
                write(folder, "secret", content(&[id]).as_bytes())?,
            );
        }
        Absence::Ssh { id, .. } => {
            // Only a key that can be read is taken; this one opens nothing anywhere.
            let authority = offline_network::Authority::new().map_err(|error| Error::Write {
                path: folder.to_owned(),
                source: std::io::Error::other(error),
            })?;
            let key = write(folder, "key.pem", authority.key_pem().as_bytes())?;
            for one in &mut build.ssh {
                if one.split('=').next() == Some(id) {
                    *one = format!("{id}={}", key.display());
                }
            }
        }
        Absence::Context { name, .. } => {
            let empty = folder.join("empty");
            std::fs::create_dir_all(&empty).map_err(|source| Error::Write {
                path: empty.clone(),
                source,
            })?;
            let context = NamedContext::Directory(empty);
            build.additional_contexts.insert(name.clone(), context);
        }
    }
    Ok(())
}

fn take(build: &mut BuildTarget, id: &str, file: PathBuf) {
    let mut secrets = build.secrets.iter_mut();
    if let Some(secret) = secrets.find(|s| s.id == id) {
        secret.source = SecretSource::File(file);
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, bytes));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Write { path, source }),
    }
}

/// What a placeholder says, by the names that the secret has.
fn content(names: &[&str]) -> &'static str {
    let names: Vec<String> = names
        .iter()
        .map(|name| name.to_ascii_lowercase().replace('_', "."))
        .collect();
    let ends = |endings: &[&str]| {
        let mut all = names.iter();
        all.any(|name| endings.iter().any(|ending| name.ends_with(ending)))
    };
    if ends(&["nuget.config"]) {
        "<configuration></configuration>\n"
    } else if ends(&["settings.xml", "settings-security.xml"]) {
        "<settings></settings>\n"
    } else if ends(&[".json"]) {
        "{}\n"
    } else if ends(&COMMENTED) {
        NOTE
    } else {
        TOKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_nothing_and_tokens_are_words_of_a_url() {
        for (names, expected) in [
            (&["pip_conf", "pip.conf"][..], NOTE),
            (&["npmrc", ".npmrc"], NOTE),
            (&["netrc"], NOTE),
            (&["maven", "settings.xml"], "<settings></settings>\n"),
            (&["composer", "auth.json"], "{}\n"),
            (&["NuGet.Config"], "<configuration></configuration>\n"),
            (&["index_token"], TOKEN),
            (&["npm_token", "token"], TOKEN),
        ] {
            assert_eq!(content(names), expected, "{names:?}");
        }
    }
}
