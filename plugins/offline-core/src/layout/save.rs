use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, ErrorKind, Read};

use super::index::{SaveRecord, to_json};
use super::store::{DOCUMENT_LIMIT, read_document};
use super::{
    Committed, Descriptor, Digest, Error, Index, Layout, Manifest, Platform, Progress, media_type,
};
use crate::reference::ImageReference;

/// Layers of base images that the layout already holds as their registry serves
/// them: diff ID (digest of the uncompressed layer) to the blob's descriptor.
pub type KnownLayers = HashMap<Digest, Descriptor>;

/// An image that came out of `docker save`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedImage {
    /// Its tags, as people write them.
    pub repo_tags: Vec<String>,
    /// The manifest in the layout.
    pub manifest: Descriptor,
    /// The config's digest, which is the image ID on a graphdriver store.
    pub config: Digest,
    /// The layers in the layout, base first.
    pub layers: Vec<Descriptor>,
    /// How many bytes of this image the layout did not hold before; a layer that
    /// several images share counts for the first.
    pub new_bytes: u64,
}

impl Layout {
    /// Reads a stream of `docker save` and keeps its images.
    ///
    /// Takes what engines from 20.10 up write: an OCI layout in a tar (25 and
    /// later, both image stores) and the older `<id>/layer.tar` with symlinks
    /// between equal layers. Of an index the image for `platform` is kept;
    /// attestations are dropped. An uncompressed layer in `known` is not written,
    /// the known blob takes its place in a new manifest; the config, and with it
    /// the image ID, stays as it is.
    pub fn import_save(
        &self,
        reader: impl Read,
        platform: &Platform,
        known: &KnownLayers,
        progress: Progress<'_>,
    ) -> Result<Vec<SavedImage>, Error> {
        let mut import = Import {
            layout: self,
            known,
            files: HashMap::new(),
            links: HashMap::new(),
            new: BTreeMap::new(),
        };
        let outcome = import
            .read(Counting { reader, progress })
            .and_then(|documents| import.images(&documents, platform));
        // Blobs that no image needs (attestations, manifests that were written
        // anew) would stay for ever; after a failure they are kept, so that the
        // next run need not write them again.
        if outcome.is_ok() {
            for digest in import.new.keys() {
                let path = self.blob_path(digest);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed.map_err(Error::io("remove", path))?,
                }
            }
        }
        self.sync()?;
        outcome
    }
}

/// The documents at the root of the stream.
#[derive(Default)]
struct Documents {
    index: Option<Index>,
    records: Vec<SaveRecord>,
}

struct Import<'a> {
    layout: &'a Layout,
    known: &'a KnownLayers,
    /// Path in the stream to digest and size, for the older format.
    files: HashMap<String, (Digest, u64)>,
    /// Path in the stream to the path that it links to.
    links: HashMap<String, String>,
    /// Blobs that this import wrote and no image has claimed yet.
    new: BTreeMap<Digest, u64>,
}

impl Import<'_> {
    fn read(&mut self, reader: impl Read) -> Result<Documents, Error> {
        let mut documents = Documents::default();
        let mut seen = false;
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries().map_err(stream)? {
            let mut entry = entry.map_err(stream)?;
            seen = true;
            let raw = entry.path_bytes().into_owned();
            let Some(path) = normal_path(&String::from_utf8_lossy(&raw)) else {
                return Err(bad(format!(
                    "it holds the path {:?}",
                    String::from_utf8_lossy(&raw)
                )));
            };
            let kind = entry.header().entry_type();
            if kind.is_symlink() || kind.is_hard_link() {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let target = String::from_utf8_lossy(&target).into_owned();
                let from = match path.rsplit_once('/') {
                    Some((folder, _)) if kind.is_symlink() => format!("{folder}/{target}"),
                    _ => target,
                };
                if let Some(target) = normal_path(&from) {
                    self.links.insert(path, target);
                }
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let size = entry.size();
            match path.as_str() {
                "index.json" => documents.index = Some(document(&mut entry, &path)?),
                "manifest.json" => documents.records = document(&mut entry, &path)?,
                "oci-layout" | "repositories" => {}
                _ if path.starts_with("blobs/sha256/") => {
                    let digest = Digest::from_hex(&path["blobs/sha256/".len()..])?;
                    self.blob(&mut entry, &path, Some(digest), size)?;
                }
                _ if path.ends_with("/layer.tar")
                    || is_root_json(&path) && size <= DOCUMENT_LIMIT =>
                {
                    self.blob(&mut entry, &path, None, size)?;
                }
                _ => {}
            }
        }
        if !seen || documents.index.is_none() && documents.records.is_empty() {
            return Err(bad("it holds neither index.json nor manifest.json".into()));
        }
        Ok(documents)
    }

    fn blob(
        &mut self,
        reader: &mut impl Read,
        path: &str,
        digest: Option<Digest>,
        size: u64,
    ) -> Result<(), Error> {
        if let Some(digest) = digest
            && (self.known.contains_key(&digest) || self.layout.has_blob(&digest, Some(size)))
        {
            self.files.insert(path.to_owned(), (digest, size));
            return Ok(());
        }
        let mut writer = self.layout.blob_writer()?;
        copy(reader, &mut writer, self.layout)?;
        if writer.size() != size {
            return Err(bad(format!("{path} ends too early")));
        }
        let committed = if digest.is_none() && self.known.contains_key(&writer.digest()) {
            Committed {
                digest: writer.digest(),
                size,
                new: false,
            }
        } else {
            writer.commit(digest.as_ref())?
        };
        if committed.new {
            self.new.insert(committed.digest, size);
        }
        self.files.insert(path.to_owned(), (committed.digest, size));
        Ok(())
    }

    fn images(
        &mut self,
        documents: &Documents,
        platform: &Platform,
    ) -> Result<Vec<SavedImage>, Error> {
        let mut images: Vec<SavedImage> = Vec::new();
        let entries = documents.index.iter().flat_map(|i| &i.manifests);
        for entry in entries.filter(|d| !d.is_attestation()) {
            let descriptor = self.layout.manifest_for(entry, platform)?;
            let manifest: Manifest = self.layout.read_json_blob(&descriptor.digest)?;
            if !media_type::is_config(&manifest.config.media_type) {
                continue;
            }
            let tag = entry
                .annotations
                .get("io.containerd.image.name")
                .and_then(|name| ImageReference::parse(name).ok())
                .filter(|name| name.digest().is_none())
                .map(|name| name.familiar());
            let image = self.image(manifest, Some(&descriptor))?;
            merge(&mut images, image, tag.as_slice());
        }
        for record in &documents.records {
            let tags = record.repo_tags.as_deref().unwrap_or_default();
            let (config, size) = self.file(&record.config)?;
            if let Some(image) = images.iter_mut().find(|i| i.config == config) {
                add_tags(image, tags);
                continue;
            }
            let layers = record
                .layers
                .iter()
                .map(|path| {
                    let (digest, size) = self.file(path)?;
                    Ok(Descriptor::new(media_type::OCI_LAYER, digest, size))
                })
                .collect::<Result<_, Error>>()?;
            let manifest = Manifest {
                schema_version: 2,
                media_type: media_type::OCI_MANIFEST.into(),
                config: Descriptor::new(media_type::OCI_CONFIG, config, size),
                layers,
                annotations: BTreeMap::new(),
            };
            let image = self.image(manifest, None)?;
            merge(&mut images, image, tags);
        }
        Ok(images)
    }

    /// Keeps one image: with its own manifest where nothing in it changes,
    /// with a new one otherwise.
    fn image(
        &mut self,
        mut manifest: Manifest,
        original: Option<&Descriptor>,
    ) -> Result<SavedImage, Error> {
        let mut changed = false;
        for layer in &mut manifest.layers {
            if let Some(known) = self.known.get(&layer.digest) {
                *layer = known.clone();
                changed = true;
            } else {
                layer.size = self.layout.blob_size(&layer.digest).ok_or_else(|| {
                    bad(format!(
                        "layer {} is in neither it nor the layout",
                        layer.digest
                    ))
                })?;
            }
        }
        if !self.layout.has_blob(&manifest.config.digest, None) {
            return Err(bad(format!("config {} is missing", manifest.config.digest)));
        }
        let mut new_bytes = self.claim(&manifest.config.digest);
        for layer in &manifest.layers {
            new_bytes += self.claim(&layer.digest);
        }
        let descriptor = match original {
            Some(original) if !changed => {
                new_bytes += self.claim(&original.digest);
                Descriptor::new(original.media_type.clone(), original.digest, original.size)
            }
            _ => {
                for layer in &mut manifest.layers {
                    self.sniff(layer)?;
                }
                manifest.media_type = media_type::OCI_MANIFEST.into();
                manifest.config.media_type = media_type::OCI_CONFIG.into();
                let bytes = to_json("a manifest", &manifest)?;
                let written = self.layout.write_blob(&bytes)?;
                // The stream may hold the very same bytes.
                let claimed = self.claim(&written.digest);
                new_bytes += if written.new { written.size } else { claimed };
                Descriptor::new(media_type::OCI_MANIFEST, written.digest, written.size)
            }
        };
        Ok(SavedImage {
            repo_tags: Vec::new(),
            manifest: descriptor,
            config: manifest.config.digest,
            layers: manifest.layers,
            new_bytes,
        })
    }

    /// Sets a layer's media type by its first bytes: engines before 25 name
    /// none, and Docker's own types do not belong in an OCI manifest.
    fn sniff(&self, layer: &mut Descriptor) -> Result<(), Error> {
        let mut magic = [0; 4];
        let mut file = self.layout.open_blob(&layer.digest)?;
        let path = self.layout.blob_path(&layer.digest);
        let n = file.read(&mut magic).map_err(Error::io("read", path))?;
        let suffix = match &magic[..n] {
            [0x1f, 0x8b, ..] => "+gzip",
            [0x28, 0xb5, 0x2f, 0xfd] => "+zstd",
            _ => "",
        };
        layer.media_type = format!("{}{suffix}", media_type::OCI_LAYER);
        layer.annotations.clear();
        Ok(())
    }

    fn claim(&mut self, digest: &Digest) -> u64 {
        self.new.remove(digest).unwrap_or(0)
    }

    fn file(&self, path: &str) -> Result<(Digest, u64), Error> {
        let start = normal_path(path).unwrap_or_default();
        let mut name = &start;
        // More links in a row than there are links would be a circle.
        for _ in 0..=self.links.len() {
            if let Some(found) = self.files.get(name) {
                return Ok(*found);
            }
            match self.links.get(name) {
                Some(target) => name = target,
                None => break,
            }
        }
        Err(bad(format!("{path} is named but not there")))
    }
}

fn merge(images: &mut Vec<SavedImage>, image: SavedImage, tags: &[String]) {
    let found = images
        .iter()
        .position(|i| i.manifest.digest == image.manifest.digest);
    let at = found.unwrap_or_else(|| {
        images.push(image);
        images.len() - 1
    });
    add_tags(&mut images[at], tags);
}

fn add_tags(image: &mut SavedImage, tags: &[String]) {
    for tag in tags {
        let tag = ImageReference::parse(tag).map_or_else(|_| tag.clone(), |r| r.familiar());
        if !image.repo_tags.contains(&tag) {
            image.repo_tags.push(tag);
        }
    }
}

/// The older format's configs are `<image ID>.json`.
fn is_root_json(path: &str) -> bool {
    path.strip_suffix(".json")
        .is_some_and(|stem| !stem.contains('/'))
}

fn document<T: serde::de::DeserializeOwned>(reader: impl Read, what: &str) -> Result<T, Error> {
    serde_json::from_slice(&read_document(reader, what)?).map_err(|source| Error::Malformed {
        what: format!("{what} of the saved images"),
        source,
    })
}

/// Copies, and tells a failing stream from a failing disk.
fn copy(reader: &mut impl Read, writer: &mut impl io::Write, layout: &Layout) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 17];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => writer
                .write_all(&buffer[..n])
                .map_err(Error::io("write a blob to", layout.path()))?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(stream(e)),
        }
    }
}

/// A path without `.` and empty parts; `None` if it leaves its root.
fn normal_path(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn stream(source: io::Error) -> Error {
    Error::Stream {
        action: "read what the engine saves",
        source,
    }
}

fn bad(why: String) -> Error {
    Error::SaveStream { why }
}

struct Counting<'a, R> {
    reader: R,
    progress: Progress<'a>,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        (self.progress)(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
#[path = "save_tests.rs"]
mod tests;
