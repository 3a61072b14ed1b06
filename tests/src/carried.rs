use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::shared::in_run;
use crate::{Engine, Invocation, Ran, Workspace, on_machine};

/// What is carried over the gap: the folder with the archive, and the project.
#[derive(Debug)]
pub struct Carried {
    /// The folder that the export wrote the archive into, with all beside it.
    pub archive_folder: Workspace,
    /// The project's folder as it was exported.
    pub project: Workspace,
    /// What the export said.
    pub told: String,
    /// How long the export took, on an engine that had nothing.
    pub took: Duration,
}

impl Carried {
    /// An export of an example, made on an empty engine of a kind, once in a run: its
    /// stories begin where the export ends. The engine is gone afterwards, so that nothing
    /// but the folders can be what crosses.
    pub fn example(name: &str, kind: &str, flags: &[&str]) -> Arc<Self> {
        let key = format!("{name} {}", flags.join(" "));
        Self::made_once(&key, kind, || {
            let connected = Engine::with_plugin(kind);
            Self::export(&connected, Workspace::of_example(name), flags)
        })
    }

    /// What `export` makes on a kind of engine, once in a run of all stories, or once in
    /// this process where it is told alone. Nobody changes it.
    pub(crate) fn made_once(name: &str, kind: &str, export: impl FnOnce() -> Self) -> Arc<Self> {
        static MADE: Mutex<BTreeMap<String, Arc<Carried>>> = Mutex::new(BTreeMap::new());
        let key = format!("{name} {kind}");
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(carried) = made.get(&key) {
            return Arc::clone(carried);
        }
        let mut export = Some(export);
        let mut export = || (export.take().expect("it is made once"))();
        let shared = in_run(&key, |folder| export().move_to(folder));
        let carried = Arc::new(shared.map_or_else(export, |folder| Self::kept(&folder)));
        made.insert(key, Arc::clone(&carried));
        carried
    }

    /// Moves it to a folder that outlives this process.
    pub(crate) fn move_to(self, folder: &Path) {
        fs::rename(self.archive_folder.path(), folder.join("archive")).unwrap();
        fs::rename(self.project.path(), folder.join("project")).unwrap();
        let seconds = self.took.as_secs_f64();
        let said = serde_json::json!({"told": self.told, "seconds": seconds});
        fs::write(folder.join("said.json"), said.to_string()).unwrap();
    }

    /// What was moved to a folder.
    pub(crate) fn kept(folder: &Path) -> Self {
        let said = fs::read(folder.join("said.json")).unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        Self {
            archive_folder: Workspace::kept(&folder.join("archive")),
            project: Workspace::kept(&folder.join("project")),
            told: said["told"].as_str().unwrap().to_owned(),
            took: Duration::from_secs_f64(said["seconds"].as_f64().unwrap()),
        }
    }

    /// The same in folders of its own, which may be spoilt.
    #[must_use]
    pub fn copy(&self) -> Self {
        let archive_folder = Workspace::empty("carried");
        on_machine("cp")
            .arg("-rp")
            .arg(self.archive_folder.join("."))
            .arg(archive_folder.path())
            .quietly()
            .succeeds();
        Self {
            archive_folder,
            project: Workspace::copy_of(self.project.path(), "project"),
            told: self.told.clone(),
            took: self.took,
        }
    }

    /// An export of a project, with the archive in a folder of its own.
    pub fn export(connected: &Engine, project: Workspace, flags: &[&str]) -> Self {
        Self::exported(connected, project, flags, Invocation::succeeds)
    }

    /// The same of an export that goes without something, which it names in these words.
    pub fn partial_export(
        connected: &Engine,
        project: Workspace,
        flags: &[&str],
        words: &[&str],
    ) -> Self {
        let judge = |export: Invocation| export.fails_with(54, words);
        Self::exported(connected, project, flags, judge)
    }

    fn exported(
        connected: &Engine,
        project: Workspace,
        flags: &[&str],
        judge: impl FnOnce(Invocation) -> Ran,
    ) -> Self {
        let archive_folder = Workspace::empty("carried");
        let export = connected
            .offline(project.path(), ["export", "--archive"])
            .arg(archive_folder.join("build-cache-20260101.tar.zst"))
            .args(flags);
        let ran = judge(export.within(1800));
        ran.assert_no_panic();
        Self {
            archive_folder,
            project,
            told: ran.all(),
            took: ran.took,
        }
    }

    /// The archive.
    pub fn archive(&self) -> PathBuf {
        archive_in(self.archive_folder.path())
    }

    /// `docker offline build` of a project on a site, from this archive. Does not judge the
    /// exit code.
    pub fn build(&self, site: &Engine, project: &Workspace, flags: &[&str]) -> Ran {
        site.offline(project.path(), ["build", "--bundle"])
            .arg(self.archive())
            .args(flags)
            .run()
    }

    /// A site: an empty air-gapped engine with the commands installed by the
    /// carried `install.sh`, and a copy of the project folder.
    pub fn arrive(&self, kind: &str) -> (Engine, Workspace) {
        let site = Engine::start(kind);
        site.run(self.archive_folder.join("install.sh")).succeeds();
        (site, Workspace::copy_of(self.project.path(), "site"))
    }
}

/// The archive in a folder.
pub fn archive_in(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let archives: Vec<PathBuf> = entries
        .filter(|p| {
            let name = p
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            name.starts_with("build-cache-") && name.contains(".tar")
        })
        .collect();
    assert_eq!(
        archives.len(),
        1,
        "one archive in {}: {archives:?}",
        folder.display()
    );
    archives.into_iter().next().unwrap()
}
