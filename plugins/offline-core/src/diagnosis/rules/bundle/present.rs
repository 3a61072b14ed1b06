use super::super::Situation;
use crate::bundle::{Carried, ImageRecord, Record};
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::error::Kind;
use crate::reference::ImageReference;

pub(super) static RULE: Rule = Rule {
    id: "bundle-present",
    group: Group::Bundle,
    worst: Severity::Error,
    promise: Text::fixed(
        "There is a bundle, and it can be read.",
        "有离线包，并且可以读取。",
    ),
    why: Text::fixed(
        "docker offline build loads and warms from the bundle: the folder build-cache beside the Compose file, or else the newest build-cache-*.tar.* there. On the connected machine there is none before the first export.",
        "docker offline build 从离线包加载并预热：Compose 文件旁的 build-cache 目录，否则是最新的 build-cache-*.tar.*。在联网机器上，首次导出前没有离线包。",
    ),
    remedy: Text::fixed(
        "On the connected machine: docker offline export. On site: copy the archive beside the Compose file, or name it with --bundle.",
        "在联网机器上运行 docker offline export。在离线机器上把压缩包复制到 Compose 文件旁，或用 --bundle 指定。",
    ),
    check,
};

/// What is in a bundle besides images, with its size.
fn carried(rule: &Rule, one: &Carried) -> Finding {
    let Carried {
        kind, name, size, ..
    } = one;
    let megabytes = size.div_ceil(1_000_000);
    rule.ok(
        name.clone(),
        text!(
            "the bundle carries {kind} {name} ({megabytes} MB)",
            "离线包带有 {kind} {name}（{megabytes} MB）"
        ),
    )
}

/// An image that no build asks for, with its size: one that was named, or was a container.
fn image(rule: &Rule, image: &ImageRecord) -> Option<Finding> {
    let name = ImageReference::parse(&image.reference).ok()?.familiar();
    let megabytes = image.size.div_ceil(1_000_000);
    let message = match &image.container {
        Some(container) => text!(
            "the bundle carries the container {container} as the image {name} ({megabytes} MB)",
            "离线包带有容器 {container}，成为镜像 {name}（{megabytes} MB）"
        ),
        None if image.roles.iter().any(|role| role == "named") => text!(
            "the bundle carries the image {name}, which x-offline names ({megabytes} MB)",
            "离线包带有 x-offline 指定的镜像 {name}（{megabytes} MB）"
        ),
        None => return None,
    };
    Some(rule.ok(name, message))
}

/// The finished images of services, which start without a build.
fn finished(rule: &Rule, record: &Record) -> Option<Finding> {
    let names: Vec<&str> = record
        .finished
        .iter()
        .flat_map(|image| image.services.iter().map(String::as_str))
        .collect();
    if names.is_empty() {
        return None;
    }
    let services = names.join(", ");
    // What of it no stage has, is a few KB.
    let megabytes: u64 = record.finished.iter().map(|image| image.size).sum();
    let megabytes = megabytes.div_ceil(1_000_000);
    Some(rule.ok(
        "finished images",
        text!(
            "the bundle carries the finished images of {services} ({megabytes} MB, of the layers that builds have anyway); docker offline build --load-only loads them",
            "离线包带有 {services} 的成品镜像（{megabytes} MB，与构建共用镜像层）；用 docker offline build --load-only 加载"
        ),
    ))
}

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let failure = match situation.bundle {
        Ok(bundle) => {
            let record = bundle.record();
            let subject = situation.short(bundle.place());
            let maker = record.maker();
            let message = text!(
                "bundle of project {project}, exported {created} by docker-offline {tool} with {maker}",
                "项目 {project} 的离线包，{created} 由 docker-offline {tool} 使用 {maker} 导出",
                project = record.project,
                created = record.created,
                tool = record.tool_version,
            );
            let mut findings = vec![rule.ok(subject, message)];
            findings.extend(record.images.iter().filter_map(|one| image(rule, one)));
            findings.extend(finished(rule, record));
            findings.extend(record.carried.iter().map(|one| carried(rule, one)));
            return findings;
        }
        Err(failure) => failure,
    };
    let source = failure.error().source().map(ToString::to_string);
    let not_found = failure.kind() == Kind::BundleNotFound;
    // On the connected machine there is none before the first export.
    let expected = not_found && !situation.bundle_named;
    let message = if expected {
        Text::fixed(
            "there is no bundle beside the Compose file: no build-cache, no build-cache*.tar.zst or .gz",
            "Compose 文件旁没有离线包：没有 build-cache，也没有 build-cache*.tar.zst 或 .gz",
        )
    } else if not_found {
        text!("{failure}", "没有找到离线包：{failure}")
    } else {
        text!("{failure}", "无法读取离线包：{failure}")
    };
    let mut finding = if expected {
        rule.warning("build-cache", message)
    } else {
        rule.error("bundle", message)
    };
    finding.cause = match source {
        Some(cause) => Some(Text::quoted(cause)),
        None => expected.then(|| {
            Text::fixed(
                "docker offline build has nothing to load without one",
                "没有离线包，docker offline build 无可加载",
            )
        }),
    };
    vec![if not_found {
        finding
            .remedied_by(Text::fixed("on the connected machine", "在联网机器上"))
            .run("docker offline export")
            .remedied_by(Text::fixed(
                "on site, name the folder or archive that was carried: --bundle DIR|ARCHIVE",
                "在离线机器上，指定带来的目录或压缩包：--bundle DIR|ARCHIVE",
            ))
    } else {
        match failure.hint() {
            Some(hint) => finding.remedied_by(Text::quoted(hint)),
            None => finding,
        }
    }]
}
