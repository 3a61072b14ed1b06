//! `--stay`: plain Compose replays too, until `--leave`.
//!
//! ```text
//! docker compose up --build
//!    |  compose.override.yaml: other Dockerfiles, secrets, the proxy's address
//!    v
//! RUN steps -> the bridge's gateway -> a container of ours -> the bundle, read-only
//! ```
//!
//! The container is made of the running program itself, which is static: an image
//! from scratch with one file, loaded on site, so that it is always the version that
//! wrote the override, and no bundle carries it. Its authority is made anew by each
//! `--stay`; the key is nowhere but in the container.

mod container;
mod error;
mod follow;
mod leave;
mod overriding;
mod serve;
mod set_up;
mod state;

pub use error::Error;
pub use leave::{Left, leave};
pub use serve::{SERVE, serve};
pub use set_up::Staying;
pub(super) use set_up::{SetUp, set_up};
