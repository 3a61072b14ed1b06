use std::path::{Path, PathBuf};

use offline_core::diagnosis::{Facts, Finding, Report, Severity, Situation, diagnose};
use offline_core::error::Explain;
use offline_core::{Failure, Kind};
use offline_terminal::{Format, Terminal};

use crate::{Args, text};

/// Why a diagnosis did not begin.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no bundle at {}", .0.display())]
    NoBundle(PathBuf),
    #[error("reading a build's log is not built in yet")]
    Log,
}

impl Explain for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::NoBundle(_) => Kind::BundleNotFound,
            Self::Log => Kind::EngineFailed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoBundle(_) => Some("--bundle takes the bundle folder or the archive".into()),
            Self::Log => None,
        }
    }
}

/// Looks at the machine and the bundle and says what was found.
pub(crate) fn run(args: &Args, terminal: &Terminal) -> Result<(), Failure> {
    if args.log.is_some() {
        return Err(Refusal::Log.into());
    }
    let bundle_folder = match &args.bundle {
        Some(bundle) if !bundle.exists() => return Err(Refusal::NoBundle(bundle.clone()).into()),
        Some(bundle) => bundle.clone(),
        None => PathBuf::from("build-cache"),
    };
    let facts = match terminal.docker() {
        Ok(docker) => Facts::gather(Ok(&docker)),
        Err(error) => Facts::gather(Err(error)),
    };
    let mut report = diagnose(&Situation {
        facts: &facts,
        bundle: None,
        bundle_folder: &bundle_folder,
    });
    say_what_was_not_looked_at(&mut report, &bundle_folder);
    match args.format {
        Format::Text => terminal.print(&text::words(&report, terminal.result_colours()))?,
        Format::Json => terminal.print_json(&report)?,
    }
    Ok(report.conclude(args.strict)?)
}

/// Bundles are not read yet; one that is there must not be called missing.
fn say_what_was_not_looked_at(report: &mut Report, bundle: &Path) {
    if !bundle.exists() {
        return;
    }
    report.findings.retain(|f| f.id != "bundle-whole");
    let subject = bundle.display().to_string();
    let message = "the bundle was not looked into: not built in yet";
    let finding = Finding::new("bundle-whole", Severity::Note, subject, message);
    report.findings.push(finding);
}
