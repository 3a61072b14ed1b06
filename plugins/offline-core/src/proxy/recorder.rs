//! The recording proxy, wherever it runs.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use offline_network::{
    Authority, Failure as Lost, Listen, Recorded, Recorder, Request, Scrub, Upstream,
};

use super::contained::Contained;
use super::wire::{Ask, Role, Settings, Told};
use super::{Around, Error, bodies};
use crate::engine::{Docker, NoProxyPlace};
use crate::error::{Failure, Kind};
use crate::layout::Layout;

/// What a recording needs to know.
#[derive(Clone, Copy)]
pub(crate) struct RecordSettings<'a> {
    pub(crate) authority: &'a Arc<Authority>,
    pub(crate) upstream: &'a Upstream,
    pub(crate) scrub: &'a Scrub,
    /// One port for each of these.
    pub(crate) targets: &'a [String],
    /// Those whose builds have the network of the engine's machine, and ask what only that
    /// reaches.
    pub(crate) on_host: &'a BTreeSet<String>,
    /// Where bodies are kept.
    pub(crate) layout: &'a Layout,
}

/// Why it does not record.
pub(crate) enum Unstarted {
    /// No proxy can serve this engine.
    NoPlace(NoProxyPlace),
    /// The proxy itself cannot start.
    Proxy(offline_network::Error),
    /// Something else broke.
    Failed(Failure),
}

/// A recording proxy that runs.
pub(crate) enum RecordingProxy {
    /// Beside the engine.
    Beside {
        recorder: Recorder,
        runtime: tokio::runtime::Runtime,
    },
    /// In a container of it, or in two where some builds have another network.
    Contained(Docker, Vec<Contained>),
}

impl RecordingProxy {
    /// Starts it beside the engine, and in a container where builds do not reach that.
    pub(crate) fn start(
        around: Around<'_>,
        settings: RecordSettings<'_>,
    ) -> Result<Self, Unstarted> {
        let Some(why) = &around.place.container else {
            return match beside(around, settings)? {
                Ok(recorder) => Ok(recorder),
                Err(unreached) => contained(around, settings, &unreached.why).map_err(|failure| {
                    let NoProxyPlace { why, remedy } = unreached;
                    or_no_place(failure, |words| NoProxyPlace {
                        why: format!("{why}, and no container takes its place: {words}"),
                        remedy,
                    })
                }),
            };
        };
        contained(around, settings, why).map_err(|failure| {
            let remedy = failure.hint().unwrap_or_default().to_owned();
            or_no_place(failure, |words| NoProxyPlace {
                why: format!("{why}; and in a container of it: {words}"),
                remedy,
            })
        })
    }

    /// Where builds reach the port of a target.
    pub(crate) fn address(&self, target: &str) -> Option<SocketAddr> {
        match self {
            Self::Beside { recorder, .. } => {
                let url = recorder.proxy_url(target)?;
                url.strip_prefix("http://")?.parse().ok()
            }
            Self::Contained(_, all) => all.iter().find_map(|one| one.address(target)),
        }
    }

    /// The time by which it writes down when something was asked for.
    pub(crate) fn now(&self) -> SystemTime {
        match self {
            Self::Beside { .. } => SystemTime::now(),
            Self::Contained(_, all) => all.first().map_or_else(SystemTime::now, Contained::now),
        }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Result<Vec<Request>, Failure> {
        match self {
            Self::Beside { recorder, .. } => Ok(recorder.requests()),
            Self::Contained(_, all) => of_all(all, |one| match one.ask(&Ask::Requests)? {
                Told::Requests(requests) => Ok(requests),
                other => Err(one.unexpected(other).into()),
            }),
        }
    }

    /// The failures so far.
    pub(crate) fn failures(&self) -> Result<Vec<Lost>, Failure> {
        match self {
            Self::Beside { recorder, .. } => Ok(recorder.failures()),
            Self::Contained(_, all) => of_all(all, |one| match one.ask(&Ask::Failures)? {
                Told::Failures(failures) => Ok(failures),
                other => Err(one.unexpected(other).into()),
            }),
        }
    }

    /// The bytes that came from servers so far, as far as that is known.
    pub(crate) fn bytes_from_servers(&self) -> Option<u64> {
        match self {
            Self::Beside { recorder, .. } => Some(recorder.counts().bytes_from_servers),
            Self::Contained(_, all) => {
                let bytes = all.iter().map(|one| match one.ask(&Ask::Counts) {
                    Ok(Told::Counts(counts)) => Some(counts.bytes_from_servers),
                    _ => None,
                });
                bytes.sum()
            }
        }
    }

    /// Gets what no build asked for; a failure is listed with all others.
    pub(crate) fn fetch(
        &self,
        target: &str,
        method: &str,
        url: &str,
        accept: Option<&str>,
    ) -> Result<(), Failure> {
        match self {
            Self::Beside { recorder, runtime } => {
                let _ = runtime.block_on(recorder.fetch(target, method, url, accept));
            }
            Self::Contained(_, all) => {
                let own = all.iter().find(|one| one.address(target).is_some());
                let Some(one) = own.or(all.first()) else {
                    return Ok(());
                };
                one.ask(&Ask::Fetch {
                    target: target.to_owned(),
                    method: method.to_owned(),
                    url: url.to_owned(),
                    accept: accept.map(ToOwned::to_owned),
                })?;
            }
        }
        Ok(())
    }

    /// Stops listening, and gives what was recorded, with all bodies in the layout.
    pub(crate) fn stop(self, layout: &Layout) -> Result<Recorded, Failure> {
        match self {
            Self::Beside { recorder, runtime } => {
                let stopped = runtime.block_on(recorder.stop());
                Ok(stopped.map_err(Error::Proxy)?)
            }
            Self::Contained(docker, all) => {
                let mut whole: Option<Recorded> = None;
                for one in &all {
                    let part = recorded_by(&docker, one, layout)?;
                    whole = Some(match whole {
                        None => part,
                        Some(other) => both(other, part),
                    });
                }
                whole.ok_or_else(|| {
                    let name = "docker-offline-proxy".to_owned();
                    Error::Confused { name }.into()
                })
            }
        }
    }
}

fn of_all<T>(
    all: &[Contained],
    ask: impl Fn(&Contained) -> Result<Vec<T>, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    for one in all {
        found.extend(ask(one)?);
    }
    Ok(found)
}

/// What one container has recorded, with the bodies in the layout.
fn recorded_by(docker: &Docker, one: &Contained, layout: &Layout) -> Result<Recorded, Failure> {
    let recorded = match one.ask(&Ask::Stop)? {
        Told::Recorded(recorded) => *recorded,
        other => return Err(one.unexpected(other).into()),
    };
    if recorded.recording.bodies().is_empty() {
        return Ok(recorded);
    }
    let from = format!("{}:{}", one.name(), bodies::BODIES);
    docker.read_from(["container", "cp", &from, "-"], |stream| {
        bodies::read_out(&recorded.recording, layout, stream)
    })??;
    Ok(recorded)
}

/// Two recordings of different targets.
fn both(mut one: Recorded, other: Recorded) -> Recorded {
    one.recording.merge(other.recording);
    one.failures.extend(other.failures);
    one.requests.extend(other.requests);
    one.counts.requests += other.counts.requests;
    one.counts.missed += other.counts.missed;
    one.counts.bytes_from_clients += other.counts.bytes_from_clients;
    one.counts.bytes_to_clients += other.counts.bytes_to_clients;
    one.counts.bytes_from_servers += other.counts.bytes_from_servers;
    one
}

/// Beside the engine; the inner error says that builds do not reach it there.
fn beside(
    around: Around<'_>,
    settings: RecordSettings<'_>,
) -> Result<Result<RecordingProxy, NoProxyPlace>, Unstarted> {
    let address = around.place.address;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("record-network")
        .enable_all()
        .build()
        .map_err(Error::file("start", "the proxy's threads"))
        .map_err(|error| Unstarted::Failed(error.into()))?;
    let listen = Listen {
        address,
        port: None,
        targets: settings.targets.to_vec(),
    };
    let starting = Recorder::start(
        &listen,
        Arc::clone(settings.authority),
        settings.upstream,
        settings.scrub,
        settings.layout.blobs(),
    );
    let recorder = match runtime.block_on(starting) {
        Ok(recorder) => recorder,
        Err(offline_network::Error::AddressNotHere { .. }) => {
            return Ok(Err(NoProxyPlace {
                why: format!(
                    "{address}, which its builds reach, is not an address of this machine"
                ),
                remedy: "run the command on the machine of the engine itself".into(),
            }));
        }
        Err(other) => return Err(Unstarted::Proxy(other)),
    };
    let started = RecordingProxy::Beside { recorder, runtime };
    let mut targets = settings.targets.iter();
    let tried = targets
        .find_map(|name| started.address(name))
        .map_or(Ok(()), |at| {
            around.docker.tries_to_reach(&around.engine.platform, at)
        });
    Ok(match tried {
        Ok(()) => Ok(started),
        Err(unreached) => Err(NoProxyPlace {
            remedy: unreached.remedy(),
            why: unreached.to_string(),
        }),
    })
}

fn contained(
    around: Around<'_>,
    settings: RecordSettings<'_>,
    why: &str,
) -> Result<RecordingProxy, Failure> {
    let further = settings.upstream.ca_file.as_ref();
    let further =
        further.map(|path| std::fs::read_to_string(path).map_err(Error::file("read", path)));
    let further = further.transpose()?;
    let on_host = |name: &&String| settings.on_host.contains(*name);
    let (host, bridge): (Vec<&String>, Vec<&String>) = settings.targets.iter().partition(on_host);
    let mut all = Vec::new();
    for (targets, address) in [(bridge, None), (host, Some(around.place.address))] {
        if targets.is_empty() {
            continue;
        }
        let told = Settings {
            certificate: settings.authority.certificate_pem().to_owned(),
            key: settings.authority.key_pem(),
            scrub: settings.scrub.clone(),
            targets: targets.into_iter().cloned().collect(),
            address,
            role: Role::Record {
                upstream: Box::new(settings.upstream.clone()),
                system: offline_network::system_certificates(),
                further: further.clone(),
            },
        };
        let one = Contained::start(around, &told, |_, _| Ok(()))?;
        if address.is_none() {
            one.is_reached().map_err(Error::Unreached)?;
        }
        all.push(one);
    }
    around.says("What the builds fetch is recorded", why);
    Ok(RecordingProxy::Contained(around.docker.clone(), all))
}

fn or_no_place(failure: Failure, place: impl FnOnce(String) -> NoProxyPlace) -> Unstarted {
    if failure.kind() == Kind::Interrupted {
        return Unstarted::Failed(failure);
    }
    Unstarted::NoPlace(place(failure.to_string()))
}
