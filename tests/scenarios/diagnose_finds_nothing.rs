//! The examples of the documentation have no finding: not on a connected machine
//! before the export, and not on a site of the same kind after the build.

use docker_offline_tests::{
    Carried, Datamate, Diagnosed, Engine, Pair, Workspace, pairs, variable,
};

/// What a site lacks that is of another kind than the exporter's is said, and is
/// no matter of this story.
fn healthy() -> Vec<Pair> {
    let same = |pair: &Pair| pair.same_generation() && pair.same_store();
    let mut chosen: Vec<Pair> = pairs().into_iter().filter(same).collect();
    if chosen.is_empty() {
        chosen.push(Pair {
            from: "overlay2",
            to: "28-overlay2",
        });
    }
    chosen
}

#[test]
fn on_the_small_examples() {
    for pair in healthy() {
        for name in ["llm-chat", "features"] {
            println!("  {name}, {pair}");
            let carried = Carried::example(name, &pair.connected());
            assert!(!carried.told.contains("warning:"), "{}", carried.told);
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

#[test]
fn on_nine_services() {
    let pair = healthy()[0];
    let carried = Datamate::carried(&pair.connected());
    let (site, project) = carried.arrive(&pair.airgapped());
    let datamate = Datamate::on(&site, &project);
    let archive = variable("OFFLINE_ARCHIVE", &carried.archive());
    let flags = ["OFFLINE_FLAGS=--format json --lang en", &archive];
    let diagnose = || Diagnosed::read(datamate.make("offline-diagnose", &flags).run());
    diagnose().finds_nothing();
    let build = datamate.make("offline-build", &[&archive]);
    build.within(900).succeeds();
    diagnose().finds_nothing();
}
