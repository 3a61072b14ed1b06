//! Steps that drop the variables by which they know of the proxy. Where it can be done
//! from outside of the image they are told once more; where not, the export names them,
//! and a site says at once what has to run and is not answered.

use docker_offline_tests::{Carried, Engine, Origin, Workspace, say};

const COMPOSE: &str = r#"name: past
services:
  sudo:
    build: {context: ./sudo}
    image: past-sudo:dev
  login:
    build:
      context: ./login
      args: {ORIGIN: "${ORIGIN}"}
    image: past-login:dev
  own:
    build:
      context: ./own
      args: {ORIGIN: "${ORIGIN}"}
    image: past-own:dev
"#;

const SUDO: &str = "FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends sudo \\
    && useradd -m app && echo 'app ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/app
USER app
COPY words /words
RUN sudo apt-get update && sudo apt-get install -y --no-install-recommends hello
CMD [\"sh\", \"-c\", \"hello; cat /words; ls /etc/sudoers.d /etc/profile.d /etc/apt/apt.conf.d\"]
";

/// `su -` clears all variables; the script is one of which nothing is known.
const LOGIN: &str = "FROM python:3.11-slim
ARG ORIGIN
RUN useradd -m app
COPY fetch.sh words /
RUN sh /fetch.sh \"$ORIGIN/login\"
CMD [\"cat\", \"/home/app/got\", \"/words\"]
";

const FETCH: &str = "su - app -c \"python3 -c 'import urllib.request as u; \
open(\\\"got\\\", \\\"wb\\\").write(u.urlopen(\\\"$1\\\").read())' || env | sort >&2\" && test -s /home/app/got
";

/// A `NO_PROXY` of the image's own leaves out the very server.
const OWN: &str = "FROM python:3.11-slim
ARG ORIGIN
ENV NO_PROXY=* no_proxy=*
COPY words /
RUN python3 -c \"import urllib.request as u; open('/got', 'wb').write(u.urlopen('$ORIGIN/own').read())\"
CMD [\"cat\", \"/got\", \"/words\"]
";

const SERVICES: [&str; 3] = ["sudo", "login", "own"];

fn edit(project: &Workspace, words: &str) {
    for service in SERVICES {
        project.write(&format!("{service}/words"), format!("{words}\n"));
    }
}

#[test]
fn what_drops_the_variables_is_recorded_and_replayed() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let project = Workspace::of_files(
        "past",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &origin.environment()),
            ("sudo/Dockerfile", SUDO),
            ("login/Dockerfile", LOGIN),
            ("login/fetch.sh", FETCH),
            ("own/Dockerfile", OWN),
        ],
    );
    edit(&project, "words 0");
    let carried = Carried::export(&connected, project, &[]);
    drop(connected);
    for kind in ["28-containerd-airgapped", "26-overlay2-airgapped"] {
        println!("  {kind}");
        let (site, project) = carried.arrive(kind);
        let folder = project.path();
        edit(&project, "words 1");
        let built = site.offline(folder, ["build", "--bundle"]);
        let built = built.arg(carried.archive()).succeeds();
        assert!(built.stdout.contains("Answered"), "{built}");
        let run = |service: &str| {
            let image = format!("past-{service}:dev");
            let ran = site.docker(folder, ["run", "--rm", &image]).succeeds();
            ran.stdout
        };
        say("nothing of how stays in the image");
        let said = run("sudo");
        assert!(said.starts_with("Hello, world!\nwords 1\n"), "{said}");
        assert!(!said.contains("docker-offline"), "{said}");
        assert_eq!(run("login"), "answer of /login\nwords 1\n");
        assert_eq!(run("own"), "answer of /own\nwords 1\n");
    }
}

const CLEARED: &str = r#"name: cleared
services:
  clear:
    build:
      context: ./clear
      args: {ORIGIN: "${ORIGIN}"}
    image: cleared-clear:dev
  plain:
    build:
      context: ./plain
      args: {ORIGIN: "${ORIGIN}"}
    image: cleared-plain:dev
"#;

/// The last step names a tool and needs no network.
const CLEAR: &str = "FROM busybox:1.36
ARG ORIGIN
COPY words /
RUN env -i PATH=/bin wget -q -O /got \"$ORIGIN/clear\"
RUN if test -e /nowhere; then wget http://nowhere.invalid/; fi
CMD [\"cat\", \"/got\", \"/words\"]
";

const PLAIN: &str = "FROM busybox:1.36
ARG ORIGIN
COPY words /
RUN wget -q -O /got \"$ORIGIN/plain\"
CMD [\"cat\", \"/got\", \"/words\"]
";

#[test]
fn what_goes_past_the_proxy_is_named_on_both_sides() {
    let connected = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::start(&connected);
    let project = Workspace::of_files(
        "cleared",
        &[
            ("compose.yaml", CLEARED),
            (".env", &origin.environment()),
            ("clear/Dockerfile", CLEAR),
            ("clear/words", "words 0\n"),
            ("plain/Dockerfile", PLAIN),
            ("plain/words", "words 0\n"),
        ],
    );
    let carried = Carried::export(&connected, project, &[]);
    let told = &carried.told;
    let past = "what wget fetches for service clear in this step is not recorded";
    assert_eq!(told.matches(past).count(), 1, "{told}");
    assert!(told.contains("clear/Dockerfile:4"), "{told}");
    assert!(!told.contains("clear/Dockerfile:5"), "{told}");
    drop(connected);
    let (site, project) = carried.arrive("28-containerd-airgapped");
    let folder = project.path();
    let unedited = site.offline(folder, ["build", "--bundle"]);
    unedited.arg(carried.archive()).succeeds();
    project.write("clear/words", "words 1\n");
    project.write("plain/words", "words 1\n");
    let why = site.offline(folder, ["diagnose", "--why", "clear", "--lang", "en"]);
    let why = why.run().stdout;
    assert!(why.contains("(lost: wget needs a network)"), "{why}");
    assert!(why.contains("and 1 are lost"), "{why}");
    let found = site
        .offline(folder, ["diagnose", "--lang", "en"])
        .run()
        .all();
    assert!(found.contains("went past the recording"), "{found}");
    let words = [
        "service clear: RUN env -i PATH=/bin wget",
        "clear/Dockerfile:4",
        "went past the proxy",
    ];
    let built = site.offline(folder, ["build"]).fails_with(52, &words);
    assert!(built.took.as_secs() < 60, "{built}");
    let run = ["run", "--rm", "cleared-plain:dev"];
    let said = site.docker(folder, run).succeeds().stdout;
    assert_eq!(said, "answer of /plain\nwords 1\n", "its sibling is built");
}
