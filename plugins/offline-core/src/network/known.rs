use super::{Network, may_use};
use crate::bundle::{NetworkStep, Record};
use crate::closure::{KeyStep, StageClosure};
use crate::dockerfile::Run;

/// What a bundle's recordings say of the steps of a build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    record: &'a Record,
}

impl<'a> Known<'a> {
    /// Of this bundle.
    pub(crate) fn new(record: &'a Record) -> Self {
        Self { record }
    }

    /// Whether the bundle holds a recording at all.
    pub(crate) fn any(self) -> bool {
        !self.record.network.is_empty()
    }

    /// Whether a service's own build was recorded.
    pub(crate) fn service(self, name: &str) -> bool {
        self.record
            .network
            .iter()
            .any(|n| n.services.contains_key(name))
    }

    /// Whether a RUN that is about to run needs the network: as the recording says,
    /// and for a step that was written since, as its text does.
    pub(crate) fn needs_network(
        self,
        service: &str,
        stage: &StageClosure,
        step: &KeyStep,
        run: &Run,
    ) -> bool {
        if run.network.as_deref() == Some("none") {
            return false;
        }
        match self.requests(service, stage, step) {
            Some(requests) => requests > 0,
            None => may_use(run) != Network::No,
        }
    }

    /// How many requests a step made when it was recorded; `None` for a step that
    /// no recording knows. Texts are compared, not keys: a step that runs again does
    /// so because what comes before it has changed.
    pub(crate) fn requests(
        self,
        service: &str,
        stage: &StageClosure,
        step: &KeyStep,
    ) -> Option<u64> {
        // Of a stage that was recorded, what is not listed came before all that
        // may use a network.
        let recorded = self.recorded(service, stage, step)?;
        Some(recorded.map(|s| s.requests).sum())
    }

    /// Whether a step asked past the proxy when it was recorded: nothing answers it.
    pub(crate) fn past(self, service: &str, stage: &StageClosure, step: &KeyStep) -> bool {
        let mut recorded = self.recorded(service, stage, step).into_iter().flatten();
        recorded.any(|s| s.past)
    }

    /// What the recordings of a service have of a step; `None` where there are none.
    fn recorded(
        self,
        service: &str,
        stage: &StageClosure,
        step: &KeyStep,
    ) -> Option<impl Iterator<Item = &'a NetworkStep>> {
        let exported = self.record.services.iter().find(|s| s.name == service)?;
        let steps = exported.sources.as_ref()?.stages.get(&stage.name)?;
        let mut lines = steps.iter().filter(|s| s.text == step.text).map(|s| s.line);
        let line = lines.next()?;
        // What was added later was recorded of other sources: its lines are theirs.
        let recordings = self.record.network.iter().filter(|n| n.added.is_none());
        let mut known = recordings
            .filter(|n| n.services.contains_key(service))
            .peekable();
        known.peek()?;
        let steps: Vec<&NetworkStep> = known
            .flat_map(|n| n.steps(service, &stage.name))
            .filter(|s| s.line == line)
            .collect();
        Some(steps.into_iter())
    }
}
