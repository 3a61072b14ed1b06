//! Build contexts and named contexts from git repositories: fetched at the
//! export, carried, and built from on site, by our builds and by plain Compose, as if they
//! were fetched there.

use docker_offline_tests::{
    Carried, Engine, GitServer, Origin, Workspace, assert_same, contents, say, sites,
};

const COMPOSE: &str = r#"name: ctxs
services:
  app:
    build:
      context: ${GIT}/app.git#main:svc
      dockerfile: docker/app.Dockerfile
      args: {V: "1", ORIGIN: "${ORIGIN}"}
    image: ctxs-app:dev
  inline:
    build:
      context: ${GIT}/app.git#v1
      additional_contexts:
        lib: ${GIT}/lib.git
      dockerfile_inline: |
        FROM busybox:1.36
        COPY . /srv/
        COPY --from=lib lib.txt /srv/
        RUN cat /srv/lib.txt > /srv/seen
        CMD ["sh", "-c", "cat /srv/svc/words /srv/seen; ls -a /srv"]
    image: ctxs-inline:dev
  text:
    build:
      context: ${ORIGIN}/text
      dockerfile: counts/for/nothing
      args: {W: "1"}
    image: ctxs-text:dev
"#;

/// A Dockerfile that is fetched: all that its context holds, under another name.
const TEXT: &str = r#"FROM busybox:1.36
COPY . /srv/
ARG W
RUN echo "$W" > /srv/w && ls /srv > /srv/seen
CMD ["sh", "-c", "cd /srv; stat -c '%n %a %u:%g %Y' context; cat w seen"]
"#;

fn answer(path: &str) -> String {
    let body = match path {
        "/text" => TEXT.to_owned(),
        path => format!("answer of {path}\n"),
    };
    format!(
        "HTTP/1.1 200 OK\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const DOCKERFILE: &str = r#"FROM busybox:1.36
WORKDIR /srv
COPY . .
RUN cat words run.sh > seen
ARG V
ARG ORIGIN
RUN echo $V && wget -q -O fetched "$ORIGIN/app"
CMD ["sh", "-c", "cat seen fetched"]
"#;

fn repositories(git: &GitServer) -> String {
    let files = [
        ("top", "top\n"),
        ("svc/words", "words of v1\n"),
        ("svc/run.sh", "#!/bin/sh\n"),
        // It counts for nothing in a context that is fetched.
        ("svc/.dockerignore", "words\n"),
        ("svc/docker/app.Dockerfile", DOCKERFILE),
    ];
    git.commit("app", &files);
    git.tag("app", "v1");
    let more = "services:\n  more: {image: \"busybox:1.36\"}\n";
    git.commit("lib", &[("lib.txt", "lib\n"), ("more.yaml", more)]);
    git.commit("app", &[("svc/words", "words of main\n")])
}

/// The beginning of a Compose file that includes one from a repository.
fn with_remote_file(git: &GitServer) -> String {
    format!(
        "include:\n  - {}/lib.git#main:more.yaml\nservices:\n",
        git.url
    )
}

fn told(engine: &Engine, project: &Workspace, image: &str) -> String {
    let run = ["run", "--rm", "--network=none", image];
    let ran = engine.docker(project.path(), run).quietly();
    ran.succeeds().stdout
}

const IMAGES: [&str; 3] = ["ctxs-app:dev", "ctxs-inline:dev", "ctxs-text:dev"];

#[test]
fn contexts_that_builds_fetch_are_carried() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let git = GitServer::start(&connected);
    let origin = Origin::answering(&connected, answer);
    let commit = repositories(&git);
    let environment = format!("GIT={}\n{}", git.url, origin.environment());
    let project = Workspace::of_files(
        "ctxs",
        &[("compose.yaml", COMPOSE), (".env", environment.as_str())],
    );

    say("a plan names them, and asks nobody");
    let plan = connected.offline(project.path(), ["export", "--dry-run"]);
    let plan = plan.succeeds();
    for words in [
        "Contexts that are fetched",
        "app.git#main:svc",
        "lib.git",
        "/text",
    ] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    assert!(!plan.all().contains("left out"), "{plan}");
    assert_eq!(origin.paths(), Vec::<String>::new());

    say("a file that Compose itself fetches is refused by its line");
    let remote = with_remote_file(&git);
    let before = project.edit("compose.yaml", "services:\n", &remote);
    let words = ["compose.yaml:3", "lib.git#main:more.yaml", "--force"];
    connected
        .offline(project.path(), ["export"])
        .fails_with(70, &words);
    project.write("compose.yaml", before);

    say("the commit that a branch has now is said, and what does not exist");
    let before = project.edit("compose.yaml", "app.git#main", "app.git#gone");
    connected
        .offline(project.path(), ["export"])
        .fails_with(50, &["compose.yaml:", "app.git#gone", "service app"]);
    project.write("compose.yaml", before);
    let flags = ["export", "--archive", "none"];
    let exported = connected.offline(project.path(), flags).succeeds();
    let words = format!("carried as it is now, at commit {commit}");
    assert!(exported.all().contains(&words), "{words}: {exported}");

    let carried = Carried::export(&connected, project, &[]);
    let words = "Build contexts fetched for app, inline, text";
    assert!(carried.told.contains(words), "{}", carried.told);
    connected.compose_up(carried.project.path());
    let ordinary = IMAGES.map(|image| contents(&connected, image));
    let app = told(&connected, &carried.project, IMAGES[0]);
    assert_eq!(app, "words of main\n#!/bin/sh\nanswer of /app\n");
    let inline = told(&connected, &carried.project, IMAGES[1]);
    assert!(inline.starts_with("words of v1\nlib\n"), "{inline}");

    let text = told(&connected, &carried.project, IMAGES[2]);
    assert_eq!(text, "context 600 0:0 1445412480\n1\ncontext\nseen\nw\n");

    say("the branch moves after the export");
    git.commit("app", &[("svc/words", "words of later\n")]);
    let remote = with_remote_file(&git);
    drop(git);
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        one_site(&carried, &kind, &ordinary, &remote);
    }
}

fn one_site(carried: &Carried, kind: &str, ordinary: &[String; 3], remote: &str) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let archive = carried.archive().display().to_string();
    site.diagnose(folder, &["--bundle", &archive])
        .finds_no_fault("remote-source");
    let built = site
        .offline(folder, ["build", "--bundle", &archive])
        .succeeds();
    assert!(!built.all().contains("Replaying"), "{built}");
    for (image, ordinary) in IMAGES.iter().zip(ordinary) {
        assert_same(image, &contents(&site, image), ordinary);
    }

    say("plain Compose, as it is and after an edit of what the Compose file holds");
    site.compose_up(folder).assert_only_ran(&[]);
    project.edit(
        "compose.yaml",
        "cat /srv/lib.txt >",
        "cat /srv/lib.txt /srv/top >",
    );
    project.edit("compose.yaml", "W: \"1\"", "W: \"2\"");
    site.compose_up(folder)
        .assert_only_ran(&["cat /srv/lib.txt /srv/top", "ls /srv"]);
    let text = told(&site, &project, IMAGES[2]);
    assert_eq!(text, "context 600 0:0 1445412480\n2\ncontext\nseen\nw\n");
    let inline = told(&site, &project, IMAGES[1]);
    assert!(inline.starts_with("words of v1\nlib\ntop\n"), "{inline}");

    say("an edit before the network step of a Dockerfile that was fetched");
    project.edit("compose.yaml", "V: \"1\"", "V: \"2\"");
    let built = site.offline(folder, ["build"]).succeeds();
    assert!(built.all().contains("Replaying"), "{built}");
    let app = told(&site, &project, IMAGES[0]);
    assert_eq!(app, "words of main\n#!/bin/sh\nanswer of /app\n");

    say("plain Compose with --stay, after such an edit");
    site.offline(folder, ["build", "--stay"]).succeeds();
    project.edit("compose.yaml", "V: \"2\"", "V: \"3\"");
    site.compose_up(folder);
    let app = told(&site, &project, IMAGES[0]);
    assert_eq!(app, "words of main\n#!/bin/sh\nanswer of /app\n");
    site.offline(folder, ["build", "--leave"]).succeeds();

    say("a ref that the bundle does not hold");
    project.edit("compose.yaml", "app.git#main", "app.git#next");
    let found = site.diagnose(folder, &[]);
    found.finds("remote-source", "error", &["service app", "#next"]);
    site.offline(folder, ["build"])
        .fails_with(51, &["compose.yaml:", "#next"]);

    say("a file that Compose itself fetches");
    project.edit("compose.yaml", "services:\n", remote);
    site.offline(folder, ["build"])
        .fails_with(11, &["compose.yaml:3", "clone it beside the project"]);
}
