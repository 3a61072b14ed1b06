//! What will be answered from the recording is said before anything is built, by
//! `diagnose` and by `build --dry-run`, which changes nothing; and a builder that cannot
//! do it says why.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};
use serde_json::Value;

const COMPOSE: &str = r#"name: foretold
services:
  app:
    build: {context: ./app, args: {ORIGIN: "${ORIGIN}"}}
    image: foretold-app:dev
"#;
const DOCKERFILE: &str = "FROM busybox:1.36\nARG ORIGIN\nWORKDIR /app\nRUN wget -q -O /early \"$ORIGIN/early\"\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/app\"\nRUN sh local.sh\n";

fn carried(flags: &[&str]) -> Carried {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let project = Workspace::of_files(
        "foretold",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &environment),
            ("app/Dockerfile", DOCKERFILE),
            ("app/words", "words one\n"),
            ("app/local.sh", "cat fetched words > all\n"),
        ],
    );
    Carried::export(&connected, project, flags)
}

/// Line and state of each step that may use the network.
fn states(site: &Engine, project: &Workspace) -> Vec<(u64, String)> {
    let flags = ["diagnose", "--why", "app", "--format", "json"];
    let why = site.offline(project.path(), flags).succeeds().json();
    let stages = why["stages"].as_array().unwrap().iter();
    let steps = stages.flat_map(|stage| stage["steps"].as_array().unwrap());
    steps
        .filter_map(|s| Some((s["line"].as_u64()?, s["network"].as_str()?.to_owned())))
        .collect()
}

/// The worst that a rule finds.
fn severities(site: &Engine, project: &Workspace, rule: &str) -> Vec<String> {
    let flags = ["diagnose", "--format", "json"];
    let report = site.offline(project.path(), flags).run().json();
    let findings = report["findings"].as_array().unwrap().iter();
    let own = findings.filter(|f| f["id"] == rule);
    own.map(|f| f["severity"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn expected(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    let owned = states.iter().map(|(line, state)| (*line, (*state).into()));
    owned.collect()
}

/// All that a dry run could change.
fn everything(site: &Engine, project: &Workspace) -> String {
    let script = "docker image ls --all --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort; docker ps --all --quiet --no-trunc; docker volume ls; docker network ls; docker builder du | tail -n 1";
    format!("{}{}", site.shell(script).stdout, project.listing(&[]))
}

/// What a build would do, and the steps of `app` that would run: line, network, reason.
/// Nothing is changed by asking.
fn planned(
    site: &Engine,
    project: &Workspace,
    flags: &[&str],
) -> (Value, Vec<(String, String, String)>) {
    let before = everything(site, project);
    let ran = site
        .offline(project.path(), ["build", "--dry-run", "--format", "json"])
        .args(flags)
        .succeeds();
    assert_eq!(
        everything(site, project),
        before,
        "nothing is changed: {ran}"
    );
    let plan: Value = ran.json();
    let steps = plan["services"][0]["steps"].as_array().unwrap().clone();
    let word = |step: &Value, name: &str| step[name].as_str().unwrap_or_default().to_owned();
    let line = |step: &Value| word(step, "at").rsplit(':').next().unwrap().to_owned();
    let runs = steps.iter().filter(|step| step["cached"] == false);
    let told = runs.map(|s| (line(s), word(s, "network"), word(s, "reason")));
    (plan.clone(), told.collect())
}

/// Whether the plan says that something is not known.
fn is_unknown(plan: &Value, what: &str) -> bool {
    let mut unknown = plan["unknown"].as_array().unwrap().iter();
    unknown.any(|one| one["what"] == what)
}

#[test]
fn each_network_step_is_cached_recorded_or_lost() {
    let carried = carried(&[]);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    say("a dry run reads the archive and unpacks it nowhere");
    let archive = carried.archive().to_string_lossy().into_owned();
    let (plan, runs) = planned(&site, &project, &["--bundle", &archive]);
    assert_eq!(runs, [], "all is in the cache: {plan}");
    assert_eq!(plan["bundle"]["unpacked_first"], true, "{plan}");
    let load = plan["load"][0]["image"].as_str().unwrap_or_default();
    assert!(load.contains("busybox:1.36"), "{plan}");
    assert!(plan["load_bytes"].as_u64() > Some(0), "{plan}");
    assert!(is_unknown(&plan, "bytes"), "{plan}");
    assert!(!is_unknown(&plan, "success"), "{plan}");
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    assert_eq!(
        states(&site, &project),
        expected(&[(4, "cached"), (6, "cached")])
    );

    say("a source is edited");
    project.write("app/words", "words two\n");
    assert_eq!(
        states(&site, &project),
        expected(&[(4, "cached"), (6, "recorded")])
    );
    assert_eq!(severities(&site, &project, "network-step"), ["note"]);
    let nothing: [&str; 0] = [];
    assert_eq!(severities(&site, &project, "copy-before-install"), nothing);
    let (plan, runs) = planned(&site, &project, &[]);
    let lines: Vec<&str> = runs.iter().map(|(line, ..)| line.as_str()).collect();
    assert_eq!(lines, ["5", "6", "7"], "{plan}");
    assert!(runs[0].2.contains("words"), "the file is named: {plan}");
    assert_eq!(runs[1].1, "recorded", "{plan}");
    assert!(is_unknown(&plan, "own_cache"), "{plan}");
    let load = plan["load"].as_array().unwrap();
    assert!(load.is_empty(), "the images are there already: {plan}");
    let zh = site.offline(project.path(), ["build", "--dry-run", "--lang", "zh"]);
    let zh = zh.succeeds();
    for words in ["由录制的网络内容回答", "没有任何改动"] {
        assert!(zh.stdout.contains(words), "{words}: {zh}");
    }
    let (plan, runs) = planned(&site, &project, &["--classic"]);
    assert_eq!(plan["builder"]["name"], "classic", "{plan}");
    let lost = ("6".into(), "lost".into(), String::new());
    assert!(runs.contains(&lost), "it replays nothing: {plan}");

    say("the classic builder cannot replay it, and says so");
    let classic = site
        .offline(project.path(), ["build", "--classic"])
        .within(300)
        .run();
    classic.assert_in_words();
    assert!(!classic.ok(), "{classic}");
    for words in [
        "app/Dockerfile:6",
        "no mounts",
        "without --classic",
        "move this COPY",
    ] {
        assert!(classic.all().contains(words), "{words}: {classic}");
    }
    let built = site.offline(project.path(), ["build", "--format", "json"]);
    let built: Value = built.succeeds().json();
    assert!(
        built["services"][0]["replayed"].as_u64() > Some(0),
        "{built}"
    );

    say("a step is written since");
    project.edit("app/Dockerfile", "$ORIGIN/app", "$ORIGIN/never");
    assert_eq!(
        states(&site, &project),
        expected(&[(4, "cached"), (6, "unknown")])
    );
    assert_eq!(severities(&site, &project, "network-step"), ["warning"]);
    let (plan, runs) = planned(&site, &project, &[]);
    assert_eq!(runs[1].1, "unknown", "{plan}");
    assert!(is_unknown(&plan, "requests"), "{plan}");
}

#[test]
fn without_a_recording_such_a_step_is_lost() {
    let carried = carried(&["--no-record"]);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    project.write("app/words", "words two\n");
    assert_eq!(
        states(&site, &project),
        expected(&[(4, "cached"), (6, "lost")])
    );
    assert_eq!(severities(&site, &project, "network-step"), ["error"]);
}
