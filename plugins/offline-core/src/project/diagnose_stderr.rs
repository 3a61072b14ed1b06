//! Compose's words for what is wrong with a project, made into typed errors.
//!
//! The texts are those of compose-go 2.0 (Compose 2.26) to 2.9 (Compose 2.40):
//! `loader/loader.go`, `loader/validate.go`, `template/template.go`,
//! `types/project.go`.

use std::path::{Path, PathBuf};

use super::source_lines::Sources;
use super::unset::{broken_by, named_key};
use super::{EnvExample, Error, Location};

/// The names in warnings `The "X" variable is not set. Defaulting to a blank string.`
pub(super) fn unset_variables(stderr: &str) -> Vec<String> {
    let unescaped = stderr.replace("\\\"", "\"");
    let mut names: Vec<String> = unescaped
        .lines()
        .filter(|line| line.contains("variable is not set"))
        .filter_map(|line| between(line, "The \"", "\" variable"))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The typed error behind a failed `docker compose config`, if it is one of the
/// project and not of Docker.
pub(super) fn classify(stderr: &str, sources: &Sources) -> Option<Error> {
    let message = reason(stderr)?;
    if let Some(rest) = message.split("required variable ").nth(1) {
        let (variable, text) = rest.split_once(" is missing a value").unwrap_or((rest, ""));
        let text = text.trim_start_matches(':').trim();
        let location = [":?", "?"]
            .iter()
            .find_map(|mark| sources.text(&format!("${{{variable}{mark}")));
        return Some(Error::RequiredVariable {
            example: EnvExample::find(&[variable.to_owned()], sources).map(Box::new),
            variable: variable.to_owned(),
            message: if text.is_empty() { "no value" } else { text }.to_owned(),
            location,
        });
    }
    if let Some(error) = broken_by(message, &unset_variables(stderr), sources) {
        return Some(error);
    }
    if let Some(path) = between(message, "env file ", " not found") {
        return Some(Error::EnvFileMissing {
            location: by_file_name(path, sources),
            path: path.into(),
        });
    }
    if let Some(error) = not_fetched(message, sources) {
        return Some(error);
    }
    // The files named by -f were checked before, so a file that is missing now
    // is one that another file includes or extends, or an --env-file.
    if let Some(path) = missing_file(message) {
        let location = by_file_name(&path, sources);
        return Some(if is_yaml(&path) {
            Error::IncludeMissing {
                path: path.into(),
                location,
            }
        } else {
            Error::EnvFileMissing {
                path: path.into(),
                location,
            }
        });
    }
    if let Some(error) = undefined_service(message, sources) {
        return Some(error);
    }
    // `config` talks to no engine: what is wrong is in the files, whatever the words.
    let of_docker = [
        "docker: ",
        "unknown flag",
        "unknown shorthand flag",
        "unknown command",
        "Error response from daemon",
        "error during connect",
        "exec format error",
        "permission denied while trying to connect",
    ];
    if of_docker.iter().any(|words| message.contains(words)) {
        return None;
    }
    Some(Error::Invalid {
        location: location_in(message, sources),
        message: message.to_owned(),
    })
}

/// The last line that is no warning: `time="..." level=warning msg="..."` lines
/// and `WARN[0000]` lines come before it.
fn reason(stderr: &str) -> Option<&str> {
    let is_warning = |l: &str| l.contains("level=warning") || l.starts_with("WARN[");
    let start = stderr
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !is_warning(l))?;
    let offset = stderr.find(start)?;
    Some(stderr[offset..].trim())
}

/// A file that Compose fetches by itself, and cannot: it says so in git's words, or, after an
/// attempt that failed, misses it in the folder where it keeps such files (2.40).
fn not_fetched(message: &str, sources: &Sources) -> Option<Error> {
    let remote = sources.remote();
    let named = |(url, _): &&(String, Location)| {
        let base = url.split('#').next().unwrap_or(url);
        message.contains(base)
    };
    let kept = message.contains("/docker-compose/") || message == "not found";
    let of_git = kept || message.starts_with("exit status");
    let found = remote.iter().find(named);
    let (_, location) = found.or_else(|| remote.first().filter(|_| of_git))?;
    Some(Error::RemoteFile {
        location: location.clone(),
        why: message.to_owned(),
    })
}

fn undefined_service(message: &str, sources: &Sources) -> Option<Error> {
    let forms = [
        ("depends on undefined service ", "depends_on"),
        ("depends on unknown service ", "depends_on"),
        ("refers to undefined service ", "depends_on"),
        ("declares unknown service ", "build"),
    ];
    let (mark, key) = forms.iter().find(|(mark, _)| message.contains(mark))?;
    let service = between(message, "service \"", "\"")?;
    let after = &message[message.find(mark)? + mark.len()..];
    let undefined = after
        .split([':', ' '])
        .next()
        .unwrap_or(after)
        .trim_matches('"');
    Some(Error::UndefinedService {
        service: service.to_owned(),
        undefined: undefined.to_owned(),
        location: sources.key(&["services", service, key]),
    })
}

fn missing_file(message: &str) -> Option<String> {
    // With a capital letter in 2.26.
    for words in ["couldn't find env file: ", "Couldn't find env file: "] {
        if let Some(path) = between(message, words, "\n") {
            return Some(path.to_owned());
        }
    }
    let before = message.split(": no such file or directory").next()?;
    if before.len() == message.len() {
        return None;
    }
    let start = ["open ", "stat ", "lstat "]
        .iter()
        .filter_map(|verb| before.rfind(verb).map(|at| at + verb.len()))
        .max()?;
    Some(before[start..].to_owned())
}

/// By its extension: `.yaml` or `.yml`.
pub(crate) fn is_yaml(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"))
}

fn by_file_name(path: impl AsRef<Path>, sources: &Sources) -> Option<Location> {
    let name = path.as_ref().file_name()?.to_str()?;
    sources.text(name)
}

/// Where a message points to: a file it names, a line it names, a key it names.
fn location_in(message: &str, sources: &Sources) -> Option<Location> {
    let file = ["failed to parse ", "validating ", "parsing "]
        .iter()
        .find_map(|mark| between(message, mark, ": "))
        .map(PathBuf::from)
        .or_else(|| sources.only_file().map(Path::to_owned));
    let line = between_number(message, "line ");
    if let (Some(file), Some(line)) = (&file, line) {
        return Some(Location::new(file, Some(line)));
    }
    if let Some(keys) = named_key(message) {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        return sources
            .key(&keys)
            .or_else(|| file.map(|f| Location::new(f, None)));
    }
    between(message, "service \"", "\"")
        .and_then(|name| sources.key(&["services", name]))
        .or_else(|| file.map(|f| Location::new(f, None)))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = text.find(start)? + start.len();
    let rest = &text[from..];
    let to = match rest.find(end) {
        Some(to) => to,
        None if end == "\n" => rest.len(),
        None => return None,
    };
    Some(&rest[..to])
}

fn between_number(text: &str, start: &str) -> Option<u32> {
    let from = text.find(start)? + start.len();
    let digits: String = text[from..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compose.yaml");
        std::fs::write(
            &file,
            "services:\n  web:\n    image: x:${TAG:?which}\n    depends_on: [db]\n    env_file: app.env\n",
        )
        .unwrap();
        let sources = Sources::read(&[file]);
        (folder, sources)
    }

    fn line_of(error: &Error) -> String {
        let text = error.to_string();
        let start = text.find("compose.yaml").unwrap();
        text[start..].to_owned()
    }

    #[test]
    fn every_wording_becomes_its_own_error() {
        let (_folder, sources) = sources();
        let cases = [
            (
                "yaml: line 3: mapping values are not allowed in this context",
                "compose.yaml:3: the Compose file cannot be read",
            ),
            (
                "time=\"2026\" level=warning msg=\"x\"\nyaml: line 4: did not find expected key",
                "compose.yaml:4: ",
            ),
            (
                "error while interpolating services.web.image: required variable TAG is missing a value: which",
                "compose.yaml:3: the variable TAG must be set: which",
            ),
            (
                "env file /p/app.env not found: stat /p/app.env: no such file or directory",
                "compose.yaml:5: the env_file /p/app.env does not exist",
            ),
            (
                "service \"web\" depends on undefined service db: invalid compose project",
                "compose.yaml:4: service web refers to the undefined service db",
            ),
            (
                "service \"web\" depends on undefined service \"db\": invalid compose project",
                "compose.yaml:4: service web refers to the undefined service db",
            ),
            (
                "services.web additional properties 'imge' not allowed",
                "compose.yaml:2: the Compose file",
            ),
            (
                "service \"web\" has neither an image nor a build context specified: invalid compose project",
                "compose.yaml:2: ",
            ),
        ];
        for (stderr, expected) in cases {
            let error = classify(stderr, &sources).unwrap_or_else(|| panic!("{stderr}"));
            assert!(line_of(&error).starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_parse_error_names_the_file_that_compose_names() {
        let error = classify(
            "failed to parse /p/other.yaml: yaml: line 9, column 2: oops",
            &Sources::default(),
        )
        .unwrap();
        assert!(
            error.to_string().starts_with("/p/other.yaml:9: "),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_fetched_is_said_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("compose.yaml");
        let text = "include:\n  - a.yaml\n  - git://x.org/y.git#main:c.yaml\n";
        std::fs::write(&file, text).unwrap();
        let sources = Sources::read(&[file]);
        for message in [
            "failed to access repository at git://x.org/y.git:\n fatal: unable to connect to x.org",
            "not found",
            "exit status 128",
            "stat /root/.cache/docker-compose/8090/c.yaml: no such file or directory",
        ] {
            let error = classify(message, &sources).unwrap();
            assert!(matches!(error, Error::RemoteFile { .. }), "{message}");
            assert!(line_of(&error).starts_with("compose.yaml:3: "), "{error}");
        }
        let other = classify("yaml: line 2: did not find expected key", &sources);
        assert!(matches!(other, Some(Error::Invalid { .. })));
    }

    #[test]
    fn a_missing_include_is_told_from_a_missing_env_file() {
        let none = Sources::default();
        let include = classify("open /p/more.yaml: no such file or directory", &none);
        assert!(matches!(include, Some(Error::IncludeMissing { .. })));
        let env = classify("couldn't find env file: /p/.env.prod", &none);
        assert!(matches!(env, Some(Error::EnvFileMissing { .. })));
    }

    #[test]
    fn what_docker_itself_says_is_left_alone() {
        let none = Sources::default();
        let said = "docker: unknown command: docker compose\n\nRun 'docker --help'";
        assert!(classify(said, &none).is_none());
    }

    #[test]
    fn unset_variables_are_collected_from_both_log_forms() {
        let stderr = "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"The \\\"TAG\\\" variable is not set. Defaulting to a blank string.\"\n\
            WARN[0000] The \"A\" variable is not set. Defaulting to a blank string.\n\
            WARN[0000] The \"A\" variable is not set. Defaulting to a blank string.";
        assert_eq!(unset_variables(stderr), ["A", "TAG"]);
    }
}
