use super::super::Situation;
use crate::closure::Unbundled;
use crate::diagnosis::{Finding, Group, Rule, Severity, Text, text};
use crate::project::Location;

pub(super) static RULE: Rule = Rule {
    id: "asks-at-start",
    group: Group::Project,
    worst: Severity::Warning,
    promise: Text::fixed(
        "No container asks a network for something when it starts.",
        "没有容器在启动时访问网络获取内容。",
    ),
    why: Text::fixed(
        "A bundle carries images and what builds fetch. What a command, an entrypoint script or a hook installs when the container starts, a model that a program loads by its name, a model of the Docker Model Runner and a provider's program are in neither.",
        "离线包只包含镜像和构建时下载的内容。命令、入口脚本或钩子在容器启动时安装的内容，程序按名称加载的模型，Docker Model Runner 的模型，以及 provider 的程序都不在其中。",
    ),
    remedy: Text::fixed(
        "Fetch it in a RUN step of the Dockerfile, which is carried and recorded, or bring it along and mount it.",
        "在 Dockerfile 的 RUN 步骤中获取（会被携带和记录），或另行带入并挂载。",
    ),
    check,
};

fn check(rule: &Rule, situation: &Situation<'_>) -> Vec<Finding> {
    let Some(closure) = situation.sources.closure() else {
        return Vec::new();
    };
    let at_start = closure.unbundled.iter().filter(|one| one.is_at_start());
    at_start
        .map(|one| {
            let location = Location::new(&one.file, one.line);
            rule.warning(situation.place(&location), message(one))
                .of_service(&one.service)
                .at(location)
                .because(Text::fixed(
                    "a bundle carries images and what builds fetch, and this is neither",
                    "离线包只包含镜像和构建时下载的内容，这两者都不是",
                ))
                .remedied_by(remedy(one.kind))
        })
        .collect()
}

fn message(one: &Unbundled) -> Text {
    let (service, what) = (&one.service, &one.what);
    match one.kind {
        "model" => text!(
            "service {service}: the model {what} is not carried",
            "服务 {service}：模型 {what} 不会被携带"
        ),
        "provider" => text!(
            "service {service}: the provider {what} is a program of the host, and is not carried",
            "服务 {service}：provider {what} 是主机上的程序，不会被携带"
        ),
        "start-python" => text!(
            "service {service} fetches at first use: {what}",
            "服务 {service} 首次使用时会下载：{what}"
        ),
        _ => text!(
            "service {service} asks for a network when it starts: {what}",
            "服务 {service} 启动时需要网络：{what}"
        ),
    }
}

fn remedy(kind: &str) -> Text {
    match kind {
        "model" => Text::fixed(
            "carry it: docker model package on the connected side, or docker model pull where the site has a registry of its own",
            "另行带入：在联网侧用 docker model package 打包，或在现场有自己的镜像仓库时用 docker model pull",
        ),
        "provider" => Text::fixed(
            "install the provider's program on the site, as docker-<type> on its PATH; what it connects to must be there, too",
            "在现场安装 provider 的程序（PATH 中的 docker-<type>）；它要连接的服务也必须存在",
        ),
        "start-python" => Text::fixed(
            "fetch it in a RUN step (python -c with the same call), or mount a folder that has it and set HF_HUB_OFFLINE=1, TIKTOKEN_CACHE_DIR or NLTK_DATA",
            "在 RUN 步骤中获取（用 python -c 执行同样的调用），或挂载含有它的目录并设置 HF_HUB_OFFLINE=1、TIKTOKEN_CACHE_DIR 或 NLTK_DATA",
        ),
        _ => Text::fixed(
            "do it in a RUN step of a Dockerfile, and let the container only start the program",
            "把它移到 Dockerfile 的 RUN 步骤中，让容器只负责启动程序",
        ),
    }
}
