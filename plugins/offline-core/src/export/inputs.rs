//! What buildx looks at before any cache, on the side where everything has to be built.

use crate::closure::{AbsentInput, Closure};
use crate::event::Warning;
use crate::project::{Error, Project};

/// For a plan, and for what buildx goes on without.
pub(super) fn warning(input: &AbsentInput) -> Warning {
    let why = if input.stops_builds() {
        "docker compose build refuses to build the service without it, and so will the export"
    } else {
        "steps that mount it get an empty one, as with docker compose build"
    };
    Warning {
        what: format!("service {}: {} is not there", input.service, input.words()),
        subject: input.location.as_ref().map(ToString::to_string),
        why: Some(why.into()),
        remedy: Some(input.remedy()),
    }
}

/// Fails for the first that buildx does not go on without.
pub(super) fn check(absent: &[AbsentInput]) -> Result<(), Error> {
    match absent.iter().find(|input| input.stops_builds()) {
        Some(input) => Err(Error::InputAbsent {
            service: input.service.clone(),
            what: input.words(),
            location: input.location.clone(),
            remedy: input.remedy(),
        }),
        None => Ok(()),
    }
}

/// Go steps of builds on the host's network that may ask its loopback: they do so past
/// any proxy (`x/net/http/httpproxy`), and are not recorded in that.
pub(super) fn unseen_loopback(project: &Project, closure: &Closure) -> Vec<Warning> {
    const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.", "[::1]"];
    let names_it = |text: &str| LOOPBACK.iter().any(|word| text.contains(word));
    let mut all = Vec::new();
    for service in &closure.services {
        let target = project
            .service(&service.name)
            .and_then(|s| s.build.as_ref());
        let (Some(target), Some(build)) = (target, &service.build) else {
            continue;
        };
        let mut values = target.args.values().flatten();
        let asked = values.any(|v| names_it(v)) || names_it(&build.named_dockerfile);
        if target.network.as_deref() != Some("host") || !asked {
            continue;
        }
        let mut runs = build.stages.iter().flat_map(|s| &s.runs);
        if let Some(run) = runs.find(|r| r.network_tool == Some("go")) {
            all.push(Warning {
                what: format!(
                    "service {}: what go asks of the host's loopback is not recorded",
                    service.name
                ),
                subject: Some(build.location(run.line).to_string()),
                why: Some(
                    "Go's programs use no proxy for localhost, whatever they are told".into(),
                ),
                remedy: Some(
                    "name the server by another address of this machine, as the bridge's gateway"
                        .into(),
                ),
            });
        }
    }
    all
}

/// The platforms that a service is built for besides the one that is carried.
pub(super) fn left_out(project: &Project, closure: &Closure) -> Vec<Warning> {
    let mut all = Vec::new();
    for service in &project.services {
        let own = closure.service(&service.name);
        let (Some(target), Some(own)) = (&service.build, own.and_then(|s| s.build.as_ref())) else {
            continue;
        };
        let others = target.platforms.iter().filter(|p| **p != own.platform);
        let others: Vec<&str> = others.map(String::as_str).collect();
        if target.platforms.len() < 2 || others.is_empty() {
            continue;
        }
        let key = ["services", service.name.as_str(), "build", "platforms"];
        all.push(Warning {
            what: format!(
                "service {}: only {} is carried; {} is left out",
                service.name,
                own.platform,
                others.join(", ")
            ),
            subject: project.line_of(&key).map(|l| l.to_string()),
            why: Some("a site builds for its own platform alone".into()),
            remedy: Some(format!(
                "for a site of another one, export once more: docker offline export --platform {}",
                others[0]
            )),
        });
    }
    all
}
