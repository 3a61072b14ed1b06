//! One folder is all that is carried: the project's folder and the plugins of the docker
//! command travel in the bundle, and `install.sh` unpacks them where nothing is yet.

use std::fs;
use std::path::Path;

use docker_offline_tests::{Carried, Engine, Workspace, on_machine, say};

const PLUGINS: &str = "/usr/libexec/docker/cli-plugins";
const COMPOSE: &str = r"name: whole
services:
  web:
    build: .
    image: whole-web:1
    command: httpd -f -p 80 -h /srv
    ports: ['18083:80']
    stop_grace_period: 1s
    environment: {GREETING: '${GREETING}'}
    volumes: ['./data:/data']
";
const DOCKERFILE: &str = "FROM busybox:1.36\nRUN echo built > /built\nCOPY srv /srv\nRUN cp /srv/generated/app.js /app.js\n";

/// All that is hard about a folder of sources.
const TREE: &str = r#"cd "$0"
mkdir -p 'a b/中文' srv/generated data node_modules/left readonly empty .git/objects
echo page > srv/index.html; echo js > srv/generated/app.js; echo db > data/db
echo left > node_modules/left/a; echo HEAD > .git/HEAD; echo log > some.log
echo text > 'a b/中文/文件'; echo line > "$(printf 'a b/new\nline')"
ln -s ../outside 'a b/out'; ln -s /etc/passwd passwd; ln srv/index.html srv/second
printf '#!/bin/sh\n' > run.sh; chmod 4755 run.sh; echo r > readonly/file; chmod 555 readonly
mkfifo pipe
touch -d '2015-10-21 07:28:00.123456789' 'a b/中文/文件' 'a b' srv/index.html
"#;

fn project() -> Workspace {
    let files = [
        ("compose.yaml", COMPOSE),
        ("Dockerfile", DOCKERFILE),
        (".env", "GREETING=hello\n"),
        (
            ".gitignore",
            ".env\n*.log\nnode_modules\ngenerated\n/data\n",
        ),
    ];
    let project = Workspace::of_files("whole", &files);
    let made = on_machine("sh").args(["-ec", TREE]).arg(project.path());
    made.quietly().succeeds();
    project
}

/// What a folder holds, with the modes, times and links.
fn tree(folder: &Path) -> String {
    let script = r#"cd "$0"; find . -mindepth 1 -name build-cache -prune -o -printf '%P|%y|%m|%T@|%l\n' | sort"#;
    let listed = on_machine("sh").args(["-ec", script]).arg(folder);
    listed.quietly().succeeds().stdout
}

#[test]
fn one_folder_is_all_that_is_carried() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let project = project();
    let flags = ["--no-record", "--with-source", "--with-tools"];

    say("a plan lists both, and says what travels although git ignores it, and what does not");
    let plan = connected
        .offline(project.path(), ["export", "--dry-run"])
        .args(flags)
        .succeeds();
    for words in ["source", "docker-buildx", "docker-compose"] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    for words in [
        "git ignores .env, srv/generated/app.js",
        "stays behind, as git ignores it: data, node_modules, some.log; and .git",
        "compose.yaml:10: service web mounts data, which git ignores",
    ] {
        assert!(plan.stderr.contains(words), "{words}: {plan}");
    }

    let before = tree(project.path());
    let carried = Carried::export(&connected, project, &flags);
    for words in [
        "Carried: source ",
        "without 1 sockets",
        "Carried: tools docker-compose",
        "./install.sh --source DIR",
    ] {
        assert!(carried.told.contains(words), "{words}: {}", carried.told);
    }
    let again = connected.offline(carried.project.path(), ["export", "--archive"]);
    let again = again.arg(carried.archive()).args(flags).succeeds();
    assert!(again.stdout.contains("0 B new"), "{again}");
    drop(connected);
    let Carried {
        archive_folder,
        project,
        ..
    } = carried;
    drop(project);
    on_site(&archive_folder, &before);
}

fn on_site(folder: &Workspace, before: &str) {
    let site = Engine::start("28-containerd-airgapped");
    site.shell(&format!("mv {PLUGINS}/docker-compose /root/"));
    let place = Workspace::empty("site");
    let target = place.join("the 项目");
    let install = |to: &Path| {
        let run = site.run(folder.join("install.sh"));
        run.arg("--source").arg(to).run()
    };

    say("a folder that is not empty is named and stays as it is");
    place.write("full/mine", "mine");
    install(&place.join("full")).assert_failure(55, &["nothing was written to", "full"]);
    assert_eq!(fs::read_dir(place.join("full")).unwrap().count(), 1);
    let there = site.shell("ls /usr/local/lib/docker/cli-plugins").stdout;
    assert_eq!(there.trim(), "docker-compose\ndocker-offline");

    say("the sources are unpacked as they were, and the plugin that was missing is there");
    let unpacked = install(&target);
    assert!(unpacked.ok(), "{unpacked}");
    let buildx = format!("{PLUGINS}/docker-buildx is there and stays");
    assert!(unpacked.stderr.contains(&buildx), "{unpacked}");
    let left = ["data", "node_modules", "some.log", ".git", "pipe"];
    let came = |line: &&str| {
        let name = line.split('|').next().unwrap_or_default();
        let top = name.split('/').next().unwrap_or_default();
        !left.contains(&top)
    };
    let expected: Vec<&str> = before.lines().filter(came).collect();
    let now = tree(&target);
    assert_eq!(now.lines().collect::<Vec<_>>(), expected);
    let names = "test srv/index.html -ef srv/second";
    site.run_in(&target, "sh").args(["-c", names]).succeeds();

    say("what is typed next builds, plain Compose rebuilds, with the plugin that was carried");
    let next = unpacked.stdout.lines().last().unwrap_or_default().trim();
    assert!(next.starts_with("docker offline build --bundle "), "{next}");
    let built = site.run_in(&target, "sh").args(["-c", next]).succeeds();
    assert!(built.stdout.contains("whole-web:1"), "{built}");
    fs::write(target.join("srv/index.html"), "edited\n").unwrap();
    let log = site.compose_up(&target);
    log.assert_only_ran(&["cp /srv"]);
    site.answers("http://127.0.0.1:18083/", "edited");
    let greeting = ["compose", "exec", "web", "sh", "-c", "echo $GREETING"];
    let greeting = site.docker(&target, greeting).succeeds();
    assert_eq!(greeting.stdout.trim(), "hello");

    say("unpacked twice, an edit is named and stays; the very same is left alone");
    install(&target).assert_failure(55, &["srv/index.html: its content differs"]);
    assert_eq!(
        fs::read_to_string(target.join("srv/index.html")).unwrap(),
        "edited\n"
    );
    let other = place.join("other");
    assert!(install(&other).ok());
    let kept = install(&other);
    assert!(
        kept.ok() && kept.stdout.contains("holds the source"),
        "{kept}"
    );

    say("a bundle folder serves as the archive does");
    let from = site.offline(&target, ["build", "--unpack-source", "../third"]);
    from.succeeds();
    assert!(place.join("third/run.sh").is_file());
}
