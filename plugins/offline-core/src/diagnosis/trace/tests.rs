//! Edits, and what is said of them.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::bundle::{Difference, Inventory, ServiceRecord};
use crate::closure::{self, BuildClosure};
use crate::compatibility::{Engine, misses};
use crate::engine::Store;
use crate::export::sources;
use crate::project::from_config;

const DOCKERFILE: &str = "ARG FLAVOUR=slim\nFROM debian:12 AS builder\nARG MODE=fast\nENV LANG=C\nRUN apt-get update\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\n\nFROM debian:12 AS runtime\nCOPY --from=builder /install /install\nRUN curl -O https://example.org/x\nCOPY --link . .\nRUN make\nCMD run\n";

/// A project at the export and now.
struct Scene {
    folder: tempfile::TempDir,
    args: String,
    network: Option<&'static str>,
    carried: ServiceRecord,
    then: Inventory,
    from: Engine,
    to: Engine,
}

fn engine() -> Engine {
    Engine {
        version: "28.5.2".into(),
        store: Some(Store::Graphdriver),
        compose: None,
    }
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Self {
            folder,
            args: "{}".into(),
            network: None,
            carried: ServiceRecord::default(),
            then: Inventory::default(),
            from: engine(),
            to: engine(),
        };
        scene.write("Dockerfile", DOCKERFILE);
        scene.write("requirements.txt", "flask\n");
        scene.write("app/main.py", "print(1)\n");
        let build = scene.build();
        scene.carried.sources = Some(sources(None, &build));
        scene.then = scene.inventory();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn inventory(&self) -> Inventory {
        Inventory::of_context(self.folder.path(), None).unwrap()
    }

    fn build(&self) -> BuildClosure {
        let config = format!(
            r#"{{"name": "shop", "services": {{"api": {{"build": {{"context": "{}", "dockerfile": "Dockerfile", "args": {}}}}}}}}}"#,
            self.folder.path().display(),
            self.args
        );
        let project = from_config(&config, &[self.path("compose.yaml")]).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let closure = closure::resolve(&project, &[], &platform).unwrap();
        closure.service("api").unwrap().build.clone().unwrap()
    }

    fn trace(&self) -> ServiceTrace {
        let build = self.build();
        let differences: Vec<Difference> = self
            .then
            .compare(&self.inventory())
            .into_iter()
            .filter(|d| d.path != "Dockerfile")
            .collect();
        let from = self.from.clone();
        let closure = closure::Closure {
            services: vec![closure::ServiceClosure {
                name: "api".into(),
                image: String::new(),
                build: Some(build.clone()),
            }],
            ..closure::Closure::default()
        };
        trace(&Inputs {
            service: "api",
            build: &build,
            network: self.network,
            carried: &self.carried,
            differences: Some(&differences),
            other_images: &BTreeSet::new(),
            misses: &misses(&closure, &from, &self.to),
            from: &from,
            to: Some(&self.to),
            known: None,
            unrecorded: None,
        })
    }

    /// The first miss of each stage: line and reason.
    fn first(&self) -> Vec<(u32, String)> {
        let trace = self.trace();
        let found = trace.stages.iter().filter_map(StageTrace::first_miss);
        found
            .map(|(step, reason)| (step.line, reason.words().en.into_owned()))
            .collect()
    }
}

#[test]
fn nothing_misses_where_nothing_changed() {
    let scene = Scene::new();
    assert_eq!(scene.first(), []);
    assert!(
        scene
            .trace()
            .steps()
            .all(|(_, s)| s.verdict == Verdict::Hit)
    );
}

#[test]
fn an_edited_file_is_named_at_the_copy_that_takes_it() {
    let scene = Scene::new();
    scene.write("app/main.py", "print(2)\n");
    assert_eq!(
        scene.first(),
        [(
            12,
            "it takes files that differ from the export: app/main.py (changed)".into()
        )]
    );
    scene.write("requirements.txt", "flask\ncelery\n");
    let first = scene.first();
    assert_eq!(first[0].0, 6);
    assert!(
        first[0].1.ends_with("requirements.txt (changed)"),
        "{first:?}"
    );
    // The stage that takes its files follows.
    assert_eq!(
        first[1],
        (
            10,
            "it uses stage builder, which runs again from line 6 on".into()
        )
    );
}

#[test]
fn mode_line_ends_new_and_vanished_files_are_told_apart() {
    let scene = Scene::new();
    let path = scene.path("app/main.py");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        scene.first()[0]
            .1
            .ends_with("app/main.py (other permissions)")
    );
    let scene = Scene::new();
    scene.write("app/main.py", "print(1)\r\n");
    assert!(
        scene.first()[0]
            .1
            .ends_with("app/main.py (other line ends)")
    );
    let scene = Scene::new();
    scene.write("app/notes.txt", "x");
    assert!(scene.first()[0].1.ends_with("app/notes.txt (new)"));
    let scene = Scene::new();
    std::fs::remove_file(scene.path("app/main.py")).unwrap();
    assert!(scene.first()[0].1.contains("app/main.py (gone)"));
}

#[test]
fn a_changed_argument_misses_at_the_next_run() {
    let mut scene = Scene::new();
    scene.args = r#"{"MODE": "slow"}"#.into();
    let first = scene.first();
    assert_eq!(
        first[0],
        (
            5,
            "the build argument MODE was fast at the export, and is slow".into()
        )
    );
}

#[test]
fn another_base_image_misses_at_once() {
    let scene = Scene::new();
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replacen("debian:12", "debian:13", 1),
    );
    let first = scene.first();
    assert_eq!(first[0].0, 2);
    assert!(
        first[0].1.contains("debian:12") && first[0].1.contains("debian:13"),
        "{first:?}"
    );
}

#[test]
fn an_edited_added_or_removed_line_is_named() {
    let scene = Scene::new();
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replace("RUN make", "RUN make all"),
    );
    assert_eq!(
        scene.first(),
        [(
            13,
            "line 13 said at the export: RUN make; it says: RUN make all".into()
        )]
    );
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replace("RUN make", "RUN echo\nRUN make"),
    );
    assert_eq!(
        scene.first(),
        [(13, "line 13 was added since the export: RUN echo".into())]
    );
    let without = DOCKERFILE.replace("RUN curl -O https://example.org/x\n", "");
    scene.write("Dockerfile", &without);
    let first = scene.first();
    assert_eq!(first[0].0, 11);
    assert!(first[0].1.contains("was line 11: RUN curl"), "{first:?}");
    // A variable is part of the keys of the RUNs behind it.
    scene.write("Dockerfile", &DOCKERFILE.replace("LANG=C", "LANG=de"));
    assert_eq!(scene.first()[0].0, 5);
}

#[test]
fn comments_cmd_and_stage_names_cost_nothing() {
    let scene = Scene::new();
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replace("CMD run", "# why\nCMD other"),
    );
    assert_eq!(scene.first(), []);
    scene.write("Dockerfile", &format!("# a comment\n{DOCKERFILE}"));
    assert_eq!(scene.first(), []);
}

#[test]
fn copy_link_misses_across_stores() {
    let mut scene = Scene::new();
    scene.to.store = Some(Store::Containerd);
    let first = scene.first();
    assert_eq!(first[0].0, 12);
    assert!(first[0].1.contains("COPY --link"), "{first:?}");
}

#[test]
fn copy_link_crosses_generations_on_graphdrivers_alone() {
    let mut scene = Scene::new();
    scene.to.version = "26.1.5".into();
    assert_eq!(scene.first(), []);
    scene.from.store = Some(Store::Containerd);
    scene.to.store = Some(Store::Containerd);
    let first = scene.first();
    assert_eq!(first[0].0, 12);
    assert!(first[0].1.contains("Engine 26"), "{first:?}");
    scene.to.version = "28.5.2".into();
    assert_eq!(scene.first(), []);
}

#[test]
fn a_copy_by_patterns_misses_across_engine_29_1() {
    let mut scene = Scene::new();
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replace("COPY requirements.txt", "COPY requirements*.txt"),
    );
    scene.carried.sources = Some(sources(None, &scene.build()));
    scene.to.version = "29.0.4".into();
    assert_eq!(scene.first(), []);
    scene.to.version = "29.1.0".into();
    let first = scene.first();
    assert!(first[0].1.contains("* or ?"), "{first:?}");
    scene.from.version = "30.2.1".into();
    assert_eq!(scene.first(), []);
}

#[test]
fn another_network_misses_at_the_first_run() {
    let mut scene = Scene::new();
    scene.network = Some("host");
    assert_eq!(
        scene.first()[0],
        (5, "build.network was - at the export, and is host".into())
    );
}

#[test]
fn an_old_bundle_says_that_it_knows_no_lines() {
    let mut scene = Scene::new();
    scene.carried.sources = None;
    scene.write(
        "Dockerfile",
        &DOCKERFILE.replace("RUN make", "RUN make all"),
    );
    let trace = scene.trace();
    assert!(!trace.lines_known && trace.files_known);
    assert_eq!(scene.first(), []);
}
