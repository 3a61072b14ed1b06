//! The rules of diagnosis, one a file.

mod architecture;
mod buildx;
mod bundle_disk;
mod bundle_whole;
mod check;
mod compose;
mod engine_disk;
mod engine_reachable;
mod engine_version;
mod image_store;
mod images_present;

pub use check::{Check, Situation, diagnose};
