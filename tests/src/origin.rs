use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Engine, say};

/// A server on the machine that the builds of a connected engine reach. It goes with
/// the test process.
#[derive(Debug)]
pub struct Origin {
    /// Its address, without a slash at the end.
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Starts one that answers every path with `answer of PATH`.
    pub fn start(engine: &Engine) -> Self {
        Self::answering(engine, |path| {
            let body = format!("answer of {path}\n");
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
        })
    }

    /// The `.env` by which a project's builds know it.
    pub fn environment(&self) -> String {
        format!("ORIGIN={}\n", self.url)
    }

    /// Starts one with answers of its own: the whole of each, for what stands in the
    /// request's first line.
    pub fn answering(engine: &Engine, answer: fn(&str) -> String) -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(stream, &seen, answer));
            }
        });
        let url = format!("http://{}:{port}", engine.gateway());
        say(format!("a server at {url}"));
        Self { url, requests }
    }

    /// The two parts of its address.
    pub fn host_and_port(&self) -> (&str, &str) {
        let address = self.url.trim_start_matches("http://");
        address.split_once(':').unwrap()
    }

    /// The requests so far, each with its headers.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The paths that it was asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.requests().iter().map(|head| path_of(head)).collect()
    }
}

fn path_of(head: &str) -> String {
    head.split(' ').nth(1).unwrap_or("/").to_owned()
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<String>>, answer: fn(&str) -> String) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let path = path_of(&head);
    seen.lock().unwrap().push(head);
    let _ = stream.write_all(answer(&path).as_bytes());
}
