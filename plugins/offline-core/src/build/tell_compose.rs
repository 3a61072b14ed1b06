//! How plain Compose comes to know what this machine needs: one way for all of it.
//!
//! Where Compose finds the project's files by itself, and the project has no override of
//! its own, a generated `compose.override.yaml` is found as well. Otherwise the file lies
//! in the bundle folder, and one line names it: `COMPOSE_FILE=...`. Either way `docker
//! compose up -d --build` is then all there is to type.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
use crate::bundle::{SITE_FOLDER, beside, swallows};
use crate::closure::Closure;
use crate::project::{
    GENERATED, GENERATED_STAY, Project, ProjectOptions, finds_files_itself, is_generated,
    names_file, rendered,
};

/// The file that Compose reads by itself beside one of its default names (compose-go,
/// `cli/options.go`).
pub(super) const OVERRIDE_FILE: &str = "compose.override.yaml";

/// The generated file in the bundle's folder for this site.
const SITE_FILE: &str = "compose.offline.yaml";

/// What earlier versions wrote beside the Compose file, and how it began.
const FORMER: (&str, &str) = (
    "docker-compose.offline.yml",
    "# Written by docker offline build; it is written anew each time.",
);

/// Where generated files go, and how Compose is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComposeTold<'a> {
    pub(super) project: &'a Project,
    pub(super) closure: &'a Closure,
    /// As the user gave them.
    pub(super) asked: &'a ProjectOptions,
    /// The bundle's folder for this site.
    pub(super) folder: &'a Path,
}

/// A generated file, and how Compose comes to read it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// The file.
    pub(super) file: PathBuf,
    /// `COMPOSE_FILE=...`, where Compose does not find the file by itself.
    pub(super) line: Option<String>,
}

/// What a build has for Compose.
#[derive(Debug, Clone, Default)]
pub(super) struct SiteFile {
    /// The file in the bundle's folder; `None` where Compose needs to know nothing.
    pub(super) file: Option<PathBuf>,
    /// How plain Compose is told; `None` also after `--stay`, whose file holds it too.
    pub(super) told: Option<Told>,
}

impl ComposeTold<'_> {
    /// Writes what a build found, or takes away what one before has written. While a
    /// replay service stays, what it generated beside the Compose file is left alone.
    pub(super) fn site(&self, body: Option<&str>, stays: bool) -> Result<SiteFile, Error> {
        self.remove_former()?;
        let path = self.folder().join(SITE_FILE);
        let over = self.project.directory.join(OVERRIDE_FILE);
        let Some(body) = body else {
            // One that COMPOSE_FILE names has to be there.
            if names_file(self.asked, &path) {
                let nothing = rendered(&BTreeMap::new(), &BTreeMap::new()).map_err(|error| {
                    let path = path.clone();
                    let source = std::io::Error::other(error);
                    Error::Write { path, source }
                })?;
                let text = format!("{GENERATED}; it is written anew each time.\n{nothing}");
                write(&path, &text)?;
            } else {
                remove(&path)?;
            }
            if !stays && self.is_of_this_project(&over) {
                remove(&over)?;
            }
            return Ok(SiteFile::default());
        };
        let text = format!(
            "{GENERATED}; it is written anew each time.\n# What Compose has to know on this machine, besides the project's own files.\n{body}"
        );
        write(&path, &text)?;
        // Where the bundle lies in a repository that does not ignore it, at least this is
        // nobody's change.
        write(&self.folder().join(".gitignore"), "*\n")?;
        let told = if stays {
            None
        } else {
            Some(self.tell(&text, &path)?)
        };
        Ok(SiteFile {
            file: Some(path),
            told,
        })
    }

    /// What an earlier build here has found, told again; `None` where there is none.
    pub(super) fn kept(&self, stays: bool) -> Result<Option<SiteFile>, Error> {
        let path = self.folder().join(SITE_FILE);
        let Ok(text) = std::fs::read_to_string(&path) else {
            return Ok(None);
        };
        let told = (!stays).then(|| self.tell(&text, &path)).transpose()?;
        Ok(Some(SiteFile {
            file: Some(path),
            told,
        }))
    }

    /// Lets Compose read a text: from beside its own files if it looks there, or else
    /// from `path`, which has the same text.
    pub(super) fn tell(&self, text: &str, path: &Path) -> Result<Told, Error> {
        let over = self.project.directory.join(OVERRIDE_FILE);
        if self.looks_beside(&over) {
            write(&over, text)?;
            return Ok(Told {
                file: over,
                line: None,
            });
        }
        if self.is_of_this_project(&over) {
            remove(&over)?;
        }
        Ok(Told {
            file: path.to_owned(),
            line: Some(self.line(path)),
        })
    }

    /// What Compose is told is in the bundle's folder for this site.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.to_owned()
    }

    /// Whether Compose reads a file of this name by itself, it is nobody else's, and no
    /// build takes it into an image.
    fn looks_beside(&self, over: &Path) -> bool {
        let ours = !over.exists() || is_generated(over);
        let alone = self.project.files.len() == 1 && finds_files_itself(self.asked);
        alone && ours && swallows(self.closure, over).is_none()
    }

    /// Whether a file beside the Compose file is one that we generated for it: with files
    /// that are named, it may be for another project of the same folder.
    fn is_of_this_project(&self, over: &Path) -> bool {
        finds_files_itself(self.asked) && is_generated(over)
    }

    fn line(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let shown = |path: &Path| {
            let below = path.strip_prefix(&here).unwrap_or(path);
            below.display().to_string()
        };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let files = self.project.files.iter().map(PathBuf::as_path);
        let files: Vec<String> = files.chain([path.as_path()]).map(shown).collect();
        format!("COMPOSE_FILE={}", files.join(":"))
    }

    /// What versions before this one have left.
    fn remove_former(&self) -> Result<(), Error> {
        let directory = &self.project.directory;
        for folder in [directory.clone(), beside(directory)] {
            let path = folder.join(FORMER.0);
            let held = std::fs::read_to_string(&path).unwrap_or_default();
            if held.starts_with(FORMER.1) {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Gives Compose what the last build found, in the place of what `--stay` has written:
/// the file beside the Compose file goes, or tells that again. Gives it where it went.
pub(super) fn after_stay(over: &Path, bundle: &Path) -> Result<Option<PathBuf>, Error> {
    let text = std::fs::read_to_string(over).unwrap_or_default();
    if !text.starts_with(GENERATED_STAY) {
        return Ok(None);
    }
    let site = bundle.join(SITE_FOLDER).join(SITE_FILE);
    match std::fs::read_to_string(site) {
        Ok(text) => write(over, &text)?,
        Err(_) => remove(over)?,
    }
    Ok(Some(over.to_owned()))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let held = std::fs::read_to_string(path).ok();
    if held.as_deref() == Some(text) {
        return Ok(());
    }
    let fail = |source| Error::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    crate::layout::replace_file(path, text.as_bytes()).map_err(|e| fail(std::io::Error::other(e)))
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}
