//! Lists of packages are edited on site: what was recorded builds, whatever the order
//! or the service it was recorded for; what never was is named, and one more trip
//! brings exactly that.

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use docker_offline_tests::{Carried, Engine, Origin, Ran, Workspace, repository, say, sites};

const COMPOSE: &str = r#"name: lists
services:
  api: {build: ./api, image: "lists-api:dev"}
  worker: {build: ./worker, image: "lists-worker:dev"}
  site: {build: ./site, image: "lists-site:dev"}
  panel: {build: ./panel, image: "lists-panel:dev"}
"#;

const API: &str = r#"FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends jq && rm -rf /var/lib/apt/lists/*
WORKDIR /srv
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
CMD ["python", "/srv/main.py"]
"#;

/// What was carried, and the connected side that stays for the second trip.
static CARRIED: LazyLock<(Engine, Carried)> = LazyLock::new(|| {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_files("lists", &[("compose.yaml", COMPOSE)]);
    let sloppy = repository().join("compose-examples/sloppy");
    for service in ["api", "worker", "site", "panel"] {
        let copy = Workspace::copy_of(&sloppy.join(service), service);
        std::fs::rename(copy.path(), project.join(service)).unwrap();
    }
    // The story is about lists: what is no list is fetched in a step of its own.
    project.write("api/Dockerfile", API);
    // A version of a package that the site of the story has in another.
    panel(&project, &[("is-number", "7.0.0"), ("picocolors", "1.1.0")]);
    let carried = Carried::export(&connected, project, &[]);
    (connected, carried)
});

/// `package.json` of the panel, which has no lock.
fn panel(project: &Workspace, packages: &[(&str, &str)]) {
    project.write("panel/package.json", package("sloppy-panel", "", packages));
}

/// `package.json` of the site, with its lock.
fn site(project: &Workspace, packages: &[(&str, &str)]) {
    let more = r#""type": "module", "scripts": {"build": "node build.mjs"}, "#;
    project.write("site/package.json", package("sloppy-site", more, packages));
    let mut lock = String::new();
    for (name, version) in packages {
        let _ = write!(
            lock,
            r#", "node_modules/{name}": {{"version": "{version}"}}"#
        );
    }
    let root = list(packages);
    project.write(
        "site/package-lock.json",
        format!(
            r#"{{"name": "sloppy-site", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {{"": {{"name": "sloppy-site", "version": "1.0.0", "dependencies": {root}}}{lock}}}}}"#
        ),
    );
}

fn package(name: &str, more: &str, packages: &[(&str, &str)]) -> String {
    let list = list(packages);
    format!(
        r#"{{"name": "{name}", "version": "1.0.0", "private": true, {more}"dependencies": {list}}}"#
    )
}

fn list(packages: &[(&str, &str)]) -> String {
    let items = packages.iter().map(|(n, v)| format!(r#""{n}": "{v}""#));
    format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
}

/// On one more generation in any case: its steps have other keys.
fn every_site() -> Vec<String> {
    let mut sites = sites();
    sites.extend(["28-containerd-airgapped", "26-overlay2-airgapped"].map(String::from));
    sites.sort();
    sites.dedup();
    sites
}

#[test]
fn edited_lists_build_from_the_recording_and_one_trip_brings_what_it_lacks() {
    let mut small = None;
    for kind in every_site() {
        println!("  {kind}");
        let (engine, project) = CARRIED.1.arrive(&kind);
        let site = Site { engine, project };
        site.edits_of_what_was_recorded();
        site.what_was_never_recorded(&mut small);
    }
}

struct Site {
    engine: Engine,
    project: Workspace,
}

impl Site {
    fn build(&self, flags: &[&str]) -> Ran {
        let build = self.engine.offline(self.project.path(), ["build"]);
        build.args(flags).within(600).run()
    }

    /// Builds, and says which services were replayed.
    fn replays(&self, flags: &[&str]) -> Vec<String> {
        let flags = [&["--format", "json"], flags].concat();
        let built = self.build(&flags);
        assert!(built.ok(), "{built}");
        let built = built.json();
        let services = built["services"].as_array().unwrap().iter();
        let replayed = services.filter(|s| s["replayed"].as_u64() > Some(0));
        let mut names: Vec<String> = replayed
            .map(|s| s["service"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// What a command prints in a container of a service.
    fn prints(&self, service: &str, command: &[&str]) -> String {
        let run = ["compose", "run", "--rm", "--no-deps", "-T", service];
        let run = self.engine.docker(self.project.path(), run);
        run.args(command).within(60).succeeds().stdout
    }

    fn pip(&self, packages: &str) {
        self.project.write("api/requirements.txt", packages);
    }

    fn edits_of_what_was_recorded(&self) {
        let archive = CARRIED.1.archive();
        let first = self.replays(&["--bundle", archive.to_str().unwrap()]);
        // Steps with mounts have other keys on another generation.
        let expected: &[&str] = if self.engine.kind().starts_with("26") {
            &["panel", "worker"]
        } else {
            &[]
        };
        assert_eq!(first, expected, "nothing was edited");

        say("reordered");
        self.pip("colorama==0.4.6\nidna==3.7\n");
        site(
            &self.project,
            &[("picocolors", "1.1.1"), ("escape-html", "1.0.3")],
        );
        panel(
            &self.project,
            &[("picocolors", "1.1.0"), ("is-number", "7.0.0")],
        );
        assert_eq!(self.replays(&[]), ["api", "panel", "site"]);
        assert!(self.prints("api", &[]).contains("idna 3.7"));

        say("commented, and a package removed");
        self.pip("# Only this.\nidna==3.7  # for names\n");
        site(&self.project, &[("escape-html", "1.0.3")]);
        panel(&self.project, &[("is-number", "7.0.0")]);
        assert_eq!(self.replays(&[]), ["api", "panel", "site"]);
        let listed = self.prints("api", &["pip", "list"]);
        assert!(!listed.contains("colorama"), "{listed}");
        let listed = self.prints("panel", &["ls", "/srv/node_modules"]);
        assert!(!listed.contains("picocolors"), "{listed}");

        say("moved to versions that were recorded for other services");
        self.pip("idna==3.6\ncolorama==0.4.6\n");
        site(
            &self.project,
            &[("picocolors", "1.1.0"), ("escape-html", "1.0.3")],
        );
        panel(
            &self.project,
            &[("is-number", "7.0.0"), ("picocolors", "1.1.1")],
        );
        assert_eq!(self.replays(&[]), ["api", "panel", "site"]);
        assert!(self.prints("api", &[]).contains("idna 3.6"));
        let version = self.prints(
            "panel",
            &["cat", "/srv/node_modules/picocolors/package.json"],
        );
        assert!(version.contains(r#""1.1.1""#), "{version}");
    }

    fn what_was_never_recorded(&self, small: &mut Option<Workspace>) {
        say("a package that was never recorded");
        self.pip("idna==3.7\ncolorama==0.4.6\nsix==1.16.0\n");
        self.fails_at_once();
        panel(&self.project, &[("is-number", "7.0.0"), ("ms", "2.1.3")]);
        let failed = self.build(&["--wanted", "wanted.json"]);
        failed.assert_failure(
            52,
            &[
                "api/Dockerfile:5",
                "/six/",
                "panel/Dockerfile:5",
                "/ms",
                "export --fetch wanted.json",
                "build --bundle",
            ],
        );
        let wanted: serde_json::Value =
            serde_json::from_str(&self.project.read("wanted.json")).unwrap();
        let requests = wanted["requests"].as_array().unwrap();
        let asked = |service: &str, part: &str| {
            let mut all = requests.iter();
            all.any(|r| r["service"] == service && r["url"].as_str().unwrap().contains(part))
        };
        assert!(asked("api", "/six") && asked("panel", "/ms"), "{wanted}");
        let names: Vec<_> = wanted["services"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| &s["name"])
            .collect();
        // The site was built without what npm asks beside its packages (an audit).
        assert_eq!(names, ["api", "panel", "site"], "{wanted}");

        let folder = small.get_or_insert_with(|| fetch(&self.project.read("wanted.json")));
        let archive = folder.join("build-cache-add-1.tar.zst");
        let archive = archive.to_str().unwrap();
        let list = |bundle: &str| {
            let flags = ["diagnose", "--list-network", "--bundle", bundle];
            let list = self.engine.offline(self.project.path(), flags);
            list.quietly().succeeds().stdout
        };
        let listed = list(archive);
        assert!(
            listed.contains("six-1.16.0") && listed.contains("ms-2.1.3"),
            "{listed}"
        );
        assert!(!listed.contains("colorama-0.4.6"), "{listed}");
        let diagnose = |flags: &[&str]| {
            let flags = [&["diagnose"], flags].concat();
            self.engine.offline(self.project.path(), flags).run()
        };
        let (with, without) = (diagnose(&["--bundle", archive]), diagnose(&[]));
        with.assert_no_panic();
        assert_eq!(with.code, without.code, "{with} {without}");

        say("the second trip brings it");
        let all = ["api", "panel", "site"];
        assert_eq!(self.replays(&["--bundle", archive]), all);
        let six = self.prints(
            "api",
            &["python", "-c", "import six; print(six.__version__)"],
        );
        assert_eq!(six.trim(), "1.16.0");
        let ms = self.prints(
            "panel",
            &["node", "-e", "console.log(require('ms')('2 days'))"],
        );
        assert_eq!(ms.trim(), "172800000");
        let again = self.build(&["--bundle", archive]);
        assert!(again.ok() && !again.stderr.contains("Added"), "{again}");
        let listed = list("build-cache");
        assert!(
            listed.contains("six-1.16.0") && listed.contains("colorama-0.4.6"),
            "{listed}"
        );

        say("the first archive again takes nothing away");
        let first = CARRIED.1.archive();
        let again = self.build(&["--bundle", first.to_str().unwrap()]);
        assert!(again.ok(), "{again}");

        say("an edit after it replays from both recordings");
        self.project.edit("api/main.py", "api one", "api two");
        panel(&self.project, &[("ms", "2.1.3"), ("picocolors", "1.1.1")]);
        assert_eq!(self.replays(&[]), ["api", "panel"]);
        assert!(self.prints("api", &[]).contains("api two idna 3.7 jq"));
        let six = self.prints(
            "api",
            &[
                "python",
                "-c",
                "import six, colorama; print(six.__version__)",
            ],
        );
        assert_eq!(six.trim(), "1.16.0");
    }

    /// From the last thing that pip says before it asks for the package to the end of
    /// the command: longer than from the request itself.
    fn fails_at_once(&self) {
        let flags = ["build", "api", "--progress", "plain"];
        let build = self.engine.offline(self.project.path(), flags);
        let mut running = build.within(300).start();
        assert!(
            running.wait_for("Downloading colorama"),
            "pip asks for colorama first"
        );
        let asked = Instant::now();
        let failed = running.finish();
        let took = asked.elapsed();
        failed.assert_failure(52, &["api/Dockerfile:5", "/six/", "--wanted"]);
        say(format!(
            "      failed {:.1} s after the request",
            took.as_secs_f64()
        ));
        assert!(took < Duration::from_secs(5), "{took:?}: {failed}");
    }
}

/// The second trip's connected side: nothing of the project is touched, and what is
/// carried is small.
fn fetch(wanted: &str) -> Workspace {
    let (connected, carried) = &*CARRIED;
    let folder = Workspace::empty("small");
    folder.write("wanted.json", wanted);
    let before = carried.project.listing(&[]);
    let flags = ["export", "--format", "json", "--fetch"];
    let fetched = connected
        .offline(carried.project.path(), flags)
        .arg(folder.join("wanted.json"))
        .arg("--archive")
        .arg(folder.join("build-cache-add-1.tar.zst"))
        .within(600)
        .succeeds();
    assert_eq!(before, carried.project.listing(&[]), "{fetched}");
    let fetched = fetched.json();
    let number = |name: &str| fetched[name].as_u64().unwrap();
    let whole = std::fs::metadata(carried.archive()).unwrap().len();
    say(format!(
        "      {} bytes came from servers, {} are carried; the bundle's archive has {whole}",
        number("bytes"),
        number("archive_bytes"),
    ));
    assert_eq!(fetched["compared"], true, "{fetched}");
    assert!(number("archive_bytes") < 1 << 20, "{fetched}");
    assert!(number("archive_bytes") * 10 < number("bytes"), "{fetched}");
    assert!(number("archive_bytes") * 100 < whole, "{fetched}");
    folder
}

/// A step that came to an end without what it asked for is in the cache, and yet it is
/// written down, and runs again once that has been brought.
#[test]
fn what_a_step_did_without_is_brought_too() {
    const DOCKERFILE: &str =
        "FROM busybox:1.36\nARG ORIGIN\nCOPY . .\nRUN wget -q -O /one \"$ORIGIN/one\"\n";
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let compose = "name: without\nservices:\n  app:\n    build: {context: ., args: {ORIGIN: \"${ORIGIN}\"}}\n    image: without-app:dev\n";
    let project = Workspace::of_files(
        "without",
        &[
            ("compose.yaml", compose),
            (".env", &environment),
            (".dockerignore", "wanted.json\n"),
            ("Dockerfile", DOCKERFILE),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    let build = |flags: &[&str]| {
        let build = site.offline(project.path(), ["build"]).args(flags);
        build.within(120).succeeds()
    };
    let fetched = || {
        let run = ["compose", "run", "--rm", "-T", "app", "cat", "/two"];
        site.docker(project.path(), run).succeeds().stdout
    };
    build(&["--bundle", carried.archive().to_str().unwrap()]);
    let optional = "RUN wget -q -O /two \"$ORIGIN/two\" || echo none > /two\n";
    project.write("Dockerfile", format!("{DOCKERFILE}{optional}"));
    let without = build(&[]);
    assert!(
        without.stderr.contains("export --fetch wanted.json"),
        "{without}"
    );
    assert_eq!(fetched(), "none\n");

    build(&["--wanted", "wanted.json"]);
    let small = Workspace::empty("small");
    small.write("wanted.json", project.read("wanted.json"));
    let archive = small.join("build-cache-add-1.tar.gz");
    connected
        .offline(carried.project.path(), ["export", "--fetch"])
        .arg(small.join("wanted.json"))
        .arg("--archive")
        .arg(&archive)
        .within(120)
        .succeeds();
    say("an archive that lies beside the bundle is found by itself");
    let beside = project.path().with_file_name(format!(
        "{}-offline",
        project.path().file_name().unwrap().to_string_lossy()
    ));
    std::fs::create_dir_all(&beside).unwrap();
    std::fs::copy(&archive, beside.join("build-cache-add-1.tar.gz")).unwrap();
    let brought = build(&[]);
    assert!(brought.stderr.contains("Added"), "{brought}");
    assert!(!brought.stderr.contains("not in the bundle"), "{brought}");
    assert_eq!(fetched(), "answer of /two\n");
    let again = build(&["--format", "json"]);
    assert_eq!(again.json()["services"][0]["ran"], 0, "{again}");
    std::fs::remove_dir_all(beside).unwrap();
}

/// What a service asks for may depend on the service that it is built upon, as that is
/// on the site.
#[test]
fn the_base_is_the_site_s_own_when_its_child_is_fetched_for() {
    const BASE: &str =
        "FROM busybox:1.36\nARG ORIGIN\nCOPY . .\nRUN wget -q -O /one \"$ORIGIN/base\"\n";
    const CHILD: &str = "FROM upon-base:dev\nARG ORIGIN\nRUN wget -q -O /two \"$ORIGIN/$(cat /motd)\" && wget -q -O /three \"$ORIGIN/more-$(cat /motd)\"\n";
    const COMPOSE: &str = "name: upon\nservices:\n  base:\n    build: {context: ./base, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: upon-base:dev\n  child:\n    build: {context: ./child, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: upon-child:dev\n";
    let connected = Engine::with_plugin("28-containerd-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let project = Workspace::of_files(
        "upon",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &environment),
            ("base/Dockerfile", BASE),
            ("base/motd", "first"),
            ("child/Dockerfile", CHILD),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    let build = |flags: &[&str]| site.offline(project.path(), ["build"]).args(flags);
    let bundle = carried.archive();
    build(&["--bundle", bundle.to_str().unwrap()]).succeeds();
    project.write("base/motd", "second");
    let words = ["/second", "child/Dockerfile:3"];
    build(&["--wanted", "wanted.json"]).fails_with(52, &words);

    let images = connected.images();
    let flags = ["export", "--fetch"];
    let fetch = connected.offline(carried.project.path(), flags);
    fetch
        .arg(project.join("wanted.json"))
        .within(120)
        .succeeds();
    assert_eq!(images, connected.images(), "no image is tagged anew");
    assert!(
        origin.paths().contains(&"/more-second".to_owned()),
        "{:?}",
        origin.paths()
    );
    let entries = std::fs::read_dir(carried.project.path()).unwrap();
    let mut names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
    let small = names
        .find(|name| name.starts_with("build-cache-add-"))
        .unwrap();
    let small = carried.project.join(small);
    build(&["--bundle", small.to_str().unwrap()]).succeeds();
    let run = ["compose", "run", "--rm", "-T", "child", "cat", "/three"];
    let printed = site.docker(project.path(), run).succeeds().stdout;
    assert_eq!(printed, "answer of /more-second\n");
}
