//! `downloads`: files of the web, each with its checksum.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Error;
use super::OfflineDownload;
use super::read::{Place, Reader, text_at};
use crate::layout::Digest;

/// What an entry has; a text alone is its first field.
pub(super) const DOWNLOAD_KEYS: [&str; 5] = ["url", "sha256", "target", "mode", "mirrors"];

/// The mode of a file of which none is said.
const MODE: u32 = 0o644;

impl Reader<'_> {
    pub(super) fn download(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (fields, url) = self.entry(place, entry, &DOWNLOAD_KEYS)?;
        let urls = self.addresses(place, url.clone(), &fields)?;
        let target = match text_at(&fields, "target") {
            Some(target) => self.checked_target(place, &target)?,
            None => self.name_of(place, &url)?,
        };
        let sha256 = match self.text_of(place, &fields, "sha256")? {
            Some(text) => Some(self.sum(place, &text)?),
            None => None,
        };
        let one = OfflineDownload {
            urls,
            sha256,
            mode: self.mode(place, fields.get("mode"))?,
            target,
            service: place.service.map(str::to_owned),
            location: self.location(place, &url),
        };
        let other = |other: &&OfflineDownload| {
            let same = (&other.urls, other.sha256, other.mode) == (&one.urls, one.sha256, one.mode);
            other.target == one.target && !same
        };
        if self.found.downloads.iter().any(|o| other(&o)) {
            let words = format!("{} is the target of two different downloads", one.target);
            return Err(self.error(place, &url, words));
        }
        self.found.downloads.push(one);
        Ok(())
    }

    fn addresses(
        &self,
        place: Place<'_>,
        first: String,
        fields: &BTreeMap<String, Value>,
    ) -> Result<Vec<String>, Error> {
        let mirrors = match fields.get("mirrors") {
            None | Some(Value::Null) => &[],
            Some(Value::Array(list)) => list.as_slice(),
            Some(_) => {
                return Err(self.error(place, "mirrors", "`mirrors` has to be a list".into()));
            }
        };
        let mirrors = mirrors.iter().map(|v| v.as_str().unwrap_or_default());
        let all: Vec<String> = [first]
            .into_iter()
            .chain(mirrors.map(str::to_owned))
            .collect();
        for url in &all {
            let of_web = url.starts_with("https://") || url.starts_with("http://");
            if !of_web {
                let words = format!("{url:?} is no http:// or https:// address");
                return Err(self.error(place, url, words));
            }
        }
        Ok(all)
    }

    /// The last part of an address, in the project's folder.
    fn name_of(&self, place: Place<'_>, url: &str) -> Result<String, Error> {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        let path = path.split_once("://").map_or("", |(_, rest)| rest);
        match path.rsplit_once('/').map(|(_, name)| name) {
            Some(name) if !matches!(name, "" | "." | "..") && !name.contains('%') => {
                Ok(name.to_owned())
            }
            _ => {
                let words = "its address ends with no plain name, and it needs a `target`";
                Err(self.error(place, url, words.into()))
            }
        }
    }

    fn sum(&self, place: Place<'_>, text: &str) -> Result<Digest, Error> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        Digest::from_hex(&hex.to_lowercase()).map_err(|_| {
            let words = format!("{text:?} is no sha256: it has 64 characters of 0-9 and a-f");
            self.error(place, text, words)
        })
    }

    /// A text is octal, as for chmod; a number is one already, as in Compose's own `mode`.
    fn mode(&self, place: Place<'_>, value: Option<&Value>) -> Result<u32, Error> {
        let mode = match value {
            None | Some(Value::Null) => Some(MODE),
            Some(Value::String(text)) => u32::from_str_radix(text, 8).ok(),
            Some(other) => other.as_u64().and_then(|n| n.try_into().ok()),
        };
        mode.filter(|mode| *mode <= 0o777).ok_or_else(|| {
            let words = "`mode` is an octal text such as \"0755\"".into();
            self.error(place, "mode", words)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::KEY as TOP;
    use super::super::tests::{Written, is_refused};

    #[test]
    fn what_is_declared_is_read() {
        let text = format!(
            "{TOP}:\n  downloads:\n    - https://h/a.bin?x\n    - url: http://h/b\n      sha256: {}\n      target: /opt/b\n      mode: '0755'\n      mirrors: [http://m/b]\nservices: {{a: {{image: a}}}}\n",
            "AB".repeat(32)
        );
        let found = Written::new(&text).read().unwrap().offline.downloads;
        let lines: Vec<_> = found
            .iter()
            .map(|d| d.location.as_ref().unwrap().line)
            .collect();
        assert_eq!(lines, [Some(3), Some(4)]);
        assert_eq!((found[0].target.as_str(), found[0].mode), ("a.bin", 0o644));
        assert_eq!(found[0].sha256, None);
        assert_eq!((found[1].target.as_str(), found[1].mode), ("/opt/b", 0o755));
        assert_eq!(found[1].urls, ["http://h/b", "http://m/b"]);
        assert_eq!(found[1].sha256.unwrap().hex(), "ab".repeat(32));
    }

    #[test]
    fn what_cannot_be_read_is_said_by_file_and_line() {
        for (entry, words) in [
            ("{target: a}", "names no `url`"),
            ("ftp://h/a", "no http:// or https://"),
            ("http://h/", "needs a `target`"),
            ("{url: http://h/a, sha256: abc}", "is no sha256"),
            ("{url: http://h/a, mode: rwx}", "octal text"),
            ("{url: http://h/a, mode: 755}", "octal text"),
            ("{url: http://h/a, mirrors: http://m/a}", "has to be a list"),
            ("{url: http://h/a, mirrors: [m]}", "no http:// or https://"),
            ("{url: http://h/a, target: ../a}", "contains `..`"),
            ("{url: http://h/a, sum: b}", "unknown key `sum`"),
            ("http://h/a\n    - http://g/a", "two different downloads"),
        ] {
            is_refused(&format!("{TOP}:\n  downloads:\n    - {entry}"), words);
        }
    }
}
