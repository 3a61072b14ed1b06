//! An export records what its builds fetch: whole, without a secret, and no more
//! often than it has to.

use docker_offline_tests::{Engine, Origin, Workspace, on_machine};

const TOKEN: &str = "tok-3f9a71c2d4e8b605";
/// `me:` and the token in base64, as a client sends them.
const BASIC: &str = "bWU6dG9rLTNmOWE3MWMyZDRlOGI2MDU";

const COMPOSE: &str = r#"
name: recorded
services:
  app:
    build: {context: ./app, secrets: [tok], args: {ORIGIN: "${ORIGIN}"}}
  quiet:
    build: ./quiet
secrets:
  tok: {file: ./tok.txt}
"#;

const DOCKERFILE: &str = r#"FROM busybox:1.36
ARG ORIGIN
WORKDIR /srv
COPY . .
RUN --mount=type=secret,id=tok T=$(cat /run/secrets/tok) \
    && wget -q -O header --header "Authorization: Bearer $T" "$ORIGIN/header" \
    && wget -q -O userinfo "http://me:$T@${ORIGIN#http://}/userinfo" \
    && wget -q -O query "$ORIGIN/query?access_token=$T&x=1" \
    && wget -q -O path "$ORIGIN/path/$T/file"
RUN mkdir /made
"#;

#[test]
fn a_recording_holds_every_answer_and_no_token() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let origin = Origin::answering(&engine, answer);
    let project = project(&origin, DOCKERFILE);
    let export = || {
        let flags = ["export", "--archive", "none"];
        engine.offline(project.path(), flags).within(600).succeeds()
    };

    let first = export();
    assert!(
        first.stdout.contains("Recorded network: 4 requests of app"),
        "{first}"
    );
    // Once by the ordinary build, once to be recorded.
    assert_eq!(origin.requests().len(), 8, "{:?}", origin.requests());
    let told = format!("Bearer {TOKEN}");
    assert!(
        origin.requests().iter().any(|r| r.contains(&told)),
        "the server saw the token"
    );

    let flags = ["diagnose", "--list-network", "--format", "json"];
    let list = engine.offline(project.path(), flags).succeeds().json();
    assert_eq!(list["services"].as_array().unwrap().len(), 1, "{list}");
    let step = &list["services"][0]["steps"][0];
    assert_eq!(
        (step["line"].as_u64(), list["requests"].as_u64()),
        (Some(5), Some(4)),
        "{list}"
    );
    let urls = step["requests"].as_array().unwrap();
    let urls: Vec<&str> = urls.iter().map(|r| r["url"].as_str().unwrap()).collect();
    for part in [
        "/header",
        "/userinfo",
        "access_token=SCRUBBED&x=1",
        "/path/SCRUBBED/file",
    ] {
        assert!(urls.iter().any(|u| u.ends_with(part)), "{part} of {urls:?}");
    }

    // Every byte of the bundle, and what compressed layers hold.
    let bundle = project.join("build-cache");
    let search = "cd \"$1\" && ! grep -rlaF -e \"$2\" -e \"$3\" . && for f in blobs/sha256/*; do
        if gzip -t \"$f\" 2>/dev/null; then ! gzip -dc \"$f\" | grep -qaF -e \"$2\" -e \"$3\" || exit 1; fi
    done";
    on_machine("bash")
        .args(["-c", search, "search"])
        .arg(&bundle)
        .args([TOKEN, BASIC])
        .succeeds();
    // The search finds what is there.
    let body = on_machine("grep")
        .args(["-rlaF", "answer of /header"])
        .arg(&bundle)
        .succeeds();
    assert!(body.stdout.contains("blobs/sha256"), "{body}");

    let again = export();
    assert!(
        again.stdout.contains("Recorded network: kept for app"),
        "{again}"
    );
    assert_eq!(origin.requests().len(), 8, "nothing is asked for again");
    project.write("app/source", "two\n");
    export();
    assert_eq!(
        origin.requests().len(),
        16,
        "an edit before the step runs it again"
    );

    let plain = engine
        .offline(
            project.path(),
            ["export", "--no-record", "--archive", "none"],
        )
        .within(600)
        .succeeds();
    assert!(!plain.stdout.contains("Recorded"), "{plain}");
    let record = project.read("build-cache/bundle.json");
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["network"], serde_json::Value::Null);
    assert_eq!(origin.requests().len(), 16);
}

#[test]
fn a_recording_that_is_not_whole_is_left_out_with_its_url() {
    let engine = Engine::with_plugin("28-containerd-connected");
    let origin = Origin::answering(&engine, answer);
    let text =
        "FROM busybox:1.36\nARG ORIGIN\nCOPY . .\nRUN wget -q -O cut \"$ORIGIN/cut\" || true\n";
    let project = project(&origin, text);
    let flags = ["export", "--archive", "none"];
    let export = || engine.offline(project.path(), flags).within(600);
    let refused = export().arg("--strict").run();
    refused.assert_in_words();
    for words in ["service app", "/cut", "--no-record"] {
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
    export().fails_with(54, &["app/Dockerfile:4", "/cut"]);
    engine
        .offline(project.path(), flags)
        .arg("--no-record")
        .within(600)
        .succeeds();
}

fn project(origin: &Origin, dockerfile: &str) -> Workspace {
    let environment = origin.environment();
    Workspace::of_files(
        "recorded",
        &[
            ("compose.yaml", COMPOSE),
            (".env", &environment),
            ("tok.txt", TOKEN),
            ("app/Dockerfile", dockerfile),
            ("app/source", "one\n"),
            (
                "quiet/Dockerfile",
                "FROM busybox:1.36\nRUN mkdir /x && echo y > /x/y\n",
            ),
        ],
    )
}

/// Every answer sets a cookie, and that of `/cut` is shorter than it says.
fn answer(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let path = path.replace(TOKEN, "TOKEN");
    let body = format!("answer of {path}\n");
    let length = if path == "/cut" { 1000 } else { body.len() };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nSet-Cookie: session={TOKEN}\r\nConnection: close\r\n\r\n{body}"
    )
}
