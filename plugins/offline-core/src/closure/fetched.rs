//! What ADD fetches and a bundle carries.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::stages::Walker;
use super::{Error, StageClosure};
use crate::dockerfile::{Copy, Environment, RemoteSource, fetched_names, written_source};
use crate::project::Location;

/// A file or a git repository that an ADD fetches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct FetchedSource {
    /// What stands for it in a bundle: made of address, checksum and `--keep-git-dir`.
    pub id: String,
    /// The address, with ARGs expanded.
    pub url: String,
    /// The file's name, or that of the folder with a repository's files.
    pub name: String,
    /// Whether it is a git repository.
    pub git: bool,
    /// `--keep-git-dir`, for a repository.
    pub keep_git_dir: bool,
    /// `--checksum`.
    pub checksum: Option<String>,
    /// The service whose build fetches it.
    pub service: String,
    /// The file that names it.
    pub file: PathBuf,
    /// The line.
    pub line: Option<u32>,
    /// The address as it is written, see [`written_source`].
    #[serde(skip)]
    pub written: String,
}

impl FetchedSource {
    /// Where it lies in the folder that stands for the server.
    pub fn path(&self) -> String {
        format!("{}/{}", self.id, self.name)
    }

    /// `file:line`.
    pub fn location(&self) -> Location {
        Location::new(&self.file, self.line)
    }

    /// The address without the credentials that it may hold.
    pub fn shown(&self) -> String {
        without_credentials(&self.url)
    }
}

/// An address without the credentials that it may hold; `git@host:path` names a user of
/// ssh, and no secret.
pub fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[start..])
        }
        None => url.to_owned(),
    }
}

/// What stands in a bundle for all that says what is fetched.
pub(super) fn id_of(whole: &str) -> String {
    let digest = Sha256::digest(whole.as_bytes());
    let id = digest.iter().take(12).map(|byte| format!("{byte:02x}"));
    id.collect()
}

impl Walker<'_, '_> {
    /// Notes what an ADD fetches; whether a bundle can carry all of it.
    pub(super) fn carries(
        &mut self,
        add: &Copy,
        sources: &[String],
        line: u32,
        stage: &mut StageClosure,
        environment: &Environment,
    ) -> Result<bool, Error> {
        // What ONBUILD triggers has the line of the FROM, and is no line to be changed.
        if line == stage.line {
            return Ok(false);
        }
        let Some(names) = fetched_names(add, sources) else {
            return Ok(false);
        };
        let checksum = add.checksum.as_deref();
        let checksum = checksum
            .map(|sum| self.expanded(sum, environment, line))
            .transpose()?;
        let mut paths = Vec::new();
        for ((url, name), written) in sources.iter().zip(names).zip(&add.sources) {
            let git = RemoteSource::of(url) == Some(RemoteSource::Git);
            let keep_git_dir = git && add.keep_git_dir;
            let mut whole = format!("{url}\n{}", checksum.as_deref().unwrap_or_default());
            if keep_git_dir {
                whole += "\nkeep-git-dir";
            }
            let id = id_of(&whole);
            let found = FetchedSource {
                id,
                url: url.clone(),
                name,
                git,
                keep_git_dir,
                checksum: checksum.clone(),
                service: self.service.to_owned(),
                file: self.source.path.clone(),
                line: self.source.location(line).line,
                written: written_source(add, written),
            };
            paths.push(found.path());
            let remote = if git {
                RemoteSource::Git
            } else {
                RemoteSource::Url
            };
            stage.remote_adds.push((line, remote));
            self.needs.fetched(found);
        }
        self.carried_adds.insert(line, paths);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credentials_are_shown() {
        let of = |url: &str| FetchedSource {
            id: String::new(),
            url: url.into(),
            name: String::new(),
            git: false,
            keep_git_dir: false,
            checksum: None,
            service: String::new(),
            file: PathBuf::new(),
            line: None,
            written: String::new(),
        };
        assert_eq!(of("https://u:p@x.org/a@b").shown(), "https://x.org/a@b");
        assert_eq!(of("https://x.org/a@b").shown(), "https://x.org/a@b");
    }
}
