use std::error::Error as _;

use super::super::Situation;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::engine::Error;
use crate::error::Explain as _;

pub(super) static RULE: Rule = Rule {
    id: "engine-reachable",
    group: Group::Host,
    worst: Severity::Error,
    promise: Text::fixed(
        "The Docker engine answers this user.",
        "Docker 引擎响应当前用户。",
    ),
    why: Text::fixed(
        "Nothing can be loaded or built without the engine. It may not be running, the socket may belong to a group that this user is not in, or DOCKER_HOST or the Docker context may name another one.",
        "没有引擎就无法加载镜像，也无法构建。可能是引擎没有运行，可能是当前用户不在套接字所属的用户组，也可能是 DOCKER_HOST 或 Docker 上下文指向了别处。",
    ),
    remedy: Text::fixed(
        "Start the engine (sudo systemctl start docker), join its group (sudo usermod -aG docker $USER, then log in again), or choose the right context (docker context ls).",
        "启动引擎（sudo systemctl start docker），加入用户组（sudo usermod -aG docker $USER，然后重新登录），或选择正确的上下文（docker context ls）。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Err(error) = &situation.facts.engine else {
        let message = Text::fixed("the Docker engine answers", "Docker 引擎有响应");
        return vec![rule.ok("engine", message)];
    };
    let message = match error {
        Error::DockerMissing => Text::fixed(
            "the docker command was not found on PATH",
            "PATH 中找不到 docker 命令",
        ),
        Error::Unreachable { message } => text!(
            "the Docker engine does not answer: {message}",
            "Docker 引擎没有响应：{message}"
        ),
        Error::Denied { message } => text!(
            "this user may not talk to the Docker engine: {message}",
            "当前用户无权访问 Docker 引擎：{message}"
        ),
        Error::ContextUnknown { message } => text!(
            "the Docker context does not exist: {message}",
            "Docker 上下文不存在：{message}"
        ),
        other => text!("{other}", "无法查询 Docker 引擎：{other}"),
    };
    let mut finding = rule.error("engine", message);
    finding.cause = error.source().map(|cause| Text::quoted(cause.to_string()));
    vec![match error {
        Error::DockerMissing => finding.remedied_by(Text::fixed(
            "install the Docker CLI, or add its folder to PATH",
            "安装 Docker CLI，或把它所在的目录加入 PATH",
        )),
        Error::Unreachable { .. } => finding
            .remedied_by(Text::fixed(
                "start it, or name the right one with --context, -H or DOCKER_HOST",
                "启动引擎，或用 --context、-H、DOCKER_HOST 指定正确的引擎",
            ))
            .run("sudo systemctl start docker"),
        Error::Denied { .. } => finding
            .remedied_by(Text::fixed(
                "join the docker group and log in again, or use sudo",
                "加入 docker 用户组并重新登录，或使用 sudo",
            ))
            .run("sudo usermod -aG docker $USER"),
        Error::ContextUnknown { .. } => finding.run("docker context ls"),
        other => match other.hint() {
            Some(hint) => finding.remedied_by(Text::quoted(hint)),
            None => finding.run("docker info"),
        },
    }]
}
