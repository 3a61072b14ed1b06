use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::janitor::lab_dir;
use crate::{BuildLog, Invocation, Ran, binaries, lab_work, on_machine, repository, tag};

/// A real engine of the lab with its own root, network and data, empty at the
/// start, wiped when it is dropped.
#[derive(Debug)]
pub struct Engine {
    name: String,
    kind: String,
}

fn lab() -> Invocation {
    on_machine(repository().join("tests/lab/lab"))
        .shown_as("lab")
        .within(900)
}

impl Engine {
    /// Starts an empty engine of a kind like `28-overlay2-connected`.
    pub fn start(kind: &str) -> Self {
        let engine = Self::named(kind);
        engine.lab("start").succeeds();
        engine
    }

    /// Starts an empty engine whose data lie on a disk of this size, like `64m`.
    pub fn with_small_disk(kind: &str, size: &str) -> Self {
        let engine = Self::named(kind);
        engine.lab("start").env("LAB_DATA_SIZE", size).succeeds();
        engine
    }

    /// Starts an empty engine whose `daemon.json` has this JSON merged in.
    pub fn with_daemon_options(kind: &str, json: &str) -> Self {
        let engine = Self::named(kind);
        engine.lab("start").env("LAB_DAEMON", json).succeeds();
        engine
    }

    fn named(kind: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("{kind}-{}n{number}", tag()),
            kind: kind.to_owned(),
        }
    }

    /// Starts an empty engine with our commands installed in its root.
    pub fn with_plugin(kind: &str) -> Self {
        let engine = Self::start(kind);
        engine.install_plugin();
        engine
    }

    /// Installs the commands as `make install` does.
    pub fn install_plugin(&self) {
        self.run(repository().join("scripts/install.sh"))
            .arg("--from")
            .arg(binaries())
            .quietly()
            .succeeds();
    }

    fn lab(&self, command: &str) -> Invocation {
        lab().arg(command).arg(&self.name)
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind, like `28-overlay2-connected`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its HOME, on the machine and in the engine's root.
    pub fn home(&self) -> std::path::PathBuf {
        self.lab("home").quietly().succeeds().stdout.trim().into()
    }

    /// Puts a small disk into a folder, as this engine's commands see it. More of
    /// the same folder makes the disk larger or smaller.
    pub fn small_disk(&self, folder: &Path, size: &str) {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = self
            .run("mountpoint")
            .arg("-q")
            .arg(folder)
            .quietly()
            .run()
            .ok();
        let remount = if mounted { "remount," } else { "" };
        self.run("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("{remount}size={size}"),
                "tmpfs",
            ])
            .arg(folder)
            .succeeds();
    }

    /// The path of its socket.
    pub fn socket(&self) -> String {
        self.lab("path")
            .quietly()
            .succeeds()
            .stdout
            .trim()
            .to_owned()
    }

    /// Stops it as a shutdown does; its data stay.
    pub fn stop(&self) {
        self.lab("stop").succeeds();
    }

    /// Ends it as a power cut does; its data stay.
    pub fn kill(&self) {
        self.lab("kill").succeeds();
    }

    /// Starts it again on the data that it has.
    pub fn start_again(&self) {
        self.lab("start").succeeds();
    }

    /// The same with this JSON merged into its `daemon.json`.
    pub fn restart_with_daemon_options(&self, json: &str) {
        self.stop();
        self.lab("start").env("LAB_DAEMON", json).succeeds();
    }

    /// Runs a shell script as root of its machine, which must work.
    pub fn shell(&self, script: &str) -> Ran {
        let script = format!("set -e\n{script}");
        self.run("sh").args(["-c", &script]).quietly().succeeds()
    }

    /// A command beside the engine, in its root and network.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>) -> Invocation {
        self.command(None, program.as_ref())
    }

    /// The same in a folder.
    pub fn run_in(&self, folder: &Path, program: impl AsRef<std::ffi::OsStr>) -> Invocation {
        self.command(Some(folder), program.as_ref())
    }

    fn command(&self, folder: Option<&Path>, program: &std::ffi::OsStr) -> Invocation {
        let mut run = on_machine(repository().join("tests/lab/lab"))
            .hidden_arg("run")
            .hidden_arg(&self.name);
        if let Some(folder) = folder {
            run = run.hidden_arg("--cwd").hidden_arg(folder);
        }
        run.hidden_arg("--")
            .shown_as(&format!("[{}]", self.kind))
            .arg(program)
    }

    /// A docker command in a folder.
    pub fn docker<I: AsRef<std::ffi::OsStr>>(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = I>,
    ) -> Invocation {
        self.run_in(folder, "docker").args(args)
    }

    /// The machine's address, as containers and the builder reach it.
    pub fn gateway(&self) -> String {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let inspect = self.run("docker");
        let inspect = inspect.args(["network", "inspect", "bridge", "--format", format]);
        inspect.quietly().succeeds().stdout.trim().to_owned()
    }

    /// `docker offline ...` in a project's folder.
    pub fn offline<I: AsRef<std::ffi::OsStr>>(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = I>,
    ) -> Invocation {
        self.docker(folder, ["offline"]).args(args)
    }

    /// Plain `docker compose ... build`, and which steps it ran. Does not judge
    /// the exit code.
    pub fn compose_build(&self, folder: &Path, services: &[&str]) -> (Ran, BuildLog) {
        let ran = self
            .docker(folder, ["compose", "--progress", "plain", "build"])
            .args(services)
            .run();
        let log = BuildLog::of(&ran.all());
        crate::say(format!("      {log}"));
        (ran, log)
    }

    /// Plain `docker compose up -d --build`, which must work, and which steps it ran. What
    /// it replaces gets a second to stop, not ten: half of what projects run ignores SIGTERM.
    pub fn compose_up(&self, folder: &Path) -> BuildLog {
        let ran = self
            .docker(
                folder,
                [
                    "compose",
                    "--progress",
                    "plain",
                    "up",
                    "-d",
                    "--build",
                    "-t",
                    "1",
                ],
            )
            .succeeds();
        let log = BuildLog::of(&ran.all());
        crate::say(format!("      {log}"));
        log
    }

    /// What a URL answers from inside the engine's network, once it contains a
    /// text; a running service gets half a minute for that.
    pub fn answers(&self, url: &str, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let ran = self
                .run("curl")
                .args(["-sS", "--max-time", "5", url])
                .quietly()
                .run();
            if ran.ok() && ran.stdout.contains(text) {
                crate::say(format!(
                    "      {url} answers {}",
                    shortened(&ran.stdout, text)
                ));
                return ran.stdout;
            }
            assert!(
                Instant::now() < deadline,
                "{url} does not answer {text:?}: {ran}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the services of a project have printed all of these words; who has
    /// just been started gets a minute for that.
    pub fn prints(&self, project: &Path, mut words: Vec<String>) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let logs = self.docker(project, ["compose", "logs", "--no-log-prefix"]);
            let logs = logs.quietly().succeeds();
            words.retain(|word| !logs.stdout.contains(word));
            if words.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{words:?} of {logs}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The names of the images it has, as `name:tag`.
    pub fn images(&self) -> Vec<String> {
        let ran = self
            .run("docker")
            .args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
            .quietly()
            .succeeds();
        let mut names: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// How often images were loaded since a moment, given in the engine's own
    /// clock by [`Engine::now`].
    pub fn loads_since(&self, moment: &str) -> usize {
        let ran = self
            .run("docker")
            .args(["events", "--since", moment, "--until", &self.now()])
            .args([
                "--filter",
                "type=image",
                "--filter",
                "event=load",
                "--format",
                "{{.ID}}",
            ])
            .quietly()
            .succeeds();
        ran.stdout.lines().count()
    }

    /// The time, as `docker events` takes it.
    pub fn now(&self) -> String {
        let ran = self.run("date").arg("+%s.%N").quietly().succeeds();
        ran.stdout.trim().to_owned()
    }

    /// Tells what it has cost: the processor time of all in its cgroup.
    fn tell_cost(&self) {
        let lab = lab_dir();
        let lab = lab.file_name().unwrap_or_default();
        let stat = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .iter()
            .find_map(|root| {
                let group = Path::new(root).join(lab).join(&self.name);
                std::fs::read_to_string(group.join("cpu.stat")).ok()
            });
        let used = stat
            .as_deref()
            .unwrap_or_default()
            .lines()
            .find_map(|line| {
                let micros = line.strip_prefix("usage_usec ")?;
                micros.parse().ok().map(Duration::from_micros)
            });
        if let Some(used) = used {
            crate::say(format!(
                "[{}] ends after {:.1?} of a processor",
                self.kind, used
            ));
        }
    }

    /// Sets the engine's own log aside, beside the folders of the test that failed.
    fn keep_log(&self) {
        let home = self.lab("home").quietly().run().stdout;
        let log = Path::new(home.trim()).with_file_name("dockerd.log");
        let kept = lab_work().join(format!("kept-{}.log", self.name));
        if std::fs::copy(log, &kept).is_ok() {
            println!("    kept for a look: {}", kept.display());
        }
    }
}

/// The text with a little around it.
fn shortened(all: &str, text: &str) -> String {
    let line = all.lines().find(|l| l.contains(text)).unwrap_or(text);
    if line.len() < 100 {
        line.trim().to_owned()
    } else {
        format!("...{text}...")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::env::var_os("KEEP").is_some() {
            return;
        }
        if std::thread::panicking() {
            self.keep_log();
        }
        self.tell_cost();
        let ran = self.lab("wipe").quietly().run();
        if !ran.ok() && !std::thread::panicking() {
            println!("    {} was not wiped: {ran}", self.name);
        }
    }
}
