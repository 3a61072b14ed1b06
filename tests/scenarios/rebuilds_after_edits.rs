//! What was exported is rebuilt without a network, after edits, with plain
//! Compose, as often as one likes.

use docker_offline_tests::{
    Carried, Engine, LlmChat, Pair, Workspace, on_each, pairs, rounds, say,
};

#[test]
fn llm_chat_is_edited_and_rebuilt_on_every_site() {
    on_each(pairs(), rounds(), |pair| {
        let carried = Carried::example("llm-chat", &pair.connected(), &[]);
        one_round(&carried, pair);
    });
}

fn one_round(carried: &Carried, pair: Pair) {
    let (site, project) = carried.arrive(&pair.airgapped());
    let bundle = carried.archive();
    let ran = site
        .offline(project.path(), ["build", "--bundle"])
        .arg(&bundle)
        .run();
    ran.assert_no_panic();
    if told_that_it_cannot(&ran.stderr, ran.code, pair) {
        return;
    }
    assert!(ran.ok(), "{ran}");
    let printed = ran.all();
    for word in ["backend", "frontend", "docker compose up"] {
        assert!(
            printed.contains(word),
            "the closing table names {word}: {ran}"
        );
    }

    let chat = LlmChat::on(&site, &project);
    chat.edit_both_and_see("one");
    chat.edit_builder_neighbour_and_see("What would you like to know?");
    chat.fail_before_apt_and_undo();
    chat.edit_both_and_see("two");
    site.docker(project.path(), ["compose", "down", "-v", "-t", "1"])
        .quietly()
        .succeeds();
}

/// A second `docker offline build` finds nothing to do, loads nothing and is
/// done in five seconds, from the archive and from the unpacked folder.
#[test]
fn a_second_build_with_nothing_changed_loads_nothing_and_is_quick() {
    let pair = pairs()[0];
    let carried = Carried::example("llm-chat", &pair.connected(), &[]);
    let (site, project) = carried.arrive(&pair.airgapped());
    let bundle = carried.archive();
    let build = || {
        site.offline(project.path(), ["build", "--bundle"])
            .arg(&bundle)
            .succeeds()
    };
    build();
    let before = site.now();
    // The better of two, because other things happen on a machine.
    let took = [build(), build()]
        .iter()
        .map(|ran| ran.took.as_secs_f64())
        .fold(f64::MAX, f64::min);
    assert_eq!(site.loads_since(&before), 0, "nothing is loaded again");
    assert!(took < 5.0, "under 5 s: {took:.1}");
}

/// A pair of generations that cannot hold by its nature counts when export and
/// build say so by service, file and line before they start.
fn told_that_it_cannot(stderr: &str, code: i32, pair: Pair) -> bool {
    if pair.same_generation() || !matches!(code, 36 | 51) {
        return false;
    }
    assert!(
        stderr.contains("backend") || stderr.contains("frontend"),
        "names the service: {stderr}"
    );
    assert!(
        stderr.contains("Dockerfile:"),
        "names file and line: {stderr}"
    );
    assert!(stderr.contains("hint:"), "says what to do: {stderr}");
    let connected = Engine::with_plugin(&pair.connected());
    let project = Workspace::of_example("llm-chat");
    let site = pair.site_engine();
    let ran = connected
        .offline(
            project.path(),
            ["export", "--dry-run", "--no-record", "--site-engine", &site],
        )
        .run();
    assert!(
        ran.all().contains("Dockerfile:"),
        "the export foresaw it: {ran}"
    );
    say("refused in words, on both sides");
    true
}
