use std::time::{Duration, SystemTime};

use offline_network::Miss;

use super::{Asked, Error, Replayer};
use crate::engine::StepFailure;
use crate::error::{Failure, Kind};
use crate::event::Warning;
use crate::network::without_our_flags;

/// How far the builder's clock and the proxy's may be apart.
const SLACK: Duration = Duration::from_millis(500);

impl Replayer<'_> {
    /// Everything that was asked for and is not recorded, in the order of asking.
    pub(in crate::build) fn asked(&self) -> Vec<Asked> {
        self.missed()
            .iter()
            .map(|miss| self.who_asked(miss))
            .collect()
    }

    fn who_asked(&self, miss: &Miss) -> Asked {
        let seen = self.state();
        let running = |started: SystemTime, completed: Option<SystemTime>| {
            started <= miss.time + SLACK && completed.is_none_or(|c| c + SLACK >= miss.time)
        };
        let mut steps = seen
            .ran
            .values()
            .filter(|r| r.place.service == miss.target && running(r.started, r.completed));
        let place = steps.next().map(|r| &r.place);
        let build = self
            .closure
            .service(&miss.target)
            .and_then(|s| s.build.as_ref());
        let step = place.and_then(|place| {
            let stage = build?.stage(place.at.stage)?;
            let run = stage.runs.iter().find(|r| r.line == place.line)?;
            Some(format!("RUN {}", run.command))
        });
        Asked {
            service: miss.target.clone(),
            at: place.and_then(|place| Some(build?.location(place.line).to_string())),
            step,
            method: miss.method.clone(),
            url: miss.url.clone(),
            why: miss.why.clone(),
            changing: miss.changing,
        }
    }

    /// A failed build as its user knows it: with the lines of their own Dockerfile,
    /// and with what was not recorded, where that may be why.
    pub(in crate::build) fn explain(
        &self,
        mut failure: StepFailure,
        service: Option<&str>,
    ) -> Result<StepFailure, Failure> {
        if let Some(step) = &mut failure.step {
            step.instruction = without_our_flags(&step.instruction);
        }
        failure.message = without_our_flags(&failure.message);
        if let (Some(service), Some((file, line))) = (service, failure.source.take()) {
            let build = self.closure.service(service).and_then(|s| s.build.as_ref());
            failure.source = match (build, self.original_line(service, line)) {
                (Some(build), Some(line)) => {
                    let file = build.dockerfile_path.display().to_string();
                    Some((file, line + build.line_offset))
                }
                (_, line) => line.map(|line| (file, line)),
            };
        }
        let at = failure
            .source
            .as_ref()
            .map(|(file, line)| format!("{file}:{line}"));
        let own = |asked: &Asked| {
            service.is_none_or(|s| s == asked.service)
                && (at.is_none() || asked.at.is_none() || asked.at == at)
        };
        self.note_lacking(&failure, service);
        if !self.asked().iter().any(own) {
            // Only what runs through the proxy can have failed for want of it.
            let rewritten = service.is_none_or(|s| self.through().contains_key(s));
            return match self.unreached().filter(|_| rewritten) {
                Some(unreached) => Err(Error::Unreached(unreached).into()),
                None => Ok(failure),
            };
        }
        let mut state = self.state();
        let first = state.failure.get_or_insert(failure).clone();
        drop(state);
        Err(self.not_recorded(first))
    }

    fn not_recorded(&self, failure: StepFailure) -> Failure {
        Error::NotRecorded {
            asked: self.asked(),
            wanted: self.wanted.map(ToOwned::to_owned),
            failure: Box::new(failure),
        }
        .into()
    }

    /// A failure for want of a recording, with what every service lacks by now.
    pub(in crate::build) fn with_all_misses(&self, failure: Failure) -> Failure {
        let first = self.state().failure.clone();
        match first {
            Some(first) if failure.kind() == Kind::NotRecorded => self.not_recorded(first),
            _ => failure,
        }
    }

    /// What a build did without, although it succeeded.
    pub(in crate::build) fn warning(&self) -> Option<Warning> {
        let asked = self.asked();
        let first = asked.first()?;
        let list: Vec<String> = asked
            .iter()
            .take(10)
            .map(|a| format!("{}: {}", a.place(), a.words()))
            .collect();
        let more = asked.len().saturating_sub(list.len());
        let more = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        Some(Warning {
            what: format!(
                "{} not in the bundle's recording, and the build went on without: {}{more}",
                if asked.len() == 1 { "one request was".to_owned() } else { format!("{} requests were", asked.len()) },
                list.join("; ")
            ),
            subject: first.at.clone(),
            why: Some("it was never asked for while the recording was made".into()),
            remedy: Some("if something is missing in the image: docker offline build --wanted wanted.json writes it down, docker offline export --fetch wanted.json brings it on the connected machine, and docker offline build --bundle THAT_ARCHIVE takes it here".into()),
        })
    }
}
