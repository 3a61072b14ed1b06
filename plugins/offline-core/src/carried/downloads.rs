//! Files of the web, each with its checksum. The blob of a download is the file itself, so
//! that what the bundle holds is known before anything is asked for.

use serde::{Deserialize, Serialize};

use super::place::{Counted, Placing};
use super::web::{self, Source, Web, shown};
use super::{
    Declared, Fetched, Kind, Origin, Planned, Restored, Site, State, entries, layer, place_of,
};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::layout::{Descriptor, Layout, Progress};
use crate::project::{OfflineDownload, Project};

/// The kind.
#[derive(Debug)]
pub(super) struct Downloads;

const NAME: &str = "downloads";
const ARTIFACT: &str = "application/vnd.docker-offline.download.v1+json";
const MEDIA_TYPE: &str = "application/octet-stream";
/// What oras calls the file that it pulls.
const TITLE: &str = "org.opencontainers.image.title";

/// What `bundle.json` says of one.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    /// Where it came from, without credentials and query.
    url: String,
    bytes: u64,
    mode: u32,
}

impl Kind for Downloads {
    fn name(&self) -> &'static str {
        NAME
    }

    fn comes_first(&self) -> bool {
        true
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let declared = entries::wanted::<OfflineDownload>(origin);
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Layout::open(origin.bundle).ok();
        let web = Web::new(origin.reach, origin.docker, origin.reporter)?;
        let mut all = Vec::new();
        for several in declared.into_values() {
            let one = several[0];
            let held = one.sha256.zip(layout.as_ref());
            let held = held.and_then(|(digest, layout)| layout.blob_size(&digest));
            let size = match held {
                Some(size) => Some(size),
                None => web.ask(&source(one))?.and_then(|found| found.size),
            };
            let from = shown(&one.urls[0]);
            all.push(Planned::of(NAME, &several, from, size));
        }
        Ok(all)
    }

    fn propose(&self, origin: &Origin<'_>) -> Result<Vec<String>, Failure> {
        let declared = entries::wanted::<OfflineDownload>(origin);
        let of = declared.into_values().map(|several| several[0]);
        let without = of.filter(|one| one.sha256.is_none());
        Ok(without
            .map(|one| {
                format!(
                    "{}{} has no sha256; the export fetches it, says its sum, and ends",
                    place_of(one.location.as_ref()),
                    shown(&one.urls[0])
                )
            })
            .collect())
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let one: &OfflineDownload = entries::planned(origin, planned)?;
        let held = one.sha256.and_then(|digest| {
            let size = layout.blob_size(&digest)?;
            Some((digest, size, 0))
        });
        let (digest, size, new_bytes) = if let Some(held) = held {
            held
        } else {
            let web = Web::new(origin.reach, origin.docker, origin.reporter)?;
            let source = source(one);
            let blob = web.fetch(&source, one.sha256.as_ref(), layout, progress)?;
            if one.sha256.is_none() {
                return Err(web::Error::NoChecksum {
                    place: source.place,
                    what: source.what,
                    found: blob.digest,
                }
                .into());
            }
            (blob.digest, blob.size, if blob.new { blob.size } else { 0 })
        };
        let mut layer = Descriptor::new(MEDIA_TYPE, digest, size);
        let title = file_name(&one.target).to_owned();
        layer.annotations.insert(TITLE.into(), title);
        let root = layout.write_artifact(ARTIFACT, vec![layer])?;
        let detail = Detail {
            url: planned.from.clone(),
            bytes: size,
            mode: one.mode,
        };
        Ok(Fetched {
            new_bytes,
            carried: planned.stored(root.clone(), size + root.size, detail),
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        entries::declared::<OfflineDownload>(project)
    }

    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure> {
        let mut all = site.project.offline.downloads.iter();
        let Some(one) = all.find(|one| one.target == carried.name) else {
            return Err(entries::not_declared(&carried.name).into());
        };
        let target = site.project.directory.join(&one.target);
        let what = layer::what(carried);
        let layers = layer::all(site.layout, carried, ARTIFACT, 1)?;
        let blob = layers[0].clone();
        let state = if one.sha256.is_some_and(|wanted| wanted != blob.digest) {
            State::Refused(format!(
                "{}the bundle holds {}, which is not what is declared; export again",
                place_of(one.location.as_ref()),
                blob.digest
            ))
        } else {
            let open = || Ok(layer::as_file(site, &blob, "file", one.mode));
            let placing = Placing {
                what: &what,
                target: &target,
                open: &open,
                counts: Counted::All,
            };
            placing.run(site.replace.takes(&carried.name), progress)?
        };
        Ok(Restored::of(carried, target.display().to_string(), state))
    }
}

fn file_name(target: &str) -> &str {
    target.rsplit('/').next().unwrap_or(target)
}

fn source(one: &OfflineDownload) -> Source {
    Source {
        what: shown(&one.urls[0]),
        place: place_of(one.location.as_ref()),
        urls: one.urls.clone(),
        token: None,
    }
}
