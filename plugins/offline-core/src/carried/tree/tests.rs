use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::carried::Error;

fn tar_of(path: &Path) -> Vec<u8> {
    write(path, "top", Vec::new(), &|_| ()).unwrap().1
}

fn laid(tar: &[u8], base: &Path) -> Result<u64, Error> {
    lay(&mut &*tar, "files x", base, &Choice::All, false, &|_| ())
}

fn compared(tar: &[u8], base: &Path) -> super::compare::Comparison {
    compare(&mut &*tar, "files x", base, false).unwrap()
}

/// Names with blanks, Chinese, newlines and of any length; links; modes; holes.
fn tree(folder: &Path) -> PathBuf {
    let base = folder.join("from");
    let long = "long".repeat(40);
    for inner in ["a b/中文", "new\nline", &long] {
        fs::create_dir_all(base.join(inner)).unwrap();
    }
    fs::write(base.join("a b/中文/file"), "body").unwrap();
    fs::write(base.join("new\nline/empty"), "").unwrap();
    fs::write(base.join(&long).join(&long), "long").unwrap();
    fs::hard_link(base.join("a b/中文/file"), base.join("second")).unwrap();
    symlink("a b/中文", base.join("link")).unwrap();
    symlink("/etc/passwd", base.join(&long).join("out")).unwrap();
    let sparse = fs::File::create(base.join("sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    let of_file = fs::Permissions::from_mode(0o751);
    fs::set_permissions(base.join("a b/中文/file"), of_file).unwrap();
    fs::set_permissions(base.join("new\nline"), fs::Permissions::from_mode(0o555)).unwrap();
    let file = fs::File::open(base.join("a b/中文/file")).unwrap();
    let time = UNIX_EPOCH + Duration::new(1_445_412_480, 123_456_789);
    file.set_modified(time).unwrap();
    base
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let from = tree(folder.path());
    let tar = tar_of(&from);
    assert_eq!(tar, tar_of(&from), "the same tree gives the same bytes");
    let to = folder.path().join("to");
    assert_eq!(laid(&tar, &to).unwrap(), 12);
    let read = |path: &str| fs::read(to.join(path)).unwrap();
    assert_eq!(read("a b/中文/file"), b"body");
    assert_eq!(read("link/file"), b"body");
    let of = |path: &str| to.join(path).symlink_metadata().unwrap();
    assert_eq!(of("second").ino(), of("a b/中文/file").ino());
    assert_eq!(of("second").mode() & 0o7777, 0o751);
    assert_eq!(of("second").mtime_nsec(), 123_456_789);
    assert_eq!(of("new\nline").mode() & 0o7777, 0o555);
    assert_eq!((of("sparse").len(), of("sparse").blocks()), (64 << 20, 0));
    assert_eq!(
        tar,
        tar_of(&to),
        "what came back gives the same bytes again"
    );
}

#[test]
fn only_what_is_missing_or_differs_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let tar = tar_of(&tree(folder.path()));
    let to = folder.path().join("to");
    laid(&tar, &to).unwrap();
    let same = compared(&tar, &to);
    assert!(same.missing.is_empty() && same.differing.is_empty());
    fs::write(to.join("mine"), "not carried").unwrap();
    fs::remove_file(to.join("link")).unwrap();
    fs::write(to.join("link"), "a file").unwrap();
    fs::remove_file(to.join("new\nline/empty")).unwrap_or(());
    fs::remove_file(to.join("second")).unwrap();
    fs::write(to.join("a b/中文/file"), "bodY").unwrap();
    let found = compared(&tar, &to);
    let differing: Vec<_> = found.differing.iter().map(|(p, _)| p.clone()).collect();
    assert_eq!(differing, [PathBuf::from("a b/中文/file"), "link".into()]);
    assert!(found.missing.contains(Path::new("second")));

    let mut wanted = found.missing;
    wanted.extend(differing);
    let these = Choice::These(&wanted);
    lay(&mut &*tar, "files x", &to, &these, false, &|_| ()).unwrap();
    let again = compared(&tar, &to);
    assert!(
        again.missing.is_empty() && again.differing.is_empty(),
        "{again:?}"
    );
    assert_eq!(fs::read(to.join("mine")).unwrap(), b"not carried");
}

#[test]
fn a_copy_without_times_and_hard_links_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("a"), "body").unwrap();
    fs::hard_link(from.join("a"), from.join("b")).unwrap();
    let tar = tar_of(&from);
    fs::remove_file(from.join("b")).unwrap();
    fs::write(from.join("b"), "body").unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(1);
    for name in ["a", "b"] {
        let file = fs::File::open(from.join(name)).unwrap();
        file.set_modified(time).unwrap();
    }
    let found = compared(&tar, &from);
    assert!(
        found.missing.is_empty() && found.differing.is_empty(),
        "{found:?}"
    );
}

/// A tar with these entries: kind, name, link.
fn hostile(entries: &[(tar::EntryType, &str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, link) in entries {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        let field = &mut header.as_old_mut().linkname;
        field[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(if kind.is_file() { 4 } else { 0 });
        header.set_cksum();
        let body: &[u8] = if kind.is_file() { b"evil" } else { b"" };
        tar.append(&header, body).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn no_entry_leaves_its_place() {
    use tar::EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
    let top = (Directory, "top", "");
    for entries in [
        &[(Regular, "../evil", "")][..],
        &[(Regular, "/evil", "")],
        &[(Regular, "..", "")],
        &[(Regular, "a/evil", "")],
        &[top, (Regular, "top/../../evil", "")],
        &[top, (Regular, "topper/evil", "")],
        &[top, (Regular, "other", "")],
        &[top, (Regular, "top//evil", "")],
        &[top, (Symlink, "top/l", "/"), (Regular, "top/l/evil", "")],
        &[top, (Symlink, "top/l", ".."), (Regular, "top/l/evil", "")],
        &[(Symlink, "top", "/"), (Regular, "top/evil", "")],
        &[top, (Regular, "top/f", ""), (Regular, "top/f/evil", "")],
        &[top, (Link, "top/evil", "/etc/passwd")],
        &[top, (Link, "top/evil", "top/../../x")],
        &[
            top,
            (Symlink, "top/l", "/etc/passwd"),
            (Link, "top/evil", "top/l"),
        ],
        &[
            top,
            (Symlink, "top/l", "/etc"),
            (Link, "top/evil", "top/l/passwd"),
        ],
        &[top, (Link, "top/evil", "top/none")],
        &[top, (Fifo, "top/evil", "")],
        &[top, (Char, "top/evil", "")],
        &[top, (Block, "top/evil", "")],
        &[top, (tar::EntryType::GNULongName, "top/evil", "")],
        &[top, (tar::EntryType::XGlobalHeader, "top/evil", "")],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let error = laid(&hostile(entries), &inner.join("to")).unwrap_err();
        assert!(
            matches!(error, Error::Hostile { .. }),
            "{entries:?}: {error}"
        );
        for at in [folder.path(), &inner, Path::new("/")] {
            assert!(!at.join("evil").exists(), "{entries:?}");
        }
    }
}

#[test]
fn a_cut_tar_is_no_tree() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    fs::write(&from, "body").unwrap();
    let tar = tar_of(&from);
    for cut in [0, 100, 514] {
        let to = folder.path().join(format!("to-{cut}"));
        assert!(laid(&tar[..cut], &to).is_err(), "{cut}");
        assert!(!to.exists());
    }
    laid(&tar, &folder.path().join("to")).unwrap();
    assert_eq!(fs::read(folder.path().join("to")).unwrap(), b"body");
}
