use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::images::{CarriedImage, base_layers, known_bases, known_layers};
use super::{Error, Prepared};
use crate::bundle::Record;
use crate::closure::StageRef;
use crate::engine::{BakeFile, Docker};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::layout::{Digest, KnownLayers, Layout, Manifest};
use crate::stages::{Checked, DIRECT, Dockerfiles, StageTargets, complete, levels};

/// Attempts at a build that fails because a registry does not answer.
const ATTEMPTS: u32 = 4;

/// Attempts at getting a stage's image with its cache in it.
const CACHE_ATTEMPTS: u32 = 3;

/// A stage's image in the layout.
#[derive(Debug, Clone)]
pub(super) struct StageImage {
    pub(super) stage: StageRef,
    pub(super) wave: usize,
    pub(super) manifest: Digest,
    pub(super) config: Digest,
}

/// A built stage that is not in the layout yet.
struct Built {
    stage: StageRef,
    wave: usize,
    tag: String,
}

/// Builds every reachable stage with an inline cache.
///
/// Stages that do not depend on each other's images build at once: one bake for
/// all services, and one more for each level of services built upon others.
pub(super) struct StageBuilder<'a> {
    pub(super) docker: &'a Docker,
    pub(super) prepared: &'a Prepared,
    pub(super) reporter: &'a dyn Reporter,
}

/// What the builds gave: image digests by stage tag.
pub(super) struct BuiltStages {
    built: Vec<Built>,
    configs: BTreeMap<String, Digest>,
    dockerfiles: Dockerfiles,
}

impl StageBuilder<'_> {
    pub(super) fn build(&self) -> Result<BuiltStages, Failure> {
        let dockerfiles = Dockerfiles::write(&self.prepared.closure)?;
        let no_pins = BTreeMap::new();
        let targets = StageTargets {
            project: &self.prepared.project,
            closure: &self.prepared.closure,
            dockerfiles: &dockerfiles,
            pins: &no_pins,
            through: &DIRECT,
            with_siblings: false,
        };
        let bases = self.sibling_bases();
        let mut built: Vec<Built> = Vec::new();
        let mut configs = BTreeMap::new();
        let mut used_tags = BTreeSet::new();
        for level in levels(&self.prepared.closure) {
            let level: Vec<(usize, StageRef)> = level
                .waves
                .into_iter()
                .enumerate()
                .flat_map(|(wave, stages)| stages.into_iter().map(move |s| (wave, s)))
                .collect();
            let mut file = BakeFile::default();
            for (wave, stage) in &level {
                let tag = self.tag(&targets, stage, &mut used_tags);
                let mut tags = vec![tag.clone()];
                // A service that others build upon must be there under the name
                // by which they ask for it.
                if bases.contains(&stage.service)
                    && targets.final_stage(&stage.service).as_ref() == Some(stage)
                {
                    tags.extend(self.names_of(&stage.service));
                }
                targets.add(&mut file, stage, self.wishes(stage, &tags));
                built.push(Built {
                    stage: stage.clone(),
                    wave: *wave,
                    tag,
                });
            }
            if file.is_empty() {
                continue;
            }
            let metadata = self.bake(&file, &dockerfiles)?;
            for (_, stage) in &level {
                let said = metadata.get(&targets.name(stage));
                let config = said
                    .and_then(|m| m.get("containerimage.config.digest"))
                    .and_then(Value::as_str)
                    .and_then(|d| d.parse().ok());
                if let (Some(config), Some(one)) =
                    (config, built.iter().find(|b| b.stage == *stage))
                {
                    configs.insert(one.tag.clone(), config);
                }
            }
        }
        Ok(BuiltStages {
            built,
            configs,
            dockerfiles,
        })
    }

    /// The services whose image others use by name.
    fn sibling_bases(&self) -> BTreeSet<String> {
        let services = self.prepared.closure.services.iter();
        services
            .filter_map(|s| s.build.as_ref())
            .flat_map(|b| &b.stages)
            .flat_map(|stage| stage.sibling_services.iter().cloned())
            .collect()
    }

    fn names_of(&self, service: &str) -> Vec<String> {
        let service = self.prepared.project.service(service);
        let image = service
            .and_then(|s| s.image.as_ref())
            .map(ToString::to_string);
        let tags = service
            .and_then(|s| s.build.as_ref())
            .map(|b| b.tags.clone());
        image.into_iter().chain(tags.unwrap_or_default()).collect()
    }

    fn wishes(&self, stage: &StageRef, tags: &[String]) -> Map<String, Value> {
        let mut wishes = Map::new();
        wishes.insert("tags".into(), json!(tags));
        wishes.insert("output".into(), json!(["type=docker"]));
        wishes.insert("cache-to".into(), json!(["type=inline"]));
        // Resolving the base at its registry links the cache record to it by
        // manifest and by chain, which is what lasts on a containerd site (fact
        // 11a).
        let service = self.prepared.closure.service(&stage.service);
        let build = service.and_then(|s| s.build.as_ref());
        if build.is_none_or(|build| self.prepared.has_registries(build)) {
            wishes.insert("pull".into(), json!(true));
        }
        let args = proxy_args();
        if !args.is_empty() {
            wishes.insert("args".into(), self.merged_args(stage, args));
        }
        wishes
    }

    fn merged_args(&self, stage: &StageRef, proxies: Vec<(String, String)>) -> Value {
        let service = self.prepared.project.service(&stage.service);
        let own = service
            .and_then(|s| s.build.as_ref())
            .map(|b| b.args.clone());
        let mut args: BTreeMap<String, String> = proxies.into_iter().collect();
        args.extend(
            own.unwrap_or_default()
                .into_iter()
                .filter_map(|(k, v)| Some((k, v?))),
        );
        // Bake expands `${...}` in its files.
        for value in args.values_mut() {
            *value = value.replace("${", "$${");
        }
        json!(args)
    }

    fn tag(
        &self,
        targets: &StageTargets<'_>,
        stage: &StageRef,
        used: &mut BTreeSet<String>,
    ) -> String {
        let name = targets
            .closure
            .service(&stage.service)
            .and_then(|s| s.build.as_ref()?.stage(stage.stage))
            .map_or_else(String::new, |s| s.name.to_lowercase());
        let clean: String = stage
            .service
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let repository = format!(
            "docker-offline.invalid/{}/{}",
            self.prepared.project.name,
            clean.trim_matches('-')
        );
        let mut tag = format!("{repository}:{name}");
        let mut number = 1;
        while !used.insert(tag.clone()) {
            number += 1;
            tag = format!("{repository}:{name}-{number}");
        }
        tag
    }

    /// Builds; a registry that does not answer is asked again, later each time.
    fn bake(
        &self,
        file: &BakeFile,
        dockerfiles: &Dockerfiles,
    ) -> Result<BTreeMap<String, Value>, Failure> {
        let mut wait = Duration::from_secs(2);
        for attempt in 1.. {
            let task = Task::start(
                self.reporter,
                Work::BuildStages { stages: file.len() },
                None,
            );
            let (log, metadata) =
                self.docker
                    .bake_with_metadata(file, dockerfiles.folder(), self.reporter)?;
            drop(task);
            let Some(failure) = log.failure() else {
                return Ok(metadata);
            };
            let weak = failure
                .step
                .as_ref()
                .is_none_or(|s| s.instruction.starts_with("FROM "))
                && is_weak_network(&failure.message);
            if !weak || attempt == ATTEMPTS {
                return Err(Error::Build {
                    failure: Box::new(failure),
                }
                .into());
            }
            self.reporter.event(Event::Retry {
                what: "the build".into(),
                attempt,
                wait,
                cause: failure.message,
            });
            std::thread::sleep(wait);
            self.docker.check_interrupt()?;
            wait *= 3;
        }
        unreachable!("the loop only ends by returning")
    }
}

impl StageBuilder<'_> {
    /// Copies what the layout does not hold yet from the engine, completes its
    /// cache records, and builds a stage again whose cache did not come along.
    pub(super) fn save(
        &self,
        built: &BuiltStages,
        layout: &Layout,
        bases: &[CarriedImage],
        previous: Option<&Record>,
    ) -> Result<(Vec<StageImage>, u64), Failure> {
        let mut images = Vec::new();
        let mut missing: Vec<&Built> = Vec::new();
        for one in &built.built {
            let config = built.configs.get(&one.tag);
            match config.and_then(|config| held(previous, layout, config)) {
                Some((manifest, config)) => images.push(StageImage {
                    stage: one.stage.clone(),
                    wave: one.wave,
                    manifest,
                    config,
                }),
                None => missing.push(one),
            }
        }
        let (known, below) = (known_layers(bases), known_bases(bases));
        let mut new_bytes = 0;
        for attempt in 1..=CACHE_ATTEMPTS {
            if missing.is_empty() {
                break;
            }
            let (saved, bytes) = self.save_once(&missing, layout, &known)?;
            new_bytes += bytes;
            let mut lost = Vec::new();
            for (one, mut image) in missing.into_iter().zip(saved) {
                let checked = complete(layout, &image.manifest, &below)?;
                image.manifest = checked.manifest;
                if self.has_cache(&one.stage, &checked, bases) {
                    images.push(image);
                } else if attempt < CACHE_ATTEMPTS {
                    lost.push(one);
                } else {
                    self.reporter.event(Event::Warning(no_cache(&one.stage)));
                    images.push(image);
                }
            }
            for one in &lost {
                self.build_alone(built, one)?;
            }
            missing = lost;
        }
        Ok((images, new_bytes))
    }

    fn save_once(
        &self,
        missing: &[&Built],
        layout: &Layout,
        known: &KnownLayers,
    ) -> Result<(Vec<StageImage>, u64), Failure> {
        let work = Work::SaveImages {
            images: missing.len(),
        };
        let task = Task::start(self.reporter, work, None);
        let names: Vec<String> = missing.iter().map(|b| b.tag.clone()).collect();
        let platform = crate::layout::Platform::of(&self.prepared.platform.to_string());
        let saved = self.docker.save(&names, |reader| {
            layout.import_save(reader, &platform, known, &|bytes| task.advance(bytes))
        })??;
        let mut images = Vec::new();
        let mut new_bytes = 0;
        for one in missing {
            let image = saved.iter().find(|i| i.repo_tags.contains(&one.tag));
            let image = image.ok_or_else(|| Error::StageLost {
                service: one.stage.service.clone(),
                stage: one.tag.clone(),
            })?;
            new_bytes += image.new_bytes;
            images.push(StageImage {
                stage: one.stage.clone(),
                wave: one.wave,
                manifest: image.manifest.digest,
                config: image.config,
            });
        }
        Ok((images, new_bytes))
    }

    /// Whether every layer above the base is the result of some key.
    fn has_cache(&self, stage: &StageRef, checked: &Checked, bases: &[CarriedImage]) -> bool {
        let service = self.prepared.closure.service(&stage.service);
        let build = service.and_then(|s| s.build.as_ref());
        let from = build.and_then(|b| base_layers(b, bases).get(&stage.stage).copied().flatten());
        if let Some(from) = from {
            return (from..checked.layers).all(|layer| checked.covered.contains(&layer));
        }
        // How many layers a sibling's image or a named context has is not known here;
        // where nothing makes a layer, there is nothing to cache.
        let own = build.and_then(|b| b.stage(stage.stage));
        let makes_layer = own.is_none_or(|stage| {
            let keywords = ["RUN", "COPY", "ADD", "WORKDIR"];
            let mut steps = stage.steps.iter();
            steps.any(|step| keywords.contains(&step.keyword))
        });
        !makes_layer || !checked.covered.is_empty()
    }

    /// The engine leaves the inline cache out of an image now and then when
    /// several builds that share steps end at once; one alone gets it.
    fn build_alone(&self, built: &BuiltStages, one: &Built) -> Result<(), Failure> {
        let no_pins = BTreeMap::new();
        let targets = StageTargets {
            project: &self.prepared.project,
            closure: &self.prepared.closure,
            dockerfiles: &built.dockerfiles,
            pins: &no_pins,
            through: &DIRECT,
            with_siblings: false,
        };
        let mut file = BakeFile::default();
        let tags = [one.tag.clone()];
        targets.add(&mut file, &one.stage, self.wishes(&one.stage, &tags));
        self.bake(&file, &built.dockerfiles).map(|_| ())
    }
}

fn no_cache(stage: &StageRef) -> Warning {
    Warning {
        what: format!(
            "service {}: the engine wrote no build cache for stage {}; its steps will run on site",
            stage.service, stage.stage
        ),
        subject: None,
        why: Some("three builds of it alone gave an image without cache records".into()),
        remedy: Some("docker buildx prune, then export again".into()),
    }
}

impl BuiltStages {
    /// Takes the temporary names away; the build cache keeps the layers.
    pub(super) fn untag(&self, docker: &Docker) -> Result<(), Failure> {
        let tags: Vec<String> = self.built.iter().map(|b| b.tag.clone()).collect();
        Ok(docker.untag(&tags)?)
    }
}

/// Manifest and engine's config of a stage of the previous export that was made
/// of this image, all of it still in the layout.
fn held(previous: Option<&Record>, layout: &Layout, config: &Digest) -> Option<(Digest, Digest)> {
    let stages = previous?.services.iter().flat_map(|s| &s.stages);
    let stage = stages.into_iter().find(|s| s.config == *config)?;
    let manifest: Manifest = layout.read_json_blob(&stage.manifest).ok()?;
    let blobs = manifest.layers.iter().chain([&manifest.config]);
    blobs
        .into_iter()
        .all(|b| layout.has_blob(&b.digest, Some(b.size)))
        .then_some((stage.manifest, stage.config))
}

/// Words of containerd's resolver, Go's net package and BuildKit for a registry
/// that could not be reached or broke off.
pub(super) fn is_weak_network(message: &str) -> bool {
    const WORDS: [&str; 13] = [
        "i/o timeout",
        "TLS handshake timeout",
        "connection reset by peer",
        "connection refused",
        "unexpected EOF",
        "no such host",
        "Temporary failure in name resolution",
        "Temporary failure resolving",
        "context deadline exceeded",
        "Client.Timeout exceeded",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "429 Too Many Requests",
    ];
    WORDS.iter().any(|w| message.contains(w))
}

/// Predefined proxy arguments are part of no cache key (fact 7).
fn proxy_args() -> Vec<(String, String)> {
    const NAMES: [&str; 5] = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "FTP_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    ];
    NAMES
        .iter()
        .flat_map(|name| [(*name).to_owned(), name.to_lowercase()])
        .filter_map(|name| Some((name.clone(), std::env::var(&name).ok()?)))
        .collect()
}
