//! The rules of diagnosis, one a file.

mod architecture;
mod build_cache;
mod builder;
mod buildx;
mod bundle_complete;
mod bundle_disk;
mod bundle_present;
mod bundle_whole;
mod check;
mod compose;
mod engine_disk;
mod engine_reachable;
mod engine_version;
mod image_store;
mod images_present;
mod project_read;
#[cfg(test)]
mod tests;

pub use check::{Check, Situation, diagnose};
