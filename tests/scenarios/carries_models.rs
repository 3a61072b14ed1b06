//! Models are carried from a store of Ollama and from hubs, laid out as the libraries read
//! them, and put beside what a store on site holds.

use std::fmt::Write as _;
use std::fs;

use docker_offline_tests::{Carried, Engine, Ran, WebServer, Workspace, on_machine, say, sites};

const CONNECTED: &str = "28-overlay2-connected";

const COMPOSE: &str = r#"name: modelled
x-offline:
  models:
    - ollama: ["tiny:1b"]
      from: store
    - huggingface:
        - {repo: team/small, files: ["*.json", "*.bin"]}
      target: hf
    - modelscope: team/v1.5
      target: ./scope
services:
  web:
    image: busybox:1.36
    command: sleep 600
    stop_grace_period: 1s
    volumes: ["store:/root/.ollama", "hf:/hf"]
volumes: {store: , hf: }
"#;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn sum(program: &str, bytes: &[u8]) -> String {
    let ran = on_machine(program).input(bytes).quietly().succeeds();
    ran.stdout.split(' ').next().unwrap().to_owned()
}

fn git_blob(text: &str) -> String {
    let all = format!("blob {}\0{text}", text.len());
    sum("sha1sum", all.as_bytes())
}

/// A script that puts models of these names into a store in the folder it runs in; all of
/// them share one blob.
fn store_of(names: &[&str]) -> String {
    let mut script = "mkdir -p models/blobs\n".to_owned();
    let mut blob = |text: &str| {
        let digest = sum("sha256sum", text.as_bytes());
        let _ = writeln!(
            script,
            "printf '%s' '{text}' > models/blobs/sha256-{digest}"
        );
        format!(r#"{{"digest":"sha256:{digest}","size":{}}}"#, text.len())
    };
    let mut manifests = Vec::new();
    for name in names {
        let (config, own, shared) = (
            blob(&format!("config {name}")),
            blob(&format!("weights {name}")),
            blob("licence"),
        );
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{own},{shared}]}}"#);
        manifests.push((name.replace(':', "/"), text));
    }
    for (path, text) in manifests {
        let path = format!("models/manifests/registry.ollama.ai/library/{path}");
        let _ = writeln!(
            script,
            "mkdir -p \"$(dirname {path})\"; printf '%s' '{text}' > {path}"
        );
    }
    script
}

fn hubs(web: &WebServer) {
    let (config, weights) = ("{\"a\": 1}", "weights of small");
    let lfs = sum("sha256sum", weights.as_bytes());
    let info = serde_json::json!({"sha": COMMIT, "siblings": [
        {"rfilename": "config.json", "size": config.len(), "blobId": git_blob(config)},
        {"rfilename": "sub/model.bin", "size": weights.len(), "blobId": "00", "lfs": {"sha256": lfs, "size": weights.len()}},
        {"rfilename": "README.md", "size": 1, "blobId": "00"},
    ]});
    web.has("/api/models/team/small/revision/main", info.to_string());
    web.has(&format!("/team/small/resolve/{COMMIT}/config.json"), config);
    web.has(
        &format!("/team/small/resolve/{COMMIT}/sub/model.bin"),
        weights,
    );
    web.wants("/api/models/team/", "hf_secret");
    web.wants("/team/", "hf_secret");
    let file = "of modelscope";
    let files = serde_json::json!({"Code": 200, "Data": {"Files": [
        {"Path": "sub", "Type": "tree"},
        {"Path": "sub/m.bin", "Type": "blob", "Size": file.len(), "Sha256": sum("sha256sum", file.as_bytes()), "Revision": "abc"},
    ]}});
    web.has("/api/v1/models/team/v1.5/repo/files", files.to_string());
    web.has("/api/v1/models/team/v1.5/repo", file);
}

fn in_volume(engine: &Engine, volume: &str, script: &str) -> Ran {
    let place = format!("$(docker volume inspect --format '{{{{.Mountpoint}}}}' {volume})");
    engine.shell(&format!("set -e; cd \"{place}\"; {script}"))
}

#[test]
fn models_are_carried_as_their_libraries_read_them() {
    let connected = Engine::with_plugin(CONNECTED);
    let web = WebServer::start(&connected);
    hubs(&web);
    let project = Workspace::of_files("modelled", &[("compose.yaml", COMPOSE)]);
    connected.compose_up(project.path());
    in_volume(
        &connected,
        "modelled_store",
        &store_of(&["tiny:1b", "other:7b"]),
    );
    let endpoints = [
        ("HF_ENDPOINT", web.url.as_str()),
        ("MODELSCOPE_DOMAIN", &web.url),
    ];
    let export = |flags: &[&str], token: bool| {
        let mut export = connected.offline(project.path(), ["export"]).args(flags);
        for (name, value) in endpoints {
            export = export.env(name, value);
        }
        if token {
            export = export.env("HF_TOKEN", "hf_secret");
        }
        export
    };

    connected.diagnose(project.path(), &[]).finds(
        "hub-offline",
        "warning",
        &["compose.yaml:", "web", "team/small"],
    );
    say("a model that is not in the store, and a repository that needs a token");
    let was = project.edit("compose.yaml", "tiny:1b", "tiny:2b");
    export(&["--dry-run"], true).fails_with(
        19,
        &[
            "compose.yaml:4",
            "tiny:2b is not in the volume modelled_store",
            "other:7b, tiny:1b",
        ],
    );
    project.write("compose.yaml", was);
    export(&["--archive", "none"], false)
        .fails_with(22, &["compose.yaml:7", "team/small", "401", "HF_TOKEN"]);

    let archives = Workspace::empty("carried");
    let archive = archives
        .join("build-cache-20260101.tar.zst")
        .display()
        .to_string();
    let told = export(&["--archive", &archive], true).succeeds();
    for words in [
        "Carried: models ollama/tiny:1b",
        "Carried: models huggingface/team/small",
        COMMIT,
    ] {
        assert!(told.all().contains(words), "{words}: {told}");
    }
    let record = project.read("build-cache/bundle.json");
    assert!(
        !record.contains("hf_secret") && !record.contains("other"),
        "{record}"
    );

    say("a second export carries nothing again");
    web.asked();
    let again = export(&["--archive", "none"], true).succeeds();
    assert!(again.stdout.contains("0 B new"), "{again}");
    let asked = web.asked();
    assert!(
        !asked
            .iter()
            .any(|a| a.contains("resolve") || a.contains("FilePath")),
        "{asked:?}"
    );

    let carried = Carried {
        archive_folder: archives,
        told: told.all(),
        took: told.took,
        project,
    };
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        on_site(&carried, &kind);
    }
}

fn on_site(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    say("they are put beside what a store holds, which stays");
    site.shell("docker volume create modelled_store");
    in_volume(&site, "modelled_store", &store_of(&["mine:1b"]));
    let built = carried.build(&site, &project, &[]);
    assert!(built.ok(), "{built}");
    for words in [
        "Put models ollama/tiny:1b to the volume modelled_store",
        "Put models modelscope/team/v1.5 to",
    ] {
        assert!(built.stdout.contains(words), "{words}: {built}");
    }
    let models = in_volume(
        &site,
        "modelled_store",
        "find models/manifests -type f; for f in models/blobs/*; do echo \"${f#models/blobs/sha256-}  $f\"; done | sha256sum -c",
    );
    for words in ["library/tiny/1b", "library/mine/1b"] {
        assert!(models.stdout.contains(words), "{models}");
    }
    assert!(!models.stdout.contains("other"), "{models}");
    assert_eq!(
        fs::read_to_string(project.join("scope/models/team/v1___5/sub/m.bin")).unwrap(),
        "of modelscope"
    );

    say("a container reads them");
    site.compose_up(project.path());
    let base = "/hf/hub/models--team--small";
    let script = format!("cat {base}/snapshots/$(cat {base}/refs/main)/sub/model.bin");
    let inside = ["compose", "exec", "-T", "web", "sh", "-ec", &script];
    let read = site.docker(project.path(), inside).succeeds();
    assert_eq!(read.stdout, "weights of small");

    say("a second run writes nothing; what differs is named and stays");
    let again = carried.build(&site, &project, &[]);
    assert!(
        again.ok() && again.stdout.contains("holds models ollama/tiny:1b already"),
        "{again}"
    );
    in_volume(
        &site,
        "modelled_hf",
        "echo other > hub/models--team--small/refs/main",
    );
    let refused = carried.build(&site, &project, &[]);
    refused.assert_failure(
        55,
        &["huggingface/team/small", "refs/main: its content differs"],
    );
    let replaced = carried.build(&site, &project, &["--replace=huggingface/team/small"]);
    assert!(replaced.ok(), "{replaced}");
    let now = in_volume(
        &site,
        "modelled_hf",
        "cat hub/models--team--small/refs/main",
    );
    assert_eq!(now.stdout, COMMIT);
}
