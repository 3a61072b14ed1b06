use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::Engine;

/// A server on the machine that the builds of a connected engine reach. It answers
/// every path with `answer of PATH`, and goes with the test process.
#[derive(Debug)]
pub struct Origin {
    /// Its address, without a slash at the end.
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    /// Starts one.
    pub fn start(engine: &Engine) -> Self {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let inspect = engine.run("docker");
        let inspect = inspect.args(["network", "inspect", "bridge", "--format", format]);
        let gateway = inspect.quietly().succeeds().stdout;
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || answer(stream, &seen));
            }
        });
        Self {
            url: format!("http://{}:{port}", gateway.trim()),
            requests,
        }
    }

    /// The paths that it was asked for so far.
    pub fn paths(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    seen.lock().unwrap().push(path.clone());
    let body = format!("answer of {path}\n");
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
