//! Stages whose builds share a step, and find different things behind it.
//!
//! Of builds that run at once BuildKit makes a common step once, with the cache sources
//! of all of them, and what comes behind it is found at random (engine fact 57): so do
//! services that are built from one context, by other arguments say. Each warms in its
//! own time.

use std::collections::BTreeMap;

use crate::closure::{Closure, StageClosure, StageRef};
use crate::project::Project;

/// A wave in parts that may each be warmed at once.
pub(super) fn own_waves(
    project: &Project,
    closure: &Closure,
    wave: &[StageRef],
) -> Vec<Vec<StageRef>> {
    let mut parts: Vec<Vec<StageRef>> = Vec::new();
    // By the common beginning: all that the stages with it say, each once.
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stage in wave {
        let said = begins(project, closure, stage).map_or(0, |(beginning, all)| {
            let others = known.entry(beginning).or_default();
            // Equal stages are one, and find the same.
            others
                .iter()
                .position(|other| *other == all)
                .unwrap_or_else(|| {
                    others.push(all);
                    others.len() - 1
                })
        });
        while parts.len() <= said {
            parts.push(Vec::new());
        }
        parts[said].push(stage.clone());
    }
    parts
}

/// What a stage does up to the first files of its context, and all that it does; `None`
/// for one without any.
fn begins(project: &Project, closure: &Closure, stage: &StageRef) -> Option<(String, String)> {
    let build = closure.service(&stage.service)?.build.as_ref()?;
    let target = project.service(&stage.service)?.build.as_ref()?;
    let of_stage: &StageClosure = build.stage(stage.stage)?;
    let copies = |step: &crate::closure::KeyStep| {
        matches!(step.keyword, "COPY" | "ADD") && !step.sources.is_empty()
    };
    let first = of_stage.steps.iter().position(copies)?;
    let head = format!("{:?} {:?}", target.context, of_stage.base);
    let made = of_stage.steps[..=first].iter();
    let made =
        made.filter(|step| matches!(step.keyword, "FROM" | "WORKDIR" | "COPY" | "ADD" | "RUN"));
    let texts = |steps: Vec<&str>| format!("{head}\n{}", steps.join("\n"));
    Some((
        texts(made.map(|step| step.text.as_str()).collect()),
        texts(
            of_stage
                .steps
                .iter()
                .map(|step| step.text.as_str())
                .collect(),
        ),
    ))
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
        let parts = own_waves(&project, &closure, &wave);
        let names = |part: &Vec<StageRef>| {
            let names = part.iter().map(|s| s.service.as_str());
            names.collect::<Vec<_>>().join("")
        };
        let parts: Vec<String> = parts.iter().map(names).collect();
        assert_eq!(parts, ["acde", "b", "f"]);
    }
}
