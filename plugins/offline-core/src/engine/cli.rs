use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::Error;

/// The `docker` command with the user's global flags.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
    global_args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

/// What a docker command printed; its exit status was checked.
#[derive(Debug, Clone)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

impl Docker {
    /// Finds `docker` on PATH. `global_args` are `--context X`, `-H ...`,
    /// `--config D`, `--tls...`, passed before every subcommand.
    pub fn new(global_args: Vec<OsString>) -> Result<Self, Error> {
        let program = which::which("docker").map_err(|_| Error::DockerMissing)?;
        Ok(Self {
            program,
            global_args,
            environment: Vec::new(),
        })
    }

    /// The same command with one more environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// A `docker` process to be, with global flags, without standard input.
    pub fn command<I, S>(&self, args: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(&self.program);
        command
            .args(&self.global_args)
            .args(args)
            .stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        command
    }

    /// Runs a docker command to its end; a non-zero exit becomes a typed error.
    pub fn output<I, S>(&self, args: I) -> Result<Output, Error>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.command(args);
        let name = self.describe(&command);
        let output = command.output().map_err(|source| Error::Io {
            program: self.program.clone(),
            source,
        })?;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(Error::from_stderr(
                &name,
                output.status.to_string(),
                &stderr,
            ));
        }
        Ok(Output {
            stdout: output.stdout,
            stderr,
        })
    }

    /// The command as a user would type it, without global flags.
    pub(crate) fn describe(&self, command: &Command) -> String {
        let args = command.get_args().skip(self.global_args.len());
        std::iter::once("docker".into())
            .chain(args.map(|a| a.to_string_lossy().into_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    }
}
