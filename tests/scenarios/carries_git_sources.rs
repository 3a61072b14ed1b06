//! `ADD <git repository>`: fetched at the export at the commit that a branch or a tag has
//! then, carried, and read from the bundle on site, with the result that ADD gives.

use docker_offline_tests::{
    Carried, Engine, GitServer, Workspace, assert_same, contents, say, sites,
};

const COMPOSE: &str = r#"name: gits
services:
  app:
    build: {context: ./app, args: {GIT: "${GIT}"}}
    image: gits-app:dev
"#;

const DOCKERFILE: &str = r#"FROM busybox:1.36 AS tools
ARG GIT
COPY before /srv/
ADD $GIT/tool.git#main /srv/tool
ADD --chown=10:20 --link $GIT/tool.git#v1:sub /srv/sub/
RUN cat /srv/tool/a /srv/sub/dir/s > /srv/seen
FROM busybox:1.36
ARG GIT
COPY --from=tools /srv /srv
ADD --keep-git-dir=true $GIT/tool.git /srv/kept
ADD ["$GIT/tool.git#v1", "${GIT}/other.git", "/srv/two/"]
COPY words /srv/
CMD ["sh", "-c", "cd /srv; stat -c '%n %a %u:%g' tool/run.sh sub/dir/s; cat tool/link two/a two/b seen words"]
"#;

fn project(git: &GitServer) -> Workspace {
    Workspace::of_files(
        "gits",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &format!("GIT={}\n", git.url)),
            ("app/Dockerfile", DOCKERFILE),
            ("app/before", "before 0\n"),
            ("app/words", "words 0\n"),
        ],
    )
}

/// A repository with a tag `v1` and a commit after it, which is given.
fn repositories(git: &GitServer) -> String {
    git.commit(
        "tool",
        &[
            ("a", "a of v1\n"),
            ("link", "-> a"),
            ("run.sh", "#!/bin/sh\n"),
            ("sub/dir/s", "s of v1\n"),
            (".dockerignore", "a\n"),
        ],
    );
    git.tag("tool", "v1");
    git.commit("other", &[("b", "b\n")]);
    git.commit(
        "tool",
        &[("a", "a of main\n"), ("sub/dir/s", "s of main\n")],
    )
}

/// What the image prints of its own files.
fn told(engine: &Engine, project: &Workspace) -> String {
    let run = ["run", "--rm", "--network=none", "gits-app:dev"];
    let ran = engine.docker(project.path(), run).quietly();
    ran.succeeds().stdout
}

/// What the image holds, but for what git writes down of a checkout itself: each has
/// its own dates there.
fn held(engine: &Engine) -> String {
    let all = contents(engine, "gits-app:dev");
    let of_git = |line: &&str| !line.starts_with("srv/kept/.git/");
    all.lines().filter(of_git).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_add_takes_from_git_is_carried_and_read_on_site() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let git = GitServer::start(&connected);
    let commit = repositories(&git);
    let project = project(&git);

    say("a ref that the server does not have is said by its line");
    let before = project.edit("app/Dockerfile", "tool.git#main", "tool.git#gone");
    connected
        .offline(project.path(), ["export"])
        .fails_with(50, &["app/Dockerfile:4", "tool.git#gone"]);
    project.write("app/Dockerfile", before);

    say("the commit that a branch or a tag has now is said");
    let flags = ["export", "--archive", "none"];
    let exported = connected.offline(project.path(), flags).succeeds();
    for words in [
        format!("app/Dockerfile:4) is carried as it is now, at commit {commit}"),
        "app/Dockerfile:5) is carried as it is now, at commit".into(),
        "app/Dockerfile:10) is carried as it is now, at commit".into(),
        "Fetched for ADD in app".into(),
    ] {
        assert!(exported.all().contains(&words), "{words}: {exported}");
    }

    let carried = Carried::export(&connected, project, &[]);
    connected.compose_up(carried.project.path());
    let ordinary = held(&connected);
    let words = told(&connected, &carried.project);
    let expected = "tool/run.sh 755 0:0\nsub/dir/s 644 10:20\na of main\na of v1\nb\na of main\ns of v1\nwords 0\n";
    assert_eq!(words, expected);
    assert!(ordinary.contains("srv/kept/.git d"), "{ordinary}");
    assert!(!ordinary.contains("srv/tool/.git "), "{ordinary}");

    say("the branch moves after the export");
    git.commit("tool", &[("a", "a of later\n")]);
    drop(git);
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        one_site(&carried, &kind, &ordinary, &words);
    }
}

fn one_site(carried: &Carried, kind: &str, ordinary: &str, words: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let archive = carried.archive().display().to_string();
    site.diagnose(folder, &["--bundle", &archive])
        .finds_no_fault("remote-source");
    site.offline(folder, ["build", "--bundle", &archive])
        .succeeds();
    assert_same("app", &held(&site), ordinary);
    assert_eq!(told(&site, &project), words);

    say("plain Compose, as it is and after an edit behind the ADDs");
    site.compose_up(folder).assert_only_ran(&[]);
    project.write("app/words", "words 1\n");
    site.compose_up(folder).assert_only_ran(&[]);
    assert!(told(&site, &project).ends_with("words 1\n"));

    say("plain Compose, after an edit before them");
    project.write("app/before", "before 1\n");
    site.compose_up(folder)
        .assert_only_ran(&["cat /srv/tool/a"]);
    assert!(told(&site, &project).contains("a of main\ns of v1\n"));

    say("a ref that the bundle does not hold");
    project.edit("app/Dockerfile", "tool.git#main", "tool.git#next");
    let found = site.diagnose(folder, &[]);
    found.finds("remote-source", "error", &["app/Dockerfile:4", "#next"]);
    site.offline(folder, ["build"])
        .fails_with(36, &["app/Dockerfile:4", "#next"]);
}
