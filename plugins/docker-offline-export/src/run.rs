use std::path::{Path, PathBuf};

use offline_core::compatibility::Engine;
use offline_core::engine::Store;
use offline_core::export::{
    self, ArchiveChoice, BuilderChoice, ExportOptions, FetchSummary, Prepared, RecordingCost,
    Summary,
};
use offline_core::{Event, Failure, Reporter as _, plan};
use offline_terminal::{Format, Terminal, bytes, seconds};

use crate::{Archive, Args, Builder, SiteStore};

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
    if let Some(file) = &args.fetch {
        let summary = export::fetch(&docker, &options, file, terminal.reporter())?;
        match args.format {
            Format::Json => terminal.print_json(&summary)?,
            Format::Text => terminal.print(&words_of_fetching(&summary))?,
        }
        return Ok(());
    }
    let prepared = export::prepare(&docker, &options, terminal.reporter())?;
    if args.dry_run {
        return print_plan(args, &prepared, terminal);
    }
    let summary = export::run(&docker, &prepared, &options, terminal.reporter())?;
    match args.format {
        Format::Json => terminal.print_json(&summary)?,
        Format::Text => terminal.print(&words(&summary))?,
    }
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
        builder: match args.builder {
            None => BuilderChoice::Auto,
            Some(Builder::Buildkit) => BuilderChoice::Buildkit,
            Some(Builder::Classic) => BuilderChoice::Classic,
            Some(Builder::Both) => BuilderChoice::Both,
        },
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
        http_proxy: args.http_proxy.clone(),
        ca_file: args.ca_file.clone(),
        record_network: !args.no_record,
        strict: args.strict,
        force: args.force,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        docker_config: docker_config(),
        binaries: binaries(),
    }
}

/// The folder with the user's registry credentials, as Docker finds it.
fn docker_config() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker"));
    std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(home)
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
        .chain(docker_config().map(|config| config.join("cli-plugins")))
        .chain(
            [
                "/usr/local/lib/docker/cli-plugins",
                "/usr/lib/docker/cli-plugins",
            ]
            .map(PathBuf::from),
        )
        .collect();
    let find = |name: &str| folders.iter().map(|f| f.join(name)).find(|p| p.is_file());
    BINARIES.iter().filter_map(|name| find(name)).collect()
}

fn print_plan(args: &Args, prepared: &Prepared, terminal: &Terminal) -> Result<(), Failure> {
    for warning in &prepared.warnings {
        terminal.event(Event::Warning(warning.clone()));
    }
    match args.format {
        Format::Json => terminal.print_json(&plan::export_json(&prepared.whole))?,
        Format::Text => terminal.print(&plan::export_text(&prepared.whole))?,
    }
    Ok(())
}

/// What recording the network cost.
fn recorded(network: &RecordingCost) -> String {
    let mut parts = Vec::new();
    if !network.recorded.is_empty() {
        parts.push(format!(
            "{} requests of {} ({} from servers) in {}, beside the rest",
            network.requests,
            network.recorded.join(", "),
            bytes(network.bytes),
            seconds(network.elapsed),
        ));
    }
    if !network.kept.is_empty() {
        parts.push(format!("kept for {}", network.kept.join(", ")));
    }
    format!("Recorded network: {}\n", parts.join("; "))
}

fn words_of_fetching(summary: &FetchSummary) -> String {
    let mut text = format!(
        "{}: {} requests of {} ({} from servers) in {}\n",
        summary.project,
        summary.requests,
        summary.services.join(", "),
        bytes(summary.bytes),
        seconds(summary.elapsed),
    );
    text += &if summary.compared {
        format!(
            "New for the bundle of {}: {} requests, {}; {} that it holds are left out\n",
            summary.adds_to,
            summary.added_requests,
            bytes(summary.added_bytes),
            bytes(summary.held_bytes),
        )
    } else {
        format!(
            "The bundle of {} is not here, so all is carried: {} requests, {}\n",
            summary.adds_to,
            summary.added_requests,
            bytes(summary.added_bytes),
        )
    };
    text += &format!(
        "Archive: {} ({})\n",
        summary.archive.display(),
        bytes(summary.archive_bytes)
    );
    text + &format!(
        "\nCarry it to the site, and in the project folder there, with the archive where it lies then:\n  docker offline build --bundle .../{}\n",
        summary
            .archive
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
    )
}

fn words(summary: &Summary) -> String {
    let kinds: Vec<String> = [
        (summary.stages, "BuildKit"),
        (summary.classic_stages, "classic"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, builder)| format!("{number} {builder} stages"))
    .collect();
    let stages = match kinds.as_slice() {
        [] => "no stages".into(),
        kinds => kinds.join(" and "),
    };
    let mut text = format!(
        "{}: {} images, {stages} of {} services in {} ({}, {} new) in {}\n",
        summary.project,
        summary.images,
        summary.services.len(),
        summary.bundle.display(),
        bytes(summary.bundle_bytes),
        bytes(summary.new_bytes),
        seconds(summary.elapsed),
    );
    let sizes = [
        (summary.sizes.images, "images"),
        (summary.sizes.buildkit_stages, "BuildKit stages"),
        (summary.sizes.classic_stages, "classic stages"),
        (summary.sizes.fetched, "fetched by ADD"),
        (summary.sizes.network, "recorded network"),
        (summary.sizes.other, "other"),
    ];
    let sizes: Vec<String> = sizes
        .iter()
        .filter(|(size, _)| *size > 0)
        .map(|(size, kind)| format!("{kind} {}", bytes(*size)))
        .collect();
    text += &format!("Shared layers counted once: {}\n", sizes.join(", "));
    if !summary.fetched.is_empty() {
        let services: Vec<&str> = summary.fetched.iter().map(String::as_str).collect();
        text += &format!(
            "Fetched for ADD in {}: {}\n",
            services.join(", "),
            bytes(summary.sizes.fetched)
        );
    }
    if let Some(network) = &summary.network {
        text += &recorded(network);
    }
    for (service, one) in &summary.unrecorded {
        text += &format!("Not recorded: {service} ({})\n", one.words());
    }
    if !summary.not_classic.is_empty() {
        text += &format!(
            "Not for --classic, see the warnings: {}\n",
            summary.not_classic.join(", ")
        );
    }
    if !summary.left_out.is_empty() {
        text += &format!(
            "Left out, no site can build them, see the warnings: {}\n",
            summary.left_out.join(", ")
        );
    }
    if !summary.hidden.is_empty() {
        text += &format!(
            "Not carried, no active profile enables them: {} (--profile NAME or --all-profiles)\n",
            summary.hidden.join(", ")
        );
    }
    match (&summary.archive, summary.archive_bytes) {
        (Some(archive), Some(size)) => {
            text += &format!("Archive: {} ({})\n", archive.display(), bytes(size));
            let names: Vec<String> = summary
                .beside
                .iter()
                .filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
                .collect();
            text += &format!("Beside it: {}\n", names.join(", "));
            text += &format!(
                "\nCarry {} and the project folder, then on the other side, in the carried folder:\n  ./install.sh\nand in the project folder, with the archive where it lies then:\n  docker offline build --bundle .../{}\n",
                archive.parent().unwrap_or(archive).display(),
                archive.file_name().unwrap_or_default().to_string_lossy(),
            );
        }
        _ => {
            text += &format!(
                "\nCarry {} and the project folder.\n",
                summary.bundle.display()
            );
        }
    }
    text
}
