//! A container that someone configured by hand is carried as the image that its service
//! runs, and nothing of that stays in the engine.

use docker_offline_tests::{Carried, Engine, Signal, Workspace, say};

const CONNECTED: &str = "28-overlay2-connected";

const COMPOSE: &str = r#"name: boxes
services:
  box:
    image: vendor/box:1
    container_name: the-box
    ports: ["18084:80"]
    stop_grace_period: 1s
    volumes:
      - conf:/conf
      - ./here:/here
      - /srv/licence:/licence
  built:
    build: .
    image: boxes/built:1
    command: sleep 600
    stop_grace_period: 1s
volumes:
  conf:
"#;

/// By hand: what no Dockerfile knows.
const BY_HAND: &str = r#"
printf 'FROM busybox:1.36\nENV KEPT=yes\nLABEL org.example.kept=yes\nVOLUME /anonymous\nWORKDIR /srv\nCMD ["httpd", "-f", "-p", "80"]\n' |
    docker build -q -t vendor/box:1 - >/dev/null
mkdir -p /srv/licence
docker compose up -d
docker exec the-box sh -ec 'echo configured > /srv/index.html
    chown 1234 /srv/index.html; ln -s index.html /srv/link'
"#;

fn left_by_us(engine: &Engine) -> Vec<String> {
    let mut images = engine.images();
    images.retain(|name| name.contains("docker-offline.invalid"));
    images
}

#[test]
fn a_container_is_carried_as_the_image_of_its_service() {
    let connected = Engine::with_plugin(CONNECTED);
    let files = [
        ("compose.yaml", COMPOSE),
        ("Dockerfile", "FROM busybox:1.36\nRUN echo b > /b\n"),
        (".dockerignore", "build-cache*\n"),
        ("here/kept", "here\n"),
    ];
    let project = Workspace::of_files("boxes", &files);
    let folder = project.path();
    let by_hand = format!("set -e\n{BY_HAND}");
    let by_hand = connected.run_in(folder, "sh").args(["-c", &by_hand]);
    by_hand.quietly().succeeds();

    say("what cannot be carried is said by name, and nothing is written");
    wrong_input(&connected, &project);
    assert!(!project.join("build-cache").exists());

    say("a plan lists it, and what it mounts is said");
    let dry = ["export", "--container", "the-box", "--dry-run"];
    let plan = connected.offline(folder, dry).succeeds();
    for words in ["as the image vendor/box:1", "from the container the-box"] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    for words in [
        "mounts the volume boxes_conf at /conf, which is not carried",
        "volumes: [conf]",
        "a volume without a name at /anonymous",
        "/srv/licence of the host at /licence",
    ] {
        assert!(plan.stderr.contains(words), "{words}: {plan}");
    }
    assert!(!plan.stderr.contains("here at /here"), "{plan}");

    say("an interrupt leaves no image, and nobody paused");
    let before = connected.images();
    let interrupted = ["export", "--no-record", "--archive", "none", "--container"];
    let mut export = connected
        .offline(folder, interrupted)
        .arg("the-box")
        .start();
    assert!(export.wait_for("Carrying containers the-box"));
    export.signal_all(Signal::INT);
    assert_eq!(export.finish().code, 130);
    assert_eq!(left_by_us(&connected), [] as [String; 0]);

    let flags = ["--no-record", "--container", "the-box"];
    let carried = Carried::export(&connected, project, &flags);
    assert!(carried.told.contains("Carried: container the-box"));
    assert_eq!(connected.images(), before, "nothing stays");
    let status = connected.shell("docker ps --format '{{.Names}} {{.Status}}'");
    assert!(status.stdout.contains("the-box Up"), "{status}");
    assert!(!status.stdout.contains("Paused"), "{status}");
    let diagnosed = ["diagnose", "--format", "json"];
    let diagnosed = connected.offline(carried.project.path(), diagnosed);
    let diagnosed = diagnosed.quietly().run().stdout;
    assert!(
        diagnosed.contains("the container the-box as the image vendor/box:1")
            || !carried.project.join("build-cache").exists(),
        "{diagnosed}"
    );
    drop(connected);
    for kind in [
        "28-containerd-airgapped",
        "26-overlay2-airgapped",
        "20-overlay2-airgapped",
    ] {
        println!("  {kind}");
        on_site(&carried, kind);
    }
}

fn wrong_input(connected: &Engine, project: &Workspace) {
    let folder = project.path();
    let export = |name: &str| {
        let export = ["export", "--archive", "none", "--container", name];
        connected.offline(folder, export)
    };
    export("nobody").fails_with(19, &["the container nobody does not exist", "docker ps"]);
    connected.shell("docker run -d --name foreign busybox:1.36 sleep 600; docker create --name still vendor/box:1");
    export("still").fails_with(
        19,
        &["the container still is created", "docker start still"],
    );
    export("foreign").fails_with(
        17,
        &[
            "no service of the project runs",
            "foreign",
            "image: NAME:TAG",
        ],
    );
    let built = "boxes-built-1";
    export(built).fails_with(11, &["the site builds that image for service built"]);
    connected.shell("docker rm -f foreign still");
    let before = project.edit(
        "compose.yaml",
        "name: boxes\n",
        "name: boxes\nx-offline:\n  containers:\n    - {name: nobody, image: own:1}\n",
    );
    let export = ["export", "--archive", "none"];
    let export = connected.offline(folder, export);
    export.fails_with(19, &["compose.yaml:4", "nobody does not exist"]);
    project.write("compose.yaml", before);
}

fn on_site(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    site.shell("mkdir -p /srv/licence");
    let load = ["build", "--load-only", "--bundle"];
    let ran = site.offline(folder, load).arg(carried.archive()).succeeds();
    let next = ran.stdout.lines().last().unwrap().trim().to_owned();
    site.run_in(folder, "sh").args(["-c", &next]).succeeds();
    site.answers("http://127.0.0.1:18084/link", "configured");
    let owner = ["exec", "the-box", "stat", "-c", "%u", "/srv/index.html"];
    assert_eq!(site.docker(folder, owner).succeeds().stdout, "1234\n");
    let settings = "{{.Config.Env}} {{.Config.Labels}} {{.Config.Cmd}}";
    let settings = ["image", "inspect", "--format", settings, "vendor/box:1"];
    let settings = site.docker(folder, settings).succeeds().stdout;
    for words in ["KEPT=yes", "org.example.kept:yes", "[httpd -f -p 80]"] {
        assert!(settings.contains(words), "{words}: {settings}");
    }
    assert!(!settings.contains("com.docker.compose"), "{settings}");
}
