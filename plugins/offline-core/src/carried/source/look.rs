//! Decides what travels, and says what does not.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use super::super::place::{named, printable};
use super::super::{Error, place_of};
use super::asked::Asked;
use super::left::{GIT, Left};
use super::{Source, below, tracked};
use crate::bundle::{self, swallows};
use crate::closure::Closure;
use crate::error::Failure;
use crate::event::Warning;
use crate::project::{MountSource, Project, ProjectOptions};

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Looking<'a> {
    /// The project.
    pub project: &'a Project,
    /// What is built of it.
    pub closure: &'a Closure,
    /// How it was named.
    pub options: &'a ProjectOptions,
    /// What the export writes: the bundle, the archive, and what lies beside that.
    pub written: &'a [PathBuf],
}

impl Looking<'_> {
    /// Walks the project's folder. Reads no content, and changes nothing.
    pub fn look(&self) -> Result<Source, Failure> {
        let asked = Asked::of(self.project, self.closure, self.options);
        let directory = &self.project.directory;
        let repository = work_tree(directory);
        let root = root(directory, repository, &asked);
        let mut choice = Choice {
            left: Left::new(self.written),
            root: root.clone(),
            paths: BTreeSet::new(),
        };
        choice.walk(repository.is_some())?;
        let mut notes = choice.tracked(repository.is_some());
        let read = choice.read_by_builds(&asked)?;
        notes.extend(came_although_ignored(&read));
        notes.extend(choice.stay_behind()?);
        notes.extend(secrets(&choice, &asked));
        notes.extend(self.mounted(&choice));
        let mut warnings = outside(&root, &asked);
        warnings.extend(self.git_in_context(&root));
        let folders = self.written.iter().filter_map(|path| path.parent());
        let folders = folders.chain([root.as_path(), directory.as_path()]);
        let ours = folders.filter_map(|folder| below(folder, &root));
        Ok(Source {
            ours: ours.map(Path::to_owned).collect(),
            project: below(directory, &root).unwrap_or(Path::new("")).to_owned(),
            bytes: choice.bytes(),
            paths: choice.paths,
            root,
            notes,
            warnings,
        })
    }

    /// Folders of data that services mount and git ignores: nobody has asked for them.
    fn mounted(&self, choice: &Choice) -> Vec<String> {
        let offline = &self.project.offline;
        let mut seen = BTreeSet::new();
        let mut all = Vec::new();
        for mount in &offline.mounts {
            let MountSource::Bind(path) = &mount.source else {
                continue;
            };
            let Some(short) = below(path, &choice.root) else {
                continue;
            };
            let declared = offline.files.iter().any(|f| path.starts_with(&f.source));
            let ours = self.closure.service(&mount.service).is_some();
            let comes = choice.paths.contains(short) || choice.left.covers(path, &choice.root);
            if declared || comes || !ours || !path.is_dir() || !seen.insert(short) {
                continue;
            }
            all.push(format!(
                "{}service {} mounts {}, which git ignores, and it stays behind; to carry it: x-offline: {{files: [{}]}}",
                place_of(mount.location.as_ref()),
                mount.service,
                short.display(),
                path.display()
            ));
        }
        all
    }

    /// A COPY that takes `.git` takes something else on site.
    fn git_in_context(&self, root: &Path) -> Option<Warning> {
        let git = root.join(GIT);
        git.symlink_metadata().ok()?;
        let bundle::Error::InContext { service, copy, .. } = swallows(self.closure, &git)? else {
            return None;
        };
        Some(Warning {
            what: format!("service {service}: COPY takes .git, which does not travel"),
            subject: Some(copy),
            why: Some("on site this step and all after it run again".into()),
            remedy: Some("write .git into the .dockerignore of that context".into()),
        })
    }
}

/// The git work tree that a folder lies in.
fn work_tree(folder: &Path) -> Option<&Path> {
    let mut above = folder.ancestors();
    above.find(|above| above.join(GIT).symlink_metadata().is_ok())
}

/// The project's folder; the work tree around it, where something of that is read.
fn root(directory: &Path, repository: Option<&Path>, asked: &Asked) -> PathBuf {
    let folders = asked.contexts.iter().map(|context| &context.folder);
    let mut read = folders.chain(&asked.files);
    match repository {
        Some(tree)
            if read.any(|path| {
                path.starts_with(tree) && !path.starts_with(directory) && path.exists()
            }) =>
        {
            tree.to_owned()
        }
        _ => directory.to_owned(),
    }
}

/// What is read and lies outside of what is carried.
fn outside(root: &Path, asked: &Asked) -> Vec<Warning> {
    let warning = |what: String, subject| {
        Warning {
        what,
        subject,
        why: Some("it lies outside of the project's folder, which is what travels".into()),
        remedy: Some(
            "carry it by hand to the same place beside the unpacked folder, or move it into the project"
                .into(),
        ),
    }
    };
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    for context in &asked.contexts {
        if !context.folder.starts_with(root) && seen.insert((&context.service, &context.folder)) {
            let (service, folder) = (&context.service, context.folder.display());
            let subject = context.location.as_ref().map(ToString::to_string);
            let what = format!("service {service} builds from {folder}, which is not carried");
            all.push(warning(what, subject));
        }
    }
    let folders = || asked.contexts.iter().map(|context| &context.folder);
    for file in &asked.files {
        let said = folders().any(|folder| file.starts_with(folder));
        if !file.starts_with(root) && !said && file.exists() && !of_machine(file) {
            let what = format!("the project reads {}, which is not carried", file.display());
            all.push(warning(what, None));
        }
    }
    all
}

/// Files that every machine has by itself (`/etc/localtime`).
fn of_machine(file: &Path) -> bool {
    ["/etc", "/usr", "/proc", "/sys", "/dev", "/run", "/var/run"]
        .iter()
        .any(|folder| file.starts_with(folder))
}

fn came_although_ignored(read: &[PathBuf]) -> Option<String> {
    let words = names(read.iter().map(PathBuf::as_path));
    (!read.is_empty()).then(|| {
        format!("git ignores {words}, and it travels all the same: builds or Compose read it")
    })
}

/// Secrets stay with who exports: what git ignores for them is not taken by their name.
fn secrets(choice: &Choice, asked: &Asked) -> Vec<String> {
    let inside = asked.secrets.iter();
    let inside = inside.filter_map(|path| below(path, &choice.root));
    let left = inside.filter(|short| !choice.paths.contains(*short));
    left.map(|short| {
        format!(
            "the secret {} stays behind, as git ignores it: put it there by other means, or carry it by x-offline: {{files: [...]}}",
            short.display()
        )
    })
    .collect()
}

fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> String {
    let shown = paths.map(|path| printable(&path.to_string_lossy()));
    named(shown.collect())
}

/// What is chosen so far.
struct Choice {
    left: Left,
    root: PathBuf,
    /// From the root on.
    paths: BTreeSet<PathBuf>,
}

impl Choice {
    /// All that git does not ignore, also where there is no git.
    fn walk(&mut self, repository: bool) -> Result<(), Error> {
        let left = self.left.clone();
        let walk = WalkBuilder::new(&self.root)
            .standard_filters(false)
            .git_ignore(true)
            .git_exclude(true)
            .git_global(true)
            .require_git(false)
            // Without a work tree, what lies above is of somebody else.
            .parents(repository)
            .follow_links(false)
            .filter_entry(move |entry| {
                let folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                entry.depth() == 0 || !left.is(entry.path(), folder)
            })
            .build();
        for entry in walk {
            let entry = entry.map_err(|error| {
                let text = error.to_string();
                let source = error.into_io_error();
                let source = source.unwrap_or_else(|| std::io::Error::other(text));
                Error::io("read", &self.root)(source)
            })?;
            if let Some(short) = below(entry.path(), &self.root) {
                self.paths.insert(short.to_owned());
            }
        }
        Ok(())
    }

    /// Adds what git tracks although it ignores it.
    fn tracked(&mut self, repository: bool) -> Vec<String> {
        if !repository {
            return Vec::new();
        }
        match tracked::of(&self.root) {
            Ok(all) => {
                for short in all {
                    let path = self.root.join(&short);
                    if path.symlink_metadata().is_ok() && !self.paths.contains(&short) {
                        self.take(&path);
                    }
                }
                Vec::new()
            }
            Err(why) => vec![format!(
                "what git tracks is not known ({why}): a file that was added although .gitignore names it stays behind"
            )],
        }
    }

    /// Adds what builds and Compose read; gives the files that were not chosen before.
    fn read_by_builds(&mut self, asked: &Asked) -> Result<Vec<PathBuf>, Failure> {
        let mut new = Vec::new();
        for file in &asked.files {
            if file.symlink_metadata().is_ok() && self.take(file) {
                new.push(file.clone());
            }
        }
        for context in &asked.contexts {
            if !context.folder.starts_with(&self.root) {
                continue;
            }
            context.each(&mut |path| {
                if self.take(path) && !path.is_dir() {
                    new.push(path.to_owned());
                }
            })?;
        }
        let short = new.iter().filter_map(|path| below(path, &self.root));
        Ok(short.map(Path::to_owned).collect())
    }

    /// Takes a path with the folders that it lies in; says whether it is new.
    fn take(&mut self, path: &Path) -> bool {
        let Some(short) = below(path, &self.root) else {
            return false;
        };
        let plain = short
            .components()
            .all(|c| matches!(c, Component::Normal(_)));
        if !plain || self.paths.contains(short) || self.left.covers(path, &self.root) {
            return false;
        }
        // What lies behind a link is where the link leads to.
        let mut above = short.ancestors().skip(1);
        if above.any(|above| self.root.join(above).is_symlink() && above != Path::new("")) {
            return false;
        }
        self.paths.extend(short.ancestors().map(Path::to_owned));
        true
    }

    /// Says what lies in the folder and does not travel.
    fn stay_behind(&self) -> Result<Option<String>, Error> {
        let mut all = Vec::new();
        let mut git = false;
        for short in &self.paths {
            let folder = self.root.join(short);
            if !folder.symlink_metadata().is_ok_and(|m| m.is_dir()) {
                continue;
            }
            let entries = folder.read_dir().map_err(Error::io("read", &folder))?;
            for entry in entries {
                let entry = entry.map_err(Error::io("read", &folder))?;
                let path = short.join(entry.file_name());
                if self.paths.contains(&path) {
                    continue;
                }
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                git |= entry.file_name() == GIT;
                if !self.left.is(&entry.path(), is_folder) {
                    all.push(path);
                }
            }
        }
        all.sort();
        let words = names(all.iter().map(PathBuf::as_path));
        Ok(match (all.is_empty(), git) {
            (true, false) => None,
            (true, true) => Some(".git stays behind: history does not travel".into()),
            (false, git) => Some(format!(
                "stays behind, as git ignores it: {words}{}",
                if git { "; and .git" } else { "" }
            )),
        })
    }

    fn bytes(&self) -> u64 {
        let files = self.paths.iter().map(|short| self.root.join(short));
        files
            .filter_map(|path| path.symlink_metadata().ok())
            .filter(std::fs::Metadata::is_file)
            .map(|metadata| metadata.len())
            .sum()
    }
}
