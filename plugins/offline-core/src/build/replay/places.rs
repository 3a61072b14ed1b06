use std::collections::BTreeMap;

use crate::closure::{Closure, KeyStep, StageBase, StageClosure};
use crate::dockerfile::{self, Dockerfile, InstructionKind, Run, Stage};
use crate::engine::Step;
use crate::network::{RewriteFrom, without_our_flags};

/// A RUN of a service's Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::build) struct Place {
    pub(in crate::build) service: String,
    /// The stage, and the instruction in it.
    pub(in crate::build) at: RewriteFrom,
    /// The line, as the Dockerfile has it.
    pub(in crate::build) line: u32,
}

/// Finds the RUN that a builder's progress names.
#[derive(Debug)]
pub(in crate::build) struct Places<'a> {
    closure: &'a Closure,
    files: BTreeMap<&'a str, Dockerfile>,
}

impl<'a> Places<'a> {
    pub(in crate::build) fn new(closure: &'a Closure) -> Self {
        let files = closure.services.iter().filter_map(|service| {
            let build = service.build.as_ref()?;
            let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).ok()?;
            Some((service.name.as_str(), file))
        });
        Self {
            closure,
            files: files.collect(),
        }
    }

    /// The Dockerfile of a service, in which every stage has a name.
    pub(in crate::build) fn file(&self, service: &str) -> Option<&Dockerfile> {
        self.files.get(service)
    }

    /// The RUN that a step of a service's build is; `None` for other steps, and for
    /// what ONBUILD triggers.
    pub(in crate::build) fn find(
        &self,
        service: &str,
        step: &Step,
    ) -> Option<(Place, &'a StageClosure, &'a KeyStep, &Run)> {
        let build = self.closure.service(service)?.build.as_ref()?;
        let file = self.files.get(service)?;
        let mut stages = build.stages.iter();
        // The name of a file's only stage is not printed.
        let stage = if file.stages.len() == 1 {
            stages.next()?
        } else {
            let name = step.scope.last()?;
            stages.find(|s| s.name.eq_ignore_ascii_case(name))?
        };
        let written = file.stages.get(stage.index)?;
        let key = step_at(stage, step)?;
        let number = written
            .instructions
            .iter()
            .position(|i| i.line == key.line)?;
        let run = run_at(written, key.line)?;
        let place = Place {
            service: service.to_owned(),
            at: RewriteFrom {
                stage: stage.index,
                step: number,
            },
            line: key.line,
        };
        Some((place, stage, key, run))
    }
}

/// The RUN at a line.
pub(in crate::build) fn run_at(stage: &Stage, line: u32) -> Option<&Run> {
    let mut found = stage.instructions.iter().filter(|i| i.line == line);
    match &found.next()?.kind {
        InstructionKind::Run(run) => Some(run),
        _ => None,
    }
}

/// BuildKit counts RUN, COPY, ADD and WORKDIR, but no `WORKDIR /` that changes
/// nothing; and before them a FROM of an image, unless a named context takes its
/// place (`prefixCommand` and `dispatchWorkdir` in `dockerfile2llb`). Of the two
/// counts, the one whose instruction has the same first words is right.
fn step_at<'a>(stage: &'a StageClosure, step: &Step) -> Option<&'a KeyStep> {
    let counted: Vec<&KeyStep> = stage
        .steps
        .iter()
        .filter(|s| match s.keyword {
            "RUN" | "COPY" | "ADD" => true,
            "WORKDIR" => s.text.trim() != "WORKDIR /",
            _ => false,
        })
        .collect();
    let from = match stage.base {
        StageBase::Stage(_) | StageBase::Scratch => 0,
        _ => 1,
    };
    let position = usize::try_from(step.position).ok()?;
    let at = |before: usize| counted.get(position.checked_sub(1 + before)?).copied();
    [from, 1 - from]
        .into_iter()
        .filter_map(at)
        .find(|key| begins_alike(&key.text, &without_our_flags(&step.instruction)))
}

/// Whether two texts of an instruction have the same keyword and, behind the flags,
/// the same first word, as far as no variable is in it.
fn begins_alike(one: &str, other: &str) -> bool {
    let words = |text: &str| -> (String, String) {
        let mut words = text
            .split_whitespace()
            .filter(|w| !w.starts_with("--") && *w != "\\" && *w != "ONBUILD");
        let mut next = || words.next().unwrap_or_default().to_owned();
        (next().to_ascii_uppercase(), next())
    };
    let ((keyword, first), (other_keyword, other_first)) = (words(one), words(other));
    let open = |word: &str| word.contains(['$', '<', '[', '"', '\'']);
    keyword == other_keyword && (first == other_first || open(&first) || open(&other_first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    const DOCKERFILE: &str = "FROM a AS deps\nENV X=1\nWORKDIR /\nCOPY lock ./\nRUN --network=default \\\n  install $X\nFROM deps\nARG V\nWORKDIR /y\nRUN make\nRUN other\n";

    fn closure(dockerfile: &str) -> (tempfile::TempDir, Closure) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let config = format!(
            r#"{{"name": "p", "services": {{"s": {{"build": {{"context": "{}"}}}}}}}}"#,
            folder.path().display()
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let closure =
            crate::closure::resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        (folder, closure)
    }

    #[test]
    fn a_step_is_found_by_its_stage_and_position() {
        let (_folder, closure) = closure(DOCKERFILE);
        let places = Places::new(&closure);
        let find = |name: &str| {
            let step = crate::engine::parse_step(name)?;
            let (place, ..) = places.find("s", &step)?;
            Some((place.at.stage, place.at.step, place.line))
        };
        assert_eq!(
            find("[t deps 3/3] RUN --mount=type=secret,id=x --network=default   install 1"),
            Some((0, 3, 5))
        );
        assert_eq!(find("[t offline-stage-1 2/3] RUN make"), Some((1, 2, 10)));
        assert_eq!(find("[t offline-stage-1 3/3] RUN other"), Some((1, 3, 11)));
        assert_eq!(find("[t deps 2/3] COPY lock ./"), None, "no RUN");
        // With a named context in the place of its base, a stage counts no FROM.
        assert_eq!(find("[t deps 2/3] RUN install 1"), Some((0, 3, 5)));
    }

    #[test]
    fn the_only_stage_of_a_file_needs_no_name() {
        let (_folder, closure) = closure("FROM a\nCOPY . .\nRUN make\n");
        let places = Places::new(&closure);
        for name in ["[3/3] RUN make", "[t 3/3] RUN make"] {
            let step = crate::engine::parse_step(name).unwrap();
            let (place, ..) = places.find("s", &step).unwrap();
            assert_eq!((place.at.step, place.line), (1, 3), "{name}");
        }
    }
}
