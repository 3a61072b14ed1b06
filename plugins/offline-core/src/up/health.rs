//! How a container is, and whether that will do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engine::ServiceContainer;

/// For how long a container without a health check has to run before it is believed.
const BELIEVED_AFTER: Duration = Duration::from_secs(3);

/// A container that was started again so often does not run.
const TOO_OFTEN: u32 = 3;

/// How the containers of a service are.
///
/// The worst of them decides; the order is from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Health {
    /// The health check says so.
    Healthy,
    /// It has no health check, and has run for a while.
    Running,
    /// It did what it had to do: it ended, with 0.
    Finished,
    /// There is no container, and Compose asks for none.
    NoContainer,
    /// It is not known yet.
    Starting,
    /// Compose made it and could not start it, or did not come to it.
    NotStarted,
    /// It was ended by someone before it was known.
    Stopped,
    /// Its image is not here.
    NoImage,
    /// It is started again and again.
    Restarting,
    /// It ended.
    Ended {
        /// With this code.
        exit_code: i64,
    },
    /// The health check says so.
    Unhealthy,
}

impl Health {
    /// Whether there is nothing to be done about it.
    pub fn is_well(self) -> bool {
        self <= Self::NoContainer
    }

    /// Whether it may still become something else by itself.
    pub(super) fn is_open(self) -> bool {
        self == Self::Starting
    }
}

/// Looks at containers again and again, and remembers since when each of them runs.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// By ID: when it was started, as the engine says it, and when that was seen first.
    since: BTreeMap<String, (String, Instant)>,
}

impl Watch {
    /// How a service is by its containers at a moment; `gave_up` where Compose could not
    /// start all that it was asked for.
    pub(super) fn health(
        &mut self,
        containers: &[&ServiceContainer],
        gave_up: bool,
        now: Instant,
    ) -> Health {
        let each = containers.iter().map(|c| self.of_one(c, gave_up, now));
        let nothing = if gave_up {
            Health::NotStarted
        } else {
            Health::NoContainer
        };
        each.max().unwrap_or(nothing)
    }

    fn of_one(&mut self, container: &ServiceContainer, gave_up: bool, now: Instant) -> Health {
        let state = &container.state;
        let check = state.health.as_ref().map(|h| h.status.as_str());
        match (state.status.as_str(), check) {
            ("exited" | "dead", _) if state.exit_code == 0 => Health::Finished,
            ("exited" | "dead", _) => Health::Ended {
                exit_code: state.exit_code,
            },
            ("created", _) if gave_up => Health::NotStarted,
            (_, Some("unhealthy")) => Health::Unhealthy,
            _ if container.restart_count >= TOO_OFTEN => Health::Restarting,
            ("running", Some("healthy")) => Health::Healthy,
            ("running", None | Some("" | "none")) if self.is_believed(container, now) => {
                Health::Running
            }
            ("paused", _) => Health::Stopped,
            _ => Health::Starting,
        }
    }

    /// Whether it has run long enough since it was started last.
    fn is_believed(&mut self, container: &ServiceContainer, now: Instant) -> bool {
        let started = &container.state.started_at;
        let seen = self
            .since
            .entry(container.id.clone())
            .or_insert_with(|| (started.clone(), now));
        if seen.0 != *started {
            *seen = (started.clone(), now);
        }
        now.duration_since(seen.1) >= BELIEVED_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ContainerHealth, ContainerState};

    fn container(status: &str, check: Option<&str>) -> ServiceContainer {
        let health = check.map(|status| ContainerHealth {
            status: status.into(),
            log: None,
        });
        ServiceContainer {
            id: "a".into(),
            state: ContainerState {
                status: status.into(),
                started_at: "1".into(),
                health,
                ..ContainerState::default()
            },
            ..ServiceContainer::default()
        }
    }

    fn at_once(container: &ServiceContainer) -> Health {
        Watch::default().health(&[container], false, Instant::now())
    }

    #[test]
    fn a_health_check_decides_where_there_is_one() {
        for (check, expected) in [
            ("healthy", Health::Healthy),
            ("unhealthy", Health::Unhealthy),
            ("starting", Health::Starting),
        ] {
            assert_eq!(at_once(&container("running", Some(check))), expected);
        }
        assert_eq!(
            at_once(&container("restarting", Some("starting"))),
            Health::Starting
        );
    }

    #[test]
    fn without_a_check_it_has_to_run_for_a_while_without_a_new_start() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut one = container("running", None);
        let mut at = |one: &ServiceContainer, seconds| {
            watch.health(&[one], false, start + Duration::from_secs(seconds))
        };
        assert_eq!(at(&one, 0), Health::Starting);
        assert_eq!(at(&one, 2), Health::Starting);
        one.state.started_at = "2".into();
        assert_eq!(at(&one, 4), Health::Starting, "it was started again");
        assert_eq!(at(&one, 8), Health::Running);
        one.restart_count = 3;
        assert_eq!(at(&one, 9), Health::Restarting);
    }

    #[test]
    fn an_end_is_good_with_0_and_the_worst_container_decides() {
        let mut ended = container("exited", None);
        assert_eq!(at_once(&ended), Health::Finished);
        ended.state.exit_code = 3;
        assert_eq!(at_once(&ended), Health::Ended { exit_code: 3 });
        let good = container("running", Some("healthy"));
        let starting = container("running", Some("starting"));
        let health =
            |all: &[&ServiceContainer]| Watch::default().health(all, false, Instant::now());
        assert_eq!(health(&[&good, &starting]), Health::Starting);
        assert_eq!(
            health(&[&good, &ended, &starting]),
            Health::Ended { exit_code: 3 }
        );
        assert!(!health(&[&ended]).is_well());
    }

    #[test]
    fn what_compose_could_not_start_is_not_waited_for() {
        let mut watch = Watch::default();
        let made = container("created", None);
        let now = Instant::now();
        assert_eq!(watch.health(&[&made], false, now), Health::Starting);
        assert_eq!(watch.health(&[&made], true, now), Health::NotStarted);
        assert_eq!(watch.health(&[], true, now), Health::NotStarted);
        assert_eq!(watch.health(&[], false, now), Health::NoContainer);
        assert!(!Health::NotStarted.is_well() && Health::NoContainer.is_well());
    }
}
