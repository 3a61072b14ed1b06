use std::collections::BTreeMap;

use super::ServiceResult;
use crate::closure::Closure;
use crate::engine::{BuildLog, Step};

/// Counts the steps of all builds of one command, each step once.
#[derive(Debug, Default)]
pub(super) struct StepCount {
    /// By service, stage and position: whether it ran, and its seconds.
    steps: BTreeMap<(String, String, u32), (bool, f64)>,
}

impl StepCount {
    /// Adds a log. `service_of` finds the service by the first words of a step's
    /// scope; `only` is the service where the builder prints none.
    pub(super) fn add(
        &mut self,
        log: &BuildLog,
        only: Option<&str>,
        service_of: impl Fn(&str) -> Option<String>,
    ) {
        for step in log.steps().filter(counts) {
            let first = step.scope.first();
            let service = first
                .and_then(|word| service_of(word))
                .or_else(|| only.map(str::to_owned));
            let Some(service) = service else { continue };
            let stage = step.scope.last().cloned().unwrap_or_default();
            let held = self
                .steps
                .entry((service, stage, step.position))
                .or_insert((false, 0.0));
            if step.ran {
                held.0 = true;
                held.1 += step.seconds;
            }
        }
    }

    /// Adds what another build of the same steps did.
    pub(super) fn merge(&mut self, other: Self) {
        for (step, (ran, seconds)) in other.steps {
            let held = self.steps.entry(step).or_insert((false, 0.0));
            held.0 |= ran;
            held.1 += seconds;
        }
    }

    /// The results by service; services without a build have no steps.
    pub(super) fn results(&self, closure: &Closure) -> Vec<ServiceResult> {
        let services = closure.services.iter().filter(|s| s.build.is_some());
        services
            .map(|service| {
                let own = || self.steps.iter().filter(|((s, ..), _)| *s == service.name);
                ServiceResult {
                    service: service.name.clone(),
                    cached: own().filter(|(_, (ran, _))| !ran).count(),
                    ran: own().filter(|(_, (ran, _))| *ran).count(),
                    replayed: 0,
                    seconds: own().map(|(_, (_, seconds))| seconds).sum(),
                    images: vec![service.image.clone()],
                    builder: None,
                    refused: None,
                }
            })
            .collect()
    }
}

/// FROM is no work of the Dockerfile's own, and a stage that another log also
/// shows is the same one by name and position.
fn counts(step: &Step) -> bool {
    !step.instruction.starts_with("FROM ") && (step.cached || step.ran)
}
