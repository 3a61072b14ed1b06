//! `docker-offline`.

fn main() {}
