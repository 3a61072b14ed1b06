//! Each rule about the bundle, provoked by a bundle that really is so.

use std::fs;
use std::path::Path;

use docker_offline_tests::{Carried, Engine, Shop, Workspace};

#[test]
fn a_bundle_that_is_missing_damaged_or_of_another_time() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    let folder = project.path();
    let found = site.diagnose(folder, &[]);
    for id in [
        "bundle-present",
        "bundle-whole",
        "bundle-complete",
        "build-cache",
        "architecture",
        "bundle-disk",
    ] {
        found.finds(id, "ok", &[]);
    }
    absent_or_unreadable(&site, &project);
    damaged(&site, &project, &carried);
    asked_for_more(&site, &project);

    let record = project.read("build-cache/bundle.json");
    let mut newer: serde_json::Value = serde_json::from_str(&record).unwrap();
    newer["toolVersion"] = "99.0.0".into();
    project.write("build-cache/bundle.json", newer.to_string());
    let found = site.diagnose(folder, &[]);
    found.finds_only("tool-version", "note", &["99.0.0"]);
    project.write("build-cache/bundle.json", record);
    site.diagnose(folder, &[]).finds_nothing();
}

fn absent_or_unreadable(site: &Engine, project: &Workspace) {
    let folder = project.path();
    fs::rename(project.join("build-cache"), project.join("away")).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-present", "warning", &["build-cache"]);
    assert_eq!(found.ran.code, 0, "{}", found.ran);
    assert_eq!(site.diagnose(folder, &["--strict"]).ran.code, 1);
    let found = site.diagnose(folder, &["--bundle", "nosuch.tar.zst"]);
    found.finds_only("bundle-present", "error", &["nosuch.tar.zst"]);
    project.write("build-cache-1.tar.zst", "not an archive");
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-present", "error", &["build-cache-1.tar.zst"]);
    fs::remove_file(project.join("build-cache-1.tar.zst")).unwrap();
    fs::rename(project.join("away"), project.join("build-cache")).unwrap();
    let record = project.read("build-cache/bundle.json");
    project.write("build-cache/bundle.json", &record[..record.len() / 2]);
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-present", "error", &["bundle.json"]);
    project.write("build-cache/bundle.json", record);
}

fn damaged(site: &Engine, project: &Workspace, carried: &Carried) {
    let folder = project.path();
    let blob = largest(&project.join("build-cache/blobs/sha256"));
    let name = blob.file_name().unwrap().to_str().unwrap();
    let whole = fs::read(&blob).unwrap();
    let mut one_bit = whole.clone();
    one_bit[whole.len() / 2] ^= 1;
    fs::write(&blob, &one_bit).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-whole", "error", &[name, "altered"]);
    fs::write(&blob, &whole[..whole.len() / 2]).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-whole", "error", &[name, "of another size"]);
    fs::remove_file(&blob).unwrap();
    let found = site.diagnose(folder, &[]);
    found.finds_only("bundle-whole", "error", &[name, "missing"]);
    fs::write(&blob, &whole).unwrap();
    site.diagnose(folder, &[]).finds_nothing();

    let copy = Workspace::copy_of(carried.archive_folder.path(), "stick");
    let archive = copy.join("build-cache-20260101.tar.zst");
    fs::copy(carried.archive(), &archive).unwrap();
    let named = ["--bundle", archive.to_str().unwrap()];
    site.diagnose(folder, &named).finds_nothing();
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, &bytes).unwrap();
    let found = site.diagnose(folder, &named);
    found.finds_only("bundle-whole", "error", &["SHA256SUMS"]);
    // Without sums it is read as it would be unpacked.
    fs::remove_file(copy.join("SHA256SUMS")).unwrap();
    let found = site.diagnose(folder, &named);
    found.finds_only("bundle-whole", "error", &["altered"]);
    fs::write(&archive, &bytes[..middle]).unwrap();
    let found = site.diagnose(folder, &named);
    found.finds_only("bundle-whole", "error", &["cut off"]);
    fs::copy(carried.archive(), &archive).unwrap();
    site.diagnose(folder, &named).finds_nothing();
}

fn largest(folder: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    files.max_by_key(|f| f.metadata().unwrap().len()).unwrap()
}

fn asked_for_more(site: &Engine, project: &Workspace) {
    let folder = project.path();
    let before = project.edit(
        "compose.yaml",
        "  db:\n",
        "  queue:\n    image: redis:7\n  worker:\n    build: {context: ./api, args: {MODE: fast}}\n  db:\n",
    );
    let found = site.diagnose(folder, &[]);
    found.finds("bundle-complete", "error", &["redis:7", "queue", "neither"]);
    let worker = ["worker", "not built for this bundle", "api/Dockerfile:5"];
    found.finds_only("bundle-complete", "error", &worker);
    project.write("compose.yaml", before);
    // An image that only this engine has.
    site.shell("docker tag alpine:3.20 own/tool:1");
    let before = project.edit(
        "compose.yaml",
        "  db:\n",
        "  tool:\n    image: own/tool:1\n  db:\n",
    );
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "bundle-complete",
        "note",
        &["own/tool:1", "the engine has one"],
    );
    project.write("compose.yaml", before);
    let frontend = "# syntax=docker/dockerfile:1.7\nFROM busybox:1.36";
    let before = project.edit("api/Dockerfile", "FROM busybox:1.36", frontend);
    let found = site.diagnose(folder, &[]);
    found.finds(
        "bundle-complete",
        "error",
        &["docker/dockerfile:1.7", "frontend"],
    );
    project.write("api/Dockerfile", before);
}

const KEYS: &str = "FROM busybox:1.36
RUN --mount=type=cache,target=/c wget -q -O /list http://127.0.0.1:1/ || echo none > /list
COPY --link data /data
RUN cat /data
";

#[test]
fn a_bundle_of_another_generation_store_or_processor() {
    let compose = "name: keys\nservices:\n  app:\n    build: ./app\n    image: keys-app:1\n";
    let files = [
        ("compose.yaml", compose),
        ("app/Dockerfile", KEYS),
        ("app/data", "one\n"),
    ];
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(
        &connected,
        Workspace::of_files("keys", &files),
        &["--no-record"],
    );
    let archive = carried.archive();
    let words = ["--bundle", archive.to_str().unwrap()];

    let (site, project) = carried.arrive("28-overlay2-airgapped");
    site.diagnose(project.path(), &words).finds_nothing();
    drop(site);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    let found = site.diagnose(project.path(), &words);
    found.finds_only(
        "build-cache",
        "warning",
        &["app/Dockerfile:3", "COPY --link", "app"],
    );
    drop(site);
    let (site, project) = carried.arrive("26-overlay2-airgapped");
    let found = site.diagnose(project.path(), &words);
    found.finds_only(
        "build-cache",
        "error",
        &["app/Dockerfile:2", "wget", "--mount"],
    );
    drop(site);

    let other = if cfg!(target_arch = "aarch64") {
        "linux/amd64"
    } else {
        "linux/arm64"
    };
    let compose = "name: other\nservices:\n  db:\n    image: debian:multi\n";
    let project = Workspace::of_files("other", &[("compose.yaml", compose)]);
    let carried = Carried::export(&connected, project, &["--platform", other]);
    drop(connected);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    let archive = carried.archive();
    let found = site.diagnose(project.path(), &["--bundle", archive.to_str().unwrap()]);
    found.finds_only("architecture", "error", &[other]);
}
