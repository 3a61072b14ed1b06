use crate::closure::Closure;
use crate::project::{NamedContext, Project, Service};

/// The first Compose that reads `service:` in `additional_contexts`; older ones
/// take it for a folder.
const SINCE: (u32, u32) = (2, 33);

/// The services that this version of Compose cannot build, because one of their
/// contexts is another service. A version that cannot be read finds none.
pub fn unread_service_contexts<'a>(
    project: &'a Project,
    closure: &Closure,
    compose: &str,
) -> Vec<&'a Service> {
    if major_minor(compose).is_none_or(|version| version >= SINCE) {
        return Vec::new();
    }
    let uses = |service: &&Service| {
        service.build.as_ref().is_some_and(|build| {
            let mut contexts = build.additional_contexts.values();
            contexts.any(|context| matches!(context, NamedContext::Service(_)))
        })
    };
    closure
        .services
        .iter()
        .filter_map(|service| project.service(&service.name))
        .filter(uses)
        .collect()
}

/// The first two numbers of a version, `None` where it does not begin with two.
pub(crate) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version
        .trim_start_matches('v')
        .split(['.', '-', '+'])
        .map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert!(major_minor("2.26.1-4").unwrap() < SINCE);
        assert!(major_minor("2.9.0").unwrap() < SINCE);
        assert!(major_minor("v2.40.3").unwrap() > SINCE);
        assert_eq!(major_minor("dev"), None);
    }
}
