use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};

pub(super) static RULE: Rule = Rule {
    id: "crlf-script",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No script that is copied into an image has Windows line ends.",
        "复制到镜像中的脚本没有 Windows 换行符。",
    ),
    why: Text::fixed(
        "The kernel reads '#!/bin/sh\\r' and looks for a program of that name; the container ends with 'no such file or directory' although the script is there. It comes of sources copied from Windows, or of git with core.autocrlf; the changed bytes also miss the cache.",
        "内核读到 '#!/bin/sh\\r' 并寻找这个名字的程序；脚本明明存在，容器却报 no such file or directory。原因是源码从 Windows 复制而来，或 git 设置了 core.autocrlf；变化的字节也会使缓存失效。",
    ),
    remedy: Text::fixed(
        "sed -i 's/\\r$//' FILE; and '*.sh text eol=lf' in .gitattributes, so that it stays.",
        "sed -i 's/\\r$//' FILE；并在 .gitattributes 写 '*.sh text eol=lf' 以保持。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for context in situation.contexts {
        for script in &context.crlf_scripts {
            let file = situation.short(&context.folder.join(script));
            let service = &context.service;
            let message = text!(
                "service {service}: {file} has Windows line ends after its #!",
                "服务 {service}：{file} 的 #! 行使用了 Windows 换行符"
            );
            findings.push(
                rule.warning(file.clone(), message)
                    .of_service(service)
                    .because(Text::fixed(
                        "it ends with 'no such file or directory' when it is run in a container",
                        "在容器中运行会报 no such file or directory",
                    ))
                    .run(format!("sed -i 's/\\r$//' {file}")),
            );
        }
    }
    findings
}
