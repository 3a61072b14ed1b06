use std::collections::BTreeSet;

use serde::Serialize;

use super::package_steps;
use crate::closure::{BuildClosure, Closure};
use crate::dockerfile;
use crate::event::Warning;
use crate::project::{Location, OfflinePackage, PackageTool, Project};

/// A package to be fetched, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WantedPackage {
    /// Who fetches it.
    pub tool: PackageTool,
    /// What the tool is asked for.
    pub package: String,
    /// The services whose builds call the tool, of those that want it.
    pub services: BTreeSet<String>,
    /// The line that wants it; `None` where a flag does.
    pub location: Option<Location>,
    /// Whether it is the project that wants it and no service of its own.
    #[serde(skip)]
    of_project: bool,
}

impl WantedPackage {
    /// `file:line`, or the flag.
    pub fn place(&self) -> String {
        let flag = || format!("--also-{} {}", self.tool.name(), self.package);
        let location = self.location.as_ref();
        location.map_or_else(flag, ToString::to_string)
    }

    /// What is said where no service calls the tool.
    pub fn warning(&self) -> Option<Warning> {
        let tool = self.tool.name();
        let who = if self.of_project {
            "no service of this export has a build step that calls"
        } else {
            "no build step of this service calls"
        };
        self.services.is_empty().then(|| Warning {
            what: format!("{tool} package {} is not fetched", self.package),
            subject: Some(self.place()),
            why: Some(format!(
                "{who} {tool} to install something, as far as its Dockerfile tells"
            )),
            remedy: Some(
                "a script may call it; write the call into the Dockerfile, or take the package out"
                    .into(),
            ),
        })
    }
}

/// What a project and flags want to be fetched besides, in their order.
pub fn wanted_packages(
    project: &Project,
    closure: &Closure,
    flags: &[OfflinePackage],
) -> Vec<WantedPackage> {
    let all = project.offline.packages.iter().chain(flags);
    let wanted = all.filter(|one| {
        let service = one.service.as_deref();
        service.is_none_or(|name| closure.service(name).is_some())
    });
    wanted
        .map(|one| WantedPackage {
            tool: one.tool,
            package: one.word.clone(),
            services: callers(project, closure, one),
            location: one.location.clone(),
            of_project: one.service.is_none(),
        })
        .collect()
}

fn callers(project: &Project, closure: &Closure, package: &OfflinePackage) -> BTreeSet<String> {
    let services = closure.services.iter();
    let services = services.filter(|service| {
        let wants = package.service.as_ref();
        let network = |name| project.service(name)?.build.as_ref()?.network.as_deref();
        wants.is_none_or(|name| *name == service.name)
            && network(&service.name) != Some("none")
            && service
                .build
                .as_ref()
                .is_some_and(|b| calls(b, package.tool))
    });
    services.map(|service| service.name.clone()).collect()
}

/// Whether a reachable stage calls a package manager.
fn calls(build: &BuildClosure, tool: PackageTool) -> bool {
    let text = &build.named_dockerfile;
    let Ok(file) = dockerfile::parse(text, &build.dockerfile_path) else {
        return false;
    };
    let steps = package_steps(text, &file, tool).into_iter();
    let mut stages = steps.filter_map(|step| build.stage(step.stage));
    stages.any(|stage| !stage.replaced)
}
