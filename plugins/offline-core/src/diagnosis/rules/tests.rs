//! What the rules find of host, engine and bundle.

use std::collections::BTreeSet;

use super::scene::{Scene, image, loaded};
use super::*;
use crate::diagnosis::{Container, Remedy, Severity};

#[test]
fn nothing_is_wrong_where_all_is_well() {
    let scene = Scene::new();
    assert_eq!(scene.wrong(), []);
}

#[test]
fn ids_are_unique() {
    let ids: BTreeSet<&str> = rules().iter().map(|r| r.id).collect();
    assert_eq!(ids.len(), rules().len());
}

#[test]
fn one_cause_is_one_finding_and_hides_no_other() {
    let mut scene = Scene::new();
    scene.without_engine();
    assert_eq!(scene.wrong(), [("engine-reachable", Severity::Error)]);
    let ids: BTreeSet<&str> = scene.findings().iter().map(|f| f.id).collect();
    for id in ["bundle-whole", "bundle-complete", "project", "compose"] {
        assert!(ids.contains(id), "{id} in {ids:?}");
    }
}

#[test]
fn a_missing_bundle_is_a_warning_unless_it_was_named() {
    let mut scene = Scene::new();
    scene.without_bundle();
    assert_eq!(scene.wrong(), [("bundle-present", Severity::Warning)]);
    scene.bundle_named = true;
    assert_eq!(scene.wrong(), [("bundle-present", Severity::Error)]);
}

#[test]
fn a_damaged_bundle_is_an_error() {
    let mut scene = Scene::new();
    scene.bundle.as_mut().unwrap().damaged = true;
    assert_eq!(scene.wrong(), [("bundle-whole", Severity::Error)]);
}

#[test]
fn another_processor_is_an_error() {
    let mut scene = Scene::new();
    scene.record().platform = "linux/arm64/v8".into();
    assert_eq!(scene.wrong(), [("architecture", Severity::Error)]);
    scene.engine().info.platform = "linux/arm64".into();
    // The project was read for the other one.
    scene.machine.emulated.insert("x86_64".into());
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_builder_of_its_own_cannot_see_loaded_images() {
    let mut scene = Scene::new();
    scene.facts.builder.as_mut().unwrap().driver = "docker-container".into();
    assert_eq!(scene.wrong(), [("builder", Severity::Error)]);
    let findings = scene.findings();
    let builder = findings.iter().find(|f| f.id == "builder").unwrap();
    let command = Remedy::Run("docker buildx use default".into());
    assert_eq!(builder.remedy, [command]);
}

#[test]
fn an_old_compose_cannot_read_service_contexts() {
    let mut scene = Scene::new();
    scene.facts.compose = Ok("2.26.1-4".into());
    assert_eq!(scene.wrong(), [("compose", Severity::Error)]);
}

#[test]
fn a_nearly_full_engine_disk_loses_caches() {
    let mut scene = Scene::new();
    scene.engine().disk.as_mut().unwrap().available = 17;
    assert_eq!(scene.wrong(), [("engine-disk", Severity::Warning)]);
}

#[test]
fn a_bundle_that_the_engines_disk_cannot_take_is_an_error() {
    let mut scene = Scene::new();
    scene.bundle.as_mut().unwrap().size = 51;
    assert_eq!(scene.wrong(), [], "what was loaded needs no more room");
    scene.local.clear();
    assert_eq!(scene.wrong(), [("engine-disk", Severity::Error)]);
    scene.bundle.as_mut().unwrap().size = 50;
    assert_eq!(scene.wrong(), []);
}

#[test]
fn what_the_bundle_lacks_is_named() {
    let mut scene = Scene::new();
    scene.record().images.pop();
    // The site has a redis of its own.
    assert_eq!(scene.wrong(), [("bundle-complete", Severity::Note)]);
    scene.local.clear();
    let wrong = scene.wrong();
    assert!(
        wrong.contains(&("bundle-complete", Severity::Error)),
        "{wrong:?}"
    );
    let findings = scene.findings();
    let lacking = findings.iter().find(|f| f.severity == Severity::Error);
    assert_eq!(
        lacking.unwrap().message.en,
        "redis:7 (service of db) is in neither the bundle nor the engine"
    );
    let mut scene = Scene::new();
    // Its apt-get would run.
    scene.record().services.clear();
    assert_eq!(scene.wrong(), [("bundle-complete", Severity::Error)]);
}

#[test]
fn a_network_step_that_misses_on_this_engine_is_named_by_line() {
    let mut scene = Scene::new();
    scene.engine().info.version = "26.1.5".into();
    assert_eq!(scene.wrong(), [("build-cache", Severity::Error)]);
    let findings = scene.findings();
    let miss = findings.iter().find(|f| f.id == "build-cache").unwrap();
    assert!(miss.message.en.contains("Dockerfile:3"), "{miss:?}");

    // The step behind COPY --link needs no network.
    let mut scene = Scene::new();
    scene.record().engine.store = "containerd".into();
    assert_eq!(scene.wrong(), [("build-cache", Severity::Warning)]);
}

#[test]
fn images_are_told_by_what_they_are_and_not_by_name_alone() {
    let mut scene = Scene::new();
    scene.local.remove("redis:7");
    // It will be loaded.
    assert_eq!(scene.wrong(), []);
    let mut scene = Scene::new();
    let other = image("docker.io/library/other:1");
    scene.local.insert("redis:7".into(), loaded(&other).1);
    assert_eq!(scene.wrong(), [("image-present", Severity::Note)]);
    let findings = scene.findings();
    let note = findings.iter().find(|f| f.severity == Severity::Note);
    assert!(note.unwrap().message.en.contains("other images"));
}

#[test]
fn a_clock_before_the_export_is_named() {
    let mut scene = Scene::new();
    scene.machine.now = 1_000_000_000;
    assert_eq!(scene.wrong(), [("clock", Severity::Warning)]);
    scene.without_bundle();
    assert!(scene.wrong().contains(&("clock", Severity::Warning)));
}

#[test]
fn memory_and_inodes_run_out() {
    let mut scene = Scene::new();
    scene.machine.memory = Some(100 << 20);
    assert_eq!(scene.wrong(), [("memory", Severity::Warning)]);
    scene.engine().local = false;
    assert_eq!(scene.wrong(), [], "another machine's memory is not known");
    let mut scene = Scene::new();
    scene.engine().disk.as_mut().unwrap().inodes_free = 3;
    assert_eq!(scene.wrong(), [("inodes", Severity::Warning)]);
}

#[test]
fn proxies_and_mirrors_matter_where_there_is_no_way_out() {
    let mut scene = Scene::new();
    let proxy = "http://user:secret@proxy.example:3128".to_owned();
    scene.machine.proxies = vec![("$HTTP_PROXY".into(), proxy.clone())];
    scene.engine().info.proxies = vec![proxy];
    scene.engine().info.mirrors = vec!["https://mirror.example".into()];
    let wrong = scene.wrong();
    let expected = [
        ("proxy", Severity::Warning),
        ("registry-mirror", Severity::Warning),
    ];
    assert_eq!(wrong, expected);
    assert!(!format!("{:?}", scene.findings()).contains("secret"));
    // The engine prints names and passwords as xxxxx.
    scene.engine().info.proxies = vec!["http://xxxxx:xxxxx@proxy.example:3128".into()];
    assert_eq!(scene.wrong(), expected, "one proxy is one finding");
    scene.machine.network.has_default_route = true;
    assert_eq!(scene.wrong(), []);
    let mut scene = Scene::new();
    scene.engine().info.mirrors = vec!["http://127.0.0.1:5000/".into()];
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_silent_gateway_is_a_black_hole() {
    let mut scene = Scene::new();
    scene.machine.network.name_servers = vec!["10.0.0.2".into()];
    assert_eq!(scene.wrong(), []);
    scene.machine.network.silent = vec!["10.0.0.1".into()];
    assert_eq!(scene.wrong(), [("dns-black-hole", Severity::Warning)]);
    let mut scene = Scene::new();
    scene.machine.network.unanswered = vec!["192.0.2.1:443".into()];
    assert_eq!(scene.wrong(), [("dns-black-hole", Severity::Warning)]);
}

#[test]
fn an_old_buildx_has_not_been_tried() {
    let mut scene = Scene::new();
    scene.facts.buildx = Ok("github.com/docker/buildx v0.10.4 abc".into());
    assert_eq!(scene.wrong(), [("buildx", Severity::Warning)]);
    scene.facts.buildx = Ok("0.13.1".into());
    assert_eq!(scene.wrong(), []);
}

#[test]
fn another_version_of_the_tool_is_worth_knowing() {
    let mut scene = Scene::new();
    scene.record().tool_version = "0.2.0".into();
    assert_eq!(scene.wrong(), [("tool-version", Severity::Note)]);
}

const BUILD: &str = r#""build": {"context": "{dir}", "dockerfile": "Dockerfile"}"#;

fn service(keys: &str) -> Scene {
    Scene::of(
        &[("Dockerfile", "FROM debian:12\n")],
        &format!("{BUILD}, {keys}"),
    )
}

#[test]
fn another_processor_needs_an_emulator() {
    let files = [(
        "Dockerfile",
        "FROM --platform=linux/arm64 debian:12\nRUN make\n",
    )];
    let mut scene = Scene::of(&files, BUILD);
    assert_eq!(scene.wrong(), [("emulation", Severity::Error)]);
    scene.machine.emulated.insert("aarch64".into());
    assert_eq!(scene.wrong(), []);
    let files = [(
        "Dockerfile",
        "FROM --platform=linux/386 debian:12\nRUN make\n",
    )];
    assert_eq!(Scene::of(&files, BUILD).wrong(), []);
}

#[test]
fn nvidia_needs_driver_toolkit_and_runtime() {
    let keys = r#""runtime": "nvidia", "deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}"#;
    let mut scene = service(keys);
    let said = |scene: &Scene| {
        let findings = scene.findings();
        let gpu = findings.into_iter().find(|f| f.id == "gpu");
        gpu.map(|f| f.message.en.into_owned())
    };
    assert!(said(&scene).unwrap().contains("no NVIDIA driver"));
    let findings = scene.findings();
    let gpu = findings.iter().find(|f| f.id == "gpu").unwrap();
    assert!(
        gpu.remedy.contains(&Remedy::Run("nvidia-smi".into())),
        "{gpu:?}"
    );
    scene.machine.accelerators.nvidia_driver = Some("550.54.15".into());
    assert!(said(&scene).unwrap().contains("nvidia-container-toolkit"));
    scene.machine.accelerators.nvidia_toolkit = true;
    assert!(said(&scene).unwrap().contains("nvidia runtime"));
    scene.engine().info.runtimes.push("nvidia".into());
    assert_eq!(said(&scene), None);
    assert_eq!(scene.wrong(), []);
}

#[test]
fn ascend_needs_its_devices_driver_and_runtime() {
    let mut scene =
        service(r#""runtime": "ascend", "devices": ["/dev/davinci0", "/dev/davinci1"]"#);
    assert_eq!(scene.wrong(), [("gpu", Severity::Error); 2]);
    let here = &mut scene.machine.accelerators;
    here.ascend_devices = vec!["/dev/davinci0".into()];
    here.ascend_driver = Some("24.1.rc1".into());
    scene.engine().info.runtimes.push("ascend".into());
    let findings = scene.findings();
    let gpu = findings.iter().find(|f| f.id == "gpu").unwrap();
    assert!(gpu.message.en.contains("/dev/davinci1"), "{gpu:?}");
    scene
        .machine
        .accelerators
        .ascend_devices
        .push("/dev/davinci1".into());
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_taken_port_is_named_unless_the_project_holds_it() {
    let keys = r#""ports": [{"target": 80, "published": "8080", "protocol": "tcp"}]"#;
    let mut scene = service(keys);
    assert_eq!(scene.wrong(), []);
    scene.machine.listening.insert(("tcp".into(), 8080));
    assert_eq!(scene.wrong(), [("port-in-use", Severity::Error)]);
    let mut container = Container {
        name: "shop-api-1".into(),
        project: Some("shop".into()),
        service: Some("api".into()),
        ports: vec![("tcp".into(), 8080)],
    };
    scene.facts.containers = vec![container.clone()];
    assert_eq!(scene.wrong(), []);
    container.project = Some("other".into());
    scene.facts.containers = vec![container];
    assert_eq!(scene.wrong(), [("port-in-use", Severity::Error)]);
}

#[test]
fn a_container_name_belongs_to_one_project() {
    let mut scene = service(r#""container_name": "api""#);
    assert_eq!(scene.wrong(), []);
    let container = |project: Option<&str>| Container {
        name: "api".into(),
        project: project.map(str::to_owned),
        service: Some("api".into()),
        ports: Vec::new(),
    };
    scene.facts.containers = vec![container(None)];
    assert_eq!(scene.wrong(), [("container-name", Severity::Error)]);
    scene.facts.containers = vec![container(Some("shop"))];
    assert_eq!(scene.wrong(), []);
}

#[test]
fn a_bind_mount_must_exist_here() {
    let scene =
        service(r#""volumes": [{"type": "bind", "source": "/not/there/models", "target": "/m"}]"#);
    assert_eq!(scene.wrong(), [("bind-mount", Severity::Warning)]);
    let scene = service(
        r#""volumes": [{"type": "bind", "source": "{dir}", "target": "/m"}, {"type": "bind", "source": "{dir}/data", "target": "/d"}]"#,
    );
    assert_eq!(scene.wrong(), []);
}
