//! The export runs the part of the diagnosis that can say on the connected side what
//! will happen on site: it warns, refuses what cannot work, and goes on with
//! `--force`. `make offline-diagnose` runs all of it on both sides.

use docker_offline_tests::{Engine, Shop, repository};

const REFUSED: i32 = 70;
const INCOMPATIBLE: i32 = 36;

#[test]
fn an_export_refuses_what_cannot_work_on_site() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = Shop::project();
    let export = |flags: &[&str]| {
        let words = ["export", "--no-record", "--archive", "none"];
        engine.offline(project.path(), words).args(flags)
    };
    let nothing_written = || assert!(!project.join("build-cache").exists());

    let add = "ADD --exclude=x https://files.example/list.git /there\nCOPY . .";
    let before = project.edit("api/Dockerfile", "COPY . .", add);
    let words = [
        "api/Dockerfile:6",
        "https://files.example/list.git",
        "--force",
    ];
    export(&["api"]).fails_with(REFUSED, &words);
    nothing_written();
    // Beside others, it is left out, and they are carried.
    let ran = export(&[]).succeeds();
    for words in [
        "service api is left out",
        "https://files.example/list.git",
        "api/Dockerfile:6",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    assert!(ran.stdout.contains("Left out"), "{ran}");
    std::fs::remove_dir_all(project.join("build-cache")).unwrap();
    let ran = export(&["--dry-run"]).run();
    assert!(
        ran.all().contains("api/Dockerfile:6"),
        "a plan says it, too: {ran}"
    );
    project.write("api/Dockerfile", &before);

    let key = "      context: ./api\n";
    let compose = project.edit("compose.yaml", key, &format!("{key}      no_cache: true\n"));
    let words = ["no_cache: true", "wget at api/Dockerfile:5"];
    export(&[]).fails_with(REFUSED, &words);
    nothing_written();
    let ran = export(&["--force"]).succeeds();
    assert!(
        ran.stderr.contains("no_cache: true"),
        "it is said all the same: {ran}"
    );
    std::fs::remove_dir_all(project.join("build-cache")).unwrap();
    project.write("compose.yaml", compose);

    // What depends on the site is refused once the site is known.
    let mount = "RUN --mount=type=cache,target=/c wget";
    project.edit("api/Dockerfile", "RUN wget", mount);
    let site = ["--site-engine", "26.1,overlay2"];
    let words = ["api/Dockerfile:5", "wget", "--mount", "--force"];
    export(&site).fails_with(INCOMPATIBLE, &words);
    nothing_written();
    export(&[&site[..], &["--force"]].concat()).succeeds();
    std::fs::remove_dir_all(project.join("build-cache")).unwrap();
    project.write("api/Dockerfile", before);

    // What will work, but not for long, is warned of; nothing at all of a clean one.
    let before = project.edit("api/Dockerfile", "COPY requirements.txt ./", "COPY . ./");
    let ran = export(&[]).succeeds();
    for words in [
        "warning:",
        "api/Dockerfile:4",
        "COPY . ./ stands before wget",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    project.write("api/Dockerfile", before);
    let ran = export(&[]).succeeds();
    assert!(!ran.stderr.contains("warning:"), "{ran}");
}

#[test]
fn make_diagnoses_on_both_sides() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    let include = repository().join("make/Makefile.offline.mk");
    project.write("Makefile.offline.mk", std::fs::read(include).unwrap());
    project.write("Makefile", "include Makefile.offline.mk\n");
    let make = || {
        site.run_in(project.path(), "make")
            .args(["--no-print-directory", "offline-diagnose"])
            .run()
    };
    let ran = make();
    assert!(ran.ok(), "{ran}");
    assert!(ran.stdout.contains(" rules checked"), "{ran}");
    project.edit("api/requirements.txt", "one", "two");
    let ran = make();
    assert_eq!(
        ran.code, 2,
        "make's own code for a recipe that failed: {ran}"
    );
    for words in [
        "wget at api/Dockerfile:5",
        "requirements.txt (changed)",
        "--why api",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
}
