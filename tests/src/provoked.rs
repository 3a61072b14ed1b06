use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

/// How a rule of `docker offline diagnose` is provoked for real.
#[derive(Debug, Clone, Copy)]
pub struct Provoked {
    /// The rule.
    pub id: &'static str,
    /// The story that provokes it, and shows it silent.
    pub story: &'static str,
    /// What is broken.
    pub by: &'static str,
    /// What of it cannot be broken for real in the lab, and why; else nothing.
    pub but: &'static str,
}

const fn row(
    id: &'static str,
    story: &'static str,
    by: &'static str,
    but: &'static str,
) -> Provoked {
    Provoked { id, story, by, but }
}

const ENGINE: &str = "diagnose_provokes_engine";
const MACHINE: &str = "diagnose_provokes_machine";
const BUNDLE: &str = "diagnose_provokes_bundle";
const PROJECT: &str = "diagnose_provokes_project";

/// Every rule of host, bundle and project. The entries of the catalogue of logs have
/// theirs in `tests/logs/expected.toml`.
#[rustfmt::skip]
pub const PROVOKED: &[Provoked] = &[
    row("engine-reachable", ENGINE, "no socket, no permission, unknown context, a command too new and too old for the engine, no docker on PATH", ""),
    row("engine-version", ENGINE, "a dockerd whose version is a word: the one string of the real binary is replaced", ""),
    row("image-store", ENGINE, "an engine of each store; it only says which, and never finds anything wrong", ""),
    row("buildx", ENGINE, "the plugin is taken away", "a plugin older than 0.13 is not packaged for these engines: the real one, saying 0.10.4 of itself"),
    row("builder", ENGINE, "a docker-container builder is selected, by `buildx use` and by BUILDX_BUILDER, and one that does not exist", ""),
    row("compose", ENGINE, "the plugin is taken away; Compose 2.26 and `service:` in additional_contexts", ""),
    row("engine-disk", MACHINE, "the engine's data on a small disk that is filled", ""),
    row("inodes", MACHINE, "a disk of few inodes, for the engine and for the bundle", ""),
    row("memory", MACHINE, "another /proc/meminfo is mounted over the kernel's, as lxcfs does in containers", "taking the machine's memory away would end its neighbours; a limit of a cgroup is not what the rule reads"),
    row("clock", MACHINE, "a bundle that says it was exported in a year to come", "the machine's clock is shared by all that runs on it, and time namespaces do not shift it; a clock before 2025 without a bundle is a unit test"),
    row("emulation", ENGINE, "FROM --platform of another processor; silent with an emulator registered in a user namespace of its own, found again when that is switched off", ""),
    row("gpu", ENGINE, "services that ask for NVIDIA and Ascend on a machine without; silent with the runtimes registered in daemon.json", "the lab has neither device: what drivers leave in /proc, /dev and /usr/local/Ascend is put there by hand"),
    row("proxy", MACHINE, "in the environment, in ~/.docker/config.json and in daemon.json", ""),
    row("registry-mirror", MACHINE, "registry-mirrors in daemon.json", ""),
    row("dns-black-hole", MACHINE, "a default route to a neighbour that does not answer, and a look-up that hangs on it; a firewall that drops, and a connection that hangs", ""),
    row("image-present", ENGINE, "another image is tagged with the name of one of the bundle", ""),
    row("bundle-present", BUNDLE, "no bundle, one that was named and is not there, an archive and a record that cannot be read", ""),
    row("bundle-whole", BUNDLE, "one bit, half a blob, a blob that is gone; an archive with another sum, and one without a sum", ""),
    row("bundle-disk", MACHINE, "small disks for the bundle folder", ""),
    row("architecture", BUNDLE, "a bundle that was exported with --platform for another processor", ""),
    row("bundle-complete", BUNDLE, "a service, an image and a frontend that were added since", ""),
    row("build-cache", BUNDLE, "RUN --mount on another generation, COPY --link on another store", ""),
    row("tool-version", BUNDLE, "the record of another version", ""),
    row("project", PROJECT, "Compose files and Dockerfiles that cannot be read; a folder without any", ""),
    row("env-file", PROJECT, "an env_file that is not there", ""),
    row("build-input", "stays_home", "a secret's file, its variable, an ssh agent and an unused context that are not there", ""),
    row("unset-variable", PROJECT, "the variable is taken out of .env", ""),
    row("copy-before-install", PROJECT, "COPY . before the network step", ""),
    row("network-step", PROJECT, "a file that the step before it copies is edited", ""),
    row("remote-source", PROJECT, "ADD of a URL, a git context", ""),
    row("stale-copy", "carries_what_builds_fetch", "a Dockerfile with ADD of a URL is edited after a build", ""),
    row("asks-at-start", PROJECT, "a command that installs something", ""),
    row("hub-offline", PROJECT, "a model of Hugging Face that a service has declared; one whose volume it mounts in carries_models", ""),
    row("no-cache", PROJECT, "no_cache: true", ""),
    row("pulls-always", PROJECT, "pull_policy: always, build.pull: true", ""),
    row("floating-tag", PROJECT, "an image and a FROM without a tag", ""),
    row("dockerignore", PROJECT, "node_modules in the context, with an ignore file that lacks it and without any", ""),
    row("context-size", PROJECT, "a sparse file of 501 MiB in the context", ""),
    row("crlf-script", PROJECT, "a script with Windows line ends", ""),
    row("port-in-use", PROJECT, "a container that has published the port, and a program that listens on it", ""),
    row("container-name", PROJECT, "a container of that name", ""),
    row("bind-mount", PROJECT, "a source that is not there", ""),
];

/// Writes down, for the end of the run, that this story has seen a rule find something.
pub(crate) fn register(id: &str) {
    let Some(folder) = folder() else { return };
    fs::create_dir_all(&folder).unwrap();
    let thread = std::thread::current();
    let story = thread.name().and_then(|name| name.split("::").next());
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join(id));
    writeln!(file.unwrap(), "{}", story.unwrap_or_default()).unwrap();
}

/// The stories that have seen a rule find something in this run, or nothing where no run
/// keeps that: a story that is told alone.
pub fn provoked_by(id: &str) -> Option<BTreeSet<String>> {
    let told = fs::read_to_string(folder()?.join(id)).unwrap_or_default();
    Some(told.lines().map(str::to_owned).collect())
}

fn folder() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("STORIES_SHARED")?).join("provoked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_row() {
        let rules: BTreeSet<&str> = offline_core::diagnosis::rules()
            .iter()
            .map(|r| r.id)
            .collect();
        let rows: BTreeSet<&str> = PROVOKED.iter().map(|row| row.id).collect();
        assert_eq!(
            rules, rows,
            "a new rule is provoked by a story, and has a row here"
        );
        assert_eq!(rows.len(), PROVOKED.len(), "one row a rule");
        assert!(PROVOKED.iter().all(|row| !row.by.is_empty()));
    }
}
