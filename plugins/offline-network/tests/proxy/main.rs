//! What the proxy promises, against servers that behave and servers that do not.

mod conversation;
mod credentials;
mod listening;
mod misbehaving;
mod recording;
mod replaying;
mod site;
mod tools;
