use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use offline_network::Authority;

use super::Error;
use super::follow::Followed;
use super::serve::{BUNDLE, CERTIFICATE, KEY, PORT, STATE, WATCHED};
use crate::engine::{self, Docker};
use crate::error::Failure;

/// The label that says whose project a container stays for.
const LABEL: &str = "docker-offline.stay";

/// Where ports are looked for, below those that systems give out by themselves.
const PORTS: std::ops::Range<u16> = 20_100..20_900;

/// How long the container may be silent until it is asked whether anything reaches it.
const SILENCE: Duration = Duration::from_secs(5);

/// How long the container gets to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a container is started with.
pub(super) struct Start<'a> {
    pub(super) image: &'a str,
    pub(super) bundle: &'a Path,
    /// Our folder in it, which the container writes.
    pub(super) state: &'a Path,
    pub(super) followed: &'a [Followed],
    pub(super) gateway: IpAddr,
    pub(super) authority: &'a Authority,
}

/// The container of one project.
#[derive(Debug)]
pub(super) struct Container<'a> {
    pub(super) docker: &'a Docker,
    /// The project's folder: two projects may have one name.
    pub(super) directory: &'a Path,
    pub(super) project: &'a str,
}

impl Container<'_> {
    /// Its name.
    pub(super) fn name(&self) -> String {
        let digest = crate::layout::Digest::of(self.directory.as_os_str().as_encoded_bytes());
        format!(
            "docker-offline-replay-{}-{}",
            self.project,
            &digest.hex()[..8]
        )
    }

    /// Starts it anew, on the port that it had or a free one.
    pub(super) fn start(&self, start: &Start<'_>) -> Result<SocketAddr, Failure> {
        let Start {
            gateway, authority, ..
        } = start;
        let before = self.port();
        self.remove()?;
        let port = free_port(*gateway, before, &self.name())?;
        let address = SocketAddr::new(*gateway, port);
        let owner = std::fs::metadata(start.state).map_err(Error::file("read", start.state))?;
        let docker = self
            .docker
            .clone()
            .with_env(KEY, authority.key_pem())
            .with_env(CERTIFICATE, authority.certificate_pem());
        let publish = match gateway {
            IpAddr::V4(ip) => format!("{ip}:{port}:{port}"),
            IpAddr::V6(ip) => format!("[{ip}]:{port}:{port}"),
        };
        let mount = |from: &Path, to: &str, end: &str| {
            let from = from.display().to_string().replace('"', "\"\"");
            format!("type=bind,\"src={from}\",dst={to}{end}")
        };
        let words =
            |words: &[&str]| -> Vec<OsString> { words.iter().map(OsString::from).collect() };
        let mut args = words(&["run", "--detach", "--restart", "unless-stopped"]);
        args.extend(words(&["--name", &self.name(), "--network", "bridge"]));
        let label = format!("{LABEL}={}", self.directory.display());
        args.extend(words(&["--label", &label, "--publish", &publish]));
        let bundle = mount(start.bundle, BUNDLE, ",readonly");
        let state = mount(start.state, STATE, "");
        args.extend(words(&["--mount", &bundle, "--mount", &state]));
        for one in start.followed {
            let watched = mount(
                &one.folder,
                &format!("{WATCHED}/{}", one.number),
                ",readonly",
            );
            args.extend(words(&["--mount", &watched]));
        }
        let owner = format!("{}:{}", owner.uid(), owner.gid());
        args.extend(words(&[
            "--user",
            &owner,
            "--read-only",
            "--cap-drop",
            "ALL",
        ]));
        args.extend(words(&[
            "--security-opt",
            "no-new-privileges",
            "--pull",
            "never",
        ]));
        // The key comes by the environment, so that it is in no command line and in no
        // file.
        let port = format!("{PORT}={port}");
        args.extend(words(&["--env", KEY, "--env", CERTIFICATE, "--env", &port]));
        args.push(start.image.into());
        docker.output(args)?;
        Ok(address)
    }

    /// Waits until it answers. A connection alone says nothing: docker's own proxy accepts it before the
    /// program listens. An answer does.
    /// `lost` is asked once whether what is sent there is dropped on the way.
    pub(super) fn wait_for(
        &self,
        address: SocketAddr,
        lost: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let (mut asked, deadline) = (false, started + PATIENCE);
        loop {
            self.docker.check_interrupt()?;
            if answers(address) {
                return Ok(());
            }
            let is_lost = !asked && started.elapsed() > SILENCE && {
                asked = true;
                lost()
            };
            if is_lost || Instant::now() > deadline {
                let logs = self.docker.output(["logs", "--tail", "5", &self.name()]);
                let log = logs.map_or_else(
                    |e| e.to_string(),
                    |o| String::from_utf8_lossy(&o.stdout).into_owned() + &o.stderr,
                );
                return Err(Error::Silent {
                    address: address.to_string(),
                    log: log.trim().to_owned(),
                }
                .into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The port that it publishes, if there is one.
    fn port(&self) -> Option<u16> {
        let format = "{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}}{{end}}{{end}}";
        let output = self
            .docker
            .output(["container", "inspect", "--format", format, &self.name()])
            .ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// Takes it away; whether there was one.
    pub(super) fn remove(&self) -> Result<bool, engine::Error> {
        let format = "{{.ID}}";
        let filter = format!("label={LABEL}={}", self.directory.display());
        let found = self.docker.output([
            "container",
            "ls",
            "--all",
            "--quiet",
            "--filter",
            &filter,
            "--format",
            format,
        ])?;
        let ids = String::from_utf8_lossy(&found.stdout).into_owned();
        let ids: Vec<&str> = ids.split_whitespace().collect();
        for id in &ids {
            self.docker.output(["container", "rm", "--force", id])?;
        }
        Ok(!ids.is_empty())
    }
}

/// Whether an HTTP proxy answers there.
fn answers(address: SocketAddr) -> bool {
    use std::io::{Read as _, Write as _};
    let ask = || -> std::io::Result<bool> {
        let patience = Duration::from_secs(2);
        let mut stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.write_all(
            b"GET http://docker-offline.invalid/ HTTP/1.0\r\nHost: docker-offline.invalid\r\n\r\n",
        )?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/")
    };
    ask().unwrap_or(false)
}

/// A port that nothing listens on: the one it had before, else one of its own.
fn free_port(address: IpAddr, before: Option<u16>, name: &str) -> Result<u16, Error> {
    let count = PORTS.end - PORTS.start;
    let digest = crate::layout::Digest::of(name.as_bytes());
    let hash = u16::from_str_radix(&digest.hex()[..4], 16).unwrap_or_default() % count;
    let candidates = before
        .into_iter()
        .chain((0..count).map(|n| PORTS.start + (hash + n) % count));
    let free = |port: &u16| TcpListener::bind((address, *port)).is_ok();
    candidates.into_iter().find(free).ok_or(Error::NoPort {
        address,
        first: PORTS.start,
        last: PORTS.end - 1,
    })
}
