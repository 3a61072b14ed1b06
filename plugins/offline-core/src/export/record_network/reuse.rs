use std::collections::{BTreeMap, BTreeSet};

use super::super::images::CarriedImage;
use super::plan::Planned;
use crate::bundle::{self, NetworkContents, NetworkRecord, NetworkStep, Record, ServiceNetwork};
use crate::layout::{Digest, Layout};
use crate::stages::StepKeys;

/// The recordings of the previous export that are still whole in the layout.
pub(super) struct Held<'a> {
    layout: &'a Layout,
    records: Vec<&'a NetworkRecord>,
    /// What images of registries were, by reference and platform.
    images: BTreeMap<(&'a str, &'a str), Digest>,
}

impl<'a> Held<'a> {
    pub(super) fn of(previous: Option<&'a Record>, layout: &'a Layout) -> Self {
        let records = previous.into_iter().flat_map(|record| &record.network);
        let whole = |record: &&NetworkRecord| {
            let reached = layout.reachable(std::slice::from_ref(&record.manifest));
            let whole = |(digest, size): (&Digest, &Option<u64>)| layout.has_blob(digest, *size);
            record.read(layout).is_ok() && reached.is_ok_and(|blobs| blobs.iter().all(whole))
        };
        let images = previous.into_iter().flat_map(|record| &record.images);
        Self {
            layout,
            records: records.filter(whole).collect(),
            images: images
                .map(|i| ((i.reference.as_str(), i.platform.as_str()), i.root))
                .collect(),
        }
    }

    /// What the record said of a service, with its steps where they are now; `None`
    /// where a step depends on something else than then, or is new, or where other packages
    /// are to be fetched besides.
    pub(super) fn of_service(
        &self,
        service: &Planned<'_>,
        keys: &StepKeys,
        packages: &BTreeMap<String, BTreeSet<String>>,
    ) -> Option<ServiceNetwork> {
        let mut of_service = self
            .records
            .iter()
            .rev()
            .filter_map(|r| r.services.get(&service.name));
        // What is fetched besides has to be of the same time as what the steps ask for: an
        // index that lists the one may no longer list the other.
        let before = of_service.next().filter(|b| b.packages == *packages)?;
        let mut now = ServiceNetwork {
            packages: before.packages.clone(),
            ..ServiceNetwork::default()
        };
        for step in service.steps() {
            let key = keys.get(&step.stage)?.get(step.step + 1)?;
            let known = before.stages.get(&step.stage_name)?;
            let known = known.iter().find(|known| known.key.as_ref() == Some(key))?;
            now.stages
                .entry(step.stage_name)
                .or_default()
                .push(NetworkStep {
                    step: step.step,
                    line: step.line,
                    ..known.clone()
                });
        }
        Some(now)
    }

    /// Whether the images that these services begin with are what they were: a newer
    /// base asks for other things by the same steps.
    pub(super) fn same_bases(&self, services: &BTreeSet<String>, images: &[CarriedImage]) -> bool {
        let mut wanted = images
            .iter()
            .filter(|image| !image.needed.services.is_disjoint(services));
        wanted.all(|image| {
            let reference = image.needed.reference.to_string();
            let then = self
                .images
                .get(&(reference.as_str(), image.needed.platform.as_str()));
            then == Some(&image.root.digest)
        })
    }

    /// What was recorded for these services.
    pub(super) fn contents(&self, services: &[String]) -> Result<NetworkContents, bundle::Error> {
        let mut all = NetworkContents::default();
        if !services.is_empty() {
            for record in &self.records {
                all.merge(record.read(self.layout)?);
            }
        }
        all.keep_only(services);
        Ok(all)
    }
}
