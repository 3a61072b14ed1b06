//! What can go wrong before or after the requests themselves.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A failure of the proxy as a whole; what happens to one request is told to
/// its client, and kept as a [`Miss`](crate::Miss) or a [`Failure`](crate::Failure).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens there.
    #[error("port {} of {} is in use", .address.port(), .address.ip())]
    PortInUse {
        /// Where listening was tried.
        address: SocketAddr,
    },
    /// The address is not one of this machine, or not of this network namespace.
    #[error("{address} is not an address of this machine")]
    AddressNotHere {
        /// Where listening was tried.
        address: IpAddr,
    },
    /// Listening failed for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where listening was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The fixed ports asked for run past 65535.
    #[error("{targets} ports from {first} on go past 65535")]
    PortRange {
        /// The first port.
        first: u16,
        /// How many are needed.
        targets: usize,
    },
    /// A certificate or key cannot be made or read.
    #[error("the certificate authority of the proxy failed: {message}")]
    Authority {
        /// What is wrong.
        message: String,
    },
    /// The file with further authorities cannot be used.
    #[error("the certificates in {path} cannot be used: {message}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The HTTP client for the servers outside cannot be set up.
    #[error("the HTTP client cannot be set up: {message}")]
    Client {
        /// What is wrong; holds no credentials of a proxy's address.
        message: String,
    },
    /// The folder of bodies cannot be written or read.
    #[error("cannot use {path}")]
    Bodies {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was read is not a recording.
    #[error("not a recording of the network: {message}")]
    NotARecording {
        /// What is wrong.
        message: String,
    },
    /// The recording is of a newer format.
    #[error("the recording of the network has format {format}; this program knows up to {known}")]
    Newer {
        /// The format found.
        format: u32,
        /// The newest that is understood.
        known: u32,
    },
}
