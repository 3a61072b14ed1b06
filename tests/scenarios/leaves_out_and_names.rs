//! What no bundle carries is named, and takes nothing else along: a service whose build
//! fetches by itself is left out and the others are carried; what a service asks a
//! network for when it starts is said by the export, by diagnose, and where a build ends.

use docker_offline_tests::{Carried, Engine, Workspace, pairs};

const COMPOSE: &str = "name: leaves
services:
  fetches:
    build: ./fetches
    image: leaves-fetches:dev
  upon:
    build:
      context: ./upon
      additional_contexts: {base: \"service:fetches\"}
    image: leaves-upon:dev
  api:
    build: ./api
    image: leaves-api:dev
  worker:
    image: busybox:1.36
    command: sh -c \"pip install six && sleep 600\"
  hooked:
    image: busybox:1.36
    post_start:
      - command: [\"sh\", \"-c\", \"apt-get update\"]
        user: root
  chat:
    image: busybox:1.36
    command: sleep 600
    models: [llm]
  tunnel:
    provider:
      type: corptunnel
models:
  llm:
    model: ai/smollm2:135M-Q4_0
";

fn project() -> Workspace {
    Workspace::of_files(
        "leaves",
        &[
            ("compose.yaml", COMPOSE),
            (
                "fetches/Dockerfile",
                "FROM busybox:1.36\nADD --exclude=x https://files.example/list.git /list\n",
            ),
            ("upon/Dockerfile", "FROM base\nRUN true\n"),
            (
                "api/Dockerfile",
                "FROM busybox:1.36\nWORKDIR /srv\nCOPY . .\nENTRYPOINT [\"/srv/entrypoint.sh\"]\n",
            ),
            (
                "api/entrypoint.sh",
                "#!/bin/sh\nset -e\npip install -q six\nexec sleep 600\n",
            ),
            (
                "api/model.py",
                "from transformers import AutoModel\nmodel = AutoModel.from_pretrained('BAAI/bge-m3')\n",
            ),
        ],
    )
}

/// What is asked for at the start, with file and line as messages have them.
const STARTS: [&str; 6] = [
    "compose.yaml:16",
    "compose.yaml:19",
    "api/entrypoint.sh:3",
    "api/model.py:2",
    "ai/smollm2:135M-Q4_0",
    "corptunnel",
];

#[test]
fn what_is_not_carried_is_named_and_the_rest_is_carried() {
    let pair = pairs()[0];
    let connected = Engine::with_plugin(&pair.connected());
    let project = project();
    let plan = connected
        .offline(project.path(), ["export", "--dry-run", "--format", "json"])
        .succeeds()
        .json();
    let kinds: Vec<&str> = plan["unbundled"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["kind"].as_str())
        .collect();
    for kind in [
        "add-git",
        "start-command",
        "start-script",
        "start-python",
        "model",
        "provider",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let ran = connected
        .offline(
            project.path(),
            ["export", "--no-record", "--archive", "none"],
        )
        .succeeds();
    for words in [
        "service fetches is left out",
        "fetches/Dockerfile:2",
        "service upon is left out",
    ]
    .iter()
    .chain(&STARTS)
    {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    assert!(ran.stdout.contains("fetches, upon"), "{ran}");
    let carried = Carried::export(&connected, project, &["--no-record"]);
    drop(connected);

    let (site, project) = carried.arrive(&pair.airgapped());
    let ran = site
        .offline(project.path(), ["build", "--bundle"])
        .arg(carried.archive())
        .fails_with(51, &["fetches", "https://files.example/list.git", "upon"]);
    for words in STARTS {
        assert!(ran.stdout.contains(words), "{words}: {ran}");
    }
    assert!(ran.stdout.contains("Not ready to start"), "{ran}");
    assert!(site.images().iter().any(|i| i == "leaves-api:dev"), "{ran}");
    let diagnosed = site.diagnose(project.path(), &[]);
    let found = diagnosed.found.iter().filter(|f| f.id == "asks-at-start");
    assert_eq!(found.count(), STARTS.len(), "{diagnosed}");
}
