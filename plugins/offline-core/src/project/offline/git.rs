//! `git`: repositories, each at a branch, a tag or a commit.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Error;
use super::OfflineGit;
use super::read::{Place, Reader, text_at};

/// What an entry has; a text alone is its first field.
pub(super) const GIT_KEYS: [&str; 5] = ["url", "ref", "target", "submodules", "lfs"];

impl Reader<'_> {
    pub(super) fn repository(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (fields, url) = self.entry(place, entry, &GIT_KEYS)?;
        let reference = self.text_of(place, &fields, "ref")?;
        for text in [Some(&url), reference.as_ref()].into_iter().flatten() {
            let odd = |c: char| c.is_control() || c.is_whitespace();
            if text.starts_with('-') || text.contains(odd) {
                let words = format!("{text:?} is nothing that git can be asked for");
                return Err(self.error(place, text, words));
            }
        }
        let named = text_at(&fields, "target").unwrap_or_else(|| {
            let name = url.trim_end_matches('/').trim_end_matches(".git");
            name.rsplit(['/', ':'])
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        let target = self.checked_target(place, &named)?;
        let one = OfflineGit {
            url: self.repository_address(&url),
            reference,
            target,
            submodules: self.flag(place, &fields, "submodules")?,
            lfs: self.flag(place, &fields, "lfs")?,
            service: place.service.map(str::to_owned),
            location: self.location(place, &url),
        };
        let other = |other: &OfflineGit| {
            let same = (&other.url, &other.reference, other.submodules, other.lfs)
                == (&one.url, &one.reference, one.submodules, one.lfs);
            other.target == one.target && !same
        };
        if self.found.git.iter().any(other) {
            let words = format!("{} is the target of two different repositories", one.target);
            return Err(self.error(place, &url, words));
        }
        self.found.git.push(one);
        Ok(())
    }

    /// A folder of this machine is meant from the project's folder on.
    fn repository_address(&self, url: &str) -> String {
        let of_server = url.contains("://")
            || url
                .split_once(':')
                .is_some_and(|(host, _)| !host.contains('/'));
        if of_server {
            url.to_owned()
        } else {
            self.absolute(url).to_string_lossy().into_owned()
        }
    }

    fn flag(
        &self,
        place: Place<'_>,
        fields: &BTreeMap<String, Value>,
        key: &str,
    ) -> Result<bool, Error> {
        match fields.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.error(place, key, format!("`{key}` is true or false"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Written, is_refused};

    #[test]
    fn what_is_declared_is_read() {
        let text = "x-offline:\n  git:\n    - git@h:team/DataX.git\n    - {url: ../other, ref: v1, target: /opt/o, submodules: true, lfs: true}\nservices: {a: {image: a}}\n";
        let written = Written::new(text);
        let found = written.read().unwrap().offline.git;
        assert_eq!(found[0].url, "git@h:team/DataX.git");
        assert_eq!(found[0].target, "DataX");
        assert!(found[0].reference.is_none() && !found[0].submodules && !found[0].lfs);
        let other = written.path().parent().unwrap().join("other");
        assert_eq!(found[1].url, other.to_string_lossy());
        assert_eq!(found[1].reference.as_deref(), Some("v1"));
        assert!(found[1].submodules && found[1].lfs);
        assert_eq!(found[1].location.as_ref().unwrap().line, Some(4));
    }

    #[test]
    fn what_cannot_be_read_is_said_by_file_and_line() {
        for (entry, words) in [
            ("{ref: a}", "names no `url`"),
            ("'--upload-pack=x'", "nothing that git can be asked for"),
            (
                "{url: h:a, ref: --all}",
                "nothing that git can be asked for",
            ),
            ("{url: h:a, lfs: maybe}", "`lfs` is true or false"),
            ("{url: h:a, target: ../a}", "contains `..`"),
            ("https://h/..", "contains `..`"),
            ("{url: h:a, branch: b}", "unknown key `branch`"),
            ("h:a\n    - {url: g:a}", "two different repositories"),
        ] {
            is_refused(&format!("x-offline:\n  git:\n    - {entry}"), words);
        }
    }
}
