//! A damaged or hostile bundle is refused by name, and what was there stays.

// What is shared by the tests is test code too, but clippy does not know it.
#![allow(clippy::unwrap_used)]

mod parts;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use offline_core::bundle::{Error, Record, pack, read_record, unpack, verify_bundle, write_sums};
use offline_core::error::{Explain, Kind};
use offline_core::event::Silent;
use offline_core::layout::{Damage, Descriptor, Digest, IndexEntry, Layout, Manifest, media_type};

const LAYER: &[u8] = &[7; 300_000];

/// A whole bundle with one image, and its archive.
struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    fn new(archive: &str) -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let layout = Layout::create(site.source()).unwrap();
        // Random-looking bytes, so that compressed archives have a length to cut.
        let noise: Vec<u8> = (0..200_000_u32)
            .flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(7).to_le_bytes())
            .collect();
        let config = layout.write_blob(b"{\"os\":\"linux\"}").unwrap();
        let layers = [LAYER, &noise].map(|bytes| {
            let written = layout.write_blob(bytes).unwrap();
            Descriptor::new(media_type::OCI_LAYER, written.digest, written.size)
        });
        let manifest = Manifest {
            schema_version: 2,
            media_type: media_type::OCI_MANIFEST.into(),
            config: Descriptor::new(media_type::OCI_CONFIG, config.digest, config.size),
            layers: layers.to_vec(),
            annotations: std::collections::BTreeMap::new(),
        };
        let manifest = layout
            .write_blob(&serde_json::to_vec(&manifest).unwrap())
            .unwrap();
        layout
            .write_index(&[IndexEntry {
                descriptor: Descriptor::new(
                    media_type::OCI_MANIFEST,
                    manifest.digest,
                    manifest.size,
                ),
                ref_name: "docker.io/library/app:1".into(),
                repo_tags: vec!["app:1".into()],
                annotations: std::collections::BTreeMap::new(),
            }])
            .unwrap();
        let mut record = Record {
            tool_version: "0.1.0".into(),
            created: "2026-01-02T03:04:05Z".into(),
            ..Record::default()
        };
        record.write(&layout).unwrap();
        pack(&site.source(), &site.path(archive), &Silent).unwrap();
        site
    }
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    fn source(&self) -> PathBuf {
        self.path("source")
    }
    fn unpack(&self, archive: &str) -> Result<offline_core::bundle::Unpacked, Error> {
        unpack(&self.path(archive), &self.path("target"), &Silent)
    }
}

/// A tar with what the caller puts into its raw headers.
fn tar_with(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn replaced(archive: &Path, edit: impl Fn(&str, Vec<u8>) -> Vec<u8>) {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(fs::File::open(archive).unwrap())
        .entries()
        .unwrap()
    {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let bytes = edit(&name, bytes);
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, &name, bytes.as_slice())
            .unwrap();
    }
    fs::write(archive, tar.into_inner().unwrap()).unwrap();
}

#[test]
fn each_kind_of_archive_unpacks_to_what_was_packed() {
    for name in ["a.tar", "a.tar.gz", "a.tar.zst"] {
        let site = Site::new(name);
        // The kind is told by the bytes, not by the name.
        fs::rename(site.path(name), site.path("renamed")).unwrap();
        let unpacked = site.unpack("renamed").unwrap();
        assert_eq!(unpacked.new_blobs, 4, "{name}");
        let findings = verify_bundle(&site.path("target"), 2, &|_| ()).unwrap();
        assert_eq!(findings, []);
        assert_eq!(
            Record::read(&site.path("target")).unwrap(),
            Record::read(&site.source()).unwrap()
        );
        assert!(site.unpack("renamed").unwrap().nothing_to_do);
    }
}

#[test]
fn the_same_bundle_gives_the_same_archive_and_is_not_packed_twice() {
    let site = Site::new("a.tar.zst");
    let again = pack(&site.source(), &site.path("b.tar.zst"), &Silent).unwrap();
    let bytes = fs::read(site.path("a.tar.zst")).unwrap();
    assert_eq!(again.files[0].sha256, Digest::of(&bytes));
    assert_eq!(again.bytes, bytes.len() as u64);
    assert!(!again.reused);
    let sum = Some(again.files[0].sha256);
    write_sums(site.dir.path(), &[("b.tar.zst".into(), sum)]).unwrap();
    let third = pack(&site.source(), &site.path("b.tar.zst"), &Silent).unwrap();
    assert!(third.reused);
    // An archive that was damaged since is written anew.
    let mut damaged = bytes.clone();
    let end = damaged.len() - 1;
    damaged[end] ^= 1;
    fs::write(site.path("b.tar.zst"), damaged).unwrap();
    assert!(
        !pack(&site.source(), &site.path("b.tar.zst"), &Silent)
            .unwrap()
            .reused
    );
    assert_eq!(fs::read(site.path("b.tar.zst")).unwrap(), bytes);
}

#[test]
fn an_archive_cut_anywhere_leaves_nothing_where_nothing_was_and_else_the_next_run_continues() {
    for name in ["a.tar", "a.tar.gz", "a.tar.zst"] {
        let site = Site::new(name);
        let whole = fs::read(site.path(name)).unwrap();
        let n = whole.len();
        // Where a plain tar ends between two files is a place of its own.
        for end in [600, n / 4, n / 2, n - 1100, n - 1024 - 512, n - 1024, n - 5] {
            if name == "a.tar" && end == n - 5 {
                // Cut within the padding behind the end marker: nothing is lost.
                continue;
            }
            fs::write(site.path("cut"), &whole[..end]).unwrap();
            let error = site.unpack("cut").unwrap_err();
            assert_eq!(error.kind(), Kind::BundleTruncated, "{name} {end}: {error}");
            assert!(!site.path("target").exists(), "{name} {end}");
        }
        // A folder that was there, as a killed run leaves it, keeps what is good.
        fs::create_dir(site.path("target")).unwrap();
        fs::write(site.path("cut"), &whole[..n - 1024 - 512]).unwrap();
        assert_eq!(
            site.unpack("cut").unwrap_err().kind(),
            Kind::BundleTruncated
        );
        assert!(!site.path("target/bundle.json").exists());
        fs::write(site.path("empty"), "").unwrap();
        assert_eq!(site.unpack("empty").unwrap_err().kind(), Kind::NotABundle);
        let unpacked = site.unpack(name).unwrap();
        assert!(unpacked.new_blobs < 4, "{name}: {unpacked:?}");
    }
}

#[test]
fn an_altered_blob_is_named_and_the_old_bundle_stays() {
    let site = Site::new("a.tar");
    site.unpack("a.tar").unwrap();
    let before = fs::read(site.path("target/index.json")).unwrap();
    replaced(&site.path("a.tar"), |name, mut bytes| {
        if name == "bundle.json" {
            return String::from_utf8(bytes)
                .unwrap()
                .replace("2026-01-02", "2026-01-03")
                .into_bytes();
        }
        if bytes == LAYER {
            bytes[5] ^= 1;
        }
        bytes
    });
    // Held already, so the altered copy is not looked at.
    fs::remove_file(
        Layout::open(site.path("target"))
            .unwrap()
            .blob_path(&Digest::of(LAYER)),
    )
    .unwrap();
    let error = site.unpack("a.tar").unwrap_err();
    assert_eq!(error.kind(), Kind::BundleAltered);
    assert!(
        error.to_string().contains(&Digest::of(LAYER).hex()),
        "{error}"
    );
    assert_eq!(fs::read(site.path("target/index.json")).unwrap(), before);
}

#[test]
fn altered_bytes_of_a_compressed_archive_are_never_taken() {
    for name in ["a.tar.gz", "a.tar.zst"] {
        let site = Site::new(name);
        let whole = fs::read(site.path(name)).unwrap();
        for at in [whole.len() / 3, whole.len() / 2, whole.len() - 3] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(site.path("b"), bytes).unwrap();
            let error = site.unpack("b").unwrap_err();
            assert!(
                matches!(error.kind(), Kind::BundleAltered | Kind::BundleTruncated),
                "{name} {at}: {error}"
            );
            assert!(!site.path("target/bundle.json").exists());
        }
    }
}

#[test]
fn an_altered_index_is_named() {
    let site = Site::new("a.tar");
    replaced(&site.path("a.tar"), |name, bytes| {
        if name == "index.json" {
            let text = String::from_utf8(bytes).unwrap();
            return text.replace("app:1", "app:2").into_bytes();
        }
        bytes
    });
    let error = site.unpack("a.tar").unwrap_err();
    assert!(
        matches!(&error, Error::Altered { what, .. } if what == "index.json"),
        "{error}"
    );
    // And in a folder.
    let index = site.source().join("index.json");
    let text = fs::read_to_string(&index).unwrap();
    fs::write(&index, text.replace("app:1", "app:2")).unwrap();
    let error = verify_bundle(&site.source(), 1, &|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::BundleAltered);
}

#[test]
fn a_newer_format_is_refused_by_the_version_that_wrote_it() {
    let site = Site::new("a.tar");
    replaced(&site.path("a.tar"), |name, bytes| match name {
        "bundle.json" => br#"{"format":2,"toolVersion":"9.9.9","images":"now a text"}"#.to_vec(),
        _ => bytes,
    });
    let error = site.unpack("a.tar").unwrap_err();
    assert_eq!(error.kind(), Kind::BundleNewer);
    assert!(error.to_string().contains("9.9.9"));
    assert!(!site.path("target").exists());
}

#[test]
fn paths_links_and_devices_are_refused() {
    use tar::EntryType;
    let site = Site::new("a.tar");
    let record = fs::read(site.source().join("bundle.json")).unwrap();
    let index = fs::read(site.source().join("index.json")).unwrap();
    for (name, kind) in [
        ("../outside", EntryType::Regular),
        ("blobs/../../outside", EntryType::Regular),
        ("/outside", EntryType::Regular),
        ("link", EntryType::Symlink),
        ("link", EntryType::Link),
        ("device", EntryType::Char),
        ("pipe", EntryType::Fifo),
        ("x", EntryType::GNULongName),
        ("x", EntryType::XHeader),
        ("blobs/sha256/nothex", EntryType::Regular),
    ] {
        let bytes = tar_with(&[
            ("bundle.json", EntryType::Regular, &record),
            ("index.json", EntryType::Regular, &index),
            (name, kind, b"outside"),
        ]);
        fs::write(site.path("evil.tar"), bytes).unwrap();
        let error = site.unpack("evil.tar").unwrap_err();
        assert!(
            matches!(error, Error::Refused { .. }),
            "{name} {kind:?}: {error}"
        );
        assert!(!site.path("outside").exists());
    }
}

#[test]
fn a_bomb_is_stopped_by_what_the_bundle_declares() {
    let site = Site::new("a.tar");
    let record = fs::read(site.source().join("bundle.json")).unwrap();
    let index = fs::read(site.source().join("index.json")).unwrap();
    let zeros = vec![0; 64 << 20];
    let blob = format!("blobs/sha256/{}", Digest::of(&zeros).hex());
    let bytes = tar_with(&[
        ("bundle.json", tar::EntryType::Regular, &record),
        ("index.json", tar::EntryType::Regular, &index),
        (&blob, tar::EntryType::Regular, &zeros),
    ]);
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.write_all(&bytes).unwrap();
    fs::write(site.path("bomb"), encoder.finish().unwrap()).unwrap();
    assert!(matches!(
        site.unpack("bomb").unwrap_err(),
        Error::Refused { .. }
    ));
    // A document may not be one either.
    let bytes = tar_with(&[("bundle.json", tar::EntryType::Regular, &zeros)]);
    fs::write(site.path("bomb"), bytes).unwrap();
    assert_eq!(site.unpack("bomb").unwrap_err().kind(), Kind::BundleAltered);
}

#[test]
fn what_is_no_bundle_is_called_so() {
    let site = Site::new("a.tar");
    fs::write(site.path("text"), "hello".repeat(300)).unwrap();
    fs::write(
        site.path("other.tar"),
        tar_with(&[("README", tar::EntryType::Regular, b"hi")]),
    )
    .unwrap();
    for name in ["text", "other.tar"] {
        assert_eq!(site.unpack(name).unwrap_err().kind(), Kind::NotABundle);
        assert!(read_record(&site.path(name)).is_err());
    }
}

#[test]
fn a_missing_a_short_and_an_altered_blob_are_told_apart() {
    let site = Site::new("a.tar");
    let layout = Layout::open(site.source()).unwrap();
    let blob = layout.blob_path(&Digest::of(LAYER));
    assert_eq!(verify_bundle(&site.source(), 2, &|_| ()).unwrap(), []);
    let mut bytes = LAYER.to_vec();
    bytes[9] = 1;
    std::thread::sleep(std::time::Duration::from_millis(20));
    for (bytes, expected) in [
        (Some(bytes), Damage::Altered),
        (Some(vec![7; 5]), Damage::WrongSize),
        (None, Damage::Missing),
    ] {
        match bytes {
            Some(bytes) => fs::write(&blob, bytes).unwrap(),
            None => fs::remove_file(&blob).unwrap(),
        }
        let findings = verify_bundle(&site.source(), 2, &|_| ()).unwrap();
        assert_eq!(findings.len(), 1, "{expected:?}");
        assert_eq!(
            (findings[0].digest, findings[0].what),
            (Digest::of(LAYER), expected)
        );
    }
    let error = pack(&site.source(), &site.path("a.tar"), &Silent).unwrap_err();
    assert_eq!(error.kind(), Kind::BundleIncomplete);
    assert!(read_record(&site.path("a.tar")).is_ok());
}
