use std::ffi::OsString;

use super::{Docker, Error};
use crate::event::{Event, Reporter};

/// Lines of a failed build that are kept.
const TAIL: usize = 40;

/// What the classic builder printed.
///
/// `builder/dockerfile/builder.go`: `Step 3/9 : RUN x`, then ` ---> Using cache`
/// where it is found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassicLog {
    /// The steps it came to: ARGs before the first FROM, FROMs, instructions.
    pub steps: Vec<ClassicStep>,
    /// Its last lines.
    pub tail: Vec<String>,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// One step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClassicStep {
    /// The instruction as the builder prints it.
    pub instruction: String,
    /// Whether it came from the cache.
    pub cached: bool,
}

impl ClassicLog {
    /// Reads one line.
    pub fn read_line(&mut self, line: &str) {
        if let Some(instruction) = self.step(line) {
            self.steps.push(ClassicStep {
                instruction: instruction.to_owned(),
                ..ClassicStep::default()
            });
        } else if let (" ---> Using cache", Some(step)) = (line, self.steps.last_mut()) {
            step.cached = true;
        }
        if !line.is_empty() {
            if self.tail.len() == TAIL {
                self.tail.remove(0);
            }
            self.tail.push(without_colours(line));
        }
    }

    /// The instruction of the next step, if this line begins it.
    fn step<'a>(&self, line: &'a str) -> Option<&'a str> {
        let (number, rest) = line.strip_prefix("Step ")?.split_once('/')?;
        let (_, instruction) = rest.split_once(" : ")?;
        let number: usize = number.parse().ok()?;
        (number == self.steps.len() + 1).then_some(instruction)
    }

    /// The RUN steps that were run, not found in the cache.
    pub fn runs(&self) -> Vec<&str> {
        let run = |step: &&ClassicStep| {
            let keyword = step.instruction.split_whitespace().next();
            !step.cached && keyword.is_some_and(|k| k.eq_ignore_ascii_case("RUN"))
        };
        let steps = self.steps.iter().filter(run);
        steps.map(|step| step.instruction.as_str()).collect()
    }

    /// What docker said at the end, where it failed.
    pub fn message(&self) -> &str {
        self.tail.last().map_or("", String::as_str)
    }
}

/// What a RUN prints to its standard error is in red.
fn without_colours(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut parts = line.split("\u{1b}[");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        text.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    text
}

impl Docker {
    /// Runs `docker build` by the classic builder; its lines are reported with
    /// `name` before them, as several builds may run at once.
    pub fn classic_build(
        &self,
        args: impl IntoIterator<Item = OsString>,
        name: &str,
        reporter: &dyn Reporter,
    ) -> Result<ClassicLog, Error> {
        let docker = self.clone().with_env("DOCKER_BUILDKIT", "0");
        let all = std::iter::once(OsString::from("build")).chain(args);
        let mut log = ClassicLog::default();
        let status = docker.lines(all, |line| {
            log.read_line(line);
            if !line.is_empty() && !is_notice(line) {
                reporter.event(Event::BuildOutput {
                    line: format!("{name}: {line}"),
                });
            }
        })?;
        log.succeeded = status.success();
        Ok(log)
    }
}

/// What docker says of the classic builder's future, before anything else.
fn is_notice(line: &str) -> bool {
    const STARTS: [&str; 5] = [
        "DEPRECATED: The legacy builder",
        "            BuildKit is currently disabled",
        "            environment-variable.",
        "            Install the buildx component",
        "            https://docs.docker.com/go/buildx/",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Engine 28.5, a build of two stages of which the first is not needed.
    const LOG: &str = "DEPRECATED: The legacy builder is deprecated.\nSending build context to Docker daemon  3.072kB\nStep 1/6 : ARG V=1\nStep 2/6 : FROM scratch AS no\n ---> \nStep 3/6 : FROM debian:bookworm-slim\nbookworm-slim: Pulling from library/debian\n ---> 01d901dc14c2\nStep 4/6 : RUN echo one\n ---> Using cache\n ---> 069f89c260e4\nStep 5/6 : RUN echo Step 9/9 : FROM x\n ---> Running in 34692ba6f93f\nStep 9/9 : FROM x\n ---> aaaaaaaaaaaa\n ---> Removed intermediate container 34692ba6f93f\n ---> 1169dbbdc14b\nStep 6/6 : CMD [\"x\"]\n ---> 3f96d4b9f61c\nSuccessfully built 3f96d4b9f61c\n";

    #[test]
    fn steps_that_were_run_are_told_from_those_found() {
        let mut log = ClassicLog::default();
        LOG.lines().for_each(|line| log.read_line(line));
        assert_eq!(log.runs(), ["RUN echo Step 9/9 : FROM x"]);
        assert!(log.steps[3].cached);
        assert_eq!(log.message(), "Successfully built 3f96d4b9f61c");
        log.read_line("\u{1b}[0m\u{1b}[91mE: no\u{1b}[0m more");
        assert_eq!(log.message(), "E: no more");
    }
}
