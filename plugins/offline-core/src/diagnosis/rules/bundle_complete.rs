use super::super::finding::{Finding, Severity};
use super::check::{Check, Situation};

use crate::bundle::Record;
use crate::closure::{BuildClosure, Closure, NeededImage};

/// The bundle has everything that this project asks for.
pub(super) struct BundleComplete;

impl Check for BundleComplete {
    fn id(&self) -> &'static str {
        "bundle-complete"
    }

    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding> {
        let Some(closure) = situation.sources.closure() else {
            return Vec::new();
        };
        let mut findings = self.fetched(closure);
        let Ok(bundle) = situation.bundle else {
            return findings;
        };
        let record = bundle.record();
        let lacking = closure.images.iter().filter(|needed| {
            let reference = needed.reference.to_string();
            !record.images.iter().any(|i| i.reference == reference)
        });
        findings.extend(lacking.map(|needed| self.lacking(needed, situation)));
        findings.extend(self.uncached(closure, record));
        if findings.is_empty() {
            let message = format!(
                "the bundle has all {} images and {} services that are built",
                closure.images.len(),
                closure
                    .services
                    .iter()
                    .filter(|s| s.build.is_some())
                    .count()
            );
            let subject = bundle.place().display().to_string();
            return vec![Finding::new(self.id(), Severity::Ok, subject, message)];
        }
        findings
    }
}

impl BundleComplete {
    /// An image that the bundle does not have.
    fn lacking(&self, needed: &NeededImage, situation: &Situation<'_>) -> Finding {
        let image = needed.reference.familiar();
        let services: Vec<&str> = needed.services.iter().map(String::as_str).collect();
        let roles: Vec<&str> = needed.roles.iter().map(|role| role.as_str()).collect();
        let of = format!("{} of {}", roles.join(", "), services.join(", "));
        let here = situation
            .local
            .is_some_and(|local| local.contains_key(&needed.reference.load_name()));
        if here {
            let message = format!("{image} ({of}) is not in the bundle; the engine has one");
            return Finding::new(self.id(), Severity::Note, image, message);
        }
        let message = format!("{image} ({of}) is in neither the bundle nor the engine");
        Finding::new(self.id(), Severity::Error, image, message)
            .because("the project asks for more than it did at the export")
            .remedied_by("on the connected machine, with these sources: docker offline export")
    }

    /// Services without a cache in the bundle.
    fn uncached(&self, closure: &Closure, record: &Record) -> Vec<Finding> {
        let built = closure
            .services
            .iter()
            .filter_map(|service| Some((service.name.as_str(), service.build.as_ref()?)));
        built
            .filter(|(name, _)| !record.services.iter().any(|s| s.name == *name))
            .map(|(name, build)| self.all_runs(name, build))
            .collect()
    }

    fn all_runs(&self, service: &str, build: &BuildClosure) -> Finding {
        let mut runs = build.stages.iter().flat_map(|stage| &stage.runs);
        let network = runs.find_map(|run| Some((run.line, run.network_tool?)));
        let (severity, message) = match network {
            Some((line, tool)) => (
                Severity::Error,
                format!(
                    "service {service} was not built for this bundle: {tool} at {} would run, without a network",
                    build.location(line)
                ),
            ),
            None => (
                Severity::Warning,
                format!("service {service} was not built for this bundle: all its steps will run"),
            ),
        };
        let file = build.dockerfile_path.display().to_string();
        Finding::new(self.id(), severity, file, message)
            .because("it was added since, or hidden by a profile at the export")
            .remedied_by("on the connected machine, with these sources: docker offline export")
    }

    /// What a build fetches from elsewhere, which no bundle carries yet.
    fn fetched(&self, closure: &Closure) -> Vec<Finding> {
        let finding = |one: &crate::closure::Unbundled| {
            let line = one.line.map(|line| format!(":{line}")).unwrap_or_default();
            let subject = format!("{}{line}", one.file.display());
            let message = format!("service {}: the build fetches {}", one.service, one.what);
            Finding::new(self.id(), Severity::Error, subject, message)
                .because("BuildKit asks its server in every build, cached or not")
                .remedied_by("put it into the build context and COPY it")
        };
        closure.unbundled.iter().map(finding).collect()
    }
}
