//! What ADD fetches and a bundle carries.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::stages::Walker;
use super::{CopyStep, Error, StageClosure};
use crate::dockerfile::{Copy, Environment, RemoteSource, fetched_names, parts, written_source};
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
    /// Whether it is an archive that `--unpack` unpacks.
    pub unpack: bool,
    /// Whether `--chown` gives what is unpacked another owner.
    pub chown: bool,
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

    /// What it is fetched from.
    pub fn source(&self) -> RemoteSource {
        if self.git {
            RemoteSource::Git
        } else {
            RemoteSource::Url
        }
    }

    /// Whether a bundle holds it as a folder.
    pub fn is_folder(&self) -> bool {
        self.git || self.unpack
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
        let mut all = Vec::new();
        for ((url, name), written) in sources.iter().zip(names).zip(&add.sources) {
            all.push(name.map(|name| {
                let checksum = checksum.clone();
                FetchedSource {
                    service: self.service.to_owned(),
                    file: self.source.path.clone(),
                    line: self.source.location(line).line,
                    written: written_source(add, written),
                    ..FetchedSource::of(add, url, name, checksum)
                }
            }));
        }
        let path = |one: &Option<FetchedSource>| one.as_ref().map(FetchedSource::path);
        let paths: Vec<Option<String>> = all.iter().map(path).collect();
        let (text, file) = (&self.source.text, &self.source.dockerfile);
        let Some(parts) = parts(text, file, line, add, &paths) else {
            return Ok(false);
        };
        for (line, range) in parts {
            let own = &all[range.clone()];
            let remote = own.iter().flatten().map(FetchedSource::source);
            stage
                .remote_adds
                .extend(remote.map(|remote| (line, remote)));
            if own.iter().all(Option::is_none) {
                stage
                    .copies
                    .push(CopyStep::new(line, add, sources[range].to_vec()));
            }
        }
        all.into_iter()
            .flatten()
            .for_each(|one| self.needs.fetched(one));
        self.carried_adds.insert(line, paths);
        Ok(true)
    }
}

impl FetchedSource {
    /// What an ADD fetches from an address, with its ARGs expanded; whose it is, is still
    /// to be said.
    fn of(add: &Copy, url: &str, name: String, checksum: Option<String>) -> Self {
        let git = RemoteSource::of(url) == Some(RemoteSource::Git);
        let keep_git_dir = git && add.keep_git_dir;
        let unpack = !git && add.unpack;
        let chown = unpack && add.chown.is_some();
        let mut whole = format!("{url}\n{}", checksum.as_deref().unwrap_or_default());
        for (is_so, flag) in [
            (keep_git_dir, "keep-git-dir"),
            (unpack, "unpack"),
            (chown, "chown"),
        ] {
            if is_so {
                whole += "\n";
                whole += flag;
            }
        }
        Self {
            id: id_of(&whole),
            url: url.to_owned(),
            name,
            git,
            keep_git_dir,
            unpack,
            chown,
            checksum,
            service: String::new(),
            file: PathBuf::new(),
            line: None,
            written: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credentials_are_shown() {
        let of = |url: &str| FetchedSource::of(&Copy::default(), url, String::new(), None);
        assert_eq!(of("https://u:p@x.org/a@b").shown(), "https://x.org/a@b");
        assert_eq!(of("https://x.org/a@b").shown(), "https://x.org/a@b");
    }
}
