use std::collections::{BTreeMap, BTreeSet};

use super::alignment::{Alignment, one_line};
use super::model::{Reason, ServiceTrace, StageTrace, StepTrace, Verdict};
use super::recording::Recording;
use super::sources::takes;
use crate::bundle::{Difference, ServiceRecord, Unrecorded};
use crate::closure::{BuildClosure, KeyStep, StageBase, StageClosure};
use crate::compatibility::{self, Engine, Miss};
use crate::network::Known;

/// What is known of one service's build.
pub(crate) struct Inputs<'a> {
    pub(crate) service: &'a str,
    pub(crate) build: &'a BuildClosure,
    /// `build.network` now.
    pub(crate) network: Option<&'a str>,
    pub(crate) carried: &'a ServiceRecord,
    /// What differs in the context; `None` where it cannot be compared.
    pub(crate) differences: Option<&'a [Difference]>,
    /// Images of which the engine has another one.
    pub(crate) other_images: &'a BTreeSet<String>,
    /// What this engine makes other keys of.
    pub(crate) misses: &'a [Miss],
    pub(crate) from: &'a Engine,
    pub(crate) to: Option<&'a Engine>,
    /// The bundle's recordings, where they can be replayed here.
    pub(crate) known: Option<Known<'a>>,
    /// Why the export could not record it, although it tried.
    pub(crate) unrecorded: Option<&'a Unrecorded>,
}

/// Goes through a build as BuildKit would.
pub(crate) fn trace(inputs: &Inputs<'_>) -> ServiceTrace {
    let recording = Recording::of(
        inputs.service,
        inputs.build,
        inputs.known,
        inputs.unrecorded.is_some(),
    );
    let mut missing: BTreeMap<usize, u32> = BTreeMap::new();
    let mut stages = Vec::new();
    for stage in &inputs.build.stages {
        let traced = Walk::new(inputs, stage, &missing).run(&recording);
        if let Some((step, _)) = traced.first_miss() {
            missing.insert(stage.index, step.line);
        }
        stages.push(traced);
    }
    ServiceTrace {
        service: inputs.service.to_owned(),
        stages,
        lines_known: inputs.carried.sources.is_some(),
        files_known: inputs.differences.is_some(),
        unrecorded: inputs.unrecorded.map(Unrecorded::words),
    }
}

/// One stage.
struct Walk<'a> {
    inputs: &'a Inputs<'a>,
    stage: &'a StageClosure,
    /// Stages that run again, and from which line on.
    missing: &'a BTreeMap<usize, u32>,
    alignment: Option<Alignment<'a>>,
    /// What later RUN steps miss for.
    pending: Option<Reason>,
    missed: bool,
}

impl<'a> Walk<'a> {
    fn new(
        inputs: &'a Inputs<'a>,
        stage: &'a StageClosure,
        missing: &'a BTreeMap<usize, u32>,
    ) -> Self {
        let sources = inputs.carried.sources.as_ref();
        let then = sources.and_then(|s| s.stages.get(&stage.name));
        let mut pending = None;
        if let Some(sources) = sources
            && sources.network.as_deref() != inputs.network
        {
            pending = Some(Reason::Network {
                was: sources.network.clone(),
                is: inputs.network.map(str::to_owned),
            });
        }
        Self {
            inputs,
            stage,
            missing,
            alignment: then.map(|then| Alignment::new(then)),
            pending,
            missed: false,
        }
    }

    fn run(mut self, recording: &Recording<'_>) -> StageTrace {
        let steps = &self.stage.steps;
        let mut traced = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let reason = self.reason(&steps[number..]);
            if !matches!(step.keyword, "FROM" | "RUN" | "COPY" | "ADD" | "WORKDIR") {
                continue;
            }
            let verdict = match reason {
                _ if self.missed => Verdict::Follows,
                Some(reason) => Verdict::Miss(reason),
                None => Verdict::Hit,
            };
            self.missed |= matches!(verdict, Verdict::Miss(_));
            let (network, recorded) = recording.of_step(self.stage, step, &verdict);
            traced.push(StepTrace {
                past: recording.past(self.stage, step),
                line: step.line,
                keyword: step.keyword,
                text: one_line(&step.text),
                network_tool: step.network_tool,
                verdict,
                network,
                recorded,
            });
        }
        StageTrace {
            name: self.stage.name.clone(),
            index: self.stage.index,
            steps: traced,
        }
    }

    fn reason(&mut self, rest: &[KeyStep]) -> Option<Reason> {
        let step = rest.first()?;
        if step.keyword == "FROM"
            && let Some(reason) = self.base()
        {
            return Some(reason);
        }
        let edit = self.alignment.as_mut().and_then(|a| a.next(rest));
        match step.keyword {
            // Part of the keys of all RUN steps after them, and of no others.
            "ARG" | "ENV" | "USER" | "SHELL" => {
                if self.pending.is_none() {
                    self.pending = edit;
                }
                return None;
            }
            "RUN" => {
                if let Some(reason) = self.pending.take() {
                    return Some(reason);
                }
            }
            _ => {}
        }
        edit.or_else(|| self.engine(step))
            .or_else(|| self.files(step))
            .or_else(|| self.stages(&step.stages))
    }

    fn base(&self) -> Option<Reason> {
        if self.inputs.carried.sources.is_some() && self.alignment.is_none() {
            return Some(Reason::NewStage);
        }
        match &self.stage.base {
            StageBase::Stage(index) => self.stages(&[*index]),
            StageBase::Image(reference) => {
                let name = reference.to_string();
                let other = self.inputs.other_images.contains(&name);
                other.then(|| Reason::OtherImage(reference.familiar()))
            }
            _ => None,
        }
    }

    fn stages(&self, used: &[usize]) -> Option<Reason> {
        let (index, line) = used
            .iter()
            .find_map(|index| Some((index, self.missing.get(index)?)))?;
        let name = self.inputs.build.stage(*index).map(|s| s.name.clone());
        Some(Reason::Stage {
            name: name.unwrap_or_default(),
            line: *line,
        })
    }

    fn files(&self, step: &KeyStep) -> Option<Reason> {
        let differences = self.inputs.differences?;
        let taken: Vec<Difference> = differences
            .iter()
            .filter(|d| step.sources.iter().any(|source| takes(source, &d.path)))
            .cloned()
            .collect();
        (!taken.is_empty()).then_some(Reason::Files(taken))
    }

    fn engine(&self, step: &KeyStep) -> Option<Reason> {
        use compatibility::Reason as Why;
        let to = self.inputs.to?;
        let miss = self.inputs.misses.iter().find(|miss| {
            let own = match miss.reason {
                Why::Generation => step.keyword == "FROM",
                Why::RunMount => step.keyword == "RUN",
                Why::CopyLink | Why::CopyPattern => matches!(step.keyword, "COPY" | "ADD"),
            };
            own && miss.stage == self.stage.name && miss.line == step.line
        })?;
        Some(Reason::Engine {
            reason: miss.reason,
            from: self.inputs.from.clone(),
            to: to.clone(),
        })
    }
}
