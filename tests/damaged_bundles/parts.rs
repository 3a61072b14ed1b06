use offline_core::bundle::{Located, Packing, Proof, locate, verify_archive};
use offline_core::event::{Task, Work};

use super::*;

const PART: usize = 100_000;

/// The archive `a.tar` of a site in parts, with `SHA256SUMS` beside them or without.
fn in_parts(sums: bool) -> (Site, Vec<PathBuf>) {
    let site = Site::new("whole.tar");
    let archive = site.path("a.tar");
    let packed = pack(&site.source(), packing(&archive), &Silent).unwrap();
    if sums {
        let lines = packed.files.iter().map(|file| {
            let name = file.path.file_name().unwrap().to_str().unwrap();
            (name.to_owned(), Some(file.sha256))
        });
        write_sums(site.dir.path(), &lines.collect::<Vec<_>>()).unwrap();
    }
    let paths = packed.files.into_iter().map(|file| file.path).collect();
    (site, paths)
}

fn packing(archive: &Path) -> Packing<'_> {
    Packing {
        archive,
        split: Some(PART as u64),
    }
}

/// What `docker offline diagnose` does with an archive.
fn look(site: &Site) -> Result<Proof, Error> {
    let task = Task::start(&Silent, Work::Verify, None);
    verify_archive(&site.path("a.tar"), &task)
}

/// The missing and the altered parts that unpacking names; nothing was touched.
fn refused(site: &Site) -> (Vec<usize>, Vec<usize>) {
    let error = site.unpack("a.tar").unwrap_err();
    let said = format!("{error}; {}", error.hint().unwrap());
    assert_eq!(look(site).unwrap_err().to_string(), error.to_string());
    assert!(!site.path("target").exists());
    let Error::Parts {
        missing, altered, ..
    } = error
    else {
        panic!("{said}");
    };
    for number in missing.iter().chain(&altered) {
        assert!(said.contains(&format!("a.tar.{number:03}")), "{said}");
        assert!(said.contains(&format!("part {number:03}")), "{said}");
    }
    (missing, altered)
}

#[test]
fn parts_joined_are_the_archive_and_unpack_to_it() {
    let (site, parts) = in_parts(true);
    let whole = fs::read(site.path("whole.tar")).unwrap();
    assert_eq!(parts.len(), whole.len().div_ceil(PART));
    let joined: Vec<u8> = parts
        .iter()
        .flat_map(|part| fs::read(part).unwrap())
        .collect();
    assert!(joined == whole);
    assert_eq!(look(&site).unwrap(), Proof::Sums);
    assert_eq!(site.unpack("a.tar").unwrap().new_blobs, 4);
    assert!(site.unpack("a.tar").unwrap().nothing_to_do);
}

#[test]
fn parts_are_found_by_any_of_their_names_and_in_folders_beside_each_other() {
    let (site, parts) = in_parts(true);
    let all = Located::Archive(site.path("a.tar"));
    for named in [parts[0].clone(), parts[3].clone(), site.path("a.tar")] {
        assert_eq!(locate(Some(&named), None, site.dir.path()).unwrap(), all);
    }
    // As copies of three discs, in another order than that of the parts.
    for (at, part) in parts.iter().enumerate() {
        let disc = site.path(["c", "a", "b"][at % 3]);
        fs::create_dir_all(&disc).unwrap();
        fs::rename(part, disc.join(part.file_name().unwrap())).unwrap();
        fs::copy(site.path("SHA256SUMS"), disc.join("SHA256SUMS")).unwrap();
    }
    assert_eq!(look(&site).unwrap(), Proof::Sums);
    assert_eq!(site.unpack("a.tar").unwrap().new_blobs, 4);
}

#[test]
fn exactly_the_missing_and_the_bad_parts_are_named_at_once() {
    let (site, parts) = in_parts(true);
    let last = parts.len();
    let good = fs::read(&parts[4]).unwrap();
    let mut bad = good.clone();
    bad[70_000] ^= 1;
    fs::write(&parts[4], &bad).unwrap();
    assert_eq!(refused(&site), (vec![], vec![5]));
    fs::write(&parts[4], &good[..good.len() / 2]).unwrap();
    assert_eq!(refused(&site), (vec![], vec![5]));
    fs::write(&parts[4], &good).unwrap();
    let held = [1, last - 1].map(|at| fs::read(&parts[at]).unwrap());
    for at in [1, last - 1] {
        fs::remove_file(&parts[at]).unwrap();
    }
    assert_eq!(refused(&site), (vec![2, last], vec![]));
    // Those of another export, of the same size.
    fs::write(&parts[1], &held[1]).unwrap();
    fs::write(&parts[last - 1], &held[1]).unwrap();
    assert_eq!(refused(&site), (vec![], vec![2]));
    fs::write(&parts[1], &held[0]).unwrap();
    assert_eq!(site.unpack("a.tar").unwrap().new_blobs, 4);
}

#[test]
fn without_sums_gaps_and_sizes_tell_and_the_rest_tells_by_its_digest() {
    let (site, parts) = in_parts(false);
    assert_eq!(look(&site).unwrap(), Proof::Digests);
    let last = parts.len();
    let end = fs::read(&parts[last - 1]).unwrap();
    fs::remove_file(&parts[last - 1]).unwrap();
    let error = site.unpack("a.tar").unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("part {last:03} is missing")),
        "{error}"
    );
    let _ = fs::remove_dir_all(site.path("target"));
    fs::write(&parts[last - 1], end).unwrap();
    let third = fs::read(&parts[2]).unwrap();
    fs::remove_file(&parts[2]).unwrap();
    assert_eq!(refused(&site), (vec![3], vec![]));
    fs::write(&parts[2], &third[..PART - 1]).unwrap();
    assert_eq!(refused(&site), (vec![], vec![3]));
    let mut flipped = third.clone();
    flipped[PART / 2] ^= 1;
    fs::write(&parts[2], flipped).unwrap();
    let error = look(&site).unwrap_err();
    assert_eq!(error.kind(), Kind::BundleAltered, "{error}");
    fs::write(&parts[2], third).unwrap();
    assert_eq!(site.unpack("a.tar").unwrap().new_blobs, 4);
}

#[test]
fn the_next_export_writes_nothing_anew_and_takes_away_what_is_older() {
    let (site, parts) = in_parts(true);
    let archive = site.path("a.tar");
    assert!(
        pack(&site.source(), packing(&archive), &Silent)
            .unwrap()
            .reused
    );
    // What an export of more has left.
    let more = site.path(&format!("a.tar.{:03}", parts.len() + 1));
    fs::write(&more, "older").unwrap();
    assert_eq!(look(&site).unwrap(), Proof::Sums);
    fs::write(&parts[0], "damaged").unwrap();
    let packed = pack(&site.source(), packing(&archive), &Silent).unwrap();
    assert!(!packed.reused && !more.exists());
    // In one file again.
    let packed = pack(&site.source(), &archive, &Silent).unwrap();
    assert_eq!(packed.files.len(), 1);
    assert!(archive.is_file() && parts.iter().all(|part| !part.exists()));
    pack(&site.source(), packing(&archive), &Silent).unwrap();
    assert!(!archive.exists() && parts.iter().all(|part| part.is_file()));
}

#[test]
fn too_many_parts_are_refused_and_nothing_is_left_of_them() {
    let site = Site::new("whole.tar");
    let archive = site.path("a.tar");
    let split = Some(1000);
    let packing = Packing {
        archive: &archive,
        split,
    };
    let error = pack(&site.source(), packing, &Silent).unwrap_err();
    assert!(error.to_string().contains("more than 500 parts"), "{error}");
    assert!(error.hint().unwrap().contains("--split"));
    let left = fs::read_dir(site.dir.path()).unwrap().count();
    assert_eq!(left, 2, "the source and the whole archive");
}
