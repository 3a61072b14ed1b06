//! Files of Python's packages, by their names.

use std::collections::{BTreeMap, BTreeSet};

use super::Narrowed;

/// What a name says of a package's file ("Binary distribution format", "Source
/// distribution format" of the packaging guide).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackageFile {
    /// In its normal form.
    pub(super) project: String,
    pub(super) version: String,
    pub(super) wheel: bool,
}

const SOURCES: &[&str] = &[".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz"];

impl PackageFile {
    pub(super) fn named(name: &str) -> Option<Self> {
        if let Some(wheel) = name.strip_suffix(".whl").or(name.strip_suffix(".egg")) {
            let mut parts = wheel.split('-');
            let (project, version) = (parts.next()?, parts.next()?);
            return Some(Self {
                project: normal(project),
                version: version.to_owned(),
                wheel: true,
            });
        }
        let stem = SOURCES.iter().find_map(|end| name.strip_suffix(end))?;
        let (project, version) = stem.rsplit_once('-')?;
        version
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| Self {
                project: normal(project),
                version: version.to_owned(),
                wheel: false,
            })
    }
}

/// A project's name as indexes compare it (PEP 503).
fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|p| !p.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Which files of an index are there.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// By project: the versions of which a file is there, in the index's order.
    there: BTreeMap<String, Vec<String>>,
    lacking: BTreeSet<String>,
}

impl Choice {
    pub(super) fn saw(&mut self, file: &PackageFile, held: bool) {
        if !held {
            self.lacking.insert(file.project.clone());
            return;
        }
        let versions = self.there.entry(file.project.clone()).or_default();
        if !versions.contains(&file.version) {
            versions.push(file.version.clone());
        }
    }

    /// Whether a file that is not there is left out: where another of its project is.
    pub(super) fn leaves_out(&self, file: &PackageFile) -> bool {
        self.there.contains_key(&file.project)
    }

    /// The projects of which something is left out.
    pub(super) fn narrowed(&self) -> Vec<Narrowed> {
        let lacking = |(project, _): &(&String, &Vec<String>)| self.lacking.contains(*project);
        let narrowed = self.there.iter().filter(lacking);
        narrowed
            .map(|(project, versions)| Narrowed {
                package: project.clone(),
                versions: versions.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let read = |name| PackageFile::named(name).map(|f| (f.project, f.version));
        let is = |project: &str, version: &str| Some((project.to_owned(), version.to_owned()));
        assert_eq!(read("six-1.16.0-py2.py3-none-any.whl"), is("six", "1.16.0"));
        assert_eq!(
            read("torch-2.1.0%2Bcpu-cp311-cp311-linux_x86_64.whl"),
            is("torch", "2.1.0%2Bcpu")
        );
        assert_eq!(read("Foo_Bar.baz-1.0.tar.gz"), is("foo-bar-baz", "1.0"));
        assert_eq!(
            read("zope.interface-5.4.0.zip"),
            is("zope-interface", "5.4.0")
        );
        assert_eq!(read("README.html"), None);
        assert_eq!(read("node-linux-x64.tar.gz"), None);
    }
}
