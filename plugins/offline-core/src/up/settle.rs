//! Starts containers, and waits until it is known how they are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Health;
use super::health::Watch;
use crate::build::ComposeCall;
use crate::engine::{Docker, ServiceContainer};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Work};

/// The pause between two looks at the containers: short at first, as most become healthy
/// soon.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long an interrupt may be waited for.
const BREATH: Duration = Duration::from_millis(100);

/// The last lines of a container, or of Compose, that are shown.
const LAST_WORDS: u32 = 20;

/// What containers are started and waited for with.
pub(super) struct Settling<'a> {
    pub(super) docker: &'a Docker,
    pub(super) compose: &'a ComposeCall,
    pub(super) project: &'a str,
    /// How long they may take, from the first start on.
    pub(super) within: Duration,
    pub(super) reporter: &'a dyn Reporter,
}

/// How services are after a start, and their last words where they are not well.
pub(super) type Settled = BTreeMap<String, (Health, Vec<String>)>;

impl Settling<'_> {
    /// Starts services, and waits for their health.
    pub(super) fn start(&self, services: &[String]) -> Result<Settled, Failure> {
        if services.is_empty() {
            return Ok(Settled::new());
        }
        let end = Instant::now() + self.within;
        let (gave_up, said) = self.compose_up(services, end)?;
        let health = self.wait(services, gave_up, end)?;
        let containers = self.containers()?;
        let mut settled = Settled::new();
        for (service, health) in health {
            let words = match health {
                well if well.is_well() => Vec::new(),
                Health::NotStarted => said.clone(),
                _ => self.last_words(&containers, &service)?,
            };
            settled.insert(service, (health, words));
        }
        Ok(settled)
    }

    /// Whether Compose could not start all, and its last lines. Compose itself may wait
    /// for ever for one that crashes.
    fn compose_up(
        &self,
        services: &[String],
        end: Instant,
    ) -> Result<(bool, Vec<String>), Failure> {
        let work = Work::StartServices {
            services: services.to_vec(),
        };
        let _task = Task::start(self.reporter, work, None);
        let mut said = Vec::new();
        let is_late = || Instant::now() >= end;
        let worked = self.compose.up(services, &is_late, |line| {
            said.push(line.to_owned());
            let line = line.to_owned();
            self.reporter.event(Event::BuildOutput { line });
        })?;
        let first = said.len().saturating_sub(LAST_WORDS as usize);
        Ok((!worked, said.split_off(first)))
    }

    fn wait(
        &self,
        services: &[String],
        gave_up: bool,
        end: Instant,
    ) -> Result<BTreeMap<String, Health>, Failure> {
        let work = Work::AwaitHealth {
            services: services.to_vec(),
        };
        let _task = Task::start(self.reporter, work, None);
        let mut watch = Watch::default();
        let mut pause = FIRST_PAUSE;
        loop {
            let containers = self.containers()?;
            let now = Instant::now();
            let mut health = BTreeMap::new();
            for service in services {
                let own = of_service(&containers, service);
                health.insert(service.clone(), watch.health(&own, gave_up, now));
            }
            if now >= end || !health.values().any(|h| h.is_open()) {
                return Ok(health);
            }
            self.sleep(pause.min(end.saturating_duration_since(now)))?;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// How services are that were left alone.
    pub(super) fn look(&self, services: &[String]) -> Result<BTreeMap<String, Health>, Failure> {
        if services.is_empty() {
            return Ok(BTreeMap::new());
        }
        let containers = self.containers()?;
        let of = |service: &String| {
            let own = of_service(&containers, service);
            // They ran before: what runs without a check needs no second look.
            let mut watch = Watch::default();
            let now = Instant::now();
            watch.health(&own, false, now);
            watch.health(&own, false, now + Duration::from_secs(3600))
        };
        Ok(services.iter().map(|s| (s.clone(), of(s))).collect())
    }

    fn containers(&self) -> Result<Vec<ServiceContainer>, Failure> {
        Ok(self.docker.service_containers(self.project)?)
    }

    fn last_words(
        &self,
        containers: &[ServiceContainer],
        service: &str,
    ) -> Result<Vec<String>, Failure> {
        let mut words = Vec::new();
        for container in of_service(containers, service) {
            words.extend(self.docker.last_words(&container.id, LAST_WORDS)?);
            let check = container.failed_check().into_iter().flat_map(str::lines);
            words.extend(check.map(|line| format!("healthcheck: {line}")));
        }
        Ok(words)
    }

    fn sleep(&self, pause: Duration) -> Result<(), Failure> {
        let end = Instant::now() + pause;
        loop {
            self.docker.check_interrupt()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(BREATH));
        }
    }
}

fn of_service<'a>(containers: &'a [ServiceContainer], service: &str) -> Vec<&'a ServiceContainer> {
    let own = containers.iter().filter(|c| c.service() == service);
    own.collect()
}
