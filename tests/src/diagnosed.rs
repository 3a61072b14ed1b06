use std::path::Path;

use serde_json::Value;

use crate::provoked::register;
use crate::{Engine, Invocation, Ran, lab_work, say};

/// What `docker offline diagnose` has found.
#[derive(Debug)]
pub struct Diagnosed {
    /// The command.
    pub ran: Ran,
    /// Everything that is not as it should be.
    pub found: Vec<Found>,
    passed: Vec<Found>,
}

impl std::fmt::Display for Diagnosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "exit code {} of {}", self.ran.code, self.ran.shown)?;
        for one in self.found.iter().chain(&self.passed) {
            let (id, subject) = (&one.id, &one.subject);
            writeln!(f, "{} {subject}: {} [{id}]", one.severity, one.message)?;
            writeln!(f, "    {}", one.cause)?;
        }
        Ok(())
    }
}

/// One finding.
#[derive(Debug)]
pub struct Found {
    /// The rule.
    pub id: String,
    /// `ok`, `note`, `warning` or `error`.
    pub severity: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub message: String,
    /// Why.
    pub cause: String,
}

impl Engine {
    /// `docker offline diagnose WORDS...` in a project's folder.
    pub fn diagnose(&self, folder: &Path, words: &[&str]) -> Diagnosed {
        Diagnosed::of(self.offline(folder, ["diagnose"]).args(words))
    }

    /// The same after a script, in a mount namespace of its own: what the script
    /// mounts is seen by this diagnosis alone.
    pub fn diagnose_after(&self, folder: &Path, script: &str, words: &[&str]) -> Diagnosed {
        let script = format!("set -e\n{script}\nexec docker offline diagnose \"$@\"\n");
        let shell = self.run_in(folder, "unshare").args(["--mount", "sh", "-c"]);
        Diagnosed::of(shell.arg(script).arg("sh").args(words))
    }
}

impl Diagnosed {
    /// Runs a diagnosis, and reads what it says.
    pub fn of(command: Invocation) -> Self {
        let ran = command
            .args(["--format", "json", "--lang", "en"])
            .within(120)
            .quietly()
            .run();
        Self::read(ran)
    }

    /// Reads what a diagnosis has said with `--format json --lang en`.
    pub fn read(ran: Ran) -> Self {
        ran.assert_no_panic();
        let report = ran.json();
        let found = read(&report["findings"]);
        let passed = read(&report["passed"]);
        let ids: Vec<&str> = found.iter().map(|f| f.id.as_str()).collect();
        say(format!("      found {}: {}", found.len(), ids.join(" ")));
        Self { ran, found, passed }
    }

    /// Fails unless a rule has found this, in these words: of subject, message and cause.
    pub fn finds(&self, id: &str, severity: &str, words: &[&str]) -> &Self {
        let is = |finding: &&Found| {
            let text = format!(
                "{}\n{}\n{}",
                finding.subject, finding.message, finding.cause
            );
            finding.id == id
                && finding.severity == severity
                && words.iter().all(|word| text.contains(word))
        };
        assert!(
            self.found.iter().chain(&self.passed).any(|f| is(&f)),
            "no {severity} of {id} with {words:?}: {self}"
        );
        register(id);
        self
    }

    /// What is found besides a rule's findings. That the lab's own disk is nearly
    /// full is true, and no matter of the story.
    fn besides(&self, id: &str) -> Option<&Found> {
        let of_lab = |f: &Found| {
            let percent = f.message.split('%').next().unwrap_or_default();
            f.id == "engine-disk"
                && percent
                    .parse()
                    .is_ok_and(|p: u64| p >= percent_free().saturating_sub(1))
        };
        self.found.iter().find(|f| f.id != id && !of_lab(f))
    }

    /// The same, and nothing else is found.
    pub fn finds_only(&self, id: &str, severity: &str, words: &[&str]) -> &Self {
        self.finds(id, severity, words);
        let other = self.besides(id);
        assert!(other.is_none(), "{other:?} beside {id}: {self}");
        self
    }

    /// Fails if one of these rules has found anything.
    pub fn is_silent_on(&self, ids: &[&str]) -> &Self {
        let found = self.found.iter().find(|f| ids.contains(&f.id.as_str()));
        assert!(found.is_none(), "{found:?}: {self}");
        self
    }

    /// Fails if this rule has found anything amiss.
    pub fn finds_no_fault(&self, id: &str) -> &Self {
        let mut all = self.found.iter();
        let found = all.find(|f| f.id == id && f.severity != "ok");
        assert!(found.is_none(), "{found:?}: {self}");
        self
    }

    /// Fails unless nothing was found at all.
    pub fn finds_nothing(&self) -> &Self {
        let found = self.besides("");
        assert!(found.is_none(), "{found:?}: {self}");
        if self.found.is_empty() {
            assert_eq!(self.ran.code, 0, "{}", self.ran);
        }
        self
    }
}

/// Of the disk of the lab.
fn percent_free() -> u64 {
    let stat = rustix::fs::statvfs(lab_work()).expect("the lab has a folder for work");
    stat.f_bavail * 100 / stat.f_blocks.max(1)
}

fn read(items: &Value) -> Vec<Found> {
    let items = items.as_array().expect("a list of findings");
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    items
        .iter()
        .map(|item| Found {
            id: text(item, "id"),
            severity: text(item, "severity"),
            subject: text(item, "subject"),
            message: text(item, "message"),
            cause: text(item, "cause"),
        })
        .collect()
}
