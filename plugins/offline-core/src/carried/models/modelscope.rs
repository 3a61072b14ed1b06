//! `ModelScope`: its API, and the cache of its library (modelscope, `hub/utils/caching.py`):
//! the files themselves, with an index beside them.

use serde::Deserialize;

use super::super::web::Web;
use super::hub::{Hub, HubFile, Snapshot, Sum, escaped, unreadable};
use super::listing::Listing;
use crate::error::Failure;
use crate::layout::{Digest, Layout};
use crate::project::OfflineModel;

const DOMAIN: &str = "www.modelscope.cn";
const REVISION: &str = "master";

pub(super) fn hub() -> Hub {
    let variable = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    let domain = variable("MODELSCOPE_DOMAIN").unwrap_or_else(|| DOMAIN.into());
    let domain = domain.trim_end_matches('/');
    Hub {
        endpoint: if domain.contains("://") {
            domain.to_owned()
        } else {
            format!("https://{domain}")
        },
        token: variable("MODELSCOPE_API_TOKEN"),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    path: String,
    #[serde(default, rename = "Type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    revision: String,
}

fn revision(one: &OfflineModel) -> &str {
    one.revision.as_deref().unwrap_or(REVISION)
}

pub(super) fn ask(web: &Web<'_>, hub: &Hub, one: &OfflineModel) -> Result<Snapshot, Failure> {
    let (repo, revision) = (&one.name, escaped(revision(one)));
    let url = format!(
        "{}/api/v1/models/{repo}/repo/files?Revision={revision}&Recursive=true",
        hub.endpoint
    );
    let bytes = web.document(&hub.source(one, url))?;
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|e| unreadable(one, e.to_string()))?;
    let mut files = Vec::new();
    let of_files = answer.data.files.into_iter().filter(|f| f.kind != "tree");
    for file in of_files {
        let digest = Digest::from_hex(&file.sha256);
        let digest = digest.map_err(|_| unreadable(one, format!("{} has no sha256", file.path)))?;
        files.push(HubFile {
            path: file.path,
            size: file.size,
            sum: Sum::Sha256(digest),
            revision: file.revision,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    // The hub names no commit for the whole: its content is one.
    let mut all = String::new();
    for file in &files {
        all += &format!("{} {} {}\n", file.path, file.sum.hex(), file.revision);
    }
    Ok(Snapshot {
        version: Digest::of(all.as_bytes()).to_string(),
        files,
    })
}

pub(super) fn file_url(hub: &Hub, one: &OfflineModel, path: &str) -> String {
    let path = escaped(path).replace('/', "%2F");
    let (repo, revision) = (&one.name, escaped(revision(one)));
    format!(
        "{}/api/v1/models/{repo}/repo?Revision={revision}&FilePath={path}",
        hub.endpoint
    )
}

/// `models/ORG/NAME`, where a dot of the name is `___`, as the library has it. Gives the
/// bytes that are new.
pub(super) fn lay_out<'a>(
    one: &OfflineModel,
    files: impl Iterator<Item = (&'a HubFile, (Digest, u64))>,
    layout: &Layout,
    listing: &mut Listing,
) -> Result<u64, Failure> {
    let (organisation, name) = one.name.split_once('/').unwrap_or(("", &one.name));
    let base = format!("models/{organisation}/{}", name.replace('.', "___"));
    let mut index = String::from("(l");
    for (file, (digest, size)) in files {
        index += &entry(&[("Path", &file.path), ("Revision", &file.revision)]);
        index.push('a');
        listing.blob(format!("{base}/{}", file.path), digest, size);
    }
    index.push('.');
    let meta = entry(&[("id", &one.name)]) + ".";
    let version = format!("Revision:{},CreatedAt:0", revision(one));
    let mut new = 0;
    for (name, text) in [(".msc", index), (".mdl", meta), (".mv", version)] {
        let written = layout.write_blob(text.as_bytes())?;
        new += if written.new { written.size } else { 0 };
        listing.blob(format!("{base}/{name}"), written.digest, written.size);
    }
    Ok(new)
}

/// A dictionary of texts as Python's pickle of protocol 0 writes it (`Lib/pickletools.py`).
fn entry(pairs: &[(&str, &str)]) -> String {
    let mut text = String::from("(d");
    for (key, value) in pairs {
        text += &format!("V{}\nV{}\ns", raw(key), raw(value));
    }
    text
}

/// `raw-unicode-escape`.
fn raw(text: &str) -> String {
    let mut raw = String::new();
    for c in text.chars() {
        match u32::from(c) {
            0x20..=0x7e if c != '\\' => raw.push(c),
            code @ 0..=0xffff => raw += &format!("\\u{code:04x}"),
            code => raw += &format!("\\U{code:08x}"),
        }
    }
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_reads_the_index() {
        let text = format!(
            "(l{}a.",
            entry(&[("Path", "a\\中\u{1f600}"), ("Revision", "")])
        );
        let wanted = "[{'Path': 'a\\\\中\u{1f600}', 'Revision': ''}]";
        let script =
            format!("import pickle,sys; print(pickle.loads(sys.argv[1].encode()) == {wanted})");
        let Ok(ran) = std::process::Command::new("python3")
            .args(["-c", &script, &text])
            .output()
        else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "True");
    }
}
