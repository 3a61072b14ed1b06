//! `docker-offline-build`.

fn main() {}
