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
        let place = service.location.as_ref().map(|l| situation.place(l));
        for lack in lacking {
            let message = Text::made(
                format!("service {name}: {}", lack.what.en),
                format!("服务 {name}：{}", lack.what.zh),
            );
            let subject = place.clone().unwrap_or_else(|| name.clone());
            let mut finding = rule.error(subject, message).of_service(name);
            finding.location.clone_from(&service.location);
            findings.push(finding.remedied_by(lack.remedy).run(lack.command));
        }
    }
    findings
}

/// What a machine lacks, what to do about it, and how to go on or to check.
struct Lack {
    what: Text,
    remedy: Text,
    command: &'static str,
}

const REGISTER_NVIDIA: &str =
    "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker";

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

fn nvidia(situation: &Situation<'_>, service: &Service) -> Vec<Lack> {
    let here = &situation.machine.accelerators;
    if here.nvidia_driver.is_none() {
        let what = if here.nvidia_devices {
            Text::fixed(
                "it asks for an NVIDIA GPU; there are device files, but no driver is loaded",
                "它请求 NVIDIA GPU；设备文件存在，但没有加载驱动",
            )
        } else {
            Text::fixed(
                "it asks for an NVIDIA GPU, and this machine has no NVIDIA driver",
                "它请求 NVIDIA GPU，而本机没有 NVIDIA 驱动",
            )
        };
        return vec![Lack {
            what,
            remedy: Text::fixed(
                "install NVIDIA's driver on this machine; to see whether it is loaded",
                "在本机安装 NVIDIA 驱动；查看是否已加载",
            ),
            command: "nvidia-smi",
        }];
    }
    let registered = has_runtime(situation, "nvidia");
    let asks = service.run.runtime.as_deref() == Some("nvidia");
    if !here.nvidia_toolkit && !registered {
        return vec![Lack {
            what: Text::fixed(
                "it asks for an NVIDIA GPU, and nvidia-container-toolkit is not installed",
                "它请求 NVIDIA GPU，而没有安装 nvidia-container-toolkit",
            ),
            remedy: Text::fixed(
                "install the package nvidia-container-toolkit, then",
                "安装软件包 nvidia-container-toolkit，然后",
            ),
            command: REGISTER_NVIDIA,
        }];
    }
    if asks && !registered {
        return vec![Lack {
            what: Text::fixed(
                "it asks for the nvidia runtime, which the engine does not know",
                "它请求 nvidia 运行时，而引擎没有注册",
            ),
            remedy: Text::fixed("register it with the engine", "在引擎中注册"),
            command: REGISTER_NVIDIA,
        }];
    }
    Vec::new()
}

fn ascend(situation: &Situation<'_>, service: &Service) -> Vec<Lack> {
    let here = &situation.machine.accelerators;
    let mut lacking = Vec::new();
    let davinci = service.run.devices.iter();
    let absent: Vec<&str> = davinci
        .filter(|d| d.starts_with("/dev/davinci") && *d != "/dev/davinci_manager")
        .filter(|device| !here.ascend_devices.contains(device))
        .map(String::as_str)
        .collect();
    if here.ascend_devices.is_empty() {
        lacking.push(Lack {
            what: Text::fixed(
                "it asks for an Ascend NPU, and this machine has no /dev/davinci*",
                "它请求昇腾 NPU，而本机没有 /dev/davinci*",
            ),
            remedy: Text::fixed(
                "install the Ascend driver and firmware on this machine; to see its devices",
                "在本机安装昇腾驱动和固件；查看设备",
            ),
            command: "npu-smi info",
        });
    } else if !absent.is_empty() {
        lacking.push(Lack {
            what: text!(
                "it asks for {absent}; this machine has {have}",
                "它请求 {absent}；本机有 {have}",
                absent = absent.join(", "),
                have = here.ascend_devices.join(", "),
            ),
            remedy: Text::fixed(
                "name devices under devices: that are there; to see them",
                "在 devices: 中写本机有的设备；查看设备",
            ),
            command: "npu-smi info",
        });
    }
    if !here.ascend_devices.is_empty() && here.ascend_driver.is_none() {
        lacking.push(Lack {
            what: Text::fixed(
                "the Ascend driver is not installed in /usr/local/Ascend/driver",
                "没有在 /usr/local/Ascend/driver 安装昇腾驱动",
            ),
            remedy: Text::fixed(
                "install the driver package of this card, then",
                "安装与该卡匹配的驱动包，然后",
            ),
            command: "cat /usr/local/Ascend/driver/version.info",
        });
    }
    if service.run.runtime.as_deref() == Some("ascend") && !has_runtime(situation, "ascend") {
        lacking.push(Lack {
            what: Text::fixed(
                "it asks for the ascend runtime, which the engine does not know",
                "它请求 ascend 运行时，而引擎没有注册",
            ),
            remedy: Text::fixed(
                "install Ascend-docker-runtime and restart the engine; to see which it knows",
                "安装 Ascend-docker-runtime 并重启引擎；查看已注册的运行时",
            ),
            command: "docker info --format '{{json .Runtimes}}'",
        });
    }
    lacking
}
