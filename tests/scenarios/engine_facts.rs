//! Facts of engines that the tool rests on and no other story shows; each names
//! its number in docs/engine-facts.md. When one of these fails, an engine has
//! begun to behave otherwise.

use docker_offline_tests::{BuildLog, Engine, Workspace};

fn project() -> Workspace {
    Workspace::of_files(
        "facts",
        &[
            (
                "Dockerfile",
                "FROM busybox:1.36 AS one\nRUN echo one > /one\nFROM busybox:1.36\nCOPY --from=one /one /one\nCOPY data.txt /data.txt\nRUN cat /one /data.txt > /two\n",
            ),
            ("data.txt", "data\n"),
        ],
    )
}

fn build(engine: &Engine, project: &Workspace, flags: &[&str]) -> BuildLog {
    let ran = engine
        .docker(project.path(), ["build", "--progress", "plain"])
        .args(flags)
        .arg(".")
        .succeeds();
    BuildLog::of(&ran.all())
}

#[test]
fn facts_1_6_7_8_16_of_a_build() {
    for kind in ["28-overlay2-connected", "28-containerd-connected"] {
        println!("  {kind}");
        let engine = Engine::start(kind);
        let project = project();
        build(&engine, &project, &["-t", "facts:dev"]).assert_only_ran(&["echo one", "cat /one"]);

        println!("  1: bases stay in BuildKit's own cache");
        assert_eq!(engine.images(), ["facts:dev"]);

        println!("  7: predefined proxy arguments are part of no key");
        build(
            &engine,
            &project,
            &["--build-arg", "HTTP_PROXY=http://proxy.invalid:3128"],
        )
        .assert_only_ran(&[]);

        println!("  6: the network mode is");
        let log = build(&engine, &project, &["--network", "none"]);
        log.assert_only_ran(&["echo one", "cat /one"]);

        println!("  8: stage names are not");
        let before = project.edit("Dockerfile", "AS one", "AS other");
        project.edit("Dockerfile", "--from=one", "--from=other");
        build(&engine, &project, &[]).assert_only_ran(&[]);
        project.write("Dockerfile", before);

        println!("  16: a file's time is not, its mode is");
        let file = project.join("data.txt");
        engine
            .run("touch")
            .args(["-d", "2001-01-01"])
            .arg(&file)
            .quietly()
            .succeeds();
        build(&engine, &project, &[]).assert_only_ran(&[]);
        engine
            .run("chmod")
            .arg("600")
            .arg(&file)
            .quietly()
            .succeeds();
        build(&engine, &project, &[]).assert_only_ran(&["cat /one"]);
    }
}

#[test]
fn facts_38_39_40_of_secrets() {
    const ENV: &str = "FROM debian:bookworm-slim\nENV SEEN=env\n";
    const RUN: &str = "RUN --mount=type=secret,id=one,target=/.mounted --mount=type=secret,id=one,target=/made/for/it";
    const SYSTEM: &str = "RUN --mount=type=secret,id=one,target=/etc/ssl/certs/ca-certificates.crt";
    for kind in [
        "28-overlay2-connected",
        "28-containerd-connected",
        "26-overlay2-connected",
    ] {
        println!("  {kind}");
        let engine = Engine::start(kind);
        // Not echo: the step's name in the log has its variables expanded.
        let look = "env | grep SEEN; cat /.mounted";
        let system = format!("{ENV}{SYSTEM} update-ca-certificates; echo \"exit: $?\"\n");
        let project = Workspace::of_files(
            "secrets",
            &[
                ("one", "first\n"),
                ("two", "secret"),
                (
                    "by-arg",
                    &format!(
                        "{ENV}ARG SEEN=arg\n{RUN} {look}\nRUN find / -xdev \\( -name .mounted -o -name made \\) -printf 'left %p\\n'\n"
                    ),
                ),
                (
                    "by-secret",
                    &format!(
                        "{ENV}ARG SEEN=arg\n{RUN} --mount=type=secret,id=two,env=SEEN {look}\n"
                    ),
                ),
                ("system", &system),
            ],
        );
        let secrets = ["--secret", "id=one,src=one", "--secret", "id=two,src=two"];
        let build_of = |file: &str| {
            let ran = engine.docker(
                project.path(),
                [
                    "build",
                    "--progress",
                    "plain",
                    "-t",
                    &format!("facts:{file}"),
                    "-f",
                    file,
                ],
            );
            ran.args(secrets).arg(".").run()
        };
        println!("  39: the later of ENV and ARG counts");
        let ran = build_of("by-arg");
        assert!(ran.ok() && ran.all().contains("SEEN=arg"), "{ran}");
        println!("  40: no mount point is left");
        assert!(!ran.all().contains("left /"), "{ran}");

        println!("  38: what is in a secret is part of no key");
        project.write("one", "second\n");
        BuildLog::of(&build_of("by-arg").all()).assert_only_ran(&[]);

        println!("  39: a secret counts most, and leaves nothing in the history");
        let ran = build_of("by-secret");
        if kind.starts_with("26") {
            assert!(
                !ran.ok() && ran.all().contains("unexpected key 'env'"),
                "{ran}"
            );
        } else {
            assert!(ran.ok() && ran.all().contains("SEEN=secret"), "{ran}");
            let history = engine
                .run("docker")
                .args(["history", "--no-trunc", "facts:by-secret"])
                .succeeds();
            assert!(!history.stdout.contains("SEEN=secret"), "{history}");
        }
        println!("  40: a mounted file cannot be renamed over");
        let ran = build_of("system");
        assert!(
            ran.all().contains("Device or resource busy") && ran.all().contains("exit: 1"),
            "{ran}"
        );
    }
}

#[test]
fn facts_2_and_9_of_loaded_images() {
    let connected = Engine::start("28-overlay2-connected");
    let project = Workspace::of_files(
        "loaded",
        &[
            (
                "plain/Dockerfile",
                "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends jq\n",
            ),
            (
                "syntax/Dockerfile",
                "# syntax=docker/dockerfile:1\nFROM debian:bookworm-slim\nRUN echo one > /one\n",
            ),
        ],
    );
    let folder = project.path();
    connected
        .docker(folder, ["pull", "-q", "debian:bookworm-slim"])
        .succeeds();
    connected
        .docker(folder, ["pull", "-q", "docker/dockerfile:1"])
        .succeeds();
    connected
        .docker(folder, ["build", "-q", "-t", "facts-plain:dev", "plain"])
        .succeeds();
    connected
        .docker(
            folder,
            [
                "save",
                "-o",
                "images.tar",
                "debian:bookworm-slim",
                "facts-plain:dev",
            ],
        )
        .succeeds();
    connected
        .docker(
            folder,
            ["save", "-o", "frontend.tar", "docker/dockerfile:1"],
        )
        .succeeds();
    drop(connected);

    let site = Engine::start("28-overlay2-airgapped");
    site.docker(folder, ["load", "-q", "-i", "images.tar"])
        .succeeds();
    println!("  2: loaded layers are no cache");
    let ran = site
        .docker(folder, ["build", "--progress", "plain", "plain"])
        .run();
    assert!(!ran.ok(), "{ran}");
    assert!(
        BuildLog::of(&ran.all()).outcomes_of("apt-get").len() == 1,
        "{ran}"
    );

    println!("  9: the frontend of a syntax line has to be loaded");
    let ran = site
        .docker(folder, ["build", "--progress", "plain", "syntax"])
        .run();
    assert!(
        !ran.ok() && ran.all().contains("docker/dockerfile:1"),
        "{ran}"
    );
    site.docker(folder, ["load", "-q", "-i", "frontend.tar"])
        .succeeds();
    site.docker(folder, ["build", "--progress", "plain", "syntax"])
        .succeeds();
}

#[test]
fn facts_23_24_and_68_of_the_cli() {
    let engine = Engine::start("28-overlay2-airgapped");
    println!("  23: a plugin's name has no hyphen");
    let script = "mkdir -p ~/.docker/cli-plugins && printf '#!/bin/sh\\necho \"{\\\\\"SchemaVersion\\\\\":\\\\\"0.1.0\\\\\",\\\\\"Vendor\\\\\":\\\\\"x\\\\\"}\"\\n' > ~/.docker/cli-plugins/docker-with-hyphen && chmod +x ~/.docker/cli-plugins/docker-with-hyphen";
    engine.run("sh").args(["-c", script]).succeeds();
    let ran = engine.run("docker").arg("info").succeeds();
    assert!(ran.all().contains("docker-with-hyphen"), "{ran}");
    assert!(
        ran.all().contains("WARNING: Plugin") || ran.all().contains("Invalid"),
        "{ran}"
    );

    println!("  24: docker answers --help for plugins that it does not have");
    let ran = engine
        .run("docker")
        .args(["nosuchplugin", "--help"])
        .succeeds();
    assert!(ran.all().contains("Usage"), "{ran}");

    println!("  68: a plugin that is started alone is the same command");
    for (plugin, words) in [
        ("compose", "compose version"),
        ("buildx", "buildx ls"),
        ("buildx", "--context nosuch buildx inspect"),
        ("compose", "--context nosuch compose ls"),
    ] {
        let by_docker = engine.run("docker").args(words.split(' ')).quietly().run();
        let file = format!("/usr/libexec/docker/cli-plugins/docker-{plugin}");
        let alone = engine.run("env");
        let alone = alone.args(["DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker", &file]);
        let alone = alone.args(words.split(' ')).quietly().run();
        assert_eq!(alone.code, by_docker.code, "{alone} {by_docker}");
        assert_eq!(alone.all(), by_docker.all());
        assert_eq!(alone.ok(), !words.contains("nosuch"), "{alone}");
    }
}

#[test]
fn fact_33_of_the_old_compose() {
    let site = Engine::start("20-overlay2-airgapped");
    let services = "x-wait: &wait {interval: 2s}\nservices:\n  db: {image: 'redis:7'}\n  web:\n    image: nginx:1.27\n    \
        depends_on: {db: {condition: service_healthy}}\n    healthcheck: {test: ['CMD', 'true'], <<: *wait}\n";
    let project = Workspace::of_files(
        "old-compose",
        &[
            ("named.yml", &format!("name: shop\n{services}")),
            ("plain.yml", services),
        ],
    );
    let config = |file: &str| {
        site.run_in(project.path(), "docker-compose")
            .args(["-f", file, "config", "--services"])
            .run()
    };
    let ran = config("named.yml");
    assert!(!ran.ok() && ran.stderr.contains("'name'"), "{ran}");
    let ran = config("plain.yml");
    assert!(ran.ok() && ran.stdout.contains("web"), "{ran}");
}
