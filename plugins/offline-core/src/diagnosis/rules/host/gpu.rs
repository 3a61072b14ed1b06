use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::Service;

pub(super) static RULE: Rule = Rule {
    id: "gpu",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "Services that ask for NVIDIA or Ascend accelerators find device, driver and runtime.",
        "请求 NVIDIA 或昇腾加速器的服务能找到设备、驱动和运行时。",
    ),
    why: Text::fixed(
        "gpus:, deploy.resources.reservations.devices and runtime: nvidia need NVIDIA's kernel driver, the container toolkit, and for runtime: its registration in daemon.json. Ascend needs /dev/davinci*, the driver, and ascend-docker-runtime. None of them is in an image; they have to be on the machine. Looked for on the engine's own machine.",
        "gpus:、deploy.resources.reservations.devices 和 runtime: nvidia 需要 NVIDIA 内核驱动和容器工具包，runtime: 还需要在 daemon.json 注册。昇腾需要 /dev/davinci*、驱动和 ascend-docker-runtime。它们都不在镜像里，必须安装在机器上。仅在引擎所在的机器上检查。",
    ),
    remedy: Text::fixed(
        "NVIDIA: install the driver and nvidia-container-toolkit, then sudo nvidia-ctk runtime configure --runtime=docker and restart the engine. Ascend: install the driver package and Ascend-docker-runtime, and restart the engine.",
        "NVIDIA：安装驱动和 nvidia-container-toolkit，运行 sudo nvidia-ctk runtime configure --runtime=docker 并重启引擎。昇腾：安装驱动包和 Ascend-docker-runtime，并重启引擎。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(project) = situation.sources.project() else {
        return Vec::new();
    };
    if !situation.engine_is_here() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for service in &project.services {
        let lacking = if wants_ascend(service) {
            ascend(situation, service)
        } else if wants_nvidia(service) {
            nvidia(situation, service)
        } else {
            continue;
        };
        let name = &service.name;
        for (message, command) in lacking {
            let message = Text::made(
                format!("service {name}: {}", message.en),
                format!("服务 {name}：{}", message.zh),
            );
            let mut finding = rule.error(name.as_str(), message).of_service(name);
            finding.location.clone_from(&service.location);
            findings.push(match command {
                Some(command) => finding.run(command),
                None => finding,
            });
        }
    }
    findings
}

type Lacking = Vec<(Text, Option<&'static str>)>;

fn wants_nvidia(service: &Service) -> bool {
    let run = &service.run;
    let asks = |word: &String| matches!(word.as_str(), "nvidia" | "gpu");
    run.accelerators.iter().any(asks)
        || run.runtime.as_deref() == Some("nvidia")
        || run.devices.iter().any(|d| d.starts_with("/dev/nvidia"))
}

fn wants_ascend(service: &Service) -> bool {
    let run = &service.run;
    run.runtime.as_deref() == Some("ascend")
        || run.devices.iter().any(|d| d.starts_with("/dev/davinci"))
        || run.accelerators.iter().any(|a| a == "ascend" || a == "npu")
}

fn has_runtime(situation: &Situation<'_>, name: &str) -> bool {
    let engine = situation.facts.engine.as_ref();
    engine.is_ok_and(|engine| engine.info.runtimes.iter().any(|r| r == name))
}

fn nvidia(situation: &Situation<'_>, service: &Service) -> Lacking {
    let here = &situation.machine.accelerators;
    let mut lacking = Lacking::new();
    if here.nvidia_driver.is_none() {
        lacking.push((
            if here.nvidia_devices {
                Text::fixed(
                    "it asks for an NVIDIA GPU; there are device files, but no driver is loaded",
                    "它请求 NVIDIA GPU；设备文件存在，但没有加载驱动",
                )
            } else {
                Text::fixed(
                    "it asks for an NVIDIA GPU, and this machine has no NVIDIA driver",
                    "它请求 NVIDIA GPU，而本机没有 NVIDIA 驱动",
                )
            },
            Some("nvidia-smi"),
        ));
        return lacking;
    }
    let registered = has_runtime(situation, "nvidia");
    if !here.nvidia_toolkit && !registered {
        lacking.push((
            Text::fixed(
                "it asks for an NVIDIA GPU, and nvidia-container-toolkit is not installed",
                "它请求 NVIDIA GPU，而没有安装 nvidia-container-toolkit",
            ),
            None,
        ));
    } else if service.run.runtime.as_deref() == Some("nvidia") && !registered {
        lacking.push((
            Text::fixed(
                "it asks for the nvidia runtime, which the engine does not know",
                "它请求 nvidia 运行时，而引擎没有注册",
            ),
            Some("sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"),
        ));
    }
    lacking
}

fn ascend(situation: &Situation<'_>, service: &Service) -> Lacking {
    let here = &situation.machine.accelerators;
    let mut lacking = Lacking::new();
    let davinci = service.run.devices.iter();
    let named: Vec<&String> = davinci
        .filter(|d| d.starts_with("/dev/davinci") && *d != "/dev/davinci_manager")
        .collect();
    let absent: Vec<&str> = named
        .iter()
        .filter(|device| !here.ascend_devices.contains(device))
        .map(|device| device.as_str())
        .collect();
    if here.ascend_devices.is_empty() {
        lacking.push((
            Text::fixed(
                "it asks for an Ascend NPU, and this machine has no /dev/davinci*",
                "它请求昇腾 NPU，而本机没有 /dev/davinci*",
            ),
            Some("npu-smi info"),
        ));
    } else if !absent.is_empty() {
        let message = text!(
            "it asks for {absent}; this machine has {have}",
            "它请求 {absent}；本机有 {have}",
            absent = absent.join(", "),
            have = here.ascend_devices.join(", "),
        );
        lacking.push((message, Some("npu-smi info")));
    }
    if !here.ascend_devices.is_empty() && here.ascend_driver.is_none() {
        lacking.push((
            Text::fixed(
                "the Ascend driver is not installed in /usr/local/Ascend/driver",
                "没有在 /usr/local/Ascend/driver 安装昇腾驱动",
            ),
            None,
        ));
    }
    if service.run.runtime.as_deref() == Some("ascend") && !has_runtime(situation, "ascend") {
        lacking.push((
            Text::fixed(
                "it asks for the ascend runtime, which the engine does not know",
                "它请求 ascend 运行时，而引擎没有注册",
            ),
            Some("docker info --format '{{json .Runtimes}}'"),
        ));
    }
    lacking
}
