use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::{Engine, say};

/// A server of files on the machine, with ranges, tags and tokens, which stops where it is
/// told to. It goes with the test process.
#[derive(Debug)]
pub struct WebServer {
    /// Its address, without a slash at the end.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Page>,
    /// A token, by the beginning of the paths that need it.
    tokens: BTreeMap<String, String>,
    requests: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Page {
    bytes: Arc<Vec<u8>>,
    headers: Vec<(String, String)>,
    /// Where the next answers end: after so many bytes of the file, at once or in silence.
    ends: Vec<(usize, bool)>,
}

impl WebServer {
    /// Starts one without files.
    pub fn start(engine: &Engine) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state: Arc<Mutex<State>> = Arc::default();
        let served = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                thread::spawn(move || serve(&stream, &served));
            }
        });
        let url = format!("http://{}:{port}", engine.gateway());
        say(format!("a server at {url}"));
        Self { url, state }
    }

    /// Has a file from now on, instead of what it had there.
    pub fn has(&self, path: &str, bytes: impl Into<Vec<u8>>) -> &Self {
        self.has_with(path, bytes, &[])
    }

    /// The same with headers of its own.
    pub fn has_with(
        &self,
        path: &str,
        bytes: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> &Self {
        let headers = headers.iter();
        let page = Page {
            bytes: Arc::new(bytes.into()),
            headers: headers.map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            ends: Vec::new(),
        };
        self.state.lock().unwrap().files.insert(path.into(), page);
        self
    }

    /// The next answer with this file ends after so many bytes of it.
    pub fn cuts(&self, path: &str, after: usize) {
        self.ends(path, after, false);
    }

    /// The next answer with this file says nothing more after so many bytes of it.
    pub fn stalls(&self, path: &str, after: usize) {
        self.ends(path, after, true);
    }

    fn ends(&self, path: &str, after: usize, silent: bool) {
        let mut state = self.state.lock().unwrap();
        let page = state.files.get_mut(path).unwrap();
        page.ends.push((after, silent));
    }

    /// Wants this token for all that begins like this.
    pub fn wants(&self, path: &str, token: &str) {
        let mut state = self.state.lock().unwrap();
        state.tokens.insert(path.into(), token.into());
    }

    /// What it was asked for since the last time: `GET /path`, with the first byte where
    /// that is not 0.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    answer(stream, &head, state);
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn answer(mut stream: &TcpStream, head: &str, state: &Mutex<State>) {
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let path = target.split('?').next().unwrap();
    let range = header(head, "range").and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-'));
    let from: usize = range.and_then(|r| r.parse().ok()).unwrap_or(0);
    let (page, denied, end) = {
        let mut state = state.lock().unwrap();
        let at = if from > 0 {
            format!(" from {from}")
        } else {
            String::new()
        };
        state.requests.push(format!("{method} {target}{at}"));
        let token = state
            .tokens
            .iter()
            .find(|(begin, _)| path.starts_with(*begin));
        let given = header(head, "authorization");
        let denied = token.is_some_and(|(_, token)| given != Some(&format!("Bearer {token}")));
        let mut end = None;
        if method == "GET"
            && !denied
            && let Some(page) = state.files.get_mut(path)
            && !page.ends.is_empty()
        {
            end = Some(page.ends.remove(0));
        }
        (state.files.get(path).cloned(), denied, end)
    };
    let refuse = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"lab\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    let page = match page {
        _ if denied => {
            let _ = stream.write_all(refuse("401 Unauthorized").as_bytes());
            return;
        }
        None => {
            let _ = stream.write_all(refuse("404 Not Found").as_bytes());
            return;
        }
        Some(page) => page,
    };
    let length = page.bytes.len();
    let mut text = if from > 0 && from < length {
        format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{length}\r\n",
            length - 1
        )
    } else {
        "HTTP/1.1 200 OK\r\n".into()
    };
    let body = &page.bytes[if from < length { from } else { 0 }..];
    let length = body.len();
    let _ = write!(text, "Content-Length: {length}\r\nConnection: close\r\n");
    for (name, value) in &page.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = stream.write_all((text + "\r\n").as_bytes());
    if method == "HEAD" {
        return;
    }
    let (end, silent) = end.unwrap_or((page.bytes.len(), false));
    let _ = stream.write_all(&body[..end.saturating_sub(from).min(body.len())]);
    let _ = stream.flush();
    if silent {
        thread::sleep(Duration::from_secs(25));
    }
}
