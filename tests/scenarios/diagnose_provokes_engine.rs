//! Each rule about the engine and the tools beside it, broken for real on a site
//! where it was silent before, and silent again when that is mended.

use docker_offline_tests::{Diagnosed, Engine, Shop, Workspace};

const NVIDIA: &str = "    runtime: nvidia\n    deploy: {resources: {reservations: {devices: [{driver: nvidia, capabilities: [gpu]}]}}}\n";
const ASCEND: &str = "    runtime: ascend\n    devices: [\"/dev/davinci0:/dev/davinci0\", \"/dev/davinci1:/dev/davinci1\"]\n";

#[test]
fn engine_and_tools() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    let store = site.diagnose(project.path(), &[]);
    store.finds("image-store", "ok", &["graphdriver", "overlay2"]);
    the_engine_does_not_answer(&site, &project);
    a_plugin_is_missing_or_old(&site, &project);
    another_builder(&site, &project);
    another_processor(&site, &project);
    accelerators(&site, &project);
    other_images(&site, &project);
    site.diagnose(project.path(), &[]).finds_nothing();
    no_number(&site, &project);
}

fn with_env(site: &Engine, project: &Workspace, words: &[&str]) -> Diagnosed {
    let env = site.run_in(project.path(), "env").args(words);
    Diagnosed::of(env.args(["docker-offline-diagnose"]))
}

fn the_engine_does_not_answer(site: &Engine, project: &Workspace) {
    let reachable = |found: Diagnosed, words: &[&str]| {
        found.finds_only("engine-reachable", "error", words);
        assert_eq!(found.ran.code, 70, "{}", found.ran);
    };
    let stopped = ["DOCKER_HOST=unix:///run/nosuch.sock"];
    let found = with_env(site, project, &stopped);
    reachable(found, &["does not answer", "/run/nosuch.sock"]);
    let nobody = site
        .run_in(project.path(), "setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args(["env", "HOME=/tmp", "docker-offline-diagnose"]);
    reachable(Diagnosed::of(nobody), &["may not talk", "docker.sock"]);
    let unknown = ["-u", "DOCKER_HOST", "DOCKER_CONTEXT=nosuch"];
    let found = with_env(site, project, &unknown);
    reachable(found, &["nosuch"]);
    // A command that is newer, or older, than the engine takes.
    for api in ["1.99", "1.12"] {
        let found = with_env(site, project, &[&format!("DOCKER_API_VERSION={api}")]);
        reachable(found, &[api]);
    }
    let none = site
        .run_in(project.path(), "env")
        .args(["PATH=/nosuch", "/usr/local/bin/docker-offline-diagnose"]);
    reachable(Diagnosed::of(none), &["docker command", "PATH"]);
}

fn a_plugin_is_missing_or_old(site: &Engine, project: &Workspace) {
    for (rule, plugin) in [("buildx", "docker-buildx"), ("compose", "docker-compose")] {
        let find = format!("ls /usr/lib*/docker/cli-plugins/{plugin} | head -n 1");
        let file = site.shell(&find).stdout.trim().to_owned();
        site.shell(&format!("mv {file} {file}.away"));
        let found = site.diagnose(project.path(), &[]);
        found.finds_only(rule, "error", &["not installed"]);
        site.shell(&format!("mv {file}.away {file}"));
    }
    // No older buildx is packaged for these engines: this one says so of itself.
    let old = r#"mkdir -p ~/.docker/cli-plugins; cd ~/.docker/cli-plugins
        real=$(ls /usr/lib*/docker/cli-plugins/docker-buildx | head -n 1)
        number=$(docker buildx version | grep -o '[0-9]*\.[0-9]*\.[0-9]*' | head -n 1)
        printf '#!/bin/sh\n%s "$@" | sed "s/%s/0.10.4/"\n' "$real" "$number" > docker-buildx
        chmod 755 docker-buildx"#;
    site.shell(old);
    let found = site.diagnose(project.path(), &[]);
    found.finds_only("buildx", "warning", &["0.10.4", "0.13"]);
    site.shell("rm ~/.docker/cli-plugins/docker-buildx");
}

fn another_builder(site: &Engine, project: &Workspace) {
    site.shell("docker buildx create --name elsewhere --driver docker-container --use");
    let found = site.diagnose(project.path(), &[]);
    found.finds_only("builder", "error", &["elsewhere", "docker-container"]);
    site.shell("docker buildx use default");
    site.diagnose(project.path(), &[])
        .is_silent_on(&["builder"]);
    let found = with_env(site, project, &["BUILDX_BUILDER=elsewhere"]);
    found.finds_only("builder", "error", &["elsewhere"]);
    let found = with_env(site, project, &["BUILDX_BUILDER=nosuch"]);
    found.finds_only("builder", "warning", &["nosuch"]);
    site.shell("docker buildx rm elsewhere");
}

/// Registers an emulator for real, in a user namespace of its own. Its program need not
/// be there, and must not be for the processor of this machine, whose programs would
/// then need it, too.
const EMULATOR: &str = r"mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
case $1 in
    arm64) name=qemu-aarch64 machine='\xb7' ;;
    amd64) name=qemu-x86_64 machine='\x3e' ;;
esac
shift
printf '%s' ':'$name':M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00'$machine'\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/'$name'-static:' > /proc/sys/fs/binfmt_misc/register
";

fn another_processor(site: &Engine, project: &Workspace) {
    let other = if cfg!(target_arch = "aarch64") {
        "amd64"
    } else {
        "arm64"
    };
    let from = format!("FROM --platform=linux/{other} busybox:1.36");
    let before = project.edit("api/Dockerfile", "FROM busybox:1.36", &from);
    let found = site.diagnose(project.path(), &[]);
    found.finds("emulation", "error", &["api/Dockerfile:5", other]);
    let diagnose = |script: &str| {
        let script = format!("set -e\n{EMULATOR}{script}exec docker offline diagnose \"$@\"");
        let shell = site.run_in(project.path(), "unshare");
        let own = ["--user", "--map-root-user", "--mount", "sh", "-c"];
        Diagnosed::of(shell.args(own).arg(script).args(["sh", other]))
    };
    diagnose("").is_silent_on(&["emulation"]);
    let off = "for f in /proc/sys/fs/binfmt_misc/qemu-*; do echo 0 > $f; done\n";
    diagnose(off).finds("emulation", "error", &[other]);
    project.write("api/Dockerfile", before);
}

/// The files of drivers lie where only this diagnosis sees them: /proc and /dev
/// are the machine's own.
fn accelerators(site: &Engine, project: &Workspace) {
    const DRIVER: &str = "mount -t tmpfs tmpfs /proc/driver; mkdir /proc/driver/nvidia
        echo 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024' > /proc/driver/nvidia/version";
    let before = project.edit(
        "compose.yaml",
        "    image: alpine:3.20\n",
        &format!("    image: alpine:3.20\n{NVIDIA}"),
    );
    let found = site.diagnose(project.path(), &[]);
    found.finds_only("gpu", "error", &["db", "no NVIDIA driver"]);
    let found = site.diagnose_after(project.path(), DRIVER, &[]);
    found.finds_only("gpu", "error", &["db", "nvidia-container-toolkit"]);
    site.shell("printf '#!/bin/sh\nexec runc \"$@\"\n' > /usr/bin/nvidia-container-runtime; chmod 755 /usr/bin/nvidia-container-runtime");
    let found = site.diagnose_after(project.path(), DRIVER, &[]);
    found.finds_only("gpu", "error", &["nvidia runtime", "does not know"]);
    site.restart_with_daemon_options(r#"{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}, "ascend": {"path": "runc"}}}"#);
    site.diagnose_after(project.path(), DRIVER, &[])
        .finds_nothing();

    project.write(
        "compose.yaml",
        before.replace(
            "    image: alpine:3.20\n",
            &format!("    image: alpine:3.20\n{ASCEND}"),
        ),
    );
    let devices = |names: &str| {
        format!(
            "mount -t tmpfs tmpfs /dev; mknod -m 666 /dev/null c 1 3; for d in {names}; do mknod /dev/$d c 1 3; done"
        )
    };
    let found = site.diagnose(project.path(), &[]);
    found.finds_only("gpu", "error", &["db", "no /dev/davinci*"]);
    let found = site.diagnose_after(project.path(), &devices("davinci0 davinci_manager"), &[]);
    found.finds("gpu", "error", &["/dev/davinci1", "has /dev/davinci0"]);
    found.finds_only("gpu", "error", &["Ascend driver is not installed"]);
    site.shell("mkdir -p /usr/local/Ascend/driver; echo Version=24.1.rc1 > /usr/local/Ascend/driver/version.info");
    let both = devices("davinci0 davinci1 davinci_manager");
    site.diagnose_after(project.path(), &both, &[])
        .finds_nothing();
    site.restart_with_daemon_options("{}");
    let found = site.diagnose_after(project.path(), &both, &[]);
    found.finds_only("gpu", "error", &["ascend runtime", "does not know"]);
    project.write("compose.yaml", before);
}

fn other_images(site: &Engine, project: &Workspace) {
    site.shell("docker tag alpine:3.20 kept:1; docker tag shop-api:1 alpine:3.20");
    let found = site.diagnose(project.path(), &[]);
    found.finds("image-present", "note", &["alpine:3.20", "other images"]);
    site.shell("docker tag kept:1 alpine:3.20; docker rmi kept:1");
    let found = site.diagnose(project.path(), &[]);
    found.finds("image-present", "ok", &["all 2 images"]);
}

/// An engine that somebody built by hand, without the number of a release.
fn no_number(site: &Engine, project: &Workspace) {
    let found = site.diagnose(project.path(), &[]);
    found.finds("engine-version", "ok", &["28.5", "API 1."]);
    site.shell("sed -i 's/28\\.5\\.2/master/g' $(command -v dockerd)");
    site.restart_with_daemon_options("{}");
    let found = site.diagnose(project.path(), &[]);
    found.finds("engine-version", "note", &["master", "no number"]);
}

#[test]
fn a_compose_that_is_too_old() {
    let carried = Shop::carried("28-containerd-connected");
    let (site, project) = carried.arrive("26-containerd-airgapped");
    let found = site.diagnose(
        project.path(),
        &["--bundle", &carried.archive().to_string_lossy()],
    );
    found.is_silent_on(&["compose"]);
    found.finds("image-store", "ok", &["containerd"]);
    project.edit(
        "compose.yaml",
        "      context: ./api\n",
        "      context: ./api\n      additional_contexts: {other: \"service:worker\"}\n",
    );
    project.edit(
        "compose.yaml",
        "  db:\n",
        "  worker:\n    build: ./api\n    image: shop-worker:1\n    env_file: api.env\n  db:\n",
    );
    let found = site.diagnose(project.path(), &[]);
    found.finds("compose", "error", &["api", "service:", "2.33"]);
}
