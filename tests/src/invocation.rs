use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A command that has not been started yet. It gets a time limit: what is meant
/// to say no must say it, and never wait for a network that is not there.
#[derive(Debug)]
pub struct Invocation {
    command: Command,
    shown: String,
    limit: Duration,
    input: Vec<u8>,
    quiet: bool,
}

/// A command on the machine itself.
pub fn on_machine(program: impl AsRef<OsStr>) -> Invocation {
    let program = program.as_ref();
    Invocation {
        command: Command::new(program),
        shown: program.to_string_lossy().into_owned(),
        limit: Duration::from_secs(300),
        input: Vec::new(),
        quiet: false,
    }
}

impl Invocation {
    pub(crate) fn shown_as(mut self, shown: &str) -> Self {
        shown.clone_into(&mut self.shown);
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let _ = write!(self.shown, " {}", arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    pub(crate) fn hidden_arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<I: AsRef<OsStr>>(self, args: impl IntoIterator<Item = I>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        let value = value.into();
        self.shown = format!("{name}={} {}", value.to_string_lossy(), self.shown);
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    /// How long it may take; five minutes if not said. Longer is a failure.
    #[must_use]
    pub fn within(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Not told in the output, unless it fails.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Starts it and does not wait.
    pub fn start(&mut self) -> Running {
        self.command
            .stdin(if self.input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, as a shell makes one: Ctrl-C reaches all of it.
            .process_group(0);
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", self.shown));
        if let Some(mut stdin) = child.stdin.take() {
            // The command may well end without reading it all.
            let _ = stdin.write_all(&self.input);
        }
        let stdout = Reader::of(child.stdout.take().unwrap());
        let stderr = Reader::of(child.stderr.take().unwrap());
        Running {
            child,
            stdout,
            stderr,
            shown: self.shown.clone(),
            limit: self.limit,
            started: Instant::now(),
            quiet: self.quiet,
        }
    }

    /// Runs it to its end.
    ///
    /// Of a container that ends at once an engine may lose what it printed, and end well all the
    /// same (moby 45689; here on 26.1, once in some thousand, beside two other engines). It is
    /// asked again then: an image that has nothing to say says nothing each time.
    ///
    /// So is a plain build that lost a layer when all of its steps were done (engine fact 71):
    /// its own log stands for both, as the second finds all in the cache.
    pub fn run(mut self) -> Ran {
        if self.is_plain_compose() {
            let ran = self.start().finish();
            if ran.ok() || !ran.lost_a_layer() {
                return ran;
            }
            crate::say("      the engine lost a layer; the build is run again");
            let again = self.start().finish();
            return Ran {
                stdout: ran.stdout,
                ..again
            };
        }
        let tries = if self.is_a_container_to_its_end() {
            4
        } else {
            1
        };
        for _ in 1..tries {
            let ran = self.start().finish();
            if !ran.ok() || !ran.stdout.is_empty() {
                return ran;
            }
            crate::say("      the container's words did not come; it is run again");
        }
        self.start().finish()
    }

    /// Whether this is `docker compose`, without our commands before it.
    fn is_plain_compose(&self) -> bool {
        let mut args = self.command.get_args();
        let builds = ["build", "up"].map(OsStr::new);
        args.any(|arg| arg == "compose") && args.any(|arg| builds.contains(&arg))
    }

    /// Whether this is `docker run --rm`, or the same of Compose.
    fn is_a_container_to_its_end(&self) -> bool {
        let args: Vec<&OsStr> = self.command.get_args().collect();
        args.windows(2).any(|pair| pair == ["run", "--rm"])
    }

    /// Runs it, and fails the test unless it exits with 0.
    pub fn succeeds(self) -> Ran {
        let ran = self.run();
        assert!(ran.ok(), "should have worked: {ran}");
        ran
    }

    /// Runs it, and fails the test unless it fails as it should: with this exit
    /// code, an error with each of these words in it, and a hint.
    pub fn fails_with(self, code: i32, words: &[&str]) -> Ran {
        let ran = self.run();
        ran.assert_failure(code, words);
        ran
    }
}

/// A command that was started.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Reader,
    stderr: Reader,
    shown: String,
    limit: Duration,
    started: Instant,
    quiet: bool,
}

impl Running {
    /// Signals the command and all that it has started, as a terminal does.
    pub fn signal_all(&self, signal: Signal) {
        let _ = kill_process_group(self.pid(), signal);
    }

    /// Signals the first process alone.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(self.pid(), signal);
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until what it prints (on either side) contains a text. False when it
    /// ended without.
    pub fn wait_for(&mut self, text: &str) -> bool {
        loop {
            if self.stderr.text().contains(text) || self.stdout.text().contains(text) {
                return true;
            }
            if self.ended().is_some() {
                return false;
            }
            self.check_limit();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    fn check_limit(&mut self) {
        if self.started.elapsed() > self.limit {
            self.signal_all(Signal::KILL);
            let _ = self.child.wait();
            panic!(
                "still running after {:?}: {}\n{}\n{}",
                self.limit,
                self.shown,
                last_lines(&self.stdout.text()),
                last_lines(&self.stderr.text())
            );
        }
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Ran {
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            self.check_limit();
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = self.started.elapsed();
        let ran = Ran {
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            took,
            shown: self.shown,
        };
        if !self.quiet {
            crate::say(format!(
                "$ {}  [{} after {:.1} s]",
                ran.shown,
                ran.code,
                took.as_secs_f64()
            ));
        }
        ran
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; 128 and the signal for one that was killed.
    pub code: i32,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
    /// The command, for messages.
    pub shown: String,
}

impl Ran {
    /// Whether the engine lost a layer while it unpacked the image (engine fact 71).
    fn lost_a_layer(&self) -> bool {
        let words = ["failed to prepare extraction snapshot", "parent snapshot"];
        let all = self.all();
        words.iter().all(|word| all.contains(word))
    }

    /// Whether it exited with 0.
    pub fn ok(&self) -> bool {
        self.code == 0
    }

    /// Everything it printed.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Its output as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON ({e}): {self}"))
    }

    /// Fails the test unless this failed in words: what, where, why, what next.
    pub fn assert_failure(&self, code: i32, words: &[&str]) {
        self.assert_in_words();
        for word in words {
            assert!(
                self.stderr.contains(word),
                "{word:?} is not in what it says: {self}"
            );
        }
        assert_eq!(self.code, code, "another exit code was expected of: {self}");
    }

    /// Fails the test unless this failed with an `error:` and a `hint:`, and with
    /// neither a panic nor an errno as its only explanation.
    pub fn assert_in_words(&self) {
        assert!(!self.ok(), "should have failed: {self}");
        self.assert_no_panic();
        assert!(self.stderr.contains("error:"), "no error: line: {self}");
        assert!(self.stderr.contains("hint:"), "no hint: line: {self}");
        let error = self
            .stderr
            .lines()
            .find(|l| l.starts_with("error:"))
            .unwrap_or_default();
        assert!(
            !error.contains("os error"),
            "an errno is no explanation: {self}"
        );
    }

    /// Fails the test if it panicked.
    pub fn assert_no_panic(&self) {
        for word in ["panicked", "RUST_BACKTRACE", "internal error"] {
            assert!(!self.all().contains(word), "{word}: {self}");
        }
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "$ {}\nexit code {} after {:.1} s\n--- stdout\n{}\n--- stderr\n{}\n---",
            self.shown,
            self.code,
            self.took.as_secs_f64(),
            last_lines(&self.stdout),
            last_lines(&self.stderr)
        )
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(80)..].join("\n")
}

/// Reads a pipe into memory, beside the command.
#[derive(Debug)]
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, thread }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// What was read when the pipe ended. Something that the command left behind
    /// may hold the pipe open; it is not waited for.
    fn finish(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.text()
    }
}
