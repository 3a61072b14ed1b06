//! A request file that is none, or is of something else, fetches nothing; an archive
//! that does not belong to the bundle adds nothing to it.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use docker_offline_tests::{Engine, Origin, Refusal, Workspace, on_machine};
use serde_json::{Value, json};

const DOCKERFILE: &str = "FROM busybox:1.36\nARG ORIGIN\nCOPY . /srv\nRUN wget -q -O /fetched \"$ORIGIN/one\"\nCMD [\"cat\", \"/fetched\"]\n";

/// A project with a step that fetches, its bundle, and an archive that adds to it.
struct Made {
    engine: Engine,
    origin: Origin,
    project: Workspace,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let engine = Engine::with_plugin("28-overlay2-connected");
        let origin = Origin::start(&engine);
        let environment = origin.environment();
        let compose = "name: small\nservices:\n  app:\n    build: {context: ./app, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: small-app:dev\n";
        let project = Workspace::of_files(
            "fetch",
            &[
                ("compose.yaml", compose),
                (".env", &environment),
                ("app/Dockerfile", DOCKERFILE),
                ("app/source", "one\n"),
            ],
        );
        let made = Made {
            engine,
            origin,
            project,
        };
        let flags = ["export", "--archive", "a.tar"];
        let export = made.engine.offline(made.project.path(), flags);
        export.within(300).succeeds();
        made.project.write("wanted.json", made.wanted().to_string());
        for name in ["add.tar.zst", "add.tar"] {
            let flags = ["export", "--fetch", "wanted.json", "--archive", name];
            let fetch = made.engine.offline(made.project.path(), flags);
            fetch.within(300).succeeds();
        }
        made
    })
}

impl Made {
    /// A request file as a site writes it.
    fn wanted(&self) -> Value {
        let record: Value =
            serde_json::from_str(&self.project.read("build-cache/bundle.json")).unwrap();
        json!({
            "format": 1,
            "toolVersion": "0.1.0",
            "created": "2026-01-02T00:00:00Z",
            "project": "small",
            "platform": "linux/amd64",
            "bundle": {"created": record["created"], "toolVersion": "0.1.0"},
            "requests": [{
                "service": "app", "file": "app/Dockerfile", "line": 4, "method": "GET",
                "url": format!("{}/two", self.origin.url), "why": "not recorded"
            }],
            "services": [{
                "name": "app",
                "dockerfile": {"path": "app/Dockerfile", "text": DOCKERFILE.replace("/one", "/two")},
                "context": "app",
                "files": [{"path": "source", "kind": "file", "mode": 0o644, "size": 4, "text": "two\n"}],
                "omitted": []
            }]
        })
    }

    fn refuses(&self, wanted: impl AsRef<[u8]>, code: i32, words: &[&str]) {
        self.project.write("other.json", wanted);
        let flags = ["export", "--fetch", "other.json", "--archive", "x.tar.zst"];
        Refusal::of(&self.engine, &self.project, &flags).says(code, words);
    }
}

#[test]
fn what_is_no_request_file_of_this_project() {
    let made = made();
    let missing = ["export", "--fetch", "nosuch.json"];
    Refusal::of(&made.engine, &made.project, &missing).says(41, &["nosuch.json"]);
    let whole = made.wanted().to_string();
    let refused = |change: &dyn Fn(&mut Value), code: i32, words: &[&str]| {
        let mut wanted = made.wanted();
        change(&mut wanted);
        made.refuses(wanted.to_string(), code, words);
    };
    made.refuses(&whole[..whole.len() / 2], 41, &["other.json"]);
    made.refuses("{}", 41, &["format"]);
    made.refuses([0xff, 0x00, 0x7b], 41, &["other.json"]);
    refused(&|w| w["format"] = 7.into(), 41, &["format 7"]);
    refused(&|w| w["project"] = "big".into(), 47, &["big", "small"]);
    refused(&|w| w["requests"] = json!([]), 41, &["asks for nothing"]);
    refused(&|w| w["requests"][0]["service"] = "db".into(), 17, &["db"]);
    refused(&|w| w["platform"] = "abacus".into(), 45, &["abacus"]);
    let file = "/services/0/files/0";
    for path in ["../escaped", "/tmp/escaped", "a/../../escaped", ""] {
        refused(
            &|w| *w.pointer_mut(&format!("{file}/path")).unwrap() = path.into(),
            41,
            &["other.json"],
        );
    }
    refused(
        &|w| w["services"][0]["context"] = "../..".into(),
        41,
        &["other.json"],
    );
    let digest = format!("sha256:{}", "0".repeat(64));
    refused(
        &|w| w["services"][0]["files"][0]["sha256"] = digest.clone().into(),
        41,
        &["source", "digest"],
    );
    refused(
        &|w| {
            let files = w["services"][0]["files"].as_array_mut().unwrap();
            files.push(json!({"path": "link", "kind": "link", "link": "/tmp"}));
            files.push(json!({"path": "link/x", "kind": "file", "mode": 420, "text": "x"}));
        },
        41,
        &["link/x"],
    );
    println!("  a step that fails here too");
    refused(
        &|w| {
            w["services"][0]["dockerfile"]["text"] =
                "FROM busybox:1.36\nRUN wget x && false\n".into();
        },
        50,
        &["app/Dockerfile:2"],
    );
}

#[test]
fn what_does_not_belong_to_the_bundle() {
    let made = made();
    let site = Engine::with_plugin("28-overlay2-airgapped");
    let project = Workspace::copy_of(made.project.path(), "arrived");
    let refused = |name: &str, code: i32, words: &[&str]| {
        let flags = ["build", "--bundle", name];
        let refusal = Refusal::of(&site, &project, &flags);
        refusal.but_for(".verified").says(code, words);
    };
    refused("add.tar.zst", 40, &["add.tar.zst", "adds to"]);
    fs::rename(project.join("add.tar"), project.join("whole.tar")).unwrap();
    let whole = fs::read(project.join("add.tar.zst")).unwrap();
    let setup = ["build", "--bundle", "a.tar", "--setup"];
    site.offline(project.path(), setup).succeeds();

    for percent in [10, 50, 90] {
        project.write("add.tar.zst", &whole[..whole.len() * percent / 100]);
        refused("add.tar.zst", 42, &["add.tar.zst"]);
    }
    let mut bytes = whole.clone();
    let at = bytes.len() * 3 / 5;
    bytes[at] ^= 0x55;
    project.write("add.tar.zst", bytes);
    refused("add.tar.zst", 43, &["add.tar.zst"]);
    let mut bytes = fs::read(project.join("whole.tar")).unwrap();
    let body = b"answer of /two";
    let at = bytes.windows(body.len()).position(|w| w == body).unwrap();
    bytes[at] ^= 1;
    project.write("altered.tar", bytes);
    refused("altered.tar", 43, &["altered.tar"]);
    let with = |name: &str, change: &dyn Fn(&mut Value)| {
        repacked(&project.join("whole.tar"), &project.join(name), change);
    };
    with("other.tar", &|r| r["addsTo"]["project"] = "big".into());
    refused("other.tar", 47, &["big", "small"]);
    with("unbound.tar", &|r| r["extraBlobs"] = json!([]));
    refused("unbound.tar", 43, &["unbound.tar"]);
    with("arm.tar", &|r| r["platform"] = "linux/s390x".into());
    refused("arm.tar", 45, &["s390x"]);
    with("newer.tar", &|r| r["format"] = 7.into());
    refused("newer.tar", 44, &["7"]);
    let digest = format!("sha256:{}", "0".repeat(64));
    with("lacking.tar", &|r| {
        for place in ["/extraBlobs/0/digest", "/network/0/manifest/digest"] {
            *r.pointer_mut(place).unwrap() = digest.clone().into();
        }
    });
    refused("lacking.tar", 43, &["lacking.tar"]);
    fs::copy(project.join("whole.tar"), project.join("escaping.tar")).unwrap();
    project.write("evil", "evil\n");
    on_machine("tar")
        .args(["-P", "--append", "--transform", "s,^evil,../../evil,", "-f"])
        .arg(project.join("escaping.tar"))
        .arg("-C")
        .arg(project.path())
        .arg("evil")
        .quietly()
        .succeeds();
    refused("escaping.tar", 43, &["escaping.tar"]);

    println!("  and the whole one is added");
    project.write("add.tar.zst", &whole);
    project.write("app/source", "two\n");
    project.edit("app/Dockerfile", "/one", "/two");
    let build = ["build", "--bundle", "add.tar.zst"];
    let added = site.offline(project.path(), build).within(120).succeeds();
    assert!(added.stderr.contains("Added"), "{added}");
    let run = ["compose", "run", "--rm", "app"];
    let ran = site.docker(project.path(), run).succeeds();
    assert!(ran.stdout.contains("answer of /two"), "{ran}");
}

/// An archive with another record.
fn repacked(from: &Path, to: &Path, change: &dyn Fn(&mut Value)) {
    let folder = Workspace::empty("repacked");
    let tar = |args: &[&str], archive: &Path| {
        let tar = on_machine("tar").args(args).arg(archive).arg("-C");
        tar.arg(folder.path())
    };
    tar(&["-xf"], from).quietly().succeeds();
    let mut record: Value = serde_json::from_str(&folder.read("bundle.json")).unwrap();
    change(&mut record);
    folder.write("bundle.json", record.to_string());
    let listed = on_machine("tar").arg("-tf").arg(from).quietly().succeeds();
    tar(&["--format=ustar", "-cf"], to)
        .args(listed.stdout.lines())
        .quietly()
        .succeeds();
}
