//! What replayed steps write down of their environment is taken out again.

use std::collections::BTreeMap;

use super::Replayer;
use super::groups::service_of;
use crate::build::stay::SERVE;
use crate::dockerfile::{Dockerfile, InstructionKind};
use crate::engine::{BuildLog, Docker, own_image};
use crate::error::Failure;
use crate::event::{Event, Warning};
use crate::network::in_step::Said;
use crate::network::{Cleaner, writes_down};

/// The image that steps take our program from. One that was not there before is taken
/// away again, unless a container needs it by then.
#[derive(Debug)]
pub(super) struct OwnImage {
    docker: Docker,
    name: String,
    new: bool,
}

impl OwnImage {
    pub(super) fn cleaner(&self, every_step: bool) -> Cleaner {
        cleaner_of(&self.name, every_step)
    }
}

impl Drop for OwnImage {
    fn drop(&mut self) {
        if self.new {
            own_image::remove(&self.docker, &self.name);
        }
    }
}

/// A file that a step wrote, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cleaned {
    pub(super) service: String,
    pub(super) line: u32,
    pub(super) said: Said,
}

/// Whether a step of a Dockerfile writes its environment down.
fn any_writes_down(file: &Dockerfile) -> bool {
    let mut all = file.stages.iter().flat_map(|s| &s.instructions);
    all.any(|i| matches!(&i.kind, InstructionKind::Run(run) if writes_down(run)))
}

/// Who cleans up, from this image.
pub(in crate::build) fn cleaner_of(image: &str, every_step: bool) -> Cleaner {
    Cleaner {
        image: image.to_owned(),
        program: own_image::PATH,
        every_step,
    }
}

impl Replayer<'_> {
    /// Brings our program to the engine, where a service's steps have to be cleaned up
    /// after.
    pub(super) fn brings_cleaner(&self, service: &str) -> Result<(), Failure> {
        let needs = self.places.file(service).is_some_and(any_writes_down)
            || self.cleans_every_step(service);
        if !needs || self.state().own_image.is_some() {
            return Ok(());
        }
        let (name, new) = own_image::load(self.docker, &self.engine.platform, SERVE)?;
        self.state().own_image = Some(OwnImage {
            docker: self.docker.clone(),
            name,
            new,
        });
        Ok(())
    }

    /// What the steps of a build said of the files that they wrote.
    pub(super) fn reads_cleaned(&self, log: &BuildLog, targets: &BTreeMap<String, String>) {
        for (step, line) in log.printed() {
            let Some(said) = Said::read(line) else {
                continue;
            };
            let found = service_of(step, targets)
                .and_then(|service| Some(self.places.find(service, step)?.0));
            if let Some(place) = found {
                self.state().cleaned.insert(Cleaned {
                    service: place.service,
                    line: place.line,
                    said,
                });
            }
        }
    }

    /// What is to be said of that once all is built.
    pub(in crate::build) fn cleaned(&self) -> Vec<Event> {
        let all = self.state().cleaned.clone();
        let mut cleaned: BTreeMap<(&str, u32), Vec<&str>> = BTreeMap::new();
        let mut events = Vec::new();
        for one in &all {
            match &one.said {
                Said::Cleaned(file) => {
                    let of_step = cleaned.entry((&one.service, one.line)).or_default();
                    of_step.push(file);
                }
                Said::Left(file) => events.push(Event::Warning(Warning {
                    what: format!(
                        "{file} in the image of {} holds an address or a path of the replay",
                        one.service
                    ),
                    subject: Some(self.location(&one.service, one.line)),
                    why: Some("the step wrote it down in a form in which it cannot be taken out".into()),
                    remedy: Some("look into that file; what a build on the connected machine writes there has no such thing".into()),
                })),
            }
        }
        let note = |((service, line), files): ((&str, u32), Vec<&str>)| {
            Event::Note(format!(
                "{}: what only a replay has in its environment was taken out of {}.",
                self.location(service, line),
                files.join(", ")
            ))
        };
        cleaned.into_iter().map(note).chain(events).collect()
    }

    fn location(&self, service: &str, line: u32) -> String {
        let build = self.closure.service(service).and_then(|s| s.build.as_ref());
        build.map_or_else(String::new, |b| b.location(line).to_string())
    }
}
