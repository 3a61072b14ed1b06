use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::changed::{Wanted, wanted};
use super::kept::Kept;
use super::settle::{Settled, Settling};
use super::{Error, Health, Outcome, Report, What};
use crate::build::{BuildOptions, Built, Ready};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::Reporter;

/// Builds, replaces the containers whose image is not what it was, waits for their health,
/// and puts back what does not become healthy `within` that time.
///
/// An error means that nothing was restarted. Whatever happens from then on comes beside
/// the report: that services were refused (nothing was restarted then either), were put
/// back, or do not run.
pub fn run(
    docker: &Docker,
    options: &BuildOptions,
    within: Duration,
    reporter: &dyn Reporter,
) -> Result<(Report, Option<Failure>), Failure> {
    let started = Instant::now();
    let ready = Ready::read(docker, options, reporter)?;
    if ready.engine.compose.is_none() {
        // It is needed at the end, and has to be known of before anything is built.
        ready.docker.old_compose()?;
    }
    let before = ready.docker.service_containers(&ready.project.name)?;
    let kept = Kept::of(&ready.docker, &ready.project.name, &before)?;
    let Built {
        summary,
        refused,
        compose,
    } = ready.build()?;
    let mut report = Report {
        build: summary,
        containers: None,
    };
    let Some(compose) = compose.filter(|_| refused.is_none()) else {
        return Ok((report, refused));
    };
    let services = &options.services;
    let all = wanted(&ready.docker, &ready.project, services, &before, &kept)?;
    let settling = Settling {
        docker: &ready.docker,
        compose: &compose,
        project: &ready.project.name,
        within,
        reporter,
    };
    let replacing = Replacing {
        settling,
        kept: &kept,
        all: &all,
    };
    let (outcomes, failure) = match replacing.replace() {
        Ok(outcomes) => {
            let failure = failure(&outcomes, within);
            (outcomes, failure)
        }
        Err(failure) => (Vec::new(), Some(failure)),
    };
    report.containers = Some(outcomes);
    // There is nothing left to type.
    report.build.next.clear();
    report.build.elapsed = started.elapsed();
    Ok((report, failure))
}

struct Replacing<'a> {
    settling: Settling<'a>,
    kept: &'a Kept<'a>,
    all: &'a [Wanted],
}

impl Replacing<'_> {
    fn replace(&self) -> Result<Vec<Outcome>, Failure> {
        let changed = self.names(|one| one.changed && one.here);
        let settled = self.settling.start(&changed)?;
        let back = self.put_back(&settled)?;
        let unchanged = self.settling.look(&self.names(|one| !one.changed))?;
        let outcome = |one: &Wanted| {
            let name = &one.service;
            let started = match one.before {
                Some(_) => What::Replaced,
                None => What::Started,
            };
            let (what, (health, words), after_edit) =
                match (settled.get(name), back.get(name), unchanged.get(name)) {
                    (Some((edited, words)), Some((now, _)), _) => {
                        (What::PutBack, (*now, words.clone()), Some(*edited))
                    }
                    (Some(new), None, _) => (started, new.clone(), None),
                    (None, _, Some(health)) => (What::Unchanged, (*health, Vec::new()), None),
                    (None, _, None) => (started, (Health::NoImage, Vec::new()), None),
                };
            Outcome {
                service: name.clone(),
                what,
                health,
                after_edit,
                last_words: words,
            }
        };
        Ok(self.all.iter().map(outcome).collect())
    }

    /// Gives services that are not well their old image again, and with them those that
    /// have its name too.
    fn put_back(&self, settled: &Settled) -> Result<Settled, Failure> {
        let ill = |one: &&Wanted| {
            let health = settled.get(&one.service);
            health.is_some_and(|(health, _)| !health.is_well())
        };
        let old = |one: &Wanted| self.kept.name(one.before.as_deref()?);
        let names: BTreeSet<&str> = self
            .all
            .iter()
            .filter(ill)
            .filter(|one| old(one).is_some())
            .map(|one| one.image.as_str())
            .collect();
        let mut back = Vec::new();
        for one in self.all.iter().filter(|one| one.changed) {
            let Some(old) = old(one).filter(|_| names.contains(one.image.as_str())) else {
                continue;
            };
            self.settling.docker.tag(old, &one.image)?;
            back.push(one.service.clone());
        }
        self.settling.start(&back)
    }

    fn names(&self, is: impl Fn(&Wanted) -> bool) -> Vec<String> {
        let these = self.all.iter().filter(|one| is(one));
        these.map(|one| one.service.clone()).collect()
    }
}

/// What does not run weighs more than what was put back.
fn failure(outcomes: &[Outcome], within: Duration) -> Option<Failure> {
    let names = |is: &dyn Fn(&Outcome) -> bool| -> Vec<String> {
        let these = outcomes.iter().filter(|one| is(one));
        these.map(|one| one.service.clone()).collect()
    };
    let ill = names(&|one| one.what != What::Unchanged && !one.health.is_well());
    let back = names(&|one| one.what == What::PutBack);
    if !ill.is_empty() {
        let within = within.as_secs();
        let services = ill;
        return Some(Error::NotHealthy { services, within }.into());
    }
    (!back.is_empty()).then(|| Error::PutBack { services: back }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn outcome(what: What, health: Health) -> Outcome {
        Outcome {
            service: "api".into(),
            what,
            health,
            after_edit: None,
            last_words: Vec::new(),
        }
    }

    #[test]
    fn what_does_not_run_weighs_more_than_what_was_put_back() {
        let kind = |all: &[Outcome]| failure(all, Duration::from_secs(9)).map(|f| f.kind());
        let back = outcome(What::PutBack, Health::Healthy);
        let ill = outcome(What::PutBack, Health::Unhealthy);
        let left = outcome(What::Unchanged, Health::Unhealthy);
        let new = outcome(What::Started, Health::NoImage);
        assert_eq!(
            kind(std::slice::from_ref(&left)),
            None,
            "it was that before"
        );
        assert_eq!(kind(&[left, back.clone()]), Some(Kind::PutBack));
        assert_eq!(kind(&[back.clone(), ill]), Some(Kind::NotHealthy));
        assert_eq!(kind(&[new, back]), Some(Kind::NotHealthy));
    }
}
