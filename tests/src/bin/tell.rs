//! Tells the stories: each in a process of its own, several at once, the longest first.
//!
//! Usage: `tell SCENARIOS`, the test binary of all stories, from the project's folder.
//! `SLOTS` says how many at once, `STORIES="name ..."` which ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use docker_offline_tests::{Job, Turn, estimate, jobs};

const TIMES: &str = "tests/scenarios/seconds";
const LAST_WORDS: usize = 40;

fn main() -> ExitCode {
    match tell() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell() -> Result<bool, String> {
    let binary = std::env::args().nth(1).ok_or("usage: tell SCENARIOS")?;
    let wanted = std::env::var("STORIES").unwrap_or_default();
    let only: Vec<&str> = wanted.split_whitespace().collect();
    let times = fs::read_to_string(TIMES).map_err(|e| format!("{TIMES}: {e}"))?;
    let jobs = jobs(&list(&binary)?, &times, &only)?;
    let slots = slots();
    let logs = PathBuf::from("target/stories");
    fs::create_dir_all(&logs).map_err(|e| format!("{}: {e}", logs.display()))?;
    println!(
        "{} stories, {slots} at once, about {} min; what they say is in {}",
        jobs.len(),
        estimate(&jobs, slots as u64).div_ceil(60),
        logs.display()
    );
    let told = Teller::new(&binary, &logs, jobs.len()).all(&jobs, slots)?;
    Ok(summary(&told, &logs))
}

fn list(binary: &str) -> Result<String, String> {
    let listed = Command::new(binary)
        .args(["--list", "--format", "terse"])
        .output()
        .map_err(|e| format!("{binary}: {e}"))?;
    Ok(String::from_utf8_lossy(&listed.stdout).into_owned())
}

/// Half as many again as there are processors: a story also waits, for servers far away
/// and for containers to start.
fn slots() -> usize {
    let wanted = std::env::var("SLOTS").ok().and_then(|n| n.parse().ok());
    wanted.unwrap_or_else(|| {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        processors + processors / 2
    })
}

/// A story that is being told.
struct Running<'a> {
    job: &'a Job,
    child: Child,
    since: Instant,
}

/// A story that has ended.
struct Told<'a> {
    job: &'a Job,
    seconds: u64,
    passed: u64,
    failed: u64,
}

struct Teller<'a> {
    binary: &'a str,
    logs: &'a Path,
    started: Instant,
    of: usize,
}

impl<'a> Teller<'a> {
    fn new(binary: &'a str, logs: &'a Path, of: usize) -> Self {
        let started = Instant::now();
        Self {
            binary,
            logs,
            started,
            of,
        }
    }

    fn all<'j>(&self, jobs: &'j [Job], slots: usize) -> Result<Vec<Told<'j>>, String> {
        let mut waiting = jobs.iter().peekable();
        let mut running: Vec<Running> = Vec::new();
        let mut told = Vec::new();
        loop {
            while let Some(job) = waiting.peek() {
                let alone = running.iter().any(|r| r.job.turn != Turn::Together);
                let room = if job.turn == Turn::Together { slots } else { 1 };
                if alone || running.len() >= room {
                    break;
                }
                running.extend(waiting.next().map(|job| self.begin(job)).transpose()?);
            }
            if running.is_empty() {
                return Ok(told);
            }
            std::thread::sleep(Duration::from_millis(100));
            let mut still = Vec::new();
            for mut one in running {
                match one.child.try_wait().map_err(|e| e.to_string())? {
                    Some(status) => {
                        told.push(self.end(&one, status.success()));
                        self.say(&told);
                    }
                    None => still.push(one),
                }
            }
            running = still;
        }
    }

    fn begin<'j>(&self, job: &'j Job) -> Result<Running<'j>, String> {
        let log = log_of(self.logs, job);
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let both = file.try_clone().map_err(|e| e.to_string())?;
        // Whatever ends this process ends its stories, and their janitors clean up.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", self.binary])
            .args(job.filter())
            .args(["--test-threads=1", "--nocapture"])
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(both)
            .spawn()
            .map_err(|e| format!("setpriv: {e}"))?;
        let since = Instant::now();
        Ok(Running { job, child, since })
    }

    fn end<'j>(&self, one: &Running<'j>, well: bool) -> Told<'j> {
        let text = read(&log_of(self.logs, one.job));
        let (passed, mut failed) = results(&text);
        // A process that says nothing of a result has failed as a whole, and so has one
        // that told nothing.
        if (!well || passed == 0) && failed == 0 {
            failed = 1;
        }
        let seconds = one.since.elapsed().as_secs();
        Told {
            job: one.job,
            seconds,
            passed,
            failed,
        }
    }

    fn say(&self, told: &[Told]) {
        let Some(last) = told.last() else { return };
        let at = self.started.elapsed().as_secs();
        let mark = if last.failed == 0 { "ok    " } else { "FAILED" };
        println!(
            "{:2}:{:02} {:3}/{} {mark} {} {} s",
            at / 60,
            at % 60,
            told.len(),
            self.of,
            last.job.name,
            last.seconds
        );
        if last.failed > 0 {
            println!("{}", last_words(&log_of(self.logs, last.job)));
            println!("    to tell it alone: {}", alone(last.job));
        }
    }
}

/// The ten longest, those that failed, and the sum. Gives whether all held.
fn summary(told: &[Told], logs: &Path) -> bool {
    let mut longest: Vec<&Told> = told.iter().collect();
    longest.sort_by_key(|one| std::cmp::Reverse(one.seconds));
    println!("\nthe longest:");
    for one in longest.iter().take(10) {
        println!("{:5} s  {}", one.seconds, one.job.name);
    }
    write_times(told, &logs.join("seconds"));
    let failed: Vec<&Told> = told.iter().filter(|one| one.failed > 0).collect();
    if !failed.is_empty() {
        println!("\nfailed:");
    }
    for one in &failed {
        println!("    {}\n        {}", one.job.name, alone(one.job));
    }
    let sum = |count: fn(&Told) -> u64| told.iter().map(count).sum::<u64>();
    println!(
        "stories: {} passed, {} failed, {} s of stories",
        sum(|one| one.passed),
        sum(|one| one.failed),
        sum(|one| one.seconds)
    );
    failed.is_empty()
}

/// In the form of [`TIMES`], to be copied there.
fn write_times(told: &[Told], path: &Path) {
    let mut lines: Vec<String> = told
        .iter()
        .map(|one| {
            let turn = match one.job.turn {
                Turn::Together => "",
                Turn::Alone => " alone",
                Turn::Last => " last",
            };
            format!("{} {}{turn}\n", one.job.name, one.seconds)
        })
        .collect();
    lines.sort();
    if let Err(error) = fs::write(path, lines.concat()) {
        eprintln!("warning: {}: {error}", path.display());
    }
}

fn log_of(logs: &Path, job: &Job) -> PathBuf {
    logs.join(format!("{}.log", job.name.replace("::", ".")))
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `test result: ok. 3 passed; 0 failed; ...`
fn results(text: &str) -> (u64, u64) {
    let line = text.lines().rfind(|line| line.starts_with("test result: "));
    let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    let before = |word: &str| {
        let at = words.iter().position(|w| *w == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    (
        before("passed;").unwrap_or(0),
        before("failed;").unwrap_or(0),
    )
}

fn last_words(log: &Path) -> String {
    let text = read(log);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    let last: Vec<String> = last.iter().map(|line| format!("    | {line}")).collect();
    format!("{}\n    all of it: {}", last.join("\n"), log.display())
}

fn alone(job: &Job) -> String {
    format!("STORIES={} make test", job.name)
}
