//! What an export carries comes from the ordinary build alone, although the recording
//! one makes the same files at the same time.

use std::collections::BTreeSet;

use docker_offline_tests::{Engine, Origin, Ran, Workspace, on_machine};

const COMPOSE: &str = r#"
name: apart
services:
  app:
    image: apart-app
    build: {context: ., args: {ORIGIN: "${ORIGIN}"}}
"#;

/// A step of the recording sees a variable that an ordinary one does not: it marks its
/// file by an old time, which is no part of a key, and is done before the other.
const DOCKERFILE: &str = r#"FROM busybox:1.36 AS deps
ARG ORIGIN
RUN wget -q -O /fetched "$ORIGIN/deps" \
    && if [ -n "$SSL_CERT_FILE" ]; then touch -d @1000 /fetched; else sleep 4; fi

FROM busybox:1.36 AS build
ARG ORIGIN
WORKDIR /srv
COPY --from=deps /fetched ./
RUN mkdir made
COPY --link --from=0 /fetched ./linked/fetched
COPY source ./
RUN wget -q -O built "$ORIGIN/build"

FROM busybox:1.36 AS through
ARG ORIGIN
RUN --mount=from=deps,target=/deps mkdir /mounted && cp -p /deps/fetched /mounted/fetched
RUN wget -q -O through "$ORIGIN/through"

FROM busybox:1.36
COPY --from=build /srv /srv
COPY --from=through /mounted /mounted
"#;

#[test]
fn no_layer_of_the_recording_is_carried() {
    for kind in ["28-overlay2-connected", "28-containerd-connected"] {
        let engine = Engine::with_plugin(kind);
        let origin = Origin::start(&engine);
        let environment = origin.environment();
        let project = Workspace::of_files(
            "apart",
            &[
                ("compose.yaml", COMPOSE),
                (".env", &environment),
                ("Dockerfile", DOCKERFILE),
                ("source", "one\n"),
            ],
        );
        let export = |flags: &[&str]| exported(&engine, &project, flags);

        let first = export(&[]);
        assert!(
            first.stdout.contains("Recorded network: 3 requests of app"),
            "{first}"
        );
        assert_ordinary(&project);
        let recorded = blobs(&project);

        export(&["--no-record"]);
        let ordinary = blobs(&project);
        assert!(ordinary.is_subset(&recorded), "no layer is another one now");

        project.edit("source", "one", "two");
        let edited = export(&[]);
        assert!(
            edited
                .stdout
                .contains("Recorded network: 3 requests of app"),
            "{edited}"
        );
        assert_ordinary(&project);
        let again = export(&[]);
        assert!(
            again.stdout.contains("Recorded network: kept for app"),
            "{again}"
        );
        export(&["--no-record"]);
        let new = blobs(&project);
        // Layer, configuration and manifest of two stages, and what is written of them.
        let added = new.difference(&ordinary).count();
        assert!(added <= 12, "an edit adds little: {added}");
        assert_eq!(
            origin.requests().len(),
            3 + 3 + 1 + 3,
            "the ordinary build runs again what comes after the edit"
        );
    }
}

fn exported(engine: &Engine, project: &Workspace, flags: &[&str]) -> Ran {
    let words = ["export", "--archive", "none"];
    let export = engine.offline(project.path(), words).args(flags);
    export.within(600).succeeds()
}

fn blobs(project: &Workspace) -> BTreeSet<String> {
    let entries = std::fs::read_dir(project.join("build-cache/blobs/sha256")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

/// Every file that a step fetched is in the bundle as the ordinary build made it.
fn assert_ordinary(project: &Workspace) {
    let list = "cd \"$1\" && for f in *; do
        { gzip -dc \"$f\" 2>/dev/null || cat \"$f\"; } | tar --full-time -tvf - 2>/dev/null | grep /fetched$
    done; true";
    let found = on_machine("bash")
        .args(["-c", list, "list"])
        .arg(project.join("build-cache/blobs/sha256"))
        .succeeds();
    assert!(found.stdout.lines().count() >= 4, "{found}");
    assert!(!found.stdout.contains("1970-01-01"), "{found}");
}
