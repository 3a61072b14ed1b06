use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::CONTENT_RANGE;
use reqwest::{Method, Response, StatusCode};

use super::connection::{Ask, Connection, chain};
use super::retry::{Failed, Retry};
use crate::layout::{self, BlobWriter, Descriptor, Layout, Progress};

/// An attempt that got this many bytes further does not count as a failure.
pub(crate) const GOT_ON: u64 = 256 << 10;

/// Downloads one blob into the layout; gives the number of bytes it added.
pub(super) async fn blob(
    connection: &Connection,
    repository: &str,
    blob: &Descriptor,
    layout: &Layout,
    retry: &mut Retry<'_>,
    stop: &AtomicBool,
    progress: Progress<'_>,
) -> Result<u64, Failed> {
    loop {
        let (mut writer, already) = layout.resume_writer(&blob.digest)?;
        // Another thread or process may have finished it while this one waited.
        if layout.has_blob(&blob.digest, Some(blob.size)) {
            progress(blob.size);
            return Ok(0);
        }
        progress(already);
        let outcome = attempt(connection, repository, blob, &mut writer, stop, progress).await;
        let failed = match outcome {
            Ok(()) => match writer.commit(Some(&blob.digest)) {
                Ok(committed) => return Ok(if committed.new { blob.size } else { 0 }),
                Err(error @ layout::Error::DigestMismatch { .. }) => {
                    Failed::passing(error.to_string())
                }
                Err(error) => return Err(error.into()),
            },
            Err(failed) => {
                if writer.size() >= already + GOT_ON {
                    retry.got_on();
                }
                drop(writer);
                failed
            }
        };
        if stop.load(Ordering::Relaxed) {
            return Err(failed);
        }
        retry.next(failed).await?;
    }
}

async fn attempt(
    connection: &Connection,
    repository: &str,
    blob: &Descriptor,
    writer: &mut BlobWriter,
    stop: &AtomicBool,
    progress: Progress<'_>,
) -> Result<(), Failed> {
    if writer.size() > blob.size {
        writer.restart()?;
    }
    if writer.size() == blob.size {
        return Ok(());
    }
    let object = blob.digest.to_string();
    let mut response = connection
        .send(&Ask {
            method: Method::GET,
            repository,
            kind: "blobs",
            object: &object,
            accept: None,
            from: writer.size(),
        })
        .await?;
    if !continues(&response, writer.size()) {
        writer.restart()?;
        if response.status() != StatusCode::OK {
            return Err(Failed::passing(format!(
                "the registry answers {} to a request to continue",
                response.status()
            )));
        }
    }
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Failed::passing("another part of the image failed"));
        }
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Err(Failed::passing(chain(&error))),
        };
        if writer.size() + chunk.len() as u64 > blob.size {
            writer.restart()?;
            return Err(Failed::passing("the registry sends more than it announced"));
        }
        if let Err(error) = writer.write_all(&chunk) {
            return Err(layout::Error::io("write", writer.path())(error).into());
        }
        progress(chunk.len() as u64);
    }
    if writer.size() < blob.size {
        return Err(Failed::passing(format!(
            "the connection ended after {} of {} bytes",
            writer.size(),
            blob.size
        )));
    }
    Ok(())
}

/// Whether an answer goes on where the file ends.
pub(crate) fn continues(response: &Response, at: u64) -> bool {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return at == 0 && response.status() == StatusCode::OK;
    }
    response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes "))
        .and_then(|text| text.split('-').next()?.trim().parse::<u64>().ok())
        == Some(at)
}
