use std::collections::BTreeMap;
use std::process::ExitStatus;

use super::compose_yaml::{ServiceChanges, rendered};
use super::convert::Converter;
use super::diagnose_stderr::{classify, unset_variables};
use super::env_files::made_optional;
use super::files::{self, ComposeFiles};
use super::resolved::ResolvedProject;
use super::source_lines::Sources;
use super::{Error, HiddenService, Project, ProjectOptions, Service, fallback, offline};
use crate::engine::{self, Docker};

/// Reads the project that the options mean.
///
/// Runs `docker compose config` as asked, and, where profiles may hide services,
/// at the same time with every profile active, to name them. No engine is needed
/// for it.
///
/// Where the docker command has no Compose plugin, the files are read without
/// it, and [`Project::without_compose`] is set.
///
/// What `docker offline build --stay` has generated is passed over.
pub fn read(docker: &Docker, options: &ProjectOptions) -> Result<Project, Error> {
    read_laid_over(docker, options, None)
}

/// The same where the last file is one of ours, in which no line is of interest.
fn read_laid_over(
    docker: &Docker,
    options: &ProjectOptions,
    ours: Option<&std::path::Path>,
) -> Result<Project, Error> {
    let options = &files::without_generated(options)?;
    let found = files::find(options)?;
    let written = found.files.iter().filter(|f| Some(f.as_path()) != ours);
    let sources = Sources::read(&written.cloned().collect::<Vec<_>>());
    let all = options.all_profiles || !sources.may_hide_services();
    // Two that fetch at once find the folder that the other one has just made (fact 67).
    let alone = !sources.remote().is_empty();
    let (asked, everything) = std::thread::scope(|scope| {
        let whole = || resolve(docker, &options.with_all_profiles(), &sources);
        let beside = (!all && !alone).then(|| scope.spawn(whole));
        let asked = resolve(docker, options, &sources);
        let after = (!all && alone && asked.is_ok()).then(whole);
        (
            asked,
            after.or_else(|| beside.and_then(|handle| handle.join().ok())),
        )
    });
    let (resolved, stderr) = match asked {
        Err(Error::Engine(engine::Error::ComposeMissing)) => {
            return without_compose(options, found, &sources);
        }
        asked => asked?,
    };
    // Only needed for names: what is wrong in a service that is not asked for
    // must not stop the others.
    let everything = everything.and_then(Result::ok).map(|(project, _)| project);
    let unset = unset_variables(&stderr);
    let project = build_project(&resolved, everything.as_ref(), &unset, found, &sources)?;
    Ok(Project {
        secret_variables: secret_variables(&resolved, options, &project.directory),
        ..project
    })
}

/// The variables of secrets that the process does not have and an env file has.
fn secret_variables(
    resolved: &ResolvedProject,
    options: &ProjectOptions,
    directory: &std::path::Path,
) -> BTreeMap<String, String> {
    let secrets = resolved.secrets.values();
    let names = secrets.filter_map(|s| s.environment.as_deref());
    let wanted = names.filter(|name| std::env::var_os(name).is_none());
    wanted
        .filter_map(|name| {
            let value = files::env_file_variable(options, directory, name)?;
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Reads the project as [`read`] does, also where an `env_file` of a service is missing:
/// no build needs it. [`Project::optional_env_files`] says for which services.
pub fn read_for_builds(docker: &Docker, options: &ProjectOptions) -> Result<Project, Error> {
    let first = read(docker, options);
    if !matches!(first, Err(Error::EnvFileMissing { .. })) {
        return first;
    }
    let options = &files::without_generated(options)?;
    let optional = made_optional(options);
    let Some((_file, path)) = generated(&optional) else {
        return first;
    };
    let mut laid_over = options.clone();
    laid_over.files = files::find(options)?.files;
    laid_over.files.push(path.clone());
    let mut project = read_laid_over(docker, &laid_over, Some(&path))?;
    project.files.retain(|file| *file != path);
    project.optional_env_files = optional;
    Ok(project)
}

/// A file for Compose that makes these env files optional; gone with the first value.
fn generated(
    optional: &BTreeMap<String, Vec<serde_yaml::Value>>,
) -> Option<(tempfile::TempDir, std::path::PathBuf)> {
    if optional.is_empty() {
        return None;
    }
    let services = optional.iter().map(|(name, list)| {
        let changes = ServiceChanges {
            env_file: Some(list.clone()),
            ..ServiceChanges::default()
        };
        (name.clone(), changes)
    });
    let text = rendered(&services.collect(), &BTreeMap::new()).ok()?;
    let folder = tempfile::tempdir().ok()?;
    let path = folder.path().join("optional.yaml");
    std::fs::write(&path, text).ok()?;
    Some((folder, path))
}

/// Reads the project as [`read`] does where there is no Compose.
pub fn read_without_compose(options: &ProjectOptions) -> Result<Project, Error> {
    let options = &files::without_generated(options)?;
    let found = files::find(options)?;
    let sources = Sources::read(&found.files);
    without_compose(options, found, &sources)
}

fn without_compose(
    options: &ProjectOptions,
    found: ComposeFiles,
    sources: &Sources,
) -> Result<Project, Error> {
    let raw = fallback::read(options, &found, sources)?;
    let everything = (!options.all_profiles).then_some(&raw.everything);
    let project = build_project(&raw.asked, everything, &raw.unset, found, sources)?;
    Ok(Project {
        without_compose: true,
        secret_variables: secret_variables(&raw.asked, options, &project.directory),
        ..project
    })
}

fn build_project(
    resolved: &ResolvedProject,
    everything: Option<&ResolvedProject>,
    unset: &[String],
    found: ComposeFiles,
    sources: &Sources,
) -> Result<Project, Error> {
    let converter = Converter {
        unset,
        project: resolved,
        directory: &found.directory,
        sources,
    };
    let services = resolved
        .services
        .iter()
        .map(|(name, service)| converter.service(name, service))
        .collect::<Result<Vec<Service>, _>>()?;
    let none = BTreeMap::new();
    let hidden = everything
        .map_or(&none, |project| &project.services)
        .iter()
        .filter(|(name, _)| !resolved.services.contains_key(*name))
        .map(|(name, service)| HiddenService {
            name: name.clone(),
            profiles: service.profiles.clone(),
        })
        .collect();
    let offline = offline::read(resolved, everything, &found.directory, sources)?;
    Ok(Project {
        name: resolved.name.clone(),
        services,
        hidden,
        unset_variables: unset.to_vec(),
        directory: found.directory,
        files: found.files,
        without_compose: false,
        secret_variables: BTreeMap::new(),
        optional_env_files: BTreeMap::new(),
        offline,
    })
}

fn resolve(
    docker: &Docker,
    options: &ProjectOptions,
    sources: &Sources,
) -> Result<(ResolvedProject, String), Error> {
    if sources.text(offline::KEY).is_some() {
        // As JSON, what extends a service is left out (`ServiceConfig` in
        // `types/types.go` of compose-go).
        let yaml = config(docker, options, "yaml")?;
        if let Some(project) = yaml.status.success().then(|| yaml.as_yaml()).flatten() {
            return Ok((project, yaml.stderr));
        }
    }
    let json = config(docker, options, "json")?;
    if json.status.success() {
        let project =
            serde_json::from_str(&json.text()).map_err(|source| Error::Unexpected { source })?;
        return Ok((project, json.stderr));
    }
    // `build.ssh` with a path has no valid JSON form in Compose 2.26 to 2.40
    // (`SSHKey.MarshalJSON`); as YAML it is printed.
    if json.stderr.contains("error calling MarshalJSON") {
        let yaml = config(docker, options, "yaml")?;
        if let Some(project) = yaml.status.success().then(|| yaml.as_yaml()).flatten() {
            return Ok((project, yaml.stderr));
        }
    }
    let error = engine::Error::from_stderr(&json.command, json.status.to_string(), &json.stderr);
    Err(match error {
        engine::Error::Failed { .. } => {
            classify(&json.stderr, sources).unwrap_or(Error::Engine(error))
        }
        other => Error::Engine(other),
    })
}

struct Printed {
    command: String,
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: String,
}

impl Printed {
    fn text(&self) -> String {
        unescape_dollars(&String::from_utf8_lossy(&self.stdout))
    }

    fn as_yaml(&self) -> Option<ResolvedProject> {
        let value: serde_json::Value = serde_yaml::from_str(&self.text()).ok()?;
        serde_json::from_value(value).ok()
    }
}

fn config(docker: &Docker, options: &ProjectOptions, format: &str) -> Result<Printed, Error> {
    let mut args = options.compose_args();
    args.extend(["config", "--format", format].map(Into::into));
    let mut command = docker.command(&args);
    let output = command.output().map_err(|source| engine::Error::Io {
        program: command.get_program().into(),
        source,
    })?;
    Ok(Printed {
        command: docker.describe(&command),
        status: output.status,
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Compose doubles every `$` of the whole text it prints (`runConfig` in
/// `cmd/compose/config.go`, the same in 2.26 and 2.40).
fn unescape_dollars(text: &str) -> String {
    text.replace("$$", "$")
}

/// A project from what `docker compose config` printed, for tests.
#[cfg(test)]
pub(crate) fn from_config(text: &str, files: &[std::path::PathBuf]) -> Result<Project, Error> {
    let resolved = serde_json::from_str(&unescape_dollars(text))
        .map_err(|source| Error::Unexpected { source })?;
    let found = ComposeFiles {
        directory: files[0].parent().map(Into::into).unwrap_or_default(),
        files: files.to_vec(),
    };
    let sources = Sources::read(files);
    build_project(&resolved, None, &[], found, &sources)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::project::{BuildContext, DockerfileSource, NamedContext, SecretSource};

    const CONFIG: &str = r#"{
  "name": "demo", "x-anything": [1],
  "networks": {"default": {"name": "demo_default", "ipam": {}}},
  "models": {"llm": {"model": "ai/smollm2"}},
  "secrets": {"token": {"name": "demo_token", "file": "/p/token.txt"}, "key": {"environment": "KEY"}},
  "services": {
    "api": {
      "build": {
        "context": "/p/api", "dockerfile": "Dockerfile.dev",
        "args": {"A": "x$$y", "B": null, "C": 3},
        "additional_contexts": {"base": "service:base", "img": "docker-image://alpine:3", "dir": "/p/dir", "git": "https://x.org/y.git"},
        "secrets": [{"source": "token"}, {"source": "key", "target": "k"}],
        "ssh": ["default"], "extra_hosts": ["h=1.2.3.4"], "shm_size": "67108864",
        "ulimits": {"nofile": {"soft": 1, "hard": 2}, "nproc": 5}, "labels": {"l": "v"},
        "network": "host", "target": "run", "future": {"k": 1}
      },
      "command": null, "depends_on": {"db": {"condition": "service_started"}},
      "volumes": [{"type": "image", "source": "busybox:1", "target": "/m", "image": {}}, {"type": "bind", "source": "/x"}]
    },
    "db": {"image": "postgres:16", "platform": "linux/amd64", "pull_policy": "always"},
    "inline": {"image": "me/inline", "build": {"context": "/p", "dockerfile_inline": "FROM alpine\nRUN echo $$HOME\n"}},
    "vpn": {"provider": {"type": "compose-thing", "options": {}}}
  }
}"#;

    fn project(text: &str) -> Result<Project, Error> {
        let resolved: ResolvedProject = serde_json::from_str(&unescape_dollars(text)).unwrap();
        let everything: ResolvedProject =
            serde_json::from_str(r#"{"services": {"db": {}, "debug": {"profiles": ["dev"]}}}"#)
                .unwrap();
        let found = ComposeFiles {
            files: vec!["/p/compose.yaml".into()],
            directory: "/p".into(),
        };
        build_project(
            &resolved,
            Some(&everything),
            &[],
            found,
            &Sources::default(),
        )
    }

    #[test]
    fn reads_what_compose_prints() {
        let project = project(CONFIG).unwrap();
        let api = project.service("api").unwrap();
        assert_eq!(
            api.image.as_ref().unwrap().to_string(),
            "docker.io/library/demo-api:latest"
        );
        assert!(!api.image_is_explicit);
        assert_eq!(api.depends_on, ["db"]);
        assert_eq!(api.image_volumes[0].familiar(), "busybox:1");
        let build = api.build.as_ref().unwrap();
        assert_eq!(build.context, BuildContext::Directory("/p/api".into()));
        assert_eq!(
            build.dockerfile,
            DockerfileSource::File(PathBuf::from("/p/api/Dockerfile.dev"))
        );
        assert_eq!(build.args["A"].as_deref(), Some("x$y"));
        assert_eq!(build.args["B"], None);
        assert_eq!(build.args["C"].as_deref(), Some("3"));
        let contexts = &build.additional_contexts;
        assert_eq!(contexts["base"], NamedContext::Service("base".into()));
        assert!(matches!(contexts["img"], NamedContext::Image(_)));
        assert!(matches!(contexts["git"], NamedContext::Remote(_)));
        assert_eq!(contexts["dir"], NamedContext::Directory("/p/dir".into()));
        assert_eq!(
            build.secrets[0].source,
            SecretSource::File(Path::new("/p/token.txt").into())
        );
        assert_eq!(build.secrets[1].id, "k");
        assert_eq!(build.extra_hosts["h"], ["1.2.3.4"]);
        assert_eq!(build.ulimits["nofile"].hard, 2);
        assert_eq!(project.service("vpn").unwrap().image, None);
        let inline = project.service("inline").unwrap().build.as_ref().unwrap();
        assert_eq!(
            inline.dockerfile,
            DockerfileSource::Inline("FROM alpine\nRUN echo $HOME\n".into())
        );
        assert_eq!(project.hidden[0].name, "debug");
        assert_eq!(project.hidden[0].profiles, ["dev"]);
    }

    #[test]
    fn yaml_is_read_where_compose_has_no_json() {
        let printed = Printed {
            command: String::new(),
            status: ExitStatus::default(),
            stdout: b"services:\n  web:\n    build:\n      context: /p\n      args:\n        B: $${HOME}\n      ssh:\n        - default\n        - 'k: /x'\n      shm_size: \"67108864\"\n".to_vec(),
            stderr: String::new(),
        };
        let build = &printed.as_yaml().unwrap().services["web"].build;
        let build = build.as_ref().unwrap();
        assert_eq!(build.ssh, ["default", "k: /x"]);
        assert_eq!(build.args["B"].as_deref(), Some("${HOME}"));
    }

    #[test]
    fn an_unset_variable_in_an_image_is_an_error() {
        let error = project(r#"{"name": "d", "services": {"web": {"image": "name:"}}}"#);
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "`image` of service web names no image");
    }
}
