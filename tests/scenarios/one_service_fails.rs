//! One service that cannot be recorded, or cannot be built on the site, does not take
//! the others along; and it is said of it what, where and why.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};
use serde_json::Value;

const COMPOSE: &str = r#"name: apart
services:
  stubborn:
    build: {context: ./stubborn, args: {ORIGIN: "${ORIGIN}"}}
    image: apart-stubborn:dev
  upon:
    build: ./upon
    image: apart-upon:dev
  willing:
    build: {context: ./willing, args: {ORIGIN: "${ORIGIN}"}}
    image: apart-willing:dev
"#;

/// It gets along with everything but a proxy.
const STUBBORN: &str = "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /app\nCOPY . .\nRUN test -z \"$HTTP_PROXY\" && wget -q -O fetched \"$ORIGIN/stubborn\"\n";
const WILLING: &str = "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /app\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/willing\"\nRUN ! grep -q broken words\n";

fn project(origin: &Origin) -> Workspace {
    let environment = origin.environment();
    let files = [
        ("compose.yaml", COMPOSE),
        (".env", environment.as_str()),
        ("stubborn/Dockerfile", STUBBORN),
        ("stubborn/words", "words one\n"),
        ("upon/Dockerfile", "FROM apart-stubborn:dev\nCOPY words /\n"),
        ("upon/words", "words one\n"),
        ("willing/Dockerfile", WILLING),
        ("willing/words", "words one\n"),
    ];
    Workspace::of_files("apart", &files)
}

#[test]
fn the_others_are_recorded_and_built() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let project = project(&origin);
    let carried = Workspace::empty("carried");
    let export = |flags: &[&str]| {
        let archive = carried.join("build-cache-20260101.tar.zst");
        connected
            .offline(project.path(), ["export", "--archive"])
            .arg(archive)
            .args(flags)
            .within(900)
    };
    let told = export(&[]).fails_with(54, &["stubborn/Dockerfile:5", "exit code: 1"]);
    for words in ["Not recorded: stubborn", "requests of willing", "Archive:"] {
        assert!(told.stdout.contains(words), "{words}: {told}");
    }
    let record: Value = serde_json::from_str(&project.read("build-cache/bundle.json")).unwrap();
    let services = record["services"].as_array().unwrap();
    assert_eq!(services.len(), 3, "{record}");
    assert!(record["network"][0]["services"]["stubborn"].is_null());
    let place = &record["unrecorded"]["stubborn"]["at"];
    assert_eq!(place, "stubborn/Dockerfile:5", "{record}");
    let again = export(&[]).fails_with(54, &["stubborn/Dockerfile:5"]);
    assert!(again.stdout.contains("kept for willing"), "{again}");
    export(&["--strict"]).fails_with(50, &["stubborn/Dockerfile:5", "--no-record"]);

    let carried = Carried {
        told: told.all(),
        took: told.took,
        archive_folder: carried,
        project,
    };
    drop(connected);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();

    say("both are edited: one is replayed, and the other one is lost");
    for service in ["stubborn", "willing", "upon"] {
        project.write(&format!("{service}/words"), "words two\n");
    }
    let why = site.offline(project.path(), ["diagnose", "--why", "stubborn"]);
    let why = why.run();
    assert!(why.stdout.contains("lost: wget needs a network"), "{why}");
    assert!(why.stdout.contains("could not record"), "{why}");
    let report = site.offline(project.path(), ["diagnose"]).run();
    assert!(report.all().contains("could not record"), "{report}");
    let built = site.offline(project.path(), ["build"]).run();
    built.assert_failure(
        50,
        &[
            "service stubborn",
            "stubborn/Dockerfile:5",
            "service upon: it is built upon stubborn",
            "could not record",
        ],
    );
    assert!(built.stdout.contains(" replayed)"), "{built}");
    assert!(
        built.stdout.contains("not built: its build failed"),
        "{built}"
    );
    let words = ["run", "--rm", "apart-willing:dev", "cat", "/app/words"];
    let said = site.docker(project.path(), words).quietly().succeeds();
    assert_eq!(said.stdout, "words two\n");

    say("and the other way round, without a network in play");
    project.write("stubborn/words", "words one\n");
    project.write("willing/words", "broken\n");
    let built = site.offline(project.path(), ["build"]).run();
    built.assert_failure(50, &["willing/Dockerfile:6", "all others were"]);
    let words = ["run", "--rm", "apart-upon:dev", "cat", "/words"];
    let said = site.docker(project.path(), words).quietly().succeeds();
    assert_eq!(said.stdout, "words two\n");
}
