use std::path::PathBuf;

use offline_core::Failure;
use offline_core::diagnosis::{
    DiagnoseOptions, Document, MachineSources, Report, WhyDocument, list_network, survey, why,
};
use offline_core::engine::Error;
use offline_core::project;
use offline_terminal::Terminal;

use crate::text::Page;
use crate::{Args, network, steps, text};

/// Looks at machine, bundle and project, or else at a log, and says what was found.
pub(crate) fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    let page = Page {
        language: args.language(),
        colours: terminal.result_colours(),
        width: terminal.result_width(),
    };
    if let Some(rule) = args.explain {
        return Ok(terminal.print(&text::explain(rule, page))?);
    }
    if let Some(log) = &args.log {
        return conclude(args, terminal, page, &crate::log::read(log)?);
    }
    if args.list_network {
        return recorded(args, terminal, page);
    }
    let docker = match terminal.docker() {
        Ok(docker) => Some(docker),
        // That it is missing is a finding.
        Err(Error::DockerMissing) => None,
        Err(error) => return Err(error.into()),
    };
    let options = DiagnoseOptions {
        project: args.project.options(),
        services: args.project.services.clone(),
        bundle: args.bundle.clone(),
        cache_dir: args.cache_dir.clone(),
        machine: machine(),
        tool_version: env!("CARGO_PKG_VERSION").into(),
    };
    if let Some(service) = &args.why {
        let docker = docker.ok_or(Error::DockerMissing)?;
        let trace = why(&docker, &options, service, terminal.reporter())?;
        let document = WhyDocument::of(&trace, page.language);
        return Ok(terminal.print_as(args.format, &document, || steps::words(&trace, page))?);
    }
    let report = survey(docker.as_ref(), &options, terminal.reporter())?;
    conclude(args, terminal, page, &report)
}

/// Lists what was recorded of the network; no engine is asked.
fn recorded(args: &Args, terminal: &Terminal, page: Page) -> Result<(), Failure> {
    let bundle = args.bundle.as_deref();
    let project = match project::directory(&args.project.options()) {
        Ok(folder) => folder,
        // A bundle that is named needs no project beside it.
        Err(_) if bundle.is_some() => PathBuf::from("."),
        Err(error) => return Err(error.into()),
    };
    let mut list = list_network(bundle, args.cache_dir.as_deref(), &project)?;
    let wanted = &args.project.services;
    list.services
        .retain(|service| wanted.is_empty() || wanted.contains(&service.name));
    Ok(terminal.print_as(args.format, &list, || network::words(&list, page))?)
}

/// Prints a report, and fails where it says that something is wrong.
fn conclude(args: &Args, terminal: &Terminal, page: Page, report: &Report) -> Result<(), Failure> {
    let document = Document::of(report, page.language);
    terminal.print_as(args.format, &document, || {
        if args.quiet {
            text::lines(report, page)
        } else {
            text::words(report, page)
        }
    })?;
    Ok(report.conclude(args.strict, page.language)?)
}

/// This machine and this user's docker configuration.
fn machine() -> MachineSources {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let home = || Some(PathBuf::from(variable("HOME")?).join(".docker"));
    MachineSources {
        root: None,
        docker_config: variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    }
}
