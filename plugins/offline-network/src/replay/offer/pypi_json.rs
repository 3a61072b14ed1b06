//! `PyPI`'s simple index as JSON (PEP 691, 700 and 714).

use serde_json::Value;
use url::Url;

use super::held::decoded;
use super::python_files::{Choice, PackageFile};
use super::{Held, Offer};

/// Where an index says that a file's metadata can be fetched by itself.
const METADATA: [&str; 3] = [
    "core-metadata",
    "dist-info-metadata",
    "data-dist-info-metadata",
];

pub(super) fn narrow(page: &Url, mut index: Value, held: &Held) -> Option<Offer> {
    index.get("meta")?.as_object()?;
    let files = index.get_mut("files")?.as_array_mut()?;
    let address = |file: &Value| page.join(file.get("url")?.as_str()?).ok();
    let named = |file: &Value| PackageFile::named(file.get("filename")?.as_str()?);
    let is_held = |file: &Value| {
        let Some(url) = address(file) else {
            return false;
        };
        let path = decoded(url.path());
        held.address(&url) || held.name(path.rsplit('/').next().unwrap_or_default())
    };
    let mut choice = Choice::default();
    for file in &*files {
        if let Some(named) = named(file) {
            choice.saw(&named, is_held(file));
        }
    }
    let mut changed = false;
    let mut versions: Vec<String> = Vec::new();
    files.retain_mut(|file| {
        let left_out = !is_held(file) && named(file).is_some_and(|n| choice.leaves_out(&n));
        changed |= left_out;
        if !left_out && is_held(file) {
            changed |= without_metadata(file, address(file), held);
        }
        if !left_out && let Some(named) = named(file) {
            versions.push(named.version);
        }
        !left_out
    });
    if !changed {
        return None;
    }
    if let Some(listed) = index.get_mut("versions").and_then(Value::as_array_mut) {
        listed.retain(|v| {
            v.as_str()
                .is_some_and(|v| versions.iter().any(|k| same(k, v)))
        });
    }
    Some(Offer {
        body: serde_json::to_vec(&index).ok()?,
        narrowed: choice.narrowed(),
    })
}

/// Takes out the promise of metadata that is not there.
fn without_metadata(file: &mut Value, address: Option<Url>, held: &Held) -> bool {
    let Some(mut url) = address else {
        return false;
    };
    url.set_path(&format!("{}.metadata", url.path()));
    let path = decoded(url.path());
    if held.address(&url) || held.name(path.rsplit('/').next().unwrap_or_default()) {
        return false;
    }
    let Some(file) = file.as_object_mut() else {
        return false;
    };
    let mut changed = false;
    for name in METADATA {
        changed |= file.remove(name).is_some();
    }
    changed
}

/// File names write some characters of versions otherwise.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '+', '-'], ".");
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_files_that_are_there() {
        let page = Url::parse("https://pypi.org/simple/six/").unwrap();
        let host = "https://files.pythonhosted.org/packages";
        let file = |name: &str| {
            json!({
                "filename": name, "url": format!("{host}/a/{name}"),
                "hashes": {"sha256": "ab"}, "core-metadata": {"sha256": "cd"},
            })
        };
        let (old, new) = (
            "six-1.16.0-py2.py3-none-any.whl",
            "six-1.17.0-py2.py3-none-any.whl",
        );
        let index = json!({
            "meta": {"api-version": "1.1"}, "name": "six",
            "files": [file(old), file("six-1.16.0.tar.gz"), file(new)],
            "versions": ["1.16.0", "1.17.0"],
        });
        let held = super::super::held(&[
            &format!("{host}/a/{old}"),
            &format!("{host}/a/{new}.metadata"),
        ]);
        let offer = narrow(&page, index.clone(), &held).unwrap();
        let narrowed: Value = serde_json::from_slice(&offer.body).unwrap();
        assert_eq!(narrowed["versions"], json!(["1.16.0"]));
        let files = narrowed["files"].as_array().unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0]["hashes"], json!({"sha256": "ab"}));
        assert!(files[0].get("core-metadata").is_none(), "{narrowed}");
        assert_eq!(offer.narrowed[0].package, "six");
        assert_eq!(offer.narrowed[0].versions, ["1.16.0"]);
        assert_eq!(narrow(&page, index, &Held::default()), None);
    }
}
