use serde_json::{Value, json};

use crate::layout::{Descriptor, Digest, Error, Layout, Manifest};
use crate::stages::CACHE_RECORDS;

/// An image to load whose manifest and config may be made here, of layers that the
/// bundle holds.
#[derive(Debug, Clone)]
pub(super) struct LoadImage {
    /// The name that it gets.
    pub(super) name: String,
    pub(super) manifest: Vec<u8>,
    pub(super) media_type: String,
    pub(super) config: Vec<u8>,
    pub(super) layers: Vec<Descriptor>,
    pub(super) diff_ids: Vec<Digest>,
}

impl LoadImage {
    pub(super) fn manifest_digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    pub(super) fn config_digest(&self) -> Digest {
        Digest::of(&self.config)
    }

    /// An image as it is carried.
    pub(super) fn whole(layout: &Layout, name: String, manifest: &Digest) -> Result<Self, Error> {
        let bytes = layout.read_blob(manifest)?;
        let parsed: Manifest = layout.read_json_blob(manifest)?;
        let config = layout.read_blob(&parsed.config.digest)?;
        Ok(Self {
            name,
            media_type: media_type(&parsed),
            manifest: bytes,
            config,
            diff_ids: layout.diff_ids(&parsed.config.digest)?,
            layers: parsed.layers,
        })
    }
}

fn media_type(manifest: &Manifest) -> String {
    if manifest.media_type.is_empty() {
        crate::layout::media_type::OCI_MANIFEST.into()
    } else {
        manifest.media_type.clone()
    }
}

/// The config of an image in the layout.
pub(super) fn config(layout: &Layout, digest: &Digest) -> Result<Value, Error> {
    layout.read_json_blob(digest)
}

/// Whether steps wait in a config for builds that start from it.
fn has_triggers(config: &Value) -> bool {
    config["config"]["OnBuild"]
        .as_array()
        .is_some_and(|triggers| !triggers.is_empty())
}

/// The stage after its first `kept` of `all` instructions, with the settings of its
/// base: the instructions that set any are repeated. `None` where its history does
/// not tell which layers those are.
pub(super) fn cut(
    layout: &Layout,
    name: String,
    stage: &Digest,
    base: &Value,
    kept: usize,
    all: usize,
) -> Result<Option<LoadImage>, Error> {
    let whole = LoadImage::whole(layout, name, stage)?;
    let Ok(mut config) = serde_json::from_slice::<Value>(&whole.config) else {
        return Ok(None);
    };
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    let (base_steps, base_layers) = (
        length(&base["history"]),
        length(&base["rootfs"]["diff_ids"]),
    );
    let Some(history) = config["history"].as_array() else {
        return Ok(None);
    };
    if has_triggers(base) || history.len() != base_steps + all || kept > all {
        return Ok(None);
    }
    let history = history[..base_steps + kept].to_vec();
    let own = history[base_steps..].iter();
    let layers = base_layers + own.filter(|h| h["empty_layer"] != json!(true)).count();
    if layers > whole.layers.len() || whole.layers.len() != whole.diff_ids.len() {
        return Ok(None);
    }
    let Some(fields) = config.as_object_mut() else {
        return Ok(None);
    };
    // Of the build that made the whole stage.
    for of_whole in ["container", "container_config", CACHE_RECORDS] {
        fields.remove(of_whole);
    }
    if let Some(created) = history.last().map(|h| h["created"].clone())
        && created.is_string()
    {
        fields.insert("created".into(), created);
    }
    let settings = match &base["config"] {
        Value::Object(settings) => Value::Object(settings.clone()),
        _ => json!({}),
    };
    fields.insert("config".into(), settings);
    let diff_ids = whole.diff_ids[..layers].to_vec();
    fields.insert(
        "rootfs".into(),
        json!({"type": "layers", "diff_ids": diff_ids}),
    );
    fields.insert("history".into(), Value::Array(history));
    let bytes = config.to_string().into_bytes();
    let mut manifest: Manifest = layout.read_json_blob(stage)?;
    manifest.media_type = media_type(&manifest);
    manifest.layers.truncate(layers);
    manifest.config.digest = Digest::of(&bytes);
    manifest.config.size = bytes.len() as u64;
    let document = serde_json::to_vec(&manifest).map_err(|source| Error::Malformed {
        what: "a manifest".into(),
        source,
    })?;
    Ok(Some(LoadImage {
        name: whole.name,
        manifest: document,
        media_type: manifest.media_type,
        config: bytes,
        layers: manifest.layers,
        diff_ids,
    }))
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
