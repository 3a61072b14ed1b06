//! What a build will do on this machine, as data: what `docker offline build --dry-run`
//! prints.

use std::path::PathBuf;

use serde::Serialize;

use crate::diagnosis::{Language, Reason, StepNetwork};
use crate::event::Warning;

/// What a build will do.
#[derive(Debug, Clone)]
pub struct BuildPlan {
    /// The project.
    pub project: String,
    /// The bundle.
    pub bundle: PlannedBundle,
    /// Who builds.
    pub builder: PlannedBuilder,
    /// The images that are loaded, of those that the bundle carries as they are.
    pub load: Vec<PlannedImage>,
    /// The bytes that are written to the engine for them.
    pub load_bytes: u64,
    /// The stages that are warmed, wave by wave.
    pub warm: Vec<Vec<PlannedStage>>,
    /// What is put into its place besides images.
    pub carried: Vec<PlannedCarried>,
    /// The services, by name.
    pub services: Vec<PlannedService>,
    /// What the build says before it begins.
    pub warnings: Vec<Warning>,
    /// What only the build itself can show.
    pub unknown: Vec<Unknown>,
}

/// The bundle that is built from.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedBundle {
    /// Its folder or archive.
    pub path: PathBuf,
    /// Whether it is an archive, which is unpacked first.
    pub unpacked_first: bool,
    /// Archives beside it whose recordings are added to it.
    pub additions: Vec<PathBuf>,
}

/// Who builds, and why.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedBuilder {
    /// `buildkit` or `classic`.
    pub name: &'static str,
    /// Why, as a sentence.
    pub why: String,
}

/// An image that is loaded.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedImage {
    /// Its reference.
    pub image: String,
    /// The services that ask for it.
    pub services: Vec<String>,
}

/// A stage of a service.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStage {
    /// The service.
    pub service: String,
    /// The stage's name; generated for one without.
    pub stage: String,
}

/// Something that is put into its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedCarried {
    /// What it is, as in `files`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether the bundle holds it.
    pub held: bool,
}

/// What becomes of a service.
#[derive(Debug, Clone)]
pub struct PlannedService {
    /// Its name.
    pub service: String,
    /// The image it runs; empty where it runs none.
    pub image: String,
    /// What is done for it.
    pub way: PlannedWay,
    /// Its steps that run or copy something; `None` where they are not known before they
    /// are built, or nothing is built.
    pub steps: Option<Vec<PlannedStep>>,
}

/// How a service gets its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedWay {
    /// It runs an image as it is.
    AsItIs,
    /// It is built by BuildKit.
    BuildKit,
    /// It is built by the classic builder.
    Classic,
    /// Nothing of it has changed: the image is loaded and tagged.
    Carried,
    /// It is not built, for this reason.
    Refused(String),
}

/// What becomes of a step.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// `file:line`.
    pub at: String,
    /// What it says, on one line.
    pub text: String,
    /// Whether the bundle's cache has it.
    pub cached: bool,
    /// Where one that runs, and may use the network, has what it asks for.
    pub network: Option<StepNetwork>,
    /// Why the first step of a stage is not in the cache.
    pub reason: Option<Reason>,
}

/// What only the build itself can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unknown {
    /// Whether every byte of the bundle is what was written: they are compared when the
    /// bundle is unpacked, or first built from.
    Bytes,
    /// Whether the engine's own cache has steps that the bundle's has not: it may have
    /// built them since.
    OwnCache,
    /// Whether the steps that run succeed.
    Success,
    /// Which steps of a service run: the bundle was made without it, or does not say what
    /// its Dockerfile and files were.
    Steps {
        /// The service.
        service: String,
    },
    /// Whether the recording holds all that a step asks for, which was written since.
    Requests {
        /// The service.
        service: String,
        /// `file:line` of the step.
        at: String,
    },
    /// Whether something else lies where a carried thing is put.
    Place {
        /// What it is.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl PlannedWay {
    /// Its word in JSON.
    pub fn id(&self) -> &'static str {
        match self {
            Self::AsItIs => "as_it_is",
            Self::BuildKit => "buildkit",
            Self::Classic => "classic",
            Self::Carried => "carried",
            Self::Refused(_) => "refused",
        }
    }
}

impl PlannedStep {
    /// Whether it runs and the bundle's recording answers it.
    pub fn is_replayed(&self) -> bool {
        !self.cached && self.network == Some(StepNetwork::Recorded)
    }
}

/// A plan as JSON, in one language. Its schema is published as
/// `docs/build-plan.schema.json`.
#[derive(Debug, Serialize)]
pub struct BuildPlanDocument<'a> {
    format: u32,
    language: &'static str,
    project: &'a str,
    bundle: &'a PlannedBundle,
    builder: &'a PlannedBuilder,
    load: &'a [PlannedImage],
    load_bytes: u64,
    warm: &'a [Vec<PlannedStage>],
    carried: &'a [PlannedCarried],
    services: Vec<ServiceLine<'a>>,
    warnings: &'a [Warning],
    unknown: &'a [Unknown],
}

#[derive(Debug, Serialize)]
struct ServiceLine<'a> {
    service: &'a str,
    image: Option<&'a str>,
    way: &'static str,
    refused: Option<&'a str>,
    steps: Option<Vec<StepLine<'a>>>,
}

#[derive(Debug, Serialize)]
struct StepLine<'a> {
    at: &'a str,
    text: &'a str,
    cached: bool,
    network: Option<&'static str>,
    reason: Option<String>,
}

impl<'a> BuildPlanDocument<'a> {
    /// The plan in a language.
    pub fn of(plan: &'a BuildPlan, language: Language) -> Self {
        let step = |step: &'a PlannedStep| StepLine {
            at: &step.at,
            text: &step.text,
            cached: step.cached,
            network: step.network.map(StepNetwork::id),
            reason: step
                .reason
                .as_ref()
                .map(|reason| reason.words().get(language).to_owned()),
        };
        let service = |one: &'a PlannedService| ServiceLine {
            service: &one.service,
            image: (!one.image.is_empty()).then_some(&one.image),
            way: one.way.id(),
            refused: match &one.way {
                PlannedWay::Refused(reason) => Some(reason),
                _ => None,
            },
            steps: one
                .steps
                .as_ref()
                .map(|steps| steps.iter().map(step).collect()),
        };
        Self {
            format: 1,
            language: language.code(),
            project: &plan.project,
            bundle: &plan.bundle,
            builder: &plan.builder,
            load: &plan.load,
            load_bytes: plan.load_bytes,
            warm: &plan.warm,
            carried: &plan.carried,
            services: plan.services.iter().map(service).collect(),
            warnings: &plan.warnings,
            unknown: &plan.unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::diagnosis::conforms;

    fn plan() -> BuildPlan {
        let step = |cached, network, reason| PlannedStep {
            at: "api/Dockerfile:3".into(),
            text: "RUN npm ci".into(),
            cached,
            network,
            reason,
        };
        let service = |name: &str, way, steps| PlannedService {
            service: name.into(),
            image: if name == "model" { "" } else { "shop-api" }.into(),
            way,
            steps,
        };
        BuildPlan {
            project: "shop".into(),
            bundle: PlannedBundle {
                path: "build-cache".into(),
                unpacked_first: false,
                additions: vec!["build-cache-more.tar.zst".into()],
            },
            builder: PlannedBuilder {
                name: "buildkit",
                why: "Building with BuildKit.".into(),
            },
            load: vec![PlannedImage {
                image: "redis:7".into(),
                services: vec!["db".into()],
            }],
            load_bytes: 7,
            warm: vec![vec![PlannedStage {
                service: "api".into(),
                stage: "stage-0".into(),
            }]],
            carried: vec![PlannedCarried {
                kind: "volume".into(),
                name: "data".into(),
                held: true,
            }],
            services: vec![
                service(
                    "api",
                    PlannedWay::BuildKit,
                    Some(vec![
                        step(true, None, None),
                        step(false, Some(StepNetwork::Recorded), Some(Reason::NewStage)),
                    ]),
                ),
                service("model", PlannedWay::AsItIs, None),
                service("page", PlannedWay::Refused("it is so".into()), None),
            ],
            warnings: vec![Warning {
                what: "so".into(),
                subject: None,
                why: None,
                remedy: Some("do".into()),
            }],
            unknown: vec![
                Unknown::Bytes,
                Unknown::Steps {
                    service: "page".into(),
                },
                Unknown::Requests {
                    service: "api".into(),
                    at: "api/Dockerfile:3".into(),
                },
                Unknown::Place {
                    kind: "volume".into(),
                    name: "data".into(),
                },
            ],
        }
    }

    #[test]
    fn a_plan_follows_the_published_schema() {
        let schema = include_str!("../../../../docs/build-plan.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let plan = plan();
        let mut document =
            serde_json::to_value(BuildPlanDocument::of(&plan, Language::Chinese)).unwrap();
        conforms(&document, &schema, &schema).unwrap();
        let services = &document["services"];
        assert_eq!(services[0]["steps"][1]["network"], "recorded");
        assert_eq!(services[0]["steps"][1]["reason"], "导出时没有这个阶段");
        assert_eq!(services[1]["image"], Value::Null);
        assert_eq!(services[2]["refused"], "it is so");
        document["services"][0]["way"] = "somehow".into();
        assert!(conforms(&document, &schema, &schema).is_err());
    }
}
