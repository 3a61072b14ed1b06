//! Files that `x-offline` declares are carried beside the images, and put where the project
//! expects them: with owners, modes, times and links, and never over something else.

use std::fs;
use std::os::unix::fs::symlink;

use docker_offline_tests::{Carried, Engine, Workspace, listing, on_machine, say, sites};

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

fn on_site(carried: &Carried, kind: &str, before: &str) {
    let (site, project) = carried.arrive(kind);
    let drivers = format!("{}/drivers", project.path().display());
    fs::remove_dir_all(project.join("drivers")).unwrap();

    say("all is put into its place, as it was");
    let built = carried.build(&site, &project, &[]);
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
    let again = carried.build(&site, &project, &[]);
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
    let refused = carried.build(&site, &project, &[]);
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
    let one = carried.build(&site, &project, &["--replace=drivers"]);
    one.assert_failure(55, &["/opt/vendor/licence.txt: its content differs"]);
    assert!(!one.stderr.contains("drivers/link"), "{one}");
    let replaced = carried.build(&site, &project, &["--replace"]);
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
    let other = carried.build(&site, &project, &[]);
    assert!(other.ok(), "{other}");
    for words in [
        "does not hold files /opt/other/licence.txt",
        "compose.yaml:5",
    ] {
        assert!(other.stderr.contains(words), "{words}: {other}");
    }
    site.shell("test ! -e /opt/vendor/licence.txt && test ! -e /opt/other/licence.txt");
}
