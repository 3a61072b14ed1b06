//! Each rule about the machine below the engine: disks, memory, clock, and the
//! way out that it has no more.

use std::time::{Duration, Instant};

use docker_offline_tests::{Diagnosed, Engine, Shop, Signal, Workspace};

#[test]
fn disks_memory_and_clock() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    let folder = project.path();

    // As lxcfs does it for containers: another file in the place of the kernel's.
    let little = "sed 's/^MemAvailable:.*/MemAvailable:   204800 kB/' /proc/meminfo > /run/meminfo
        mount --bind /run/meminfo /proc/meminfo";
    let found = site.diagnose_after(folder, little, &[]);
    found.finds_only("memory", "warning", &["200 MiB"]);

    // The machine's clock is everybody's; what counts is that it is behind the bundle.
    let record = project.read("build-cache/bundle.json");
    let mut later: serde_json::Value = serde_json::from_str(&record).unwrap();
    later["created"] = "2999-01-02T03:04:05Z".into();
    project.write("build-cache/bundle.json", later.to_string());
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "clock",
        "warning",
        &["2999-01-02 03:04", "before the bundle"],
    );
    project.write("build-cache/bundle.json", record);

    let archive = carried.archive();
    let words = [
        "--bundle",
        archive.to_str().unwrap(),
        "--cache-dir",
        "small",
    ];
    let small = |options: &str, fill: &str| {
        let script = format!("mkdir -p small; mount -t tmpfs -o {options} tmpfs small; {fill}");
        site.diagnose_after(folder, &script, &words)
    };
    small("size=300m", "").is_silent_on(&["bundle-disk", "inodes"]);
    let found = small("size=60m", "");
    found.finds_only(
        "bundle-disk",
        "warning",
        &["small", "60 MiB", "cannot be unpacked"],
    );
    let full = "i=0; while [ $i -lt 90 ]; do : > small/$i; i=$((i + 1)); done";
    let found = small("size=300m,nr_inodes=100", full);
    found.finds_only("inodes", "warning", &["small", "files can still be made"]);
    // It must hold at least what the archive holds.
    let large = Workspace::copy_of(carried.archive_folder.path(), "large");
    let name = large.join("build-cache-20260101.tar.zst");
    let copy = format!(
        "cp '{}' '{}'; truncate -s 400M '{1}'",
        archive.display(),
        name.display()
    );
    site.shell(&copy);
    let found = site.diagnose_after(
        folder,
        "mkdir -p small; mount -t tmpfs -o size=300m tmpfs small",
        &["--bundle", name.to_str().unwrap(), "--cache-dir", "small"],
    );
    found.finds("bundle-disk", "warning", &["small", "at least 400 MiB"]);
    site.diagnose(folder, &[]).finds_nothing();
}

#[test]
fn the_engines_own_disk() {
    let carried = Shop::carried("28-overlay2-connected");
    // tmpfs takes a number of files with its size, as ext4 does when it is made.
    let site = Engine::with_small_disk("28-overlay2-airgapped", "64m,nr_inodes=4000");
    site.install_plugin();
    let project = Workspace::copy_of(carried.project.path(), "site");
    let archive = carried.archive();
    let words = ["--bundle", archive.to_str().unwrap()];
    let data = site.home().with_file_name("data");
    let data = data.to_str().unwrap();
    let found = site.diagnose(project.path(), &words);
    found.is_silent_on(&["engine-disk", "inodes"]);
    site.shell(&format!(
        "dd if=/dev/zero of={data}/filler bs=1M count=52 status=none"
    ));
    let found = site.diagnose(project.path(), &words);
    found.finds_only("engine-disk", "warning", &[data, "free"]);
    site.shell(&format!("rm {data}/filler"));
    let fill = "i=0; while [ $i -lt 3500 ]; do : > many/$i; i=$((i + 1)); done";
    site.shell(&format!("cd {data}; mkdir many; {fill}"));
    let found = site.diagnose(project.path(), &words);
    found.finds_only("inodes", "warning", &[data]);
    site.shell(&format!("rm -r {data}/many"));

    // Less room than the bundle takes: loading it cannot work.
    let fill = "head -c 300K /dev/zero > spare; cat /dev/zero > filler 2>/dev/null || rm spare";
    site.shell(&format!("cd {data}; {fill}"));
    let found = site.diagnose(project.path(), &words);
    found.finds_only("engine-disk", "error", &[data, "at least"]);
    let built = site.offline(project.path(), ["build"]).args(words).run();
    assert!(!built.ok(), "what was said does not work: {built}");
}

#[test]
fn a_way_out_that_is_none() {
    let carried = Shop::carried("28-overlay2-connected");
    let (site, project) = Shop::on_site(&carried, "28-overlay2-airgapped");
    proxies_and_mirrors(&site, &project);
    silent_name_server(&site, &project);
    site.diagnose(project.path(), &[]).finds_nothing();
}

const PROXY: &str = "http://clerk:pass-word@proxy.example:3128";

fn proxies_and_mirrors(site: &Engine, project: &Workspace) {
    let folder = project.path();
    for name in ["HTTP_PROXY", "https_proxy", "ALL_PROXY"] {
        let found = Diagnosed::of(site.offline(folder, ["diagnose"]).env(name, PROXY));
        found.finds_only(
            "proxy",
            "warning",
            &[&format!("${name}"), "http://proxy.example:3128"],
        );
        assert!(!found.ran.all().contains("pass-word"), "{}", found.ran);
    }
    let near = site.offline(folder, ["diagnose"]);
    Diagnosed::of(near.env("HTTP_PROXY", "http://127.0.0.1:3128")).finds_nothing();

    let of_user = format!(r#"{{"proxies": {{"default": {{"httpsProxy": "{PROXY}"}}}}}}"#);
    site.shell(&format!(
        "mkdir -p ~/.docker; printf '%s' '{of_user}' > ~/.docker/config.json"
    ));
    let found = site.diagnose(folder, &[]);
    found.finds_only("proxy", "warning", &[".docker/config.json"]);
    assert!(!found.ran.all().contains("pass-word"), "{}", found.ran);
    site.shell("rm ~/.docker/config.json");

    let of_engine = format!(
        r#"{{"proxies": {{"http-proxy": "{PROXY}"}}, "registry-mirrors": ["https://mirror.example"]}}"#
    );
    site.restart_with_daemon_options(&of_engine);
    let found = site.diagnose(folder, &[]);
    found.finds("proxy", "warning", &["docker info", "proxy.example"]);
    found.finds("registry-mirror", "warning", &["https://mirror.example"]);
    found.is_silent_on(&["dns-black-hole"]);
    // The same where the daemon reads it from its usual place.
    site.shell(&format!(
        "mkdir -p /etc/docker; printf '%s' '{of_engine}' > /etc/docker/daemon.json"
    ));
    let found = site.diagnose(folder, &[]);
    found.finds("proxy", "warning", &["/etc/docker/daemon.json"]);
    assert!(!found.ran.all().contains("pass-word"), "{}", found.ran);
    site.shell("rm /etc/docker/daemon.json");
    // With a way out they are as they should be.
    site.shell(
        "ip link add out0 type veth peer name out1; ip link set out1 up; ip addr add 10.254.0.2/24 dev out0; ip link set out0 up
         ip route add default via 10.254.0.1",
    );
    site.diagnose(folder, &[]).finds_nothing();
    // A route that leads nowhere is none.
    site.shell("ip route del default; ip route add unreachable default metric 9");
    let found = site.diagnose(folder, &[]);
    found.finds("registry-mirror", "warning", &["mirror.example"]);
    site.shell("ip route del unreachable default; ip link del out0");
    site.restart_with_daemon_options("{}");
    site.diagnose(folder, &[]).finds_nothing();
}

/// A gateway that swallows what is sent to it, as where the cable ends in a switch
/// that leads nowhere.
fn silent_name_server(site: &Engine, project: &Workspace) {
    let folder = project.path();
    // Not the machine's own file, which lies there.
    site.shell("umount /etc/resolv.conf; echo 'nameserver 192.0.2.53' > /etc/resolv.conf");
    site.diagnose(folder, &[]).finds_nothing();
    site.shell(
        "ip link add hole0 type veth peer name hole1; ip link set hole0 up; ip link set hole1 up
         ip addr add 10.254.0.2/24 dev hole0; ip route add default via 10.254.0.1",
    );
    let began = Instant::now();
    let ran = site
        .run("getent")
        .args(["hosts", "files.example"])
        .quietly()
        .run();
    assert!(
        !ran.ok() && began.elapsed().as_secs() >= 2,
        "it hangs: {ran}"
    );
    let found = site.diagnose(folder, &[]);
    found.finds_only(
        "dns-black-hole",
        "warning",
        &["10.254.0.1", "name look-ups"],
    );
    site.shell("echo 'nameserver 10.254.0.7' > /etc/resolv.conf");
    site.run("getent")
        .args(["hosts", "files.example"])
        .quietly()
        .run();
    let found = site.diagnose(folder, &[]);
    found.finds("dns-black-hole", "warning", &["10.254.0.7"]);
    // A firewall on the way that drops what it does not like, and something that waits.
    site.shell("iptables -A OUTPUT -d 192.0.2.1 -j DROP");
    let waiting = site
        .run("curl")
        .args(["-sS", "--max-time", "20", "http://192.0.2.1:443/"])
        .quietly()
        .start();
    std::thread::sleep(Duration::from_secs(3));
    let found = site.diagnose(folder, &[]);
    found.finds(
        "dns-black-hole",
        "warning",
        &["192.0.2.1:443", "two minutes"],
    );
    waiting.signal_all(Signal::TERM);
    waiting.finish();
    site.shell("iptables -F OUTPUT");
    site.shell("ip link del hole0; : > /etc/resolv.conf");
}
