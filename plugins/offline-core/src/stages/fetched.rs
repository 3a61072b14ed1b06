//! Builds that read from the bundle what ADD would fetch.

use std::collections::BTreeSet;
use std::path::Path;

use crate::closure::Closure;
use crate::dockerfile::FETCHED_CONTEXT;
use crate::project::{NamedContext, Project};

/// Gives the services whose Dockerfiles fetch by ADD the folder with what was fetched.
pub fn give_fetched(project: &mut Project, closure: &Closure, folder: &Path) {
    let fetching: BTreeSet<&str> = closure.fetched.iter().map(|f| f.service.as_str()).collect();
    for service in &mut project.services {
        if let Some(build) = &mut service.build
            && fetching.contains(service.name.as_str())
        {
            let context = NamedContext::Directory(folder.to_owned());
            build
                .additional_contexts
                .insert(FETCHED_CONTEXT.into(), context);
        }
    }
}
