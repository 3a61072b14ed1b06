//! The four services of a project that asks for a network when it starts, and
//! what must not be said of one that does not.

use std::path::Path;

use crate::closure::{self, Unbundled};
use crate::project::from_config;

fn found(files: &[(&str, &str)], services: &str) -> Vec<(String, &'static str, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let config = format!(r#"{{"name": "t", "services": {services}}}"#)
        .replace("%DIR%", &folder.path().display().to_string());
    let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let closure = closure::resolve(&project, &[], &platform).unwrap();
    let place = |u: &Unbundled| {
        let file = u.file.strip_prefix(folder.path()).unwrap_or(Path::new("?"));
        format!("{}:{}", file.display(), u.line.unwrap_or(0))
    };
    closure
        .unbundled
        .iter()
        .map(|u| {
            (
                format!("{} {}", u.service, place(u)),
                u.kind,
                u.what.clone(),
            )
        })
        .collect()
}

type Found = (String, &'static str, String);

fn kinds(found: &[Found]) -> Vec<(&str, &'static str)> {
    found
        .iter()
        .map(|(at, kind, _)| (at.as_str(), *kind))
        .collect()
}

#[test]
fn commands_hooks_and_scripts_are_found() {
    let files = [
        (
            "compose.yaml",
            "services:\n  worker:\n    image: python\n    command: x\n  docs:\n    command: y\n  web:\n    post_start:\n      - command: z\n",
        ),
        (
            "api/Dockerfile",
            "FROM python:3\nWORKDIR /srv\nCOPY . .\nENTRYPOINT [\"/srv/entrypoint.sh\"]\nCMD [\"python\", \"main.py\"]\n",
        ),
        (
            "api/entrypoint.sh",
            "#!/bin/sh\nset -e\npip install -q -r /srv/requirements.txt\nexec \"$@\"\n",
        ),
        ("api/main.py", "print('from_pretrained')\n"),
    ];
    let found = found(
        &files,
        r#"{
        "worker": {"image": "python:3", "command": ["sh", "-c", "pip install six && python worker.py"]},
        "docs": {"image": "node:20", "command": ["npx", "-y", "serve@14"]},
        "web": {"image": "nginx", "post_start": [{"command": ["sh", "-c", "apt-get update && apt-get install -y jq"]}]},
        "api": {"build": {"context": "%DIR%/api", "dockerfile": "Dockerfile"}, "healthcheck": {"test": ["CMD", "curl", "http://x.org"]}},
        "quiet": {"image": "nginx", "command": ["nginx", "-g", "daemon off;"]}}"#,
    );
    assert_eq!(
        kinds(&found),
        [
            ("web compose.yaml:8", "start-command"),
            ("web compose.yaml:8", "start-command"),
            ("docs compose.yaml:6", "start-command"),
            ("worker compose.yaml:4", "start-command"),
            ("api api/entrypoint.sh:3", "start-script"),
        ],
        "{found:?}"
    );
}

#[test]
fn scripts_are_followed_through_mounts_and_calls() {
    let files = [
        ("compose.yaml", "services:\n  a:\n"),
        ("ops/start.sh", "#!/bin/sh\n. /ops/lib.sh\n./more.sh\n"),
        ("ops/lib.sh", "apk add curl\n"),
        ("ops/more.sh", "curl -f http://api:80\n"),
    ];
    let found = found(
        &files,
        r#"{"a": {"image": "alpine", "command": ["sh", "/ops/start.sh"], "volumes": [{"type": "bind", "source": "%DIR%/ops", "target": "/ops"}]}}"#,
    );
    assert_eq!(
        kinds(&found),
        [("a ops/lib.sh:1", "start-script")],
        "{found:?}"
    );
}

#[test]
fn models_and_providers_are_named() {
    let files = [(
        "compose.yaml",
        "services:\n  chat:\n    models: [llm]\n  tunnel:\n    provider:\n      type: corptunnel\nmodels:\n  llm:\n    model: ai/smollm2\n",
    )];
    let found = found(
        &files,
        r#"{"chat": {"image": "x", "models": {"llm": null}}, "tunnel": {"provider": {"type": "corptunnel"}}}"#,
    );
    let all: Vec<_> = found
        .iter()
        .map(|(at, kind, what)| (at.as_str(), *kind, what.as_str()))
        .collect();
    assert_eq!(
        all,
        [
            ("chat compose.yaml:9", "model", "ai/smollm2"),
            ("tunnel compose.yaml:6", "provider", "corptunnel"),
        ]
    );
}

const PYTHON: &str = "\
from transformers import AutoModel, pipeline
import tiktoken, nltk
# AutoModel.from_pretrained('no/no')
nltk.download('punkt')
model = AutoModel.from_pretrained(
    'BAAI/bge-m3',
)
own = AutoModel.from_pretrained('./model')
there = AutoModel.from_pretrained('x/y', local_files_only=True)
enc = tiktoken.get_encoding('cl100k_base')
";

#[test]
fn models_that_python_loads_are_found() {
    let dockerfile = |steps: &str| {
        format!("FROM python:3\n{steps}COPY app /app\nCMD [\"python\", \"/app/main.py\"]\n")
    };
    let lines = |steps: &str| {
        let dockerfile = dockerfile(steps);
        let files = [
            ("compose.yaml", "services:\n  api:\n"),
            ("Dockerfile", dockerfile.as_str()),
            ("app/main.py", PYTHON),
            ("other/main.py", PYTHON),
            ("app/node_modules/x.py", PYTHON),
        ];
        let found = found(
            &files,
            r#"{"api": {"build": {"context": "%DIR%", "dockerfile": "Dockerfile"}}}"#,
        );
        found.into_iter().map(|(at, _, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(""),
        [
            "api app/main.py:5",
            "api app/main.py:4",
            "api app/main.py:10"
        ]
    );
    let fetched = "RUN python -c \"import nltk; nltk.download('punkt')\"\nENV TIKTOKEN_CACHE_DIR=/t HF_HUB_OFFLINE=1\n";
    assert!(lines(fetched).is_empty(), "{:?}", lines(fetched));
}
