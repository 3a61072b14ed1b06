use std::collections::BTreeMap;
use std::path::Path;

use super::super::bundle_view::BundleView;
use super::super::facts::Facts;
use super::super::finding::Finding;
use super::super::report::Report;
use super::super::sources::Sources;
use super::{
    architecture, build_cache, builder, buildx, bundle_complete, bundle_disk, bundle_present,
    bundle_whole, compose, engine_disk, engine_reachable, engine_version, image_store,
    images_present, project_read,
};
use crate::engine::LocalImage;
use crate::error::Failure;

/// What the rules look at.
pub struct Situation<'a> {
    /// The engine and the tools.
    pub facts: &'a Facts,
    /// The bundle, or why there is none.
    pub bundle: Result<&'a dyn BundleView, &'a Failure>,
    /// Whether the user has named the bundle.
    pub bundle_named: bool,
    /// The bundle folder, or where an archive would be unpacked.
    pub unpacked: &'a Path,
    /// The project.
    pub sources: &'a Sources,
    /// The images that the engine has of those asked for, by the name under
    /// which they are loaded; `None` where it cannot be asked.
    pub local: Option<&'a BTreeMap<String, LocalImage>>,
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
pub(super) const RULES: &[&dyn Check] = &[
    &engine_reachable::EngineReachable,
    &engine_version::EngineVersion,
    &image_store::ImageStore,
    &buildx::Buildx,
    &builder::ActiveBuilder,
    &compose::Compose,
    &engine_disk::EngineDisk,
    &bundle_present::BundlePresent,
    &bundle_whole::BundleWhole,
    &bundle_disk::BundleDisk,
    &architecture::Architecture,
    &project_read::ProjectRead,
    &bundle_complete::BundleComplete,
    &build_cache::BuildCache,
    &images_present::ImagesPresent,
];

/// Lets every rule look.
pub fn diagnose(situation: &Situation<'_>) -> Report {
    let findings = RULES.iter().flat_map(|rule| rule.findings(situation));
    Report {
        findings: findings.collect(),
    }
}
