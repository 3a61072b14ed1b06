//! The engine's own API, by which everything is asked that needs no plugin of docker.
//!
//! A question costs one request here and a process of the docker command there. What only the
//! command knows stays with it: contexts, TLS and ssh (`way.rs`), buildx and Compose.

mod streams;
mod way;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion};
use http::Uri;
use http::uri::PathAndQuery;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use super::{Docker, Error};

use way::Way;
pub(super) use way::default_socket;

/// As long as an answer may take: loading and committing many GB take hours on a slow disk, and
/// the docker command waits as long as the engine does.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often an interrupt is looked for.
const GLANCE: Duration = Duration::from_millis(20);

/// A connection to the engine, in the newest version of the API that both sides know.
#[derive(Debug)]
pub(super) struct Api {
    client: bollard::Docker,
    runtime: Runtime,
}

/// Why the engine did not do what was asked by its API.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It answered with this HTTP status and these words.
    Said(u16, String),
    /// Nothing came of it: no connection, or nothing that can be read.
    Silence(String),
    /// The user interrupted.
    Interrupted,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::DockerResponseServerError {
                status_code,
                message,
            } => Self::Said(status_code, message),
            // It had begun to answer.
            ApiError::DockerStreamError { error } => Self::Said(200, error),
            other => Self::Silence(chain(&other)),
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let words = one.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = one.source();
    }
    text
}

impl Refusal {
    /// Whether what was asked for is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Said(404, _))
    }
}

/// Of an answer what is used here, in our own form.
pub(super) fn ours<T: DeserializeOwned>(
    answer: &impl Serialize,
    command: &str,
) -> Result<T, Error> {
    let value = serde_json::to_value(answer).and_then(serde_json::from_value);
    value.map_err(|error| Error::Unexpected {
        command: command.to_owned(),
        why: error.to_string(),
    })
}

impl Api {
    fn connect(way: Way, interrupted: &AtomicBool) -> Result<Self, Refusal> {
        let asked = std::env::var("DOCKER_API_VERSION").ok();
        let asked = asked.as_deref().and_then(version);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| Refusal::Silence(error.to_string()))?;
        let client = way.client();
        let spoken = Arc::new(OnceLock::new());
        let prefix = Arc::clone(&spoken);
        let transport = move |mut request: BollardRequest| {
            if let Some(version) = prefix.get() {
                put_version(request.uri_mut(), *version);
            }
            let answer = client.request(request);
            async move { answer.await.map_err(|error| way::lost(&error)) }
        };
        let seconds = PATIENCE.as_secs();
        let client = bollard::Docker::connect_with_custom_transport(
            transport,
            Some("http://docker"),
            seconds,
            asked.as_ref().unwrap_or(API_DEFAULT_VERSION),
        )?;
        // A version that is asked for is taken or refused, as docker has it.
        let client = match asked {
            Some(_) => client,
            None => wait(&runtime, interrupted, client.negotiate_version())?,
        };
        let _ = spoken.set(client.client_version());
        Ok(Self { client, runtime })
    }
}

/// Puts the version before the path of a request. The client does so by the words of its
/// documentation, and joins the path in a way that loses it (bollard 0.21.1, `uri.rs`).
fn put_version(uri: &mut Uri, version: ClientVersion) {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let (major, minor) = (version.major_version, version.minor_version);
    let prefix = format!("/v{major}.{minor}/");
    if path.starts_with(&prefix) {
        return;
    }
    let mut parts = uri.clone().into_parts();
    let path = format!("{}{}", prefix.trim_end_matches('/'), path);
    parts.path_and_query = path.parse().ok();
    if let Ok(with_version) = Uri::from_parts(parts) {
        *uri = with_version;
    }
}

/// `1.41`
fn version(text: &str) -> Option<ClientVersion> {
    let (major, minor) = text.trim_start_matches('v').split_once('.')?;
    Some(ClientVersion {
        major_version: major.parse().ok()?,
        minor_version: minor.parse().ok()?,
    })
}

/// Waits for an answer, or for the user to interrupt.
fn wait<T>(
    runtime: &Runtime,
    interrupted: &AtomicBool,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, Refusal> {
    let stopped = async {
        while !interrupted.load(Ordering::Relaxed) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            answer = answer => Ok(answer?),
            () = stopped => Err(Refusal::Interrupted),
        }
    })
}

impl Docker {
    /// Asks the engine; the connection is made by the first question.
    pub(super) fn ask<T, F>(
        &self,
        question: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let api = self.api()?;
        let answer = question(api.client.clone());
        wait(&api.runtime, self.interrupt(), answer)
    }

    fn api(&self) -> Result<&Api, Refusal> {
        if let Some(api) = self.connection().get() {
            return Ok(api);
        }
        let api = Api::connect(self.way(), self.interrupt())?;
        Ok(self.connection().get_or_init(|| api))
    }

    fn way(&self) -> Way {
        if let Some(socket) = self.own_socket() {
            return Way::Socket(socket);
        }
        let docker = self.clone();
        Way::Command(Arc::new(move || docker.command(["system", "dial-stdio"])))
    }

    /// A refusal as the failure of the docker command that does the same. Why an engine does
    /// not answer, docker itself has the words for.
    pub(super) fn failure(&self, refusal: Refusal, command: &str) -> Error {
        let (status, message) = match refusal {
            Refusal::Interrupted => return Error::Interrupted,
            Refusal::Said(status, message) => (format!("status {status}"), message),
            Refusal::Silence(message) => {
                let version = ["version", "--format", "{{.Server.Version}}"];
                if let Err(error) = self.output(version) {
                    return error;
                }
                ("no answer".to_owned(), message)
            }
        };
        let words = format!("Error response from daemon: {message}");
        Error::from_stderr(command, status, &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_stands_before_the_path_once() {
        let version = version("1.41").unwrap();
        for (from, to) in [
            ("http://docker/info", "http://docker/v1.41/info"),
            (
                "http://docker/volumes?a=b%2Fc",
                "http://docker/v1.41/volumes?a=b%2Fc",
            ),
            ("http://docker/v1.41/info", "http://docker/v1.41/info"),
        ] {
            let mut uri: Uri = from.parse().unwrap();
            put_version(&mut uri, version);
            assert_eq!(uri.to_string(), to);
        }
    }
}
