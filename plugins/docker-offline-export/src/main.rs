//! `docker-offline-export`.

fn main() {}
