//! The command to type after a build.

use std::ffi::OsString;
use std::path::Path;

use super::{BuildOptions, ServiceResult};
use crate::closure::Closure;
use crate::project::ProjectOptions;

/// Plain Compose would run the network steps of services that were refused, or
/// not asked for and not warmed: name the others.
pub(super) fn next_for_those_built(
    command: &str,
    closure: &Closure,
    results: &[ServiceResult],
) -> String {
    let refused = |name: &str| {
        results
            .iter()
            .any(|r| r.service == name && r.refused.is_some())
    };
    if results.iter().all(|r| r.refused.is_some()) {
        return String::new();
    }
    let names = closure.services.iter().map(|s| s.name.as_str());
    let others: Vec<&str> = names.filter(|name| !refused(name)).collect();
    format!("{command} --no-deps {}", others.join(" "))
}

/// What to type from now on.
pub(super) fn next_command(
    compose: &[OsString],
    generated: bool,
    flags: &ProjectOptions,
) -> String {
    let own = *flags == ProjectOptions::default();
    let words: Vec<String> = if own && !generated {
        vec!["compose".into()]
    } else {
        compose
            .iter()
            .map(|w| quoted(&w.to_string_lossy()))
            .collect()
    };
    format!("docker {} up -d --build", words.join(" "))
}

/// The images are loaded: the same project, without `--setup`.
pub(super) fn after_setup(flags: &ProjectOptions, classic: bool) -> String {
    let words = flags.compose_args();
    let flags = words.iter().skip(1);
    let classic = if classic { " --classic" } else { "" };
    flags.fold(format!("docker offline build{classic}"), |command, word| {
        format!("{command} {}", quoted(&word.to_string_lossy()))
    })
}

/// Where plain Compose would run steps again that need a network: the same build once
/// more, and Compose without one.
pub(super) fn next_by_us(
    compose: &[OsString],
    generated: bool,
    options: &BuildOptions,
    has_compose: bool,
    classic: bool,
) -> String {
    let own = |words: &[OsString]| -> Vec<String> {
        let words = words.iter().skip(1);
        words.map(|w| quoted(&w.to_string_lossy())).collect()
    };
    let classic = if classic { " --classic" } else { "" };
    let mut build = vec![format!("docker offline build{classic}")];
    build.extend(own(&options.project.compose_args()));
    let mut flag = |name: &str, value: Option<&Path>| {
        if let Some(value) = value {
            build.push(format!("{name} {}", quoted(&value.to_string_lossy())));
        }
    };
    flag("--bundle", options.bundle.as_deref().filter(|b| b.is_dir()));
    flag("--cache-dir", options.cache_dir.as_deref());
    build.extend(options.services.iter().map(|s| quoted(s)));
    let mut up = vec![
        if has_compose {
            "docker compose"
        } else {
            "docker-compose"
        }
        .to_owned(),
    ];
    if generated || options.project != ProjectOptions::default() {
        up.extend(own(compose));
    }
    up.push("up -d --no-build".into());
    up.extend(options.services.iter().map(|s| quoted(s)));
    format!("{} && {}", build.join(" "), up.join(" "))
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_is_plain_compose_where_it_can_be() {
        let plain = ProjectOptions::default();
        assert_eq!(
            next_command(&plain.compose_args(), false, &plain),
            "docker compose up -d --build"
        );
        let flags = ProjectOptions {
            files: vec!["a b.yaml".into()],
            ..ProjectOptions::default()
        };
        assert_eq!(
            next_command(&flags.compose_args(), false, &flags),
            "docker compose -f 'a b.yaml' up -d --build"
        );
        assert_eq!(after_setup(&plain, false), "docker offline build");
        assert_eq!(
            after_setup(&flags, true),
            "docker offline build --classic -f 'a b.yaml'"
        );
    }

    #[test]
    fn after_a_classic_build_compose_is_not_to_build() {
        let mut options = BuildOptions {
            services: vec!["api".into()],
            ..BuildOptions::default()
        };
        let compose = options.project.compose_args();
        assert_eq!(
            next_by_us(&compose, false, &options, true, true),
            "docker offline build --classic api && docker compose up -d --no-build api"
        );
        options.services.clear();
        options.project.files = vec!["a b.yaml".into()];
        let compose = options.project.compose_args();
        assert_eq!(
            next_by_us(&compose, false, &options, false, true),
            "docker offline build --classic -f 'a b.yaml' && docker-compose -f 'a b.yaml' up -d --no-build"
        );
    }
}
