//! `docker offline build --classic` rebuilds after edits on any engine, whatever
//! builds by hand have left there, and leaves plain Compose working where it can.

use docker_offline_tests::{
    Carried, Engine, LlmChat, Pair, Workspace, assert_classic_only_ran, classic_pairs, on_each,
    repository, rounds, say,
};

#[test]
fn llm_chat_is_rebuilt_by_the_classic_builder_on_every_site() {
    on_each(classic_pairs(), rounds(), one_round);
}

fn one_round(pair: Pair) {
    let carried = Carried::example("llm-chat", &pair.connected(), &[]);
    let (site, project) = carried.arrive(&pair.airgapped());
    let classic = |flags: &[&str]| {
        let build = site.offline(project.path(), ["build", "--classic", "--bundle"]);
        build.arg(carried.archive()).args(flags).within(600)
    };
    classic(&["--setup"]).succeeds();
    leftovers(&site, &project);

    let ran = classic(&["--version", "v1.0.0"]).succeeds();
    assert_classic_only_ran(&ran, &[]);
    let images = site.images();
    for image in ["llm-chat-backend", "llm-chat-frontend"] {
        for tag in ["latest", "v1.0.0"] {
            assert!(images.contains(&format!("{image}:{tag}")), "{images:?}");
        }
    }
    assert_classic_only_ran(&classic(&[]).succeeds(), &[]);

    edit(&project, "one");
    assert_classic_only_ran(&classic(&[]).succeeds(), &["npm run build"]);
    assert_classic_only_ran(&classic(&[]).succeeds(), &[]);
    holds(&site, "one");
    project.write("backend/prompts.json", "{\"greeting\": \"new\"}\n");
    let ran = classic(&[]).succeeds();
    assert_classic_only_ran(&ran, &["jq -c", "compileall"]);

    let before = project.edit(
        "backend/Dockerfile",
        "WORKDIR /build\n",
        "ENV X=1\nWORKDIR /build\n",
    );
    classic(&[]).fails_with(50, &["backend/Dockerfile:4", "apt-get"]);
    project.write("backend/Dockerfile", before);
    let ran = classic(&[]).succeeds();
    assert_classic_only_ran(&ran, &[]);

    if pair.has_plugins() {
        assert!(ran.all().contains("docker compose up -d --build"), "{ran}");
        LlmChat::on(&site, &project).edit_both_and_see("two");
        site.docker(project.path(), ["compose", "down", "-v", "-t", "1"])
            .quietly()
            .succeeds();
    } else {
        for words in [
            "backend/Dockerfile:3: this engine has no buildx",
            "docker offline build --classic && docker-compose",
            "up -d --no-build",
        ] {
            assert!(ran.all().contains(words), "{words:?}: {ran}");
        }
    }
}

/// A build by hand that fails at apt-get, and one that is killed.
fn leftovers(site: &Engine, project: &Workspace) {
    let folder = project.join("backend");
    let by_hand = |limit: &str| {
        let args = ["-s", "KILL", limit, "docker", "build", "--rm=false", "."];
        let build = site.run_in(&folder, "timeout").args(args);
        let ran = build.env("DOCKER_BUILDKIT", "0").within(120).run();
        assert!(!ran.ok(), "there is no network here: {ran}");
    };
    by_hand("100");
    by_hand("1");
}

fn edit(project: &Workspace, mark: &str) {
    project.write("backend/app/version.py", format!("VERSION = \"{mark}\"\n"));
    let main = project.read("frontend/src/main.js");
    project.write(
        "frontend/src/main.js",
        format!("{main}console.log(\"{mark}\");\n"),
    );
}

/// The new sources are in the images.
fn holds(site: &Engine, mark: &str) {
    let ran = site
        .run("docker")
        .args(["run", "--rm", "llm-chat-backend", "cat"])
        .args(["app/version.py"])
        .succeeds();
    assert!(ran.stdout.contains(mark), "{ran}");
}

/// `scripts/rebuild.sh --classic`, also with docker-compose 1.
#[test]
fn the_rebuild_script_replaces_what_the_classic_builder_built_anew() {
    let pair = classic_pairs()[0];
    let carried = Carried::example("llm-chat", &pair.connected(), &[]);
    let (site, project) = carried.arrive(&pair.airgapped());
    let rebuild = || {
        let script = site.run_in(project.path(), repository().join("scripts/rebuild.sh"));
        let script = script.args(["--classic", "--bundle"]);
        script.arg(carried.archive()).within(600)
    };
    let ran = rebuild().succeeds();
    assert_eq!(ran.stdout.matches("started, healthy").count(), 3, "{ran}");
    project.write("backend/app/version.py", "VERSION = \"two\"\n");
    let ran = rebuild().succeeds();
    assert_classic_only_ran(&ran, &[]);
    assert_eq!(
        ran.stdout.matches("unchanged, not restarted").count(),
        2,
        "{ran}"
    );
    assert!(
        ran.stdout.contains("rebuilt and restarted, healthy"),
        "{ran}"
    );
    let chat = LlmChat::on(&site, &project);
    chat.answers_with("two");
    say("what does not run is put back");
    project.write("backend/app/version.py", "VERSION == \"three\"\n");
    let ran = rebuild().fails_with(56, &["backend"]);
    let back = "put back on its old image, which is healthy";
    assert!(ran.stdout.contains(back), "{ran}");
    assert!(ran.stdout.contains("NameError"), "its last words: {ran}");
    chat.answers_with("two");
}

/// Where there is nothing but the classic builder, a service with steps that only
/// BuildKit knows is built after an edit that comes behind them.
#[test]
fn what_only_buildkit_knows_is_gone_on_from() {
    let tools = "# syntax=docker/dockerfile:1\nFROM busybox:1.36 AS tools\nRUN --mount=type=cache,target=/cache echo tools > /tools\nENV MADE=by-buildkit\nRUN <<END\necho here > /here\nENV > /dev/null || true\nEND\nCOPY --link seed.txt /seed.txt\nENTRYPOINT []\nCOPY data.txt /data.txt\nRUN cat /data.txt /tools /here > /all && test $MADE = by-buildkit\nCMD [\"cat\", \"/all\"]\n";
    let project = Workspace::of_files(
        "carried-as-it-is",
        &[
            (
                "compose.yaml",
                "services:\n  tools:\n    build:\n      context: ./tools\n      additional_contexts: {shared: ./shared}\n    image: tools:dev\n  bound:\n    build: ./bound\n    image: bound:dev\n  plain:\n    build: ./plain\n    image: plain:dev\n",
            ),
            ("shared/note", "note\n"),
            (
                "tools/Dockerfile",
                &tools.replace("COPY --link", "COPY --from=shared note /note\nCOPY --link"),
            ),
            ("tools/seed.txt", "seed\n"),
            ("tools/data.txt", "data\n"),
            (
                "bound/Dockerfile",
                "FROM busybox:1.36\nRUN --mount=type=bind,source=list,target=/list cp /list /bound\nCOPY data.txt /data.txt\n",
            ),
            ("bound/list", "list\n"),
            ("bound/data.txt", "data\n"),
            (
                "plain/Dockerfile",
                "FROM busybox:1.36\nRUN echo plain > /plain\nCOPY data.txt /data.txt\n",
            ),
            ("plain/data.txt", "data\n"),
        ],
    );
    let connected = Engine::with_plugin("28-overlay2-connected");
    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    let (site, project) = carried.arrive("20-overlay2-airgapped");
    let build = || {
        site.offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
    };
    // Without --classic too: this engine has nothing else.
    let ran = build().succeeds();
    for words in ["tools:dev (carried, not rebuilt)", "no buildx"] {
        assert!(ran.all().contains(words), "{words:?}: {ran}");
    }
    let show = |image: &str, file: &str| {
        let ran = site.run("docker").args(["run", "--rm", image, "cat", file]);
        ran.succeeds().stdout
    };
    say("an edit behind the last step that only BuildKit knows is built");
    for service in ["tools", "bound", "plain"] {
        project.write(&format!("{service}/data.txt"), "edited\n");
    }
    let ran = build().succeeds();
    assert_classic_only_ran(&ran, &["cat /data.txt"]);
    let run = ["run", "--rm", "tools:dev"];
    let told = site.run("docker").args(run).succeeds().stdout;
    assert_eq!(told, "edited\ntools\nhere\n", "and its settings are there");
    assert_eq!(show("tools:dev", "/note"), "note\n");
    assert_eq!(show("bound:dev", "/data.txt"), "edited\n");
    assert_eq!(show("plain:dev", "/data.txt"), "edited\n");

    say("an edit of what such a step takes is refused by line, and nothing is lost");
    for (file, line, words) in [
        ("tools/seed.txt", "tools/Dockerfile:10", "COPY --link"),
        ("shared/note", "tools/Dockerfile:9", "named context shared"),
        ("bound/list", "bound/Dockerfile:2", "RUN --mount"),
    ] {
        let before = project.read(file);
        project.write(file, "changed\n");
        build().arg("--dry-run").run().assert_failure(51, &[line]);
        build().run().assert_failure(51, &[line, words]);
        project.write(file, before);
    }
    let before = project.edit("tools/Dockerfile", "echo here", "echo there");
    build()
        .run()
        .assert_failure(51, &["tools/Dockerfile:5", "heredoc"]);
    project.write("tools/Dockerfile", before);
    build().succeeds();
    assert_eq!(show("tools:dev", "/here"), "here\n");
}
