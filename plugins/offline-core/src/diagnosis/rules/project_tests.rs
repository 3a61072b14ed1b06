//! What the rules find of a project and its Dockerfiles.

use std::collections::BTreeMap;

use super::scene::Scene;
use super::*;
use crate::bundle::{
    FetchedFile, FetchedRecord, Inventory, NetworkRecord, NetworkStep, ServiceNetwork,
};
use crate::diagnosis::Severity;
use crate::diagnosis::Sources;
use crate::error::Kind;
use crate::export::sources;
use crate::layout::{Descriptor, Digest};
use crate::project::MissingEnvFile;

const BUILD: &str = r#""build": {"context": "{dir}", "dockerfile": "Dockerfile"}"#;

fn dockerfile(text: &str) -> Scene {
    let files = [
        ("Dockerfile", text),
        ("requirements.txt", "flask\n"),
        ("app/main.py", "print(1)\n"),
    ];
    Scene::of(&files, BUILD)
}

/// A source is edited after the export.
fn edit(scene: &mut Scene) {
    let then = Inventory::of_context(scene.folder.path(), None).unwrap();
    scene.bundle.as_mut().unwrap().inventory = Some(then);
    scene.record().services[0].inventory = Some(Digest::of(b"inventory"));
    std::fs::write(scene.folder.path().join("app/main.py"), "print(2)\n").unwrap();
}

fn found(scene: &Scene, id: &str) -> Vec<Finding> {
    let findings = scene.findings().into_iter();
    findings.filter(|f| f.id == id).collect()
}

#[test]
fn copying_everything_before_an_install_is_warned_of() {
    let scene = dockerfile("FROM debian:12\nCOPY . .\nRUN pip install -r requirements.txt\n");
    assert_eq!(scene.wrong(), [("copy-before-install", Severity::Warning)]);
    let finding = &found(&scene, "copy-before-install")[0];
    assert_eq!(finding.subject, "Dockerfile:2");
    assert!(
        finding.message.en.contains("pip at Dockerfile:3"),
        "{finding:?}"
    );
    let remedy = format!("{:?}", finding.remedy);
    assert!(remedy.contains("COPY requirements.txt ./"), "{remedy}");
}

#[test]
fn folders_bind_mounts_and_stages_below_count_too() {
    for text in [
        "FROM debian:12\nCOPY app /app\nRUN pip install x\n",
        "FROM debian:12\nRUN --mount=type=bind,target=/s pip install /s\n",
        "FROM debian:12 AS a\nADD ./ /s/\nFROM a\nRUN npm ci\n",
        "FROM debian:12\nCOPY * ./\nRUN go mod download\n",
    ] {
        let wrong = dockerfile(text).wrong();
        assert_eq!(
            wrong,
            [("copy-before-install", Severity::Warning)],
            "{text}"
        );
    }
}

#[test]
fn what_an_install_reads_may_come_before_it() {
    for text in [
        "FROM debian:12\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY . .\n",
        "FROM debian:12\nCOPY . .\nRUN make\n",
        "FROM debian:12 AS a\nCOPY . .\nRUN make\nFROM debian:12\nRUN apt-get update\nCOPY --from=a /x /x\n",
    ] {
        assert_eq!(dockerfile(text).wrong(), [], "{text}");
    }
}

#[test]
fn each_network_step_says_whether_it_is_held_and_what_loses_it() {
    let text = "FROM debian:12\nRUN apt-get update\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\nCOPY app app\n";
    let mut scene = dockerfile(text);
    let build = scene.sources.closure().unwrap().services[0].build.clone();
    let record = sources(None, &build.unwrap());
    scene.record().services[0].sources = Some(record);
    assert_eq!(scene.wrong(), []);
    let said: Vec<String> = found(&scene, "network-step")
        .into_iter()
        .map(|f| f.message.en.into_owned())
        .collect();
    assert_eq!(
        said,
        [
            "apt-get at Dockerfile:2 is held by the bundle; only an edit of lines 1 to 2 loses it",
            "pip at Dockerfile:4 is held by the bundle; an edit of requirements.txt or of lines 1 to 4 loses it",
        ]
    );
    // As if the line had been edited since.
    let sources = scene.record().services[0].sources.as_mut().unwrap();
    let steps = sources.stages.values_mut().next().unwrap();
    steps[3].text = "RUN pip install -r other.txt".into();
    assert_eq!(scene.wrong(), [("network-step", Severity::Error)]);
    let finding = &found(&scene, "network-step")[0];
    let cause = finding.cause.as_ref().unwrap();
    assert!(cause.en.contains("other.txt"), "{cause:?}");
}

#[test]
fn what_a_recording_answers_is_no_loss() {
    let text = "FROM debian:12\nCOPY . .\nRUN apt-get update\nRUN make\nRUN mkdir /x\n";
    let mut scene = dockerfile(text);
    let build = scene.sources.closure().unwrap().services[0].build.clone();
    let record = sources(None, &build.unwrap());
    let stage = record.stages.keys().next().unwrap().clone();
    scene.record().services[0].sources = Some(record);
    edit(&mut scene);
    assert!(scene.wrong().contains(&("network-step", Severity::Error)));

    let step = |step, line, requests| NetworkStep {
        step,
        line,
        requests,
        ..NetworkStep::default()
    };
    let steps = vec![step(1, 3, 7), step(2, 4, 0)];
    let stages = BTreeMap::from([(stage.clone(), steps)]);
    let services = BTreeMap::from([(
        "api".to_owned(),
        ServiceNetwork {
            stages,
            ..ServiceNetwork::default()
        },
    )]);
    scene.record().network = vec![NetworkRecord {
        manifest: Descriptor::new("x", Digest::of(b"x"), 1),
        added: None,
        requests: 7,
        bytes: 1,
        services,
    }];
    assert_eq!(scene.wrong(), [("network-step", Severity::Note)]);
    let said = &found(&scene, "network-step")[0].message.en;
    assert!(said.contains("its 7 requests are answered"), "{said}");

    // A line that was written since.
    let sources = scene.record().services[0].sources.as_mut().unwrap();
    sources.stages.get_mut(&stage).unwrap()[2].text = "RUN apt-get install x".into();
    let wrong = scene.wrong();
    assert!(
        wrong.contains(&("network-step", Severity::Warning)),
        "{wrong:?}"
    );

    // Where no proxy can be reached.
    scene.engine().info.rootless = true;
    let wrong = scene.wrong();
    assert!(
        wrong.contains(&("network-step", Severity::Error)),
        "{wrong:?}"
    );
}

#[test]
fn without_a_bundle_the_steps_are_named_all_the_same() {
    let mut scene = dockerfile("FROM debian:12\nRUN apk add x\n");
    scene.without_bundle();
    let finding = &found(&scene, "network-step")[0];
    assert!(
        finding.message.en.contains("needs a network"),
        "{finding:?}"
    );
    assert_eq!(finding.severity, Severity::Ok);
}

#[test]
fn moving_tags_are_named_where_they_stand() {
    let scene = dockerfile("FROM debian\nRUN make\n");
    assert_eq!(scene.wrong(), [("floating-tag", Severity::Warning)]);
    assert_eq!(found(&scene, "floating-tag")[0].subject, "Dockerfile:1");
    let digest = "sha256:".to_owned() + &"0".repeat(64);
    for from in ["debian:12.5".to_owned(), format!("debian@{digest}")] {
        let wrong = dockerfile(&format!("FROM {from}\n")).wrong();
        let wrong: Vec<_> = wrong.iter().filter(|w| w.0 == "floating-tag").collect();
        assert!(wrong.is_empty(), "{from}");
    }
}

#[test]
fn keys_that_ask_a_registry_or_refuse_the_cache_are_named() {
    let of = |keys: &str| {
        let api =
            format!(r#"{keys}, "build": {{"context": "{{dir}}", "dockerfile": "Dockerfile" "#);
        let files = [("Dockerfile", "FROM debian:12\nRUN curl x\n")];
        move |build: &str| Scene::of(&files, &format!("{api}{build}}}")).wrong()
    };
    let always = of(r#""pull_policy": "always""#);
    assert_eq!(always(""), [("pulls-always", Severity::Warning)]);
    let usual = of(r#""pull_policy": "build""#);
    assert_eq!(usual(""), []);
    assert_eq!(
        usual(r#", "pull": true"#),
        [("pulls-always", Severity::Warning)]
    );
    assert_eq!(
        usual(r#", "no_cache": true"#),
        [("no-cache", Severity::Error)]
    );
    assert_eq!(usual(r#", "pull": false, "no_cache": false"#), []);
}

#[test]
fn what_is_fetched_by_the_build_itself_is_an_error() {
    let scene = dockerfile("FROM debian:12\nADD https://example.org/x.tar /x\n");
    assert_eq!(scene.wrong(), [("remote-source", Severity::Error)]);
    let finding = &found(&scene, "remote-source")[0];
    assert_eq!(finding.subject, "Dockerfile:2");
    assert!(finding.message.en.contains("the bundle does not hold"));
}

#[test]
fn what_add_fetches_and_the_bundle_holds_is_no_error() {
    let mut scene = dockerfile("FROM debian:12\nADD https://example.org/x.tar /x\n");
    let id = scene.sources.closure().unwrap().fetched[0].id.clone();
    let digest = Digest::of(b"x");
    scene.record().fetched = Some(FetchedRecord {
        manifest: Descriptor::new("m", digest, 1),
        files: vec![FetchedFile {
            id,
            url: "https://example.org/x.tar".into(),
            name: "x.tar".into(),
            folder: false,
            digest,
            size: 1,
            mode: 0o600,
            modified: 0,
        }],
    });
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_copy_that_compose_builds_from_may_be_older_than_the_dockerfile() {
    let scene = dockerfile("FROM debian:12\nADD https://example.org/x.tar /x\n");
    let bundle = scene.folder.path().join("build-cache");
    let copy = bundle.join(".site/fetched/dockerfiles/0/Dockerfile");
    let closure = scene.sources.closure().unwrap();
    assert_eq!(crate::bundle::stale_copies(closure, &bundle), [""; 0]);
    std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
    std::fs::write(&copy, "FROM debian:11\n").unwrap();
    assert_eq!(crate::bundle::stale_copies(closure, &bundle), ["api"]);
    let build = closure.service("api").unwrap().build.as_ref().unwrap();
    std::fs::write(&copy, &build.named_dockerfile).unwrap();
    assert_eq!(crate::bundle::stale_copies(closure, &bundle), [""; 0]);
}

#[test]
fn every_missing_env_file_is_named_and_nothing_twice() {
    let mut scene = dockerfile("FROM debian:12\n");
    let missing = |name: &str| MissingEnvFile {
        service: "api".into(),
        path: scene.folder.path().join(name),
        location: None,
    };
    scene.missing_env_files = vec![missing("a.env"), missing("b.env")];
    let error = crate::project::Error::EnvFileMissing {
        path: "a.env".into(),
        location: None,
    };
    scene.sources = Sources::Broken(error.into());
    assert_eq!(scene.wrong(), [("env-file", Severity::Error); 2]);
    scene.missing_env_files.clear();
    let Sources::Broken(failure) = &scene.sources else {
        panic!("as set");
    };
    assert_eq!(failure.kind(), Kind::EnvFileMissing);
    assert_eq!(scene.wrong(), [("project", Severity::Error)]);
}

#[test]
fn litter_in_a_context_is_named_with_its_size() {
    let files = [
        ("Dockerfile", "FROM debian:12\nCOPY . .\n"),
        (".git/HEAD", "ref"),
        ("app/__pycache__/x.pyc", "x"),
        ("target/notes", "not of cargo"),
    ];
    let scene = Scene::of(&files, BUILD);
    assert_eq!(scene.wrong(), [("dockerignore", Severity::Warning)]);
    let finding = &found(&scene, "dockerignore")[0];
    assert!(finding.message.en.contains(".git (3 B)"), "{finding:?}");
    assert!(!finding.message.en.contains("target"), "{finding:?}");
    std::fs::write(
        scene.folder.path().join(".dockerignore"),
        ".git\n**/__pycache__\n",
    )
    .unwrap();
    assert_eq!(scene.wrong(), []);
    // What no COPY takes does no harm.
    let files = [
        ("Dockerfile", "FROM debian:12\nCOPY app app\n"),
        (".git/HEAD", "ref"),
        ("app/x", ""),
    ];
    assert_eq!(Scene::of(&files, BUILD).wrong(), []);
}

#[test]
fn a_huge_context_is_named_with_what_is_in_it() {
    let scene = dockerfile("FROM debian:12\nCOPY . .\n");
    assert_eq!(scene.wrong(), []);
    let model = std::fs::File::create(scene.folder.path().join("model.bin")).unwrap();
    model.set_len(600 << 20).unwrap();
    assert_eq!(scene.wrong(), [("context-size", Severity::Warning)]);
    let finding = &found(&scene, "context-size")[0];
    assert!(
        finding.message.en.contains("model.bin (600 MiB)"),
        "{finding:?}"
    );
}

#[test]
fn a_script_from_windows_is_named() {
    let with = |script: &str| {
        let files = [
            ("Dockerfile", "FROM debian:12\nCOPY run.sh /\n"),
            ("run.sh", script),
        ];
        Scene::of(&files, BUILD).wrong()
    };
    assert_eq!(
        with("#!/bin/sh\r\necho\r\n"),
        [("crlf-script", Severity::Warning)]
    );
    assert_eq!(with("#!/bin/sh\necho\n"), []);
}

#[test]
fn an_unset_variable_is_named() {
    let mut scene = dockerfile("FROM debian:12\n");
    if let Sources::Read(project, _) = &mut scene.sources {
        project.unset_variables.push("TAG".into());
    }
    assert_eq!(scene.wrong(), [("unset-variable", Severity::Warning)]);
}

#[test]
fn readers_of_carried_models_are_told_to_leave_the_hub_alone() {
    let wrong = |dockerfile: &str, environment: &str| {
        let model = r#""x-offline": {"models": [{"huggingface": "team/small", "target": "./hf"}]}"#;
        let api = format!("{BUILD}, {model}, \"environment\": {{{environment}}}");
        let scene = Scene::of(&[("Dockerfile", dockerfile)], &api);
        found(&scene, "hub-offline").len()
    };
    let plain = "FROM debian:12\n";
    assert_eq!(wrong(plain, ""), 1);
    assert_eq!(wrong(plain, r#""HF_HUB_OFFLINE": "0""#), 1);
    assert_eq!(wrong(plain, r#""HF_HUB_OFFLINE": "1""#), 0);
    assert_eq!(wrong(plain, r#""TRANSFORMERS_OFFLINE": "1""#), 0);
    assert_eq!(wrong("FROM debian:12\nENV HF_HUB_OFFLINE=1\n", ""), 0);
}
