//! Undoing a coding that the client does not take.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{self, HeaderMap};

use crate::{Exchange, headers};

/// The coding to undo for a client, if one must be.
///
/// A server may send a coding that nobody asked for: Apache marks a `.tar.gz` as
/// `x-gzip`. Who says nothing of codings wants those bytes, then and now.
pub(crate) fn needed<'a>(exchange: &'a Exchange, asked: &HeaderMap) -> Option<&'a str> {
    let coding = exchange.header("content-encoding")?;
    let coding = coding.trim().trim_start_matches("x-");
    let accepted = headers::text(asked, &header::ACCEPT_ENCODING);
    let asked_then = exchange.varies.get("accept-encoding").map(String::as_str);
    let taken_then = headers::coding_quality(asked_then, coding) > 0;
    let taken_now = headers::coding_quality(accepted.as_deref(), coding) > 0;
    let known = matches!(coding, "gzip" | "deflate" | "zstd");
    (known && taken_then && !taken_now).then_some(coding)
}

/// The body as it was before it was coded.
pub(crate) fn undo(coding: &str, mut file: File) -> io::Result<Box<dyn Read + Send>> {
    Ok(match coding {
        "gzip" => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(file)?),
        // Both are in use under this name (RFC 9110, 8.4.1.2); zlib's begins with 8
        // in the lower half of its first byte.
        _ => {
            let mut first = [0; 1];
            let read = file.read(&mut first)?;
            let whole = io::Cursor::new(first).take(read as u64).chain(file);
            if first[0] & 0x0f == 8 {
                Box::new(ZlibDecoder::new(whole))
            } else {
                Box::new(DeflateDecoder::new(whole))
            }
        }
    })
}
