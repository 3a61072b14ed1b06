use super::call::Call;
use crate::dockerfile::{BYTE_ORDER_MARK, Dockerfile, InstructionKind, Run, Stage};
use crate::network::cleaned::Shells;
use crate::project::PackageTool;

/// A step behind which packages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageStep {
    /// The stage's number in the file.
    pub stage: usize,
    /// The number of the instruction in its stage, the FROM not counted.
    pub step: usize,
    /// Its line.
    pub line: u32,
}

/// For each stage that calls this package manager, the last step that installs what the
/// project lists with it, or else the last that installs anything.
pub fn package_steps(text: &str, file: &Dockerfile, tool: PackageTool) -> Vec<PackageStep> {
    let stages = file.stages.iter();
    stages
        .filter_map(|stage| of_stage(text, file, stage, tool))
        .collect()
}

fn of_stage(
    text: &str,
    file: &Dockerfile,
    stage: &Stage,
    tool: PackageTool,
) -> Option<PackageStep> {
    let shells = Shells::of(text, file);
    let calls = stage.instructions.iter().enumerate();
    let calls = calls.filter_map(|(step, instruction)| {
        let InstructionKind::Run(run) = &instruction.kind else {
            return None;
        };
        let here = run.network.as_deref() != Some("none") && shells.is_posix(stage, step);
        let call = Call::of(run, tool).filter(|_| here)?;
        Some((call.of_project, step, instruction.line))
    });
    let (_, step, line) = calls.max_by_key(|(of_project, step, _)| (*of_project, *step))?;
    Some(PackageStep {
        stage: stage.index,
        step,
        line,
    })
}

/// The Dockerfile up to that step, and then one more that fetches these packages alone.
pub fn with_packages(
    text: &str,
    file: &Dockerfile,
    at: &PackageStep,
    tool: PackageTool,
    words: &[&str],
) -> Option<String> {
    let body = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let stage = file.stages.get(at.stage)?;
    let InstructionKind::Run(run) = &stage.instructions.get(at.step)?.kind else {
        return None;
    };
    let call = Call::of(run, tool)?;
    let next = match stage.instructions.get(at.step + 1) {
        Some(next) => Some(next.line),
        None => file.stages.get(at.stage + 1).map(|next| next.line),
    };
    let lines = usize::try_from(next.unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    let before: String = body.split_inclusive('\n').take(lines - 1).collect();
    let end = if before.ends_with('\n') { "" } else { "\n" };
    let (flags, command) = (flags(body, file.escape, run), call.command(tool, words));
    Some(format!("{before}{end}RUN {flags}{command}\n"))
}

/// The flags of a step, on one line.
fn flags(text: &str, escape: char, run: &Run) -> String {
    let written = text.get(run.keyword_end..run.command_start);
    let lines = written.unwrap_or_default().lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with('#'));
    let joined: Vec<&str> = lines
        .map(|line| line.trim_end_matches(escape).trim())
        .filter(|line| !line.is_empty())
        .collect();
    let flags = joined.join(" ");
    if flags.is_empty() { flags } else { flags + " " }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::dockerfile;

    const TEXT: &str = "# syntax=docker/dockerfile:1\nFROM python AS base\nRUN pip install -U pip\n\
COPY r.txt .\nRUN --mount=type=cache,target=/root/.cache \\\n    pip install -r r.txt\n# six\n\
RUN pip install six\nFROM base\nRUN npm ci\nFROM node\nSHELL [\"pwsh\"]\nRUN npm ci\n";

    fn parsed() -> Dockerfile {
        dockerfile::parse(TEXT, Path::new("Dockerfile")).unwrap()
    }

    #[test]
    fn the_step_is_the_last_for_what_the_project_lists() {
        let file = parsed();
        let found = |tool| package_steps(TEXT, &file, tool);
        let step = |stage, step, line| PackageStep { stage, step, line };
        assert_eq!(found(PackageTool::Pip), [step(0, 2, 5)]);
        assert_eq!(found(PackageTool::Npm), [step(1, 0, 10)]);
        assert_eq!(found(PackageTool::Apt), []);
    }

    #[test]
    fn what_comes_before_stays_word_for_word_and_what_comes_after_is_gone() {
        let file = parsed();
        let of = |tool, words: &[&str]| {
            let at = package_steps(TEXT, &file, tool)[0];
            with_packages(TEXT, &file, &at, tool, words).unwrap()
        };
        let text = of(PackageTool::Pip, &["six>=1"]);
        let added = text.strip_prefix(&TEXT[..TEXT.find("RUN pip install six").unwrap()]);
        let added = added.unwrap();
        let begins = "RUN --mount=type=cache,target=/root/.cache { grep ";
        assert!(added.starts_with(begins), "{added}");
        assert!(added.ends_with("'six>=1'\n"), "{added}");
        let again = dockerfile::parse(&text, Path::new("Dockerfile")).unwrap();
        assert_eq!(again.stages[0].instructions.len(), 4);
        let text = of(PackageTool::Npm, &["a"]);
        let before = &TEXT[..TEXT.find("FROM node").unwrap()];
        assert_eq!(
            text,
            format!("{before}RUN npm install --no-audit --no-fund 'a'\n")
        );
    }
}
