//! `make/Makefile.offline.mk` in the Makefiles of others: it parses everywhere,
//! takes nothing that is theirs, and says to the commands what it was told; and
//! `scripts/` does, for those without make.
//!
//! `TEST_MAKE=/path/to/make` tries another GNU make; 3.81 is the oldest that is
//! promised.

use docker_offline_tests::{Invocation, Ran, Workspace, on_machine, repository};

const TARGETS: [&str; 8] = [
    "offline-export",
    "offline-setup",
    "offline-build",
    "offline-build-classic",
    "offline-diagnose",
    "offline-up",
    "offline-help",
    "backend-offline-build",
];

/// What a project of its own may well have.
const THEIRS: &str = "\
VERSION = 9.9
CACHE = mine
.DEFAULT_GOAL := build

.PHONY: build help test export
build:
\t@echo their build of $(VERSION)
help:
\t@echo their help
test export setup diagnose up:
\t@echo their $@
%-docker-build:
\t@echo their image $*
";

/// A docker that has the plugin, and says word by word what it is asked.
const DOCKER: &str = "#!/bin/sh
if [ \"$1 $2\" = 'offline --help' ]; then echo 'Usage:  docker offline COMMAND'; exit; fi
printf '[%s]' \"$@\"
echo
";

fn include_file() -> String {
    let path = repository().join("make/Makefile.offline.mk");
    std::fs::read_to_string(path).unwrap()
}

/// A project with this Makefile, the include file and a docker of its own.
fn project(makefile: &str) -> Workspace {
    let project = Workspace::of_files(
        "make",
        &[
            ("Makefile", makefile),
            ("Makefile.offline.mk", &include_file()),
            ("bin/docker", DOCKER),
        ],
    );
    on_machine("chmod")
        .arg("755")
        .arg(project.join("bin/docker"))
        .quietly()
        .succeeds();
    project
}

fn make(project: &Workspace, words: &[&str]) -> Invocation {
    let make = std::env::var("TEST_MAKE").unwrap_or_else(|_| "make".into());
    let mut run = on_machine("env");
    // What the make that runs these tests has told its children.
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VERSION"] {
        run = run.args(["-u", name]);
    }
    // No commands of ours that this machine may have.
    let bin = project.join("bin");
    run.arg(format!("PATH={}:/usr/bin:/bin", bin.to_string_lossy()))
        .args([make.as_str(), "--no-print-directory", "-C"])
        .arg(project.path())
        .args(words)
        .quietly()
}

/// Nothing was overridden, nothing redefined, nothing open.
fn assert_silent(ran: &Ran) {
    assert!(!ran.stderr.contains("warning"), "{ran}");
    assert!(!ran.stderr.contains("***"), "{ran}");
}

fn assert_all_targets_parse(project: &Workspace) {
    for target in TARGETS {
        let ran = make(project, &["-n", target]).succeeds();
        assert_silent(&ran);
        let expected = if target == "offline-help" {
            "make offline-export"
        } else {
            "docker"
        };
        assert!(ran.stdout.contains(expected), "{ran}");
    }
}

#[test]
fn every_target_parses_included_once_twice_and_alone() {
    for makefile in [
        "include Makefile.offline.mk\n",
        "include Makefile.offline.mk\ninclude Makefile.offline.mk\n",
        &format!("include Makefile.offline.mk\n{THEIRS}"),
        &format!("{THEIRS}include Makefile.offline.mk\n"),
    ] {
        assert_all_targets_parse(&project(makefile));
    }
}

#[test]
fn nothing_of_theirs_is_taken() {
    for makefile in [
        format!("{THEIRS}include Makefile.offline.mk\n"),
        format!("include Makefile.offline.mk\n{THEIRS}"),
        format!("include Makefile.offline.mk\n{THEIRS}include Makefile.offline.mk\n"),
    ] {
        let project = project(&makefile);
        for (words, answer) in [
            (&[][..], "their build of 9.9\n"),
            (&["build"], "their build of 9.9\n"),
            (&["help"], "their help\n"),
            (&["test"], "their test\n"),
            (&["export"], "their export\n"),
            (&["setup"], "their setup\n"),
            (&["diagnose"], "their diagnose\n"),
            (&["up"], "their up\n"),
            (&["backend-docker-build"], "their image backend\n"),
        ] {
            let ran = make(&project, words).succeeds();
            assert_eq!(ran.stdout, answer, "{ran}");
            assert_silent(&ran);
        }
        // Their VERSION is no tag of ours.
        let ran = make(&project, &["offline-build"]).succeeds();
        assert_eq!(ran.stdout, "[offline][build]\n", "{ran}");
    }
}

#[test]
fn the_first_target_stays_the_default_one() {
    for makefile in [
        "mine:\n\t@echo mine\ninclude Makefile.offline.mk\n",
        "include Makefile.offline.mk\nmine:\n\t@echo mine\n",
    ] {
        let ran = make(&project(makefile), &[]).succeeds();
        assert_eq!(ran.stdout, "mine\n", "{ran}");
    }
}

/// `cat Makefile.offline.mk >> Makefile`, whatever the last line left open, and
/// also with the line ends that PowerShell gives it.
#[test]
fn appended_to_a_file_without_a_final_newline() {
    for last in [
        "all:\n\t@echo mine",
        "all:\n\t@echo mine\n",
        "all: ; @echo mine",
        "all:\n\t@echo mine\nVERSION = 1",
        "all:\n\t@echo mine\n# a remark \\",
        "all:\n\t@echo mine\nLIST = a \\\n\tb \\",
    ] {
        let unix = include_file();
        for text in [unix.clone(), unix.replace('\n', "\r\n")] {
            let project = project(&format!("{last}{text}"));
            assert_all_targets_parse(&project);
            let ran = make(&project, &[]).succeeds();
            assert_eq!(ran.stdout, "mine\n", "after {last:?}: {ran}");
            let ran = make(&project, &["offline-build"]).succeeds();
            assert_eq!(ran.stdout, "[offline][build]\n", "after {last:?}: {ran}");
        }
    }
}

#[test]
fn variables_reach_the_commands_word_by_word() {
    let project = project("include Makefile.offline.mk\n");
    for (words, asked) in [
        (
            &["offline-export", "CACHE_DIR=/mnt/big disk/cache"][..],
            "[offline][export][--cache-dir][/mnt/big disk/cache]",
        ),
        (
            &[
                "offline-export",
                "OFFLINE_ARCHIVE=it's.tar.gz",
                "OFFLINE_COMPOSE_FILES=a.yml b.yml",
            ],
            "[offline][export][--archive][it's.tar.gz][-f][a.yml][-f][b.yml]",
        ),
        (
            &["offline-setup", "OFFLINE_FLAGS=--profile all"],
            "[offline][build][--setup][--profile][all]",
        ),
        (
            &["offline-build-classic", "OFFLINE_VERSION=v1.0.0"],
            "[offline][build][--version][v1.0.0][--classic]",
        ),
        (
            &[
                "deer-flow-backend-offline-build",
                "OFFLINE_COMPOSE_FILES=a.yml",
            ],
            "[offline][build][-f][a.yml][deer-flow-backend]",
        ),
        (
            &["offline-diagnose", "OFFLINE_COMPOSE_FILES=a.yml b.yml"],
            "[offline][diagnose][-f][a.yml][-f][b.yml]",
        ),
        (
            &["offline-up", "OFFLINE_COMPOSE_FILES=a.yml"],
            "[compose][-f][a.yml][up][-d][--build]",
        ),
    ] {
        let ran = make(&project, words).succeeds();
        assert_eq!(ran.stdout.trim_end(), asked, "{ran}");
    }

    // The bundle is named where it lies elsewhere than the command would look.
    project.write("big disk/cache/oci-layout", "{}");
    let ran = make(&project, &["offline-build", "CACHE_DIR=big disk/cache"]).succeeds();
    assert_eq!(
        ran.stdout.trim_end(),
        "[offline][build][--cache-dir][big disk/cache]",
        "{ran}"
    );
    // An archive that was named is unpacked there.
    for (folder, asked) in [
        ("big disk/cache", "[--cache-dir][big disk/cache]"),
        ("empty", "[--cache-dir][empty][--bundle][a.tar]"),
    ] {
        let variables = [&format!("CACHE_DIR={folder}"), "OFFLINE_ARCHIVE=a.tar"];
        let ran = make(&project, &["offline-diagnose", variables[0], variables[1]]).succeeds();
        assert_eq!(
            ran.stdout.trim_end(),
            format!("[offline][diagnose]{asked}"),
            "{ran}"
        );
    }
}

#[test]
fn what_compose_has_to_know_is_named_where_the_bundle_lies() {
    let project = project("include Makefile.offline.mk\n");
    project.write("compose.yaml", "services: {}\n");
    let up = || make(&project, &["offline-up"]).succeeds();
    assert_eq!(up().stdout.trim_end(), "[compose][up][-d][--build]");

    let name = project.path().file_name().unwrap().to_string_lossy();
    let beside = project.path().with_file_name(format!("{name}-offline"));
    std::fs::create_dir_all(beside.join("build-cache/.site")).unwrap();
    for file in ["oci-layout", ".site/compose.offline.yaml"] {
        std::fs::write(beside.join("build-cache").join(file), "{}").unwrap();
    }
    let ran = up();
    std::fs::remove_dir_all(&beside).unwrap();
    assert_eq!(
        ran.stdout.trim_end(),
        format!(
            "[compose][-f][compose.yaml][-f][../{name}-offline/build-cache/.site/compose.offline.yaml][up][-d][--build]"
        ),
        "{ran}"
    );

    project.write("build-cache/oci-layout", "{}");
    project.write("build-cache/.site/compose.offline.yaml", "{}");
    assert_eq!(
        up().stdout.trim_end(),
        "[compose][-f][compose.yaml][-f][build-cache/.site/compose.offline.yaml][up][-d][--build]"
    );
}

#[test]
fn without_the_commands_it_says_how_to_get_them() {
    let project = project("include Makefile.offline.mk\n");
    project.write(
        "bin/docker",
        "#!/bin/sh\necho 'Usage:  docker [OPTIONS] COMMAND'\n",
    );
    let ran = make(&project, &["offline-build"]).run();
    assert_eq!(ran.code, 2, "{ran}");
    ran.assert_in_words();
    assert!(ran.stderr.contains("install.sh"), "{ran}");
}

#[test]
fn the_scripts_pass_on_every_word() {
    let project = project("");
    for (script, words, asked) in [
        ("export-cache.sh", &[][..], "[offline][export]"),
        (
            "export-cache.sh",
            &["/mnt/big disk/cache", "-f", "a.yml"],
            "[offline][export][--cache-dir][/mnt/big disk/cache][-f][a.yml]",
        ),
        ("export-cache.sh", &["-", "bin"], "[offline][export][bin]"),
        ("build-offline.sh", &[], "[offline][build]"),
        (
            "build-offline.sh",
            &["/mnt/cache", "v1.0.0", "--progress", "plain", "backend"],
            "[offline][build][--bundle][/mnt/cache][--version][v1.0.0][--progress][plain][backend]",
        ),
        (
            "build-offline.sh",
            &["-", "v1.0.0"],
            "[offline][build][--version][v1.0.0]",
        ),
        (
            "build-offline-classic.sh",
            &["it's here"],
            "[offline][build][--classic][--bundle][it's here]",
        ),
        (
            "diagnose.sh",
            &["--strict"],
            "[offline][diagnose][--strict]",
        ),
        (
            "diagnose.sh",
            &["/mnt/cache", "-f", "a.yml"],
            "[offline][diagnose][--bundle][/mnt/cache][-f][a.yml]",
        ),
        (
            "rebuild.sh",
            &["--classic", "--bundle", "it's here"],
            "[offline][build][--up][--classic][--bundle][it's here]",
        ),
    ] {
        let run = |path: &str| {
            on_machine("env")
                .arg(format!("PATH={path}:/usr/bin:/bin"))
                .arg(repository().join("scripts").join(script))
                .args(words)
                .quietly()
        };
        let ran = run(&project.join("bin").to_string_lossy()).succeeds();
        assert_eq!(ran.stdout.trim_end(), asked, "{ran}");

        let ran = run("/nonexistent").run();
        assert_eq!(ran.code, 127, "{ran}");
        ran.assert_in_words();
    }
}
