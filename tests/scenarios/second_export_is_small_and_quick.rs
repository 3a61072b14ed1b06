//! Exporting again costs what has changed.

use std::collections::BTreeMap;

use docker_offline_tests::{Engine, Workspace, say};

#[test]
fn a_second_export_adds_nothing_and_an_edit_adds_little() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_example("llm-chat");
    let export = || {
        engine
            .offline(project.path(), ["export"])
            .within(900)
            .succeeds()
    };

    // Many projects have files of these names, and the archive is written beside them.
    let own = [
        ("install.sh", "#!/bin/sh\necho of the project\n"),
        ("SHA256SUMS", "# of the project\n"),
    ];
    for (name, text) in own {
        project.write(name, text);
    }
    let first = export();
    for (name, text) in own {
        assert!(project.read(name).starts_with(text), "{name}: {first}");
    }
    let installer = "\n  ./docker-offline-install.sh\n";
    assert!(first.stdout.contains(installer), "{first}");
    assert!(project.read("install.sh").len() == own[0].1.len());
    let after_first = blobs(&project);
    say(format!(
        "{} blobs, {} bytes",
        after_first.len(),
        after_first.values().sum::<u64>()
    ));
    assert!(after_first.len() > 10, "{after_first:?}");

    // The better of two, because other things happen on a machine.
    let second = [export(), export()].map(|ran| ran.took.as_secs_f64());
    assert_eq!(
        after_first,
        blobs(&project),
        "no new blob, and none is gone"
    );
    let ratio = second[0].min(second[1]) / first.took.as_secs_f64();
    say(format!(
        "second export: {:.0} % of the first one's time",
        ratio * 100.0
    ));
    assert!(
        ratio < 0.2,
        "under a fifth of the first one's time: {ratio:.2}"
    );

    project.edit("backend/app/version.py", "1.0.0", "1.0.1");
    export();
    let added: u64 = blobs(&project)
        .iter()
        .filter(|(name, _)| !after_first.contains_key(*name))
        .map(|(_, size)| size)
        .sum();
    say(format!("a one-line edit adds {added} bytes"));
    assert!(added > 0, "the edit is in the bundle");
    assert!(added < 1024 * 1024, "under 1 MiB: {added}");
}

fn blobs(project: &Workspace) -> BTreeMap<String, u64> {
    let folder = project.join("build-cache/blobs/sha256");
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().to_string_lossy().into_owned(),
                entry.metadata().unwrap().len(),
            )
        })
        .collect()
}
