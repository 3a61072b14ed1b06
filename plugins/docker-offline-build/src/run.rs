use std::path::Path;
use std::time::Duration;

use offline_core::build::{self, BuildOptions, BuildPlanDocument};
use offline_core::carried::Replace;
use offline_core::engine::Docker;
use offline_core::{Event, Failure, up};
use offline_terminal::{Lang, Terminal, nothing_restarted, of_build_plan};

use crate::{Args, ahead, words};

pub(crate) fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    if ahead::is_asked(args) {
        return ahead::run(args, cache_dir(args), terminal);
    }
    let docker = terminal.docker()?;
    if args.leave {
        return leave(args, &docker, terminal);
    }
    let options = options(args);
    if args.up {
        return up(args, &docker, &options, terminal);
    }
    if args.dry_run {
        return dry_run(args, &docker, &options, terminal);
    }
    let (summary, refused) = build::run(&docker, &options, terminal.reporter())?;
    terminal.print_as(args.format, &summary, || words::of_build(&summary))?;
    refused.map_or(Ok(()), Err)
}

fn dry_run(
    args: &Args,
    docker: &Docker,
    options: &BuildOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let language = Lang::or_of_locale(args.lang);
    let (plan, refused) = build::dry_run(docker, options, terminal.reporter())?;
    let document = BuildPlanDocument::of(&plan, language);
    terminal.print_as(args.format, &document, || of_build_plan(&plan, language))?;
    refused.map_or(Ok(()), Err)
}

fn up(
    args: &Args,
    docker: &Docker,
    options: &BuildOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let language = Lang::or_of_locale(args.lang);
    let nothing = || {
        let words = nothing_restarted(language);
        terminal.reporter().event(Event::Note(words.into()));
    };
    let within = Duration::from_secs(args.wait_timeout);
    let ran = up::run(docker, options, within, terminal.reporter());
    let (report, failure) = ran.inspect_err(|_| nothing())?;
    if report.containers.is_none() {
        nothing();
    }
    terminal.print_as(args.format, &report, || words::of_up(&report, language))?;
    failure.map_or(Ok(()), Err)
}

fn leave(args: &Args, docker: &Docker, terminal: &Terminal) -> Result<(), Failure> {
    let left = build::stay::leave(
        docker,
        &args.project.options(),
        args.bundle.as_deref(),
        cache_dir(args),
    )?;
    terminal.print_as(args.format, &left, || words::of_leaving(&left))?;
    Ok(())
}

fn options(args: &Args) -> BuildOptions {
    BuildOptions {
        project: args.project.options(),
        services: args.project.services.clone(),
        bundle: args.bundle.clone(),
        cache_dir: cache_dir(args).map(Path::to_owned),
        setup: args.setup,
        load_only: args.load_only,
        version: args.version.clone(),
        classic: args.classic,
        force: args.force,
        wanted: args.wanted.clone(),
        replace: replace(args.replace.as_deref()),
        stay: args.stay,
    }
}

/// The cache folder, where it is not the usual one.
fn cache_dir(args: &Args) -> Option<&Path> {
    let named = args.cache_dir.as_path();
    (named != Path::new("build-cache")).then_some(named)
}

/// The flag without a name means all.
fn replace(names: Option<&[String]>) -> Replace {
    match names {
        None => Replace::Nothing,
        Some([none]) if none.is_empty() => Replace::All,
        Some(names) => Replace::These(names.to_vec()),
    }
}
