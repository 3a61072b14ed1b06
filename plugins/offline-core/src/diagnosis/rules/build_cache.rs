use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::bundle::Record;
use crate::closure::Closure;
use crate::compatibility::{Engine, Miss, misses};
use crate::engine::Store;

/// The bundle's build cache hits on this engine.
pub(super) struct BuildCache;

impl Check for BuildCache {
    fn id(&self) -> &'static str {
        "build-cache"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let (Ok(engine), Ok(bundle)) = (&situation.facts.engine, situation.bundle) else {
            return Vec::new();
        };
        let (from, to) = (maker(bundle.record()), Engine::from(&engine.info));
        let Some(closure) = situation.sources.closure() else {
            return vec![self.without_project(&from, &to)];
        };
        let findings: Vec<Finding> = misses(closure, &from, &to)
            .iter()
            .filter_map(|miss| self.miss(closure, miss, &from, &to))
            .collect();
        if findings.is_empty() {
            let message = format!("what {from} has cached hits on {to}");
            return vec![Finding::new(self.id(), Severity::Ok, "bundle", message)];
        }
        findings
    }
}

impl BuildCache {
    fn miss(&self, closure: &Closure, miss: &Miss, from: &Engine, to: &Engine) -> Option<Finding> {
        let build = closure.service(&miss.service)?.build.as_ref()?;
        let service = &miss.service;
        let (severity, message) = match miss.network {
            Some((line, tool)) => (
                Severity::Error,
                format!(
                    "service {service} cannot be built here: {tool} at {} would run again, without a network",
                    build.location(line)
                ),
            ),
            None if miss.reruns.is_empty() => return None,
            None => {
                let lines: Vec<String> = miss
                    .reruns
                    .iter()
                    .map(|(line, _)| (line + build.line_offset).to_string())
                    .collect();
                (
                    Severity::Warning,
                    format!(
                        "service {service}: RUN at line {} will run again here",
                        lines.join(", ")
                    ),
                )
            }
        };
        let subject = build.location(miss.line).to_string();
        Some(
            Finding::new(self.id(), severity, subject, message)
                .because(miss.reason.words(from, to))
                .remedied_by(miss.reason.remedy(from, to)),
        )
    }

    /// Which steps miss cannot be said without the Dockerfiles.
    fn without_project(&self, from: &Engine, to: &Engine) -> Finding {
        let finding = |severity, message| Finding::new(self.id(), severity, "bundle", message);
        let remedy =
            "in the project's folder, docker offline diagnose names the steps that will miss";
        if from.generation() != to.generation() {
            let message = format!("the bundle's caches are of {from}, this is {to}");
            return finding(Severity::Warning, message)
                .because("cache keys differ between engine generations, of RUN --mount at least")
                .remedied_by(remedy);
        }
        if from.store != to.store {
            let message = format!("the bundle was exported on {from}, this is {to}");
            return finding(Severity::Note, message)
                .because("COPY --link has other cache keys on the other kind of image store")
                .remedied_by(remedy);
        }
        finding(Severity::Ok, format!("what {from} has cached hits on {to}"))
    }
}

/// The engine that made a bundle.
pub(super) fn maker(record: &Record) -> Engine {
    Engine {
        version: record.engine.version.clone(),
        store: match record.engine.store.as_str() {
            "" => None,
            "containerd" => Some(Store::Containerd),
            _ => Some(Store::Graphdriver),
        },
        compose: record.engine.compose.clone(),
    }
}
