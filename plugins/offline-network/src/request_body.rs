//! Bodies of requests: what they mean, as a digest, and never as they are.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::header::{self, HeaderMap};
use http_body::Body;
use hyper::body::Incoming;
use url::Url;

use crate::Digest;

/// Most bytes of a request's body; what a build sends to be answered is a query.
pub(crate) const LARGEST: usize = 64 << 20;

/// Why a body was not read.
pub(crate) enum Unread {
    TooLarge,
    Cut,
}

/// All of a body, up to [`LARGEST`].
pub(crate) async fn read(mut body: Incoming) -> Result<Bytes, Unread> {
    let mut all = BytesMut::new();
    loop {
        let next = std::future::poll_fn(|c| std::pin::Pin::new(&mut body).poll_frame(c)).await;
        let Some(frame) = next else {
            return Ok(all.freeze());
        };
        if let Ok(data) = frame.map_err(|_| Unread::Cut)?.into_data() {
            if all.len() + data.len() > LARGEST {
                return Err(Unread::TooLarge);
            }
            all.extend_from_slice(&data);
        }
    }
}

/// What a body asks for. For git's upload-pack that is its lines in order of the
/// alphabet, without what differs from client to client.
pub(crate) fn digest(url: &Url, headers: &HeaderMap, body: &Bytes) -> Option<Digest> {
    if body.is_empty() {
        return None;
    }
    let plain = decoded(headers, body);
    let plain = plain.as_deref().unwrap_or(body);
    if is_upload_pack(url)
        && let Some(lines) = upload_pack(plain)
    {
        return Some(Digest::of(&lines));
    }
    Some(Digest::of(plain))
}

/// Whether a request reads from a git repository.
pub(crate) fn is_upload_pack(url: &Url) -> bool {
    url.path().ends_with("/git-upload-pack")
}

fn decoded(headers: &HeaderMap, body: &Bytes) -> Option<Vec<u8>> {
    let coding = headers.get(header::CONTENT_ENCODING)?.to_str().ok()?;
    if !coding.trim_start_matches("x-").eq_ignore_ascii_case("gzip") {
        return None;
    }
    let mut plain = Vec::new();
    let most = LARGEST as u64 + 1;
    let read = MultiGzDecoder::new(&body[..])
        .take(most)
        .read_to_end(&mut plain);
    (read.is_ok() && plain.len() <= LARGEST).then_some(plain)
}

/// Capabilities and arguments that say something of the client, or only of how the
/// answer is shown (gitprotocol-capabilities, gitprotocol-v2).
const OF_THE_CLIENT: &[&str] = &["agent=", "session-id=", "no-progress", "unborn"];

/// The lines of an upload-pack request, protocol v0 to v2, normalised.
fn upload_pack(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    while !body.is_empty() {
        let length = std::str::from_utf8(body.get(..4)?).ok()?;
        let length = usize::from_str_radix(length, 16).ok()?;
        // 0 to 2 are flush, delimiter and response end; they hold nothing.
        if length < 4 {
            body = &body[4..];
            continue;
        }
        let line = String::from_utf8_lossy(body.get(4..length)?);
        body = &body[length..];
        let mut words: Vec<_> = line
            .split_ascii_whitespace()
            .filter(|word| !OF_THE_CLIENT.iter().any(|c| word.starts_with(c)))
            .collect();
        // A v0 client names its capabilities behind the object that it wants first;
        // with protocol v2 each is a line of its own.
        if words.first() == Some(&"want") && words.len() > 2 {
            let capabilities = words.split_off(2);
            lines.extend(capabilities.into_iter().map(|c| format!("capability {c}")));
        }
        if !words.is_empty() {
            lines.push(words.join(" "));
        }
    }
    lines.sort();
    lines.dedup();
    Some(lines.join("\n").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pkt(lines: &[&str]) -> Vec<u8> {
        let mut body = Vec::new();
        for line in lines {
            if line.is_empty() {
                body.extend(b"0000");
            } else {
                body.extend(format!("{:04x}{line}", line.len() + 4).bytes());
            }
        }
        body
    }

    fn meaning(body: Vec<u8>) -> Digest {
        let url = Url::parse("https://h/r.git/git-upload-pack").unwrap();
        digest(&url, &HeaderMap::new(), &Bytes::from(body)).unwrap()
    }

    #[test]
    fn a_clone_by_another_version_of_git_asks_for_the_same() {
        let old = pkt(&[
            "want 1111 multi_ack_detailed ofs-delta agent=git/2.30.2\n",
            "want 2222\n",
            "",
            "done\n",
        ]);
        let new = pkt(&[
            "want 1111 multi_ack_detailed no-progress ofs-delta agent=git/2.47.3-Linux session-id=x\n",
            "want 2222\n",
            "",
            "done\n",
        ]);
        assert_eq!(meaning(old.clone()), meaning(new));
        let shallow = pkt(&[
            "want 1111 multi_ack_detailed ofs-delta agent=git/2.30.2\n",
            "want 2222\n",
            "deepen 1\n",
            "",
            "done\n",
        ]);
        assert_ne!(meaning(old), meaning(shallow));
    }

    #[test]
    fn protocol_v2_is_read_the_same_way() {
        let one = pkt(&[
            "command=ls-refs\n",
            "agent=git/2.30\n",
            "object-format=sha1",
            "",
            "peel\n",
        ]);
        let other = pkt(&[
            "command=ls-refs\n",
            "agent=git/2.47",
            "object-format=sha1",
            "",
            "peel\n",
            "unborn\n",
        ]);
        assert_eq!(meaning(one.clone()), meaning(other));
        let fetch = pkt(&["command=fetch", "want 1111\n", "done\n"]);
        assert_ne!(meaning(one), meaning(fetch));
    }

    #[test]
    fn what_is_not_git_is_taken_as_it_is() {
        assert_eq!(meaning(b"hello".to_vec()), Digest::of(b"hello"));
        assert_eq!(meaning(b"ffffshort".to_vec()), Digest::of(b"ffffshort"));
    }
}
