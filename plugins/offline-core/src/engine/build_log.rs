use std::collections::{BTreeMap, VecDeque};

/// How many lines of a failed build are kept.
const TAIL: usize = 40;

/// What a build printed as plain progress, understood.
///
/// The format is that of BuildKit's `util/progress/progressui` in plain mode:
/// `#12 [target stage 2/5] RUN ...`, `#12 CACHED`, `#12 DONE 1.2s`,
/// `#12 ERROR: ...`.
#[derive(Debug, Clone, Default)]
pub struct BuildLog {
    vertices: BTreeMap<u64, Vertex>,
    tail: VecDeque<String>,
    succeeded: bool,
    source: Option<(String, u32)>,
    pending_source: Option<(String, u32)>,
    error_line: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Vertex {
    step: Option<Step>,
    name: String,
    cached: bool,
    seconds: Option<f64>,
    error: Option<String>,
    output: VecDeque<String>,
}

/// One step of a Dockerfile as a build ran it.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The words before the position: target and stage name, as far as printed.
    pub scope: Vec<String>,
    /// 1-based position in its stage.
    pub position: u32,
    /// The instruction, e.g. `RUN apt-get update`.
    pub instruction: String,
    /// Whether it came from the cache.
    pub cached: bool,
    /// Whether it ran to its end.
    pub ran: bool,
    /// How long it ran.
    pub seconds: f64,
}

/// Why a build failed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepFailure {
    /// The step that failed, if a step did.
    pub step: Option<Step>,
    /// The Dockerfile and line that BuildKit names.
    pub source: Option<(String, u32)>,
    /// BuildKit's words.
    pub message: String,
    /// The last lines the step, or else the build, printed.
    pub tail: Vec<String>,
}

impl StepFailure {
    /// BuildKit's words, and below them what was printed last.
    pub(crate) fn words(&self) -> String {
        let mut text = self.message.clone();
        for line in &self.tail {
            text += &format!("\n    {line}");
        }
        text
    }

    /// The words for a build that failed by it, the same on both sides.
    pub(crate) fn of_build(&self) -> String {
        let mut text = "the build failed".to_owned();
        if let Some(step) = &self.step {
            text += &format!(
                " at [{} {}] {}",
                step.scope.join(" "),
                step.position,
                step.instruction
            );
        }
        if let Some((file, line)) = &self.source {
            text += &format!(" ({file}:{line})");
        }
        text + ": " + &self.words()
    }

    /// Whether it failed for want of space.
    pub(crate) fn is_full_disk(&self) -> bool {
        let full = |text: &String| text.contains("no space left on device");
        full(&self.message) || self.tail.iter().any(full)
    }
}

impl Step {
    /// Whether it is a RUN.
    pub fn is_run(&self) -> bool {
        self.instruction.starts_with("RUN ")
    }
}

impl BuildLog {
    /// Takes one line.
    pub fn read_line(&mut self, line: &str) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
        let Some((number, text)) = line
            .strip_prefix('#')
            .and_then(|rest| rest.split_once(' '))
            .and_then(|(number, text)| Some((number.parse::<u64>().ok()?, text)))
        else {
            self.read_summary(line);
            return;
        };
        let vertex = self.vertices.entry(number).or_default();
        if text == "CACHED" {
            vertex.cached = true;
        } else if let Some(time) = text.strip_prefix("DONE ") {
            vertex.seconds = Some(time.trim_end_matches('s').parse().unwrap_or(0.0));
        } else if let Some(error) = text.strip_prefix("ERROR: ") {
            vertex.error = Some(error.to_owned());
        } else if vertex.name.is_empty() {
            text.clone_into(&mut vertex.name);
            vertex.step = parse_step(text);
        } else if text != vertex.name && text != "..." {
            if vertex.output.len() == TAIL {
                vertex.output.pop_front();
            }
            vertex.output.push_back(text.to_owned());
        }
    }

    /// `Dockerfile:5` followed by a rule, and `ERROR: failed to solve: ...`.
    fn read_summary(&mut self, line: &str) {
        if line.starts_with("----") {
            if let Some(source) = self.pending_source.take() {
                self.source.get_or_insert(source);
            }
            return;
        }
        self.pending_source = line
            .rsplit_once(':')
            .and_then(|(file, number)| Some((file.to_owned(), number.parse().ok()?)))
            .filter(|(file, _)| !file.is_empty() && !file.contains(' '));
        let solve = line
            .strip_prefix("ERROR: ")
            .or_else(|| line.strip_prefix("error: "))
            .or_else(|| line.find("failed to solve: ").map(|at| &line[at..]));
        if let Some(error) = solve {
            self.error_line = Some(error.trim().to_owned());
        }
    }

    /// Says how the command ended.
    pub fn finish(&mut self, succeeded: bool) {
        self.succeeded = succeeded;
    }

    /// Whether the command succeeded.
    pub fn succeeded(&self) -> bool {
        self.succeeded
    }

    /// The steps of Dockerfiles, in the order BuildKit numbered them.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.vertices.values().filter_map(|vertex| {
            let mut step = vertex.step.clone()?;
            step.cached = vertex.cached;
            step.ran = !vertex.cached && vertex.seconds.is_some();
            step.seconds = vertex.seconds.unwrap_or(0.0);
            Some(step)
        })
    }

    /// The last lines that each step printed.
    pub fn printed(&self) -> impl Iterator<Item = (&Step, &str)> {
        self.vertices.values().flat_map(|vertex| {
            let lines = vertex.output.iter().map(String::as_str);
            vertex
                .step
                .iter()
                .flat_map(move |step| lines.clone().map(move |line| (step, line)))
        })
    }

    /// The last lines that everything printed, each with the name of what did: a step, or
    /// what BuildKit does beside the steps.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.vertices.values().flat_map(|vertex| {
            let lines = vertex.output.iter().map(String::as_str);
            lines.map(move |line| (vertex.name.as_str(), line))
        })
    }

    /// The name of what failed: a step, or what BuildKit does beside the steps.
    pub fn failed(&self) -> Option<&str> {
        self.failed_vertex().map(|vertex| vertex.name.as_str())
    }

    fn failed_vertex(&self) -> Option<&Vertex> {
        // A step that another one's failure cancelled is not the cause.
        self.vertices
            .values()
            .filter(|v| {
                v.error
                    .as_deref()
                    .is_some_and(|e| !e.contains("context canceled") && e != "CANCELED")
            })
            .min_by_key(|v| v.step.is_none())
    }

    /// Why it failed; `None` if it did not.
    pub fn failure(&self) -> Option<StepFailure> {
        if self.succeeded {
            return None;
        }
        let failed = self.failed_vertex();
        let message = failed
            .and_then(|v| v.error.clone())
            .or_else(|| self.error_line.clone())
            .or_else(|| {
                self.tail
                    .iter()
                    .rev()
                    .find(|l| !l.trim().is_empty())
                    .cloned()
            })
            .unwrap_or_else(|| "the builder said nothing".into());
        let tail = match failed {
            Some(vertex) if !vertex.output.is_empty() => vertex.output.iter().cloned().collect(),
            _ => self.tail.iter().cloned().collect(),
        };
        Some(StepFailure {
            step: failed.and_then(|v| v.step.clone()),
            source: self.source.clone(),
            message,
            tail,
        })
    }
}

/// The step that a builder's words name: `[backend builder 2/5] RUN ...` or
/// `[2/5] FROM ...`.
pub(crate) fn parse_step(text: &str) -> Option<Step> {
    let (head, instruction) = text.strip_prefix('[')?.split_once("] ")?;
    let mut words: Vec<String> = head.split_whitespace().map(str::to_owned).collect();
    let (position, total) = words
        .pop()?
        .split_once('/')
        .map(|(p, t)| (p.to_owned(), t.to_owned()))?;
    total.parse::<u32>().ok()?;
    Some(Step {
        scope: words,
        position: position.parse().ok()?,
        instruction: instruction.to_owned(),
        cached: false,
        ran: false,
        seconds: 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, ok: bool) -> BuildLog {
        let mut log = BuildLog::default();
        text.lines().for_each(|line| log.read_line(line));
        log.finish(ok);
        log
    }

    #[test]
    fn counts_what_came_from_the_cache() {
        let log = read(
            "#7 [backend builder 1/3] FROM docker.io/library/python:3.11-slim\n#7 DONE 0.0s\n\
             #8 [backend builder 2/3] RUN apt-get update\n#8 CACHED\n\n#9 [backend builder 3/3] RUN make\n#9 0.3 hello\n#9 DONE 0.4s\n",
            true,
        );
        let runs: Vec<Step> = log.steps().filter(Step::is_run).collect();
        assert_eq!(runs.len(), 2);
        assert!(runs[0].cached);
        assert!(!runs[1].cached);
        assert_eq!(runs[0].scope, ["backend", "builder"]);
        assert_eq!(log.failure(), None);
    }

    #[test]
    fn a_failure_names_the_step_its_line_and_its_last_words() {
        let log = read(
            "#8 [builder 2/3] RUN apt-get update\n#8 0.2 Err:1 bookworm InRelease\n\
             #8 ERROR: process \"/bin/sh -c apt-get update\" did not complete successfully: exit code: 100\n\
             ------\n > [builder 2/3] RUN apt-get update:\n------\nDockerfile:3\n--------------------\n   1 | FROM x\n\
             --------------------\nERROR: failed to solve: process \"/bin/sh -c apt-get update\" did not complete successfully: exit code: 100\n",
            false,
        );
        let failure = log.failure().unwrap();
        assert_eq!(failure.source, Some(("Dockerfile".into(), 3)));
        assert_eq!(failure.step.unwrap().instruction, "RUN apt-get update");
        assert_eq!(failure.tail, ["0.2 Err:1 bookworm InRelease"]);
    }
}
