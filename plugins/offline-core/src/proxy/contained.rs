//! A container with the proxy in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

use super::serve::{PROXY, SYSTEM};
use super::wire::{Ask, Settings, Told};
use super::{Around, Error};
use crate::engine::{self, Docker, own_image};
use crate::error::Failure;

/// The label of all containers of ours with a proxy in them.
const LABEL: &str = "docker-offline.proxy";

/// The image that they are of; another name than that of what stays, as it is taken away
/// with the last of them.
const IMAGE: &str = "docker-offline.invalid/proxy";

/// How long the container gets to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// What is older than this and does not run was left behind by a process that was killed
/// between making a container and starting it.
const LEFTOVER: &str = "until=2m";

/// The container, as long as this is held.
pub(crate) struct Contained {
    /// For what has to be done after an interrupt, too.
    docker: Docker,
    /// Ends what is asked when the user interrupts.
    asking: Docker,
    image: String,
    name: String,
    child: Child,
    wire: Mutex<Wire>,
    address: IpAddr,
    ports: BTreeMap<String, u16>,
    /// What the engine's clock is ahead of this one, or behind.
    ahead: (Duration, Duration),
}

struct Wire {
    /// `None` once an answer is missing: the next one would be that.
    stdin: Option<ChildStdin>,
    answers: mpsc::Receiver<Told>,
}

impl Contained {
    /// Starts it; `fill` may copy something in before the proxy gets its settings.
    ///
    /// It is on the default bridge, or on the engine's own network where an address is
    /// said.
    pub(super) fn start(
        around: Around<'_>,
        settings: &Settings,
        fill: impl FnOnce(&Docker, &str) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let docker = around.docker.clone().without_interrupt();
        remove_leftovers(&docker);
        let platform = &around.engine.platform;
        let name = name();
        let mut begun = None;
        // Another command may just have taken the image away, as the last that had one.
        for last in [false, true] {
            let (image, _) = own_image::load_as(around.docker, platform, IMAGE, PROXY)?;
            let network = if settings.address.is_some() {
                "host"
            } else {
                "bridge"
            };
            match Self::run(around.docker, docker.clone(), (&image, network), &name) {
                Ok(contained) => begun = Some(contained),
                Err(Error::Silent { why, .. }) if !last && why.contains("No such image") => {
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            break;
        }
        let mut contained = begun.ok_or_else(|| Error::Silent {
            name: name.clone(),
            why: "its image is gone".to_owned(),
        })?;
        contained.address = match settings.address {
            Some(address) => address,
            None => contained.asks_address()?,
        };
        fill(around.docker, &contained.name)?;
        let asked = SystemTime::now();
        let told = contained.exchange(settings)?;
        let Told::Listens { ports, now } = told else {
            return Err(contained.unexpected(told).into());
        };
        contained.ports = ports;
        contained.ahead = (
            now.duration_since(asked).unwrap_or_default(),
            asked.duration_since(now).unwrap_or_default(),
        );
        Ok(contained)
    }

    fn run(
        asking: &Docker,
        docker: Docker,
        (image, network): (&str, &str),
        name: &str,
    ) -> Result<Self, Error> {
        let silent = |why: String| Error::Silent {
            name: name.to_owned(),
            why,
        };
        let mut args: Vec<OsString> = ["run", "--interactive", "--rm", "--sig-proxy=false"]
            .map(Into::into)
            .into();
        // What it prints is for this process alone, and may be much.
        let variable = format!("SSL_CERT_FILE={SYSTEM}");
        for word in [
            "--name",
            name,
            "--label",
            LABEL,
            "--network",
            network,
            // Where user namespaces are mapped, the host's network is for its users alone.
            "--userns",
            if network == "host" { "host" } else { "" },
            "--log-driver",
            "none",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--pull",
            "never",
            "--env",
            &variable,
            image,
        ] {
            args.push(word.into());
        }
        let mut command = docker.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt at the terminal is not for it: it ends with its standard input.
            .process_group(0);
        let mut child = command.spawn().map_err(|e| silent(e.to_string()))?;
        let stdin = child.stdin.take();
        let (sender, answers) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
                while let Some(Ok(told)) = lines.next().map(|line| serde_json::from_str(&line)) {
                    if sender.send(told).is_err() {
                        break;
                    }
                }
            });
        }
        let contained = Self {
            docker,
            asking: asking.clone(),
            image: image.to_owned(),
            name: name.to_owned(),
            child,
            wire: Mutex::new(Wire { stdin, answers }),
            address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            ports: BTreeMap::new(),
            ahead: (Duration::ZERO, Duration::ZERO),
        };
        match contained.hears() {
            Ok(Told::Runs) => Ok(contained),
            Ok(other) => Err(contained.unexpected(other)),
            Err(_) => {
                let mut contained = contained;
                Err(silent(contained.last_words()))
            }
        }
    }

    /// What docker printed, once it has ended.
    fn last_words(&mut self) -> String {
        self.hangs_up();
        let mut words = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            let _ = stderr.read_to_string(&mut words);
        }
        words.trim().to_owned()
    }

    fn asks_address(&self) -> Result<IpAddr, Failure> {
        let format =
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}";
        let args = ["container", "inspect", "--format", format, &self.name];
        let said = self.asking.output(args)?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let mut addresses = said.split_whitespace().filter_map(|word| word.parse().ok());
        let address = addresses.next().ok_or_else(|| Error::NoAddress {
            name: self.name.clone(),
        });
        Ok(address?)
    }

    /// Where builds reach the port of a target.
    pub(super) fn address(&self, target: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address, *self.ports.get(target)?))
    }

    /// Where builds reach one of its ports.
    fn an_address(&self) -> Option<SocketAddr> {
        let port = self.ports.values().next()?;
        Some(SocketAddr::new(self.address, *port))
    }

    /// Its name, for `docker cp`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The time where it runs: that of the engine.
    pub(super) fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead.0 - self.ahead.1
    }

    /// Tries whether another container reaches it.
    pub(super) fn is_reached(&self) -> Result<(), engine::Unreached> {
        let address = self.an_address();
        address.map_or(Ok(()), |at| self.asking.tries_from(&self.image, at))
    }

    /// Asks it something.
    pub(super) fn ask(&self, ask: &Ask) -> Result<Told, Failure> {
        self.exchange(ask)
    }

    /// That it answered what was not asked for.
    pub(super) fn unexpected(&self, told: Told) -> Error {
        let name = self.name.clone();
        match told {
            Told::Refused(why) => Error::Refused { name, why },
            _ => Error::Confused { name },
        }
    }

    fn exchange(&self, what: &impl serde::Serialize) -> Result<Told, Failure> {
        let mut wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |why: &str| Error::Silent {
            name: self.name.clone(),
            why: why.to_owned(),
        };
        let mut line = serde_json::to_vec(what).map_err(|e| silent(&e.to_string()))?;
        line.push(b'\n');
        let Some(mut stdin) = wire.stdin.take() else {
            return Err(silent("an earlier answer is missing").into());
        };
        let written = stdin.write_all(&line).and_then(|()| stdin.flush());
        written.map_err(|e| silent(&e.to_string()))?;
        let told = self.waits(&wire.answers)?;
        wire.stdin = Some(stdin);
        Ok(told)
    }

    fn hears(&self) -> Result<Told, Failure> {
        let wire = self.wire.lock().unwrap_or_else(PoisonError::into_inner);
        self.waits(&wire.answers)
    }

    fn waits(&self, answers: &mpsc::Receiver<Told>) -> Result<Told, Failure> {
        loop {
            self.asking.check_interrupt()?;
            match answers.recv_timeout(Duration::from_millis(50)) {
                Ok(told) => return Ok(told),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Error::Silent {
                        name: self.name.clone(),
                        why: "it has ended".to_owned(),
                    }
                    .into());
                }
            }
        }
    }

    /// Ends its standard input, and with it the container; whether that was enough.
    fn hangs_up(&mut self) -> bool {
        let wire = self.wire.get_mut();
        drop(wire.unwrap_or_else(PoisonError::into_inner).stdin.take());
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        if !self.hangs_up() {
            let _ = self
                .docker
                .output(["container", "rm", "--force", &self.name]);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // Another command's proxy may run in one: then it cannot be removed.
        for image in own_image::all_as(&self.docker, IMAGE).unwrap_or_default() {
            let _ = self.docker.output(["image", "rm", &image]);
        }
    }
}

/// What was left behind by processes that were killed. Images are taken away at the end.
fn remove_leftovers(docker: &Docker) {
    let label = format!("label={LABEL}");
    let _ = docker.output([
        "container",
        "prune",
        "--force",
        "--filter",
        &label,
        "--filter",
        LEFTOVER,
    ]);
}

/// A name that no other container has.
fn name() -> String {
    let time = SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let text = format!("{:?} {}", time.unwrap_or_default(), std::process::id());
    let digest = crate::layout::Digest::of(text.as_bytes());
    format!("docker-offline-proxy-{}", &digest.hex()[..12])
}
