use std::path::{Path, PathBuf};

use offline_core::compatibility::Engine;
use offline_core::engine::{Store, docker_config, plugin_folders};
use offline_core::export::{self, ArchiveChoice, ExportOptions, Prepared};
use offline_core::{Event, Failure, Reporter as _, plan};
use offline_terminal::Terminal;

use crate::{Archive, Args, SiteStore, words};

/// What lies beside an archive, so that a site can begin with nothing.
const BINARIES: [&str; 4] = [
    "docker-offline",
    "docker-offline-export",
    "docker-offline-build",
    "docker-offline-diagnose",
];

pub(crate) fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    let docker = terminal.docker()?;
    let options = options(args);
    if args.builder.is_some() {
        let words = "--builder has no effect any more: one set of stages serves both builders";
        terminal.reporter().event(Event::Note(words.into()));
    }
    if args.split.is_some() && args.archive == Some(Archive::None) {
        let words = "--split has no effect with --archive none: the folder is carried as it is";
        terminal.reporter().event(Event::Note(words.into()));
    }
    if let Some(file) = &args.fetch {
        let summary = export::fetch(&docker, &options, file, terminal.reporter())?;
        terminal.print_as(args.format, &summary, || words::of_fetching(&summary))?;
        return Ok(());
    }
    let prepared = export::prepare(&docker, &options, terminal.reporter())?;
    if args.dry_run {
        return print_plan(args, &prepared, terminal);
    }
    let summary = export::run(&docker, &prepared, &options, terminal.reporter())?;
    terminal.print_as(args.format, &summary, || words::of_export(&summary))?;
    summary.failure().map_or(Ok(()), Err)
}

fn options(args: &Args) -> ExportOptions {
    let default_cache = args.cache_dir == Path::new("build-cache");
    ExportOptions {
        project: args.project.options(),
        services: args.project.services.clone(),
        cache_dir: (!default_cache).then(|| args.cache_dir.clone()),
        archive: match &args.archive {
            None => ArchiveChoice::Dated,
            Some(Archive::None) => ArchiveChoice::None,
            Some(Archive::File(path)) => ArchiveChoice::File(path.clone()),
        },
        split: args.split.map(|split| split.0),
        platform: args.platform.clone(),
        site: args.site_engine.as_ref().map(|site| Engine {
            version: site.version.clone(),
            store: site.store.map(|store| match store {
                SiteStore::Overlay2 => Store::Graphdriver,
                SiteStore::Containerd => Store::Containerd,
            }),
            compose: None,
        }),
        build_args: args
            .build_args
            .iter()
            .map(|arg| (arg.name.clone(), arg.value.clone()))
            .collect(),
        dry_run: args.dry_run,
        http_proxy: args.http_proxy.clone(),
        ca_file: args.ca_file.clone(),
        record_network: !args.no_record,
        containers: args.containers.clone(),
        packages: args.also.packages(),
        with_source: args.with_source,
        with_tools: args.with_tools,
        finished_images: !args.no_images,
        strict: args.strict,
        force: args.force,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        docker_config: docker_config(),
        binaries: binaries(),
    }
}

/// The tool's own binaries: beside the running one, or on PATH.
fn binaries() -> Vec<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_ref().and_then(|path| path.parent());
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = beside
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&on_path))
        .chain(plugin_folders())
        .collect();
    let find = |name: &str| folders.iter().map(|f| f.join(name)).find(|p| p.is_file());
    BINARIES.iter().filter_map(|name| find(name)).collect()
}

fn print_plan(args: &Args, prepared: &Prepared, terminal: &Terminal) -> Result<(), Failure> {
    for warning in &prepared.warnings {
        terminal.event(Event::Warning(warning.clone()));
    }
    for proposal in &prepared.proposals {
        terminal.event(Event::Note(proposal.clone()));
    }
    let (closure, carried) = (&prepared.whole, &prepared.carried);
    let packages = &prepared.packages;
    let finished = !args.no_images;
    let document = plan::export_json(closure, carried, packages, finished);
    let words = || plan::export_text(closure, carried, packages, finished);
    Ok(terminal.print_as(args.format, &document, words)?)
}
