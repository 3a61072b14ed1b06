//! npm's packuments, full and abbreviated ("Package Metadata" of the npm registry).

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::{Held, Narrowed, Offer};

pub(super) fn narrow(url: &Url, mut packument: Value, held: &Held) -> Option<Offer> {
    let name = packument.get("name")?.as_str()?.to_owned();
    packument.get("dist-tags")?.as_object()?;
    let versions = packument.get_mut("versions")?.as_object_mut()?;
    let all = versions.len();
    let is_held = |document: &Value| {
        let tarball = document.get("dist")?.get("tarball")?.as_str()?;
        let tarball = url.join(tarball).ok()?;
        Some(held.address(&tarball) || held.tarball(&tarball))
    };
    versions.retain(|_, document| is_held(document).unwrap_or(false));
    if versions.is_empty() || versions.len() == all {
        return None;
    }
    let mut kept: Vec<String> = versions.keys().cloned().collect();
    kept.sort_by(|a, b| compare(a, b));
    retag(packument.get_mut("dist-tags")?.as_object_mut()?, &kept);
    if let Some(times) = packument.get_mut("time").and_then(Value::as_object_mut) {
        let known: BTreeSet<&str> = kept.iter().map(String::as_str).collect();
        times
            .retain(|key, _| known.contains(key.as_str()) || key == "created" || key == "modified");
    }
    Some(Offer {
        body: serde_json::to_vec(&packument).ok()?,
        narrowed: vec![Narrowed {
            package: name,
            versions: kept,
        }],
    })
}

/// Tags name what is there. `latest` has to: npm takes it for what has no version.
fn retag(tags: &mut Map<String, Value>, kept: &[String]) {
    tags.retain(|_, version| {
        version
            .as_str()
            .is_some_and(|v| kept.iter().any(|k| k == v))
    });
    let finished = kept
        .iter()
        .rev()
        .find(|v| parts(v).1.is_none_or(str::is_empty));
    if !tags.contains_key("latest")
        && let Some(newest) = finished.or(kept.last())
    {
        tags.insert("latest".into(), Value::String(newest.clone()));
    }
}

/// A version's numbers, and what comes behind the dash.
fn parts(version: &str) -> (&str, Option<&str>) {
    let version = version.split('+').next().unwrap_or(version);
    match version.split_once('-') {
        Some((numbers, before)) => (numbers, Some(before)),
        None => (version, None),
    }
}

/// By precedence (Semantic Versioning 2.0.0, 11).
fn compare(one: &str, other: &str) -> Ordering {
    let ((a, before_a), (b, before_b)) = (parts(one), parts(other));
    let pieces = identifiers(a, b);
    pieces.then_with(|| match (before_a, before_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => identifiers(a, b),
    })
}

fn identifiers(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one.split('.'), other.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packument(name: &str, versions: &[&str], latest: &str) -> Value {
        let file = name.rsplit('/').next().unwrap();
        let document = |v: &&str| {
            let tarball = format!("https://registry.npmjs.org/{name}/-/{file}-{v}.tgz");
            let dist = json!({"tarball": tarball, "integrity": format!("sha512-{v}")});
            (
                (*v).to_owned(),
                json!({"name": name, "version": v, "dist": dist}),
            )
        };
        let times: Map<String, Value> = versions
            .iter()
            .map(|v| ((*v).to_owned(), json!("2020-01-01")))
            .chain([("modified".to_owned(), json!("2021-01-01"))])
            .collect();
        json!({
            "name": name,
            "dist-tags": {"latest": latest, "next": "9.0.0-rc.1"},
            "versions": versions.iter().map(document).collect::<Map<String, Value>>(),
            "time": times,
        })
    }

    #[test]
    fn latest_points_to_something_that_is_there() {
        let url = Url::parse("https://mirror.example/npm/@scope%2fx").unwrap();
        let all = ["1.0.0", "1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0"];
        let held = super::super::held(&[
            "https://mirror.example/npm/@scope/x/-/x-1.9.0.tgz",
            "https://mirror.example/npm/@scope%2fx/-/x-1.10.0.tgz",
            "https://mirror.example/npm/@scope/x/-/x-2.0.0-rc.1.tgz",
            "https://mirror.example/npm/@other/x/-/x-2.0.0.tgz",
        ]);
        let offer = narrow(&url, packument("@scope/x", &all, "2.0.0"), &held).unwrap();
        let new: Value = serde_json::from_slice(&offer.body).unwrap();
        assert_eq!(new["dist-tags"], json!({"latest": "1.10.0"}));
        assert_eq!(new["versions"].as_object().unwrap().len(), 3);
        assert_eq!(
            new["versions"]["1.9.0"]["dist"]["integrity"],
            "sha512-1.9.0"
        );
        assert_eq!(new["time"].as_object().unwrap().len(), 4);
        assert_eq!(
            offer.narrowed[0].versions,
            ["1.9.0", "1.10.0", "2.0.0-rc.1"]
        );
    }

    #[test]
    fn what_is_there_as_a_whole_or_not_at_all_stays() {
        let url = Url::parse("https://registry.npmjs.org/ms").unwrap();
        let packument = || packument("ms", &["1.0.0"], "1.0.0");
        let held = super::super::held(&["https://registry.npmjs.org/ms/-/ms-1.0.0.tgz"]);
        assert_eq!(narrow(&url, packument(), &held), None);
        assert_eq!(narrow(&url, packument(), &Held::default()), None);
    }

    #[test]
    fn versions_are_in_order() {
        let sorted = [
            "0.9.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "1.0.0",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}
