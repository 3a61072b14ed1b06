use crate::error::{Explain, Kind};

/// Why a model cannot be carried.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// A store does not hold the model.
    #[error(
        "{place}the model {model} is not in {store}, which holds {}",
        held(known)
    )]
    NotInStore {
        /// Where it is declared, with a colon.
        place: String,
        model: String,
        store: String,
        /// The models that it holds.
        known: Vec<String>,
    },
    /// What should be a store is none.
    #[error("{place}{store} is no store of Ollama: it has no manifests")]
    NoStore {
        /// Where it is declared, with a colon.
        place: String,
        store: String,
    },
    /// A store lacks a part of a model, or has another one in its place.
    #[error("{place}the model {model} of {store} is not whole: {part}")]
    NotWhole {
        /// Where it is declared, with a colon.
        place: String,
        model: String,
        store: String,
        part: String,
    },
    /// What a hub answers cannot be read.
    #[error("{place}{what}: {why}")]
    Answer {
        /// Where it is declared, with a colon.
        place: String,
        what: String,
        why: String,
    },
    /// No file of a model is wanted.
    #[error("{place}{model} has no file {}; it has {}", patterns.join(", "), held(known))]
    NoFile {
        /// Where it is declared, with a colon.
        place: String,
        model: String,
        patterns: Vec<String>,
        /// The files that it has.
        known: Vec<String>,
    },
}

fn held(known: &[String]) -> String {
    const NAMED: usize = 20;
    match known.len() {
        0 => "none".into(),
        all if all > NAMED => format!("{} and {} more", known[..NAMED].join(", "), all - NAMED),
        _ => known.join(", "),
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotInStore { .. } | Self::NoStore { .. } | Self::NotWhole { .. } => {
                Kind::CarriedMissing
            }
            Self::NoFile { .. } => Kind::CarriedMissing,
            Self::Answer { .. } => Kind::RegistryUnreachable,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotInStore { model, .. } | Self::NotWhole { model, .. } => {
                format!("fetch it into that store: ollama pull {model}; or correct the name in x-offline")
            }
            Self::NoStore { .. } => {
                "name the folder or volume that is OLLAMA_MODELS, or ~/.ollama, for the server that has pulled the models".into()
            }
            Self::NoFile { .. } => "correct `files`; * stands for any characters, also /".into(),
            Self::Answer { .. } => {
                "check the endpoint: HF_ENDPOINT for Hugging Face, MODELSCOPE_DOMAIN for ModelScope".into()
            }
        })
    }
}
