//! The HTTP client for the servers outside.

use std::fs;
use std::sync::Once;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, NoProxy, Proxy};

use crate::headers::{self, CONDITIONS};
use crate::{Error, Upstream};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Codings that a replay can undo for a client that does not take them.
const CODINGS: &[&str] = &["gzip", "deflate", "zstd"];

/// Sets it up; redirects are not followed, nothing is decoded.
pub(crate) fn client(upstream: &Upstream) -> Result<Client, Error> {
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
