//! Builds for another processor than the engine's own.

use super::Error;
use crate::closure::{Closure, Platform};
use crate::project::Project;

/// Makes every build that names no platform one for `platform`, as it is by
/// itself on an engine of that platform.
///
/// There the build platform is the same too. Without these arguments the engine
/// here would say its own, and `FROM --platform=$BUILDPLATFORM` would begin
/// another chain of keys.
pub(super) fn build_for(project: &mut Project, platform: &Platform) {
    let variant = platform.variant.clone().unwrap_or_default();
    let arguments = [
        ("BUILDPLATFORM", platform.to_string()),
        ("BUILDOS", platform.os.clone()),
        ("BUILDARCH", platform.architecture.clone()),
        ("BUILDVARIANT", variant),
    ];
    for service in &mut project.services {
        let Some(build) = &mut service.build else {
            continue;
        };
        if build.platforms.is_empty() {
            build.platforms.push(platform.to_string());
        }
        for (name, value) in &arguments {
            build
                .args
                .entry((*name).to_owned())
                .or_insert_with(|| Some(value.clone()));
        }
    }
}

/// Fails where a RUN step is for a processor that this engine can neither be nor
/// emulate; `runs_on` are the platforms that its builder lists.
pub(super) fn check(closure: &Closure, runs_on: &[Platform]) -> Result<(), Error> {
    let mut steps = Vec::new();
    let mut missing = None;
    for service in &closure.services {
        let Some(build) = &service.build else {
            continue;
        };
        let foreign = build.stages.iter().find_map(|stage| {
            let run = stage.runs.first()?;
            let platform: Platform = stage.platform.parse().ok()?;
            (!runs_on.contains(&platform)).then_some((run.line, platform))
        });
        if let Some((line, platform)) = foreign {
            let file = build.dockerfile_path.display();
            let line = line + build.line_offset;
            steps.push(format!("{} ({file}:{line})", service.name));
            missing.get_or_insert(platform);
        }
    }
    let Some(platform) = missing else {
        return Ok(());
    };
    let built = |name: &&str| !steps.iter().any(|s| s.starts_with(&format!("{name} (")));
    let others = closure.services.iter().map(|s| s.name.as_str());
    Err(Error::CannotEmulate {
        platform,
        others: others.filter(built).map(str::to_owned).collect(),
        steps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closure;
    use crate::error::Explain as _;
    use crate::project::from_config;

    fn closure_of(dockerfile: &str, platform: &Platform) -> Closure {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({"name": "p", "services": {
            "db": {"image": "redis:7"},
            "web": {"build": {"context": folder.path(), "dockerfile_inline": dockerfile}},
        }});
        let file = folder.path().join("compose.yaml");
        let mut project = from_config(&config.to_string(), &[file]).unwrap();
        build_for(&mut project, platform);
        closure::resolve(&project, &[], platform).unwrap()
    }

    #[test]
    fn a_step_that_runs_nowhere_here_is_refused_by_service_and_line() {
        let arm: Platform = "linux/arm64".parse().unwrap();
        let amd: Platform = "linux/amd64".parse().unwrap();
        let text = "FROM --platform=$BUILDPLATFORM debian AS a\nFROM debian\nRUN true\n";
        let closure = closure_of(text, &arm);
        let stages = &closure
            .service("web")
            .unwrap()
            .build
            .as_ref()
            .unwrap()
            .stages;
        assert!(stages.iter().all(|s| s.platform == "linux/arm64"));
        let here = std::slice::from_ref(&amd);
        let error = check(&closure, here).unwrap_err();
        assert!(error.to_string().contains("compose.yaml:3)"), "{error}");
        assert!(error.hint().unwrap().contains("docker offline export db"));
        assert!(check(&closure, &[amd.clone(), arm.clone()]).is_ok());
        let copies = closure_of("FROM debian\nCOPY . .\n", &arm);
        assert!(check(&copies, here).is_ok(), "nothing is run");
    }
}
