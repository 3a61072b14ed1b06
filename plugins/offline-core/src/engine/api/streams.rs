//! Long bodies, read and written by code that waits: what an engine saves, and what it loads.

use std::io::{self, Read, Write};
use std::sync::atomic::AtomicBool;

use bollard::errors::Error as ApiError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{Sender, channel};

use super::{Refusal, wait};
use crate::engine::{Docker, Error};

/// How much is handed over at once.
const PIECE: usize = 256 * 1024;
/// How many pieces may wait for the engine to take them.
const PIECES: usize = 4;

impl Docker {
    /// Reads a body that the engine sends.
    pub(in crate::engine) fn receive<T, E, S>(
        &self,
        command: &str,
        question: impl FnOnce(&bollard::Docker) -> S,
        read: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<Result<T, E>, Error>
    where
        S: Stream<Item = Result<Bytes, ApiError>>,
    {
        let failed = |refusal| self.failure(refusal, command);
        let api = self.api().map_err(failed)?;
        let mut body = Received {
            stream: Box::pin(question(&api.client)),
            piece: Bytes::new(),
            refusal: None,
            runtime: &api.runtime,
            interrupted: self.interrupt(),
        };
        let read = read(&mut body);
        if read.is_ok() {
            // What is left shows whether the engine came to its end.
            let _ = io::copy(&mut body, &mut io::sink());
        }
        // The reader's own failure is the cause, unless it only lost its source.
        match body.refusal {
            Some(refusal) => Err(failed(refusal)),
            None => Ok(read),
        }
    }

    /// Writes a body that the engine takes.
    pub(in crate::engine) fn send<E, S>(
        &self,
        command: &str,
        question: impl FnOnce(bollard::Docker, BodyStream) -> S,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error>
    where
        S: Stream<Item = Result<(), ApiError>> + Send + 'static,
    {
        let failed = |refusal| self.failure(refusal, command);
        let api = self.api().map_err(failed)?;
        let (to, from) = channel(PIECES);
        let from = futures_util::stream::unfold(from, |mut from| async move {
            from.recv().await.map(|piece| (piece, from))
        });
        let mut answers = Box::pin(question(api.client.clone(), Box::pin(from)));
        let answered = api.runtime.spawn(async move {
            while let Some(answer) = answers.next().await {
                answer?;
            }
            Ok(())
        });
        let interrupted = self.interrupt();
        let mut body = io::BufWriter::with_capacity(
            PIECE,
            Sent {
                to: to.clone(),
                runtime: &api.runtime,
                interrupted,
            },
        );
        let written = write(&mut body);
        let flushed = body.flush();
        drop(body);
        // A body that just ended would be loaded as far as it came.
        if let Err(error) = self.check_interrupt() {
            answered.abort();
            return Err(error);
        }
        if written.is_err() || flushed.is_err() {
            let cut = to.send(Err(io::ErrorKind::BrokenPipe.into()));
            let _ = wait(&api.runtime, interrupted, async { Ok(cut.await) });
        }
        drop(to);
        let answered = wait(&api.runtime, interrupted, async {
            answered.await.unwrap_or_else(|error| {
                let err = io::Error::other(error);
                Err(ApiError::IOError { err })
            })
        });
        match (answered, written) {
            // An engine that has refused takes no more: its own words come first.
            (Err(refusal @ (Refusal::Said(..) | Refusal::Interrupted)), _)
            | (Err(refusal), Ok(())) => Err(failed(refusal)),
            (_, Err(error)) => Ok(Err(error)),
            (Ok(()), Ok(())) => Ok(Ok(())),
        }
    }
}

/// A body on its way to the engine.
pub(in crate::engine) type BodyStream =
    std::pin::Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A body that is read as it comes.
struct Received<'a, S> {
    stream: std::pin::Pin<Box<S>>,
    piece: Bytes,
    refusal: Option<Refusal>,
    runtime: &'a Runtime,
    interrupted: &'a AtomicBool,
}

impl<S: Stream<Item = Result<Bytes, ApiError>>> Read for Received<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && self.refusal.is_none() {
            let next = async { self.stream.next().await.transpose() };
            match wait(self.runtime, self.interrupted, next) {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(refusal) => self.refusal = Some(refusal),
            }
        }
        if self.refusal.is_some() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let length = self.piece.len().min(into.len());
        into[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

/// A body that is sent as it is written.
struct Sent<'a> {
    to: Sender<io::Result<Bytes>>,
    runtime: &'a Runtime,
    interrupted: &'a AtomicBool,
}

impl Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let sent = async { Ok(self.to.send(Ok(piece)).await) };
        match wait(self.runtime, self.interrupted, sent) {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_)) | Err(Refusal::Said(..) | Refusal::Silence(_)) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            // `Interrupted` would be tried again.
            Err(Refusal::Interrupted) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
