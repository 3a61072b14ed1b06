//! One set of stage images serves both builders: what BuildKit built tells step by step
//! which layer belongs to it, so that the classic builder is not asked at the export.

use std::collections::BTreeSet;

use docker_offline_tests::{Engine, Workspace, pairs, say};
use serde_json::Value;

#[test]
fn stage_images_tell_which_layer_belongs_to_which_step() {
    let stores = if pairs().len() > 1 {
        vec!["28-overlay2", "28-containerd", "26-overlay2"]
    } else {
        vec!["28-overlay2"]
    };
    for store in stores {
        println!("  {store}");
        let connected = Engine::with_plugin(&format!("{store}-connected"));
        let project = Workspace::of_example("llm-chat");
        let export = || {
            connected
                .offline(project.path(), ["export", "--no-record"])
                .args(["--archive", "none", "--format", "json"])
                .within(900)
                .succeeds()
        };
        let first = export().json();
        sizes_are_said(&first);
        steps_have_their_layers(&project, 5);
        let left = connected.images();
        assert!(
            !left
                .iter()
                .any(|name| name.contains("docker-offline.invalid")),
            "no name is left in the engine: {left:?}"
        );
        let second = export().json();
        assert_eq!(second["new_bytes"], 0, "{second}");
    }
}

fn sizes_are_said(summary: &Value) {
    assert_eq!(summary["stages"], 5, "{summary}");
    let size = |kind: &str| summary["sizes"][kind].as_u64().unwrap();
    say(format!("sizes: {}", summary["sizes"]));
    let all = ["images", "stages", "other"].map(size);
    assert_eq!(Some(all.iter().sum()), summary["bundle_bytes"].as_u64());
}

/// Above its base, each stage image has one history entry an instruction, and one layer
/// for each entry that is not said to be without one. Its lowest layer is the blob that
/// the base's registry serves.
fn steps_have_their_layers(project: &Workspace, expected: usize) {
    let record = document(project, "bundle.json");
    let blob = |digest: &Value| {
        let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
        document(project, &format!("blobs/sha256/{hex}"))
    };
    let images = record["images"].as_array().unwrap();
    let bases: BTreeSet<String> = images
        .iter()
        .map(|image| blob(&image["manifest"])["layers"][0]["digest"].to_string())
        .collect();
    let base_of = |config: &Value| {
        let layers = layers(config);
        let bases = images.iter().map(|image| blob(&image["config"]));
        let mut below = bases.filter(|base| layers.starts_with(&self::layers(base)));
        let base = below.next().unwrap();
        (
            base["history"].as_array().unwrap().len(),
            self::layers(&base).len(),
        )
    };
    let mut stages = 0;
    for service in record["services"].as_array().unwrap() {
        assert!(service["classic"].is_null(), "{service}");
        for stage in service["stages"].as_array().unwrap() {
            let manifest = blob(&stage["manifest"]);
            let lowest = manifest["layers"][0]["digest"].to_string();
            assert!(bases.contains(&lowest), "{stage}");
            let config = blob(&manifest["config"]["digest"]);
            let (history, layers_below) = base_of(&config);
            let own = &config["history"].as_array().unwrap()[history..];
            let keys = &service["steps"][stage["name"].as_str().unwrap()];
            // The first key is that of the FROM. A stage upon another one has its steps too.
            let steps = keys.as_array().unwrap().len() - 1;
            assert!(own.len() >= steps, "{stage}: {own:?}");
            let with_layer = own.iter().filter(|h| h["empty_layer"] != true).count();
            assert_eq!(with_layer, layers(&config).len() - layers_below, "{own:?}");
            stages += 1;
        }
    }
    assert_eq!(stages, expected);
}

fn layers(config: &Value) -> Vec<Value> {
    config["rootfs"]["diff_ids"].as_array().unwrap().clone()
}

#[test]
fn what_the_classic_builder_does_not_know_is_said_by_line() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_files(
        "refused",
        &[
            (
                "compose.yaml",
                "name: refused\nservices:\n  plain:\n    build: ./plain\n  above:\n    build: ./above\n  mounts:\n    build: ./mounts\n  inline:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM busybox:1.36\n        COPY --link compose.yaml /\n",
            ),
            (
                "plain/Dockerfile",
                "FROM busybox:1.36 AS unused\nRUN false\nFROM busybox:1.36\nRUN echo plain > /plain\n",
            ),
            (
                "above/Dockerfile",
                "FROM refused-plain\nARG TARGETARCH\nRUN cat /plain && test -n \"$TARGETARCH\"\n",
            ),
            (
                "mounts/Dockerfile",
                "FROM busybox:1.36\nRUN --mount=type=cache,target=/c true\n",
            ),
        ],
    );
    // The flag of versions that asked both builders is taken, and said to do nothing.
    let flags = [
        "export",
        "--no-record",
        "--archive",
        "none",
        "--builder",
        "both",
    ];
    let ran = connected.offline(project.path(), flags).succeeds();
    for words in [
        "mounts/Dockerfile:2",
        "RUN --mount",
        "compose.yaml:14",
        "COPY --link",
        "With --classic not rebuilt from the start, see the warnings: inline, mounts",
        "--builder has no effect",
    ] {
        assert!(ran.all().contains(words), "{words}: {ran}");
    }
    let record = document(&project, "bundle.json");
    let services = record["services"].as_array().unwrap();
    for service in services {
        // A stage that is not needed is not built, and a sibling's image is found.
        assert_eq!(service["stages"].as_array().unwrap().len(), 1, "{service}");
    }
    assert_eq!(services.len(), 4);
}

fn document(project: &Workspace, path: &str) -> Value {
    serde_json::from_str(&project.read(&format!("build-cache/{path}"))).unwrap()
}
