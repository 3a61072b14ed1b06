use super::super::{Situation, counted};
use crate::bundle::Record;
use crate::closure::{BuildClosure, Closure, NeededImage};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "bundle-complete",
    group: Group::Bundle,
    worst: Severity::Error,
    promise: Text::fixed(
        "The bundle has everything that this project asks for.",
        "离线包包含该项目所需的一切。",
    ),
    why: Text::fixed(
        "The project may ask for more than it did at the export: a new FROM, a new service, a profile that was not active.",
        "项目可能比导出时需要更多：新的 FROM、新的服务，或当时未启用的 profile。",
    ),
    remedy: Text::fixed(
        "On the connected machine, with these sources: docker offline export (--all-profiles takes hidden services too).",
        "在联网机器上用当前源码运行 docker offline export（--all-profiles 包含隐藏的服务）。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (Some(closure), Ok(bundle)) = (situation.sources.closure(), situation.bundle) else {
        return Vec::new();
    };
    let record = bundle.record();
    let mut findings: Vec<Finding> = closure
        .images
        .iter()
        .filter(|needed| {
            let reference = needed.reference.to_string();
            !record.images.iter().any(|i| i.reference == reference)
        })
        .map(|needed| lacking(rule, needed, situation))
        .collect();
    findings.extend(uncached(rule, situation, closure, record));
    if findings.is_empty() {
        let built = closure.services.iter().filter(|s| s.build.is_some());
        let (images, services) = (closure.images.len(), built.count());
        let message = Text::made(
            format!(
                "the bundle has everything: {}, {} to build",
                counted(images, "image"),
                counted(services, "service")
            ),
            format!("离线包包含全部 {images} 个镜像和 {services} 个要构建的服务"),
        );
        return vec![rule.ok(situation.short(bundle.place()), message)];
    }
    findings
}

fn export_again(finding: Finding) -> Finding {
    finding
        .remedied_by(Text::fixed(
            "on the connected machine, with these sources",
            "在联网机器上，使用当前源码",
        ))
        .run("docker offline export")
}

/// An image that the bundle does not have.
fn lacking(rule: &Rule, needed: &NeededImage, situation: &Situation<'_>) -> Finding {
    let image = needed.reference.familiar();
    let services: Vec<&str> = needed.services.iter().map(String::as_str).collect();
    let chinese: Vec<&str> = needed.roles.iter().map(|role| role.chinese()).collect();
    let (wanted, chinese) = (needed.wanted_as(), chinese.join("、"));
    let chinese = if services.is_empty() {
        chinese
    } else {
        format!("{} 的{chinese}", services.join("、"))
    };
    let here = situation
        .local
        .is_some_and(|local| local.contains_key(&needed.reference.load_name()));
    if here {
        let message = Text::made(
            format!("{image} ({wanted}) is not in the bundle; the engine has one"),
            format!("{image}（{chinese}）不在离线包中；引擎里有一个"),
        );
        return rule.note(image.clone(), message);
    }
    let message = Text::made(
        format!("{image} ({wanted}) is in neither the bundle nor the engine"),
        format!("{image}（{chinese}）既不在离线包中，也不在引擎里"),
    );
    export_again(rule.error(image.clone(), message).because(Text::fixed(
        "the project asks for more than it did at the export",
        "项目需要的比导出时更多",
    )))
}

/// Services without a cache in the bundle.
fn uncached(
    rule: &Rule,
    situation: &Situation<'_>,
    closure: &Closure,
    record: &Record,
) -> Vec<Finding> {
    let built = closure
        .services
        .iter()
        .filter_map(|service| Some((service.name.as_str(), service.build.as_ref()?)));
    built
        .filter(|(name, _)| !record.services.iter().any(|s| s.name == *name))
        .map(|(name, build)| all_runs(rule, situation, name, build))
        .collect()
}

fn all_runs(
    rule: &Rule,
    situation: &Situation<'_>,
    service: &str,
    build: &BuildClosure,
) -> Finding {
    let mut runs = build.stages.iter().flat_map(|stage| &stage.runs);
    let network = runs.find_map(|run| Some((run.line, run.network_tool?)));
    let file = situation.short(&build.dockerfile_path);
    let finding = match network {
        Some((line, tool)) => {
            let place = situation.place(&build.location(line));
            rule.error(
                file,
                text!(
                    "service {service} was not built for this bundle: {tool} at {place} would run, without a network",
                    "这个离线包没有构建服务 {service}：{place} 的 {tool} 会在无网络时执行"
                ),
            )
        }
        None => rule.warning(
            file,
            text!(
                "service {service} was not built for this bundle: all its steps will run",
                "这个离线包没有构建服务 {service}：它的所有步骤都会执行"
            ),
        ),
    };
    export_again(finding.of_service(service).because(Text::fixed(
        "it was added since, or hidden by a profile at the export",
        "它是之后添加的，或导出时被 profile 隐藏",
    )))
}
