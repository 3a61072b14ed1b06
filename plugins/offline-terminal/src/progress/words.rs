use std::fmt::Write as _;
use std::time::Duration;

use offline_core::event::{Warning, Work};

use super::units::seconds;
use crate::Colours;

/// What a task does, as a sentence without its end.
///
/// The same words open and close a task: that a task ended does not say that it
/// succeeded.
pub(super) fn work(work: &Work) -> String {
    match work {
        Work::ReadProject => "Reading the project".into(),
        Work::FetchImage { image } => format!("Fetching {image}"),
        Work::FetchSources { sources } => {
            format!("Fetching {} that builds name", count(*sources, "source"))
        }
        Work::BuildStages { stages } => format!("Building {}", count(*stages, "stage")),
        Work::RecordNetwork { services } => {
            format!("Recording what {} fetch", count(*services, "service"))
        }
        Work::SaveImages { images } => format!("Saving {}", count(*images, "image")),
        Work::Carry { kind, name } => format!("Carrying {kind} {name}"),
        Work::Restore { kind, name } => format!("Restoring {kind} {name}"),
        Work::Pack { archive } => format!("Packing {archive}"),
        Work::Unpack { archive } => format!("Unpacking {archive}"),
        Work::Verify => "Verifying the bundle".into(),
        Work::Load { images } => format!("Loading {}", count(*images, "image")),
        Work::Warm {
            wave,
            waves,
            stages,
        } => format!(
            "Warming the build cache, wave {wave} of {waves} ({})",
            count(*stages, "stage")
        ),
        Work::BuildServices { services } => format!("Building {}", services.join(", ")),
        Work::StartServices { services } => format!("Starting {}", services.join(", ")),
        Work::AwaitHealth { services } => {
            format!("Waiting until {} can be relied on", services.join(", "))
        }
        _ => "Working".into(),
    }
}

/// The name of a kind of work in `--progress json`.
pub(super) fn work_name(work: &Work) -> &'static str {
    match work {
        Work::ReadProject => "read_project",
        Work::FetchImage { .. } => "fetch_image",
        Work::FetchSources { .. } => "fetch_sources",
        Work::BuildStages { .. } => "build_stages",
        Work::RecordNetwork { .. } => "record_network",
        Work::SaveImages { .. } => "save_images",
        Work::Carry { .. } => "carry",
        Work::Restore { .. } => "restore",
        Work::Pack { .. } => "pack",
        Work::Unpack { .. } => "unpack",
        Work::Verify => "verify",
        Work::Load { .. } => "load",
        Work::Warm { .. } => "warm",
        Work::BuildServices { .. } => "build_services",
        Work::StartServices { .. } => "start_services",
        Work::AwaitHealth { .. } => "await_health",
        _ => "other",
    }
}

/// Whether a builder prints while this work is done.
pub(super) fn builds(work: &Work) -> bool {
    matches!(
        work,
        Work::FetchSources { .. }
            | Work::BuildStages { .. }
            | Work::Warm { .. }
            | Work::BuildServices { .. }
            | Work::StartServices { .. }
    )
}

/// A warning as a block of lines.
pub(super) fn warning(warning: &Warning, colours: Colours) -> String {
    let mut text = format!("{} {}\n", colours.warning("warning:"), warning.what);
    let parts = [
        ("at:", &warning.subject),
        ("why:", &warning.why),
        ("do:", &warning.remedy),
    ];
    for (label, part) in parts {
        if let Some(part) = part {
            let _ = writeln!(
                text,
                "  {} {}",
                colours.dim(label),
                part.replace('\n', "\n    ")
            );
        }
    }
    text
}

/// A retry as one sentence.
pub(super) fn retry(what: &str, attempt: u32, wait: Duration, cause: &str) -> String {
    format!(
        "{what} failed (attempt {attempt}), again in {}: {cause}",
        seconds(wait)
    )
}

/// A builder's line without what would steer the terminal: the text comes from
/// whatever a RUN step prints.
pub(crate) fn harmless(line: &str) -> String {
    // Progress bars of other tools rewrite their line; the last state counts.
    let line = line.trim_end_matches('\r');
    let last = line.rsplit('\r').next().unwrap_or(line);
    console::strip_ansi_codes(last)
        .chars()
        .filter(|c| !c.is_control() || *c == '\t')
        .collect()
}

fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_says_what_where_why_and_what_to_do() {
        let it = Warning {
            what: "a step will run again".into(),
            subject: Some("backend/Dockerfile:7".into()),
            why: Some("COPY --link has other keys on this store".into()),
            remedy: None,
        };
        insta::assert_snapshot!(warning(&it, Colours::new(false)), @r"
        warning: a step will run again
          at: backend/Dockerfile:7
          why: COPY --link has other keys on this store
        ");
    }

    #[test]
    fn numbers_and_nouns_agree() {
        assert_eq!(work(&Work::Load { images: 1 }), "Loading 1 image");
        assert_eq!(work(&Work::SaveImages { images: 3 }), "Saving 3 images");
    }

    #[test]
    fn a_builder_cannot_steer_the_terminal() {
        assert_eq!(harmless("10%\r50%\r100%\r"), "100%");
        assert_eq!(harmless("\u{1b}[2J\u{1b}[31mred\u{1b}[0m\u{7}"), "red");
    }
}
