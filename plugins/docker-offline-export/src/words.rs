//! What an export says at its end.

use std::path::PathBuf;

use offline_core::export::{FetchSummary, RecordingCost, Summary};
use offline_core::reference::ImageReference;
use offline_terminal::{bytes, seconds};

pub(crate) fn of_export(summary: &Summary) -> String {
    let mut text = format!(
        "{}: {} images, {} of {} services in {} ({}, {} new) in {}\n",
        summary.project,
        summary.images,
        of_stages(summary),
        summary.services.len(),
        summary.bundle.display(),
        bytes(summary.bundle_bytes),
        bytes(summary.new_bytes),
        seconds(summary.elapsed),
    );
    text += &of_sizes(summary);
    if !summary.fetched.is_empty() {
        let services: Vec<&str> = summary.fetched.iter().map(String::as_str).collect();
        text += &format!(
            "Fetched for ADD in {}: {}\n",
            services.join(", "),
            bytes(summary.sizes.fetched)
        );
    }
    if !summary.contexts.is_empty() {
        let services: Vec<&str> = summary.contexts.iter().map(String::as_str).collect();
        text += &format!("Build contexts fetched for {}\n", services.join(", "));
    }
    if !summary.finished.is_empty() {
        let names = summary.finished.iter().map(|image| {
            ImageReference::parse(&image.reference)
                .map_or_else(|_| image.reference.clone(), |name| name.familiar())
        });
        let names: Vec<String> = names.collect();
        text += &format!("Finished images: {}\n", names.join(", "));
    }
    for container in &summary.containers {
        text += &format!("Carried: container {container}\n");
    }
    for one in &summary.carried {
        let left_out = match one.detail["leftOut"].as_u64() {
            None | Some(0) => String::new(),
            Some(number) => format!(", without {number} sockets, pipes or devices"),
        };
        let size = bytes(one.size);
        text += &format!("Carried: {} {} ({size}{left_out})\n", one.kind, one.name);
    }
    if let Some(network) = &summary.network {
        text += &of_recording(network);
    }
    text += &of_packages(summary);
    for (service, one) in &summary.unrecorded {
        text += &format!("Not recorded: {service} ({})\n", one.words());
    }
    text += &of_what_is_not_carried(summary);
    text + &of_carrying(summary)
}

fn of_packages(summary: &Summary) -> String {
    let mut text = String::new();
    let packages = summary.packages.iter();
    let packages: Vec<String> = packages
        .map(|one| {
            let services: Vec<&str> = one.services.iter().map(String::as_str).collect();
            format!("{} {} ({})", one.tool, one.package, services.join(", "))
        })
        .collect();
    if !packages.is_empty() {
        text += &format!("Packages fetched besides: {}\n", packages.join(", "));
    }
    for one in &summary.unfetched {
        text += &format!("Not fetched: {}\n", one.words());
    }
    text
}

fn of_stages(summary: &Summary) -> String {
    match summary.stages {
        0 => "no stages".into(),
        number => format!("{number} stages"),
    }
}

fn of_sizes(summary: &Summary) -> String {
    let sizes = [
        (summary.sizes.images, "images"),
        (summary.sizes.stages, "stages"),
        (summary.sizes.fetched, "fetched by builds"),
        (summary.sizes.network, "recorded network"),
        (summary.sizes.other, "other"),
    ];
    let carried = &summary.sizes.carried;
    let carried = carried.iter().map(|(kind, size)| (*size, kind.as_str()));
    let sizes: Vec<String> = sizes
        .into_iter()
        .chain(carried)
        .filter(|(size, _)| *size > 0)
        .map(|(size, kind)| format!("{kind} {}", bytes(size)))
        .collect();
    format!("Shared layers counted once: {}\n", sizes.join(", "))
}

fn of_what_is_not_carried(summary: &Summary) -> String {
    let mut text = String::new();
    if !summary.not_classic.is_empty() {
        text += &format!(
            "With --classic not rebuilt from the start, see the warnings: {}\n",
            summary.not_classic.join(", ")
        );
    }
    if !summary.left_out.is_empty() {
        text += &format!(
            "Left out, no site can build them, see the warnings: {}\n",
            summary.left_out.join(", ")
        );
    }
    if !summary.hidden.is_empty() {
        text += &format!(
            "Not carried, no active profile enables them: {} (--profile NAME or --all-profiles)\n",
            summary.hidden.join(", ")
        );
    }
    text
}

/// What to take along, and what to type there.
fn of_carrying(summary: &Summary) -> String {
    let source = summary.carried.iter().any(|one| one.kind == "source");
    let and_project = if source {
        ""
    } else {
        " and the project folder"
    };
    let (Some(archive), Some(size)) = (&summary.archive, summary.archive_bytes) else {
        return format!("\nCarry {}{and_project}.\n", summary.bundle.display());
    };
    let names: Vec<String> = summary
        .beside
        .iter()
        .filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned()))
        .collect();
    // Where the project has an install.sh of its own, ours has another name.
    let installer = names.iter().find(|name| name.ends_with("install.sh"));
    let installer = installer.map_or("install.sh", String::as_str);
    let (flags, there) = if source {
        (" --source DIR", "DIR")
    } else {
        ("", "the project folder")
    };
    format!(
        "Archive: {} ({}{})\nBeside it: {}\n\nCarry {}{and_project}, then on the other side, in the carried folder:\n  ./{installer}{flags}\nand in {there}, with the archive where it lies then:\n  docker offline build --bundle .../{}\n",
        archive.display(),
        bytes(size),
        in_parts(&summary.parts),
        names.join(", "),
        archive.parent().unwrap_or(archive).display(),
        archive.file_name().unwrap_or_default().to_string_lossy(),
    )
}

/// ` in 3 parts, .001 to .003`
fn in_parts(parts: &[PathBuf]) -> String {
    let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
        return String::new();
    };
    let number = |path: &PathBuf| {
        let number = path.extension().unwrap_or_default();
        number.to_string_lossy().into_owned()
    };
    match parts.len() {
        1 => format!(" in 1 part, .{}", number(first)),
        of => format!(" in {of} parts, .{} to .{}", number(first), number(last)),
    }
}

/// What recording the network cost.
fn of_recording(network: &RecordingCost) -> String {
    let mut parts = Vec::new();
    if !network.recorded.is_empty() {
        parts.push(format!(
            "{} requests of {} ({} from servers) in {}, beside the rest",
            network.requests,
            network.recorded.join(", "),
            bytes(network.bytes),
            seconds(network.elapsed),
        ));
    }
    if !network.kept.is_empty() {
        parts.push(format!("kept for {}", network.kept.join(", ")));
    }
    format!("Recorded network: {}\n", parts.join("; "))
}

pub(crate) fn of_fetching(summary: &FetchSummary) -> String {
    let mut text = format!(
        "{}: {} requests of {} ({} from servers) in {}\n",
        summary.project,
        summary.requests,
        summary.services.join(", "),
        bytes(summary.bytes),
        seconds(summary.elapsed),
    );
    text += &if summary.compared {
        format!(
            "New for the bundle of {}: {} requests, {}; {} that it holds are left out\n",
            summary.adds_to,
            summary.added_requests,
            bytes(summary.added_bytes),
            bytes(summary.held_bytes),
        )
    } else {
        format!(
            "The bundle of {} is not here, so all is carried: {} requests, {}\n",
            summary.adds_to,
            summary.added_requests,
            bytes(summary.added_bytes),
        )
    };
    text += &format!(
        "Archive: {} ({})\n",
        summary.archive.display(),
        bytes(summary.archive_bytes)
    );
    text + &format!(
        "\nCarry it to the site, and in the project folder there, with the archive where it lies then:\n  docker offline build --bundle .../{}\n",
        summary
            .archive
            .file_name()
            .unwrap_or_default()
            .to_string_lossy(),
    )
}
