use std::collections::{BTreeMap, BTreeSet};

use super::{Closure, StageRef};

/// All stages of all services in waves: each stage comes after the stages it
/// depends on, and after the target of every service whose image it uses.
///
/// `buildx bake` runs its targets at once, and a stage built beside its own
/// base does not see that base's cache source (design, fact 18).
pub fn waves(closure: &Closure) -> Vec<Vec<StageRef>> {
    let mut waiting: BTreeMap<StageRef, BTreeSet<StageRef>> = BTreeMap::new();
    for service in &closure.services {
        for stage in service.build.iter().flat_map(|b| &b.stages) {
            let same_file = stage.depends_on.iter().map(|index| StageRef {
                service: service.name.clone(),
                stage: *index,
            });
            let siblings = stage
                .sibling_services
                .iter()
                .filter_map(|name| target_of(closure, name));
            let reference = StageRef {
                service: service.name.clone(),
                stage: stage.index,
            };
            waiting.insert(reference, same_file.chain(siblings).collect());
        }
    }
    let mut waves = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<StageRef> = waiting
            .iter()
            .filter(|(_, needs)| !needs.iter().any(|need| waiting.contains_key(need)))
            .map(|(stage, _)| stage.clone())
            .collect();
        // A closure has no circles; one made by hand must not hang this.
        if ready.is_empty() {
            waves.push(std::mem::take(&mut waiting).into_keys().collect());
            break;
        }
        waiting.retain(|stage, _| !ready.contains(stage));
        waves.push(ready);
    }
    waves
}

fn target_of(closure: &Closure, service: &str) -> Option<StageRef> {
    let build = closure.service(service)?.build.as_ref()?;
    build.stage(build.target_stage).map(|stage| StageRef {
        service: service.to_owned(),
        stage: stage.index,
    })
}
