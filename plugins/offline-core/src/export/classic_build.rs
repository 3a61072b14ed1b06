//! The classic builder's turn: every service that it can build, all stages up to
//! the target in one build.
//!
//! The images stay in the engine without a name, for they are its cache: an image
//! that loses its last name is removed, and its last step would run again in the
//! next export.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::stage_images::{is_weak_network, proxy_args};
use super::{Error, Prepared};
use crate::build::levels;
use crate::closure::{BuildClosure, Closure, StageBase, StageRef};
use crate::compatibility::Obstacle;
use crate::dockerfile;
use crate::engine::{ClassicLog, Docker};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::stages::{ClassicBuild, Substitutes};

/// How many services are built, and how many images pulled, at once.
const AT_ONCE: usize = 2;

/// Attempts at a build that fails because a registry or server does not answer.
const ATTEMPTS: u32 = 3;

/// Builds services with the classic builder.
pub(super) struct ClassicBuilder<'a> {
    pub(super) docker: &'a Docker,
    pub(super) prepared: &'a Prepared,
    pub(super) reporter: &'a dyn Reporter,
}

/// What the classic builder gave.
#[derive(Debug, Default)]
pub(super) struct ClassicBuilt {
    /// The image ID of each stage, as the engine names it.
    pub(super) stages: BTreeMap<StageRef, String>,
    /// Why services cannot be built, known before or found out now.
    pub(super) refused: BTreeMap<String, Vec<Obstacle>>,
}

/// How one service ended.
enum Outcome {
    Built(BTreeMap<StageRef, String>),
    Refused(Obstacle),
    /// The engine did not even begin.
    NoBuilder(String),
}

impl ClassicBuilder<'_> {
    /// Builds all services that it can; `None` where the engine has no classic
    /// builder and it was not asked for by name.
    pub(super) fn build(&self) -> Result<Option<ClassicBuilt>, Failure> {
        let Some(plan) = &self.prepared.classic else {
            return Ok(None);
        };
        let mut result = ClassicBuilt::default();
        let can = |name: &str| plan.obstacles.get(name).is_some_and(Vec::is_empty);
        for (name, obstacles) in &plan.obstacles {
            if !obstacles.is_empty() {
                result.refused.insert(name.clone(), obstacles.clone());
            }
        }
        let services: BTreeSet<&str> = plan
            .obstacles
            .keys()
            .map(String::as_str)
            .filter(|n| can(n))
            .collect();
        if services.is_empty() {
            return Ok(Some(result));
        }
        let work = Work::BuildClassic {
            services: services.len(),
        };
        let task = Task::start(self.reporter, work, None);
        let scratch = tempfile::Builder::new()
            .prefix("docker-offline-")
            .tempdir()
            .map_err(|source| Error::Write {
                path: std::env::temp_dir(),
                source,
            })?;
        self.pull_bases(&services)?;
        let mut substitutes = Substitutes::default();
        for level in levels(&self.prepared.closure) {
            let names: Vec<&String> = level.services.iter().filter(|n| can(n)).collect();
            let groups = alike(&self.prepared.closure, &names);
            let outcomes = at_once(&groups, |group| {
                let build = |name: &&String| {
                    self.service(name, &result.refused, &substitutes, scratch.path())
                };
                group.iter().map(build).collect::<Result<Vec<_>, _>>()
            })?;
            let names = groups.into_iter().flatten();
            for (name, outcome) in names.zip(outcomes.into_iter().flatten()) {
                match outcome {
                    Outcome::Built(stages) => {
                        self.substitute(name, &stages, &mut substitutes);
                        result.stages.extend(stages);
                    }
                    Outcome::NoBuilder(message) if plan.required => {
                        return Err(Error::NoClassicBuilder { message }.into());
                    }
                    Outcome::NoBuilder(message) => {
                        self.reporter.event(Event::Warning(no_builder(message)));
                        return Ok(None);
                    }
                    Outcome::Refused(obstacle) => {
                        self.reporter
                            .event(Event::Warning(self.failed(name, &obstacle)));
                        result.refused.insert(name.clone(), vec![obstacle]);
                    }
                }
            }
        }
        drop(task);
        Ok(Some(result))
    }

    /// The bases as their registry has them now, which is what the bundle carries.
    /// An image that cannot be pulled may be the user's own on this engine; the
    /// build will tell.
    fn pull_bases(&self, services: &BTreeSet<&str>) -> Result<(), Failure> {
        let closures = self.prepared.closure.services.iter();
        let images: BTreeSet<String> = closures
            .filter(|s| services.contains(s.name.as_str()))
            .filter_map(|s| s.build.as_ref())
            .flat_map(|b| &b.stages)
            .flat_map(|stage| &stage.images)
            .map(crate::reference::ImageReference::familiar)
            .collect();
        let images: Vec<&String> = images.iter().collect();
        at_once(&images, |image| {
            let _ = self.docker.output(["pull", "--quiet", image.as_str()]);
            Ok(())
        })?;
        Ok(self.docker.check_interrupt()?)
    }

    fn service(
        &self,
        name: &str,
        refused: &BTreeMap<String, Vec<Obstacle>>,
        substitutes: &Substitutes,
        scratch: &std::path::Path,
    ) -> Result<Outcome, Failure> {
        let service = self.prepared.closure.service(name);
        let Some(build) = service.and_then(|s| s.build.as_ref()) else {
            return Ok(Outcome::Built(BTreeMap::new()));
        };
        let sibling = build.stages.iter().find_map(|stage| {
            let mut siblings = stage.sibling_services.iter();
            Some((stage.line, siblings.find(|s| refused.contains_key(*s))?))
        });
        if let Some((line, sibling)) = sibling {
            return Ok(Outcome::Refused(Obstacle {
                line: line + build.line_offset,
                what: format!("the image of service {sibling}, which it cannot build"),
            }));
        }
        let Prepared {
            project,
            closure,
            engine,
            ..
        } = self.prepared;
        let command = ClassicBuild::new(
            project,
            closure,
            name,
            substitutes,
            &engine.platform,
            scratch,
        )?;
        let Some(command) = command else {
            return Ok(Outcome::Built(BTreeMap::new()));
        };
        let mut args = command.flags;
        // The last of two arguments of one name counts: the project's come first.
        let given = project.service(name).and_then(|s| s.build.as_ref());
        for (key, value) in proxy_args() {
            if given.is_some_and(|build| !build.args.contains_key(&key)) {
                args.push("--build-arg".into());
                args.push(format!("{key}={value}").into());
            }
        }
        args.push(command.context.into());
        let log = self.run(name, &args)?;
        if !log.succeeded {
            return Ok(if log.steps.is_empty() {
                Outcome::NoBuilder(log.message().to_owned())
            } else {
                Outcome::Refused(Obstacle {
                    line: line_of(build, log.steps.len()) + build.line_offset,
                    what: format!("a step that failed: {}", log.message()),
                })
            });
        }
        let ids = log.stage_images();
        let stages = build.stages.iter().filter_map(|stage| {
            let id = ids.get(stage.index)?.clone()?;
            let reference = StageRef {
                service: name.to_owned(),
                stage: stage.index,
            };
            Some((reference, id))
        });
        Ok(Outcome::Built(stages.collect()))
    }

    /// Runs a build; a server that does not answer is asked again.
    fn run(&self, name: &str, args: &[OsString]) -> Result<ClassicLog, Failure> {
        let mut wait = Duration::from_secs(2);
        let mut attempt = 1;
        loop {
            let log = self
                .docker
                .classic_build(args.iter().cloned(), name, self.reporter)?;
            let weak = log.tail.iter().any(|line| is_weak_network(line));
            // BuildKit has run the same steps, or will: one failure may be chance.
            let again = if weak { ATTEMPTS } else { 2 };
            if log.succeeded || log.steps.is_empty() || attempt >= again {
                return Ok(log);
            }
            self.reporter.event(Event::Retry {
                what: format!("the classic build of {name}"),
                attempt,
                wait,
                cause: log.message().to_owned(),
            });
            std::thread::sleep(wait);
            self.docker.check_interrupt()?;
            wait *= 3;
            attempt += 1;
        }
    }

    /// What others that build upon this service are given.
    fn substitute(
        &self,
        name: &str,
        stages: &BTreeMap<StageRef, String>,
        substitutes: &mut Substitutes,
    ) {
        let service = self.prepared.project.service(name);
        let closure = self.prepared.closure.service(name);
        let target = closure
            .and_then(|s| s.build.as_ref())
            .map(|b| b.target_stage);
        let image = stages
            .iter()
            .find(|(stage, _)| Some(stage.stage) == target)
            .map(|(_, id)| id.clone());
        let (Some(service), Some(image)) = (service, image) else {
            return;
        };
        let tags = service.build.iter().flat_map(|b| &b.tags);
        let names = tags.filter_map(|t| crate::reference::ImageReference::parse(t).ok());
        for reference in names.chain(service.image.clone()) {
            substitutes
                .references
                .insert(reference.to_string(), image.clone());
        }
        substitutes.services.insert(name.to_owned(), image);
    }

    fn failed(&self, name: &str, obstacle: &Obstacle) -> Warning {
        let build = self
            .prepared
            .closure
            .service(name)
            .and_then(|s| s.build.as_ref());
        Warning {
            what: format!("service {name}: the classic builder failed, so that its cache is not carried"),
            subject: build.map(|b| format!("{}:{}", b.dockerfile_path.display(), obstacle.line)),
            why: Some(obstacle.what.clone()),
            remedy: Some("see it alone with: DOCKER_BUILDKIT=0 docker build; or leave it out with --builder buildkit".into()),
        }
    }
}

fn no_builder(message: String) -> Warning {
    Warning {
        what: "this engine's classic builder does not start, so that its cache is not carried; that of BuildKit is".into(),
        subject: None,
        why: Some(message),
        remedy: Some("export on an engine that has it, for sites that build with --classic; or say --builder buildkit".into()),
    }
}

/// The line of the builder's step of this number, 1-based: it counts the ARGs
/// before the first FROM, then FROMs and instructions.
fn line_of(build: &BuildClosure, step: usize) -> u32 {
    let Ok(file) = dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path) else {
        return 1;
    };
    let mut globals: Vec<u32> = file.global_args.iter().map(|a| a.line).collect();
    globals.dedup();
    let in_stages = file.stages.iter().flat_map(|stage| {
        let instructions = if build.stage(stage.index).is_some() {
            &stage.instructions[..]
        } else {
            &[]
        };
        std::iter::once(stage.line).chain(instructions.iter().map(|i| i.line))
    });
    let mut lines = globals.into_iter().chain(in_stages);
    lines.nth(step.saturating_sub(1)).unwrap_or(1)
}

/// Services in groups that begin alike, with the same first RUN above the same base.
/// The classic builder runs a step again that another build is just running, and
/// the bundle would hold both results; one after the other they share it.
fn alike<'a>(closure: &Closure, names: &[&'a String]) -> Vec<Vec<&'a String>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<&String>)> = Vec::new();
    for name in names {
        let build = closure.service(name).and_then(|s| s.build.as_ref());
        let stages = build.into_iter().flat_map(|b| &b.stages);
        let mut begins: BTreeSet<String> = stages
            .filter(|stage| !matches!(stage.base, StageBase::Stage(_)))
            .filter_map(|stage| Some(format!("{:?} {}", stage.base, stage.runs.first()?.command)))
            .collect();
        let mut members = vec![*name];
        groups.retain_mut(|(others, services)| {
            let shares = !others.is_disjoint(&begins);
            if shares {
                begins.append(others);
                members.splice(0..0, services.drain(..));
            }
            !shares
        });
        groups.push((begins, members));
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Does `work` for all items, a few at once, and gives the results in their order.
fn at_once<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, Result<R, Failure>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else { break };
                    let result = work(item);
                    if result.is_err() {
                        next.store(items.len(), Ordering::Relaxed);
                    }
                    if let Ok(mut results) = results.lock() {
                        results.insert(number, result);
                    }
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    results.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_begin_alike_are_built_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let build = |text: &str| {
            format!(
                r#"{{"build": {{"context": "{}", "dockerfile_inline": "{text}"}}}}"#,
                folder.path().display()
            )
        };
        let config = format!(
            r#"{{"name": "p", "services": {{"a": {}, "b": {}, "c": {}, "d": {}}}}}"#,
            build("FROM x\\nRUN one\\nRUN two\\n"),
            build("FROM y\\nRUN one\\n"),
            build("FROM z AS s\\nRUN three\\nFROM x\\nRUN one\\nRUN four\\n"),
            build("FROM z\\nCOPY a b\\n"),
        );
        let file = folder.path().join("compose.yaml");
        let project = crate::project::from_config(&config, &[file]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = crate::closure::resolve(&project, &[], &platform).unwrap();
        let names: Vec<String> = ["a", "b", "c", "d"].map(String::from).into();
        let groups = alike(&closure, &names.iter().collect::<Vec<_>>());
        assert_eq!(groups, [vec!["b"], vec!["a", "c"], vec!["d"]]);
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let doubled = at_once(&[1, 2, 3, 4, 5], |n| Ok(n * 2)).unwrap();
        assert_eq!(doubled, [2, 4, 6, 8, 10]);
    }
}
