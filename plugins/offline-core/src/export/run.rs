use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use super::containers;
use super::fetched::Fetched;
use super::finished::{Finished, finish};
use super::images::{CarriedImage, fetch_all, joined, registry, with_only_here};
use super::prepare::service_names;
use super::record::{Inputs, previous, record, write_index};
use super::record_network::{NetworkRecorder, RecordedNetwork, RecordingPlan};
use super::stage_images::{StageBuilder, StageImage};
use super::warnings::has_buildkit;
use super::{Error, ExportOptions, Prepared, Sizes, Summary, bootstrap, inputs, packages};
use crate::bundle::{self, FetchedRecord, Holding, Packing, Record};
use crate::carried::{self, Origin};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::{Event, Reporter};
use crate::layout::Layout;
use crate::registry::Registry;

/// Carries out what [`super::prepare`] decided.
///
/// Blobs that were written stay when it fails, so that the same command goes on
/// from there; `index.json`, the record and the archive are replaced only when
/// all is there.
pub fn run(
    docker: &Docker,
    prepared: &Prepared,
    options: &ExportOptions,
    reporter: &dyn Reporter,
) -> Result<Summary, Failure> {
    let started = Instant::now();
    let docker = &prepared.project.with_secret_variables(docker);
    inputs::check(&prepared.absent)?;
    for warning in &prepared.warnings {
        reporter.event(Event::Warning(warning.clone()));
    }
    for proposal in &prepared.proposals {
        reporter.event(Event::Note(proposal.clone()));
    }
    if prepared.lost_on_site > 0 && !options.force {
        let site = options.site.as_ref().map(ToString::to_string);
        return Err(Error::SiteCannotBuild {
            count: prepared.lost_on_site,
            site: site.unwrap_or_default(),
        }
        .into());
    }
    if prepared.hopeless > 0 && !options.force {
        let count = prepared.hopeless;
        return Err(Error::CannotWorkOnSite { count }.into());
    }
    if let Some(copy) = &prepared.outputs.moved_for {
        reporter.event(Event::Note(format!(
            "The COPY at {copy} would take the bundle into an image; writing to {} instead",
            prepared.outputs.cache_dir.with_file_name("").display(),
        )));
    }
    let (engine_root, bundle) = (&prepared.engine.root, &prepared.outputs.cache_dir);
    containers::check_room(&prepared.containers, engine_root, bundle)?;
    let new = !prepared.outputs.cache_dir.exists();
    let _held = Holding::of(&prepared.outputs.cache_dir, docker, reporter)?;
    let result = fill(docker, prepared, options, reporter, started);
    if result.is_err() && new {
        remove_if_empty(&prepared.outputs.cache_dir);
    }
    result
}

/// Takes away the folder of an export that failed before its first blob.
fn remove_if_empty(folder: &Path) {
    let blobs = folder.join("blobs").join("sha256");
    let empty = std::fs::read_dir(&blobs).map_or(true, |mut entries| entries.next().is_none());
    if empty {
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn fill(
    docker: &Docker,
    prepared: &Prepared,
    options: &ExportOptions,
    reporter: &dyn Reporter,
    started: Instant,
) -> Result<Summary, Failure> {
    let layout = Layout::create(&prepared.outputs.cache_dir)?;
    let previous = previous(&layout);
    let fetched = Fetched::get(docker, prepared, &layout, reporter)?;
    let given = fetched.as_ref().map(|f| f.given_to(prepared));
    let prepared = given.as_ref().unwrap_or(prepared);
    let registry = registry(prepared, options)?;
    let prepared = &with_only_here(docker, prepared, &registry, &layout, reporter)?;
    let inputs = Inputs::read(prepared)?;
    let work = Work {
        docker,
        prepared,
        options,
        layout: &layout,
        registry: &registry,
        previous: previous.as_ref(),
        fetched: fetched.as_ref().map(|f| &f.record),
        reporter,
    };
    let carry = |first| carry(docker, prepared, options, first, &layout, reporter);
    let mut carried = carry(true)?;
    let gathered = work.gather(&inputs)?;
    carried.extend(carry(false)?);
    let mut record = record(&layout, prepared, options, &inputs, &gathered)?;
    if let Some(fetched) = &fetched {
        record.extra_blobs.push(fetched.record.manifest.clone());
        record.fetched = Some(fetched.record.clone());
    }
    let new_of_carried: u64 = carried.iter().map(|one| one.new_bytes).sum();
    record.carry(carried.into_iter().map(|one| one.carried).collect());
    let Gathered {
        images,
        stages,
        network,
        finished,
        mut new_bytes,
    } = gathered;
    new_bytes += finished.new_bytes;
    new_bytes += fetched.as_ref().map_or(0, |f| f.new_bytes);
    // The builds are done.
    drop(fetched);
    new_bytes += images.iter().map(|i| i.new_bytes).sum::<u64>() + new_of_carried;
    write_index(&layout, &images, &stages, &record)?;
    record.write(&layout)?;
    if let Some(previous) = previous
        && record.same_content(&previous)
    {
        // The same bundle keeps its date, so that the archive need not be written again.
        record.created = previous.created;
        record.write(&layout)?;
    }
    let removed_bytes = layout.collect_garbage(record.extra_roots())?;
    docker.check_interrupt()?;
    let ended = Ended {
        prepared,
        options,
        layout: &layout,
        record: &record,
        images: images.len(),
        stages: stages.len(),
        new_bytes,
        removed_bytes,
        started,
    };
    ended.summary(pack(prepared, options, &layout, reporter)?, network)
}

/// An export that is done.
struct Ended<'a> {
    prepared: &'a Prepared,
    options: &'a ExportOptions,
    layout: &'a Layout,
    record: &'a Record,
    images: usize,
    stages: usize,
    new_bytes: u64,
    removed_bytes: u64,
    started: Instant,
}

impl Ended<'_> {
    fn summary(
        &self,
        packed: Packed,
        network: Option<RecordedNetwork>,
    ) -> Result<Summary, Failure> {
        let Self {
            prepared,
            layout,
            record,
            ..
        } = *self;
        Ok(Summary {
            project: prepared.project.name.clone(),
            services: record.services.iter().map(|s| s.name.clone()).collect(),
            hidden: prepared
                .closure
                .hidden
                .iter()
                .map(|h| h.name.clone())
                .collect(),
            left_out: prepared.left_out.keys().cloned().collect(),
            images: self.images,
            stages: self.stages,
            not_classic: not_classic(prepared, self.options),
            sizes: Sizes::of(layout, record)?,
            bundle: layout.path().to_owned(),
            bundle_bytes: layout
                .reachable(record.extra_roots())?
                .values()
                .flatten()
                .sum(),
            new_bytes: self.new_bytes,
            removed_bytes: self.removed_bytes,
            archive: packed.archive,
            archive_bytes: packed.bytes,
            parts: packed.parts,
            beside: packed.beside,
            fetched: if record.fetched.is_some() {
                prepared.closure.fetched_services()
            } else {
                BTreeSet::new()
            },
            carried: record.carried.clone(),
            finished: record.finished.clone(),
            containers: prepared.containers.iter().map(|c| c.name.clone()).collect(),
            contexts: prepared
                .contexts
                .iter()
                .flat_map(|c| c.services().clone())
                .collect(),
            unrecorded: record.unrecorded.clone(),
            packages: packages::fetched(&record.network),
            unfetched: network.iter().flat_map(|n| n.unfetched.clone()).collect(),
            network: network
                .map(|n| n.cost)
                .filter(|c| !(c.recorded.is_empty() && c.kept.is_empty())),
            elapsed: self.started.elapsed(),
        })
    }
}

/// What a bundle is made of.
pub(super) struct Gathered {
    pub(super) images: Vec<CarriedImage>,
    pub(super) stages: Vec<StageImage>,
    pub(super) network: Option<RecordedNetwork>,
    pub(super) finished: Finished,
    /// Bytes of stage images that the layout did not hold before.
    new_bytes: u64,
}

/// What the work is done with.
struct Work<'a> {
    docker: &'a Docker,
    prepared: &'a Prepared,
    options: &'a ExportOptions,
    layout: &'a Layout,
    registry: &'a Registry,
    previous: Option<&'a Record>,
    fetched: Option<&'a FetchedRecord>,
    reporter: &'a dyn Reporter,
}

impl Work<'_> {
    /// Gathers images and stages, and records the network beside all of it.
    fn gather(&self, inputs: &Inputs) -> Result<Gathered, Failure> {
        if self.prepared.recording == RecordingPlan::Off {
            return self.images_and_stages(|_| ());
        }
        let stop = AtomicBool::new(false);
        let recorder = NetworkRecorder {
            docker: self.docker,
            stop: &stop,
            prepared: self.prepared,
            options: self.options,
            layout: self.layout,
            // What RUN steps ask for may depend on what ADD has fetched.
            previous: self.previous.filter(|p| p.fetched.as_ref() == self.fetched),
            keys: &inputs.keys,
            fetching: None,
            reporter: self.reporter,
        };
        let (built, when_built) = mpsc::channel();
        std::thread::scope(|scope| {
            let beside = scope.spawn(move || recorder.record(&when_built));
            let gathered = self.images_and_stages(|images| {
                // Nobody listens where nothing waits for it.
                let _ = built.send(images.to_vec());
            });
            drop(built);
            // The recording of an export that has failed only keeps the user waiting.
            stop.store(gathered.is_err(), Ordering::Relaxed);
            let network = joined(beside);
            let mut gathered = gathered?;
            let network = network?;
            gathered.new_bytes += network.new_bytes;
            gathered.network = Some(network);
            Ok(gathered)
        })
    }

    /// Fetches and builds at once: the network is busy while the processor is. Says
    /// when all is built and nothing saved yet.
    fn images_and_stages(
        &self,
        when_built: impl FnOnce(&[CarriedImage]),
    ) -> Result<Gathered, Failure> {
        let Self {
            docker,
            prepared,
            options,
            layout,
            registry,
            previous,
            reporter,
            ..
        } = *self;
        let buildkit = StageBuilder {
            docker,
            prepared,
            reporter,
        };
        let (images, built) = std::thread::scope(|scope| {
            let images = scope.spawn(|| fetch_all(docker, prepared, registry, layout, reporter));
            let built = buildkit.build();
            (joined(images), built)
        });
        // An image that does not exist is the cause; the build's failure follows from it.
        let images = images?;
        let built = built?;
        when_built(&images);
        let saved = buildkit.save(&built, layout, &images, previous);
        built.untag(docker)?;
        let (stages, new_bytes) = saved?;
        let finished = if options.finished_images {
            finish(layout, prepared, &images, &stages)?
        } else {
            Finished::default()
        };
        Ok(Gathered {
            images,
            stages,
            finished,
            network: None,
            new_bytes,
        })
    }
}

/// The services with steps that the classic builder does not know, where that matters.
fn not_classic(prepared: &Prepared, options: &ExportOptions) -> Vec<String> {
    if has_buildkit(options.site.as_ref()) {
        return Vec::new();
    }
    let known = prepared.obstacles.iter();
    known
        .filter(|(_, obstacles)| !obstacles.is_empty())
        .map(|(name, _)| name.clone())
        .collect()
}

/// What is carried besides images: what is fetched before the builds, or read after them.
fn carry(
    docker: &Docker,
    prepared: &Prepared,
    options: &ExportOptions,
    first: bool,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<Vec<carried::Fetched>, Failure> {
    let services = service_names(&prepared.closure);
    let origin = Origin {
        docker,
        platform: &prepared.engine.platform,
        project: &prepared.project,
        services: &services,
        bundle: layout.path(),
        source: prepared.source.as_ref(),
        tools: prepared.tools.as_ref(),
        reach: &options.reach(),
        reporter,
    };
    carried::fetch(&origin, &prepared.carried, first, layout)
}

/// What is carried, as files.
#[derive(Default)]
struct Packed {
    archive: Option<PathBuf>,
    bytes: Option<u64>,
    /// The files of the archive where it is in parts.
    parts: Vec<PathBuf>,
    beside: Vec<PathBuf>,
}

fn pack(
    prepared: &Prepared,
    options: &ExportOptions,
    layout: &Layout,
    reporter: &dyn Reporter,
) -> Result<Packed, Failure> {
    let Some(path) = &prepared.outputs.archive else {
        return Ok(Packed::default());
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_owned(),
        source,
    })?;
    let to = Packing {
        archive: path,
        split: options.split,
    };
    let packed = bundle::pack(layout.path(), to, reporter)?;
    let beside = bootstrap::put(folder, &options.binaries)?;
    let name = |file: &Path| {
        file.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let files = packed.files.iter();
    let mut sums: Vec<_> = files.map(|f| (name(&f.path), Some(f.sha256))).collect();
    sums.extend(beside.iter().map(|file| (name(file), None)));
    bundle::write_sums(folder, &sums)?;
    let in_parts = options.split.is_some();
    let files = packed.files.into_iter().map(|file| file.path);
    Ok(Packed {
        archive: Some(path.clone()),
        bytes: Some(packed.bytes),
        parts: files.filter(|_| in_parts).collect(),
        beside: beside
            .into_iter()
            .chain([folder.join(bundle::SUMS_FILE)])
            .collect(),
    })
}
