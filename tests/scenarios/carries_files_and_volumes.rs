//! What `x-offline` declares is carried beside the images, and put where the project
//! expects it: with owners, modes, times and links, and never over something else.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use docker_offline_tests::{Carried, Engine, Ran, Signal, Workspace, on_machine, say, sites};

const CONNECTED: &str = "28-overlay2-connected";

const COMPOSE: &str = r#"name: kept
x-offline:
  files:
    - ./drivers
    - path: ../OUTSIDE/licence.txt
      target: /opt/vendor/licence.txt
services:
  web:
    build: ./web
    image: kept-web:1
    command: httpd -f -p 80 -h /srv/drivers
    ports: ["18081:80"]
    stop_grace_period: 1s
    volumes:
      - ./drivers:/srv/drivers:ro
      - /opt/vendor/licence.txt:/licence.txt:ro
      - /srv/models:/models:ro
    x-offline:
      files:
        - path: ./drivers
"#;

/// Every name, kind, mode, owner, time, link and content of a folder.
const LISTING: &str = r#"cd "$0"; find . -printf '%p %y %m %U:%G %T@ %l %n\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort
exec python3 -c 'import os
for d, _, f in sorted(os.walk(".")):
    for p in [d] + sorted(os.path.join(d, n) for n in f):
        for n in os.listxattr(p, follow_symlinks=False):
            print(repr(p), n, os.getxattr(p, n, follow_symlinks=False))'"#;

fn listing(engine: &Engine, folder: &str) -> String {
    let ran = engine.run("sh").args(["-c", LISTING, folder]).quietly();
    ran.succeeds().stdout
}

fn make(script: &str, folder: &std::path::Path) {
    let made = on_machine("sh").args(["-ec", script]).arg(folder).quietly();
    made.succeeds();
}

/// What is declared: all that is hard about files.
const DRIVERS: &str = r#"cd "$0"; mkdir -p 'drivers/a b/中文'
printf 'insmod\n' > 'drivers/a b/中文/driver.ko'
printf 'line' > "$(printf 'drivers/new\nline')"
ln 'drivers/a b/中文/driver.ko' drivers/second
ln -s 'a b/中文/driver.ko' drivers/link
ln -s /etc/passwd drivers/out
truncate -s 300M drivers/sparse
chmod 4751 drivers/second
chown 1234:2345 drivers/link drivers/second
chown -h 7:8 drivers/link
chmod 750 'drivers/a b'
python3 -c 'import os; os.setxattr("drivers/second", "user.vendor", b"acme")'
touch -d '2015-10-21 07:28:00.123456789' drivers/second 'drivers/a b'
"#;

fn project() -> (Workspace, Workspace) {
    let outside = Workspace::of_files("outside", &[("licence.txt", "licence 1\n")]);
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    let compose = COMPOSE.replace("OUTSIDE", name);
    let files = [
        ("compose.yaml", compose.as_str()),
        (
            "web/Dockerfile",
            "FROM busybox:1.36\nRUN echo built > /built\n",
        ),
    ];
    let project = Workspace::of_files("kept", &files);
    make(DRIVERS, project.path());
    (project, outside)
}

#[test]
fn what_is_declared_is_carried_and_put_into_its_place() {
    let connected = Engine::with_plugin(CONNECTED);
    let (project, outside) = project();
    let folder = project.path();
    connected.shell("mkdir -p /srv/models && echo m > /srv/models/m");

    say("what is wrong is said by file and line, and nothing is written");
    wrong_input(&connected, &project);

    say("a plan lists what is carried, and proposes what is not");
    let plan = connected
        .offline(folder, ["export", "--dry-run"])
        .succeeds();
    for words in ["Carried besides", "compose.yaml:4", "licence.txt"] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    for words in [
        "compose.yaml:17: service web mounts /srv/models",
        "x-offline",
    ] {
        assert!(plan.stderr.contains(words), "{words}: {plan}");
    }
    let json = ["export", "--dry-run", "--format", "json"];
    let json = connected.offline(folder, json).quietly().succeeds().json();
    assert_eq!(json["carried"][0]["name"], "/opt/vendor/licence.txt");
    assert_eq!(json["carried"][0]["size"], 10);

    let before = listing(&connected, &format!("{}/drivers", folder.display()));
    let carried = Carried::export(&connected, project, &["--no-record"]);
    assert!(
        carried.told.contains("Carried: files drivers"),
        "{}",
        carried.told
    );
    assert!(
        fs::metadata(carried.archive()).unwrap().len() < 100 << 20,
        "300 MB of zeros are not carried as such"
    );

    say("a second export writes the same archive");
    let archive = fs::read(carried.archive()).unwrap();
    let again = connected
        .offline(
            carried.project.path(),
            ["export", "--no-record", "--archive"],
        )
        .arg(carried.archive())
        .succeeds();
    assert!(again.stdout.contains("0 B new"), "{again}");
    assert!(fs::read(carried.archive()).unwrap() == archive);
    drop(connected);
    drop(outside);
    for kind in sites() {
        println!("  {kind}");
        on_site(&carried, &kind, &before);
    }
}

fn wrong_input(connected: &Engine, project: &Workspace) {
    let folder = project.path();
    for (from, to, code, words) in [
        (
            "files:\n    - ./drivers",
            "file:\n    - ./drivers",
            11,
            ["compose.yaml:3", "unknown key `file`"],
        ),
        (
            "- ./drivers",
            "- ./driver",
            19,
            ["compose.yaml:4", "driver does not exist"],
        ),
        (
            "/opt/vendor/licence.txt\n",
            "../licence.txt\n",
            11,
            ["compose.yaml:6", "contains `..`"],
        ),
        (
            "- path: ./drivers",
            "- to: ./drivers",
            11,
            ["compose.yaml:20", "unknown key `to`"],
        ),
        (
            "- ./drivers",
            "- .",
            11,
            ["compose.yaml:4", "name what lies in it"],
        ),
    ] {
        let before = project.edit("compose.yaml", from, to);
        connected
            .offline(folder, ["export", "--archive", "none"])
            .fails_with(code, &words);
        assert!(!project.join("build-cache").exists());
        project.write("compose.yaml", before);
    }
}

fn build(site: &Engine, project: &Workspace, carried: &Carried, flags: &[&str]) -> Ran {
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .args(flags)
        .run()
}

fn on_site(carried: &Carried, kind: &str, before: &str) {
    let (site, project) = carried.arrive(kind);
    let drivers = format!("{}/drivers", project.path().display());
    fs::remove_dir_all(project.join("drivers")).unwrap();

    say("all is put into its place, as it was");
    let built = build(&site, &project, carried, &[]);
    assert!(built.ok(), "{built}");
    for words in ["Put files drivers to", "Put files /opt/vendor/licence.txt"] {
        assert!(built.stdout.contains(words), "{built}");
    }
    assert_eq!(listing(&site, &drivers), before);
    let licence = site.run("cat").arg("/opt/vendor/licence.txt").succeeds();
    assert_eq!(licence.stdout, "licence 1\n");
    let blocks = site.shell(&format!("stat -c %b '{drivers}/sparse'"));
    assert_eq!(blocks.stdout.trim(), "0");

    say("a service reads it");
    site.compose_up(project.path());
    site.answers("http://127.0.0.1:18081/second", "insmod");

    say("a second run writes nothing");
    let was = project.listing(&["build-cache"]);
    let again = build(&site, &project, carried, &[]);
    assert!(
        again.ok() && again.stdout.contains("holds files drivers already"),
        "{again}"
    );
    assert_eq!(project.listing(&["build-cache"]), was);

    say("what is there and differs is named and stays, and the rest is done");
    site.shell("echo mine > /opt/vendor/licence.txt");
    fs::remove_file(project.join("drivers/link")).unwrap();
    symlink("elsewhere", project.join("drivers/link")).unwrap();
    fs::write(project.join("drivers/mine"), "mine").unwrap();
    fs::remove_file(project.join("drivers/out")).unwrap();
    let refused = build(&site, &project, carried, &[]);
    refused.assert_failure(
        55,
        &[
            "/opt/vendor/licence.txt: its content differs",
            "drivers/link: it leads elsewhere",
            "--replace",
        ],
    );
    assert!(
        refused.stdout.contains("kept-web"),
        "it is built all the same: {refused}"
    );
    let licence = site.run("cat").arg("/opt/vendor/licence.txt").succeeds();
    assert_eq!(licence.stdout, "mine\n");
    assert!(
        !project.join("drivers/out").exists()
            && fs::read_link(project.join("drivers/out")).is_err()
    );

    say("--replace overwrites it, and takes nothing else away");
    let one = build(&site, &project, carried, &["--replace=drivers"]);
    one.assert_failure(55, &["/opt/vendor/licence.txt: its content differs"]);
    assert!(!one.stderr.contains("drivers/link"), "{one}");
    let replaced = build(&site, &project, carried, &["--replace"]);
    assert!(replaced.ok(), "{replaced}");
    assert_eq!(
        fs::read_to_string(project.join("drivers/mine")).unwrap(),
        "mine"
    );
    fs::remove_file(project.join("drivers/mine")).unwrap();
    let now = listing(&site, &drivers);
    let but_times = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| !l.starts_with(". "));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(but_times(&now), but_times(before));

    say("what the Compose file no longer declares is left alone");
    site.shell("rm /opt/vendor/licence.txt");
    project.edit(
        "compose.yaml",
        "target: /opt/vendor/licence.txt",
        "target: /opt/other/licence.txt",
    );
    let other = build(&site, &project, carried, &[]);
    assert!(other.ok(), "{other}");
    for words in [
        "does not hold files /opt/other/licence.txt",
        "compose.yaml:5",
    ] {
        assert!(other.stderr.contains(words), "{words}: {other}");
    }
    site.shell("test ! -e /opt/vendor/licence.txt && test ! -e /opt/other/licence.txt");
}

const SEEDED: &str = r#"name: seeded
services:
  db:
    image: busybox:1.36
    command: sh -c "cat /data/hello; httpd -f -p 80 -h /data"
    ports: ["18082:80"]
    stop_grace_period: 1s
    volumes:
      - store:/data
      - scratch:/scratch
    x-offline:
      volumes:
        - {name: store, pause: true}
volumes:
  store:
  scratch:
"#;

/// What a database would have: owners, modes, links of both sorts, hard names, holes.
const CONTENT: &str = r#"cd /data; echo hello > hello; mkdir -p 'a b/中文'
printf 'line' > "$(printf 'new\nline')"
echo deep > 'a b/中文/deep'; ln hello second; ln -s hello link
dd if=/dev/zero of=sparse bs=1 count=0 seek=200M 2>/dev/null
chown -R 999:998 'a b' hello; chmod 4751 hello; chmod 700 'a b'; chown 999:998 .; chmod 750 .
touch -d '2015-10-21 07:28:00' hello"#;

/// The content of a volume, as its disk has it.
fn volume(engine: &Engine, name: &str) -> String {
    let script = format!("docker volume inspect --format '{{{{.Mountpoint}}}}' {name}");
    let place = engine.shell(&script).stdout;
    listing(engine, place.trim())
}

#[test]
fn a_volume_is_carried_with_its_content() {
    let connected = Engine::with_plugin(CONNECTED);
    let project = Workspace::of_files("seeded", &[("compose.yaml", SEEDED)]);
    let folder = project.path();

    say("a volume that is not there is said by file and line");
    connected
        .offline(folder, ["export", "--archive", "none"])
        .fails_with(
            19,
            &["compose.yaml:13", "the volume seeded_store does not exist"],
        );

    connected.compose_up(folder);
    let inside = ["compose", "exec", "-T", "db", "sh", "-ec"];
    connected.docker(folder, inside).arg(CONTENT).succeeds();
    let fill = "dd if=/dev/urandom of=/scratch/x bs=1k count=100 2>/dev/null";
    connected
        .docker(folder, inside)
        .arg(fill)
        .quietly()
        .succeeds();
    let place = "\"$(docker volume inspect --format '{{.Mountpoint}}' seeded_store)\"";
    connected.shell(&format!(
        "cd {place}; python3 -c 'import os; os.setxattr(\"hello\", \"user.vendor\", b\"acme\")'"
    ));
    let before = volume(&connected, "seeded_store");
    let images = connected.images();

    say("what is not declared and holds data is offered");
    let plan = connected
        .offline(folder, ["export", "--dry-run"])
        .succeeds();
    for words in [
        "compose.yaml:10: service db mounts the volume scratch",
        "volumes: [scratch]",
        "kB",
    ] {
        assert!(plan.stderr.contains(words), "{words}: {plan}");
    }
    assert!(plan.stdout.contains("the volume seeded_store"), "{plan}");

    say("an interrupt leaves nobody paused, and no container and no image");
    let mut export = connected
        .offline(folder, ["export", "--no-record", "--archive", "none"])
        .start();
    assert!(export.wait_for("Carrying volumes store"));
    std::thread::sleep(Duration::from_secs(1));
    export.signal_all(Signal::INT);
    assert_eq!(export.finish().code, 130);
    assert_eq!(connected.images(), images);
    let left = connected.shell("docker ps -a --format '{{.Names}} {{.Status}}'");
    assert!(left.stdout.starts_with("seeded-db-1 Up"), "{left}");
    assert!(!left.stdout.contains("Paused"), "{left}");
    assert_eq!(left.stdout.lines().count(), 1, "{left}");

    let carried = Carried::export(&connected, project, &["--no-record"]);
    assert!(
        carried.told.contains("Carried: volumes store"),
        "{}",
        carried.told
    );
    assert_eq!(connected.images(), images, "no image of ours stays");
    let status = ["ps", "--format", "{{.Status}}"];
    let status = connected.docker(carried.project.path(), status).succeeds();
    assert!(!status.stdout.contains("Paused"), "{status}");
    let archive = fs::read(carried.archive()).unwrap();
    connected
        .offline(
            carried.project.path(),
            ["export", "--no-record", "--archive"],
        )
        .arg(carried.archive())
        .succeeds();
    assert!(
        fs::read(carried.archive()).unwrap() == archive,
        "the same again"
    );
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        seeded_on_site(&carried, &kind, &before);
    }
}

fn seeded_on_site(carried: &Carried, kind: &str, before: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();

    say("one that holds data stays, and is named");
    let fill = "docker volume create seeded_store >/dev/null; cd \"$(docker volume inspect --format '{{.Mountpoint}}' seeded_store)\"; echo mine > mine";
    site.shell(fill);
    let refused = build(&site, &project, carried, &[]);
    refused.assert_failure(55, &["the volume seeded_store holds data", "--replace"]);
    assert!(volume(&site, "seeded_store").contains("mine"));

    say("a run that is killed leaves a half filled one, which the next run fills anew");
    site.shell("docker volume rm seeded_store");
    let mut killed = site
        .offline(folder, ["build", "--bundle"])
        .arg(carried.archive())
        .start();
    assert!(killed.wait_for("Restoring volumes store"));
    let created = "until docker volume inspect seeded_store >/dev/null 2>&1; do sleep 0.05; done";
    site.shell(created);
    killed.signal_all(Signal::KILL);
    killed.finish();
    let filled = build(&site, &project, carried, &[]);
    assert!(
        filled.ok() && filled.stdout.contains("Put volumes store"),
        "{filled}"
    );
    assert_eq!(volume(&site, "seeded_store"), before);

    say("an empty one is filled before anything is up");
    site.shell("docker volume rm seeded_store; docker volume create seeded_store");
    let built = build(&site, &project, carried, &[]);
    assert!(
        built.ok()
            && built
                .stdout
                .contains("Put volumes store to the volume seeded_store"),
        "{built}"
    );
    assert_eq!(volume(&site, "seeded_store"), before);

    say("Compose takes it for its own, and a service reads it");
    let up = site.docker(folder, ["compose", "up", "-d"]).succeeds();
    assert!(!up.all().contains("was not created by"), "{up}");
    site.answers("http://127.0.0.1:18082/hello", "hello");

    say("a second run writes nothing, also after the volume was used");
    let used = [
        "compose",
        "exec",
        "-T",
        "db",
        "sh",
        "-c",
        "echo more > /data/more",
    ];
    site.docker(folder, used).succeeds();
    for flags in [&[][..], &["--replace"]] {
        let again = build(&site, &project, carried, flags);
        assert!(
            again.ok() && again.stdout.contains("holds volumes store already"),
            "{again}"
        );
    }
    site.answers("http://127.0.0.1:18082/more", "more");

    say("--replace: not what is in use, and what is not, as a whole");
    site.shell("docker rm -f $(docker ps -aq) >/dev/null; docker volume rm seeded_store; docker volume create seeded_store; docker run -d --name user -v seeded_store:/d busybox:1.36 sh -c 'echo mine > /d/mine; sleep 600'");
    let in_use = build(&site, &project, carried, &["--replace"]);
    in_use.assert_failure(55, &["the volume seeded_store is in use by user"]);
    site.shell("docker rm -f user");
    let replaced = build(&site, &project, carried, &["--replace"]);
    assert!(replaced.ok(), "{replaced}");
    assert_eq!(volume(&site, "seeded_store"), before);
    let left =
        site.shell("docker image ls --format '{{.Repository}}' docker-offline.invalid/replay");
    assert_eq!(left.stdout.trim(), "", "no image of ours stays");
}

const OLD: &str = r#"version: "3.8"
services:
  db:
    image: busybox:1.36
    command: sleep 600
    stop_grace_period: 1s
    volumes: ["store:/data"]
volumes:
  store:
x-offline:
  volumes: [store]
"#;

#[test]
fn an_old_compose_takes_the_volume_for_its_own() {
    let connected = Engine::with_plugin(CONNECTED);
    let files = [
        ("compose.yaml", OLD),
        (".env", "COMPOSE_PROJECT_NAME=older\n"),
    ];
    let project = Workspace::of_files("older", &files);
    connected.compose_up(project.path());
    let fill = [
        "compose",
        "exec",
        "-T",
        "db",
        "sh",
        "-c",
        "echo hi > /data/hi",
    ];
    connected.docker(project.path(), fill).succeeds();
    let carried = Carried::export(&connected, project, &["--no-record"]);
    drop(connected);

    let (site, project) = carried.arrive("20-overlay2-airgapped");
    let built = build(&site, &project, &carried, &["--classic"]);
    assert!(
        built.ok() && built.stdout.contains("Put volumes store"),
        "{built}"
    );
    let up = site.run_in(project.path(), "docker-compose");
    let up = up.args(["up", "-d"]).succeeds();
    for words in ["has changed", "not created", "WARN"] {
        assert!(!up.all().contains(words), "{words}: {up}");
    }
    let read = ["exec", "older_db_1", "cat", "/data/hi"];
    let read = site.docker(project.path(), read).succeeds();
    assert_eq!(read.stdout, "hi\n");
}
