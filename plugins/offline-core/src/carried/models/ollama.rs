//! Models of a store as Ollama lays it out: a manifest for each name, and blobs by their
//! digest (ollama, `server/modelpath.go` and `server/layer.go`).

use std::io::{Read as _, Write as _};

use serde::Deserialize;

use super::super::{Error as CarriedError, Origin, place_of};
use super::error::Error;
use super::listing::Listing;
use super::store::{Store, words};
use crate::error::Failure;
use crate::layout::{Digest, Layout, Progress};
use crate::project::OfflineModel;

/// Where names are looked for that say no host and no namespace.
const HOST: &str = "registry.ollama.ai";
const NAMESPACE: &str = "library";
/// The longest manifest that is read.
const LIMIT: u64 = 4 << 20;

/// A manifest, of which only the blobs count.
#[derive(Deserialize)]
struct Manifest {
    config: Blob,
    #[serde(default)]
    layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Blob {
    digest: Digest,
    size: u64,
}

/// The path of a name below `manifests`: `[HOST/][NAMESPACE/]MODEL[:TAG]`.
fn manifest_path(name: &str) -> String {
    let (rest, tag) = match name.rsplit_once(':') {
        Some((rest, tag)) if !tag.contains('/') => (rest, tag),
        _ => (name, "latest"),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    match parts.as_slice() {
        [model] => format!("{HOST}/{NAMESPACE}/{model}/{tag}"),
        [namespace, model] => format!("{HOST}/{namespace}/{model}/{tag}"),
        _ => format!("{rest}/{tag}"),
    }
}

/// The name of a path below `manifests`, as Ollama shows it.
fn shown(path: &str) -> Option<String> {
    let (rest, tag) = path.rsplit_once('/')?;
    let rest = rest.strip_prefix(&format!("{HOST}/")).unwrap_or(rest);
    let rest = rest.strip_prefix(&format!("{NAMESPACE}/")).unwrap_or(rest);
    Some(format!("{rest}:{tag}"))
}

/// A model that was found.
pub(super) struct Found<'a> {
    store: Store<'a>,
    place: String,
    model: String,
    store_words: String,
    /// What stands before `manifests` and `blobs`: nothing, or `models/`.
    prefix: String,
    manifest: (String, Vec<u8>),
    blobs: Vec<Blob>,
}

/// Looks for a model in its store.
pub(super) fn find<'a>(origin: &Origin<'a>, one: &OfflineModel) -> Result<Found<'a>, Failure> {
    let from = one.from.as_ref().unwrap_or(&one.target);
    let store = Store::open(origin, from, one.location.as_ref())?;
    let (place, store_words) = (place_of(one.location.as_ref()), words(from));
    let wanted = manifest_path(&one.name);
    let mut known = Vec::new();
    let mut is_store = false;
    for prefix in ["models/", ""] {
        let begin = format!("{prefix}manifests");
        for (path, size) in store.files(&begin)? {
            is_store = true;
            let inner = &path[begin.len() + 1..];
            known.extend(shown(inner));
            if inner != wanted {
                continue;
            }
            let bytes = store.read(&path, &mut |from| {
                let mut bytes = Vec::new();
                let read = from.take(size.min(LIMIT)).read_to_end(&mut bytes);
                read.map_err(CarriedError::io("read", path.as_ref()))?;
                Ok(bytes)
            })?;
            let manifest: Manifest =
                serde_json::from_slice(&bytes).map_err(|e| Error::NotWhole {
                    place: place.clone(),
                    model: one.name.clone(),
                    store: store_words.clone(),
                    part: format!("its manifest cannot be read ({e})"),
                })?;
            let mut blobs = vec![manifest.config];
            blobs.extend(manifest.layers);
            return Ok(Found {
                store,
                place,
                model: one.name.clone(),
                store_words,
                prefix: prefix.to_owned(),
                manifest: (path, bytes),
                blobs,
            });
        }
    }
    known.sort();
    Err(if is_store {
        Error::NotInStore {
            place,
            model: one.name.clone(),
            store: store_words,
            known,
        }
    } else {
        Error::NoStore {
            place,
            store: store_words,
        }
    }
    .into())
}

impl Found<'_> {
    /// Bytes of the model.
    pub(super) fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum()
    }

    /// What it is made of, as its manifest says; the manifest itself is its digest.
    pub(super) fn version(&self) -> String {
        Digest::of(&self.manifest.1).to_string()
    }

    /// Puts it into the layout; gives what it consists of, and what of it is new.
    pub(super) fn store(
        &self,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<(Listing, u64), Failure> {
        let mut listing = Listing::default();
        let mut new = 0;
        for blob in &self.blobs {
            let path = format!("{}blobs/sha256-{}", self.prefix, blob.digest.hex());
            if layout.has_blob(&blob.digest, Some(blob.size)) {
                progress(blob.size);
            } else {
                new += self.blob(blob, &path, layout, progress)?;
            }
            listing.blob(path, blob.digest, blob.size);
        }
        let manifest = layout.write_blob(&self.manifest.1)?;
        new += if manifest.new { manifest.size } else { 0 };
        listing.blob(self.manifest.0.clone(), manifest.digest, manifest.size);
        listing.files.sort();
        listing.files.dedup();
        Ok((listing, new))
    }

    fn blob(
        &self,
        blob: &Blob,
        path: &str,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<u64, Failure> {
        let not_whole = |part: String| Error::NotWhole {
            place: self.place.clone(),
            model: self.model.clone(),
            store: self.store_words.clone(),
            part,
        };
        let mut writer = layout.blob_writer()?;
        let failed = |source| CarriedError::io("write", layout.path())(source);
        let read = self.store.read(path, &mut |from| {
            let mut buffer = vec![0; 1 << 17];
            loop {
                let length = from.read(&mut buffer).map_err(failed)?;
                if length == 0 {
                    return Ok(());
                }
                writer.write_all(&buffer[..length]).map_err(failed)?;
                progress(length as u64);
            }
        });
        if let Err(failure) = read {
            return Err(match failure.kind() {
                crate::error::Kind::DiskFull | crate::error::Kind::Interrupted => failure,
                _ => not_whole(format!("{path} is missing")).into(),
            });
        }
        if writer.digest() != blob.digest {
            return Err(not_whole(format!("{path} is damaged")).into());
        }
        let committed = writer.commit(Some(&blob.digest))?;
        Ok(if committed.new { committed.size } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_ollama_does() {
        for (name, path, again) in [
            (
                "qwen3",
                "registry.ollama.ai/library/qwen3/latest",
                "qwen3:latest",
            ),
            (
                "qwen3:0.6b",
                "registry.ollama.ai/library/qwen3/0.6b",
                "qwen3:0.6b",
            ),
            ("me/m:t", "registry.ollama.ai/me/m/t", "me/m:t"),
            ("hf.co/a/b:Q4", "hf.co/a/b/Q4", "hf.co/a/b:Q4"),
            ("h:80/a/b", "h:80/a/b/latest", "h:80/a/b:latest"),
        ] {
            assert_eq!(manifest_path(name), path);
            assert_eq!(shown(path).as_deref(), Some(again));
        }
    }
}
