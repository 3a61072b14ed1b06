//! What BuildKit builds is never refused: odd forms of a Dockerfile are built by plain
//! `docker build` first, then exported, and built on a site. What Compose cannot read
//! is explained by file and line, with the example of `.env` that lies beside it.

use docker_offline_tests::{Carried, Engine, Refusal, Workspace, pairs};

/// Each is a service of its own; the engine has to take it first.
const FORMS: &[(&str, &str)] = &[
    (
        "entrypoint",
        "FROM busybox:1.36\nENTRYPOINT []\nCMD []\nENTRYPOINT\nCMD\nRUN\nRUN true\n",
    ),
    (
        "not-json",
        "FROM busybox:1.36\nCMD [\"echo\", 'x']\nCMD [\"echo\",]\nRUN [ -d / ]\nRUN [\"true\"] || true\nENTRYPOINT [\"echo\", \\\n  # why\n\n  \"x\"]\n",
    ),
    (
        "healthcheck",
        "FROM busybox:1.36\nHEALTHCHECK NONE\nhealthcheck --interval=5s \\\n  # why\n  --retries=2 CMD [\"true\"]\nHEALTHCHECK none\nMAINTAINER Some One <a@b.c>\nSHELL [\"/bin/sh\", \"-c\"]\nVOLUME [\"/a\"]\nVOLUME /b /c\nEXPOSE 80 81/udp\nSTOPSIGNAL 9\nUSER root\nWORKDIR /a b\nLABEL a=b c='d e'\nLABEL old form\n",
    ),
    (
        "onbuild",
        "FROM busybox:1.36 AS base\nONBUILD ENTRYPOINT []\nONBUILD CMD []\nONBUILD VOLUME /x\nONBUILD HEALTHCHECK NONE\nONBUILD ARG A\nonbuild run cat <<E\nFROM no\nE\nFROM busybox:1.36\nONBUILD LATER x\nONBUILD COPY x\nRUN true\n",
    ),
    (
        "unreached",
        "FROM busybox:1.36 AS never\nRUN []\nFROM busybox:1.36\nRUN echo reached\n",
    ),
    (
        "continued",
        "\u{feff}# escape=`\n# check=skip=all\nARG A=1.36 B=\"2 3\" C\nARG IMAGE=busybox:$A\nfrom --platform=$TARGETPLATFORM $IMAGE `\n  as Base\n\trun echo a `  \n# one\n\n   # two\n  && echo b\nfrom base\nRUN\techo c \\\ncmd [\"true\"]",
    ),
    (
        "crlf",
        "FROM busybox:1.36\r\nRUN cat <<EOF\r\nENTRYPOINT []\r\nEOF\r\nCMD []\r\n",
    ),
    (
        "heredocs",
        "# syntax=docker/dockerfile:1\nFROM busybox:1.36\nRUN <<A cat && cat <<-'B'\n# x\nCMD []\nA\n\tFROM no\n\tB\nCOPY <<one <<\"two\" /d/\nENTRYPOINT []\none\nRUN false\ntwo\nCOPY --chmod=600 <<EOF /secret\nx\nEOF\nRUN --network=none test -f /d/two\nENV a b c\nENV d=\"e f\" g=h\\ i\nCOPY [\"no te.txt\", \"/c d/\"]\n",
    ),
];

fn project() -> Workspace {
    let mut services = vec!["name: forms\nservices:".to_owned()];
    let new = Workspace::empty("forms");
    for (name, dockerfile) in FORMS {
        services.push(format!(
            "  {name}:\n    build: {{context: ., dockerfile: {name}.Dockerfile}}\n    image: forms-{name}:dev"
        ));
        new.write(&format!("{name}.Dockerfile"), dockerfile);
    }
    new.write("no te.txt", "note\n");
    new.write("compose.yaml", services.join("\n") + "\n");
    new
}

#[test]
fn every_form_that_the_engine_builds_is_exported_and_built_on_site() {
    let pair = pairs()[0];
    let connected = Engine::with_plugin(&pair.connected());
    let project = project();
    for (name, _) in FORMS {
        println!("  docker build of {name}");
        let file = format!("{name}.Dockerfile");
        connected
            .docker(project.path(), ["build", "-q", "-f", &file, "."])
            .quietly()
            .succeeds();
    }
    let carried = Carried::export(&connected, project, &["--no-record"]);
    drop(connected);
    let (site, project) = carried.arrive(&pair.airgapped());
    site.offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .succeeds();
    let (ran, log) = site.compose_build(project.path(), &[]);
    assert!(ran.ok(), "{ran}");
    log.assert_only_ran(&[]);
}

#[test]
fn what_compose_cannot_read_is_explained_by_line_and_remedy() {
    let engine = Engine::with_plugin("28-overlay2-connected");
    let project = Workspace::of_files(
        "unset",
        &[
            (
                "compose.yaml",
                "services:\n  web:\n    image: busybox:1.36\n    volumes:\n      - ${DATA_DIR}:/srv/x\n",
            ),
            (
                ".env.example",
                "# where the data lies\nDATA_DIR=/srv/data\n",
            ),
        ],
    );
    let remedy = "cp ";
    let words = [
        "compose.yaml:5",
        "DATA_DIR",
        ":/srv/x",
        remedy,
        ".env.example",
        "line 2",
    ];
    Refusal::of(&engine, &project, &["export"]).says(11, &words);
    for (line, said) in [
        ("    command: echo ${DATA_DIR:?say where}", "say where"),
        ("    ports: [\"80:${DATA_DIR}\"]", "80:"),
        ("    deploy: {replicas: \"${DATA_DIR}\"}", "replicas"),
    ] {
        let text = format!("services:\n  web:\n    image: busybox:1.36\n{line}\n");
        project.write("compose.yaml", text);
        let words = ["compose.yaml:4", "DATA_DIR", said, ".env.example"];
        Refusal::of(&engine, &project, &["export"]).says(11, &words);
    }
}
