//! The engine drops its cache between the builds of one command: a recorded step that
//! runs for that reason is replayed, and the message says why it ran.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: dropped
services:
  base:
    build: {context: ./base, args: {ORIGIN: "${ORIGIN}"}}
    image: dropped-base:dev
  child:
    build: {context: ./child, args: {ORIGIN: "${ORIGIN}"}}
    image: dropped-child:dev
"#;
const BASE: &str = "FROM busybox:1.36\nARG ORIGIN\nRUN wget -q -O /base \"$ORIGIN/base\"\n";
const CHILD: &str =
    "FROM dropped-base:dev\nARG ORIGIN\nRUN wget -q -O /child \"$ORIGIN/child\" || true\n";

/// A `docker` that empties the builder's cache before Compose builds, as garbage
/// collection may.
const PRUNING: &str = r#"cat > /usr/local/bin/docker <<'END'
#!/bin/sh
compose='' build=''
for word in "$@"; do
    case $word in compose) compose=1 ;; build) build=1 ;; esac
done
if [ -n "$compose" ] && [ -n "$build" ]; then
    REAL builder prune --all --force >/dev/null 2>&1
fi
exec REAL "$@"
END
sed -i "s|REAL|$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v docker)|" /usr/local/bin/docker
chmod 755 /usr/local/bin/docker"#;

#[test]
fn a_recorded_step_is_replayed_in_whatever_build_it_runs() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let environment = origin.environment();
    let project = Workspace::of_files(
        "dropped",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &environment),
            ("base/Dockerfile", BASE),
            ("child/Dockerfile", CHILD),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    for kind in ["28-overlay2-airgapped", "28-containerd-airgapped"] {
        say(kind);
        let (site, project) = carried.arrive(kind);
        site.shell(PRUNING);
        let built = site
            .offline(project.path(), ["build", "--bundle"])
            .arg(carried.archive())
            .within(600)
            .succeeds();
        for words in [
            "the engine has dropped what was in its cache",
            "base/Dockerfile:3",
            "child/Dockerfile:3",
            "Replaying the recorded network for base",
        ] {
            assert!(built.stderr.contains(words), "{words}: {built}");
        }
        for (image, path) in [("base", "/base"), ("child", "/child")] {
            let image = format!("dropped-{image}:dev");
            let print = ["run", "--rm", &image, "cat", path];
            let said = site.docker(project.path(), print).quietly().succeeds();
            assert_eq!(said.stdout, format!("answer of {path}\n"));
        }
    }
}
