//! What the proxy promises, against servers that behave and servers that do not.
#![allow(clippy::unwrap_used, clippy::similar_names)] // What fails here fails by panicking.

mod conversation;
mod credentials;
mod hosts;
mod listening;
mod misbehaving;
mod offering;
mod recording;
mod replaying;
mod site;
mod tools;
