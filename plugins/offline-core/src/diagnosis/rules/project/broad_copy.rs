use super::super::Situation;
use super::network_step::before;
use crate::closure::{BuildClosure, KeyStep, StageClosure};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::BuildContext;

pub(super) static RULE: Rule = Rule {
    id: "copy-before-install",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No COPY of whole folders stands before a step that needs a network.",
        "需要网络的步骤之前没有复制整个目录的 COPY。",
    ),
    why: Text::fixed(
        "A COPY . . before the install step makes the install depend on every file: on site, the first edit of any source runs it again, without a network. Copied in two steps, first what the install reads and then the rest, sources can be edited and rebuilt offline as often as wanted.",
        "在安装步骤之前写 COPY . .，安装就依赖于每一个文件：在现场编辑任何源码都会使安装在无网络时重新执行。分两步复制——先复制安装所需的文件，再复制其余——就可以在离线环境反复编辑和重新构建源码。",
    ),
    remedy: Text::fixed(
        "Copy the files that the step reads (requirements.txt, package.json with its lock, go.mod and go.sum, ...) before it, and everything else after it; or move the step above the COPY where it reads no files at all (apt-get install).",
        "在该步骤之前只复制它需要的文件（requirements.txt、package.json 及锁文件、go.mod 与 go.sum 等），其余放到之后；如果它不读取任何文件（如 apt-get install），就把它移到 COPY 之前。",
    ),
    check,
};

/// Folders that installs read and that are seldom edited.
const NARROW: &[&str] = &[
    ".cargo", ".config", ".mvn", ".npm", ".yarn", "gradle", "patches", "prisma", "vendor", "wheels",
];

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        for stage in &build.stages {
            let first = stage.steps.iter().find_map(|step| {
                let tool = step.network_tool?;
                // `network-step` says that the recording answers.
                if situation.recorded(&service.name, stage.index, step.line) > 0 {
                    return None;
                }
                let (copy, breadth) = broad(build, stage, step)?;
                Some((step, tool, copy, breadth))
            });
            if let Some((step, tool, copy, breadth)) = first {
                let found = finding(rule, situation, build, &(step, tool), copy, breadth);
                findings.push(found.of_service(&service.name));
            }
        }
    }
    findings
}

/// How much a COPY takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breadth {
    Folder,
    Everything,
}

/// The broadest COPY before a step, its own bind mounts included.
fn broad<'a>(
    build: &'a BuildClosure,
    stage: &'a StageClosure,
    step: &KeyStep,
) -> Option<(&'a KeyStep, Breadth)> {
    let steps = before(build, stage, step.line).into_iter();
    let found: Vec<_> = steps
        .filter_map(|(_, copy)| Some((copy, breadth(build, copy)?)))
        .collect();
    let everything = found.iter().find(|(_, b)| *b == Breadth::Everything);
    everything.or(found.first()).copied()
}

fn breadth(build: &BuildClosure, copy: &KeyStep) -> Option<Breadth> {
    let BuildContext::Directory(context) = &build.context else {
        return None;
    };
    let of = |source: &String| {
        let clean = source.trim_start_matches("./").trim_matches('/');
        if matches!(clean, "" | "." | "*" | "**") {
            return Some(Breadth::Everything);
        }
        let last = clean.rsplit('/').next().unwrap_or(clean);
        let folder = !NARROW.contains(&last) && context.join(clean).is_dir();
        folder.then_some(Breadth::Folder)
    };
    let all: Vec<Breadth> = copy.sources.iter().filter_map(of).collect();
    let everything = all.iter().find(|b| **b == Breadth::Everything);
    everything.or(all.first()).copied()
}

fn finding(
    rule: &Rule,
    situation: &Situation<'_>,
    build: &BuildClosure,
    (step, tool): &(&KeyStep, &str),
    copy: &KeyStep,
    breadth: Breadth,
) -> Finding {
    let location = build.location(copy.line);
    let (place, at) = (
        situation.place(&location),
        situation.place(&build.location(step.line)),
    );
    let what = super::super::shorten(&copy.text);
    let finding = if breadth == Breadth::Everything {
        let message = text!(
            "{what} stands before {tool} at {at}: any edit of a file makes it run again, without a network",
            "{what} 在 {at} 的 {tool} 之前：编辑任何文件都会使它在无网络时重新执行"
        );
        rule.warning(place, message)
    } else {
        let message = text!(
            "{what} stands before {tool} at {at}: any edit below that folder makes it run again, without a network",
            "{what} 在 {at} 的 {tool} 之前：编辑该目录下的文件都会使它在无网络时重新执行"
        );
        rule.warning(place, message)
    };
    let finding = finding.at(location.clone());
    let manifests = manifests(build, tool);
    if copy.line == step.line {
        return finding.remedied_by(Text::fixed(
            "mount the files that the step reads one by one, and not the whole folder",
            "逐个挂载该步骤读取的文件，而不是整个目录",
        ));
    }
    if manifests.is_empty() {
        return finding.remedied_by(text!(
            "move the {tool} step above that COPY, or copy before it only the files that it reads",
            "把 {tool} 步骤移到该 COPY 之前，或只在它之前复制它读取的文件"
        ));
    }
    let list = manifests.join(" ");
    finding.remedied_by(text!(
        "put COPY {list} ./ before the {tool} step, and this COPY after it",
        "在 {tool} 步骤之前写 COPY {list} ./，把这条 COPY 放到它之后"
    ))
}

/// The files at the top of the context that an install of this tool reads.
fn manifests(build: &BuildClosure, tool: &str) -> Vec<&'static str> {
    let names: &[&str] = match tool {
        "pip" | "pip3" | "uv" | "poetry" | "pdm" | "pipenv" => &[
            "requirements.txt",
            "constraints.txt",
            "pyproject.toml",
            "poetry.lock",
            "uv.lock",
            "pdm.lock",
            "Pipfile",
            "Pipfile.lock",
            "setup.py",
            "setup.cfg",
        ],
        "npm" | "npx" | "yarn" | "pnpm" | "corepack" | "bun" => &[
            "package.json",
            "package-lock.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "pnpm-workspace.yaml",
            "bun.lockb",
            ".npmrc",
            ".yarnrc.yml",
        ],
        "go" => &["go.mod", "go.sum"],
        "cargo" => &["Cargo.toml", "Cargo.lock"],
        "mvn" | "mvnw" => &["pom.xml"],
        "gradle" | "gradlew" => &[
            "build.gradle",
            "build.gradle.kts",
            "settings.gradle",
            "settings.gradle.kts",
            "gradle.properties",
        ],
        "bundle" | "gem" => &["Gemfile", "Gemfile.lock"],
        "composer" => &["composer.json", "composer.lock"],
        "conda" | "mamba" | "micromamba" => &["environment.yml", "environment.yaml"],
        _ => &[],
    };
    let BuildContext::Directory(context) = &build.context else {
        return Vec::new();
    };
    let present = names.iter().filter(|name| context.join(name).is_file());
    present.copied().collect()
}
