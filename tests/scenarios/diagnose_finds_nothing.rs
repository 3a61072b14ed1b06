//! The examples of the documentation have no finding: not on a connected machine
//! before the export, and not on a site of the same kind after the build. The one of
//! nine services is in `datamate.rs`.

use docker_offline_tests::{Carried, Engine, Workspace, pairs_of_one_kind};

#[test]
fn on_the_small_examples() {
    for pair in pairs_of_one_kind() {
        for name in ["llm-chat", "features"] {
            println!("  {name}, {pair}");
            let carried = Carried::example(name, &pair.connected(), &[]);
            // The other one is there for what the classic builder does not know.
            if name == "llm-chat" {
                assert!(!carried.told.contains("warning:"), "{}", carried.told);
            }
            let (site, project) = carried.arrive(&pair.airgapped());
            let archive = carried.archive();
            let words = ["--bundle", archive.to_str().unwrap()];
            site.diagnose(project.path(), &words).finds_nothing();
            site.offline(project.path(), ["build"])
                .args(words)
                .within(900)
                .succeeds();
            site.diagnose(project.path(), &["--strict"]).finds_nothing();
            site.docker(project.path(), ["compose", "up", "-d"])
                .within(300)
                .succeeds();
            site.diagnose(project.path(), &[]).finds_nothing();
        }
    }
}

#[test]
fn on_a_connected_machine_before_the_export() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    for name in ["llm-chat", "features"] {
        let project = Workspace::of_example(name);
        let found = engine.diagnose(project.path(), &[]);
        found.finds_only("bundle-present", "warning", &["build-cache"]);
    }
}
