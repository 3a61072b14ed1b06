//! Maven's `maven-metadata.xml` of an artifact (the "Maven Repository Metadata" model).

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::held::decoded;
use super::{Held, Narrowed, Offer};

pub(super) fn narrow(url: &Url, body: &[u8], held: &Held) -> Option<Offer> {
    let text = std::str::from_utf8(body).ok()?;
    let path = decoded(url.path());
    let artifact = path.rsplit('/').nth(1)?;
    let is_held = |version: &str| held.folder(&format!("{artifact}/{version}"));
    let (list, from) = element(text, "versions", 0)?;
    let mut versions = Vec::new();
    let mut rest = list;
    let mut kept = String::new();
    let mut all = 0;
    while let Some((version, at)) = element(rest, "version", 0) {
        let end = at + version.len() + "</version>".len();
        let version = version.trim();
        all += 1;
        if is_held(version) {
            versions.push(version.to_owned());
            kept.push_str(rest.get(..end)?);
        }
        rest = rest.get(end..)?;
    }
    kept.push_str(rest);
    if versions.is_empty() || versions.len() == all {
        return None;
    }
    let mut new = text.to_owned();
    new.replace_range(from..from + list.len(), &kept);
    // In the order in which versions were published.
    let newest = versions.last()?;
    let release = versions.iter().rev().find(|v| !v.ends_with("-SNAPSHOT"));
    for (name, instead) in [("latest", Some(newest)), ("release", release)] {
        if let Some((given, at)) = element(&new, name, 0)
            && !is_held(given.trim())
            && let Some(instead) = instead
        {
            let range = at..at + given.len();
            new.replace_range(range, instead);
        }
    }
    let group = element(text, "groupId", 0).map_or("", |(group, _)| group.trim());
    Some(Offer {
        body: new.into_bytes(),
        narrowed: vec![Narrowed {
            package: format!("{group}:{artifact}"),
            versions,
        }],
    })
}

/// What is in the first element of this name, and where it begins.
fn element<'a>(text: &'a str, name: &str, from: usize) -> Option<(&'a str, usize)> {
    let open = format!("<{name}>");
    let start = from + text.get(from..)?.find(&open)? + open.len();
    let length = text.get(start..)?.find(&format!("</{name}>"))?;
    Some((text.get(start..start + length)?, start))
}

/// The address of the metadata whose checksum this is, and what makes it.
pub(crate) fn checksum_of(url: &Url) -> Option<(Url, Checksum)> {
    let (path, kind) = url.path().rsplit_once('.')?;
    let of: Checksum = match kind {
        "sha1" => |bytes| Some(hex::encode(Sha1::digest(bytes))),
        "sha256" => |bytes| Some(hex::encode(Sha256::digest(bytes))),
        // Maven takes one that is not there for none.
        "md5" | "sha512" => |_| None,
        _ => return None,
    };
    let mut metadata = url.clone();
    metadata.set_path(path);
    path.ends_with("/maven-metadata.xml")
        .then_some((metadata, of))
}

/// Makes a checksum in the form of its file; `None` where it is not made here.
pub(crate) type Checksum = fn(&[u8]) -> Option<String>;

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = "<metadata>
  <groupId>org.example</groupId>
  <artifactId>lib</artifactId>
  <versioning>
    <latest>3.0</latest>
    <release>3.0</release>
    <versions>
      <version>1.0</version>
      <version>2.0</version>
      <version>3.0</version>
    </versions>
  </versioning>
</metadata>
";

    #[test]
    fn latest_and_release_are_of_what_is_held() {
        let url = Url::parse("https://h/maven2/org/example/lib/maven-metadata.xml").unwrap();
        let held = super::super::held(&[
            "https://h/maven2/org/example/lib/2.0/lib-2.0.pom",
            "https://h/maven2/org/example/lib/maven-metadata.xml",
        ]);
        let offer = narrow(&url, METADATA.as_bytes(), &held).unwrap();
        let text = String::from_utf8(offer.body).unwrap();
        assert!(text.contains("<latest>2.0</latest>"), "{text}");
        assert!(text.contains("<release>2.0</release>"), "{text}");
        assert_eq!(text.matches("<version>").count(), 1, "{text}");
        assert_eq!(offer.narrowed[0].package, "org.example:lib");
        assert_eq!(offer.narrowed[0].versions, ["2.0"]);
        let none = super::super::held(&["https://h/maven2/org/example/other/2.0/x.pom"]);
        assert_eq!(narrow(&url, METADATA.as_bytes(), &none), None);
    }

    #[test]
    fn checksums_are_told_from_metadata() {
        let parsed = |text| checksum_of(&Url::parse(text).unwrap());
        let (url, of) = parsed("https://h/a/maven-metadata.xml.sha1").unwrap();
        assert_eq!(url.as_str(), "https://h/a/maven-metadata.xml");
        let sum = of(b"abc").unwrap();
        assert_eq!(sum, "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert!(parsed("https://h/a/lib.pom.sha1").is_none());
        assert!(parsed("https://h/a/maven-metadata.xml").is_none());
    }
}
