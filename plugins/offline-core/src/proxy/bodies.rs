//! Bodies on their way into the container and out of it, as streams.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use offline_network::{Body, Recording};

use crate::layout::{self, Layout, append_entry};

/// Where bodies are in the container.
pub(super) const BODIES: &str = "/bodies";
/// Where recordings are.
pub(super) const RECORDINGS: &str = "/recordings";

/// Writes recordings and their bodies as the tar that `docker cp` takes.
pub(super) fn write_in(
    recordings: &[Recording],
    bodies: &Layout,
    out: &mut dyn Write,
) -> Result<(), layout::Error> {
    let mut tar = tar::Builder::new(out);
    for (number, recording) in recordings.iter().enumerate() {
        let name = format!("{}/{number}.json", RECORDINGS.trim_start_matches('/'));
        let json = recording.to_json().map_err(io::Error::other);
        let json = json.map_err(layout::write_failed)?;
        append_entry(&mut tar, &name, json.len() as u64, json.as_slice())?;
    }
    for body in all_bodies(recordings).values() {
        let digest = layout::Digest::from_hex(body.digest.hex())?;
        // What is missing or damaged in the bundle is told where it is asked for.
        if !bodies.has_blob(&digest, Some(body.size)) {
            continue;
        }
        let name = format!("{}/{}", BODIES.trim_start_matches('/'), digest.hex());
        append_entry(&mut tar, &name, body.size, bodies.open_blob(&digest)?)?;
    }
    tar.finish().map_err(layout::write_failed)
}

fn all_bodies(recordings: &[Recording]) -> BTreeMap<String, Body> {
    let bodies = recordings.iter().flat_map(Recording::bodies);
    bodies
        .map(|body| (body.digest.hex().to_owned(), body))
        .collect()
}

/// Takes the bodies of a recording out of the tar that `docker cp` gives.
pub(super) fn read_out(
    recording: &Recording,
    layout: &Layout,
    from: &mut dyn Read,
) -> Result<(), layout::Error> {
    let wanted = all_bodies(std::slice::from_ref(recording));
    let mut tar = tar::Archive::new(from);
    let unread = |source| layout::Error::Stream {
        action: "read what docker cp gives",
        source,
    };
    for entry in tar.entries().map_err(unread)? {
        let mut entry = entry.map_err(unread)?;
        let path = entry.path().map_err(unread)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(body) = name.and_then(|name| wanted.get(name)) else {
            continue;
        };
        let digest = layout::Digest::from_hex(body.digest.hex())?;
        if layout.has_blob(&digest, Some(body.size)) {
            continue;
        }
        let mut blob = layout.blob_writer()?;
        io::copy(&mut entry.by_ref().take(body.size + 1), &mut blob).map_err(unread)?;
        blob.commit(Some(&digest))?;
    }
    Ok(())
}
