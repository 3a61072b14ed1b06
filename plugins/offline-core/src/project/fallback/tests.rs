use std::path::{Path, PathBuf};

use super::super::{BuildContext, DockerfileSource, Error, NamedContext, read_without_compose};
use super::*;
use crate::project::Project;

fn project(
    files: &[(&str, &str)],
    change: impl Fn(&mut ProjectOptions),
) -> (tempfile::TempDir, Result<Project, Error>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut options = ProjectOptions {
        project_directory: Some(folder.path().to_owned()),
        project_name: Some("demo".into()),
        ..ProjectOptions::default()
    };
    change(&mut options);
    let read = read_without_compose(&options);
    (folder, read)
}

fn message(files: &[(&str, &str)]) -> String {
    let (folder, read) = project(files, |_| {});
    let text = read.unwrap_err().to_string();
    text.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_project_becomes_what_compose_makes_of_it() {
    let (folder, read) = project(
        &[
            (
                "compose.yaml",
                "include: [more/compose.yaml]\nservices:\n  web:\n    extends: {service: base}\n    build:\n      args: [\"B=${NONE}\"]\n      additional_contexts: {b: \"service:db\"}\n    depends_on: [db]\n  base:\n    build: {context: ./web, args: {A: 3.10}}\n    profiles: [never]\n",
            ),
            (
                "more/compose.yaml",
                "services:\n  db:\n    build: {dockerfile: \"${FILE}\"}\n",
            ),
            ("more/.env", "FILE=Dockerfile.db\n"),
        ],
        |_| {},
    );
    let read = read.unwrap();
    assert!(read.without_compose);
    assert_eq!(read.unset_variables, ["NONE"]);
    assert_eq!(read.hidden[0].name, "base");
    let build = |name: &str| read.service(name).unwrap().build.clone().unwrap();
    // `profiles` are inherited too, so that web is hidden with its base.
    assert!(read.service("web").is_none());
    let db = build("db");
    assert_eq!(
        db.context,
        BuildContext::Directory(folder.path().join("more"))
    );
    let dockerfile = folder.path().join("more/Dockerfile.db");
    assert_eq!(db.dockerfile, DockerfileSource::File(dockerfile));
    let (_, all) = project(
        &[(
            "compose.yaml",
            "services:\n  web:\n    extends: base\n    build:\n      args: [\"B=2\"]\n      additional_contexts: {b: \"service:base\"}\n  base:\n    build: {context: ./web, args: {A: 3.10}}\n    image: base:1\n",
        )],
        |_| {},
    );
    let all = all.unwrap();
    let web = all.service("web").unwrap();
    let build = web.build.clone().unwrap();
    assert_eq!(build.args["A"].as_deref(), Some("3.1"));
    assert_eq!(build.args["B"].as_deref(), Some("2"));
    assert_eq!(
        build.additional_contexts["b"],
        NamedContext::Service("base".into())
    );
    assert_eq!(web.image.as_ref().unwrap().familiar(), "base:1");
}

#[test]
fn the_default_image_is_the_one_that_compose_2_names() {
    let (_folder, read) = project(
        &[("compose.yaml", "services:\n  web: {build: .}\n")],
        |_| {},
    );
    let read = read.unwrap();
    let image = read.services[0].image.as_ref().unwrap();
    assert_eq!(image.familiar(), "demo-web:latest");
}

#[test]
fn an_error_says_where_it_is() {
    let services = |text: &str| format!("services:\n  a:\n    {text}\n");
    for (text, expected) in [
        (
            "image: a:${T:?which}",
            "compose.yaml:3: the variable T must be set: which",
        ),
        (
            "image: a:${T",
            "compose.yaml:3: the Compose file cannot be read: invalid interpolation",
        ),
        (
            "image: \"a:\"",
            "compose.yaml:3: `image` of service a names no image",
        ),
        (
            "image: [a]",
            "compose.yaml:3: the Compose file cannot be read: services.a.image must",
        ),
        (
            "extends: b",
            "compose.yaml:3: the Compose file cannot be read: service a extends b",
        ),
        (
            "extends: a",
            "compose.yaml:3: the Compose file cannot be read: service a extends itself",
        ),
        (
            "extends: {file: b.yaml, service: b}",
            "compose.yaml:3: the included file b.yaml",
        ),
        (
            "{image: a, depends_on: [b]}",
            "compose.yaml:2: service a refers to the undefined",
        ),
        (
            "env_file: x.env\n    image: a",
            "compose.yaml:3: the env_file x.env does not exist",
        ),
        (
            "command: x",
            "compose.yaml:2: the Compose file cannot be read: service a has neither",
        ),
    ] {
        let said = message(&[("compose.yaml", &services(text))]);
        assert!(said.starts_with(expected), "{said}\nexpected {expected}");
    }
    let said = message(&[("compose.yaml", "include: [oci://x/y]\nservices: {}\n")]);
    assert!(said.contains("only Compose can fetch"), "{said}");
}

#[test]
fn files_in_a_circle_are_refused() {
    let said = message(&[
        ("compose.yaml", "include: [a.yaml]\n"),
        ("a.yaml", "include: [compose.yaml]\n"),
    ]);
    assert!(said.contains("in a circle"), "{said}");
}

#[test]
fn standard_input_is_left_to_compose() {
    let options = ProjectOptions {
        files: vec![PathBuf::from("-")],
        ..ProjectOptions::default()
    };
    let found = ComposeFiles {
        files: Vec::new(),
        directory: Path::new("/").into(),
    };
    let error = read(&options, &found, &Sources::default()).err().unwrap();
    assert!(error.to_string().contains("standard input"), "{error}");
}
