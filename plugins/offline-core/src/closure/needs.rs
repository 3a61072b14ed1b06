//! What was found so far, over all services.

use std::collections::{BTreeMap, BTreeSet};

use super::{FetchedSource, NeededImage, Role, Unbundled};
use crate::reference::ImageReference;

#[derive(Debug, Default)]
pub(super) struct Needs {
    images: BTreeMap<(ImageReference, String), (BTreeSet<Role>, BTreeSet<String>)>,
    unbundled: BTreeSet<Unbundled>,
    fetched: BTreeSet<FetchedSource>,
}

impl Needs {
    pub(super) fn image(
        &mut self,
        reference: &ImageReference,
        platform: &str,
        role: Role,
        service: Option<&str>,
    ) {
        let key = (reference.clone(), platform.to_owned());
        let (roles, services) = self.images.entry(key).or_default();
        roles.insert(role);
        services.extend(service.map(str::to_owned));
    }

    pub(super) fn unbundled(&mut self, found: Unbundled) {
        self.unbundled.insert(found);
    }

    pub(super) fn fetched(&mut self, found: FetchedSource) {
        self.fetched.insert(found);
    }

    pub(super) fn into_parts(self) -> (Vec<NeededImage>, Vec<Unbundled>, Vec<FetchedSource>) {
        let images = self
            .images
            .into_iter()
            .map(|((reference, platform), (roles, services))| NeededImage {
                reference,
                platform,
                roles,
                services,
            })
            .collect();
        (
            images,
            self.unbundled.into_iter().collect(),
            self.fetched.into_iter().collect(),
        )
    }
}
