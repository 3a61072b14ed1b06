use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::way_out::Network;

/// What is known of this machine, read from its files and never by asking the
/// network.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Seconds since 1970, by its clock.
    pub now: i64,
    /// Memory that programs can still get, in bytes.
    pub memory: Option<u64>,
    /// Ports that something listens on: protocol and number.
    pub listening: BTreeSet<(String, u16)>,
    /// Processors that it can emulate, as binfmt names them (`aarch64`).
    pub emulated: BTreeSet<String>,
    /// Proxies that are set: where, and which.
    pub proxies: Vec<(String, String)>,
    /// The way out of this machine.
    pub network: Network,
    /// Accelerators.
    pub accelerators: Accelerators,
}

/// Accelerators and what drives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accelerators {
    /// NVIDIA's kernel driver, where it is loaded.
    pub nvidia_driver: Option<String>,
    /// Whether NVIDIA's device files are there.
    pub nvidia_devices: bool,
    /// Whether NVIDIA's container toolkit is installed.
    pub nvidia_toolkit: bool,
    /// Ascend's device files.
    pub ascend_devices: Vec<String>,
    /// Ascend's driver, where it is installed.
    pub ascend_driver: Option<String>,
}

/// Where a machine is read from.
#[derive(Debug, Clone, Default)]
pub struct MachineSources {
    /// The root of its file system; `/` where not given.
    pub root: Option<PathBuf>,
    /// The user's docker configuration folder.
    pub docker_config: Option<PathBuf>,
    /// The user's environment.
    pub environment: BTreeMap<String, String>,
}

impl Machine {
    /// Reads the machine. What cannot be read is not known.
    pub fn read(sources: &MachineSources) -> Self {
        let root = sources.root.clone().unwrap_or_else(|| "/".into());
        let at = |path: &str| root.join(path);
        let text = |path: &str| std::fs::read_to_string(at(path)).unwrap_or_default();
        Self {
            now: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
                }),
            memory: available_memory(&text("proc/meminfo")),
            listening: [
                ("tcp", "tcp"),
                ("tcp", "tcp6"),
                ("udp", "udp"),
                ("udp", "udp6"),
            ]
            .into_iter()
            .flat_map(|(protocol, file)| listening(protocol, &text(&format!("proc/net/{file}"))))
            .collect(),
            emulated: emulated(&at("proc/sys/fs/binfmt_misc")),
            proxies: proxies(sources, &text("etc/docker/daemon.json")),
            network: Network::read(&text),
            accelerators: accelerators(&root, &text),
        }
    }
}

fn available_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// `/proc/net/tcp`: local address in the second column, state in the fourth;
/// 0A listens, and 07 is a bound UDP socket.
fn listening(protocol: &str, table: &str) -> Vec<(String, u16)> {
    let state = if protocol == "udp" { "07" } else { "0A" };
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (_, port) = words.get(1)?.rsplit_once(':')?;
            (*words.get(3)? == state).then(|| u16::from_str_radix(port, 16).ok())?
        })
        .map(|port| (protocol.to_owned(), port))
        .collect()
}

fn emulated(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    // One that was switched off is still listed, as "disabled".
    let enabled = |name: &String| {
        std::fs::read_to_string(folder.join(name)).is_ok_and(|text| text.starts_with("enabled"))
    };
    names
        .filter(enabled)
        .filter_map(|name| name.strip_prefix("qemu-").map(str::to_owned))
        .collect()
}

const PROXY_VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    proxies: BTreeMap<String, serde_json::Value>,
}

fn proxies(sources: &MachineSources, daemon: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in PROXY_VARIABLES {
        for name in [name.to_owned(), name.to_lowercase()] {
            let value = sources.environment.get(&name).filter(|v| !v.is_empty());
            found.extend(value.map(|value| (format!("${name}"), value.clone())));
        }
    }
    // `{"proxies": {"default": {"httpProxy": "..."}}}` of the client,
    // `{"proxies": {"http-proxy": "..."}}` of the daemon.
    if let Some(folder) = &sources.docker_config {
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let config: Configuration = serde_json::from_str(&text).unwrap_or_default();
        for of_host in config.proxies.values() {
            for key in ["httpProxy", "httpsProxy", "allProxy"] {
                let value = of_host[key].as_str().filter(|v| !v.is_empty());
                found.extend(value.map(|v| (path.display().to_string(), v.to_owned())));
            }
        }
    }
    let config: Configuration = serde_json::from_str(daemon).unwrap_or_default();
    for key in ["http-proxy", "https-proxy"] {
        let value = config.proxies.get(key).and_then(|v| v.as_str());
        let value = value.filter(|v| !v.is_empty());
        found.extend(value.map(|v| ("/etc/docker/daemon.json".into(), v.to_owned())));
    }
    found.dedup();
    found
}

fn accelerators(root: &Path, text: &impl Fn(&str) -> String) -> Accelerators {
    let names = |folder: &str, prefix: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
        let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut found: Vec<String> = names.filter(|n| n.starts_with(prefix)).collect();
        found.sort();
        found
    };
    // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue ..."
    let nvidia = text("proc/driver/nvidia/version");
    let version = nvidia
        .split_whitespace()
        .find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    let ascend = text("usr/local/Ascend/driver/version.info");
    Accelerators {
        nvidia_driver: version.map(str::to_owned),
        nvidia_devices: !names("dev", "nvidia").is_empty(),
        nvidia_toolkit: ["usr/bin", "usr/local/bin"]
            .iter()
            .any(|folder| root.join(folder).join("nvidia-container-runtime").exists()),
        ascend_devices: names("dev", "davinci")
            .into_iter()
            .filter(|name| name != "davinci_manager")
            .map(|name| format!("/dev/{name}"))
            .collect(),
        ascend_driver: ascend
            .lines()
            .find_map(|l| l.strip_prefix("Version="))
            .map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_that_is_switched_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("qemu-arm"), "enabled\n").unwrap();
        std::fs::write(dir.path().join("qemu-aarch64"), "disabled\n").unwrap();
        assert_eq!(emulated(dir.path()), BTreeSet::from(["arm".to_owned()]));
    }

    #[test]
    fn a_machine_is_read_from_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("proc/meminfo", "MemTotal: 8 kB\nMemAvailable:    2048 kB\n");
        write(
            "proc/net/tcp",
            "  sl  local rem st\n 0: 0100007F:1F90 00000000:0000 0A 0\n 1: 0100007F:0016 00000000:0000 01 0\n",
        );
        write(
            "proc/net/route",
            "Iface\tDestination\tGateway\neth0\t00000000\t0100000A\t0003\n",
        );
        write(
            "proc/net/arp",
            "IP HW Flags HWaddr\n10.0.0.1 0x1 0x0 00:00:00:00:00:00 * eth0\n",
        );
        write("etc/resolv.conf", "nameserver 10.0.0.2\n");
        write("proc/sys/fs/binfmt_misc/qemu-aarch64", "enabled\n");
        write(
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n",
        );
        write("dev/davinci0", "");
        write("dev/davinci_manager", "");
        write(
            "etc/docker/daemon.json",
            r#"{"proxies": {"http-proxy": "http://p:1"}}"#,
        );
        write(
            "home/config.json",
            r#"{"proxies": {"default": {"httpsProxy": "http://q:2"}}}"#,
        );
        let machine = Machine::read(&MachineSources {
            root: Some(dir.path().into()),
            docker_config: Some(dir.path().join("home")),
            environment: BTreeMap::from([("https_proxy".into(), "http://r:3".into())]),
        });
        assert_eq!(machine.memory, Some(2048 * 1024));
        assert_eq!(machine.listening, BTreeSet::from([("tcp".into(), 8080)]));
        assert!(machine.network.has_default_route);
        assert_eq!(machine.network.silent, ["10.0.0.1"]);
        assert_eq!(machine.network.name_servers, ["10.0.0.2"]);
        assert!(machine.emulated.contains("aarch64"));
        assert_eq!(
            machine.accelerators.nvidia_driver.as_deref(),
            Some("550.54.15")
        );
        assert_eq!(machine.accelerators.ascend_devices, ["/dev/davinci0"]);
        let values: Vec<&str> = machine.proxies.iter().map(|(_, v)| v.as_str()).collect();
        assert_eq!(values, ["http://r:3", "http://q:2", "http://p:1"]);
    }
}
