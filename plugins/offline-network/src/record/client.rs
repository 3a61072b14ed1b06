//! The HTTP client for the servers outside.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, NoProxy, Proxy};

use crate::headers::{self, CONDITIONS};
use crate::{Error, Hosts, Upstream};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Codings that a replay can undo for a client that does not take them.
const CODINGS: &[&str] = &["gzip", "deflate", "zstd"];

/// The clients of a recording: one for each target that knows hosts of its own, and
/// one for all others.
pub(crate) struct Clients {
    common: Client,
    own: BTreeMap<String, (Client, Hosts)>,
}

impl Clients {
    pub(crate) fn new(upstream: &Upstream) -> Result<Self, Error> {
        let mut own = BTreeMap::new();
        for (target, hosts) in &upstream.hosts {
            let one = client(upstream, hosts)?;
            own.insert(target.clone(), (one, hosts.clone()));
        }
        Ok(Self {
            common: client(upstream, &Hosts::new())?,
            own,
        })
    }

    /// The client of a target, and the addresses by which it alone knows a host.
    pub(crate) fn of(&self, target: &str, host: Option<&str>) -> (Client, Vec<IpAddr>) {
        let Some((client, hosts)) = self.own.get(target) else {
            return (self.common.clone(), Vec::new());
        };
        let addresses = host.and_then(|host| hosts.get(host));
        (client.clone(), addresses.cloned().unwrap_or_default())
    }
}

/// Sets it up; redirects are not followed, nothing is decoded.
fn client(upstream: &Upstream, hosts: &Hosts) -> Result<Client, Error> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only if the program has installed one already, which serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let setup = |what: &str, e: reqwest::Error| Error::Client {
        message: format!("{what}: {}", e.without_url()),
    };
    let mut client = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy();
    for (host, addresses) in hosts {
        // The port is that of the URL.
        let places: Vec<SocketAddr> = addresses.iter().map(|ip| (*ip, 0).into()).collect();
        client = client.resolve_to_addrs(host, &places);
    }
    let without = || upstream.no_proxy.as_deref().and_then(NoProxy::from_string);
    if let Some(proxy) = &upstream.http_proxy {
        let proxy = Proxy::http(with_scheme(proxy)).map_err(|e| setup("HTTP_PROXY", e))?;
        client = client.proxy(proxy.no_proxy(without()));
    }
    if let Some(proxy) = &upstream.https_proxy {
        let proxy = Proxy::https(with_scheme(proxy)).map_err(|e| setup("HTTPS_PROXY", e))?;
        client = client.proxy(proxy.no_proxy(without()));
    }
    if let Some(path) = &upstream.ca_file {
        let failed = |message: String| Error::CaFile {
            path: path.clone(),
            message,
        };
        let pem = fs::read(path).map_err(|e| failed(e.to_string()))?;
        let all = Certificate::from_pem_bundle(&pem).map_err(|e| failed(e.to_string()))?;
        if all.is_empty() {
            return Err(failed("there is no certificate in it".to_owned()));
        }
        client = client.tls_certs_merge(all);
    }
    client.build().map_err(|e| setup("TLS", e))
}

/// curl and others take a proxy without a scheme for one that speaks HTTP.
fn with_scheme(proxy: &str) -> String {
    if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    }
}

/// The headers to ask with so that the whole answer comes, in a coding that can be
/// undone later.
pub(crate) fn whole(asked: &HeaderMap) -> HeaderMap {
    let mut headers = asked.clone();
    for name in CONDITIONS {
        headers.remove(name);
    }
    for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT] {
        headers.remove(name);
    }
    if let Some(accepted) = headers::text(asked, &header::ACCEPT_ENCODING) {
        let kept: Vec<_> = CODINGS
            .iter()
            .filter(|coding| headers::coding_quality(Some(&accepted), coding) > 0)
            .copied()
            .collect();
        let kept = if kept.is_empty() {
            "identity".to_owned()
        } else {
            kept.join(", ")
        };
        if let Ok(kept) = HeaderValue::try_from(kept) {
            headers.insert(header::ACCEPT_ENCODING, kept);
        }
    }
    headers
}
