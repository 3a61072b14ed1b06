use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::addition;
use super::held::{Held, NotHeld};
use super::laying::Laid;
use crate::bundle::{self, NetworkRecord, Wanted};
use crate::closure::{self, absent_inputs};
use crate::engine::{Docker, EngineInfo};
use crate::error::Failure;
use crate::event::{Event, Reporter, Warning};
use crate::export::fetched::Fetched;
use crate::export::images::{registry, with_only_here};
use crate::export::prepare::{check_builder, platform_of, read};
use crate::export::record_network::{Fetching, NetworkRecorder, RecordingPlan};
use crate::export::{
    Error, ExportOptions, Prepared, arguments, emulation, inputs, outputs, summary,
};
use crate::layout::Layout;
use crate::project::Project;

/// What a fetch did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct FetchSummary {
    /// The project.
    pub project: String,
    /// The services whose builds asked.
    pub services: Vec<String>,
    /// Requests that were made here.
    pub requests: u64,
    /// Bytes that came from servers for them.
    pub bytes: u64,
    /// Exchanges that the archive adds.
    pub added_requests: u64,
    /// Bytes of their bodies that the archive holds.
    pub added_bytes: u64,
    /// Bytes that the archive leaves out because the bundle has them.
    pub held_bytes: u64,
    /// Whether the bundle was at hand, so that what it holds could be left out.
    pub compared: bool,
    /// When the bundle was exported that it adds to.
    pub adds_to: String,
    /// The archive.
    pub archive: PathBuf,
    /// Its size in bytes.
    pub archive_bytes: u64,
    /// How long it took.
    #[serde(serialize_with = "summary::seconds")]
    pub elapsed: Duration,
}

/// Fetches what a request file names, as the builds of its services ask for it, and
/// writes an archive that adds it to the bundle on the site. The project and its
/// bundle are only read.
pub fn fetch(
    docker: &Docker,
    options: &ExportOptions,
    file: &Path,
    reporter: &dyn Reporter,
) -> Result<FetchSummary, Failure> {
    let started = Instant::now();
    let wanted = Wanted::read(file)?;
    let (engine, project) = read(docker, options, reporter)?;
    check(&wanted, &project, file)?;
    let docker = &project.with_secret_variables(docker);
    let held = Held::find(options.cache_dir.as_deref(), &project.directory, &wanted);
    if let Err(NotHeld::Another(created)) = &held {
        reporter.event(Event::Warning(of_another_bundle(file, &wanted, created)));
    }
    let held = held.ok();
    let mut options = options.clone();
    options.record_network = true;
    if let Some(held) = &held {
        let carried = held.record.build_args.clone().into_iter();
        for (name, value) in carried {
            options.build_args.entry(name).or_insert(value);
        }
    }
    let ready = ready(docker, engine, project, &options, &wanted, reporter)?;
    let (prepared, archive) = (&ready.prepared, ready.archive);
    let cache_dir = prepared.outputs.cache_dir.clone();
    let names: Vec<&str> = ready.names.iter().map(String::as_str).collect();
    reporter.event(Event::Note(format!(
        "Building {} from a copy with the files and Dockerfiles of {}; the project itself is only read.",
        names.join(", "),
        file.display()
    )));
    std::fs::create_dir_all(&cache_dir).map_err(|source| Error::Write {
        path: cache_dir.clone(),
        source,
    })?;
    // Beside the archive: what is fetched may be larger than what /tmp can hold.
    let scratch = tempfile::Builder::new()
        .prefix(".docker-offline-fetch-")
        .tempdir_in(&cache_dir)
        .map_err(|source| Error::Write {
            path: cache_dir,
            source,
        })?;
    let layout = Layout::create(scratch.path().join("layout"))?;
    let fetching = Fetching {
        services: &ready.names,
        listed: &wanted.requests,
        held: held.as_ref(),
    };
    let (network, cost) = record(docker, prepared, &options, &layout, fetching, reporter)?;
    docker.check_interrupt()?;
    let requests = network.requests;
    let record = addition::write(&layout, prepared, &options, &wanted, network)?;
    let held_blobs = held.as_ref().map(|h| h.bodies.clone()).unwrap_or_default();
    let packed = bundle::pack_without(layout.path(), &archive, &held_blobs, reporter)?;
    let reached = layout.reachable(record.extra_roots())?;
    let bytes = |held: bool| -> u64 {
        let these = reached
            .iter()
            .filter(|(d, _)| held_blobs.contains(*d) == held);
        these.map(|(_, size)| size.unwrap_or_default()).sum()
    };
    Ok(FetchSummary {
        project: prepared.project.name.clone(),
        services: ready.names.into_iter().collect(),
        requests: cost.requests,
        bytes: cost.bytes,
        added_requests: requests,
        added_bytes: bytes(false),
        held_bytes: bytes(true),
        compared: held.is_some(),
        adds_to: wanted.bundle.created.clone(),
        archive,
        archive_bytes: packed.bytes,
        elapsed: started.elapsed(),
    })
}

/// Refuses a request file of another project, and one that asks for nothing.
fn check(wanted: &Wanted, project: &Project, file: &Path) -> Result<(), bundle::Error> {
    if project.name != wanted.project {
        return Err(bundle::Error::OtherProject {
            path: file.to_owned(),
            theirs: wanted.project.chars().take(200).collect(),
            ours: project.name.clone(),
        });
    }
    if wanted.requests.is_empty() {
        return Err(bundle::Error::WantedMalformed {
            path: file.to_owned(),
            why: "it asks for nothing".into(),
        });
    }
    Ok(())
}

/// What is built, from where.
struct Ready {
    prepared: Prepared,
    /// The services that asked.
    names: BTreeSet<String>,
    archive: PathBuf,
    /// Removed at the end.
    _laid: Laid,
}

/// Lays the request file over copies of the build contexts, and decides.
fn ready(
    docker: &Docker,
    engine: EngineInfo,
    mut project: Project,
    options: &ExportOptions,
    wanted: &Wanted,
    reporter: &dyn Reporter,
) -> Result<Ready, Failure> {
    let platform = platform_of(&wanted.platform)?;
    project.set_arguments(&arguments::given(options));
    if engine.platform.parse().as_ref() != Ok(&platform) {
        emulation::build_for(&mut project, &platform);
    }
    let names: BTreeSet<String> = wanted.requests.iter().map(|r| r.service.clone()).collect();
    let services: Vec<String> = names.iter().cloned().collect();
    let own = closure::resolve_to_build(&project, &services, &platform)?;
    let archive = outputs::addition(&project, &own, options)?;
    let laid = Laid::over(&mut project, wanted, reporter)?;
    let mut closure = closure::resolve_to_build(&project, &services, &platform)?;
    laid.name_originals(&mut closure);
    check_builder(docker, &closure, &engine)?;
    let recording = RecordingPlan::decide(docker, &engine, options, &closure);
    let absent = absent_inputs(&project, &closure);
    inputs::check(&absent)?;
    let prepared = Prepared {
        source: None,
        tools: None,
        engine,
        platform,
        project,
        whole: closure.clone(),
        left_out: BTreeMap::new(),
        closure,
        obstacles: BTreeMap::new(),
        warnings: Vec::new(),
        lost_on_site: 0,
        hopeless: 0,
        absent,
        recording,
        packages: Vec::new(),
        containers: Vec::new(),
        carried: Vec::new(),
        proposals: Vec::new(),
        contexts: None,
        only_here: BTreeMap::new(),
        outputs: outputs::Outputs {
            cache_dir: archive.with_file_name(""),
            archive: Some(archive.clone()),
            moved_for: None,
        },
    };
    Ok(Ready {
        prepared,
        names,
        archive,
        _laid: laid,
    })
}

fn record(
    docker: &Docker,
    prepared: &Prepared,
    options: &ExportOptions,
    layout: &Layout,
    fetching: Fetching<'_>,
    reporter: &dyn Reporter,
) -> Result<(NetworkRecord, crate::export::RecordingCost), Failure> {
    // What ADD fetches is only for the builds here: the site has what it was exported with.
    let beside = Layout::create(layout.path().with_file_name("fetched"))?;
    let fetched = Fetched::get(docker, prepared, &beside, reporter)?;
    let given = fetched.as_ref().map(|f| f.given_to(prepared));
    let prepared = given.as_ref().unwrap_or(prepared);
    let registry = registry(prepared, options)?;
    let prepared = &with_only_here(docker, prepared, &registry, &beside, reporter)?;
    let stop = AtomicBool::new(false);
    let recorder = NetworkRecorder {
        docker,
        stop: &stop,
        prepared,
        options,
        layout,
        previous: None,
        keys: &BTreeMap::new(),
        fetching: Some(fetching),
        reporter,
    };
    // Nothing is exported beside it that could be waited for.
    let (images, no_images) = mpsc::channel();
    let _ = images.send(Vec::new());
    let fetched = recorder
        .record(&no_images)
        .map_err(|failure| Error::Fetch {
            failure: Box::new(failure),
        })?;
    let cost = fetched.cost;
    let network = fetched.record.ok_or(Error::NothingFetched)?;
    Ok((network, cost))
}

fn of_another_bundle(file: &Path, wanted: &Wanted, created: &str) -> Warning {
    let theirs: String = wanted.bundle.created.chars().take(64).collect();
    Warning {
        what: format!(
            "{} speaks of the bundle of {theirs}, and the one here is of {created}",
            file.display()
        ),
        subject: None,
        why: Some(
            "what the site has already cannot be left out: all that is fetched is carried".into(),
        ),
        remedy: Some("carrying the whole bundle of here to the site may be the shorter way".into()),
    }
}
