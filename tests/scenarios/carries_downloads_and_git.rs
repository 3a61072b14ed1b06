//! Downloads and git repositories that `x-offline` declares are fetched once, verified,
//! and put where the project expects them; what goes wrong is said by name, and nothing
//! is lost by it.

use std::fs;

use docker_offline_tests::{
    Carried, Engine, GitServer, Signal, WebServer, Workspace, on_machine, say, sites,
};

const CONNECTED: &str = "28-overlay2-connected";
const FROM: &str = "busybox:1.36";

/// Bytes that do not compress, the same for the same number.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn sum(bytes: &[u8]) -> String {
    let ran = on_machine("sha256sum").input(bytes).quietly().succeeds();
    ran.stdout[..64].to_owned()
}

const EXPORT: [&str; 3] = ["export", "--archive", "none"];

fn compose_of_downloads(web: &WebServer) -> String {
    format!(
        "name: fetched
x-offline:
  downloads:
    - {0}/a.bin
    - url: {0}/gone/tool
      mirrors: [\"{0}/mirror/tool?token=secret\"]
      sha256: TOOL
      target: /opt/vendor/tool
      mode: '0755'
services:
  web:
    image: {FROM}
    x-offline:
      downloads:
        - {{url: {0}/big.bin, sha256: BIG, target: models/big.bin}}
",
        web.url
    )
}

#[test]
fn downloads_are_resumed_verified_and_put_into_their_place() {
    let connected = Engine::with_plugin(CONNECTED);
    let web = WebServer::start(&connected);
    let (plain, big, tool) = (noise(1, 3000), noise(2, 3 << 20), b"#!/bin/sh\necho tool\n");
    web.has("/a.bin", plain.clone());
    web.has_with("/big.bin", big.clone(), &[("ETag", "\"one\"")]);
    web.has("/mirror/tool", *tool);
    let text = compose_of_downloads(&web)
        .replace("TOOL", &sum(tool))
        .replace("BIG", &sum(&big));
    let project = Workspace::of_files("fetched", &[("compose.yaml", &text)]);
    let folder = project.path();

    say("a checksum that is missing is computed and said by file and line");
    let planned = connected
        .offline(folder, ["export", "--dry-run"])
        .succeeds();
    for words in ["compose.yaml:4", "a.bin", "3145728 bytes"] {
        assert!(planned.stdout.contains(words), "{words}: {planned}");
    }
    assert!(
        planned.stderr.contains("compose.yaml:4") && planned.stderr.contains("has no sha256"),
        "{planned}"
    );
    assert!(!project.join("build-cache").exists());
    let wanted = format!("sha256: {}", sum(&plain));
    connected
        .offline(folder, EXPORT)
        .fails_with(11, &["compose.yaml:4", "a.bin", &wanted]);
    let declared = format!("- {{url: {}/a.bin, {wanted}}}", web.url);
    project.edit("compose.yaml", &format!("- {}/a.bin", web.url), &declared);

    say("a download that is cut goes on where it was, also in the next run");
    web.asked();
    web.cuts("/big.bin", 1 << 20);
    web.stalls("/big.bin", 2 << 20);
    let mut export = connected.offline(folder, EXPORT).start();
    assert!(export.wait_for("Carrying downloads models/big.bin"));
    let stalled = || {
        fs::read_dir(project.join("build-cache/blobs/sha256")).is_ok_and(|all| {
            all.flatten()
                .any(|e| e.metadata().is_ok_and(|m| m.len() == 2 << 20))
        })
    };
    while !stalled() {
        assert!(export.ended().is_none(), "it did not wait for the server");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    export.signal_all(Signal::INT);
    assert_eq!(export.finish().code, 130);
    let first = connected.offline(folder, EXPORT).succeeds();
    let asked = web.asked();
    for words in ["GET /big.bin from 1048576", "GET /big.bin from 2097152"] {
        assert!(asked.iter().any(|a| a == words), "{words}: {asked:?}");
    }
    for words in [
        "Carried: downloads models/big.bin",
        "Carried: downloads /opt/vendor/tool",
    ] {
        assert!(first.all().contains(words), "{first}");
    }
    assert!(!first.all().contains("secret"), "{first}");
    let record = project.read("build-cache/bundle.json");
    assert!(!record.contains("secret"));

    say("a second export asks nobody, and carries nothing again");
    web.has("/big.bin", noise(3, 3 << 20));
    let second = connected.offline(folder, EXPORT).succeeds();
    assert!(second.stdout.contains("0 B new"), "{second}");
    assert_eq!(web.asked(), Vec::<String>::new());

    say("other content is refused by address and both sums, and the bundle stays");
    let other = sum(&noise(4, 10));
    let was = project.edit("compose.yaml", &sum(&big), &other);
    let changed = sum(&noise(3, 3 << 20));
    connected
        .offline(folder, EXPORT)
        .fails_with(23, &["compose.yaml:15", "/big.bin", &other, &changed]);
    project.write("compose.yaml", was);
    assert_eq!(project.read("build-cache/bundle.json"), record);

    say("what no server has, and what one refuses");
    let was = project.edit("compose.yaml", "/a.bin", "/absent.bin");
    let was_sum = project.edit("compose.yaml", &sum(&plain), &other);
    connected
        .offline(folder, EXPORT)
        .fails_with(19, &["compose.yaml:4", "/absent.bin does not exist"]);
    web.wants("/absent.bin", "t");
    connected
        .offline(folder, EXPORT)
        .fails_with(22, &["compose.yaml:4", "/absent.bin", "401"]);
    drop(was_sum);
    project.write("compose.yaml", was);

    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        on_site(&carried, &kind, &plain, &big);
    }
}

fn on_site(carried: &Carried, kind: &str, plain: &[u8], big: &[u8]) {
    let (site, project) = carried.arrive(kind);
    say("all is put into its place");
    let built = carried.build(&site, &project, &[]);
    assert!(built.ok(), "{built}");
    assert!(
        built.stdout.contains("Put downloads models/big.bin to"),
        "{built}"
    );
    assert!(fs::read(project.join("a.bin")).unwrap() == plain);
    assert!(fs::read(project.join("models/big.bin")).unwrap() == big);
    assert_eq!(site.run("/opt/vendor/tool").succeeds().stdout, "tool\n");

    say("what is there and differs is named and stays");
    site.shell("echo mine > /opt/vendor/tool");
    fs::remove_file(project.join("a.bin")).unwrap();
    let refused = carried.build(&site, &project, &[]);
    refused.assert_failure(55, &["/opt/vendor/tool: its content differs", "--replace"]);
    assert!(project.join("a.bin").exists(), "the rest is done");
    let replaced = carried.build(&site, &project, &["--replace"]);
    assert!(replaced.ok(), "{replaced}");
    assert_eq!(site.run("/opt/vendor/tool").succeeds().stdout, "tool\n");

    say("another checksum than the bundle has is named");
    let from = project.read("compose.yaml");
    let line = from.lines().find(|l| l.contains("big.bin")).unwrap();
    let at = line.find("sha256: ").unwrap() + 8;
    project.edit("compose.yaml", &line[at..at + 64], &"a".repeat(64));
    carried
        .build(&site, &project, &[])
        .assert_failure(55, &["compose.yaml:15", "is not what is declared"]);
}

fn compose_of_git(git: &GitServer, web: &WebServer) -> String {
    format!(
        "name: sources
x-offline:
  git:
    - url: {git}/tool.git
      submodules: true
    - {{url: {git}/tool.git, ref: v1, target: vendor/old}}
services:
  web:
    image: {FROM}
    x-offline:
      git:
        - {{url: {git}/big.git, ref: main}}
# {web}
",
        git = git.url,
        web = web.url,
    )
}

/// A repository with a tag `v1`, a submodule, and a commit after it, which is given.
fn repositories(git: &GitServer) -> String {
    git.commit("lib", &[("lib.h", "int lib;\n")]);
    git.commit("tool", &[("a", "a of v1\n"), ("run.sh", "#!/bin/sh\n")]);
    git.tag("tool", "v1");
    git.commit(
        "big",
        &[(
            "model.bin",
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        )],
    );
    git.submodule("tool", "lib", "deps/lib");
    git.commit(
        "tool",
        &[("a", "a of main\n"), ("中 文/b", "b\n"), ("link", "-> a")],
    )
}

#[test]
fn git_repositories_are_carried_with_their_history() {
    let connected = Engine::with_plugin(CONNECTED);
    let git = GitServer::start(&connected);
    let web = WebServer::start(&connected);
    let commit = repositories(&git);
    let text = compose_of_git(&git, &web);
    let project = Workspace::of_files("sources", &[("compose.yaml", &text)]);
    let folder = project.path();

    say("what is wrong is said by file and line, and nobody is asked anything");
    web.wants("/private.git", "t");
    let private = format!("{}/private.git", web.url);
    let first = format!("{}/tool.git\n", git.url);
    for (from, to, code, words) in [
        (
            "ref: v1",
            "ref: v2".to_owned(),
            19,
            "has no branch, tag or commit v2",
        ),
        (
            "ref: v1",
            format!("ref: '{}'", "1".repeat(40)),
            19,
            "has no branch, tag or commit 111",
        ),
        (
            "/tool.git, ref",
            "/none.git, ref".into(),
            19,
            "/none.git cannot be fetched",
        ),
        (
            first.trim_end(),
            private,
            22,
            "nobody is asked for a password",
        ),
        (
            "ref: main",
            "ref: main, lfs: true".into(),
            38,
            "git-lfs is not installed",
        ),
    ] {
        let was = project.edit("compose.yaml", from, &to);
        let export = connected.offline(folder, EXPORT).within(60);
        export.fails_with(code, &["compose.yaml:", words]);
        project.write("compose.yaml", was);
    }
    connected.shell("mv \"$(command -v git)\" /root/git-away");
    connected
        .offline(folder, EXPORT)
        .fails_with(38, &["compose.yaml:12", "git is not installed here"]);
    connected.shell("mv /root/git-away /usr/bin/git");

    say("the commit is said, in the plan and in the export");
    let plan = connected
        .offline(folder, ["export", "--dry-run"])
        .succeeds();
    assert!(
        plan.stdout.contains(&format!("tool.git at {commit}")),
        "{plan}"
    );
    let carried = Carried::export(&connected, project, &[]);
    for words in [
        format!("tool.git is carried as it is now, at commit {commit} (refs/heads/main)"),
        "(refs/tags/v1)".into(),
        "only their pointers are carried: model.bin".into(),
    ] {
        assert!(carried.told.contains(&words), "{words}: {}", carried.told);
    }
    let again = connected.offline(carried.project.path(), EXPORT).succeeds();
    assert!(again.stdout.contains("0 B new"), "{again}");
    drop(git);
    drop(connected);
    for kind in sites() {
        println!("  {kind}");
        sources_on_site(&carried, &kind, &commit);
    }
}

fn sources_on_site(carried: &Carried, kind: &str, commit: &str) {
    let (site, project) = carried.arrive(kind);
    say("the files are there, without git's own folder, and git clones from the bundle");
    let built = carried.build(&site, &project, &[]);
    assert!(
        built.ok() && built.stdout.contains("Put git tool to"),
        "{built}"
    );
    assert_eq!(project.read("tool/a"), "a of main\n");
    assert_eq!(project.read("tool/中 文/b"), "b\n");
    assert_eq!(project.read("tool/deps/lib/lib.h"), "int lib;\n");
    assert_eq!(project.read("vendor/old/a"), "a of v1\n");
    assert!(!project.join("tool/.git").exists() && !project.join("tool/deps/lib/.git").exists());
    let clone = "git clone -q tool.bundle clone && git -C clone log --format=%H -1 && git -C clone ls-files";
    let cloned = on_machine("sh").args([
        "-ec",
        &format!("cd '{}'; {clone}", project.path().display()),
    ]);
    let cloned = cloned.succeeds().stdout;
    assert!(
        cloned.starts_with(commit) && cloned.contains("run.sh"),
        "{cloned}"
    );
    let old = on_machine("git")
        .args(["bundle", "verify"])
        .arg(project.join("vendor/old.bundle"));
    old.succeeds();

    say("what is edited is left alone from then on");
    project.write("tool/a", "mine\n");
    let again = carried.build(&site, &project, &[]);
    assert!(
        again.ok() && again.stdout.contains("holds git tool already"),
        "{again}"
    );
    assert_eq!(project.read("tool/a"), "mine\n");
    let replaced = carried.build(&site, &project, &["--replace=tool"]);
    assert!(replaced.ok(), "{replaced}");
    assert_eq!(project.read("tool/a"), "a of main\n");

    say("other sources in its place stay");
    fs::remove_dir_all(project.join("vendor/old")).unwrap();
    project.write("vendor/old/a", "other\n");
    fs::remove_dir_all(project.join("build-cache/.site")).unwrap();
    carried
        .build(&site, &project, &[])
        .assert_failure(55, &["vendor/old/a: its content differs"]);
    assert_eq!(project.read("vendor/old/a"), "other\n");
}
