//! What a build will do, for people.

use offline_core::build::{BuildPlan, PlannedService, PlannedStep, PlannedWay, Unknown};
use offline_core::diagnosis::{Language, StepNetwork, Text, text};

use crate::progress::harmless;
use crate::{Table, bytes};

/// A plan in words: what is loaded, warmed and put into its place, what becomes of each
/// service, which steps run, and what only the build itself can show.
pub fn of_build_plan(plan: &BuildPlan, language: Language) -> String {
    let say = |text: Text| text.get(language).to_owned();
    let mut page: String = before(plan).into_iter().map(say).collect();
    page += &say(loaded(plan));
    page += &say(warmed(plan));
    page += &carried(plan, language);
    page += &format!("\n{}", services(plan, language));
    page += &running(plan, language);
    page += &unknown(plan, language);
    page + &say(Text::fixed(
        "\nNothing was changed, neither in the engine nor in this folder.\n",
        "\n引擎和本目录都没有任何改动。\n",
    ))
}

fn before(plan: &BuildPlan) -> Vec<Text> {
    let path = plan.bundle.path.display().to_string();
    let why = &plan.builder.why;
    let mut words = vec![if plan.bundle.unpacked_first {
        text!("{path} would be unpacked first.\n", "会先解开 {path}。\n")
    } else {
        text!("The bundle is {path}.\n", "离线包是 {path}。\n")
    }];
    for archive in &plan.bundle.additions {
        let archive = archive.display().to_string();
        words.push(text!(
            "The recorded network of {archive} would be added to it.\n",
            "会把 {archive} 里录制的网络内容加进去。\n"
        ));
    }
    words.push(text!("{why}\n", "{why}\n"));
    words
}

fn loaded(plan: &BuildPlan) -> Text {
    if plan.load.is_empty() {
        return Text::fixed(
            "All images are there already; nothing would be loaded.\n",
            "所有镜像都已在引擎中，不会加载任何内容。\n",
        );
    }
    let size = bytes(plan.load_bytes);
    let names: Vec<&str> = plan.load.iter().map(|one| one.image.as_str()).collect();
    let names = names.join(", ");
    text!(
        "To be loaded ({size}): {names}.\n",
        "将会加载（{size}）：{names}。\n"
    )
}

fn warmed(plan: &BuildPlan) -> Text {
    let stages = plan.warm.iter().map(Vec::len).sum::<usize>();
    let waves = plan.warm.len();
    if stages == 0 {
        return Text::fixed("", "");
    }
    text!(
        "Stages whose cache would be warmed: {stages}, in waves: {waves}.\n",
        "将会预热 {stages} 个阶段的缓存，分 {waves} 批。\n"
    )
}

fn carried(plan: &BuildPlan, language: Language) -> String {
    let mut page = String::new();
    for one in &plan.carried {
        let (kind, name) = (&one.kind, &one.name);
        let line = if one.held {
            text!(
                "To be put into its place: {kind} {name}.\n",
                "将会放到它的位置：{kind} {name}。\n"
            )
        } else {
            text!(
                "The bundle does not hold {kind} {name}.\n",
                "离线包里没有 {kind} {name}。\n"
            )
        };
        page += line.get(language);
    }
    page
}

fn services(plan: &BuildPlan, language: Language) -> Table {
    let headings = [
        Text::fixed("SERVICE", "服务"),
        Text::fixed("FROM CACHE", "命中缓存"),
        Text::fixed("RUN", "执行"),
        Text::fixed("REPLAYED", "由录制回答"),
        Text::fixed("WHAT", "处理方式"),
    ];
    let mut table = Table::new(headings.map(|heading| heading.get(language).to_owned()));
    for one in &plan.services {
        let count = |is: &dyn Fn(&PlannedStep) -> bool| match (&one.steps, &one.way) {
            (Some(steps), _) => steps.iter().filter(|step| is(step)).count().to_string(),
            (None, PlannedWay::BuildKit | PlannedWay::Classic) => "?".to_owned(),
            (None, _) => "-".to_owned(),
        };
        table.row([
            one.service.clone(),
            count(&|step| step.cached),
            count(&|step| !step.cached),
            count(&PlannedStep::is_replayed),
            way(one).get(language).to_owned(),
        ]);
    }
    table
}

fn way(service: &PlannedService) -> Text {
    match &service.way {
        PlannedWay::AsItIs => Text::fixed("runs an image as it is", "直接运行镜像"),
        PlannedWay::BuildKit => Text::fixed("built by BuildKit", "由 BuildKit 构建"),
        PlannedWay::Classic => Text::fixed("built by the classic builder", "由传统构建器构建"),
        PlannedWay::Carried => {
            Text::fixed("carried image, not rebuilt", "使用带来的镜像，不重新构建")
        }
        PlannedWay::Refused(reason) => {
            text!("not built: {reason}", "不构建：{reason}")
        }
    }
}

fn running(plan: &BuildPlan, language: Language) -> String {
    let mut page = String::new();
    for service in &plan.services {
        let steps = service.steps.iter().flatten();
        for step in steps.filter(|step| !step.cached) {
            let name = &service.service;
            let (at, said) = (&step.at, harmless(&step.text));
            page += &format!("  {name}: {at}: {said}\n");
            if let Some(reason) = &step.reason {
                page += &format!("    {}\n", reason.words().get(language));
            }
            if let Some(network) = step.network {
                page += &format!("    {}\n", of_network(network).get(language));
            }
        }
    }
    if page.is_empty() {
        return page;
    }
    let heading = Text::fixed(
        "Steps that run, as the bundle's cache does not have them:",
        "离线包的缓存里没有、因而会执行的步骤：",
    );
    format!("\n{}\n{page}", heading.get(language))
}

fn of_network(network: StepNetwork) -> Text {
    match network {
        StepNetwork::Cached => Text::fixed("it asks for nothing", "它不请求网络"),
        StepNetwork::Recorded => {
            Text::fixed("the recorded network answers it", "由录制的网络内容回答")
        }
        StepNetwork::Unknown => Text::fixed(
            "whether the recorded network holds all that it asks for is not known",
            "录制的网络内容是否包含它请求的一切，尚不可知",
        ),
        StepNetwork::Lost => Text::fixed(
            "nothing answers what it asks a network for",
            "没有任何内容可以回答它的网络请求",
        ),
    }
}

fn unknown(plan: &BuildPlan, language: Language) -> String {
    if plan.unknown.is_empty() {
        return String::new();
    }
    let heading = Text::fixed("Only the build itself can show:", "只有实际构建才能知道：");
    let mut page = format!("\n{}\n", heading.get(language));
    for one in &plan.unknown {
        page += &format!("  {}\n", of_unknown(one).get(language));
    }
    page
}

fn of_unknown(unknown: &Unknown) -> Text {
    match unknown {
        Unknown::Bytes => Text::fixed(
            "whether every byte of the bundle is what was written (docker offline diagnose compares them)",
            "离线包的每个字节是否与写入时一致（docker offline diagnose 会比对）",
        ),
        Unknown::OwnCache => Text::fixed(
            "whether the engine's own cache has some of the steps that run: it may have built them since the export",
            "引擎自己的缓存是否已有其中一些步骤：导出之后它可能已经构建过",
        ),
        Unknown::Success => {
            Text::fixed("whether the steps that run succeed", "会执行的步骤是否成功")
        }
        Unknown::Steps { service } => text!(
            "which steps of {service} run: the bundle does not say what it was at the export",
            "{service} 的哪些步骤会执行：离线包里没有它在导出时的状态"
        ),
        Unknown::Requests { service, at } => text!(
            "whether the recorded network holds all that {service} asks for at {at}",
            "录制的网络内容是否包含 {service} 在 {at} 请求的一切"
        ),
        Unknown::Place { kind, name } => text!(
            "whether something else lies in the place of {kind} {name}",
            "{kind} {name} 的位置上是否有别的内容"
        ),
        _ => Text::fixed("something more", "其他内容"),
    }
}

#[cfg(test)]
mod tests {
    use offline_core::build::{PlannedBuilder, PlannedBundle, PlannedImage};
    use offline_core::diagnosis::Reason;

    use super::*;

    fn plan() -> BuildPlan {
        let step = |line: u32, cached, network, reason| PlannedStep {
            at: format!("api/Dockerfile:{line}"),
            text: "RUN npm ci".into(),
            cached,
            network,
            reason,
        };
        let service = |name: &str, way, steps| PlannedService {
            service: name.into(),
            image: name.into(),
            way,
            steps,
        };
        let steps = vec![
            step(3, true, Some(StepNetwork::Cached), None),
            step(
                5,
                false,
                Some(StepNetwork::Recorded),
                Some(Reason::NewStage),
            ),
        ];
        BuildPlan {
            project: "shop".into(),
            bundle: PlannedBundle {
                path: "build-cache".into(),
                unpacked_first: false,
                additions: Vec::new(),
            },
            builder: PlannedBuilder {
                name: "buildkit",
                why: "Building with BuildKit.".into(),
            },
            load: vec![PlannedImage {
                image: "redis:7".into(),
                services: vec!["db".into()],
            }],
            load_bytes: 3 << 20,
            warm: Vec::new(),
            carried: Vec::new(),
            services: vec![
                service("api", PlannedWay::BuildKit, Some(steps)),
                service("db", PlannedWay::AsItIs, None),
                service("new", PlannedWay::BuildKit, None),
                service("page", PlannedWay::Refused("it is so".into()), None),
            ],
            warnings: Vec::new(),
            unknown: vec![
                Unknown::Success,
                Unknown::Steps {
                    service: "new".into(),
                },
            ],
        }
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        insta::assert_snapshot!(of_build_plan(&plan(), Language::English), @r"
        The bundle is build-cache.
        Building with BuildKit.
        To be loaded (3.0 MiB): redis:7.

        SERVICE   FROM CACHE   RUN   REPLAYED   WHAT
        api       1            1     1          built by BuildKit
        db        -            -     -          runs an image as it is
        new       ?            ?     ?          built by BuildKit
        page      -            -     -          not built: it is so

        Steps that run, as the bundle's cache does not have them:
          api: api/Dockerfile:5: RUN npm ci
            the stage was not there at the export
            the recorded network answers it

        Only the build itself can show:
          whether the steps that run succeed
          which steps of new run: the bundle does not say what it was at the export

        Nothing was changed, neither in the engine nor in this folder.
        ");
    }

    #[test]
    fn the_same_in_chinese() {
        let page = of_build_plan(&plan(), Language::Chinese);
        for words in [
            "离线包是 build-cache。",
            "将会加载（3.0 MiB）：redis:7。",
            "由录制的网络内容回答",
            "new 的哪些步骤会执行：离线包里没有它在导出时的状态",
            "引擎和本目录都没有任何改动。",
        ] {
            assert!(page.contains(words), "{words}: {page}");
        }
    }
}
