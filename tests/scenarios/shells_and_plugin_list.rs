//! What people type: in their shell, and to ask Docker what it has.

use docker_offline_tests::Engine;

#[test]
fn docker_lists_the_plugin_without_a_warning() {
    for kind in ["28-overlay2-airgapped", "26-overlay2-airgapped"] {
        println!("  {kind}");
        let engine = Engine::with_plugin(kind);
        let ran = engine
            .run("docker")
            .args(["info", "--format", "{{json .ClientInfo.Plugins}}"])
            .succeeds();
        let plugins = ran.json();
        let plugins = plugins.as_array().expect("a list of plugins");
        let ours: Vec<_> = plugins
            .iter()
            .filter(|p| p["Name"].as_str().is_some_and(|n| n.contains("offline")))
            .collect();
        assert_eq!(ours.len(), 1, "{ran}");
        assert_eq!(ours[0]["Name"], "offline", "{ran}");
        assert!(ours[0]["Err"].is_null(), "{ran}");
        assert!(
            ours[0]["ShortDescription"]
                .as_str()
                .is_some_and(|d| d.len() > 10),
            "{ran}"
        );
        assert!(
            ours[0]["Version"].as_str().is_some_and(|v| !v.is_empty()),
            "{ran}"
        );

        let ran = engine.run("docker").arg("info").quietly().succeeds();
        assert!(!ran.all().contains("Invalid Plugins"), "{ran}");
        assert!(!ran.all().contains("WARNING: Plugin"), "{ran}");
        let ran = engine.run("docker").arg("--help").quietly().succeeds();
        assert!(
            ran.stdout.contains("offline*"),
            "docker's own help lists it: {ran}"
        );
        let ran = engine.run("docker").args(["offline", "version"]).succeeds();
        assert!(ran.stdout.contains(env!("CARGO_PKG_VERSION")), "{ran}");
    }
}

#[test]
fn the_hyphenated_commands_work_in_bash_zsh_and_fish() {
    let engine = Engine::with_plugin("28-overlay2-airgapped");
    let hooks = [
        ("bash", "eval \"$(docker offline shell-hook bash)\"; "),
        ("zsh", "eval \"$(docker offline shell-hook zsh)\"; "),
        ("fish", "docker offline shell-hook fish | source; "),
    ];
    for (shell, hook) in hooks {
        println!("  {shell}");
        let type_in = |line: &str| {
            let flags: &[&str] = if shell == "bash" { &["--norc"] } else { &[] };
            engine
                .run(shell)
                .args(flags)
                .arg("-c")
                .arg(format!("{hook}{line}"))
        };
        for command in ["export", "build"] {
            let ran = type_in(&format!("docker offline-{command} --help")).succeeds();
            assert!(
                ran.stdout.contains("Usage:") && ran.stdout.contains(command),
                "{ran}"
            );
        }
        let ran = type_in("docker offline-diagnose").run();
        ran.assert_no_panic();
        assert!(
            ran.all().contains("Engine") || ran.all().contains("engine"),
            "{ran}"
        );
        // Everything else is still docker's, with its exit code.
        let ran = type_in("docker version --format '{{.Server.Version}}'").succeeds();
        assert!(ran.stdout.starts_with("28."), "{ran}");
        let ran = type_in("docker offline-export --nosuch").run();
        assert_eq!(ran.code, 2, "the exit code is that of the command: {ran}");
    }
}

#[test]
fn the_small_binaries_and_docker_contexts_work_by_themselves() {
    let engine = Engine::with_plugin("28-overlay2-airgapped");
    for command in ["export", "build", "diagnose"] {
        let ran = engine
            .run(format!("docker-offline-{command}"))
            .arg("--help")
            .succeeds();
        assert!(ran.stdout.contains("Usage:"), "{ran}");
        let plugin = engine
            .run("docker")
            .args(["offline", command, "--help"])
            .succeeds();
        assert!(plugin.stdout.contains("Usage:"), "{plugin}");
    }
    let socket = engine.socket();
    engine
        .run("docker")
        .args([
            "context",
            "create",
            "site",
            "--docker",
            &format!("host=unix://{socket}"),
        ])
        .succeeds();
    for words in [
        vec!["DOCKER_CONTEXT=site", "docker", "offline", "diagnose"],
        vec!["docker", "--context", "site", "offline", "diagnose"],
    ] {
        let ran = engine
            .run("env")
            .args(["-u", "DOCKER_HOST"])
            .args(&words)
            .run();
        ran.assert_no_panic();
        assert!(
            ran.all().contains("28."),
            "reached the engine through the context: {ran}"
        );
    }
    let host = format!("unix://{socket}");
    let ran = engine
        .run("env")
        .args([
            "-u",
            "DOCKER_HOST",
            "docker",
            "-H",
            &host,
            "offline",
            "diagnose",
        ])
        .run();
    assert!(ran.all().contains("28."), "{ran}");
}
