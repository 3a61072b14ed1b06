//! Edits before a network step: the step runs again on site, and what it fetched at
//! the export is answered from the bundle. Nothing of that stays in an image.

use std::sync::LazyLock;

use docker_offline_tests::{
    Carried, Engine, Origin, Workspace, assert_same, contents, no_way_out, repository, say, sites,
};

const COMPOSE: &str = r#"name: tour
services:
  base:
    build: {context: ./base, args: {ORIGIN: "${ORIGIN}"}}
    image: tour-base:dev
  child:
    build: {context: ./child, args: {ORIGIN: "${ORIGIN}"}}
    image: tour-child:dev
    depends_on: [base]
  api:
    build: ./api
    image: tour-api:dev
  site:
    build: ./site
    image: tour-site:dev
    ports: ["8070:80"]
"#;
const BASE: &str = "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /base\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/base\"\nCMD [\"cat\", \"/base/motd\"]\n";
const CHILD: &str = "FROM tour-base:dev\nARG ORIGIN\nRUN mkdir /kept\nWORKDIR /child\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/child\" && cat fetched words > all\nCMD [\"cat\", \"/base/motd\", \"/child/all\"]\n";

/// What was carried, and the server that is not on the site.
static CARRIED: LazyLock<(Carried, Origin)> = LazyLock::new(|| {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let project = Workspace::of_files(
        "tour",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &environment),
            ("base/Dockerfile", BASE),
            ("base/motd", "motd one\n"),
            ("child/Dockerfile", CHILD),
            ("child/words", "words one\n"),
        ],
    );
    let sloppy = repository().join("compose-examples/sloppy");
    for service in ["api", "site"] {
        let copy = Workspace::copy_of(&sloppy.join(service), service);
        std::fs::rename(copy.path(), project.join(service)).unwrap();
    }
    let carried = Carried::export(&connected, project, &[]);
    (carried, origin)
});

#[test]
fn every_service_is_edited_before_its_network_step_on_every_site() {
    for kind in sites() {
        println!("  {kind}");
        edits_on(&kind);
    }
}

fn edits_on(kind: &str) {
    let (site, project) = CARRIED.0.arrive(kind);
    let build = |flags: &[&str]| {
        site.offline(project.path(), ["build", "--progress", "plain"])
            .args(flags)
            .run()
    };
    let archive = CARRIED.0.archive();
    let first = build(&["--bundle", archive.to_str().unwrap()]);
    assert!(first.ok(), "{first}");
    not_replayed(&first.all());

    project.edit("base/motd", "one", "two");
    project.edit("api/main.py", "api one", "api two");
    project.write("site/src/page.txt", "page two\n");
    let edited = build(&[]);
    assert!(edited.ok(), "{edited}");
    for service in ["base", "child", "api", "site"] {
        let words = format!("Replaying the recorded network for {service}");
        assert!(edited.stderr.contains(&words), "{words}: {edited}");
    }
    assert!(edited.stdout.contains("up -d --no-build"), "{edited}");
    site.docker(project.path(), ["compose", "up", "-d", "--no-build"])
        .succeeds();
    site.answers("http://127.0.0.1:8070/", "page two");
    let wanted = ["motd two", "api two", "answer of /child", "words one"];
    site.prints(project.path(), wanted.map(str::to_owned).to_vec());

    say("the same again: all hits, and nothing is tried without the network");
    let again = build(&["--format", "json"]);
    assert!(again.ok(), "{again}");
    for service in again.json()["services"].as_array().unwrap() {
        assert_eq!(service["ran"], 0, "{service}");
    }
    assert!(!again.stderr.contains("CANCELED"), "{again}");

    say("an edit after the network step of the base is before that of the child");
    project.edit("child/words", "one", "two");
    let child = build(&["--format", "json"]);
    assert!(child.ok(), "{child}");
    for service in child.json()["services"].as_array().unwrap() {
        let expected = u64::from(service["service"] == "child");
        assert_eq!(service["replayed"], expected, "{service}");
    }

    say("undone, everything comes from the carried cache");
    project.edit("base/motd", "two", "one");
    project.edit("child/words", "two", "one");
    project.edit("api/main.py", "api two", "api one");
    let sloppy = repository().join("compose-examples/sloppy/site/src/page.txt");
    project.write("site/src/page.txt", std::fs::read(sloppy).unwrap());
    let undone = build(&[]);
    assert!(undone.ok(), "{undone}");
    not_replayed(&undone.all());
    assert!(undone.stdout.contains("up -d --build"), "{undone}");
    no_way_out(&site);
    site.docker(project.path(), ["compose", "down", "-t", "1"])
        .quietly()
        .succeeds();
}

fn not_replayed(printed: &str) {
    for words in ["Replaying", "recorded network"] {
        assert!(!printed.contains(words), "{words}: {printed}");
    }
}

#[test]
fn what_was_never_recorded_is_named_and_written_down() {
    let (site, project) = CARRIED.0.arrive("28-overlay2-airgapped");
    let archive = CARRIED.0.archive();
    let build = |flags: &[&str]| {
        site.offline(project.path(), ["build"])
            .args(flags)
            .within(120)
    };
    // Loading may take its time on a machine with much else to do.
    build(&["--bundle", archive.to_str().unwrap()])
        .within(600)
        .succeeds();

    let before = project.read("base/Dockerfile");
    project.edit("base/Dockerfile", "$ORIGIN/base", "$ORIGIN/new");
    let url = format!("{}/new", CARRIED.1.url);
    build(&[]).fails_with(52, &["base/Dockerfile:5", &url, "--wanted"]);
    build(&["--wanted", "wanted.json"]).fails_with(52, &[&url, "carry wanted.json"]);
    let wanted: serde_json::Value = serde_json::from_str(&project.read("wanted.json")).unwrap();
    let request = &wanted["requests"][0];
    assert_eq!(request["url"], url.as_str(), "{wanted}");
    assert_eq!(request["line"], 5, "{wanted}");
    assert_eq!(request["file"], "base/Dockerfile", "{wanted}");
    let text = wanted["services"][0]["dockerfile"]["text"]
        .as_str()
        .unwrap();
    assert!(text.contains("$ORIGIN/new"), "{wanted}");

    say("a step that does without is built, with a warning");
    let optional = before.replace(
        "RUN wget",
        "RUN wget -q -O other \"$ORIGIN/other\" || echo none > other\nRUN wget",
    );
    project.write("base/Dockerfile", optional);
    let without = build(&[]).succeeds();
    let url = format!("{}/other", CARRIED.1.url);
    assert!(without.stderr.contains(&url), "{without}");
    assert!(without.stderr.contains("warning:"), "{without}");
    say("and built again, it is not taken for a step that needs no network");
    let again = build(&["--format", "json"]).succeeds();
    assert_eq!(again.json()["services"][0]["ran"], 0, "{again}");
}

/// The same edited sources, built with a network and by replay.
#[test]
fn images_made_by_replay_hold_nothing_of_it() {
    let edit = |project: &Workspace| {
        project.edit("base/motd", "one", "three");
        project.edit("api/main.py", "api one", "api three");
    };
    let images = ["tour-base:dev", "tour-child:dev", "tour-api:dev"];
    let (site, project) = CARRIED.0.arrive("28-containerd-airgapped");
    let archive = CARRIED.0.archive();
    edit(&project);
    site.offline(project.path(), ["build", "--bundle"])
        .arg(&archive)
        .succeeds();
    let replayed: Vec<String> = images.iter().map(|i| contents(&site, i)).collect();
    let old = Engine::start("26-overlay2-airgapped");
    old.run(CARRIED.0.archive_folder.join("install.sh"))
        .succeeds();
    old.offline(project.path(), ["build", "base", "child", "api"])
        .succeeds();
    let by_old: Vec<String> = images.iter().map(|i| contents(&old, i)).collect();

    let connected = Engine::start("28-containerd-connected");
    let ordinary = Workspace::copy_of(CARRIED.0.project.path(), "ordinary");
    edit(&ordinary);
    // A bridge of its own has another gateway: the server is the machine's.
    let origin = Origin::start(&connected);
    ordinary.write(".env", origin.environment());
    let services = ["compose", "build", "base"];
    connected.docker(ordinary.path(), services).succeeds();
    let services = ["compose", "build", "child", "api"];
    connected
        .docker(ordinary.path(), services)
        .within(600)
        .succeeds();
    for ((image, replayed), by_old) in images.iter().zip(&replayed).zip(&by_old) {
        let ordinary = contents(&connected, image);
        assert_same(image, replayed, &ordinary);
        assert_same(&format!("{image} by the older engine"), by_old, &ordinary);
    }
}
