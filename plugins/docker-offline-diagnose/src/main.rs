//! `docker-offline-diagnose`.

fn main() {}
