//! The side that faces the tools: listening, CONNECT, TLS, and answers.
//!
//! Not hudsucker: it passes what is not TLS on to the address that CONNECT named,
//! which on an air-gapped side must never happen, and names IP addresses in its
//! certificates as if they were DNS names. What is left of it is hyper and rustls.

mod answer;
mod body;
mod connection;
mod listen;
mod tunnel;

pub(crate) use answer::{Whole, respond};
pub(crate) use body::{Content, Growth};
pub(crate) use connection::{Answer, Answered, Ask, words};
pub(crate) use listen::{Bound, Server};
