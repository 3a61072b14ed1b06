use std::collections::BTreeSet;

use crate::{Invocation, on_machine, repository};

/// The digest that a tag stands for in the lab's registry, as the registry tells
/// it: that of the index where the tag is one.
pub fn digest_of(name: &str, tag: &str) -> String {
    let ran = manifest(name, tag).arg("-I").succeeds();
    let digest = ran.stdout.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header
            .eq_ignore_ascii_case("docker-content-digest")
            .then(|| value.trim().to_owned())
    });
    digest.unwrap_or_else(|| panic!("{name}:{tag} has no digest: {ran}"))
}

/// The digests that an index names, none for a bare manifest.
pub fn platforms_of(name: &str, reference: &str) -> Vec<String> {
    let json = manifest(name, reference).succeeds().json();
    let manifests = json["manifests"].as_array().cloned().unwrap_or_default();
    manifests
        .iter()
        .filter_map(|m| Some(m["digest"].as_str()?.to_owned()))
        .collect()
}

fn manifest(name: &str, reference: &str) -> Invocation {
    let port = std::env::var("LAB_REGISTRY_PORT").unwrap_or_else(|_| "5000".into());
    on_machine("curl")
        .args([
            "-sSf",
            "-H",
            "Accept: application/vnd.oci.image.index.v1+json",
        ])
        .args(["-H", "Accept: application/vnd.oci.image.manifest.v1+json"])
        .arg(format!(
            "http://127.0.0.1:{port}/v2/{name}/manifests/{reference}"
        ))
        .quietly()
}

/// Forgets what the registry was asked for.
pub fn forget_pulls() {
    lab_pulls().arg("--reset").succeeds();
}

/// What the registry was asked for since: `library/debian:tag`, or
/// `library/debian@sha256:...`.
pub fn pulls() -> BTreeSet<String> {
    lab_pulls()
        .succeeds()
        .stdout
        .lines()
        .map(str::to_owned)
        .collect()
}

fn lab_pulls() -> Invocation {
    on_machine(repository().join("tests/lab/lab"))
        .arg("pulls")
        .quietly()
}
