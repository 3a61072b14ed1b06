//! Whether what containers send to this machine arrives.
//!
//! A firewall that drops it lets a step wait for minutes, and says nothing. So where
//! no request of a build comes, a container of ours tries it.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Docker;
use super::own_image::{self, PROGRAM};

/// The hidden command that runs in the container, with the address behind it.
pub const REACH: &str = "__reach";

/// What it prints where the address answers.
const REACHED: &str = "reached";

/// How long it waits: the way is one bridge long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Containers do not reach an address of this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("containers do not reach {address} ({why})")]
pub struct Unreached {
    /// What they were to reach.
    pub address: SocketAddr,
    /// What the attempt said.
    pub why: String,
    /// The device of the bridge.
    pub bridge: String,
}

impl Unreached {
    /// Whether somebody refused it, as is done also where nothing listens yet.
    pub(crate) fn is_refused(&self) -> bool {
        self.why == std::io::ErrorKind::ConnectionRefused.to_string()
    }

    /// The likely cause, and what to do about it.
    pub fn remedy(&self) -> String {
        let (bridge, ip) = (&self.bridge, self.address.ip());
        let tables = if ip.is_ipv4() {
            "iptables"
        } else {
            "ip6tables"
        };
        format!(
            "most likely a firewall drops it: let containers reach their gateway ({tables} -I INPUT -i {bridge} -d {ip} -p tcp -j ACCEPT; with ufw: ufw allow in on {bridge}; with firewalld: firewall-cmd --zone=trusted --add-interface={bridge})"
        )
    }
}

/// Tries an address from where it runs; gives what is to be printed.
pub fn reach(address: &str) -> String {
    let connect = |address: SocketAddr| TcpStream::connect_timeout(&address, PATIENCE);
    match address.parse().map(connect) {
        Ok(Ok(_)) => REACHED.to_owned(),
        // The kind, as an error number explains nothing.
        Ok(Err(error)) => error.kind().to_string(),
        Err(error) => error.to_string(),
    }
}

impl Docker {
    /// Tries from a container of the default bridge whether an address of this machine
    /// can be reached; a trial that cannot be made is no answer, and no error.
    pub fn tries_to_reach(&self, platform: &str, address: SocketAddr) -> Result<(), Unreached> {
        let Ok((image, new)) = own_image::load(self, platform, REACH) else {
            return Ok(());
        };
        let tried = self.tries_from(&image, address);
        if new {
            own_image::remove(self, &image);
        }
        tried
    }

    /// The same, from this image of our program.
    pub(crate) fn tries_from(&self, image: &str, address: SocketAddr) -> Result<(), Unreached> {
        let entry = format!("/{PROGRAM}");
        let wanted = address.to_string();
        let args = [
            "run",
            "--rm",
            "--network",
            "bridge",
            "--pull",
            "never",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--entrypoint",
            &entry,
            image,
            REACH,
            &wanted,
        ];
        let Ok(said) = self.output(args) else {
            return Ok(());
        };
        let why = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        if why.is_empty() || why == REACHED {
            return Ok(());
        }
        Err(Unreached {
            address,
            why,
            bridge: self.bridge(),
        })
    }

    /// The device of the default bridge.
    fn bridge(&self) -> String {
        let options = self.default_bridge().and_then(|bridge| bridge.options);
        let name = options.and_then(|mut all| all.remove("com.docker.network.bridge.name"));
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "docker0".into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn what_listens_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(reach(&address), REACHED);
        drop(listener);
        assert_ne!(reach(&address), REACHED);
        assert_ne!(reach("nowhere"), REACHED);
    }

    #[test]
    fn the_remedy_names_bridge_and_address() {
        let unreached = Unreached {
            address: "172.17.0.1:3128".parse().unwrap(),
            why: "connection timed out".into(),
            bridge: "docker0".into(),
        };
        let words = unreached.remedy();
        assert!(
            words.contains("iptables -I INPUT -i docker0 -d 172.17.0.1 "),
            "{words}"
        );
    }
}
