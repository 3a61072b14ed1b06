//! What buildx looks at before any cache, and this machine does not have.

use std::path::PathBuf;

use super::{BuildClosure, Closure};
use crate::dockerfile::{self, Instruction, InstructionKind, Mount};
use crate::project::{BuildTarget, Location, NamedContext, Project, SecretSource};

/// An input of a build that is not there. buildx refuses a build without it although
/// every step is cached, and no cache key depends on what it holds (engine facts 38
/// and 51).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentInput {
    /// The service that is built.
    pub service: String,
    /// What is not there.
    pub what: Absence,
    /// Where the Compose file names it, where that was found.
    pub location: Option<Location>,
    /// The RUN steps that mount it: the number of the stage, and the line.
    pub mounted: Vec<(usize, u32)>,
}

/// What is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// A file of `build.secrets`.
    SecretFile {
        /// Its id in `--mount=type=secret`.
        id: String,
        /// Its name in the Compose file.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A variable of `build.secrets`.
    SecretVariable {
        /// Its id in `--mount=type=secret`.
        id: String,
        /// Its name in the Compose file.
        name: String,
        /// The variable.
        variable: String,
    },
    /// An agent or key of `build.ssh`.
    Ssh {
        /// Its id in `--mount=type=ssh`.
        id: String,
        /// The key's file; `None` for the agent of `SSH_AUTH_SOCK`.
        path: Option<PathBuf>,
    },
    /// A folder of `additional_contexts` that no step needs.
    Context {
        /// Its name.
        name: String,
        /// The folder.
        path: PathBuf,
    },
}

impl AbsentInput {
    /// What it is, as a user would say it.
    pub fn words(&self) -> String {
        match &self.what {
            Absence::SecretFile { name, path, .. } => {
                format!("the secret {name} ({})", path.display())
            }
            Absence::SecretVariable { name, variable, .. } => {
                format!("the secret {name} (variable {variable})")
            }
            Absence::Ssh { id, path: None } => format!("an ssh agent ({id}, SSH_AUTH_SOCK)"),
            Absence::Ssh {
                id,
                path: Some(path),
            } => format!("the ssh key {id} ({})", path.display()),
            Absence::Context { name, path } => {
                format!("the additional context {name} ({})", path.display())
            }
        }
    }

    /// The same in Chinese.
    pub fn chinese(&self) -> String {
        match &self.what {
            Absence::SecretFile { name, path, .. } => {
                format!("密钥 {name}（{}）", path.display())
            }
            Absence::SecretVariable { name, variable, .. } => {
                format!("密钥 {name}（变量 {variable}）")
            }
            Absence::Ssh { id, path: None } => format!("ssh 代理（{id}，SSH_AUTH_SOCK）"),
            Absence::Ssh {
                id,
                path: Some(path),
            } => format!("ssh 密钥 {id}（{}）", path.display()),
            Absence::Context { name, path } => {
                format!("附加上下文 {name}（{}）", path.display())
            }
        }
    }

    /// Whether buildx ends a build without it at once. For a variable that is not set
    /// it gives an empty secret.
    pub fn stops_builds(&self) -> bool {
        !matches!(self.what, Absence::SecretVariable { .. })
    }

    /// What to do to have the real thing.
    pub fn remedy(&self) -> String {
        match &self.what {
            Absence::SecretFile { path, .. } => format!("put the file there: {}", path.display()),
            Absence::SecretVariable { variable, .. } => {
                format!("set the variable: export {variable}=...")
            }
            Absence::Ssh { path: None, .. } => {
                "start an agent and add the key: eval \"$(ssh-agent)\" && ssh-add".into()
            }
            Absence::Ssh {
                path: Some(path), ..
            } => format!("put the key there: {}", path.display()),
            Absence::Context { path, .. } => {
                format!("make the folder: mkdir -p {}", path.display())
            }
        }
    }
}

/// All that is not there of what the builds of the closure name.
///
/// A folder of `additional_contexts` that a step needs is left out: nothing can stand
/// in for it, and buildx names it.
pub fn absent_inputs(project: &Project, closure: &Closure) -> Vec<AbsentInput> {
    let mut all = Vec::new();
    for service in &closure.services {
        let target = project
            .service(&service.name)
            .and_then(|s| s.build.as_ref());
        if let (Some(target), Some(build)) = (target, &service.build) {
            let one = One {
                project,
                service: &service.name,
                target,
                build,
            };
            all.extend(one.secrets());
            all.extend(one.ssh());
            all.extend(one.contexts());
        }
    }
    all
}

struct One<'a> {
    project: &'a Project,
    service: &'a str,
    target: &'a BuildTarget,
    build: &'a BuildClosure,
}

impl One<'_> {
    fn secrets(&self) -> Vec<AbsentInput> {
        let mut found = Vec::new();
        for secret in &self.target.secrets {
            if is_there(self.project, &secret.source) {
                continue;
            }
            let (id, name) = (secret.id.clone(), secret.name.clone());
            let (what, key) = match &secret.source {
                SecretSource::File(path) => {
                    let path = path.clone();
                    (Absence::SecretFile { id, name, path }, "file")
                }
                SecretSource::Environment(variable) => {
                    let variable = variable.clone();
                    (
                        Absence::SecretVariable { id, name, variable },
                        "environment",
                    )
                }
            };
            found.push(AbsentInput {
                service: self.service.to_owned(),
                what,
                location: self.project.line_of(&["secrets", &secret.name, key]),
                mounted: self.mounted("secret", &secret.id),
            });
        }
        found
    }

    fn ssh(&self) -> Vec<AbsentInput> {
        let mut found = Vec::new();
        for one in &self.target.ssh {
            let (id, paths) = one.split_once('=').unwrap_or((one, ""));
            let path = match paths {
                "" if agent_is_there() => continue,
                "" => None,
                paths => {
                    let folder = &self.project.directory;
                    let mut paths = paths.split(',').map(|path| folder.join(path));
                    match paths.find(|path| !path.exists()) {
                        Some(path) => Some(path),
                        None => continue,
                    }
                }
            };
            found.push(AbsentInput {
                service: self.service.to_owned(),
                what: Absence::Ssh {
                    id: id.to_owned(),
                    path,
                },
                location: self.key("ssh"),
                mounted: self.mounted("ssh", id),
            });
        }
        found
    }

    fn contexts(&self) -> Vec<AbsentInput> {
        let mut found = Vec::new();
        for (name, context) in &self.target.additional_contexts {
            let NamedContext::Directory(path) = context else {
                continue;
            };
            if path.exists() || self.needs(name) {
                continue;
            }
            found.push(AbsentInput {
                service: self.service.to_owned(),
                what: Absence::Context {
                    name: name.clone(),
                    path: path.clone(),
                },
                location: self.key("additional_contexts"),
                mounted: Vec::new(),
            });
        }
        found
    }

    /// Whether a stage uses a named context.
    fn needs(&self, name: &str) -> bool {
        // What a remote context's Dockerfile uses is not known.
        self.build.stages.is_empty() || self.build.uses_context(name)
    }

    fn key(&self, key: &str) -> Option<Location> {
        let path = ["services", self.service, "build", key];
        self.project.line_of(&path)
    }

    /// The RUN steps of reachable stages that mount this.
    fn mounted(&self, kind: &str, id: &str) -> Vec<(usize, u32)> {
        let text = &self.build.named_dockerfile;
        let Ok(file) = dockerfile::parse(text, &self.build.dockerfile_path) else {
            return Vec::new();
        };
        let stages = file.stages.iter();
        let reachable = stages.filter(|s| self.build.stage(s.index).is_some());
        let lines = reachable.flat_map(|stage| {
            let mounting = stage.instructions.iter().filter(|i| mounts(i, kind, id));
            mounting.map(|instruction| (stage.index, instruction.line))
        });
        lines.collect()
    }
}

/// buildx takes a pipe as well as a file (`/dev/fd/63` of a shell), but no folder.
fn is_there(project: &Project, source: &SecretSource) -> bool {
    match source {
        SecretSource::File(path) => path.exists() && !path.is_dir(),
        SecretSource::Environment(_) => project.secret_value(source).is_some(),
    }
}

fn agent_is_there() -> bool {
    let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|s| !s.is_empty());
    socket.is_some_and(|path| PathBuf::from(path).exists())
}

fn mounts(instruction: &Instruction, kind: &str, id: &str) -> bool {
    let InstructionKind::Run(run) = &instruction.kind else {
        return false;
    };
    let own = run.mounts.iter().filter(|m| m.mount_type == kind);
    own.map(|mount| id_of(mount, kind)).any(|own| own == id)
}

/// `id`, or what BuildKit takes in its place: for a secret the last part of its target
/// (`dispatchSecret`), for ssh `default`.
fn id_of<'a>(mount: &'a Mount, kind: &str) -> &'a str {
    match (&mount.id, &mount.target) {
        (Some(id), _) => id,
        (None, Some(target)) if kind == "secret" => target.rsplit('/').next().unwrap_or(target),
        _ => "default",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::from_config;

    #[test]
    fn what_buildx_looks_at_and_is_not_there_is_found_with_its_lines() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let compose = "services:\n  api:\n    build:\n      context: .\n      ssh:\n        - other=./no-key\n      additional_contexts:\n        unused: ./gone\nsecrets:\n  token:\n    environment: NO_SUCH_VARIABLE_AT_ALL\n  conf:\n    file: ./gone.conf\n";
        std::fs::write(root.join("compose.yaml"), compose).unwrap();
        std::fs::write(root.join("there"), "x").unwrap();
        std::fs::write(
            root.join("Dockerfile"),
            "FROM a AS never\nRUN --mount=type=secret,id=t x\nFROM b\nRUN --mount=type=secret,id=t x\nCOPY --from=used / /\nRUN --mount=type=secret,target=/etc/conf --mount=type=ssh,id=other x\n",
        )
        .unwrap();
        let path = root.display();
        let config = format!(
            r#"{{"name": "p", "secrets": {{"token": {{"environment": "NO_SUCH_VARIABLE_AT_ALL"}},
                "conf": {{"file": "{path}/gone.conf"}}, "there": {{"file": "{path}/there"}}}},
              "services": {{"api": {{"build": {{"context": "{path}", "ssh": ["other={path}/no-key"],
                "additional_contexts": {{"unused": "{path}/gone", "used": "{path}/gone"}},
                "secrets": [{{"source": "token", "target": "t"}}, {{"source": "conf"}}, "there"]}}}}}}}}"#
        );
        let project = from_config(&config, &[root.join("compose.yaml")]).unwrap();
        let closure =
            crate::closure::resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
        let found: Vec<_> = absent_inputs(&project, &closure)
            .iter()
            .map(|a| {
                let line = a.location.as_ref().and_then(|l| l.line);
                (a.words(), line, a.mounted.clone())
            })
            .collect();
        assert_eq!(
            found,
            [
                (
                    "the secret token (variable NO_SUCH_VARIABLE_AT_ALL)".to_owned(),
                    Some(11),
                    vec![(1, 4)]
                ),
                (
                    format!("the secret conf ({path}/gone.conf)"),
                    Some(13),
                    vec![(1, 6)]
                ),
                (
                    format!("the ssh key other ({path}/no-key)"),
                    Some(5),
                    vec![(1, 6)]
                ),
                (
                    format!("the additional context unused ({path}/gone)"),
                    Some(7),
                    vec![]
                ),
            ]
        );
    }
}
