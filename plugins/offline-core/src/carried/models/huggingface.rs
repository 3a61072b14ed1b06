//! Hugging Face: its API, and the cache of its libraries (`huggingface_hub`, "Understand
//! caching"): blobs by their tag, snapshots of links to them, and what a name means.

use serde::Deserialize;

use super::super::web::Web;
use super::hub::{Hub, HubFile, Snapshot, Sum, escaped, unreadable};
use super::listing::Listing;
use crate::error::Failure;
use crate::layout::{Digest, Layout};
use crate::project::OfflineModel;

const ENDPOINT: &str = "https://huggingface.co";
const REVISION: &str = "main";

pub(super) fn hub() -> Hub {
    let variable = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.into());
    Hub {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        token: variable("HF_TOKEN"),
    }
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    blob_id: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

fn revision(one: &OfflineModel) -> &str {
    one.revision.as_deref().unwrap_or(REVISION)
}

pub(super) fn ask(web: &Web<'_>, hub: &Hub, one: &OfflineModel) -> Result<Snapshot, Failure> {
    let (repo, revision) = (&one.name, escaped(revision(one)).replace('/', "%2F"));
    let url = format!(
        "{}/api/models/{repo}/revision/{revision}?blobs=true",
        hub.endpoint
    );
    let bytes = web.document(&hub.source(one, url))?;
    let answer: Answer =
        serde_json::from_slice(&bytes).map_err(|e| unreadable(one, e.to_string()))?;
    let commit = answer.sha;
    if commit.len() != 40 || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(unreadable(one, "it names no commit").into());
    }
    let mut files = Vec::new();
    for sibling in answer.siblings {
        let (size, sum) = match (sibling.lfs, sibling.blob_id, sibling.size) {
            (Some(lfs), _, _) => {
                let digest = Digest::from_hex(&lfs.sha256);
                let digest = digest.map_err(|e| unreadable(one, e.to_string()))?;
                (lfs.size, Sum::Sha256(digest))
            }
            (None, Some(sum), size) if sum.bytes().all(|b| b.is_ascii_hexdigit()) => {
                (size.unwrap_or(0), Sum::GitBlob(sum))
            }
            _ => {
                let why = format!("{} has no checksum", sibling.rfilename);
                return Err(unreadable(one, why).into());
            }
        };
        files.push(HubFile {
            path: sibling.rfilename,
            size,
            sum,
            revision: commit.clone(),
        });
    }
    Ok(Snapshot {
        version: commit,
        files,
    })
}

pub(super) fn file_url(hub: &Hub, one: &OfflineModel, commit: &str, path: &str) -> String {
    format!(
        "{}/{}/resolve/{commit}/{}",
        hub.endpoint,
        one.name,
        escaped(path)
    )
}

/// `hub/models--ORG--NAME/{blobs,refs,snapshots}`. Gives the bytes that are new.
pub(super) fn lay_out<'a>(
    one: &OfflineModel,
    commit: &str,
    files: impl Iterator<Item = (&'a HubFile, (Digest, u64))>,
    layout: &Layout,
    listing: &mut Listing,
) -> Result<u64, Failure> {
    let base = format!("hub/models--{}", one.name.replace('/', "--"));
    for (file, (digest, size)) in files {
        let tag = file.sum.hex();
        listing.blob(format!("{base}/blobs/{tag}"), digest, size);
        let up = "../".repeat(file.path.matches('/').count() + 2);
        let link = format!("{base}/snapshots/{commit}/{}", file.path);
        listing.link(link, format!("{up}blobs/{tag}"));
    }
    if revision(one) == commit {
        return Ok(0);
    }
    let written = layout.write_blob(commit.as_bytes())?;
    let name = format!("{base}/refs/{}", revision(one));
    listing.blob(name, written.digest, written.size);
    Ok(if written.new { written.size } else { 0 })
}
