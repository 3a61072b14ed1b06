use super::model::Reason;
use crate::bundle::{Change, Difference};
use crate::diagnosis::rules::engine_words;
use crate::diagnosis::{Text, text};

/// So many files are named; the others are counted.
const NAMED: usize = 5;

impl Reason {
    /// Why, as a sentence.
    pub fn words(&self) -> Text {
        let none = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        match self {
            Self::Files(files) => {
                let (en, zh) = (named(files, false), named(files, true));
                Text::made(
                    format!("it takes files that differ from the export: {en}"),
                    format!("它复制的文件与导出时不同：{zh}"),
                )
            }
            Self::Argument { name, was, is } => text!(
                "the build argument {name} was {was} at the export, and is {is}",
                "构建参数 {name} 在导出时是 {was}，现在是 {is}",
                was = none(was),
                is = none(is),
            ),
            Self::Edited { line, was, is } => text!(
                "line {line} said at the export: {was}; it says: {is}",
                "第 {line} 行在导出时是：{was}；现在是：{is}"
            ),
            Self::Added { line, is } => text!(
                "line {line} was added since the export: {is}",
                "第 {line} 行是导出之后添加的：{is}"
            ),
            Self::Removed { line, was } => text!(
                "an instruction was removed since the export, from what was line {line}: {was}",
                "导出之后删除了一条指令（原第 {line} 行）：{was}"
            ),
            Self::Base { was, is } => text!(
                "the stage started from {was} at the export, and starts from {is}",
                "该阶段在导出时基于 {was}，现在基于 {is}"
            ),
            Self::OtherImage(image) => text!(
                "the engine has another image named {image} than the bundle",
                "引擎中的 {image} 与离线包中的不是同一个镜像"
            ),
            Self::NewStage => Text::fixed(
                "the stage was not there at the export",
                "导出时没有这个阶段",
            ),
            Self::Stage { name, line } => text!(
                "it uses stage {name}, which runs again from line {line} on",
                "它使用的阶段 {name} 从第 {line} 行起会重新执行"
            ),
            Self::Network { was, is } => text!(
                "build.network was {was} at the export, and is {is}",
                "build.network 在导出时是 {was}，现在是 {is}",
                was = none(was),
                is = none(is),
            ),
            Self::Engine { reason, from, to } => engine_words(*reason, from, to).0,
        }
    }
}

fn named(files: &[Difference], zh: bool) -> String {
    let shown: Vec<String> = files
        .iter()
        .take(NAMED)
        .map(|file| {
            let word = if zh {
                chinese(file.what)
            } else {
                file.what.words()
            };
            format!("{} ({word})", file.path)
        })
        .collect();
    let more = files.len().saturating_sub(NAMED);
    match (more, zh) {
        (0, _) => shown.join(", "),
        (more, false) => format!("{} and {more} more", shown.join(", ")),
        (more, true) => format!("{} 等，另有 {more} 个", shown.join(", ")),
    }
}

fn chinese(change: Change) -> &'static str {
    match change {
        Change::Appeared => "新增",
        Change::Vanished => "消失",
        Change::Content => "内容不同",
        Change::Mode => "权限不同",
        Change::LineEndings => "换行符不同",
        Change::Kind => "类型不同",
    }
}
