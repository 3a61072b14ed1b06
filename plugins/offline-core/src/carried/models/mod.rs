//! Models: of a store of Ollama, and of hubs, as the libraries that read them lay them out.
//!
//! The artifact of a model is a list of files and their blobs, so that what several models
//! share is carried once; on site it is put into the folder or volume that is declared.

mod error;
mod hub;
mod huggingface;
mod listing;
mod modelscope;
mod ollama;
mod place;
mod store;

use serde::{Deserialize, Serialize};

use super::web::Web;
use super::{
    Declared, Error as CarriedError, Fetched, Kind, Origin, Planned, Restored, Site, State,
    entries, kept, layer,
};
use crate::bundle::Carried;
use crate::error::Failure;
use crate::event::Event;
use crate::layout::{Descriptor, Layout, Progress};
use crate::project::{ModelHub, OfflineModel, Project};
use hub::{Hub, Snapshot};
use listing::Listing;

/// The kind.
#[derive(Debug)]
pub(super) struct Models;

const NAME: &str = "models";
const ARTIFACT: &str = "application/vnd.docker-offline.model.v1+json";
const LISTING: &str = "application/vnd.docker-offline.listing.v1+json";

/// What `bundle.json` says of one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Detail {
    /// What says which content it is: a commit of Hugging Face, the digest of a manifest of
    /// Ollama, the digest of all sums of `ModelScope`.
    version: String,
    /// The files that are wanted, where not all are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
}

/// A model where it comes from.
enum Origins<'a> {
    Store(Box<ollama::Found<'a>>),
    Hub(Web<'a>, Snapshot),
}

impl<'a> Origins<'a> {
    fn find(origin: &Origin<'a>, one: &OfflineModel) -> Result<Self, Failure> {
        if one.hub == ModelHub::Ollama {
            return Ok(Self::Store(Box::new(ollama::find(origin, one)?)));
        }
        let web = Web::new(origin.reach, origin.docker, origin.reporter)?;
        let snapshot = hub::ask(&web, one)?;
        Ok(Self::Hub(web, snapshot))
    }

    fn size(&self) -> u64 {
        match self {
            Self::Store(found) => found.size(),
            Self::Hub(_, snapshot) => snapshot.files.iter().map(|file| file.size).sum(),
        }
    }

    fn version(&self) -> String {
        match self {
            Self::Store(found) => found.version(),
            Self::Hub(_, snapshot) => snapshot.version.clone(),
        }
    }
}

/// What the bundle has of the same model; of a pinned commit, nobody has to be asked.
fn held(origin: &Origin<'_>, one: &OfflineModel, version: &str) -> Option<Carried> {
    let detail = Detail {
        version: version.to_owned(),
        files: one.files.clone(),
    };
    let wanted = serde_json::to_value(detail).ok()?;
    kept(origin.bundle, NAME, &one.key(), ARTIFACT).filter(|carried| carried.detail == wanted)
}

fn pinned(origin: &Origin<'_>, one: &OfflineModel) -> Option<Carried> {
    let revision = one.revision.as_deref()?;
    (one.hub == ModelHub::HuggingFace).then(|| held(origin, one, revision))?
}

fn words(one: &OfflineModel) -> String {
    match one.hub {
        ModelHub::Ollama => store::words(one.from.as_ref().unwrap_or(&one.target)),
        hub => Hub::of(hub).endpoint,
    }
}

impl Kind for Models {
    fn name(&self) -> &'static str {
        NAME
    }

    fn comes_first(&self) -> bool {
        true
    }

    fn plan(&self, origin: &Origin<'_>) -> Result<Vec<Planned>, Failure> {
        let mut all = Vec::new();
        for several in entries::wanted::<OfflineModel>(origin).into_values() {
            let one = several[0];
            let size = match pinned(origin, one) {
                Some(carried) => carried.size,
                None => Origins::find(origin, one)?.size(),
            };
            all.push(Planned::of(NAME, &several, words(one), Some(size)));
        }
        Ok(all)
    }

    fn propose(&self, _: &Origin<'_>) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn fetch(
        &self,
        origin: &Origin<'_>,
        planned: &Planned,
        layout: &Layout,
        progress: Progress<'_>,
    ) -> Result<Fetched, Failure> {
        let one: &OfflineModel = entries::planned(origin, planned)?;
        if let Some(carried) = pinned(origin, one) {
            return Ok(planned.again(carried));
        }
        let found = Origins::find(origin, one)?;
        let version = found.version();
        if one.hub == ModelHub::HuggingFace {
            origin.reporter.event(Event::Note(format!(
                "{} is carried as it is now, at commit {version}",
                planned.name
            )));
        }
        if let Some(carried) = held(origin, one, &version) {
            return Ok(planned.again(carried));
        }
        let (listing, mut new_bytes) = match &found {
            Origins::Store(found) => found.store(layout, progress)?,
            Origins::Hub(web, snapshot) => {
                hub::store(origin, web, one, snapshot, layout, progress)?
            }
        };
        let bytes = serde_json::to_vec(&listing).unwrap_or_default();
        let list = layout.write_blob(&bytes)?;
        new_bytes += if list.new { list.size } else { 0 };
        let mut layers = vec![Descriptor::new(LISTING, list.digest, list.size)];
        layers.extend(listing.blobs());
        let size = layers.iter().map(|blob| blob.size).sum::<u64>();
        let root = layout.write_artifact(ARTIFACT, layers)?;
        let detail = Detail {
            version,
            files: one.files.clone(),
        };
        Ok(Fetched {
            new_bytes,
            carried: planned.stored(root.clone(), size + root.size, detail),
        })
    }

    fn declared(&self, project: &Project) -> Vec<Declared> {
        entries::declared::<OfflineModel>(project)
    }

    fn restore(
        &self,
        site: &Site<'_>,
        carried: &Carried,
        progress: Progress<'_>,
    ) -> Result<Restored, Failure> {
        let list = layer::first(site.layout, carried, ARTIFACT)?;
        let bytes = site.layout.read_blob(&list.digest)?;
        let listing: Listing = serde_json::from_slice(&bytes).map_err(|source| {
            CarriedError::unreadable(&layer::what(carried))(std::io::Error::other(source))
        })?;
        let mut targets: Vec<_> = Vec::new();
        for one in &site.project.offline.models {
            let here = one.service.as_ref().is_none_or(|s| site.has(s));
            if one.key() == carried.name && here && !targets.contains(&&one.target) {
                targets.push(&one.target);
            }
        }
        let mut places = Vec::new();
        let mut state = State::Kept;
        for target in targets {
            let (place, of_place) = place::put(site, carried, &listing, target, progress)?;
            places.push(place);
            match (&mut state, of_place) {
                (State::Refused(all), State::Refused(why)) => *all += &format!("; {why}"),
                (State::Refused(_), _) | (_, State::Kept) => {}
                (state, other) => *state = other,
            }
        }
        Ok(Restored::of(carried, places.join(" and "), state))
    }
}
