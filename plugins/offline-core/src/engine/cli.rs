use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::Error;
use super::api::{Api, default_socket};
use super::plugins::{Plugins, STARTED_BY, Settings, config_flag, docker_config, is_program};

/// How long a docker process gets to end by itself after an interrupt.
const GRACE: Duration = Duration::from_secs(10);

/// The `docker` command with the user's global flags.
#[derive(Debug, Clone)]
pub struct Docker {
    program: PathBuf,
    global_args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    plugins: Arc<OnceLock<Plugins>>,
    api: Arc<OnceLock<Api>>,
    interrupted: Arc<AtomicBool>,
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
            global_args,
            ..Self::at(program)
        })
    }

    /// The `docker` command in this file.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            global_args: Vec::new(),
            environment: Vec::new(),
            plugins: Arc::default(),
            api: Arc::default(),
            interrupted: Arc::default(),
        }
    }

    /// The same command with one more environment variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The same for another program that takes these flags; `translate` gives them as that
    /// program takes them, and variables for those that it takes so.
    pub(super) fn with_program(
        self,
        program: PathBuf,
        translate: impl FnOnce(Vec<OsString>) -> (Vec<OsString>, Vec<(OsString, OsString)>),
    ) -> Self {
        let (global_args, variables) = translate(self.global_args);
        let mut environment = self.environment;
        environment.extend(variables);
        Self {
            program,
            global_args,
            environment,
            plugins: Arc::default(),
            api: self.api,
            interrupted: self.interrupted,
        }
    }

    /// The same command, ended when `interrupted` becomes true.
    #[must_use]
    pub fn with_interrupt(mut self, interrupted: Arc<AtomicBool>) -> Self {
        self.interrupted = interrupted;
        self
    }

    /// The same command, that an interrupt does not end: for what has to be taken away
    /// after one.
    #[must_use]
    pub(crate) fn without_interrupt(self) -> Self {
        self.with_interrupt(Arc::default())
    }

    /// The same for a few short questions: the collector of Go's memory, which takes
    /// a fourth of their processor time (measured on 28.5), stays out of them until a
    /// quarter of a GiB is used.
    #[must_use]
    pub fn for_questions(self) -> Self {
        if std::env::var_os("GOGC").is_some() || std::env::var_os("GOMEMLIMIT").is_some() {
            return self;
        }
        self.with_env("GOGC", "off")
            .with_env("GOMEMLIMIT", "256MiB")
    }

    /// Whether the user has given flags such as `--context` or `-H`.
    pub fn has_global_args(&self) -> bool {
        !self.global_args.is_empty()
    }

    /// Fails when the user has interrupted.
    pub fn check_interrupt(&self) -> Result<(), Error> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }

    pub(super) fn interrupt(&self) -> &AtomicBool {
        &self.interrupted
    }

    /// The connection to the engine's API, once it is made.
    pub(super) fn connection(&self) -> &OnceLock<Api> {
        &self.api
    }

    /// The folder with the user's settings, as docker with these flags finds it.
    pub(super) fn config_folder(&self) -> Option<PathBuf> {
        config_flag(&self.global_args).or_else(docker_config)
    }

    /// Whether the command is docker's own program. A script of that name has its reasons: it may
    /// go by sudo, to another engine or with other settings, and so everything goes through it.
    fn is_dockers_own(&self) -> bool {
        let file = self.program.canonicalize().ok();
        let own = file.filter(|f| f.file_name() == Some(OsStr::new("docker")));
        own.is_some_and(|file| is_program(&file).unwrap_or(false))
    }

    /// The engine's socket, where docker with these flags would use it; of its flags only the
    /// folder of settings decides nothing.
    pub(super) fn own_socket(&self) -> Option<PathBuf> {
        if !self.is_dockers_own() {
            return None;
        }
        let config = self.config_folder();
        let settings = config.as_deref().map(Settings::read).unwrap_or_default();
        let mut flags = self.global_args.iter();
        while let Some(flag) = flags.next() {
            match flag.to_str()? {
                "--config" => _ = flags.next(),
                flag if flag.starts_with("--config=") => {}
                _ => return None,
            }
        }
        let variable = |name: &str| {
            let own = self.environment.iter().find(|(n, _)| n == name);
            let own = own.map(|(_, value)| value.to_string_lossy().into_owned());
            own.or_else(|| std::env::var(name).ok())
        };
        default_socket(variable, settings.current_context.as_deref())
    }

    /// The engine's address; nothing where docker does not know it.
    pub(crate) fn endpoint(&self) -> String {
        if let Some(socket) = self.own_socket() {
            return format!("unix://{}", socket.display());
        }
        let format = "{{.Endpoints.docker.Host}}";
        let said = self.output(["context", "inspect", "--format", format]);
        said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    }

    /// A `docker` process to be, with global flags, without standard input.
    pub fn command<I, S>(&self, args: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut args = args.into_iter().peekable();
        let plugins = || {
            let find = || {
                if self.is_dockers_own() {
                    Plugins::find(self.config_folder().as_deref())
                } else {
                    Plugins::default()
                }
            };
            self.plugins.get_or_init(find)
        };
        let plugin = args.peek().and_then(|name| plugins().file(name.as_ref()));
        let mut command = Command::new(plugin.unwrap_or(&self.program));
        if plugin.is_some() {
            command.env(STARTED_BY, &self.program);
        }
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
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let (status, stdout, stderr) = std::thread::scope(|scope| {
            let out = scope.spawn(move || read_all(stdout));
            let err = scope.spawn(move || read_all(stderr));
            let status = self.wait(child);
            (
                status,
                out.join().unwrap_or_default(),
                err.join().unwrap_or_default(),
            )
        });
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        Self::check(&name, status?, &stderr)?;
        Ok(Output { stdout, stderr })
    }

    /// Runs a docker command and hands every line it prints, from either
    /// stream, to `on_line`. Returns whether it succeeded.
    pub fn lines<I, S>(&self, args: I, on_line: impl FnMut(&str)) -> Result<ExitStatus, Error>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.lines_until(args, &|| false, on_line)
    }

    /// The same, ended as by an interrupt of the user once `stop` says so, which is
    /// asked every few hundredths of a second; what it prints until its end still
    /// goes to `on_line`.
    pub fn lines_until<I, S>(
        &self,
        args: I,
        stop: &(dyn Fn() -> bool + Sync),
        mut on_line: impl FnMut(&str),
    ) -> Result<ExitStatus, Error>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let (reader, writer) = io::pipe().map_err(|source| self.io(source))?;
        let child = {
            let mut command = self.command(args);
            let second = writer.try_clone().map_err(|source| self.io(source))?;
            command.stdout(second).stderr(writer);
            // The command owns both write ends: it must go before the reading,
            // or the pipe would never end.
            self.spawn(&mut command)?
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.wait_or_stop(child, stop));
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            loop {
                line.clear();
                match reader.read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => break,
                    Ok(_) => on_line(String::from_utf8_lossy(&line).trim_end()),
                }
            }
            waiting.join().unwrap_or(Err(Error::Interrupted))
        })
    }

    /// Runs a docker command whose standard output is a stream to read.
    pub fn read_from<I, S, T, E>(
        &self,
        args: I,
        read: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<Result<T, E>, Error>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.command(args);
        let name = self.describe(&command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let (result, status, stderr) = std::thread::scope(|scope| {
            let err = scope.spawn(move || read_all(stderr));
            let waiting = scope.spawn(|| self.wait(child));
            let result = stdout.map(|mut stdout| {
                let result = read(&mut stdout);
                if result.is_ok() {
                    // What is left must be drained, or the process never ends.
                    let _ = io::copy(&mut stdout, &mut io::sink());
                }
                result
            });
            (
                result,
                waiting.join().unwrap_or(Err(Error::Interrupted)),
                err.join().unwrap_or_default(),
            )
        });
        match result {
            // The reader's own failure is the cause; the process only lost its pipe.
            Some(Err(error)) => {
                self.check_interrupt()?;
                Ok(Err(error))
            }
            Some(Ok(value)) => {
                Self::check(&name, status?, &String::from_utf8_lossy(&stderr))?;
                Ok(Ok(value))
            }
            None => Err(self.io(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Runs a docker command whose standard input is written by `write`, and
    /// returns its standard output.
    pub fn write_to<I, S, E>(
        &self,
        args: I,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Result<Output, E>, Error>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.command(args);
        let name = self.describe(&command);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.spawn(&mut command)?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (written, status, stdout, stderr) = std::thread::scope(|scope| {
            let out = scope.spawn(move || read_all(stdout));
            let err = scope.spawn(move || read_all(stderr));
            let waiting = scope.spawn(|| self.wait(child));
            let written = stdin.map(|mut stdin| write(&mut stdin));
            (
                written,
                waiting.join().unwrap_or(Err(Error::Interrupted)),
                out.join().unwrap_or_default(),
                err.join().unwrap_or_default(),
            )
        });
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        // A process that gave up closed the pipe: its own words come first.
        Self::check(&name, status?, &stderr)?;
        match written {
            Some(Err(error)) => Ok(Err(error)),
            _ => Ok(Ok(Output { stdout, stderr })),
        }
    }

    /// The command as a user would type it, without global flags.
    pub(crate) fn describe(&self, command: &Command) -> String {
        let args = command.get_args().skip(self.global_args.len());
        let old = self.program.file_name() == Some(OsStr::new(super::old_compose::PROGRAM));
        let name = if old {
            super::old_compose::PROGRAM
        } else {
            "docker"
        };
        std::iter::once(name.into())
            .chain(args.map(|a| a.to_string_lossy().into_owned()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
        self.check_interrupt()?;
        command.spawn().map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io {
            program: self.program.clone(),
            source,
        }
    }

    fn wait(&self, child: Child) -> Result<ExitStatus, Error> {
        self.wait_or_stop(child, &|| false)
    }

    /// Waits for a process; ends it when the user interrupts, or `stop` says so.
    fn wait_or_stop(
        &self,
        mut child: Child,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<ExitStatus, Error> {
        let mut deadline: Option<Instant> = None;
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(status) = child.try_wait().map_err(|source| self.io(source))? {
                self.check_interrupt()?;
                return Ok(status);
            }
            if deadline.is_some() || self.interrupted.load(Ordering::Relaxed) || stop() {
                match deadline {
                    None => {
                        deadline = Some(Instant::now() + GRACE);
                        if let Ok(pid) = i32::try_from(child.id())
                            && let Some(pid) = rustix::process::Pid::from_raw(pid)
                        {
                            let _ =
                                rustix::process::kill_process(pid, rustix::process::Signal::INT);
                        }
                    }
                    Some(at) if Instant::now() > at => {
                        let _ = child.kill();
                    }
                    Some(_) => {}
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn check(name: &str, status: ExitStatus, stderr: &str) -> Result<(), Error> {
        if status.success() {
            Ok(())
        } else {
            Err(Error::from_stderr(name, status.to_string(), stderr))
        }
    }
}

fn read_all(stream: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        let _ = stream.read_to_end(&mut bytes);
    }
    bytes
}
