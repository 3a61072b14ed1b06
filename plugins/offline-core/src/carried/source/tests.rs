use std::fs;
use std::path::PathBuf;

use super::*;
use crate::closure;
use crate::project::{ProjectOptions, from_config};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What travels of the project in a folder of it whose service builds from a context.
    fn look(&self, folder: &str, context: &str) -> Source {
        let directory = self.path().join(folder);
        let context = directory.join(context);
        let config = serde_json::json!({"name": "p", "services": {"a": {"image": "a", "build": {
            "context": crate::project::plain(&context), "dockerfile": "Dockerfile"
        }}}});
        let files = [directory.join("compose.yaml")];
        let project = from_config(&config.to_string(), &files).unwrap();
        let closure = closure::resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        let written = [project.directory.join("build-cache")];
        let looking = Looking {
            project: &project,
            closure: &closure,
            options: &ProjectOptions::default(),
            written: &written,
        };
        looking.look().unwrap()
    }
}

fn files(source: &Source) -> Vec<&str> {
    let paths = source.paths.iter().map(|path| path.to_str().unwrap());
    let folder = |path: &&str| !source.root.join(path).is_dir();
    paths.filter(folder).collect()
}

const DOCKERFILE: &str = "FROM scratch\nCOPY src /src\nCOPY dist/*.js /\n";

#[test]
fn what_git_ignores_stays_behind_unless_a_build_or_compose_reads_it() {
    let folder = Folder::new(&[
        (
            ".gitignore",
            "*.log\n/secrets/\nnode_modules\ndist\n.env\nkept.log\n",
        ),
        (".dockerignore", "src/*.map\n"),
        (".env", "A=1\n"),
        (
            "compose.yaml",
            "services:\n  a:\n    env_file: secrets/a.env\n",
        ),
        ("Dockerfile", DOCKERFILE),
        ("src/a.log", ""),
        ("src/a.map", ""),
        ("src/.gitignore", "a.map\n"),
        ("dist/app.js", ""),
        ("node_modules/x/y.js", ""),
        ("secrets/a.env", ""),
        ("secrets/b.env", ""),
        ("top.log", ""),
        ("README", ""),
        ("build-cache/blobs/x", ""),
        (".git/HEAD", ""),
        ("old/bundle.json", "{}"),
        ("old/oci-layout", "{}"),
        (
            "compose.override.yaml",
            "# Written by docker offline build\nservices: {}\n",
        ),
    ]);
    let source = folder.look("", ".");
    let expected = [
        ".dockerignore",
        ".env",
        ".gitignore",
        "Dockerfile",
        "README",
        "compose.yaml",
        "dist/app.js",
        "secrets/a.env",
        "src/.gitignore",
        "src/a.log",
    ];
    assert_eq!(files(&source), expected);
    assert_eq!(source.project, PathBuf::new());
    let notes = source.notes.join("\n");
    for words in [
        "git ignores .env, secrets/a.env, dist",
        "node_modules",
        "secrets/b.env",
        "src/a.map",
        "top.log",
        ".git",
        "what git tracks is not known",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert!(
        !notes.contains("build-cache") && !notes.contains("override"),
        "{notes}"
    );
}

#[test]
fn without_git_the_rules_in_the_folder_count_and_those_above_do_not() {
    let folder = Folder::new(&[
        (".gitignore", "*\n"),
        ("p/.gitignore", "node_modules\n"),
        ("p/compose.yaml", ""),
        ("p/Dockerfile", "FROM scratch\n"),
        ("p/node_modules/a", ""),
    ]);
    let source = folder.look("p", ".");
    assert_eq!(files(&source), [".gitignore", "Dockerfile", "compose.yaml"]);
    assert_eq!(
        source.notes,
        ["stays behind, as git ignores it: node_modules"]
    );
}

#[test]
fn the_work_tree_travels_where_a_build_reads_more_of_it_than_the_project() {
    let folder = Folder::new(&[
        ("deploy/compose.yaml", ""),
        ("shared/Dockerfile", "FROM scratch\nCOPY a /\n"),
        ("shared/a", ""),
        ("other/b", ""),
    ]);
    let source = folder.look("deploy", "../shared");
    assert_eq!(source.root, folder.path().join("deploy"));
    assert_eq!(files(&source), ["compose.yaml"]);
    let [warning] = source.warnings() else {
        panic!("{:?}", source.warnings())
    };
    assert!(
        warning.what.contains("shared, which is not carried"),
        "{warning:?}"
    );

    fs::create_dir(folder.path().join(".git")).unwrap();
    let source = folder.look("deploy", "../shared");
    assert_eq!(source.root, folder.path());
    assert_eq!(source.project, PathBuf::from("deploy"));
    assert!(files(&source).contains(&"other/b") && source.warnings().is_empty());
}

#[test]
fn what_git_tracks_travels_although_it_is_ignored() {
    let folder = Folder::new(&[
        (".gitignore", "*.bin\n"),
        ("compose.yaml", ""),
        ("Dockerfile", "FROM scratch\n"),
        ("added.bin", ""),
        ("other.bin", ""),
    ]);
    let git = |args: &[&str]| {
        let path = folder.path();
        let ran = std::process::Command::new("git")
            .arg("-C")
            .arg(path)
            .args(args)
            .status();
        assert!(ran.unwrap().success(), "git {args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-f", "added.bin"]);
    let source = folder.look("", ".");
    assert!(files(&source).contains(&"added.bin") && !files(&source).contains(&"other.bin"));
}

#[test]
fn a_copy_that_takes_git_is_said() {
    let folder = Folder::new(&[
        (".git/HEAD", ""),
        ("compose.yaml", ""),
        ("Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("data", ""),
    ]);
    let source = folder.look("", ".");
    let [warning] = source.warnings() else {
        panic!("{:?}", source.warnings())
    };
    assert!(
        warning
            .subject
            .as_deref()
            .unwrap()
            .ends_with("Dockerfile:2"),
        "{warning:?}"
    );
}

#[test]
fn links_are_kept_as_they_are_and_never_followed() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new(&[
        ("p/compose.yaml", ""),
        ("p/Dockerfile", "FROM scratch\nCOPY . /\n"),
        ("outside/secret", ""),
        ("p/new\nline/中 文", ""),
    ]);
    symlink("../outside", folder.path().join("p/out")).unwrap();
    symlink("/nowhere", folder.path().join("p/dangling")).unwrap();
    let source = folder.look("p", ".");
    let mut expected = vec!["Dockerfile", "compose.yaml", "dangling", "new\nline/中 文"];
    assert_eq!(files(&source), expected);
    let links: Vec<&PathBuf> = source.paths.iter().filter(|p| p.ends_with("out")).collect();
    assert_eq!(links.len(), 1);

    let mut tar = Vec::new();
    tree::write_those(&source.root, "p", Some(source.those()), &mut tar, &|_| ()).unwrap();
    let target = folder.path().join("back");
    let laid = tree::lay(
        &mut tar.as_slice(),
        "it",
        &target,
        &tree::Choice::All,
        false,
        &|_| (),
    );
    laid.unwrap();
    expected.push("out");
    for name in expected {
        let (one, two) = (source.root.join(name), target.join(name));
        assert_eq!(one.read_link().ok(), two.read_link().ok(), "{name}");
        assert!(two.symlink_metadata().is_ok(), "{name}");
    }
}

#[test]
fn an_export_into_the_folder_changes_nothing_of_what_travels() {
    let folder = Folder::new(&[
        ("compose.yaml", ""),
        ("Dockerfile", "FROM scratch\n"),
        ("sub/a", ""),
    ]);
    let tar = || {
        let source = folder.look("", ".");
        let mut tar = Vec::new();
        let those = Some(source.those());
        tree::write_those(&source.root, "p", those, &mut tar, &|_| ()).unwrap();
        tar
    };
    let before = tar();
    std::thread::sleep(std::time::Duration::from_millis(20));
    folder.write("build-cache/blobs/x", "");
    folder.write("build-cache/bundle.json", "{}");
    assert!(tar() == before);
}
