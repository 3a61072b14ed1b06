//! Replay: requests are answered from recordings, and from nothing else.

mod choose;
mod decode;
mod offer;
mod player;
mod shelf;

pub use player::Replay;
