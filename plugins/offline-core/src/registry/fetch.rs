use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::connection::{Connection, Connections};
use super::download;
use super::endpoint::{Endpoint, endpoints};
use super::retry::{Failed, Retry};
use super::{Error, RegistryOptions};
use crate::event::{Reporter, Task, Work};
use crate::layout::{Descriptor, Digest, Index, Layout, Manifest, Platform, media_type};
use crate::reference::ImageReference;

/// Attempts at a question whose answer can be done without.
const ASKED: u32 = 3;

/// An image as its registry serves it, whole in the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedImage {
    /// The reference asked for.
    pub reference: ImageReference,
    /// The index or manifest that the reference names.
    pub root: Descriptor,
    /// The manifest for the platform; the same as `root` where that is no index.
    pub manifest: Descriptor,
    /// The config's digest.
    pub config: Digest,
    /// Diff ID (digest of the uncompressed layer) and blob of each layer, base first.
    pub layers: Vec<(Digest, Descriptor)>,
    /// How many bytes the layout did not hold before.
    pub new_bytes: u64,
}

/// Fetches images; may be used from several threads at once.
pub struct Registry {
    options: RegistryOptions,
    pub(super) runtime: tokio::runtime::Runtime,
    connections: Connections,
}

/// One image on its way.
pub(super) struct Fetch<'a> {
    pub(super) registry: &'a Registry,
    pub(super) reference: &'a ImageReference,
    pub(super) layout: &'a Layout,
    pub(super) reporter: &'a dyn Reporter,
}

impl Registry {
    /// Prepares the client; nothing is asked yet.
    pub fn new(options: RegistryOptions) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("registry")
            .enable_all()
            .build()
            .map_err(|e| Error::Setup {
                message: e.to_string(),
            })?;
        Ok(Self {
            options,
            runtime,
            connections: Connections::default(),
        })
    }

    /// Fetches an image for a platform into the layout.
    ///
    /// A tag is asked for its digest first; what the layout already holds is not
    /// asked for again, and a cut download continues where it stopped.
    pub fn fetch(
        &self,
        reference: &ImageReference,
        platform: &Platform,
        layout: &Layout,
        reporter: &dyn Reporter,
    ) -> Result<FetchedImage, Error> {
        let fetch = self.fetch_of(reference, layout, reporter);
        fetch.of_one_endpoint(|connection, attempts| fetch.from(connection, platform, attempts))
    }

    /// Whether a registry has an image; fails where that cannot be told. Asks for no more
    /// than the digest of its name.
    pub fn has(
        &self,
        reference: &ImageReference,
        layout: &Layout,
        reporter: &dyn Reporter,
    ) -> Result<bool, Error> {
        let fetch = self.fetch_of(reference, layout, reporter);
        let asked = fetch
            .of_one_endpoint(|connection, attempts| fetch.head(connection, attempts.min(ASKED)));
        match asked {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. } | Error::Denied { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fetch_of<'a>(
        &'a self,
        reference: &'a ImageReference,
        layout: &'a Layout,
        reporter: &'a dyn Reporter,
    ) -> Fetch<'a> {
        Fetch {
            registry: self,
            reference,
            layout,
            reporter,
        }
    }
}

impl Fetch<'_> {
    /// The first answer of the places where the image may be, mirrors first.
    fn of_one_endpoint<T>(
        &self,
        ask: impl Fn(&Connection, u32) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        let options = &self.registry.options;
        let endpoints = endpoints(self.reference.registry(), options);
        let mut failures: Vec<(Endpoint, Failed)> = Vec::new();
        for (number, endpoint) in endpoints.iter().enumerate() {
            // Only the last hope is worth all attempts: a mirror that is down
            // must not delay every image, nor a registry behind one that has
            // already answered.
            let passing = |(_, f): &(Endpoint, Failed)| matches!(f, Failed::Passing { .. });
            let attempts = match (endpoint.insecure, endpoint.scheme) {
                (true, "https") => 1,
                _ if number + 1 == endpoints.len() && failures.iter().all(passing) => {
                    options.attempts
                }
                _ => options.attempts.min(2),
            };
            let connection = self.registry.connections.to(endpoint, options)?;
            match ask(&connection, attempts) {
                Ok(answer) => return Ok(answer),
                Err(Failed::Final(error)) => return Err(error),
                Err(failed) => failures.push((endpoint.clone(), failed)),
            }
        }
        Err(self.explain(failures))
    }

    fn from(
        &self,
        connection: &Connection,
        platform: &Platform,
        attempts: u32,
    ) -> Result<FetchedImage, Failed> {
        let endpoint = &connection.endpoint;
        let mut new_bytes = 0;
        let root = self.root(connection, attempts, &mut new_bytes)?;
        let manifest = if media_type::is_index(&root.media_type) {
            let index: Index = self.layout.read_json_blob(&root.digest)?;
            let chosen = index
                .choose(platform)
                .ok_or_else(|| Failed::Final(self.no_platform(endpoint, platform, &index)))?;
            if !self.layout.has_blob(&chosen.digest, Some(chosen.size)) {
                let digest = chosen.digest.to_string();
                let bytes = self.manifest_bytes(connection, attempts, &digest)?.0;
                new_bytes += self.keep(endpoint, &bytes, Some(&chosen.digest))?;
            }
            chosen.clone()
        } else {
            root.clone()
        };
        let parsed: Manifest = self.layout.read_json_blob(&manifest.digest)?;
        let mut blobs: Vec<Descriptor> = Vec::new();
        for blob in parsed.layers.iter().chain([&parsed.config]) {
            let held = self.layout.has_blob(&blob.digest, Some(blob.size));
            if !held && blobs.iter().all(|b| b.digest != blob.digest) {
                blobs.push(blob.clone());
            }
        }
        new_bytes += self.blobs(connection, &blobs)?;
        self.layout.sync()?;
        let config: crate::layout::ImageConfig =
            self.layout.read_json_blob(&parsed.config.digest)?;
        let diff_ids = config.rootfs.diff_ids;
        if diff_ids.len() != parsed.layers.len() {
            return Err(self.unusable(
                endpoint,
                format!(
                    "its config names {} layers, its manifest {}",
                    diff_ids.len(),
                    parsed.layers.len()
                ),
            ));
        }
        Ok(FetchedImage {
            reference: self.reference.clone(),
            root,
            manifest,
            config: parsed.config.digest,
            layers: diff_ids.into_iter().zip(parsed.layers).collect(),
            new_bytes,
        })
    }

    pub(super) fn retry(&self, attempts: u32) -> Retry<'_> {
        let wait = self.registry.options.first_wait;
        Retry::new(self.reporter, self.reference.to_string(), attempts, wait)
    }

    /// Downloads blobs with a few threads; gives the number of bytes added.
    fn blobs(&self, connection: &Connection, blobs: &[Descriptor]) -> Result<u64, Failed> {
        let options = &self.registry.options;
        let work = Work::FetchImage {
            image: self.reference.to_string(),
        };
        let total = blobs.iter().map(|b| b.size).sum();
        let task = Task::start(self.reporter, work, Some(total));
        let next = AtomicUsize::new(0);
        let added = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..options.concurrency.clamp(1, blobs.len().max(1)) {
                scope.spawn(|| {
                    while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let mut retry = self.retry(options.attempts);
                        let outcome = self.registry.runtime.block_on(download::blob(
                            connection,
                            self.reference.repository(),
                            blob,
                            self.layout,
                            &mut retry,
                            &stop,
                            &|bytes| task.advance(bytes),
                        ));
                        match outcome {
                            Ok(bytes) => {
                                added.fetch_add(bytes, Ordering::Relaxed);
                            }
                            Err(failed) => {
                                stop.store(true, Ordering::Relaxed);
                                if let Ok(mut failure) = failure.lock() {
                                    failure.get_or_insert(failed);
                                }
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner() {
            Ok(Some(failed)) => Err(failed),
            _ => Ok(added.into_inner()),
        }
    }

    fn no_platform(&self, endpoint: &Endpoint, platform: &Platform, index: &Index) -> Error {
        Error::NoPlatform {
            image: self.reference.to_string(),
            registry: endpoint.name.clone(),
            platform: platform.to_string(),
            offered: index
                .manifests
                .iter()
                .filter(|d| !d.is_attestation())
                .filter_map(|d| d.platform.as_ref().map(ToString::to_string))
                .collect(),
        }
    }

    pub(super) fn unusable(&self, endpoint: &Endpoint, why: String) -> Failed {
        Failed::Final(Error::Unusable {
            image: self.reference.to_string(),
            registry: endpoint.name.clone(),
            why,
        })
    }

    /// One error for all endpoints. One that answered knows more than one that
    /// could not be reached, and a refusal is what the user can act upon.
    fn explain(&self, failures: Vec<(Endpoint, Failed)>) -> Error {
        let image = self.reference.to_string();
        let rank = |failed: &Failed| match failed {
            Failed::Denied(_) => 0,
            Failed::NotFound => 1,
            _ => 2,
        };
        let names: Vec<String> = failures.iter().map(|(e, _)| e.name.clone()).collect();
        let first = failures.into_iter().min_by_key(|(_, failed)| rank(failed));
        match first {
            Some((endpoint, Failed::Denied(message))) => Error::Denied {
                image,
                registry: endpoint.name,
                message,
            },
            Some((endpoint, Failed::NotFound)) => Error::NotFound {
                image,
                registry: endpoint.name,
            },
            Some((_, Failed::Passing { cause, .. })) => Error::Unreachable {
                image,
                registry: {
                    let mut names = names;
                    names.dedup();
                    names.join(", ")
                },
                cause,
            },
            Some((_, Failed::Final(error))) => error,
            None => Error::Unreachable {
                image,
                registry: self.reference.registry().to_owned(),
                cause: "there is no address for it".into(),
            },
        }
    }
}
