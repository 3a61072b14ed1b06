//! Files that ADD fetches and a bundle carries.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::stages::Walker;
use super::{Error, StageClosure};
use crate::dockerfile::{Copy, Environment, RemoteSource, fetched_names};
use crate::project::Location;

/// A file that an ADD fetches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct FetchedSource {
    /// What stands for it in a bundle: made of address and checksum.
    pub id: String,
    /// The address, with ARGs expanded.
    pub url: String,
    /// The file's name.
    pub name: String,
    /// `--checksum`.
    pub checksum: Option<String>,
    /// The service whose build fetches it.
    pub service: String,
    /// The file that names it.
    pub file: PathBuf,
    /// The line.
    pub line: Option<u32>,
    /// The address as it is written.
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
        match self.url.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let start = rest[..end].rfind('@').map_or(0, |at| at + 1);
                format!("{scheme}://{}", &rest[start..])
            }
            None => self.url.clone(),
        }
    }
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
            let whole = format!("{url}\n{}", checksum.as_deref().unwrap_or_default());
            let digest = Sha256::digest(whole.as_bytes());
            let id = digest.iter().take(12).map(|byte| format!("{byte:02x}"));
            let id: String = id.collect();
            let found = FetchedSource {
                id,
                url: url.clone(),
                name,
                checksum: checksum.clone(),
                service: self.service.to_owned(),
                file: self.source.path.clone(),
                line: self.source.location(line).line,
                written: written.clone(),
            };
            paths.push(found.path());
            stage.remote_adds.push((line, RemoteSource::Url));
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
