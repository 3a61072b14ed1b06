//! From a repository to a tree, and a bundle with its history.

use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::super::Error as CarriedError;
use super::Error;
use super::command::Git;
use crate::error::Failure;
use crate::project::OfflineGit;

/// What stands at the beginning of a file whose content git-lfs keeps elsewhere
/// (git-lfs, `docs/spec.md`).
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// A pointer is shorter than this.
const POINTER_SIZE: u64 = 1024;
/// How many files are named, of any number.
const NAMED: usize = 5;

/// What is asked for, as the server has it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) commit: String,
    /// The branch or tag, as `refs/...`; `None` for a commit.
    pub(super) name: Option<String>,
}

/// Asks the server for what a declaration means now.
pub(super) fn resolve(git: &Git<'_>, one: &OfflineGit) -> Result<Resolved, Error> {
    let here = Path::new("/");
    let Some(reference) = &one.reference else {
        let told = git.run(here, ["ls-remote", "--symref", "--", git.url, "HEAD"])?;
        return default_branch(&told).ok_or_else(|| missing(git, "HEAD"));
    };
    if is_commit(reference) {
        return Ok(Resolved {
            commit: reference.clone(),
            name: None,
        });
    }
    let told = git.run(here, ["ls-remote", "--", git.url])?;
    named(&told, reference).ok_or_else(|| missing(git, reference))
}

fn missing(git: &Git<'_>, reference: &str) -> Error {
    Error::RefMissing {
        place: git.place.clone(),
        url: git.shown(),
        reference: reference.to_owned(),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn default_branch(told: &str) -> Option<Resolved> {
    let name = told.lines().find_map(|line| {
        let rest = line.strip_prefix("ref: ")?;
        rest.strip_suffix("\tHEAD")
    });
    let commit = told
        .lines()
        .find_map(|line| line.strip_suffix("\tHEAD").filter(|c| is_commit(c)))?;
    Some(Resolved {
        commit: commit.to_owned(),
        name: name.map(str::to_owned),
    })
}

/// A branch before a tag, as `git clone --branch` takes them; of a tag, what it is of.
fn named(told: &str, reference: &str) -> Option<Resolved> {
    let find = |name: &str| {
        let mut lines = told.lines().filter_map(|line| line.split_once('\t'));
        lines
            .find(|(_, other)| *other == name)
            .map(|(commit, _)| commit.to_owned())
    };
    let names = [
        format!("refs/heads/{reference}"),
        format!("refs/tags/{reference}"),
        reference.to_owned(),
    ];
    let name = names
        .into_iter()
        .find(|name| name.starts_with("refs/") && find(name).is_some())?;
    let commit = find(&format!("{name}^{{}}")).or_else(|| find(&name))?;
    Some(Resolved {
        commit,
        name: Some(name),
    })
}

/// What was fetched, in a folder that goes with it.
pub(super) struct Checkout {
    folder: tempfile::TempDir,
    /// Files whose content is not here.
    pub(super) pointers: Vec<String>,
}

impl Checkout {
    /// The files.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// The history, as `git clone` reads it.
    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    /// Fetches a repository into a folder below `within`.
    pub(super) fn get(
        git: &Git<'_>,
        one: &OfflineGit,
        what: &Resolved,
        within: &Path,
    ) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix(".git-").tempdir_in(within);
        let mut checkout = Self {
            folder: folder.map_err(CarriedError::io("write into", within))?,
            pointers: Vec::new(),
        };
        let bare = checkout.folder.path().join("bare");
        checkout.history(git, what, &bare)?;
        checkout.files(git, one, what, &bare)?;
        let tree = checkout.tree();
        let time = git.run(&bare, ["show", "--no-patch", "--format=%ct", &what.commit])?;
        let time = time.trim().parse().unwrap_or(0);
        tidy(&tree, time, &tree, &mut checkout.pointers)?;
        checkout.pointers.sort();
        checkout.check_pointers(git, one)?;
        Ok(checkout)
    }

    fn history(&self, git: &Git<'_>, what: &Resolved, bare: &Path) -> Result<(), Failure> {
        let here = self.folder.path();
        git.run(here, ["init", "--quiet", "--bare", "bare"])?;
        let specs = match &what.name {
            Some(name) => vec![format!("+{name}:{name}")],
            None => vec![what.commit.clone()],
        };
        let fetch = |specs: &[String]| {
            let args = ["fetch", "--quiet", "--no-tags", "--", git.url];
            git.run(
                bare,
                args.into_iter().chain(specs.iter().map(String::as_str)),
            )
        };
        if let Err(error) = fetch(&specs) {
            if what.name.is_some() || matches!(error, Error::Interrupted(_)) {
                return Err(error.into());
            }
            // Not every server gives a commit by itself.
            fetch(&[
                "+refs/heads/*:refs/heads/*".into(),
                "+refs/tags/*:refs/tags/*".into(),
            ])?;
        }
        let commit = format!("{}^{{commit}}", what.commit);
        if git
            .run(bare, ["rev-parse", "--quiet", "--verify", &commit])
            .is_err()
        {
            return Err(missing(git, &what.commit).into());
        }
        let mut refs = vec!["HEAD"];
        match &what.name {
            Some(name) if name.starts_with("refs/heads/") => {
                git.run(bare, ["symbolic-ref", "HEAD", name])?;
                // The branch may have moved since it was asked for.
                git.run(bare, ["update-ref", name, &what.commit])?;
                refs.push(name);
            }
            name => {
                git.run(bare, ["update-ref", "--no-deref", "HEAD", &what.commit])?;
                refs.extend(name.iter().map(String::as_str));
            }
        }
        let args = ["bundle", "create", "--quiet", "../bundle"];
        git.run(bare, args.into_iter().chain(refs))?;
        Ok(())
    }

    fn files(
        &self,
        git: &Git<'_>,
        one: &OfflineGit,
        what: &Resolved,
        bare: &Path,
    ) -> Result<(), Failure> {
        let (here, tree) = (self.folder.path(), self.tree());
        let bare = bare.to_string_lossy();
        git.run(here, ["clone", "--quiet", "--no-checkout", &bare, "tree"])?;
        git.run(&tree, ["remote", "set-url", "origin", git.url])?;
        git.run(&tree, ["checkout", "--quiet", "--detach", &what.commit])?;
        if one.submodules {
            let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
            git.run(&tree, update)?;
        }
        let pointers = pointers(&tree)?;
        if one.lfs && !pointers.is_empty() {
            if git.run(&tree, ["lfs", "version"]).is_err() {
                git.docker.check_interrupt()?;
                return Err(Error::LfsMissing {
                    place: git.place.clone(),
                    url: git.shown(),
                    files: some(&pointers),
                }
                .into());
            }
            git.run(&tree, ["lfs", "pull"])?;
            if one.submodules {
                let each = [
                    "submodule",
                    "--quiet",
                    "foreach",
                    "--recursive",
                    "git lfs pull",
                ];
                git.run(&tree, each)?;
            }
        }
        Ok(())
    }

    fn check_pointers(&self, git: &Git<'_>, one: &OfflineGit) -> Result<(), Error> {
        if !one.lfs || self.pointers.is_empty() {
            return Ok(());
        }
        Err(Error::LfsLeft {
            place: git.place.clone(),
            url: git.shown(),
            files: some(&self.pointers),
        })
    }
}

/// The first few, and how many more.
pub(super) fn some(files: &[String]) -> Vec<String> {
    let mut named: Vec<String> = files.iter().take(NAMED).cloned().collect();
    if files.len() > NAMED {
        named.push(format!("and {} more", files.len() - NAMED));
    }
    named
}

fn pointers(tree: &Path) -> Result<Vec<String>, CarriedError> {
    let mut all = Vec::new();
    let mut waiting = vec![tree.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in folder
            .read_dir()
            .map_err(CarriedError::io("read", &folder))?
        {
            let path = entry.map_err(CarriedError::io("read", &folder))?.path();
            let metadata = path
                .symlink_metadata()
                .map_err(CarriedError::io("read", &path))?;
            if metadata.is_dir() && path.file_name() != Some(".git".as_ref()) {
                waiting.push(path);
            } else if metadata.is_file() && is_pointer(&path, metadata.len())? {
                all.push(relative(tree, &path));
            }
        }
    }
    all.sort();
    Ok(all)
}

fn relative(tree: &Path, path: &Path) -> String {
    path.strip_prefix(tree)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn is_pointer(path: &Path, size: u64) -> Result<bool, CarriedError> {
    if size >= POINTER_SIZE || size < POINTER.len() as u64 {
        return Ok(false);
    }
    let mut begin = vec![0; POINTER.len()];
    let mut file = fs::File::open(path).map_err(CarriedError::io("read", path))?;
    file.read_exact(&mut begin)
        .map_err(CarriedError::io("read", path))?;
    Ok(begin == POINTER)
}

/// Makes of a checkout what is the same for everybody: without git's own folder, with the
/// modes that git knows and the time of the commit.
fn tidy(
    path: &Path,
    time: i64,
    tree: &Path,
    pointers: &mut Vec<String>,
) -> Result<(), CarriedError> {
    for entry in path.read_dir().map_err(CarriedError::io("read", path))? {
        let inner = entry.map_err(CarriedError::io("read", path))?.path();
        let metadata = inner
            .symlink_metadata()
            .map_err(CarriedError::io("read", &inner))?;
        if inner.file_name() == Some(".git".as_ref()) {
            let removed = if metadata.is_dir() {
                fs::remove_dir_all(&inner)
            } else {
                fs::remove_file(&inner)
            };
            removed.map_err(CarriedError::io("remove", &inner))?;
        } else if metadata.is_dir() {
            tidy(&inner, time, tree, pointers)?;
        } else {
            if metadata.is_file() {
                if is_pointer(&inner, metadata.len())? {
                    pointers.push(relative(tree, &inner));
                }
                let mode = if metadata.permissions().mode() & 0o100 == 0 {
                    0o644
                } else {
                    0o755
                };
                set_mode(&inner, mode)?;
            }
            set_time(&inner, time)?;
        }
    }
    set_mode(path, 0o755)?;
    set_time(path, time)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), CarriedError> {
    let set = fs::set_permissions(path, Permissions::from_mode(mode));
    set.map_err(CarriedError::io("write", path))
}

fn set_time(path: &Path, seconds: i64) -> Result<(), CarriedError> {
    let at = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: at,
        last_modification: at,
    };
    let set = utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
    set.map_err(|error| CarriedError::io("write", path)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn a_ref_is_what_git_clone_takes_it_for() {
        let told = format!(
            "{A}\tHEAD\n{A}\trefs/heads/x\n{B}\trefs/tags/x\n{B}\trefs/tags/v1\n{A}\trefs/tags/v1^{{}}\n"
        );
        let of = |reference| named(&told, reference).map(|r| (r.commit, r.name.unwrap()));
        assert_eq!(of("x"), Some((A.into(), "refs/heads/x".into())));
        assert_eq!(of("refs/tags/x"), Some((B.into(), "refs/tags/x".into())));
        assert_eq!(of("v1"), Some((A.into(), "refs/tags/v1".into())));
        assert_eq!(of("HEAD"), None);
        let told = format!("ref: refs/heads/main\tHEAD\n{A}\tHEAD\n");
        let found = default_branch(&told).unwrap();
        assert_eq!(
            (found.commit.as_str(), found.name.unwrap().as_str()),
            (A, "refs/heads/main")
        );
        assert_eq!(default_branch(""), None);
    }

    #[test]
    fn a_tree_is_the_same_for_everybody_and_its_pointers_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path();
        fs::create_dir_all(tree.join("a/.git")).unwrap();
        fs::write(
            tree.join("a/big.bin"),
            [POINTER, b"oid sha256:x\nsize 1\n"].concat(),
        )
        .unwrap();
        fs::write(tree.join("run"), "#!/bin/sh\n").unwrap();
        set_mode(&tree.join("run"), 0o700).unwrap();
        set_mode(&tree.join("a/big.bin"), 0o600).unwrap();
        assert_eq!(pointers(tree).unwrap(), ["a/big.bin"]);
        let mut found = Vec::new();
        tidy(tree, 1_000_000_000, tree, &mut found).unwrap();
        assert_eq!(found, ["a/big.bin"]);
        assert!(!tree.join("a/.git").exists());
        for (path, mode) in [("run", 0o755), ("a/big.bin", 0o644), ("a", 0o755)] {
            let metadata = tree.join(path).metadata().unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
            let time = metadata
                .modified()
                .unwrap()
                .duration_since(std::time::UNIX_EPOCH);
            assert_eq!(time.unwrap().as_secs(), 1_000_000_000, "{path}");
        }
    }
}
