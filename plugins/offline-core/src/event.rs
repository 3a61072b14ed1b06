//! What happens while the core works, as data; a reporter puts it into words.

use std::time::Duration;

/// A piece of work that takes time, named by a stable id within one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// What a task does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Reading the Compose project and its Dockerfiles.
    ReadProject,
    /// Pulling an image from its registry into the layout.
    FetchImage {
        /// The normalised reference.
        image: String,
    },
    /// Fetching what builds fetch by themselves.
    FetchSources {
        /// How many.
        sources: usize,
    },
    /// Building one wave of stages or services.
    BuildStages {
        /// How many stages.
        stages: usize,
    },
    /// Building services once more to record what their steps fetch.
    RecordNetwork {
        /// How many services.
        services: usize,
    },
    /// Copying stage images from the engine into the layout.
    SaveImages {
        /// How many images.
        images: usize,
    },
    /// Putting something that is no image into the layout.
    Carry {
        /// What it is, as in `files`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Putting it where the project expects it.
    Restore {
        /// What it is.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Packing the bundle into an archive.
    Pack {
        /// The archive's file name.
        archive: String,
    },
    /// Unpacking an archive into the bundle folder.
    Unpack {
        /// The archive's file name.
        archive: String,
    },
    /// Verifying digests.
    Verify,
    /// Loading images into the engine.
    Load {
        /// How many images.
        images: usize,
    },
    /// Warming the build cache of one wave of stages.
    Warm {
        /// 1-based wave.
        wave: usize,
        /// Number of waves.
        waves: usize,
        /// How many stages in this wave.
        stages: usize,
    },
    /// Building services as Compose will.
    BuildServices {
        /// The services' names.
        services: Vec<String>,
    },
    /// Starting the containers of services.
    StartServices {
        /// The services' names.
        services: Vec<String>,
    },
    /// Waiting until it is known how they are.
    AwaitHealth {
        /// The services' names.
        services: Vec<String>,
    },
}

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A task began; `total` is its size in bytes where known.
    Started {
        /// The task.
        task: TaskId,
        /// What it does.
        work: Work,
        /// Size in bytes, where known.
        total: Option<u64>,
    },
    /// A task got on by so many bytes.
    Advanced {
        /// The task.
        task: TaskId,
        /// Bytes since the last event of this task.
        bytes: u64,
    },
    /// A task ended.
    Finished {
        /// The task.
        task: TaskId,
        /// How long it took.
        elapsed: Duration,
    },
    /// Something failed and will be tried again.
    Retry {
        /// What is tried.
        what: String,
        /// The attempt that failed, 1-based.
        attempt: u32,
        /// The wait before the next one.
        wait: Duration,
        /// Why it failed.
        cause: String,
    },
    /// One line of a builder's output.
    BuildOutput {
        /// The line, without its end.
        line: String,
    },
    /// Something the user should know although the command goes on.
    Warning(Warning),
    /// Something worth saying that is not a warning.
    Note(String),
}

/// A warning: what, where, why and what to do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// What will be different from what the user expects.
    pub what: String,
    /// Where: `file:line`, a service or an image.
    pub subject: Option<String>,
    /// Why it is so.
    pub why: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
}

/// Receives events; implemented by the terminal and by tests.
pub trait Reporter: Send + Sync {
    /// Takes one event. Must not block for long.
    fn event(&self, event: Event);
}

/// A reporter that drops every event.
#[derive(Debug, Default)]
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: Event) {}
}

/// A running task: reports its start now and its end when dropped.
pub struct Task<'a> {
    reporter: &'a dyn Reporter,
    id: TaskId,
    started: std::time::Instant,
}

impl<'a> Task<'a> {
    /// Starts a task.
    pub fn start(reporter: &'a dyn Reporter, work: Work, total: Option<u64>) -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = TaskId(NEXT.fetch_add(1, Ordering::Relaxed));
        reporter.event(Event::Started {
            task: id,
            work,
            total,
        });
        Self {
            reporter,
            id,
            started: std::time::Instant::now(),
        }
    }

    /// Reports progress in bytes.
    pub fn advance(&self, bytes: u64) {
        self.reporter.event(Event::Advanced {
            task: self.id,
            bytes,
        });
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.reporter.event(Event::Finished {
            task: self.id,
            elapsed: self.started.elapsed(),
        });
    }
}
