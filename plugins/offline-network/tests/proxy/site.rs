//! A small web server that answers as it is told, well or badly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// With the query.
    pub(crate) path: String,
    /// Lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    announce: Option<usize>,
    cut: Option<usize>,
    chunked: bool,
    pause: Duration,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            announce: None,
            cut: None,
            chunked: false,
            pause: Duration::ZERO,
        }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Announces another length than the body has.
    pub(crate) fn announce(mut self, length: usize) -> Self {
        self.announce = Some(length);
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Waits before the head, and before each tenth of the body.
    pub(crate) fn slow(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    fn write(&self, to: &mut impl Write, head_only: bool) -> std::io::Result<bool> {
        thread::sleep(self.pause);
        write!(to, "HTTP/1.1 {} Some Reason\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(to, "{name}: {value}\r\n")?;
        }
        if self.chunked {
            write!(to, "Transfer-Encoding: chunked\r\n\r\n")?;
        } else {
            let length = self.announce.unwrap_or(self.body.len());
            write!(to, "Content-Length: {length}\r\n\r\n")?;
        }
        to.flush()?;
        if head_only {
            return Ok(true);
        }
        let body = &self.body[..self.cut.unwrap_or(self.body.len())];
        for part in body.chunks((body.len() / 10).max(1)) {
            thread::sleep(self.pause);
            if self.chunked {
                write!(to, "{:x}\r\n", part.len())?;
            }
            to.write_all(part)?;
            if self.chunked {
                to.write_all(b"\r\n")?;
            }
            to.flush()?;
        }
        let whole = self.cut.is_none() && self.announce.is_none();
        if self.chunked && whole {
            to.write_all(b"0\r\n\r\n")?;
        }
        to.flush()?;
        Ok(whole)
    }
}

type Handler = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A server on a port of its own, for as long as the process lives.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// The certificate to trust, if it speaks TLS.
    pub(crate) certificate: Option<String>,
}

impl Site {
    pub(crate) fn http(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::http_at("127.0.0.1:0".parse().unwrap(), handler)
    }

    pub(crate) fn http_at(
        address: SocketAddr,
        handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(address, Arc::new(handler), None)
    }

    pub(crate) fn https(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let mut site = Self::start(address, Arc::new(handler), Some(Arc::new(config)));
        site.certificate = Some(made.cert.pem());
        site
    }

    fn start(
        address: SocketAddr,
        handler: Arc<Handler>,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let log = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log, tls) = (handler.clone(), log.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &*handler, &log),
                    Some(config) => {
                        let tls = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(tls, stream), &*handler, &log);
                    }
                });
            }
        });
        Self {
            address,
            scheme,
            asked,
            certificate: None,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: impl Read + Write, handler: &Handler, log: &Mutex<Vec<Asked>>) {
    let mut stream = BufReader::new(stream);
    while let Some(asked) = read(&mut stream) {
        log.lock().unwrap().push(asked.clone());
        let reply = handler(&asked);
        let out = stream.get_mut();
        if !reply.write(out, asked.method == "HEAD").unwrap_or(false) {
            return;
        }
    }
}

fn read(stream: &mut (impl BufRead + ?Sized)) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length") {
        body = vec![0; length.parse().ok()?];
        stream.read_exact(&mut body).ok()?;
    }
    Some(Asked {
        method,
        path,
        headers,
        body,
    })
}

/// Asks badly at first: each reply is given once, the last one for ever.
pub(crate) fn one_after_another(replies: Vec<Reply>) -> impl Fn(&Asked) -> Reply + Send + Sync {
    let count = Mutex::new(0);
    move |_| {
        let mut count = count.lock().unwrap();
        let reply = replies[(*count).min(replies.len() - 1)].clone();
        *count += 1;
        reply
    }
}

/// Bytes that look like nothing and are the same each time.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect()
}
