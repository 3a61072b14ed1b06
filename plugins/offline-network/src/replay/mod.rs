//! Replay: requests are answered from recordings, and from nothing else.

mod choose;
mod decode;
mod player;

pub use player::Replay;
