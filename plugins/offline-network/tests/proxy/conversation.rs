//! A recording and its replay, and a client that asks through them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use offline_network::{Authority, Listen, Recorded, Recorder, Recording, Replay, Scrub, Upstream};
use tempfile::TempDir;

use crate::site::Site;

pub(crate) struct Setting {
    pub(crate) authority: Arc<Authority>,
    pub(crate) folder: TempDir,
    pub(crate) upstream: Upstream,
    pub(crate) scrub: Scrub,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Result<Vec<u8>, String>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.as_ref().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

pub(crate) fn listen() -> Listen {
    Listen {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: None,
        targets: vec!["web".to_owned(), "api".to_owned()],
    }
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self {
            authority: Arc::new(Authority::new().unwrap()),
            folder: TempDir::new().unwrap(),
            upstream: Upstream {
                attempts: 3,
                first_wait: Duration::from_millis(20),
                stall: Duration::from_secs(2),
                ..Upstream::default()
            },
            scrub: Scrub::default(),
        }
    }

    /// With the certificate of this server trusted.
    pub(crate) fn trusting(site: &Site) -> Self {
        let mut setting = Self::new();
        let path = setting.folder.path().join("site.pem");
        std::fs::write(&path, site.certificate.as_ref().unwrap()).unwrap();
        setting.upstream.ca_file = Some(path);
        setting
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    pub(crate) async fn recorder(&self) -> Recorder {
        let authority = self.authority.clone();
        Recorder::start(
            &listen(),
            authority,
            &self.upstream,
            &self.scrub,
            self.blobs(),
        )
        .await
        .unwrap()
    }

    pub(crate) async fn replay(&self, recording: Recording) -> Replay {
        let written = recording.to_json().unwrap();
        let recording = Recording::from_json(&written).unwrap();
        // Another authority: the one of the recording never travels.
        let authority = self.authority.clone();
        Replay::start(
            &listen(),
            authority,
            vec![recording],
            &self.scrub,
            self.blobs(),
        )
        .await
        .unwrap()
    }

    pub(crate) fn client(&self, proxy: Option<String>) -> reqwest::Client {
        let ours = reqwest::Certificate::from_pem(self.authority.certificate_pem().as_bytes());
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([ours.unwrap()])
            .proxy(reqwest::Proxy::all(proxy.unwrap()).unwrap())
            .build()
            .unwrap()
    }

    /// Asks through a proxy.
    pub(crate) async fn ask(
        &self,
        proxy: Option<String>,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client(proxy).request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.body(body.to_vec());
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response
                .bytes()
                .await
                .map(|b| b.to_vec())
                .map_err(|e| e.to_string()),
        }
    }

    pub(crate) async fn get(&self, proxy: Option<String>, url: &str) -> Answer {
        self.ask(proxy, "GET", url, &[], &[]).await
    }
}

/// Records one plain GET for target `web`.
pub(crate) async fn recorded(setting: &Setting, url: &str, headers: &[(&str, &str)]) -> Recorded {
    let recorder = setting.recorder().await;
    setting
        .ask(recorder.proxy_url("web"), "GET", url, headers, &[])
        .await;
    recorder.stop().await.unwrap()
}

/// Sends bytes to a port, and gives what comes back until the other side closes.
pub(crate) fn raw(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
        }
    }
}
