//! What cannot be served is not offered: an index of packages, as it was recorded,
//! less the versions whose files the bundle does not hold.
//!
//! An index lists all that there is, and a resolver that an edit sets going again
//! takes the newest. What remains is as it was, digests too. A package of which the
//! bundle holds no file stays as it is: its index was only looked at when it was
//! recorded (what another platform needs, what is locked but not fetched), and has to
//! say the same again. Signed indexes (apt's, apk's) cannot be touched.
//!
//! One kind of index is one file here.

mod cargo;
mod go;
mod held;
mod maven;
mod npm;
mod pypi_html;
mod pypi_json;
mod python_files;

use url::Url;

pub(crate) use held::Held;
pub(crate) use maven::checksum_of;

/// An index without what cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) body: Vec<u8>,
    /// Each package of which something was left out.
    pub(crate) narrowed: Vec<Narrowed>,
}

/// A package that is offered in some of its versions only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Narrowed {
    pub(crate) package: String,
    /// What the bundle holds, in the order of the index.
    pub(crate) versions: Vec<String>,
}

/// The largest index that is looked into, decoded.
pub(crate) const LARGEST: u64 = 256 << 20;

/// A kind of index, by where it is and what it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Index {
    PypiHtml,
    /// `PyPI`'s or npm's, which their content tells apart.
    Json,
    Maven,
    Cargo,
    Go,
}

impl Index {
    /// What an answer may be; `None` for what is certainly no index.
    pub(crate) fn of(url: &Url, media: Option<&str>) -> Option<Self> {
        let media = media.unwrap_or_default().split(';').next();
        let media = media.unwrap_or_default().trim().to_ascii_lowercase();
        let path = url.path();
        if path.ends_with("/@v/list") {
            Some(Self::Go)
        } else if path.ends_with("/maven-metadata.xml") {
            Some(Self::Maven)
        } else if media == "text/html" || media.ends_with("+html") {
            Some(Self::PypiHtml)
        } else if media == "application/vnd.pypi.simple.v1+json"
            || media == "application/vnd.npm.install-v1+json"
        {
            Some(Self::Json)
        } else if cargo::is_entry(path) {
            Some(Self::Cargo)
        } else if media == "application/json" && !named_as_file(path) {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The index without what cannot be served; `None` where it stays as it is.
    pub(crate) fn narrow(self, url: &Url, body: &[u8], held: &Held) -> Option<Offer> {
        match self {
            Self::PypiHtml => pypi_html::narrow(url, body, held),
            Self::Json => {
                let value: serde_json::Value = serde_json::from_slice(body).ok()?;
                if value
                    .get("versions")
                    .is_some_and(serde_json::Value::is_object)
                {
                    npm::narrow(url, value, held)
                } else {
                    pypi_json::narrow(url, value, held)
                }
            }
            Self::Maven => maven::narrow(url, body, held),
            Self::Cargo => cargo::narrow(body, held),
            Self::Go => go::narrow(url, body, held),
        }
    }
}

/// Whether a path ends in the name of a file, as no package's index does.
fn named_as_file(path: &str) -> bool {
    let extension = std::path::Path::new(path).extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
pub(super) fn held(urls: &[&str]) -> Held {
    let mut held = Held::default();
    for url in urls {
        held.add(&Url::parse(url).unwrap());
    }
    held
}
