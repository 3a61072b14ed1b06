//! Models of hubs: which files a revision has, and what they are put into.

use super::super::web::{Source, Web};
use super::super::{Origin, place_of};
use super::error::Error;
use super::listing::Listing;
use super::{huggingface, modelscope};
use crate::error::Failure;
use crate::layout::{Digest, Layout, Progress};
use crate::project::{ModelHub, OfflineModel};

/// What a hub says of a model.
pub(super) struct Snapshot {
    /// The commit, or what else says which content it is.
    pub(super) version: String,
    pub(super) files: Vec<HubFile>,
}

/// One file of a model.
pub(super) struct HubFile {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sum: Sum,
    /// The commit that it was last changed by, where the hub says it.
    pub(super) revision: String,
}

/// What tells whether a file is right.
#[derive(Clone)]
pub(super) enum Sum {
    Sha256(Digest),
    /// Of git: over `blob SIZE\0` and the content (Git, `Documentation/gitformat-pack.txt`).
    GitBlob(String),
}

impl Sum {
    /// What the cache calls a file with this sum.
    pub(super) fn hex(&self) -> String {
        match self {
            Self::Sha256(digest) => digest.hex(),
            Self::GitBlob(hex) => hex.clone(),
        }
    }
}

/// A hub of models, as its library asks it.
pub(super) struct Hub {
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
}

impl Hub {
    pub(super) fn of(hub: ModelHub) -> Self {
        match hub {
            ModelHub::ModelScope => modelscope::hub(),
            _ => huggingface::hub(),
        }
    }

    pub(super) fn source(&self, one: &OfflineModel, url: String) -> Source {
        Source {
            what: format!("{} of {}", one.key(), self.endpoint),
            place: place_of(one.location.as_ref()),
            urls: vec![url],
            token: self.token.clone(),
        }
    }
}

/// What a hub has now.
pub(super) fn ask(web: &Web<'_>, one: &OfflineModel) -> Result<Snapshot, Failure> {
    let hub = Hub::of(one.hub);
    let mut snapshot = match one.hub {
        ModelHub::ModelScope => modelscope::ask(web, &hub, one)?,
        _ => huggingface::ask(web, &hub, one)?,
    };
    if !one.files.is_empty() {
        let known = snapshot.files.iter().map(|f| f.path.clone()).collect();
        let wanted = |file: &HubFile| one.files.iter().any(|p| matches(p, &file.path));
        snapshot.files.retain(wanted);
        if snapshot.files.is_empty() {
            return Err(Error::NoFile {
                place: place_of(one.location.as_ref()),
                model: one.key(),
                patterns: one.files.clone(),
                known,
            }
            .into());
        }
    }
    let odd = |path: &str| {
        let parts = path.split('/');
        path.contains(char::is_control) || parts.into_iter().any(|p| matches!(p, "" | "." | ".."))
    };
    if let Some(file) = snapshot.files.iter().find(|file| odd(&file.path)) {
        return Err(unreadable(one, format!("{:?} is no plain path", file.path)).into());
    }
    Ok(snapshot)
}

pub(super) fn unreadable(one: &OfflineModel, why: impl Into<String>) -> Error {
    Error::Answer {
        place: place_of(one.location.as_ref()),
        what: format!("what the hub says of {} cannot be read", one.key()),
        why: why.into(),
    }
}

/// Fetches what is not there yet; gives what the model consists of, and what of it is new.
pub(super) fn store(
    origin: &Origin<'_>,
    web: &Web<'_>,
    one: &OfflineModel,
    snapshot: &Snapshot,
    layout: &Layout,
    progress: Progress<'_>,
) -> Result<(Listing, u64), Failure> {
    let hub = Hub::of(one.hub);
    let (mut stored, mut new) = (Vec::new(), 0);
    for file in &snapshot.files {
        origin.docker.check_interrupt()?;
        let url = match one.hub {
            ModelHub::ModelScope => modelscope::file_url(&hub, one, &file.path),
            _ => huggingface::file_url(&hub, one, &snapshot.version, &file.path),
        };
        let mut source = hub.source(one, url);
        source.what = format!("{} of {}", file.path, one.key());
        let (digest, size, added) = match &file.sum {
            Sum::Sha256(digest) if layout.has_blob(digest, Some(file.size)) => {
                progress(file.size);
                (*digest, file.size, 0)
            }
            Sum::Sha256(digest) => {
                let blob = web.fetch(&source, Some(digest), layout, progress)?;
                (blob.digest, blob.size, if blob.new { blob.size } else { 0 })
            }
            Sum::GitBlob(sum) => {
                let bytes = web.document(&source)?;
                let found = git_blob(&bytes);
                if found != *sum {
                    return Err(Web::changed(&source, sum, &found).into());
                }
                progress(bytes.len() as u64);
                let blob = layout.write_blob(&bytes)?;
                (blob.digest, blob.size, if blob.new { blob.size } else { 0 })
            }
        };
        new += added;
        stored.push((digest, size));
    }
    let mut listing = Listing::default();
    let files = snapshot.files.iter().zip(stored);
    match one.hub {
        ModelHub::ModelScope => {
            new += modelscope::lay_out(one, files, layout, &mut listing)?;
        }
        _ => new += huggingface::lay_out(one, &snapshot.version, files, layout, &mut listing)?,
    }
    listing.files.sort();
    listing.files.dedup();
    Ok((listing, new))
}

fn git_blob(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    let mut hasher = sha1::Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex::encode(hasher.finalize())
}

/// As Python's `fnmatch` does it: `*` and `?` stand for slashes too.
fn matches(pattern: &str, path: &str) -> bool {
    let mut regex = String::from("^(?s)");
    for c in pattern.chars() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(path))
}

/// A part of an address.
pub(super) fn escaped(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                text.push(byte as char);
            }
            other => text += &format!("%{other:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_libraries() {
        for (pattern, path, is) in [
            ("*.json", "a/config.json", true),
            ("*.json", "config.json.bak", false),
            ("onnx/*", "onnx/a/b", true),
            ("model.?", "model.a", true),
            ("a+b", "a+b", true),
        ] {
            assert_eq!(matches(pattern, path), is, "{pattern} {path}");
        }
        assert_eq!(escaped("a b/中"), "a%20b/%E4%B8%AD");
        assert_eq!(
            git_blob(b"hello\n"),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
    }
}
