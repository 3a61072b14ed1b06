//! Where Compose is not installed, the project is read all the same: equal to
//! what real Compose makes of it, in every field that images and builds need.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use docker_offline_tests::{Engine, Shop, Workspace, repository, say};
use offline_core::engine::Docker;
use offline_core::error::Explain as _;
use offline_core::project::{Project, ProjectOptions, read, read_without_compose};

#[path = "without_compose/cases.rs"]
mod cases;

use cases::{Case, READ, REFUSED};

/// The `docker` command of an engine, with its Compose, as a program.
fn docker_of(engine: &Engine, folder: &Workspace) -> Docker {
    let lab = repository().join("tests/lab/lab");
    let name = engine.name();
    let script = format!(
        "#!/bin/sh\nexec '{}' run {name} -- docker \"$@\"\n",
        lab.display()
    );
    folder.write("docker", script);
    let program = folder.join("docker");
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    Docker::at(program)
}

/// What both readers say of a project, made comparable.
fn both(
    docker: &Docker,
    options: &ProjectOptions,
) -> (Result<Project, String>, Result<Project, String>) {
    let kind = |error: offline_core::project::Error| format!("{:?}: {error}", error.kind());
    let compose = read(docker, options).map_err(kind);
    let own = read_without_compose(options)
        .map_err(kind)
        .map(|project| Project {
            without_compose: false,
            ..project
        });
    (compose, own)
}

fn first_word(text: &str) -> &str {
    text.split(':').next().unwrap_or(text)
}

/// Asserts that both readers agree; tells how they differ otherwise.
fn agree(docker: &Docker, what: &str, options: &ProjectOptions) -> Option<String> {
    match both(docker, options) {
        (Ok(compose), Ok(own)) if compose == own => None,
        (Ok(compose), Ok(own)) => {
            let (compose, own) = (format!("{compose:#?}"), format!("{own:#?}"));
            let differing: Vec<String> = compose
                .lines()
                .zip(own.lines())
                .filter(|(a, b)| a != b)
                .take(4)
                .map(|(a, b)| format!("Compose {} / own {}", a.trim(), b.trim()))
                .collect();
            Some(format!("{what}: {}", differing.join("; ")))
        }
        (Err(compose), Err(own)) if first_word(&compose) == first_word(&own) => {
            say(format!("{what}: both refuse"));
            None
        }
        (compose, own) => Some(format!(
            "{what}: Compose {:?} / own {:?}",
            compose.map(|_| "reads"),
            own.map(|_| "reads")
        )),
    }
}

/// The options that these flags mean in a folder.
fn options(folder: &Path, flags: &[&str]) -> ProjectOptions {
    let mut options = ProjectOptions::default();
    for pair in flags.chunks(2) {
        let path = || folder.join(pair[1]);
        match pair[0] {
            "-f" => options.files.push(path()),
            "--env-file" => options.env_files.push(path()),
            "--profile" => options.profiles.push(pair[1].to_owned()),
            "-p" => options.project_name = Some(pair[1].to_owned()),
            other => panic!("{other}"),
        }
    }
    if options.files.is_empty() {
        options.project_directory = Some(folder.to_owned());
    }
    options
}

fn differences(docker: &Docker, cases: &[Case]) -> Vec<String> {
    cases
        .iter()
        .filter_map(|(what, flags, files)| {
            let folder = Workspace::of_files("case", files);
            let options = options(folder.path(), flags);
            let all = agree(docker, what, &options);
            all.or_else(|| agree(docker, what, &options.with_all_profiles()))
        })
        .collect()
}

/// Every Compose file of the examples by itself, and as an overlay where it
/// lies beside a `compose.yaml`.
fn examples(docker: &Docker, older: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join("compose-examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Compose 2.26 reads no `service:` contexts.
            let compose = name.contains("compose") && path.extension().is_some_and(|e| e == "yaml");
            if !compose || older && name == "compose.override.yaml" {
                continue;
            }
            let mut flags = vec!["-f", "compose.yaml", "-f", &name];
            if name == "compose.yaml" || !folder.join("compose.yaml").exists() {
                flags.drain(..2);
            }
            let what = path.display().to_string();
            let plain = options(&folder, &flags);
            found.extend(agree(docker, &what, &plain));
            found.extend(agree(docker, &what, &plain.with_all_profiles()));
        }
    }
    found
}

fn agree_everywhere(kind: &str) {
    let engine = Engine::start(kind);
    let shim = Workspace::empty("shim");
    let docker = docker_of(&engine, &shim);
    let mut found = differences(&docker, READ);
    found.extend(differences(&docker, REFUSED));
    found.extend(examples(&docker, kind.starts_with("26")));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn as_compose_2_40_does() {
    agree_everywhere("28-overlay2-airgapped");
}

#[test]
fn as_compose_2_26_does() {
    agree_everywhere("26-overlay2-airgapped");
}

#[test]
fn export_and_diagnose_go_on_without_compose() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_example("llm-chat");
    let plan = ["export", "--dry-run", "--format", "json"];
    let with = engine.offline(project.path(), plan).succeeds();
    engine
        .run("rm")
        .arg("/usr/libexec/docker/cli-plugins/docker-compose")
        .succeeds();
    let without = engine.offline(project.path(), plan).succeeds();
    assert_eq!(with.stdout, without.stdout, "the same plan");
    assert!(
        without.stderr.contains("Compose is not installed"),
        "{without}"
    );
    let project = Shop::project();
    let all = engine
        .offline(
            project.path(),
            ["export", "-f", "compose.yaml", "--archive", "none"],
        )
        .succeeds();
    assert!(all.stderr.contains("Compose is not installed"), "{all}");
    let report = engine
        .offline(project.path(), ["diagnose", "--format", "json"])
        .run();
    let findings = &report.stdout;
    assert!(
        findings.contains("docker compose is not installed"),
        "{report}"
    );
    assert!(findings.contains("read without it"), "{report}");
}
