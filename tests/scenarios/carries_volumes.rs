//! Volumes that `x-offline` declares are carried with their content, and filled before
//! anything is up: never one that holds something else, and never one in use.

use std::fs;
use std::time::Duration;

use docker_offline_tests::{Carried, Engine, Signal, Workspace, listing, say, sites};

const CONNECTED: &str = "28-overlay2-connected";

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
    let refused = carried.build(&site, &project, &[]);
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
    let filled = carried.build(&site, &project, &[]);
    assert!(
        filled.ok() && filled.stdout.contains("Put volumes store"),
        "{filled}"
    );
    assert_eq!(volume(&site, "seeded_store"), before);

    say("an empty one is filled before anything is up");
    site.shell("docker volume rm seeded_store; docker volume create seeded_store");
    let built = carried.build(&site, &project, &[]);
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
        let again = carried.build(&site, &project, flags);
        assert!(
            again.ok() && again.stdout.contains("holds volumes store already"),
            "{again}"
        );
    }
    site.answers("http://127.0.0.1:18082/more", "more");

    say("--replace: not what is in use, and what is not, as a whole");
    site.shell("docker rm -f $(docker ps -aq) >/dev/null; docker volume rm seeded_store; docker volume create seeded_store; docker run -d --name user -v seeded_store:/d busybox:1.36 sh -c 'echo mine > /d/mine; sleep 600'");
    let in_use = carried.build(&site, &project, &["--replace"]);
    in_use.assert_failure(55, &["the volume seeded_store is in use by user"]);
    site.shell("docker rm -f user");
    let replaced = carried.build(&site, &project, &["--replace"]);
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
    let built = carried.build(&site, &project, &["--classic"]);
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
