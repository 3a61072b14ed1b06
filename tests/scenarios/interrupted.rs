//! Ctrl-C or SIGKILL at any moment: afterwards the same command succeeds, and
//! nothing half-written is taken for whole.

use std::time::{Duration, Instant};

use docker_offline_tests::{
    Carried, Engine, Invocation, Signal, Workspace, on_machine, pairs, say,
};

/// A base to pull, steps that take a moment each, two stages.
fn project() -> Workspace {
    Workspace::of_files(
        "cut",
        &[
            (
                "compose.yaml",
                "name: cut\nservices:\n  app:\n    build: ./app\n    image: cut-app:dev\n  cache:\n    image: redis:7\n",
            ),
            (
                "app/Dockerfile",
                "FROM busybox:1.36 AS one\nRUN sleep 0.5; head -c 8000000 /dev/urandom > /one\n\
                 FROM alpine:3.20\nCOPY --from=one /one /one\nRUN sleep 0.5; echo two > /two\nCOPY data.txt /data.txt\n",
            ),
            ("app/data.txt", "data\n"),
        ],
    )
}

/// Moments spread over the time that the whole command takes, in per cent.
fn moments() -> &'static [u32] {
    if pairs().len() > 1 {
        &[5, 25, 45, 65, 85]
    } else {
        &[10, 45, 80]
    }
}

#[test]
fn export_is_cut_at_any_moment_and_then_succeeds() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let export = |project: &Workspace| {
        engine.offline(
            project.path(),
            ["export", "--archive", "out/build-cache-1.tar.zst"],
        )
    };
    let project = project();
    export(&project).succeeds();
    // Measured once more: the first run also warms the machine's own caches.
    forget(&engine, &project);
    let whole = export(&project).succeeds().took;

    for signal in [Signal::INT, Signal::KILL] {
        for &percent in moments() {
            let mut again = || {
                forget(&engine, &project);
                export(&project)
            };
            cut(&mut again, signal, whole * percent / 100);
            let archive = project.join("out/build-cache-1.tar.zst");
            let is_whole = || {
                on_machine("zstd")
                    .args(["-q", "-t"])
                    .arg(&archive)
                    .quietly()
                    .run()
                    .ok()
            };
            assert!(
                !archive.exists() || is_whole(),
                "no archive has its name before it is whole"
            );
            export(&project).succeeds();
            assert!(is_whole(), "the archive is whole");
            let images = engine.images();
            assert!(
                !images.iter().any(|i| i.contains("offline.invalid")),
                "no temporary name is left: {images:?}"
            );
            assert_no_leftovers(&project);
        }
    }
}

#[test]
fn build_is_cut_at_any_moment_and_then_succeeds() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project(), &["--no-record"]);
    drop(connected);
    let (site, project) = carried.arrive("28-overlay2-airgapped");
    let build = || {
        site.offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
    };
    let whole = build().succeeds().took;

    for signal in [Signal::INT, Signal::KILL] {
        for &percent in moments() {
            let mut again = || {
                forget(&site, &project);
                build()
            };
            cut(&mut again, signal, whole * percent / 100);
            build().succeeds();
            let (ran, log) = site.compose_build(project.path(), &[]);
            assert!(ran.ok(), "{ran}");
            log.assert_only_ran(&[]);
            let images = site.images();
            assert!(
                !images.iter().any(|i| i.contains("offline.invalid")),
                "no temporary name is left: {images:?}"
            );
            assert_no_leftovers(&project);
        }
    }
}

/// Starts a command and signals it after a while: Ctrl-C reaches every process of
/// the terminal, and so does the end of a machine. A command that was quicker than
/// before is started anew, and signalled earlier.
fn cut(command: &mut dyn FnMut() -> Invocation, signal: Signal, mut after: Duration) {
    for _ in 0..8 {
        if cut_once(command(), signal, after) {
            return;
        }
        say(format!("it was quicker than {after:.1?}"));
        after = after * 2 / 3;
    }
    panic!("never cut");
}

/// Whether it was cut: it ended by the signal and not by itself.
fn cut_once(command: Invocation, signal: Signal, after: Duration) -> bool {
    let mut running = command.quietly().start();
    std::thread::sleep(after);
    if running.ended().is_some() {
        running.finish();
        return false;
    }
    let sent = Instant::now();
    running.signal_all(signal);
    let ran = running.finish();
    let ended_in = sent.elapsed();
    say(format!(
        "{signal:?} after {after:.1?}: exit code {}, {ended_in:.1?} later",
        ran.code
    ));
    ran.assert_no_panic();
    assert!(ended_in < Duration::from_secs(20), "it ends soon: {ran}");
    if ran.ok() {
        return false;
    }
    if signal == Signal::INT {
        assert_eq!(ran.code, 130, "{ran}");
        assert!(ran.stderr.contains("hint:"), "says what to do next: {ran}");
    }
    true
}

/// An engine and a folder as they were before the first run.
fn forget(engine: &Engine, project: &Workspace) {
    for folder in ["build-cache", "out"] {
        on_machine("rm")
            .arg("-rf")
            .arg(project.join(folder))
            .quietly()
            .succeeds();
    }
    engine
        .run("sh")
        .args([
            "-c",
            "docker image ls -aq | sort -u | xargs -r docker image rm -f; docker builder prune -af",
        ])
        .quietly()
        .succeeds();
}

/// Nothing lies beside what belongs there.
fn assert_no_leftovers(project: &Workspace) {
    let found = on_machine("find")
        .arg(project.path())
        .args([
            "(", "-name", "*.tmp*", "-o", "-name", "*.part*", "-o", "-name", ".tmp*", "-o",
            "-name", "*.new", ")",
        ])
        .quietly()
        .succeeds();
    assert_eq!(
        found.stdout.trim(),
        "",
        "unfinished files are gone after the run that succeeds"
    );
}
