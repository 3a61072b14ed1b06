use std::path::Path;

use super::super::bundle_view::BundleView;
use super::super::facts::Facts;
use super::super::finding::Finding;
use super::super::report::Report;
use super::{
    architecture, buildx, bundle_disk, bundle_whole, compose, engine_disk, engine_reachable,
    engine_version, image_store, images_present,
};

/// What the rules look at.
pub struct Situation<'a> {
    /// The engine and the tools.
    pub facts: &'a Facts,
    /// The bundle, where there is one.
    pub bundle: Option<&'a dyn BundleView>,
    /// Where the bundle is, or would be unpacked.
    pub bundle_folder: &'a Path,
}

/// One rule.
pub trait Check: Sync {
    /// Its stable name, which its findings carry.
    fn id(&self) -> &'static str;

    /// What it finds. A rule that cannot say anything, because another one has
    /// failed, finds nothing.
    fn findings(&self, situation: &Situation<'_>) -> Vec<Finding>;
}

/// All rules, in the order in which a user would want to read them.
const RULES: &[&dyn Check] = &[
    &engine_reachable::EngineReachable,
    &engine_version::EngineVersion,
    &image_store::ImageStore,
    &buildx::Buildx,
    &compose::Compose,
    &architecture::Architecture,
    &engine_disk::EngineDisk,
    &bundle_disk::BundleDisk,
    &bundle_whole::BundleWhole,
    &images_present::ImagesPresent,
];

/// Lets every rule look.
pub fn diagnose(situation: &Situation<'_>) -> Report {
    let findings = RULES.iter().flat_map(|rule| rule.findings(situation));
    Report {
        findings: findings.collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::super::super::disk::Disk;
    use super::super::super::facts::{EngineFacts, Store};
    use super::super::super::finding::Severity;
    use super::*;
    use crate::engine::Error;
    use crate::error::Failure;

    struct Bundle {
        whole: bool,
    }

    impl BundleView for Bundle {
        fn place(&self) -> &Path {
            Path::new("build-cache")
        }
        fn platform(&self) -> Option<String> {
            Some("linux/arm64".into())
        }
        fn images(&self) -> Vec<String> {
            vec!["docker.io/library/redis:7".into()]
        }
        fn verify(&self) -> Result<(), Failure> {
            if self.whole {
                Ok(())
            } else {
                Err(Error::Interrupted.into())
            }
        }
    }

    fn engine() -> EngineFacts {
        let disk = |available| Disk {
            path: "/var/lib/docker".into(),
            size: 100,
            available,
        };
        EngineFacts {
            version: "28.5.2".into(),
            api_version: "1.51".into(),
            platform: "linux/amd64".into(),
            store: Store::Graphdriver("overlay2".into()),
            root: PathBuf::from("/var/lib/docker"),
            disk: Some(disk(17)),
            images: BTreeSet::new(),
        }
    }

    fn severities(facts: &Facts, bundle: Option<&dyn BundleView>) -> Vec<(&'static str, Severity)> {
        let bundle_folder = Path::new("build-cache");
        let situation = Situation {
            facts,
            bundle,
            bundle_folder,
        };
        let report = diagnose(&situation);
        report.findings.iter().map(|f| (f.id, f.severity)).collect()
    }

    fn facts(engine: Result<EngineFacts, Error>) -> Facts {
        Facts {
            engine,
            buildx: Ok("github.com/docker/buildx 0.29.1 abc".into()),
            compose: Ok("2.40.0".into()),
        }
    }

    #[test]
    fn each_rule_says_its_own() {
        let found = severities(&facts(Ok(engine())), Some(&Bundle { whole: false }));
        for expected in [
            ("engine-reachable", Severity::Ok),
            ("engine-version", Severity::Ok),
            ("image-store", Severity::Ok),
            ("buildx", Severity::Ok),
            ("compose", Severity::Ok),
            ("architecture", Severity::Error),
            ("engine-disk", Severity::Warning),
            ("bundle-whole", Severity::Error),
            ("image-present", Severity::Note),
        ] {
            assert!(found.contains(&expected), "{expected:?} in {found:?}");
        }
    }

    #[test]
    fn one_cause_is_one_error() {
        let message = "no such file".to_owned();
        let found = severities(&facts(Err(Error::Unreachable { message })), None);
        let errors: Vec<_> = found.iter().filter(|f| f.1 == Severity::Error).collect();
        assert_eq!(errors, [&("engine-reachable", Severity::Error)]);
    }

    #[test]
    fn names_are_unique() {
        let ids: BTreeSet<&str> = RULES.iter().map(|r| r.id()).collect();
        assert_eq!(ids.len(), RULES.len());
    }
}
