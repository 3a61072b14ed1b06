//! The Docker engine, spoken to through the user's own `docker` command.
//!
//! The command brings contexts, TLS, ssh, credential helpers, buildx and Compose
//! with it exactly as the user has set them up; see `docs/architecture.md`.

mod cli;
mod error;

pub use cli::{Docker, Output};
pub use error::Error;
