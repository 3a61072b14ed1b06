use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use offline_network::Authority;

use super::container::{Container, Start};
use super::follow::{self, Followed};
use super::overriding::Overriding;
use super::state::State;
use super::{Error, SERVE};
use crate::build::ReplayError;
use crate::build::overrides::Overrides;
use crate::build::replay::cleaner_of;
use crate::build::tell_compose::ComposeTold;
use crate::closure::{BuildClosure, Closure, FetchedSource};
use crate::engine::{Docker, EngineInfo, own_image};
use crate::error::Failure;
use crate::network::{Loopback, Proxy, Secret, Variables, proxy_arguments};
use crate::project::{DockerfileSource, Project, existing_dockerfile};

/// What `--stay` needs.
pub(in crate::build) struct SetUp<'a> {
    pub(in crate::build) docker: &'a Docker,
    pub(in crate::build) engine: &'a EngineInfo,
    pub(in crate::build) project: &'a Project,
    pub(in crate::build) closure: &'a Closure,
    pub(in crate::build) bundle: &'a Path,
    /// How Compose is told.
    pub(in crate::build) told: &'a ComposeTold<'a>,
    /// What Compose has to be told here anyway.
    pub(in crate::build) overrides: &'a Overrides,
    /// How the variables of rewritten steps come to a service's build.
    pub(in crate::build) variables: &'a dyn Fn(&str) -> Variables,
    /// Whether all of a service's rewritten steps are cleaned up after.
    pub(in crate::build) cleans_every_step: &'a dyn Fn(&str) -> bool,
}

/// What stays.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Staying {
    /// Where the replay service answers.
    pub address: String,
    /// Its container.
    pub container: String,
    /// The generated Compose file.
    pub override_file: PathBuf,
    /// The line to put into `.env`, where Compose does not find that file by itself.
    pub env_line: Option<String>,
    /// Services whose Dockerfile stands in a Compose file: after an edit of it,
    /// `--stay` has to be run again.
    pub not_followed: Vec<String>,
}

/// Starts the replay service and writes what Compose needs to build through it.
pub(in crate::build) fn set_up(needs: &SetUp<'_>) -> Result<Staying, Failure> {
    let gateway =
        needs
            .docker
            .place_here(needs.engine)
            .map_err(|place| ReplayError::Elsewhere {
                why: place.why,
                remedy: place.remedy,
            })?;
    let bundle = std::path::absolute(needs.bundle).map_err(Error::file("find", needs.bundle))?;
    let state = State::of(&bundle);
    state.renew()?;
    let (image, new) = own_image::load(needs.docker, &needs.engine.platform, SERVE)?;
    let copies = Copies::write(needs, &state, &image)?;
    let authority = Authority::new().map_err(Error::Proxy)?;
    let container = Container {
        docker: needs.docker,
        directory: &needs.project.directory,
        project: &needs.project.name,
    };
    let address = container.start(&Start {
        image: &image,
        bundle: &bundle,
        state: state.path(),
        followed: &copies.followed,
        gateway,
        authority: &authority,
    })?;
    let tries = || needs.docker.tries_to_reach(&needs.engine.platform, address);
    // A firewall that drops what containers send here drops their answers, too.
    let lost = || tries().is_err_and(|unreached| !unreached.is_refused());
    let answers = container.wait_for(address, &lost);
    if let Err(unreached) = tries() {
        // A container that nobody reaches is of no use.
        container.remove()?;
        if new {
            own_image::remove(needs.docker, &image);
        }
        return Err(ReplayError::Unreached(unreached).into());
    }
    answers?;
    let mut overriding = Overriding {
        services: needs.overrides.services().clone(),
        ..Overriding::default()
    };
    for (loopback, folder) in [
        (Loopback::Step, "secrets"),
        (Loopback::Host, "secrets-of-host"),
    ] {
        let proxy = Proxy {
            address,
            authority_pem: authority.certificate_pem().to_owned(),
            replays: true,
            loopback,
        };
        let of_these =
            |name: &String| crate::build::loopback(needs.project, needs.closure, name) == loopback;
        if !copies.dockerfiles.keys().any(of_these) {
            continue;
        }
        overriding.mounted = secrets(&copies.secrets, &state, folder, &proxy)?;
        let arguments = proxy_arguments(address, loopback);
        let own = copies.dockerfiles.iter().filter(|(name, _)| of_these(name));
        for (service, dockerfile) in own {
            overriding.add(service, dockerfile, &arguments);
        }
    }
    let placeholders = needs.overrides.secrets().clone();
    overriding.secrets.extend(placeholders);
    let written = overriding.write(needs.told, &state)?;
    Ok(Staying {
        address: address.to_string(),
        container: container.name(),
        override_file: written.file,
        env_line: written.line,
        not_followed: copies.inline,
    })
}

fn secrets(
    all: &[Secret],
    state: &State,
    folder: &str,
    proxy: &Proxy,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let folder = state.path().join(folder);
    std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    let written = Secret::write_all(all, &folder, proxy)
        .map_err(|(path, source)| Error::file("write", path)(source))?;
    Ok(written.into_iter().collect())
}

/// Where the files lie that a service fetches by ADD, by address as it is written; one
/// that means several files is left as it is.
fn fetched(closure: &Closure, service: &str) -> BTreeMap<String, String> {
    let own = || closure.fetched.iter().filter(|f| f.service == service);
    let alone = |one: &&FetchedSource| {
        let mut same = own().filter(|other| other.written == one.written);
        same.all(|other| other.id == one.id)
    };
    own()
        .filter(alone)
        .map(|one| (one.written.clone(), one.path()))
        .collect()
}

/// The rewritten Dockerfiles, in our folder.
#[derive(Default)]
struct Copies {
    /// The image that steps are cleaned from.
    image: String,
    dockerfiles: BTreeMap<String, PathBuf>,
    followed: Vec<Followed>,
    secrets: Vec<Secret>,
    /// The services whose Dockerfile stands in a Compose file, where nothing follows.
    inline: Vec<String>,
}

impl Copies {
    fn write(needs: &SetUp<'_>, state: &State, image: &str) -> Result<Self, Failure> {
        let mut copies = Self {
            image: image.to_owned(),
            ..Self::default()
        };
        for (number, service) in needs.closure.services.iter().enumerate() {
            if let Some(build) = service.build.as_ref().filter(|b| !b.stages.is_empty()) {
                copies.add(needs, state, (number, &service.name), build)?;
            }
        }
        let list = serde_json::to_vec(&copies.followed).unwrap_or_default();
        state.write(follow::LIST, &list)?;
        Ok(copies)
    }

    fn add(
        &mut self,
        needs: &SetUp<'_>,
        state: &State,
        (number, service): (usize, &str),
        build: &BuildClosure,
    ) -> Result<(), Failure> {
        let variables = (needs.variables)(service);
        let every_step = (needs.cleans_every_step)(service);
        let cleaner = cleaner_of(&self.image, every_step);
        let text = &build.named_dockerfile;
        let none = BTreeMap::new();
        let Some(rewritten) = follow::rewritten(text, &none, variables, Some(&cleaner)) else {
            return Ok(());
        };
        let original = match &build.dockerfile {
            DockerfileSource::File(path) => {
                Some(existing_dockerfile(path).unwrap_or_else(|| path.clone()))
            }
            DockerfileSource::Inline(_) => None,
        };
        let name = original
            .as_deref()
            .and_then(|p| p.file_name()?.to_str())
            .unwrap_or("Dockerfile");
        let folder = format!("dockerfiles/{number}");
        match original.as_deref().and_then(Path::parent) {
            Some(parent) => {
                let ignore = format!("{name}.dockerignore");
                if let Ok(bytes) = std::fs::read(parent.join(&ignore)) {
                    state.write(&format!("{folder}/{ignore}"), &bytes)?;
                }
                self.followed.push(Followed {
                    folder: parent.to_owned(),
                    number,
                    name: name.to_owned(),
                    by_secrets: variables == Variables::Secrets,
                    fetched: fetched(needs.closure, service),
                    image: Some(self.image.clone()),
                    every_step,
                });
            }
            None => self.inline.push(service.to_owned()),
        }
        let path = state.write(&format!("{folder}/{name}"), rewritten.text.as_bytes())?;
        self.dockerfiles.insert(service.to_owned(), path);
        for secret in rewritten.secrets {
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
        Ok(())
    }
}
