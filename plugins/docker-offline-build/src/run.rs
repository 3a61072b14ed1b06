use std::path::Path;

use offline_core::Failure;
use offline_core::build::{self, BuildOptions};
use offline_core::carried::Replace;
use offline_terminal::{Format, Terminal};

use crate::{Args, words};

pub(crate) fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    let docker = terminal.docker()?;
    let default_cache = args.cache_dir == Path::new("build-cache");
    if args.leave {
        let cache_dir = (!default_cache).then_some(args.cache_dir.as_path());
        let bundle = args.bundle.as_deref();
        let left = build::stay::leave(&docker, &args.project.options(), bundle, cache_dir)?;
        match args.format {
            Format::Json => terminal.print_json(&left)?,
            Format::Text => terminal.print(&words::of_leaving(&left))?,
        }
        return Ok(());
    }
    let options = BuildOptions {
        project: args.project.options(),
        services: args.project.services.clone(),
        bundle: args.bundle.clone(),
        cache_dir: (!default_cache).then(|| args.cache_dir.clone()),
        setup: args.setup,
        version: args.version.clone(),
        classic: args.classic,
        force: args.force,
        wanted: args.wanted.clone(),
        replace: replace(args.replace.as_deref()),
        stay: args.stay,
    };
    let (summary, refused) = build::run(&docker, &options, terminal.reporter())?;
    match args.format {
        Format::Json => terminal.print_json(&summary)?,
        Format::Text => terminal.print(&words::of_build(&summary))?,
    }
    refused.map_or(Ok(()), Err)
}

/// The flag without a name means all.
fn replace(names: Option<&[String]>) -> Replace {
    match names {
        None => Replace::Nothing,
        Some([none]) if none.is_empty() => Replace::All,
        Some(names) => Replace::These(names.to_vec()),
    }
}
