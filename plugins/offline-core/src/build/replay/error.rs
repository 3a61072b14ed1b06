use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::engine::{StepFailure, Unreached};
use crate::error::{Explain, Kind, io_kind};

/// Why the recorded network could not be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A step asked for something that was not recorded.
    #[error("{}", not_recorded(asked, failure))]
    NotRecorded {
        /// What was asked for, with the steps that asked.
        asked: Vec<Asked>,
        /// The file that was written for the connected side.
        wanted: Option<PathBuf>,
        /// What the builder said.
        failure: Box<StepFailure>,
    },
    /// A step has to run that asked past the proxy when it was recorded.
    #[error(
        "service {service}: {step} at {at} has to run, and nothing answers it: when it was recorded, what it fetches went past the proxy"
    )]
    Past {
        /// The service.
        service: String,
        /// `Dockerfile:line` of the step.
        at: String,
        /// The step.
        step: String,
    },
    /// Build containers of this engine cannot reach a proxy on this machine.
    #[error("the recorded network cannot be replayed from here: {why}")]
    Elsewhere {
        /// Why not.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// Build containers do not reach the proxy, although it listens where they should.
    #[error("the recorded network cannot be replayed: {0}")]
    Unreached(Unreached),
    /// The proxy failed.
    #[error("the proxy for the recorded network does not start on {address}")]
    Proxy {
        /// Where it was to listen.
        address: IpAddr,
        /// The cause.
        source: offline_network::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Something asked for that no recording of the bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Asked {
    /// The service whose build asked.
    pub service: String,
    /// `Dockerfile:line` of the step, where it is known.
    pub at: Option<String>,
    /// The step.
    pub step: Option<String>,
    /// The request's method.
    pub method: String,
    /// Its URL, without credentials.
    pub url: String,
    /// Why there is no answer.
    pub why: String,
    /// Whether the address is another one each time, so that no trip brings it.
    #[serde(skip)]
    pub changing: bool,
}

impl Asked {
    /// One line for it.
    pub fn words(&self) -> String {
        format!("{} {} ({})", self.method, self.url, self.why)
    }

    /// The service and the line that asked.
    pub fn place(&self) -> String {
        match &self.at {
            Some(at) => format!("service {}, {at}", self.service),
            None => format!("service {}", self.service),
        }
    }
}

/// How many requests a message names.
const NAMED: usize = 10;

fn not_recorded(asked: &[Asked], failure: &StepFailure) -> String {
    let mut text = "a step asked for what the bundle's recording does not hold:".to_owned();
    let mut place = String::new();
    for one in asked.iter().take(NAMED) {
        if one.place() != place {
            place = one.place();
            text += &format!("\n  {place}");
            if let Some(step) = &one.step {
                text += &format!(": {step}");
            }
        }
        text += &format!("\n    {}", one.words());
    }
    if asked.len() > NAMED {
        text += &format!("\n    and {} more", asked.len() - NAMED);
    }
    text + "\n  the step then failed: " + &failure.words()
}

/// How what is missing is brought.
fn second_trip(first: &str, wanted: &Path) -> String {
    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "{first}, which names what is missing and holds the changed files, to the connected machine; in the project's folder there: docker offline export --fetch {name}; carry the small archive that it writes back, and here: docker offline build --bundle THAT_ARCHIVE. Or undo the edit"
    )
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotRecorded { .. } | Self::Past { .. } => Kind::NotRecorded,
            Self::Elsewhere { .. } | Self::Unreached(_) => Kind::ProxyUnreachable,
            Self::Proxy { .. } => Kind::EngineFailed,
            Self::Write { source, .. } => io_kind(source),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRecorded { asked, .. } if asked.iter().all(|a| a.changing) => {
                "give the part of the address that changes a fixed value in the step named above, or take it out; or undo the edit".into()
            }
            Self::NotRecorded {
                wanted: Some(path), ..
            } => second_trip(&format!("carry {}", path.display()), path),
            Self::NotRecorded { wanted: None, .. } => {
                let path = Path::new("wanted.json");
                let first = "run docker offline build --wanted wanted.json, and carry that file";
                second_trip(first, path)
            }
            Self::Past { .. } => "undo the edits above this step; or export again with them, or with the step above the COPY of what is edited. A step that keeps the variables (HTTP_PROXY, HTTPS_PROXY, SSL_CERT_FILE and their kin; not env -i, setpriv --reset-env) is recorded and replayed".into(),
            Self::Elsewhere { remedy, .. } => remedy.clone(),
            Self::Unreached(unreached) => unreached.remedy(),
            Self::Proxy { .. } => {
                "check that the bridge is up (ip address show docker0) and that this user may listen on it, then run the same command again".into()
            }
            Self::Write { .. } => {
                "free space or check the folder's rights, then run the same command again".into()
            }
        })
    }
}
