use std::collections::BTreeMap;

use super::model::{StepNetwork, Verdict};
use crate::closure::{BuildClosure, KeyStep, StageClosure};
use crate::dockerfile::{self, InstructionKind};
use crate::network::Known;
use crate::network::{Network, may_use};

/// What is known of the requests of one service's steps.
pub(super) struct Recording<'a> {
    service: &'a str,
    /// The bundle's recordings, where they hold this service and can be replayed here.
    known: Option<Known<'a>>,
    /// Whether the export tried to record it and could not.
    unrecorded: bool,
    /// What the text of each RUN says, by stage and line.
    texts: BTreeMap<(usize, u32), Network>,
}

impl<'a> Recording<'a> {
    pub(super) fn of(
        service: &'a str,
        build: &BuildClosure,
        known: Option<Known<'a>>,
        unrecorded: bool,
    ) -> Self {
        let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path);
        let mut texts = BTreeMap::new();
        for stage in file.iter().flat_map(|file| &file.stages) {
            for instruction in &stage.instructions {
                if let InstructionKind::Run(run) = &instruction.kind {
                    texts.insert((stage.index, instruction.line), may_use(run));
                }
            }
        }
        Self {
            service,
            unrecorded,
            known: known.filter(|known| known.service(service)),
            texts,
        }
    }

    /// Whether a step asked past the proxy when it was recorded.
    pub(super) fn past(&self, stage: &StageClosure, step: &KeyStep) -> bool {
        let past = |known: Known<'_>| known.past(self.service, stage, step);
        self.known.is_some_and(past)
    }

    /// Where a step's answers come from, and how many requests are recorded for it.
    pub(super) fn of_step(
        &self,
        stage: &StageClosure,
        step: &KeyStep,
        verdict: &Verdict,
    ) -> (Option<StepNetwork>, u64) {
        if step.keyword != "RUN" {
            return (None, 0);
        }
        let text = self.texts.get(&(stage.index, step.line)).copied();
        // What a base triggers stands in no text of this file.
        let triggered = || step.network_tool.map_or(Network::No, Network::Yes);
        let text = text.unwrap_or_else(triggered);
        let requests = self
            .known
            .and_then(|known| known.requests(self.service, stage, step));
        let recorded = requests.unwrap_or_default();
        let network = match (requests, text) {
            (Some(0), _) if self.past(stage, step) => Some(match verdict {
                Verdict::Hit => StepNetwork::Cached,
                _ => StepNetwork::Lost,
            }),
            (None, Network::No) | (Some(0), _) => None,
            _ if *verdict == Verdict::Hit => Some(StepNetwork::Cached),
            (Some(_), _) => Some(StepNetwork::Recorded),
            (None, _) if self.known.is_some() => Some(StepNetwork::Unknown),
            (None, Network::Yes(_)) => Some(StepNetwork::Lost),
            (None, Network::Maybe) if self.unrecorded => Some(StepNetwork::Unknown),
            // Nobody knows whether it asks at all.
            (None, Network::Maybe) => None,
        };
        (network, recorded)
    }
}
