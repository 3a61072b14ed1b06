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

/// What to type from now on; `line` is what Compose is told by, where it does not find
/// the generated file by itself.
pub(super) fn next_command(asked: &ProjectOptions, line: Option<&str>) -> String {
    format!(
        "{}docker {} up -d --build",
        exported(line),
        plain(asked, line)
    )
}

/// The line that names all files for Compose.
fn exported(line: Option<&str>) -> String {
    let Some((name, files)) = line.and_then(|line| line.split_once('=')) else {
        return String::new();
    };
    format!("export {name}={} && ", quoted(files))
}

/// `compose` with the user's flags, but for the files where a line names them.
fn plain(asked: &ProjectOptions, line: Option<&str>) -> String {
    let mut flags = asked.clone();
    if line.is_some() {
        flags.files.clear();
    }
    words(&flags.compose_args())
}

fn words(words: &[OsString]) -> String {
    let words: Vec<String> = words.iter().map(|w| quoted(&w.to_string_lossy())).collect();
    words.join(" ")
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
/// more, and Compose without one; `old` are the words for docker-compose 1, where there
/// is no other.
pub(super) fn next_by_us(
    options: &BuildOptions,
    asked: &ProjectOptions,
    line: Option<&str>,
    old: Option<&[OsString]>,
    classic: bool,
) -> String {
    let classic = if classic { " --classic" } else { "" };
    let mut build = vec![format!("docker offline build{classic}")];
    let own = asked.compose_args();
    if own.len() > 1 {
        build.push(words(&own[1..]));
    }
    let mut flag = |name: &str, value: Option<&Path>| {
        if let Some(value) = value {
            build.push(format!("{name} {}", quoted(&value.to_string_lossy())));
        }
    };
    flag("--bundle", options.bundle.as_deref().filter(|b| b.is_dir()));
    flag("--cache-dir", options.cache_dir.as_deref());
    build.extend(options.services.iter().map(|s| quoted(s)));
    let up = up(options, asked, line, old, "up -d --no-build");
    format!("{} && {up}", build.join(" "))
}

/// How the services that were asked for are started.
pub(super) fn up(
    options: &BuildOptions,
    asked: &ProjectOptions,
    line: Option<&str>,
    old: Option<&[OsString]>,
    command: &str,
) -> String {
    let mut up = vec![match old {
        Some(old) => format!("docker-compose {}", words(&old[1..])),
        None => format!("{}docker {}", exported(line), plain(asked, line)),
    }];
    up.push(command.into());
    up.extend(options.services.iter().map(|s| quoted(s)));
    up.join(" ")
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
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
        assert_eq!(next_command(&plain, None), "docker compose up -d --build");
        let flags = ProjectOptions {
            files: vec!["a b.yaml".into()],
            ..ProjectOptions::default()
        };
        assert_eq!(
            next_command(&flags, None),
            "docker compose -f 'a b.yaml' up -d --build"
        );
        assert_eq!(
            next_command(&flags, Some("COMPOSE_FILE=a b.yaml:x.yaml")),
            "export COMPOSE_FILE='a b.yaml:x.yaml' && docker compose up -d --build"
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
        let asked = options.project.clone();
        assert_eq!(
            next_by_us(&options, &asked, None, None, true),
            "docker offline build --classic api && docker compose up -d --no-build api"
        );
        options.services.clear();
        let asked = ProjectOptions {
            files: vec!["a b.yaml".into()],
            ..asked
        };
        let old = asked.compose_args();
        assert_eq!(
            next_by_us(&options, &asked, None, Some(&old), true),
            "docker offline build --classic -f 'a b.yaml' && docker-compose -f 'a b.yaml' up -d --no-build"
        );
    }
}
