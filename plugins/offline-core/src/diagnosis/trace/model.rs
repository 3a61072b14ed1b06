use crate::bundle::Difference;
use crate::compatibility;

/// One service's build, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTrace {
    /// The service.
    pub service: String,
    /// Its stages, in the order of the file.
    pub stages: Vec<StageTrace>,
    /// Whether the bundle says what the Dockerfile was; bundles of older
    /// versions do not.
    pub lines_known: bool,
    /// Whether the files of the context could be compared; those of an archive
    /// are not at hand before it is unpacked.
    pub files_known: bool,
    /// Why the export could not record what it fetches, although it tried.
    pub unrecorded: Option<String>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTrace {
    /// Its name; generated for stages without one.
    pub name: String,
    /// Its number in the file.
    pub index: usize,
    /// Its steps that run or copy something.
    pub steps: Vec<StepTrace>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTrace {
    /// Its line in the Dockerfile.
    pub line: u32,
    /// Its keyword.
    pub keyword: &'static str,
    /// What it says, on one line.
    pub text: String,
    /// A program in it that usually needs the network.
    pub network_tool: Option<&'static str>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Where the answers come from, if it may ask a network for something.
    pub network: Option<StepNetwork>,
    /// How many requests it made when it was recorded, where a recording of the bundle
    /// can answer them here.
    pub recorded: u64,
    /// Whether it asked past the proxy when it was recorded, so that nothing answers it.
    pub past: bool,
}

/// Where a step that may use the network has what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepNetwork {
    /// It does not run: it is found in the cache.
    Cached,
    /// It runs, and is answered from the bundle's recording.
    Recorded,
    /// It runs, and was written since the recording: what it asks for may be missing.
    Unknown,
    /// It runs, and nothing answers.
    Lost,
}

impl StepNetwork {
    /// The word for it in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Recorded => "recorded",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
        }
    }
}

/// What becomes of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is found in the cache.
    Hit,
    /// It is the first that is not found.
    Miss(Reason),
    /// It runs because one before it was not found.
    Follows,
}

/// Why a step is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It copies files that differ from the export.
    Files(Vec<Difference>),
    /// A build argument has another value.
    Argument {
        /// Its name.
        name: String,
        /// Its value at the export; none if it had none.
        was: Option<String>,
        /// Its value now.
        is: Option<String>,
    },
    /// The instruction, or one before it that it depends on, was edited.
    Edited {
        /// The line as it is now.
        line: u32,
        /// What it said at the export.
        was: String,
        /// What it says now.
        is: String,
    },
    /// An instruction was added.
    Added {
        /// Its line.
        line: u32,
        /// What it says.
        is: String,
    },
    /// An instruction was taken away.
    Removed {
        /// The line it had.
        line: u32,
        /// What it said.
        was: String,
    },
    /// The stage starts from another image than at the export.
    Base {
        /// What it was.
        was: String,
        /// What it is.
        is: String,
    },
    /// The engine has another image of the base's name.
    OtherImage(String),
    /// The stage was not there at the export.
    NewStage,
    /// It takes files of a stage that runs again.
    Stage {
        /// The stage's name.
        name: String,
        /// The line at which that one misses first.
        line: u32,
    },
    /// `build.network` is another one.
    Network {
        /// What it was.
        was: Option<String>,
        /// What it is.
        is: Option<String>,
    },
    /// This engine makes another key of it.
    Engine {
        /// Why.
        reason: compatibility::Reason,
        /// The engine that exported.
        from: compatibility::Engine,
        /// This engine.
        to: compatibility::Engine,
    },
}

impl ServiceTrace {
    /// The step at a line of a stage.
    pub fn step(&self, stage: usize, line: u32) -> Option<&StepTrace> {
        let stage = self.stages.iter().find(|s| s.index == stage)?;
        stage.steps.iter().find(|s| s.line == line)
    }

    /// All steps with their stage.
    pub fn steps(&self) -> impl Iterator<Item = (&StageTrace, &StepTrace)> {
        let stages = self.stages.iter();
        stages.flat_map(|stage| stage.steps.iter().map(move |step| (stage, step)))
    }
}

impl StageTrace {
    /// The first step that is not found, and why.
    pub fn first_miss(&self) -> Option<(&StepTrace, &Reason)> {
        self.steps.iter().find_map(|step| match &step.verdict {
            Verdict::Miss(reason) => Some((step, reason)),
            _ => None,
        })
    }
}
