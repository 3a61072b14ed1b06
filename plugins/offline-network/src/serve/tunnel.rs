//! What comes after CONNECT: TLS, plain HTTP, or something that is refused.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::connection::{Answer, Shared, serve_tunnel};

/// How long a client may say nothing after its tunnel is open. A client that waits
/// for the server to speak first speaks no HTTP.
const SILENCE: Duration = Duration::from_secs(15);
/// The first byte of every TLS connection: a handshake record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves what a client sends through its tunnel to `host:port`.
pub(crate) async fn open<A: Answer>(
    request: Request<Incoming>,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
    host: String,
    port: u16,
) {
    let Ok(upgraded) = hyper::upgrade::on(request).await else {
        return;
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return;
    };
    let mut stream = parts.io.into_inner();
    let mut early = parts.read_buf;
    let place = format!("{host}:{port}");
    if early.is_empty() {
        let mut first = [0; 1];
        match tokio::time::timeout(SILENCE, stream.read(&mut first)).await {
            Ok(Ok(1)) => early = Bytes::copy_from_slice(&first),
            // Opened and closed again: a probe.
            Ok(_) => return,
            Err(_) => {
                let why = format!("{place}: nothing came through the tunnel within {SILENCE:?}");
                return refuse(&shared, &target, &place, &why, stream).await;
            }
        }
    }
    let first = early[0];
    let stream = Prefixed { early, stream };
    if first == TLS_HANDSHAKE {
        tls(stream, shared, target, host, port).await;
    } else if first.is_ascii_uppercase() {
        let base = format!("http://{place}");
        serve_tunnel(stream, shared, target, base).await;
    } else {
        let why = format!(
            "{place}: what was sent is neither TLS nor HTTP; only http and https can be recorded and replayed"
        );
        refuse(&shared, &target, &place, &why, stream.stream).await;
    }
}

async fn refuse<A: Answer>(
    shared: &Shared<A>,
    target: &str,
    place: &str,
    why: &str,
    mut stream: TcpStream,
) {
    shared.answer.not_http(target, place, why);
    let words = format!("docker-offline: {why}\r\n");
    let _ = stream.write_all(words.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn tls<A: Answer>(
    stream: Prefixed,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
    host: String,
    port: u16,
) {
    let place = format!("{host}:{port}");
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
    let hello = match hello.await {
        Ok(hello) => hello,
        Err(error) if went_away(&error) => return,
        Err(error) => {
            let why = format!("{place}: no TLS connection came about: {error}");
            return shared.answer.not_http(&target, &place, &why);
        }
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let named = hello.client_hello().server_name().map(str::to_owned);
    let config = match shared.authority.server(named.as_deref().unwrap_or(bare)) {
        Ok(config) => config,
        Err(error) => return shared.answer.not_http(&target, &place, &error.to_string()),
    };
    match hello.into_stream(config).await {
        Ok(stream) => {
            let within = format!("https://{place}");
            serve_tunnel(stream, shared, target, within).await;
        }
        Err(error) if went_away(&error) => (),
        Err(error) => {
            let why = format!(
                "{place}: the client does not accept the certificate of the proxy ({error}); it may trust only certificates of its own"
            );
            shared.answer.not_http(&target, &place, &why);
        }
    }
}

/// Whether the client only closed its connection, which probes and races do.
fn went_away(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// A connection of which some bytes were read already.
struct Prefixed {
    early: Bytes,
    stream: TcpStream,
}

impl AsyncRead for Prefixed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let most = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early[..most]);
        self.early.advance(most);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
