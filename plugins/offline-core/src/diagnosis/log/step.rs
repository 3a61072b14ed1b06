use std::collections::{BTreeSet, HashMap};

use super::shape::{Heading, Shape, without_clock};

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The log ends before the step does.
    Running,
    /// It ran to its end, or came from the cache.
    Done,
    /// It failed.
    Failed,
    /// It was stopped because another one failed.
    Cancelled,
}

/// One step of a build, as the log names it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Between the brackets: `api builder 3/5`; of the classic builder `3/5`.
    place: String,
    /// The instruction, or what the builder does by itself.
    pub(super) what: String,
    pub(super) outcome: Outcome,
    /// The service that a line around the step names.
    service: Option<String>,
    /// The Dockerfile and line, where the log says them.
    pub(super) source: Option<(String, u32)>,
    /// What to show where nothing is recognised.
    pub(super) hint: Hint,
}

/// The line of a step's output that says most to someone who knows no tool.
#[derive(Debug, Clone, Default)]
pub(super) struct Hint {
    /// The first line that speaks of an error.
    pub(super) suspect: Option<(u64, String)>,
    /// The last line.
    pub(super) last: Option<(u64, String)>,
}

impl Step {
    /// Whether a build goes on when it fails (buildkit, `client/solve.go`).
    pub(super) fn is_optional(&self) -> bool {
        self.what.starts_with("importing cache manifest from ")
    }
}

/// More steps than any build has; what comes after belongs to none.
const MOST_STEPS: usize = 20_000;

/// Follows which step a line belongs to.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    pub(super) steps: Vec<Step>,
    /// BuildKit's numbers.
    numbers: HashMap<u64, usize>,
    /// Places of BuildKit's steps, for rows and recalls.
    places: HashMap<String, usize>,
    /// The step of the classic builder that runs.
    classic: Option<usize>,
    /// The step whose last words are repeated, and which the excerpt is of.
    recalled: Option<usize>,
    in_recall: bool,
    pending_source: Option<(String, u32)>,
    in_excerpt: bool,
    /// The service that Compose's first version says it builds.
    building: Option<String>,
    /// Where no step failed: the service, the place and the instruction that
    /// could not be read.
    pub(super) failed_service: Option<String>,
    pub(super) source: Option<(String, u32)>,
    pub(super) shown: Option<String>,
    /// Services whose containers ended with an error, as Compose says.
    pub(super) exited: BTreeSet<String>,
    /// What containers said last, and what they said of an error.
    pub(super) containers: HashMap<String, Hint>,
    /// Names that stand before `internal`: these are targets, not stages.
    targets: BTreeSet<String>,
}

/// Where a line belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A step, by its index.
    Step(usize),
    /// A container of this service, while it runs.
    Container(String),
    /// Compose, pulling for this service.
    Pull(String),
    /// The client, the engine, or a log without steps.
    Outside,
}

impl Tracker {
    /// Takes a line. What it says is given back with where it belongs, unless it
    /// only repeats what the Dockerfile has.
    pub(super) fn follow<'a>(&mut self, shape: &Shape<'a>) -> Option<(Origin, &'a str)> {
        match shape {
            Shape::Heading(number, heading) => {
                self.in_recall = false;
                self.head(*number, heading);
                None
            }
            Shape::Ended(number, outcome, words) => {
                let origin = self.numbers.get(number).map(|step| Origin::Step(*step));
                if let Some(Origin::Step(step)) = origin {
                    self.steps[step].outcome = *outcome;
                }
                let failed = *outcome == Outcome::Failed;
                failed.then_some((origin.unwrap_or(Origin::Outside), *words))
            }
            Shape::Output(number, text) => self.output(*number, text),
            Shape::Row(heading, outcome) => {
                let step = self.place(heading)?;
                if let Some(outcome) = outcome {
                    self.steps[step].outcome = *outcome;
                }
                None
            }
            Shape::Recall(heading) => {
                self.recalled = self.place(heading);
                self.in_recall = true;
                if let Some(step) = self.recalled {
                    self.steps[step].outcome = Outcome::Failed;
                }
                None
            }
            Shape::Rule => {
                self.rule();
                None
            }
            Shape::Source(file, line) => {
                self.pending_source = Some(((*file).to_owned(), *line));
                Some((self.here(), file))
            }
            Shape::Excerpt(instruction) => {
                if let (true, Some(instruction)) = (self.in_excerpt, instruction) {
                    self.shown
                        .get_or_insert_with(|| cut(instruction).to_owned());
                }
                None
            }
            Shape::Step(position, what) => {
                self.end_classic(Outcome::Done);
                let service = self.building.clone();
                self.classic = self.add(position, what, service);
                None
            }
            Shape::Built => {
                self.end_classic(Outcome::Done);
                self.building = None;
                None
            }
            Shape::Returned(words) => {
                let here = self.here();
                self.end_classic(Outcome::Failed);
                Some((here, words))
            }
            Shape::Container(service, text) => {
                Some((Origin::Container((*service).to_owned()), text))
            }
            Shape::Other(text) => self.other(text),
        }
    }

    fn output<'a>(&mut self, number: u64, text: &'a str) -> Option<(Origin, &'a str)> {
        let known = self.numbers.get(&number).copied();
        let over = |step: usize| self.steps[step].outcome != Outcome::Running;
        match known {
            Some(step) if !over(step) => (!is_trace(text)).then_some((Origin::Step(step), text)),
            // `#6 exporting to image`: a step without a place.
            _ => {
                let step = self.add("", text, None)?;
                self.numbers.insert(number, step);
                None
            }
        }
    }

    fn other<'a>(&mut self, text: &'a str) -> Option<(Origin, &'a str)> {
        if let Some(service) = text.strip_prefix("Building ").filter(|s| !s.contains(' ')) {
            self.building = Some(service.to_owned());
        }
        if self.in_excerpt {
            return None;
        }
        self.name_target(text);
        if let Some(service) = exited(text) {
            self.exited.insert(service.to_owned());
            return None;
        }
        if let Some((service, error)) = pull_error(text) {
            return Some((Origin::Pull(service.to_owned()), error));
        }
        // The client repeats what the step that is shown above has said.
        let recalled = self.recalled.filter(|_| text.contains("failed to solve: "));
        let here = recalled.map_or_else(|| self.here(), Origin::Step);
        let text = if self.in_recall {
            without_clock(text)
        } else {
            text
        };
        (!is_trace(text)).then_some((here, text))
    }

    /// `target api: failed to solve: ...` (buildx, `build/build.go`), and
    /// `Service 'api' failed to build: ...` (docker-compose 1).
    fn name_target(&mut self, text: &str) {
        let name = if let Some(rest) = text.trim_start_matches("ERROR: ").strip_prefix("target ") {
            rest.split_once(": failed to solve").map(|(name, _)| name)
        } else {
            let rest = text
                .split_once("ervice '")
                .filter(|_| text.contains("failed to build"));
            rest.and_then(|(_, rest)| rest.split_once('\''))
                .map(|(name, _)| name)
        };
        let failed = self.recalled.or(self.classic);
        match (name, failed) {
            (Some(name), Some(step)) => {
                self.steps[step].service = Some(name.to_owned());
                self.steps[step].outcome = Outcome::Failed;
            }
            (Some(name), None) => self.failed_service = Some(name.to_owned()),
            _ => {}
        }
    }

    fn here(&self) -> Origin {
        let step = if self.in_recall {
            self.recalled
        } else {
            self.classic
        };
        step.map_or(Origin::Outside, Origin::Step)
    }

    fn rule(&mut self) {
        self.in_recall = false;
        if let Some(source) = self.pending_source.take() {
            self.in_excerpt = true;
            let failed = || {
                self.steps
                    .iter()
                    .rposition(|s| s.outcome == Outcome::Failed)
            };
            match self.recalled.or_else(failed) {
                Some(step) => {
                    self.steps[step].source.get_or_insert(source);
                }
                None => self.source = Some(source),
            }
        } else {
            self.in_excerpt = false;
        }
    }

    fn head(&mut self, number: u64, heading: &Heading<'_>) {
        if let Some(target) = heading.place.strip_suffix(" internal") {
            self.targets.insert(target.to_owned());
        }
        let known = self.numbers.get(&number).map(|step| &self.steps[*step]);
        if known.is_some_and(|s| s.place == heading.place && s.what == cut(heading.what)) {
            return;
        }
        // A number seen before with another name belongs to the next build.
        if let Some(step) = self.add(heading.place, heading.what, None) {
            self.numbers.insert(number, step);
            self.places.insert(key(heading), step);
        } else {
            self.numbers.remove(&number);
        }
    }

    /// The step of a heading that was seen, or a new one.
    fn place(&mut self, heading: &Heading<'_>) -> Option<usize> {
        if let Some(step) = self.places.get(&key(heading)) {
            return Some(*step);
        }
        let step = self.add(heading.place, heading.what, None)?;
        self.places.insert(key(heading), step);
        Some(step)
    }

    fn add(&mut self, place: &str, what: &str, service: Option<String>) -> Option<usize> {
        if self.steps.len() == MOST_STEPS {
            return None;
        }
        self.steps.push(Step {
            place: place.to_owned(),
            what: cut(what).to_owned(),
            outcome: Outcome::Running,
            service,
            source: None,
            hint: Hint::default(),
        });
        Some(self.steps.len() - 1)
    }

    fn end_classic(&mut self, outcome: Outcome) {
        if let Some(step) = self.classic {
            self.steps[step].outcome = outcome;
        }
        if outcome == Outcome::Done {
            self.classic = None;
        }
    }

    /// Remembers what a step said, for the case that nothing is recognised.
    pub(super) fn hint(&mut self, origin: &Origin, line: u64, text: &str) {
        let hint = match origin {
            Origin::Step(step) => &mut self.steps[*step].hint,
            Origin::Container(service) if self.containers.len() < MOST_STEPS => {
                self.containers.entry(service.clone()).or_default()
            }
            _ => return,
        };
        let told = |text: &str| Some((line, cut(text.trim()).to_owned()));
        if hint.suspect.is_none() && is_suspect(text) {
            hint.suspect = told(text);
        }
        let ended = text.contains("did not complete successfully")
            || text.starts_with("returned a non-zero code");
        if !ended || hint.last.is_none() {
            hint.last = told(text);
        }
    }

    /// Says that the log has ended: what the classic builder still does has
    /// failed, since it says when it has not.
    pub(super) fn end(&mut self) {
        if let Some(step) = self.classic {
            self.steps[step].outcome = Outcome::Failed;
        }
    }

    /// The service of a step, as far as the log tells.
    pub(super) fn service(&self, step: usize) -> Option<&str> {
        let step = &self.steps[step];
        let named = step.service.as_deref();
        named.or_else(|| self.names(step).0)
    }

    /// Its stage and position: `builder 3/5`, `3/5`.
    pub(super) fn place_of(&self, step: usize) -> String {
        let step = &self.steps[step];
        let (_, stage) = self.names(step);
        let position = step.place.rsplit(' ').next().unwrap_or_default();
        match stage {
            _ if !position.contains('/') => String::new(),
            Some(stage) if !is_number(stage) => format!("{stage} {position}"),
            _ => position.to_owned(),
        }
    }

    /// Target and stage from `api builder 3/5`, `builder 3/5`, `api 3/5`.
    fn names<'s>(&self, step: &'s Step) -> (Option<&'s str>, Option<&'s str>) {
        let Some((before, _)) = step.place.rsplit_once(' ') else {
            return (None, None);
        };
        match before.split_once(' ') {
            Some((target, stage)) => (Some(target), Some(stage)),
            None if self.targets.contains(before) => (Some(before), None),
            None => (None, Some(before)),
        }
    }
}

/// What a shell traces (`set -x`) is what it will do, not what came of it.
fn is_trace(text: &str) -> bool {
    text.trim_start().starts_with("+ ")
}

/// `worker-1 exited with code 1`, where it was not Compose that stopped it.
fn exited(text: &str) -> Option<&str> {
    let (name, code) = text.trim().split_once(" exited with code ")?;
    let stopped = ["0", "130", "137", "143"].contains(&code.trim());
    (!stopped && !name.contains(' ')).then(|| service_of(name))
}

/// The service of a container: `worker` of `worker-1`, and of docker-compose 1's
/// `worker_1`.
pub(super) fn service_of(container: &str) -> &str {
    let (service, number) = container.rsplit_once(['-', '_']).unwrap_or((container, ""));
    let numbered = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    if numbered { service } else { container }
}

/// ` api Error Get "https://...`: Compose, pulling for a service.
fn pull_error(text: &str) -> Option<(&str, &str)> {
    let (service, rest) = text.strip_prefix(' ')?.split_once(' ')?;
    let error = rest.strip_prefix("Error ")?;
    (!service.is_empty() && !service.ends_with(':')).then_some((service, error))
}

fn key(heading: &Heading<'_>) -> String {
    // An instruction can be cut short in one form and not in another.
    let known = heading.place.contains('/');
    format!(
        "{}] {}",
        heading.place,
        if known { "" } else { cut(heading.what) }
    )
}

/// `stage-1`: a name that the builder gave.
fn is_number(stage: &str) -> bool {
    stage
        .strip_prefix("stage-")
        .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_suspect(text: &str) -> bool {
    let words = [
        "error",
        "fatal",
        "failed",
        "cannot",
        "unable to",
        "not found",
        "denied",
        "no such",
    ];
    let lower = text.to_ascii_lowercase();
    words.iter().any(|word| lower.contains(word))
        && !lower.contains("did not complete successfully")
}

/// As much of a text as is worth keeping.
pub(super) fn cut(text: &str) -> &str {
    const MOST: usize = 400;
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at <= MOST)
        .last();
    if text.len() <= MOST {
        text
    } else {
        &text[..end.unwrap_or(0)]
    }
}
