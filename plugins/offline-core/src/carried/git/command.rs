//! The user's own git, which is never let to ask anybody anything.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::web::{Reach, shown};
use super::Error;
use crate::engine::Docker;

/// How often it is asked whether the user has interrupted.
const TICK: Duration = Duration::from_millis(50);
/// What waits no longer than a minute for a server that says nothing.
const SSH: &str = " -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=20";

/// git, for one repository.
pub(super) struct Git<'a> {
    pub(super) docker: &'a Docker,
    /// Where the repository is declared, with a colon.
    pub(super) place: String,
    /// The repository as the user wrote it.
    pub(super) url: &'a str,
    settings: Vec<String>,
    ssh: String,
    /// All authorities, where the user names some besides the system's.
    trust: Option<tempfile::NamedTempFile>,
}

impl<'a> Git<'a> {
    pub(super) fn new(
        reach: &Reach,
        docker: &'a Docker,
        place: String,
        url: &'a str,
    ) -> io::Result<Self> {
        let mut settings: Vec<String> = [
            "core.hooksPath=/dev/null",
            "core.autocrlf=false",
            "advice.detachedHead=false",
            "http.lowSpeedLimit=1",
            "http.lowSpeedTime=60",
        ]
        .map(str::to_owned)
        .into();
        settings.extend(
            reach
                .proxy
                .iter()
                .map(|proxy| format!("http.proxy={proxy}")),
        );
        let trust = reach.ca_file.as_deref().map(trust).transpose()?;
        let ssh = std::env::var("GIT_SSH_COMMAND")
            .ok()
            .filter(|c| !c.is_empty());
        let ssh = ssh.unwrap_or_else(|| configured_ssh().unwrap_or_else(|| "ssh".into()));
        Ok(Self {
            docker,
            place,
            url,
            settings,
            ssh: ssh + SSH,
            trust,
        })
    }

    /// Runs git in a folder, and gives what it prints.
    pub(super) fn run<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Result<String, Error> {
        let (ended_well, out, err) = self.outcome(folder, args)?;
        if ended_well {
            return Ok(out);
        }
        Err(Error::Failed {
            place: self.place.clone(),
            url: self.shown(),
            message: self.words(&err),
        })
    }

    /// The repository without credentials.
    pub(super) fn shown(&self) -> String {
        shown_git(self.url)
    }

    /// The lines of git that say what went wrong.
    fn words(&self, err: &str) -> String {
        let err = err.replace(self.url, &self.shown());
        let lines = err.lines().map(str::trim).filter(|l| !l.is_empty());
        let said: Vec<&str> = lines
            .clone()
            .filter(|l| {
                ["fatal:", "error:", "ERROR:", "remote:"]
                    .iter()
                    .any(|w| l.starts_with(w))
                    || l.contains("denied")
                    || l.contains("verification failed")
            })
            .collect();
        let said = if said.is_empty() {
            lines.collect()
        } else {
            said
        };
        said.iter().take(6).copied().collect::<Vec<_>>().join(" ")
    }

    fn outcome<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Result<(bool, String, String), Error> {
        let mut command = Command::new("git");
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.args(args).current_dir(folder);
        command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0");
        command
            .env("GCM_INTERACTIVE", "never")
            .env("GIT_LFS_SKIP_SMUDGE", "1");
        command
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env_remove("SSH_ASKPASS");
        command.env("GIT_SSH_COMMAND", &self.ssh);
        // What a hook or an alias that called us has set is of another repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        if let Some(trust) = &self.trust {
            command.env("GIT_SSL_CAINFO", trust.path());
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // With its helpers, so that all end with it.
        command.process_group(0);
        self.docker.check_interrupt()?;
        let mut child = command.spawn().map_err(|error| self.not_begun(&error))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        std::thread::scope(|scope| {
            let out = scope.spawn(move || read_all(stdout));
            let err = scope.spawn(move || read_all(stderr));
            let ended_well = loop {
                match child.try_wait() {
                    Ok(Some(status)) => break Ok(status.success()),
                    Ok(None) => {}
                    Err(error) => break Err(self.not_begun(&error)),
                }
                if let Err(error) = self.docker.check_interrupt() {
                    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                    let _ = pid.map(|pid| kill_process_group(pid, Signal::TERM));
                    let _ = child.wait();
                    break Err(error.into());
                }
                std::thread::sleep(TICK);
            };
            let (out, err) = (
                out.join().unwrap_or_default(),
                err.join().unwrap_or_default(),
            );
            Ok((ended_well?, out, err))
        })
    }

    fn not_begun(&self, error: &io::Error) -> Error {
        let (place, url) = (self.place.clone(), self.shown());
        match error.kind() {
            io::ErrorKind::NotFound => Error::GitMissing { place, url },
            _ => Error::Failed {
                place,
                url,
                message: error.to_string(),
            },
        }
    }
}

/// A repository's address without credentials.
pub(super) fn shown_git(url: &str) -> String {
    if url.contains("://") {
        shown(url)
    } else {
        url.to_owned()
    }
}

/// All that is trusted, as one file: git takes either the system's or another one.
fn trust(ca_file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut all = tempfile::NamedTempFile::new()?;
    all.write_all(offline_network::system_certificates().as_bytes())?;
    all.write_all(&fs::read(ca_file)?)?;
    Ok(all)
}

fn configured_ssh() -> Option<String> {
    let asked = ["config", "--get", "core.sshCommand"];
    let output = Command::new("git")
        .args(asked)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn read_all(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
