//! Nine services, images only in the Compose file, make and scripts: carried,
//! built and rebuilt as their users do it.

use docker_offline_tests::{
    DATAMATE_FILES, DATAMATE_SERVICES, Datamate, Diagnosed, Pair, assert_classic_only_ran,
    classic_pairs, on_each, pairs, pairs_of_one_kind, rounds, say, variable,
};

/// These have cache mounts: their caches hold for one engine generation.
const WITH_MOUNTS: [&str; 2] = ["deer-flow-backend", "runtime"];

#[test]
fn nine_services_are_carried_with_make_and_rebuilt_with_compose() {
    on_each(pairs(), rounds(), one_round);
}

fn one_round(pair: Pair) {
    let carried = Datamate::carried(&pair.connected());
    for service in WITH_MOUNTS {
        assert!(
            carried.told.contains(service),
            "the export says where a mount will miss: {}",
            carried.told
        );
    }
    let (site, project) = carried.arrive(&pair.airgapped());
    let datamate = Datamate::on(&site, &project);
    let archive = variable("OFFLINE_ARCHIVE", &carried.archive());

    let ran = datamate.make("offline-diagnose", &[&archive]).run();
    ran.assert_no_panic();
    assert!(
        !ran.all().contains("no Compose file was found"),
        "it knows the project: {ran}"
    );
    datamate.make("offline-setup", &[&archive]).succeeds();
    let images = site.images();
    assert!(
        images.contains(&"debian:bookworm-slim".to_owned()),
        "{images:?}"
    );

    let ran = datamate
        .make("offline-build", &[&archive, "OFFLINE_VERSION=v1.0.0"])
        .within(900)
        .run();
    ran.assert_no_panic();
    let images = site.images();
    let mut built = Vec::new();
    for service in DATAMATE_SERVICES {
        let refused = !pair.same_generation() && WITH_MOUNTS.contains(&service);
        if refused {
            assert!(!ran.ok(), "not all could be built: {ran}");
            assert!(ran.stderr.contains(service), "{service} is named: {ran}");
            continue;
        }
        let image = format!("{}:v1.0.0", Datamate::image(service));
        assert!(
            images.contains(&image),
            "{image} is among {images:?}: {ran}"
        );
        built.push(service);
    }
    if pair.same_generation() {
        assert!(ran.ok(), "{ran}");
    }

    // Plain Compose from here on.
    let log = datamate.up(&built);
    log.assert_only_ran(&[]);
    datamate.answers("api/backend/datasets", "manuals");
    datamate.answers("deer-flow/", "Deer flow");
    project.edit(
        "backend/src/main/java/com/datamate/Version.java",
        "\"1.0.0\"",
        "\"2.0.0\"",
    );
    project.edit("frontend/src/main.js", "in the lab", "on site");
    project.edit("backend-python/app/version.py", "1.0.0", "2.0.1");
    let log = datamate.up(&built);
    log.assert_only_ran(&["mvn", "npm run build"]);
    assert_eq!(log.runs_executed().len(), 2, "two services only: {log}");
    log.assert_cached("apt-get");
    log.assert_cached("npm ci");
    datamate.answers("api/backend/version", "2.0.0");
    datamate.answers("api/backend-python/version", "2.0.1");
    datamate.answers("main.js", "on site");
    datamate
        .compose(["down", "-v", "-t", "1"])
        .quietly()
        .succeeds();
}

#[test]
fn one_service_of_nine_is_built_by_its_name_and_nothing_is_found_amiss() {
    let pair = pairs_of_one_kind()[0];
    let carried = Datamate::carried(&pair.connected());
    let (site, project) = carried.arrive(&pair.airgapped());
    let datamate = Datamate::on(&site, &project);
    let archive = variable("OFFLINE_ARCHIVE", &carried.archive());
    let json = ["OFFLINE_FLAGS=--format json --lang en", &archive];
    let diagnose = || Diagnosed::read(datamate.make("offline-diagnose", &json).run());
    diagnose().finds_nothing();

    let ran = datamate.make("nosuch-offline-build", &[&archive]).run();
    assert_eq!(ran.code, 2, "make's own code for a failed recipe: {ran}");
    ran.assert_in_words();
    for service in DATAMATE_SERVICES {
        assert!(ran.stderr.contains(service), "lists {service}: {ran}");
    }

    datamate
        .make("backend-offline-build", &[&archive])
        .succeeds();
    let ours: Vec<String> = site
        .images()
        .into_iter()
        .filter(|i| i.starts_with("datamate-") || i.starts_with("deer-flow-"))
        .collect();
    assert_eq!(ours, ["datamate-backend:latest"], "that one and no other");

    let build = datamate.make("offline-build", &[&archive]);
    build.within(900).succeeds();
    diagnose().finds_nothing();
}

/// `docker offline build --up`, by `scripts/rebuild.sh`: builds and replaces what changed
/// and nothing else, and what does not build or run does not take the place of what did.
#[test]
fn the_rebuild_script_touches_only_what_changed() {
    let pair = pairs()[0];
    if !pair.same_generation() {
        say("for one engine generation: all nine have to be buildable");
        return;
    }
    let carried = Datamate::carried(&pair.connected());
    let (site, project) = carried.arrive(&pair.airgapped());
    let datamate = Datamate::on(&site, &project);
    let bundle = carried.archive();
    let unchanged = |printed: &str| printed.matches("unchanged, not restarted").count();

    // Nothing runs yet: all nine are started.
    let ran = datamate.rebuild(&bundle);
    assert!(ran.ok(), "{ran}");
    assert_eq!(ran.stdout.matches("started, healthy").count(), 9, "{ran}");
    let first = datamate.containers();
    assert_eq!(first.len(), 9, "{first:?}");

    let ran = datamate.rebuild(&bundle);
    assert!(ran.ok(), "{ran}");
    assert_eq!(unchanged(&ran.stdout), 9, "{ran}");
    assert_eq!(
        datamate.containers(),
        first,
        "nothing is restarted for nothing"
    );

    project.edit(
        "gateway/src/main/java/com/datamate/Version.java",
        "1.0.0",
        "1.1.0",
    );
    let ran = datamate.rebuild(&bundle);
    assert!(ran.ok(), "{ran}");
    assert_eq!(unchanged(&ran.stdout), 8, "{ran}");
    assert!(
        ran.stdout.contains("rebuilt and restarted, healthy"),
        "{ran}"
    );
    let second = datamate.containers();
    assert_eq!(replaced(&first, &second), ["gateway"], "{ran}");
    datamate.answers("api/gateway/version", "1.1.0");

    // It does not build.
    let mend = project.edit(
        "gateway/src/main/java/com/datamate/Version.java",
        "static final",
        "static final oops",
    );
    let ran = datamate.rebuild(&bundle);
    ran.assert_in_words();
    assert!(ran.stderr.contains("nothing was restarted"), "{ran}");
    assert_eq!(datamate.containers(), second, "the old containers run");
    datamate.answers("api/gateway/version", "1.1.0");
    project.write("gateway/src/main/java/com/datamate/Version.java", mend);

    // It builds, and does not run.
    project.edit("mineru/app/version.py", "VERSION =", "VERSION ==");
    let ran = datamate.rebuild(&bundle);
    ran.assert_in_words();
    assert_eq!(ran.code, 56, "{ran}");
    assert!(ran.stdout.contains("NameError"), "its last words: {ran}");
    assert!(
        ran.stdout
            .contains("put back on its old image, which is healthy"),
        "{ran}"
    );
    assert!(ran.stderr.contains("mineru"), "{ran}");
    assert_eq!(
        replaced(&second, &datamate.containers()),
        ["mineru"],
        "{ran}"
    );
    datamate.answers("api/mineru/version", "1.0.0");
    let kept = |image: &String| image.starts_with("docker-offline.invalid/before");
    assert!(!site.images().iter().any(kept), "{:?}", site.images());
    datamate
        .compose(["down", "-v", "-t", "1"])
        .quietly()
        .succeeds();
}

fn replaced<'a>(before: &[(String, String)], after: &'a [(String, String)]) -> Vec<&'a str> {
    after
        .iter()
        .filter(|one| !before.contains(one))
        .map(|(service, _)| service.as_str())
        .collect()
}

/// `make offline-build-classic`, also where there is neither buildx nor Compose: all
/// nine images with their tag, steps before an edit from the cache, and from there what
/// the end of the build tells the user to type.
#[test]
fn the_classic_builder_builds_what_it_can_and_the_rest_is_carried() {
    on_each(classic_pairs(), rounds(), one_classic_round);
}

fn one_classic_round(pair: Pair) {
    let carried = Datamate::carried(&pair.connected());
    let (site, project) = carried.arrive(&pair.airgapped());
    let datamate = Datamate::on(&site, &project);
    let archive = variable("OFFLINE_ARCHIVE", &carried.archive());

    datamate
        .make("offline-diagnose", &[&archive])
        .run()
        .assert_no_panic();
    datamate.make("offline-setup", &[&archive]).succeeds();
    let ran = datamate
        .make(
            "offline-build-classic",
            &[&archive, "OFFLINE_VERSION=v1.0.0"],
        )
        .within(900)
        .succeeds();
    assert_classic_only_ran(&ran, &[]);
    let images = site.images();
    for service in DATAMATE_SERVICES {
        let image = format!("{}:v1.0.0", Datamate::image(service));
        assert!(
            images.contains(&image),
            "{image} is among {images:?}: {ran}"
        );
    }
    for service in WITH_MOUNTS {
        let said = |l: &str| l.contains(service) && l.contains("carried");
        assert_eq!(
            ran.stdout.lines().any(said),
            !pair.same_generation(),
            "{service} is built where BuildKit hits its mounts, and carried elsewhere: {ran}"
        );
    }

    let edit = |from: &str, to: &str| {
        for file in [
            "backend/src/main/java/com/datamate/Version.java",
            "backend-python/app/version.py",
        ] {
            project.edit(file, from, to);
        }
    };
    edit("1.0.0", "2.0.0");
    let build = || {
        let build = site.offline(project.path(), ["build", "--classic"]);
        build
            .args(DATAMATE_FILES)
            .arg("--bundle")
            .arg(carried.archive())
            .within(900)
    };
    let ran = build().succeeds();
    assert_classic_only_ran(&ran, &["mvn"]);

    edit("2.0.0", "2.0.1");
    if pair.same_generation() {
        let log = datamate.up(&DATAMATE_SERVICES);
        log.assert_only_ran(&["mvn"]);
    } else {
        // Compose would miss; the last words say what to type, and that works.
        let told = ran.all();
        let command = told
            .lines()
            .map(str::trim)
            .find(|line| {
                line.starts_with("docker offline build --classic") && line.contains(" && ")
            })
            .unwrap_or_else(|| panic!("it says what to type: {ran}"));
        let ran = site
            .run_in(project.path(), "sh")
            .args(["-c", command])
            .within(900)
            .succeeds();
        assert_classic_only_ran(&ran, &["mvn"]);
    }
    datamate.answers("api/backend/version", "2.0.1");
    datamate.answers("api/backend-python/version", "2.0.1");
    datamate.take_down(pair.has_plugins());
}
