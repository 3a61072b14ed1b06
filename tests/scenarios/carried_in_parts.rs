//! An archive in parts: carried on several media, one of them lost, one gone bad.

use std::fs;
use std::path::{Path, PathBuf};

use docker_offline_tests::{Engine, Workspace};

const COMPOSE: &str = "name: parts\nservices:\n  app: {build: ./app, image: \"parts-app:dev\"}\n";
/// Bytes that no compression makes smaller.
const DOCKERFILE: &str = "FROM busybox:1.36\nRUN head -c 3000000 /dev/urandom > /noise\nCOPY word /word\nCMD [\"cat\", \"/word\"]\n";
const NAME: &str = "build-cache-20260101.tar.zst";

/// The parts of the archive in a folder, in their order.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let is_part = |path: &PathBuf| path.to_string_lossy().contains(".tar.zst.");
    let mut parts: Vec<PathBuf> = entries.filter(is_part).collect();
    parts.sort();
    parts
}

#[test]
fn parts_on_several_media_build_once_all_are_there_and_good() {
    let files = [
        ("compose.yaml", COMPOSE),
        ("app/Dockerfile", DOCKERFILE),
        ("app/word", "one\n"),
    ];
    let project = Workspace::of_files("parts", &files);
    let connected = Engine::with_plugin("28-overlay2-connected");
    let out = Workspace::empty("carried");
    let export = connected
        .offline(project.path(), ["export", "--split", "1M", "--archive"])
        .arg(out.join(NAME))
        .succeeds();
    drop(connected);
    let whole = parts(out.path());
    let said = format!("in {} parts, .001 to .{:03}", whole.len(), whole.len());
    assert!(whole.len() > 3 && export.stdout.contains(&said), "{export}");
    assert!(!out.join(NAME).exists());

    let site = Engine::start("28-containerd-airgapped");
    site.run(out.join("install.sh")).succeeds();
    let arrived = Workspace::of_files("parts", &files);
    let media = Workspace::empty("media");
    for (at, part) in whole.iter().enumerate() {
        let medium = media.join(format!("disc {}", at % 2 + 1));
        fs::create_dir_all(&medium).unwrap();
        fs::copy(part, medium.join(part.file_name().unwrap())).unwrap();
        fs::copy(out.join("SHA256SUMS"), medium.join("SHA256SUMS")).unwrap();
    }
    let second = media.join("disc 2").join(format!("{NAME}.002"));
    let third = media.join("disc 1").join(format!("{NAME}.003"));
    fs::remove_file(&second).unwrap();
    let build = || {
        let build = site.offline(arrived.path(), ["build", "--bundle"]);
        build.arg(media.path())
    };
    let diagnose = || {
        let diagnose = site.offline(arrived.path(), ["diagnose", "--bundle"]);
        diagnose.arg(media.path()).run()
    };
    let untouched = || {
        assert!(site.images().is_empty());
        assert!(!arrived.join("build-cache").exists());
    };
    build().fails_with(42, &["part 002 is missing", &format!("{NAME}.002")]);
    untouched();

    fs::copy(&whole[1], &second).unwrap();
    let mut bytes = fs::read(&third).unwrap();
    bytes[500_000] ^= 1;
    fs::write(&third, bytes).unwrap();
    let words = ["part 003 is altered", "copy again", &format!("{NAME}.003")];
    build().fails_with(43, &words);
    let diagnosed = diagnose();
    assert!(
        diagnosed.stdout.contains("part 003 is altered"),
        "{diagnosed}"
    );
    untouched();

    fs::copy(&whole[2], &third).unwrap();
    let diagnosed = diagnose();
    assert!(diagnosed.stdout.contains("SHA256SUMS"), "{diagnosed}");
    build().succeeds();
    for path in whole.iter().filter_map(|part| part.file_name()) {
        let kept = ["disc 1", "disc 2"].map(|disc| media.join(disc).join(path));
        assert!(
            kept.iter().any(|part| part.is_file()),
            "nothing is taken away"
        );
    }
    arrived.edit("app/word", "one", "two");
    site.compose_up(arrived.path()).assert_only_ran(&[]);
    site.prints(arrived.path(), vec!["two".into()]);
}
