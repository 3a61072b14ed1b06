//! What is not a bundle, or no longer the one that was written, is refused in
//! words before anything of it is loaded.

use std::fs;
use std::sync::OnceLock;

use docker_offline_tests::{Engine, Refusal, Workspace, on_machine};

/// A small project, its bundle folder and its archive in each form.
struct Bundles {
    project: Workspace,
}

fn bundles() -> &'static Bundles {
    static MADE: OnceLock<Bundles> = OnceLock::new();
    MADE.get_or_init(|| {
        let engine = Engine::with_plugin("28-overlay2-connected");
        let project = Workspace::of_files(
            "bundle",
            &[
                (
                    "compose.yaml",
                    "name: small\nservices:\n  app:\n    build: ./app\n    image: small-app:dev\n",
                ),
                (
                    "app/Dockerfile",
                    "FROM busybox:1.36\nRUN echo one > /one\nCOPY data.txt /data.txt\n",
                ),
                ("app/data.txt", "data\n"),
            ],
        );
        for name in ["a.tar.zst", "a.tar.gz", "a.tar"] {
            engine
                .offline(project.path(), ["export", "--archive", name])
                .succeeds();
        }
        Bundles { project }
    })
}

/// One site for all: what is refused loads nothing.
fn site() -> &'static Engine {
    static SITE: OnceLock<Engine> = OnceLock::new();
    SITE.get_or_init(|| Engine::with_plugin("28-overlay2-airgapped"))
}

/// The project on the site, with a bundle folder of its own to damage.
fn arrived(with_folder: bool) -> Workspace {
    let project = Workspace::copy_of(bundles().project.path(), "arrived");
    for name in ["a.tar.zst", "a.tar.gz", "a.tar"] {
        let _ = fs::remove_file(project.join(name));
    }
    if with_folder {
        on_machine("cp")
            .arg("-r")
            .arg(bundles().project.join("build-cache"))
            .arg(project.join("build-cache"))
            .quietly()
            .succeeds();
    }
    project
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(bundles().project.join(name)).unwrap()
}

#[test]
fn no_bundle() {
    let project = arrived(false);
    Refusal::of(site(), &project, &["build"]).says(40, &["build-cache"]);
    Refusal::of(site(), &project, &["build", "--bundle", "nosuch.tar.zst"])
        .says(40, &["nosuch.tar.zst"]);
}

#[test]
fn not_a_bundle() {
    let project = arrived(false);
    project.write("notes.tar.zst", "these are notes\n");
    project.write("empty.tar.zst", "");
    project.write("folder/notes.txt", "these are notes\n");
    for name in ["notes.tar.zst", "empty.tar.zst", "folder", "compose.yaml"] {
        Refusal::of(site(), &project, &["build", "--bundle", name]).says(41, &[name]);
    }
    // A tar, but of something else.
    on_machine("tar")
        .arg("-cf")
        .arg(project.join("other.tar"))
        .arg("-C")
        .arg(project.path())
        .arg("app")
        .quietly()
        .succeeds();
    Refusal::of(site(), &project, &["build", "--bundle", "other.tar"]).says(41, &["other.tar"]);
}

#[test]
fn archive_that_was_cut_off() {
    for name in ["a.tar.zst", "a.tar.gz", "a.tar"] {
        let whole = bytes_of(name);
        for percent in [10, 50, 99] {
            println!("  {name}, {percent} %");
            let project = arrived(false);
            project.write(name, &whole[..whole.len() * percent / 100]);
            Refusal::of(site(), &project, &["build", "--bundle", name]).says(42, &[name]);
            goes_on_with_a_whole_one(&project, name, &whole);
        }
    }
}

#[test]
fn archive_with_an_altered_byte() {
    for name in ["a.tar.zst", "a.tar.gz", "a.tar"] {
        let whole = bytes_of(name);
        for percent in [30, 60, 90] {
            println!("  {name}, at {percent} %");
            let project = arrived(false);
            let mut bytes = whole.clone();
            let at = bytes.len() * percent / 100;
            bytes[at] ^= 0x55;
            project.write(name, &bytes);
            Refusal::of(site(), &project, &["build", "--bundle", name]).says(43, &[name]);
            goes_on_with_a_whole_one(&project, name, &whole);
        }
    }
}

/// What was unpacked before the damage is not taken for a bundle, and does not
/// stand in the way of a whole one.
fn goes_on_with_a_whole_one(project: &Workspace, name: &str, whole: &[u8]) {
    let record = project.join("build-cache/bundle.json");
    assert!(
        !record.exists(),
        "a part of a bundle does not look like one"
    );
    project.write(name, whole);
    site()
        .offline(project.path(), ["build", "--setup", "--bundle", name])
        .quietly()
        .succeeds();
    assert!(record.exists());
    site()
        .run("sh")
        .args([
            "-c",
            "docker image ls -aq | sort -u | xargs -r docker image rm -f",
        ])
        .quietly()
        .succeeds();
}

#[test]
fn altered_and_missing_blobs() {
    let project = arrived(true);
    let folder = project.join("build-cache/blobs/sha256");
    let mut blobs: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap()).collect();
    blobs.sort_by_key(|b| std::cmp::Reverse(b.metadata().unwrap().len()));
    let largest = &blobs[0];
    let digest = largest.file_name().to_string_lossy().into_owned();
    let whole = fs::read(largest.path()).unwrap();

    println!("  altered");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(largest.path(), &bytes).unwrap();
    Refusal::of(site(), &project, &["build"]).says(43, &[&digest[..12]]);

    println!("  cut off");
    fs::write(largest.path(), &whole[..middle]).unwrap();
    Refusal::of(site(), &project, &["build"]).says(43, &[&digest[..12]]);

    println!("  missing");
    fs::remove_file(largest.path()).unwrap();
    Refusal::of(site(), &project, &["build"]).says(43, &[&digest[..12]]);

    println!("  altered after it was found to be good");
    fs::write(largest.path(), &whole).unwrap();
    site()
        .offline(project.path(), ["build", "--setup"])
        .succeeds();
    fs::write(largest.path(), &bytes).unwrap();
    site()
        .offline(project.path(), ["build"])
        .fails_with(43, &[&digest[..12]]);
}

#[test]
fn newer_format() {
    let project = arrived(true);
    project.edit("build-cache/bundle.json", "\"format\": 1", "\"format\": 7");
    Refusal::of(site(), &project, &["build"]).says(44, &["7"]);
}

#[test]
fn other_architecture() {
    let project = arrived(true);
    let record = project
        .read("build-cache/bundle.json")
        .replace("linux/amd64", "linux/s390x");
    project.write("build-cache/bundle.json", record);
    Refusal::of(site(), &project, &["build"]).says(45, &["s390x"]);
}

#[test]
fn archive_that_would_write_outside_of_its_folder() {
    let project = arrived(false);
    project.write("bad/bundle.json", project_record());
    let script = "import sys, tarfile, io\n\
        t = tarfile.open(sys.argv[1], 'w')\n\
        t.add(sys.argv[2], 'bundle.json')\n\
        for name in ['../outside.txt', '/tmp/outside.txt', 'blobs/../../outside.txt']:\n\
        \x20   i = tarfile.TarInfo(name); i.size = 4; t.addfile(i, io.BytesIO(b'evil'))\n\
        t.close()\n";
    on_machine("python3")
        .args(["-c", script])
        .arg(project.join("evil.tar"))
        .arg(project.join("bad/bundle.json"))
        .quietly()
        .succeeds();
    let ran = site()
        .offline(project.path(), ["build", "--bundle", "evil.tar"])
        .within(60)
        .run();
    ran.assert_in_words();
    assert!(
        matches!(ran.code, 41 | 43),
        "NotABundle or BundleAltered: {ran}"
    );
    assert!(
        !project.join("outside.txt").exists() && !project.join("../outside.txt").exists(),
        "{ran}"
    );
}

fn project_record() -> String {
    bundles().project.read("build-cache/bundle.json")
}

/// After everything that was refused, the whole bundle works on the same site.
#[test]
fn zz_and_the_bundle_itself_is_good_in_every_form() {
    for name in ["a.tar.zst", "a.tar.gz", "a.tar"] {
        let project = arrived(false);
        project.write(name, bytes_of(name));
        site()
            .offline(project.path(), ["build", "--bundle", name])
            .succeeds();
        let (ran, log) = site().compose_build(project.path(), &[]);
        assert!(ran.ok(), "{ran}");
        log.assert_only_ran(&[]);
    }
    let project = arrived(true);
    site().offline(project.path(), ["build"]).succeeds();
}
