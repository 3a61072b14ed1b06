use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use reqwest::StatusCode;

use crate::event::{Event, Reporter};

/// Longest wait that a registry's `Retry-After` is granted.
const LONGEST: Duration = Duration::from_secs(300);

/// How one attempt failed; `E` is the error of one after which no other will do better.
#[derive(Debug)]
pub(crate) enum Failed<E = super::Error> {
    /// Another attempt may succeed.
    Passing {
        cause: String,
        /// What the server asks to wait.
        after: Option<Duration>,
    },
    /// The server does not have it.
    NotFound,
    /// The server refuses.
    Denied(String),
    /// No attempt will do better.
    Final(E),
}

impl<E> Failed<E> {
    pub(crate) fn passing(cause: impl Into<String>) -> Self {
        Self::Passing {
            cause: cause.into(),
            after: None,
        }
    }
}

impl From<crate::layout::Error> for Failed {
    fn from(error: crate::layout::Error) -> Self {
        Self::Final(error.into())
    }
}

/// Whether a connection failed because its certificate is of an authority that
/// is not known here (rustls, `Error::InvalidCertificate`); waiting helps nothing.
pub(super) fn is_distrust(cause: &str) -> bool {
    cause.contains("invalid peer certificate")
}

/// Whether a server that answers so may answer otherwise later.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT];
    status.is_server_error() || later.contains(&status)
}

/// Counts attempts and waits between them.
pub(crate) struct Retry<'a> {
    pub(super) reporter: &'a dyn Reporter,
    pub(super) what: String,
    pub(super) attempts: u32,
    pub(super) first_wait: Duration,
    failed: u32,
}

impl<'a> Retry<'a> {
    pub(crate) fn new(
        reporter: &'a dyn Reporter,
        what: String,
        attempts: u32,
        first_wait: Duration,
    ) -> Self {
        Self {
            reporter,
            what,
            attempts,
            first_wait,
            failed: 0,
        }
    }

    /// Forgets earlier failures, after an attempt that got on.
    pub(crate) fn got_on(&mut self) {
        self.failed = 0;
    }

    /// Waits before the next attempt, or gives the failure back if it was the last.
    pub(crate) async fn next<E>(&mut self, failed: Failed<E>) -> Result<(), Failed<E>> {
        let Failed::Passing { cause, after } = failed else {
            return Err(failed);
        };
        self.failed += 1;
        if self.failed >= self.attempts || is_distrust(&cause) {
            return Err(Failed::Passing { cause, after });
        }
        // Between half and one and a half of the doubled wait: clients that were
        // cut off together must not come back together.
        let doubled = self.first_wait * 2_u32.pow((self.failed - 1).min(6));
        let jitter = RandomState::new().hash_one(self.failed) % 1000;
        let own = doubled / 2 + doubled * u32::try_from(jitter).unwrap_or(0) / 1000;
        let wait = after.map_or(own, |after| after.min(LONGEST).max(own));
        self.reporter.event(Event::Retry {
            what: self.what.clone(),
            attempt: self.failed,
            wait,
            cause,
        });
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
