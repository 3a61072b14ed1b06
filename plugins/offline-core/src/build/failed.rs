//! One service that cannot be built does not stop the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Error, ServiceResult};
use crate::closure::Closure;
use crate::error::{Failure, Kind};
use crate::project::{NamedContext, Project};

/// A build that ended badly, and whose it was, where that is known.
pub(super) struct Stopped {
    pub(super) service: Option<String>,
    pub(super) failure: Failure,
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self {
            service: None,
            failure: error.into(),
        }
    }
}

impl Stopped {
    /// Whether it is about a step, and not about engine, disk or user, which would end
    /// any other build too.
    pub(super) fn is_of_a_step(&self) -> bool {
        matches!(self.failure.kind(), Kind::BuildFailed | Kind::NotRecorded)
    }
}

/// Builds services together, and gives every failure.
pub(super) type BuildSome<'a> = dyn FnMut(&BTreeSet<String>) -> Result<(), Vec<Stopped>> + 'a;

/// The services that could not be built so far, in the order of failing.
#[derive(Debug, Default)]
pub(super) struct Failed {
    failures: Mutex<Vec<(String, Failure)>>,
    /// What is not tried for that reason: the service that it is built upon.
    upon: Mutex<BTreeMap<String, String>>,
}

impl Failed {
    /// The services of these that are still to be built.
    pub(super) fn but(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let (failures, upon) = (lock(&self.failures), lock(&self.upon));
        let failed = |name: &String| failures.iter().any(|(failed, _)| failed == name);
        let left = services.iter().filter(|name| !failed(name));
        left.filter(|name| !upon.contains_key(*name))
            .cloned()
            .collect()
    }

    /// Adds a service, and with it those that are built upon it.
    pub(super) fn add(
        &self,
        project: &Project,
        closure: &Closure,
        service: &str,
        failure: Failure,
    ) {
        lock(&self.failures).push((service.to_owned(), failure));
        let mut next = vec![service.to_owned()];
        while let Some(base) = next.pop() {
            for name in direct(project, closure, &base) {
                let known = lock(&self.failures).iter().any(|(s, _)| *s == name);
                if !known && !lock(&self.upon).contains_key(&name) {
                    lock(&self.upon).insert(name.clone(), base.clone());
                    next.push(name);
                }
            }
        }
    }

    /// Builds services together; and where that fails, those that do not need the one
    /// that failed, until what can be built is built. In the ordinary case nothing is
    /// done twice.
    pub(super) fn build_what_can_be(
        &self,
        project: &Project,
        closure: &Closure,
        services: BTreeSet<String>,
        build: &mut BuildSome<'_>,
    ) -> Result<(), Failure> {
        let mut next = vec![services];
        while let Some(some) = next.pop() {
            let some = self.but(&some);
            if some.is_empty() {
                continue;
            }
            let Err(all) = build(&some) else { continue };
            let mut known = false;
            for stopped in all {
                if !stopped.is_of_a_step() {
                    return Err(stopped.failure);
                }
                let named = stopped.service.filter(|name| some.contains(name));
                let only = || some.first().filter(|_| some.len() == 1).cloned();
                if let Some(name) = named.or_else(only) {
                    known = true;
                    self.add(project, closure, &name, stopped.failure);
                }
            }
            if known {
                next.push(some);
            } else {
                // One after the other, to find whose it is.
                next.extend(some.into_iter().map(|name| BTreeSet::from([name])));
            }
        }
        Ok(())
    }

    /// Whether one of them asked for what is not recorded.
    pub(super) fn lack_a_recording(&self) -> bool {
        let failures = lock(&self.failures);
        failures.iter().any(|(_, f)| f.kind() == Kind::NotRecorded)
    }

    /// Says of each result what was not built; gives the failure of the whole command,
    /// where there is one. `merge` makes one of several failures for want of a
    /// recording.
    pub(super) fn into_failure(
        self,
        results: &mut Vec<ServiceResult>,
        merge: &dyn Fn(Failure) -> Failure,
    ) -> Option<Failure> {
        let failures = inner(self.failures);
        let upon = inner(self.upon);
        for (service, reason) in failures
            .iter()
            .map(|(service, _)| (service, "its build failed".to_owned()))
            .chain(
                upon.iter()
                    .map(|(s, base)| (s, format!("it is built upon {base}"))),
            )
        {
            if !results.iter().any(|result| result.service == *service) {
                results.push(ServiceResult {
                    service: service.clone(),
                    ..ServiceResult::default()
                });
                results.sort_by(|a, b| a.service.cmp(&b.service));
            }
            for result in results.iter_mut().filter(|r| r.service == *service) {
                result.refused = Some(reason.clone());
                result.images.clear();
            }
        }
        let mut said: Vec<(Vec<String>, Failure)> = Vec::new();
        for (service, failure) in failures {
            let missing = failure.kind() == Kind::NotRecorded;
            let mut same = said.iter_mut();
            match same.find(|(_, f)| missing && f.kind() == Kind::NotRecorded) {
                // One message names what all of them lack.
                Some((services, _)) => services.push(service),
                None if missing => said.push((vec![service], merge(failure))),
                None => said.push((vec![service], failure)),
            }
        }
        let built = results.iter().any(|result| result.refused.is_none());
        if said.len() == 1 && !built && upon.is_empty() {
            return said.pop().map(|(_, failure)| failure);
        }
        let upon = upon.into_iter().collect();
        (!said.is_empty()).then(|| {
            Error::NotAllBuilt {
                failures: said,
                upon,
                built,
            }
            .into()
        })
    }

    /// The first failure of all.
    pub(super) fn into_first(self) -> Option<Failure> {
        inner(self.failures).into_iter().next().map(|(_, f)| f)
    }
}

/// The services that are built upon this one's image or context.
fn direct(project: &Project, closure: &Closure, base: &str) -> Vec<String> {
    let upon = |service: &&crate::closure::ServiceClosure| {
        let stages = service.build.iter().flat_map(|b| &b.stages);
        let build = project
            .service(&service.name)
            .and_then(|s| s.build.as_ref());
        let mut contexts = build.iter().flat_map(|b| b.additional_contexts.values());
        service.name != base
            && (stages
                .flat_map(|s| &s.sibling_services)
                .any(|sibling| sibling == base)
                || contexts.any(|c| matches!(c, NamedContext::Service(name) if name == base)))
    };
    let services = closure.services.iter().filter(upon);
    services.map(|service| service.name.clone()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::engine::StepFailure;
    use crate::project::from_config;

    fn failure(words: &str) -> Failure {
        Error::Build {
            failure: Box::new(StepFailure {
                step: None,
                source: None,
                message: words.into(),
                tail: Vec::new(),
            }),
            explanation: None,
        }
        .into()
    }

    /// Services a, b, c and d, of which `d` is built upon `a`.
    fn project() -> (tempfile::TempDir, Project, Closure) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        std::fs::write(folder.path().join("Dockerfile"), "FROM busybox\n").unwrap();
        std::fs::write(folder.path().join("D.Dockerfile"), "FROM p-a\n").unwrap();
        let plain = format!(r#"{{"build": {{"context": "{path}"}}}}"#);
        let upon = format!(r#"{{"build": {{"context": "{path}", "dockerfile": "D.Dockerfile"}}}}"#);
        let config = format!(
            r#"{{"name": "p", "services": {{"a": {plain}, "b": {plain}, "c": {plain}, "d": {upon}}}}}"#
        );
        let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
        let closure =
            crate::closure::resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        (folder, project, closure)
    }

    fn names(services: &[&str]) -> BTreeSet<String> {
        services.iter().map(|s| (*s).to_owned()).collect()
    }

    /// Builds all four, of which `a` fails; `named` says whether it is known whose
    /// failure that is. Gives what was tried, and what is left to say.
    fn tried(named: bool) -> (Vec<BTreeSet<String>>, Vec<ServiceResult>, Failure) {
        let (_folder, project, closure) = project();
        let failed = Failed::default();
        let tried = RefCell::new(Vec::new());
        failed
            .build_what_can_be(
                &project,
                &closure,
                names(&["a", "b", "c", "d"]),
                &mut |some| {
                    tried.borrow_mut().push(some.clone());
                    if !some.contains("a") {
                        return Ok(());
                    }
                    Err(vec![Stopped {
                        service: named.then(|| "a".to_owned()),
                        failure: failure("exit code: 7"),
                    }])
                },
            )
            .unwrap();
        let result = |name: &str| ServiceResult {
            service: name.into(),
            ..ServiceResult::default()
        };
        let mut results = ["b", "c", "d"].map(result).to_vec();
        let failure = failed.into_failure(&mut results, &|f| f).unwrap();
        (tried.into_inner(), results, failure)
    }

    #[test]
    fn the_others_are_built_again_without_the_one_that_failed() {
        let (tried, results, failure) = tried(true);
        assert_eq!(tried, [names(&["a", "b", "c", "d"]), names(&["b", "c"])]);
        let refused: Vec<_> = results.iter().map(|r| r.refused.as_deref()).collect();
        assert_eq!(
            refused,
            [
                Some("its build failed"),
                None,
                None,
                Some("it is built upon a")
            ]
        );
        assert_eq!(failure.kind(), Kind::BuildFailed);
        let words = failure.to_string();
        assert!(words.contains("exit code: 7") && words.contains("d: it is built upon a"));
    }

    #[test]
    fn where_nobody_knows_whose_it_is_each_is_tried_alone() {
        let (tried, _, failure) = tried(false);
        assert!(tried[1..].iter().all(|some| some.len() == 1), "{tried:?}");
        assert!(failure.to_string().contains("service a"), "{failure}");
    }
}
