use std::collections::BTreeMap;

use super::super::Situation;
use crate::closure::Platform;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "emulation",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "What is built or run for another processor can be emulated.",
        "为其他处理器构建或运行的内容可以被模拟。",
    ),
    why: Text::fixed(
        "A RUN of a stage for another processor, and a container of such an image, need an emulator registered with the kernel (binfmt_misc). Without it they end with 'exec format error'. It is installed per machine, and usually from a network.",
        "为其他处理器构建的阶段中的 RUN，以及这类镜像的容器，都需要在内核注册模拟器（binfmt_misc），否则报 exec format error。模拟器按机器安装，通常需要网络。",
    ),
    remedy: Text::fixed(
        "Install the package qemu-user-static (with binfmt-support) on this machine, or drop platform: from the Compose file.",
        "在本机安装 qemu-user-static（及 binfmt-support），或去掉 Compose 文件中的 platform:。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Some(closure), Ok(engine)) = (situation.sources.closure(), &situation.facts.engine) else {
        return Vec::new();
    };
    if !situation.engine_is_here() {
        return Vec::new();
    }
    let Ok(here) = engine.info.platform.parse::<Platform>() else {
        return Vec::new();
    };
    // One finding a platform: place or image, and service.
    let mut foreign: BTreeMap<String, (String, String)> = BTreeMap::new();
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        for stage in build.stages.iter().filter(|stage| !stage.runs.is_empty()) {
            if is_foreign(&stage.platform, &here) {
                let line = stage.runs.first().map_or(stage.line, |run| run.line);
                let place = situation.place(&build.location(line));
                let entry = foreign.entry(stage.platform.clone());
                entry.or_insert_with(|| (format!("RUN at {place}"), service.name.clone()));
            }
        }
    }
    for image in &closure.images {
        let runs = image.roles.contains(&crate::closure::Role::Service);
        if runs && is_foreign(&image.platform, &here) {
            let service = image.services.first().cloned().unwrap_or_default();
            let entry = foreign.entry(image.platform.clone());
            entry.or_insert_with(|| (image.reference.familiar(), service));
        }
    }
    foreign
        .into_iter()
        .filter(|(platform, _)| !emulates(situation, platform))
        .map(|(platform, (what, service))| {
            let message = text!(
                "{what} is for {platform}, and this machine has no emulator for it",
                "{what} 面向 {platform}，本机没有它的模拟器"
            );
            rule.error(platform.as_str(), message)
                .of_service(service)
                .because(Text::fixed(
                    "it would end with: exec format error",
                    "会以 exec format error 失败",
                ))
                .run("sudo apt-get install qemu-user-static binfmt-support")
        })
        .collect()
}

fn is_foreign(platform: &str, here: &Platform) -> bool {
    let Ok(platform) = platform.parse::<Platform>() else {
        return false;
    };
    // A 64-bit processor runs the 32-bit programs of its own kind.
    let runs = |own: &str, other: &str| here.architecture == own && platform.architecture == other;
    platform.architecture != here.architecture && !runs("amd64", "386") && !runs("arm64", "arm")
}

fn emulates(situation: &Situation<'_>, platform: &str) -> bool {
    let architecture = platform.split('/').nth(1).unwrap_or(platform);
    let name = match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i386",
        other => other,
    };
    situation.machine.emulated.contains(name)
}
