//! Plain Compose builds from rewritten copies: the service in the container writes
//! them anew whenever the user edits a Dockerfile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::build::replay::cleaner_of;
use crate::dockerfile::{
    Copy, RemoteSource, Sources, is_like_copy, parse, with_carried_adds, with_named_stages,
    written_source,
};
use crate::network::{
    Caches, Cleaner, Rewritten, Variables, first_network_steps, rewrite_and_clean,
};

/// How often the files are looked at. Compose needs longer than that from its start
/// until it reads a Dockerfile.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// The list of what is followed, in our folder.
pub(super) const LIST: &str = "followed.json";

/// The largest Dockerfile that is followed, in bytes.
const LARGEST: u64 = 8 << 20;

/// A Dockerfile and its rewritten copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Followed {
    /// The folder of the user's file, on the engine's machine.
    pub(super) folder: PathBuf,
    /// The number of the folder with the copy.
    pub(super) number: usize,
    /// The file's name, and the copy's.
    pub(super) name: String,
    /// Whether variables come by secrets, and not by ARG.
    pub(super) by_secrets: bool,
    /// By its address as it is written, where that lies which ADD fetches.
    #[serde(default)]
    pub(super) fetched: BTreeMap<String, String>,
    /// The image with the program that cleans up after steps.
    #[serde(default)]
    pub(super) image: Option<String>,
    /// Whether it does so after all steps.
    #[serde(default)]
    pub(super) every_step: bool,
}

/// How a Dockerfile is rewritten.
#[derive(Debug, Clone)]
struct Rewriting {
    variables: Variables,
    fetched: BTreeMap<String, String>,
    cleaner: Option<Cleaner>,
}

impl Rewriting {
    fn of(one: &Followed) -> Self {
        let variables = if one.by_secrets {
            Variables::Secrets
        } else {
            Variables::Arguments
        };
        Self {
            variables,
            fetched: one.fetched.clone(),
            cleaner: one
                .image
                .as_deref()
                .map(|image| cleaner_of(image, one.every_step)),
        }
    }
}

/// The text with every network step rewritten, as both `--stay` and the service make
/// it: what one has built is a hit for the other.
///
/// `fetched` says by the address as it is written where the file lies that ADD fetches.
pub(super) fn rewritten(
    text: &str,
    fetched: &BTreeMap<String, String>,
    variables: Variables,
    cleaner: Option<&Cleaner>,
) -> Option<Rewritten> {
    let file = parse(text, Path::new("Dockerfile")).ok()?;
    let held = |_: u32, add: &Copy| carried_sources(add, fetched);
    let text = &with_carried_adds(text, &file, held);
    let file = parse(text, Path::new("Dockerfile")).ok()?;
    let (named, _) = with_named_stages(text, &file);
    let file = parse(&named, Path::new("Dockerfile")).ok()?;
    let from = first_network_steps(&file);
    let caches = Caches::Shared;
    Some(rewrite_and_clean(
        &named, &file, &from, variables, caches, cleaner,
    ))
}

/// Where the sources of an ADD are that the bundle holds, as far as it holds all that is
/// fetched: a variable may be an address.
fn carried_sources(add: &Copy, fetched: &BTreeMap<String, String>) -> Option<Sources> {
    if !is_like_copy(add) {
        return None;
    }
    let sources = add.sources.iter().map(|source| {
        let held = fetched.get(&written_source(add, source));
        let is_local = !source.starts_with('$') && RemoteSource::of(source).is_none();
        (held.is_some() || is_local).then(|| held.cloned())
    });
    let sources: Sources = sources.collect::<Option<_>>()?;
    sources.iter().any(Option::is_some).then_some(sources)
}

/// A file as it was seen.
type Seen = Option<(SystemTime, u64)>;

/// Writes copies anew, for ever once asked again and again.
#[derive(Debug)]
pub(super) struct Follower {
    /// The file, its copy, how it is rewritten, and when it was last.
    files: Vec<(PathBuf, PathBuf, Option<Rewriting>, Option<Seen>)>,
}

impl Follower {
    /// `watched` holds the folders of Dockerfiles by number, `state` is our folder.
    pub(super) fn new(watched: &Path, state: &Path) -> Self {
        let list = std::fs::read(state.join(LIST)).unwrap_or_default();
        let list: Vec<Followed> = serde_json::from_slice(&list).unwrap_or_default();
        let mut files = Vec::new();
        for one in list {
            let from = watched.join(one.number.to_string());
            let to = state.join("dockerfiles").join(one.number.to_string());
            let rewriting = Rewriting::of(&one);
            let ignore = format!("{}.dockerignore", one.name);
            files.push((
                from.join(&one.name),
                to.join(&one.name),
                Some(rewriting),
                None,
            ));
            files.push((from.join(&ignore), to.join(&ignore), None, None));
        }
        Self { files }
    }

    /// Looks once at all files. What cannot be read or written is told to `failed`,
    /// stays as it is, and is tried again when it changes.
    pub(super) fn look(&mut self, failed: &dyn Fn(&Path, std::io::Error)) {
        for (from, to, rewriting, before) in &mut self.files {
            let now = seen(from);
            if before.replace(now) == Some(now) {
                continue;
            }
            if let Err(error) = copy(from, to, rewriting.as_ref(), now) {
                failed(to, error);
            }
        }
    }
}

fn seen(path: &Path) -> Seen {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn copy(from: &Path, to: &Path, rewriting: Option<&Rewriting>, seen: Seen) -> std::io::Result<()> {
    let Some((_, size)) = seen else {
        // An editor may be about to put it back; without an ignore file, there is none.
        return match rewriting {
            Some(_) => Ok(()),
            None => std::fs::remove_file(to).or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(e),
            }),
        };
    };
    if size > LARGEST {
        return Ok(());
    }
    let text = std::fs::read_to_string(from)?;
    let text = match rewriting
        .and_then(|r| rewritten(&text, &r.fetched, r.variables, r.cleaner.as_ref()))
    {
        Some(rewritten) => rewritten.text,
        // What does not parse is for BuildKit to complain of.
        None => text,
    };
    if std::fs::read_to_string(to).is_ok_and(|held| held == text) {
        return Ok(());
    }
    let beside = to.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let (watched, state) = (folder.path().join("watch"), folder.path().join("state"));
        std::fs::create_dir_all(watched.join("0")).unwrap();
        std::fs::create_dir_all(state.join("dockerfiles/0")).unwrap();
        let list = [Followed {
            folder: "/p".into(),
            number: 0,
            name: "Dockerfile".into(),
            by_secrets: false,
            fetched: [("https://x.org/$V".to_owned(), "1a/v2".to_owned())].into(),
            image: Some("docker-offline.invalid/replay:1".into()),
            every_step: false,
        }];
        std::fs::write(state.join(LIST), serde_json::to_vec(&list).unwrap()).unwrap();
        let mut follower = Follower::new(&watched, &state);
        let copy = state.join("dockerfiles/0/Dockerfile");
        let file = watched.join("0/Dockerfile");
        let adds = "ARG V\nADD https://x.org/$V /v\nADD https://x.org/new /n\nADD a https://x.org/$V /\n\nADD $V https://x.org/$V /\n\n";
        std::fs::write(&file, format!("FROM a\n{adds}RUN pip install x\n")).unwrap();
        follower.look(&|path, error| panic!("{}: {error}", path.display()));
        let first = std::fs::read_to_string(&copy).unwrap();
        assert!(first.contains("--mount=type=secret"), "{first}");
        assert!(
            first.contains("=docker-offline-fetched 1a/v2 /v\nADD https"),
            "{first}"
        );
        let beside = "ADD a /\nCOPY --from=docker-offline-fetched 1a/v2 /\nADD $V https";
        assert!(first.contains(beside), "{first}");
        std::fs::write(
            &file,
            "FROM a\nRUN mkdir /x\nRUN pip install longer\nRUN env > /x\n",
        )
        .unwrap();
        follower.look(&|path, error| panic!("{}: {error}", path.display()));
        let second = std::fs::read_to_string(&copy).unwrap();
        assert!(second.contains("longer"));
        assert!(second.contains("$$; exit $?; env > /x"), "{second}");
        std::fs::write(watched.join("0/Dockerfile.dockerignore"), "*").unwrap();
        follower.look(&|path, error| panic!("{}: {error}", path.display()));
        let ignore = state.join("dockerfiles/0/Dockerfile.dockerignore");
        assert!(ignore.exists());
        std::fs::remove_file(watched.join("0/Dockerfile.dockerignore")).unwrap();
        std::fs::remove_file(&file).unwrap();
        follower.look(&|path, error| panic!("{}: {error}", path.display()));
        assert!(!ignore.exists());
        assert!(copy.exists(), "it may come back");
        std::fs::write(&file, "FRUM a\n").unwrap();
        follower.look(&|path, error| panic!("{}: {error}", path.display()));
        assert_eq!(std::fs::read_to_string(&copy).unwrap(), "FRUM a\n");
    }
}
