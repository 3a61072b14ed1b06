//! How the engine's API is reached: by its socket where that is a file of this machine, else
//! through `docker system dial-stdio`, which goes by contexts, TLS and ssh as every docker
//! command does (docker/cli, `cli/command/system/dial_stdio.go`).

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard::errors::Error as ApiError;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tower_service::Service;

/// The engine's socket where nothing else is said.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// A way to the engine.
#[derive(Clone)]
pub(in crate::engine) enum Way {
    /// By this file.
    Socket(PathBuf),
    /// Through a command, made anew for each connection.
    Command(Arc<dyn Fn() -> Command + Send + Sync>),
}

/// Where the docker command finds the engine when it is called without flags: the socket, unless
/// a variable or the user's settings name another machine or a context.
pub(in crate::engine) fn default_socket(
    variable: impl Fn(&str) -> Option<String>,
    current_context: Option<&str>,
) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if let Some(host) = set("DOCKER_HOST") {
        return host.strip_prefix("unix://").map(PathBuf::from);
    }
    let context = set("DOCKER_CONTEXT").or_else(|| current_context.map(str::to_owned));
    let named = context.is_some_and(|name| !name.is_empty() && name != "default");
    (!named).then(|| DEFAULT_SOCKET.into())
}

impl Way {
    /// A client that goes this way, and keeps connections for the next question.
    pub(super) fn client<B>(self) -> Client<Self, B>
    where
        B: http_body::Body + Send,
        B::Data: Send,
    {
        Client::builder(TokioExecutor::new()).build(self)
    }
}

/// What is said where no answer came.
pub(super) fn lost(error: &ClientError) -> ApiError {
    let err = io::Error::other(super::chain(error));
    ApiError::IOError { err }
}

impl Service<Uri> for Way {
    type Response = TokioIo<Line>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = self.clone();
        Box::pin(async move { way.open().await.map(TokioIo::new) })
    }
}

impl Way {
    async fn open(self) -> io::Result<Line> {
        match self {
            Self::Socket(path) => Ok(Line::Socket(UnixStream::connect(path).await?)),
            Self::Command(command) => {
                let mut command = tokio::process::Command::from(command());
                command.kill_on_drop(true);
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut child = command.stderr(Stdio::null()).spawn()?;
                let streams = child.stdin.take().zip(child.stdout.take());
                let (to, from) = streams.ok_or(io::ErrorKind::BrokenPipe)?;
                let dialled = Dialled {
                    to,
                    from,
                    _child: child,
                };
                Ok(Line::Command(Box::new(dialled)))
            }
        }
    }
}

/// A connection to the engine.
#[derive(Debug)]
pub(in crate::engine) enum Line {
    Socket(UnixStream),
    Command(Box<Dialled>),
}

/// A command's streams, which ends when this value goes.
#[derive(Debug)]
pub(in crate::engine) struct Dialled {
    to: ChildStdin,
    from: ChildStdout,
    _child: Child,
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(context, into),
            Self::Command(line) => Pin::new(&mut line.from).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(context, bytes),
            Self::Command(line) => Pin::new(&mut line.to).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(context),
            Self::Command(line) => Pin::new(&mut line.to).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(context),
            Self::Command(line) => Pin::new(&mut line.to).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(variables: &[(&str, &str)], context: Option<&str>) -> Option<String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let path = default_socket(variable, context)?;
        Some(path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_socket_is_used_where_docker_would_use_it() {
        let usual = Some(DEFAULT_SOCKET.to_owned());
        assert_eq!(socket(&[], None), usual);
        assert_eq!(socket(&[("DOCKER_HOST", "")], Some("")), usual);
        assert_eq!(socket(&[("DOCKER_CONTEXT", "default")], Some("far")), usual);
        let run = [("DOCKER_HOST", "unix:///run/user/1000/docker.sock")];
        let rootless = Some("/run/user/1000/docker.sock".to_owned());
        assert_eq!(socket(&run, Some("far")), rootless);
        for host in ["tcp://site:2375", "ssh://me@site"] {
            assert_eq!(socket(&[("DOCKER_HOST", host)], None), None);
        }
        assert_eq!(socket(&[("DOCKER_CONTEXT", "far")], None), None);
        assert_eq!(socket(&[], Some("desktop-linux")), None);
    }
}
