//! What a build says at its end.

use std::path::Path;
use std::time::Duration;

use offline_core::build::stay::{Left, Staying};
use offline_core::build::{ServiceResult, Summary};
use offline_core::carried::{Restored, State};
use offline_core::diagnosis::Language;
use offline_core::up::Report;
use offline_terminal::{Table, bytes, of_containers, seconds};

pub(crate) fn of_leaving(left: &Left) -> String {
    if left.is_nothing() {
        return "Nothing of docker offline build --stay is here.\n".to_owned();
    }
    let mut text = String::new();
    if left.container {
        text += "Removed the replay service.\n";
    }
    for image in &left.images {
        text += &format!("Removed the image {image}.\n");
    }
    for path in left.override_file.iter().chain(&left.folder) {
        text += &format!("Removed {}.\n", path.display());
    }
    text += "If .env has a COMPOSE_FILE line of docker offline build --stay, take it out.\n";
    text
}

pub(crate) fn of_build(summary: &Summary) -> String {
    let mut text = of_what_was_built(summary);
    text += &format!("\nDone in {}.", seconds(summary.elapsed));
    if !summary.next.is_empty() {
        text += &format!(" Next:\n  {}", summary.next);
    }
    text.push('\n');
    text
}

/// What was built, and what became of the containers.
pub(crate) fn of_up(report: &Report, language: Language) -> String {
    let Some(containers) = &report.containers else {
        return of_build(&report.build);
    };
    let mut text = of_what_was_built(&report.build);
    text += &of_containers(containers, language);
    text + &format!("\nDone in {}.\n", seconds(report.build.elapsed))
}

fn of_what_was_built(summary: &Summary) -> String {
    let mut text = match summary.loaded {
        0 => "All images were there already; nothing was loaded.\n".to_owned(),
        count => format!("Loaded {count} images ({}).\n", bytes(summary.loaded_bytes)),
    };
    text += &of_carried(&summary.carried);
    text += &of_services(&summary.services);
    if let Some(network) = summary.network.as_ref().filter(|n| n.requests > 0) {
        text += &format!(
            "\nAnswered {} requests from the recorded network ({}).\n",
            network.requests,
            bytes(network.bytes)
        );
    }
    text += &of_compose(summary);
    text += &summary.stay.as_ref().map(of_staying).unwrap_or_default();
    text + &of_starting(summary)
}

/// What was put into its place; what was refused is said by the failure.
fn of_carried(carried: &[Restored]) -> String {
    let mut text = String::new();
    for one in carried {
        let Restored {
            kind, name, place, ..
        } = one;
        text += &match &one.state {
            State::Written => format!("Put {kind} {name} to {place}.\n"),
            State::Kept => format!("{place} holds {kind} {name} already.\n"),
            State::Refused(_) => continue,
        };
    }
    text
}

fn of_services(services: &[ServiceResult]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["SERVICE", "FROM CACHE", "RUN", "TIME", "IMAGE"]);
    for one in services {
        let time = Duration::try_from_secs_f64(one.seconds).unwrap_or_default();
        match &one.refused {
            Some(reason) => table.row([
                one.service.as_str(),
                "-",
                "-",
                "-",
                &format!("not built: {reason}"),
            ]),
            None if one.builder.as_deref() == Some("carried") => table.row([
                one.service.as_str(),
                "-",
                "-",
                "-",
                &format!("{} (carried, not rebuilt)", one.images.join(", ")),
            ]),
            None => table.row([
                one.service.clone(),
                one.cached.to_string(),
                match one.replayed {
                    0 => one.ran.to_string(),
                    some => format!("{} ({some} replayed)", one.ran),
                },
                seconds(time),
                one.images.join(", "),
            ]),
        }
    }
    format!("\n{table}")
}

/// What Compose has to know, and what it would do again.
fn of_compose(summary: &Summary) -> String {
    let mut text = String::new();
    if let Some(file) = &summary.override_file {
        text += &format!(
            "\n{} says what Compose has to know on this machine.\n",
            file.display()
        );
    }
    if !summary.from_copies.is_empty() {
        text += &format!(
            "\nThe ADD lines of {} read the bundle in a copy of the Dockerfile, which Compose builds from: after an edit of the Dockerfile itself, run docker offline build again.\n",
            summary.from_copies.join(", ")
        );
    }
    if !summary.plain_compose_misses.is_empty() {
        text += "\nPlain docker compose up --build would run steps again here:\n";
        for miss in &summary.plain_compose_misses {
            text += &format!("  {} from {}: {}\n", miss.service, miss.at, miss.why);
        }
        text += "Build with the command below instead, also after edits.\n";
    }
    text
}

fn of_staying(stay: &Staying) -> String {
    let mut text = format!(
        "\nThe recorded network is answered by the container {} at {}.\n",
        stay.container, stay.address
    );
    match &stay.env_line {
        Some(line) => {
            text +=
                &format!("Put this line into .env, so that Compose builds through it:\n  {line}\n");
        }
        None => {
            text += &format!(
                "{} lets Compose build through it.\n",
                stay.override_file.display()
            );
        }
    }
    if !stay.not_followed.is_empty() {
        text += &format!(
            "After an edit of the Dockerfile of {}, which a Compose file holds, run docker offline build --stay again.\n",
            stay.not_followed.join(", ")
        );
    }
    text += "docker offline build --leave undoes it.\n";
    text
}

/// What is built, and will still ask for something that is not here.
fn of_starting(summary: &Summary) -> String {
    if summary.at_start.is_empty() {
        return String::new();
    }
    let mut text =
        "\nNot ready to start without a network; no bundle carries what is asked for then:\n"
            .to_owned();
    for one in &summary.at_start {
        let line = one.line.map_or_else(String::new, |line| format!(":{line}"));
        let file = from_here(&one.file).display();
        text += &format!(
            "  {}: {} ({}, {file}{line})\n",
            one.service,
            one.what,
            what_kind(one.kind)
        );
    }
    text + "Bring these to the site by other means, or move them into RUN steps; docker offline diagnose says how.\n"
}

fn what_kind(kind: &str) -> &str {
    match kind {
        "model" => "a model",
        "provider" => "a provider",
        "start-python" => "at first use",
        _ => "when it starts",
    }
}

/// As short as the user would write it.
fn from_here(path: &Path) -> &Path {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path)
}
