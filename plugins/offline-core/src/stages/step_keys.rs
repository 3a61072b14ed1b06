//! What a step of a Dockerfile depends on, as one digest a step.
//!
//! The engine's own keys do not cross for the classic builder: Engine 20.10 hashes
//! the files of a COPY otherwise than 26 and 28 do, and the containerd store of 28
//! cannot restore a step that makes no layer (engine facts 34 and 35). These keys
//! are computed on both sides of the gap by the same code, so that the step after
//! which a build has to go on is known on any engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::bundle::Inventory;
use crate::closure::{BuildClosure, Closure, StageBase, StageClosure, StageRef, waves};
use crate::compatibility::Lines;
use crate::dockerfile::{
    self, Arg, Copy, Dockerfile, FETCHED_CONTEXT, Instruction, InstructionKind, Mount, Run,
};
use crate::layout::Digest;
use crate::project::{BuildTarget, NamedContext, Project};

/// The keys of every stage: first that of its FROM, then one an instruction. Each
/// holds the one before it. A stage that cannot be read has none.
pub type StepKeys = BTreeMap<StageRef, Vec<Digest>>;

/// What keys are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeOf {
    /// All that a step depends on.
    Everything,
    /// Without heredocs, mounts and folders of `additional_contexts`, as the keys of
    /// bundles are that hold images of the classic builder: it knows none of these.
    WhatClassicKnows,
}

/// Computes the keys of all stages; `inventories` is what the services' contexts
/// hold, by service.
pub fn step_keys(
    project: &Project,
    closure: &Closure,
    inventories: &BTreeMap<String, Arc<Inventory>>,
    made_of: MadeOf,
) -> StepKeys {
    let mut keys = StepKeys::new();
    let mut folders = Folders::default();
    for reference in waves(closure).into_iter().flatten() {
        let build = closure
            .service(&reference.service)
            .and_then(|s| s.build.as_ref());
        let Some((build, stage)) = build.and_then(|b| Some((b, b.stage(reference.stage)?))) else {
            continue;
        };
        let Ok(file) = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path) else {
            continue;
        };
        let target = project
            .service(&reference.service)
            .and_then(|s| s.build.as_ref());
        let named = match made_of {
            MadeOf::Everything => folders.of(build, stage, target),
            MadeOf::WhatClassicKnows => BTreeMap::new(),
        };
        let one = OneStage {
            closure,
            stage,
            service: &reference.service,
            file: &file,
            lines: Lines::new(
                build.named_dockerfile.trim_start_matches('\u{feff}'),
                file.escape,
            ),
            given: target.map(|b| &b.args),
            named,
            made_of,
            inventory: inventories.get(&reference.service).map(Arc::as_ref),
            known: &keys,
        };
        let Some(own) = one.keys() else { continue };
        keys.insert(reference, own);
    }
    keys
}

/// The folders of `additional_contexts`, each read once.
#[derive(Default)]
struct Folders {
    read: BTreeMap<PathBuf, Option<Digest>>,
}

impl Folders {
    /// What the named contexts that a stage uses hold, by name. Those with what ADD
    /// has fetched are named by it.
    fn of(
        &mut self,
        build: &BuildClosure,
        stage: &StageClosure,
        target: Option<&BuildTarget>,
    ) -> BTreeMap<String, String> {
        let contexts = target.iter().flat_map(|t| &t.additional_contexts);
        let is_used = |name: &str| {
            let mut used = build.stages.iter().flat_map(|s| &s.named_contexts);
            used.any(|(_, used)| used == name) || stage.name == name
        };
        let mut found = BTreeMap::new();
        for (name, context) in contexts {
            if let NamedContext::Directory(path) = context
                && !name.starts_with(FETCHED_CONTEXT)
                && is_used(name)
            {
                let content = self.read.entry(path.clone()).or_insert_with(|| {
                    let inventory = Inventory::of_context(path, None).ok()?;
                    Some(Digest::of(text_of(&inventory, |_| true).as_bytes()))
                });
                let content = content.map_or_else(|| "absent".into(), |d| d.to_string());
                found.insert(name.clone(), content);
            }
        }
        found
    }
}

struct OneStage<'a> {
    closure: &'a Closure,
    stage: &'a StageClosure,
    service: &'a str,
    file: &'a Dockerfile,
    lines: Lines<'a>,
    given: Option<&'a BTreeMap<String, Option<String>>>,
    /// What the folders of `additional_contexts` hold, by name.
    named: BTreeMap<String, String>,
    made_of: MadeOf,
    inventory: Option<&'a Inventory>,
    known: &'a StepKeys,
}

impl OneStage<'_> {
    fn keys(&self) -> Option<Vec<Digest>> {
        let base = match &self.stage.base {
            StageBase::Image(image) => format!("image {image}"),
            StageBase::Stage(index) => format!("stage {}", self.end_of(self.service, *index)?),
            StageBase::SiblingService(name) => format!("service {}", self.result_of(name)?),
            StageBase::Context(name) => format!("context {name}{}", self.folder(name)),
            StageBase::Scratch => "scratch".to_owned(),
        };
        let base = if self.stage.replaced {
            base + self.folder(&self.stage.name)
        } else {
            base
        };
        let mut last = digest(&["FROM", &base, &self.stage.platform]);
        let mut keys = vec![last];
        for instruction in &self.file.stages.get(self.stage.index)?.instructions {
            let text = self.lines.instruction(instruction.line);
            let inputs = self.inputs(instruction)?;
            last = digest(&[&last.to_string(), text.trim(), &inputs]);
            keys.push(last);
        }
        Some(keys)
    }

    /// What an instruction depends on besides its text and the steps before it.
    fn inputs(&self, instruction: &Instruction) -> Option<String> {
        match &instruction.kind {
            InstructionKind::Arg(args) => Some(args.iter().map(|arg| self.value_of(arg)).collect()),
            InstructionKind::Copy(copy) | InstructionKind::Add(copy) => {
                let copied = self.copied(copy, instruction.line)?;
                Some(copied + &self.heredocs(&copy.heredocs))
            }
            InstructionKind::Run(run) => self.mounted(run),
            _ => Some(String::new()),
        }
    }

    /// What the folder of a named context holds; nothing where there is none.
    fn folder(&self, name: &str) -> &str {
        self.named.get(name).map_or("", String::as_str)
    }

    fn heredocs(&self, bodies: &[String]) -> String {
        match self.made_of {
            MadeOf::Everything => bodies.concat(),
            MadeOf::WhatClassicKnows => String::new(),
        }
    }

    /// What a RUN takes besides the files below it.
    fn mounted(&self, run: &Run) -> Option<String> {
        if self.made_of == MadeOf::WhatClassicKnows {
            return Some(String::new());
        }
        let mounts = run.mounts.iter().map(|mount| self.mount(mount));
        let mounts: Vec<String> = mounts.collect::<Option<_>>()?;
        Some(mounts.concat() + &self.heredocs(&run.heredocs))
    }

    fn mount(&self, mount: &Mount) -> Option<String> {
        match (&mount.from, mount.mount_type.as_str()) {
            (Some(from), _) => self.taken_from(from),
            (None, "bind") => {
                let source = mount.source.as_deref().unwrap_or(".");
                Some(self.text(|path| takes(source, path)))
            }
            (None, _) => Some(String::new()),
        }
    }

    /// The value a build was given, or else where the default comes from.
    fn value_of(&self, arg: &Arg) -> String {
        let given = |name: &str| self.given.and_then(|g| g.get(name)).cloned().flatten();
        if let Some(value) = given(&arg.name) {
            return format!("{}={value:?};", arg.name);
        }
        if arg.default.is_some() {
            return String::new();
        }
        // Inherited from before the first FROM, where one ARG may build on others.
        let global = self.file.global_args.iter();
        let known: Vec<_> = global
            .map(|one| (&one.name, &one.default, given(&one.name)))
            .collect();
        format!("{known:?}")
    }

    fn copied(&self, copy: &Copy, line: u32) -> Option<String> {
        let Some(from) = &copy.from else {
            return Some(self.files(line));
        };
        self.taken_from(from)
    }

    /// What is taken from a stage, an image or a named context.
    fn taken_from(&self, from: &str) -> Option<String> {
        let earlier = &self.file.stages[..self.stage.index];
        let stage = match from.parse::<usize>() {
            Ok(number) => earlier.get(number),
            Err(_) => earlier.iter().rev().find(|s| s.is_named(from)),
        };
        if let Some(stage) = stage {
            return Some(self.end_of(self.service, stage.index)?.to_string());
        }
        // An image: its name is in the text, what a sibling makes of it is not.
        let siblings = self.stage.sibling_services.iter();
        let results: Option<Vec<String>> = siblings
            .map(|name| Some(self.result_of(name)?.to_string()))
            .collect();
        Some(results?.join(" ") + self.folder(from))
    }

    /// The files of the context that a COPY takes.
    fn files(&self, line: u32) -> String {
        let sources = self.stage.copies.iter().find(|c| c.line == line);
        self.text(|path| sources.is_none_or(|copy| copy.sources.iter().any(|s| takes(s, path))))
    }

    fn text(&self, taken: impl Fn(&str) -> bool) -> String {
        self.inventory
            .map_or_else(String::new, |inventory| text_of(inventory, taken))
    }

    fn result_of(&self, service: &str) -> Option<Digest> {
        let build = self.closure.service(service)?.build.as_ref()?;
        self.end_of(service, build.target_stage)
    }

    fn end_of(&self, service: &str, stage: usize) -> Option<Digest> {
        let reference = StageRef {
            service: service.to_owned(),
            stage,
        };
        self.known.get(&reference)?.last().copied()
    }
}

/// What a key is made of for files.
fn text_of(inventory: &Inventory, taken: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for (path, entry) in inventory.entries.iter().filter(|(path, _)| taken(path)) {
        text += &format!(
            "{path} {:?} {:o} {:?} {:?}\n",
            entry.kind, entry.mode, entry.sha256, entry.link
        );
    }
    text
}

/// Whether a source of a COPY takes a path of the context; one with a wildcard is
/// taken to take all.
pub(crate) fn takes(source: &str, path: &str) -> bool {
    let source = source.trim_start_matches("./").trim_matches('/');
    source.is_empty()
        || source == "."
        || source.contains(['*', '?', '[', '$'])
        || path == source
        || path
            .strip_prefix(source)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn digest(parts: &[&str]) -> Digest {
    let mut text = String::new();
    for part in parts {
        text += &format!("{}:{part}\n", part.len());
    }
    Digest::of(text.as_bytes())
}

#[cfg(test)]
#[path = "step_keys_tests.rs"]
mod tests;
