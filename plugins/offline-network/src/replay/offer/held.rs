//! Which files a bundle holds.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use url::Url;

use super::python_files::PackageFile;
use crate::{Exchange, query};

/// The files that can be served: by address, and by the ends of their addresses, since
/// indexes name other hosts than tools ask (mirrors, npm's `replace-registry-host`).
#[derive(Debug, Default)]
pub(crate) struct Held {
    addresses: HashSet<String>,
    names: HashSet<String>,
    /// `NAME/-/FILE` of npm's tarballs, with the scope where there is one.
    tarballs: HashSet<String>,
    /// `NAME/VERSION` of cargo's crates.
    crates: HashSet<String>,
    folders: HashSet<String>,
}

impl Held {
    /// What was fetched whole, or redirected to where it was.
    pub(crate) fn of<'a>(exchanges: impl Iterator<Item = &'a Exchange>) -> Self {
        let mut held = Self::default();
        for exchange in exchanges {
            let fetched = exchange.method == "GET" && (200..400).contains(&exchange.status);
            if fetched && let Ok(url) = Url::parse(&exchange.url) {
                held.add(&url);
            }
        }
        held
    }

    pub(super) fn add(&mut self, url: &Url) {
        self.addresses.insert(query::key(url, true));
        let path = decoded(url.path());
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let Some((name, folder)) = segments.split_last() else {
            return;
        };
        self.names.insert((*name).to_owned());
        self.tarballs.extend(tarball(&path));
        if let [.., krate, version, "download"] = segments[..] {
            self.crates.insert(format!("{krate}/{version}"));
        }
        if let Some(from) = folder.len().checked_sub(2)
            && !name.starts_with("maven-metadata")
        {
            self.folders.insert(folder[from..].join("/"));
        }
    }

    /// Whether this address was fetched.
    pub(super) fn address(&self, url: &Url) -> bool {
        self.addresses.contains(&query::key(url, true))
    }

    /// Whether a file of this name was, wherever.
    pub(super) fn name(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether a tarball of this package and name was, wherever.
    pub(super) fn tarball(&self, url: &Url) -> bool {
        tarball(&decoded(url.path())).is_some_and(|end| self.tarballs.contains(&end))
    }

    /// Whether this version of a crate was, wherever.
    pub(super) fn crate_file(&self, name: &str, version: &str) -> bool {
        self.crates.contains(&format!("{name}/{version}"))
    }

    /// Whether anything but metadata was in a folder of these two names.
    pub(super) fn folder(&self, folder: &str) -> bool {
        self.folders.contains(folder)
    }
}

impl Held {
    /// What is there of the package that a file belongs to, in words; `None` for a file
    /// of no package, or of one of which nothing is there.
    pub(crate) fn others(&self, file: &Url) -> Option<String> {
        let path = decoded(file.path());
        let (package, mut versions) = self
            .of_cargo(&path)
            .or_else(|| self.of_npm(&path))
            .or_else(|| self.of_python(&path))?;
        versions.sort();
        versions.dedup();
        (!versions.is_empty()).then(|| format!("of {package} it holds {}", versions.join(", ")))
    }

    fn of_cargo(&self, path: &str) -> Option<(String, Vec<String>)> {
        let (path, _) = path.strip_suffix("/download")?.rsplit_once('/')?;
        let name = path.rsplit('/').next()?;
        let start = format!("{name}/");
        let versions = self.crates.iter().filter_map(|c| c.strip_prefix(&start));
        Some((name.to_owned(), versions.map(ToOwned::to_owned).collect()))
    }

    fn of_npm(&self, path: &str) -> Option<(String, Vec<String>)> {
        let wanted = tarball(path)?;
        let (name, _) = wanted.split_once("/-/")?;
        let last = name.rsplit('/').next()?;
        let start = format!("{name}/-/{last}-");
        let own = self.tarballs.iter().filter_map(|t| t.strip_prefix(&start));
        let versions = own.filter_map(|end| end.strip_suffix(".tgz"));
        Some((name.to_owned(), versions.map(ToOwned::to_owned).collect()))
    }

    fn of_python(&self, path: &str) -> Option<(String, Vec<String>)> {
        let name = path.rsplit('/').next()?;
        let name = name.strip_suffix(".metadata").unwrap_or(name);
        let wanted = PackageFile::named(name)?;
        let all = self
            .names
            .iter()
            .filter_map(|name| PackageFile::named(name));
        let own = all.filter(|file| file.project == wanted.project);
        Some((
            wanted.project.clone(),
            own.map(|file| file.version).collect(),
        ))
    }
}

/// `NAME/-/FILE` of a tarball's path: the same on all hosts that have the package.
fn tarball(path: &str) -> Option<String> {
    let (name, file) = path.rsplit_once("/-/")?;
    let mut names = name.rsplit('/');
    let name = names.next()?;
    let scope = names.next().filter(|scope| scope.starts_with('@'));
    // Some hosts have the scope in the file's name too.
    let file = file.rsplit('/').next()?;
    Some(match scope {
        Some(scope) => format!("{scope}/{name}/-/{file}"),
        None => format!("{name}/-/{file}"),
    })
}

/// A path without percent-encoding.
pub(super) fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::held;
    use super::*;

    #[test]
    fn what_else_is_there_of_a_package() {
        let held = held(&[
            "https://f/packages/a/six-1.16.0-py2.py3-none-any.whl",
            "https://f/packages/a/six-1.15.0.tar.gz",
            "https://r/@a/core/-/core-7.0.0.tgz",
            "https://r/@b/core/-/core-8.0.0.tgz",
            "https://r/core/-/core-9.0.0.tgz",
            "https://c/crates/itoa/1.0.9/download",
        ]);
        let others = |url| held.others(&Url::parse(url).unwrap()).unwrap_or_default();
        assert_eq!(
            others("https://f/x/six-1.17.0-py2.py3-none-any.whl.metadata"),
            "of six it holds 1.15.0, 1.16.0"
        );
        assert_eq!(
            others("https://r/@a%2fcore/-/core-7.1.0.tgz"),
            "of @a/core it holds 7.0.0"
        );
        assert_eq!(
            others("https://r/core/-/core-7.1.0.tgz"),
            "of core it holds 9.0.0"
        );
        assert_eq!(
            others("https://c/crates/itoa/2.0.0/download"),
            "of itoa it holds 1.0.9"
        );
        assert_eq!(others("https://r/ms/-/ms-7.1.0.tgz"), "");
    }
}
