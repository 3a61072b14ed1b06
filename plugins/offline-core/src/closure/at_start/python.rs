//! Python sources that fetch a model or a data set when it is first used.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::commands::Asks;
use super::folders::{Folders, text};
use crate::closure::BuildClosure;
use crate::project::Service;

/// A library that fetches.
struct Library {
    /// What it is called, and what its import looks like.
    name: &'static str,
    /// Calls that fetch. Where a group `name` has matched, it is the name of what is
    /// fetched, and a file or folder of that name is not fetched.
    calls: &'static str,
    /// What a RUN step says that fetches it into the image.
    in_steps: &'static [&'static str],
    /// Variables that say that it is there.
    variables: &'static [&'static str],
}

const LIBRARIES: &[Library] = &[
    Library {
        name: "huggingface",
        calls: r#"\.from_pretrained\(\s*["'](?P<name>[^"']+)["']|\b(?:SentenceTransformer|CrossEncoder|WhisperModel|HuggingFaceEmbeddings|TextEmbedding|FlagModel|BGEM3FlagModel|AutoModel)\(\s*(?:model_name(?:_or_path)?\s*=\s*)?["'](?P<name2>[^"']+)["']|\b(?:snapshot_download|hf_hub_download)\(|\bload_dataset\(\s*["'](?P<name3>[^"']+)["']|\bpipeline\([^)]*model\s*=\s*["'](?P<name4>[^"']+)["']|\bpipeline\(\s*["'][a-z-]+["']\s*\)"#,
        in_steps: &[
            "from_pretrained",
            "snapshot_download",
            "hf_hub_download",
            "huggingface-cli download",
            "hf download",
            "SentenceTransformer(",
            "modelscope download",
        ],
        variables: HUB_IS_OFF,
    },
    Library {
        name: "tiktoken",
        calls: r"\btiktoken\.(?:get_encoding|encoding_for_model)\(|\b(?:get_encoding|encoding_for_model)\(",
        in_steps: &["tiktoken"],
        variables: &["TIKTOKEN_CACHE_DIR"],
    },
    Library {
        name: "nltk",
        calls: r"\bnltk\.download\(",
        in_steps: &["nltk.download"],
        variables: &[],
    },
    Library {
        name: "torch",
        calls: r"\btorch\.hub\.(?:load|load_state_dict_from_url|download_url_to_file)\(",
        in_steps: &["torch.hub"],
        variables: &[],
    },
    Library {
        name: "whisper",
        calls: r#"\bwhisper\.load_model\(\s*["'](?P<name>[^"']+)["']"#,
        in_steps: &["whisper"],
        variables: &[],
    },
    Library {
        name: "easyocr",
        calls: r"\beasyocr\.Reader\(|\bPaddleOCR\(",
        in_steps: &["easyocr", "PaddleOCR", "paddleocr"],
        variables: &[],
    },
    Library {
        name: "spacy",
        calls: r"\bspacy\.cli\.download\(",
        in_steps: &["spacy"],
        variables: &[],
    },
];

static CALLS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    LIBRARIES
        .iter()
        .map(|library| Regex::new(library.calls).ok())
        .collect()
});

/// What the Python sources that a service runs fetch at first use.
pub(super) fn asked(
    service: &Service,
    build: Option<&BuildClosure>,
    folders: &Folders,
) -> Vec<(PathBuf, Asks)> {
    let files: Vec<(PathBuf, String)> = folders
        .own_files()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "py"))
        .filter_map(|file| Some((text(&file)?, file)))
        .map(|(text, file)| (file, text))
        .collect();
    let steps = steps_of(build);
    let mut found = Vec::new();
    for (library, calls) in LIBRARIES.iter().zip(CALLS.iter()) {
        let Some(calls) = calls else { continue };
        let asking: Vec<(&Path, Vec<Asks>)> = files
            .iter()
            .map(|(file, text)| (file.as_path(), of_text(text, library, calls, file)))
            .filter(|(_, asks)| !asks.is_empty())
            .collect();
        if is_there(library, service, &steps, &asking) {
            continue;
        }
        for (file, asks) in asking {
            found.extend(asks.into_iter().map(|asks| (file.to_owned(), asks)));
        }
    }
    found
}

/// Whether a step of the build has fetched it, or the service is told that it has it.
fn is_there(
    library: &Library,
    service: &Service,
    steps: &[&str],
    asking: &[(&Path, Vec<Asks>)],
) -> bool {
    let set = is_set(library.variables, service, steps);
    let runs = |step: &&&str| step.starts_with("RUN");
    let fetched = steps.iter().filter(runs).any(|step| {
        library.in_steps.iter().any(|words| step.contains(words))
            || asking.iter().any(|(file, _)| {
                let name = file.file_name().and_then(|n| n.to_str());
                name.is_some_and(|name| step.contains("python") && step.contains(name))
            })
    });
    set || fetched
}

/// Whether the service, or an ENV of these steps of its build, has one of these variables on.
fn is_set(variables: &[&str], service: &Service, steps: &[&str]) -> bool {
    variables.iter().any(|name| {
        let of_service = service.starts.environment.get(*name);
        let on = of_service.is_some_and(|v| v.as_deref().is_some_and(|v| v != "0"));
        on || steps
            .iter()
            .any(|s| s.starts_with("ENV") && s.contains(name))
    })
}

/// What tells libraries of Hugging Face that all is there.
const HUB_IS_OFF: &[&str] = &["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];

/// Whether a service is told not to ask Hugging Face.
pub(crate) fn is_told_that_the_hub_is_off(service: &Service, build: Option<&BuildClosure>) -> bool {
    is_set(HUB_IS_OFF, service, &steps_of(build))
}

/// The RUN and ENV steps of a build.
fn steps_of(build: Option<&BuildClosure>) -> Vec<&str> {
    let stages = build.into_iter().flat_map(|build| &build.stages);
    let steps = stages.flat_map(|stage| &stage.steps);
    let steps = steps.filter(|step| matches!(step.keyword, "RUN" | "ENV"));
    steps.map(|step| step.text.as_str()).collect()
}

fn of_text(text: &str, library: &Library, calls: &Regex, file: &Path) -> Vec<Asks> {
    let imported = match library.name {
        "tiktoken" => text.contains("tiktoken"),
        "huggingface" => [
            "transformers",
            "huggingface_hub",
            "sentence_transformers",
            "datasets",
            "modelscope",
            "diffusers",
            "faster_whisper",
            "fastembed",
            "FlagEmbedding",
            "langchain",
        ]
        .iter()
        .any(|module| text.contains(module)),
        _ => true,
    };
    if !imported {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.trim_start();
        if code.starts_with('#') || code.contains("local_files_only=True") {
            continue;
        }
        // A call may go on over the lines below.
        let rest: String = text
            .lines()
            .skip(number as usize - 1)
            .take(4)
            .collect::<Vec<_>>()
            .join(" ");
        let Some(captures) = calls.captures(&rest) else {
            continue;
        };
        let Some(whole) = captures.get(0).filter(|m| m.start() < line.len()) else {
            continue;
        };
        let name = ["name", "name2", "name3", "name4"]
            .iter()
            .find_map(|group| captures.name(group));
        if name.is_some_and(|name| is_local(name.as_str(), file)) {
            continue;
        }
        let what = rest[whole.start()..].trim_start_matches('.');
        let end = what.find(')').map_or(what.len(), |at| at + 1);
        let words: Vec<&str> = what[..end].split_whitespace().collect();
        found.push(Asks {
            what: words.join(" ").chars().take(100).collect(),
            line: number,
        });
    }
    found
}

/// Whether a model's name is a path, or a kind of file.
fn is_local(name: &str, file: &Path) -> bool {
    let loaders = [
        "json",
        "csv",
        "parquet",
        "text",
        "imagefolder",
        "audiofolder",
    ];
    let beside = file
        .parent()
        .is_some_and(|folder| folder.join(name).exists());
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
    name.starts_with(['/', '.', '~']) || loaders.contains(&name) || beside || !plain
}
