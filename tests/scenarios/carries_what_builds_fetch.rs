//! `ADD https://...`: fetched at the export, carried, and read from the bundle on site, by
//! our builds and by plain Compose, with the result that ADD gives.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, assert_same, contents, say, sites};

const COMPOSE: &str = r#"name: adds
services:
  app:
    build: {context: ./app, args: {ORIGIN: "${ORIGIN}"}}
    image: adds-app:dev
  plain:
    build:
      context: ./plain
      args: {ORIGIN: "${ORIGIN}"}
      dockerfile_inline: |
        FROM busybox:1.36
        ARG ORIGIN
        COPY before /
        ADD --link $ORIGIN/two /two
        RUN cat /before /two > /both
        COPY words /
        CMD ["cat", "/both", "/words"]
    image: adds-plain:dev
  mixed:
    build: {context: ./mixed, args: {ORIGIN: "${ORIGIN}"}}
    image: adds-mixed:dev
"#;

/// Sources of both kinds in one ADD, and archives that are unpacked.
const MIXED: &str = r#"FROM busybox:1.36
ARG ORIGIN
COPY before /srv/
ADD words local.tar $ORIGIN/two \
    /srv/mixed/
RUN mkdir -p /srv/tree/sub && chmod 700 /srv/tree/sub
ADD --unpack=true $ORIGIN/tree.tar /srv/tree
# All of it gets this owner, and no other mode.
ADD --unpack --chown=10:20 --chmod=700 $ORIGIN/theirs.tar local.tar /srv/owned/
RUN cat /srv/before /srv/mixed/words /srv/tree/f > /srv/seen
CMD ["sh", "-c", "cd /srv; find . | sort | xargs stat -c '%n %a %u:%g'; cat mixed/two owned/f tree/link seen"]
"#;

const DOCKERFILE: &str = r#"FROM busybox:1.36 AS tools
ARG ORIGIN
ARG V=1.2
COPY before /srv/
ADD --chmod=755 --chown=10:20 $ORIGIN/tool-$V \
    # a comment between
    /srv/bin/
RUN cat /srv/bin/* > /srv/seen
FROM busybox:1.36
ARG ORIGIN
WORKDIR /srv
COPY --from=tools /srv /srv
ADD --unpack=false ["${ORIGIN}/list.tar.gz?raw=1", "$ORIGIN/two", "got/"]
ADD --checksum=sha256:d779852b66b02e95733f11691878a2ec71ec385a69e52ce3d7789f0bd57cf6ee $ORIGIN/pinned pinned
RUN wget -q -O fetched "$ORIGIN/app"
COPY words .
CMD ["sh", "-c", "stat -c '%n %a %u:%g %Y' bin/* got/* pinned; cat seen words"]
"#;

fn project(origin: &Origin) -> Workspace {
    Workspace::of_files(
        "adds",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("app/Dockerfile", DOCKERFILE),
            ("app/before", "before 0\n"),
            ("app/words", "words 0\n"),
            ("plain/before", "before 0\n"),
            ("plain/words", "words 0\n"),
            ("mixed/Dockerfile", MIXED),
            ("mixed/before", "before 0\n"),
            ("mixed/words", "words 0\n"),
            ("mixed/local.tar", &archive("local", 0)),
        ],
    )
}

/// An archive of a folder, a file of this text, and links to it.
fn archive(text: &str, owner: u64) -> String {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, path, link, mode) in [
        (tar::EntryType::Directory, "sub/", "", 0o755),
        (tar::EntryType::Regular, "f", "", 0o4755),
        (tar::EntryType::Link, "sub/same", "f", 0o4755),
        (tar::EntryType::Symlink, "link", "sub/same", 0o777),
    ] {
        let mut header = tar::Header::new_ustar();
        let body = if kind.is_file() { text } else { "" };
        header.set_entry_type(kind);
        header.set_path(path).unwrap();
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_mtime(1_445_412_480);
        header.set_size(body.len() as u64);
        header.set_cksum();
        archive.append(&header, body.as_bytes()).unwrap();
    }
    String::from_utf8(archive.into_inner().unwrap()).unwrap()
}

/// Every path but one, with a date.
fn answer(path: &str) -> String {
    if path == "/gone" {
        return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into();
    }
    let body = match path {
        "/tree.tar" => archive("tree\n", 0),
        "/theirs.tar" => archive("theirs\n", 1000),
        path => format!("answer of {path}\n"),
    };
    format!(
        "HTTP/1.1 200 OK\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What the image prints of its own files.
fn told(engine: &Engine, project: &Workspace) -> String {
    told_by(engine, project, "adds-app:dev")
}

fn told_by(engine: &Engine, project: &Workspace, image: &str) -> String {
    let run = ["run", "--rm", "--network=none", image];
    let ran = engine.docker(project.path(), run).quietly();
    ran.succeeds().stdout
}

#[test]
fn what_add_fetches_is_carried_and_read_on_site() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&connected, answer);
    let project = project(&origin);

    say("a plan names it, and asks nobody");
    let flags = ["export", "--dry-run"];
    let plan = connected.offline(project.path(), flags).succeeds();
    for words in ["Fetched for ADD", "app/Dockerfile:5", "/tool-1.2", "/two"] {
        assert!(plan.stdout.contains(words), "{words}: {plan}");
    }
    assert_eq!(origin.paths(), Vec::<String>::new());

    say("what a server does not have is said by its line");
    for (address, words) in [
        ("/two", ["app/Dockerfile:13", "status 404"]),
        ("/pinned", ["app/Dockerfile:14", "digest mismatch"]),
    ] {
        let before = project.edit("app/Dockerfile", address, "/gone");
        connected
            .offline(project.path(), ["export"])
            .fails_with(50, &words);
        project.write("app/Dockerfile", before);
    }

    owners_that_no_folder_keeps(&connected, &project);

    let carried = Carried::export(&connected, project, &[]);
    for words in ["Fetched for ADD in app, mixed, plain", "fetched by builds"] {
        assert!(carried.told.contains(words), "{}", carried.told);
    }
    connected.compose_up(carried.project.path());
    let images = ["adds-app:dev", "adds-mixed:dev"];
    let ordinary = images.map(|image| contents(&connected, image));
    let words = told(&connected, &carried.project);
    let mixed = told_by(&connected, &carried.project, images[1]);
    for words in ["mixed/f 4755 0:0", "owned/f 4755 10:20", "tree/sub 755 0:0"] {
        assert!(mixed.contains(words), "{words}: {mixed}");
    }
    assert!(words.contains("got/two 600 0:0 1445412480"), "{words}");
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        one_site(&carried, &kind, &ordinary, [&words, &mixed]);
    }
}

/// In a folder all files are root's: an archive with others is named, and the service with
/// it left out.
fn owners_that_no_folder_keeps(connected: &Engine, project: &Workspace) {
    say("an archive with owners is left out by its line, and the others are carried");
    let before = project.edit("mixed/Dockerfile", "--chown=10:20 ", "");
    let flags = ["export", "--archive", "none", "--no-record"];
    let alone = connected.offline(project.path(), flags).args(["mixed"]);
    alone.fails_with(50, &["mixed/Dockerfile:9", "theirs.tar", "owners"]);
    let beside = connected.offline(project.path(), flags);
    let beside = beside.args(["mixed", "plain"]).succeeds();
    for words in ["service mixed is left out", "mixed/Dockerfile:9", "owners"] {
        assert!(beside.stderr.contains(words), "{words}: {beside}");
    }
    assert!(beside.stdout.contains("ADD in plain"), "{beside}");
    project.write("mixed/Dockerfile", before);
}

fn one_site(carried: &Carried, kind: &str, ordinary: &[String; 2], words: [&str; 2]) {
    let (site, project) = carried.arrive(kind);
    let folder = project.path();
    let archive = carried.archive().display().to_string();
    site.diagnose(folder, &["--bundle", &archive])
        .finds_no_fault("remote-source");
    let built = site
        .offline(folder, ["build", "--bundle", &archive])
        .succeeds();
    let copied = "ADD lines of app, mixed, plain";
    assert!(built.stdout.contains(copied), "{built}");
    assert!(!built.all().contains("Replaying"), "{built}");
    assert_same("app", &contents(&site, "adds-app:dev"), &ordinary[0]);
    assert_same("mixed", &contents(&site, "adds-mixed:dev"), &ordinary[1]);
    assert_eq!(told(&site, &project), words[0]);
    assert_eq!(told_by(&site, &project, "adds-mixed:dev"), words[1]);

    say("plain Compose, as it is and after an edit behind the ADDs");
    site.compose_up(folder).assert_only_ran(&[]);
    project.write("app/words", "words 1\n");
    site.compose_up(folder).assert_only_ran(&[]);
    assert!(told(&site, &project).ends_with("words 1\n"));

    say("plain Compose, after an edit before an ADD that no network step follows");
    project.write("plain/before", "before 1\n");
    project.write("plain/words", "words 1\n");
    site.compose_up(folder)
        .assert_only_ran(&["cat /before /two"]);
    assert_eq!(
        told_by(&site, &project, "adds-plain:dev"),
        "before 1\nanswer of /two\nwords 1\n"
    );

    say("plain Compose, after an edit of what an ADD takes beside a URL");
    project.write("mixed/words", "words 1\n");
    site.compose_up(folder)
        .assert_only_ran(&["cat /srv/before", "mkdir -p /srv/tree"]);
    let mixed = told_by(&site, &project, "adds-mixed:dev");
    assert_eq!(mixed, words[1].replace("words 0", "words 1"));

    say("an edit before them");
    project.write("app/before", "before 1\n");
    site.offline(folder, ["build"]).succeeds();
    assert!(told(&site, &project).contains("got/two 600 0:0 1445412480"));

    edits_of_the_dockerfile(&site, &project);
}

fn edits_of_the_dockerfile(site: &Engine, project: &Workspace) {
    let folder = project.path();
    say("the Dockerfile itself is edited");
    project.edit(
        "app/Dockerfile",
        "WORKDIR /srv",
        "RUN mkdir -p /srv\nWORKDIR /srv",
    );
    let found = site.diagnose(folder, &[]);
    found.finds("stale-copy", "warning", &["service app", "app/Dockerfile"]);
    let edited = site.offline(folder, ["build"]).succeeds();
    assert!(edited.all().contains("mkdir"), "{edited}");
    assert!(told(site, project).contains("got/two 600 0:0 1445412480"));

    say("with --stay, plain Compose follows such an edit");
    site.offline(folder, ["build", "--stay"]).succeeds();
    project.edit("app/Dockerfile", "mkdir -p /srv", "mkdir -p /srv/more");
    project.write("app/before", "before 2\n");
    project.edit("mixed/Dockerfile", "cat /srv/before", "cat");
    site.compose_up(folder);
    let mixed = told_by(site, project, "adds-mixed:dev");
    assert!(mixed.ends_with("words 1\ntree\n"), "{mixed}");
    assert!(!mixed.contains("before 0"), "{mixed}");
    let now = contents(site, "adds-app:dev");
    assert!(now.contains("srv/more d"), "{now}");
    assert!(told(site, project).contains("bin/tool-1.2 755 10:20 1445412480"));
    let found = site.diagnose(folder, &[]);
    assert!(found.found.iter().all(|f| f.id != "stale-copy"), "{found}");
    site.offline(folder, ["build", "--leave"]).succeeds();

    say("an address that the bundle does not hold");
    project.edit("app/Dockerfile", "V=1.2", "V=1.3");
    let found = site.diagnose(folder, &[]);
    found.finds("remote-source", "error", &["app/Dockerfile:5", "/tool-1.3"]);
    site.offline(folder, ["build"])
        .fails_with(51, &["app/Dockerfile:5", "/tool-1.3"]);
}
