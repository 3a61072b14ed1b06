use std::path::Path;

use super::{AddsTo, Error, Record, archive_bytes, read_record, unpack, verified};
use crate::event::{Reporter, Task, Work};
use crate::layout::Layout;

/// What [`merge`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merged {
    /// Whether the folder held all of it already.
    pub nothing_to_do: bool,
    /// How many exchanges were added.
    pub requests: u64,
    /// Bytes of the blobs that were written.
    pub new_bytes: u64,
    /// The bundle that it was made for, where that is another one of this project.
    pub made_for: Option<String>,
}

/// Adds what an archive of `docker offline export --fetch` holds to the bundle in a
/// folder: blobs beside its own, the recording at the end of its list.
///
/// The record is replaced last and as a whole, so that until then, and where it fails,
/// the folder is the bundle that it was. Done twice, it does nothing.
pub fn merge(archive: &Path, folder: &Path, reporter: &dyn Reporter) -> Result<Merged, Error> {
    let addition = read_record(archive)?;
    let layout = Layout::open(folder)?;
    let mut record = verified::documents_fit(&layout)?;
    let to = adds_to(archive, &addition, &record)?;
    let made_for = (to.created != record.created).then(|| to.created.clone());
    let known = |new: &&super::NetworkRecord| {
        let mut held = record.network.iter();
        held.any(|n| n.manifest.digest == new.manifest.digest)
    };
    if addition.network.iter().all(|new| known(&new)) {
        return Ok(Merged {
            nothing_to_do: true,
            made_for,
            ..Merged::default()
        });
    }
    let new: Vec<_> = addition.network.iter().filter(|n| !known(n)).collect();
    let trusted = verified::is_marked(folder);
    let layout = Layout::create(folder)?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let work = Work::Unpack {
        archive: name.into_owned(),
    };
    unpack::parts_are_whole(archive, reporter)?;
    let size = archive_bytes(archive);
    let task = Task::start(reporter, work, Some(size));
    let unpacked = unpack::unpack_blobs(archive, &layout, &addition, &task).and_then(|state| {
        for network in &new {
            // What cannot be read would break every build from the folder.
            network.read(&layout)?;
        }
        Ok(state.unpacked())
    });
    let unpacked = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => {
            if error.is_damage() {
                layout.collect_garbage(record.extra_roots())?;
            }
            return Err(in_words(error, archive, to, &record));
        }
    };
    let requests = new.iter().map(|n| n.requests).sum();
    for network in new {
        let mut network = network.clone();
        network.added.get_or_insert(addition.created.clone());
        if !record.extra_blobs.contains(&network.manifest) {
            record.extra_blobs.push(network.manifest.clone());
        }
        record.network.push(network);
    }
    record.write(&layout)?;
    if trusted {
        verified::mark(&layout)?;
    }
    Ok(Merged {
        nothing_to_do: false,
        requests,
        new_bytes: unpacked.new_bytes,
        made_for,
    })
}

/// What an archive with this record adds to. Fails where that is not a bundle of this
/// one's project, or where its recordings are not among its blobs.
pub fn adds_to<'a>(
    archive: &Path,
    addition: &'a Record,
    record: &Record,
) -> Result<&'a AddsTo, Error> {
    let Some(to) = &addition.adds_to else {
        return Err(Error::NotABundle {
            path: archive.to_owned(),
            why: "it adds to no other bundle".into(),
        });
    };
    if to.project != record.project {
        return Err(Error::OtherProject {
            path: archive.to_owned(),
            theirs: to.project.chars().take(200).collect(),
            ours: record.project.clone(),
        });
    }
    let named = |network: &super::NetworkRecord| addition.extra_blobs.contains(&network.manifest);
    if addition.network.is_empty() || !addition.network.iter().all(named) {
        return Err(Error::Altered {
            path: archive.to_owned(),
            what: super::RECORD_FILE.into(),
            why: "its recordings are not among its blobs".into(),
        });
    }
    Ok(to)
}

/// A blob that is missing was left out because the bundle that it adds to has it.
fn in_words(error: Error, archive: &Path, to: &AddsTo, record: &Record) -> Error {
    match error {
        Error::BlobMissing { digest, .. } => Error::AdditionIncomplete {
            path: archive.to_owned(),
            digest,
            made_for: to.created.chars().take(64).collect(),
            here: record.created.clone(),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::PathBuf;

    use offline_network::{Body, Exchange, Recording};

    use super::*;
    use crate::bundle::{self, NetworkContents, additions};
    use crate::event::Silent;
    use crate::layout::Digest;

    const CREATED: &str = "2026-01-01T00:00:00Z";

    /// A bundle whose recording has one answer for each of these.
    fn bundle(folder: &Path, answers: &[&str], change: impl FnOnce(&mut Record)) -> Record {
        let layout = Layout::create(folder).unwrap();
        layout.write_index(&[]).unwrap();
        let exchange = |text: &&str| {
            let written = layout.write_blob(text.as_bytes()).unwrap();
            Exchange {
                method: "GET".into(),
                url: format!("http://a/{text}"),
                varies: BTreeMap::new(),
                request_body: None,
                status: 200,
                headers: Vec::new(),
                body: Some(Body {
                    digest: serde_json::from_value(written.digest.to_string().into()).unwrap(),
                    size: written.size,
                }),
                targets: ["web".to_owned()].into(),
            }
        };
        let contents = NetworkContents {
            recording: Recording {
                exchanges: answers.iter().map(exchange).collect(),
            },
            asked: Vec::new(),
        };
        let network = contents.write(&layout).unwrap();
        let mut record = Record {
            project: "shop".into(),
            created: CREATED.into(),
            extra_blobs: vec![network.manifest.clone()],
            network: vec![network],
            ..Record::default()
        };
        change(&mut record);
        record.write(&layout).unwrap();
        record
    }

    /// An archive that adds "new", and leaves out "old", which the bundle has.
    fn small(dir: &Path, change: impl FnOnce(&mut Record)) -> PathBuf {
        let folder = dir.join("small");
        let _ = std::fs::remove_dir_all(&folder);
        bundle(&folder, &["old", "new"], |record| {
            record.created = "2026-01-02T00:00:00Z".into();
            record.adds_to = Some(AddsTo {
                project: "shop".into(),
                created: CREATED.into(),
            });
            change(record);
        });
        let archive = dir.join("build-cache-add-1.tar.zst");
        let held = BTreeSet::from([Digest::of(b"old")]);
        bundle::pack_without(&folder, &archive, &held, &Silent).unwrap();
        archive
    }

    #[test]
    fn an_addition_is_merged_once_and_stays_when_the_first_archive_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("build-cache");
        let before = bundle(&folder, &["old"], |_| ());
        let first = dir.path().join("build-cache-1.tar.zst");
        bundle::pack(&folder, &first, &Silent).unwrap();
        assert!(
            bundle::verify_bundle(&folder, 1, &|_| ())
                .unwrap()
                .is_empty()
        );
        let archive = small(dir.path(), |_| ());
        assert_eq!(additions(&folder, None, dir.path(), &before), [&*archive]);

        let merged = merge(&archive, &folder, &Silent).unwrap();
        assert_eq!((merged.requests, merged.made_for), (2, None));
        let record = Record::read(&folder).unwrap();
        assert_eq!(record.created, CREATED);
        assert_eq!(record.network.len(), 2);
        assert_eq!(record.without_additions(), before);
        let layout = Layout::open(&folder).unwrap();
        let read = record.network[1].read(&layout).unwrap();
        assert_eq!(read.recording.exchanges.len(), 2);
        assert!(layout.has_blob(&Digest::of(b"new"), None));
        assert!(
            bundle::verify_bundle(&folder, 1, &|_| ())
                .unwrap()
                .is_empty()
        );
        assert!(additions(&folder, None, dir.path(), &record).is_empty());

        assert!(merge(&archive, &folder, &Silent).unwrap().nothing_to_do);
        assert!(
            bundle::unpack(&first, &folder, &Silent)
                .unwrap()
                .nothing_to_do
        );
        assert_eq!(Record::read(&folder).unwrap(), record);
    }

    #[test]
    fn what_does_not_belong_here_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("build-cache");
        let before = bundle(&folder, &["old"], |_| ());
        let refused = |archive: &Path| {
            let error = merge(archive, &folder, &Silent).unwrap_err();
            assert_eq!(Record::read(&folder).unwrap(), before, "{error}");
            assert!(
                bundle::verify_bundle(&folder, 1, &|_| ())
                    .unwrap()
                    .is_empty()
            );
            error
        };
        let other = small(dir.path(), |r| {
            r.adds_to.as_mut().unwrap().project = "other".into();
        });
        assert!(matches!(refused(&other), Error::OtherProject { .. }));
        let alone = small(dir.path(), |r| r.adds_to = None);
        assert!(matches!(refused(&alone), Error::NotABundle { .. }));
        let unbound = small(dir.path(), |r| r.network[0].manifest.size += 1);
        assert!(matches!(refused(&unbound), Error::Altered { .. }));
        let good = small(dir.path(), |_| ());
        let bytes = std::fs::read(&good).unwrap();
        std::fs::write(&good, &bytes[..bytes.len() - 40]).unwrap();
        assert!(matches!(refused(&good), Error::Truncated { .. }));

        // Of another bundle of the project: good, if what it leaves out is there.
        std::fs::remove_dir_all(&folder).unwrap();
        let other = |r: &mut Record| r.created = "2026-02-01T00:00:00Z".into();
        std::fs::write(&good, &bytes).unwrap();
        bundle(&folder, &["another"], other);
        let error = merge(&good, &folder, &Silent).unwrap_err();
        assert!(matches!(error, Error::AdditionIncomplete { .. }), "{error}");
        bundle(&folder, &["old"], other);
        let merged = merge(&good, &folder, &Silent).unwrap();
        assert_eq!(merged.made_for.as_deref(), Some(CREATED));
    }
}
