use std::path::{Path, PathBuf};

use crate::{BuildLog, Carried, Engine, Invocation, Ran, Workspace, repository};

/// `compose-examples/datamate` as its users handle it: with make.
#[derive(Debug)]
pub struct Datamate<'a> {
    engine: &'a Engine,
    folder: PathBuf,
}

/// Its Compose files, as its Makefile names them.
pub const DATAMATE_FILES: [&str; 4] = [
    "-f",
    "deployment/docker/datamate/docker-compose.yml",
    "-f",
    "deployment/docker/datamate/docker-compose.offline-build.yml",
];

/// Its nine services.
pub const DATAMATE_SERVICES: [&str; 9] = [
    "backend",
    "backend-python",
    "database",
    "deer-flow-backend",
    "deer-flow-frontend",
    "frontend",
    "gateway",
    "mineru",
    "runtime",
];

impl<'a> Datamate<'a> {
    /// The project in a folder, beside an engine.
    pub fn on(engine: &'a Engine, project: &Workspace) -> Self {
        Self {
            engine,
            folder: project.path().to_owned(),
        }
    }

    /// The project, with the include file beside its Makefile.
    pub fn project() -> Workspace {
        let project = Workspace::of_example("datamate");
        let include = repository().join("make/Makefile.offline.mk");
        project.write("Makefile.offline.mk", std::fs::read(include).unwrap());
        project
    }

    /// `make offline-export` on an empty engine of a kind, once in a run;
    /// without a recording, whose stories are other ones.
    pub fn carried(kind: &str) -> std::sync::Arc<Carried> {
        Carried::made_once("datamate", kind, || {
            let connected = Engine::with_plugin(kind);
            let project = Self::project();
            let archive_folder = Workspace::empty("carried");
            let archive = archive_folder.join("build-cache-20260101.tar.zst");
            let ran = Datamate::on(&connected, &project)
                .make(
                    "offline-export",
                    &[
                        &variable("OFFLINE_ARCHIVE", &archive),
                        "OFFLINE_FLAGS=--no-record",
                    ],
                )
                .within(1200)
                .succeeds();
            ran.assert_no_panic();
            Carried {
                archive_folder,
                told: ran.all(),
                took: ran.took,
                project,
            }
        })
    }

    /// The image name of a service, without a tag.
    pub fn image(service: &str) -> String {
        if service.starts_with("deer-flow-") {
            service.to_owned()
        } else {
            format!("datamate-{service}")
        }
    }

    /// `make TARGET NAME=VALUE...` in its folder.
    pub fn make(&self, target: &str, variables: &[&str]) -> Invocation {
        self.engine
            .run_in(&self.folder, "make")
            .args(["--no-print-directory", target])
            .args(variables)
    }

    /// `docker compose` with its files.
    pub fn compose<I: AsRef<std::ffi::OsStr>>(
        &self,
        words: impl IntoIterator<Item = I>,
    ) -> Invocation {
        self.engine
            .docker(&self.folder, ["compose"])
            .args(DATAMATE_FILES)
            .args(words)
    }

    /// Plain `docker compose up -d --build` of these services and no others, which
    /// must work, and which steps it ran.
    pub fn up(&self, services: &[&str]) -> BuildLog {
        let ran = self
            .compose(["--progress", "plain", "up", "-d", "--build", "--no-deps"])
            .args(["-t", "1"])
            .args(services)
            .succeeds();
        let log = BuildLog::of(&ran.all());
        crate::say(format!("      {log}"));
        log
    }

    /// Stops and removes what runs, with `docker-compose` where Compose is no plugin.
    pub fn take_down(&self, has_plugins: bool) {
        let down = if has_plugins {
            self.compose(["down", "-v", "-t", "1"])
        } else {
            let old = self.engine.run_in(&self.folder, "docker-compose");
            old.args(DATAMATE_FILES).args(["down", "-v", "-t", "1"])
        };
        down.quietly().succeeds();
    }

    /// `scripts/rebuild.sh` with its files and a bundle.
    pub fn rebuild(&self, bundle: &Path) -> Ran {
        let script = repository().join("scripts/rebuild.sh");
        self.engine
            .run_in(&self.folder, script)
            .args(DATAMATE_FILES)
            .arg("--bundle")
            .arg(bundle)
            .within(600)
            .run()
    }

    /// Every running container: service and ID.
    pub fn containers(&self) -> Vec<(String, String)> {
        let ran = self
            .engine
            .run("docker")
            .args(["ps", "--no-trunc", "--format"])
            .arg("{{.Label \"com.docker.compose.service\"}} {{.ID}}")
            .quietly()
            .succeeds();
        let mut containers: Vec<_> = ran
            .stdout
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(service, id)| (service.to_owned(), id.to_owned()))
            .collect();
        containers.sort();
        containers
    }

    /// Asks through its page's server and its gateway.
    pub fn answers(&self, path: &str, text: &str) {
        self.engine
            .answers(&format!("http://127.0.0.1:30000/{path}"), text);
    }
}

/// `NAME=path` for make.
pub fn variable(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
