use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::Prepared;
use super::packages::PackageFetch;
use crate::closure::{BuildClosure, StageClosure, StageRef};
use crate::dockerfile::{self, Dockerfile, InstructionKind};
use crate::network::{
    Caches, Network, RewriteFrom, Rewritten, Variables, afresh, first_network_steps, may_use,
    rewrite, should_ask, with_packages,
};
use crate::project::{BakeIdentity, BuildTarget, NamedContext};

/// A service whose build has steps that may use the network.
pub(super) struct Planned<'a> {
    pub(super) name: String,
    pub(super) build: &'a BuildClosure,
    pub(super) target: &'a BuildTarget,
    pub(super) file: Dockerfile,
    from: Vec<RewriteFrom>,
    /// Whether it is built upon another service of the project.
    pub(super) needs_sibling: bool,
    /// Whether what it begins with is to be had from registries.
    pub(super) has_registries: bool,
}

/// A step that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedStep {
    pub(super) stage: StageRef,
    /// The stage's name.
    pub(super) stage_name: String,
    /// The number of the instruction in its stage, the FROM not counted.
    pub(super) step: usize,
    pub(super) line: u32,
    /// How many steps that BuildKit numbers come after it in its stage.
    pub(super) from_end: u32,
    /// The program for which it should have asked for something.
    pub(super) asks: Option<&'static str>,
}

/// Services whose builds are the same but for the stage that they end with: their
/// steps run once for all of them.
pub(super) struct Group<'a> {
    pub(super) services: Vec<Planned<'a>>,
}

impl Group<'_> {
    /// The service by whose port its builds are told apart from others.
    pub(super) fn target(&self) -> &str {
        self.services.first().map_or("", |s| s.name.as_str())
    }

    /// The names of its services.
    pub(super) fn names(&self) -> Vec<String> {
        self.services.iter().map(|s| s.name.clone()).collect()
    }
}

/// The services to record.
pub(super) fn plan(prepared: &Prepared) -> Vec<Planned<'_>> {
    let services = prepared.closure.services.iter();
    services
        .filter_map(|service| {
            let build = service.build.as_ref().filter(|b| !b.stages.is_empty())?;
            let target = prepared.project.service(&service.name)?.build.as_ref()?;
            if target.network.as_deref() == Some("none") {
                return None;
            }
            let file = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).ok()?;
            let mut from = first_network_steps(&file);
            from.retain(|point| build.stage(point.stage).is_some_and(|s| !s.replaced));
            let of_service = |context: &NamedContext| matches!(context, NamedContext::Service(_));
            let needs_sibling = build.stages.iter().any(|s| !s.sibling_services.is_empty())
                || target.additional_contexts.values().any(of_service);
            (!from.is_empty()).then(|| Planned {
                name: service.name.clone(),
                build,
                target,
                file,
                from,
                needs_sibling,
                has_registries: !needs_sibling && prepared.has_registries(build),
            })
        })
        .collect()
}

/// Puts services together whose builds differ in their target alone.
pub(super) fn groups(services: Vec<Planned<'_>>) -> Vec<Group<'_>> {
    let mut by_definition: BTreeMap<String, Vec<Planned<'_>>> = BTreeMap::new();
    for service in services {
        by_definition
            .entry(service.definition())
            .or_default()
            .push(service);
    }
    by_definition
        .into_values()
        .map(|services| Group { services })
        .collect()
}

impl Planned<'_> {
    /// The copy of its Dockerfile whose steps use the proxy and run in any case.
    pub(super) fn rewritten(&self, engine_version: &str, mark: &str) -> Rewritten {
        let text = &self.build.named_dockerfile;
        self.rewrite(text, &self.file, engine_version, mark)
    }

    /// The same up to a step, and behind it one that fetches packages.
    pub(super) fn fetching(
        &self,
        fetch: &PackageFetch<'_>,
        words: &[&str],
        engine_version: &str,
        mark: &str,
    ) -> Option<Rewritten> {
        let text = &self.build.named_dockerfile;
        let text = with_packages(text, &self.file, &fetch.at, fetch.tool, words)?;
        let file = dockerfile::parse(&text, &self.build.dockerfile_path).ok()?;
        Some(self.rewrite(&text, &file, engine_version, mark))
    }

    fn rewrite(
        &self,
        text: &str,
        file: &Dockerfile,
        engine_version: &str,
        mark: &str,
    ) -> Rewritten {
        let syntax = self.build.syntax.as_ref().map(ToString::to_string);
        let variables = Variables::known_to(engine_version, syntax.as_deref());
        // Also in stages that this service does not reach: one copy serves a group.
        let from = first_network_steps(file);
        let caches = Caches::Fresh(mark);
        afresh(rewrite(text, file, &from, variables, caches), mark)
    }

    /// The steps that are recorded, in the order of the file.
    pub(super) fn steps(&self) -> Vec<PlannedStep> {
        let mut steps = Vec::new();
        for point in &self.from {
            let (Some(stage), Some(closure)) = (
                self.file.stages.get(point.stage),
                self.build.stage(point.stage),
            ) else {
                continue;
            };
            for (step, instruction) in stage.instructions.iter().enumerate().skip(point.step) {
                let InstructionKind::Run(run) = &instruction.kind else {
                    continue;
                };
                if may_use(run) == Network::No {
                    continue;
                }
                let after = stage.instructions[step + 1..].iter();
                let after = after.filter(|i| is_numbered(&i.kind)).count();
                steps.push(PlannedStep {
                    stage: self.stage(closure),
                    stage_name: closure.name.clone(),
                    step,
                    line: instruction.line,
                    from_end: u32::try_from(after).unwrap_or(u32::MAX),
                    asks: should_ask(run),
                });
            }
        }
        steps
    }

    /// The stages to build: those with a recorded step that no other one needs.
    ///
    /// Not the target: a COPY from a recorded stage has the key that it has in the
    /// ordinary build, if the files are the same, and the next export would find the
    /// layer of the recording in place of its own (28.5).
    pub(super) fn ends(&self) -> BTreeSet<usize> {
        let recorded: BTreeSet<usize> = self.from.iter().map(|point| point.stage).collect();
        let mut needed = BTreeSet::new();
        let mut next: Vec<usize> = recorded.iter().copied().collect();
        while let Some(stage) = next.pop() {
            let depends = self.build.stage(stage).map(|s| s.depends_on.as_slice());
            for one in depends.unwrap_or_default() {
                if needed.insert(*one) {
                    next.push(*one);
                }
            }
        }
        recorded.difference(&needed).copied().collect()
    }

    fn stage(&self, stage: &StageClosure) -> StageRef {
        StageRef {
            service: self.name.clone(),
            stage: stage.index,
        }
    }

    /// The images that its builds begin with, and those of the services it is built
    /// upon, are wanted by these services.
    pub(super) fn with_siblings(&self, prepared: &Prepared) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut next = vec![self.name.clone()];
        while let Some(name) = next.pop() {
            let build = prepared
                .closure
                .service(&name)
                .and_then(|s| s.build.as_ref());
            if !all.insert(name) {
                continue;
            }
            let stages = build.into_iter().flat_map(|b| &b.stages);
            next.extend(stages.flat_map(|s| s.sibling_services.iter().cloned()));
        }
        all
    }

    /// All that decides what its steps do, as text.
    fn definition(&self) -> String {
        const FREE: [&str; 9] = [
            "tags",
            "labels",
            "target",
            "cache-from",
            "cache-to",
            "output",
            "attest",
            "pull",
            "dockerfile",
        ];
        let identity = BakeIdentity {
            project: "",
            service: "",
            image: "",
            compose_version: None,
        };
        let mut definition = self.target.bake_target(&identity, str::to_owned);
        if let Value::Object(definition) = &mut definition {
            definition.retain(|key, _| !FREE.contains(&key.as_str()));
        }
        format!(
            "{definition} {} {:?}",
            self.build.named_dockerfile,
            // Another Dockerfile may have another ignore file.
            self.target.dockerfile
        )
    }
}

/// What BuildKit gives a number in `[stage 2/5]` (`dockerfile2llb`, `cmdTotal`).
fn is_numbered(kind: &InstructionKind) -> bool {
    matches!(
        kind,
        InstructionKind::Run(_)
            | InstructionKind::Copy(_)
            | InstructionKind::Add(_)
            | InstructionKind::Other("WORKDIR")
    )
}
