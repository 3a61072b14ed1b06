use super::retry::is_distrust;
use crate::error::{Explain, Kind};
use crate::layout;

/// Why an image could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry does not know the image.
    #[error("{image} does not exist in {registry}")]
    NotFound {
        /// The normalised reference.
        image: String,
        /// The registry that answered.
        registry: String,
    },
    /// The registry has the image, but not for the platform.
    #[error("{image} has no image for {platform}; {registry} serves {}", offered.join(", "))]
    NoPlatform {
        /// The normalised reference.
        image: String,
        /// The registry.
        registry: String,
        /// The platform wanted.
        platform: String,
        /// The platforms served.
        offered: Vec<String>,
    },
    /// The registry refused access.
    #[error("{registry} denies access to {image}: {message}")]
    Denied {
        /// The normalised reference.
        image: String,
        /// The registry.
        registry: String,
        /// What it said.
        message: String,
    },
    /// The registry cannot be reached, or fails at every attempt.
    #[error("{image} cannot be fetched from {registry}: {cause}")]
    Unreachable {
        /// The normalised reference.
        image: String,
        /// The registry.
        registry: String,
        /// Why the last attempt failed.
        cause: String,
    },
    /// What the registry serves is no image that can be carried.
    #[error("what {registry} serves for {image} cannot be used: {why}")]
    Unusable {
        /// The normalised reference.
        image: String,
        /// The registry.
        registry: String,
        /// What is wrong with it.
        why: String,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {message}")]
    Setup {
        /// What is wrong.
        message: String,
    },
    /// The layout failed.
    #[error(transparent)]
    Layout(#[from] layout::Error),
}

impl Error {
    /// Whether there is no way to the registry: nothing that the user has to put right here,
    /// as a certificate is.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Unreachable { cause, .. } if !is_distrust(cause))
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotFound { .. } | Self::NoPlatform { .. } => Kind::ImageNotFound,
            Self::Denied { .. } => Kind::RegistryDenied,
            Self::Unreachable { .. } | Self::Unusable { .. } | Self::Setup { .. } => {
                Kind::RegistryUnreachable
            }
            Self::Layout(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound { .. } => {
                "check the name and the tag; an image of your own that no registry has is taken from this engine: build or load it here first, or let a service of the project build it".into()
            }
            Self::NoPlatform { .. } => {
                "choose a platform that the image has (--platform), or another image".into()
            }
            Self::Denied { registry, .. } => {
                let server = if registry == "docker.io" { "" } else { registry };
                format!("log in and run the same command again: docker login {server}")
                    .trim_end()
                    .to_owned()
            }
            Self::Unreachable { cause, .. } if is_distrust(cause) => {
                "its certificate, or that of a proxy which inspects TLS, is of an authority that this machine does not know: name the authority's PEM file with --ca-file".into()
            }
            Self::Unreachable { .. } => {
                "check the network, HTTP_PROXY/HTTPS_PROXY/NO_PROXY and the engine's registry-mirrors (docker info), then run the same command again: it continues where it stopped".into()
            }
            Self::Setup { .. } => {
                "install the system's CA certificates (package ca-certificates), or name a file with SSL_CERT_FILE".into()
            }
            Self::Layout(error) => return error.hint(),
            Self::Unusable { .. } => return None,
        })
    }
}
