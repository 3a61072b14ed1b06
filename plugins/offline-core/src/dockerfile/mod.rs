//! Dockerfiles as BuildKit reads them, as far as the closure needs it.
//!
//! `parse-dockerfile` splits a file into instructions; heredocs, directives,
//! ARG expansion and mount options follow BuildKit's own sources
//! (`frontend/dockerfile/{parser,shell,instructions}`).

mod added_lines;
mod beyond;
mod carried_adds;
mod directives;
mod error;
mod expand;
mod flags;
mod glob;
mod heredoc_words;
mod heredocs;
mod model;
mod name_stages;
mod parse;
mod platform;
mod scope;
#[cfg(test)]
mod tests;
mod words;

pub use carried_adds::{
    FETCHED_CONTEXT, GIT_TREE, Part, Sources, UNPACKED_TREE, fetched_names, file_name,
    is_like_copy, parts, with_carried_adds, written_source,
};
pub use error::Error;
pub use expand::expand;
pub use model::{
    Arg, Copy, Dockerfile, Instruction, InstructionKind, Mount, RemoteSource, Run, Stage,
};
pub use name_stages::with_named_stages;
pub(crate) use parse::BYTE_ORDER_MARK;
pub use parse::parse;
pub use platform::{InvalidPlatform, Platform};
pub use scope::{BuildArgs, Environment};
