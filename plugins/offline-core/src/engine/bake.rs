use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::build_progress::{Change, RawProgress, Read, plain};
use super::{BuildLog, Docker, Error, StepFailure};
use crate::dockerfile::Platform;
use crate::event::{Event, Reporter};

/// Runs of a build whose connection to the builder breaks off.
const CONNECTION_ATTEMPTS: u32 = 3;

/// buildx asks for leave to give a bake entitlements since then (docker/buildx#2666).
const ASKS_FOR_LEAVE_SINCE: (u32, u32) = (0, 17);

/// What whoever watches a build wants of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// It is to go on.
    GoOn,
    /// It is to end now.
    Stop,
}

/// A bake file: targets by name, of which some are built.
#[derive(Debug, Clone, Default)]
pub struct BakeFile {
    targets: Map<String, Value>,
    built: Vec<String>,
}

impl BakeFile {
    /// Adds a target that is only referred to by others.
    pub fn define(&mut self, name: impl Into<String>, target: Value) {
        self.targets.insert(name.into(), target);
    }

    /// Adds a target to build.
    pub fn build(&mut self, name: impl Into<String>, target: Value) {
        let name = name.into();
        self.built.push(name.clone());
        self.define(name, target);
    }

    /// Whether there is a target of this name.
    pub fn defines(&self, name: &str) -> bool {
        self.targets.contains_key(name)
    }

    /// How many targets are built.
    pub fn len(&self) -> usize {
        self.built.len()
    }

    /// Whether there is nothing to build.
    pub fn is_empty(&self) -> bool {
        self.built.is_empty()
    }

    /// What its targets may do that bake has to be given leave for.
    fn entitlements(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for target in self.targets.values() {
            if target["network"] == "host" {
                all.insert("network.host".to_owned());
            }
            let asked = target["entitlements"].as_array().into_iter().flatten();
            all.extend(asked.filter_map(|e| Some(e.as_str()?.to_owned())));
        }
        all
    }

    /// The file as JSON.
    pub fn to_json(&self) -> Value {
        json!({"group": {"default": {"targets": self.built}}, "target": self.targets})
    }
}

impl Docker {
    /// Builds a bake file and returns its log.
    pub fn bake(
        &self,
        file: &BakeFile,
        scratch: &Path,
        reporter: &dyn Reporter,
    ) -> Result<BuildLog, Error> {
        self.bake_with(file, scratch, &[], reporter)
    }

    /// Builds a bake file and returns its log and, per target, what buildx
    /// says of the result (`containerimage.digest` and its kin).
    pub fn bake_with_metadata(
        &self,
        file: &BakeFile,
        scratch: &Path,
        reporter: &dyn Reporter,
    ) -> Result<(BuildLog, BTreeMap<String, Value>), Error> {
        let metadata = tempfile::NamedTempFile::new_in(scratch)
            .map_err(|source| scratch_error(scratch, source))?;
        let flags = ["--metadata-file".into(), metadata.path().into()];
        let log = self.bake_with(file, scratch, &flags, reporter)?;
        let read = std::fs::read(metadata.path()).unwrap_or_default();
        Ok((log, serde_json::from_slice(&read).unwrap_or_default()))
    }

    fn bake_with(
        &self,
        file: &BakeFile,
        scratch: &Path,
        flags: &[OsString],
        reporter: &dyn Reporter,
    ) -> Result<BuildLog, Error> {
        self.bake_definition(file, scratch, |docker, definition| {
            let mut args: Vec<OsString> = ["buildx", "bake", "--progress", "plain"]
                .map(Into::into)
                .into();
            args.extend(docker.leave(file)?);
            args.extend(flags.iter().cloned());
            args.push("--file".into());
            args.push(definition.into());
            docker.build_lines(args, reporter)
        })
    }

    /// Builds a bake file while `watch` is told of every change as it happens. It may
    /// stop the build, as whoever sets `stop` may: the builder then ends what runs,
    /// and what was done stays in its cache. Needs buildx 0.13.
    ///
    /// It is stopped once no step has started for a moment, or ends by itself before:
    /// the layer that a step starts upon is committed then, and where a containerd
    /// store is interrupted in that, every later build upon it fails (engine fact 43).
    ///
    /// Returns the log, and whether it was stopped.
    pub fn bake_watched(
        &self,
        file: &BakeFile,
        scratch: &Path,
        reporter: &dyn Reporter,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Change) -> Watch,
    ) -> Result<(BuildLog, bool), Error> {
        self.bake_definition(file, scratch, |docker, definition| {
            let words = ["buildx", "bake", "--progress", "rawjson"];
            let mut args: Vec<OsString> = words.map(Into::into).into();
            args.extend(docker.leave(file)?);
            args.push("--file".into());
            args.push(definition.into());
            let mut stopped = false;
            let log = again_where_lost(&docker, reporter, || {
                let (log, stop) = docker.watch_once(&args, reporter, stop, watch)?;
                stopped = stop;
                Ok((log, stop))
            })?;
            Ok((log, stopped))
        })
    }

    fn watch_once(
        &self,
        args: &[OsString],
        reporter: &dyn Reporter,
        stop: &AtomicBool,
        watch: &mut dyn FnMut(&Change) -> Watch,
    ) -> Result<(BuildLog, bool), Error> {
        let mut log = BuildLog::default();
        let mut progress = RawProgress::default();
        let mut printed: BTreeMap<u64, Option<SystemTime>> = BTreeMap::new();
        let mut wished = false;
        let ending = Ending::default();
        let should_stop = || ending.is_due(stop.load(Ordering::Relaxed));
        let status = self.lines_until(args, &should_stop, |line| {
            progress.read_line(line, &mut |read| match read {
                Read::Line(line) => {
                    log.read_line(&line);
                    output(reporter, &line);
                }
                Read::Change(change, number, first) => {
                    if change.completed.is_none() {
                        ending.step_started();
                    }
                    if watch(&change) == Watch::Stop {
                        wished = true;
                        ending.wish();
                    }
                    let known = printed.insert(number, change.completed);
                    if known.is_some_and(|before| before == change.completed) {
                        return;
                    }
                    for line in plain(&change, number, known.is_some()) {
                        log.read_line(&line);
                        if first {
                            output(reporter, &line);
                        }
                    }
                }
            });
        })?;
        log.finish(status.success());
        let stopped = wished || stop.load(Ordering::Relaxed) && !status.success();
        Ok((log, stopped))
    }

    /// The flags that let a bake do what its definitions ask for, as Compose does by
    /// itself: the project's own file says so. buildx before 0.17 knows no such flag,
    /// and asks for no leave.
    fn leave(&self, file: &BakeFile) -> Result<Vec<OsString>, Error> {
        let wanted = file.entitlements();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.output(["buildx", "version"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(1).and_then(numbers);
        if version.is_some_and(|version| version < ASKS_FOR_LEAVE_SINCE) {
            return Ok(Vec::new());
        }
        let flags = wanted.into_iter();
        Ok(flags.map(|name| format!("--allow={name}").into()).collect())
    }

    /// Writes the definition, and runs a bake that reads it.
    fn bake_definition<T>(
        &self,
        file: &BakeFile,
        scratch: &Path,
        run: impl FnOnce(Self, &Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let io = |source| scratch_error(scratch, source);
        let mut definition = tempfile::Builder::new()
            .suffix(".json")
            .tempfile_in(scratch)
            .map_err(io)?;
        definition
            .write_all(file.to_json().to_string().as_bytes())
            .map_err(io)?;
        // Contexts and caches lie where the project has them; buildx would ask
        // for leave to read outside the working folder (buildx 0.19 up).
        let docker = self
            .clone()
            .with_env("BUILDX_BAKE_ENTITLEMENTS_FS", "0")
            .with_env("BUILDX_METADATA_PROVENANCE", "disabled")
            .with_env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        run(docker, definition.path())
    }

    /// The name and driver of the builder that `docker compose build` will use.
    pub fn active_builder(&self) -> Result<(String, String), Error> {
        let output = self.output(["buildx", "inspect"])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let field = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        Ok((field("Name:"), field("Driver:")))
    }

    /// The platforms whose programs the active builder can run, by itself or by
    /// emulation.
    pub fn builder_platforms(&self) -> Result<Vec<Platform>, Error> {
        let output = self.output(["buildx", "inspect"])?;
        Ok(platforms(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Runs a building command and reads its plain progress.
    ///
    /// A connection to the builder that breaks off ends the command although
    /// nothing is wrong with the build (seen once in some sixty builds on 28.5);
    /// it is run again, and finds in the cache what was done.
    pub fn build_lines(
        &self,
        args: impl IntoIterator<Item = OsString>,
        reporter: &dyn Reporter,
    ) -> Result<BuildLog, Error> {
        let args: Vec<OsString> = args.into_iter().collect();
        again_where_lost(self, reporter, || {
            Ok((self.build_lines_once(&args, reporter)?, false))
        })
    }

    fn build_lines_once(
        &self,
        args: &[OsString],
        reporter: &dyn Reporter,
    ) -> Result<BuildLog, Error> {
        let mut log = BuildLog::default();
        let status = self.lines(args, |line| {
            log.read_line(line);
            output(reporter, line);
        })?;
        log.finish(status.success());
        Ok(log)
    }
}

/// When a build that is to be stopped may be.
#[derive(Debug, Default)]
struct Ending {
    wish: Mutex<Option<Instant>>,
    last_start: Mutex<Option<Instant>>,
}

impl Ending {
    /// How long no step must have started.
    const QUIET: Duration = Duration::from_millis(1200);
    /// It is not waited longer than this.
    const LATEST: Duration = Duration::from_secs(6);

    fn step_started(&self) {
        *lock(&self.last_start) = Some(Instant::now());
    }

    fn wish(&self) {
        lock(&self.wish).get_or_insert_with(Instant::now);
    }

    fn is_due(&self, wished_by_others: bool) -> bool {
        if wished_by_others {
            self.wish();
        }
        let Some(since) = *lock(&self.wish) else {
            return false;
        };
        let last = *lock(&self.last_start);
        since.elapsed() >= Self::LATEST || last.is_none_or(|at| at.elapsed() >= Self::QUIET)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a build, and again where its connection broke off or the engine lost a snapshot;
/// `run` also says whether it was stopped, and then it is not run again.
fn again_where_lost(
    docker: &Docker,
    reporter: &dyn Reporter,
    mut run: impl FnMut() -> Result<(BuildLog, bool), Error>,
) -> Result<BuildLog, Error> {
    let mut attempt = 1;
    loop {
        let (log, stopped) = run()?;
        let lost = |f: &StepFailure| is_lost_connection(&f.message) || is_lost_snapshot(&f.message);
        let lost = log.failure().filter(lost);
        let Some(failure) = lost.filter(|_| attempt < CONNECTION_ATTEMPTS && !stopped) else {
            return Ok(log);
        };
        let wait = Duration::from_secs(1);
        reporter.event(Event::Retry {
            what: "the build".into(),
            attempt,
            wait,
            cause: failure.message,
        });
        std::thread::sleep(wait);
        docker.check_interrupt()?;
        attempt += 1;
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn output(reporter: &dyn Reporter, line: &str) {
    if !line.is_empty() && !is_leave_notice(line) {
        reporter.event(Event::BuildOutput {
            line: line.to_owned(),
        });
    }
}

/// The lines `Platforms:` of `docker buildx inspect`; a star marks what the user
/// has configured.
fn platforms(inspected: &str) -> Vec<Platform> {
    inspected
        .lines()
        .filter_map(|line| line.strip_prefix("Platforms:"))
        .flat_map(|list| list.split(','))
        .filter_map(|one| one.trim().trim_end_matches('*').parse().ok())
        .collect()
}

/// Words of gRPC for a stream whose other end is gone.
fn is_lost_connection(message: &str) -> bool {
    message.contains("error reading from server: EOF") || message.contains("transport is closing")
}

/// Words of containerd for a layer that its garbage collection took away while the image
/// upon it was unpacked (engine fact 71). All steps are done by then, and cached.
fn is_lost_snapshot(message: &str) -> bool {
    message.contains("parent snapshot") && message.contains("does not exist")
}

/// What bake prints of reads outside the working folder although it may do them.
fn is_leave_notice(line: &str) -> bool {
    const STARTS: [&str; 4] = [
        "Your build is requesting privileges",
        " - Read access to path",
        "Pass \"--allow=",
        "Your full command with requested privileges",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
        || line.contains("buildx bake --allow=fs.read=")
}

/// The cache source for one image of a layout, as a bake file takes it: a line
/// of CSV, so that a path with a comma or a quote stands in quotes, in which
/// bake expands `${` and `%{`.
pub fn local_cache_source(layout: &Path, digest: &str) -> String {
    let source = format!("src={}", layout.display());
    let source = if source.contains([',', '"', '\n']) {
        format!("\"{}\"", source.replace('"', "\"\""))
    } else {
        source
    };
    let source = source.replace("${", "$${").replace("%{", "%%{");
    format!("type=local,{source},digest={digest}")
}

fn scratch_error(scratch: &Path, source: std::io::Error) -> Error {
    Error::Io {
        program: scratch.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_with_what_is_emulated() {
        let text = "Name: default\nPlatforms:        linux/amd64*, linux/amd64/v2, linux/arm64\n";
        let wanted: Platform = "linux/arm64/v8".parse().unwrap();
        assert_eq!(platforms(text).len(), 3);
        assert!(platforms(text).contains(&wanted));
    }

    #[test]
    fn a_lost_snapshot_is_told_from_other_failures() {
        let words = "failed to prepare extraction snapshot \"extract-1-a sha256:1\": parent snapshot sha256:2 does not exist: not found";
        assert!(is_lost_snapshot(words));
        assert!(!is_lost_snapshot("docker.io/library/a:1: not found"));
    }

    #[test]
    fn a_bake_asks_for_what_its_targets_do() {
        let mut file = BakeFile::default();
        file.build("a", json!({"network": "host"}));
        file.define("b", json!({"entitlements": ["security.insecure"]}));
        file.build("c", json!({"network": "none"}));
        let all: Vec<_> = file.entitlements().into_iter().collect();
        assert_eq!(all, ["network.host", "security.insecure"]);
    }

    #[test]
    fn a_path_may_hold_what_csv_and_bake_would_read() {
        for (path, expected) in [
            ("/b/c", "type=local,src=/b/c,digest=sha256:1"),
            ("/a b/c", "type=local,src=/a b/c,digest=sha256:1"),
            ("/a, b", "type=local,\"src=/a, b\",digest=sha256:1"),
            ("/a\"b", "type=local,\"src=/a\"\"b\",digest=sha256:1"),
            ("/${x}", "type=local,src=/$${x},digest=sha256:1"),
        ] {
            assert_eq!(local_cache_source(Path::new(path), "sha256:1"), expected);
        }
    }
}
