//! The inline cache in a stage image's config, checked and completed.
//!
//! The config's `moby.buildkit.cache.v0` holds the records of BuildKit's
//! `cache/remotecache/v1` (`CacheRecord`): a key's digest, the keys it comes
//! after, and the layers that are its results.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::layout::{Digest, Error, Layout, Manifest, Platform};

/// The field of an image's config in which BuildKit keeps them.
pub(crate) const CACHE_RECORDS: &str = "moby.buildkit.cache.v0";

/// The two keys by which an image is known as a base.
///
/// A containerd store asks for the manifest first and, once that key has a
/// result, never for the chain; a graphdriver store knows the chain only. A build
/// that found its base in the cache records the first key alone, so that a bundle
/// would hit on one store and miss on the other (engine fact 11).
#[derive(Debug, Clone, PartialEq, Eq)]
struct BaseKeys {
    manifest: String,
    chain: String,
}

/// An image that stages are built upon, as an engine or a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownBase {
    /// The digest by which its name is resolved.
    pub(crate) root: Digest,
    /// Its layers' diff ids, lowest first.
    pub(crate) diff_ids: Vec<Digest>,
    /// The platform that the stage upon it is built for.
    pub(crate) platform: String,
}

/// The config and manifest of a stage image whose records, wherever they come after
/// the layers of one of these images, come after its manifest too; `None` where they do
/// not, or do already.
pub(crate) fn known_by_manifest(
    layout: &Layout,
    manifest_digest: &Digest,
    bases: &[KnownBase],
) -> Result<Option<(Value, Manifest)>, Error> {
    let manifest: Manifest = layout.read_json_blob(manifest_digest)?;
    let mut config: Value = layout.read_json_blob(&manifest.config.digest)?;
    let mut records = config
        .get(CACHE_RECORDS)
        .and_then(decode)
        .unwrap_or_default();
    let mut changed = false;
    for base in bases {
        if let Some(keys) = keys_of(&base.root, &base.diff_ids, &base.platform) {
            changed |= link_both(&mut records, &keys.chain, &keys.manifest);
        }
    }
    config[CACHE_RECORDS] = json!(encode(&records));
    Ok(changed.then_some((config, manifest)))
}

/// What a stage's image says of its cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The manifest with completed records.
    pub(crate) manifest: Digest,
    /// The layers, from 0, that are results of some key.
    pub(crate) covered: BTreeSet<usize>,
    /// How many layers the image has.
    pub(crate) layers: usize,
}

/// Completes the records of a stage image, writing a new config and manifest
/// where something was missing.
pub(crate) fn complete(
    layout: &Layout,
    manifest_digest: &Digest,
    bases: &[KnownBase],
) -> Result<Checked, Error> {
    let manifest: Manifest = layout.read_json_blob(manifest_digest)?;
    let mut config: Value = layout.read_json_blob(&manifest.config.digest)?;
    let mut records = config
        .get(CACHE_RECORDS)
        .and_then(decode)
        .unwrap_or_default();
    let mut checked = Checked {
        manifest: *manifest_digest,
        covered: covered(&records),
        layers: manifest.layers.len(),
    };
    let mut changed = false;
    for base in bases {
        if let Some(keys) = keys_of(&base.root, &base.diff_ids, &base.platform) {
            changed |= link_both(&mut records, &keys.manifest, &keys.chain);
            changed |= link_both(&mut records, &keys.chain, &keys.manifest);
        }
    }
    if !changed {
        return Ok(checked);
    }
    config[CACHE_RECORDS] = json!(encode(&records));
    checked.manifest = layout.rewrite(manifest, &config)?.manifest.digest;
    Ok(checked)
}

/// The digests of the records that stand for an image as a base.
///
/// `builder/builder-next/adapters/containerimage` (moby) and
/// `source/containerimage` (BuildKit) give the manifest key and the chain;
/// `solver/llbsolver/ops/source.go` and `solver/cachekey.go` turn them into keys.
fn keys_of(root: &Digest, diff_ids: &[Digest], platform: &str) -> Option<BaseKeys> {
    let chain = chain_id(diff_ids)?;
    let platform = Platform::of(platform);
    let variant = platform.variant.filter(|v| !v.is_empty());
    let variant = variant.map_or(String::new(), |v| format!(r#","Variant":"{v}""#));
    let key = format!(
        r#"{{"Digest":"{root}","OS":"{}","Arch":"{}"{variant}}}"#,
        platform.os, platform.architecture
    );
    Some(BaseKeys {
        manifest: record_digest(&Digest::of(key.as_bytes())),
        chain: record_digest(&chain),
    })
}

fn record_digest(key: &Digest) -> String {
    let source = Digest::of(format!("buildkit.source.v0:{key}").as_bytes());
    Digest::of(format!("{source}@0").as_bytes()).to_string()
}

/// The chain ID of OCI image-spec `config.md`.
fn chain_id(diff_ids: &[Digest]) -> Option<Digest> {
    let (first, rest) = diff_ids.split_first()?;
    let step = |chain: Digest, diff: &Digest| Digest::of(format!("{chain} {diff}").as_bytes());
    Some(rest.iter().fold(*first, step))
}

/// Wherever a record comes after `held`, lets it come after `wanted` too.
fn link_both(records: &mut Vec<Value>, held: &str, wanted: &str) -> bool {
    let position = |records: &[Value], digest: &str| {
        records
            .iter()
            .position(|r| r["digest"].as_str() == Some(digest))
    };
    let Some(held) = position(records, held) else {
        return false;
    };
    let existing = position(records, wanted);
    let index = existing.unwrap_or(records.len());
    let mut changed = false;
    for record in records.iter_mut() {
        let Some(inputs) = record.get_mut("inputs").and_then(Value::as_array_mut) else {
            continue;
        };
        for alternatives in inputs.iter_mut().filter_map(Value::as_array_mut) {
            let selectors: Vec<Option<Value>> = alternatives
                .iter()
                .filter(|a| link_of(a) == held)
                .map(|a| a.get("selector").cloned())
                .collect();
            for selector in selectors {
                let there = alternatives
                    .iter()
                    .any(|a| link_of(a) == index && a.get("selector") == selector.as_ref());
                if there {
                    continue;
                }
                let mut link = json!({ "link": index });
                if let Some(selector) = selector {
                    link["selector"] = selector;
                }
                alternatives.push(link);
                changed = true;
            }
        }
    }
    if changed && existing.is_none() {
        records.push(json!({ "digest": wanted }));
    }
    changed
}

/// Go leaves a link of 0 out.
fn link_of(alternative: &Value) -> usize {
    let link = alternative.get("link").and_then(Value::as_u64).unwrap_or(0);
    usize::try_from(link).unwrap_or(usize::MAX)
}

fn covered(records: &[Value]) -> BTreeSet<usize> {
    let layers = records.iter().filter_map(|r| r.get("layers")?.as_array());
    layers
        .flatten()
        .map(|l| l.get("layer").and_then(Value::as_u64).unwrap_or(0))
        .filter_map(|l| usize::try_from(l).ok())
        .collect()
}

fn decode(field: &Value) -> Option<Vec<Value>> {
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, field.as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn encode(records: &[Value]) -> String {
    let json = Value::from(records.to_vec()).to_string();
    base64::Engine::encode(&base64::prelude::BASE64_STANDARD, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_engine_28_5_wrote() {
        let manifest = Digest::of(
            br#"{"Digest":"sha256:ae3c266152cefa62464cc24a4ad91ec53ede4be078c5b3017ded87c49c4a0858","OS":"linux","Arch":"amd64"}"#,
        );
        let written = record_digest(&manifest);
        assert_eq!(written, EXPECTED_MANIFEST_RECORD);
    }

    const EXPECTED_MANIFEST_RECORD: &str =
        "sha256:56ac107ac5053d2b72c3dc2b7caed383dd4b2c5633ea549be80886d83bf55fb1";

    #[test]
    fn a_record_after_an_images_layers_comes_after_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path()).unwrap();
        let base = KnownBase {
            root: Digest::of(b"manifest"),
            diff_ids: vec![Digest::of(b"one"), Digest::of(b"two")],
            platform: "linux/amd64".into(),
        };
        let keys = keys_of(&base.root, &base.diff_ids, &base.platform).unwrap();
        let image = |after: &str| {
            let records = [
                json!({"digest": after}),
                json!({"digest": "run", "inputs": [[{"link": 0}]], "layers": [{"layer": 1}]}),
            ];
            let config = json!({ CACHE_RECORDS: encode(&records) }).to_string();
            let config = layout.write_blob(config.as_bytes()).unwrap();
            let manifest = json!({"schemaVersion": 2, "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config.digest, "size": config.size,
            }});
            let manifest = manifest.to_string();
            layout.write_blob(manifest.as_bytes()).unwrap().digest
        };
        let completed = |after: &str| {
            known_by_manifest(&layout, &image(after), std::slice::from_ref(&base)).unwrap()
        };
        let (config, _) = completed(&keys.chain).unwrap();
        let records = decode(&config[CACHE_RECORDS]).unwrap();
        assert_eq!(records[2], json!({"digest": keys.manifest}));
        assert_eq!(records[1]["inputs"][0][1], json!({"link": 2}));
        assert!(completed("another image").is_none());
    }

    #[test]
    fn a_record_after_one_key_comes_after_both() {
        let mut records = vec![
            json!({"digest": "m"}),
            json!({"digest": "run", "inputs": [[{"selector": "s"}]], "layers": [{"layer": 1}]}),
        ];
        assert!(link_both(&mut records, "m", "c"));
        assert_eq!(
            records[1]["inputs"],
            json!([[{"selector": "s"}, {"link": 2, "selector": "s"}]])
        );
        assert_eq!(records[2], json!({"digest": "c"}));
        assert!(!link_both(&mut records, "m", "c"));
        assert_eq!(covered(&records), BTreeSet::from([1]));
    }
}
