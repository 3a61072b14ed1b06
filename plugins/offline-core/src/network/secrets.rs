use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::trust::{AUTHORITY, JAVA_STORE};
use super::{java_store, past};
use crate::dockerfile::{Dockerfile, InstructionKind};

/// Whose loopback interface the steps of a build see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Loopback {
    /// Their own, which dies with the step: a server that it starts itself.
    #[default]
    Step,
    /// The machine's, by `build.network: host`: what answers there is gone on the site,
    /// so that it is asked through the proxy like any other server.
    Host,
}

impl Loopback {
    /// As `build.network` has it, or a `RUN --network=host`: the variables are those of
    /// the whole build.
    pub fn of(network: Option<&str>, file: &Dockerfile) -> Self {
        let on_host = |kind: &InstructionKind| matches!(kind, InstructionKind::Run(run) if run.network.as_deref() == Some("host"));
        let mut steps = file.stages.iter().flat_map(|s| &s.instructions);
        if network == Some("host") || steps.any(|i| on_host(&i.kind)) {
            Self::Host
        } else {
            Self::Step
        }
    }
}

/// What the steps of one build are told of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens for this build, as a build container reaches it.
    pub address: SocketAddr,
    /// Certificates in PEM form: its authority first, then others to be trusted.
    pub authority_pem: String,
    /// Whether it answers from a recording, and not from the servers.
    pub replays: bool,
    /// What its steps reach as `localhost`.
    pub loopback: Loopback,
}

/// A secret that a rewritten Dockerfile asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// Its id in `--mount=type=secret,id=...`, and in `--secret id=...,src=...`.
    pub id: String,
    /// What is in it.
    pub content: Content,
}

/// What is in a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// The authority, in PEM form.
    Authority,
    /// wget's settings.
    Wgetrc,
    /// apt's settings.
    AptConf,
    /// The authority as a Java key store.
    JavaStore,
    /// Options of a Java virtual machine: proxy and key store.
    JavaOptions,
    /// The proxy as a URL.
    ProxyUrl,
    /// What sudo keeps.
    Sudoers,
    /// What login shells read.
    Profile,
    /// apt's settings and the proxy.
    AptFragment,
    /// aria2's settings.
    Aria2,
    /// The names and values of all variables.
    Marks,
    /// Something that is always the same.
    Constant(&'static str),
}

impl Content {
    /// The bytes, for a build that uses this proxy.
    pub fn bytes(self, proxy: &Proxy) -> Vec<u8> {
        match self {
            Self::Authority => proxy.authority_pem.clone().into_bytes(),
            Self::Wgetrc => format!("ca_certificate = {AUTHORITY}\n").into_bytes(),
            Self::AptConf => super::apt::settings(AUTHORITY, proxy.replays).into_bytes(),
            Self::JavaStore => java_store::of_pem(&proxy.authority_pem),
            Self::JavaOptions => java_options(proxy.address, proxy.loopback).into_bytes(),
            Self::ProxyUrl => url(proxy.address).into_bytes(),
            Self::Sudoers => past::sudoers(proxy).into_bytes(),
            Self::Profile => past::profile(proxy).into_bytes(),
            Self::AptFragment => past::apt_fragment(proxy).into_bytes(),
            Self::Aria2 => past::aria2().into_bytes(),
            Self::Marks => super::marks::of(proxy).into_bytes(),
            Self::Constant(text) => text.as_bytes().to_vec(),
        }
    }
}

impl Secret {
    /// Writes the secrets into a folder, and gives the file of each, for
    /// `--secret id=ID,src=FILE`. One that exists is replaced. The error comes
    /// with the file that could not be written.
    pub fn write_all(
        secrets: &[Self],
        folder: &Path,
        proxy: &Proxy,
    ) -> Result<Vec<(String, PathBuf)>, (PathBuf, std::io::Error)> {
        let write = |secret: &Self| {
            let file = folder.join(&secret.id);
            std::fs::write(&file, secret.content.bytes(proxy)).map_err(|e| (file.clone(), e))?;
            Ok((secret.id.clone(), file))
        };
        secrets.iter().map(write).collect()
    }
}

/// The predefined build arguments that name a proxy: part of no cache key, and
/// in no image's history, unless a Dockerfile declares them.
///
/// Java has no way to leave out what `no_proxy` names in the same form, so nothing
/// is left out but the container itself; on the host's network not even that. Go's
/// programs leave `localhost` out whatever they are told (`x/net/http/httpproxy`).
pub fn proxy_arguments(address: SocketAddr, loopback: Loopback) -> Vec<(&'static str, String)> {
    let proxy = url(address);
    let mut arguments: Vec<_> = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .map(|name| (name, proxy.clone()))
        .collect();
    let without = match loopback {
        Loopback::Step => "localhost,127.0.0.1,::1",
        Loopback::Host => "",
    };
    for name in ["NO_PROXY", "no_proxy"] {
        arguments.push((name, without.to_owned()));
    }
    arguments
}

pub(super) fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Networking properties of the JDK (`java.net` package, "Networking Properties")
/// and the system properties of its TLS ("JSSE Reference Guide"), apart by spaces
/// as a variable and a `-XX:VMOptionsFile` take them.
fn java_options(address: SocketAddr, loopback: Loopback) -> String {
    let host = match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let port = address.port();
    let mut options = vec![
        format!("-Dhttp.proxyHost={host}"),
        format!("-Dhttp.proxyPort={port}"),
        format!("-Dhttps.proxyHost={host}"),
        format!("-Dhttps.proxyPort={port}"),
        format!("-Djavax.net.ssl.trustStore={JAVA_STORE}"),
        "-Djavax.net.ssl.trustStoreType=JKS".to_owned(),
        format!(
            "-Djavax.net.ssl.trustStorePassword={}",
            java_store::PASSWORD
        ),
    ];
    if loopback == Loopback::Host {
        // By default `localhost|127.*|[::1]` is left out.
        options.push("-Dhttp.nonProxyHosts=".to_owned());
    }
    options.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_are_given() {
        let proxy = Proxy {
            address: "172.17.0.1:3128".parse().unwrap(),
            authority_pem: "PEM".into(),
            replays: false,
            loopback: Loopback::Step,
        };
        let text = |content: Content| String::from_utf8(content.bytes(&proxy)).unwrap();
        assert_eq!(
            text(Content::Wgetrc),
            "ca_certificate = /.docker-offline-ca.pem\n"
        );
        assert_eq!(text(Content::ProxyUrl), "http://172.17.0.1:3128");
        let java = text(Content::JavaOptions);
        assert!(java.contains("-Dhttps.proxyHost=172.17.0.1 -Dhttps.proxyPort=3128 "));
        assert!(!java.contains("nonProxyHosts"));
        let host = java_options(proxy.address, Loopback::Host);
        assert!(host.ends_with(" -Dhttp.nonProxyHosts="));
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret {
            id: "x".into(),
            content: Content::Authority,
        };
        let written = Secret::write_all(&[secret], folder.path(), &proxy).unwrap();
        assert_eq!(written[0].0, "x");
        assert_eq!(std::fs::read_to_string(&written[0].1).unwrap(), "PEM");
    }

    #[test]
    fn an_address_of_ipv6_is_in_brackets() {
        let address = "[fd00::1]:3128".parse().unwrap();
        let arguments = proxy_arguments(address, Loopback::Host);
        assert_eq!(arguments[0].1, "http://[fd00::1]:3128");
        let no_proxy = |loopback| proxy_arguments(address, loopback).remove(4).1;
        assert_eq!(no_proxy(Loopback::Host), "");
        assert_eq!(no_proxy(Loopback::Step), "localhost,127.0.0.1,::1");
    }
}
