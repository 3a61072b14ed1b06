//! Steps whose caches do not reach another generation of engines or another image
//! store, or are forgotten there: the recorded network is replayed for them, and for
//! nothing else.

use std::collections::BTreeMap;

use docker_offline_tests::{Carried, Engine, Origin, Pair, Ran, Workspace, no_way_out, pairs, say};

const COMPOSE: &str = r#"name: across
services:
  base:
    build: {context: ./base, args: {ORIGIN: "${ORIGIN}"}}
    image: across-base:dev
  child:
    build: {context: ./child, args: {ORIGIN: "${ORIGIN}"}}
    image: across-child:dev
  early:
    build: {context: ./early, args: {ORIGIN: "${ORIGIN}"}}
    image: across-early:dev
  mounts:
    build: {context: ./mounts, args: {ORIGIN: "${ORIGIN}"}}
    image: across-mounts:dev
  link:
    build: {context: ./link, args: {ORIGIN: "${ORIGIN}"}}
    image: across-link:dev
"#;
const BASE: &str = "FROM busybox:1.36\nARG ORIGIN\nRUN wget -q -O /fetched \"$ORIGIN/base\"\n";
const CHILD: &str =
    "FROM across-base:dev\nARG ORIGIN\nRUN wget -q -O /own \"$ORIGIN/child\"\nCOPY words /words\n";
const EARLY: &str =
    "FROM across-base:dev\nARG ORIGIN\nCOPY words /words\nRUN wget -q -O /own \"$ORIGIN/early\"\n";
const MOUNTS: &str = "FROM busybox:1.36\nARG ORIGIN\nRUN --mount=type=cache,target=/c wget -q -O /c/x \"$ORIGIN/mounts\" && cp /c/x /own\nCOPY words /words\n";
const LINK: &str = "FROM busybox:1.36\nARG ORIGIN\nCOPY --link words /words\nRUN wget -q -O /own \"$ORIGIN/link\"\n";
const SERVICES: [&str; 5] = ["base", "child", "early", "link", "mounts"];

fn project(origin: &Origin) -> Workspace {
    let environment = origin.environment();
    let mut files = vec![("compose.yaml", COMPOSE), (".env", &environment)];
    files.extend([
        ("base/Dockerfile", BASE),
        ("child/Dockerfile", CHILD),
        ("child/words", "child one\n"),
        ("early/Dockerfile", EARLY),
        ("early/words", "early one\n"),
        ("mounts/Dockerfile", MOUNTS),
        ("mounts/words", "mounts one\n"),
        ("link/Dockerfile", LINK),
        ("link/words", "link one\n"),
    ]);
    Workspace::of_files("across", &files)
}

#[test]
fn what_cannot_cross_is_replayed_and_nothing_else() {
    let mut exports: BTreeMap<&str, Carried> = BTreeMap::new();
    for pair in pairs() {
        println!("  {pair}");
        let carried = exports.entry(pair.from).or_insert_with(|| export(pair));
        on_site(carried, pair);
    }
}

fn export(pair: Pair) -> Carried {
    let connected = Engine::with_plugin(&pair.connected());
    let origin = Origin::start(&connected);
    let carried = Carried::export(&connected, project(&origin), &[]);
    for words in [
        "mounts: RUN --mount hits",
        "link: COPY --link misses",
        "docker offline build runs such steps there with the recorded network",
    ] {
        assert!(carried.told.contains(words), "{words}: {}", carried.told);
    }
    // With the site named, nothing is lost there: the export is not refused.
    let named = ["export", "--dry-run"];
    let named = connected.offline(carried.project.path(), named);
    let said = named.args(["--site-engine", "26.1,containerd"]).succeeds();
    for words in ["mounts/Dockerfile:3", "answered from the recorded network"] {
        assert!(said.all().contains(words), "{words}: {said}");
    }
    carried
}

fn replayed(ran: &Ran) -> Vec<String> {
    let summary = ran.json();
    let services = summary["services"].as_array().unwrap().iter();
    let replayed = services.filter(|s| s["replayed"].as_u64() > Some(0));
    replayed
        .map(|s| s["service"].as_str().unwrap().to_owned())
        .collect()
}

fn on_site(carried: &Carried, pair: Pair) {
    let (site, project) = carried.arrive(&pair.airgapped());
    let build = |flags: &[&str]| {
        let build = site.offline(project.path(), ["build", "--format", "json"]);
        build.args(flags).within(300)
    };
    let archive = carried.archive();
    let first = build(&["--bundle", archive.to_str().unwrap()]).succeeds();
    let mut expected = Vec::new();
    if !pair.same_store() || (!pair.same_generation() && pair.from == "containerd") {
        expected.push("link");
    }
    if !pair.same_generation() {
        expected.push("mounts");
    }
    assert_eq!(replayed(&first), expected, "{first}");
    for service in &expected {
        let words = format!("{service}/Dockerfile");
        let mut lines = first.stderr.lines();
        let told = |line: &str| line.contains("answered from the recorded network");
        assert!(
            lines.any(|l| told(l) && l.contains(&words)),
            "{service}: {first}"
        );
    }
    shows(&site, &project, "one");

    say("edited after all of that: nothing is asked for again");
    for service in ["child", "mounts"] {
        project.edit(&format!("{service}/words"), "one", "two");
    }
    let after = build(&[]).succeeds();
    assert_eq!(replayed(&after), Vec::<String>::new(), "{after}");
    say("edited before");
    for service in ["early", "link"] {
        project.edit(&format!("{service}/words"), "one", "two");
    }
    let before = build(&[]).succeeds();
    // `early` has used the base for real; what `child` has upon it is still found.
    assert_eq!(replayed(&before), ["early", "link"], "{before}");
    shows(&site, &project, "two");

    // On a containerd store a failure right after a FROM makes the engine forget what
    // was cached upon a sibling's image (fact 28).
    say("a build that fails right after the FROM of each service, and is undone");
    let plain = ["compose", "build", "base"];
    site.docker(project.path(), plain).within(120).succeeds();
    for service in ["link", "mounts", "early", "child", "base"] {
        let dockerfile = format!("{service}/Dockerfile");
        let text = project.read(&dockerfile);
        let broken = text.replacen("ARG ORIGIN\n", "ARG ORIGIN\nRUN false\n", 1);
        project.write(&dockerfile, broken);
        let ran = site
            .docker(project.path(), ["compose", "build", service])
            .within(120)
            .run();
        assert!(!ran.ok(), "{ran}");
        project.write(&dockerfile, text);
    }
    let undone = build(&["child"]).succeeds();
    let found = replayed(&undone);
    say(format!("      replayed: {found:?}"));
    assert!(found.iter().all(|s| s == "child"), "{undone}");
    shows(&site, &project, "two");
    let again = build(&[]).succeeds();
    assert_eq!(replayed(&again), Vec::<String>::new(), "{again}");

    say("the base is edited before its step");
    project.edit(
        "base/Dockerfile",
        "RUN wget",
        "RUN echo two > /base\nRUN wget",
    );
    let edited = build(&[]).succeeds();
    assert_eq!(replayed(&edited), ["base", "child", "early"], "{edited}");
    shows(&site, &project, "two");
    no_way_out(&site);
}

/// Each service's image holds its words and what it fetched.
fn shows(site: &Engine, project: &Workspace, words: &str) {
    for service in SERVICES {
        let image = format!("across-{service}:dev");
        let files: &[&str] = match service {
            "base" => &["/fetched"],
            "child" | "early" => &["/fetched", "/own", "/words"],
            _ => &["/own", "/words"],
        };
        let cat = ["run", "--rm", &image, "cat"];
        let cat = site.docker(project.path(), cat).args(files).quietly();
        let shown = cat.succeeds().stdout;
        let answer = format!("answer of /{service}");
        assert!(shown.contains(&answer), "{answer}: {shown}");
        let own = format!("{service} {words}");
        assert!(service == "base" || shown.contains(&own), "{own}: {shown}");
    }
}
