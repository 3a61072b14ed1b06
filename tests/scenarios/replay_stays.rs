//! `docker offline build --stay`: plain Compose replays after every edit, until
//! `--leave`.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, on_machine, say};

fn project(origin: &Origin) -> Workspace {
    let environment = origin.environment();
    Workspace::of_files(
        "stays",
        &[
            (
                "compose.yaml",
                "name: stays\nservices:\n  app:\n    build: {context: ./app, args: {ORIGIN: \"${ORIGIN}\"}}\n    image: stays-app:dev\n",
            ),
            (".env", &environment),
            (".gitignore", "build-cache/\n"),
            (
                "app/Dockerfile",
                "FROM busybox:1.36\nARG ORIGIN\nRUN mkdir /kept\nWORKDIR /app\nCOPY . .\nRUN wget -q -O fetched \"$ORIGIN/app\"\nCMD [\"cat\", \"/app/fetched\", \"/app/words\"]\n",
            ),
            ("app/words", "words 0\n"),
        ],
    )
}

fn git(project: &Workspace, args: &[&str]) -> String {
    let git = on_machine("git").arg("-C").arg(project.path());
    git.args(["-c", "user.name=me", "-c", "user.email=me@site.example"])
        .args(args)
        .quietly()
        .succeeds()
        .stdout
}

#[test]
fn plain_compose_replays_after_every_edit_until_left() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let carried = Carried::export(&connected, project(&origin), &[]);
    drop(connected);
    let kinds = [
        "28-containerd-airgapped",
        "28-overlay2-airgapped",
        "26-overlay2-airgapped",
        "26-containerd-airgapped",
    ];
    for kind in kinds {
        println!("  {kind}");
        stay_on(&carried, kind);
    }
}

fn stay_on(carried: &Carried, kind: &str) {
    let (site, project) = carried.arrive(kind);
    git(&project, &["init", "-q"]);
    git(&project, &["add", "-A"]);
    git(&project, &["commit", "-qm", "carried"]);
    let said = site
        .offline(project.path(), ["build", "--stay", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    assert!(said.stdout.contains("compose.override.yaml"), "{said}");
    let unedited = site.compose_up(project.path());
    unedited.assert_only_ran(&[]);

    let dockerfile = project.read("app/Dockerfile");
    for number in 1..=5 {
        project.write("app/words", format!("words {number}\n"));
        if number == 3 {
            say("the engine is stopped and started");
            site.stop();
            site.start_again();
        }
        if number == 4 {
            say("the Dockerfile itself is edited");
            let edited = dockerfile.replace("words\"]", "words\", \"/app/edited\"]");
            let edited = edited.replace("COPY . .", "COPY . .\nRUN echo edited > edited");
            project.write("app/Dockerfile", edited);
        }
        site.compose_up(project.path());
        let logs = || {
            let logs = site.docker(project.path(), ["compose", "logs", "--no-log-prefix"]);
            logs.quietly().succeeds().stdout
        };
        let words = format!("words {number}");
        let mut seen = logs();
        for _ in 0..50 {
            if seen.contains(&words) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            seen = logs();
        }
        assert!(
            seen.contains(&words) && seen.contains("answer of /app"),
            "{seen}"
        );
        assert_eq!(seen.contains("edited"), number >= 4, "{seen}");
    }

    say("what is not recorded is said at once");
    project.edit("app/Dockerfile", "$ORIGIN/app", "$ORIGIN/never");
    let (ran, _) = site.compose_build(project.path(), &[]);
    assert!(!ran.ok(), "{ran}");
    assert!(ran.all().contains("404"), "{ran}");

    site.docker(project.path(), ["compose", "down", "-t", "1"])
        .quietly()
        .succeeds();
    site.offline(project.path(), ["build", "--leave"])
        .succeeds();
    git(&project, &["checkout", "-q", "."]);
    assert_eq!(git(&project, &["status", "--short"]), "");
    let ours = site
        .run("sh")
        .args([
            "-c",
            "docker ps -a; docker image ls; docker volume ls -q; docker network ls",
        ])
        .quietly()
        .succeeds()
        .stdout;
    assert!(!ours.contains("docker-offline"), "{ours}");
    let again = site
        .offline(project.path(), ["build", "--leave"])
        .succeeds();
    assert!(again.stdout.contains("Nothing of"), "{again}");
    site.compose_up(project.path());
    site.docker(project.path(), ["compose", "down", "-t", "1"])
        .quietly()
        .succeeds();
}

/// With files of other names, and a port that somebody else has.
#[test]
fn a_project_of_other_names_is_told_the_line_for_its_env_file() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let project = project(&origin);
    std::fs::rename(project.join("compose.yaml"), project.join("stack.yaml")).unwrap();
    let environment = project.read(".env");
    project.write(".env", format!("{environment}COMPOSE_FILE=stack.yaml\n"));
    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    let stay = || {
        site.offline(project.path(), ["build", "--stay", "--format", "json"])
            .arg("--bundle")
            .arg(carried.archive())
            .succeeds()
            .json()
    };
    let said = stay();
    let line = said["stay"]["env_line"].as_str().unwrap();
    assert!(line.starts_with("COMPOSE_FILE=stack.yaml:"), "{said}");
    assert!(!project.join("compose.override.yaml").exists());
    project.write(".env", format!("{environment}{line}\n"));
    project.write("app/words", "edited\n");
    site.compose_up(project.path());

    say("its port is taken while it is away");
    let address = said["stay"]["address"].as_str().unwrap();
    let container = said["stay"]["container"].as_str().unwrap();
    site.docker(project.path(), ["rm", "-f", container])
        .succeeds();
    let port = address.rsplit(':').next().unwrap();
    let taken = [
        "run",
        "-d",
        "--name",
        "other",
        "-p",
        &format!("{port}:80"),
        "busybox:1.36",
        "sleep",
        "600",
    ];
    site.docker(project.path(), taken).succeeds();
    let again = stay();
    assert_ne!(again["stay"]["address"], said["stay"]["address"], "{again}");
    project.write("app/words", "edited once more\n");
    site.compose_up(project.path());
    site.docker(project.path(), ["rm", "-f", "other"])
        .quietly()
        .succeeds();
    site.docker(project.path(), ["compose", "down", "-t", "1"])
        .quietly()
        .succeeds();
    site.offline(project.path(), ["build", "--leave"])
        .succeeds();
}
