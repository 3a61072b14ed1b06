//! Export carries the classic builder's stages beside those of BuildKit, and the
//! classic builder of another engine finds them.

use std::collections::BTreeSet;

use docker_offline_tests::{Engine, Workspace, pairs, say};
use serde_json::Value;

#[test]
fn classic_stages_share_their_bases_and_hit_on_an_air_gapped_engine() {
    let stores = if pairs().len() > 1 {
        vec!["overlay2", "containerd"]
    } else {
        vec!["overlay2"]
    };
    for store in stores {
        println!("  28-{store} -> 26-overlay2");
        let connected = Engine::with_plugin(&format!("28-{store}-connected"));
        let project = Workspace::of_example("llm-chat");
        let export = || {
            connected
                .offline(
                    project.path(),
                    ["export", "--no-record", "--builder", "both"],
                )
                .args(["--archive", "none", "--format", "json"])
                .within(900)
                .succeeds()
        };
        let first = export().json();
        sizes_are_said(&first);
        bases_are_shared(&project);
        let left = connected.images();
        assert!(
            !left
                .iter()
                .any(|name| name.contains("docker-offline.invalid")),
            "no name is left in the engine: {left:?}"
        );

        let second = export().json();
        assert_eq!(second["new_bytes"], 0, "{second}");
        drop(connected);
        finds_them(&project);
    }
}

fn sizes_are_said(summary: &Value) {
    assert_eq!(summary["stages"], 5, "{summary}");
    assert_eq!(summary["classic_stages"], 5, "{summary}");
    let size = |kind: &str| summary["sizes"][kind].as_u64().unwrap();
    say(format!("sizes: {}", summary["sizes"]));
    let all = ["images", "buildkit_stages", "classic_stages", "other"].map(size);
    assert_eq!(Some(all.iter().sum()), summary["bundle_bytes"].as_u64());
    // Both ran the same steps: base and both RUN layers, and nothing twice.
    let (buildkit, classic) = (size("buildkit_stages"), size("classic_stages"));
    assert!(
        classic.abs_diff(buildkit) < buildkit / 10 + (1 << 20),
        "{classic} is about {buildkit}"
    );
}

/// The lowest layer of each classic stage is the blob that its registry serves.
fn bases_are_shared(project: &Workspace) {
    let record = document(project, "bundle.json");
    let manifest = |digest: &Value| {
        let hex = digest.as_str().unwrap().trim_start_matches("sha256:");
        document(project, &format!("blobs/sha256/{hex}"))
    };
    let images = record["images"].as_array().unwrap();
    let bases: BTreeSet<String> = images
        .iter()
        .map(|image| manifest(&image["manifest"])["layers"][0]["digest"].to_string())
        .collect();
    let index = document(project, "index.json").to_string();
    let mut stages = 0;
    for service in record["services"].as_array().unwrap() {
        let name = service["name"].as_str().unwrap();
        assert_eq!(service["classic"]["refused"].as_array().unwrap().len(), 0);
        for stage in service["classic"]["stages"].as_array().unwrap() {
            let lowest = manifest(&stage["manifest"])["layers"][0]["digest"].to_string();
            assert!(bases.contains(&lowest), "{name} {stage}");
            let tag = stage["name"].as_str().unwrap();
            let listed = format!("docker-offline.invalid/llm-chat/{name}:classic-{tag}");
            assert!(index.contains(&listed), "{listed}");
            stages += 1;
        }
    }
    assert_eq!(stages, 5);
}

/// By hand, as a user would with nothing but docker.
fn finds_them(project: &Workspace) {
    let site = Engine::start("26-overlay2-airgapped");
    let folder = project.path();
    site.run_in(folder, "sh")
        .args(["-c", "tar -C build-cache -c . | docker load"])
        .quietly()
        .succeeds();
    let sources: Vec<String> = site
        .images()
        .into_iter()
        .filter(|name| name.contains(":classic-"))
        .collect();
    assert_eq!(sources.len(), 5, "{sources:?}");
    let build = |context: &str| {
        let mut build = site
            .docker(folder, ["build", "--build-arg", "NEXT_PUBLIC_API_URL=/api"])
            .env("DOCKER_BUILDKIT", "0");
        let own = format!("/{context}:");
        for source in sources.iter().filter(|name| name.contains(&own)) {
            build = build.args(["--cache-from", source]);
        }
        build.args(["-t", "by-hand", context]).quietly().succeeds()
    };
    for context in ["backend", "frontend"] {
        let ran = build(context);
        assert_eq!(runs_anew(&ran.stdout), Vec::<&str>::new(), "{ran}");
    }
    project.edit("backend/app/version.py", "1.0.0", "1.0.1");
    let ran = build("backend");
    assert_eq!(runs_anew(&ran.stdout), Vec::<&str>::new(), "{ran}");
    say("after an edit all RUN steps came from the cache");
}

/// The RUN steps that the classic builder did not find.
fn runs_anew(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    let pairs = lines.windows(2);
    pairs
        .filter(|pair| pair[0].starts_with("Step ") && pair[0].contains(" : RUN "))
        .filter(|pair| !pair[1].contains("Using cache"))
        .map(|pair| pair[0])
        .collect()
}

/// In the whole matrix only: three exports of everything, each on an empty engine.
#[test]
fn both_builders_cost_at_most_the_sum_of_each() {
    if pairs().len() == 1 {
        say("part of make test-all");
        return;
    }
    let export = |builder: &str| {
        let connected = Engine::with_plugin("28-overlay2-connected");
        let project = Workspace::of_example("llm-chat");
        let ran = connected
            .offline(
                project.path(),
                ["export", "--no-record", "--archive", "none"],
            )
            .args(["--format", "json", "--builder", builder])
            .within(900)
            .succeeds();
        let summary = ran.json();
        let number = |name: &str| summary[name].as_u64().unwrap();
        let images = summary["sizes"]["images"].as_u64().unwrap();
        say(format!(
            "{builder}: {:.1} s, {} bytes",
            ran.took.as_secs_f64(),
            number("bundle_bytes")
        ));
        (ran.took, number("bundle_bytes"), images)
    };
    let [buildkit, classic, both] = ["buildkit", "classic", "both"].map(export);
    assert!(both.0 <= buildkit.0 + classic.0, "time");
    // Inventories and the record are in each; the bases once.
    assert!(both.1 <= buildkit.1 + classic.1 - both.2, "size");
}

#[test]
fn what_it_cannot_build_is_said_by_line() {
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
    let ran = connected
        .offline(
            project.path(),
            ["export", "--no-record", "--archive", "none"],
        )
        .succeeds();
    for words in [
        "mounts/Dockerfile:2",
        "RUN --mount",
        "compose.yaml:14",
        "COPY --link",
    ] {
        assert!(ran.all().contains(words), "{words}: {ran}");
    }
    let classic = |name: &str| {
        let record = document(&project, "bundle.json");
        let services = record["services"].as_array().unwrap();
        services.iter().find(|s| s["name"] == name).unwrap().clone()
    };
    for (name, line) in [("mounts", 2), ("inline", 14)] {
        assert_eq!(classic(name)["classic"]["refused"][0]["line"], line);
        assert_eq!(classic(name)["stages"].as_array().unwrap().len(), 1);
    }
    // A stage that is not needed is not built, and a sibling's image is found.
    for name in ["plain", "above"] {
        assert_eq!(
            classic(name)["classic"]["stages"].as_array().unwrap().len(),
            1
        );
    }

    let ran = connected
        .offline(
            project.path(),
            ["export", "--archive", "none", "--builder", "classic"],
        )
        .succeeds();
    assert!(ran.all().contains("no BuildKit cache is carried"), "{ran}");
    assert_eq!(classic("plain")["stages"].as_array().unwrap().len(), 0);
    assert_eq!(
        classic("plain")["classic"]["stages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

fn document(project: &Workspace, path: &str) -> Value {
    serde_json::from_str(&project.read(&format!("build-cache/{path}"))).unwrap()
}
