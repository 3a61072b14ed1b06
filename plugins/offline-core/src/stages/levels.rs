use std::collections::{BTreeMap, BTreeSet};

use crate::closure::{Closure, StageRef, waves};

/// Services that can be built once the levels before are built, with their
/// stages in waves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level {
    pub(crate) services: BTreeSet<String>,
    pub(crate) waves: Vec<Vec<StageRef>>,
}

/// Services in groups of which each may be built at once: a containerd store fails
/// with "already exists" when two builds create one name (28.5, fact 27).
pub(crate) fn one_name_at_a_time(
    closure: &Closure,
    services: impl IntoIterator<Item = String>,
) -> Vec<BTreeSet<String>> {
    let mut groups: Vec<BTreeSet<String>> = Vec::new();
    let mut builds_of: BTreeMap<Option<&String>, usize> = BTreeMap::new();
    for service in services {
        let image = closure.service(&service).map(|s| &s.image);
        let before = builds_of.entry(image).or_default();
        if groups.len() == *before {
            groups.push(BTreeSet::new());
        }
        groups[*before].insert(service);
        *before += 1;
    }
    groups
}

/// Whether a stage has something to build. One that a named context replaces is nothing
/// but that context, unless it is the target, whose image others may be built upon.
fn is_built(closure: &Closure, stage: &StageRef) -> bool {
    let service = closure.service(&stage.service);
    let build = service.and_then(|s| s.build.as_ref());
    build.is_some_and(|build| {
        let replaced = build.stage(stage.stage).is_some_and(|s| s.replaced);
        !replaced || build.target_stage == stage.stage
    })
}

/// Level 0 needs no other service's image, level 1 one of level 0, and so on.
///
/// An image that a sibling builds must be in the engine, under its name, before
/// a build asks for it: Compose itself keeps no such order (2.40).
pub(crate) fn levels(closure: &Closure) -> Vec<Level> {
    let mut level_of: BTreeMap<&str, usize> = BTreeMap::new();
    // Services are few: repeat until nothing rises any more.
    for _ in 0..=closure.services.len() {
        for service in &closure.services {
            let stages = service.build.iter().flat_map(|b| &b.stages);
            let siblings = stages.flat_map(|s| &s.sibling_services);
            let level = siblings
                .filter(|name| **name != service.name)
                .map(|name| level_of.get(name.as_str()).copied().unwrap_or(0) + 1)
                .max()
                .unwrap_or(0);
            level_of.insert(&service.name, level);
        }
    }
    let highest = level_of.values().copied().max().unwrap_or(0);
    let mut levels = vec![Level::default(); highest + 1];
    for service in closure.services.iter().filter(|s| s.build.is_some()) {
        levels[level_of[service.name.as_str()]]
            .services
            .insert(service.name.clone());
    }
    for wave in waves(closure) {
        for level in &mut levels {
            let own: Vec<StageRef> = wave
                .iter()
                .filter(|s| level.services.contains(&s.service) && is_built(closure, s))
                .cloned()
                .collect();
            if !own.is_empty() {
                level.waves.push(own);
            }
        }
    }
    levels.retain(|l| !l.services.is_empty());
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    #[test]
    fn a_stage_that_a_context_replaces_is_not_built() {
        let folder = tempfile::tempdir().unwrap();
        let dockerfile = "FROM a AS assets\nRUN x\nFROM b\nCOPY --from=assets / /\n";
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let path = folder.path().display();
        let config = format!(
            r#"{{"name": "p", "services": {{
                "other": {{"build": {{"context": "{path}", "additional_contexts": {{"assets": "{path}"}}}}}},
                "own": {{"build": {{"context": "{path}"}}}}}}}}"#
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = crate::closure::resolve(&project, &[], &platform).unwrap();
        let levels = levels(&closure);
        let stages = levels.iter().flat_map(|l| l.waves.iter().flatten());
        let built: Vec<_> = stages.map(|s| (s.service.as_str(), s.stage)).collect();
        assert_eq!(built, [("own", 0), ("other", 1), ("own", 1)]);
    }
}
