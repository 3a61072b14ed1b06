use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::repository;

/// Where projects and bundles of the tests live; every engine sees it under this path.
pub fn lab_work() -> PathBuf {
    let work = std::env::var_os("LAB_WORK").map(PathBuf::from);
    work.unwrap_or_else(|| lab_dir().join("work"))
}

pub(crate) fn lab_dir() -> PathBuf {
    std::env::var_os("LAB_DIR").map_or_else(|| "/var/lib/docker-offline-lab".into(), PathBuf::from)
}

/// The mark of this test process on engines and folders.
///
/// The first call starts the janitor, a process that outlives this one and then
/// wipes what carries the mark: a panic, a static or a SIGKILL leaves no engine
/// running.
pub fn tag() -> &'static str {
    static TAG: OnceLock<String> = OnceLock::new();
    TAG.get_or_init(|| {
        let tag = format!("t{}", std::process::id());
        if std::env::var_os("KEEP").is_none() {
            start_janitor(&tag);
        }
        tag
    })
}

fn start_janitor(tag: &str) {
    const SCRIPT: &str = r#"
        tail --pid="$1" -f /dev/null
        for engine in "$4"/engines/*-"$2"n*; do
            [ -d "$engine" ] && "$3" wipe "${engine##*/}"
        done
        grep -o " $5/$2[^ ]*" /proc/mounts | while read -r mount; do umount -l "$mount"; done
        rm -rf --one-file-system "$5/$2"-*
    "#;
    // With -f it is nobody's child, and goes on after this process.
    let started = Command::new("setsid")
        .args(["-f", "bash", "-c", SCRIPT, "janitor"])
        .arg(std::process::id().to_string())
        .arg(tag)
        .arg(repository().join("tests/lab/lab"))
        .arg(lab_dir())
        .arg(lab_work())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        started.is_ok_and(|s| s.success()),
        "setsid starts the janitor"
    );
}
