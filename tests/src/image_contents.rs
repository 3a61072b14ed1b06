use std::collections::BTreeSet;

use crate::Engine;

/// Prints a line for every path of an image: type, mode, owner, target of a link, and of
/// a file in some folders its digest; then the settings of the image, but for what says
/// when and with what it was built. What is named after the moment of its making is left
/// out, and the digest of what holds it.
const SCRIPT: &str = r#"
import hashlib, json, subprocess, sys, tarfile

image = sys.argv[1]
docker = lambda *words: subprocess.run(["docker", *words], check=True, stdout=subprocess.PIPE).stdout
container = docker("create", image, "true").decode().strip()
export = subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE)
kinds = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b"}
named_by_time = ("/__pycache__", "/var/cache/ldconfig")
holds_time = ("etc/hostname", "etc/hosts", "ld.so.cache", "/.modules.yaml", "_remote.repositories",
              "/.cache/pnpm/", "/pnpm-state.json")
folders = ("etc/", "root/", "srv/", "base/", "child/", "kept/", "usr/local/share/ca-certificates/")
archive = tarfile.open(fileobj=export.stdout, mode="r|")
digests, lines = {}, []
for entry in archive:
    path = entry.name.removeprefix("./").rstrip("/")
    if any(word in "/" + path for word in named_by_time):
        continue
    digest = digests.get(entry.linkname, "") if entry.islnk() else ""
    if entry.isreg() and path.startswith(folders) and not any(word in path for word in holds_time):
        digest = digests[path] = hashlib.sha256(archive.extractfile(entry).read()).hexdigest()
    link = entry.linkname if entry.issym() else ""
    lines.append(f"{path} {kinds.get(entry.type, 'f')} {entry.mode:o} {entry.uid} {entry.gid} {link} {digest}")
assert export.wait() == 0
docker("rm", container)
print("\n".join(sorted(lines)))
config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))
for name in ("Env", "Cmd", "Entrypoint", "WorkingDir", "User"):
    print(name, json.dumps(config.get(name) or None))
"#;

/// What an image holds, but for what differs between two builds of the same sources.
pub fn contents(engine: &Engine, image: &str) -> String {
    let ran = engine.run("python3").args(["-c", SCRIPT, image]);
    ran.quietly().succeeds().stdout
}

/// Fails the test unless an image holds what another build of the same sources made.
pub fn assert_same(image: &str, here: &str, ordinary: &str) {
    let here: BTreeSet<&str> = here.lines().collect();
    let ordinary: BTreeSet<&str> = ordinary.lines().collect();
    let more: Vec<&&str> = here.difference(&ordinary).take(20).collect();
    let less: Vec<&&str> = ordinary.difference(&here).take(20).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "{image} is not what an ordinary build makes; here alone:\n{more:#?}\nthere alone:\n{less:#?}"
    );
}
