use std::collections::BTreeMap;

/// One process of the stories: all tests of a file, or a single one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The story, or `story::test`.
    pub name: String,
    /// How long it took when that was written down.
    pub seconds: u64,
    /// When it is told.
    pub turn: Turn,
}

/// When a job is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// Beside others.
    Together,
    /// It measures time, and has the machine to itself.
    Alone,
    /// It looks at what the others have left.
    Last,
}

/// What is assumed of a job that nobody has measured yet.
const UNKNOWN: u64 = 45;

impl Job {
    /// The words by which the test binary tells this and nothing else.
    pub fn filter(&self) -> Vec<String> {
        if self.name.contains("::") {
            vec!["--exact".into(), self.name.clone()]
        } else {
            vec![format!("{}::", self.name)]
        }
    }
}

/// All jobs, in the order in which they begin: the longest first, those that are to be
/// alone after them.
///
/// `list` is what the test binary says with `--list --format terse`. `times` has a line
/// for each job, `NAME SECONDS [alone|last]`; a story without a line is one job, and where
/// one of its tests has a line, each of them is. With `only`, words that begin a story's or a test's name, there is no last one.
///
/// # Errors
///
/// A line that cannot be read, and a word of `only` that begins no name.
pub fn jobs(list: &str, times: &str, only: &[&str]) -> Result<Vec<Job>, String> {
    let tests: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .collect();
    let known: Vec<Job> = times
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(job_of)
        .collect::<Result<_, _>>()?;
    if let Some(word) = only
        .iter()
        .find(|word| !tests.iter().any(|test| test.starts_with(**word)))
    {
        return Err(format!("no story begins with {word}"));
    }
    let wanted = |test: &str| only.is_empty() || only.iter().any(|word| test.starts_with(word));
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    for test in tests.into_iter().filter(|test| wanted(test)) {
        let story = test.split("::").next().unwrap_or(test);
        // Where one test of a story has a line, its neighbours are told without it.
        let apart = |job: &&Job| job.name.starts_with(&format!("{story}::"));
        let name = if known.iter().any(|job| apart(&job)) {
            test
        } else {
            story
        };
        let job = known.iter().find(|job| job.name == name);
        let mut job = job.cloned().unwrap_or_else(|| Job {
            name: name.to_owned(),
            seconds: UNKNOWN,
            turn: Turn::Together,
        });
        // Asked for by its own name, or by a part of it, it is told without its neighbours.
        if only
            .iter()
            .any(|word| word.len() > job.name.len() && test.starts_with(word))
        {
            test.clone_into(&mut job.name);
        }
        jobs.entry(job.name.clone()).or_insert(job);
    }
    let mut jobs: Vec<Job> = jobs.into_values().collect();
    jobs.retain(|job| only.is_empty() || job.turn != Turn::Last);
    jobs.sort_by_key(|job| (job.turn, std::cmp::Reverse(job.seconds)));
    Ok(jobs)
}

fn job_of(line: &str) -> Result<Job, String> {
    let mut words = line.split_whitespace();
    let (name, seconds) = (words.next(), words.next().and_then(|n| n.parse().ok()));
    let turn = match words.next() {
        None => Some(Turn::Together),
        Some("alone") => Some(Turn::Alone),
        Some("last") => Some(Turn::Last),
        Some(_) => None,
    };
    match (name, seconds, turn) {
        (Some(name), Some(seconds), Some(turn)) => Ok(Job {
            name: name.to_owned(),
            seconds,
            turn,
        }),
        _ => Err(format!("not NAME SECONDS [alone|last]: {line}")),
    }
}

/// About how many seconds jobs take, with so many at once.
pub fn estimate(jobs: &[Job], at_once: u64) -> u64 {
    let sum = |alone: bool| -> u64 {
        let jobs = jobs
            .iter()
            .filter(|job| (job.turn != Turn::Together) == alone);
        jobs.map(|job| job.seconds).sum()
    };
    sum(false) / at_once.max(1) + sum(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::repository;

    const LIST: &str =
        "a::one: test\na::two: test\nb::one: test\nc::one: test\nc::two: test\nz::end: test\n";
    const TIMES: &str = "# measured\nb 10 alone\nc::two 90\nz 1 last\n";

    fn names(only: &[&str]) -> Vec<String> {
        let jobs = jobs(LIST, TIMES, only).unwrap();
        jobs.into_iter().map(|job| job.name).collect()
    }

    #[test]
    fn every_test_is_in_one_job_and_the_longest_begins() {
        assert_eq!(names(&[]), ["c::two", "a", "c::one", "b", "z"]);
    }

    #[test]
    fn some_are_told_by_the_beginning_of_their_name() {
        assert_eq!(names(&["c", "z"]), ["c::two", "c::one"]);
        assert_eq!(names(&["a::t"]), ["a::two"]);
        assert_eq!(names(&["a::one", "b"]), ["a::one", "b"]);
        assert!(jobs(LIST, TIMES, &["nobody"]).is_err());
    }

    #[test]
    fn a_line_that_cannot_be_read_is_refused() {
        assert!(jobs(LIST, "a soon", &[]).is_err());
        assert!(jobs(LIST, "a 3 never", &[]).is_err());
    }

    #[test]
    fn every_file_of_the_stories_is_a_module_that_is_told() {
        let folder = repository().join("tests/scenarios");
        let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
        let told: BTreeSet<&str> = main
            .lines()
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
            .collect();
        let files: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned()))
            .filter(|name| name != "main")
            .collect();
        let files: BTreeSet<&str> = files.iter().map(String::as_str).collect();
        assert_eq!(
            files, told,
            "tests/scenarios/main.rs has a mod for every file"
        );
    }

    #[test]
    fn the_seconds_that_were_written_down_can_be_read_and_name_stories() {
        let folder = repository().join("tests/scenarios");
        let times = std::fs::read_to_string(folder.join("seconds")).unwrap();
        for line in times.lines().filter(|line| !line.starts_with('#')) {
            let job = job_of(line).unwrap();
            let (story, test) = job.name.split_once("::").unwrap_or((&job.name, ""));
            let file = std::fs::read_to_string(folder.join(format!("{story}.rs")));
            let file = file.unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(file.contains(&format!("fn {test}")), "{line}");
        }
    }
}
