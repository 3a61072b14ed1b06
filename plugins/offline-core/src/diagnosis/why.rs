use serde::Serialize;

use super::bundle_view::{BundleView, CarriedBundle};
use super::facts::Facts;
use super::language::Language;
use super::sources::Sources;
use super::survey::{DiagnoseOptions, images_of, platform_of};
use super::trace::{ServiceTrace, Verdict};
use super::traces::traces;
use crate::closure;
use crate::engine::Docker;
use crate::error::{Explain, Failure, Kind};
use crate::event::{Reporter, Task, Work};
use crate::project;

/// Why a service cannot be explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyError {
    /// It is not built.
    #[error("service {0} is not built: it runs an image as it is")]
    NotBuilt(String),
    /// The bundle was made without it.
    #[error("service {0} was not built for this bundle, so that all its steps will run")]
    NotCarried(String),
}

impl Explain for WhyError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotBuilt(_) => Kind::UnknownService,
            Self::NotCarried(_) => Kind::BundleIncomplete,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotBuilt(_) => "docker offline diagnose looks at its image".into(),
            Self::NotCarried(_) => {
                "on the connected machine, with these sources: docker offline export".into()
            }
        })
    }
}

/// Says of each step of a service whether it is in the bundle's cache, and of
/// the first that is not, why. Asks the engine what it is; where that does not
/// answer, what depends on the engine is left out.
pub fn why(
    docker: &Docker,
    options: &DiagnoseOptions,
    service: &str,
    reporter: &dyn Reporter,
) -> Result<ServiceTrace, Failure> {
    let _task = Task::start(reporter, Work::ReadProject, None);
    let docker = &docker.clone().for_questions();
    let facts = Facts::gather(Some(docker));
    let project = project::read(docker, &options.project)?;
    let bundle = CarriedBundle::find(
        options.bundle.as_deref(),
        options.cache_dir.as_deref(),
        &project.directory,
        reporter,
    )?;
    let platform = platform_of(&facts, Some(&bundle));
    let closure = closure::resolve(&project, &[service.to_owned()], &platform)?;
    if closure.service(service).is_none_or(|s| s.build.is_none()) {
        return Err(WhyError::NotBuilt(service.to_owned()).into());
    }
    let sources = Sources::Read(Box::new(project), Box::new(closure));
    let view: &dyn BundleView = &bundle;
    let local = facts
        .engine
        .is_ok()
        .then(|| images_of(docker, &sources, Some(view)))
        .flatten();
    let all = traces(&sources, Some(view), &facts, local.as_ref());
    let found = all.into_iter().find(|trace| trace.service == service);
    Ok(found.ok_or_else(|| WhyError::NotCarried(service.to_owned()))?)
}

/// A trace as JSON, in one language. Its schema is published as
/// `docs/diagnosis/why.schema.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyDocument<'a> {
    format: u32,
    language: &'static str,
    service: &'a str,
    lines_known: bool,
    files_known: bool,
    stages: Vec<WhyStage<'a>>,
}

#[derive(Debug, Serialize)]
struct WhyStage<'a> {
    name: &'a str,
    steps: Vec<WhyStep<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct WhyStep<'a> {
    line: u32,
    text: &'a str,
    verdict: &'static str,
    network_tool: Option<&'static str>,
    network: Option<&'static str>,
    recorded_requests: u64,
    reason: Option<String>,
}

impl<'a> WhyDocument<'a> {
    /// The trace in a language.
    pub fn of(trace: &'a ServiceTrace, language: Language) -> Self {
        let step = |step: &'a super::StepTrace| WhyStep {
            line: step.line,
            text: &step.text,
            verdict: match step.verdict {
                Verdict::Hit => "hit",
                Verdict::Miss(_) => "miss",
                Verdict::Follows => "follows",
            },
            network_tool: step.network_tool,
            network: step.network.map(super::StepNetwork::id),
            recorded_requests: step.recorded,
            reason: match &step.verdict {
                Verdict::Miss(reason) => Some(reason.words().get(language).to_owned()),
                _ => None,
            },
        };
        let stage = |stage: &'a super::StageTrace| WhyStage {
            name: &stage.name,
            steps: stage.steps.iter().map(step).collect(),
        };
        Self {
            format: 1,
            language: language.code(),
            service: &trace.service,
            lines_known: trace.lines_known,
            files_known: trace.files_known,
            stages: trace.stages.iter().map(stage).collect(),
        }
    }
}
