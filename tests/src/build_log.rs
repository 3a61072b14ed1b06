use std::collections::BTreeMap;
use std::fmt;

/// What became of one step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Taken from the cache.
    Cached,
    /// Executed to its end.
    Ran,
    /// Executed, and failed.
    Failed,
    /// Begun, and given up because another step failed.
    Cancelled,
}

/// One step of a build, as `--progress plain` names it.
#[derive(Debug, Clone)]
pub struct Step {
    /// The service and stage: `backend builder`, `frontend stage-2`.
    pub place: String,
    /// The instruction, on one line.
    pub instruction: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// The steps of a build, read from the plain log of `docker compose build`,
/// `docker buildx build` or `docker buildx bake`.
#[derive(Debug, Clone, Default)]
pub struct BuildLog {
    /// Every step with a number in its stage, in the order in which they began.
    pub steps: Vec<Step>,
}

impl BuildLog {
    /// Reads the log.
    pub fn of(text: &str) -> Self {
        let mut order: Vec<u32> = Vec::new();
        let mut steps: BTreeMap<u32, Step> = BTreeMap::new();
        for line in text.lines() {
            let Some((number, rest)) = numbered(line) else {
                continue;
            };
            if let Some((place, instruction)) = heading(rest) {
                // A step is named again when its output goes on after that of others.
                steps.entry(number).or_insert_with(|| {
                    order.push(number);
                    Step {
                        place,
                        instruction,
                        outcome: Outcome::Cancelled,
                    }
                });
            } else if let Some(step) = steps.get_mut(&number) {
                match rest.split_whitespace().next() {
                    Some("CACHED") => step.outcome = Outcome::Cached,
                    Some("DONE") => step.outcome = Outcome::Ran,
                    Some("ERROR:" | "ERROR") => step.outcome = Outcome::Failed,
                    _ => {}
                }
            }
        }
        let steps = order.iter().filter_map(|n| steps.remove(n)).collect();
        Self { steps }
    }

    /// The RUN steps.
    pub fn runs(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|s| s.instruction.starts_with("RUN "))
    }

    /// The RUN steps that did not come from the cache.
    pub fn runs_executed(&self) -> Vec<&Step> {
        self.runs()
            .filter(|s| s.outcome != Outcome::Cached)
            .collect()
    }

    /// How many RUN steps came from the cache.
    pub fn runs_cached(&self) -> usize {
        self.runs().filter(|s| s.outcome == Outcome::Cached).count()
    }

    /// Fails the test unless exactly the RUN steps with these words were
    /// executed, each to its end, and at least one RUN came from the cache.
    pub fn assert_only_ran(&self, words: &[&str]) {
        for step in self.runs_executed() {
            assert!(
                words.iter().any(|w| step.instruction.contains(w)) && step.outcome == Outcome::Ran,
                "only {words:?} should have run: {self}"
            );
        }
        for word in words {
            assert!(
                self.runs_executed()
                    .iter()
                    .any(|s| s.instruction.contains(word)),
                "{word:?} should have run again: {self}"
            );
        }
        assert!(
            self.runs().next().is_some(),
            "the log names no RUN step at all: {self}"
        );
    }

    /// What became of the RUN steps with these words.
    pub fn outcomes_of(&self, words: &str) -> Vec<Outcome> {
        self.runs()
            .filter(|s| s.instruction.contains(words))
            .map(|s| s.outcome)
            .collect()
    }

    /// Fails the test unless there are RUN steps with these words and all of them
    /// came from the cache.
    pub fn assert_cached(&self, words: &str) {
        let outcomes = self.outcomes_of(words);
        assert!(
            !outcomes.is_empty() && outcomes.iter().all(|o| *o == Outcome::Cached),
            "{words:?} should have come from the cache: {self}"
        );
    }
}

impl fmt::Display for BuildLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let executed = self.runs_executed();
        write!(
            f,
            "RUN steps: {} from cache, {} executed",
            self.runs_cached(),
            executed.len()
        )?;
        for step in executed {
            let shown: String = step.instruction.chars().take(60).collect();
            write!(f, "; [{}] {shown} ({:?})", step.place, step.outcome)?;
        }
        Ok(())
    }
}

/// `#12 rest`
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, rest) = line.trim_start().strip_prefix('#')?.split_once(' ')?;
    Some((number.parse().ok()?, rest))
}

/// `[backend builder 2/8] RUN apt-get update`
fn heading(rest: &str) -> Option<(String, String)> {
    let (inside, instruction) = rest.strip_prefix('[')?.split_once("] ")?;
    let (place, count) = inside.rsplit_once(' ').unwrap_or(("", inside));
    let (of, total) = count.split_once('/')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // Triggers are numbered twice, but their instruction looks the same.
    let instruction = instruction.strip_prefix("ONBUILD ").unwrap_or(instruction);
    (number(of.trim()) && number(total)).then(|| (place.to_owned(), instruction.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#1 [internal] load local bake definitions
#1 DONE 0.0s
#9 [backend builder 1/8] FROM docker.io/library/python:3.11-slim
#9 DONE 0.0s
#10 [backend builder 2/8] RUN apt-get update     && apt-get install -y jq
#10 CACHED
#11 [frontend build 6/6] RUN npm run build
#11 0.312 > build
#12 [backend runtime 2/5] RUN slow
#11 [frontend build 6/6] RUN npm run build
#11 DONE 1.2s
#13 [stage-2 2/2] RUN false
#13 ERROR: process \"/bin/sh -c false\" did not complete successfully: exit code: 1
";

    #[test]
    fn steps_have_the_outcome_that_the_log_says() {
        let log = BuildLog::of(LOG);
        let runs: Vec<_> = log.runs().map(|s| (s.place.as_str(), s.outcome)).collect();
        assert_eq!(
            runs,
            [
                ("backend builder", Outcome::Cached),
                ("frontend build", Outcome::Ran),
                ("backend runtime", Outcome::Cancelled),
                ("stage-2", Outcome::Failed)
            ]
        );
        assert_eq!(log.runs_cached(), 1);
    }

    #[test]
    #[should_panic(expected = "only")]
    fn one_more_step_than_expected_is_noticed() {
        BuildLog::of(LOG).assert_only_ran(&["npm run build"]);
    }
}
