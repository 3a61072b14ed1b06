//! Stages whose builds share a step, and find different things behind it.
//!
//! Of builds that run at once BuildKit makes a common step once, with the cache sources
//! of all of them, and what comes behind one that reads files is found at random (engine
//! fact 57): so do targets that one stage is the base of, and services that are built from
//! one context by other arguments or on another network. Each warms in its own time.

use std::collections::BTreeSet;

use crate::closure::{BuildClosure, Closure, KeyStep, StageBase, StageClosure, StageRef};
use crate::project::{BuildTarget, Project};

/// A wave in parts that may each be warmed at once.
pub(super) fn own_waves(
    project: &Project,
    closure: &Closure,
    wave: &[StageRef],
) -> Vec<Vec<StageRef>> {
    let mut parts: Vec<(Vec<StageRef>, Vec<Build>)> = Vec::new();
    for stage in wave {
        let build = Build::of(project, closure, stage).unwrap_or_default();
        let room = parts
            .iter()
            .position(|(_, others)| others.iter().all(|other| other.goes_with(&build)));
        let room = room.unwrap_or_else(|| {
            parts.push(Default::default());
            parts.len() - 1
        });
        parts[room].0.push(stage.clone());
        parts[room].1.push(build);
    }
    parts.into_iter().map(|(stages, _)| stages).collect()
}

/// The build of one stage, with all stages of its file that it uses.
#[derive(Default)]
struct Build {
    /// All that its cache keys are made of.
    whole: String,
    /// What each of its stages does up to the first step that reads files.
    beginnings: BTreeSet<String>,
}

impl Build {
    fn of(project: &Project, closure: &Closure, stage: &StageRef) -> Option<Self> {
        let file = closure.service(&stage.service)?.build.as_ref()?;
        let target = project.service(&stage.service)?.build.as_ref()?;
        let mut build = Self {
            whole: format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {}",
                target.context,
                target.additional_contexts,
                target.network,
                target.extra_hosts,
                target.shm_size,
                target.ulimits,
                target.entitlements,
                target.privileged,
            ),
            ..Self::default()
        };
        for used in with_all_it_uses(file, stage.stage) {
            for step in &used.steps {
                build.whole += &format!("\n{}", step.text);
            }
            build.beginnings.extend(beginning(target, used));
        }
        Some(build)
    }

    /// Equal builds are one, and find the same.
    fn goes_with(&self, other: &Self) -> bool {
        self.whole == other.whole || self.beginnings.is_disjoint(&other.beginnings)
    }
}

/// A stage and those that it uses, in the order of the file.
fn with_all_it_uses(file: &BuildClosure, stage: usize) -> Vec<&StageClosure> {
    let mut uses = BTreeSet::from([stage]);
    let mut open = vec![stage];
    while let Some(stage) = open.pop() {
        let more = file.stage(stage).into_iter().flat_map(|s| &s.depends_on);
        open.extend(more.copied().filter(|more| uses.insert(*more)));
    }
    uses.into_iter().filter_map(|n| file.stage(n)).collect()
}

/// What a stage does up to the first step that reads files; `None` where none does.
fn beginning(target: &BuildTarget, stage: &StageClosure) -> Option<String> {
    let first = match stage.base {
        StageBase::Context(_) => 0,
        _ => stage.steps.iter().position(reads_files)?,
    };
    let read = &stage.steps[first];
    let contexts = target.additional_contexts.iter().filter(|(name, _)| {
        matches!(&stage.base, StageBase::Context(base) if base == *name)
            || read.text.contains(&format!("from={name}"))
    });
    // Not what it starts from: two names may be one image.
    let mut said = String::new();
    for (_, context) in contexts {
        said += &format!(" {context:?}");
    }
    if !read.sources.is_empty() {
        said += &format!(" {:?}", target.context);
    }
    let made = |step: &&KeyStep| {
        let keyword = step.keyword;
        matches!(keyword, "WORKDIR" | "COPY" | "ADD" | "RUN")
    };
    for step in stage.steps[..=first].iter().filter(made) {
        said += &format!("\n{}", step.text);
    }
    Some(said)
}

/// Whether a step's key is made of the content of files.
fn reads_files(step: &KeyStep) -> bool {
    let mounts = |words: &str| step.text.contains(words);
    matches!(step.keyword, "COPY" | "ADD")
        || !step.sources.is_empty()
        || mounts("type=bind")
        || mounts("from=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure::resolve;
    use crate::project::from_config;

    #[test]
    fn only_what_begins_alike_and_goes_on_otherwise_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("x"), "x").unwrap();
            path
        };
        let text = "FROM a:1\nARG W\nWORKDIR /a\nCOPY . .\nRUN echo $W\n";
        let build = |context: &str, text: &str, word: &str| serde_json::json!({"build": {"context": path(context), "dockerfile_inline": text, "args": {"W": word}}});
        let config = serde_json::json!({"name": "p", "services": {
            "a": build("one", text, "1"),
            "b": build("one", text, "2"),
            "c": build("one", text, "1"),
            "d": build("two", text, "2"),
            "e": build("one", "FROM a:1\nRUN echo\n", "2"),
            "f": build("one", text, "3"),
        }});
        let project =
            from_config(&config.to_string(), &[folder.path().join("compose.yaml")]).unwrap();
        let closure = resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        let wave: Vec<StageRef> = ["a", "b", "c", "d", "e", "f"]
            .map(|service| StageRef {
                service: service.into(),
                stage: 0,
            })
            .into();
        assert_eq!(
            names(&own_waves(&project, &closure, &wave)),
            ["acde", "b", "f"]
        );
    }

    fn names(parts: &[Vec<StageRef>]) -> Vec<String> {
        let names = |part: &Vec<StageRef>| {
            let names = part.iter().map(|s| s.service.as_str());
            names.collect::<Vec<_>>().join("")
        };
        parts.iter().map(names).collect()
    }

    /// The last stages of services that are built from these Dockerfiles, in parts.
    fn last_stages(services: &[(&str, &str, serde_json::Value)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "x").unwrap();
        let services = services.iter().map(|(name, text, more)| {
            let mut build = more.clone();
            build["context"] = folder.path().to_str().unwrap().into();
            build["dockerfile_inline"] = (*text).into();
            ((*name).to_owned(), serde_json::json!({"build": build}))
        });
        let services: serde_json::Map<_, _> = services.collect();
        let config = serde_json::json!({"name": "p", "services": services});
        let project =
            from_config(&config.to_string(), &[folder.path().join("compose.yaml")]).unwrap();
        let closure = resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        let wave = closure.services.iter().map(|service| StageRef {
            service: service.name.clone(),
            stage: service.build.as_ref().unwrap().target_stage,
        });
        let wave: Vec<StageRef> = wave.collect();
        names(&own_waves(&project, &closure, &wave))
    }

    #[test]
    fn targets_of_one_base_wait_for_each_other() {
        let text = "FROM a:1 AS deps\nCOPY x .\nFROM deps AS a\nRUN a\nFROM deps AS b\nRUN b\n";
        let target = |name: &str| serde_json::json!({"target": name});
        let parts = last_stages(&[("a", text, target("a")), ("b", text, target("b"))]);
        assert_eq!(parts, ["a", "b"]);
        let other = text.replace("FROM a:1", "FROM a:latest");
        let services = [("a", text, target("a")), ("b", other.as_str(), target("b"))];
        assert_eq!(last_stages(&services), ["a", "b"], "names of one image");
        let without_files = text.replace("COPY x .\n", "");
        let services = ["a", "b"].map(|name| (name, without_files.as_str(), target(name)));
        assert_eq!(last_stages(&services), ["ab"]);
    }

    #[test]
    fn a_network_of_ones_own_and_what_a_common_stage_or_a_mount_reads_wait() {
        let none = serde_json::json!({});
        let text = "FROM a:1\nCOPY x .\nRUN a\n";
        let alone = serde_json::json!({"network": "none"});
        assert_eq!(
            last_stages(&[("a", text, none.clone()), ("b", text, alone)]),
            ["a", "b"]
        );
        for text in [
            "FROM a:1 AS made\nCOPY x .\nFROM b:1\nCOPY --from=made /x /x\nARG W\nRUN echo $W\n",
            "FROM a:1\nRUN --mount=type=bind,source=x,target=/x cat /x\nARG W\nRUN echo $W\n",
            "FROM a:1\nCOPY --from=b:1 /x /x\nARG W\nRUN echo $W\n",
        ] {
            let word = |word: &str| serde_json::json!({"args": {"W": word}});
            let services = [
                ("a", text, word("1")),
                ("b", text, word("2")),
                ("c", text, word("1")),
            ];
            assert_eq!(last_stages(&services), ["ac", "b"], "{text}");
        }
    }
}
