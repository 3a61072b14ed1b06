//! An engine that cannot be used is told apart from a project that is wrong:
//! not running, not permitted, unknown, or without the tools.

use docker_offline_tests::{Engine, Invocation, Workspace};

fn project() -> Workspace {
    Workspace::of_files(
        "engine",
        &[
            (
                "compose.yaml",
                "services:\n  app:\n    build: ./app\n    image: app:dev\n",
            ),
            ("app/Dockerfile", "FROM busybox:1.36\nRUN echo one > /one\n"),
        ],
    )
}

/// `env ARGS docker offline export` and its like, from a folder.
fn with_env(engine: &Engine, project: &Workspace, words: &[&str]) -> Invocation {
    engine.run_in(project.path(), "env").args(words).within(60)
}

#[test]
fn an_engine_that_cannot_be_used_is_named() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = project();
    let before = project.listing(&[]);

    println!("  not running");
    for command in ["export", "build"] {
        with_env(
            &engine,
            &project,
            &[
                "DOCKER_HOST=unix:///run/nosuch.sock",
                "docker",
                "offline",
                command,
            ],
        )
        .fails_with(30, &["/run/nosuch.sock"]);
    }
    with_env(
        &engine,
        &project,
        &[
            "DOCKER_HOST=unix:///run/nosuch.sock",
            "docker-offline-export",
        ],
    )
    .fails_with(30, &["/run/nosuch.sock"]);
    with_env(
        &engine,
        &project,
        &[
            "docker",
            "-H",
            "unix:///run/nosuch.sock",
            "offline",
            "export",
        ],
    )
    .fails_with(30, &["/run/nosuch.sock"]);

    println!("  not permitted");
    let socket = engine.socket();
    engine
        .run_in(project.path(), "setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([
            "env",
            "HOME=/tmp",
            "docker",
            "offline",
            "export",
            "--archive",
            "none",
        ])
        .within(60)
        .fails_with(31, &[socket.as_str()]);

    println!("  context unknown");
    with_env(
        &engine,
        &project,
        &[
            "-u",
            "DOCKER_HOST",
            "DOCKER_CONTEXT=nosuch",
            "docker-offline-export",
        ],
    )
    .fails_with(32, &["nosuch", "docker context"]);
    with_env(
        &engine,
        &project,
        &[
            "-u",
            "DOCKER_HOST",
            "docker",
            "--context",
            "nosuch",
            "offline",
            "export",
        ],
    )
    .fails_with(32, &["nosuch"]);

    println!("  no buildx");
    let plugin = engine
        .run("sh")
        .args(["-c", "ls /usr/libexec/docker/cli-plugins/docker-buildx /usr/lib/docker/cli-plugins/docker-buildx 2>/dev/null | head -n 1"])
        .quietly()
        .run();
    let plugin = plugin.stdout.trim().to_owned();
    assert!(!plugin.is_empty(), "the lab has a buildx to take away");
    let hidden = format!("{plugin}.hidden");
    engine
        .run("mv")
        .args([&plugin, &hidden])
        .quietly()
        .succeeds();
    engine
        .offline(project.path(), ["export"])
        .within(60)
        .fails_with(34, &["buildx"]);
    engine
        .run("mv")
        .args([&hidden, &plugin])
        .quietly()
        .succeeds();

    println!("  no docker");
    with_env(
        &engine,
        &project,
        &["PATH=/nosuch", "/usr/local/bin/docker-offline-export"],
    )
    .fails_with(33, &["docker"]);

    assert_eq!(
        before,
        project.listing(&[]),
        "the project's folder is as it was"
    );

    println!("  and with all of it there, the same command works");
    engine.offline(project.path(), ["export"]).succeeds();

    println!("  stopped");
    engine.stop();
    // The lab enters a root by its engine; a neighbour stands in for the machine.
    let neighbour = Engine::with_plugin("28-overlay2-connected");
    with_env(
        &neighbour,
        &project,
        &[
            &format!("DOCKER_HOST=unix://{socket}"),
            "docker",
            "offline",
            "build",
        ],
    )
    .fails_with(30, &["hint:"]);
}
