use std::fmt::Write;

use super::json::finished_images;
use crate::carried::Planned;
use crate::closure::{Closure, ServiceClosure, Unbundled};
use crate::network::WantedPackage;
use crate::project::{BuildContext, Location};

/// What an export would carry, for people.
pub fn export_text(
    closure: &Closure,
    carried: &[Planned],
    packages: &[WantedPackage],
    finished: bool,
) -> String {
    let mut text = String::new();
    section(&mut text, "Images to carry", &images(closure));
    section(&mut text, "Services", &services(closure, carried));
    let finished = finished_images(closure, finished).into_iter();
    let finished: Vec<Vec<String>> = finished.map(|name| vec![name.to_owned()]).collect();
    section(
        &mut text,
        "Finished images, of the layers that the builds have anyway (--no-images leaves them out)",
        &finished,
    );
    let hidden: Vec<Vec<String>> = closure
        .hidden
        .iter()
        .map(|h| vec![h.name.clone(), format!("profile {}", h.profiles.join(", "))])
        .collect();
    section(
        &mut text,
        "Left out, as no active profile enables them (add --profile P or --all-profiles)",
        &hidden,
    );
    let fetched: Vec<Vec<String>> = closure
        .fetched
        .iter()
        .map(|f| vec![f.location().to_string(), f.shown(), f.service.clone()])
        .collect();
    section(
        &mut text,
        "Fetched for ADD at the export, and carried",
        &fetched,
    );
    let contexts: Vec<Vec<String>> = closure
        .contexts
        .iter()
        .map(|c| vec![c.location().to_string(), c.shown(), c.service.clone()])
        .collect();
    section(
        &mut text,
        "Contexts that are fetched at the export, and carried; what they ask for is found then",
        &contexts,
    );
    section(&mut text, "Carried besides", &of_carried(carried));
    section(
        &mut text,
        "Packages that are fetched besides, through the recording",
        &of_packages(packages),
    );
    let (at_start, of_builds): (Vec<_>, Vec<_>) =
        closure.unbundled.iter().partition(|u| u.is_at_start());
    section(
        &mut text,
        "Not images, so fetched again by any build that must repeat the step",
        &rows(&of_builds),
    );
    section(
        &mut text,
        "Not carried, and asked for when a container starts",
        &rows(&at_start),
    );
    text
}

fn of_carried(carried: &[Planned]) -> Vec<Vec<String>> {
    let row = |one: &Planned| {
        let at = one.location.as_ref().map(ToString::to_string);
        let size = one.size.map(|size| format!("{size} bytes"));
        vec![
            at.unwrap_or_default(),
            one.kind.to_owned(),
            one.name.clone(),
            one.from.clone(),
            size.unwrap_or_default(),
        ]
    };
    carried.iter().map(row).collect()
}

fn of_packages(packages: &[WantedPackage]) -> Vec<Vec<String>> {
    let row = |one: &WantedPackage| {
        let services: Vec<&str> = one.services.iter().map(String::as_str).collect();
        vec![
            one.place(),
            one.tool.name().to_owned(),
            one.package.clone(),
            services.join(", "),
        ]
    };
    let wanted = packages.iter().filter(|one| !one.services.is_empty());
    wanted.map(row).collect()
}

fn rows(unbundled: &[&Unbundled]) -> Vec<Vec<String>> {
    unbundled
        .iter()
        .map(|u| {
            vec![
                Location::new(&u.file, u.line).to_string(),
                u.kind.to_owned(),
                u.what.clone(),
                u.service.clone(),
            ]
        })
        .collect()
}

fn images(closure: &Closure) -> Vec<Vec<String>> {
    closure
        .images
        .iter()
        .map(|image| {
            let roles: Vec<&str> = image.roles.iter().map(|r| r.as_str()).collect();
            let services: Vec<&str> = image.services.iter().map(String::as_str).collect();
            vec![
                image.reference.to_string(),
                image.platform.clone(),
                roles.join(", "),
                services.join(", "),
            ]
        })
        .collect()
}

fn services(closure: &Closure, carried: &[Planned]) -> Vec<Vec<String>> {
    closure
        .services
        .iter()
        .map(|service| {
            vec![
                service.name.clone(),
                service.image.clone(),
                how(closure, carried, service),
            ]
        })
        .collect()
}

fn how(closure: &Closure, carried: &[Planned], service: &ServiceClosure) -> String {
    let Some(build) = &service.build else {
        let mut containers = carried.iter().filter(|one| one.kind == "containers");
        if let Some(one) = containers.find(|one| one.services.contains(&service.name)) {
            return format!("from the container {}", one.name);
        }
        let carried = closure
            .images
            .iter()
            .any(|image| image.reference.to_string() == service.image);
        return match (service.image.is_empty(), carried) {
            (true, _) => "runs no image".into(),
            (false, true) => "from its registry".into(),
            (false, false) => "built by another service".into(),
        };
    };
    match (&build.context, build.stages.len()) {
        (BuildContext::Remote(url), 0) => format!("built from {url}"),
        (_, 1) => format!("built from {}, 1 stage", build.dockerfile_path.display()),
        (_, stages) => format!(
            "built from {}, {stages} stages",
            build.dockerfile_path.display()
        ),
    }
}

/// A heading and aligned columns; nothing at all without rows.
fn section(text: &mut String, heading: &str, rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let _ = writeln!(text, "{heading}:");
    for row in rows {
        let mut line = String::from(" ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, " {cell:<width$} ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}
