//! What the stories need: real engines of the lab, projects and bundles in
//! folders those engines see, commands that cannot hang, and a reader of build
//! logs.
//!
//! Everything made here carries the tag of the test process ([`tag`]), and is
//! taken away when that process ends, however it ends; `KEEP=1` leaves it.

use std::sync::LazyLock;
use std::time::Instant;

mod binaries;
mod build_log;
mod carried;
mod classic_log;
mod clock;
mod datamate;
mod diagnosed;
mod engine;
mod git_server;
mod image_contents;
mod invocation;
mod janitor;
mod listing;
mod llm_chat;
mod origin;
mod pairs;
mod provoked;
/// The stand-in for Docker Hub, and what it was asked for.
pub mod registry;
mod schedule;
mod shared;
mod shop;
mod sloppy;
mod way_out;
mod web_server;
mod workspace;
mod wrong_input;

pub use binaries::binaries;
pub use build_log::{BuildLog, Outcome, Step};
pub use carried::{Carried, archive_in};
pub use classic_log::assert_classic_only_ran;
pub use datamate::{DATAMATE_FILES, DATAMATE_SERVICES, Datamate, variable};
pub use diagnosed::{Diagnosed, Found};
pub use engine::Engine;
pub use git_server::GitServer;
pub use image_contents::{assert_same, contents};
pub use invocation::{Invocation, Ran, Running, on_machine};
pub use janitor::{lab_work, tag};
pub use listing::listing;
pub use llm_chat::LlmChat;
pub use origin::Origin;
pub use pairs::{Pair, classic_pairs, on_each, pairs, pairs_of_one_kind, rounds, sites};
pub use provoked::{PROVOKED, Provoked, provoked_by};
pub use rustix::process::Signal;
pub use schedule::{Job, Turn, estimate, jobs};
pub use shop::Shop;
pub use sloppy::{COMPARED, SLOPPY_BASE, SLOPPY_EDITS, Sloppy, SloppyEdit};
pub use way_out::no_way_out;
pub use web_server::WebServer;
pub use workspace::{Workspace, repository};
pub use wrong_input::{Refusal, names_a_line_of};

/// One line of the story, in the output of the test, with the seconds since it began.
pub fn say(words: impl AsRef<str>) {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    println!("{:7.1}   {}", BEGUN.elapsed().as_secs_f64(), words.as_ref());
}
