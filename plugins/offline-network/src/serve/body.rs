//! Bodies of answers: from memory, from a file, or from a file that still grows.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, watch};

use crate::log::Ticket;

/// Bytes read from a file at once: large enough that the system calls and hand-overs
/// do not show beside the copying.
const CHUNK: usize = 512 << 10;
/// Chunks read ahead of the connection.
const AHEAD: usize = 2;

/// What an answer's body is made of.
pub(crate) enum Content {
    Empty,
    Bytes(Bytes),
    /// Part of a file.
    File {
        file: Arc<File>,
        start: u64,
        length: u64,
    },
    /// Something whose length is not known before it was read.
    Reader(Box<dyn Read + Send>),
    /// Part of a file that is still written; to its end if no length is given.
    Growing {
        file: Arc<File>,
        growth: watch::Receiver<Growth>,
        start: u64,
        length: Option<u64>,
    },
}

/// How far a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) written: u64,
    /// Whether nothing more comes: all of it is there, or it was given up.
    pub(crate) end: Option<bool>,
}

enum Source {
    Done,
    Once(Bytes),
    Stream(mpsc::Receiver<io::Result<Bytes>>),
}

/// A body as hyper sends it; tells the log what was passed on.
pub(crate) struct AnswerBody {
    source: Source,
    left: Option<u64>,
    ticket: Option<Ticket>,
}

impl AnswerBody {
    pub(crate) fn new(content: Content, ticket: Ticket) -> Self {
        let (left, source) = match content {
            Content::Empty => (Some(0), Source::Done),
            Content::Bytes(bytes) => (Some(bytes.len() as u64), Source::Once(bytes)),
            Content::File {
                file,
                start,
                length,
            } => (
                Some(length),
                read_in_thread(Part {
                    file,
                    at: start,
                    left: length,
                }),
            ),
            Content::Reader(reader) => (None, read_in_thread(reader)),
            Content::Growing {
                file,
                growth,
                start,
                length,
            } => {
                let (sender, receiver) = mpsc::channel(AHEAD);
                tokio::spawn(follow(file, growth, start, length, sender));
                (length, Source::Stream(receiver))
            }
        };
        Self {
            source,
            left,
            ticket: Some(ticket),
        }
    }

    /// Of an answer that is no answer to a request of the log.
    pub(crate) fn nothing() -> Self {
        Self {
            source: Source::Done,
            left: Some(0),
            ticket: None,
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.source {
            Source::Done => None,
            Source::Once(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Done;
                (!bytes.is_empty()).then_some(Ok(bytes))
            }
            Source::Stream(chunks) => match chunks.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(next) => next,
            },
        };
        if let Some(Ok(bytes)) = &next {
            if let Some(ticket) = &mut self.ticket {
                ticket.passed_on(bytes.len());
            }
            if let Some(left) = &mut self.left {
                *left = left.saturating_sub(bytes.len() as u64);
            }
        }
        Poll::Ready(next.map(|n| n.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.source, Source::Done) || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A part of a file, read without moving the file's own position.
struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is shorter than recorded",
            ));
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// Reads in a thread of its own, so that a slow disk holds up only this answer.
fn read_in_thread(mut reader: impl Read + Send + 'static) -> Source {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        loop {
            let chunk = read_chunk(&mut reader);
            let last = !matches!(&chunk, Ok(bytes) if !bytes.is_empty());
            let empty = matches!(&chunk, Ok(bytes) if bytes.is_empty());
            if empty || sender.blocking_send(chunk).is_err() || last {
                return;
            }
        }
    });
    Source::Stream(receiver)
}

fn read_chunk(reader: &mut impl Read) -> io::Result<Bytes> {
    let mut buffer = vec![0; CHUNK];
    let mut filled = 0;
    while filled < CHUNK {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    buffer.truncate(filled);
    Ok(Bytes::from(buffer))
}

/// Passes on what is written to a file, as it is written.
async fn follow(
    file: Arc<File>,
    mut growth: watch::Receiver<Growth>,
    mut at: u64,
    length: Option<u64>,
    sender: mpsc::Sender<io::Result<Bytes>>,
) {
    let stop = length.map(|l| at + l);
    loop {
        if stop.is_some_and(|stop| at >= stop) {
            return;
        }
        let waited = tokio::select! {
            grown = growth.wait_for(|g| g.written > at || g.end.is_some()) => grown.map(|g| *g),
            () = sender.closed() => return,
        };
        let (written, whole) = match waited {
            Ok(now) => (now.written, now.end.unwrap_or(true)),
            Err(_) => (at, false),
        };
        if written <= at {
            if !whole || stop.is_some() {
                let cut = io::Error::other("the answer was cut");
                let _ = sender.send(Err(cut)).await;
            }
            return;
        }
        let most = (stop.unwrap_or(written).min(written) - at).min(CHUNK as u64);
        // What was just written is in memory; reading it does not wait for a disk.
        let mut part = Part {
            file: file.clone(),
            at,
            left: most,
        };
        let chunk = read_chunk(&mut part);
        at = part.at;
        let failed = chunk.is_err();
        if sender.send(chunk).await.is_err() || failed {
            return;
        }
    }
}
