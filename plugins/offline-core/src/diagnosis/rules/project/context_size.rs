use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

/// A context of this size takes seconds to send and is hashed at each build.
const LARGE: u64 = 500 * 1024 * 1024;

pub(super) static RULE: Rule = Rule {
    id: "context-size",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No build takes more than 500 MiB from its context.",
        "没有构建从上下文中复制超过 500 MiB。",
    ),
    why: Text::fixed(
        "What COPY takes is sent to the builder, hashed, stored as a layer and carried in the bundle, and again after each edit of it. Models and data sets are better mounted as volumes.",
        "COPY 的内容要发送给构建器、计算哈希、存为镜像层并随离线包携带，每次修改后都要重来。模型和数据集更适合用卷挂载。",
    ),
    remedy: Text::fixed(
        "Leave data out with .dockerignore and mount it (volumes:), or copy only the files that are needed.",
        "用 .dockerignore 排除数据并以卷挂载（volumes:），或只复制需要的文件。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let large = situation.contexts.iter().filter(|c| c.taken > LARGE);
    large
        .map(|context| {
            let top: Vec<String> = context
                .largest
                .iter()
                .take(3)
                .map(|(path, size)| format!("{path} ({})", super::size(*size)))
                .collect();
            let message = text!(
                "service {service}: the build takes {size} from its context, most of it {top}",
                "服务 {service}：构建从上下文复制 {size}，其中最大的是 {top}",
                service = context.service,
                size = super::size(context.taken),
                top = top.join(", "),
            );
            rule.warning(situation.short(&context.folder), message)
                .of_service(&context.service)
                .remedied_by(Text::fixed(
                    "leave data out with .dockerignore, and mount it as a volume",
                    "用 .dockerignore 排除数据，以卷挂载",
                ))
        })
        .collect()
}
