use super::super::{Situation, counted};
use crate::diagnosis::{Finding, Group, Rule, Severity, Sources, Text, text};
use crate::error::{Failure, Kind};

pub(super) static RULE: Rule = Rule {
    id: "project",
    group: Group::Project,
    worst: Severity::Error,
    promise: Text::fixed(
        "The Compose project and its Dockerfiles can be read.",
        "Compose 项目及其 Dockerfile 可以读取。",
    ),
    why: Text::fixed(
        "What a build will ask for is only known when Compose can resolve the project and every Dockerfile can be parsed.",
        "只有 Compose 能解析项目、每个 Dockerfile 都能解析时，才知道构建需要什么。",
    ),
    remedy: Text::fixed(
        "docker compose config shows what Compose reads; run the command beside the Compose file, or name it with -f.",
        "docker compose config 显示 Compose 读到的内容；请在 Compose 文件旁运行，或用 -f 指定。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let (project, closure) = match situation.sources {
        Sources::Read(project, closure) => (project, closure),
        Sources::Unreadable => return Vec::new(),
        Sources::Absent(failure) => {
            let message = text!("{failure}", "没有找到 Compose 文件：{failure}");
            let why = Text::fixed(
                "whether a bundle is complete for a project can only be said beside it",
                "只有在项目旁才能判断离线包是否完整",
            );
            return vec![with_hint(rule.note("project", message), failure).because(why)];
        }
        // `env-file` names all that are missing.
        Sources::Broken(failure)
            if failure.kind() == Kind::EnvFileMissing
                && !situation.missing_env_files.is_empty() =>
        {
            return Vec::new();
        }
        Sources::Broken(failure) => {
            let message = text!("{failure}", "无法读取项目：{failure}");
            let mut finding = rule.error("project", message);
            finding.cause = failure
                .error()
                .source()
                .map(|c| Text::quoted(c.to_string()));
            return vec![with_hint(finding, failure)];
        }
    };
    let files: Vec<String> = project.files.iter().map(|f| situation.short(f)).collect();
    let hidden: Vec<&str> = closure.hidden.iter().map(|h| h.name.as_str()).collect();
    let (services, images) = (closure.services.len(), closure.images.len());
    let mut message = Text::made(
        format!(
            "project {}: {}, {}",
            project.name,
            counted(services, "service"),
            counted(images, "image")
        ),
        format!("项目 {}：{services} 个服务，{images} 个镜像", project.name),
    );
    if !hidden.is_empty() {
        let names = hidden.join(", ");
        message
            .en
            .to_mut()
            .push_str(&format!("; hidden by profiles: {names}"));
        message
            .zh
            .to_mut()
            .push_str(&format!("；被 profile 隐藏：{names}"));
    }
    vec![rule.ok(files.join(", "), message)]
}

fn with_hint(finding: Finding, failure: &Failure) -> Finding {
    match failure.hint() {
        Some(hint) => finding.remedied_by(Text::quoted(hint)),
        None => finding,
    }
}
